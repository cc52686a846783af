/* The passes of wino_few.h. A cell is a row of tiles of one image: the columns of the rows under it are
 * transformed once, then tile by tile the rows of these, and products and outputs follow in registers. */
#include "num/wino_few.h"

#include "num/wino_tile.h"
#include <string.h>

enum { MOST_LANES = 16, ALIGN = 16, RUN = 16 }; /* RUN: tiles at a time */

typedef struct {
    const sn_conv_kern *kern;
    int64_t n, h, w, c, oh, ow, oc, pt, pl;
    int r, m;
    int64_t vectors;       /* of output channels */
    int64_t across, down;  /* tiles in a row, rows of tiles */
    int64_t line;          /* elements of the places of a column of a tile, all channels */
    int64_t columns, edge; /* elements of the transformed columns; of zeros before the image's first */
    size_t kernel, outputs, tiles, rows, pad;
} shape;

typedef struct {
    const shape *s;
    sn_outputs out;
    float *dk, *dbias, *scratch;
    const float *x, *dy, *k;
    int64_t slots;
    size_t slot;
} job;

static int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by * by; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static shape shape_of(const sn_conv *d) {
    shape s = { .kern = sn_conv_kern_now(),
                .n = d->n,
                .h = d->h,
                .w = d->w,
                .c = d->ci,
                .oh = d->oh,
                .ow = d->ow,
                .oc = d->co,
                .pt = d->pt,
                .pl = d->pl,
                .r = (int)d->kh };
    int64_t lanes = s.kern->lanes;
    s.m = SN_WINO_TILE + 1 - s.r;
    s.vectors = (s.oc + lanes - 1) / lanes;
    s.across = (s.ow + s.m - 1) / s.m;
    s.down = (s.oh + s.m - 1) / s.m;
    s.line = up(s.c * SN_WINO_TILE, lanes);
    s.edge = s.pl * s.c * SN_WINO_TILE;
    /* What the last tile reads, what the transform of columns writes, and a vector. */
    int64_t read = s.across * s.m + SN_WINO_TILE, written = s.pl + s.w;
    s.columns = up((read > written ? read : written) * s.c * SN_WINO_TILE + (SN_WINO_TILE + 1) * lanes, ALIGN);
    s.kernel = (size_t)(s.vectors * SN_WINO_PLACES * s.c * lanes);
    s.outputs = sn_outputs_scratch(s.vectors * lanes, s.n * s.down);
    s.tiles = (size_t)(RUN * SN_WINO_TILE * s.line);
    s.rows = (size_t)(RUN * SN_WINO_TILE * s.m * lanes);
    s.pad = (size_t)(RUN * s.m * s.m * s.vectors * lanes);
    return s;
}

/* A worker's own memory: columns, tiles, and for the weight gradient its rows and padded squares. */
static size_t own_size(const shape *s, bool weights) {
    return (size_t)s->columns + s->tiles + (weights ? s->rows + s->pad : 0);
}

/* Columns (pixels, channels, 8) of the input under a row of tiles; before and behind the image they are zero.
 */
static void columns(const shape *s, float *to, const float *image, int64_t ty) {
    static const float zeros[MOST_LANES];
    const float *rows[SN_WINO_TILE];
    int64_t n = s->w * s->c, end = s->edge + n * SN_WINO_TILE, lanes = s->kern->lanes;
    memset(to, 0, (size_t)s->edge * sizeof *to);
    int64_t first = ty * s->m - s->pt;
    if (first >= 0 && first + SN_WINO_TILE <= s->h) {
        for (int i = 0; i < SN_WINO_TILE; i++) rows[i] = image + (first + i) * n;
        s->kern->few_columns(to + s->edge, rows, n);
    } else { /* a vector at a time, or there would have to be a whole row of zeros */
        for (int64_t e = 0; e < n; e += lanes) {
            for (int i = 0; i < SN_WINO_TILE; i++) {
                bool there = first + i >= 0 && first + i < s->h;
                rows[i] = there ? image + (first + i) * n + e : zeros;
            }
            s->kern->few_columns(to + s->edge + e * SN_WINO_TILE, rows, least(lanes, n - e));
        }
    }
    memset(to + end, 0, (size_t)(s->columns - end) * sizeof *to);
}

/* Transformed tiles from tx on. */
static void tiles(const shape *s, float *v, const float *columns, int64_t tx, int64_t count) {
    int64_t pixel = s->c * SN_WINO_TILE;
    for (int64_t i = 0; i < count; i++)
        s->kern->few_rows(v + i * SN_WINO_TILE * s->line, s->line, columns + (tx + i) * s->m * pixel, pixel);
}

/* ---- forward ---- */

