// The x86 levels that a kernel is compiled for, of which the loader takes the highest that the machine has.
#pragma once

// Hidden, since a shared library's loader may choose a level before it knows where visible functions are.
#if defined(__x86_64__) && defined(__ELF__)
#define CLONES                                                                                                          \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), visibility("hidden")))
#else
#define CLONES
#endif
