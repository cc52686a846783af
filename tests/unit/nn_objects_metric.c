/* Metrics against Keras 3.15.1 (keras.metrics objects, TensorFlow backend, float32, update_state on the arrays
 * below), fed here in two parts. */
#include "base/mem.h"
#include "nn_objects.h"

#include <stdio.h>
#include <stdlib.h>

enum { N = 10, ROWS = 5, COLS = 4 };
static const float binary_y[N] = { 0, 0, 1, 1, 0, 1, 1, 0, 1, 0 };
static const float binary_p[N] = { .1F, .4F, .35F, .8F, .5F, .5F, .9F, .2F, .05F, .7F };
static const float class_y[ROWS] = { 0, 1, 2, 3, 1 };
static const float one_hot[ROWS * COLS] = { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0 };
static const float class_p[ROWS * COLS] = { .4F,  .4F,  .1F, .1F, .1F, .2F, .3F, .4F, .25F, .25F,
                                            .25F, .25F, .1F, .2F, .3F, .4F, 0,   .9F, .05F, .05F };

static double measure(const char *text, const float *p, const float *t, size_t rows, size_t cols,
                      size_t tcols) {
    sn_obj *o = make(&sn_kind_metric, text);
    const sn_metric_type *m = (const sn_metric_type *)(const void *)o->desc;
    double *state = calloc(m->state_size(o->cfg), sizeof *state);
    assert_near(m->result(o->cfg, state), 0, 0); /* before any sample */
    size_t half = rows / 2;
    m->update(o->cfg, state, p, t, half, cols, tcols);
    m->update(o->cfg, state, p + half * cols, t + half * tcols, rows - half, cols, tcols);
    double v = m->result(o->cfg, state);
    free(state);
    sn_obj_release(o);
    return v;
}

static double binary(const char *text) { return measure(text, binary_p, binary_y, N, 1, 1); }
static double hot(const char *text) { return measure(text, class_p, one_hot, ROWS, COLS, COLS); }
static double sparse(const char *text) { return measure(text, class_p, class_y, ROWS, COLS, 1); }

static void binary_metrics(void **state) {
    (void)state;
    float logits[N];
    for (int i = 0; i < N; i++) logits[i] = binary_p[i] * 10 - 5;
    assert_near(binary("binary_accuracy{}"), 0.6, 1e-12); /* p = 0.5 is class 0 */
    assert_near(binary("accuracy{}"), 0.6, 1e-12);
    assert_near(measure("binary_accuracy{threshold=0}", logits, binary_y, N, 1, 1), 0.6, 1e-12);
    assert_near(binary("auc{}"), 0.62, 1e-7);
    assert_near(binary("auc{num_thresholds=5}"), 0.68, 1e-6);
    assert_near(binary("auc{curve=\"PR\"}"), 0.7276903391, 1e-6);
    assert_near(measure("auc{from_logits=true}", logits, binary_y, N, 1, 1), 0.62, 1e-7);
    assert_near(binary("precision{}"), 2.0 / 3, 1e-7);
    assert_near(binary("recall{}"), 0.4, 1e-7);
    assert_near(binary("precision{thresholds=0.3}"), 0.571428597, 1e-7);
    assert_near(binary("recall{thresholds=0.3}"), 0.8, 1e-7);
}

static void class_metrics(void **state) {
    (void)state;
    assert_near(hot("categorical_accuracy{}"), 0.6, 1e-12); /* ties: the first */
    assert_near(sparse("sparse_categorical_accuracy{}"), 0.6, 1e-12);
    assert_near(hot("accuracy{}"), 0.6, 1e-12);
    assert_near(sparse("accuracy{}"), 0.6, 1e-12);
    assert_near(hot("auc{}"), 0.8, 1e-7);
    assert_near(hot("precision{top_k=2}"), 0.3, 1e-7);
    assert_near(hot("recall{top_k=2}"), 0.6, 1e-7);
    assert_near(hot("precision{class_id=1, thresholds=0.15}"), 0.4, 1e-7);
    assert_near(hot("recall{class_id=1, thresholds=0.15}"), 1, 1e-7);
    assert_near(hot("precision{class_id=3, top_k=2}"), 0.5, 1e-7);
    assert_near(hot("recall{top_k=2, thresholds=0.35}"), 0.6, 1e-7);
}

