/* Initializers: statistics, limits, seeds, orthogonality. */
#include "nn_objects.h"

#include "nn/initializers/random.h"
#include <stdio.h>

enum { FAN_IN = 300, FAN_OUT = 500, COUNT = FAN_IN * FAN_OUT };
static float w[COUNT], w2[COUNT];

static sn_status fill(const char *text, float *out, const sn_shape *s, uint64_t seed, sn_err *e) {
    sn_obj *o = make(&sn_kind_initializer, text);
    const sn_initializer_type *t = (const sn_initializer_type *)(const void *)o->desc;
    sn_status st = t->fill(o->cfg, out, s, FAN_IN, FAN_OUT, seed, e);
    sn_obj_release(o);
    return st;
}

static void fill_all(const char *text, float *out, uint64_t seed) {
    sn_err e = { 0 };
    sn_shape s = { .n = 2, .d = { FAN_IN, FAN_OUT } };
    if (fill(text, out, &s, seed, &e) != SN_OK) fail_msg("%s: %s", text, e.msg);
}

typedef struct {
    double mean, std, low, high;
} stats;

static stats measure(void) {
    stats s = { .low = INFINITY, .high = -INFINITY };
    double sum = 0, squares = 0;
    for (int i = 0; i < COUNT; i++) {
        sum += w[i];
        squares += (double)w[i] * w[i];
        s.low = fmin(s.low, w[i]);
        s.high = fmax(s.high, w[i]);
    }
    s.mean = sum / COUNT;
    s.std = sqrt(squares / COUNT - s.mean * s.mean);
    return s;
}

/* Standard deviations and limits of Keras 3's formulas (initializers/random_initializers.py) for fan_in 300,
 * fan_out 500; limit 0: unbounded. Truncated ones end at two deviations of the uncut distribution. */
static void distributions(void **state) {
    (void)state;
    const double cut = 0.87962566103423978;
    const struct {
        const char *text;
        double mean, std, limit;
    } cases[] = {
        { "random_normal{mean=0.2, stddev=0.5}", 0.2, 0.5, 0 },
        { "random_normal{}", 0, 0.05, 0 },
        { "random_uniform{}", 0, 0.05 / sqrt(3), 0.05 },
        { "truncated_normal{stddev=0.5}", 0, 0.5 * cut, 1 },
        { "glorot_uniform{}", 0, sqrt(2.0 / 800), sqrt(6.0 / 800) },
        { "glorot_normal{}", 0, sqrt(2.0 / 800), 2 * sqrt(2.0 / 800) / cut },
        { "he_uniform{}", 0, sqrt(2.0 / 300), sqrt(6.0 / 300) },
        { "he_normal{}", 0, sqrt(2.0 / 300), 2 * sqrt(2.0 / 300) / cut },
        { "lecun_uniform{}", 0, sqrt(1.0 / 300), sqrt(3.0 / 300) },
        { "lecun_normal{}", 0, sqrt(1.0 / 300), 2 * sqrt(1.0 / 300) / cut },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill_all(cases[i].text, w, 7);
        stats s = measure();
        double sigma = cases[i].std / sqrt(COUNT);
        if (!(fabs(s.mean - cases[i].mean) < 4 * sigma)) fail_msg("%s: mean %g", cases[i].text, s.mean);
        assert_close(s.std, cases[i].std, 0.01);
        if (cases[i].limit > 0) {
            double limit = cases[i].limit * (1 + 1e-6);
            assert_true(s.low >= -limit && s.high <= limit);
            assert_true(s.low < -0.98 * limit && s.high > 0.98 * limit);
        }
    }
}

/* Python 3.11, statistics.NormalDist().inv_cdf (the same algorithm, AS 241), at the ranks of the sequence's own
 * words: the ordered normal numbers must be the quantiles of the ordered uniform ones. */
static void normal_numbers_are_quantiles(void **state) {
    (void)state;
    double below1 = 0, below2 = 0, below3 = 0;
    fill_all("random_normal{stddev=1}", w, 11);
    for (int i = 0; i < COUNT; i++)
        below1 += w[i] < -2.3263478740408408, below2 += w[i] < -0.5244005127080407,
            below3 += w[i] < 3.090232306167813;
    assert_near(below1 / COUNT, 0.01, 0.0011); /* 4 deviations of the count */
    assert_near(below2 / COUNT, 0.3, 0.005);
    assert_near(below3 / COUNT, 0.999, 0.0004);
    fill_all("random_uniform{minval=0, maxval=1}", w2, 11);
    for (int i = 0; i < COUNT; i++) assert_near(0.5 * erfc(-(double)w[i] / sqrt(2)), w2[i], 2e-6);
}

