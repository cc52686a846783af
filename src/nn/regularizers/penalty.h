/* What the regularizers share. Sums go over fixed chunks combined in order (num/vec.h), in double. */
#ifndef SN_NN_REGULARIZERS_PENALTY_H
#define SN_NN_REGULARIZERS_PENALTY_H

#include "nn/objects.h"
#include "num/vec.h"

/* The largest factor that fields accept; Keras wants finite and not negative (regularizers.py,
 * validate_float_arg). */
#define SN_PENALTY_MAX 1e9

/* dw += a * sign(w); w, dw: (n). The sign of 0 is 0. */
void SN_R(sn_penalty_add_sign)(sn_pool *, real *dw, const real *w, real a, size_t n);

#endif
