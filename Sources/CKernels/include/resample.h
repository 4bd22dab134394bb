// Separable resampling of 8-bit RGB pictures in fixed point: one pass along the rows, one down the columns.
//
// Weights are integers in units of 2^-22. A sum starts at one half, is shifted down and clamped to 0…255, so each pass
// rounds to whole levels. Integer sums give the same bits at every vector width.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Rows of pictures that tr_resample_columns works on at once; its workspace holds 3 * width * this many bytes.
enum { tr_resample_strip = 16 };

// out[r, x, c] = sum over k < counts[x] of weights[x, k] * in[r, starts[x] + k, c], for `rows` rows of `width` pixels.
//
// `weights` is [outputs, taps]. Rows of `out` hold `outputs` pixels.
void tr_resample_columns(const uint8_t *in, size_t rows, size_t width, const int32_t *starts, const int32_t *counts,
                         const int32_t *weights, size_t taps, size_t outputs, uint8_t *workspace, uint8_t *out);

// out[i] = sum over k < count of weights[k] * in[k, i], for rows of `width` bytes.
void tr_resample_row(const uint8_t *in, size_t count, size_t width, const int32_t *weights, uint8_t *out);
