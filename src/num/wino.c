/* The three passes of wino.h: how the work is cut, and the transforms of kernels. A cell is a block of tiles of
 * one image: their inputs are transformed for all channels, then chunk by chunk of output channels multiplied
 * and transformed back, so that everything between stays in the second-level cache. */
#include "num/wino.h"

#include "num/wino_tile.h"
#include <string.h>

enum { MOST_LANES = 16, ALIGN = 16 };

typedef struct {
    const sn_conv_kern *kern;
    int64_t n, h, w, c; /* what is read: images of c channels */
    int64_t oh, ow, oc; /* what is written: oc channels */
    int64_t pt, pl;
    int kind, r, m, tile, places; /* sides of kernel, outputs and tile; places of a tile */
    int64_t cp, op;               /* channels, filled up */
    int64_t chunk, chunks;        /* of output channels: two vectors */
    int64_t across, each;         /* tiles in a row, in an image */
    int64_t tiles;                /* of all images, numbered on */
    int64_t block, blocks;        /* tiles of a cell, cells */
    int64_t vstep, mstep;         /* from place to place: of a group's inputs, of its products */
    size_t kernel, outputs;       /* elements: transformed kernel; what outputs want */
    size_t inputs, products;      /* elements of a worker's buffers */
    int64_t sums;                 /* tiles that are summed at once in the weight gradient */
    int64_t sv, sz;               /* from place to place of their inputs and gradients */
} shape;

static int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by * by; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Inputs (groups, 64, cp / lanes, mr, lanes) and products (groups, 64, mr, chunk) of a cell stay in the
 * second-level cache, beside the stream of kernels. A vector more between places: they are written one place
 * after the other, and an even distance would put them all into the same few sets of the cache. */
static int64_t block_of(const shape *s) {
    enum { BYTES = 640 << 10, CELLS = 16 };
    int64_t mr = s->kern->mr, each = s->places * (s->vstep + s->mstep) * (int64_t)sizeof(float);
    int64_t groups = BYTES / each, all = (s->tiles + mr - 1) / mr;
    groups = least(groups, all / CELLS); /* enough of them for the threads, even sizes */
    return least(groups < 1 ? 1 : groups, all) * mr;
}

/* Tiles at once of the weight gradient: its sums pass through the caches once for each block. */
static int64_t sums_of(const shape *s) {
    enum { BYTES = 512 << 10, LEAST = 32 };
    int64_t fit = BYTES / (s->places * (s->cp + s->op) * (int64_t)sizeof(float));
    return least(fit < LEAST ? LEAST : fit, s->tiles);
}

/* Of the two for 3x3 the one with fewer products, and of equals the one with smaller transforms. */
static void choose_tile(shape *s) {
    int64_t of6 = 36 * ((s->oh + 3) / 4) * ((s->ow + 3) / 4), of8 = 64 * ((s->oh + 5) / 6) * ((s->ow + 5) / 6);
    s->kind = s->r == 5 ? SN_WINO_4OF8 : of6 <= of8 ? SN_WINO_4OF6 : SN_WINO_6OF8;
    s->tile = s->kind == SN_WINO_4OF6 ? 6 : 8;
    s->m = s->tile + 1 - s->r;
    s->places = s->tile * s->tile;
}

static void finish(shape *s) {
    s->kern = sn_conv_kern_now();
    choose_tile(s);
    s->chunk = 2 * s->kern->lanes;
    s->cp = up(s->c, s->kern->lanes > s->kern->mw ? s->kern->lanes : s->kern->mw);
    s->op = up(s->oc, s->chunk);
    s->chunks = s->op / s->chunk;
    s->across = (s->ow + s->m - 1) / s->m;
    s->each = s->across * ((s->oh + s->m - 1) / s->m);
    s->tiles = s->n * s->each;
    s->vstep = s->kern->mr * s->cp + s->kern->lanes;
    s->mstep = s->kern->mr * s->chunk + s->kern->lanes;
    s->block = block_of(s);
    s->blocks = s->block ? (s->tiles + s->block - 1) / s->block : 0;
    s->sums = sums_of(s);
    s->sv = s->sums * s->cp + s->kern->lanes;
    s->sz = s->sums * s->op + s->kern->lanes;
    s->kernel = (size_t)(s->places * s->cp * s->op);
    s->outputs = sn_outputs_scratch(s->op, s->blocks);
    s->inputs = (size_t)(s->places * s->vstep * (s->block / s->kern->mr));
    s->products = (size_t)(s->places * s->mstep * (s->block / s->kern->mr));
}

