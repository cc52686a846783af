/* Elements by their numbers: where a mask is set, and what stands at places of a list. */
#ifndef SN_NUM_PLACES_H
#define SN_NUM_PLACES_H

#include "base/pool.h"
#include "num/tensor.h"

/* Places, from 0, where the mask is not zero: first counted, then written. offsets: sn_places_cells(elements) +
 * 1 numbers of the caller's, the same for both. Returns how many. */
int64_t sn_places_cells(int64_t elements);
int64_t sn_places_count(sn_pool *, int64_t *offsets, const sn_tensor *mask);
void sn_places_write(sn_pool *, int64_t *places, const int64_t *offsets, const sn_tensor *mask);

/* Along the middle of in (outer, n, inner): out (outer, k, inner) = in at the places, int64 from 0. size: bytes
 * of an element. */
void sn_take(sn_pool *, void *out, const void *in, const int64_t *places, int64_t k, int64_t outer, int64_t n,
             int64_t inner, size_t size);
/* out (n, inner) at the places = in (k, inner); no place occurs twice. */
void sn_put(sn_pool *, void *out, const int64_t *places, const void *in, int64_t k, int64_t inner, size_t size);

#endif
