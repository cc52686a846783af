/* Convolution by Winograd's minimal filtering, F(4x4, 5x5) and F(6x6, 3x3): both take 8x8 tiles of the input
 * and do one multiplication for each of their 64 places where the direct sum does 400 and 324 (A. Lavin, S.
 * Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; transforms by Cook and Toom for the points
 * 0, 1, -1, 2, -2, 1/2, -1/2 and infinity). In float32 the error is about 3e-6 of the result's norm. Internal
 * to num/. */
#ifndef SN_NUM_WINO_H
#define SN_NUM_WINO_H

#include "num/conv.h"

enum { SN_WINO_TILE = 8, SN_WINO_PLACES = 64 };

/* ---- the kernels of one instruction set (wino.inc.c) ---- */

/* Where a tile of outputs goes, or comes from. */
typedef struct {
    float *at;          /* its first pixel and channel */
    int64_t pixel, row; /* steps in elements */
    int rows, cols;     /* that are inside of the image: 1 .. m */
    int64_t channels;   /* of the chunk that there are */
} sn_wino_out;

typedef struct {
    const char *isa;
    int lanes; /* floats in a vector; a chunk of channels is two of them */
    int mr;    /* tiles of one product in registers */
    int mw;    /* input channels of one product of the weight gradient */
    /* v[place * step + c] for channels c = 0 .. n - 1 (a multiple of lanes) of the tile whose pixels are
     * px[64]. */
    void (*input)(float *v, int64_t step, const float *const *px, int64_t n);
    /* The same of a tile of gradients, m x m pixels px[m * m]. */
    void (*grad[2])(float *z, int64_t step, const float *const *px, int64_t n); /* m = 4, 6 */
    /* From a chunk's products t[place * step] to pixels, bias (a whole chunk) added. */
    void (*output[2])(const float *t, int64_t step, const float *bias, const sn_wino_out *); /* m = 4, 6 */
    /* u[place * step] (2 lanes) of taps (r * r, 2 lanes): G k G^T; g: the rows of G. */
    void (*kernel)(float *u, int64_t step, const float *taps, float (*g)[5], int r);
    /* dk (r * r, 2 lanes) = G^T M G, M the sum of slots parts at m, m + slot, ...; m[place * step]. */
    void (*back)(float *dk, const float *m, int64_t step, int64_t slots, size_t slot, float (*g)[5], int r);
    /* c (mr, 2 lanes; rows 2 lanes apart) = a (mr, k; rows lda apart) * b (k, 2 lanes) */
    void (*product)(float *c, const float *a, int64_t lda, const float *b, int64_t k);
    /* c (mw, 2 lanes; rows ldc apart) += a (k, mw; rows lda apart) transposed * b (k, 2 lanes; rows ldb apart)
     */
    void (*add_product)(float *c, int64_t ldc, const float *a, int64_t lda, const float *b, int64_t ldb,
                        int64_t k);
} sn_wino_kern;

const sn_wino_kern *sn_wino_kernels(const char *isa);
extern const sn_wino_kern *sn_wino_forced; /* tests: instead of the best; NULL */

/* ---- convolutions ---- */

/* Can these two go this way, and is it worth it? Shape alone decides. */
bool sn_wino_forward_fits(const sn_conv *);
bool sn_wino_data_fits(const sn_conv *);
bool sn_wino_weights_fits(const sn_conv *);
size_t sn_wino_scratch(const sn_conv *, const sn_pool *); /* elements, enough for whichever fit */
void sn_wino_forward(sn_pool *, float *y, const float *x, const float *k, const float *bias, const sn_conv *,
                     float *scratch);
void sn_wino_data(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *, float *scratch);
void sn_wino_weights(sn_pool *, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *,
                     float *scratch);

#endif
