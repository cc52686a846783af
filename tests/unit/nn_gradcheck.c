/* Every layer of the table: its gradients against central differences in float64, float32 against float64, and
 * the same bits with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/gradcheck.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int inputs_of(const sn_layer_type *t, int i) { return t->check[i].nin ? t->check[i].nin : 1; }

static void every_layer_has_its_gradients(void **state) {
    (void)state;
    for (int k = 0; sn_layer_types_f64[k]; k++) {
        const sn_layer_type *t = sn_layer_types_f64[k];
        if (!t->check[0].cfg) fail_msg("%s has no gradient-check case", t->desc.name);
        bool single = false;
        for (int i = 0; i < SN_MAXCHECK && t->check[i].cfg; i++) {
            single = single || t->check[i].batch == 1;
            assert_int_equal(t->check[i].in[0].d[0], t->check[i].batch);
            for (uint64_t seed = 1; seed <= 3; seed++) {
                sn_err e = { 0 };
                if (sn_gradcheck_layer(t, t->check[i].cfg, t->check[i].in, inputs_of(t, i), seed, 1e-6, NULL,
                                       sn_pool_default(), &e) != SN_OK)
                    fail_msg("%s", e.msg);
            }
        }
        if (!single && strcmp(t->desc.name, "input") != 0) fail_msg("%s has no case of batch 1", t->desc.name);
    }
}

static void run(sn_rig *r, bool train) {
    for (int i = 0; i < r->plan.nparam; i++) memset(r->dp[i], 0, r->np[i] * sn_rig_size(r));
    sn_rig_forward(r, train);
    sn_rig_backward(r, true, true);
}

static double norm_of(const double *v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

/* least: a norm below which the reference counts as zero, so that only rounding is left. */
static void assert_close(const char *cfg, const char *what, const void *f32, const void *f64, size_t n,
                         double least) {
    const float *a = f32;
    const double *b = f64;
    double diff = 0, norm = norm_of(b, n);
    for (size_t i = 0; i < n; i++) diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    if (!(sqrt(diff) <= 3e-6 * fmax(norm, least)))
        fail_msg("%s: %s in float32 differs from float64 by %.3g of %.3g", cfg, what, sqrt(diff), norm);
}

static void float32_agrees_with_float64(void **state) {
    (void)state;
    for (int k = 0; sn_layer_types_f32[k]; k++) {
        const sn_layer_type *t = sn_layer_types_f32[k];
        for (int i = 0; i < 2 * SN_MAXCHECK && t->check[i / 2].cfg; i++) {
            const char *cfg = t->check[i / 2].cfg;
            sn_rig a, b;
            sn_err e = { 0 };
            if (sn_rig_new(&a, t, SN_F32, cfg, t->check[i / 2].in, inputs_of(t, i / 2), 5, sn_pool_default(),
                           &e) ||
                sn_rig_new(&b, t, SN_F64, cfg, t->check[i / 2].in, inputs_of(t, i / 2), 5, sn_pool_default(),
                           &e))
                fail_msg("%s", e.msg);
            run(&a, i % 2);
            run(&b, i % 2);
            double least = norm_of(b.dy, b.ny);
            assert_close(cfg, "y", a.y, b.y, a.ny, 0.01);
            for (int j = 0; j < a.nin; j++) assert_close(cfg, "dx", a.dx[j], b.dx[j], a.nx[j], least);
            for (int j = 0; j < a.plan.nparam; j++)
                assert_close(cfg, a.plan.param[j].name, a.dp[j], b.dp[j], a.np[j], least);
            sn_rig_free(&a);
            sn_rig_free(&b);
        }
    }
}

