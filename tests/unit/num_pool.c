/* The kernels of max_pool2d, and of dropout from any element on, of every instruction set against plain loops:
 * odd sizes, strides and windows, equal values and nan. Written for a type T, like num_kern.c. */
#ifndef T
#    include <setjmp.h>
#    include <stdarg.h>
#    include <stddef.h>
#    include <stdint.h>

#    include <cmocka.h>

#    include "base/rng.h"
#    include "num/kern.h"
#    include <math.h>
#    include <stdio.h>
#    include <stdlib.h>
#    include <string.h>

static const sn_windows shapes[] = {
    /* h, w, c, oh, ow, kh, kw, sh, sw, pt, pl */
    { 4, 6, 32, 2, 3, 2, 2, 2, 2, 0, 0, false },    { 5, 7, 17, 2, 3, 2, 2, 2, 2, 0, 0, false },
    { 5, 7, 3, 3, 4, 2, 2, 2, 2, 0, 0, false },     { 5, 5, 33, 3, 3, 3, 3, 2, 2, 1, 1, false },
    { 4, 4, 16, 4, 4, 2, 2, 1, 1, 0, 0, false },    { 7, 9, 5, 2, 3, 2, 3, 4, 3, 0, 0, false },
    { 6, 8, 1, 3, 3, 3, 2, 2, 3, 1, 0, false },     { 5, 6, 19, 5, 3, 1, 2, 1, 2, 0, 0, false },
    { 17, 16, 18, 1, 1, 16, 16, 1, 1, 0, 0, true }, { 3, 3, 20, 1, 1, 3, 3, 3, 3, 0, 0, false },
    { 9, 1, 2, 5, 1, 1, 1, 2, 1, 0, 0, false },     { 4, 4, 48, 2, 2, 2, 2, 2, 2, 0, 0, true },
    { 28, 28, 6, 14, 14, 2, 2, 2, 2, 0, 0, false }, { 9, 11, 5, 4, 5, 2, 2, 2, 2, 0, 0, false },
    { 8, 34, 1, 4, 17, 2, 2, 2, 2, 0, 0, false },   { 6, 8, 24, 3, 4, 2, 2, 2, 2, 0, 0, true },
    { 7, 7, 7, 3, 3, 3, 3, 2, 2, 0, 0, false },     { 3, 67, 3, 1, 33, 2, 2, 2, 2, 0, 0, false },
    { 6, 9, 35, 2, 3, 3, 3, 3, 3, 0, 0, false },    { 2, 300, 37, 1, 150, 2, 2, 2, 2, 0, 0, false },
    { 4, 2, 300, 2, 1, 2, 2, 2, 2, 0, 0, false },   { 3, 5, 261, 2, 2, 2, 3, 1, 2, 0, 0, false },
    { 2, 140, 65, 1, 70, 2, 2, 2, 2, 0, 0, false },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], MOST = 1 << 15, CHANNELS = 300 };

