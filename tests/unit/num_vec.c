/* Operations on whole arrays: right, and the same bits with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "num/vec.h"
#include "pools.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum { N = 5 * SN_CHUNK + 77 };
static float x[N], y[N], z[N], first[N];

static int make_numbers_and_pools(void **state) {
    sn_rng r = sn_rng_make(1, SN_STREAM_TEST, 0);
    for (int i = 0; i < N; i++) {
        x[i] = (float)sn_rng_normal(&r);
        y[i] = (float)sn_rng_normal(&r);
    }
    return make_pools(state);
}

static void element_wise(void **state) {
    (void)state;
    for (int p = 0; p < POOLS; p++) {
        sn_vec_fill_f32(pools[p], z, 2.5f, N);
        for (int i = 0; i < N; i++) assert_true(z[i] == 2.5f);
        sn_vec_add_f32(pools[p], z, x, y, N);
        sn_vec_axpy_f32(pools[p], z, 0.5f, y, N);
        sn_vec_affine_f32(pools[p], z, z, 2, 1, N);
        for (int i = 0; i < N; i++) {
            float s = x[i] + y[i], t = 0.5f * y[i];
            s += t;
            s *= 2;
            assert_true(z[i] == s + 1);
        }
        if (p == 0) memcpy(first, z, sizeof z);
        assert_memory_equal(first, z, sizeof z);
    }
}

static void sums(void **state) {
    (void)state;
    double sum = 0, absolute = 0, dot = 0, got[POOLS][3];
    for (int i = 0; i < N; i++) {
        sum += x[i];
        absolute += fabsf(x[i]);
        dot += (double)x[i] * y[i];
    }
    for (int p = 0; p < POOLS; p++) {
        got[p][0] = sn_vec_sum_f32(pools[p], x, N);
        got[p][1] = sn_vec_sum_abs_f32(pools[p], x, N);
        got[p][2] = sn_vec_dot_f32(pools[p], x, y, N);
        assert_memory_equal(got[p], got[0], sizeof got[0]);
    }
    assert_true(fabs(got[0][0] - sum) < 1e-6 * absolute && fabs(got[0][1] - absolute) < 1e-6 * absolute);
    assert_true(fabs(got[0][2] - dot) < 1e-6 * absolute);
    static double d[1000];
    for (int i = 0; i < 1000; i++) d[i] = i;
    assert_true(sn_vec_sum_f64(pools[1], d, 1000) == 499500);
    assert_true(sn_vec_sum_f64(pools[1], d, 0) == 0);
}

static void all_finite(void **state) {
    (void)state;
    for (int p = 0; p < POOLS; p++) {
        assert_true(sn_vec_all_finite_f32(pools[p], x, N));
        for (int i = 0; i < N; i += 9973) {
            float old = x[i];
            x[i] = NAN;
            assert_false(sn_vec_all_finite_f32(pools[p], x, N));
            x[i] = old;
        }
    }
}

typedef struct {
    atomic_uchar *seen;
    size_t n, chunk;
} visit;

static void visit_range(void *ctx, size_t from, size_t to) {
    visit *v = ctx;
    assert_true(from % v->chunk == 0 && from < to && to - from <= v->chunk && to <= v->n);
    for (size_t i = from; i < to; i++) atomic_fetch_add(&v->seen[i], 1);
}
static double count_range(void *ctx, size_t from, size_t to) {
    visit *v = ctx;
    for (size_t i = from; i < to; i++) atomic_fetch_add(&v->seen[i], 1);
    return (double)(to - from);
}

/* Every element in exactly one range, also when the sum needs larger chunks. */
static void ranges_cover(void **state) {
    (void)state;
    static const size_t sizes[] = { 0, 1, 9, 10, 11, 99, 100, 3 * SN_MAX_SUM_CHUNKS + 1 };
    for (int p = 0; p < POOLS; p++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (size_t chunk = 1; chunk <= 10; chunk += 9) {
                visit v = { sn_calloc(sizes[s], 1, "seen", NULL), sizes[s], chunk };
                sn_for_ranges(pools[p], v.n, chunk, visit_range, &v);
                assert_true(sn_sum_ranges(pools[p], v.n, chunk, count_range, &v) == (double)v.n);
                for (size_t i = 0; i < v.n; i++) assert_int_equal(v.seen[i], 2);
                sn_free(v.seen);
            }
}

static void cancelled(void **state) {
    (void)state;
    sn_pool_cancel(pools[1]);
    double s = sn_vec_sum_f32(pools[1], x, N); /* any number, but not one made of memory never written */
    assert_true(isfinite(s));
    sn_pool_clear_cancel(pools[1]);
    assert_true(sn_vec_sum_f32(pools[1], x, N) == sn_vec_sum_f32(pools[0], x, N));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(element_wise), cmocka_unit_test(sums),      cmocka_unit_test(all_finite),
        cmocka_unit_test(ranges_cover), cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests(tests, make_numbers_and_pools, free_pools);
}
