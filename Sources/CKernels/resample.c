#include "resample.h"

#include "clones.h"

enum { STRIP = tr_resample_strip, FRACTION = 22, BLOCK = 64 };

typedef uint8_t bytes __attribute__((vector_size(STRIP), aligned(1)));
typedef int32_t lanes __attribute__((vector_size(4 * STRIP)));

static inline uint8_t level(int32_t sum) {
    sum >>= FRACTION;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

CLONES void tr_resample_columns(const uint8_t *in, size_t rows, size_t width, const int32_t *starts,
                                const int32_t *counts, const int32_t *weights, size_t taps, size_t outputs,
                                uint8_t *workspace, uint8_t *out) {
    const size_t stride = 3 * width;
    for (size_t top = 0; top < rows; top += STRIP) {
        // Neighbours along a row share no arithmetic, but pixels above one another do: with a strip turned on its side,
        // each weight meets sixteen pixels at once.
        size_t height = rows - top < STRIP ? rows - top : STRIP;
        for (size_t i = 0; i < stride; i++)
            for (size_t row = 0; row < STRIP; row++)
                workspace[i * STRIP + row] = row < height ? in[(top + row) * stride + i] : 0;
        for (size_t x = 0; x < outputs; x++) {
            const uint8_t *pixel = workspace + (size_t)starts[x] * 3 * STRIP;
            lanes red = (lanes){0} + (1 << (FRACTION - 1)), green = red, blue = red;
            for (int32_t k = 0; k < counts[x]; k++, pixel += 3 * STRIP) {
                int32_t weight = weights[x * taps + (size_t)k];
                red += __builtin_convertvector(*(const bytes *)pixel, lanes) * weight;
                green += __builtin_convertvector(*(const bytes *)(pixel + STRIP), lanes) * weight;
                blue += __builtin_convertvector(*(const bytes *)(pixel + 2 * STRIP), lanes) * weight;
            }
            for (size_t row = 0; row < height; row++) {
                uint8_t *target = out + ((top + row) * outputs + x) * 3;
                target[0] = level(red[row]);
                target[1] = level(green[row]);
                target[2] = level(blue[row]);
            }
        }
    }
}

CLONES void tr_resample_row(const uint8_t *in, size_t count, size_t width, const int32_t *weights, uint8_t *out) {
    for (size_t left = 0; left < width; left += BLOCK) {
        int32_t sums[BLOCK];
        size_t block = width - left < BLOCK ? width - left : BLOCK;
        for (size_t i = 0; i < BLOCK; i++) sums[i] = 1 << (FRACTION - 1);
        for (size_t k = 0; k < count; k++) {
            const uint8_t *row = in + k * width + left;
            int32_t weight = weights[k];
            if (block == BLOCK)
                for (size_t i = 0; i < BLOCK; i++) sums[i] += row[i] * weight;
            else
                for (size_t i = 0; i < block; i++) sums[i] += row[i] * weight;
        }
        for (size_t i = 0; i < block; i++) out[left + i] = level(sums[i]);
    }
}
