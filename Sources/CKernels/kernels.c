#include "CKernels.h"
#include "levels.h"
#include <math.h>
#include <string.h>

CLONES float tr_dot(const float *a, const float *b, size_t count) {
    lanes first = {0}, second = {0};
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        first += *(const lanes *)(a + i) * *(const lanes *)(b + i);
        second += *(const lanes *)(a + i + 16) * *(const lanes *)(b + i + 16);
    }
    first += second;
    for (; i < count; i++) first[i % 16] += a[i] * b[i];
    float sum;
    SUM_LANES(first, sum);
    return sum;
}

CLONES void tr_dot_and_square_rows(const float *a, const float *b, size_t rows, size_t count, float *dot,
                                   float *square) {
    for (size_t row = 0; row < rows; row++, a += count, b += count) {
        lanes products = {0}, squares = {0};
        size_t i = 0;
        for (; i + 16 <= count; i += 16) {
            lanes x = *(const lanes *)(b + i);
            products += *(const lanes *)(a + i) * x;
            squares += x * x;
        }
        for (; i < count; i++) {
            products[i % 16] += a[i] * b[i];
            squares[i % 16] += b[i] * b[i];
        }
        SUM_LANES(products, dot[row]);
        SUM_LANES(squares, square[row]);
    }
}

CLONES void tr_scale(const float *in, float scale, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] = scale * in[i];
}

CLONES void tr_add_scaled(const float *in, float scale, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) out[i] += scale * in[i];
}

CLONES void tr_add_absolute_differences(const uint8_t *a, const uint8_t *b, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i++) out[i] += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
}

CLONES size_t tr_argmax(const float *values, size_t count) {
    float best = -INFINITY;
    for (size_t i = 0; i < count; i++) best = values[i] > best ? values[i] : best;
    for (size_t i = 0; i < count; i++)
        if (values[i] == best) return i;
    return 0;
}

CLONES void tr_gram_to_distances(float *gram, const float *square, size_t count, float scale) {
    for (size_t row = 0; row < count; row++) {
        float *line = gram + row * count;
        for (size_t column = 0; column < count; column++) {
            float squared = square[row] + square[column] - 2 * line[column];
            line[column] = sqrtf(squared > 0 ? squared : 0) * scale;
        }
        line[row] = 0;
    }
}

CLONES void tr_round_to_bf16(const float *in, size_t rows, size_t columns, size_t stride, uint16_t *out) {
    for (size_t row = 0; row < rows; row++, in += stride, out += columns)
        for (size_t i = 0; i < columns; i++) {
            uint32_t bits;
            memcpy(&bits, in + i, 4);
            uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
            out[i] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000 ? bits >> 16 | 0x40 : rounded);
        }
}
