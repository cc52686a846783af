/* Callbacks driven with made-up logs: the epochs at which they act are those of Keras 3 (keras/src/callbacks).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/callback.h"
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run's stand-in: a trainer with nothing but a rate and a small slab of weights. */
typedef struct {
    sn_model model;
    sn_trainer trainer;
    float weights[4];
    sn_obj *obj;
    const sn_callback_type *type;
    sn_callback_state state;
    sn_callback_ctx ctx;
    sn_buf message;
} rig;

static void rig_open(rig *r, const char *text) {
    sn_err e = { 0 };
    memset(r, 0, sizeof *r);
    r->message = SN_BUF_INIT(1 << 16);
    r->model.slab = r->weights;
    r->model.slab_count = 4;
    r->trainer.model = &r->model;
    r->trainer.lr = 0.001;
    r->obj = sn_obj_parse(&sn_kind_callback, &text, &e);
    if (!r->obj) fail_msg("%s", e.msg);
    r->type = sn_callback_type_of(r->obj);
    r->ctx = (sn_callback_ctx){ .trainer = &r->trainer, .epochs = 100, .message = &r->message };
}

static sn_status rig_begin(rig *r, sn_err *e) {
    return r->type->begin ? r->type->begin(r->obj->cfg, &r->state, &r->ctx, false, e) : SN_OK;
}

static void rig_close(rig *r) {
    sn_obj_release(r->obj);
    sn_free(r->state.text);
    sn_free(r->state.weights);
    sn_buf_free(&r->message);
}

static sn_status rig_epoch(rig *r, int64_t epoch, const char *name, double v, sn_err *e) {
    r->ctx.epoch = epoch;
    r->ctx.n = 0;
    if (name) sn_callback_add_log(&r->ctx, name, v);
    return r->type->epoch_end(r->obj->cfg, &r->state, &r->ctx, e);
}

static void quiet(const char *line) { (void)line; }
static int warned;
static void count_warnings(const char *line) {
    (void)line;
    warned++;
}

/* ---- reduce_lr_on_plateau ---- */

/* The epochs (from 1) of a run with these losses at whose end the rate falls, as "3 5 7 ". */
static void expect_drops(const char *text, double (*loss)(int), int epochs, const char *want) {
    rig r;
    sn_err e = { 0 };
    char got[400] = "";
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    for (int i = 1; i <= epochs; i++) {
        double before = r.trainer.lr;
        assert_int_equal(rig_epoch(&r, i, "val_loss", loss(i), &e), SN_OK);
        double logged;
        assert_true(sn_callback_log(&r.ctx, "learning_rate", &logged));
        assert_true(logged == before); /* logged before it is reduced */
        size_t n = strlen(got);
        if (r.trainer.lr < before) snprintf(got + n, sizeof got - n, "%d ", i);
    }
    assert_string_equal(got, want);
    rig_close(&r);
}

static double flat(int epoch) {
    (void)epoch;
    return 1.0;
}
static double falling_slowly(int epoch) { return 1.0 - 5e-5 * epoch; } /* each step below min_delta */
static double nan_first(int epoch) { return epoch == 1 ? NAN : 2.0 - 0.1 * epoch; }
static double always_nan(int epoch) {
    (void)epoch;
    return NAN;
}

static void rate_falls_at_kerass_epochs(void **state) {
    (void)state;
    expect_drops("reduce_lr_on_plateau{patience=2}", flat, 10, "3 5 7 9 ");
    expect_drops("reduce_lr_on_plateau{}", flat, 25, "11 21 ");
    expect_drops("reduce_lr_on_plateau{patience=2, cooldown=1}", flat, 8, "3 5 7 ");
    expect_drops("reduce_lr_on_plateau{patience=2, cooldown=2}", flat, 10, "3 6 9 ");
    expect_drops("reduce_lr_on_plateau{patience=2, cooldown=3}", flat, 12, "3 7 11 ");
    expect_drops("reduce_lr_on_plateau{patience=2, min_lr=0.0005}", flat, 10, "3 ");
    /* Steps of 5e-5 add up: every third value is 1e-4 below the best. */
    expect_drops("reduce_lr_on_plateau{patience=3}", falling_slowly, 12, "");
    expect_drops("reduce_lr_on_plateau{patience=2, min_delta=1}", falling_slowly, 8, "3 5 7 ");
    expect_drops("reduce_lr_on_plateau{patience=2}", nan_first, 8, "");
    expect_drops("reduce_lr_on_plateau{patience=2}", always_nan, 6, "2 4 6 "); /* a NaN never improves */
}

