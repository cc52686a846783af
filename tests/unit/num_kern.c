/* Every kernel of every instruction set against a plain scalar twin, and reductions bit for bit between sets.
 * The tests (second half of this file) are written for a type T; the first half includes them for float and for
 * double. */
#ifndef T
#    include <setjmp.h>
#    include <stdarg.h>
#    include <stddef.h>
#    include <stdint.h>

#    include <cmocka.h>

#    include "base/err.h"
#    include "base/rng.h"
#    include "num/kern.h"
#    include <math.h>
#    include <stdlib.h>
#    include <string.h>
#    include <sys/wait.h>
#    include <unistd.h>

#    define T       float
#    define TABLE   sn_kern_f32_table
#    define ALL     sn_kern_all_f32
#    define NAME(x) x##_f32
#    include "num_kern.c"
#    undef T
#    undef TABLE
#    undef ALL
#    undef NAME
#    define T       double
#    define TABLE   sn_kern_f64_table
#    define ALL     sn_kern_all_f64
#    define NAME(x) x##_f64
#    include "num_kern.c"

static int warnings;
static void count_warning(const char *line) { warnings += strstr(line, "SONDE_ISA") != NULL; }

/* In a process of its own, since the choice is made once: did SONDE_ISA=value give this level and so many
 * warnings? */
