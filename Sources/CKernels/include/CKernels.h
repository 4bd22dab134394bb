// Element-wise loops that Swift can't compile for the widest vectors of the machine it runs on.
//
// Each is written once and compiled for several x86 levels; the loader picks. Sums run in sixteen fixed lanes that are
// added in a fixed order, without contraction, so every level gives the same bits.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "resample.h"
#include "transformer.h"

// Sum of a[i] * b[i].
float tr_dot(const float *a, const float *b, size_t count);

// dot[r] = sum of a[r, i] * b[r, i], and square[r] = sum of b[r, i]^2, in one pass over `rows` rows of `count`.
void tr_dot_and_square_rows(const float *a, const float *b, size_t rows, size_t count, float *dot, float *square);

// out[i] = scale * in[i].
void tr_scale(const float *in, float scale, size_t count, float *out);

// out[i] += scale * in[i].
void tr_add_scaled(const float *in, float scale, size_t count, float *out);

// out[i] += |a[i] - b[i]|.
void tr_add_absolute_differences(const uint8_t *a, const uint8_t *b, size_t count, uint32_t *out);

// The first index of the largest of `count` > 0 numbers; NaN never wins.
size_t tr_argmax(const float *values, size_t count);

// In place: gram[r, c] = sqrt(max(0, square[r] + square[c] - 2 gram[r, c])) * scale, and 0 on the diagonal.
void tr_gram_to_distances(float *gram, const float *square, size_t count, float scale);

// Rounds rows `stride` apart to bf16, to nearest, ties to even; NaN stays NaN. Rows of `out` follow one another.
void tr_round_to_bf16(const float *in, size_t rows, size_t columns, size_t stride, uint16_t *out);
