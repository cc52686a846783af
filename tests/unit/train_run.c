/* The run: what is logged, when, and that interrupting it loses nothing. */
#include "train_rig.h"

#include "base/pool.h"
#include <pthread.h>

static const sn_shape scalar = { 0 };

static int column(const sn_run *r, const char *name) {
    for (int c = 0; c < sn_run_columns(r); c++)
        if (strcmp(sn_run_column(r, c), name) == 0) return c;
    fail_msg("there is no column %s", name);
    return -1;
}

static void events_come_in_order(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    assert_int_equal(sn_run_steps(r.run), 5);
    for (int epoch = 1; epoch <= 2; epoch++) {
        sn_event ev = next(r.run);
        assert_int_equal(ev.kind, SN_EV_EPOCH_BEGIN);
        assert_int_equal(ev.epoch, epoch);
        for (int i = 1; i <= 5; i++) {
            ev = next(r.run);
            assert_true(ev.kind == SN_EV_STEP && ev.step == i && ev.steps == 5 && ev.epoch == epoch);
            assert_int_equal(ev.batch.n, i < 5 ? BATCH : TRAIN - 4 * BATCH);
            assert_int_equal(sn_run_step_in_epoch(r.run), i);
            assert_int_equal(sn_run_epoch(r.run), epoch - 1);
        }
        for (int i = 1; i <= 2; i++) {
            ev = next(r.run);
            assert_true(ev.kind == SN_EV_VAL_STEP && ev.step == i && ev.steps == 2 && ev.epoch == epoch);
        }
        ev = next(r.run);
        assert_true(ev.kind == SN_EV_EPOCH_END && ev.epoch == epoch && ev.seconds >= 0);
        assert_int_equal(sn_run_rows(r.run), epoch);
        assert_int_equal(sn_run_epoch(r.run), epoch);
    }
    assert_false(sn_run_done(r.run));
    for (int i = 0; i < 3; i++) assert_int_equal(next(r.run).kind, SN_EV_END);
    assert_true(sn_run_done(r.run));
    assert_int_equal(r.t->iterations, 10);
    sn_run_extend(r.run, 3);
    assert_false(sn_run_done(r.run));
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 3);
    rig_close(&r);
}

