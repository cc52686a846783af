#include "num/vec.h"

typedef struct {
    size_t n, chunk;
    sn_range_fn fn;
    sn_range_sum_fn sum;
    void *ctx;
    double *part;
} ranges;

static size_t range_end(const ranges *r, size_t from) {
    return r->n - from < r->chunk ? r->n : from + r->chunk;
}

static void run_range(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const ranges *r = ctx;
    size_t from = (size_t)cell * r->chunk;
    r->fn(r->ctx, from, range_end(r, from));
}

static void run_sum(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const ranges *r = ctx;
    size_t from = (size_t)cell * r->chunk;
    r->part[cell] = r->sum(r->ctx, from, range_end(r, from));
}

static int64_t cells_of(size_t n, size_t chunk) { return (int64_t)(n / chunk + (n % chunk != 0)); }

void sn_for_ranges(sn_pool *pool, size_t n, size_t chunk, sn_range_fn fn, void *ctx) {
    ranges r = { .n = n, .chunk = chunk ? chunk : 1, .fn = fn, .ctx = ctx };
    int64_t cells = cells_of(n, r.chunk);
    if (pool)
        sn_parallel(pool, cells, run_range, &r);
    else
        for (int64_t i = 0; i < cells; i++) run_range(&r, i, 0);
}

double sn_sum_ranges(sn_pool *pool, size_t n, size_t chunk, sn_range_sum_fn fn, void *ctx) {
    double part[SN_MAX_SUM_CHUNKS]; /* on the stack: sums run in every step, and steps allocate nothing */
    ranges r = { .n = n, .chunk = chunk ? chunk : 1, .sum = fn, .ctx = ctx, .part = part };
    while (cells_of(n, r.chunk) > SN_MAX_SUM_CHUNKS) r.chunk *= 2;
    int64_t cells = cells_of(n, r.chunk);
    for (int64_t i = 0; i < cells; i++) part[i] = 0; /* what a cancelled region leaves out */
    sn_parallel(pool, cells, run_sum, &r);
    double total = 0;
    for (int64_t i = 0; i < cells; i++) total += part[i];
    return total;
}
