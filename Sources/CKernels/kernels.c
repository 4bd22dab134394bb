#include "CKernels.h"
void tr_placeholder(void) {}
