/* Layers against numbers from Keras 3 on TensorFlow (float32), and what Keras leaves open: nan, ties, sharing
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/gradcheck.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The inputs of the reference runs: (i a mod m - m / 2) / 4. */
static void sequence(float *v, size_t n, int a, int m) {
    for (size_t i = 0; i < n; i++) v[i] = (float)((int)(i * (size_t)a % (size_t)m) - m / 2) / 4.0F;
}

static void assert_near(const char *what, const float *got, const float *want, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= 2e-6F * fmaxf(1, fabsf(want[i]))))
            fail_msg("%s[%zu] is %.9g, Keras has %.9g", what, i, (double)got[i], (double)want[i]);
}

static void rig(sn_rig *r, const char *cfg, const sn_shape *in, int nin) {
    sn_err e = { 0 };
    char name[32];
    size_t n = strcspn(cfg, "{");
    memcpy(name, cfg, n);
    name[n] = 0;
    const sn_desc *d = sn_kind_find(&sn_kind_layer, name);
    if (sn_rig_new(r, sn_layer_in(d, SN_F32), SN_F32, cfg, in, nin, 11, sn_pool_default(), &e))
        fail_msg("%s", e.msg);
}

static void clear_dp(sn_rig *r) {
    for (int i = 0; i < r->plan.nparam; i++) memset(r->dp[i], 0, r->np[i] * sizeof(float));
}

