#include "bfloat16.h"

enum { PANEL = tr_bf16_panel, DEPTH = tr_bf16_block_depth, ROWS = tr_bf16_block_rows, TILE = 6 };

size_t tr_bf16_packed_count(size_t outputs, size_t inputs) {
    return (outputs + PANEL - 1) / PANEL * PANEL * ((inputs + 1) / 2);
}

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

int tr_bf16_is_supported(void) { return __builtin_cpu_supports("avx512bf16") != 0; }

// Pairs of neighbours along the inner dimension share a word, since the instruction multiplies and adds pairs:
// packed[panel][pair][output of the panel], zero beyond the matrix.
BF16 void tr_bf16_pack(const float *weights, size_t outputs, size_t inputs, size_t stride, uint32_t *packed) {
    const size_t pairs = (inputs + 1) / 2;
    for (size_t first = 0; first < outputs; first += PANEL, packed += pairs * PANEL)
        for (size_t output = first; output < first + PANEL; output++) {
            const float *row = weights + output * stride;
            uint32_t *column = packed + (output - first);
            for (size_t pair = 0; pair < pairs; pair += 16) {
                uint32_t words[16] = {0};
                if (output < outputs) {
                    size_t left = inputs - 2 * pair;
                    __mmask16 low = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
                    __mmask16 high = left >= 32 ? 0xFFFF : left > 16 ? (__mmask16)((1u << (left - 16)) - 1) : 0;
                    __m512bh both = _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, row + 2 * pair + 16),
                                                        _mm512_maskz_loadu_ps(low, row + 2 * pair));
                    memcpy(words, &both, sizeof words);
                }
                for (size_t i = 0; i < 16 && pair + i < pairs; i++) column[(pair + i) * PANEL] = words[i];
            }
        }
}

BF16 void tr_bf16_pack_transposed(const float *weights, size_t outputs, size_t inputs, size_t stride,
                                  uint32_t *packed) {
    for (size_t first = 0; first < outputs; first += PANEL)
        for (size_t input = 0; input < inputs; input += 2)
            for (size_t output = first; output < first + PANEL; output += 16, packed += 16) {
                size_t left = output < outputs ? outputs - output : 0;
                __mmask16 mask = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
                const float *row = weights + input * stride + output;
                __m512 low = _mm512_maskz_loadu_ps(mask, row);
                __m512 high = _mm512_maskz_loadu_ps(input + 1 < inputs ? mask : 0, row + stride);
                __m512i low_words = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
                __m512i high_words = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
                _mm512_storeu_si512(packed, _mm512_or_si512(low_words, _mm512_slli_epi32(high_words, 16)));
            }
}

// Six rows times sixty-four outputs: 24 of the 32 registers hold sums, so that each word that is read is used often.
// The last panel of a matrix may need fewer than its four vectors.
BF16 static inline __attribute__((always_inline)) void multiply_vectors(
    const size_t vectors, const uint32_t *in, size_t stride, const uint32_t *panel, size_t pairs, size_t rows,
    __mmask16 last, int adding, float *out, size_t out_stride) {
    __m512 sums[TILE][4];
#pragma unroll
    for (size_t r = 0; r < TILE; r++)
#pragma unroll
        for (size_t j = 0; j < vectors; j++)
            sums[r][j] = adding && r < rows
                             ? _mm512_maskz_loadu_ps(j + 1 < vectors ? 0xFFFF : last, out + r * out_stride + 16 * j)
                             : _mm512_setzero_ps();
    for (size_t pair = 0; pair < pairs; pair++, panel += PANEL) {
        __m512i weights[4];
#pragma unroll
        for (size_t j = 0; j < vectors; j++) weights[j] = _mm512_loadu_si512(panel + 16 * j);
#pragma unroll
        for (size_t r = 0; r < TILE; r++) {
            __m512i value = _mm512_set1_epi32((int)in[r * stride + pair]);
#pragma unroll
            for (size_t j = 0; j < vectors; j++)
                sums[r][j] = _mm512_dpbf16_ps(sums[r][j], (__m512bh)value, (__m512bh)weights[j]);
        }
    }
#pragma unroll
    for (size_t r = 0; r < TILE; r++)
#pragma unroll
        for (size_t j = 0; j < vectors; j++)
            if (r < rows)
                _mm512_mask_storeu_ps(out + r * out_stride + 16 * j, j + 1 < vectors ? 0xFFFF : last, sums[r][j]);
}

