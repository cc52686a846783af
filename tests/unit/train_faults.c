/* Runs whose data or memory fail: nothing is lost, nothing leaks. */
#include "train_rig.h"

#include <stdatomic.h>

/* A dataset in front of another: sample `bad` fails with that status while `left` > 0 (-1: for ever). */
typedef struct {
    sn_dataset d;
    sn_dataset *base;
    int64_t bad, bad_to; /* the first and the last */
    sn_status status;
    atomic_int left;
} flaky;

static bool is_bad(const flaky *f, int64_t i) { return f->bad < 0 || (i >= f->bad && i <= f->bad_to); }

static sn_status flaky_get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    flaky *f = (flaky *)d;
    if (is_bad(f, i)) {
        int left = atomic_load(&f->left);
        if (left > 0) atomic_store(&f->left, left - 1);
        if (left != 0) return sn_fail(e, f->status, "sample %d: broken.png: cannot be read", (int)i);
    }
    return f->base->fns->get(f->base, i, x, y, e);
}
static sn_status flaky_label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    flaky *f = (flaky *)d;
    return f->base->fns->label(f->base, i, y, e);
}
static void flaky_free(sn_dataset *d) { sn_dataset_release(((flaky *)d)->base); }
static bool flaky_broken(const sn_dataset *d, int64_t i) {
    const flaky *f = (const flaky *)d;
    return f->status == SN_ESKIP && is_bad(f, i);
}
static const sn_dataset_fns flaky_fns = {
    .get = flaky_get, .label = flaky_label, .free = flaky_free, .broken = flaky_broken
};

static sn_dataset *make_flaky(int64_t n, uint64_t seed, int64_t bad, sn_status status, int left) {
    flaky *f = sn_calloc(1, sizeof *f, "flaky", NULL);
    f->base = make_data(n, seed);
    f->d = *f->base;
    f->d.refs = 1;
    f->d.fns = &flaky_fns;
    f->d.obj = NULL;
    f->d.class_names = NULL;
    f->bad = f->bad_to = bad;
    f->status = status;
    atomic_store(&f->left, left);
    return &f->d;
}

static void use_training_data(rig *r, sn_dataset *d, sn_dataset *val) {
    sn_err e = { 0 };
    sn_run_end(r->run);
    sn_dataset_release(r->train);
    r->train = d;
    if (val) {
        sn_dataset_release(r->val);
        r->val = val;
    }
    ok(sn_run_begin(&r->run, r->t, r->train, r->val, &two_epochs, NULL, 0, &e), &e);
}

/* on_error = "raise": the error comes at its batch; once the file is whole again the run goes on to the same
 * bits. */
static void an_unreadable_sample_leaves_the_run_usable(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    use_training_data(&b, make_flaky(TRAIN, 1, 20, SN_EIO, 3), make_flaky(VAL, 2, 9, SN_EIO, 2));
    finish(a.run);
    int errors = 0;
    for (sn_event ev = { 0 }; ev.kind != SN_EV_END;) {
        sn_err e = { 0 };
        ev.kind = SN_EV_STEP;
        if (sn_run_next(b.run, &ev, &e) == SN_OK) continue;
        assert_non_null(strstr(e.msg, "broken.png"));
        errors++;
    }
    assert_true(errors >= 1 && errors <= 5);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

static void broken_samples_are_left_out(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    use_training_data(&r, make_flaky(TRAIN, 1, 20, SN_ESKIP, -1), NULL);
    int64_t seen = 0;
    for (sn_event ev = { 0 }; ev.kind != SN_EV_EPOCH_END;) {
        ev = next(r.run);
        if (ev.kind == SN_EV_STEP) seen += ev.batch.n;
    }
    assert_int_equal(seen, TRAIN - 1);
    rig_close(&r);
}

static char dir[64];
static void quiet(const char *line) { (void)line; }

/* A batch all of whose samples are broken is passed over, and the position counts it. */
static void a_broken_batch_is_passed_over(void **state) {
    (void)state;
    sn_err e = { 0 };
    char path[100];
    snprintf(path, sizeof path, "%s/run.sonde", dir);
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = { 0 };
    sn_dataset *d = make_flaky(TRAIN, 1, BATCH, SN_ESKIP, -1);
    ((flaky *)d)->bad_to = 2 * BATCH - 1;
    sn_run_opts o = two_epochs;
    o.shuffle = false;
    sn_run_end(a.run);
    ok(sn_run_begin(&a.run, a.t, d, a.val, &o, NULL, 0, &e), &e);
    for (int i = 0; i < 3; i++) next(a.run);
    ok(sn_run_save(a.run, path, &e), &e);
    ok(sn_run_resume(&b.run, &b.m, &b.t, path, d, a.val, &e), &e);
    finish(a.run);
    finish(b.run);
    assert_int_equal(a.t->iterations, 8);
    same_runs(&a, &b);
    sn_run_end(b.run);
    sn_trainer_free(b.t);
    sn_model_free(b.m);
    rig_close(&a);
    sn_dataset_release(d);
    unlink(path);
}

static void data_of_nothing_but_broken_samples_are_an_error(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_event ev;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    use_training_data(&r, make_flaky(TRAIN, 1, -1, SN_ESKIP, -1), NULL);
    next(r.run);
    for (int i = 0; i < 2; i++) {
        e = (sn_err){ 0 };
        sn_status s = sn_run_next(r.run, &ev, &e);
        assert_true(s != SN_OK && s != SN_ECANCEL && e.msg[0]);
    }
    assert_int_equal(r.t->iterations, 0);
    rig_close(&r);
    /* Training is not lost for validation data of that kind. */
    sn_set_warn_handler(quiet);
    r = rig_open("adam{}", &two_epochs, NULL, NULL);
    use_training_data(&r, make_data(TRAIN, 1), make_flaky(VAL, 2, -1, SN_ESKIP, -1));
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 2);
    assert_true(isnan(sn_run_value(r.run, 1, 2)) && !sn_run_terms(r.run, 1, true)->valid);
    sn_set_warn_handler(NULL);
    rig_close(&r);
}

