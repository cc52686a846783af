/* The three passes of wino.h: how the work is cut, and the transforms of kernels. A cell is a block of tiles of
 * one image: their inputs are transformed for all channels, then chunk by chunk of output channels multiplied
 * and transformed back, so that everything between stays in the second-level cache. */
#include "num/wino.h"

#include <string.h>

enum { MOST_LANES = 16, ALIGN = 16 };

typedef struct {
    const sn_conv_kern *kern;
    int64_t n, h, w, c; /* what is read: images of c channels */
    int64_t oh, ow, oc; /* what is written: oc channels */
    int64_t pt, pl;
    int r, m;                        /* kernel and output tile */
    int64_t cp, op;                  /* channels, filled up */
    int64_t chunk, chunks;           /* of output channels: two vectors */
    int64_t across, each;            /* tiles in a row, in an image */
    int64_t tiles;                   /* of all images, numbered on */
    int64_t block, blocks;           /* tiles of a cell, cells */
    size_t kernel, inputs, products; /* elements: transformed kernel, and a worker's buffers */
} shape;

static int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by * by; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* The tiles' inputs (64, block, cp) fill about half of the second-level cache. */
static int64_t block_of(const shape *s) {
    enum { BYTES = 480 << 10 };
    int64_t mr = s->kern->mr, fit = BYTES / (SN_WINO_PLACES * s->cp * (int64_t)sizeof(float)) / mr * mr;
    if (fit < mr) fit = mr;
    return least(fit, up(s->tiles, mr));
}

static void finish(shape *s) {
    s->kern = sn_conv_kern_now();
    s->m = SN_WINO_TILE + 1 - s->r;
    s->chunk = 2 * s->kern->lanes;
    s->cp = up(s->c, s->kern->lanes > s->kern->mw ? s->kern->lanes : s->kern->mw);
    s->op = up(s->oc, s->chunk);
    s->chunks = s->op / s->chunk;
    s->across = (s->ow + s->m - 1) / s->m;
    s->each = s->across * ((s->oh + s->m - 1) / s->m);
    s->tiles = s->n * s->each;
    s->block = block_of(s);
    s->blocks = s->block ? (s->tiles + s->block - 1) / s->block : 0;
    s->kernel = (size_t)(SN_WINO_PLACES * s->cp * s->op);
    s->inputs = (size_t)(SN_WINO_PLACES * s->block * s->cp);
    s->products = (size_t)(SN_WINO_PLACES * s->kern->mr * s->chunk);
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

/* ---- tiles ---- */

typedef struct {
    const shape *s;
    float *y, *dk, *dbias, *scratch;
    const float *x, *dy, *k, *bias;
    bool turned; /* the kernel, for the data gradient */
    int64_t slots;
    size_t slot; /* elements of a slot of the weight gradient */
} job;

/* Pixels of an image's square [row, row + size) x [col, col + size); those outside of it, and channels behind
 * the last, are zeros: then the pixel is copied into pad, whose pixels have cp channels. zeros: cp of them. */
static void square(const float **px, const float *image, int64_t h, int64_t w, int64_t c, int64_t cp,
                   int64_t row, int64_t col, int size, float *pad, const float *zeros) {
    for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
            int64_t y = row + i, x = col + j;
            const float **p = &px[i * size + j];
            if (y < 0 || y >= h || x < 0 || x >= w) {
                *p = zeros;
            } else if (c == cp) {
                *p = image + (y * w + x) * c;
            } else {
                float *copy = pad + (i * size + j) * cp;
                memcpy(copy, image + (y * w + x) * c, (size_t)c * sizeof *copy);
                for (int64_t k = c; k < cp; k++) copy[k] = 0;
                *p = copy;
            }
        }
    }
}

/* A worker's own memory: transformed tiles, products or transformed gradients, a padded square, zeros. */
typedef struct {
    float *v, *m, *pad;
    const float *zeros;
} own;

static size_t widest(const shape *s) { return (size_t)(s->cp > s->op ? s->cp : s->op); }

static size_t pad_size(const shape *s) { return (SN_WINO_PLACES + 1) * widest(s); }

static own own_of(const shape *s, float *at, size_t second) {
    own o = { .v = at, .m = at + s->inputs, .pad = at + s->inputs + second };
    float *zeros = o.pad + SN_WINO_PLACES * widest(s);
    memset(zeros, 0, widest(s) * sizeof *zeros);
    o.zeros = zeros;
    return o;
}

