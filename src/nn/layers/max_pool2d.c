/* The largest value of each window, per channel. Equal values: the first, and the gradient goes to that one
 * alone. nan is larger than anything, so that it shows. Training keeps the winning tap (a byte per output), not
 * the input. */
#include "nn/layers/pooling.h"
#include <math.h>

enum { LANES = SN_POOLING_LANES, BYTE_TAPS = 256 };

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    sn_conv d;
    sn_status s = sn_pooling_plan("max_pool2d", cfg, in, p, &d, e);
    if (s != SN_OK) return s;
    size_t bytes = (size_t)sn_shape_count(&p->out) * (d.kh * d.kw > BYTE_TAPS ? sizeof(uint32_t) : 1);
    p->saved[0] = (bytes + sizeof(real) - 1) / sizeof(real);
    return SN_OK;
}

static inline void store_index(const sn_pooling *p, int64_t at, const real *tap, int lanes) {
    if (p->wide_index)
        for (int l = 0; l < lanes; l++) ((uint32_t *)p->index)[at + l] = (uint32_t)tap[l];
    else
        for (int l = 0; l < lanes; l++) ((uint8_t *)p->index)[at + l] = (uint8_t)tap[l];
}

static inline void load_index(const sn_pooling *p, int64_t at, real *tap, int lanes) {
    if (p->wide_index)
        for (int l = 0; l < lanes; l++) tap[l] = (real)((const uint32_t *)p->index)[at + l];
    else
        for (int l = 0; l < lanes; l++) tap[l] = (real)((const uint8_t *)p->index)[at + l];
}

/* Channels c .. c + lanes of one window. Tap numbers are kept as real (exact up to 2^24) beside the values, so
 * that one comparison selects both. x: the image. */
static inline void max_lanes(const sn_conv *d, real *best, real *tap, const real *x, sn_taps v, sn_taps h,
                             int64_t c, int lanes) {
    for (int l = 0; l < lanes; l++) {
        best[l] = (real)-INFINITY;
        tap[l] = (real)(v.from * d->kw + h.from);
    }
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            const real *in = x + ((v.at + ky) * d->w + h.at + kx) * d->ci + c;
            real k = (real)(ky * d->kw + kx);
            for (int l = 0; l < lanes; l++) {
                bool take = (in[l] > best[l]) | (in[l] != in[l]);
                best[l] = take ? in[l] : best[l];
                tap[l] = take ? k : tap[l];
            }
        }
    }
}

static inline void window_lanes(const sn_pooling *p, const real *x, int64_t out, sn_taps v, sn_taps h,
                                int64_t c, int lanes) {
    real best[LANES], tap[LANES];
    max_lanes(&p->d, best, tap, x, v, h, c, lanes);
    for (int l = 0; l < lanes; l++) p->y[out + l] = best[l];
    if (p->index) store_index(p, out, tap, lanes);
}

static void forward_row(const sn_pooling *p, int64_t n, int64_t oy) {
    const sn_conv *d = &p->d;
    const real *x = p->x + n * d->h * d->w * d->ci;
    sn_taps v = sn_taps_of(oy, d->sh, d->pt, d->kh, d->h);
    for (int64_t ox = 0; ox < d->ow; ox++) {
        sn_taps h = sn_taps_of(ox, d->sw, d->pl, d->kw, d->w);
        int64_t out = ((n * d->oh + oy) * d->ow + ox) * d->co, c = 0;
        for (; c + LANES <= d->co; c += LANES) window_lanes(p, x, out + c, v, h, c, LANES);
        if (c < d->co) window_lanes(p, x, out + c, v, h, c, (int)(d->co - c));
    }
}

/* One window's gradient to its taps, channels c .. c + lanes. What is written to dx is first put together in an
 * array of its own: a compiler that fears that dx and dy overlap would not make vectors of the selection. */
static inline void spread_lanes(const sn_pooling *p, real *dx, int64_t out, sn_taps v, sn_taps h, int64_t c,
                                int lanes) {
    const sn_conv *d = &p->d;
    real dy[LANES], tap[LANES], part[LANES];
    for (int l = 0; l < lanes; l++) dy[l] = p->dy[out + l];
    load_index(p, out, tap, lanes);
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            real *to = dx + ((v.at + ky) * d->w + h.at + kx) * d->ci + c;
            real k = (real)(ky * d->kw + kx);
            for (int l = 0; l < lanes; l++) part[l] = tap[l] == k ? dy[l] : 0;
            if (p->add)
                for (int l = 0; l < lanes; l++) to[l] += part[l];
            else
                for (int l = 0; l < lanes; l++) to[l] = part[l];
        }
    }
}

static void backward_row(const sn_pooling *p, int64_t n, int64_t oy) {
    const sn_conv *d = &p->d;
    real *dx = p->dx + n * d->h * d->w * d->ci;
    sn_taps v = sn_taps_of(oy, d->sh, d->pt, d->kh, d->h);
    for (int64_t ox = 0; ox < d->ow; ox++) {
        sn_taps h = sn_taps_of(ox, d->sw, d->pl, d->kw, d->w);
        int64_t out = ((n * d->oh + oy) * d->ow + ox) * d->co, c = 0;
        for (; c + LANES <= d->co; c += LANES) spread_lanes(p, dx, out + c, v, h, c, LANES);
        if (c < d->co) spread_lanes(p, dx, out + c, v, h, c, (int)(d->co - c));
    }
}

static void forward(const void *cfg, const sn_io *io) {
    sn_pooling p = { .d = sn_pooling_geometry(cfg, io->in),
                     .x = io->x[0],
                     .y = io->y,
                     .index = io->saved[0],
                     .row = forward_row };
    p.wide_index = p.d.kh * p.d.kw > BYTE_TAPS;
    SN_R(sn_pooling_forward)(io->pool, &p);
}

static void backward(const void *cfg, const sn_io *io) {
    if (!io->dx[0]) return;
    sn_pooling p = { .d = sn_pooling_geometry(cfg, io->in),
                     .dy = io->dy,
                     .dx = io->dx[0],
                     .index = io->saved[0],
                     .row = backward_row };
    p.wide_index = p.d.kh * p.d.kw > BYTE_TAPS;
    SN_R(sn_pooling_backward)(io->pool, &p);
}

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
