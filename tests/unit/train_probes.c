/* Probes and recorders: numbers against plain loops, rows only for steps that were made, training not changed.
 */
#include "train_rig.h"

#include "train/recorder.h"

static sn_recorder *record(rig *r, const char *const *probes, int64_t every, bool keep, const bool *layers) {
    sn_err e = { 0 };
    sn_obj *o[16] = { 0 };
    int n = 0;
    for (; probes[n]; n++) o[n] = object(&sn_kind_probe, probes[n]);
    sn_recorder *rec = NULL;
    ok(sn_recorder_new(&rec, r->run, o, n, layers, every, keep, &e), &e);
    while (n) sn_obj_release(o[--n]);
    return rec;
}

static double value(const sn_recorder *rec, int probe, int64_t i, int row, const char *column) {
    const sn_measure *m = sn_recorder_measure(rec, probe);
    for (int c = 0; c < m->ncol; c++)
        if (strcmp(m->type->columns[c].name, column) == 0)
            return sn_recorder_values(rec, probe, i)[row * m->ncol + c];
    fail_msg("no column %s", column);
    return 0;
}

static int row_of(const sn_recorder *rec, int probe, const char *name) {
    const sn_measure *m = sn_recorder_measure(rec, probe);
    for (int r = 0; r < m->nrow; r++)
        if (strcmp(m->row[r].name, name) == 0) return r;
    fail_msg("no row %s", name);
    return 0;
}

static void step(sn_run *r) {
    while (next(r).kind != SN_EV_STEP) {}
}

static double norm_of(const float *a, const float *b, size_t n) {
    double s = 0;
    for (size_t i = 0; i < n; i++) s += ((double)a[i] - (b ? b[i] : 0)) * ((double)a[i] - (b ? b[i] : 0));
    return sqrt(s);
}

static void near(double got, double want, const char *what) {
    if (!(fabs(got - want) <= 1e-6 * fabs(want) + 1e-12))
        fail_msg("%s: %.12g, should be %.12g", what, got, want);
}

static const char *const all_probes[] = { "gradients{}",
                                          "weights{}",
                                          "updates{}",
                                          "activations{}",
                                          "output_gradients{}",
                                          "penalty{}",
                                          "cosine{}",
                                          "noise_scale{window=3}",
                                          "gradients{part=\"data\"}",
                                          "gradients{part=\"penalty\"}",
                                          NULL };
enum {
    GRADIENTS,
    WEIGHTS,
    UPDATES,
    ACTIVATIONS,
    OUTPUT_GRADIENTS,
    PENALTY,
    COSINE,
    NOISE,
    DATA_PART,
    PENALTY_PART
};

/* Every row of the table is measured: no column stays without a number, no column or probe without a text. */
static void every_probe(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_probe.list; *d; d++) {
        rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
        char text[64];
        snprintf(text, sizeof text, "%s{}", (*d)->name);
        const char *const one[] = { text, NULL };
        sn_recorder *rec = record(&r, one, 1, true, NULL);
        for (int i = 0; i < 4; i++) step(r.run);
        const sn_measure *m = sn_recorder_measure(rec, 0);
        assert_int_equal(sn_recorder_count(rec), 4);
        assert_true(m->nrow > 0 && m->ncol > 0 && m->ncol <= SN_MAXCOLUMN);
        assert_true((*d)->brief && *(*d)->brief && (*d)->example && *(*d)->example);
        for (int row = 0; row < m->nrow; row++)
            for (int c = 0; c < m->ncol; c++) {
                assert_true(strlen(m->type->columns[c].doc) > 5);
                double v = sn_recorder_values(rec, 0, 3)[row * m->ncol + c];
                if (isnan(v)) /* the noise scale of gradients that point elsewhere is none */
                    assert_string_equal(m->type->columns[c].name, "noise_scale");
                else
                    assert_true(isfinite(v));
            }
        sn_recorder_free(rec);
        rig_close(&r);
    }
}

/* Looking with all of them at every step, and the run without: the same bits. */
static void no_bit_changes(void **state) {
    (void)state;
    static const int64_t every[] = { 1, 2, 5 };
    rig plain = rig_open("adam{}", &two_epochs, NULL, NULL);
    finish(plain.run);
    for (int i = 0; i < 3; i++) {
        rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
        sn_recorder *rec = record(&r, all_probes, every[i], i != 2, NULL);
        finish(r.run);
        same_runs(&plain, &r);
        assert_int_equal(sn_recorder_count(rec), i == 2 ? 1 : 10 / every[i]);
        assert_int_equal(sn_recorder_step(rec, 0), i == 2 ? 10 : every[i]);
        sn_recorder_free(rec);
        rig_close(&r);
    }
    rig_close(&plain);
}

