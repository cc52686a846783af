/* Tensors: always contiguous, row-major; an all-zero sn_tensor is a valid empty one; drop is idempotent. */
#ifndef SN_NUM_TENSOR_H
#define SN_NUM_TENSOR_H

#include "base/desc.h"
#include "base/err.h"
#include "num/real.h"
#include <stdint.h>

typedef sn_dims sn_shape; /* n dimensions, sizes in d; n = 0 is a scalar */

/* Append only: saved files hold the numpy names, not these numbers. Training is on F32 (and F64 in the
 * reference path); the others are for reading, labels, pictures and masks. */
typedef enum { SN_F32, SN_F64, SN_U8, SN_I32, SN_I64 } sn_dtype;

typedef struct sn_store sn_store; /* a counted block of data */

typedef struct {
    sn_shape shape;
    sn_dtype dtype;
    void *data;
    sn_store *store;
} sn_tensor;

size_t sn_dtype_size(sn_dtype);
const char *sn_dtype_name(sn_dtype); /* "float32" */
static inline bool sn_dtype_float(sn_dtype t) { return t == SN_F32 || t == SN_F64; }

/* The product of the sizes, -1 when it overflows or a size is negative. */
int64_t sn_shape_count(const sn_shape *);
int64_t sn_shape_row(const sn_shape *); /* the product of all but the first size; 1 for n <= 1 */
bool sn_shape_equal(const sn_shape *, const sn_shape *);
/* "(32, 256, 256, 3)"; with batch, the first size is printed as "batch". Returns buf. */
char *sn_shape_text(const sn_shape *, bool batch, char *buf, size_t n);
sn_shape sn_shape_with_batch(const sn_shape *sample, int64_t n); /* (n, sample...) */
sn_shape sn_shape_sample(const sn_shape *batched);               /* without the first size */

sn_status sn_tensor_new(sn_tensor *, sn_dtype, const sn_shape *, sn_err *);     /* zeroed */
sn_status sn_tensor_new_raw(sn_tensor *, sn_dtype, const sn_shape *, sn_err *); /* for what is written whole */
void sn_tensor_drop(sn_tensor *);
sn_tensor sn_tensor_share(const sn_tensor *);                          /* another reference to the same data */
sn_tensor sn_tensor_rows(const sn_tensor *, int64_t from, int64_t to); /* rows [from, to); shares the store */
sn_status sn_tensor_copy(sn_tensor *out, const sn_tensor *in, sn_dtype, sn_err *); /* new data, converted */
sn_status sn_tensor_reshape(sn_tensor *, const sn_shape *, sn_err *); /* same count; shares the store */
double sn_tensor_get(const sn_tensor *, int64_t i);                   /* flat index, any dtype */
void sn_tensor_set(sn_tensor *, int64_t i, double v);                 /* rounds and clamps to integer dtypes */

#endif
