/* Sums over the rows of (rows, cols) arrays: a grid of row chunks and column blocks, one partial sum per cell,
 * combined in order of the chunks. */
#include "nn/layers/common.h"
#include "num/kern.h"
#include <string.h>

enum {
    COL_BLOCK = 1024,      /* columns of one cell */
    CELL_VALUES = 1 << 15, /* wanted values of one cell */
    MAX_CHUNKS = 64        /* row chunks; bounds the partial sums */
};

typedef struct {
    sn_col_op op;
    size_t nout; /* results per column */
    const real *x, *y, *mean;
    size_t rows, cols, chunks, chunk_rows, blocks;
    double *partial; /* (chunks, nout, cols) */
} colsum;

static size_t chunk_count(size_t rows, size_t cols) {
    size_t w = cols < COL_BLOCK ? cols : COL_BLOCK, n = (rows * w + CELL_VALUES - 1) / CELL_VALUES;
    return n < 1 ? 1 : n > MAX_CHUNKS ? MAX_CHUNKS : n;
}

size_t SN_R(sn_colsum_scratch)(size_t rows, size_t cols) {
    return chunk_count(rows, cols) * 2 * cols * (sizeof(double) / sizeof(real));
}

static void colsum_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const colsum *s = ctx;
    size_t chunk = (size_t)cell / s->blocks, c0 = (size_t)cell % s->blocks * COL_BLOCK;
    size_t w = s->cols - c0 < COL_BLOCK ? s->cols - c0 : COL_BLOCK;
    size_t from = chunk * s->chunk_rows, to = from + s->chunk_rows < s->rows ? from + s->chunk_rows : s->rows;
    double *out = s->partial + chunk * s->nout * s->cols + c0;
    for (size_t k = 0; k < s->nout; k++) memset(out + k * s->cols, 0, w * sizeof *out);
    /* So many rows at once that they stay in the cache for a second sum. The kernels take whole rows; blocks of
     * wider ones are handed over row by row. */
    size_t step = s->blocks == 1 ? CELL_VALUES / s->cols : 1;
    for (size_t r = from; r < to; r += step) {
        size_t n = to - r < step ? to - r : step;
        const real *x = s->x + r * s->cols + c0;
        if (s->op == SN_COL_SQ_DEV)
            SN_R(sn_kern)()->col_sq_dev(out, x, s->mean + c0, n, w);
        else
            SN_R(sn_kern)()->col_sum(out, x, n, w);
        if (s->op == SN_COL_SUM_DOT_DEV)
            SN_R(sn_kern)()->col_dot_dev(out + s->cols, x, s->y + r * s->cols + c0, s->mean + c0, n, w);
    }
}

void SN_R(sn_colsum)(sn_pool *pool, sn_col_op op, double *out, const real *x, const real *y, const real *mean,
                     size_t rows, size_t cols, void *scratch) {
    size_t want = chunk_count(rows, cols), chunk_rows = rows ? (rows + want - 1) / want : 1;
    colsum s = { op,         op == SN_COL_SUM_DOT_DEV ? 2 : 1,
                 x,          y,
                 mean,       rows,
                 cols,       (rows + chunk_rows - 1) / chunk_rows,
                 chunk_rows, (cols + COL_BLOCK - 1) / COL_BLOCK,
                 scratch };
    sn_parallel(pool, (int64_t)(s.chunks * s.blocks), colsum_cell, &s);
    memset(out, 0, s.nout * cols * sizeof *out);
    for (size_t k = 0; k < s.chunks; k++)
        for (size_t c = 0; c < s.nout * cols; c++) out[c] += s.partial[k * s.nout * cols + c];
}

size_t SN_R(sn_bias_grad_scratch)(size_t rows, size_t cols) {
    return cols * (sizeof(double) / sizeof(real)) + SN_R(sn_colsum_scratch)(rows, cols);
}

void SN_R(sn_bias_grad)(sn_pool *pool, real *db, const real *dy, size_t rows, size_t cols, void *scratch) {
    double *sum = scratch;
    SN_R(sn_colsum)(pool, SN_COL_SUM, sum, dy, NULL, NULL, rows, cols, sum + cols);
    for (size_t c = 0; c < cols; c++) db[c] += (real)sum[c];
}
