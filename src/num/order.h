/* Sorting along an axis, on the pool: stable, so that there is but one right order, the same with any number of
 * threads. */
#ifndef SN_NUM_ORDER_H
#define SN_NUM_ORDER_H

#include "base/pool.h"
#include "num/tensor.h"

/* in seen as (outer, n, inner). place (outer, keep, inner), int64: from 0, where the k-th smallest (largest,
 * when descending) of the n stands. nan counts as the largest. SN_ENOMEM, SN_ECANCEL: place is half written. */
sn_status sn_argsort(sn_pool *, sn_tensor *place, const sn_tensor *in, int64_t outer, int64_t n, int64_t inner,
                     bool descending, int64_t keep, sn_err *);
/* out[o, k, i] = in[o, place[o, k, i], i], with in (outer, n, inner) and out (outer, keep, inner) of one dtype.
 */
void sn_pick(sn_pool *, sn_tensor *out, const sn_tensor *in, const sn_tensor *place, int64_t outer, int64_t n,
             int64_t keep, int64_t inner);

#endif
