/* Convolution as im2col over GEMM: for every shape, and the reference of the others. Contracts as in conv.h.
 * Internal to num/. */
#ifndef SN_NUM_CONV_GEMM_H
#define SN_NUM_CONV_GEMM_H

#include "num/conv.h"

size_t sn_conv_gemm_scratch(const sn_conv *, const sn_pool *);
void sn_conv_gemm_forward_f32(sn_pool *, float *y, const float *x, const float *k, const float *bias,
                              const sn_conv *, float *scratch);
void sn_conv_gemm_backward_data_f32(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *,
                                    float *scratch);
void sn_conv_gemm_backward_weights_f32(sn_pool *, float *dk, float *dbias, const float *x, const float *dy,
                                       const sn_conv *, float *scratch);
void sn_conv_gemm_forward_f64(sn_pool *, double *y, const double *x, const double *k, const double *bias,
                              const sn_conv *, double *scratch);
void sn_conv_gemm_backward_data_f64(sn_pool *, double *dx, const double *dy, const double *k, const sn_conv *,
                                    double *scratch);
void sn_conv_gemm_backward_weights_f64(sn_pool *, double *dk, double *dbias, const double *x, const double *dy,
                                       const sn_conv *, double *scratch);

#endif