/* v (64, block, cp) of the tiles from .. from + count. */
static void transform_inputs(const shape *s, const own *o, const float *x, int64_t from, int64_t count) {
    const float *px[SN_WINO_PLACES];
    for (int64_t t = 0; t < count; t++) {
        int64_t ty = (from + t) % s->each / s->across, tx = (from + t) % s->across;
        const float *image = x + (from + t) / s->each * s->h * s->w * s->c;
        square(px, image, s->h, s->w, s->c, s->cp, ty * s->m - s->pt, tx * s->m - s->pl, SN_WINO_TILE, o->pad,
               o->zeros);
        s->kern->input(o->v + t * s->cp, s->block * s->cp, px, s->cp);
    }
}

/* ---- the kernel: U = G k G^T as (chunks, 64, cp, chunk) ---- */

/* Rows of G for a kernel of r taps: the points' powers, scaled (see wino.h). */
static void kernel_rows(float g[SN_WINO_TILE][5], int r) {
    static const double point[SN_WINO_TILE] = { 0, 1, -1, 2, -2, 0.5, -0.5, 0 };
    static const double scale[SN_WINO_TILE] = { 1,        -2.0 / 9,  -2.0 / 9,  1.0 / 90,
                                                1.0 / 90, 32.0 / 45, 32.0 / 45, 1 };
    for (int i = 0; i < SN_WINO_TILE; i++) {
        double power = scale[i];
        for (int k = 0; k < r; k++, power *= point[i]) g[i][k] = (float)power;
    }
    for (int k = 0; k < r; k++) g[SN_WINO_TILE - 1][k] = k == r - 1;
}

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
    kernel_rows(g, s->r);
    for (int64_t j = 0; j < s->chunks; j++) {
        if (c < s->c) gather_taps(t, c, j * s->chunk, least(s->chunk, s->oc - j * s->chunk), taps);
        s->kern->kernel(t->scratch + (j * SN_WINO_PLACES * s->cp + c) * s->chunk, s->cp * s->chunk, taps, g,
                        s->r);
    }
}

/* ---- forward, and the data gradient ---- */

static void put_tiles(const job *t, const own *o, int64_t from, int64_t count, int64_t j) {
    const shape *s = t->s;
    float bias[2 * MOST_LANES] = { 0 };
    int64_t first = j * s->chunk, n = least(s->chunk, s->oc - first);
    for (int64_t l = 0; t->bias && l < n; l++) bias[l] = t->bias[first + l];
    for (int64_t i = 0; i < count; i++) {
        int64_t y = (from + i) % s->each / s->across * s->m, x = (from + i) % s->across * s->m;
        int64_t image = (from + i) / s->each;
        sn_conv_tile_out out = { .at = t->y + ((image * s->oh + y) * s->ow + x) * s->oc + first,
                                 .pixel = s->oc,
                                 .row = s->ow * s->oc,
                                 .rows = (int)least(s->m, s->oh - y),
                                 .cols = (int)least(s->m, s->ow - x),
                                 .channels = n };
        s->kern->output[s->m == 6](o->m + i * s->chunk, s->kern->mr * s->chunk, bias, &out);
    }
}

static void forward_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t from = cell * s->block, count = least(s->block, s->tiles - from), mr = s->kern->mr;
    size_t each = s->inputs + s->products + pad_size(s);
    own o = own_of(s, t->scratch + s->kernel + (size_t)worker * each, s->products);
    transform_inputs(s, &o, t->x, from, count);
    for (int64_t i = count; i < up(count, mr); i++) /* products come in groups of mr */
        for (int place = 0; place < SN_WINO_PLACES; place++)
            memset(o.v + (place * s->block + i) * s->cp, 0, (size_t)s->cp * sizeof *o.v);
    for (int64_t j = 0; j < s->chunks; j++) {
        const float *u = t->scratch + j * SN_WINO_PLACES * s->cp * s->chunk;
        for (int64_t g = 0; g < count; g += mr) {
            for (int place = 0; place < SN_WINO_PLACES; place++)
                s->kern->product(o.m + place * mr * s->chunk, o.v + (place * s->block + g) * s->cp, s->cp,
                                 u + place * s->cp * s->chunk, s->cp);
            put_tiles(t, &o, from + g, least(mr, count - g), j);
        }
    }
}

static void convolve(sn_pool *pool, job *t) {
    sn_parallel(pool, t->s->cp, kernel_cell, t);
    sn_parallel(pool, t->s->blocks, forward_cell, t);
}

void sn_wino_forward(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                     const sn_conv *d, float *scratch) {
    shape s = forward_shape(d);
    job t = { .s = &s, .y = y, .x = x, .k = k, .bias = bias, .scratch = scratch };
    convolve(pool, &t);
}

void sn_wino_data(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d, float *scratch) {
    shape s = data_shape(d);
    job t = { .s = &s, .y = dx, .x = dy, .k = k, .turned = true, .scratch = scratch };
    convolve(pool, &t);
}

/* ---- the weight gradient: sums of products of transformed tiles, transformed back once ---- */

