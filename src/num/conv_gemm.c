/* im2col over GEMM: a cell gathers the input under a block of output pixels into its worker's panel and
 * multiplies it with the kernel, which (kh, kw, ci, co) already is as a matrix. */
#include "num/conv_gemm.h"

#include "num/conv_geom.h"
#include "num/gemm.h"
#include "num/kern.h"
#include "num/real.h"
#include <string.h>

#define gemm1  SN_R(sn_gemm1)
#define gather SN_R(sn_conv_gather)
#define kern() SN_R(sn_kern)()

typedef struct {
    const sn_conv *d;
    sn_conv_cut cut;
    sn_gather input;
    bool pointwise;
    real *y, *dx, *dk, *dbias;
    const real *x, *k, *bias, *dy;
    real *shared, *panels;
} job;

static sn_gather input_gather(const sn_conv *d) {
    return (sn_gather){ .h = d->h,
                        .w = d->w,
                        .c = d->ci,
                        .grid_w = d->ow,
                        .rows = d->kh,
                        .cols = d->kw,
                        .row_step = d->sh,
                        .row0 = -d->pt,
                        .row_tap = d->dh,
                        .col_step = d->sw,
                        .col0 = -d->pl,
                        .col_tap = d->dw };
}

static job job_of(const sn_conv *d) {
    return (job){
        .d = d, .cut = sn_conv_cut_of(d), .input = input_gather(d), .pointwise = sn_conv_is_pointwise(d)
    };
}

/* The lines (to - from, kh * kw * ci) of an image's output pixels. */
static const real *input_lines(const job *t, int64_t image, int64_t from, int64_t to, int worker) {
    const sn_conv *d = t->d;
    const real *x = t->x + image * d->h * d->w * d->ci;
    if (t->pointwise) return x + from * d->ci;
    real *panel = t->panels + (size_t)worker * t->cut.panel;
    gather(panel, x, &t->input, from, to);
    return panel;
}

static int64_t block_end(int64_t from, int64_t block, int64_t pixels) {
    return pixels - from < block ? pixels : from + block;
}

/* ---- forward ---- */

static void forward_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const sn_conv *d = t->d;
    int64_t image = cell / t->cut.blocks, pixels = d->oh * d->ow;
    int64_t from = cell % t->cut.blocks * t->cut.block, to = block_end(from, t->cut.block, pixels);
    const real *lines = input_lines(t, image, from, to, worker);
    real *y = t->y + (image * pixels + from) * d->co;
    gemm1(y, d->co, lines, t->cut.taps, false, t->k, d->co, false, to - from, d->co, t->cut.taps, false);
    if (t->bias) kern()->row_add(y, t->bias, (size_t)(to - from), (size_t)d->co);
}

void SN_R(sn_conv_gemm_forward)(sn_pool *pool, real *y, const real *x, const real *k, const real *bias,
                                const sn_conv *d, real *scratch) {
    job t = job_of(d);
    t.y = y;
    t.x = x;
    t.k = k;
    t.bias = bias;
    t.panels = scratch;
    sn_parallel(pool, d->n * t.cut.blocks, forward_cell, &t);
}

/* ---- gradient with respect to the input ---- */

static sn_phase row_phase(const sn_conv *d, int64_t residue) {
    return sn_conv_phase(residue, d->h, d->kh, d->sh, d->dh, d->pt);
}
static sn_phase col_phase(const sn_conv *d, int64_t residue) {
    return sn_conv_phase(residue, d->w, d->kw, d->sw, d->dw, d->pl);
}

/* Where a phase's kernel (rows * cols * co, ci) stands in the packed one: all taps of smaller row residues,
 * then, of this row residue, those of smaller column residues. */
static int64_t packed_at(const sn_conv *d, const sn_phase *row, const sn_phase *col) {
    return (row->before * d->kw + row->taps * col->before) * d->co * d->ci;
}

/* One cell for each tap: transposed from (ci, co) to (co, ci), to its place in the phase that it belongs to. */
static void pack_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *t = ctx;
    const sn_conv *d = t->d;
    int64_t i = cell / d->kw, j = cell % d->kw;
    sn_phase row = row_phase(d, i * d->dh % d->sh), col = col_phase(d, j * d->dw % d->sw);
    int64_t tap = (row.last - i) / row.step * col.taps + (col.last - j) / col.step;
    const real *from = t->k + cell * d->ci * d->co;
    real *to = t->shared + packed_at(d, &row, &col) + tap * d->co * d->ci;
    for (int64_t c = 0; c < d->ci; c++)
        for (int64_t o = 0; o < d->co; o++) to[o * d->ci + c] = from[c * d->co + o];
}

/* A block of one phase's pixels in one grid row: lines (count, line) times its kernel into every sw-th pixel of
 * dx. */
static void data_row(const job *t, real *dx, const real *lines, const real *kernel, int64_t count,
                     int64_t line) {
    const sn_conv *d = t->d;
    if (line > 0) {
        gemm1(dx, d->sw * d->ci, lines, line, false, kernel, d->ci, false, count, d->ci, line, false);
        return;
    }
    for (int64_t p = 0; p < count; p++) memset(dx + p * d->sw * d->ci, 0, (size_t)d->ci * sizeof *dx);
}

static sn_gather output_gather(const sn_conv *d, const sn_phase *row, const sn_phase *col) {
    return (sn_gather){ .h = d->oh,
                        .w = d->ow,
                        .c = d->co,
                        .grid_w = col->count,
                        .rows = row->taps,
                        .cols = col->taps,
                        .row_step = 1,
                        .row0 = row->origin,
                        .row_tap = row->rise,
                        .col_step = 1,
                        .col0 = col->origin,
                        .col_tap = col->rise };
}