/* Large enough to be cut into several cells; a layer of the table that is not here fails. */
static const struct {
    const char *cfg;
    int nin;
    sn_shape in[2];
} large[] = {
    { "input{shape={300, 70}}", 1, { { 3, { 9, 300, 70 } } } },
    { "conv2d{filters=16, kernel_size=3, padding=\"same\"}", 1, { { 4, { 5, 33, 31, 8 } } } },
    { "conv2d{filters=24, kernel_size={4, 5}, strides=2}", 1, { { 4, { 3, 40, 37, 3 } } } },
    { "dense{units=300}", 1, { { 2, { 61, 2100 } } } },
    { "dense{units=2}", 1, { { 2, { 3, 70000 } } } },
    { "batch_norm{}", 1, { { 4, { 7, 41, 37, 24 } } } },
    { "batch_norm{}", 1, { { 2, { 13, 5000 } } } },
    { "activation{activation=\"softplus\"}", 1, { { 4, { 7, 31, 33, 7 } } } },
    { "activation{activation=\"softmax\"}", 1, { { 2, { 3000, 17 } } } },
    { "max_pool2d{}", 1, { { 4, { 6, 64, 62, 20 } } } },
    { "max_pool2d{pool_size=3, strides=2, padding=\"same\"}", 1, { { 4, { 6, 63, 61, 20 } } } },
    { "avg_pool2d{}", 1, { { 4, { 6, 64, 62, 20 } } } },
    { "avg_pool2d{pool_size=3, strides=2, padding=\"same\"}", 1, { { 4, { 6, 63, 61, 20 } } } },
    { "global_avg_pool2d{}", 1, { { 4, { 9, 30, 31, 12 } } } },
    { "dropout{rate=0.3}", 1, { { 4, { 5, 50, 51, 7 } } } },
    { "flatten{}", 1, { { 4, { 9, 64, 64, 5 } } } },
    { "reshape{target_shape={-1, 8}}", 1, { { 3, { 9, 640, 64 } } } },
    { "add{}", 2, { { 3, { 9, 100, 77 } }, { 3, { 9, 100, 77 } } } },
    { "concat{}", 2, { { 4, { 9, 40, 40, 7 } }, { 4, { 9, 40, 40, 5 } } } },
    { "rescaling{scale=0.1, offset=2}", 1, { { 3, { 9, 100, 77 } } } },
    { "lambda{program=\"inputs 1; sigmoid 0; mul 0 1\"}", 1, { { 3, { 90, 10, 77 } } } },
    { "lambda{program=\"inputs 2; sub 0 1; square 2; mean 3 axes -1 keep; add 0 4\"}",
      2,
      { { 2, { 900, 17 } }, { 2, { 900, 17 } } } },
};
enum { NLARGE = sizeof large / sizeof large[0] };

static void every_layer_has_a_large_case(void **state) {
    (void)state;
    for (int k = 0; sn_layer_types_f32[k]; k++) {
        const char *name = sn_layer_types_f32[k]->desc.name;
        bool found = false;
        for (int i = 0; i < NLARGE; i++)
            found =
                found || (strncmp(large[i].cfg, name, strlen(name)) == 0 && large[i].cfg[strlen(name)] == '{');
        if (!found) fail_msg("%s has no large case here", name);
    }
}

static void assert_same_bits(const char *cfg, int threads, const void *a, const void *b, size_t bytes) {
    if (memcmp(a, b, bytes) != 0) fail_msg("%s: other bits with %d threads than with one", cfg, threads);
}

static void compare_threads(const sn_layer_type *t, const char *cfg, const sn_shape *in, int nin, bool train,
                            sn_pool *const *pools, const int *threads, int npool) {
    sn_rig first, r;
    sn_err e = { 0 };
    if (sn_rig_new(&first, t, SN_F32, cfg, in, nin, 7, pools[0], &e)) fail_msg("%s", e.msg);
    run(&first, train);
    for (int k = 1; k < npool; k++) {
        if (sn_rig_new(&r, t, SN_F32, cfg, in, nin, 7, pools[k], &e)) fail_msg("%s", e.msg);
        run(&r, train);
        assert_same_bits(cfg, threads[k], first.y, r.y, r.ny * sizeof(float));
        for (int j = 0; j < nin; j++)
            assert_same_bits(cfg, threads[k], first.dx[j], r.dx[j], r.nx[j] * sizeof(float));
        for (int j = 0; j < r.plan.nparam; j++)
            assert_same_bits(cfg, threads[k], first.dp[j], r.dp[j], r.np[j] * sizeof(float));
        sn_rig_free(&r);
    }
    sn_rig_free(&first);
}