/* The same epoch made by hand: the batches in order, averages weighted by their sizes. */
static void averages_are_weighted_by_batch_size(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_run_opts o = two_epochs;
    o.epochs = 1;
    o.shuffle = false;
    rig r = rig_open("sgd{learning_rate=0.1}", &o, NULL, NULL);
    assert_string_equal(sn_run_column(r.run, 0), "loss");
    assert_string_equal(sn_run_column(r.run, 1), "accuracy");
    assert_string_equal(sn_run_column(r.run, 2), "val_loss");
    assert_string_equal(sn_run_column(r.run, 3), "val_accuracy");
    assert_int_equal(sn_run_columns(r.run), 4);
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(m, "sgd{learning_rate=0.1}", NULL);
    t->seed = o.seed;
    ok(sn_trainer_check_target(t, &scalar, &e), &e);
    double total = 0, data = 0, penalty = 0, first_penalty;
    assert_int_equal(sn_model_penalty(m, m->slab, NULL, t->pool, &first_penalty, NULL), SN_OK);
    float x[BATCH * FEATURES], y[BATCH];
    for (int64_t at = 0; at < TRAIN; at += BATCH) {
        int64_t n = TRAIN - at < BATCH ? TRAIN - at : BATCH;
        for (int64_t i = 0; i < n; i++) ok(r.train->fns->get(r.train, at + i, x + i * FEATURES, y + i, &e), &e);
        sn_losses l;
        ok(sn_trainer_step(t, n, x, y, &scalar, &l, &e), &e);
        if (at == 0) assert_true(l.penalty == first_penalty); /* seen before the update */
        total += (double)n * l.total;
        data += (double)n * l.data;
        penalty += (double)n * l.penalty;
    }
    double accuracy = sn_trainer_metric(t, 0), val = 0;
    sn_trainer_reset_metrics(t);
    for (int64_t at = 0; at < VAL; at += BATCH) {
        int64_t n = VAL - at < BATCH ? VAL - at : BATCH;
        for (int64_t i = 0; i < n; i++) ok(r.val->fns->get(r.val, at + i, x + i * FEATURES, y + i, &e), &e);
        sn_losses l;
        ok(sn_trainer_eval(t, n, x, y, &scalar, &l, &e), &e);
        val += (double)n * l.total;
    }
    finish(r.run);
    same_bits(m->slab, r.m->slab, m->slab_count, "weights");
    assert_true(sn_run_value(r.run, 0, 0) == total / TRAIN);
    assert_true(sn_run_value(r.run, 0, 1) == accuracy);
    assert_true(sn_run_value(r.run, 0, 2) == val / VAL);
    assert_true(sn_run_value(r.run, 0, 3) == sn_trainer_metric(t, 0));
    const sn_terms *terms = sn_run_terms(r.run, 0, false), *vt = sn_run_terms(r.run, 0, true);
    assert_true(terms->data == data / TRAIN && terms->penalty == penalty / TRAIN);
    /* The penalty of validation is that of the weights as they are now. */
    double by_layer[8], now;
    assert_int_equal(sn_model_penalty(r.m, r.m->slab, by_layer, r.t->pool, &now, NULL), SN_OK);
    assert_true(fabs(vt->penalty - now) < 1e-15 && fabs(vt->total - vt->data - now) < 1e-12);
    assert_true(fabs(vt->by_layer[1] - by_layer[1]) < 1e-15 && vt->by_layer[2] == 0 && vt->by_layer[4] > 0);
    sn_trainer_free(t);
    sn_model_free(m);
    rig_close(&r);
}

static void terms_add_up(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_terms t;
    ok(sn_run_terms_now(r.run, &t, &e), &e);
    assert_true(t.valid && t.penalty > 0 && fabs(t.by_layer[1] + t.by_layer[4] - t.penalty) < 1e-15);
    assert_false(sn_run_terms(r.run, -1, false)->valid);
    finish(r.run);
    for (int row = 0; row < 2; row++) {
        for (int v = 0; v < 2; v++) {
            const sn_terms *q = sn_run_terms(r.run, row, v);
            double sum = 0;
            for (int i = 0; i < r.m->nlayer; i++) sum += q->by_layer[i];
            assert_true(q->valid && fabs(sum - q->penalty) < 1e-12);
            assert_true(fabs(q->data + q->penalty + q->activity - q->total) < 1e-12);
            assert_true(q->total == sn_run_value(r.run, row, v ? 2 : 0));
        }
    }
    rig_close(&r);
}

static void validation_comes_every_nth_epoch(void **state) {
    (void)state;
    sn_run_opts o = two_epochs;
    o.epochs = 5;
    o.validation_freq = 2;
    rig r = rig_open("adam{}", &o, NULL, NULL);
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 5);
    for (int row = 0; row < 5; row++) {
        bool due = (row + 1) % 2 == 0;
        assert_true(isnan(sn_run_value(r.run, row, 2)) != due);
        assert_true(sn_run_terms(r.run, row, true)->valid == due);
        assert_true(sn_run_terms(r.run, row, false)->valid);
        assert_true(isfinite(sn_run_value(r.run, row, 0)));
    }
    rig_close(&r);
}

static void steps_per_epoch_shortens_epochs(void **state) {
    (void)state;
    sn_run_opts o = two_epochs;
    o.steps_per_epoch = 2;
    rig r = rig_open("adam{}", &o, NULL, NULL);
    finish(r.run);
    assert_int_equal(r.t->iterations, 4);
    rig_close(&r);
}

