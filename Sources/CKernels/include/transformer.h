// The element-wise half of a transformer: everything between two matrix products.
#pragma once
#include <stddef.h>

// out[r, :] = (in[r, :] - mean) / sqrt(variance + epsilon) * gain + bias for `rows` rows of `count`; in may be out.
void tr_layer_norm(const float *in, size_t rows, size_t count, const float *gain, const float *bias, float epsilon,
                   float *out);

// out[r, :] = in[r, :] / sqrt(mean of squares + epsilon) * gain for `rows` rows of `count`; in may be out.
void tr_rms_norm(const float *in, size_t rows, size_t count, const float *gain, float epsilon, float *out);

// values[r, :] += bias for `rows` rows of `count`.
void tr_add_bias(float *values, size_t rows, size_t count, const float *bias);

// values[r, :] = (values[r, :] + bias) * scale.
void tr_add_bias_scaled(float *values, size_t rows, size_t count, const float *bias, float scale);

// values = gelu(values + bias): x times the normal distribution's cumulative function, through erf.
void tr_gelu_erf(float *values, size_t rows, size_t count, const float *bias);

// The same with erf's argument replaced by a cubic in a tanh, as `gelu_pytorch_tanh`.
void tr_gelu_tanh(float *values, size_t rows, size_t count, const float *bias);

// The same as x times a logistic function of 1.702 x.
void tr_gelu_quick(float *values, size_t rows, size_t count, const float *bias);

// The same as x times a logistic function of x.
void tr_silu(float *values, size_t rows, size_t count, const float *bias);

// values[r, :] *= in[r, :] + bias for `rows` rows of `count`.
void tr_multiply_biased(float *values, size_t rows, size_t count, const float *in, const float *bias);

// In place, for each of `heads` heads of 2 * half numbers in each of `rows` rows: the pairs (i, half + i) are turned by
// the angles whose cosines and sines are [rows, half].
void tr_rotate(float *values, size_t rows, size_t heads, size_t half, const float *cosines, const float *sines);

// In place: each row becomes exp(x - max) / sum. Row r covers visible + r * step columns and is zero after them, which
// makes a causal mask of step 1; step 0 leaves every row whole.
void tr_softmax(float *values, size_t rows, size_t columns, size_t visible, size_t step);

// 1 if no number is infinite or NaN, else 0.
int tr_all_finite(const float *values, size_t count);