BF16 static void multiply_tile(const uint32_t *in, size_t stride, const uint32_t *panel, size_t pairs, size_t rows,
                               size_t columns, int adding, float *out, size_t out_stride) {
    const size_t vectors = columns >= PANEL ? 4 : (columns + 15) / 16;
    const __mmask16 last = columns >= 16 * vectors ? 0xFFFF : (__mmask16)((1u << (columns - 16 * (vectors - 1))) - 1);
    switch (vectors) {
    case 1: multiply_vectors(1, in, stride, panel, pairs, rows, last, adding, out, out_stride); break;
    case 2: multiply_vectors(2, in, stride, panel, pairs, rows, last, adding, out, out_stride); break;
    case 3: multiply_vectors(3, in, stride, panel, pairs, rows, last, adding, out, out_stride); break;
    default: multiply_vectors(4, in, stride, panel, pairs, rows, last, adding, out, out_stride);
    }
}

BF16 static void convert(const float *in, size_t count, uint32_t *out) {
    for (size_t i = 0; i < count; i += 32) {
        size_t left = count - i;
        __mmask16 low = left >= 16 ? 0xFFFF : (__mmask16)((1u << left) - 1);
        __mmask16 high = left >= 32 ? 0xFFFF : left > 16 ? (__mmask16)((1u << (left - 16)) - 1) : 0;
        __m512bh both =
            _mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, in + i + 16), _mm512_maskz_loadu_ps(low, in + i));
        _mm512_storeu_si512(out + i / 2, (__m512i)both);
    }
}

void tr_bf16_multiply(const float *in, size_t rows, size_t inputs, size_t stride, const uint32_t *packed,
                      size_t outputs, int adding, float *out, size_t out_stride, uint32_t *workspace) {
    const size_t spacing = DEPTH / 2 + 16;
    const size_t all_pairs = (inputs + 1) / 2;
    for (size_t start = 0; start < inputs; start += DEPTH) {
        const size_t depth = inputs - start < DEPTH ? inputs - start : DEPTH;
        const size_t pairs = (depth + 1) / 2;
        for (size_t top = 0; top < rows; top += ROWS) {
            const size_t height = rows - top < ROWS ? rows - top : ROWS;
            for (size_t r = 0; r < height; r++)
                convert(in + (top + r) * stride + start, depth, workspace + r * spacing);
            for (size_t first = 0; first < outputs; first += PANEL) {
                const uint32_t *panel = packed + first * all_pairs + start / 2 * PANEL;
                for (size_t r = 0; r < height; r += TILE)
                    // A tile may read rows of the workspace beyond `height`; what it makes of them is not stored.
                    multiply_tile(workspace + r * spacing, spacing, panel, pairs, height - r, outputs - first,
                                  adding || start > 0, out + (top + r) * out_stride + first, out_stride);
            }
        }
    }
}

#else

int tr_bf16_is_supported(void) { return 0; }
void tr_bf16_pack(const float *weights, size_t outputs, size_t inputs, size_t stride, uint32_t *packed) {}
void tr_bf16_pack_transposed(const float *weights, size_t outputs, size_t inputs, size_t stride, uint32_t *packed) {}
void tr_bf16_multiply(const float *in, size_t rows, size_t inputs, size_t stride, const uint32_t *packed,
                      size_t outputs, int adding, float *out, size_t out_stride, uint32_t *workspace) {}

#endif