static void rate_message_is_kerass(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    rig_open(&r, "reduce_lr_on_plateau{patience=2, verbose=1}");
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    for (int i = 1; i <= 3; i++) rig_epoch(&r, i, "val_loss", 1, &e);
    assert_string_equal(r.message.data, "\nEpoch 3: ReduceLROnPlateau reducing learning rate to 0.0001.\n");
    sn_buf_clear(&r.message);
    for (int i = 4; i <= 5; i++) rig_epoch(&r, i, "val_loss", 1, &e);
    assert_string_equal(r.message.data, "\nEpoch 5: ReduceLROnPlateau reducing learning rate to 1e-05.\n");
    rig_close(&r);
}

static void accuracy_is_taken_as_growing(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    rig_open(&r, "reduce_lr_on_plateau{monitor=\"val_accuracy\", patience=1}");
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    for (int i = 1; i <= 4; i++) rig_epoch(&r, i, "val_accuracy", 0.1 * i, &e);
    assert_true(r.trainer.lr == 0.001);
    rig_epoch(&r, 5, "val_accuracy", 0.4, &e);
    assert_true(r.trainer.lr < 0.001);
    rig_close(&r);
}

static void a_missing_value_is_a_warning(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    sn_set_warn_handler(count_warnings);
    const char *texts[] = { "reduce_lr_on_plateau{patience=1}", "early_stopping{}" };
    for (int k = 0; k < 2; k++) {
        warned = 0;
        rig_open(&r, texts[k]);
        assert_int_equal(rig_begin(&r, &e), SN_OK);
        for (int i = 1; i <= 3; i++) assert_int_equal(rig_epoch(&r, i, "loss", 1, &e), SN_OK);
        assert_int_equal(warned, 3);
        assert_true(r.trainer.lr == 0.001 && !r.ctx.stop);
        rig_close(&r);
    }
    sn_set_warn_handler(quiet);
}

/* ---- early_stopping ---- */

static void expect_stop(const char *text, double (*loss)(int), int want) {
    rig r;
    sn_err e = { 0 };
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    int got = 0;
    for (int i = 1; i <= 20 && !got; i++) {
        assert_int_equal(rig_epoch(&r, i, "val_loss", loss(i), &e), SN_OK);
        if (r.ctx.stop) got = i;
    }
    if (got != want) fail_msg("%s stopped after epoch %d, not %d", text, got, want);
    rig_close(&r);
}

static double falling(int epoch) { return 1.0 / epoch; }

static void stops_at_kerass_epochs(void **state) {
    (void)state;
    expect_stop("early_stopping{patience=0}", flat, 2);
    expect_stop("early_stopping{patience=1}", flat, 2);
    expect_stop("early_stopping{patience=2}", flat, 3);
    expect_stop("early_stopping{patience=3}", flat, 4);
    expect_stop("early_stopping{patience=3}", falling, 0);
    expect_stop("early_stopping{patience=3, start_from_epoch=4}", flat, 8);
    expect_stop("early_stopping{patience=3, baseline=0.1}", falling, 0);
    expect_stop("early_stopping{patience=2, baseline=0.5}", flat, 2); /* never better than the baseline */
    expect_stop("early_stopping{patience=2, min_delta=0.2}", falling, 6);
    expect_stop("early_stopping{patience=2}", nan_first, 3); /* a NaN first value stays the best */
}