/* The kernel's places (vectors, 8 columns, c, 8 rows, lanes). */
static void pack(const job *t, float *u) {
    const shape *s = t->s;
    int64_t lanes = s->kern->lanes, chunk = 2 * lanes, taps = s->r * s->r;
    float g[SN_WINO_TILE][5], from[25 * 2 * MOST_LANES], to[SN_WINO_PLACES * 2 * MOST_LANES];
    sn_wino_kernel_rows(g, s->r, SN_WINO_TILE);
    for (int64_t c = 0; c < s->c; c++)
        for (int64_t q = 0; q < s->vectors; q += 2) {
            for (int64_t a = 0; a < taps; a++)
                for (int64_t l = 0; l < chunk; l++) {
                    int64_t o = q * lanes + l;
                    from[a * chunk + l] = o < s->oc ? t->k[(a * s->c + c) * s->oc + o] : 0;
                }
            s->kern->kernel(to, chunk, from, g, s->r, SN_WINO_TILE);
            for (int64_t h = q; h < least(q + 2, s->vectors); h++)
                for (int place = 0; place < SN_WINO_PLACES; place++) {
                    int64_t i = place / SN_WINO_TILE, j = place % SN_WINO_TILE;
                    memcpy(u + (((h * SN_WINO_TILE + j) * s->c + c) * SN_WINO_TILE + i) * lanes,
                           to + place * chunk + (h - q) * lanes, (size_t)lanes * sizeof *u);
                }
        }
}

static void forward_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t image = cell / s->down, ty = cell % s->down, lanes = s->kern->lanes;
    const float *u = t->scratch;
    float *line = t->scratch + s->kernel + s->outputs + (size_t)worker * own_size(s, false),
          *v = line + s->columns;
    columns(s, line, t->x + image * s->h * s->w * s->c, ty);
    for (int64_t tx = 0; tx < s->across; tx += RUN) {
        sn_conv_tile_out out[RUN];
        int64_t count = least(RUN, s->across - tx);
        tiles(s, v, line, tx, count);
        for (int64_t q = 0; q < s->vectors; q++) {
            sn_conv_put put = sn_outputs_put(&t->out, cell, q * lanes);
            for (int64_t i = 0; i < count; i++)
                out[i] = sn_outputs_tile(&t->out, image, ty * s->m, (tx + i) * s->m, s->m, q * lanes);
            out[0].fresh = tx == 0;
            s->kern->few_output[s->m == 6](v, s->line, u + q * SN_WINO_PLACES * s->c * lanes, s->c, &put, out,
                                           count);
        }
    }
    sn_outputs_cell(&t->out, cell, least(s->m, s->oh - ty * s->m) * s->ow);
}

void sn_few_forward(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                    const sn_conv *d, const sn_conv_after *after, float *scratch) {
    shape s = shape_of(d);
    job t = { .s = &s, .x = x, .k = k, .scratch = scratch };
    t.out = (sn_outputs){ .kern = s.kern,
                          .after = after,
                          .y = y,
                          .oh = s.oh,
                          .ow = s.ow,
                          .oc = s.oc,
                          .op = s.vectors * s.kern->lanes,
                          .cells = s.n * s.down };
    pack(&t, scratch);
    sn_outputs_begin(&t.out, s.n, bias, scratch + s.kernel);
    sn_parallel(pool, t.out.cells, forward_cell, &t);
    sn_outputs_end(pool, &t.out);
}

/* ---- the weight gradient ---- */

/* Slots sum their share of the rows of tiles; the sizes decide how many. */
static int64_t slots_of(const shape *s) {
    enum { MOST = 32, TILES = 64 };
    int64_t n = s->n * s->down * s->across / TILES;
    return least(n < 1 ? 1 : least(n, MOST), s->n * s->down);
}

static size_t slot_size(const shape *s) { return s->kernel + (size_t)up(2 * s->oc, ALIGN); }

/* Sums of a run of tiles, added to the slot's. */
static void add_tiles(const job *t, float *sum, double *bias, const float *v, float *rows, float *pad,
                      int64_t image, int64_t ty, int64_t tx, int64_t count) {
    const shape *s = t->s;
    int64_t lanes = s->kern->lanes, wide = s->vectors * lanes, square = s->m * s->m * wide;
    sn_conv_tile_in in[RUN];
    for (int64_t i = 0; i < count; i++) {
        int64_t before = image * s->oh * s->ow * s->oc;
        sn_square q = { .image = t->dy + before,
                        .h = s->oh,
                        .w = s->ow,
                        .c = s->oc,
                        .cp = wide,
                        .row = ty * s->m,
                        .col = (tx + i) * s->m,
                        .size = s->m,
                        .room = s->n * s->oh * s->ow * s->oc - before };
        in[i] = sn_square_read(&q, pad + i * square);
    }
    for (int64_t q = 0; q < s->vectors; q++) {
        float part[MOST_LANES];
        s->kern->few_weights[s->m == 6](sum + q * SN_WINO_PLACES * s->c * lanes, part, v, s->line, rows, s->c,
                                        in, q * lanes, count);
        for (int64_t l = 0; l < least(lanes, s->oc - q * lanes); l++) bias[q * lanes + l] += (double)part[l];
    }
}