static bool chooses(const char *value, const char *level, int warned) {
    pid_t pid = fork();
    if (pid == 0) {
        setenv("SONDE_ISA", value, 1);
        sn_set_warn_handler(count_warning);
        bool ok = strcmp(sn_kern_f32()->isa, level) == 0 && strcmp(sn_kern_f64()->isa, level) == 0;
        _exit(ok && warnings == warned ? 0 : 1);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void isa_is_chosen(void **state) {
    (void)state;
    static const char *const names[] = { "base", "v3", "v4" };
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    const char *best = all[levels - 1]->isa;
    for (int i = 0; i < levels; i++) {
        assert_string_equal(all[i]->isa, names[i]);
        assert_true(chooses(names[i], names[i], 0));
    }
    for (int i = levels; i < 3; i++) assert_true(chooses(names[i], best, 1));
    assert_true(chooses("avx9", best, 1));
    assert_true(chooses("", best, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isa_is_chosen), /* first: before this process has chosen */
        cmocka_unit_test(elementwise_f32),
        cmocka_unit_test(elementwise_f64),
        cmocka_unit_test(not_numbers_f32),
        cmocka_unit_test(not_numbers_f64),
        cmocka_unit_test(sums_f32),
        cmocka_unit_test(sums_f64),
        cmocka_unit_test(rows_and_columns_f32),
        cmocka_unit_test(rows_and_columns_f64),
        cmocka_unit_test(dropout_f32),
        cmocka_unit_test(dropout_f64),
        cmocka_unit_test(philox_f32),
        cmocka_unit_test(philox_f64),
        cmocka_unit_test(steps_f32),
        cmocka_unit_test(steps_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Values of mixed sign and size whose sums round. */
static T NAME(value)(sn_rng *r) { return (T)(sn_rng_normal(r) * (sn_rng_uniform(r) < 0.1 ? 100 : 1)); }

enum { NAME(ROOM) = 70000 };
/* a, b, c: inputs; want, got: outputs. Tests work at an offset in them, and the values around must stay. */
static T NAME(a)[NAME(ROOM)], NAME(b)[NAME(ROOM)], NAME(c)[NAME(ROOM)], NAME(want)[NAME(ROOM)],
    NAME(got)[NAME(ROOM)];

static void NAME(refill)(uint64_t seed) {
    sn_rng r = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (int i = 0; i < NAME(ROOM); i++) {
        NAME(a)[i] = NAME(value)(&r);
        NAME(b)[i] = NAME(value)(&r);
        NAME(c)[i] = NAME(value)(&r);
    }
}

static void NAME(reset)(void) {
    memcpy(NAME(want), NAME(c), sizeof NAME(c));
    memcpy(NAME(got), NAME(c), sizeof NAME(c));
}

#    define CHECK(table, what, n)                                                                              \
        if (memcmp(NAME(want), NAME(got), sizeof NAME(want)) != 0)                                             \
        fail_msg("%s %s %zu", (table)->isa, what, (size_t)(n))

static void NAME(elementwise_at)(const TABLE *k, size_t n, int off) {
    T *w = NAME(want) + off, *g = NAME(got) + off, *a = NAME(a) + off, *b = NAME(b) + 2 * off + 1;
    a[n / 2] = 0;
    NAME(reset)();
    for (size_t i = 0; i < n; i++) w[i] = (T)1.5;
    k->fill(g, (T)1.5, n);
    CHECK(k, "fill", n);
    for (size_t i = 0; i < n; i++) w[i] = a[i] + b[i];
    k->add(g, a, b, n);
    CHECK(k, "add", n);
    for (size_t i = 0; i < n; i++) w[i] = w[i] * a[i];
    k->mul(g, g, a, n); /* in place */
    CHECK(k, "mul", n);
    for (size_t i = 0; i < n; i++) w[i] += (T)0.3 * b[i];
    k->axpy(g, (T)0.3, b, n);
    CHECK(k, "axpy", n);
    for (size_t i = 0; i < n; i++) w[i] = (T)0.7 * w[i] + (T)0.1;
    k->affine(g, g, (T)0.7, (T)0.1, n);
    CHECK(k, "affine", n);
    for (size_t i = 0; i < n; i++) w[i] = a[i] > 0 ? a[i] : 0;
    k->relu(g, a, n);
    CHECK(k, "relu", n);
    for (size_t i = 0; i < n; i++) w[i] = a[i] > 0 ? b[i] : 0;
    memcpy(g, b, n * sizeof *g);
    k->relu_grad(g, a, g, n);
    CHECK(k, "relu_grad", n);
    const uint8_t *bytes = (const uint8_t *)NAME(a) + off;
    for (size_t i = 0; i < n; i++) w[i] = (T)bytes[i] * (T)(1 / 255.0);
    k->from_u8(g, bytes, (T)(1 / 255.0), n);
    CHECK(k, "from_u8", n);
}

static void NAME(elementwise)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    for (int l = 0; l < levels; l++)
        for (size_t n = 0; n <= 68; n++)
            for (int off = 0; off < 4; off++) {
                NAME(refill)(n);
                NAME(elementwise_at)(all[l], n < 68 ? n : 5003, off);
                if (n % 8 != 3 && off == 1) break; /* every length, every offset at some */
            }
}

static void NAME(not_numbers)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    T bad[] = { (T)NAN, (T)INFINITY, (T)-INFINITY };
    NAME(refill)(1);
    for (int l = 0; l < levels; l++)
        for (size_t n = 1; n <= 67; n++)
            for (size_t i = 0; i < n; i++) {
                T *x = NAME(a) + 3, old = x[i];
                assert_true(all[l]->all_finite(x, n));
                x[i] = bad[i % 3];
                assert_false(all[l]->all_finite(x, n));
                all[l]->relu(NAME(got), x, n);
                if (i % 3 == 0) assert_true(isnan(NAME(got)[i]));
                if (i % 3 == 1) assert_true(isinf(NAME(got)[i]));
                if (i % 3 == 2) assert_true(NAME(got)[i] == 0);
                x[i] = old;
            }
    for (int l = 0; l < levels; l++) {
        assert_true(all[l]->all_finite(NAME(a), NAME(ROOM)));
        NAME(a)[NAME(ROOM) - 1] = (T)NAN;
        assert_false(all[l]->all_finite(NAME(a), NAME(ROOM)));
        NAME(a)[NAME(ROOM) - 1] = 0;
    }
}

static void NAME(check_sum)(const TABLE *k, const char *what, size_t n, double got, double first,
                            long double want, long double size) {
    if (memcmp(&got, &first, sizeof got) != 0)
        fail_msg("%s of %zu: %s %a, base %a: not the same bits", what, n, k->isa, got, first);
    if (fabsl(got - want) > size * (sizeof(T) == 4 ? 2e-6L : 4e-15L) + 1e-300L)
        fail_msg("%s of %zu: %s %.17g, exact %.17Lg", what, n, k->isa, got, want);
}

static void NAME(sums_of)(const TABLE *const *all, int levels, const T *a, const T *b, size_t n) {
    long double sum = 0, absolute = 0, dot = 0, dot_size = 0, dev = 0;
    T mean = (T)0.37;
    for (size_t i = 0; i < n; i++) {
        sum += a[i];
        absolute += fabsl(a[i]);
        dot += (long double)a[i] * b[i];
        dot_size += fabsl((long double)a[i] * b[i]);
        dev += ((long double)a[i] - mean) * ((long double)a[i] - mean);
    }
    for (int l = 0; l < levels; l++) {
        const TABLE *k = all[l], *k0 = all[0];
        NAME(check_sum)(k, "sum", n, k->sum(a, n), k0->sum(a, n), sum, absolute);
        NAME(check_sum)(k, "sum_abs", n, k->sum_abs(a, n), k0->sum_abs(a, n), absolute, absolute);
        NAME(check_sum)(k, "dot", n, k->dot(a, b, n), k0->dot(a, b, n), dot, dot_size);
        NAME(check_sum)(k, "sum_sq_dev", n, k->sum_sq_dev(a, mean, n), k0->sum_sq_dev(a, mean, n), dev, dev);
    }
}

static void NAME(sums)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    NAME(refill)(2);
    for (size_t n = 0; n <= 67; n++)
        for (int off = 0; off < 4; off++) NAME(sums_of)(all, levels, NAME(a) + off, NAME(b) + 2 * off, n);
    NAME(sums_of)(all, levels, NAME(a) + 1, NAME(b), 1024);
    NAME(sums_of)(all, levels, NAME(a) + 1, NAME(b), 1023 + 1024);
    NAME(sums_of)(all, levels, NAME(a) + 1, NAME(b), NAME(ROOM) - 9);
}

static void NAME(rows_of)(const TABLE *k, size_t rows, size_t cols, int off) {
    T *w = NAME(want) + off, *g = NAME(got) + off, *x = NAME(a) + 1;
    const T *p = NAME(b) + off, *q = p + cols, *r = q + cols;
    NAME(reset)();
    for (size_t i = 0; i < rows * cols; i++) w[i] = x[i] * p[i % cols] + q[i % cols];
    k->row_affine(g, x, p, q, rows, cols);
    CHECK(k, "row_affine", rows * 1000 + cols);
    for (size_t i = 0; i < rows * cols; i++) w[i] += r[i % cols];
    k->row_add(g, r, rows, cols);
    CHECK(k, "row_add", rows * 1000 + cols);
    for (size_t i = 0; i < rows * cols; i++) w[i] = (p[i % cols] * w[i] + q[i % cols] * x[i]) + r[i % cols];
    k->row_affine2(g, g, x, p, q, r, rows, cols);
    CHECK(k, "row_affine2", rows * 1000 + cols);
}

static void NAME(cols_of)(const TABLE *k, const TABLE *k0, size_t rows, size_t cols, int off) {
    enum { SUMS = 4 };
    double out[2][SUMS][600];
    const T *a = NAME(a) + off, *b = NAME(b) + 1, *mean = NAME(c) + off;
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < SUMS * 600; i++) out[t][i / 600][i % 600] = 0.125; /* they add */
        (t ? k : k0)->col_sum(out[t][0], a, rows, cols);
        (t ? k : k0)->col_dot(out[t][1], a, b, rows, cols);
        (t ? k : k0)->col_sq_dev(out[t][2], a, mean, rows, cols);
        (t ? k : k0)->col_dot_dev(out[t][3], a, b, mean, rows, cols);
    }
    if (memcmp(out[0], out[1], sizeof out[0]) != 0)
        fail_msg("%s %zu x %zu: column sums have other bits than base", k->isa, rows, cols);
    for (size_t c = 0; c < 600; c++) {
        long double want[SUMS] = { 0 }, size[SUMS] = { 0 };
        for (size_t r = 0; c < cols && r < rows; r++) {
            long double x = a[r * cols + c], y = b[r * cols + c], d = x - mean[c], g = x * (y - mean[c]);
            want[0] += x, size[0] += fabsl(x);
            want[1] += x * y, size[1] += fabsl(x * y);
            want[2] += d * d, size[2] += d * d;
            want[3] += g,
                size[3] += fabsl(x) * (fabsl(y) + fabsl((long double)mean[c])); /* b - mean is rounded */
        }
        for (int i = 0; i < SUMS; i++)
            if (fabsl(out[1][i][c] - 0.125L - want[i]) > size[i] * (sizeof(T) == 4 ? 2e-6L : 4e-15L) + 1e-14L)
                fail_msg("%s %zu x %zu: column %zu, sum %d is %.17g", k->isa, rows, cols, c, i, out[1][i][c]);
    }
}