static shape forward_shape(const sn_conv *d) {
    shape s = { .n = d->n,
                .h = d->h,
                .w = d->w,
                .c = d->ci,
                .oh = d->oh,
                .ow = d->ow,
                .oc = d->co,
                .pt = d->pt,
                .pl = d->pl,
                .r = (int)d->kh };
    finish(&s);
    return s;
}

/* The gradient of the input is a convolution of dy with the kernel turned around. */
static shape data_shape(const sn_conv *d) {
    shape s = { .n = d->n,
                .h = d->oh,
                .w = d->ow,
                .c = d->co,
                .oh = d->h,
                .ow = d->w,
                .oc = d->ci,
                .pt = d->kh - 1 - d->pt,
                .pl = d->kw - 1 - d->pl,
                .r = (int)d->kh };
    finish(&s);
    return s;
}

/* Has chunk j more than one vector of channels? */
static bool wide(const shape *s, int64_t j) { return s->oc - j * s->chunk > s->kern->lanes; }

/* ---- tiles ---- */

typedef struct {
    const shape *s;
    sn_outputs out;
    float *dk, *dbias, *scratch;
    const float *x, *dy, *k;
    bool turned; /* the kernel, for the data gradient */
    int64_t slots;
    size_t slot; /* elements of a slot of the weight gradient */
} job;

static sn_conv_tile_in input_tile(const shape *s, const float *x, int64_t tile, float *pad) {
    int64_t ty = tile % s->each / s->across, tx = tile % s->each % s->across;
    sn_square q = { .image = x + tile / s->each * s->h * s->w * s->c,
                    .h = s->h,
                    .w = s->w,
                    .c = s->c,
                    .cp = s->cp,
                    .row = ty * s->m - s->pt,
                    .col = tx * s->m - s->pl,
                    .size = s->tile };
    return sn_square_read(&q, pad);
}

static sn_conv_tile_in grad_tile(const shape *s, const float *dy, int64_t tile, float *pad) {
    int64_t ty = tile % s->each / s->across, tx = tile % s->each % s->across;
    sn_square q = { .image = dy + tile / s->each * s->oh * s->ow * s->oc,
                    .h = s->oh,
                    .w = s->ow,
                    .c = s->oc,
                    .cp = up(s->oc, s->kern->lanes),
                    .row = ty * s->m,
                    .col = tx * s->m,
                    .size = s->m };
    return sn_square_read(&q, pad);
}

static size_t pad_size(const shape *s) { return (size_t)(s->places * (s->cp > s->op ? s->cp : s->op)); }

/* ---- the kernel: U = G k G^T as (chunks, 64, cp, chunk) ---- */

/* taps[a * r + b] of one input channel and n output channels of a chunk. */
static void gather_taps(const job *t, int64_t c, int64_t o, int64_t n, float *taps) {
    const shape *s = t->s;
    int r = s->r;
    for (int a = 0; a < r * r; a++) {
        /* turned: k is (r, r, oc, c) as stored, and its taps come from the other end */
        const float *from =
            t->turned ? t->k + ((r * r - 1 - a) * s->oc + o) * s->c + c : t->k + (a * s->c + c) * s->oc + o;
        int64_t step = t->turned ? s->c : 1;
        for (int64_t l = 0; l < s->chunk; l++) taps[a * s->chunk + l] = l < n ? from[l * step] : 0;
    }
}