static void weights_cell(void *ctx, int64_t slot, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t all = s->n * s->down, first = all * slot / t->slots, end = all * (slot + 1) / t->slots;
    float *sum = t->scratch + (size_t)slot * t->slot;
    double *bias = (double *)(void *)(sum + s->kernel);
    float *line = t->scratch + (size_t)t->slots * t->slot + (size_t)worker * own_size(s, true);
    float *v = line + s->columns, *rows = v + s->tiles, *pad = rows + s->rows;
    memset(sum, 0, s->kernel * sizeof *sum);
    for (int64_t o = 0; o < s->oc; o++) bias[o] = 0;
    for (int64_t b = first; b < end; b++) {
        int64_t image = b / s->down, ty = b % s->down;
        columns(s, line, t->x + image * s->h * s->w * s->c, ty);
        for (int64_t tx = 0; tx < s->across; tx += RUN) {
            int64_t count = least(RUN, s->across - tx);
            tiles(s, v, line, tx, count);
            add_tiles(t, sum, bias, v, rows, pad, image, ty, tx, count);
        }
    }
}

/* G^T M G for one input channel and two vectors, M summed over the slots in their order. */
static void back(const job *t, int64_t c, int64_t q, float (*g)[5]) {
    const shape *s = t->s;
    int64_t lanes = s->kern->lanes, chunk = 2 * lanes;
    float m[SN_WINO_PLACES * 2 * MOST_LANES] = { 0 }, dk[25 * 2 * MOST_LANES];
    for (int64_t h = q; h < least(q + 2, s->vectors); h++)
        for (int place = 0; place < SN_WINO_PLACES; place++) {
            int64_t i = place / SN_WINO_TILE, j = place % SN_WINO_TILE;
            const float *at = t->scratch + (((h * SN_WINO_TILE + j) * s->c + c) * SN_WINO_TILE + i) * lanes;
            float *to = m + place * chunk + (h - q) * lanes;
            for (int64_t k = 0; k < t->slots; k++)
                for (int64_t l = 0; l < lanes; l++) to[l] += at[(size_t)k * t->slot + (size_t)l];
        }
    s->kern->back(dk, m, chunk, 1, 0, g, s->r, SN_WINO_TILE);
    for (int64_t a = 0; a < s->r * s->r; a++)
        for (int64_t l = 0; l < least(chunk, s->oc - q * lanes); l++)
            t->dk[(a * s->c + c) * s->oc + q * lanes + l] += dk[a * chunk + l];
}

void sn_few_weights(sn_pool *pool, float *dk, float *dbias, const float *x, const float *dy, const sn_conv *d,
                    float *scratch) {
    shape s = shape_of(d);
    job t = { .s = &s, .dk = dk, .dbias = dbias, .x = x, .dy = dy, .scratch = scratch };
    float g[SN_WINO_TILE][5];
    t.slots = slots_of(&s);
    t.slot = slot_size(&s);
    if (t.slots == 0) return;
    sn_wino_kernel_rows(g, s.r, SN_WINO_TILE);
    sn_parallel(pool, t.slots, weights_cell, &t);
    for (int64_t c = 0; c < s.c; c++)
        for (int64_t q = 0; q < s.vectors; q += 2) back(&t, c, q, g);
    for (int64_t o = 0; dbias && o < s.oc; o++) {
        double sum = 0;
        for (int64_t k = 0; k < t.slots; k++)
            sum += ((double *)(void *)(scratch + (size_t)k * t.slot + s.kernel))[o];
        dbias[o] += (float)sum;
    }
}

/* ---- what fits ---- */

/* Most of the outputs of the tiles must be inside of the image. */
static bool fits(const sn_conv *d) {
    enum { CHANNELS = 8, TILES = 24 };
    bool plain = d->sh == 1 && d->sw == 1 && d->dh == 1 && d->dw == 1 && d->kh == d->kw;
    if (!plain || (d->kh != 3 && d->kh != 5) || d->oh < 1 || d->ow < 1 || d->ci > CHANNELS) return false;
    if (d->pt >= SN_WINO_TILE || d->pl >= SN_WINO_TILE) return false;
    shape s = shape_of(d);
    int64_t computed = s.across * s.down * s.m * s.m;
    return s.n * s.across * s.down >= TILES && s.oh * s.ow * 5 >= computed * 2;
}

bool sn_few_forward_fits(const sn_conv *d) { return fits(d); }
bool sn_few_weights_fits(const sn_conv *d) { return fits(d); }

size_t sn_few_scratch(const sn_conv *d, const sn_pool *pool) {
    if (!fits(d)) return 0;
    shape s = shape_of(d);
    size_t workers = (size_t)sn_pool_size(pool);
    size_t forward = s.kernel + s.outputs + workers * own_size(&s, false);
    size_t weights = (size_t)slots_of(&s) * slot_size(&s) + workers * own_size(&s, true);
    return forward > weights ? forward : weights;
}
