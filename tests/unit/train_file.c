/* Saved models and runs: going on to the same bits from any position, the same bytes when saved again, and an
 * error from anything damaged. */
#include "train_rig.h"

#include "base/file.h"
#include "num/npy.h"
#include "train/model_file.h"

static char dir[64];
static const char *in_dir(const char *name) {
    static char path[4][128];
    static int k;
    k = (k + 1) % 4;
    snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
    return path[k];
}

static void quiet(const char *line) { (void)line; }

static char *bytes_of(const char *path, size_t *n) {
    sn_err e = { 0 };
    sn_buf b = SN_BUF_INIT(1 << 24);
    ok(sn_file_read(path, &b, &e), &e);
    *n = b.len;
    return b.data;
}

static void same_files(const char *a, const char *b) {
    size_t n, m;
    char *x = bytes_of(a, &n), *y = bytes_of(b, &m);
    if (n != m || memcmp(x, y, n) != 0) fail_msg("%s and %s differ", a, b);
    sn_free(x);
    sn_free(y);
}

/* ---- models ---- */

static void a_model_comes_back(void **state) {
    (void)state;
    sn_err e = { 0 };
    for (int kind = 0; kind < 3; kind++) { /* not compiled; compiled; trained */
        rig r = rig_open("rmsprop{learning_rate=0.003, momentum=0.5, clipnorm=2}", &two_epochs, NULL, NULL);
        if (kind == 2) finish(r.run);
        ok(sn_model_save(in_dir("a.sonde"), r.m, kind ? r.t : NULL, &e), &e);
        sn_model *m;
        sn_trainer *t;
        ok(sn_model_load(in_dir("a.sonde"), &m, &t, &e), &e);
        same_bits(m->slab, r.m->slab, m->slab_count, "weights");
        assert_true((t != NULL) == (kind > 0));
        if (kind) {
            assert_true(sn_obj_equal(t->loss, r.t->loss) && sn_obj_equal(t->optimizer, r.t->optimizer));
            assert_string_equal(t->metric[0].name, "accuracy");
            assert_int_equal(t->iterations, r.t->iterations);
            assert_true(t->lr == r.t->lr);
        }
        if (kind == 2)
            for (int k = 0; k < t->nstate; k++) same_bits(t->state[k], r.t->state[k], m->slab_count, "state");
        ok(sn_model_save(in_dir("b.sonde"), m, t, &e), &e);
        same_files(in_dir("a.sonde"), in_dir("b.sonde"));
        sn_trainer_free(t);
        sn_model_free(m);
        rig_close(&r);
    }
}

static void weights_alone_are_an_npz(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_model *m = make_model(net);
    ok(sn_weights_save(in_dir("w.npz"), m, &e), &e);
    sn_archive *a;
    ok(sn_archive_open(&a, in_dir("w.npz"), &e), &e);
    assert_int_equal(sn_archive_count(a), m->nparam);
    int64_t i = sn_archive_find(a, "hidden/kernel.npy");
    assert_true(i >= 0);
    char *data;
    size_t n;
    ok(sn_archive_read(a, i, &data, &n, &e), &e);
    sn_tensor t = { 0 };
    ok(sn_npy_parse(&t, data, n, "kernel", &e), &e);
    assert_true(t.shape.n == 2 && t.shape.d[0] == 6 && t.shape.d[1] == 16 && t.dtype == SN_F32);
    same_bits(t.data, m->slab, 96, "kernel");
    sn_tensor_drop(&t);
    sn_free(data);
    sn_archive_close(a);
    sn_model_free(m);
}

/* ---- runs ---- */

static const char *const watched[] = {
    "early_stopping{monitor=\"val_loss\", patience=50, restore_best_weights=true}",
    "reduce_lr_on_plateau{monitor=\"loss\", patience=1, min_delta=0.05, factor=0.5, verbose=1}", NULL
};

