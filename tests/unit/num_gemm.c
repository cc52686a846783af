/* Products against a triple loop in double: transposes, strides, odd sizes, split-K; the same bits on any pool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "num/gemm.h"
#include "num/gemm_kern.h"
#include "num/kern.h"
#include "pools.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRA = 3, GUARD = 16 };

/* One problem in both precisions; strides are EXTRA wider than needed. */
typedef struct {
    int64_t m, n, k, lda, ldb, ldc;
    bool ta, tb, accumulate;
    size_t na, nb, nc;
    float *a, *b, *c, *got, *first;
    double *a64, *b64, *got64, *first64, *want, *size;
} problem;

static float *floats(size_t n, sn_rng *r) {
    float *p = sn_alloc(n * sizeof *p, "test", NULL);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = r ? (float)(sn_rng_uniform(r) - 0.5) : NAN;
    return p;
}
static double *doubles(size_t n, const float *from) {
    double *p = sn_alloc(n * sizeof *p, "test", NULL);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = from ? (double)from[i] : (double)NAN;
    return p;
}

static problem make(int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool accumulate) {
    sn_rng r = sn_rng_make((uint64_t)(m + n + k), SN_STREAM_TEST, 0);
    problem p = { .m = m, .n = n, .k = k, .ta = ta, .tb = tb, .accumulate = accumulate };
    p.lda = (ta ? m : k) + EXTRA;
    p.ldb = (tb ? k : n) + EXTRA;
    p.ldc = n + EXTRA;
    p.na = (size_t)((ta ? k : m) * p.lda);
    p.nb = (size_t)((tb ? n : k) * p.ldb);
    p.nc = (size_t)(m * p.ldc);
    p.a = floats(p.na, &r);
    p.b = floats(p.nb, &r);
    p.c = floats(p.nc, &r);
    p.got = floats(p.nc, NULL);
    p.first = floats(p.nc, NULL);
    p.a64 = doubles(p.na, p.a);
    p.b64 = doubles(p.nb, p.b);
    p.got64 = doubles(p.nc, NULL);
    p.first64 = doubles(p.nc, NULL);
    p.want = doubles(p.nc, NULL);
    p.size = doubles(p.nc, NULL);
    return p;
}

static void end(problem *p) {
    void *all[] = {
        p->a, p->b, p->c, p->got, p->first, p->a64, p->b64, p->got64, p->first64, p->want, p->size
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) sn_free(all[i]);
}

static void naive(problem *p) {
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double s = 0, size = 0;
            for (int64_t l = 0; l < p->k; l++) {
                double t = p->a64[p->ta ? l * p->lda + i : i * p->lda + l] *
                           p->b64[p->tb ? j * p->ldb + l : l * p->ldb + j];
                s += t;
                size += fabs(t);
            }
            p->want[i * p->ldc + j] = s + (p->accumulate ? p->c[i * p->ldc + j] : 0);
            p->size[i * p->ldc + j] = size + 1;
        }
}

/* Outputs start as nan where they are to be overwritten; the columns beyond n must stay as they are. */
static void prepare(problem *p) {
    for (size_t i = 0; i < p->nc; i++) {
        bool inside = (int64_t)i % p->ldc < p->n;
        p->got[i] = inside && !p->accumulate ? NAN : p->c[i];
        p->got64[i] = (double)p->got[i];
    }
}

static void compare(const problem *p) {
    for (size_t i = 0; i < p->nc; i++) {
        if ((int64_t)i % p->ldc >= p->n) {
            assert_true(p->got[i] == p->c[i] && p->got64[i] == p->c[i]);
            continue;
        }
        if (!(fabs((double)p->got[i] - p->want[i]) <= 1e-6 * p->size[i]) ||
            !(fabs(p->got64[i] - p->want[i]) <= 1e-14 * p->size[i]))
            fail_msg("%lld x %lld x %lld %d%d%d: element %zu is %g, %g, not %g", (long long)p->m,
                     (long long)p->n, (long long)p->k, p->ta, p->tb, p->accumulate, i, (double)p->got[i],
                     p->got64[i], p->want[i]);
    }
}

