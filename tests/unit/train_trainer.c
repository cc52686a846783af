/* Single steps: clipping, weight decay, rates, names of metrics, bits on any number of threads. */
#include "train_rig.h"

#include "base/pool.h"
#include "train/optim.h"

static const sn_shape scalar = { 0 };
static float batch_x[BATCH * FEATURES], batch_y[BATCH];

static void fill_batch(void) {
    sn_err e = { 0 };
    sn_dataset *d = make_data(BATCH, 3);
    for (int i = 0; i < BATCH; i++) ok(d->fns->get(d, i, batch_x + i * FEATURES, batch_y + i, &e), &e);
    sn_dataset_release(d);
}

/* One step of sgd with that optimizer; want(grad, weight, norm of the tensor's gradient, global norm) is the
 * new weight. */
static void expect_update(const char *optimizer,
                          double (*want)(double g, double w, double norm, double global)) {
    sn_err e = { 0 };
    sn_losses l;
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(m, optimizer, NULL);
    ok(sn_trainer_gradients(t, BATCH, batch_x, batch_y, &scalar, true, &l, &e), &e);
    float *g = malloc(m->slab_count * sizeof *g), *w = malloc(m->slab_count * sizeof *w);
    memcpy(g, t->grads, m->slab_count * sizeof *g);
    memcpy(w, m->slab, m->slab_count * sizeof *w);
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    double norm[16], global = 0;
    for (int i = 0; i < m->nparam; i++) {
        norm[i] = 0;
        for (size_t k = 0; k < m->params[i].count; k++) norm[i] += pow(g[m->params[i].offset + k], 2);
        if (m->params[i].trainable) global += norm[i];
        norm[i] = sqrt(norm[i]);
    }
    for (int i = 0; i < m->nparam; i++) {
        for (size_t k = 0; k < m->params[i].count && m->params[i].trainable; k++) {
            size_t at = m->params[i].offset + k;
            double x = want(g[at], w[at], norm[i], sqrt(global));
            if (!(fabs(m->slab[at] - x) < 1e-6))
                fail_msg("%s of %s: %g, not %g", optimizer, m->params[i].name, m->slab[at], x);
        }
    }
    free(g);
    free(w);
    sn_trainer_free(t);
    sn_model_free(m);
}

static double plain(double g, double w, double norm, double global) {
    (void)norm, (void)global;
    return w - 0.5 * g;
}
static double by_norm(double g, double w, double norm, double global) {
    (void)global;
    return w - 0.5 * (norm > 0.01 ? g * 0.01 / norm : g);
}
static double by_global(double g, double w, double norm, double global) {
    (void)norm;
    return w - 0.5 * (global > 0.01 ? g * 0.01 / global : g);
}
static double by_value(double g, double w, double norm, double global) {
    (void)norm, (void)global;
    return w - 0.5 * (g > 0.001 ? 0.001 : g < -0.001 ? -0.001 : g);
}
static double decayed(double g, double w, double norm, double global) {
    (void)norm, (void)global;
    return w - w * 0.1 * 0.5 - 0.5 * g;
}

static void updates_are_as_written(void **state) {
    (void)state;
    expect_update("sgd{learning_rate=0.5}", plain);
    expect_update("sgd{learning_rate=0.5, clipnorm=0.01}", by_norm);
    expect_update("sgd{learning_rate=0.5, clipnorm=1000}", plain);
    expect_update("sgd{learning_rate=0.5, global_clipnorm=0.01}", by_global);
    expect_update("sgd{learning_rate=0.5, global_clipnorm=1000}", plain);
    expect_update("sgd{learning_rate=0.5, clipvalue=0.001}", by_value);
    expect_update("sgd{learning_rate=0.5, weight_decay=0.1}", decayed);
}