static void resume(rig *to, const char *path) {
    sn_err e = { 0 };
    *to = (rig){ .train = make_data(TRAIN, 1), .val = make_data(VAL, 2) };
    ok(sn_run_resume(&to->run, &to->m, &to->t, path, to->train, to->val, &e), &e);
}

/* Saved before each unit of work, in the middle of validation too; what is resumed ends in the same state, says
 * the same, and saved again has the same bytes. */
static void resumes_from_every_position(void **state) {
    (void)state;
    sn_err e = { 0 };
    const char *opt = "adam{learning_rate=0.01, clipnorm=1}";
    rig whole = rig_open(opt, &two_epochs, watched, NULL);
    finish(whole.run);
    rig a = rig_open(opt, &two_epochs, watched, NULL);
    for (int position = 0;; position++) {
        ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
        rig b;
        resume(&b, in_dir("run.sonde"));
        assert_int_equal(sn_run_step_in_epoch(a.run), sn_run_step_in_epoch(b.run));
        for (int c = 0; c < sn_run_columns(a.run); c++) {
            double x = sn_run_current(a.run, c), y = sn_run_current(b.run, c);
            assert_true(x == y || (isnan(x) && isnan(y)));
        }
        ok(sn_run_save(b.run, in_dir("again.sonde"), &e), &e);
        same_files(in_dir("run.sonde"), in_dir("again.sonde"));
        if (!sn_run_done(b.run)) finish(b.run);
        same_runs(&whole, &b);
        rig_close(&b);
        if (sn_run_done(a.run)) {
            assert_int_equal(position, 2 * (1 + 5 + 2 + 1) + 1);
            break;
        }
        next(a.run);
    }
    rig_close(&a);
    rig_close(&whole);
}

/* A batch that was taken but not yet stepped on is not lost. */
static void resumes_after_an_interruption(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig whole = rig_open("adam{}", &two_epochs, NULL, NULL), a = rig_open("adam{}", &two_epochs, NULL, NULL), b;
    finish(whole.run);
    sn_event ev;
    for (int i = 0; i < 4; i++) next(a.run);
    sn_run_interrupt(a.run);
    assert_int_equal(sn_run_next(a.run, &ev, &e), SN_ECANCEL);
    ok(sn_run_set_note(a.run, "functions: \"loss\"\nnone", &e), &e);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    resume(&b, in_dir("run.sonde"));
    assert_string_equal(sn_run_note(b.run), "functions: \"loss\"\nnone");
    assert_false(sn_run_has_gradients(b.run));
    finish(b.run);
    same_runs(&whole, &b);
    rig_close(&b);
    rig_close(&a);
    rig_close(&whole);
}

static void expect_no_resume(const char *path, sn_dataset *train, sn_dataset *val, const char *part) {
    sn_err e = { 0 };
    sn_run *run;
    sn_model *m;
    sn_trainer *t;
    assert_int_not_equal(sn_run_resume(&run, &m, &t, path, train, val, &e), SN_OK);
    assert_true(run == NULL && m == NULL && t == NULL);
    if (!strstr(e.msg, part)) fail_msg("message was: %s", e.msg);
}

static void other_data_are_refused(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL);
    const char *path = in_dir("run.sonde");
    ok(sn_run_save(a.run, path, &e), &e);
    sn_dataset *fewer = make_data(TRAIN - 1, 1);
    expect_no_resume(path, fewer, a.val, "37 samples of training data, but these have 36");
    expect_no_resume(path, a.train, NULL, "was made with validation data");
    expect_no_resume(in_dir("nothing.sonde"), a.train, a.val, "nothing.sonde");
    expect_no_resume(dir, a.train, a.val, dir);
    ok(sn_model_save(in_dir("a.sonde"), a.m, a.t, &e), &e);
    expect_no_resume(in_dir("a.sonde"), a.train, a.val, "load_model");
    sn_model *m;
    sn_trainer *t;
    ok(sn_model_load(path, &m, &t, &e), &e); /* but a run's file is a model's file too */
    sn_trainer_free(t);
    sn_model_free(m);
    sn_dataset_release(fewer);
    rig_close(&a);
}