static void solve(int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool accumulate) {
    problem p = make(m, n, k, ta, tb, accumulate);
    size_t room = sn_gemm_scratch(m, n, k);
    naive(&p);
    float *s = floats(room + GUARD, NULL);
    double *s64 = doubles(room + GUARD, NULL);
    for (size_t i = 0; i < GUARD; i++) s[room + i] = 7, s64[room + i] = 7;
    for (int t = 0; t < POOLS; t++) {
        prepare(&p);
        sn_gemm_f32(pools[t], p.got, p.ldc, p.a, p.lda, ta, p.b, p.ldb, tb, m, n, k, accumulate, s);
        sn_gemm_f64(pools[t], p.got64, p.ldc, p.a64, p.lda, ta, p.b64, p.ldb, tb, m, n, k, accumulate, s64);
        compare(&p);
        if (t == 0) {
            memcpy(p.first, p.got, p.nc * sizeof *p.got);
            memcpy(p.first64, p.got64, p.nc * sizeof *p.got64);
        }
        assert_memory_equal(p.first, p.got, p.nc * sizeof *p.got);
        assert_memory_equal(p.first64, p.got64, p.nc * sizeof *p.got64);
    }
    for (size_t i = 0; i < GUARD; i++) assert_true(s[room + i] == 7 && s64[room + i] == 7);
    prepare(&p);
    sn_gemm1_f32(p.got, p.ldc, p.a, p.lda, ta, p.b, p.ldb, tb, m, n, k, accumulate);
    sn_gemm1_f64(p.got64, p.ldc, p.a64, p.lda, ta, p.b64, p.ldb, tb, m, n, k, accumulate);
    compare(&p);
    sn_free(s);
    sn_free(s64);
    end(&p);
}

static void all_forms(int64_t m, int64_t n, int64_t k) {
    for (int form = 0; form < 8; form++) solve(m, n, k, form & 1, form & 2, form & 4);
}

static void small_and_odd(void **state) {
    (void)state;
    static const int64_t size[] = { 1, 2, 5, 17, 64, 65 };
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) all_forms(size[i], size[j], size[(i + 2 * j) % 6]);
}

static void tiles(void **state) {
    (void)state;
    all_forms(301, 287, 130); /* several tiles, no multiple of anything */
    solve(2100, 3, 40, false, false, false);
    solve(3, 2100, 40, false, true, true);
}

static void split_k(void **state) {
    (void)state;
    assert_true(sn_gemm_scratch(7, 33, 20011) > 0);
    assert_true(sn_gemm_scratch(32, 128, 131072) > 0); /* the seed's dense layer */
    assert_int_equal(sn_gemm_scratch(131072, 128, 32), 0);
    assert_int_equal(sn_gemm_scratch(0, 128, 32), 0);
    all_forms(7, 33, 20011);
    solve(1, 140, 33000, true, false, true);
    solve(140, 1, 33000, false, false, false);
}

/* What plans rely on to make one buffer for all batches up to a size. */
static void scratch_for_smaller_products(void **state) {
    (void)state;
    static const int64_t size[][2] = { { 128, 131072 }, { 10, 700 }, { 3, 100000 }, { 1, 1000 },
                                       { 1000, 1 },     { 1, 1 },    { 600, 2049 }, { 128, 600 } };
    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        int64_t n = size[i][0], k = size[i][1];
        size_t rows = 0, inner = 0;
        for (int64_t m = 1; m <= 40000; m++) {
            size_t a = sn_gemm_scratch(m, n, k), b = sn_gemm_scratch(k, n, m);
            rows = a > rows ? a : rows;
            inner = b > inner ? b : inner;
            if (m > 50 && m % 3001 != 0) continue;
            assert_int_equal(sn_gemm_scratch_rows(m, n, k), rows);
            assert_int_equal(sn_gemm_scratch_inner(k, n, m), inner);
        }
    }
    assert_true(sn_gemm_scratch_rows(32, 128, 131072) > 0);
    assert_true(sn_gemm_scratch_rows((int64_t)1 << 40, 128, 131072) > 0); /* in time */
    assert_true(sn_gemm_scratch_inner(128, 128, (int64_t)1 << 40) > 0);
}

