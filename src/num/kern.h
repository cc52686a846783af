/* The element-wise and reduction kernels: one source (kern.inc.c) compiled for each instruction set into tables
 * of function pointers; sn_kern_f32() gives the best the machine has, or what SONDE_ISA=base|v3|v4 asks for.
 *
 * Contracts: kernels work on the calling thread, return nothing that can fail, accept n = 0 and any alignment.
 * Output may be the same array as an input of the same shape, never a shifted one. Reductions use 16 logical
 * lanes combined in a fixed order: the same bits on every instruction set for +, -, *, /, sqrt (no contraction;
 * FMA only where written). rows x cols arguments are row-major (rows, cols), cols = channels. */
#ifndef SN_NUM_KERN_H
#define SN_NUM_KERN_H

#include "num/moments.h"
#include "num/real.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SN_HIST_MAX = 64 }; /* bins */

/* Pooling windows over one image. Taps that lie outside do not count; every window has one inside. */
typedef struct {
    int64_t h, w, c, oh, ow; /* (h, w, c) -> (oh, ow, c) */
    int64_t kh, kw, sh, sw, pt, pl;
    bool wide; /* taps are kept in 4 bytes; else in one */
} sn_windows;
enum { SN_NO_TAP = 255 }; /* of one byte: no tap of this window gets a gradient */

