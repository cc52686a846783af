#include "num/wino_tile.h"

#include <math.h>
#include <string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t cell_size(int64_t op) { return 3 * op + 16; }

size_t sn_outputs_scratch(int64_t op, int64_t cells) { return (size_t)(2 * op + cells * cell_size(op)); }

/* Are they more than the caches hold, and can they go past them? */
static bool streams(const sn_outputs *o, int64_t images) {
    enum { BYTES = 16 << 20 };
    int64_t shrink = o->after && o->after->pool ? 4 : 1,
            bytes = images * o->oh * o->ow / shrink * o->oc * (int64_t)sizeof *o->y;
    bool aligned =
        (uintptr_t)o->y % ((size_t)o->kern->lanes * sizeof *o->y) == 0 && o->oc % o->kern->lanes == 0;
    return o->kern->streams && aligned && bytes >= BYTES;
}

void sn_outputs_begin(sn_outputs *o, int64_t images, const float *bias, float *scratch) {
    const sn_conv_after *a = o->after;
    o->streams = streams(o, images);
    o->bias = scratch;
    o->scale = o->bias + o->op;
    o->stats = o->scale + o->op;
    for (int64_t c = 0; c < o->op; c++) {
        float b = bias && c < o->oc ? bias[c] : 0;
        o->bias[c] = a && a->scale && c < o->oc ? b * a->scale[c] + a->shift[c] : b;
        o->scale[c] = a && a->scale && c < o->oc ? a->scale[c] : 0;
    }
}

sn_conv_put sn_outputs_put(const sn_outputs *o, int64_t cell, int64_t first) {
    const sn_conv_after *a = o->after;
    sn_conv_put p = { .bias = o->bias + first, .low = -INFINITY, .streams = o->streams, .step = o->op };
    if (a && a->scale) {
        p.scale = o->scale + first;
        p.pools = a->pool;
        if (a->relu) p.low = 0;
    } else if (a) {
        p.stats = o->stats + cell * cell_size(o->op) + first;
    }
    return p;
}

sn_conv_tile_out sn_outputs_tile(const sn_outputs *o, int64_t image, int64_t row, int64_t col, int m,
                                 int64_t first) {
    int64_t by = o->after && o->after->pool ? 2 : 1, h = o->oh / by, w = o->ow / by;
    return (sn_conv_tile_out){ .at = o->y + ((image * h + row / by) * w + col / by) * o->oc + first,
                               .pixel = o->oc,
                               .row = w * o->oc,
                               .rows = (int)least(m, o->oh - row),
                               .cols = (int)least(m, o->ow - col),
                               .channels = o->oc - first };
}

void sn_outputs_cell(const sn_outputs *o, int64_t cell, int64_t pixels) {
    if (o->after && o->after->moments) o->stats[cell * cell_size(o->op) + 3 * o->op] = (float)pixels;
    if (o->streams) o->kern->streamed();
}

enum { CHANNELS = 16 };

/* The moments of some channels from those of the cells, in their order. */
static void moments_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const sn_outputs *o = ctx;
    int64_t first = cell * CHANNELS, n = least(CHANNELS, o->oc - first);
    double mean[CHANNELS] = { 0 }, squares[CHANNELS] = { 0 }, all = 0;
    for (int64_t k = 0; k < o->cells; k++) {
        const float *s = o->stats + k * cell_size(o->op);
        double count = (double)s[3 * o->op];
        all += count;
        for (int64_t c = 0; c < n; c++) mean[c] += count * (double)s[first + c] + (double)s[o->op + first + c];
    }
    for (int64_t c = 0; c < n; c++) mean[c] /= all;
    for (int64_t k = 0; k < o->cells; k++) {
        const float *s = o->stats + k * cell_size(o->op);
        double count = (double)s[3 * o->op];
        for (int64_t c = 0; c < n; c++) { /* around the mean: the pivot is no more than near it */
            double sum = (double)s[o->op + first + c], off = (double)s[first + c] - mean[c];
            squares[c] += (double)s[2 * o->op + first + c] + off * (2 * sum + count * off);
        }
    }
    for (int64_t c = 0; c < n; c++) {
        o->after->moments[first + c] = mean[c];
        o->after->moments[o->oc + first + c] = squares[c] < 0 ? 0 : squares[c]; /* nan stays */
    }
}

void sn_outputs_end(sn_pool *pool, const sn_outputs *o) {
    if (o->after && o->after->moments)
        sn_parallel(pool, (o->oc + CHANNELS - 1) / CHANNELS, moments_cell, (void *)(uintptr_t)o);
}