static void nothing_to_sum(void **state) {
    (void)state;
    float c[6] = { 1, 2, 3, 4, 5, 6 }, a[1] = { 0 };
    sn_gemm_f32(pools[1], c, 3, a, 1, false, a, 3, false, 2, 2, 0, true, NULL);
    assert_true(c[0] == 1 && c[4] == 5);
    sn_gemm_f32(pools[1], c, 3, a, 1, false, a, 3, false, 2, 2, 0, false, NULL);
    assert_true(c[0] == 0 && c[1] == 0 && c[2] == 3 && c[3] == 0 && c[4] == 0 && c[5] == 6);
    sn_gemm_f32(pools[1], c, 3, a, 1, false, a, 3, false, 0, 2, 5, false, NULL);
    sn_gemm_f32(pools[1], c, 3, a, 1, false, a, 3, false, 2, 0, 5, false, NULL);
    assert_true(c[2] == 3 && c[5] == 6);
}

/* cblas has 32-bit integers; a stride beyond them must not be cut off. Only row 0 is touched. */
static void huge_stride(void **state) {
    (void)state;
    float a[3] = { 1, 2, 3 }, b[6] = { 1, 2, 3, 4, 5, 6 }, c[2] = { 1, 1 };
    sn_gemm_f32(pools[1], c, (int64_t)INT_MAX + 9, a, (int64_t)INT_MAX + 5, false, b, 2, false, 1, 2, 3, false,
                NULL);
    assert_true(c[0] == 22 && c[1] == 28);
    sn_gemm_f32(pools[1], c, 2, a, 1, true, b, (int64_t)INT_MAX + 5, true, 1, 1, 3, true, NULL);
    assert_true(c[0] == 36 && c[1] == 28);
}

static void nan_goes_through(void **state) {
    (void)state;
    float a[4] = { 0, NAN, 1, 1 }, b[4] = { 0, 0, 0, INFINITY }, c[4];
    sn_gemm_f32(pools[0], c, 2, a, 2, false, b, 2, false, 2, 2, 2, false, NULL);
    assert_true(isnan(c[0]) && isnan(c[1]) && c[2] == 0 && isinf(c[3]));
    assert_true(strlen(sn_gemm_corename()) > 0);
}

/* ---- the kernels of every instruction set ---- */

/* Arrays of just the size, so that a sanitizer sees what lies beyond. */
static float *exactly(int64_t n, uint64_t seed) {
    float *p = malloc((size_t)n * sizeof *p);
    sn_rng r = sn_rng_make(seed, SN_STREAM_TEST, 1);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) p[i] = (float)(sn_rng_uniform(&r) - 0.5);
    return p;
}

/* a's rows are `apart` numbers apart, or as near as they get. */
static void check_kernel(const sn_gemm_kern *kern, int64_t m, int64_t n, int64_t k, int form, int64_t apart) {
    bool ta = form & 1, tb = form & 2, add = form & 4;
    int64_t lda = ta ? m : k, ldb = tb ? k : n, ldc = n + 1, near = lda;
    if (lda < apart) lda = apart;
    float *a = exactly(((ta ? k : m) - 1) * lda + near, 1), *b = exactly(k * n, 2),
          *c = exactly((m - 1) * ldc + n, 3);
    float *got = exactly((m - 1) * ldc + n, 3), *part = exactly((m - 1) * ldc + n, 3);
    kern->product(got, ldc, a, ta ? 1 : lda, ta ? lda : 1, b, ldb, tb, m, n, k, add);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < ldc && i * ldc + j < (m - 1) * ldc + n; j++) {
            double want = add || j == n ? (double)c[i * ldc + j] : 0, size = fabs(want);
            for (int64_t l = 0; l < k && j < n; l++) {
                double v =
                    (double)a[ta ? l * lda + i : i * lda + l] * (double)b[tb ? j * ldb + l : l * ldb + j];
                want += v;
                size += fabs(v);
            }
            if (!(fabs((double)got[i * ldc + j] - want) <= 1e-6 * size))
                fail_msg("%s %d x %d x %d, form %d, at %d %d: %g, not %g", kern->isa, (int)m, (int)n, (int)k,
                         form, (int)i, (int)j, (double)got[i * ldc + j], want);
        }
    }
    /* cut anywhere, the same bits */
    int64_t cut = m / 3, split = n / 2;
    for (int q = 0; q < 4; q++) {
        int64_t i = q & 1 ? cut : 0, j = q & 2 ? split : 0, mm = q & 1 ? m - cut : cut,
                nn = q & 2 ? n - split : split;
        if (mm > 0 && nn > 0)
            kern->product(part + i * ldc + j, ldc, a + i * (ta ? 1 : lda), ta ? 1 : lda, ta ? lda : 1,
                          b + j * (tb ? ldb : 1), ldb, tb, mm, nn, k, add);
    }
    assert_memory_equal(part, got, (size_t)((m - 1) * ldc + n) * sizeof *got);
    free(a);
    free(b);
    free(c);
    free(got);
    free(part);
}

