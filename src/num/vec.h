/* Whole-array operations on the pool: fixed chunks of SN_CHUNK elements (by size, never by threads), reductions
 * with one partial sum per chunk combined in order. */
#ifndef SN_NUM_VEC_H
#define SN_NUM_VEC_H

#include "base/pool.h"
#include "num/kern.h"

enum { SN_CHUNK = 16384, SN_MAX_SUM_CHUNKS = 4096 };

/* fn(ctx, from, to): the half-open element range [from, to) of one chunk. */
typedef void (*sn_range_fn)(void *ctx, size_t from, size_t to);
/* NULL for the pool: on the calling thread, as a cell must that is one of another region. */
void sn_for_ranges(sn_pool *, size_t n, size_t chunk, sn_range_fn fn, void *ctx);
/* fn returns its range's partial value; the result is their sum in order of the ranges. At most
 * SN_MAX_SUM_CHUNKS chunks: larger arrays get larger chunks (by size only). */
typedef double (*sn_range_sum_fn)(void *ctx, size_t from, size_t to);
double sn_sum_ranges(sn_pool *, size_t n, size_t chunk, sn_range_sum_fn fn, void *ctx);

#define SN_VEC_DECLARE(T, S)                                                                                   \
    void sn_vec_fill_##S(sn_pool *, T *y, T a, size_t n);                                                      \
    void sn_vec_add_##S(sn_pool *, T *y, const T *a, const T *b, size_t n);                                    \
    void sn_vec_axpy_##S(sn_pool *, T *y, T a, const T *x, size_t n);                                          \
    void sn_vec_affine_##S(sn_pool *, T *y, const T *x, T a, T b, size_t n);                                   \
    double sn_vec_sum_##S(sn_pool *, const T *x, size_t n);                                                    \
    double sn_vec_sum_abs_##S(sn_pool *, const T *x, size_t n);                                                \
    double sn_vec_dot_##S(sn_pool *, const T *a, const T *b, size_t n);                                        \
    bool sn_vec_all_finite_##S(sn_pool *, const T *x, size_t n);

SN_VEC_DECLARE(float, f32)
SN_VEC_DECLARE(double, f64)

#endif
