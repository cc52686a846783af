/* Shared by the kernels of recorded functions; for files that are compiled twice (num/real.h). */
#ifndef SN_NN_EXPR_KERNELS_H
#define SN_NN_EXPR_KERNELS_H

#include "nn/expr_impl.h"
#include "num/real.h"

/* Up to four arrays walked together in runs of `inner` numbers: array 0 is the result. */
typedef struct {
    int64_t inner, outer;
    int naxis;
    int64_t size[SN_MAXDIM], stride[4][SN_MAXDIM], at[SN_MAXDIM];
    int64_t step[4]; /* within a run: 1, or 0 where a number is repeated */
    int64_t off[4];  /* of the present run, in elements */
} sn_walk;
void SN_R(sn_walk_make)(sn_walk *, const sn_shape *out, const sn_shape *in, int nin);

/* expr_shapes.c: reductions, matmul, and what moves numbers. */
void SN_R(sn_op_shape_forward)(const sn_op_io *);
void SN_R(sn_op_shape_backward)(const sn_op_io *);

#endif
