// What the kernels share: the x86 levels they are compiled for, and the fixed lanes that sums run in.
#pragma once

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__ELF__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

typedef float lanes __attribute__((vector_size(64), aligned(4)));

// A macro, because a vector that crosses a function boundary has no common ABI among the compiled levels.
#define SUM_LANES(v, sum)                                                                                               \
    do {                                                                                                                \
        float half[8];                                                                                                  \
        for (int i = 0; i < 8; i++) half[i] = (v)[i] + (v)[i + 8];                                                      \
        for (int i = 0; i < 4; i++) half[i] += half[i + 4];                                                             \
        (sum) = (half[0] + half[2]) + (half[1] + half[3]);                                                              \
    } while (0)
