/* The mean of each window, per channel; what lies outside the image is not counted (as in TensorFlow). */
#include "nn/layers/pooling.h"

enum { LANES = SN_POOLING_LANES };

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    sn_conv d;
    return sn_pooling_plan("avg_pool2d", cfg, in, p, &d, e);
}

static real taps_inside(sn_taps v, sn_taps h) { return (real)((v.to - v.from) * (h.to - h.from)); }

/* Channels c .. c + lanes of one window. x: the image. */
static inline void mean_lanes(const sn_conv *d, real *mean, const real *x, sn_taps v, sn_taps h, int64_t c,
                              int lanes) {
    real sum[LANES] = { 0 }, count = taps_inside(v, h);
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            const real *in = x + ((v.at + ky) * d->w + h.at + kx) * d->ci + c;
            for (int l = 0; l < lanes; l++) sum[l] += in[l];
        }
    }
    for (int l = 0; l < lanes; l++) mean[l] = sum[l] / count;
}

static void forward_row(const sn_pooling *p, int64_t n, int64_t oy) {
    const sn_conv *d = &p->d;
    const real *x = p->x + n * d->h * d->w * d->ci;
    sn_taps v = sn_taps_of(oy, d->sh, d->pt, d->kh, d->h);
    for (int64_t ox = 0; ox < d->ow; ox++) {
        sn_taps h = sn_taps_of(ox, d->sw, d->pl, d->kw, d->w);
        real *y = p->y + ((n * d->oh + oy) * d->ow + ox) * d->co;
        int64_t c = 0;
        for (; c + LANES <= d->co; c += LANES) mean_lanes(d, y + c, x, v, h, c, LANES);
        if (c < d->co) mean_lanes(d, y + c, x, v, h, c, (int)(d->co - c));
    }
}

static inline void spread_lanes(const sn_pooling *p, real *dx, const real *dy, sn_taps v, sn_taps h, int64_t c,
                                int lanes) {
    const sn_conv *d = &p->d;
    real share[LANES] = { 0 }, count = taps_inside(v, h);
    for (int l = 0; l < lanes; l++) share[l] = dy[l] / count;
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            real *to = dx + ((v.at + ky) * d->w + h.at + kx) * d->ci + c;
            if (p->add)
                for (int l = 0; l < lanes; l++) to[l] += share[l];
            else
                for (int l = 0; l < lanes; l++) to[l] = share[l];
        }
    }
}

static void backward_row(const sn_pooling *p, int64_t n, int64_t oy) {
    const sn_conv *d = &p->d;
    real *dx = p->dx + n * d->h * d->w * d->ci;
    sn_taps v = sn_taps_of(oy, d->sh, d->pt, d->kh, d->h);
    for (int64_t ox = 0; ox < d->ow; ox++) {
        sn_taps h = sn_taps_of(ox, d->sw, d->pl, d->kw, d->w);
        const real *dy = p->dy + ((n * d->oh + oy) * d->ow + ox) * d->co;
        int64_t c = 0;
        for (; c + LANES <= d->co; c += LANES) spread_lanes(p, dx, dy + c, v, h, c, LANES);
        if (c < d->co) spread_lanes(p, dx, dy + c, v, h, c, (int)(d->co - c));
    }
}

static void forward(const void *cfg, const sn_io *io) {
    sn_pooling p = { .d = sn_pooling_geometry(cfg, io->in), .x = io->x[0], .y = io->y, .row = forward_row };
    SN_R(sn_pooling_forward)(io->pool, &p);
}

static void backward(const void *cfg, const sn_io *io) {
    if (!io->dx[0]) return;
    sn_pooling p = {
        .d = sn_pooling_geometry(cfg, io->in), .dy = io->dy, .dx = io->dx[0], .row = backward_row
    };
    SN_R(sn_pooling_backward)(io->pool, &p);
}

const sn_layer_type SN_R(sn_layer_avg_pool2d) = {
    .desc = { .name = "avg_pool2d",
              .alias = "average_pooling2d",
              .brief = "the mean of each window of an image",
              .example = "avg_pool2d{ 2 }",
              .fields = sn_pooling_fields,
              .cfg_size = sizeof(sn_pooling_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .check = { { "avg_pool2d{}", 2, 1, { { 4, { 2, 4, 6, 3 } } } },
               { "avg_pool2d{}", 1, 1, { { 4, { 1, 5, 7, 17 } } } },
               { "avg_pool2d{pool_size={2, 3}, strides=1}", 2, 1, { { 4, { 2, 4, 5, 2 } } } },
               { "avg_pool2d{pool_size=3, strides=2, padding=\"same\"}", 2, 1, { { 4, { 2, 5, 6, 3 } } } },
               { "avg_pool2d{pool_size=2, strides={3, 2}, padding=\"same\"}",
                 1,
                 1,
                 { { 4, { 1, 8, 5, 18 } } } },
               { "avg_pool2d{pool_size={1, 2}, strides=3}", 3, 1, { { 4, { 3, 5, 8, 1 } } } } },
};
