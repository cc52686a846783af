#include "num/conv_scatter.h"

#include "num/conv_kern.h"
#include "num/gemm.h"
#include <string.h>

enum { ALIGN = 16, MOST_TAPS = 11 };

static int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by * by; }

static int64_t taps_of(const sn_conv *d) { return d->kh * d->kw * d->ci; }

static size_t panel_of(const sn_conv *d) { return (size_t)up(d->oh * d->ow * taps_of(d), ALIGN); }

/* An image's panel stays in the second-level cache; a kernel row is a few vectors, side by side in the image.
 */
bool sn_conv_scatter_fits(const sn_conv *d) {
    enum { PANEL = 1 << 16, CHANNELS = 12, LEAST_OUT = 8, LEAST_RUN = 8 };
    bool small = d->ci <= CHANNELS && d->kw <= PANEL && d->kh <= PANEL && d->oh <= PANEL && d->ow <= PANEL;
    return small && d->algorithm == SN_CONV_AUTO && d->oh > 0 && d->ow > 0 && d->dh == 1 && d->dw == 1 &&
           d->co >= LEAST_OUT && d->kw * d->ci >= LEAST_RUN && d->kh > 1 && d->oh * d->ow <= PANEL / taps_of(d);
}

typedef struct {
    const sn_conv *d;
    float *dx, *panels;
    const float *dy, *k;
} job;

/* ---- a product for each image, and its rows added where they belong ---- */

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

/* ---- of step 1: what a row of the image gets, summed over the kernel's rows in registers ---- */

typedef struct {
    const sn_conv *d;
    const sn_conv_kern *kern;
    const sn_conv_rows *rows;
    float *dx, *scratch;
    const float *dy, *k;
    int64_t chunk, chunks, width; /* of the kernel row's taps and channels */
    int64_t line;                 /* elements of a copied row of dy, up to whole products */
    int64_t across;               /* its pixels */
    size_t kernel, own;           /* elements: the packed kernel and zeros; of a worker */
} row_job;

static row_job row_job_of(const sn_conv *d) {
    row_job t = { .d = d, .kern = sn_conv_kern_now() };
    int64_t run = d->kw * d->ci, lanes = t.kern->lanes;
    bool narrow = run <= lanes;
    t.rows = sn_conv_rows_for(t.kern, d->ow, narrow);
    t.chunk = narrow ? lanes : 2 * lanes;
    t.width = up(run, t.chunk);
    t.chunks = t.width / t.chunk;
    t.across = up(d->ow, t.rows->pixels);
    t.line = t.across * d->co;
    t.kernel = (size_t)up(t.width * d->kh * d->co + t.chunk, ALIGN);
    t.own = (size_t)up(t.line * d->oh + t.across * t.width + lanes + d->w * d->ci + lanes, ALIGN);
    return t;
}

/* Not where most of these products would be of pixels and lanes that there are not: of rows of a few pixels,
 * whose images are cheap to add to. Measured, the two ways are even at about twice the work. */
static bool by_rows(const sn_conv *d) {
    if (d->sh != 1 || d->sw != 1 || d->kh > MOST_TAPS) return false;
    row_job t = row_job_of(d);
    return t.across * t.width <= 2 * d->ow * d->kw * d->ci;
}

/* (chunks, kh * co, chunk): lanes are the taps of a kernel row and their channels. */
static void pack_rows(const row_job *t) {
    const sn_conv *d = t->d;
    float *to = t->scratch;
    for (int64_t j = 0; j < t->chunks; j++)
        for (int64_t r = 0; r < d->kh; r++)
            for (int64_t o = 0; o < d->co; o++)
                for (int64_t l = j * t->chunk; l < (j + 1) * t->chunk; l++)
                    *to++ = l < d->kw * d->ci ? t->k[(r * d->kw * d->ci + l) * d->co + o] : 0;
    memset(to, 0, (size_t)t->chunk * sizeof *to); /* what products begin with */
}