/* The same numbers with any number of threads. */
static void threads(void **state) {
    (void)state;
    static const int counts[] = { 1, 2, 3, 8 };
    double *first = NULL;
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        sn_pool *pool = NULL;
        assert_int_equal(sn_pool_new(&pool, counts[i], NULL), SN_OK);
        rig r = rig_open("adam{}", &two_epochs, NULL, pool);
        sn_recorder *rec = record(&r, all_probes, 1, false, NULL);
        for (int k = 0; k < 3; k++) step(r.run);
        if (!first) {
            for (int p = 0; p < sn_recorder_probes(rec); p++)
                n += (size_t)(sn_recorder_measure(rec, p)->nrow * sn_recorder_measure(rec, p)->ncol);
            first = malloc(n * sizeof *first);
            assert_non_null(first);
            memcpy(first, sn_recorder_values(rec, 0, 0), n * sizeof *first);
        }
        assert_memory_equal(sn_recorder_values(rec, 0, 0), first, n * sizeof *first);
        sn_recorder_free(rec);
        rig_close(&r);
        sn_pool_free(pool);
    }
    free(first);
}

/* Weights, gradients, updates and penalties against the trainer's own slabs. */
static void slabs(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_recorder *rec = record(&r, all_probes, 1, false, NULL);
    size_t n = r.m->slab_count;
    float *before = malloc(n * sizeof *before), *last = malloc(n * sizeof *last);
    assert_true(before && last);
    for (int k = 0; k < 4; k++) {
        memcpy(before, r.m->slab, n * sizeof *before);
        if (k) memcpy(last, r.t->grads, n * sizeof *last);
        step(r.run);
        const float *after = r.m->slab, *g = r.t->grads;
        double aa = 0, ab = 0, bb = 0;
        for (int i = 0, row = 0; i < r.m->nparam; i++) {
            const sn_param *p = &r.m->params[i];
            near(value(rec, WEIGHTS, 0, i, "norm"), norm_of(after + p->offset, NULL, p->count), "weights");
            if (!p->trainable) continue;
            near(value(rec, GRADIENTS, 0, row, "norm"), norm_of(g + p->offset, NULL, p->count), "gradients");
            double dw = norm_of(after + p->offset, before + p->offset, p->count);
            double w = norm_of(before + p->offset, NULL, p->count);
            near(value(rec, UPDATES, 0, row, "norm"), dw, "updates");
            if (w > 0) near(value(rec, UPDATES, 0, row, "ratio"), dw / w, "ratio");
            double factor = strcmp(p->name, "hidden/kernel") == 0 ? 0.01
                            : strcmp(p->name, "out/kernel") == 0  ? 0.001
                                                                  : 0;
            near(value(rec, GRADIENTS, 0, row, "penalty_norm"), 2 * factor * w, "penalty's gradient");
            near(value(rec, PENALTY_PART, 0, row, "norm"), 2 * factor * w, "penalty's gradient");
            double d = 0, dot = 0, gg = 0, hh = 0;
            for (size_t q = p->offset; q < p->offset + p->count; q++) {
                double data = g[q] - 2 * factor * before[q];
                d += data * data;
                if (k)
                    dot += (double)g[q] * last[q], gg += (double)g[q] * g[q], hh += (double)last[q] * last[q];
            }
            near(value(rec, DATA_PART, 0, row, "norm"), sqrt(d), "data's gradient");
            near(value(rec, GRADIENTS, 0, row, "data_norm"), sqrt(d), "data's gradient");
            if (k) near(value(rec, COSINE, 0, row, "cosine"), dot / sqrt(gg * hh), "cosine");
            aa += gg, ab += dot, bb += hh;
            row++;
        }
        int whole = row_of(rec, COSINE, "model");
        if (k)
            near(value(rec, COSINE, 0, whole, "cosine"), ab / sqrt(aa * bb), "cosine of all");
        else
            assert_true(isnan(value(rec, COSINE, 0, whole, "cosine")));
        for (int l = 0; l < 2; l++) {
            const char *name = l ? "out" : "hidden";
            double got = value(rec, PENALTY, 0, row_of(rec, PENALTY, name), "penalty");
            near(got, r.t->layer_penalty[sn_model_find_layer(r.m, name)], "penalty");
        }
    }
    free(before);
    free(last);
    sn_recorder_free(rec);
    rig_close(&r);
}