static const sn_layer_type *type_named(const char *cfg) {
    for (int k = 0; sn_layer_types_f32[k]; k++) {
        const char *name = sn_layer_types_f32[k]->desc.name;
        if (strncmp(cfg, name, strlen(name)) == 0 && cfg[strlen(name)] == '{') return sn_layer_types_f32[k];
    }
    fail_msg("no layer for %s", cfg);
    return NULL;
}

static void threads_do_not_change_bits(void **state) {
    (void)state;
    static const int threads[] = { 1, 2, 3, 8 };
    sn_pool *pools[4];
    sn_err e = { 0 };
    for (int i = 0; i < 4; i++) assert_int_equal(sn_pool_new(&pools[i], threads[i], &e), SN_OK);
    for (int k = 0; sn_layer_types_f32[k]; k++) {
        const sn_layer_type *t = sn_layer_types_f32[k];
        for (int i = 0; i < SN_MAXCHECK && t->check[i].cfg; i++)
            compare_threads(t, t->check[i].cfg, t->check[i].in, inputs_of(t, i), true, pools, threads, 4);
    }
    for (int i = 0; i < NLARGE; i++)
        for (int train = 0; train < 2; train++)
            compare_threads(type_named(large[i].cfg), large[i].cfg, large[i].in, large[i].nin, train, pools,
                            threads, 4);
    for (int i = 0; i < 4; i++) sn_pool_free(pools[i]);
}

/* The check itself: a wrong gradient must not pass. */
static const sn_layer_type *honest;
static int lie;
static void lying_backward(const void *cfg, const sn_io *io) {
    honest->backward(cfg, io);
    if (lie == 1 && io->dx[0]) ((double *)io->dx[0])[0] *= 1.0001;
    if (lie == 2 && io->dp[0]) ((double *)io->dp[0])[0] *= 1.0001;
    if (lie == 3 && io->dx[0]) ((double *)io->dx[0])[0] += 0 * ((const double *)io->y)[0];
}

static void wrong_gradients_are_found(void **state) {
    (void)state;
    const sn_shape in = { 2, { 3, 4 } };
    for (lie = 0; lie <= 3; lie++) {
        sn_rig r;
        sn_err e = { 0 };
        assert_int_equal(
            sn_rig_new(&r, type_named("dense{}"), SN_F64, "dense{units=2}", &in, 1, 1, sn_pool_default(), &e),
            SN_OK);
        honest = r.type;
        sn_layer_type liar = *honest;
        liar.backward = lying_backward;
        r.type = &liar;
        assert_int_equal(sn_gradcheck_rig(&r, "dense", 1e-6, NULL, &e), lie == 0 ? SN_OK : SN_EINVAL);
        sn_rig_free(&r);
    }
}

static void nothing_leaks_when_memory_ends(void **state) {
    (void)state;
    const sn_layer_type *t = type_named("batch_norm{}");
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 200 && !done; k++) {
        sn_err e = { 0 };
        sn_mem_fail_after(k);
        done = sn_gradcheck_layer(t, "batch_norm{}", t->check[1].in, 1, 1, 1e-6, NULL, sn_pool_default(), &e) ==
               SN_OK;
        sn_mem_fail_after(-1);
        assert_int_equal(sn_mem_used(), before);
        if (!done) assert_true(e.msg[0] != 0);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_has_its_gradients), cmocka_unit_test(float32_agrees_with_float64),
        cmocka_unit_test(every_layer_has_a_large_case),  cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(wrong_gradients_are_found),     cmocka_unit_test(nothing_leaks_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
