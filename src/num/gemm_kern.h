/* Products of matrices too small for OpenBLAS to be worth its preparations: one source (gemm_kern.inc.c)
 * compiled for each instruction set. Internal to num/. */
#ifndef SN_NUM_GEMM_KERN_H
#define SN_NUM_GEMM_KERN_H

#include <stdbool.h>
#include <stdint.h>

/* c (m, n; rows ldc apart) = a (m, k) * b (k, n), or added to what c holds. Element (i, l) of a stands at a[i *
 * step + l * step_k]. b: rows ldb apart; with tb it is (n, k). Every element of c is one sum over l in order,
 * in pieces of SN_GEMM_PIECE, wherever in c it stands: bits do not depend on how c is cut into calls. */
enum { SN_GEMM_PIECE = 512 };
typedef void (*sn_gemm_product)(float *c, int64_t ldc, const float *a, int64_t step, int64_t step_k,
                                const float *b, int64_t ldb, bool tb, int64_t m, int64_t n, int64_t k,
                                bool accumulate);

typedef struct {
    const char *isa;
    sn_gemm_product product;
} sn_gemm_kern;

const sn_gemm_kern *sn_gemm_kernels(const char *isa);
const sn_gemm_kern *sn_gemm_kern_now(void); /* of the instruction set in use */

#endif
