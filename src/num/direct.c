/* The passes of direct.h. A cell is a few output rows of one image: the input rows under them are copied once,
 * with the zeros beside them, and all channels are computed from there. */
#include "num/direct.h"

#include <string.h>

enum { ALIGN = 16, MOST_LANES = 16, MOST_TAPS = 11 };

typedef struct {
    const sn_conv_kern *kern;
    const sn_conv_rows *product;
    int64_t n, h, w, c, oh, ow, oc;
    int64_t kh, kw, sh, sw, pt, pl;
    int64_t run;               /* taps of a kernel row times channels: side by side in the input */
    bool narrow;               /* chunks of one vector */
    int64_t chunk, chunks, op; /* of output channels */
    int64_t across;            /* output pixels of a row, filled up to whole products */
    int64_t rows, cells;       /* output rows of a cell; cells of an image */
    int64_t line, lines;       /* elements of a copied row; copied rows of a cell */
    size_t kernel, copied;     /* elements: the packed kernel; a worker's copied rows */
} shape;

typedef struct {
    const shape *s;
    float *y, *dk, *dbias, *scratch;
    const float *x, *dy, *k, *bias;
    bool turned;
    int64_t slots;
    size_t slot;
} job;

static int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by * by; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void finish(shape *s) {
    enum { ROWS = 8 };
    s->kern = sn_conv_kern_now();
    s->run = s->kw * s->c;
    s->narrow = s->oc <= s->kern->lanes;
    s->chunk = s->narrow ? s->kern->lanes : 2 * s->kern->lanes;
    s->product = sn_conv_rows_for(s->kern, s->ow, s->narrow);
    s->op = up(s->oc, s->chunk);
    s->chunks = s->op / s->chunk;
    s->across = up(s->ow, s->product->pixels);
    s->rows = least(ROWS, s->oh);
    s->cells = s->rows ? (s->oh + s->rows - 1) / s->rows : 0;
    /* What products read behind the last pixel, and weight sums behind the last tap, is there. */
    s->line = up((s->across - 1) * s->sw * s->c + s->run + s->kern->mw, ALIGN);
    s->lines = (s->rows - 1) * s->sh + s->kh;
    s->kernel = (size_t)up(s->kh * s->run * s->op, ALIGN);
    s->copied = (size_t)(s->lines * s->line);
}

static shape forward_shape(const sn_conv *d) {
    shape s = { .n = d->n,
                .h = d->h,
                .w = d->w,
                .c = d->ci,
                .oh = d->oh,
                .ow = d->ow,
                .oc = d->co,
                .kh = d->kh,
                .kw = d->kw,
                .sh = d->sh,
                .sw = d->sw,
                .pt = d->pt,
                .pl = d->pl };
    finish(&s);
    return s;
}

/* Of step 1: a convolution of dy with the kernel turned around. */
static shape data_shape(const sn_conv *d) {
    shape s = { .n = d->n,
                .h = d->oh,
                .w = d->ow,
                .c = d->co,
                .oh = d->h,
                .ow = d->w,
                .oc = d->ci,
                .kh = d->kh,
                .kw = d->kw,
                .sh = 1,
                .sw = 1,
                .pt = d->kh - 1 - d->pt,
                .pl = d->kw - 1 - d->pl };
    finish(&s);
    return s;
}

/* Input rows from `first` on, each with pl pixels of zeros before it and zeros to its end. */
static void copy_rows(const shape *s, float *to, const float *image, int64_t first, int64_t count) {
    int64_t left = s->pl * s->c, width = s->w * s->c;
    if (width > s->line - left) width = s->line - left;
    for (int64_t r = 0; r < count; r++, to += s->line) {
        int64_t y = first + r;
        if (y < 0 || y >= s->h) {
            memset(to, 0, (size_t)s->line * sizeof *to);
            continue;
        }
        memset(to, 0, (size_t)left * sizeof *to);
        memcpy(to + left, image + y * s->w * s->c, (size_t)width * sizeof *to);
        memset(to + left + width, 0, (size_t)(s->line - left - width) * sizeof *to);
    }
}

/* ---- forward, and the data gradient ---- */

/* (chunks, kh * run, chunk): one cell for each tap of all channels. */
static void pack_cell(void *ctx, int64_t tap, int worker) {
    (void)worker;
    const job *t = ctx;
    const shape *s = t->s;
    int64_t taps = s->kh * s->kw;
    for (int64_t j = 0; j < s->chunks; j++) {
        for (int64_t c = 0; c < s->c; c++) {
            float *to = t->scratch + ((j * taps + tap) * s->c + c) * s->chunk;
            for (int64_t l = 0; l < s->chunk; l++) {
                int64_t o = j * s->chunk + l;
                if (o >= s->oc)
                    to[l] = 0;
                else if (t->turned) /* k is (kh, kw, oc, c) as stored */
                    to[l] = t->k[((taps - 1 - tap) * s->oc + o) * s->c + c];
                else
                    to[l] = t->k[(tap * s->c + c) * s->oc + o];
            }
        }
    }
}

