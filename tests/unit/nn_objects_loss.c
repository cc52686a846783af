/* Loss values, clipping, bad targets and shape messages. Numbers: Keras 3.15.1 (keras.losses functions,
 * TensorFlow backend, float64; sparse ones as the categorical with one-hot targets). */
#include "nn_objects.h"

static void values(const char *text, const double *p, const double *t, size_t rows, size_t cols, size_t tcols,
                   const double *want) {
    sn_obj *o = make(&sn_kind_loss, text);
    double each[4];
    sn_loss_in(o->desc, SN_F64)->eval(o->cfg, each, NULL, p, t, rows, cols, tcols, 1);
    for (size_t i = 0; i < rows; i++) assert_near(each[i], want[i], 1e-8);
    sn_obj_release(o);
}

static void categorical(void **state) {
    (void)state;
    const double y[9] = { 0, 1, 0, 1, 0, 0, 0, 0, 1 }, index[3] = { 1, 0, 2 };
    const double p[9] = { .2, .5, .3, 1, 3, 4, .5, .5, 0 }; /* the second row does not sum to one */
    double big[9];
    for (int i = 0; i < 9; i++) big[i] = 500 * p[i];
    const double plain[3] = { 0.6931471806, 2.079441542, 16.11809565 };
    const double smooth[3] = { 0.7407177257, 1.99661132, 15.08976575 };
    const double logits[3] = { 0.9398310608, 3.349012217, 1.458020088 };
    const double big_smooth[3] = { 8.333333333, 1416.666667, 234.0264805 };
    values("categorical_crossentropy{}", p, y, 3, 3, 3, plain);
    values("sparse_categorical_crossentropy{}", p, index, 3, 3, 1, plain);
    values("categorical_crossentropy{label_smoothing=0.1}", p, y, 3, 3, 3, smooth);
    values("categorical_crossentropy{from_logits=true}", p, y, 3, 3, 3, logits);
    values("sparse_categorical_crossentropy{from_logits=true}", p, index, 3, 3, 1, logits);
    values("categorical_crossentropy{from_logits=true, label_smoothing=0.1}", big, y, 3, 3, 3, big_smooth);
}

static void binary(void **state) {
    (void)state;
    const double y[6] = { 0, 1, 1, 0, 1, 1 }, p[6] = { .3, .8, 0, 1, .5, .999999999 };
    double x[6];
    for (int i = 0; i < 6; i++) x[i] = p[i] * 40 - 20;
    const double plain[3] = { 0.2899092476, 16.11809565, 0.3465736403 };
    const double smooth[3] = { 0.4015888587, 14.5062861, 1.152478418 };
    const double logits[3] = { 0.0001707752832, 20, 0.3465735913 };
    values("binary_crossentropy{}", p, y, 3, 2, 2, plain);
    values("binary_crossentropy{label_smoothing=0.2}", p, y, 3, 2, 2, smooth);
    values("binary_crossentropy{from_logits=true}", x, y, 3, 2, 2, logits);
}

static void distances(void **state) {
    (void)state;
    const double y[6] = { 0, 1, 2, 0, 1, 1 }, p[6] = { .3, .8, 0, 1, .5, 4 };
    values("mse{}", p, y, 3, 2, 2, (const double[]){ 0.065, 2.5, 4.625 });
    values("mae{}", p, y, 3, 2, 2, (const double[]){ 0.25, 1.5, 1.75 });
    values("huber{}", p, y, 3, 2, 2, (const double[]){ 0.0325, 1, 1.3125 });
    values("huber{delta=0.3}", p, y, 3, 2, 2, (const double[]){ 0.0325, 0.405, 0.48 });
}

/* 0 and 1 become -1 and 1 only when there is nothing else in the whole call. */
static void hinge_labels(void **state) {
    (void)state;
    const double zeros[6] = { 0, 1, 1, 0, 1, 1 }, signs[6] = { -1, 1, 1, -1, 1, 1 },
                 mixed[6] = { 0, 1, 2, 0, 1, 1 };
    const double p[6] = { .3, .8, 0, 1, .5, .999999999 }, q[6] = { .3, .8, 0, 1, .5, 4 };
    const double want[3] = { 0.75, 1.5, 0.2500000005 };
    values("hinge{}", p, zeros, 3, 2, 2, want);
    values("hinge{}", p, signs, 3, 2, 2, want);
    values("hinge{}", q, mixed, 3, 2, 2, (const double[]){ 0.6, 1, 0.25 });
}

/* In float the bounds are the floats nearest to 1e-7 and 1 - 1e-7: Keras in float32 gives 16.1180954 and
 * 1.19209290e-07 (categorical), 15.9423847 and 16.1180954 (binary). No gradient passes a clipped value. */
static void clipping_in_float(void **state) {
    (void)state;
    const float p[4] = { 1, 0, 0, 1 }, y[4] = { 0, 1, 0, 1 };
    float dp[4] = { 9, 9, 9, 9 };
    double each[4];
    sn_obj *o = make(&sn_kind_loss, "categorical_crossentropy{}");
    sn_loss_in(o->desc, SN_F32)->eval(o->cfg, each, dp, p, y, 2, 2, 2, 1);
    assert_near(each[0], 16.1180954, 1e-7);
    assert_close(each[1], 1.192092896e-07, 1e-6);
    for (int i = 0; i < 4; i++) assert_true(dp[i] == 0);
    sn_obj_release(o);
    o = make(&sn_kind_loss, "binary_crossentropy{}");
    for (int i = 0; i < 4; i++) dp[i] = 9;
    sn_loss_in(o->desc, SN_F32)->eval(o->cfg, each, dp, p, y, 4, 1, 1, 1);
    assert_near(each[0], 15.9423847, 1e-7);
    assert_near(each[1], 16.1180954, 1e-7);
    assert_close(each[3], 1.192092896e-07, 1e-6);
    for (int i = 0; i < 4; i++) assert_true(dp[i] == 0);
    sn_obj_release(o);
}