/* sums (across, width): what output pixels under the image's row y give each tap of a kernel row. */
static bool sum_row(const row_job *t, float *sums, const float *own, int64_t y) {
    const sn_conv *d = t->d;
    int64_t last = y + d->pt, from = last - (d->oh - 1) > 0 ? last - (d->oh - 1) : 0;
    int64_t count = (last < d->kh - 1 ? last : d->kh - 1) - from + 1;
    if (count <= 0) return false;
    const float *zeros = t->scratch + t->width * d->kh * d->co;
    for (int64_t j = 0; j < t->chunks; j++) {
        const float *b = t->scratch + (j * d->kh + from) * d->co * t->chunk;
        for (int64_t x = 0; x < t->across; x += t->rows->pixels) {
            const float *at[MOST_TAPS];
            for (int64_t r = 0; r < count; r++) at[r] = own + (last - from - r) * t->line + x * d->co;
            t->rows->product(sums + x * t->width + j * t->chunk, t->width, at, d->co, b, d->co, (int)count,
                             zeros);
        }
    }
    return true;
}

static void rows_cell(void *ctx, int64_t image, int worker) {
    const row_job *t = ctx;
    const sn_conv *d = t->d;
    int64_t row = d->w * d->ci, dy_row = d->ow * d->co;
    float *own = t->scratch + t->kernel + (size_t)worker * t->own, *sums = own + t->line * d->oh;
    float *last = sums + t->across * t->width + t->kern->lanes, *dx = t->dx + image * d->h * row;
    for (int64_t r = 0; r < d->oh; r++) {
        memcpy(own + r * t->line, t->dy + (image * d->oh + r) * dy_row, (size_t)dy_row * sizeof *own);
        memset(own + r * t->line + dy_row, 0, (size_t)(t->line - dy_row) * sizeof *own);
    }
    for (int64_t y = 0; y < d->h; y++, dx += row) {
        /* Whole vectors are written: behind a row stand the next ones, behind the image's last another's. */
        bool ends = (d->h - 1 - y) * row < t->kern->lanes;
        if (sum_row(t, sums, own, y)) {
            t->kern->gather(ends ? last : dx, sums, t->width, d);
            if (ends) memcpy(dx, last, (size_t)row * sizeof *dx);
        } else {
            memset(dx, 0, (size_t)row * sizeof *dx);
        }
    }
}

/* ---- both ---- */

/* By the products of an image in vectors. Measured, the two are even where these are half as many again as the
 * transforms' own: transforms cost that much. */
bool sn_conv_scatter_beats_wino(const sn_conv *d, int64_t side) {
    if (!by_rows(d)) return false;
    row_job t = row_job_of(d);
    int64_t lanes = t.kern->lanes, pairs = 0, places = side + d->kh - 1;
    for (int64_t r = 0; r < d->kh; r++)
        for (int64_t y = 0; y < d->oh; y++) pairs += y + r >= d->pt && y + r - d->pt < d->h;
    int64_t tiles = ((d->h + side - 1) / side) * ((d->w + side - 1) / side);
    int64_t theirs = tiles * places * places * up(d->co, lanes) * (up(d->ci, lanes) / lanes);
    return 2 * pairs * t.across * d->co * (t.width / lanes) <= 3 * theirs;
}

size_t sn_conv_scatter_scratch(const sn_conv *d, const sn_pool *pool) {
    size_t workers = (size_t)sn_pool_size(pool);
    if (!sn_conv_scatter_fits(d)) return 0;
    if (!by_rows(d)) return workers * panel_of(d);
    row_job t = row_job_of(d);
    return t.kernel + workers * t.own;
}

void sn_conv_scatter_data(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d,
                          float *scratch) {
    if (by_rows(d)) {
        row_job r = row_job_of(d);
        r.dx = dx;
        r.scratch = scratch;
        r.dy = dy;
        r.k = k;
        pack_rows(&r);
        sn_parallel(pool, d->n, rows_cell, &r);
        return;
    }
    job t = { d, dx, scratch, dy, k };
    sn_parallel(pool, d->n, image_cell, &t);
}
