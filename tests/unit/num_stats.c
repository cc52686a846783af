/* Statistics of arrays: against plain loops in long double, on every instruction set and with any number of
 * threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/stats.h"
#include "num/vec.h"
#include "pools.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3 * SN_CHUNK + 1237 };
static float x[N], y[N];

/* What an array can look like: 0 plain, 1 a mean that the spread disappears beside, 2 zeros, nan and inf in
 * between, 3 nothing finite, 4 all the same, 5 the largest and smallest floats, 6 one far from all others. */
enum { KINDS = 7 };

static void refill(int kind, uint64_t seed) {
    sn_rng r = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (int i = 0; i < N; i++) {
        float g = (float)sn_rng_normal(&r), u = (float)sn_rng_uniform(&r);
        y[i] = (float)sn_rng_normal(&r);
        x[i] = g;
        if (kind == 1) x[i] = 1000 + 1e-3f * g;
        if (kind == 2) x[i] = u < 0.1f ? 0 : u < 0.15f ? NAN : u < 0.2f ? INFINITY : u < 0.25f ? -INFINITY : g;
        if (kind == 3) x[i] = u < 0.5f ? NAN : INFINITY;
        if (kind == 4) x[i] = 0.1f;
        if (kind == 5) x[i] = u < 0.3f ? 3e38f : u < 0.6f ? -3e38f : 1e-37f * (g + 20);
    }
    if (kind == 6) x[0] = 1e6f;
}

static void near(const char *what, int kind, size_t n, double got, long double want, long double size) {
    if (isnan(want) ? isnan(got) : fabsl(got - want) <= 1e-9L * size) return;
    fail_msg("%s of %zu values of kind %d: %.17g, exact %.17Lg", what, n, kind, got, want);
}

typedef struct {
    int64_t finite, zeros, nans, infs;
    long double norm, mean, std, min, max;
} plain;

static plain plain_stats(const float *a, const float *b, size_t n) {
    plain p = { .mean = NAN, .std = NAN, .min = NAN, .max = NAN, .norm = n ? (long double)NAN : 0 };
    long double sum = 0, sq = 0, dev = 0;
    for (size_t i = 0; i < n; i++) {
        long double v = (long double)a[i] - (b ? b[i] : 0);
        p.nans += isnan(v);
        p.infs += isinf(v) != 0;
        if (!isfinite(v)) continue;
        p.finite++;
        p.zeros += v == 0;
        sum += v;
        sq += v * v;
        if (!(p.min <= v)) p.min = v;
        if (!(p.max >= v)) p.max = v;
    }
    if (p.finite == 0) return p;
    p.norm = sqrtl(sq);
    p.mean = sum / p.finite;
    for (size_t i = 0; i < n; i++) {
        long double v = (long double)a[i] - (b ? b[i] : 0);
        if (isfinite(v)) dev += (v - p.mean) * (v - p.mean);
    }
    p.std = sqrtl(dev / p.finite);
    return p;
}

static void check_stats(const sn_moments *m, const float *a, const float *b, size_t n, int kind) {
    sn_stats s = sn_stats_of(m);
    plain p = plain_stats(a, b, n);
    assert_int_equal(s.count, n);
    assert_int_equal(m->finite, p.finite);
    assert_int_equal(s.zeros, p.zeros);
    assert_int_equal(s.nans, p.nans);
    assert_int_equal(s.infs, p.infs);
    near("norm", kind, n, s.norm, p.norm, p.norm);
    near("mean", kind, n, s.mean, p.mean, p.finite ? p.norm / sqrtl(p.finite) : 0);
    near("std", kind, n, s.std, p.std, kind == 1 ? 1e3L * p.std : p.std + 1e-300L);
    near("min", kind, n, s.min, p.min, 0);
    near("max", kind, n, s.max, p.max, 0);
}

