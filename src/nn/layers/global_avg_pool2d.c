/* The mean of each channel over a whole image. */
#include "nn/layers/common.h"
#include "num/kern.h"
#include <string.h>

typedef struct {
    sn_layer_common common;
    bool keepdims;
} gap_cfg;

static const sn_field fields[] = {
    SN_BOOL(gap_cfg, keepdims, .doc = "output (batch, 1, 1, channels) instead of (batch, channels)"),
    SN_FIELDS_END,
};

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    if (sn_layer_want_rank("global_avg_pool2d", in, 4, "(batch, height, width, channels)", e) != SN_OK)
        return SN_ESHAPE;
    sn_shape flat = { 2, { in->d[0], in->d[3] } }, kept = { 4, { in->d[0], 1, 1, in->d[3] } };
    p->scratch = (size_t)(in->d[0] * in->d[3]) * (sizeof(double) / sizeof(real));
    return sn_layer_set_out("global_avg_pool2d", ((const gap_cfg *)cfg)->keepdims ? &kept : &flat, p, e);
}

typedef struct {
    const real *x, *dy; /* (n, pixels, c); (n, c) */
    real *y, *dx;
    double *sum; /* (n, c) */
    size_t pixels, c;
} gap_ctx;

static gap_ctx context(const sn_io *io) {
    return (gap_ctx){ .pixels = (size_t)(io->in[0].d[1] * io->in[0].d[2]), .c = (size_t)io->in[0].d[3] };
}

static void forward_image(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const gap_ctx *g = ctx;
    size_t n = (size_t)cell;
    double *sum = g->sum + n * g->c;
    memset(sum, 0, g->c * sizeof *sum);
    SN_R(sn_kern)()->col_sum(sum, g->x + n * g->pixels * g->c, g->pixels, g->c);
    for (size_t c = 0; c < g->c; c++) g->y[n * g->c + c] = (real)(sum[c] / (double)g->pixels);
}

static void backward_image(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const gap_ctx *g = ctx;
    size_t n = (size_t)cell;
    real *dx = g->dx + n * g->pixels * g->c;
    for (size_t c = 0; c < g->c; c++) dx[c] = (real)((double)g->dy[n * g->c + c] / (double)g->pixels);
    for (size_t i = 1; i < g->pixels; i++) memcpy(dx + i * g->c, dx, g->c * sizeof *dx);
}

static void forward(const void *cfg, const sn_io *io) {
    (void)cfg;
    gap_ctx g = context(io);
    g.x = io->x[0];
    g.y = io->y;
    g.sum = io->scratch;
    sn_parallel(io->pool, io->in[0].d[0], forward_image, &g);
}

static void backward(const void *cfg, const sn_io *io) {
    (void)cfg;
    if (!io->dx[0]) return;
    gap_ctx g = context(io);
    g.dy = io->dy;
    g.dx = io->dx[0];
    sn_parallel(io->pool, io->in[0].d[0], backward_image, &g);
}

const sn_layer_type SN_R(sn_layer_global_avg_pool2d) = {
    .desc = { .name = "global_avg_pool2d",
              .alias = "global_average_pooling2d",
              .brief = "the mean of each channel over the whole image",
              .example = "global_avg_pool2d{}",
              .fields = fields,
              .cfg_size = sizeof(gap_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .check = { { "global_avg_pool2d{}", 2, 1, { { 4, { 2, 3, 5, 4 } } } },
               { "global_avg_pool2d{keepdims=true}", 1, 1, { { 4, { 1, 4, 1, 17 } } } } },
};