static void best_weights_come_back(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    const double loss[] = { 3, 1, 2, 2 };
    rig_open(&r, "early_stopping{patience=2, restore_best_weights=true, verbose=1}");
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    for (int i = 1; i <= 4; i++) {
        for (int k = 0; k < 4; k++) r.weights[k] = (float)(10 * i + k);
        assert_int_equal(rig_epoch(&r, i, "val_loss", loss[i - 1], &e), SN_OK);
    }
    assert_true(r.ctx.stop);
    assert_int_equal(r.type->end(r.obj->cfg, &r.state, &r.ctx, &e), SN_OK);
    assert_true(r.weights[0] == 20 && r.weights[3] == 23);
    assert_string_equal(r.message.data, "Epoch 4: early stopping\n"
                                        "Restoring model weights from the end of the best epoch: 2.\n");
    sn_buf_clear(&r.message); /* the run is extended, and ends by itself */
    assert_int_equal(rig_epoch(&r, 5, "val_loss", 0.5, &e), SN_OK);
    assert_int_equal(r.type->end(r.obj->cfg, &r.state, &r.ctx, &e), SN_OK);
    assert_string_equal(r.message.data, "Restoring model weights from the end of the best epoch: 5.\n");
    rig_close(&r);
}

static void unknown_direction_is_an_error(void **state) {
    (void)state;
    rig r;
    const char *texts[] = { "early_stopping{monitor=\"val_thing\"}",
                            "model_checkpoint{filepath=\"a.sonde\", monitor=\"thing\", save_best_only=true}" };
    for (int k = 0; k < 2; k++) {
        sn_err e = { 0 };
        rig_open(&r, texts[k]);
        assert_int_equal(rig_begin(&r, &e), SN_EINVAL);
        assert_non_null(strstr(e.msg, "mode = \"max\""));
        rig_close(&r);
    }
    rig_open(&r, "early_stopping{monitor=\"val_thing\", mode=\"max\"}");
    assert_int_equal(rig_begin(&r, NULL), SN_OK);
    rig_close(&r);
}

/* ---- the others ---- */

static void nan_terminates(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    rig_open(&r, "terminate_on_nan{}");
    const double loss[] = { 1, 1e30, NAN };
    for (int i = 0; i < 3; i++) {
        assert_false(r.ctx.stop);
        r.ctx.batch = i + 1;
        r.ctx.batch_loss = loss[i];
        assert_int_equal(r.type->step(r.obj->cfg, &r.state, &r.ctx, &e), SN_OK);
    }
    assert_true(r.ctx.stop);
    assert_string_equal(r.message.data, "Batch 2: Invalid loss, terminating training\n");
    rig_close(&r);
    rig_open(&r, "terminate_on_nan{raise_error=true}");
    r.ctx.batch_loss = INFINITY;
    assert_int_equal(r.type->step(r.obj->cfg, &r.state, &r.ctx, &e), SN_EINVAL);
    rig_close(&r);
}

static void schedule_sets_the_rate_of_the_epoch(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    rig_open(&r,
             "learning_rate_scheduler{schedule=piecewise_constant_decay{boundaries={1, 3}, values={0.5, 0.25, "
             "0.125}}, verbose=1}");
    const double want[] = { 0.5, 0.5, 0.25, 0.25,
                            0.125 }; /* epochs 0..4; a boundary belongs to the value before */
    for (int i = 1; i <= 5; i++) {
        r.ctx.epoch = i;
        assert_int_equal(r.type->epoch_begin(r.obj->cfg, &r.state, &r.ctx, &e), SN_OK);
        assert_true(r.trainer.lr == want[i - 1]);
        double logged;
        rig_epoch(&r, i, NULL, 0, &e);
        assert_true(sn_callback_log(&r.ctx, "learning_rate", &logged) && logged == want[i - 1]);
    }
    assert_true(
        strncmp(r.message.data, "\nEpoch 1: LearningRateScheduler setting learning rate to 0.5.\n", 60) == 0);
    rig_close(&r);
}

/* ---- csv_logger ---- */

