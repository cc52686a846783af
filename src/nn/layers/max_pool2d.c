/* The largest value of each window, per channel. Equal values: the first, and the gradient goes to that one
 * alone. nan is larger than anything, so that it shows. Training keeps the winning tap (a byte per output), not
 * the input. */
#include "nn/layers/pooling.h"
#include "num/vec.h"

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    sn_conv d;
    sn_status s = sn_pooling_plan("max_pool2d", cfg, in, p, &d, e);
    if (s != SN_OK) return s;
    size_t bytes = (size_t)sn_shape_count(&p->out) * (sn_pooling_windows(&d).wide ? sizeof(uint32_t) : 1);
    p->saved[0] = (bytes + sizeof(real) - 1) / sizeof(real);
    return SN_OK;
}

typedef struct {
    sn_windows g;
    const real *x, *dy;
    real *y, *dx;
    char *index; /* which tap won: (n, oh, ow, c) of 1 or 4 bytes; NULL in inference */
} pooling;

static void forward_rows(void *ctx, size_t from, size_t to) {
    const pooling *p = ctx;
    const sn_windows *g = &p->g;
    for (size_t r = from; r < to; r++) {
        int64_t n = (int64_t)r / g->oh, at = (int64_t)r * g->ow * g->c;
        SN_R(sn_kern)
        ()->max_pool_row(p->y + at, p->index ? p->index + at * (g->wide ? 4 : 1) : NULL,
                         p->x + n * g->h * g->w * g->c, NULL, NULL, false, g, (int64_t)r % g->oh);
    }
}

static void forward(const void *cfg, const sn_io *io) {
    sn_conv d = sn_pooling_geometry(cfg, io->in);
    pooling p = { .g = sn_pooling_windows(&d), .x = io->x[0], .y = io->y, .index = io->saved[0] };
    sn_for_ranges(io->pool, (size_t)(d.n * d.oh), sn_pooling_rows_per_cell(&d), forward_rows, &p);
}

static void backward_rows(void *ctx, size_t from, size_t to) {
    const pooling *p = ctx;
    const sn_windows *g = &p->g;
    for (size_t r = from; r < to; r++) {
        int64_t n = (int64_t)r / g->h, iy = (int64_t)r % g->h, at = n * g->oh * g->ow * g->c;
        SN_R(sn_kern)
        ()->max_unpool(p->dx + (int64_t)r * g->w * g->c, p->dy + at, p->index + at * (g->wide ? 4 : 1), 1, g,
                       iy * g->w, (iy + 1) * g->w);
    }
}

static void backward(const void *cfg, const sn_io *io) {
    if (!io->dx[0]) return;
    sn_conv d = sn_pooling_geometry(cfg, io->in);
    pooling p = { .g = sn_pooling_windows(&d), .dy = io->dy, .dx = io->dx[0], .index = io->saved[0] };
    sn_for_ranges(io->pool, (size_t)(d.n * d.h), 1 + SN_CHUNK / (size_t)(d.w * d.ci), backward_rows, &p);
}

static sn_part part(const void *cfg) {
    (void)cfg;
    return SN_PART_POOL;
}

static sn_windows windows(const void *cfg, const sn_shape *in) {
    sn_conv d = sn_pooling_geometry(cfg, in);
    return sn_pooling_windows(&d);
}

static const sn_fusing fusing = { .part = part, .windows = windows };

const sn_layer_type SN_R(sn_layer_max_pool2d) = {
    .desc = { .name = "max_pool2d",
              .alias = "max_pooling2d",
              .brief = "the largest value of each window of an image",
              .example = "max_pool2d{ 2 }",
              .fields = sn_pooling_fields,
              .cfg_size = sizeof(sn_pooling_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusing = &fusing,
    .check = { { "max_pool2d{}", 2, 1, { { 4, { 2, 4, 6, 3 } } } },
               { "max_pool2d{}", 1, 1, { { 4, { 1, 5, 7, 17 } } } },
               { "max_pool2d{pool_size={2, 3}, strides=1}", 2, 1, { { 4, { 2, 4, 5, 2 } } } },
               { "max_pool2d{pool_size=3, strides=2, padding=\"same\"}", 2, 1, { { 4, { 2, 5, 6, 3 } } } },
               { "max_pool2d{pool_size=2, strides={3, 2}, padding=\"same\"}",
                 1,
                 1,
                 { { 4, { 1, 8, 5, 18 } } } },
               { "max_pool2d{pool_size={1, 2}, strides=3}", 3, 1, { { 4, { 3, 5, 8, 1 } } } },
               { "max_pool2d{pool_size={17, 16}, strides=2}", 1, 1, { { 4, { 1, 19, 18, 2 } } } } },
};