static void NAME(rows_and_columns)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    static const size_t cols[] = { 1,  2,  3,  5,  8,  10, 16,  17,  31,  32,  33,
                                   48, 63, 64, 65, 80, 96, 100, 130, 255, 256, 530 };
    static const size_t rows[] = { 0, 1, 2, 3, 7, 31, 33, 64, 65, 130, 2100 };
    for (size_t i = 0; i < sizeof cols / sizeof cols[0]; i++)
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            if (cols[i] * rows[j] > NAME(ROOM) - 100) continue;
            NAME(refill)(i);
            for (int l = 0; l < levels; l++) {
                NAME(rows_of)(all[l], rows[j], cols[i], (int)(i % 3));
                NAME(cols_of)(all[l], all[0], rows[j], cols[i], (int)(j % 3));
            }
        }
    for (int l = 0; l < levels; l++) {
        all[l]->row_add(NULL, NULL, 5, 0);
        all[l]->col_sum(NULL, NULL, 5, 0);
    }
}

static void NAME(dropout_of)(const TABLE *k, size_t n, uint64_t first, int off) {
    uint64_t key = 0x123456789abcdef0u + n, hi = 0xfedcba9876543210u;
    uint32_t threshold = 0x4ccccccc;
    T *w = NAME(want) + off, *g = NAME(got) + off, *x = NAME(a) + 1;
    NAME(reset)();
    for (size_t i = 0; i < n; i++) {
        uint32_t word[4];
        sn_philox(key, hi, (first + i) / 4, word);
        w[i] = word[i % 4] >= threshold ? x[i] * (T)1.25 : 0;
    }
    k->dropout(g, x, n, key, hi, first, threshold, (T)1.25);
    CHECK(k, "dropout", n);
}