static void every_instruction_set_is_right(void **state) {
    (void)state;
    static const int64_t large[][3] = { { 67, 65, 1100 }, { 32, 128, 784 }, { 100, 120, 33 }, { 1, 48, 513 } };
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    for (int l = 0; l < levels; l++) {
        const sn_gemm_kern *kern = sn_gemm_kernels(all[l]->isa);
        assert_string_equal(kern->isa, all[l]->isa);
        for (int64_t s = 1; s <= 67; s++) {
            check_kernel(kern, s, 1 + (s * 5) % 67, 1 + (s * 11) % 67, (int)(s % 8), 0);
            check_kernel(kern, 1 + (s * 3) % 19, s, 1 + (s * 7) % 23, (int)(s / 8 % 8), 0);
        }
        for (int form = 0; form < 8; form++)
            for (int i = 0; i < 4; i++) check_kernel(kern, large[i][0], large[i][1], large[i][2], form, 0);
    }
}

/* a transposed whose columns are copied, by blocks of which there are one or several, up to the longest inner
 * dimension that is; where they are not copied, the same bits. */
static void columns_far_apart(void **state) {
    (void)state;
    static const int64_t shapes[][3] = { { 1, 64, 1 },     { 7, 65, 3 },    { 1700, 64, 5 },  { 1030, 77, 32 },
                                         { 101, 64, 128 }, { 48, 96, 128 }, { 49, 127, 127 }, { 47, 64, 126 },
                                         { 97, 64, 129 },  { 8200, 64, 1 }, { 8176, 70, 1 },  { 333, 80, 17 } };
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    for (int l = 0; l < levels; l++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            for (int form = 1; form < 8; form += 2)
                for (int64_t apart = 1023; apart <= 1024; apart++)
                    check_kernel(sn_gemm_kernels(all[l]->isa), shapes[i][0], shapes[i][1], shapes[i][2], form,
                                 apart);
}

/* b transposed: whole squares of every instruction set, and what is left beside and below them. */
static void transposed_squares(void **state) {
    (void)state;
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    sn_rng r = sn_rng_make(4, SN_STREAM_TEST, 2);
    for (int i = 0; i < 150; i++) {
        int64_t m = 1 + (int64_t)sn_rng_below(&r, 20), n = 1 + (int64_t)sn_rng_below(&r, 100),
                k = 1 + (int64_t)sn_rng_below(&r, i % 10 ? 100 : 1100);
        for (int l = 0; l < levels; l++)
            for (int form = 2; form < 8; form += form == 3 ? 3 : 1)
                check_kernel(sn_gemm_kernels(all[l]->isa), m, n, k, form, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_is_right),
        cmocka_unit_test(columns_far_apart),
        cmocka_unit_test(transposed_squares),
        cmocka_unit_test(small_and_odd),
        cmocka_unit_test(tiles),
        cmocka_unit_test(split_k),
        cmocka_unit_test(scratch_for_smaller_products),
        cmocka_unit_test(nothing_to_sum),
        cmocka_unit_test(huge_stride),
        cmocka_unit_test(nan_goes_through),
    };
    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