static void constants(void **state) {
    (void)state;
    fill_all("zeros{}", w, 1);
    assert_true(w[0] == 0 && w[COUNT - 1] == 0);
    fill_all("ones{}", w, 1);
    assert_true(w[0] == 1 && w[COUNT - 1] == 1);
    fill_all("constant{value=-0.25}", w, 1);
    assert_true(w[0] == -0.25F && w[COUNT - 1] == -0.25F);
}

static void seeds(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_initializer.list; *d; d++) {
        if (!sn_field_find(&sn_kind_initializer, *d, "seed")) continue;
        char plain[64], seeded[64];
        snprintf(plain, sizeof plain, "%s{}", (*d)->name);
        snprintf(seeded, sizeof seeded, "%s{seed=7}", (*d)->name);
        fill_all(plain, w, 7);
        fill_all(plain, w2, 7);
        assert_memory_equal(w, w2, sizeof w);
        fill_all(seeded, w2, 99); /* a seed of its own wins over the model's */
        assert_memory_equal(w, w2, sizeof w);
        fill_all(plain, w2, 8);
        int same = 0;
        for (int i = 0; i < COUNT; i++) same += w[i] == w2[i];
        assert_true(same < COUNT / 1000);
    }
}

/* Element i does not depend on how many there are. */
static void elements_stand_alone(void **state) {
    (void)state;
    const char *const texts[] = { "random_normal{}", "random_uniform{}", "truncated_normal{}", "he_normal{}" };
    for (int k = 0; k < 4; k++) {
        sn_err e = { 0 };
        sn_shape few = { .n = 1, .d = { 13 } };
        fill_all(texts[k], w, 3);
        assert_int_equal(fill(texts[k], w2, &few, 3, &e), SN_OK);
        assert_memory_equal(w, w2, 13 * sizeof(float));
    }
}

/* Q Q^T or Q^T Q = gain^2 I, for tall, wide and square kernels; rank 4 as Keras reshapes it. */
static void orthogonal(void **state) {
    (void)state;
    const sn_shape shapes[] = { { .n = 2, .d = { 40, 7 } },
                                { .n = 2, .d = { 7, 40 } },
                                { .n = 2, .d = { 64, 64 } },
                                { .n = 4, .d = { 3, 3, 2, 30 } },
                                { .n = 2, .d = { 1, 1 } } };
    for (int k = 0; k < 5; k++) {
        sn_err e = { 0 };
        int64_t cols = shapes[k].d[shapes[k].n - 1], rows = sn_shape_count(&shapes[k]) / cols;
        bool wide = rows < cols;
        assert_int_equal(fill("orthogonal{gain=1.5}", w, &shapes[k], 5, &e), SN_OK);
        int64_t n = wide ? rows : cols, m = wide ? cols : rows;
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = 0; j < n; j++) {
                double dot = 0;
                for (int64_t x = 0; x < m; x++)
                    dot += wide ? (double)w[i * cols + x] * w[j * cols + x]
                                : (double)w[x * cols + i] * w[x * cols + j];
                assert_near(dot, i == j ? 2.25 : 0, 2e-6);
            }
        }
    }
    sn_err e = { 0 };
    sn_shape flat = { .n = 1, .d = { 8 } };
    assert_int_equal(fill("orthogonal{}", w, &flat, 5, &e), SN_ESHAPE);
    assert_non_null(strstr(e.msg, "two or more dimensions, got (8,)"));
}

/* The factor R of A = Q R has a positive diagonal (Keras: q *= sign(diag(r))). */
static void orthogonal_signs(void **state) {
    (void)state;
    enum { ROWS = 12, COLS = 5 };
    sn_err e = { 0 };
    sn_shape s = { .n = 2, .d = { ROWS, COLS } };
    double a[ROWS * COLS]; /* column by column */
    assert_int_equal(fill("orthogonal{}", w, &s, 21, &e), SN_OK);
    sn_fill_normal_f64(a, ROWS * COLS, 0, 1, 21, 0);
    for (int j = 0; j < COLS; j++) {
        for (int i = 0; i <= j; i++) {
            double upper = 0, lower = 0; /* R (i, j) and R (j, i) */
            for (int x = 0; x < ROWS; x++) {
                upper += w[x * COLS + i] * a[j * ROWS + x];
                lower += w[x * COLS + j] * a[i * ROWS + x];
            }
            if (i == j) assert_true(upper > 0);
            if (i < j) assert_near(lower, 0, 1e-5);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions),
        cmocka_unit_test(normal_numbers_are_quantiles),
        cmocka_unit_test(constants),
        cmocka_unit_test(seeds),
        cmocka_unit_test(elements_stand_alone),
        cmocka_unit_test(orthogonal),
        cmocka_unit_test(orthogonal_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
