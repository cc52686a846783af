#include "num/conv_geom.h"
#include "num/real.h"
#include <string.h>

/* Runs are short (15 values in a first layer), where a call of memcpy costs more than the copy: 16-byte steps,
 * the last one overlapping. */
static inline __attribute__((always_inline)) void copy_run(real *to, const real *from, size_t n) {
    enum { STEP = 16 / (int)sizeof(real), SHORT = 64 };
    if (n > SHORT) {
        memcpy(to, from, n * sizeof *to);
    } else if (n >= STEP) {
        for (size_t i = 0; i + STEP < n; i += STEP) memcpy(to + i, from + i, 16);
        memcpy(to + n - STEP, from + n - STEP, 16);
    } else {
        for (size_t i = 0; i < n; i++) to[i] = from[i];
    }
}

static void zero_run(real *to, int64_t n) {
    if (n > 0) memset(to, 0, (size_t)n * sizeof *to);
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* One tap row for the pixels gx .. gx+count-1 of one grid row, taps side by side in the source row `src` (w,
 * c). */
static void gather_runs(real *panel, int64_t line, const real *src, const sn_gather *g, int64_t gx,
                        int64_t count) {
    int64_t c = g->c, run = g->cols * c;
    for (int64_t p = 0; p < count; p++, panel += line) {
        int64_t col = (gx + p) * g->col_step + g->col0;
        if (col >= 0 && col + g->cols <= g->w) {
            copy_run(panel, src + col * c, (size_t)run);
            continue;
        }
        int64_t lo = clamp(-col, 0, g->cols), hi = clamp(g->w - col, lo, g->cols);
        zero_run(panel, lo * c);
        if (hi > lo) copy_run(panel + lo * c, src + (col + lo) * c, (size_t)((hi - lo) * c));
        zero_run(panel + hi * c, (g->cols - hi) * c);
    }
}

/* The same with gaps between the taps (dilation). */
static void gather_taps(real *panel, int64_t line, const real *src, const sn_gather *g, int64_t gx,
                        int64_t count) {
    int64_t c = g->c;
    for (int64_t p = 0; p < count; p++, panel += line)
        for (int64_t b = 0; b < g->cols; b++) {
            int64_t col = (gx + p) * g->col_step + g->col0 + b * g->col_tap;
            if (col >= 0 && col < g->w) {
                copy_run(panel + b * c, src + col * c, (size_t)c);
            } else {
                zero_run(panel + b * c, c);
            }
        }
}

void SN_R(sn_conv_gather)(real *panel, const real *src, const sn_gather *g, int64_t from, int64_t to) {
    int64_t run = g->cols * g->c, line = g->rows * run;
    while (from < to) {
        int64_t gy = from / g->grid_w, gx = from % g->grid_w;
        int64_t count = g->grid_w - gx < to - from ? g->grid_w - gx : to - from;
        for (int64_t a = 0; a < g->rows; a++) {
            int64_t row = gy * g->row_step + g->row0 + a * g->row_tap;
            real *at = panel + a * run;
            if (row < 0 || row >= g->h) {
                for (int64_t p = 0; p < count; p++) zero_run(at + p * line, run);
            } else if (g->col_tap == 1 || g->cols == 1) {
                gather_runs(at, line, src + row * g->w * g->c, g, gx, count);
            } else {
                gather_taps(at, line, src + row * g->w * g->c, g, gx, count);
            }
        }
        panel += count * line;
        from += count;
    }
}