static const size_t sizes[] = { 0,  1,  2,  3,    7,    15,   16,    17,    31,    33, 63,
                                64, 65, 97, 1023, 1024, 1025, 16383, 16384, 16385, N };
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static void kernels(void **state) {
    (void)state;
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    for (int kind = 0; kind < KINDS; kind++) {
        refill(kind, (uint64_t)kind);
        for (int i = 0; i < SIZES; i++)
            for (int two = 0; two < 2; two++) {
                const float *b = two ? y : NULL;
                sn_moments first = { 0 };
                all[0]->moments(&first, x, b, sizes[i]);
                check_stats(&first, x, b, sizes[i], kind);
                for (int l = 1; l < levels; l++) {
                    sn_moments m = { 0 };
                    all[l]->moments(&m, x, b, sizes[i]);
                    assert_memory_equal(&m, &first, sizeof m);
                }
            }
    }
}

static void on_the_pool(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        refill(kind, 77);
        for (int i = 0; i < SIZES; i++) {
            sn_moments first = sn_moments_of(pools[0], x, NULL, sizes[i]);
            check_stats(&first, x, NULL, sizes[i], kind);
            for (int p = 1; p < POOLS; p++) {
                sn_moments m = sn_moments_of(pools[p], x, NULL, sizes[i]);
                assert_memory_equal(&m, &first, sizeof m);
            }
        }
    }
}

/* The flag of Ctrl-C leaves no half number. */
static void whole_when_cancelled(void **state) {
    (void)state;
    refill(0, 3);
    sn_moments before = sn_moments_of(pools[1], x, NULL, N);
    sn_pool_cancel(pools[1]);
    sn_moments m = sn_moments_of(pools[1], x, NULL, N);
    sn_pool_clear_cancel(pools[1]);
    assert_memory_equal(&m, &before, sizeof m);
}

static void many_cells(void **state) {
    (void)state;
    size_t n = (size_t)SN_STAT_CELLS * SN_CHUNK + 5;
    float *a = malloc(n * sizeof *a);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++) a[i] = (float)(i % 1000) - 250;
    sn_moments m = sn_moments_of(pools[1], a, NULL, n);
    check_stats(&m, a, NULL, n, 0);
    int64_t counts[8] = { 0 }, sum = 0;
    sn_histogram(pools[1], a, NULL, n, m.min, m.max, 8, counts);
    for (int k = 0; k < 8; k++) sum += counts[k];
    assert_int_equal(sum, n);
    free(a);
}

static void dots(void **state) {
    (void)state;
    refill(0, 9);
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    for (int i = 0; i < SIZES; i++) {
        long double want = 0, size = 1e-30L;
        for (size_t k = 0; k < sizes[i]; k++) {
            want += (long double)x[k] * y[k];
            size += fabsl((long double)x[k] * y[k]);
        }
        double first = sn_dot_wide(pools[0], x, y, sizes[i]);
        near("dot", 0, sizes[i], first, want, size);
        for (int p = 1; p < POOLS; p++) assert_true(sn_dot_wide(pools[p], x, y, sizes[i]) == first);
        for (int l = 1; l < levels; l++)
            assert_true(all[l]->dot_wide(x, y, sizes[i]) == all[0]->dot_wide(x, y, sizes[i]));
    }
}

/* ---- histograms ---- */

/* By definition: edges[k] <= v < edges[k + 1], the last bin closed. */
static void check_histogram(const float *b, size_t n, int bins) {
    sn_moments m = sn_moments_of(pools[0], x, b, n);
    double edges[SN_HIST_MAX + 1];
    int64_t want[SN_HIST_MAX] = { 0 };
    sn_histogram_edges(m.min, m.max, bins, edges);
    for (size_t i = 0; i < n; i++) {
        double v = (double)x[i] - (b ? (double)b[i] : 0);
        for (int k = 0; k < bins && isfinite(v); k++)
            want[k] += v >= edges[k] && (v < edges[k + 1] || (k == bins - 1 && v <= edges[bins]));
    }
    for (int p = 0; p < POOLS; p++) {
        int64_t got[SN_HIST_MAX] = { 0 };
        sn_histogram(pools[p], x, b, n, m.min, m.max, bins, got);
        for (int k = 0; k < bins; k++)
            if (got[k] != want[k])
                fail_msg("pool %d bin %d of %d, %zu values: %lld, should be %lld (min %.17g max %.17g)", p, k,
                         bins, n, (long long)got[k], (long long)want[k], m.min, m.max);
    }
}

