/* 2-D convolution (cross-correlation, as in Keras), NHWC activations, HWIO kernels. The interface hides the
 * algorithm; conv.c chooses it by the shape. */
#ifndef SN_NUM_CONV_H
#define SN_NUM_CONV_H

#include "base/pool.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t n;              /* images in this call */
    int64_t h, w, ci;       /* input  (n, h, w, ci) */
    int64_t kh, kw, co;     /* kernel (kh, kw, ci, co) */
    int64_t oh, ow;         /* output (n, oh, ow, co) */
    int64_t sh, sw, dh, dw; /* strides, dilation */
    int64_t pt, pl;         /* zero padding before the first row and column (the rest follows from oh, ow) */
    int algorithm; /* sn_conv_algorithm: what is asked for; one that does not fit gives way to another */
} sn_conv;

typedef enum { SN_CONV_AUTO, SN_CONV_DIRECT, SN_CONV_WINOGRAD, SN_CONV_IM2COL } sn_conv_algorithm;
typedef enum { SN_CONV_FORWARD, SN_CONV_DATA, SN_CONV_WEIGHTS } sn_conv_pass;
extern const char *const sn_conv_algorithms[]; /* "auto", "direct", "winograd", "im2col" */
/* What a pass in float runs by. */
sn_conv_algorithm sn_conv_choice(const sn_conv *, sn_conv_pass);
/* The same in words, with the side of Winograd's tiles of outputs: "winograd 4x4", "direct", "im2col" or, of an
 * image of few channels, "col2im". Returns buf. */
char *sn_conv_text(const sn_conv *, sn_conv_pass, char *buf, size_t size);

/* Output size and padding before, for one axis: Keras's rule (keras backend _compute_padding_length: before =
 * total / 2, the odd one goes after). 'same': out = ceil(n / s). Returns the output size, <= 0 when none. */
int64_t sn_conv_axis(int64_t n, int64_t k, int64_t stride, int64_t dilation, bool same, int64_t *before);

/* Scratch in ELEMENTS for a call with up to d->n images on this pool; all three directions share one size.
 * It must be 64-byte aligned. */
size_t sn_conv_scratch(const sn_conv *d, const sn_pool *);

/* y = conv(x, k) + bias (bias may be NULL) */
void sn_conv_forward_f32(sn_pool *, float *y, const float *x, const float *k, const float *bias,
                         const sn_conv *, float *scratch);
/* What may happen to y on its way to memory, while it is in registers. */
typedef struct {
    /* In training, for batch normalization: (2, co), the means of y over all pixels and the sums of the squares
     * of what differs from them (as SN_COL_MOMENTS of nn/layers). y is stored as it is. NULL: none. */
    double *moments;
    /* In inference: y * scale[c] + shift[c] is stored in place of y. NULL: none; not with moments. */
    const float *scale, *shift;
    bool relu; /* then max(0, .); only with scale */
    bool pool; /* then the largest of each 2 x 2 (steps of 2, odd edges left out): y is (n, oh / 2, ow / 2, co)
                  only; only with scale */
} sn_conv_after;
/* Does a convolution take these along? Else the caller does them by itself. Shape alone decides. */
bool sn_conv_takes(const sn_conv *, const sn_conv_after *);
/* sn_conv_forward_f32 and what is after it, for what sn_conv_takes; the same scratch. */
void sn_conv_forward_after(sn_pool *, float *y, const float *x, const float *k, const float *bias,
                           const sn_conv *, const sn_conv_after *, float *scratch);
/* dx = gradient with respect to x (overwritten) */
void sn_conv_backward_data_f32(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *,
                               float *scratch);
/* dk += gradient with respect to the kernel; dbias += that of the bias (dbias may be NULL) */
void sn_conv_backward_weights_f32(sn_pool *, float *dk, float *dbias, const float *x, const float *dy,
                                  const sn_conv *, float *scratch);
void sn_conv_forward_f64(sn_pool *, double *y, const double *x, const double *k, const double *bias,
                         const sn_conv *, double *scratch);
void sn_conv_backward_data_f64(sn_pool *, double *dx, const double *dy, const double *k, const sn_conv *,
                               double *scratch);
void sn_conv_backward_weights_f64(sn_pool *, double *dk, double *dbias, const double *x, const double *dy,
                                  const sn_conv *, double *scratch);

#endif