/* One cell for each input channel; those that fill up are zero. */
static void kernel_cell(void *ctx, int64_t c, int worker) {
    (void)worker;
    const job *t = ctx;
    const shape *s = t->s;
    float g[SN_WINO_TILE][5], taps[25 * 2 * MOST_LANES] = { 0 };
    sn_wino_kernel_rows(g, s->r, s->tile);
    for (int64_t j = 0; j < s->chunks; j++) {
        if (c < s->c) gather_taps(t, c, j * s->chunk, least(s->chunk, s->oc - j * s->chunk), taps);
        s->kern->kernel(t->scratch + (j * s->places * s->cp + c) * s->chunk, s->cp * s->chunk, taps, g, s->r,
                        s->tile);
    }
}

/* ---- forward, and the data gradient ---- */

/* Of a group's products m (64, mr, chunk); returns its pixels. */
static int64_t put_tiles(const job *t, const float *m, int64_t cell, int64_t from, int64_t count, int64_t j) {
    const shape *s = t->s;
    int64_t first = j * s->chunk, pixels = 0;
    sn_conv_put put = sn_outputs_put(&t->out, cell, first);
    for (int64_t i = 0; i < count; i++) {
        int64_t in = (from + i) % s->each, y = in / s->across * s->m, x = in % s->across * s->m;
        sn_conv_tile_out out = sn_outputs_tile(&t->out, (from + i) / s->each, y, x, s->m, first);
        out.fresh = from + i == cell * s->block;
        s->kern->output[s->kind](m + i * s->chunk, s->mstep, &put, &out);
        pixels += out.rows * out.cols;
    }
    return pixels;
}

/* The inputs of groups of mr tiles; those that fill up the last group are zero. */
static void put_inputs(const job *t, float *v, int64_t from, int64_t count, float *pad) {
    const shape *s = t->s;
    int64_t mr = s->kern->mr, lanes = s->kern->lanes;
    for (int64_t i = 0; i < up(count, mr); i++) {
        float *to = v + i / mr * s->places * s->vstep + i % mr * lanes;
        if (i < count) {
            sn_conv_tile_in in = input_tile(s, t->x, from + i, pad);
            s->kern->input[s->kind](to, s->vstep, mr * lanes, &in);
            continue;
        }
        for (int place = 0; place < s->places; place++)
            for (int64_t c = 0; c < s->cp; c += lanes)
                memset(to + place * s->vstep + c * mr, 0, (size_t)lanes * sizeof *to);
    }
}

static void forward_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t from = cell * s->block, count = least(s->block, s->tiles - from), mr = s->kern->mr, pixels = 0;
    size_t each = s->inputs + s->products + pad_size(s);
    float *v = t->scratch + s->kernel + s->outputs + (size_t)worker * each, *m = v + s->inputs,
          *pad = m + s->products;
    int64_t vgroup = s->places * s->vstep, mgroup = s->places * s->mstep, groups = (count + mr - 1) / mr;
    put_inputs(t, v, from, count, pad);
    for (int64_t j = 0; j < s->chunks; j++) {
        for (int place = 0; place < s->places; place++) {
            const float *u = t->scratch + (j * s->places + place) * s->cp * s->chunk;
            for (int64_t g = 0; g < groups; g++)
                s->kern->product[wide(s, j)](m + g * mgroup + place * s->mstep,
                                             v + g * vgroup + place * s->vstep, u, s->c);
        }
        pixels = 0;
        for (int64_t g = 0; g < groups; g++)
            pixels += put_tiles(t, m + g * mgroup, cell, from + g * mr, least(mr, count - g * mr), j);
    }
    sn_outputs_cell(&t->out, cell, pixels);
}

static void convolve(sn_pool *pool, job *t, float *y, const float *bias, const sn_conv_after *after) {
    const shape *s = t->s;
    t->out = (sn_outputs){ .kern = s->kern,
                           .after = after,
                           .y = y,
                           .oh = s->oh,
                           .ow = s->ow,
                           .oc = s->oc,
                           .op = s->op,
                           .cells = s->blocks };
    sn_outputs_begin(&t->out, s->n, bias, t->scratch + s->kernel);
    sn_parallel(pool, s->cp, kernel_cell, t);
    sn_parallel(pool, s->blocks, forward_cell, t);
    sn_outputs_end(pool, &t->out);
}