static void a_save_that_fails_keeps_the_old_file(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    ok(sn_run_save(a.run, in_dir("again.sonde"), &e), &e);
    finish(a.run);
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 3000 && !done; k++) {
        sn_mem_fail_after(k);
        sn_status s = sn_run_save(a.run, in_dir("run.sonde"), &e);
        sn_mem_fail_after(-1);
        done = s == SN_OK;
        assert_int_equal(sn_mem_used(), before);
        if (!done) same_files(in_dir("run.sonde"), in_dir("again.sonde"));
    }
    assert_true(done);
    assert_int_equal(sn_run_save(a.run, in_dir("no/such/folder.sonde"), &e), SN_EIO);
    rig_close(&a);
}

static void resuming_without_memory_leaks_nothing(void **state) {
    (void)state;
    sn_err e = { 0 };
    const char *path = in_dir("run.sonde");
    rig a = rig_open("adam{}", &two_epochs, watched, NULL);
    for (int i = 0; i < 12; i++) next(a.run);
    ok(sn_run_save(a.run, path, &e), &e);
    size_t before = sn_mem_used();
    bool done = false;
    int k = 0;
    for (; k < 20000 && !done; k++) {
        sn_run *run;
        sn_model *m;
        sn_trainer *t;
        sn_mem_fail_after(k);
        sn_status s = sn_run_resume(&run, &m, &t, path, a.train, a.val, &e);
        sn_mem_fail_after(-1);
        done = s == SN_OK;
        if (!done && (s != SN_ENOMEM || e.code != SN_ENOMEM)) fail_msg("failure %d is called: %s", k, e.msg);
        sn_run_end(run);
        sn_trainer_free(t);
        sn_model_free(m);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done && k > 100);
    rig_close(&a);
}

/* ---- damage ---- */

