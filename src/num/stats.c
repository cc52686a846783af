#include "num/stats.h"

#include "num/vec.h"
#include <math.h>
#include <string.h>

/* ---- cells ---- */

typedef struct {
    const sn_kern_f32_table *k;
    const float *x, *y;
    size_t n, chunk;
    sn_moments *moments;
    double *dots;
    const double *edges;
    int bins;
    int64_t *counts; /* (cells, bins) */
} job;

static job make_job(const float *x, const float *y, size_t n) {
    job j = { .k = sn_kern_f32(), .x = x, .y = y, .n = n, .chunk = SN_CHUNK };
    while ((n + j.chunk - 1) / j.chunk > SN_STAT_CELLS) j.chunk *= 2;
    return j;
}

static int64_t cells_of(const job *j) { return (int64_t)((j->n + j->chunk - 1) / j->chunk); }

static size_t length(const job *j, size_t from) { return j->n - from < j->chunk ? j->n - from : j->chunk; }

static const float *second(const job *j, size_t from) { return j->y ? j->y + from : NULL; }

/* ---- moments ---- */

static void moments_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    size_t from = (size_t)cell * j->chunk;
    sn_moments m = { 0 };
    j->k->moments(&m, j->x + from, second(j, from), length(j, from));
    j->moments[cell] = m;
}

sn_moments sn_moments_of(sn_pool *pool, const float *x, const float *y, size_t n) {
    sn_moments slot[SN_STAT_CELLS], m = { 0 };
    job j = make_job(x, y, n);
    j.moments = slot;
    sn_parallel_always(pool, cells_of(&j), moments_cell, &j);
    for (int64_t i = 0; i < cells_of(&j); i++) sn_moments_merge(&m, &slot[i]);
    return m;
}

sn_stats sn_stats_of(const sn_moments *m) {
    double n = (double)m->finite;
    bool some = m->finite > 0, none_at_all = !some && m->nans + m->infs == 0;
    return (sn_stats){ .count = m->finite + m->nans + m->infs,
                       .zeros = m->zeros,
                       .nans = m->nans,
                       .infs = m->infs,
                       .norm = some          ? sqrt(m->m2 + n * m->mean * m->mean)
                               : none_at_all ? 0
                                             : (double)NAN,
                       .mean = some ? m->mean : (double)NAN,
                       .std = some ? sqrt(m->m2 / n) : (double)NAN,
                       .min = some ? m->min : (double)NAN,
                       .max = some ? m->max : (double)NAN };
}

static void dot_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    size_t from = (size_t)cell * j->chunk;
    j->dots[cell] = j->k->dot_wide(j->x + from, j->y + from, length(j, from));
}

double sn_dot_wide(sn_pool *pool, const float *a, const float *b, size_t n) {
    double slot[SN_STAT_CELLS], sum = 0;
    job j = make_job(a, b, n);
    j.dots = slot;
    sn_parallel_always(pool, cells_of(&j), dot_cell, &j);
    for (int64_t i = 0; i < cells_of(&j); i++) sum += slot[i];
    return sum;
}

/* ---- histograms ---- */

/* numpy/lib/histograms.py (_get_outer_edges, _get_bin_edges) and numpy/core/function_base.py (linspace). */
void sn_histogram_edges(double low, double high, int bins, double *edges) {
    if (low == high) low -= 0.5, high += 0.5;
    double width = high - low, step = width / bins;
    for (int i = 0; i <= bins; i++) edges[i] = (step != 0 ? i * step : (double)i / bins * width) + low;
    edges[bins] = high;
}

static void histogram_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    size_t from = (size_t)cell * j->chunk;
    int64_t *counts = j->counts + cell * j->bins;
    memset(counts, 0, (size_t)j->bins * sizeof *counts);
    j->k->histogram(counts, j->x + from, second(j, from), j->edges, j->bins, length(j, from));
}

void sn_histogram(sn_pool *pool, const float *x, const float *y, size_t n, double low, double high, int bins,
                  int64_t *counts) {
    int64_t slot[SN_STAT_CELLS * SN_HIST_MAX];
    double edges[SN_HIST_MAX + 1];
    sn_histogram_edges(low, high, bins, edges);
    edges[bins] = nextafter(edges[bins], (double)INFINITY); /* the last bin is closed */
    job j = make_job(x, y, n);
    j.edges = edges;
    j.bins = bins;
    j.counts = slot;
    sn_parallel_always(pool, cells_of(&j), histogram_cell, &j);
    for (int64_t i = 0; i < cells_of(&j); i++)
        for (int k = 0; k < bins; k++) counts[k] += slot[i * bins + k];
}

/* ---- units ---- */

/* A grid of ranges of rows, each with a line of its own in the scratch, and of strips of columns. */
enum { UNIT_ROWS = 16, UNIT_LINES = 1 << 16, UNIT_STRIP = 4096 };

typedef struct {
    const sn_kern_f32_table *k;
    float *scratch;
    const float *x;
    size_t rows, cols, parts, strips;
} unit_job;

static size_t parts_of(size_t cols) {
    size_t parts = UNIT_LINES / (cols ? cols : 1);
    return parts < 1 ? 1 : parts > UNIT_ROWS ? UNIT_ROWS : parts;
}

size_t sn_unit_scratch(size_t cols) { return parts_of(cols) * cols; }

static void unit_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const unit_job *j = ctx;
    size_t part = (size_t)cell / j->strips, left = (size_t)cell % j->strips * UNIT_STRIP;
    size_t from = j->rows * part / j->parts, to = j->rows * (part + 1) / j->parts;
    size_t width = j->cols - left < UNIT_STRIP ? j->cols - left : UNIT_STRIP;
    float *line = j->scratch + part * j->cols + left;
    memset(line, 0, width * sizeof *line);
    if (width == j->cols) {
        j->k->col_most(line, j->x + from * j->cols, to - from, width);
        return;
    }
    for (size_t r = from; r < to; r++) j->k->col_most(line, j->x + r * j->cols + left, 1, width);
}

void sn_unit_most(sn_pool *pool, float *most, float *scratch, const float *x, size_t rows, size_t cols) {
    if (rows == 0 || cols == 0) return;
    unit_job j = { .k = sn_kern_f32(), .scratch = scratch, .x = x, .rows = rows, .cols = cols };
    j.parts = parts_of(cols);
    j.strips = (cols + UNIT_STRIP - 1) / UNIT_STRIP;
    sn_parallel_always(pool, (int64_t)(j.parts * j.strips), unit_cell, &j);
    j.k->col_most(most, scratch, j.parts, cols);
}