/* Slots sum their share of the blocks; how many is decided by the sizes: each costs as much as some tiles. */
static int64_t slots_of(const shape *s) {
    enum { VALUES = 16 << 20, MOST = 8, TILES = 48 };
    int64_t n = least(VALUES / (int64_t)s->kernel, s->tiles / TILES);
    return least(n < 1 ? 1 : least(n, MOST), s->blocks);
}

static size_t slot_size(const shape *s) { return s->kernel + (size_t)up(2 * s->oc, ALIGN); }

/* z (64, block, op) of the same tiles' gradients; channels of a chunk that there are not are zero. */
static void transform_grads(const shape *s, const own *o, const float *dy, int64_t from, int64_t count) {
    const float *px[36];
    for (int64_t t = 0; t < count; t++) {
        int64_t ty = (from + t) % s->each / s->across, tx = (from + t) % s->across;
        const float *image = dy + (from + t) / s->each * s->oh * s->ow * s->oc;
        square(px, image, s->oh, s->ow, s->oc, s->op, ty * s->m, tx * s->m, s->m, o->pad, o->zeros);
        s->kern->grad[s->m == 6](o->m + t * s->op, s->block * s->op, px, s->op);
    }
}

/* The place of points 1 and 1 holds the sum of a tile. */
static void add_bias(const shape *s, double *sum, const float *z, int64_t count) {
    const float *at = z + (SN_WINO_TILE + 1) * s->block * s->op;
    for (int64_t t = 0; t < count; t++)
        for (int64_t c = 0; c < s->oc; c++) sum[c] += (double)at[t * s->op + c];
}

static void add_block(const shape *s, float *sum, const own *o, int64_t count) {
    for (int place = 0; place < SN_WINO_PLACES; place++) {
        const float *v = o->v + place * s->block * s->cp, *z = o->m + place * s->block * s->op;
        float *to = sum + place * s->cp * s->op;
        for (int64_t j = 0; j < s->op; j += s->chunk)
            for (int64_t i = 0; i < s->cp; i += s->kern->mw)
                s->kern->add_product(to + i * s->op + j, s->op, v + i, s->cp, z + j, s->op, count);
    }
}

static void weights_cell(void *ctx, int64_t slot, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t first = s->blocks * slot / t->slots, end = s->blocks * (slot + 1) / t->slots;
    float *sum = t->scratch + (size_t)slot * t->slot;
    double *bias = (double *)(void *)(sum + s->kernel);
    size_t grads = (size_t)(SN_WINO_PLACES * s->block * s->op), each = s->inputs + grads + pad_size(s);
    own o = own_of(s, t->scratch + (size_t)t->slots * t->slot + (size_t)worker * each, grads);
    memset(sum, 0, s->kernel * sizeof *sum);
    for (int64_t c = 0; c < s->oc; c++) bias[c] = 0;
    for (int64_t b = first; b < end; b++) {
        int64_t image = b / s->blocks, from = b % s->blocks * s->block,
                count = least(s->block, s->tiles - from);
        transform_inputs(s, &o, t->x + image * s->h * s->w * s->c, from, count);
        transform_grads(s, &o, t->dy + image * s->oh * s->ow * s->oc, from, count);
        add_block(s, sum, &o, count);
        add_bias(s, bias, o.m, count);
    }
}

/* G^T M G for one input channel; M is summed over the slots in their order. */
static void back_cell(void *ctx, int64_t c, int worker) {
    (void)worker;
    const job *t = ctx;
    const shape *s = t->s;
    int r = s->r;
    float g[SN_WINO_TILE][5], dk[25 * 2 * MOST_LANES];
    kernel_rows(g, r);
    for (int64_t j = 0; j < s->op; j += s->chunk) {
        s->kern->back(dk, t->scratch + c * s->op + j, s->cp * s->op, t->slots, t->slot, g, r);
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
    return s->c >= 8 && s->oc >= 16 && s->tiles >= TILES && wanted * 5 >= computed * 2;
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

/* The sums of the slots are as large as many tiles. */
bool sn_wino_weights_fits(const sn_conv *d) {
    enum { TILES = 96 };
    if (!fits(d)) return false;
    shape s = forward_shape(d);
    return worth(&s) && s.tiles >= TILES;
}

static size_t convolve_scratch(const shape *s, size_t workers) {
    return s->kernel + workers * (s->inputs + s->products + pad_size(s));
}

size_t sn_wino_scratch(const sn_conv *d, const sn_pool *pool) {
    size_t workers = (size_t)sn_pool_size(pool), most = 0;
    if (sn_wino_forward_fits(d)) {
        shape s = forward_shape(d);
        size_t grads = (size_t)(SN_WINO_PLACES * s.block * s.op);
        size_t weights = (size_t)slots_of(&s) * slot_size(&s) + workers * (s.inputs + grads + pad_size(&s));
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