static void put(const char *path, const char *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_true(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* Whatever the bytes are: an error with a message or a run that works, no crash and no leak. Returns whether it
 * was read. */
static bool try_file(const char *path, sn_dataset *train, sn_dataset *val) {
    sn_err e = { 0 };
    sn_run *run;
    sn_model *m;
    sn_trainer *t;
    size_t before = sn_mem_used();
    sn_status s = sn_run_resume(&run, &m, &t, path, train, val, &e);
    if (s == SN_OK) {
        sn_event ev;
        for (int i = 0; i < 3; i++)
            if (sn_run_next(run, &ev, &e) != SN_OK) break;
    } else {
        assert_true(e.msg[0] != 0 && !run && !m && !t);
    }
    sn_run_end(run);
    sn_trainer_free(t);
    sn_model_free(m);
    assert_int_equal(sn_mem_used(), before);
    return s == SN_OK;
}

static void damaged_files_are_errors(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, watched, NULL);
    for (int i = 0; i < 12; i++) next(a.run);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    size_t n;
    char *bytes = bytes_of(in_dir("run.sonde"), &n);
    for (size_t cut = 0; cut < n; cut += cut < 400 ? 7 : 173) {
        put(in_dir("bad.sonde"), bytes, cut);
        if (try_file(in_dir("bad.sonde"), a.train, a.val))
            fail_msg("cut to %zu of %zu bytes it was read", cut, n);
    }
    sn_rng rng = sn_rng_make(7, SN_STREAM_TEST, 0);
    int read = 0;
    for (int i = 0; i < 300; i++) {
        size_t at = (size_t)sn_rng_below(&rng, n);
        char was = bytes[at];
        bytes[at] = (char)(was ^ (1 << sn_rng_below(&rng, 8)));
        put(in_dir("bad.sonde"), bytes, n);
        read += try_file(in_dir("bad.sonde"), a.train, a.val);
        bytes[at] = was;
    }
    /* Checksums find all damage but that of fields that nobody reads (dates, versions). */
    assert_true(read < 60);
    sn_free(bytes);
    rig_close(&a);
}

/* The texts inside, damaged behind the checksum's back: an archive written anew with other texts. */
static void rewrite(const char *from, const char *to, const char *member, const char *text, size_t ntext) {
    sn_err e = { 0 };
    sn_archive *a;
    sn_archive_writer *w;
    char *data[200] = { 0 };
    ok(sn_archive_open(&a, from, &e), &e);
    ok(sn_archive_create(&w, to, &e), &e);
    int64_t count = sn_archive_count(a);
    assert_true(count <= 200);
    for (int64_t i = 0; i < count; i++) {
        size_t n;
        bool other = strcmp(sn_archive_name(a, i), member) == 0;
        if (other && !text) continue;
        ok(sn_archive_read(a, i, &data[i], &n, &e), &e);
        ok(sn_archive_add(w, sn_archive_name(a, i), other ? text : data[i], other ? ntext : n, &e), &e);
    }
    ok(sn_archive_commit(w, &e), &e);
    sn_archive_close(a);
    for (int64_t i = 0; i < count; i++) sn_free(data[i]);
}

static char *member(const char *path, const char *name, size_t *n) {
    sn_err e = { 0 };
    sn_archive *a;
    char *data;
    ok(sn_archive_open(&a, path, &e), &e);
    ok(sn_archive_read(a, sn_archive_find(a, name), &data, n, &e), &e);
    sn_archive_close(a);
    return data;
}

static void lying_texts_are_errors(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, watched, NULL);
    for (int i = 0; i < 12; i++) next(a.run);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    const char *names[] = { "run.txt", "compile.txt", "model.txt" };
    sn_rng rng = sn_rng_make(8, SN_STREAM_TEST, 0);
    for (int k = 0; k < 3; k++) {
        size_t n;
        char *text = member(in_dir("run.sonde"), names[k], &n);
        for (int i = 0; i < 120; i++) {
            size_t at = (size_t)sn_rng_below(&rng, n);
            char was = text[at];
            text[at] = "0123456789x\n={}\"-"[sn_rng_below(&rng, 17)];
            rewrite(in_dir("run.sonde"), in_dir("bad.sonde"), names[k], text, i % 4 ? n : at);
            try_file(in_dir("bad.sonde"), a.train, a.val);
            text[at] = was;
        }
        sn_free(text);
    }
    rig_close(&a);
}

static void replace(char *text, const char *from, const char *to) {
    char *p = strstr(text, from);
    assert_true(p && strlen(from) == strlen(to));
    memcpy(p, to, strlen(to));
}

static void expect_lie(rig *a, const char *name, const char *from, const char *to, const char *part) {
    size_t n;
    char *text = member(in_dir("run.sonde"), name, &n);
    replace(text, from, to);
    rewrite(in_dir("run.sonde"), in_dir("bad.sonde"), name, text, n);
    expect_no_resume(in_dir("bad.sonde"), a->train, a->val, part);
    sn_free(text);
}

