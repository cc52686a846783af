/* The geometry of a convolution (conv.h) as its passes use it: how work is cut, and which input each panel
 * column reads. Internal to num/. */
#ifndef SN_NUM_CONV_GEOM_H
#define SN_NUM_CONV_GEOM_H

#include "num/conv.h"

/* A panel: one line for each pixel of a grid, holding the source values under rows x cols taps:
 * line(gy, gx) tap (a, b) = source[gy*row_step + row0 + a*row_tap][gx*col_step + col0 + b*col_tap][:], 0
 * outside. */
typedef struct {
    int64_t h, w, c;    /* source (h, w, c) */
    int64_t grid_w;     /* pixels are numbered gy * grid_w + gx */
    int64_t rows, cols; /* taps */
    int64_t row_step, row0, row_tap;
    int64_t col_step, col0, col_tap;
} sn_gather;

/* Pixels [from, to) into panel (to - from, rows * cols * c). */
void sn_conv_gather_f32(float *panel, const float *src, const sn_gather *, int64_t from, int64_t to);
void sn_conv_gather_f64(double *panel, const double *src, const sn_gather *, int64_t from, int64_t to);

/* The pixels of dx with one residue modulo the stride are reached by the same kernel taps, so each residue is a
 * plain stride-1 gather of dy. One axis of it: */
typedef struct {
    int64_t first, count; /* input positions first, first + stride, ...: count of them */
    int64_t taps;         /* kernel taps that reach them */
    int64_t last, step;   /* those taps: last, last - step, ... (so that dy is read in rising order) */
    int64_t before;       /* taps of smaller residues */
    int64_t origin, rise; /* position t, tap a reads dy at t + origin + a * rise */
} sn_phase;
sn_phase sn_conv_phase(int64_t residue, int64_t n, int64_t k, int64_t stride, int64_t dilation, int64_t before);

/* How the passes are cut; everything but slots is independent of the number of images. */
typedef struct {
    int64_t taps;          /* kh * kw * ci: values of a line in forward and backward_weights */
    int64_t block, blocks; /* output pixels in a cell, cells in an image */
    int64_t data_taps;     /* values of a line in backward_data, the largest of all phases */
    int64_t data_block, data_blocks;
    int64_t slots;     /* partial sums of the weight gradient */
    size_t slot_size;  /* elements: kernel, then co doubles for the bias */
    size_t panel;      /* elements of one worker's panel, forward and backward_weights */
    size_t data_panel; /* the same, backward_data */
    size_t packed;     /* elements of the transposed kernel */
} sn_conv_cut;
sn_conv_cut sn_conv_cut_of(const sn_conv *);

/* 1 x 1 with nothing between input and output: they are their own panels. */
bool sn_conv_is_pointwise(const sn_conv *);

#endif