/* mr pixels from x on of an output row, one chunk; those behind the end, and channels that there are not, are
 * left out. */
static void put_pixels(const job *t, float *y, const float *const *lines, int64_t x, int64_t j,
                       const float *bias) {
    const shape *s = t->s;
    int64_t pixels = least(s->product->pixels, s->ow - x), first = j * s->chunk,
            n = least(s->chunk, s->oc - first);
    const float *at[MOST_TAPS], *b = t->scratch + j * s->kh * s->run * s->chunk;
    float part[16 * 2 * MOST_LANES];
    for (int64_t r = 0; r < s->kh; r++) at[r] = lines[r] + x * s->sw * s->c;
    bool whole = pixels == s->product->pixels && n == s->chunk;
    float *to = whole ? y + x * s->oc + first : part;
    s->product->product(to, whole ? s->oc : s->chunk, at, s->sw * s->c, b, s->run, (int)s->kh, bias + first);
    for (int64_t p = 0; p < pixels && !whole; p++)
        memcpy(y + (x + p) * s->oc + first, part + p * s->chunk, (size_t)n * sizeof *y);
}

static void forward_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t image = cell / s->cells, from = cell % s->cells * s->rows, count = least(s->rows, s->oh - from);
    float *bias = t->scratch + s->kernel, *own = bias + up(s->op, ALIGN) + (size_t)worker * s->copied;
    copy_rows(s, own, t->x + image * s->h * s->w * s->c, from * s->sh - s->pt, (count - 1) * s->sh + s->kh);
    for (int64_t j = 0; j < s->chunks; j++) {
        for (int64_t i = 0; i < count; i++) {
            const float *lines[MOST_TAPS];
            for (int64_t r = 0; r < s->kh; r++) lines[r] = own + (i * s->sh + r) * s->line;
            float *y = t->y + (image * s->oh + from + i) * s->ow * s->oc;
            for (int64_t x = 0; x < s->ow; x += s->product->pixels) put_pixels(t, y, lines, x, j, bias);
        }
    }
}

static void convolve(sn_pool *pool, job *t) {
    const shape *s = t->s;
    float *bias = t->scratch + s->kernel;
    for (int64_t o = 0; o < s->op; o++) bias[o] = t->bias && o < s->oc ? t->bias[o] : 0;
    sn_parallel(pool, s->kh * s->kw, pack_cell, t);
    sn_parallel(pool, s->n * s->cells, forward_cell, t);
}

void sn_direct_forward(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                       const sn_conv *d, float *scratch) {
    shape s = forward_shape(d);
    job t = { .s = &s, .y = y, .x = x, .k = k, .bias = bias, .scratch = scratch };
    convolve(pool, &t);
}

void sn_direct_data(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d,
                    float *scratch) {
    shape s = data_shape(d);
    job t = { .s = &s, .y = dx, .x = dy, .k = k, .turned = true, .scratch = scratch };
    convolve(pool, &t);
}

/* ---- the weight gradient ---- */

static int64_t taps_up(const shape *s) { return up(s->run, s->kern->mw); }
static int64_t wide(const shape *s) { return up(s->oc, 2 * s->kern->lanes); } /* sums take two vectors */

static int64_t slots_of(const shape *s) {
    enum { MOST = 16, ROWS = 32 };
    int64_t n = s->n * s->oh / ROWS;
    return least(n < 1 ? 1 : least(n, MOST), s->n * s->cells);
}

static size_t slot_size(const shape *s) { return (size_t)up(s->kh * taps_up(s) * wide(s) + 2 * s->oc, ALIGN); }
static size_t slot_bias(const shape *s) { return (size_t)(s->kh * taps_up(s) * wide(s)); }

/* dy's row with channels filled up. */
static const float *wide_row(const shape *s, float *pad, const float *dy) {
    if (s->oc == wide(s)) return dy;
    for (int64_t x = 0; x < s->ow; x++) memcpy(pad + x * wide(s), dy + x * s->oc, (size_t)s->oc * sizeof *pad);
    return pad;
}

static void add_rows(const job *t, float *sum, double *bias, const float *own, float *pad, int64_t image,
                     int64_t from, int64_t count) {
    const shape *s = t->s;
    for (int64_t i = 0; i < count; i++) {
        const float *dy = t->dy + (image * s->oh + from + i) * s->ow * s->oc;
        const float *b = wide_row(s, pad, dy);
        for (int64_t r = 0; r < s->kh; r++) {
            const float *a = own + (i * s->sh + r) * s->line;
            float *to = sum + r * taps_up(s) * wide(s);
            for (int64_t j = 0; j < wide(s); j += 2 * s->kern->lanes)
                for (int64_t l = 0; l < s->run; l += s->kern->mw)
                    s->kern->add_product(to + l * wide(s) + j, wide(s), a + l, s->sw * s->c, b + j, wide(s),
                                         s->ow);
        }
        for (int64_t x = 0; x < s->ow && t->dbias; x++)
            for (int64_t o = 0; o < s->oc; o++) bias[o] += (double)dy[x * s->oc + o];
    }
}