/* Clipping must not turn a gradient that is not a number into a harmless one. */
static void clipping_hides_no_nan(void **state) {
    (void)state;
    const char *opts[] = { "sgd{clipnorm=1}", "sgd{global_clipnorm=1}", "sgd{clipvalue=1}" };
    for (int i = 0; i < 3; i++) {
        sn_err e = { 0 };
        sn_losses l;
        sn_model *m = make_model(net);
        sn_trainer *t = make_trainer(m, opts[i], NULL);
        float x[BATCH * FEATURES];
        memcpy(x, batch_x, sizeof x);
        x[3] = NAN;
        ok(sn_trainer_step(t, BATCH, x, batch_y, &scalar, &l, &e), &e);
        assert_true(isnan(l.total));
        assert_true(isnan(m->slab[m->params[0].offset]));
        sn_trainer_free(t);
        sn_model_free(m);
    }
}

/* One gradient that is not finite among sound ones: its tensor (clipnorm) or everything (global_clipnorm)
 * becomes NaN, as in Keras. And the update is made whole although the pool is cancelled. */
static void one_nan_reaches_its_tensor(void **state) {
    (void)state;
    const char *opts[] = { "sgd{clipnorm=1}", "sgd{global_clipnorm=1}", "sgd{clipvalue=1}" };
    for (int i = 0; i < 3; i++) {
        sn_err e = { 0 };
        sn_losses l;
        sn_model *m = make_model(net);
        sn_trainer *t = make_trainer(m, opts[i], NULL);
        ok(sn_trainer_gradients(t, BATCH, batch_x, batch_y, &scalar, true, &l, &e), &e);
        const sn_param *last = &m->params[m->nparam - 1];
        float other = m->slab[last->offset];
        t->grads[m->params[0].offset] = NAN;
        ok(sn_optim_measure(t, t->grads, &e), &e);
        sn_pool_cancel(t->pool);
        sn_optim_apply(t, t->grads, false);
        sn_pool_clear_cancel(t->pool);
        assert_true(isnan(m->slab[m->params[0].offset]));
        assert_true(!isnan(m->slab[m->params[0].offset + 1]) == (i == 2));
        assert_true(isnan(m->slab[last->offset]) == (i == 1));
        assert_true(m->slab[last->offset] != other);
        sn_trainer_free(t);
        sn_model_free(m);
    }
}