/* ---- memory ---- */

static rig plain(const char *const *cb) { return rig_open("adam{}", &two_epochs, cb, NULL); }

/* Every piece that can be a recorded function is one; the two penalties are one object for two shapes. */
static const char *const recorded_net =
    "sonde-model 1\nname \"recorded\"\nseed 5\n"
    "layer input{shape={6}, name=\"in\"}\n"
    "layer dense{units=16, activation=traced{program=\"inputs 1; sigmoid 0; mul 0 1\"}, "
    "activity_regularizer=traced{program=\"inputs 1; square 0; mean 1; const 0.1; mul 2 3\"}, "
    "kernel_regularizer=traced{program=\"inputs 1; abs 0; sum 1; const 1e-3; mul 2 3\"}, name=\"hidden\"}\n"
    "layer lambda{program=\"inputs 1; tanh 0; add 0 1\", name=\"twice\"}\n"
    "layer dense{units=3, activation=\"softmax\", "
    "kernel_regularizer=traced{program=\"inputs 1; square 0; sum 1; sqrt 2\"}, name=\"out\"}\n"
    "call 0\ncall 1 0\ncall 2 2\ncall 3 3\ninput 0\noutput 5\n";

static rig recorded(const char *const *cb) {
    sn_err e = { 0 };
    rig r = plain(cb);
    sn_obj *early = sn_obj_retain(sn_run_callback(r.run, 0));
    sn_run_end(r.run);
    sn_trainer_free(r.t);
    sn_model_free(r.m);
    r.m = make_model(recorded_net);
    sn_obj *loss = object(&sn_kind_loss, "traced{program=\"inputs 2; one_hot 0 dims 3; reshape 2 dims -1 3; "
                                         "sub 1 3; square 4; sum 5 axes -1\"}");
    sn_obj *opt = object(&sn_kind_optimizer, "adam{}");
    sn_obj *metric = object(&sn_kind_metric, "traced{program=\"inputs 2; sub 1 0; abs 2; mean 3\"}");
    ok(sn_trainer_new(&r.t, r.m, loss, opt, &metric, NULL, 1, &e), &e);
    ok(sn_run_begin(&r.run, r.t, r.train, r.val, &two_epochs, &early, 1, &e), &e);
    sn_obj_release(loss);
    sn_obj_release(opt);
    sn_obj_release(metric);
    sn_obj_release(early);
    return r;
}

/* The k-th allocation fails, for every k: an error at most, nothing leaks, and what goes on gives the same
 * bits. */
static void run_out_of_memory(rig (*open_rig)(const char *const *)) {
    const char *cb[] = { "early_stopping{patience=9, restore_best_weights=true}", NULL };
    rig whole = open_rig(cb);
    finish(whole.run);
    size_t before = sn_mem_used();
    bool done = false;
    int begun = 0;
    for (int k = 0; k < 2000 && !done; k++) {
        sn_err e = { 0 };
        rig r = open_rig(cb);
        sn_obj *early = sn_obj_retain(sn_run_callback(r.run, 0));
        sn_run_end(r.run);
        sn_mem_fail_after(k);
        sn_status s = sn_run_begin(&r.run, r.t, r.train, r.val, &two_epochs, &early, 1, &e);
        begun += s == SN_OK;
        if (s != SN_OK) assert_true(s == SN_ENOMEM && !r.run);
        int errors = s != SN_OK;
        for (sn_event ev = { 0 }; r.run && ev.kind != SN_EV_END;) {
            ev.kind = SN_EV_STEP;
            s = sn_run_next(r.run, &ev, &e);
            if (s == SN_OK) continue;
            assert_int_equal(s, SN_ENOMEM);
            assert_true(++errors < 3);
        }
        sn_mem_fail_after(-1);
        if (r.run) same_runs(&whole, &r);
        done = !errors && k > 50;
        sn_obj_release(early);
        rig_close(&r);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done && begun > 1);
    rig_close(&whole);
}

static void running_out_of_memory_loses_nothing(void **state) {
    (void)state;
    run_out_of_memory(plain);
}

static void loud(const char *line) { fail_msg("warned: %s", line); }

/* Recorded functions ask for memory in a step: the step fails, and changes nothing. */
static void recorded_functions_without_memory_lose_nothing(void **state) {
    (void)state;
    sn_set_warn_handler(loud);
    run_out_of_memory(recorded);
    sn_set_warn_handler(NULL);
}

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sonde-faults-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unreadable_sample_leaves_the_run_usable),
        cmocka_unit_test(broken_samples_are_left_out),
        cmocka_unit_test(a_broken_batch_is_passed_over),
        cmocka_unit_test(data_of_nothing_but_broken_samples_are_an_error),
        cmocka_unit_test(running_out_of_memory_loses_nothing),
        cmocka_unit_test(recorded_functions_without_memory_lose_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