static void training_learns(void **state) {
    (void)state;
    sn_run_opts o = two_epochs;
    o.epochs = 30;
    rig r = rig_open("adam{learning_rate=0.01}", &o, NULL, NULL);
    finish(r.run);
    assert_true(sn_run_value(r.run, 29, 0) < 0.6 * sn_run_value(r.run, 0, 0));
    assert_true(sn_run_value(r.run, 29, 1) > 0.7);
    rig_close(&r);
}

/* ---- interruption ---- */

static void interrupted_between_any_two_steps(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    finish(a.run);
    for (bool over = false; !over;) {
        sn_err e = { 0 };
        sn_event ev = { 0 };
        sn_run_interrupt(b.run);
        sn_status s = sn_run_next(b.run, &ev, &e);
        assert_int_equal(s, SN_ECANCEL);
        assert_non_null(strstr(e.msg, "interrupted"));
        over = next(b.run).kind == SN_EV_END;
    }
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

typedef struct {
    sn_run *run;
    bool begun, stop;
} pest;

static void *keep_interrupting(void *arg) {
    pest *p = arg;
    unsigned pause = 1;
    while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
        sn_run_interrupt(p->run);
        __atomic_store_n(&p->begun, true, __ATOMIC_RELEASE);
        usleep(pause = pause * 7 % 97 + 20);
    }
    return NULL;
}

/* Signals at any moment, within steps too: SN_ECANCEL now and then, the gradients of the last completed step
 * stay, the same bits in the end. */
static void interrupted_at_any_moment(void **state) {
    (void)state;
    sn_run_opts o = two_epochs;
    o.epochs = 10;
    rig a = rig_open("adam{clipnorm=1}", &o, NULL, NULL), b = rig_open("adam{clipnorm=1}", &o, NULL, NULL);
    finish(a.run);
    pest p = { .run = b.run };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_interrupting, &p), 0);
    while (!__atomic_load_n(&p.begun, __ATOMIC_ACQUIRE)) usleep(100); /* or the run may be over before */
    int cancelled = 0;
    size_t n = b.m->slab_count;
    float *grads = calloc(n, sizeof *grads);
    for (sn_event ev = { 0 }; ev.kind != SN_EV_END;) {
        sn_err e = { 0 };
        sn_status s = sn_run_next(b.run, &ev, &e);
        if (s == SN_ECANCEL) {
            cancelled++;
            ev.kind = SN_EV_VAL_STEP;
        } else {
            ok(s, &e);
        }
        if (s == SN_OK && ev.kind == SN_EV_STEP) memcpy(grads, b.t->grads, n * sizeof *grads);
        if (sn_run_has_gradients(b.run)) assert_memory_equal(grads, b.t->grads, n * sizeof *grads);
    }
    free(grads);
    __atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_true(cancelled > 0);
    sn_pool_clear_cancel(b.t->pool);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