/* A class that does not exist: NaN for that sample alone, and no gradient from it. */
static void class_out_of_range(void **state) {
    (void)state;
    const float p[12] = { .2F, .5F, .3F, .2F, .5F, .3F, .2F, .5F, .3F, .2F, .5F, .3F },
                t[4] = { 3, -1, 1, NAN };
    const char *const texts[] = { "sparse_categorical_crossentropy{}",
                                  "sparse_categorical_crossentropy{from_logits=true}" };
    for (int k = 0; k < 2; k++) {
        float dp[12];
        double each[4];
        sn_obj *o = make(&sn_kind_loss, texts[k]);
        sn_loss_in(o->desc, SN_F32)->eval(o->cfg, each, dp, p, t, 4, 3, 1, 1);
        assert_true(isnan(each[0]) && isnan(each[1]) && isfinite(each[2]) && isnan(each[3]));
        for (int i = 0; i < 12; i++) assert_true(i / 3 == 2 ? dp[i] != 0 : dp[i] == 0);
        sn_obj_release(o);
    }
}

/* A diverged network shows as NaN, whatever the target. */
static void nan_predictions_show(void **state) {
    (void)state;
    const float p[2] = { NAN, .5F }, one_hot[2] = { 0, 1 }, index[1] = { 1 };
    for (const sn_desc *const *d = sn_kind_loss.list; *d; d++) {
        const sn_loss_type *t = sn_loss_in(*d, SN_F32);
        for (int i = 0; i < 4 && t->check[i].cfg; i++) {
            float dp[2];
            double each;
            sn_obj *o = make(&sn_kind_loss, t->check[i].cfg);
            t->eval(o->cfg, &each, dp, p, t->sparse ? index : one_hot, 1, 2, t->sparse ? 1 : 2, 1);
            if (!isnan(each)) fail_msg("%s hides NaN: %g", t->check[i].cfg, each);
            sn_obj_release(o);
        }
    }
}

static void shapes(const char *loss, sn_shape out, sn_shape target, const char *message) {
    sn_err e = { 0 };
    sn_obj *o = make(&sn_kind_loss, loss);
    sn_status s = sn_loss_in(o->desc, SN_F32)->check_shapes(o->cfg, &out, &target, &e);
    if (!message && s != SN_OK) fail_msg("%s refused: %s", loss, e.msg);
    if (message) {
        assert_int_equal(s, SN_ESHAPE);
        if (!strstr(e.msg, message)) fail_msg("the message was: %s", e.msg);
    }
    sn_obj_release(o);
}

#define SHAPE(...)                                                                                             \
    ((sn_shape){ .n = (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), .d = { __VA_ARGS__ } })

static void target_shapes(void **state) {
    (void)state;
    const sn_shape scalar = { 0 };
    shapes("categorical_crossentropy{}", SHAPE(2), SHAPE(2), NULL);
    shapes("categorical_crossentropy{}", SHAPE(4, 5, 3), SHAPE(4, 5, 3), NULL);
    const char *want_one_hot =
        "categorical_crossentropy: wants one-hot targets (2,), got class indices (1,); use "
        "label_mode=\"categorical\" or loss=\"sparse_categorical_crossentropy\"";
    shapes("categorical_crossentropy{}", SHAPE(2), SHAPE(1), want_one_hot);
    shapes("categorical_crossentropy{}", SHAPE(2), scalar, want_one_hot);
    shapes("categorical_crossentropy{}", SHAPE(2), SHAPE(3), "one unit per class: dense{3}");
    shapes("categorical_crossentropy{}", SHAPE(1), SHAPE(1), "use binary_crossentropy");
    shapes("sparse_categorical_crossentropy{}", SHAPE(2), scalar, NULL);
    shapes("sparse_categorical_crossentropy{}", SHAPE(2), SHAPE(1), NULL);
    shapes("sparse_categorical_crossentropy{}", SHAPE(4, 5, 3), SHAPE(4, 5), NULL);
    shapes("sparse_categorical_crossentropy{}", SHAPE(2), SHAPE(2),
           "wants class indices (1,), got one-hot targets (2,); use label_mode=\"int\" or "
           "loss=\"categorical_crossentropy\"");
    shapes("sparse_categorical_crossentropy{}", SHAPE(1), SHAPE(1), "use binary_crossentropy");
    shapes("sparse_categorical_crossentropy{}", SHAPE(4, 5, 3), SHAPE(4), "one class index");
    shapes("binary_crossentropy{}", SHAPE(1), scalar, NULL);
    shapes("binary_crossentropy{}", SHAPE(1), SHAPE(1), NULL);
    shapes("binary_crossentropy{}", SHAPE(2), SHAPE(2), NULL);
    shapes("binary_crossentropy{}", SHAPE(2), SHAPE(1), "got one value per sample (1,); use dense{1}");
    shapes("mse{}", SHAPE(4, 1), SHAPE(4), NULL);
    shapes("mse{}", SHAPE(3), scalar, "one value per sample");
    shapes("mae{}", SHAPE(3), SHAPE(2), "as many units");
    shapes("huber{}", SHAPE(3), SHAPE(3, 1), NULL);
    shapes("hinge{}", SHAPE(1), SHAPE(5), "as many units");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(categorical),
        cmocka_unit_test(binary),
        cmocka_unit_test(distances),
        cmocka_unit_test(hinge_labels),
        cmocka_unit_test(clipping_in_float),
        cmocka_unit_test(class_out_of_range),
        cmocka_unit_test(nan_predictions_show),
        cmocka_unit_test(target_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