/* Convolution and pooling: even kernels, strides, dilation, 'same' and 'valid', what windows do not reach. */
static const struct {
    const char *cfg;
    sn_shape in;
    int m;
    float y[40], dx[60], dk[32], db[2];
} windows[] = {
    { "max_pool2d{pool_size=2}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { 1.0F, 2.75F, 2.25F, 1.75F, 1.25F, 1.5F, 2.75F, 2.25F, 1.75F, 2.0F, 1.5F, 1.25F },
      { 0.0F, 0.0F,  0.0F,   0.0F, 0.0F,   0.0F, 0.0F,  0.0F, 0.0F, -0.5F,  0.0F, 0.0F, -0.75F, 0.0F, 0.0F,
        0.0F, 0.75F, 0.0F,   0.0F, -0.25F, 0.0F, 0.0F,  0.5F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F,   0.0F, 0.75F,
        0.0F, 0.0F,  -0.25F, 0.0F, 0.0F,   0.0F, 0.25F, 0.0F, 0.0F, -0.75F, 0.0F, 0.0F, 0.0F,   0.0F, 0.0F,
        0.5F, 0.0F,  0.0F,   0.0F, 0.0F,   0.0F, 0.0F,  0.0F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F,   0.0F, 0.0F } },
    { "max_pool2d{pool_size=3, strides=2, padding=\"same\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { 2.25F, 2.75F, 2.25F, 1.75F, 1.25F, 1.5F, 2.75F, 2.75F, 2.25F, 2.0F, 1.5F, 1.25F, 2.75F, 2.5F, 2.0F,
        1.5F, 1.0F, 2.75F },
      { 0.0F, 0.0F, 0.0F,   0.0F, 0.0F,   0.0F, 0.0F,   0.0F,   0.0F, -0.5F, 0.0F, 0.0F, 0.0F, -0.75F, 0.0F,
        0.0F, 0.0F, 0.0F,   0.0F, -0.25F, 0.0F, 0.0F,   0.5F,   0.0F, 0.0F,  0.0F, 0.0F, 0.0F, 0.0F,   0.75F,
        0.0F, 0.0F, -0.25F, 0.0F, 0.0F,   0.0F, -0.25F, 0.0F,   0.0F, 0.0F,  0.0F, 0.0F, 0.0F, 0.0F,   0.0F,
        0.5F, 0.0F, 0.0F,   0.0F, 0.25F,  0.0F, 0.0F,   -0.75F, 0.0F, 0.0F,  0.0F, 0.0F, 0.0F, 0.75F,  -0.25F } },
    { "max_pool2d{pool_size={2, 3}, strides={3, 2}, padding=\"valid\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { 2.25F, 2.75F, 2.25F, 1.75F, 2.75F, 2.5F, 2.0F, 1.5F },
      { 0.0F, 0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F,  0.0F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, -0.25F, 0.0F, 0.0F, 0.0F,  0.0F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.5F, 0.0F,  0.0F, 0.0F, 0.0F,   0.0F, 0.0F, 0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, -0.5F,  0.0F, 0.0F, 0.25F, 0.0F, 0.0F, -0.75F, 0.0F, 0.0F, 0.0F, 0.0F } },
    { "max_pool2d{pool_size=2, strides=3, padding=\"same\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { 1.0F, 2.75F, 2.0F, 1.75F, 2.75F, 2.5F, 1.75F, 1.5F },
      { 0.0F, 0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.75F, 0.0F, 0.0F, 0.0F, 0.0F,   0.0F, -0.75F, 0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, -0.25F, 0.0F, 0.0F,  0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.0F,   0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.5F,  0.0F, 0.0F, 0.0F, 0.0F,   0.0F, 0.25F,  0.0F, 0.0F,
        0.0F, 0.0F, 0.0F, 0.0F, -0.5F,  0.0F, 0.0F,  0.0F, 0.0F, 0.0F, -0.75F, 0.0F, 0.0F,   0.0F, 0.0F } },
    { "avg_pool2d{pool_size=2}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { -0.5625F, 1.1875F, 0.6875F, -0.4375F, -0.9375F, -0.625F, 1.1875F, 0.0625F, -0.4375F, -0.125F, -0.625F,
        -0.3125F },
      { -0.1875F, 0.0F,    -0.1875F, 0.0F,    0.1875F,  -0.0625F, 0.1875F,  -0.0625F, 0.125F,  -0.125F,
        0.125F,   -0.125F, -0.1875F, 0.0F,    -0.1875F, 0.0F,     0.1875F,  -0.0625F, 0.1875F, -0.0625F,
        0.125F,   -0.125F, 0.125F,   -0.125F, 0.0625F,  -0.1875F, 0.0625F,  -0.1875F, 0.0F,    0.1875F,
        0.0F,     0.1875F, -0.0625F, 0.125F,  -0.0625F, 0.125F,   0.0625F,  -0.1875F, 0.0625F, -0.1875F,
        0.0F,     0.1875F, 0.0F,     0.1875F, -0.0625F, 0.125F,   -0.0625F, 0.125F,   0.0F,    0.0F,
        0.0F,     0.0F,    0.0F,     0.0F,    0.0F,     0.0F,     0.0F,     0.0F,     0.0F,    0.0F } },
    { "avg_pool2d{pool_size=3, strides=2, padding=\"same\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { -0.25F, 0.541666687F, 0.0416666679F, -0.125F, -0.9375F, -0.625F, 0.583333313F, 0.416666657F,
        -0.0833333358F, -0.25F, -0.583333313F, -0.75F, 0.458333343F, 0.291666657F, -0.208333328F, -0.375F,
        -1.1875F, 0.5625F },
      { -0.125F,        0.0F,           -0.125F,        0.0F,           0.0F,           -0.0416666679F,
        0.125F,         -0.0416666679F, 0.25F,          -0.166666672F,  0.125F,         -0.125F,
        -0.0972222239F, -0.0833333358F, -0.0972222239F, -0.0833333358F, 0.027777778F,   -0.0416666679F,
        0.125F,         0.0416666679F,  0.208333328F,   0.0F,           0.0833333284F,  -0.0416666642F,
        0.027777778F,   -0.0833333358F, 0.027777778F,   -0.0833333358F, 0.027777778F,   0.0F,
        0.0F,           0.0833333358F,  -0.0416666679F, 0.166666672F,   -0.0416666679F, 0.0833333358F,
        -0.0555555597F, -0.0416666679F, -0.0555555597F, -0.0416666679F, -0.180555552F,  0.0416666679F,
        -0.125F,        0.0833333358F,  0.0208333284F,  0.104166672F,   0.145833328F,   0.0208333358F,
        -0.0833333358F, 0.0416666679F,  -0.0833333358F, 0.0416666679F,  -0.208333343F,  0.0416666679F,
        -0.125F,        0.0F,           0.0625F,        -0.0625F,       0.1875F,        -0.0625F } },
    { "avg_pool2d{pool_size={2, 3}, strides={3, 2}, padding=\"valid\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { -0.25F, 0.541666687F, 0.0416666679F, -0.125F, 0.458333343F, 0.291666657F, -0.208333328F, -0.375F },
      { -0.125F,       0.0F,           -0.125F,       0.0F,           0.0F,   -0.0416666679F,
        0.125F,        -0.0416666679F, 0.125F,        -0.0416666679F, 0.0F,   0.0F,
        -0.125F,       0.0F,           -0.125F,       0.0F,           0.0F,   -0.0416666679F,
        0.125F,        -0.0416666679F, 0.125F,        -0.0416666679F, 0.0F,   0.0F,
        0.0F,          0.0F,           0.0F,          0.0F,           0.0F,   0.0F,
        0.0F,          0.0F,           0.0F,          0.0F,           0.0F,   0.0F,
        0.0833333358F, -0.0833333358F, 0.0833333358F, -0.0833333358F, 0.125F, -0.208333343F,
        0.0416666679F, -0.125F,        0.0416666679F, -0.125F,        0.0F,   0.0F,
        0.0833333358F, -0.0833333358F, 0.0833333358F, -0.0833333358F, 0.125F, -0.208333343F,
        0.0416666679F, -0.125F,        0.0416666679F, -0.125F,        0.0F,   0.0F } },
    { "avg_pool2d{pool_size=2, strides=3, padding=\"same\"}",
      { 4, { 1, 5, 6, 2 } },
      23,
      { -0.5625F, 1.1875F, -0.125F, 0.1875F, 0.625F, 0.9375F, -0.375F, -0.0625F },
      { -0.1875F, 0.0F,    -0.1875F, 0.0F,    0.0F, 0.0F, 0.1875F, -0.0625F, 0.1875F, -0.0625F, 0.0F, 0.0F,
        -0.1875F, 0.0F,    -0.1875F, 0.0F,    0.0F, 0.0F, 0.1875F, -0.0625F, 0.1875F, -0.0625F, 0.0F, 0.0F,
        0.0F,     0.0F,    0.0F,     0.0F,    0.0F, 0.0F, 0.0F,    0.0F,     0.0F,    0.0F,     0.0F, 0.0F,
        0.125F,   -0.125F, 0.125F,   -0.125F, 0.0F, 0.0F, 0.0625F, -0.1875F, 0.0625F, -0.1875F, 0.0F, 0.0F,
        0.125F,   -0.125F, 0.125F,   -0.125F, 0.0F, 0.0F, 0.0625F, -0.1875F, 0.0625F, -0.1875F, 0.0F, 0.0F } },
    { "conv2d{filters=2, kernel_size={2, 4}, padding=\"same\"}",
      { 4, { 1, 4, 5, 2 } },
      17,
      { 2.9375F,  -3.9375F, 0.0F,     4.375F,  3.9375F, 0.6875F,  2.75F,    -3.5F,    -4.0F,   -1.125F,
        -0.75F,   -5.3125F, -7.9375F, 1.875F,  0.25F,   -0.75F,   -1.9375F, -5.875F,  1.75F,   -4.6875F,
        -0.1875F, -5.625F,  -3.125F,  -2.75F,  4.0F,    -6.4375F, 0.8125F,  -0.8125F, 3.25F,   -0.8125F,
        -0.5625F, -4.25F,   1.4375F,  -2.625F, 4.25F,   -2.8125F, 4.125F,   1.3125F,  1.5625F, 0.8125F },
      { -0.0625F, -0.4375F, -0.5F,    -0.875F,  -0.5F,    -0.9375F, -1.25F,   1.9375F,  -0.75F,   3.0625F,
        0.3125F,  2.6875F,  0.8125F,  0.0F,     -0.6875F, -1.5F,    -0.6875F, -3.0625F, -1.0625F, -1.0625F,
        0.1875F,  -0.8125F, 0.5F,     2.1875F,  0.625F,   3.375F,   1.0625F,  -0.375F,  0.5625F,  -2.3125F,
        -1.25F,   -0.8125F, -0.6875F, -1.3125F, -0.6875F, 0.8125F,  1.0625F,  3.1875F,  0.4375F,  2.125F },
      { -2.5F,    1.5625F, -4.0F, -1.3125F, 4.5F,   -0.625F, -2.3125F, 5.4375F,  -2.1875F, -1.4375F, 0.125F,
        -0.5625F, 0.3125F, 2.0F,  -0.125F,  0.75F,  0.125F,  2.25F,    -0.9375F, -3.8125F, 0.6875F,  -1.625F,
        1.875F,   2.625F,  -1.0F, -1.125F,  -3.75F, 0.6875F, 2.125F,   0.6875F,  -2.3125F, 2.375F },
      { 0.5F, -0.25F } },
    { "conv2d{filters=2, kernel_size=3, strides=2, padding=\"same\"}",
      { 4, { 1, 5, 6, 1 } },
      17,
      { -1.8125F, -2.3125F, -1.0F, 1.3125F, -2.125F, -1.0625F, -2.6875F, -0.875F, -2.625F, -1.9375F, 1.0F,
        -3.0F, -0.125F, -3.6875F, -3.875F, -0.9375F, 0.125F, -1.0F },
      { -0.375F,  0.5625F,  -0.5F,    -0.5625F, 0.5F,    -0.375F, 0.4375F,  -1.4375F, -0.6875F, 1.75F,
        -0.8125F, 1.4375F,  -0.8125F, -0.1875F, 2.0625F, 0.0F,    -0.4375F, 0.1875F,  0.1875F,  1.125F,
        1.125F,   -0.9375F, 0.5625F,  -0.8125F, 0.0625F, 0.375F,  -1.0625F, 0.5625F,  -0.5F,    -0.5625F },
      { -1.125F, -0.5F, 1.4375F, 1.1875F, -1.0F, 2.3125F, 0.625F, -0.5F, 1.6875F, -2.9375F, -1.3125F, 2.375F,
        -0.5F, 1.0F, 1.1875F, -0.375F, 2.3125F, -1.8125F },
      { 0.0F, -0.25F } },
    { "conv2d{filters=2, kernel_size={3, 2}, dilation_rate=2}",
      { 4, { 1, 6, 5, 1 } },
      17,
      { -0.0625F, 0.3125F, 5.5F, 1.6875F, -2.75F, -2.25F, 1.1875F, -7.6875F, -3.875F, -2.0625F, 3.8125F,
        1.4375F },
      { 0.9375F, -0.8125F, -0.5625F, -0.0625F, -0.375F, 0.0625F,  -0.375F,  -0.625F,  0.75F,    0.4375F,
        0.75F,   -0.6875F, -0.75F,   0.0625F,  -0.375F, -0.0625F, -0.1875F, -0.6875F, 0.9375F,  0.5F,
        0.5625F, -0.5625F, -0.9375F, 0.875F,   1.0F,    -0.1875F, 0.0F,     1.3125F,  -0.9375F, -0.8125F },
      { 1.625F, 0.0F, -0.3125F, 1.5F, -1.6875F, 0.0625F, -0.4375F, 1.5625F, -2.875F, 2.25F, 0.5F, -1.5625F },
      { 0.5F, -0.25F } },
    { "conv2d{filters=1, kernel_size={4, 2}, strides={2, 3}}",
      { 4, { 1, 6, 6, 1 } },
      17,
      { 1.5625F, 0.5F, 0.5F, -3.75F },
      { 0.9375F,  0.375F,   0.0F, 0.0F,    0.0F,    0.0F, -0.1875F, -0.75F,   0.0F, 0.0F,     0.0F,     0.0F,
        -0.1875F, -0.1875F, 0.0F, 0.3125F, 0.125F,  0.0F, -0.1875F, -0.1875F, 0.0F, -0.0625F, -0.25F,   0.0F,
        -0.75F,   -0.1875F, 0.0F, 0.25F,   0.0625F, 0.0F, 0.375F,   0.9375F,  0.0F, -0.125F,  -0.3125F, 0.0F },
      { 1.75F, 1.4375F, -1.1875F, 1.6875F, -2.0F, -1.25F, 1.4375F, -1.0F },
      { -0.25F } },
};
static const float bn_y[] = {
    -1.71655381F,  2.16966009F, 1.85899842F,  2.60592866F, 0.786332846F, 1.15170002F,
    -0.286332816F, 1.58796859F, -1.35899842F, 2.02423716F, 2.21655369F,  2.46050572F
};
static const float bn_dx[] = { -0.877108872F, -0.181775168F, -0.701751232F, -0.462224752F,
                               0.640106797F,  0.181761473F,  1.98196483F,   -0.0986880958F,
                               -0.60928452F,  -0.379137665F, -0.433926821F, 0.940064251F };
