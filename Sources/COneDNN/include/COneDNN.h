// Products of matrices on oneDNN, whose kernels reach what the processor can do, tiles of AMX included.
//
// Calls run on the calling thread alone, and sums follow an order that depends on shapes and processor only.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Whether there are kernels on this system: in single precision, or for bf16, which takes instructions for it
// (AVX512_BF16 or AMX). The rest must not be called otherwise.
int tr_packs(int bf16);

// Major, minor and patch version of the library; all 0 where it is not used.
void tr_onednn_version(int version[3]);

// Bytes that tr_pack writes for a matrix [outputs, inputs]; 0 if it can't be laid out.
size_t tr_packed_bytes(size_t outputs, size_t inputs, int bf16);

// Lays out a matrix [outputs, inputs], rows `stride` apart, once for many products; rounded to bf16, nearest even, if
// asked. `packed` is best aligned to 64 bytes. Returns 0, or oneDNN's status.
int tr_pack(const float *matrix, size_t outputs, size_t inputs, size_t stride, int bf16, void *packed);

// out[r, o] (+)= sum over i of in[r, i] * matrix[o, i], for `rows` rows that follow one another in `in` and `out`.
//
// `in` is of the type that the matrix was laid out in, float or bf16. Returns 0, or oneDNN's status.
int tr_packed_multiply(const void *in, size_t rows, const void *packed, size_t outputs, size_t inputs, int bf16,
                       int adding, float *out);

// out[r, o] = sum over i of in[r, i] * matrix[o, i], all in bf16 but `out`; number [o, i] of the matrix lies at
// o * output_stride + i * input_stride. Returns 0, or oneDNN's status.
int tr_bf16_multiply(const uint16_t *in, size_t rows, size_t in_stride, const uint16_t *matrix, size_t outputs,
                     size_t inputs, size_t output_stride, size_t input_stride, float *out, size_t out_stride);
