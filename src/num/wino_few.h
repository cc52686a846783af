/* Winograd's convolution (wino.h) where the input has few channels, as a first layer's: the products of a place
 * are too small for panels, so they run in registers between the transforms. Forward and the weight gradient.
 * Internal to num/. */
#ifndef SN_NUM_WINO_FEW_H
#define SN_NUM_WINO_FEW_H

#include "num/conv_kern.h"

bool sn_few_forward_fits(const sn_conv *);
bool sn_few_weights_fits(const sn_conv *);
size_t sn_few_scratch(const sn_conv *, const sn_pool *); /* elements, enough for whichever fit */
/* after: may be NULL. */
void sn_few_forward(sn_pool *, float *y, const float *x, const float *k, const float *bias, const sn_conv *,
                    const sn_conv_after *after, float *scratch);
void sn_few_weights(sn_pool *, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *,
                    float *scratch);

#endif