/* Evaluating and predicting between steps, with other data and another batch size, disturbs nothing. */
static void looking_on_disturbs_nothing(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    finish(a.run);
    float x[20 * FEATURES] = { 1 }, y[20] = { 0 };
    do {
        sn_losses l;
        const float *out;
        sn_terms terms;
        sn_trainer_reset_metrics(b.t);
        ok(sn_trainer_eval(b.t, 20, x, y, &scalar, &l, &e), &e);
        ok(sn_trainer_gradients(b.t, 13, x, y, &scalar, true, &l, &e), &e);
        ok(sn_trainer_predict(b.t, 3, x, &out, &e), &e);
        ok(sn_run_terms_now(b.run, &terms, &e), &e);
        for (int c = 0; c < sn_run_columns(b.run); c++) (void)sn_run_current(b.run, c);
    } while (next(b.run).kind != SN_EV_END);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

static void gradients_are_those_of_the_last_step(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    sn_trainer_keep_gradients(true);
    rig r = rig_open("sgd{}", &two_epochs, NULL, NULL);
    sn_trainer_keep_gradients(false);
    float x[FEATURES] = { 1 }, y[1] = { 0 };
    assert_false(sn_run_has_gradients(r.run));
    while (next(r.run).kind != SN_EV_STEP) {}
    assert_true(sn_run_has_gradients(r.run));
    sn_pool_cancel(r.t->pool);
    assert_int_equal(sn_trainer_gradients(r.t, 1, x, y, &scalar, true, &l, &e), SN_ECANCEL);
    assert_true(sn_run_has_gradients(r.run));
    ok(sn_trainer_gradients(r.t, 1, x, y, &scalar, true, &l, &e), &e);
    assert_false(sn_run_has_gradients(r.run));
    assert_int_equal(next(r.run).kind, SN_EV_STEP);
    assert_true(sn_run_has_gradients(r.run));
    rig_close(&r);
}

/* Without a second place for them an interruption ends them, and nobody takes halves for wholes. */
static void gradients_in_one_place(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_losses l;
    rig r = rig_open("sgd{}", &two_epochs, NULL, NULL);
    float x[FEATURES] = { 1 }, y[1] = { 0 };
    while (next(r.run).kind != SN_EV_STEP) {}
    assert_true(sn_run_has_gradients(r.run) && !r.t->next_grads);
    sn_pool_cancel(r.t->pool);
    assert_int_equal(sn_trainer_gradients(r.t, 1, x, y, &scalar, true, &l, &e), SN_ECANCEL);
    assert_false(sn_run_has_gradients(r.run));
    assert_int_equal(next(r.run).kind, SN_EV_STEP);
    assert_true(sn_run_has_gradients(r.run));
    rig_close(&r);
}

/* ---- callbacks in a run ---- */

static char dir[64];

static void callbacks_see_the_run(void **state) {
    (void)state;
    const char *cb[] = { "reduce_lr_on_plateau{monitor=\"loss\", patience=1, min_delta=100, factor=0.5}",
                         NULL };
    sn_run_opts o = two_epochs;
    o.epochs = 4;
    rig r = rig_open("adam{learning_rate=0.008}", &o, cb, NULL);
    finish(r.run);
    int c = column(r.run, "learning_rate");
    assert_int_equal(c, 4);
    /* The first value is an improvement upon infinity; then the rate falls after each epoch, for the next one.
     */
    const double want[] = { 0.008, 0.008, 0.004, 0.002 };
    for (int i = 0; i < 4; i++) assert_true(sn_run_value(r.run, i, c) == want[i]);
    assert_true(r.t->lr == 0.001);
    rig_close(&r);
}

static void a_stopped_run_ends_with_its_epoch(void **state) {
    (void)state;
    const char *cb[] = {
        "early_stopping{monitor=\"loss\", min_delta=100, restore_best_weights=true, verbose=1}", NULL
    };
    sn_run_opts o = two_epochs;
    o.epochs = 9;
    rig r = rig_open("adam{learning_rate=0.01}", &o, cb, NULL);
    float *first = NULL;
    for (sn_event ev = { 0 }; ev.kind != SN_EV_END;) {
        ev = next(r.run);
        if (ev.kind != SN_EV_EPOCH_END || ev.epoch != 1) continue;
        first = malloc(r.m->slab_count * sizeof *first);
        memcpy(first, r.m->slab, r.m->slab_count * sizeof *first);
    }
    assert_int_equal(sn_run_rows(r.run), 2);
    same_bits(first, r.m->slab, r.m->slab_count, "weights of the best epoch");
    assert_non_null(strstr(sn_run_message(r.run), "Epoch 2: early stopping\nRestoring"));
    assert_string_equal(sn_run_message(r.run), "");
    sn_run_extend(r.run, 3); /* the person wants to go on all the same */
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 3);
    free(first);
    rig_close(&r);
}

static void stop_in_the_middle_leaves_the_epoch(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    next(r.run);
    next(r.run);
    sn_run_stop(r.run, "enough");
    assert_string_equal(sn_run_message(r.run), "enough\n");
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 1); /* validated and logged, as Keras does */
    assert_int_equal(r.t->iterations, 1);
    assert_true(isfinite(sn_run_value(r.run, 0, 2)));
    rig_close(&r);
}

