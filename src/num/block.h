/* Inside num: elements of any dtype as short contiguous arrays of the type that is computed in (SN_F32, SN_F64
 * or SN_I64), repeated as broadcasting demands. So each operation is written for three types, not for five
 * times five. */
#ifndef SN_NUM_BLOCK_H
#define SN_NUM_BLOCK_H

#include "num/tensor.h"
#include <stddef.h>

enum { SN_BLOCK = 512 };

/* n elements from `from` on, as calc. Floats as SN_I64 are a bug. */
void sn_block_load(void *to, sn_dtype calc, const void *from, sn_dtype, int64_t first, size_t n);
/* The same back, with sn_tensor_set's rounding. */
void sn_block_store(void *to, sn_dtype, int64_t first, const void *from, sn_dtype calc, size_t n);

/* How a tensor is read along the flat index of the shape that it is repeated to: the dimensions that matter. */
typedef struct {
    const void *data;
    sn_dtype dtype;
    int n; /* 0: one element for all */
    int64_t size[SN_MAXDIM], stride[SN_MAXDIM];
    bool whole; /* element i is element i */
} sn_view;

sn_view sn_view_of(const sn_tensor *, const sn_shape *repeated_to);

/* A view's elements in a cell of work, with room for those that are converted. */
typedef struct {
    const sn_view *view;
    sn_dtype calc;
    bool filled;
    double room[SN_BLOCK]; /* 8 bytes serve all of the types */
} sn_reader;

/* n <= SN_BLOCK elements from flat index `from` on; valid until the next call. */
const void *sn_read(sn_reader *, int64_t from, size_t n);

/* Within a cell: denormals are computed with, not flushed as the pool does for training. */
unsigned sn_exact_begin(void);
void sn_exact_end(unsigned);

#endif