static void data_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const sn_conv *d = t->d;
    int64_t block = cell % t->cut.data_blocks, rest = cell / t->cut.data_blocks;
    int64_t image = rest / (d->sh * d->sw), phase = rest % (d->sh * d->sw);
    sn_phase row = row_phase(d, phase / d->sw), col = col_phase(d, phase % d->sw);
    int64_t pixels = row.count * col.count, from = block * t->cut.data_block;
    if (from >= pixels) return; /* a phase with fewer pixels than the first */
    int64_t to = block_end(from, t->cut.data_block, pixels), line = row.taps * col.taps * d->co;
    const real *kernel = t->shared + packed_at(d, &row, &col), *lines = NULL;
    const real *dy = t->dy + image * d->oh * d->ow * d->co;
    real *dx = t->dx + image * d->h * d->w * d->ci;
    if (t->pointwise) {
        lines = dy + from * d->co;
    } else if (line > 0) {
        sn_gather g = output_gather(d, &row, &col);
        real *panel = t->panels + (size_t)worker * t->cut.data_panel;
        gather(panel, dy, &g, from, to);
        lines = panel;
    }
    if (d->sh == 1 && d->sw == 1) {
        data_row(t, dx + from * d->ci, lines, kernel, to - from, line);
        return;
    }
    while (from < to) {
        int64_t gy = from / col.count, gx = from % col.count;
        int64_t count = col.count - gx < to - from ? col.count - gx : to - from;
        real *at = dx + ((row.first + gy * d->sh) * d->w + col.first + gx * d->sw) * d->ci;
        data_row(t, at, lines, kernel, count, line);
        from += count;
        if (line > 0) lines += count * line;
    }
}

void SN_R(sn_conv_gemm_backward_data)(sn_pool *pool, real *dx, const real *dy, const real *k, const sn_conv *d,
                                      real *scratch) {
    job t = job_of(d);
    t.dx = dx;
    t.dy = dy;
    t.k = k;
    t.shared = scratch;
    t.panels = scratch + t.cut.packed;
    sn_parallel(pool, d->kh * d->kw, pack_cell, &t);
    sn_parallel(pool, d->n * d->sh * d->sw * t.cut.data_blocks, data_cell, &t);
}

/* ---- gradient with respect to kernel and bias ---- */

static real *slot_kernel(const job *t, int64_t slot) { return t->shared + (size_t)slot * t->cut.slot_size; }
static double *slot_bias(const job *t, int64_t slot) {
    size_t kernel = t->cut.slot_size - (size_t)((2 * t->d->co + 15) / 16 * 16);
    return (double *)(void *)(slot_kernel(t, slot) + kernel);
}

/* A slot: its share of all (image, block) pairs, lines' * dy summed in their order. */
static void weights_cell(void *ctx, int64_t cell, int worker) {
    const job *t = ctx;
    const sn_conv *d = t->d;
    int64_t all = d->n * t->cut.blocks, first = all * cell / t->cut.slots,
            end = all * (cell + 1) / t->cut.slots;
    int64_t pixels = d->oh * d->ow;
    double *bias = slot_bias(t, cell);
    for (int64_t o = 0; o < d->co; o++) bias[o] = 0;
    for (int64_t b = first; b < end; b++) {
        int64_t image = b / t->cut.blocks, from = b % t->cut.blocks * t->cut.block;
        int64_t to = block_end(from, t->cut.block, pixels);
        const real *dy = t->dy + (image * pixels + from) * d->co;
        const real *lines = input_lines(t, image, from, to, worker);
        gemm1(slot_kernel(t, cell), d->co, lines, t->cut.taps, true, dy, d->co, false, t->cut.taps, d->co,
              to - from, b > first);
        if (t->dbias) kern()->col_sum(bias, dy, (size_t)(to - from), (size_t)d->co);
    }
}

enum { COMBINE = 4096 };

static void combine_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *t = ctx;
    int64_t n = t->cut.taps * t->d->co, from = cell * COMBINE;
    size_t count = (size_t)(block_end(from, COMBINE, n) - from);
    real *sum = slot_kernel(t, 0) + from;
    for (int64_t s = 1; s < t->cut.slots; s++) kern()->add(sum, sum, slot_kernel(t, s) + from, count);
    kern()->add(t->dk + from, t->dk + from, sum, count);
    if (cell > 0 || !t->dbias) return;
    for (int64_t o = 0; o < t->d->co; o++) {
        double b = 0;
        for (int64_t s = 0; s < t->cut.slots; s++) b += slot_bias(t, s)[o];
        t->dbias[o] += (real)b;
    }
}

void SN_R(sn_conv_gemm_backward_weights)(sn_pool *pool, real *dk, real *dbias, const real *x, const real *dy,
                                         const sn_conv *d, real *scratch) {
    job t = job_of(d);
    t.dk = dk;
    t.dbias = dbias;
    t.x = x;
    t.dy = dy;
    t.shared = scratch;
    t.panels = scratch + (size_t)t.cut.slots * t.cut.slot_size;
    if (t.cut.slots == 0) return;
    sn_parallel(pool, t.cut.slots, weights_cell, &t);
    sn_parallel(pool, (t.cut.taps * d->co + COMBINE - 1) / COMBINE, combine_cell, &t);
}
