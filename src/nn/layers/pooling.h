/* What max_pool2d and avg_pool2d share: their configuration and the walk over rows of windows. */
#ifndef SN_NN_LAYERS_POOLING_H
#define SN_NN_LAYERS_POOLING_H

#include "nn/layers/common.h"
#include "num/kern.h"

typedef struct {
    sn_layer_common common;
    int64_t pool_size[2], strides[2]; /* strides 0 = pool_size */
    int padding;
} sn_pooling_cfg;

extern const sn_field sn_pooling_fields[];

/* Plan of both but for what backward needs; *d describes the windows (ci = co = channels). */
sn_status sn_pooling_plan(const char *layer, const sn_pooling_cfg *, const sn_shape *in, sn_layer_plan *,
                          sn_conv *d, sn_err *);
sn_conv sn_pooling_geometry(const sn_pooling_cfg *, const sn_shape *in);

/* The same windows for the kernels of max_pool2d. */
sn_windows sn_pooling_windows(const sn_conv *);
/* So many rows of windows are a cell. */
size_t sn_pooling_rows_per_cell(const sn_conv *);

/* ---- avg_pool2d's walk over rows of windows ---- */

/* Channels are handled this many at a time: loops of that fixed length become vector instructions. */
enum { SN_POOLING_LANES = 16 };

/* One call. A row function treats the windows of output row oy of image n. */
typedef struct sn_pooling sn_pooling;
typedef void (*sn_pooling_row)(const sn_pooling *, int64_t n, int64_t oy);
struct sn_pooling {
    sn_conv d;
    const real *x, *dy; /* (n, h, w, c); (n, oh, ow, c) */
    real *y, *dx;
    bool add; /* backward: windows overlap, so add to dx */
    sn_pooling_row row;
};
void SN_R(sn_pooling_forward)(sn_pool *, sn_pooling *);
/* Clears what no window writes, and runs row so that every element of dx is written by one cell only. */
void SN_R(sn_pooling_backward)(sn_pool *, sn_pooling *);

/* The taps [from, to) of output o's window that lie inside the input; tap k reads input at + k. */
typedef struct {
    int64_t at, from, to;
} sn_taps;
static inline sn_taps sn_taps_of(int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t n) {
    int64_t at = o * stride - pad;
    return (sn_taps){ at, at < 0 ? -at : 0, n - at < k ? n - at : k };
}

#endif