static void lies_are_named(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, watched, NULL);
    for (int i = 0; i < 12; i++) next(a.run);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    expect_lie(&a, "run.txt", "next_batch = 2", "next_batch = 9", "contradicts");
    expect_lie(&a, "run.txt", "epoch = 1", "epoch = 7", "contradicts");
    expect_lie(&a, "run.txt", "phase = train", "phase = trane", "phase");
    expect_lie(&a, "run.txt", "batch_size = 8", "batch_size = 0", "batch_size");
    expect_lie(&a, "run.txt", "callbacks = 2", "callbacks = 3", "callback 2");
    expect_lie(&a, "run.txt", "early_stopping", "early_stepping", "no callback");
    expect_lie(&a, "compile.txt", "loss = sparse", "loss = sparze", "no loss");
    expect_lie(&a, "compile.txt", "states = 2", "states = 1", "2 buffers");
    expect_lie(&a, "model.txt", "units=16", "units=17", "hidden");
    expect_lie(&a, "model.txt", "dropout", "drapout", "no layer");
    const char *needed[] = { "model.txt",
                             "compile.txt",
                             "run.txt",
                             "weights/hidden/kernel.npy",
                             "weights/bn/moving_mean.npy",
                             "optimizer/v/out/bias.npy",
                             "run/history.npy",
                             "run/terms.npy",
                             "run/sums.npy",
                             "run/metric_0.npy",
                             "run/callback_0/out/kernel.npy" };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        rewrite(in_dir("run.sonde"), in_dir("bad.sonde"), needed[i], NULL, 0);
        expect_no_resume(in_dir("bad.sonde"), a.train, a.val, i == 2 ? "holds no run" : needed[i]);
    }
    size_t n;
    char *kernel = member(in_dir("run.sonde"), "weights/out/kernel.npy", &n);
    rewrite(in_dir("run.sonde"), in_dir("bad.sonde"), "weights/hidden/kernel.npy", kernel, n);
    expect_no_resume(in_dir("bad.sonde"), a.train, a.val, "(6, 16) is wanted");
    sn_free(kernel);
    rig_close(&a);
}

/* Texts that contradict the members: weights that a callback must have are not there, numbers are none. The run
 * goes on, with what can be had. */
static void callbacks_take_any_state(void **state) {
    (void)state;
    static const char *const keeping[] = { "early_stopping{patience=9, restore_best_weights=true}",
                                           "csv_logger{filename=\"/dev/null\"}", NULL };
    sn_err e = { 0 };
    rig a = rig_open("adam{}", &two_epochs, keeping, NULL);
    for (int i = 0; i < 12; i++) next(a.run);
    ok(sn_run_save(a.run, in_dir("run.sonde"), &e), &e);
    size_t n;
    char *text = member(in_dir("run.sonde"), "run.txt", &n);
    replace(text, "callback 0 weights = 1", "callback 0 weights = 0");
    for (int k = 0; k < 3; k++) {
        char key[40];
        snprintf(key, sizeof key, "callback 1 number %d = ", k);
        char *v = strstr(text, key);
        assert_non_null(v);
        v[strlen(key)] = '-'; /* of what has several digits: a negative size, negative halves of a checksum */
    }
    rewrite(in_dir("run.sonde"), in_dir("bad.sonde"), "run.txt", text, n);
    sn_free(text);
    sn_run *run;
    sn_model *m;
    sn_trainer *t;
    ok(sn_run_resume(&run, &m, &t, in_dir("bad.sonde"), a.train, a.val, &e), &e);
    finish(run);
    sn_run_end(run);
    sn_trainer_free(t);
    sn_model_free(m);
    rig_close(&a);
}

static int set_up(void **state) {
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sonde-file-XXXXXX");
    sn_set_warn_handler(quiet);
    return mkdtemp(dir) ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    const char *names[] = { "a.sonde", "b.sonde", "w.npz", "run.sonde", "again.sonde", "bad.sonde" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unlink(in_dir(names[i]));
    return rmdir(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back),
        cmocka_unit_test(weights_alone_are_an_npz),
        cmocka_unit_test(resumes_from_every_position),
        cmocka_unit_test(resumes_after_an_interruption),
        cmocka_unit_test(other_data_are_refused),
        cmocka_unit_test(a_save_that_fails_keeps_the_old_file),
        cmocka_unit_test(resuming_without_memory_leaks_nothing),
        cmocka_unit_test(damaged_files_are_errors),
        cmocka_unit_test(lying_texts_are_errors),
        cmocka_unit_test(lies_are_named),
        cmocka_unit_test(callbacks_take_any_state),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