void sn_wino_forward(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                     const sn_conv *d, const sn_conv_after *after, float *scratch) {
    shape s = forward_shape(d);
    job t = { .s = &s, .x = x, .k = k, .scratch = scratch };
    convolve(pool, &t, y, bias, after);
}

void sn_wino_data(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d, float *scratch) {
    shape s = data_shape(d);
    job t = { .s = &s, .x = dy, .k = k, .turned = true, .scratch = scratch };
    convolve(pool, &t, dx, NULL, NULL);
}

/* ---- the weight gradient: sums of products of transformed tiles, transformed back once ---- */

static int64_t sum_blocks(const shape *s) { return s->sums ? (s->tiles + s->sums - 1) / s->sums : 0; }
static size_t worker_sums(const shape *s) { return (size_t)(s->places * (s->sv + s->sz)) + pad_size(s); }

/* Slots sum their share of the blocks; how many is decided by the sizes: each costs as much as some tiles. */
static int64_t slots_of(const shape *s) {
    enum { VALUES = 16 << 20, MOST = 8, TILES = 48 };
    int64_t n = least(VALUES / (int64_t)s->kernel, s->tiles / TILES);
    return least(n < 1 ? 1 : least(n, MOST), sum_blocks(s));
}

static size_t slot_size(const shape *s) { return s->kernel + (size_t)up(2 * s->oc, ALIGN); }

/* The place of points 1 and 1 holds the sum of a tile. */
static void add_bias(const shape *s, double *sum, const float *z, int64_t count) {
    const float *at = z + (s->tile + 1) * s->sz;
    for (int64_t j = 0; j < s->oc; j += s->chunk, at += s->sums * s->chunk)
        for (int64_t t = 0; t < count; t++)
            for (int64_t l = 0; l < least(s->chunk, s->oc - j); l++) sum[j + l] += (double)at[t * s->chunk + l];
}

/* The transformed inputs v (64, cp / lanes, sums, lanes) and gradients z (64, op / chunk, sums, chunk). */
static void add_block(const shape *s, float *sum, const float *v, const float *z, int64_t count) {
    int64_t lanes = s->kern->lanes, mw = s->kern->mw;
    for (int place = 0; place < s->places; place++, v += s->sv, z += s->sz, sum += s->cp * s->op)
        for (int64_t j = 0; j < s->op; j += s->chunk)
            for (int64_t i = 0; i < s->c; i += mw)
                s->kern->sum_product[wide(s, j / s->chunk)](sum + i * s->op + j, s->op,
                                                            v + i / lanes * s->sums * lanes + i % lanes,
                                                            z + j * s->sums, count);
}

static void weights_cell(void *ctx, int64_t slot, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t blocks = sum_blocks(s), first = blocks * slot / t->slots, end = blocks * (slot + 1) / t->slots;
    float *sum = t->scratch + (size_t)slot * t->slot;
    double *bias = (double *)(void *)(sum + s->kernel);
    float *v = t->scratch + (size_t)t->slots * t->slot + (size_t)worker * worker_sums(s);
    float *z = v + s->places * s->sv, *pad = z + s->places * s->sz;
    memset(sum, 0, s->kernel * sizeof *sum);
    for (int64_t c = 0; c < s->oc; c++) bias[c] = 0;
    for (int64_t b = first; b < end; b++) {
        int64_t from = b * s->sums, count = least(s->sums, s->tiles - from);
        for (int64_t i = 0; i < count; i++) {
            sn_conv_tile_in in = input_tile(s, t->x, from + i, pad);
            s->kern->input[s->kind](v + i * s->kern->lanes, s->sv, s->sums * s->kern->lanes, &in);
            in = grad_tile(s, t->dy, from + i, pad);
            s->kern->grad[s->kind](z + i * s->chunk, s->sz, s->sums * s->chunk, &in);
        }
        add_block(s, sum, v, z, count);
        add_bias(s, bias, z, count);
    }
}

