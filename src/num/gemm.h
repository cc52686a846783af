/* Matrix products: a fixed grid of tiles, each one single-threaded OpenBLAS call, so that bits do not depend on
 * the number of threads. Row-major throughout. */
#ifndef SN_NUM_GEMM_H
#define SN_NUM_GEMM_H

#include "base/pool.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scratch that sn_gemm wants for these sizes, in ELEMENTS (split-K partial sums); a function of the sizes only.
 * A smaller product may want more. */
size_t sn_gemm_scratch(int64_t m, int64_t n, int64_t k);
/* The most that a product of 1 .. m rows wants; that one over an inner dimension of 1 .. k wants. */
size_t sn_gemm_scratch_rows(int64_t m, int64_t n, int64_t k);
size_t sn_gemm_scratch_inner(int64_t m, int64_t n, int64_t k);

/* c (m, n) = op(a) (m, k) * op(b) (k, n)  [+ c when accumulate]. lda, ldb, ldc: elements from row to row as
 * stored. scratch: sn_gemm_scratch elements, 64-byte aligned. */
void sn_gemm_f32(sn_pool *, float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a, const float *b,
                 int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k, bool accumulate, float *scratch);
void sn_gemm_f64(sn_pool *, double *c, int64_t ldc, const double *a, int64_t lda, bool trans_a, const double *b,
                 int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k, bool accumulate, double *scratch);

/* How the float product is computed: "gemm 32x64/4", tiles of 32x64 in 4 cells by kernels of sonde's, or "blas
 * 128x128/16" by OpenBLAS (slices of the inner dimension are cells too). Returns buf. */
char *sn_gemm_text(int64_t m, int64_t n, int64_t k, char *buf, size_t size);

/* One product on the calling thread, for use inside a cell of the caller's own grid. */
void sn_gemm1_f32(float *c, int64_t ldc, const float *a, int64_t lda, bool trans_a, const float *b, int64_t ldb,
                  bool trans_b, int64_t m, int64_t n, int64_t k, bool accumulate);
void sn_gemm1_f64(double *c, int64_t ldc, const double *a, int64_t lda, bool trans_a, const double *b,
                  int64_t ldb, bool trans_b, int64_t m, int64_t n, int64_t k, bool accumulate);

/* OpenBLAS's kernel set in use ("SkylakeX"); benchmarks print it. */
const char *sn_gemm_corename(void);

#endif