#    define T       float
#    define TABLE   sn_kern_f32_table
#    define ALL     sn_kern_all_f32
#    define NAME(x) x##_f32
#    include "num_pool.c"
#    undef T
#    undef TABLE
#    undef ALL
#    undef NAME
#    define T       double
#    define TABLE   sn_kern_f64_table
#    define ALL     sn_kern_all_f64
#    define NAME(x) x##_f64
#    include "num_pool.c"

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooling_f32),
        cmocka_unit_test(pooling_f64),
        cmocka_unit_test(unpooling_f32),
        cmocka_unit_test(unpooling_f64),
        cmocka_unit_test(through_f32),
        cmocka_unit_test(through_f64),
        cmocka_unit_test(masks_f32),
        cmocka_unit_test(masks_f64),
        cmocka_unit_test(dropout_from_anywhere_f32),
        cmocka_unit_test(dropout_from_anywhere_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static T NAME(x)[MOST], NAME(a)[CHANNELS], NAME(b)[CHANNELS], NAME(want)[MOST], NAME(got)[MOST], NAME(dy)[MOST];

/* Few different values, so that many are equal; some are nan. */
static void NAME(refill)(uint64_t seed) {
    sn_rng r = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (int i = 0; i < MOST; i++) {
        NAME(x)[i] = (T)sn_rng_below(&r, 9) - 4;
        if (sn_rng_below(&r, 50) == 0) NAME(x)[i] = (T)NAN;
        NAME(dy)[i] = (T)sn_rng_normal(&r);
    }
    for (int i = 0; i < CHANNELS; i++) {
        NAME(a)[i] = (T)sn_rng_normal(&r);
        NAME(b)[i] = (T)sn_rng_normal(&r);
    }
}

/* Of one window and channel: the largest value, and where it is. */
static T NAME(largest)(const sn_windows *g, bool affine, bool relu, int64_t oy, int64_t ox, int64_t c,
                       uint32_t *tap) {
    T best = 0;
    bool any = false;
    for (int64_t ky = 0; ky < g->kh; ky++) {
        for (int64_t kx = 0; kx < g->kw; kx++) {
            int64_t iy = oy * g->sh - g->pt + ky, ix = ox * g->sw - g->pl + kx;
            if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
            T v = NAME(x)[(iy * g->w + ix) * g->c + c];
            if (affine) v = v * NAME(a)[c] + NAME(b)[c];
            if (relu && v <= 0) v = 0;
            if (any && !(v > best) && !isnan(v)) continue;
            best = v;
            *tap = (uint32_t)(ky * g->kw + kx);
            any = true;
        }
    }
    assert_true(any);
    return best;
}

static uint32_t NAME(kept)(const sn_windows *g, const void *index, int64_t i) {
    return g->wide ? ((const uint32_t *)index)[i] : ((const uint8_t *)index)[i];
}

/* A copy of just that size: what is read or written beyond it shows under a sanitizer. */
static void *NAME(exactly)(const void *from, int64_t n, size_t size) {
    void *to = malloc((size_t)n * size);
    assert_non_null(to);
    memcpy(to, from, (size_t)n * size);
    return to;
}

static void NAME(check_pooling)(const TABLE *k, const sn_windows *g, bool affine, bool relu) {
    static uint32_t index[MOST];
    T *x = NAME(exactly)(NAME(x), g->h * g->w * g->c, sizeof(T)), guard[16];
    memset(guard, 1, sizeof guard);
    for (int64_t oy = 0; oy < g->oh; oy++) {
        memset(NAME(got), 1, sizeof NAME(got));
        memset(index, 1, sizeof index);
        k->max_pool_row(NAME(got), index, x, affine ? NAME(a) : NULL, affine ? NAME(b) : NULL, relu, g, oy);
        assert_memory_equal(NAME(got) + g->ow * g->c, guard, sizeof guard); /* another row's */
        assert_memory_equal((char *)index + g->ow * g->c * (g->wide ? 4 : 1), guard, sizeof guard);
        for (int64_t i = 0; i < g->ow * g->c; i++) {
            uint32_t tap = 0;
            T v = NAME(largest)(g, affine, relu, oy, i / g->c, i % g->c, &tap);
            if (memcmp(&v, &NAME(got)[i], sizeof v) != 0 && !(isnan(v) && isnan(NAME(got)[i])))
                fail_msg("%s: %g, not %g", k->isa, (double)NAME(got)[i], (double)v);
            assert_int_equal(NAME(kept)(g, index, i), tap);
        }
        memcpy(NAME(want), NAME(got), (size_t)(g->ow * g->c) * sizeof(T));
        k->max_pool_row(NAME(got), NULL, x, affine ? NAME(a) : NULL, affine ? NAME(b) : NULL, relu, g, oy);
        assert_memory_equal(NAME(want), NAME(got), (size_t)(g->ow * g->c) * sizeof(T));
    }
    free(x);
}

static void NAME(pooling)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    for (int s = 0; s < SHAPES; s++) {
        NAME(refill)((uint64_t)s);
        for (int l = 0; l < levels; l++)
            for (int way = 0; way < 4; way++) NAME(check_pooling)(all[l], &shapes[s], way & 1, way & 2);
    }
}