static const float bn_dgamma[] = { 1.57920229F, -1.8420229F };
static const float bn_dbeta[] = { -1.75F, 0.5F };
static const float bn_mm[] = { 0.493750006F, -0.989583313F };
static const float bn_mv[] = { 1.99098957F, 0.502378464F };
static const float bn_inf_y[] = { -1.8689388F,     1.47879362F, 0.788037777F,  2.00734091F,
                                  -0.00905519724F, 0.2455163F,  -0.806148171F, 0.774063706F,
                                  -1.60324121F,    1.30261111F, 1.05373549F,   1.83115852F };
static const float bn_inf_dx[] = { -1.32848835F, -0.352364957F, -0.531395316F, -0.880912423F,
                                   0.265697658F, 0.528547406F,  1.06279063F,   0.0F,
                                   -1.06279063F, -0.528547406F, -0.265697658F, 0.880912423F };
static const float bn_inf_dg[] = { 1.94070005F, -1.50489211F };

static void windows_are_keras_s(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++) {
        sn_rig r;
        bool conv = windows[k].m == 17;
        rig(&r, windows[k].cfg, &windows[k].in, 1);
        sequence(r.x[0], r.nx[0], conv ? 5 : 7, windows[k].m);
        sequence(r.dy, r.ny, 3, 7);
        if (conv) {
            sequence(r.p[0], r.np[0], 3, 11);
            memcpy(r.p[1], (float[2]){ 0.5F, -1 }, r.np[1] * sizeof(float));
        }
        clear_dp(&r);
        sn_rig_forward(&r, true);
        assert_true(r.ny <= 40 && r.nx[0] <= 60);
        assert_near(windows[k].cfg, r.y, windows[k].y, r.ny);
        sn_rig_backward(&r, true, true);
        assert_near(windows[k].cfg, r.dx[0], windows[k].dx, r.nx[0]);
        if (conv) {
            assert_near(windows[k].cfg, r.dp[0], windows[k].dk, r.np[0]);
            assert_near(windows[k].cfg, r.dp[1], windows[k].db, r.np[1]);
        }
        sn_rig_free(&r);
    }
}

