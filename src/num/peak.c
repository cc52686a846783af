#include "num/peak.h"

#include "base/file.h"
#include "base/mem.h"
#include "num/kern.h"
#include <string.h>

extern const sn_peak_kern sn_peak_kern_base;
#if defined(__x86_64__)
extern const sn_peak_kern sn_peak_kern_v3, sn_peak_kern_v4;
#endif

static const sn_peak_kern *kernels(const char *isa) {
#if defined(__x86_64__)
    if (strcmp(isa, "v4") == 0) return &sn_peak_kern_v4;
    if (strcmp(isa, "v3") == 0) return &sn_peak_kern_v3;
#endif
    (void)isa;
    return &sn_peak_kern_base;
}

enum { TRIES = 5, PIECE = 65536 /* floats */ };
#define ENOUGH 2e-3 /* seconds of a try */

typedef struct {
    const sn_peak_kern *k;
    int rounds;
    float *x, *y;
    volatile float sink[2]; /* read by nobody: keeps the loops alive; by turns of cells */
} work;

/* The best of several tries; seconds. */
static double best_of(sn_pool *pool, int64_t cells, sn_cell_fn fn, work *w) {
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double t = sn_clock();
        sn_parallel_always(pool, cells, fn, w);
        t = sn_clock() - t;
        if (i == 0 || t < best) best = t;
    }
    return best > 0 ? best : 1e-9;
}

/* ---- arithmetic ---- */

static void flops_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    work *w = ctx;
    float r = w->k->multiply_adds(w->rounds, 0.999f, 1e-3f);
    if (r < -1e30f) w->sink[cell & 1] = r; /* never: the loop's value stays below 1 in each lane */
}

double sn_peak_flops(sn_pool *pool, const char *isa) {
    /* Cells are small beside a try, so that a thread which comes late takes fewer. */
    int64_t cells = 16 * (int64_t)sn_pool_size(pool);
    work w = { .k = kernels(isa ? isa : sn_kern_f32()->isa), .rounds = 1000 };
    double t = best_of(pool, cells, flops_cell, &w);
    while (t < ENOUGH && w.rounds < 1000000) {
        w.rounds *= 2;
        t = best_of(pool, cells, flops_cell, &w);
    }
    return w.k->flops * w.rounds * (double)cells / t;
}

/* ---- memory ---- */

static void touch_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const work *w = ctx;
    for (int i = 0; i < PIECE; i++) w->x[cell * PIECE + i] = w->y[cell * PIECE + i] = 1;
}

static void read_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    work *w = ctx;
    float r = w->k->sum(w->x + cell * PIECE, PIECE);
    if (r < 0) w->sink[cell & 1] = r; /* never: they are ones */
}

static void update_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const work *w = ctx;
    w->k->update(w->y + cell * PIECE, w->x + cell * PIECE, 1e-3f, PIECE);
}

sn_status sn_peak_bandwidth(sn_pool *pool, size_t bytes, sn_peak_bytes *out, sn_err *e) {
    int64_t cells = (int64_t)(bytes / (PIECE * sizeof(float)));
    if (cells < 1) cells = 1;
    size_t n = (size_t)cells * PIECE;
    work w = { .k = kernels(sn_kern_f32()->isa) };
    w.x = sn_alloc(n * sizeof(float), "bandwidth", e);
    w.y = w.x ? sn_alloc(n * sizeof(float), "bandwidth", e) : NULL;
    if (w.y) {
        sn_parallel_always(pool, cells, touch_cell, &w);
        double size = (double)(n * sizeof(float));
        out->read = size / best_of(pool, cells, read_cell, &w);
        out->update = 3 * size / best_of(pool, cells, update_cell, &w);
    }
    sn_free(w.x);
    sn_status s = w.y ? SN_OK : SN_ENOMEM;
    sn_free(w.y);
    return s;
}
