/* The gradient with respect to the input of images of few channels (col2im): each output pixel's gradient times
 * the kernel gives what all taps under it get, and that is added where they are. A product as wide as the taps
 * of all channels takes the place of one as narrow as the channels. Internal to num/. */
#ifndef SN_NUM_CONV_SCATTER_H
#define SN_NUM_CONV_SCATTER_H

#include "num/conv.h"

bool sn_conv_scatter_fits(const sn_conv *);                     /* and is it worth it? Shape alone decides. */
bool sn_conv_scatter_beats_wino(const sn_conv *, int64_t side); /* which fits as well, with tiles side x side */
size_t sn_conv_scatter_scratch(const sn_conv *, const sn_pool *); /* elements; 0 where it does not fit */
void sn_conv_scatter_data(sn_pool *, float *dx, const float *dy, const float *k, const sn_conv *,
                          float *scratch);

#endif