/* Instantiated for float and for double. */
#define SN_KERN_TABLE(T, NAME)                                                                                 \
    typedef struct {                                                                                           \
        const char *isa; /* "base", "v3", "v4" */                                                              \
        void (*fill)(T * y, T a, size_t n);                                                                    \
        void (*add)(T * y, const T *a, const T *b, size_t n);         /* y = a + b */                          \
        void (*mul)(T * y, const T *a, const T *b, size_t n);         /* y = a * b */                          \
        void (*axpy)(T * y, T a, const T *x, size_t n);               /* y += a x */                           \
        void (*affine)(T * y, const T *x, T a, T b, size_t n);        /* y = a x + b */                        \
        void (*relu)(T * y, const T *x, size_t n);                    /* y = max(x, 0); nan stays nan */       \
        void (*relu_grad)(T * dx, const T *y, const T *dy, size_t n); /* dx = y > 0 ? dy : 0 */                \
        double (*sum)(const T *x, size_t n);                                                                   \
        double (*sum_abs)(const T *x, size_t n);                                                               \
        double (*dot)(const T *a, const T *b, size_t n);                                                       \
        double (*sum_sq_dev)(const T *x, T mean, size_t n); /* sum (x - mean)^2 */                             \
        void (*row_affine)(T * y, const T *x, const T *scale, const T *shift, size_t rows, size_t cols);       \
        void (*row_add)(T * y, const T *b, size_t rows, size_t cols);       /* y[r] += b */                    \
        void (*col_sum)(double *out, const T *x, size_t rows, size_t cols); /* out[c] += sum x */              \
        void (*col_dot)(double *out, const T *a, const T *b, size_t rows,                                      \
                        size_t cols); /* out[c] += sum a b */                                                  \
        void (*col_sq_dev)(double *out, const T *x, const T *mean, size_t rows,                                \
                           size_t cols); /* += sum (x-mean)^2 */                                               \
        void (*col_dot_dev)(double *out, const T *a, const T *b, const T *mean, size_t rows,                   \
                            size_t cols); /* out[c] += sum a (b - mean) */                                     \
        /* dx = a[c] dy + b[c] x + k[c]: batch norm's data gradient */                                         \
        void (*row_affine2)(T * dx, const T *dy, const T *x, const T *a, const T *b, const T *k, size_t rows,  \
                            size_t cols);                                                                      \
        /* Inverted dropout: y = x * scale where philox(key, hi, element) >= threshold, else 0. first: index   \
         * of x[0] in the whole tensor, whose element i uses word i % 4 of block i / 4. */                     \
        void (*dropout)(T * y, const T *x, size_t n, uint64_t key, uint64_t hi, uint64_t first,                \
                        uint32_t threshold, T scale);                                                          \
        /* out (blocks, 4): philox(key, hi, first), philox(key, hi, first + 1), ... */                         \
        void (*philox)(uint32_t * out, uint64_t key, uint64_t hi, uint64_t first, size_t blocks);              \
        /* Row oy of a max pool: y, index (ow, c): the largest value of each window and its tap (ky kw + kx,   \
         * the first of equal ones; nan is the largest), of the image x (h, w, c), of a[c] x + b[c] where a is \
         * not NULL, or of the positive part of it. index may be NULL. */                                      \
        void (*max_pool_row)(T * y, void *index, const T *x, const T *a, const T *b, bool relu,                \
                             const sn_windows *, int64_t oy);                                                  \
        /* index[i] = SN_NO_TAP where y[i] is not above 0 */                                                   \
        void (*max_pool_mask)(uint8_t * index, const T *y, size_t n);                                          \
        /* Its gradient: dx (to - from, c) of pixels from .. to of the h * w, overwritten: the sum of scale dy \
         * of the windows that the pixel won. dy, index: the image's (oh, ow, c). */                           \
        void (*max_unpool)(T * dx, const T *dy, const void *index, T scale, const sn_windows *, int64_t from,  \
                           int64_t to);                                                                        \
        /* Adam's step on n parameters: m += (g - m) a, v += (g^2 - v) b, p -= m step / (sqrt(v) + eps); with  \
         * top, which keeps the largest v so far, by that one. */                                              \
        void (*adam)(T * p, T *m, T *v, T *top, const T *g, size_t n, T a, T b, T step, T eps);                \
        /* Row oy of windows whose taps are kept in bytes: out (2, c) += sum of scale dy; sum of scale dy (x - \
         * mean), x being each window's winner. x: the image; dy, index: of the row, (ow, c). */               \
        void (*max_pool_sums)(double *out, const T *x, const T *dy, const uint8_t *index, const T *mean,       \
                              T scale, const sn_windows *, int64_t oy);                                        \
        /* The pixels of row oy of windows that tile the image: dx = a[c] g + b[c] x + k[c], where g is what   \
         * max_unpool gives. x, dx: the images, (h, w, c); they may be the same. */                            \
        void (*max_unpool_affine)(T * dx, const T *x, const T *dy, const uint8_t *index, T scale, const T *a,  \
                                  const T *b, const T *k, const sn_windows *, int64_t oy);                     \
        void (*from_u8)(T * y, const uint8_t *x, T scale, size_t n); /* y = x * scale */                       \
        bool (*all_finite)(const T *x, size_t n);                                                              \
        /* Statistics of the values of x, or of x - y where y is not NULL; all in double. moments adds to m.   \
         */                                                                                                    \
        void (*moments)(sn_moments * m, const T *x, const T *y, size_t n);                                     \
        double (*dot_wide)(const T *a, const T *b, size_t n);                                                  \
        /* counts[k] += how many lie in [edges[k], edges[k + 1]); edges: bins + 1 of them, ascending. */       \
        void (*histogram)(int64_t * counts, const T *x, const T *y, const double *edges, int bins, size_t n);  \
        /* most[c] = the largest |x[r][c]| and most[c]; nan is above all. */                                   \
        void (*col_most)(T * most, const T *x, size_t rows, size_t cols);                                      \
    } NAME

SN_KERN_TABLE(float, sn_kern_f32_table);
SN_KERN_TABLE(double, sn_kern_f64_table);

const sn_kern_f32_table *sn_kern_f32(void);
const sn_kern_f64_table *sn_kern_f64(void);

/* Every level that this machine can run, for tests; returns how many. */
int sn_kern_all_f32(const sn_kern_f32_table *out[3]);
int sn_kern_all_f64(const sn_kern_f64_table *out[3]);

#endif