/* G^T M G for one input channel; M is summed over the slots in their order. */
static void back_cell(void *ctx, int64_t c, int worker) {
    (void)worker;
    const job *t = ctx;
    const shape *s = t->s;
    int r = s->r;
    float g[SN_WINO_TILE][5], dk[25 * 2 * MOST_LANES];
    sn_wino_kernel_rows(g, r, s->tile);
    for (int64_t j = 0; j < s->op; j += s->chunk) {
        s->kern->back(dk, t->scratch + c * s->op + j, s->cp * s->op, t->slots, t->slot, g, r, s->tile);
        for (int a = 0; a < r * r; a++)
            for (int64_t l = 0; l < least(s->chunk, s->oc - j); l++)
                t->dk[(a * s->c + c) * s->oc + j + l] += dk[a * s->chunk + l];
    }
}

void sn_wino_weights(sn_pool *pool, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *d,
                     float *scratch) {
    shape s = forward_shape(d);
    job t = { .s = &s, .dk = dk, .dbias = dbias, .x = x, .dy = dy, .scratch = scratch };
    t.slots = slots_of(&s);
    t.slot = slot_size(&s);
    if (t.slots == 0) return;
    sn_parallel(pool, t.slots, weights_cell, &t);
    sn_parallel(pool, s.c, back_cell, &t);
    for (int64_t c = 0; dbias && c < s.oc; c++) {
        double sum = 0;
        for (int64_t slot = 0; slot < t.slots; slot++)
            sum += ((double *)(void *)(scratch + (size_t)slot * t.slot + s.kernel))[c];
        dbias[c] += (float)sum;
    }
}

/* ---- what fits ---- */

static bool fits(const sn_conv *d) {
    bool plain = d->sh == 1 && d->sw == 1 && d->dh == 1 && d->dw == 1 && d->kh == d->kw;
    return plain && (d->kh == 3 || d->kh == 5) && d->oh > 0 && d->ow > 0;
}

/* Transforms cost for each channel that is read and written, and once for each pair of them: tiles must be
 * some, too, and most of their outputs inside of the image. */
static bool worth(const shape *s) {
    enum { TILES = 24 };
    int64_t computed = s->each * s->m * s->m, wanted = s->oh * s->ow;
    return s->c >= SN_WINO_CHANNELS && s->tiles >= TILES && wanted * 5 >= computed * 2;
}

int sn_wino_side(const sn_conv *d, sn_conv_pass pass) {
    shape s = pass == SN_CONV_DATA ? data_shape(d) : forward_shape(d);
    return (int)s.m;
}

bool sn_wino_forward_fits(const sn_conv *d) {
    if (!fits(d)) return false;
    shape s = forward_shape(d);
    return worth(&s);
}

bool sn_wino_data_fits(const sn_conv *d) {
    if (!fits(d)) return false;
    shape s = data_shape(d);
    return worth(&s);
}

/* The sums of the slots are as large as many tiles; few columns of them leave most of a vector idle. */
bool sn_wino_weights_fits(const sn_conv *d) {
    enum { TILES = 96, CHANNELS = 16 };
    if (!fits(d)) return false;
    shape s = forward_shape(d);
    return worth(&s) && s.oc >= CHANNELS && s.tiles >= TILES;
}

static size_t convolve_scratch(const shape *s, size_t workers) {
    return s->kernel + s->outputs + workers * (s->inputs + s->products + pad_size(s));
}

size_t sn_wino_scratch(const sn_conv *d, const sn_pool *pool) {
    size_t workers = (size_t)sn_pool_size(pool), most = 0;
    if (sn_wino_forward_fits(d)) {
        shape s = forward_shape(d);
        size_t weights = (size_t)slots_of(&s) * slot_size(&s) + workers * worker_sums(&s);
        size_t forward = convolve_scratch(&s, workers);
        most = weights > forward ? weights : forward;
    }
    if (sn_wino_data_fits(d)) {
        shape s = data_shape(d);
        size_t data = convolve_scratch(&s, workers);
        if (data > most) most = data;
    }
    return most;
}
