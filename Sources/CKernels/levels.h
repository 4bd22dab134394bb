// What the kernels of floats share: the fixed lanes that sums run in.
#pragma once

#pragma STDC FP_CONTRACT OFF

#include "clones.h"

typedef float lanes __attribute__((vector_size(64), aligned(4)));

// A macro, because a vector that crosses a function boundary has no common ABI among the compiled levels.
#define SUM_LANES(v, sum)                                                                                               \
    do {                                                                                                                \
        float half[8];                                                                                                  \
        for (int i = 0; i < 8; i++) half[i] = (v)[i] + (v)[i + 8];                                                      \
        for (int i = 0; i < 4; i++) half[i] += half[i + 4];                                                             \
        (sum) = (half[0] + half[2]) + (half[1] + half[3]);                                                              \
    } while (0)