/* The noise scale's own formula over a window of three steps. */
static void noise(void **state) {
    (void)state;
    rig r = rig_open("sgd{learning_rate=0.001}", &two_epochs, NULL, NULL);
    sn_recorder *rec = record(&r, all_probes, 1, false, NULL);
    size_t n = r.m->slab_count;
    float *last = malloc(n * sizeof *last);
    assert_non_null(last);
    double sq[5], dot[5];
    for (int k = 0; k < 5; k++) {
        if (k) memcpy(last, r.t->grads, n * sizeof *last);
        step(r.run);
        sq[k] = dot[k] = 0;
        for (int i = 0; i < r.m->nparam; i++) {
            const sn_param *p = &r.m->params[i];
            for (size_t q = p->offset; k && p->trainable && q < p->offset + p->count; q++) {
                sq[k] += (double)r.t->grads[q] * r.t->grads[q];
                dot[k] += (double)r.t->grads[q] * last[q];
            }
        }
    }
    int whole = row_of(rec, NOISE, "model");
    assert_true(value(rec, NOISE, 0, whole, "steps") == 3);
    double per_sample = (1 / 8.0 + 1 / 8.0 + 1 / 5.0) / 3; /* the last batch of 37 has 5 */
    double s = (sq[2] + sq[3] + sq[4]) / 3, d = (dot[2] + dot[3] + dot[4]) / 3;
    near(value(rec, NOISE, 0, whole, "noise_scale"), (s - d) / d / per_sample, "noise scale");
    free(last);
    sn_recorder_free(rec);
    rig_close(&r);
}

/* ---- activations, dead units ---- */

/* A unit that never fires: its bias is far below zero. */
static void dead_units(void **state) {
    (void)state;
    rig r = rig_open("sgd{learning_rate=1e-6}", &two_epochs, NULL, NULL);
    int bias = -1;
    for (int i = 0; i < r.m->nparam; i++)
        if (strcmp(r.m->params[i].name, "hidden/bias") == 0) bias = i;
    r.m->slab[r.m->params[bias].offset + 3] = -1000;
    static const char *const probes[] = { "activations{}", NULL };
    sn_recorder *rec = record(&r, probes, 1, true, NULL);
    for (int i = 0; i < 6; i++) step(r.run);
    int row = row_of(rec, 0, "hidden");
    static const double samples[] = { 8, 16, 24, 32, 37, 8 }; /* they begin anew with the epoch */
    for (int i = 0; i < 6; i++) {
        assert_true(value(rec, 0, i, row, "units") == 16);
        assert_true(value(rec, 0, i, row, "samples") == samples[i]);
        assert_true(value(rec, 0, i, row, "dead") >= 1 && value(rec, 0, i, row, "min") == 0);
        if (i > 0 && i < 5) assert_true(value(rec, 0, i, row, "dead") <= value(rec, 0, i - 1, row, "dead"));
    }
    assert_true(value(rec, 0, 4, row, "dead") == 1);
    assert_true(value(rec, 0, 4, row, "zero") > 1.0 / 16);
    row = row_of(rec, 0, "out"); /* softmax: each row of 3 sums to 1 */
    near(value(rec, 0, 2, row, "mean"), 1 / 3.0, "mean of softmax");
    assert_true(value(rec, 0, 2, row, "dead") == 0);
    sn_recorder_free(rec);
    rig_close(&r);
}

static void chosen_layers(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    bool layers[16] = { 0 };
    layers[sn_model_find_layer(r.m, "out")] = true;
    sn_recorder *rec = record(&r, all_probes, 2, true, layers);
    finish(r.run);
    assert_int_equal(sn_recorder_measure(rec, GRADIENTS)->nrow, 2);
    assert_int_equal(sn_recorder_measure(rec, ACTIVATIONS)->nrow, 1);
    assert_int_equal(sn_recorder_measure(rec, PENALTY)->nrow, 2);
    assert_string_equal(sn_recorder_measure(rec, GRADIENTS)->row[0].name, "out/kernel");
    assert_int_equal(sn_recorder_count(rec), 5);
    layers[sn_model_find_layer(r.m, "out")] = false;
    sn_recorder *none = record(&r, all_probes, 1, true, layers);
    assert_int_equal(sn_recorder_measure(none, COSINE)->nrow, 0);
    sn_recorder_free(none);
    sn_recorder_free(rec);
    rig_close(&r);
}

/* ---- what counts ---- */

static bool halts(void *ctx, const sn_sight *s) {
    (void)s;
    bool *halt = ctx;
    bool now = *halt;
    *halt = false;
    return now;
}