static void weights_cell(void *ctx, int64_t slot, int worker) {
    const job *t = ctx;
    const shape *s = t->s;
    int64_t all = s->n * s->cells, first = all * slot / t->slots, end = all * (slot + 1) / t->slots;
    float *sum = t->scratch + (size_t)slot * t->slot;
    size_t pads = (size_t)(s->ow * wide(s));
    float *own = t->scratch + (size_t)t->slots * t->slot + (size_t)worker * (s->copied + pads),
          *pad = own + s->copied;
    memset(sum, 0, t->slot * sizeof *sum);
    memset(pad, 0, pads * sizeof *pad);
    for (int64_t b = first; b < end; b++) {
        int64_t image = b / s->cells, from = b % s->cells * s->rows, count = least(s->rows, s->oh - from);
        copy_rows(s, own, t->x + image * s->h * s->w * s->c, from * s->sh - s->pt, (count - 1) * s->sh + s->kh);
        add_rows(t, sum, (double *)(void *)(sum + slot_bias(s)), own, pad, image, from, count);
    }
}

static void combine_cell(void *ctx, int64_t tap, int worker) {
    (void)worker;
    const job *t = ctx;
    const shape *s = t->s;
    int64_t r = tap / s->run, l = tap % s->run;
    for (int64_t o = 0; o < s->oc; o++) {
        float sum = 0;
        for (int64_t k = 0; k < t->slots; k++)
            sum += t->scratch[(size_t)k * t->slot + (size_t)((r * taps_up(s) + l) * wide(s) + o)];
        t->dk[tap * s->oc + o] += sum;
    }
}

void sn_direct_weights(sn_pool *pool, float *dk, float *dbias, const float *x, const float *dy,
                       const sn_conv *d, float *scratch) {
    shape s = forward_shape(d);
    job t = { .s = &s, .dk = dk, .dbias = dbias, .x = x, .dy = dy, .scratch = scratch };
    t.slots = slots_of(&s);
    t.slot = slot_size(&s);
    if (t.slots == 0) return;
    sn_parallel(pool, t.slots, weights_cell, &t);
    sn_parallel(pool, s.kh * s.run, combine_cell, &t);
    for (int64_t o = 0; dbias && o < s.oc; o++) {
        double sum = 0;
        for (int64_t k = 0; k < t.slots; k++)
            sum += ((double *)(void *)(scratch + (size_t)k * t.slot + slot_bias(&s)))[o];
        dbias[o] += (float)sum;
    }
}

/* ---- what fits ---- */

/* Long sums over many channels are what a library's product is made for; it repays the copying. */
static bool fits(const sn_conv *d, int64_t run) {
    enum { RUN = 1024 };
    return d->dh == 1 && d->dw == 1 && d->kh <= MOST_TAPS && d->oh > 0 && d->ow > 0 && d->kh * run <= RUN;
}

/* Vectors of channels must be well filled: three quarters of them. */
static bool fills(int64_t c, int64_t vector) { return 4 * c >= 3 * up(c, vector); }

bool sn_direct_forward_fits(const sn_conv *d) { return fits(d, d->kw * d->ci); }
bool sn_direct_data_fits(const sn_conv *d) {
    bool inside = d->pt < d->kh && d->pl < d->kw;
    return d->sh == 1 && d->sw == 1 && inside && fits(d, d->kw * d->co) &&
           fills(d->ci, sn_conv_kern_now()->lanes);
}
bool sn_direct_weights_fits(const sn_conv *d) {
    return fits(d, d->kw * d->ci) && fills(d->co, 2 * sn_conv_kern_now()->lanes);
}

static size_t convolve_scratch(const shape *s, size_t workers) {
    return s->kernel + (size_t)up(s->op, ALIGN) + workers * s->copied;
}

size_t sn_direct_scratch(const sn_conv *d, const sn_pool *pool) {
    size_t workers = (size_t)sn_pool_size(pool), most = 0;
    if (sn_direct_forward_fits(d)) {
        shape s = forward_shape(d);
        size_t weights =
            (size_t)slots_of(&s) * slot_size(&s) + workers * (s.copied + (size_t)(s.ow * wide(&s)));
        size_t forward = convolve_scratch(&s, workers);
        most = weights > forward ? weights : forward;
    }
    if (sn_direct_data_fits(d)) {
        shape s = data_shape(d);
        size_t data = convolve_scratch(&s, workers);
        if (data > most) most = data;
    }
    return most;
}
