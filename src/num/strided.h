/* Copies between a contiguous array and elements at regular distances: slices, transposed axes, concatenation.
 */
#ifndef SN_NUM_STRIDED_H
#define SN_NUM_STRIDED_H

#include "base/pool.h"
#include "num/tensor.h"

/* Element (i, j, ...) of shape stands `from + i * stride[0] + j * stride[1] + ...` elements from the start of
 * the strided array; strides may be negative or 0. */
typedef struct {
    sn_shape shape;
    int64_t from, stride[SN_MAXDIM];
} sn_layout;

/* The elements of a contiguous tensor of that shape. */
sn_layout sn_layout_of(const sn_shape *);
/* The same elements with the axes in another order: axis i of the result is axis order[i]. */
sn_layout sn_layout_permuted(const sn_layout *, const int order[]);

/* out[i] = in[layout i]; size: bytes of an element, 1, 4 or 8. */
void sn_strided_read(sn_pool *, void *out, const void *in, const sn_layout *, size_t size);
/* out[layout i] = in[i] */
void sn_strided_write(sn_pool *, void *out, const sn_layout *, const void *in, size_t size);

#endif
