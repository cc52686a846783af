/* Which targets fit which output: shared by losses and metrics. Shapes are one sample's, so a scalar (n = 0) is
 * a batch of plain numbers. name: the object, for messages; other: what to use instead ("loss=\"mse\""). */
#ifndef SN_NN_LOSSES_TARGETS_H
#define SN_NN_LOSSES_TARGETS_H

#include "base/err.h"
#include "num/tensor.h"

/* One-hot (or soft) rows along the last axis: the output's own shape, of two or more classes. */
sn_status sn_want_one_hot(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                          sn_err *);
/* Class indices: the output's shape without its last axis, or with a last axis of 1. */
sn_status sn_want_indices(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                          sn_err *);
/* The output's own shape; a last axis of 1 may be missing on either side (Keras losses/loss.py,
 * squeeze_or_expand_to_same_rank). */
sn_status sn_want_same(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                       sn_err *);

#endif
