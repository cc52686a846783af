#include "num/conv_scatter.h"

#include "num/gemm.h"
#include <string.h>

enum { ALIGN = 16 };

static int64_t taps_of(const sn_conv *d) { return d->kh * d->kw * d->ci; }

static size_t panel_of(const sn_conv *d) {
    size_t n = (size_t)(d->oh * d->ow * taps_of(d));
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* An image's panel stays in the second-level cache; a kernel row is a few vectors, side by side in the image.
 */
bool sn_conv_scatter_fits(const sn_conv *d) {
    enum { PANEL = 1 << 16, CHANNELS = 12, LEAST_OUT = 8, LEAST_RUN = 8 };
    bool small = d->ci <= CHANNELS && d->kw <= PANEL && d->kh <= PANEL && d->oh <= PANEL && d->ow <= PANEL;
    return small && d->algorithm == SN_CONV_AUTO && d->oh > 0 && d->ow > 0 && d->dh == 1 && d->dw == 1 &&
           d->co >= LEAST_OUT && d->kw * d->ci >= LEAST_RUN && d->kh > 1 && d->oh * d->ow <= PANEL / taps_of(d);
}

size_t sn_conv_scatter_scratch(const sn_conv *d, const sn_pool *pool) {
    return sn_conv_scatter_fits(d) ? (size_t)sn_pool_size(pool) * panel_of(d) : 0;
}

typedef struct {
    const sn_conv *d;
    float *dx, *panels;
    const float *dy, *k;
} job;

typedef float four __attribute__((vector_size(16)));

static inline void add_run(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        four a, b;
        memcpy(&a, to + i, sizeof a);
        memcpy(&b, from + i, sizeof b);
        a += b;
        memcpy(to + i, &a, sizeof a);
    }
    for (; i < n; i++) to[i] += from[i];
}

/* What the taps under one output pixel get, in lines (kh, kw * ci). */
static void add_pixel(const sn_conv *d, float *image, const float *lines, int64_t oy, int64_t ox) {
    int64_t y = oy * d->sh - d->pt, x = ox * d->sw - d->pl, run = d->kw * d->ci;
    int64_t from = x < 0 ? -x : 0, to = d->w - x < d->kw ? d->w - x : d->kw;
    for (int64_t r = 0; r < d->kh && from < to; r++)
        if (y + r >= 0 && y + r < d->h)
            add_run(image + ((y + r) * d->w + x + from) * d->ci, lines + r * run + from * d->ci,
                    (to - from) * d->ci);
}

static void image_cell(void *ctx, int64_t image, int worker) {
    const job *t = ctx;
    const sn_conv *d = t->d;
    int64_t pixels = d->oh * d->ow, taps = taps_of(d), size = d->h * d->w * d->ci;
    float *panel = t->panels + (size_t)worker * panel_of(d), *dx = t->dx + image * size;
    sn_gemm1_f32(panel, taps, t->dy + image * pixels * d->co, d->co, false, t->k, d->co, true, pixels, taps,
                 d->co, false);
    memset(dx, 0, (size_t)size * sizeof *dx);
    for (int64_t p = 0; p < pixels; p++) add_pixel(d, dx, panel + p * taps, p / d->ow, p % d->ow);
}

void sn_conv_scatter_data(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d,
                          float *scratch) {
    job t = { d, dx, scratch, dy, k };
    sn_parallel(pool, d->n, image_cell, &t);
}
