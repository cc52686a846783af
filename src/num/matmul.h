/* Matrix products of tensors by numpy's rules, over num/gemm.h. */
#ifndef SN_NUM_MATMUL_H
#define SN_NUM_MATMUL_H

#include "base/pool.h"
#include "num/tensor.h"

/* a (..., m, k) times b (..., k, n) -> (..., m, n); leading axes broadcast. A vector on the left is one row, on
 * the right one column, and that axis is not in the result. SN_ESHAPE: they do not fit. */
sn_status sn_matmul_shape(sn_shape *out, const sn_shape *a, const sn_shape *b, sn_err *);
/* out, a and b of one dtype, SN_F32 or SN_F64. SN_ENOMEM, SN_ECANCEL: out is half written. */
sn_status sn_matmul(sn_pool *, sn_tensor *out, const sn_tensor *a, const sn_tensor *b, sn_err *);

#endif
