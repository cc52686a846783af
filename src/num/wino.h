/* Convolution by Winograd's minimal filtering, F(4x4, 5x5), F(6x6, 3x3) and F(4x4, 3x3): tiles of 8x8 and 6x6
 * inputs take one multiplication for each of their 64 and 36 places where the direct sum does 400, 324 and 144
 * (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; transforms by Cook and Toom
 * for the points 0, 1, -1, 2, -2, then 1/2, -1/2 for tiles of 8, and infinity). In float32 the error is about
 * 3e-6 of the result's norm. Internal to num/. */
#ifndef SN_NUM_WINO_H
#define SN_NUM_WINO_H

#include "num/conv_kern.h"

enum { SN_WINO_CHANNELS = 8 }; /* images of fewer never fit, nor is there scratch for them */

/* ---- convolutions ---- */

/* Can these two go this way, and is it worth it? Shape alone decides. */
bool sn_wino_forward_fits(const sn_conv *);
bool sn_wino_data_fits(const sn_conv *);
bool sn_wino_weights_fits(const sn_conv *);
int sn_wino_side(const sn_conv *, sn_conv_pass);          /* of the tiles of outputs: 4 or 6 */
size_t sn_wino_scratch(const sn_conv *, const sn_pool *); /* elements, enough for whichever fit */
/* after: may be NULL. */
void sn_wino_forward(sn_pool *, float *y, const float *x, const float *k, const float *bias, const sn_conv *,
                     const sn_conv_after *after, float *scratch);
void sn_wino_data(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *, float *scratch);
void sn_wino_weights(sn_pool *, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *,
                     float *scratch);

#endif
