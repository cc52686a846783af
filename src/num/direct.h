/* Convolution as the direct sum, from the rows of the input as they are: for few channels, steps and small
 * kernels, where im2col costs more than the products. The taps of a kernel's row lie side by side in an input
 * row, so output pixels are products of overlapping stretches of it. Internal to num/. */
#ifndef SN_NUM_DIRECT_H
#define SN_NUM_DIRECT_H

#include "num/conv_kern.h"

bool sn_direct_forward_fits(const sn_conv *);
bool sn_direct_data_fits(const sn_conv *);
bool sn_direct_weights_fits(const sn_conv *);
size_t sn_direct_scratch(const sn_conv *, const sn_pool *); /* elements, enough for whichever fit */
void sn_direct_forward(sn_pool *, float *y, const float *x, const float *k, const float *bias, const sn_conv *,
                       float *scratch);
void sn_direct_data(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *, float *scratch);
void sn_direct_weights(sn_pool *, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *,
                       float *scratch);

#endif