static void batch_norm_rig(sn_rig *r, const char *cfg) {
    rig(r, cfg, &(sn_shape){ 3, { 2, 3, 2 } }, 1);
    sequence(r->x[0], 12, 5, 13);
    sequence(r->dy, 12, 7, 11);
    memcpy(r->p[0], (float[]){ 1.5F, -0.5F }, 8);
    memcpy(r->p[1], (float[]){ 0.25F, 2 }, 8);
    memcpy(r->p[2], (float[]){ 0.5F, -1 }, 8);
    memcpy(r->p[3], (float[]){ 2, 0.5F }, 8);
    clear_dp(r);
}

static void batch_norm_is_keras_s(void **state) {
    (void)state;
    sn_rig r;
    batch_norm_rig(&r, "batch_norm{}");
    sn_rig_forward(&r, true);
    assert_near("y", r.y, bn_y, 12);
    assert_near("moving_mean before commit", r.p[2], (float[]){ 0.5F, -1 }, 2);
    sn_rig_backward(&r, true, true);
    assert_near("dx", r.dx[0], bn_dx, 12);
    assert_near("dgamma", r.dp[0], bn_dgamma, 2);
    assert_near("dbeta", r.dp[1], bn_dbeta, 2);
    r.type->commit(r.obj->cfg, &r.io);
    assert_near("moving_mean", r.p[2], bn_mm, 2);
    assert_near("moving_variance", r.p[3], bn_mv, 2);
    clear_dp(&r);
    sn_rig_forward(&r, false);
    assert_near("y in inference", r.y, bn_inf_y, 12);
    sn_rig_backward(&r, true, true);
    assert_near("dx in inference", r.dx[0], bn_inf_dx, 12);
    assert_near("dgamma in inference", r.dp[0], bn_inf_dg, 2);
    r.type->commit(r.obj->cfg, &r.io); /* inference moves nothing */
    assert_near("moving_mean", r.p[2], bn_mm, 2);
    sn_rig_free(&r);
}

