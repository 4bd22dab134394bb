// Matrix products with bf16 factors and single-precision sums, on processors that have instructions for them.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    // Rows of the left factor, and numbers of the inner dimension, that are converted at a time: with the weights they
    // meet, they stay in a core's second-level cache.
    tr_bf16_block_rows = 240,
    tr_bf16_block_depth = 1152,
    // Words of workspace for one product: a block, its rows set apart so that they fall on different cache sets.
    tr_bf16_workspace = tr_bf16_block_rows * (tr_bf16_block_depth / 2 + 16),
    // Weights are laid out in panels of this many outputs.
    tr_bf16_panel = 64,
};

// 1 if this processor multiplies pairs of bf16 in one instruction (AVX512_BF16); the rest must not be called otherwise.
int tr_bf16_is_supported(void);

// Words that tr_bf16_pack writes for weights [outputs, inputs].
size_t tr_bf16_packed_count(size_t outputs, size_t inputs);

// Rounds weights [outputs, inputs], rows `stride` apart, to bf16, nearest even, in the order that tr_bf16_multiply reads.
void tr_bf16_pack(const float *weights, size_t outputs, size_t inputs, size_t stride, uint32_t *packed);

// The same for weights that lie transposed, [inputs, outputs].
void tr_bf16_pack_transposed(const float *weights, size_t outputs, size_t inputs, size_t stride, uint32_t *packed);

// out[r, o] (+)= sum over i of in[r, i] * weights[o, i], for `rows` rows `stride` apart; in is rounded to bf16.
void tr_bf16_multiply(const float *in, size_t rows, size_t inputs, size_t stride, const uint32_t *packed,
                      size_t outputs, int adding, float *out, size_t out_stride, uint32_t *workspace);