static void NAME(dropout)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    NAME(refill)(3);
    for (int l = 0; l < levels; l++) {
        for (size_t n = 0; n <= 67; n++) NAME(dropout_of)(all[l], n, 4 * n, (int)(n % 4));
        NAME(dropout_of)(all[l], 257, (uint64_t)4 << 32, 0);
        NAME(dropout_of)(all[l], 4001, ((uint64_t)4 << 32) - 404, 1); /* the counter's carry */
        for (size_t i = 0; i < 1000; i++) NAME(a)[i] = (T)INFINITY;
        all[l]->dropout(NAME(a), NAME(a), 1000, 1, 2, 0, 0x80000000u, 2);
        int kept = 0;
        for (size_t i = 0; i < 1000; i++) {
            assert_true(NAME(a)[i] == 0 || isinf(NAME(a)[i])); /* inf * 0 would be nan */
            kept += NAME(a)[i] != 0;
        }
        assert_in_range(kept, 430, 570);
        NAME(refill)(3);
    }
}

static void NAME(philox)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    uint64_t key = 0x123456789abcdef0u, hi = 0xfedcba9876543210u;
    uint32_t got[4 * 200 + 1], want[4];
    for (int l = 0; l < levels; l++)
        for (size_t n = 0; n <= 200; n++) {
            uint64_t first = n % 3 ? n : (UINT64_C(1) << 32) - n / 2; /* the counter's carry */
            memset(got, 0x55, sizeof got);
            all[l]->philox(got, key, hi, first, n);
            assert_int_equal(got[4 * n], 0x55555555);
            for (size_t i = 0; i < n; i++) {
                sn_philox(key, hi, first + i, want);
                assert_memory_equal(got + 4 * i, want, sizeof want);
            }
        }
}

/* Adam, bit for bit; what lies around n parameters stays. */
static void NAME(steps)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    const T a = (T)0.1, b = (T)0.001, rate = (T)0.003, eps = (T)1e-7;
    enum { N = 67, SPAN = 80 };
    T p[2][SPAN], m[2][SPAN], v[2][SPAN], top[2][SPAN];
    for (int l = 0; l < levels; l++) {
        for (size_t n = 0; n <= N; n++) {
            NAME(refill)(n);
            const T *g = NAME(a) + n % 5;
            for (int i = 0; i < SPAN; i++)
                for (int k = 0; k < 2; k++) {
                    p[k][i] = NAME(b)[i];
                    m[k][i] = NAME(c)[i];
                    v[k][i] = NAME(c)[i] * NAME(c)[i];
                    top[k][i] = NAME(c)[SPAN + i] * NAME(c)[SPAN + i];
                }
            bool largest = n % 2;
            for (size_t i = 0; i < n; i++) {
                m[0][i] += (g[i] - m[0][i]) * a;
                v[0][i] += (g[i] * g[i] - v[0][i]) * b;
                if (largest) top[0][i] = v[0][i] > top[0][i] ? v[0][i] : top[0][i];
                T root = sizeof(T) == 4 ? (T)sqrtf((float)(largest ? top : v)[0][i])
                                        : (T)sqrt((double)(largest ? top : v)[0][i]);
                p[0][i] -= m[0][i] * rate / (root + eps);
            }
            all[l]->adam(p[1], m[1], v[1], largest ? top[1] : NULL, g, n, a, b, rate, eps);
            if (memcmp(p[0], p[1], sizeof p[0]) || memcmp(m[0], m[1], sizeof m[0]) ||
                memcmp(v[0], v[1], sizeof v[0]) || memcmp(top[0], top[1], sizeof top[0]))
                fail_msg("%s adam %zu", all[l]->isa, n);
        }
    }
}
#    undef CHECK
#endif