static void frozen_batch_norm_infers(void **state) {
    (void)state;
    sn_rig r;
    batch_norm_rig(&r, "batch_norm{trainable=false}");
    sn_rig_forward(&r, true);
    /* the inference values above are those after one update; these are from the initial statistics */
    const float mean[] = { 0.5F, -1 }, var[] = { 2, 0.5F }, gamma[] = { 1.5F, -0.5F }, beta[] = { 0.25F, 2 };
    float want[12];
    for (int i = 0; i < 12; i++)
        want[i] = (((float *)r.x[0])[i] - mean[i % 2]) / sqrtf(var[i % 2] + 1e-3F) * gamma[i % 2] + beta[i % 2];
    assert_near("y", r.y, want, 12);
    r.type->commit(r.obj->cfg, &r.io);
    assert_near("moving_variance", r.p[3], var, 2);
    assert_int_equal(r.plan.flags & SN_KEEP_X, 0);
    sn_rig_free(&r);
}

/* A mean far from zero must not eat the variance. */
static void batch_norm_survives_a_large_mean(void **state) {
    (void)state;
    sn_rig r;
    const sn_shape in = { 2, { 5000, 3 } };
    rig(&r, "batch_norm{epsilon=0}", &in, 1);
    float *x = r.x[0];
    for (size_t i = 0; i < r.nx[0]; i++) x[i] = 1000.0F + (float)(i % 7) * 0.0625F;
    sn_rig_forward(&r, true);
    double sum[3] = { 0 }, sq[3] = { 0 };
    for (size_t i = 0; i < r.nx[0]; i++) sum[i % 3] += (double)x[i] - 1000.0;
    for (size_t i = 0; i < r.nx[0]; i++) {
        double d = (double)x[i] - 1000.0 - sum[i % 3] / 5000;
        sq[i % 3] += d * d;
    }
    const float *variance = r.saved[2];
    for (int c = 0; c < 3; c++) assert_true(fabs((double)variance[c] / (sq[c] / 5000) - 1) < 1e-5);
    sn_rig_free(&r);
}

