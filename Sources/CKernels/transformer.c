#include "transformer.h"
#include "levels.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

// e^x to two units in the last place for x in -87...88 and saturated outside, as Cephes splits it: 2^n times a
// polynomial on [-ln 2 / 2, ln 2 / 2]. A macro keeps it inside each compiled level, where it becomes vector code.
// Adding and subtracting 1.5 * 2^23 rounds to a whole number, which the low bits of the sum then hold.
#define EXPONENTIAL(argument, result)                                                                                   \
    do {                                                                                                                \
        float e_x = (argument);                                                                                         \
        e_x = e_x < -87.0f ? -87.0f : e_x;                                                                              \
        e_x = e_x > 88.0f ? 88.0f : e_x;                                                                                \
        float e_shifted = e_x * 1.44269504f + 12582912.0f;                                                              \
        float e_n = e_shifted - 12582912.0f;                                                                            \
        float e_r = (e_x - e_n * 0.693359375f) + e_n * 2.12194440e-4f;                                                  \
        float e_p = 1.9875691500e-4f;                                                                                   \
        e_p = e_p * e_r + 1.3981999507e-3f;                                                                             \
        e_p = e_p * e_r + 8.3334519073e-3f;                                                                             \
        e_p = e_p * e_r + 4.1665795894e-2f;                                                                             \
        e_p = e_p * e_r + 1.6666665459e-1f;                                                                             \
        e_p = e_p * e_r + 5.0000001201e-1f;                                                                             \
        e_p = (e_p * e_r * e_r + e_r) + 1.0f;                                                                           \
        int32_t e_bits;                                                                                                 \
        memcpy(&e_bits, &e_shifted, 4);                                                                                 \
        e_bits = (int32_t)((uint32_t)(e_bits - 0x4B400000 + 127) << 23);                                                \
        float e_power;                                                                                                  \
        memcpy(&e_power, &e_bits, 4);                                                                                   \
        (result) = e_p * e_power;                                                                                       \
    } while (0)

CLONES void tr_layer_norm(const float *in, size_t rows, size_t count, const float *gain, const float *bias,
                          float epsilon, float *out) {
    for (size_t row = 0; row < rows; row++, in += count, out += count) {
        lanes sums = {0};
        size_t i = 0;
        for (; i + 16 <= count; i += 16) sums += *(const lanes *)(in + i);
        for (; i < count; i++) sums[i % 16] += in[i];
        float mean;
        SUM_LANES(sums, mean);
        mean /= (float)count;
        // The squares of the differences, not the difference of the squares, which would cancel.
        lanes squares = {0};
        for (i = 0; i + 16 <= count; i += 16) {
            lanes difference = *(const lanes *)(in + i) - mean;
            squares += difference * difference;
        }
        for (; i < count; i++) squares[i % 16] += (in[i] - mean) * (in[i] - mean);
        float variance;
        SUM_LANES(squares, variance);
        float scale = 1 / sqrtf(variance / (float)count + epsilon);
        for (i = 0; i < count; i++) out[i] = (in[i] - mean) * scale * gain[i] + bias[i];
    }
}

CLONES void tr_rms_norm(const float *in, size_t rows, size_t count, const float *gain, float epsilon, float *out) {
    for (size_t row = 0; row < rows; row++, in += count, out += count) {
        lanes squares = {0};
        size_t i = 0;
        for (; i + 16 <= count; i += 16) squares += *(const lanes *)(in + i) * *(const lanes *)(in + i);
        for (; i < count; i++) squares[i % 16] += in[i] * in[i];
        float sum;
        SUM_LANES(squares, sum);
        float scale = 1 / sqrtf(sum / (float)count + epsilon);
        for (i = 0; i < count; i++) out[i] = in[i] * scale * gain[i];
    }
}

CLONES void tr_add_bias(float *values, size_t rows, size_t count, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) values[i] += bias[i];
}

CLONES void tr_add_bias_scaled(float *values, size_t rows, size_t count, const float *bias, float scale) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) values[i] = (values[i] + bias[i]) * scale;
}