static void histograms(void **state) {
    (void)state;
    static const int bins[] = { 1, 2, 3, 10, 16, 47, SN_HIST_MAX };
    for (int kind = 0; kind < KINDS; kind++) {
        refill(kind, 5);
        for (int i = 1; i < SIZES && kind != 3; i++)
            for (int k = 0; k < 7; k++) check_histogram(k % 2 ? y : NULL, sizes[i], bins[k]);
    }
    /* values on the edges themselves */
    for (int i = 0; i < N; i++) x[i] = (float)(i % 11) / 10;
    check_histogram(NULL, N, 10);
    for (int i = 0; i < N; i++) x[i] = (float)(i % 17);
    check_histogram(NULL, N, 16);
}

static void histogram_levels(void **state) {
    (void)state;
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    refill(2, 6);
    double edges[SN_HIST_MAX + 1];
    for (int bins = 1; bins <= SN_HIST_MAX; bins += 9) {
        sn_histogram_edges(-2, 2.5, bins, edges); /* some are outside */
        int64_t first[SN_HIST_MAX] = { 0 };
        all[0]->histogram(first, x, NULL, edges, bins, N - 1);
        for (int l = 1; l < levels; l++) {
            int64_t got[SN_HIST_MAX] = { 0 };
            all[l]->histogram(got, x, NULL, edges, bins, N - 1);
            assert_memory_equal(got, first, sizeof got);
        }
    }
}

/* ---- units ---- */

static void check_units(size_t rows, size_t cols) {
    float want[9000], got[9000], *scratch = malloc((sn_unit_scratch(cols) + 1) * sizeof *scratch);
    assert_non_null(scratch);
    for (size_t c = 0; c < cols; c++) {
        want[c] = c % 2 ? 0 : 0.5f; /* they go on from what was there */
        for (size_t r = 0; r < rows; r++) {
            float v = fabsf(x[r * cols + c]);
            if (isnan(v) || v > want[c]) want[c] = v;
            if (isnan(want[c])) break;
        }
    }
    for (int p = 0; p < POOLS; p++) {
        for (size_t c = 0; c < cols; c++) got[c] = c % 2 ? 0 : 0.5f;
        sn_unit_most(pools[p], got, scratch, x, rows, cols);
        for (size_t c = 0; c < cols; c++)
            if (!(got[c] == want[c] || (isnan(got[c]) && isnan(want[c]))))
                fail_msg("%zu x %zu, unit %zu: %g, should be %g", rows, cols, c, (double)got[c],
                         (double)want[c]);
    }
    free(scratch);
}

static void units(void **state) {
    (void)state;
    static const size_t cols[] = { 1, 2, 3, 8, 31, 32, 100, 255, 256, 300, 512, 513, 1025, 4096, 4097, 8999 };
    for (int kind = 0; kind < 3; kind++) {
        refill(kind, 8);
        for (int c = 0; c < 16; c++) {
            if (kind == 0) /* some that never fire */
                for (size_t i = 0; i < N; i++)
                    if (i % cols[c] % 3 == 1) x[i] = i % 5 ? 0 : -0.0f;
            for (size_t rows = 0; rows * cols[c] <= N; rows = rows * 3 + 1) check_units(rows, cols[c]);
        }
    }
}

static void unit_levels(void **state) {
    (void)state;
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    refill(2, 4);
    for (size_t cols = 1; cols < 700; cols += 37) {
        float first[700] = { 0 };
        all[0]->col_most(first, x, 60, cols);
        for (int l = 1; l < levels; l++) {
            float got[700] = { 0 };
            all[l]->col_most(got, x, 60, cols);
            assert_memory_equal(got, first, sizeof got);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels),
        cmocka_unit_test(on_the_pool),
        cmocka_unit_test(whole_when_cancelled),
        cmocka_unit_test(many_cells),
        cmocka_unit_test(dots),
        cmocka_unit_test(histograms),
        cmocka_unit_test(histogram_levels),
        cmocka_unit_test(units),
        cmocka_unit_test(unit_levels),
    };
    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
