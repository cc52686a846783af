/* Sums, extremes, ... along one axis, and the statistics that printing shows. On the pool; every output is
 * reduced from a number of pieces that depends on the shape only, combined in order. Floats are reduced in
 * double, integers in int64. */
#ifndef SN_NUM_REDUCE_H
#define SN_NUM_REDUCE_H

#include "base/pool.h"
#include "num/tensor.h"

typedef enum {
    SN_RED_SUM,
    SN_RED_PROD,
    SN_RED_MEAN,
    SN_RED_VAR,  /* divided by n - ddof */
    SN_RED_STD,  /* its root */
    SN_RED_NORM, /* the root of the sum of the squares */
    SN_RED_MIN,  /* nan where there is one */
    SN_RED_MAX,
    SN_RED_ARGMIN, /* from 0; the first of equals; nan counts as the extreme, as in numpy */
    SN_RED_ARGMAX,
    SN_RED_ANY, /* 1 where one is not zero */
    SN_RED_ALL,
    SN_REDUCTIONS
} sn_reduction;

/* The dtype of the result along an axis: int64 for arg*, uint8 for any and all, the input's for min and max;
 * for the others the input's where it is a float, else int64 for sum and prod and float32 for mean, var, std
 * and norm. */
sn_dtype sn_reduce_dtype(sn_reduction, sn_dtype);
/* Does it have a value over no elements at all? */
bool sn_reduce_has_empty(sn_reduction);

/* in seen as (outer, n, inner) -> out of outer * inner elements and any dtype: to reduce a float32 tensor to
 * one number, a float64 one loses nothing. ddof: for var and std. SN_ENOMEM, SN_ECANCEL: out is half written.
 */
sn_status sn_reduce(sn_pool *, sn_tensor *out, sn_reduction, const sn_tensor *in, int64_t outer, int64_t n,
                    int64_t inner, int64_t ddof, sn_err *);

/* out = sums of in up to and including each element, along the middle of (outer, n, inner). */
void sn_cumsum(sn_pool *, sn_tensor *out, const sn_tensor *in, int64_t outer, int64_t n, int64_t inner);

typedef struct {
    int64_t count, seen; /* elements; of how many the following speaks */
    int64_t nans, infs, zeros;
    double min, max, mean; /* of the finite ones; nan when there are none */
} sn_digest;

/* Looks at all elements, or of a larger tensor at `most`, in pieces spread evenly. */
void sn_digest_of(sn_pool *, sn_digest *, const sn_tensor *, int64_t most);

#endif