CLONES void tr_gelu_erf(float *values, size_t rows, size_t count, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) {
            float x = values[i] + bias[i];
            // Abramowitz & Stegun 7.1.26, within 1.5e-7: 1 - erf(z) = (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + p z).
            float z = fabsf(x) * 0.70710678f;
            float t = 1 / (1 + 0.3275911f * z);
            float power;
            EXPONENTIAL(-z * z, power);
            float series = 1.061405429f;
            series = series * t - 1.453152027f;
            series = series * t + 1.421413741f;
            series = series * t - 0.284496736f;
            series = series * t + 0.254829592f;
            float tail = 0.5f * series * t * power;
            values[i] = x * (x < 0 ? tail : 1 - tail);
        }
}

CLONES void tr_gelu_tanh(float *values, size_t rows, size_t count, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) {
            float x = values[i] + bias[i];
            // (1 + tanh u) / 2 = 1 / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
            float power;
            EXPONENTIAL(-1.59576912f * (x + 0.044715f * x * x * x), power);
            values[i] = x / (1 + power);
        }
}

CLONES void tr_gelu_quick(float *values, size_t rows, size_t count, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) {
            float x = values[i] + bias[i];
            float power;
            EXPONENTIAL(-1.702f * x, power);
            values[i] = x / (1 + power);
        }
}

CLONES void tr_silu(float *values, size_t rows, size_t count, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count)
        for (size_t i = 0; i < count; i++) {
            float x = values[i] + bias[i];
            float power;
            EXPONENTIAL(-x, power);
            values[i] = x / (1 + power);
        }
}

CLONES void tr_multiply_biased(float *values, size_t rows, size_t count, const float *in, const float *bias) {
    for (size_t row = 0; row < rows; row++, values += count, in += count)
        for (size_t i = 0; i < count; i++) values[i] *= in[i] + bias[i];
}

CLONES void tr_rotate(float *values, size_t rows, size_t heads, size_t half, const float *cosines,
                      const float *sines) {
    for (size_t row = 0; row < rows; row++, cosines += half, sines += half)
        for (size_t head = 0; head < heads; head++, values += 2 * half) {
            float *restrict low = values, *restrict high = values + half;
            for (size_t i = 0; i < half; i++) {
                float x = low[i], y = high[i];
                low[i] = x * cosines[i] - y * sines[i];
                high[i] = y * cosines[i] + x * sines[i];
            }
        }
}

CLONES void tr_softmax(float *values, size_t rows, size_t columns, size_t visible, size_t step) {
    for (size_t row = 0; row < rows; row++, values += columns) {
        size_t count = visible + row * step < columns ? visible + row * step : columns;
        lanes maxima = (lanes){0} + values[0];
        size_t i = 0;
        for (; i + 16 <= count; i += 16) {
            lanes next = *(const lanes *)(values + i);
            maxima = __builtin_elementwise_max(next, maxima);
        }
        float largest = values[0];
        for (int lane = 0; lane < 16; lane++) largest = maxima[lane] > largest ? maxima[lane] : largest;
        for (; i < count; i++) largest = values[i] > largest ? values[i] : largest;
        for (i = 0; i < count; i++) {
            float power;
            EXPONENTIAL(values[i] - largest, power);
            values[i] = power;
        }
        lanes sums = {0};
        i = 0;
        for (; i + 16 <= count; i += 16) sums += *(const lanes *)(values + i);
        for (; i < count; i++) sums[i % 16] += values[i];
        float sum;
        SUM_LANES(sums, sum);
        float scale = 1 / sum;
        for (i = 0; i < count; i++) values[i] *= scale;
        for (; i < columns; i++) values[i] = 0;
    }
}

CLONES int tr_all_finite(const float *values, size_t count) {
    const size_t block = 1 << 16;
    for (size_t start = 0; start < count; start += block) {
        size_t end = count - start < block ? count : start + block;
        uint32_t largest = 0;
        for (size_t i = start; i < end; i++) {
            uint32_t bits;
            memcpy(&bits, values + i, 4);
            bits &= 0x7FFFFFFF;
            largest = bits > largest ? bits : largest;
        }
        if (largest >= 0x7F800000) return 0;
    }
    return 1;
}