static void max_pooling_shows_nan_and_takes_the_first(void **state) {
    (void)state;
    sn_rig r;
    rig(&r, "max_pool2d{pool_size=2}", &(sn_shape){ 4, { 1, 2, 6, 1 } }, 1);
    const float x[12] = { 1, 1, -INFINITY, -INFINITY, 2, NAN, 1, 1, -INFINITY, -INFINITY, 5, 3 };
    memcpy(r.x[0], x, sizeof x);
    memcpy(r.dy, (float[]){ 1, 2, 3 }, 12);
    sn_rig_forward(&r, true);
    const float *y = r.y, *dx = r.dx[0];
    assert_true(y[0] == 1 && y[1] == -INFINITY && isnan(y[2]));
    sn_rig_backward(&r, true, true);
    const float want[12] = { 1, 0, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0 };
    assert_near("dx", dx, want, 12);
    sn_rig_free(&r);
}

static void dropout_keeps_its_share(void **state) {
    (void)state;
    static const float rates[] = { 0.1F, 0.5F, 0.9F };
    enum { N = 400000 };
    for (int k = 0; k < 3; k++) {
        sn_rig r;
        char cfg[64];
        snprintf(cfg, sizeof cfg, "dropout{rate=%.1f}", (double)rates[k]);
        rig(&r, cfg, &(sn_shape){ 2, { 4, N / 4 } }, 1);
        float *x = r.x[0], *y = r.y, *dx = r.dx[0], *dy = r.dy;
        float scale = (float)(1.0 / (1.0 - (double)(int)(rates[k] * 10 + 0.5F) / 10));
        size_t kept = 0, again = 0;
        sn_rig_forward(&r, true);
        for (size_t i = 0; i < N; i++) kept += y[i] != 0;
        double p = 1 - (double)rates[k], sigma = sqrt(p * (1 - p) / N);
        assert_true(fabs((double)kept / N - p) < 4.5 * sigma);
        for (size_t i = 0; i < N; i++) assert_true(y[i] == 0 || y[i] == x[i] * scale);
        sn_rig_backward(&r, true, true);
        for (size_t i = 0; i < N; i++) assert_true(dx[i] == (y[i] == 0 ? 0 : dy[i] * scale));
        for (int other = 0; other < 3; other++) { /* another seed, step or node: an unrelated mask */
            r.io.seed += other == 0;
            r.io.step += other == 1;
            r.io.id += other == 2;
            memcpy(dx, y, N * sizeof *dx);
            sn_rig_forward(&r, true);
            for (size_t i = again = 0; i < N; i++) again += y[i] != 0 && dx[i] != 0;
            assert_true(fabs((double)again / N - p * p) < 4.5 * sqrt(p * p * (1 - p * p) / N));
        }
        sn_rig_forward(&r, false);
        assert_memory_equal(y, x, N * sizeof *y);
        sn_rig_free(&r);
    }
}