static void top_k_takes_both_kinds_of_target(void **state) {
    (void)state;
    const double want[3] = { 0.8, 0.8, 1 };
    for (int k = 1; k <= 3; k++) {
        char text[32];
        snprintf(text, sizeof text, "top_k{k=%d}", k);
        assert_near(hot(text), want[k - 1], 1e-12);
        assert_near(sparse(text), want[k - 1], 1e-12);
    }
    const float bad[2] = { 7, -1 }, p[4] = { .5F, .5F, .5F, .5F };
    assert_near(measure("top_k{}", p, bad, 2, 2, 1), 0, 0);
}

/* The value of the loss function of the same name, averaged over the samples. */
static void losses_as_metrics(void **state) {
    (void)state;
    const char *const names[] = { "mse", "mae", "binary_crossentropy", "categorical_crossentropy" };
    for (int i = 0; i < 4; i++) {
        char text[64];
        double each[ROWS], sum = 0;
        snprintf(text, sizeof text, "%s{}", names[i]);
        sn_obj *o = make(&sn_kind_loss, text);
        sn_loss_in(o->desc, SN_F32)->eval(o->cfg, each, NULL, class_p, one_hot, ROWS, COLS, COLS, 1);
        for (int r = 0; r < ROWS; r++) sum += each[r];
        assert_near(hot(text), sum / ROWS, 1e-12);
        sn_obj_release(o);
    }
    assert_near(sparse("sparse_categorical_crossentropy{}"), hot("categorical_crossentropy{}"), 1e-12);
}

/* A loss's text is a metric's too: the options are the same. */
static void loss_text_reads_as_metric(void **state) {
    (void)state;
    const char *const texts[] = { "binary_crossentropy{from_logits=true, label_smoothing=0.1}",
                                  "categorical_crossentropy{from_logits=true, label_smoothing=0.1}",
                                  "sparse_categorical_crossentropy{from_logits=true}", "mse{}", "mae{}" };
    for (int i = 0; i < 5; i++) {
        sn_obj *loss = make(&sn_kind_loss, texts[i]), *metric;
        sn_buf b = SN_BUF_INIT(1000);
        sn_obj_print(loss, &b);
        metric = make(&sn_kind_metric, b.data);
        assert_int_equal(loss->desc->cfg_size, metric->desc->cfg_size);
        assert_memory_equal(loss->cfg, metric->cfg, loss->desc->cfg_size);
        sn_buf_free(&b);
        sn_obj_release(loss);
        sn_obj_release(metric);
    }
}

/* Nothing positive, nothing negative, nothing called positive, NaN. */
static void odd_inputs(void **state) {
    (void)state;
    const float zeros[3] = { 0, 0, 0 }, ones[3] = { 1, 1, 1 }, p[3] = { .2F, -5, 7 },
                bad[3] = { .2F, NAN, .3F };
    assert_near(measure("auc{}", p, zeros, 3, 1, 1), 0, 0);
    assert_near(measure("auc{}", p, ones, 3, 1, 1), 0, 0);
    assert_near(measure("precision{}", zeros, ones, 3, 1, 1), 0, 0);
    assert_near(measure("recall{}", ones, zeros, 3, 1, 1), 0, 0);
    assert_true(isnan(measure("auc{}", bad, ones, 3, 1, 1)));
    assert_near(measure("precision{top_k=2}", bad, ones, 1, 3, 3), 1, 0);
    assert_near(measure("top_k{k=2}", bad, ones, 1, 3, 3), 0, 0);
}

#define SHAPE(...)                                                                                             \
    ((sn_shape){ .n = (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), .d = { __VA_ARGS__ } })

static void resolves(sn_shape out, sn_shape target, const char *want) {
    assert_string_equal(sn_metric_resolve_accuracy(&out, &target)->name, want);
}