/* A step that is not made leaves no row, and comes again with the same numbers. */
static void halted(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_recorder *ra = record(&a, all_probes, 1, true, NULL), *rb = record(&b, all_probes, 1, true, NULL);
    bool halt = false;
    sn_observer stop = { .ctx = &halt, .gradients = halts };
    sn_trainer_observe(b.t, &stop);
    for (int i = 0; i < 7; i++) {
        step(a.run);
        halt = i == 0 || i == 3 || i == 5; /* 5 begins an epoch */
        step(b.run);
        assert_false(halt);
        assert_int_equal(sn_recorder_count(rb), i + 1);
    }
    for (int64_t i = 0; i < 7; i++)
        for (int p = 0; p < sn_recorder_probes(ra); p++) {
            const sn_measure *m = sn_recorder_measure(ra, p);
            assert_memory_equal(sn_recorder_values(ra, p, i), sn_recorder_values(rb, p, i),
                                (size_t)(m->nrow * m->ncol) * sizeof(double));
        }
    sn_trainer_unobserve(b.t, &stop);
    sn_recorder_free(ra);
    sn_recorder_free(rb);
    rig_close(&a);
    rig_close(&b);
}

/* A batch of somebody else through the same trainer is none of the run's. */
static void other_steps(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_recorder *rec = record(&r, all_probes, 1, true, NULL);
    step(r.run);
    float x[FEATURES] = { 1 }, y[1] = { 2 };
    sn_shape ys = { 0 };
    sn_losses l;
    ok(sn_trainer_step(r.t, 1, x, y, &ys, &l, &e), &e);
    assert_int_equal(sn_recorder_count(rec), 1);
    ok(sn_trainer_gradients(r.t, 1, x, y, &ys, true, &l, &e), &e);
    step(r.run);
    assert_int_equal(sn_recorder_count(rec), 2);
    assert_int_equal(sn_recorder_step(rec, 1), 3);
    /* what stood in the gradients' place was not the step before */
    assert_true(isnan(value(rec, COSINE, 1, 0, "cosine")));
    step(r.run);
    assert_false(isnan(value(rec, COSINE, 2, 0, "cosine")));
    sn_recorder_stop(rec);
    step(r.run);
    assert_int_equal(sn_recorder_count(rec), 3);
    sn_recorder_free(rec);
    assert_null(r.t->observers);
    rig_close(&r);
}

/* Memory that runs out, wherever, is an error of the beginning; later it ends recording and nothing else. */
static void no_memory(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_obj *o[2] = { object(&sn_kind_probe, "gradients{part=\"data\"}"),
                     object(&sn_kind_probe, "activations{}") };
    size_t used = sn_mem_used();
    int fails = 0;
    for (int n = 0;; n++) {
        sn_err e = { 0 };
        sn_recorder *rec = NULL;
        sn_mem_fail_after(n);
        sn_status s = sn_recorder_new(&rec, r.run, o, 2, NULL, 1, true, &e);
        sn_mem_fail_after(-1);
        if (s == SN_OK) {
            sn_recorder_free(rec);
            break;
        }
        fails++;
        assert_int_equal(s, SN_ENOMEM);
        assert_null(rec);
        assert_true(sn_mem_used() == used);
    }
    assert_true(fails > 10);
    sn_obj_release(o[0]);
    sn_obj_release(o[1]);
    rig_close(&r);
}

static int warned;
static void count_warning(const char *line) { warned += strstr(line, "recording ends") != NULL; }

/* There is room for 64 rows at first. */
static void no_memory_later(void **state) {
    (void)state;
    sn_run_opts many = two_epochs;
    many.epochs = 20;
    rig r = rig_open("adam{}", &many, NULL, NULL), plain = rig_open("adam{}", &many, NULL, NULL);
    sn_recorder *rec = record(&r, all_probes, 1, true, NULL);
    for (int i = 0; i < 64; i++) step(r.run);
    sn_set_warn_handler(count_warning);
    sn_mem_fail_after(0);
    step(r.run);
    sn_mem_fail_after(-1);
    sn_set_warn_handler(NULL);
    assert_int_equal(warned, 1);
    assert_true(sn_recorder_stopped(rec));
    finish(r.run);
    assert_int_equal(sn_recorder_count(rec), 64);
    finish(plain.run);
    same_runs(&plain, &r);
    sn_recorder_free(rec);
    rig_close(&r);
    rig_close(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_probe),   cmocka_unit_test(no_bit_changes),  cmocka_unit_test(threads),
        cmocka_unit_test(slabs),         cmocka_unit_test(noise),           cmocka_unit_test(dead_units),
        cmocka_unit_test(chosen_layers), cmocka_unit_test(halted),          cmocka_unit_test(other_steps),
        cmocka_unit_test(no_memory),     cmocka_unit_test(no_memory_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