static char dir[64];
static const char *in_dir(const char *name) {
    static char path[4][128];
    static int k;
    k = (k + 1) % 4;
    snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
    return path[k];
}

static void expect_file(const char *path, const char *want) {
    sn_err e = { 0 };
    sn_buf b = SN_BUF_INIT(1 << 20);
    if (sn_file_read(path, &b, &e) != SN_OK) fail_msg("%s", e.msg);
    assert_string_equal(b.data ? b.data : "", want);
    sn_buf_free(&b);
}

static void log_two(rig *r, int64_t epoch, const char *a, double x, const char *b, double y, sn_err *e) {
    r->ctx.epoch = epoch;
    r->ctx.n = 0;
    sn_callback_add_log(&r->ctx, a, x);
    if (b) sn_callback_add_log(&r->ctx, b, y);
    assert_int_equal(r->type->epoch_end(r->obj->cfg, &r->state, &r->ctx, e), SN_OK);
}

static void csv_is_kerass(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    char text[300];
    const char *path = in_dir("log.csv");
    snprintf(text, sizeof text, "csv_logger{filename=\"%s\"}", path);
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    log_two(&r, 1, "val_loss", 0.5, "accuracy", 1, &e);
    log_two(&r, 2, "accuracy", 1e-5, NULL, 0, &e);
    expect_file(path, "epoch,accuracy,val_loss\r\n0,1.0,0.5\r\n1,1e-05,NA\r\n");
    rig_close(&r);
    /* Columns of validation are reserved when the first epoch has none; append continues without a header. */
    snprintf(text, sizeof text, "csv_logger{filename=\"%s\", separator=\";\", append=true}", path);
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    log_two(&r, 1, "loss", NAN, NULL, 0, &e);
    log_two(&r, 2, "loss", 12345678, "val_loss", 2, &e);
    expect_file(path, "epoch,accuracy,val_loss\r\n0,1.0,0.5\r\n1,1e-05,NA\r\n0;nan;NA\r\n1;12345678.0;2.0\r\n");
    rig_close(&r);
    snprintf(text, sizeof text, "csv_logger{filename=\"%s\", separator=\".\"}", path);
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    log_two(&r, 1, "loss", 0.5, NULL, 0, &e);
    expect_file(path, "epoch.loss.val_loss\r\n0.\"0.5\".NA\r\n");
    rig_close(&r);
}

static void csv_of_a_resumed_run_has_each_epoch_once(void **state) {
    (void)state;
    rig r, saved;
    sn_err e = { 0 };
    char text[300];
    const char *path = in_dir("resumed.csv");
    snprintf(text, sizeof text, "csv_logger{filename=\"%s\"}", path);
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_OK);
    log_two(&r, 1, "loss", 3, NULL, 0, &e);
    saved = r;
    saved.state.text = sn_strdup(r.state.text, &e);
    log_two(&r, 2, "loss", 2, NULL, 0, &e); /* ... and the process dies */
    assert_int_equal(r.type->begin(r.obj->cfg, &saved.state, &r.ctx, true, &e), SN_OK);
    saved.ctx = r.ctx;
    log_two(&saved, 2, "loss", 2, NULL, 0, &e);
    expect_file(path, "epoch,loss,val_loss\r\n0,3.0,NA\r\n1,2.0,NA\r\n");
    /* A file that someone else has written meanwhile is left alone. */
    FILE *f = fopen(path, "w");
    fputs("mine, and long enough to be cut: 0123456789\n", f);
    fclose(f);
    assert_int_equal(r.type->begin(r.obj->cfg, &saved.state, &r.ctx, true, &e), SN_OK);
    expect_file(path, "mine, and long enough to be cut: 0123456789\n");
    sn_free(saved.state.text);
    rig_close(&r);
    unlink(path);
}

static void csv_says_what_it_cannot_write(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    char text[300];
    snprintf(text, sizeof text, "csv_logger{filename=\"%s\"}", dir);
    rig_open(&r, text);
    assert_int_equal(rig_begin(&r, &e), SN_EIO);
    assert_non_null(strstr(e.msg, dir));
    rig_close(&r);
}