/* Keras 3, trainers/compile_utils.py: get_metric. */
static void accuracy_is_chosen_by_shapes(void **state) {
    (void)state;
    const sn_shape scalar = { 0 };
    resolves(SHAPE(1), scalar, "binary_accuracy");
    resolves(SHAPE(1), SHAPE(1), "binary_accuracy");
    resolves(SHAPE(2), scalar, "sparse_categorical_accuracy");
    resolves(SHAPE(2), SHAPE(1), "sparse_categorical_accuracy");
    resolves(SHAPE(2), SHAPE(2), "categorical_accuracy");
    resolves(SHAPE(5, 3), SHAPE(5), "sparse_categorical_accuracy");
    resolves(SHAPE(5, 3), SHAPE(5, 3), "categorical_accuracy");
    resolves(SHAPE(5, 1), SHAPE(5, 1), "binary_accuracy");
}

static void shapes(const char *text, sn_shape out, sn_shape target, const char *message) {
    sn_err e = { 0 };
    sn_obj *o = make(&sn_kind_metric, text);
    const sn_metric_type *m = (const sn_metric_type *)(const void *)o->desc;
    sn_status s = m->check_shapes(o->cfg, &out, &target, &e);
    if (!message && s != SN_OK) fail_msg("%s refused: %s", text, e.msg);
    if (message && (s != SN_ESHAPE || !strstr(e.msg, message)))
        fail_msg("%s: the message was: %s", text, e.msg);
    sn_obj_release(o);
}

static void target_shapes(void **state) {
    (void)state;
    shapes("accuracy{}", SHAPE(3), SHAPE(1), NULL);
    shapes("accuracy{}", SHAPE(3), SHAPE(4), "one unit per class: dense{4}");
    shapes("auc{}", SHAPE(2), SHAPE(1), "one value per sample");
    shapes("top_k{}", SHAPE(3), SHAPE(3), NULL);
    shapes("top_k{}", SHAPE(3), SHAPE(1), NULL);
    shapes("top_k{}", SHAPE(3), SHAPE(2), "class indices");
    shapes("precision{class_id=3}", SHAPE(3), SHAPE(3), "has 3 values (0..2)");
    shapes("recall{top_k=4}", SHAPE(3), SHAPE(3), "use a smaller one");
    shapes("categorical_accuracy{}", SHAPE(3), SHAPE(1), "sparse_categorical_accuracy");
}

/* One that gives a number for each sample goes sample by sample, and takes memory for one: this function needs
 * the whole of what it is given (its samples are the last axis on the way). */
static void recorded_ones_take_what_they_need(void **state) {
    (void)state;
    enum { MANY = 1 << 18 };
    static const char by_sample[] =
        "traced{program=\"inputs 2; sub 1 0; square 2; transpose 3 dims 1 0; sum 4 axes 0\"}";
    static const char of_all[] = "traced{program=\"inputs 2; sub 1 0; transpose 2 dims 1 0; max 3\"}";
    sn_err e;
    for (int i = 0; i < 2; i++) {
        sn_obj *o = make(&sn_kind_metric, i ? of_all : by_sample);
        const sn_metric_type *m = (const sn_metric_type *)(const void *)o->desc;
        size_t before = sn_mem_used();
        assert_int_equal(m->prepare(o->cfg, MANY, COLS, COLS, &e), SN_OK);
        size_t taken = sn_mem_used() - before;
        if (i) {
            assert_true(taken > MANY * sizeof(float));
        } else {
            assert_true(taken < MANY * sizeof(float));
        }
        double sum[2] = { 0 };
        m->update(o->cfg, sum, class_p, one_hot, ROWS, COLS, COLS);
        assert_near(m->result(o->cfg, sum), i ? 0.4 : 0.541, 1e-7);
        sn_obj_release(o);
    }
}

static void directions_are_known(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_metric.list; *d; d++) {
        const sn_metric_type *m = (const sn_metric_type *)(const void *)*d;
        bool known = strcmp((*d)->name, "traced") != 0; /* nobody says of a function which way is better */
        assert_true(m->direction == 1 || m->direction == -1 || !known);
        assert_true(m->state_size && m->check_shapes && m->update && m->result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_metrics),
        cmocka_unit_test(class_metrics),
        cmocka_unit_test(top_k_takes_both_kinds_of_target),
        cmocka_unit_test(losses_as_metrics),
        cmocka_unit_test(loss_text_reads_as_metric),
        cmocka_unit_test(odd_inputs),
        cmocka_unit_test(accuracy_is_chosen_by_shapes),
        cmocka_unit_test(target_shapes),
        cmocka_unit_test(recorded_ones_take_what_they_need),
        cmocka_unit_test(directions_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