static void simple_layers_give_their_formulas(void **state) {
    (void)state;
    sn_rig r;
    rig(&r, "global_avg_pool2d{}", &(sn_shape){ 4, { 1, 2, 3, 2 } }, 1);
    sequence(r.x[0], 12, 5, 13);
    sn_rig_forward(&r, false);
    assert_near("global_avg_pool2d", r.y, (float[]){ -0.125F, 0.0416666679F }, 2);
    sn_rig_free(&r);
    rig(&r, "rescaling{scale=0.5, offset=-1}", &(sn_shape){ 2, { 1, 4 } }, 1);
    sequence(r.x[0], 4, 5, 13);
    sn_rig_forward(&r, false);
    assert_near("rescaling", r.y, (float[]){ -1.75F, -1.125F, -0.5F, -1.5F }, 4);
    sn_rig_free(&r);
    const sn_shape parts[2] = { { 3, { 2, 1, 2 } }, { 3, { 2, 2, 2 } } };
    rig(&r, "concat{axis=1}", parts, 2);
    memcpy(r.x[0], (float[]){ 1, 2, 3, 4 }, 16);
    memcpy(r.x[1], (float[]){ 5, 6, 7, 8, 9, 10, 11, 12 }, 32);
    sn_rig_forward(&r, false);
    assert_near("concat", r.y, (float[]){ 1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12 }, 12);
    sn_rig_free(&r);
}

/* h + h, and three inputs of which the first is also the last, all in place. */
static void add_may_read_what_it_writes(void **state) {
    (void)state;
    sn_rig r;
    const sn_shape in[3] = { { 2, { 1, 2 } }, { 2, { 1, 2 } }, { 2, { 1, 2 } } };
    rig(&r, "add{}", in, 2);
    float x[2] = { 1, 10 }, z[2] = { 3, 4 };
    const void *inputs[3] = { x, z, x };
    r.io.in = in;
    r.io.x = inputs;
    r.io.nin = 3;
    r.io.y = x;
    r.type->forward(r.obj->cfg, &r.io);
    assert_near("add", x, (float[]){ 5, 24 }, 2);
    sn_rig_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_keras_s),
        cmocka_unit_test(batch_norm_is_keras_s),
        cmocka_unit_test(frozen_batch_norm_infers),
        cmocka_unit_test(batch_norm_survives_a_large_mean),
        cmocka_unit_test(max_pooling_shows_nan_and_takes_the_first),
        cmocka_unit_test(dropout_keeps_its_share),
        cmocka_unit_test(simple_layers_give_their_formulas),
        cmocka_unit_test(add_may_read_what_it_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