/* Before each call the run says whether a step is made; also when it is stopped in its second epoch. */
static void a_step_that_comes_is_announced(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    int steps = 0;
    sn_event ev;
    do {
        bool said = sn_run_training(r.run);
        ev = next(r.run);
        assert_int_equal(said, ev.kind == SN_EV_STEP);
        if (ev.kind == SN_EV_STEP && ++steps == 7) {
            assert_true(sn_run_training(r.run));
            sn_run_stop(r.run, NULL);
        }
    } while (ev.kind != SN_EV_END);
    assert_int_equal(steps, 7);
    assert_false(sn_run_training(r.run));
    rig_close(&r);
}

static void nan_is_passed_on_and_can_end_the_run(void **state) {
    (void)state;
    const char *cb[] = { "terminate_on_nan{}", NULL };
    sn_run_opts o = two_epochs;
    rig r = rig_open("sgd{learning_rate=0.1}", &o, cb, NULL);
    next(r.run);
    next(r.run);
    r.m->slab[r.m->params[0].offset] = NAN;
    sn_event ev = next(r.run);
    assert_true(isnan(ev.batch.total) || isnan(ev.batch.penalty));
    assert_true(isnan(sn_run_current(r.run, 0)));
    finish(r.run);
    assert_true(isnan(sn_run_value(r.run, 0, 0)));
    assert_int_equal(r.t->iterations, 2);
    assert_string_equal(sn_run_message(r.run), "Batch 1: Invalid loss, terminating training\n");
    rig_close(&r);
}

static void a_callback_that_fails_leaves_the_run_usable(void **state) {
    (void)state;
    char text[200];
    /* A file where a folder should be: nothing can be saved there. */
    snprintf(text, sizeof text, "%s/file", dir);
    FILE *f = fopen(text, "w");
    fclose(f);
    snprintf(text, sizeof text, "model_checkpoint{filepath=\"%s/file/a.sonde\"}", dir);
    const char *cb[] = { text, "early_stopping{monitor=\"loss\", mode=\"max\"}", NULL };
    rig r = rig_open("adam{}", &two_epochs, cb, NULL), plain = rig_open("adam{}", &two_epochs, NULL, NULL);
    int errors = 0;
    for (sn_event ev = { 0 }; ev.kind != SN_EV_END;) {
        sn_err e = { 0 };
        ev.kind = SN_EV_STEP;
        sn_status s = sn_run_next(r.run, &ev, &e);
        if (s == SN_OK) continue;
        assert_int_equal(s, SN_EIO);
        assert_non_null(strstr(e.msg, "model_checkpoint"));
        errors++;
    }
    assert_int_equal(errors, 2);
    finish(plain.run);
    same_runs(&r, &plain);
    rig_close(&r);
    rig_close(&plain);
    snprintf(text, sizeof text, "%s/file", dir);
    unlink(text);
}

static void expect_checkpoint(const char *name, bool there) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if ((access(path, R_OK) == 0) != there) fail_msg("%s is %s", name, there ? "missing" : "there");
    unlink(path);
}