/* The update adds penalties on its way to the same bits as backward does. */
static void late_penalties_are_penalties(void **state) {
    (void)state;
    const char *penalties[] = { "l1{factor=0.1}", "l2{factor=0.1}", "l1_l2{l1=0.2, l2=0.1}" };
    for (int i = 0; i < 3; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "sonde-model 1\nname \"f\"\nseed 1\nlayer input{shape={6}, name=\"in\"}\n"
                 "layer dense{units=5, kernel_regularizer=%s, name=\"a\"}\n"
                 "layer dense{units=3, activation=\"softmax\", name=\"b\"}\n"
                 "call 0\ncall 1 0\ncall 2 1\ninput 0\noutput 3\n",
                 penalties[i]);
        sn_err e = { 0 };
        sn_losses l;
        sn_model *m[3];
        sn_trainer *t[3];
        for (int k = 0; k < 3; k++) {
            m[k] = make_model(text);
            t[k] = make_trainer(m[k], "adamw{weight_decay=0.5}", NULL);
        }
        ok(sn_trainer_step(t[0], BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
        ok(sn_trainer_gradients(t[1], BATCH, batch_x, batch_y, &scalar, true, &l, &e), &e);
        sn_optim_apply(t[1], t[1]->grads, false);
        ok(sn_trainer_gradients(t[2], BATCH, batch_x, batch_y, &scalar, false, &l, &e), &e);
        assert_memory_not_equal(t[1]->grads, t[2]->grads, m[0]->slab_count * sizeof(float));
        assert_memory_equal(m[0]->slab, m[1]->slab, m[0]->slab_count * sizeof(float));
        assert_memory_equal(t[0]->grads, t[1]->grads, m[0]->slab_count * sizeof(float));
        for (int k = 0; k < 3; k++) {
            sn_trainer_free(t[k]);
            sn_model_free(m[k]);
        }
    }
}

static void frozen_layers_stay(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    sn_model *m =
        make_model("sonde-model 1\nname \"f\"\nseed 1\nlayer input{shape={6}, name=\"in\"}\n"
                   "layer dense{units=5, trainable=false, kernel_regularizer=l2{factor=0.1}, name=\"a\"}\n"
                   "layer dense{units=3, activation=\"softmax\", name=\"b\"}\n"
                   "call 0\ncall 1 0\ncall 2 1\ninput 0\noutput 3\n");
    sn_trainer *t = make_trainer(m, "adamw{weight_decay=0.5}", NULL);
    float a0 = m->slab[0], b0 = m->slab[m->params[2].offset];
    for (int i = 0; i < 3; i++) ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    assert_true(m->slab[0] == a0 && m->slab[m->params[2].offset] != b0);
    assert_true(l.penalty == 0); /* as Keras: a frozen layer has no loss of its own */
    sn_trainer_free(t);
    sn_model_free(m);
}

static void schedules_count_from_zero(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(
        m, "sgd{learning_rate=piecewise_constant_decay{boundaries={1}, values={0.5, 0.25}}}", NULL);
    const double want[] = { 0.5, 0.5, 0.25, 0.25 };
    for (int i = 0; i < 4; i++) {
        assert_true(sn_trainer_lr(t) == want[i]);
        ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
        assert_int_equal(t->iterations, i + 1);
    }
    sn_trainer_free(t);
    t = make_trainer(m, "sgd{learning_rate=\"function\"}", NULL);
    t->external_lr = 0.125;
    assert_true(sn_trainer_lr(t) == 0.125);
    sn_trainer_free(t);
    sn_model_free(m);
}

static void without_compile_one_can_predict_only(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    const float *out;
    sn_model *m = make_model(net);
    sn_trainer *t = NULL;
    ok(sn_trainer_new(&t, m, NULL, NULL, NULL, NULL, 0, &e), &e);
    ok(sn_trainer_predict(t, BATCH, batch_x, &out, &e), &e);
    for (int i = 0; i < BATCH; i++)
        assert_true(fabsf(out[3 * i] + out[3 * i + 1] + out[3 * i + 2] - 1) < 1e-5f);
    assert_int_equal(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "m:compile"));
    assert_int_equal(sn_trainer_eval(t, BATCH, batch_x, batch_y, &scalar, &l, &e), SN_EINVAL);
    assert_int_equal(sn_trainer_gradients(t, BATCH, batch_x, batch_y, &scalar, true, &l, &e), SN_EINVAL);
    assert_true(isnan(sn_trainer_lr(t)));
    sn_trainer_free(t);
    sn_model_free(m);
}