/* Window by window, as one would write it. */
static void NAME(spread)(T *dx, const sn_windows *g, const void *index, T scale) {
    memset(dx, 0, (size_t)(g->h * g->w * g->c) * sizeof *dx);
    for (int64_t i = 0; i < g->oh * g->ow * g->c; i++) {
        int64_t c = i % g->c, ox = i / g->c % g->ow, oy = i / g->c / g->ow;
        uint32_t tap = NAME(kept)(g, index, i);
        if (!g->wide && tap == SN_NO_TAP) continue;
        int64_t iy = oy * g->sh - g->pt + tap / g->kw, ix = ox * g->sw - g->pl + tap % g->kw;
        dx[(iy * g->w + ix) * g->c + c] += NAME(dy)[i] * scale;
    }
}

static void NAME(check_unpooling)(const TABLE *k, const sn_windows *g, T scale) {
    static uint32_t room[MOST];
    int64_t row = g->ow * g->c, size = g->wide ? 4 : 1, pixels = g->h * g->w;
    for (int64_t oy = 0; oy < g->oh; oy++)
        k->max_pool_row(NAME(got), (char *)room + oy * row * size, NAME(x), NULL, NULL, false, g, oy);
    if (!g->wide)
        for (int64_t i = 0; i < g->oh * row; i += 3) ((uint8_t *)room)[i] = SN_NO_TAP;
    NAME(spread)(NAME(want), g, room, scale);
    T *dy = NAME(exactly)(NAME(dy), g->oh * row, sizeof(T)), guard[16];
    void *index = NAME(exactly)(room, g->oh * row, (size_t)size);
    memset(guard, 1, sizeof guard);
    for (int64_t step = 1; step <= pixels; step += step < 5 ? 1 : 7) { /* in pieces of any length */
        memset(NAME(got), 1, sizeof NAME(got));
        for (int64_t p = 0; p < pixels; p += step) {
            int64_t end = p + step < pixels ? p + step : pixels;
            k->max_unpool(NAME(got) + p * g->c, dy, index, scale, g, p, end);
            assert_memory_equal(NAME(got) + end * g->c, guard, sizeof guard); /* another cell's */
        }
        for (int64_t i = 0; i < pixels * g->c; i++)
            if (!(NAME(got)[i] == NAME(want)[i]))
                fail_msg("%s: shape %d, pixel %lld, channel %lld: %g, not %g", k->isa, (int)(g - shapes),
                         (long long)(i / g->c), (long long)(i % g->c), (double)NAME(got)[i],
                         (double)NAME(want)[i]);
    }
    free(dy);
    free(index);
}

static void NAME(unpooling)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    for (int s = 0; s < SHAPES; s++) {
        NAME(refill)((uint64_t)(100 + s));
        for (int l = 0; l < levels; l++) {
            NAME(check_unpooling)(all[l], &shapes[s], 1);
            NAME(check_unpooling)(all[l], &shapes[s], (T)1.25);
        }
    }
}

