/* Sums over the rows of (rows, cols) arrays: a grid of row chunks and column blocks, one partial result per
 * cell, combined in order of the chunks. */
#include "nn/layers/common.h"
#include "num/kern.h"
#include <string.h>

enum {
    COL_BLOCK = SN_COL_WIDTH, /* columns of one cell */
    CELL_VALUES =
        SN_COL_ROOM, /* wanted values of one cell, and of what is read twice while it is in the cache */
    MAX_CHUNKS = 64  /* row chunks; bounds the partial sums */
};

typedef struct {
    sn_col_op op;
    size_t nout; /* results per column */
    const real *x, *y, *mean;
    const sn_row_source *source;
    size_t rows, cols, chunks, chunk_rows, blocks;
    double *partial; /* (chunks, nout, cols) */
} colsum;

/* One cell: rows [from, to), columns c0 .. c0 + w. */
typedef struct {
    size_t from, to, c0, w;
} patch;

static size_t chunk_count(size_t rows, size_t cols) {
    size_t w = cols < COL_BLOCK ? cols : COL_BLOCK, n = (rows * w + CELL_VALUES - 1) / CELL_VALUES;
    return n < 1 ? 1 : n > MAX_CHUNKS ? MAX_CHUNKS : n;
}

size_t SN_R(sn_colsum_scratch)(size_t rows, size_t cols) {
    return chunk_count(rows, cols) * 2 * cols * (sizeof(double) / sizeof(real));
}

/* So many rows at once that they stay in the cache. */
static size_t rows_at_once(const patch *p) { return p->w < CELL_VALUES ? CELL_VALUES / p->w : 1; }

/* The kernels take whole rows; blocks of wider ones are handed over row by row. */
static size_t rows_per_call(const colsum *s, size_t n) { return s->blocks == 1 ? n : 1; }

static void add_sums(const colsum *s, const patch *p, double *out, int worker) {
    for (size_t r = p->from, n; r < p->to; r += n) {
        n = rows_per_call(s, rows_at_once(p));
        if (n > p->to - r) n = p->to - r;
        const real *x = s->x + r * s->cols + p->c0;
        if (s->source) {
            real *room = (real *)s->source->room + (size_t)worker * SN_COL_ROOM;
            s->source->fill(s->source->ctx, room, r, n);
            x = room;
        }
        SN_R(sn_kern)()->col_sum(out, x, n, p->w);
        if (s->op == SN_COL_SUM_DOT_DEV) SN_R(sn_kern)
        ()->col_dot_dev(out + s->cols, x, s->y + r * s->cols + p->c0, s->mean + p->c0, n, p->w);
    }
}

/* n1 values of that mean and sum of squared deviations and n2 more (Chan, Golub, LeVeque, "Updating formulae
 * and a pairwise algorithm for computing sample variances", 1979). */
static void join(double *mean, double *dev, double n1, double mean2, double dev2, double n2) {
    double delta = mean2 - *mean, n = n1 + n2;
    *mean += delta * (n2 / n);
    *dev += dev2 + delta * delta * (n1 * n2 / n);
}

/* The rows [r, r + n): their sum, then squared deviations from the mean, while they are in the cache; joined to
 * what came before. The deviations are from the mean as a `real`, which is put right: sum (x - m)^2 = sum (x -
 * c)^2 - n (m - c)^2. */
static void add_moments(const colsum *s, const patch *p, double *out, size_t r, size_t n) {
    double sum[COL_BLOCK] = { 0 }, dev[COL_BLOCK] = { 0 };
    real center[COL_BLOCK];
    size_t step = rows_per_call(s, n);
    const real *x = s->x + r * s->cols + p->c0;
    for (size_t i = 0; i < n; i += step) SN_R(sn_kern)()->col_sum(sum, x + i * s->cols, step, p->w);
    for (size_t c = 0; c < p->w; c++) center[c] = (real)(sum[c] / (double)n);
    for (size_t i = 0; i < n; i += step) SN_R(sn_kern)()->col_sq_dev(dev, x + i * s->cols, center, step, p->w);
    for (size_t c = 0; c < p->w; c++) {
        double mean = sum[c] / (double)n, off = mean - (double)center[c];
        double d = dev[c] - (double)n * off * off;
        join(&out[c], &out[s->cols + c], (double)(r - p->from), mean, d < 0 ? 0 : d, (double)n);
    }
}

static void colsum_cell(void *ctx, int64_t cell, int worker) {
    const colsum *s = ctx;
    size_t chunk = (size_t)cell / s->blocks;
    patch p = { .from = chunk * s->chunk_rows, .c0 = (size_t)cell % s->blocks * COL_BLOCK };
    p.to = p.from + s->chunk_rows < s->rows ? p.from + s->chunk_rows : s->rows;
    p.w = s->cols - p.c0 < COL_BLOCK ? s->cols - p.c0 : COL_BLOCK;
    double *out = s->partial + chunk * s->nout * s->cols + p.c0;
    for (size_t k = 0; k < s->nout; k++) memset(out + k * s->cols, 0, p.w * sizeof *out);
    if (s->op != SN_COL_MOMENTS) {
        add_sums(s, &p, out, worker);
        return;
    }
    size_t step = rows_at_once(&p);
    for (size_t r = p.from; r < p.to; r += step) add_moments(s, &p, out, r, p.to - r < step ? p.to - r : step);
}

static void combine(const colsum *s, double *out) {
    memset(out, 0, s->nout * s->cols * sizeof *out);
    for (size_t k = 0; k < s->chunks; k++) {
        const double *part = s->partial + k * s->nout * s->cols;
        size_t from = k * s->chunk_rows, n = s->rows - from < s->chunk_rows ? s->rows - from : s->chunk_rows;
        if (s->op == SN_COL_MOMENTS)
            for (size_t c = 0; c < s->cols; c++)
                join(&out[c], &out[s->cols + c], (double)from, part[c], part[s->cols + c], (double)n);
        else
            for (size_t c = 0; c < s->nout * s->cols; c++) out[c] += part[c];
    }
}

void SN_R(sn_colsum)(sn_pool *pool, sn_col_op op, double *out, const real *x, const sn_row_source *source,
                     const real *y, const real *mean, size_t rows, size_t cols, void *scratch) {
    size_t want = chunk_count(rows, cols), chunk_rows = rows ? (rows + want - 1) / want : 1;
    colsum s = { .op = op,
                 .nout = op == SN_COL_SUM ? 1 : 2,
                 .x = x,
                 .y = y,
                 .mean = mean,
                 .source = source,
                 .rows = rows,
                 .cols = cols,
                 .chunks = (rows + chunk_rows - 1) / chunk_rows,
                 .chunk_rows = chunk_rows,
                 .blocks = (cols + COL_BLOCK - 1) / COL_BLOCK,
                 .partial = scratch };
    sn_parallel(pool, (int64_t)(s.chunks * s.blocks), colsum_cell, &s);
    combine(&s, out);
}

size_t SN_R(sn_bias_grad_scratch)(size_t rows, size_t cols) {
    return cols * (sizeof(double) / sizeof(real)) + SN_R(sn_colsum_scratch)(rows, cols);
}

void SN_R(sn_bias_grad)(sn_pool *pool, real *db, const real *dy, size_t rows, size_t cols, void *scratch) {
    double *sum = scratch;
    SN_R(sn_colsum)(pool, SN_COL_SUM, sum, dy, NULL, NULL, NULL, rows, cols, sum + cols);
    for (size_t c = 0; c < cols; c++) db[c] += (real)sum[c];
}
