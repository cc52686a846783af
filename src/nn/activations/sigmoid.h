/* The logistic function, for the activations and losses made of it. */
#ifndef SN_NN_ACTIVATIONS_SIGMOID_H
#define SN_NN_ACTIVATIONS_SIGMOID_H

#include "num/real.h"
#include <tgmath.h>

/* exp of a negative number only, so it never overflows. */
static inline real sn_sigmoid(real x) {
    real e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

#endif