/* The sums against the gradient that unpooling spreads; the mix against it and row_affine2. */
static void NAME(check_through)(const TABLE *k, const sn_windows *g, T scale) {
    static uint8_t index[MOST];
    double sums[2 * CHANNELS] = { 0 }, want[2 * CHANNELS] = { 0 };
    int64_t row = g->ow * g->c, pixels = g->h * g->w;
    for (int64_t oy = 0; oy < g->oh; oy++)
        k->max_pool_row(NAME(got), index + oy * row, NAME(x), NULL, NULL, false, g, oy);
    for (int64_t i = 0; i < g->oh * row; i++) /* the same winners, other values; some of none */
        if (i % 5 == 3) index[i] = SN_NO_TAP;
    for (int64_t i = 0; i < pixels * g->c; i++) NAME(x)[i] = isnan(NAME(x)[i]) ? 3 : NAME(x)[i];
    k->max_unpool(NAME(want), NAME(dy), index, scale, g, 0, pixels);
    for (int64_t i = 0; i < pixels * g->c; i++) {
        int64_t c = i % g->c;
        want[c] += (double)NAME(want)[i];
        want[g->c + c] += (double)NAME(want)[i] * ((double)NAME(x)[i] - (double)NAME(b)[c]);
    }
    for (int64_t oy = 0; oy < g->oh; oy++)
        k->max_pool_sums(sums, NAME(x), NAME(dy) + oy * row, index + oy * row, NAME(b), scale, g, oy);
    for (int64_t c = 0; c < 2 * g->c; c++)
        if (!(fabs(sums[c] - want[c]) < 1e-5 * (1 + fabs(want[c]) + sqrt((double)pixels))))
            fail_msg("%s: shape %d, sum %lld: %g, not %g", k->isa, (int)(g - shapes), (long long)c, sums[c],
                     want[c]);
    if (g->kh != g->sh || g->kw != g->sw || g->oh * g->kh != g->h || g->ow * g->kw != g->w) return;
    k->row_affine2(NAME(want), NAME(want), NAME(x), NAME(a), NAME(b), NAME(dy), (size_t)pixels, (size_t)g->c);
    memcpy(NAME(got), NAME(x), sizeof NAME(got)); /* over x */
    for (int64_t oy = 0; oy < g->oh; oy++)
        k->max_unpool_affine(NAME(got), NAME(got), NAME(dy) + oy * row, index + oy * row, scale, NAME(a),
                             NAME(b), NAME(dy), g, oy);
    assert_memory_equal(NAME(got), NAME(want), (size_t)(pixels * g->c) * sizeof(T));
}

static void NAME(through)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    for (int s = 0; s < SHAPES; s++) {
        if (shapes[s].wide) continue;
        for (int l = 0; l < levels; l++) {
            NAME(refill)((uint64_t)(200 + s));
            NAME(check_through)(all[l], &shapes[s], 1);
            NAME(check_through)(all[l], &shapes[s], (T)1.25);
        }
    }
}

static void NAME(masks)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    NAME(refill)(7);
    for (int l = 0; l < levels; l++) {
        for (size_t n = 0; n < 100; n++) {
            uint8_t index[128];
            memset(index, 3, sizeof index);
            all[l]->max_pool_mask(index, NAME(x), n);
            for (size_t i = 0; i < 128; i++)
                assert_int_equal(index[i], i < n && !(NAME(x)[i] > 0) ? SN_NO_TAP : 3);
        }
    }
}

/* A piece has the numbers that it has in the whole. */
static void NAME(dropout_from_anywhere)(void **state) {
    (void)state;
    const TABLE *all[3];
    int levels = ALL(all);
    NAME(refill)(8);
    for (int l = 0; l < levels; l++) {
        all[l]->dropout(NAME(want), NAME(dy), 2000, 5, 6, 0, 1u << 30, 2);
        for (size_t from = 0; from < 300; from += 1 + from / 16) {
            for (size_t n = 0; n < 700; n += 1 + n / 3) {
                memset(NAME(got), 1, sizeof NAME(got));
                all[l]->dropout(NAME(got), NAME(dy) + from, n, 5, 6, from, 1u << 30, 2);
                assert_memory_equal(NAME(got), NAME(want) + from, n * sizeof(T));
                assert_int_equal(((const char *)(NAME(got) + n))[0], 1);
            }
        }
    }
}

#endif
