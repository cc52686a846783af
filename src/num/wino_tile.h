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
    /* Elements that may be read from image on, by who makes nothing of the channels beyond c: they are then
     * whatever follows, where something does. 0: zeros are wanted. */
    int64_t room;
} sn_square;

/* Where it is, or, when it has channels to be filled up, copied into pad (size * size * cp). */
sn_conv_tile_in sn_square_read(const sn_square *, float *pad);

/* The rows of G, as many as a tile has, for a kernel of r taps: the points' powers, scaled (see wino.h). */
void sn_wino_kernel_rows(float g[SN_WINO_TILE][5], int r, int tile);

/* Outputs of all cells of a convolution: what happens to them (conv.h), and where to. */
typedef struct {
    const sn_conv_kern *kern;
    const sn_conv_after *after; /* NULL: nothing */
    float *y;
    int64_t oh, ow, oc, op; /* op: channels filled up */
    int64_t cells;
    bool streams;
    /* Of op numbers: bias (with scale: what is added then); scale; then of each cell its statistics (3, op) and
     * the number of its pixels. */
    float *bias, *scale, *stats;
} sn_outputs;

/* Elements of scratch that outputs of so many channels and cells want. */
size_t sn_outputs_scratch(int64_t op, int64_t cells);
/* kern, after, y, sizes and cells are there; the rest follows. images: of y. bias: NULL, or oc numbers. */
void sn_outputs_begin(sn_outputs *, int64_t images, const float *bias, float *scratch);
/* Of a cell's channels from `first` on. */
sn_conv_put sn_outputs_put(const sn_outputs *, int64_t cell, int64_t first);
/* The tile at row, col of an image, m x m; its channels from `first` on. */
sn_conv_tile_out sn_outputs_tile(const sn_outputs *, int64_t image, int64_t row, int64_t col, int m,
                                 int64_t first);
/* A cell is written: it has so many pixels. */
void sn_outputs_cell(const sn_outputs *, int64_t cell, int64_t pixels);
/* All are: the moments, if they are wanted. */
void sn_outputs_end(sn_pool *, const sn_outputs *);

#endif