static void checkpoints_are_named_as_keras_names_them(void **state) {
    (void)state;
    char a[200], b[200], c[200];
    snprintf(a, sizeof a, "model_checkpoint{filepath=\"%s/sub/e{epoch:02d}.sonde\", verbose=1}", dir);
    snprintf(b, sizeof b,
             "model_checkpoint{filepath=\"%s/{epoch}-{batch}.npz\", save_freq=4, save_weights_only=true}", dir);
    snprintf(c, sizeof c,
             "model_checkpoint{filepath=\"%s/best.npz\", save_weights_only=true, save_best_only=true, "
             "monitor=\"val_accuracy\", initial_value_threshold=2}",
             dir);
    const char *cb[] = { a, b, c, NULL };
    rig r = rig_open("adam{}", &two_epochs, cb, NULL);
    finish(r.run);
    char want[300];
    snprintf(want, sizeof want, "\nEpoch 1: saving model to %s/sub/e01.sonde\n", dir);
    assert_non_null(strstr(sn_run_message(r.run), want));
    expect_checkpoint("sub/e01.sonde", true);
    expect_checkpoint("sub/e02.sonde", true);
    expect_checkpoint("1-4.npz", true); /* batches 4 and 8 of 10: the third of the second epoch */
    expect_checkpoint("2-3.npz", true);
    expect_checkpoint("best.npz", false); /* an accuracy is never better than 2 */
    rig_close(&r);
    snprintf(want, sizeof want, "%s/sub", dir);
    rmdir(want);
}

/* ---- mistakes ---- */

static void expect_refused(rig *r, const sn_run_opts *o, sn_dataset *train, sn_dataset *val, const char *part) {
    sn_err e = { 0 };
    sn_run *run;
    assert_int_not_equal(sn_run_begin(&run, r->t, train, val, o, NULL, 0, &e), SN_OK);
    assert_null(run);
    if (!strstr(e.msg, part)) fail_msg("message was: %s", e.msg);
}

static void mistakes_are_said_before_the_first_step(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_run_opts o = two_epochs;
    o.batch_size = 0;
    expect_refused(&r, &o, r.train, NULL, "batch_size = 0");
    o = two_epochs;
    o.epochs = 0;
    expect_refused(&r, &o, r.train, NULL, "epochs = 0");
    o = two_epochs;
    o.steps_per_epoch = 6;
    expect_refused(&r, &o, r.train, NULL, "has 5 batches");
    sn_shape wrong = { .n = 2, .d = { 4, 5 } }, labels = { .n = 1, .d = { 4 } };
    sn_tensor x = { 0 }, y = { 0 };
    sn_dataset *d = NULL, *unlabelled = NULL;
    ok(sn_tensor_new(&x, SN_F32, &wrong, &e), &e);
    ok(sn_tensor_new(&y, SN_F32, &labels, &e), &e);
    ok(sn_dataset_tensors(&d, &x, &y, &e), &e);
    ok(sn_dataset_tensors(&unlabelled, &x, NULL, &e), &e);
    expect_refused(&r, &two_epochs, d, NULL, "the model wants (6");
    expect_refused(&r, &two_epochs, r.train, d, "validation data");
    expect_refused(&r, &two_epochs, unlabelled, NULL, "no targets");
    sn_dataset_release(d);
    sn_dataset_release(unlabelled);
    sn_tensor_drop(&x);
    sn_tensor_drop(&y);
    rig_close(&r);
}

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sonde-run-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order),
        cmocka_unit_test(averages_are_weighted_by_batch_size),
        cmocka_unit_test(terms_add_up),
        cmocka_unit_test(validation_comes_every_nth_epoch),
        cmocka_unit_test(steps_per_epoch_shortens_epochs),
        cmocka_unit_test(training_learns),
        cmocka_unit_test(interrupted_between_any_two_steps),
        cmocka_unit_test(interrupted_at_any_moment),
        cmocka_unit_test(looking_on_disturbs_nothing),
        cmocka_unit_test(gradients_are_those_of_the_last_step),
        cmocka_unit_test(gradients_in_one_place),
        cmocka_unit_test(callbacks_see_the_run),
        cmocka_unit_test(a_stopped_run_ends_with_its_epoch),
        cmocka_unit_test(stop_in_the_middle_leaves_the_epoch),
        cmocka_unit_test(a_step_that_comes_is_announced),
        cmocka_unit_test(nan_is_passed_on_and_can_end_the_run),
        cmocka_unit_test(a_callback_that_fails_leaves_the_run_usable),
        cmocka_unit_test(checkpoints_are_named_as_keras_names_them),
        cmocka_unit_test(mistakes_are_said_before_the_first_step),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
