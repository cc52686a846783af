/* Tiles of images as the transforms of Winograd's convolution read them. Internal to num/. */
#ifndef SN_NUM_WINO_TILE_H
#define SN_NUM_WINO_TILE_H

#include "num/conv_kern.h"

/* A square of size x size pixels at row, col of an image (h, w, c), partly outside of it perhaps. */
typedef struct {
    const float *image;
    int64_t h, w, c, cp; /* cp: channels, filled up with zeros */
    int64_t row, col;
    int size;
} sn_square;

/* Where it is, or, when it reaches outside or has channels to be filled up, copied into pad (size * size * cp)
 * with zeros. */
sn_conv_tile_in sn_square_read(const sn_square *, float *pad);

/* The rows of G for a kernel of r taps: the points' powers, scaled (see wino.h). */
void sn_wino_kernel_rows(float g[SN_WINO_TILE][5], int r);

/* Are outputs of this size (pixels, channels) better written past the caches, and can they be? */
bool sn_wino_streams(const sn_conv_kern *, const float *y, int64_t pixels, int64_t channels);

#endif