/* A layer frozen after some steps, by two trainers that have plans: as one that was made so. */
static void freezing_is_the_same_as_frozen(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l, l2;
    sn_model *m = make_model(net), *made = NULL;
    sn_trainer *t = make_trainer(m, "sgd{learning_rate=0.1}", NULL),
               *other = make_trainer(m, "sgd{learning_rate=0.1}", NULL);
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    ok(sn_trainer_step(other, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    int hidden = sn_model_find_layer(m, "hidden"), bn = sn_model_find_layer(m, "bn");
    int64_t trainable, fixed, before;
    int64_t total = sn_model_count(m, &before, &fixed);
    ok(sn_model_set_trainable(m, hidden, false, &e), &e);
    ok(sn_model_set_trainable(m, bn, false, &e), &e);
    assert_int_equal(sn_model_count(m, &trainable, &fixed), total);
    assert_int_equal(trainable, 16 * 3 + 3);
    ok(sn_model_clone(&made, m, &e), &e); /* through its text, as a file */
    assert_int_equal(made->params[m->layers[hidden].first_param].trainable, false);
    sn_trainer *t2 = make_trainer(made, "sgd{learning_rate=0.1}", NULL);
    t2->iterations = t->iterations = 1;
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    ok(sn_trainer_step(t2, BATCH, batch_x, batch_y, &scalar, &l2, &e), &e);
    assert_true(l.total == l2.total && l.penalty == l2.penalty);
    assert_memory_equal(m->slab, made->slab, m->slab_count * sizeof(float));
    ok(sn_trainer_step(other, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    for (int i = 0; i < 3; i++) {
        ok(sn_model_set_trainable(m, hidden, i % 2 == 0, &e), &e);
        ok(sn_trainer_step(other, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    }
    ok(sn_model_set_trainable(m, bn, true, &e), &e);
    sn_model_count(m, &trainable, &fixed);
    assert_int_equal(trainable, before);
    sn_trainer_free(other);
    sn_trainer_free(t2);
    sn_trainer_free(t);
    sn_model_free(made);
    sn_model_free(m);
}

static void names_of_metrics_are_unique(void **state) {
    (void)state;
    sn_model *m = make_model(net);
    sn_obj *loss = object(&sn_kind_loss, "sparse_categorical_crossentropy{}"),
           *opt = object(&sn_kind_optimizer, "sgd{}");
    sn_obj *acc = object(&sn_kind_metric, "accuracy{}"), *three[] = { acc, acc, acc };
    sn_trainer *t = NULL;
    ok(sn_trainer_new(&t, m, loss, opt, three, NULL, 3, NULL), &(sn_err){ 0 });
    assert_string_equal(t->metric[0].name, "accuracy");
    assert_string_equal(t->metric[1].name, "accuracy_1");
    assert_string_equal(t->metric[2].name, "accuracy_2");
    sn_trainer_free(t);
    const char *twice[] = { "acc", "acc", NULL }, *reserved[] = { "loss" }, *val[] = { "val_x" };
    const char *const *bad[] = { twice, reserved, val };
    for (int i = 0; i < 3; i++) {
        sn_err e = { 0 };
        assert_int_equal(sn_trainer_new(&t, m, loss, opt, three, bad[i], i ? 1 : 2, &e), SN_EINVAL);
        assert_null(t);
        assert_non_null(strstr(e.msg, bad[i][0]));
    }
    sn_obj_release(loss);
    sn_obj_release(opt);
    sn_obj_release(acc);
    sn_model_free(m);
}

static void wrong_targets_are_refused(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(m, "sgd{}", NULL);
    sn_shape seven = { .n = 1, .d = { 7 } };
    assert_int_not_equal(sn_trainer_step(t, 1, batch_x, batch_y, &seven, &l, &e), SN_OK);
    assert_true(e.msg[0] != 0);
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    sn_trainer_free(t);
    sn_model_free(m);
}

/* A network large enough for several cells in every region: the same weights with any number of threads. */
static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    static const char wide[] =
        "sonde-model 1\nname \"wide\"\nseed 5\nlayer input{shape={6}, name=\"in\"}\n"
        "layer dense{units=300, activation=\"relu\", kernel_regularizer=l2{factor=0.01}, "
        "name=\"a\"}\nlayer batch_norm{name=\"bn\"}\nlayer dropout{rate=0.3, name=\"d\"}\n"
        "layer dense{units=400, activation=\"relu\", name=\"b\"}\n"
        "layer dense{units=3, activation=\"softmax\", name=\"out\"}\n"
        "call 0\ncall 1 0\ncall 2 2\ncall 3 3\ncall 4 4\ncall 5 6\ninput 0\noutput 8\n";
    const char *opts[] = { "adam{global_clipnorm=0.5}", "sgd{momentum=0.9, nesterov=true, clipnorm=0.1}" };
    const int threads[] = { 1, 2, 3, 8 };
    sn_shape y = { 0 };
    for (int o = 0; o < 2; o++) {
        float *first = NULL;
        for (int k = 0; k < 4; k++) {
            sn_err e = { 0 };
            sn_losses l;
            sn_pool *pool;
            ok(sn_pool_new(&pool, threads[k], &e), &e);
            sn_model *m = make_model(wide);
            sn_trainer *t = make_trainer(m, opts[o], pool);
            for (int i = 0; i < 20; i++)
                ok(sn_trainer_step(t, BATCH - i % 3, batch_x, batch_y, &y, &l, &e), &e);
            if (first) {
                same_bits(first, m->slab, m->slab_count, "weights after 20 steps");
            } else {
                first = malloc(m->slab_count * sizeof *first);
                memcpy(first, m->slab, m->slab_count * sizeof *first);
            }
            sn_trainer_free(t);
            sn_model_free(m);
            sn_pool_free(pool);
        }
        free(first);
    }
}

/* A cancelled step leaves weights, optimizer, statistics and metrics as they were. */
static void a_cancelled_step_changes_nothing(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(m, "adam{}", NULL);
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    double accuracy = sn_trainer_metric(t, 0);
    float *w = malloc(m->slab_count * sizeof *w);
    memcpy(w, m->slab, m->slab_count * sizeof *w);
    sn_pool_cancel(t->pool);
    assert_int_equal(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), SN_ECANCEL);
    same_bits(w, m->slab, m->slab_count, "weights");
    assert_int_equal(t->iterations, 1);
    assert_true(sn_trainer_metric(t, 0) == accuracy);
    assert_false(sn_pool_cancelled(t->pool));
    ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e);
    free(w);
    sn_trainer_free(t);
    sn_model_free(m);
}

static void running_out_of_memory_leaks_nothing(void **state) {
    (void)state;
    (void)sn_pool_default();
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 2000 && !done; k++) {
        sn_err e = { 0 };
        sn_losses l;
        sn_model *m = make_model(net);
        sn_obj *loss = object(&sn_kind_loss, "sparse_categorical_crossentropy{}");
        sn_obj *opt = object(&sn_kind_optimizer, "adam{}"), *acc = object(&sn_kind_metric, "accuracy{}");
        sn_trainer *t = NULL;
        sn_mem_fail_after(k);
        sn_status s = sn_trainer_new(&t, m, loss, opt, &acc, NULL, 1, &e);
        if (s == SN_OK) s = sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e);
        if (s == SN_OK) s = sn_trainer_eval(t, BATCH, batch_x, batch_y, &scalar, &l, &e);
        sn_mem_fail_after(-1);
        if (s != SN_OK && s != SN_ENOMEM) fail_msg("failure %d: %s", k, e.msg);
        done = s == SN_OK;
        if (!done && t) ok(sn_trainer_step(t, BATCH, batch_x, batch_y, &scalar, &l, &e), &e); /* goes on */
        sn_trainer_free(t);
        sn_obj_release(loss);
        sn_obj_release(opt);
        sn_obj_release(acc);
        sn_model_free(m);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_as_written),
        cmocka_unit_test(clipping_hides_no_nan),
        cmocka_unit_test(one_nan_reaches_its_tensor),
        cmocka_unit_test(frozen_layers_stay),
        cmocka_unit_test(late_penalties_are_penalties),
        cmocka_unit_test(freezing_is_the_same_as_frozen),
        cmocka_unit_test(schedules_count_from_zero),
        cmocka_unit_test(without_compile_one_can_predict_only),
        cmocka_unit_test(names_of_metrics_are_unique),
        cmocka_unit_test(wrong_targets_are_refused),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(a_cancelled_step_changes_nothing),
        cmocka_unit_test(running_out_of_memory_leaks_nothing),
    };
    fill_batch();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