/* ---- options ---- */

static void expect_refused(const char *text, const char *part) {
    sn_err e = { 0 };
    sn_obj *o = sn_obj_parse(&sn_kind_callback, &text, &e);
    if (o) fail_msg("%s was taken", part);
    if (!strstr(e.msg, part)) fail_msg("message was: %s", e.msg);
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    expect_refused("reduce_lr_on_plateau{factor=1}", "factor");
    expect_refused("reduce_lr_on_plateau{mode=\"up\"}", "is not one of");
    expect_refused("model_checkpoint{filepath=\"a.h5\"}", ".sonde");
    expect_refused("model_checkpoint{filepath=\"a.sonde\", save_weights_only=true}", ".npz");
    expect_refused("model_checkpoint{filepath=\"{epoch.sonde\"}", "{epoch");
    expect_refused("model_checkpoint{}", "filepath is missing");
    expect_refused("csv_logger{filename=\"a\", separator=\"\"}", "one character");
    expect_refused("early_stopping{patience=-1}", "outside");
}

static void a_scheduled_rate_cannot_be_reduced(void **state) {
    (void)state;
    rig r;
    sn_err e = { 0 };
    const char *text = "sgd{learning_rate=exponential_decay{initial_learning_rate=0.1, decay_steps=10, "
                       "decay_rate=0.9}}";
    rig_open(&r, "reduce_lr_on_plateau{}");
    r.trainer.optimizer = sn_obj_parse(&sn_kind_optimizer, &text, &e);
    assert_non_null(r.trainer.optimizer);
    assert_int_equal(rig_begin(&r, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "sgd{0.001}"));
    sn_obj_release(r.trainer.optimizer);
    rig_close(&r);
}

static void every_callback_prints_and_reads_back(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_callback.list; *d; d++) {
        sn_err e = { 0 };
        const char *t = (*d)->example;
        assert_non_null(t);
        sn_obj *o = sn_obj_new(&sn_kind_callback, *d, &e);
        sn_buf b = SN_BUF_INIT(4096), again = SN_BUF_INIT(4096);
        sn_value v = { .kind = SN_V_STR, .str = "a.sonde" };
        const sn_field *f = sn_field_at(&sn_kind_callback, *d, 0);
        if ((f->flags & SN_REQUIRED) && f->type == SN_T_STRING)
            assert_int_equal(sn_obj_set(o, f->name, &v, &e), SN_OK);
        sn_obj_print(o, &b);
        const char *text = b.data;
        sn_obj *twin = sn_obj_parse(&sn_kind_callback, &text, &e);
        if (!twin) fail_msg("%s", e.msg);
        sn_obj_print(twin, &again);
        assert_string_equal(b.data, again.data);
        sn_buf_free(&b);
        sn_buf_free(&again);
        sn_obj_release(o);
        sn_obj_release(twin);
    }
}

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sonde-train-XXXXXX");
    sn_set_warn_handler(quiet);
    return mkdtemp(dir) ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    unlink(in_dir("log.csv"));
    rmdir(dir);
    return sn_mem_used() == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_falls_at_kerass_epochs),
        cmocka_unit_test(rate_message_is_kerass),
        cmocka_unit_test(accuracy_is_taken_as_growing),
        cmocka_unit_test(a_missing_value_is_a_warning),
        cmocka_unit_test(stops_at_kerass_epochs),
        cmocka_unit_test(best_weights_come_back),
        cmocka_unit_test(unknown_direction_is_an_error),
        cmocka_unit_test(nan_terminates),
        cmocka_unit_test(schedule_sets_the_rate_of_the_epoch),
        cmocka_unit_test(csv_is_kerass),
        cmocka_unit_test(csv_of_a_resumed_run_has_each_epoch_once),
        cmocka_unit_test(csv_says_what_it_cannot_write),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(a_scheduled_rate_cannot_be_reduced),
        cmocka_unit_test(every_callback_prints_and_reads_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
