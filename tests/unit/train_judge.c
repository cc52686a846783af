/* Judging predictions, against numbers worked out by hand, by scipy and by scikit-learn; and the pass over a
 * dataset.
 */
#include "train_rig.h"

#include "train/judge_pass.h"

static void near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.17g, expected %.17g within %g", a, b, tolerance);
}

static sn_judged binary(const float *out, const int32_t *label, int64_t n, sn_out_kind kind) {
    return (sn_judged){ .n = n, .units = 1, .classes = 2, .kind = kind, .out = out, .label = label };
}

/* ---- intervals ---- */

static void quantiles_and_intervals(void **state) {
    (void)state;
    near(sn_normal_quantile(0.975), 1.959963984540054, 1e-14); /* scipy.stats.norm.ppf */
    near(sn_normal_quantile(0.5), 0, 1e-15);
    near(sn_normal_quantile(0.01), -2.3263478740408408, 1e-14);
    near(sn_normal_quantile(1e-10), -6.361340902404056, 1e-12);
    near(sn_normal_quantile(0.9), -sn_normal_quantile(0.1), 1e-15);
    /* scipy.stats.binomtest(k, n).proportion_ci(level, "wilson") */
    sn_interval v = sn_wilson(9, 10, 0.95);
    near(v.lower, 0.5958499732047615, 1e-12);
    near(v.upper, 0.9821237869049271, 1e-12);
    v = sn_wilson(0, 10, 0.95);
    near(v.lower, 0, 0);
    near(v.upper, 0.2775327998628892, 1e-12);
    v = sn_wilson(10, 10, 0.95);
    near(v.lower, 1 - 0.2775327998628892, 1e-12);
    near(v.upper, 1, 0);
    v = sn_wilson(0, 0, 0.95);
    near(v.lower, 0, 0);
    near(v.upper, 1, 0);
}

/* ---- one sample ---- */

static void rows_of_all_kinds(void **state) {
    (void)state;
    const int32_t label[1] = { 0 };
    double p[3];
    const float sure[1] = { 200 };
    sn_judged j = binary(sure, label, 1, SN_OUT_LOGITS);
    sn_judge_row(&j, 0, p);
    near(p[1], 1, 0);
    near(p[0], exp(-200), 1e-100); /* 1 - p would be 0 */
    assert_false(sn_judge_log_row(&j, 0, p, 0, NULL));
    near(p[0], -200, 1e-12);
    near(sn_judge_rank(&j, 0, 0), -200, 0);
    const float z[3] = { 1000, 1001, 999 };
    j = (sn_judged){ .n = 1, .units = 3, .classes = 3, .kind = SN_OUT_LOGITS, .out = z, .label = label };
    sn_judge_row(&j, 0, p);
    near(p[0] + p[1] + p[2], 1, 1e-15);
    near(p[1] / p[0], exp(1), 1e-12);
    assert_int_equal(sn_judge_class(&j, 0, (double)NAN), 1);
    const float zero[1] = { 0 };
    bool clipped;
    j = binary(zero, label, 1, SN_OUT_PROBABILITIES);
    assert_true(sn_judge_log_row(&j, 0, p, 1, &clipped));
    assert_true(clipped);
    near(p[1], log(1e-7), 1e-12);
    near(p[0], log(1 - 1e-7), 1e-15);
    const float nan[1] = { NAN };
    j.out = nan;
    assert_int_equal(sn_judge_class(&j, 0, (double)NAN), -1);
    const float score[1] = { 0.25F };
    j = binary(score, label, 1, SN_OUT_SCORES);
    assert_int_equal(sn_judge_class(&j, 0, (double)NAN), 1);
    assert_int_equal(sn_judge_class(&j, 0, 0.25), 0);
}

/* ---- counts ---- */

/* scikit-learn 1.9.1: classification_report([0, 1, 2, 2, 2], [0, 0, 2, 2, 1]); and a class 3 that nothing is.
 */
static void reports(void **state) {
    (void)state;
    const int64_t counts[16] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0 };
    sn_class_score each[4], macro, weighted;
    assert_int_equal(sn_judge_report(counts, 4, each, &macro, &weighted), 3);
    near(each[0].precision, 0.5, 0);
    near(each[0].recall, 1, 0);
    near(each[0].f1, 2.0 / 3, 1e-15);
    near(each[1].f1, 0, 0);
    near(each[2].precision, 1, 0);
    near(each[2].f1, 0.8, 1e-15);
    assert_int_equal(each[2].support, 3);
    assert_int_equal(each[3].support, 0);
    near(macro.precision, 0.5, 1e-15);
    near(macro.recall, 0.5555555555555555, 1e-15);
    near(macro.f1, 0.48888888888888893, 1e-15);
    near(weighted.precision, 0.7, 1e-15);
    near(weighted.recall, 0.6, 1e-15);
    near(weighted.f1, 0.6133333333333334, 1e-15);
    assert_int_equal(macro.hits, 3);
}

static void hits_with_ties(void **state) {
    (void)state;
    const float out[8] = { .4F, .4F, .2F, 0, .1F, .2F, .3F, .4F };
    const int32_t label[2] = { 1, 1 };
    sn_judged j = {
        .n = 2, .units = 4, .classes = 4, .kind = SN_OUT_PROBABILITIES, .out = out, .label = label
    };
    assert_int_equal(sn_judge_hits(&j, 1, (double)NAN), 0); /* the first of equals is predicted */
    assert_int_equal(sn_judge_hits(&j, 2, (double)NAN), 1);
    assert_int_equal(sn_judge_hits(&j, 3, (double)NAN), 2);
}

/* ---- curves ---- */

static void curves(void **state) {
    (void)state;
    sn_err e;
    sn_judge_curve c;
    const float out[4] = { .1F, .4F, .35F, .8F };
    const int32_t label[4] = { 0, 0, 1, 1 };
    sn_judged j = binary(out, label, 4, SN_OUT_PROBABILITIES);
    ok(sn_judge_curve_make(&c, &j, 1, &e), &e);
    assert_int_equal(c.n, 4);
    near(sn_judge_auc(&c), 0.75, 1e-15);
    near(sn_judge_average_precision(&c), 0.8333333333333333, 1e-15);
    near(c.threshold[0], 0.8F, 0);
    sn_judge_curve_drop(&c);
    ok(sn_judge_curve_make(&c, &j, 0, &e), &e);
    near(sn_judge_auc(&c), 0.75, 1e-15);
    near(c.threshold[0], 1 - (double)0.1F, 1e-15);
    sn_judge_curve_drop(&c);
    /* All tie: one point, half of the area; the precision is the share of positives. */
    const float same[4] = { .3F, .3F, .3F, .3F };
    j.out = same;
    ok(sn_judge_curve_make(&c, &j, 1, &e), &e);
    assert_int_equal(c.n, 1);
    near(sn_judge_auc(&c), 0.5, 0);
    near(sn_judge_average_precision(&c), 0.5, 0);
    sn_judge_curve_drop(&c);
    /* So sure that both probabilities round to 1: the logits still tell them apart. */
    const float sure[4] = { 50, 60, 70, 80 };
    j = binary(sure, label, 4, SN_OUT_LOGITS);
    ok(sn_judge_curve_make(&c, &j, 1, &e), &e);
    near(sn_judge_auc(&c), 1, 0);
    sn_judge_curve_drop(&c);
    const int32_t ones[4] = { 1, 1, 1, 1 };
    j.label = ones;
    ok(sn_judge_curve_make(&c, &j, 1, &e), &e);
    assert_true(isnan(sn_judge_auc(&c)));
    near(sn_judge_average_precision(&c), 1, 0);
    sn_judge_curve_drop(&c);
}

/* ---- calibration ---- */

/* Confidences 0.9 (3, two right), 0.6 (2, one right) and exactly 0.75 (1, right), in four bins. */
static void bins_by_hand(void **state) {
    (void)state;
    sn_err e;
    const float out[6] = { .9F, .9F, .1F, .6F, .4F, .75F };
    const int32_t label[6] = { 1, 0, 0, 1, 1, 1 };
    sn_judged j = binary(out, label, 6, SN_OUT_PROBABILITIES);
    sn_judge_bin bin[4];
    sn_calibration c;
    ok(sn_judge_calibrate(&j, 4, 0.95, bin, &c, NULL, &e), &e);
    assert_int_equal(bin[0].count, 0);
    assert_int_equal(bin[1].count, 0);
    assert_int_equal(bin[2].count, 3); /* 0.75 belongs below */
    assert_int_equal(bin[3].count, 3);
    assert_true(isnan(bin[0].accuracy));
    near(bin[2].confidence, 0.65, 1e-7);
    near(bin[2].accuracy, 2.0 / 3, 1e-15);
    double upper = fabs(2.0 / 3 - 0.9), lower = fabs(2.0 / 3 - 0.65);
    near(c.ece, (upper + lower) / 2, 1e-7);
    near(c.mce, upper, 1e-7);
    /* Ascending, as 2 + 2 + 1 + 1: 0.6 wrong, 0.6 | 0.75, 0.9 | 0.9 wrong | 0.9 (1 - 0.1F is a little more). */
    near(c.adaptive_ece, (0.2 + 0.35 + 0.9 + 0.1) / 6, 1e-7);
    near(c.brier, 2 * (.01 + .81 + .01 + .16 + .36 + .0625) / 6, 1e-7);
    near(c.nll, -(log(.9) + log(.1) + log(.9) + log(.6) + log(.4) + log(.75)) / 6, 1e-6);
    int64_t right[4], wrong[4];
    ok(sn_judge_histogram(&j, 4, right, wrong, &e), &e);
    assert_int_equal(right[2], 2);
    assert_int_equal(wrong[2], 1);
    assert_int_equal(right[3], 2);
    assert_int_equal(wrong[3], 1);
}

/* A confidence at an edge, or next to it, belongs to the bin whose edges hold it, whatever a product rounds to.
 */
static void edges(void **state) {
    (void)state;
    sn_err e;
    const int32_t label[1] = { 1 };
    for (int bins = 1; bins <= 60; bins++) {
        for (int b = bins; 2 * b > bins; b--) {
            const float out[1] = { (float)((double)b / bins) };
            sn_judged j = binary(out, label, 1, SN_OUT_PROBABILITIES);
            int64_t right[60], wrong[60];
            ok(sn_judge_histogram(&j, bins, right, wrong, &e), &e);
            int at = 0;
            while ((double)out[0] > (double)(at + 1) / bins) at++;
            assert_int_equal(right[at], 1);
        }
    }
}

/* Logits a, of which the share q is right: sigmoid(a / T) = q at the best T. */
static void temperatures(void **state) {
    (void)state;
    sn_err e;
    float out[10];
    int32_t label[10];
    const double logit[] = { 0.5, 3, 8, 30 };
    for (size_t k = 0; k < sizeof logit / sizeof logit[0]; k++) {
        for (int i = 0; i < 10; i++) {
            bool one = i % 2;
            out[i] = (float)(one ? logit[k] : -logit[k]);
            label[i] = i < 2 ? !one : one;
        }
        sn_judged j = binary(out, label, 10, SN_OUT_LOGITS);
        sn_temperature t;
        ok(sn_judge_temperature(&j, 0.95, &t, NULL, &e), &e);
        near(t.temperature, logit[k] / log(4), 1e-11 * logit[k]);
        near(t.nll, -(0.8 * log(0.8) + 0.2 * log(0.2)), 1e-12);
        double right = log1p(exp(-logit[k])), wrong = right + logit[k];
        near(t.gain, 0.8 * right + 0.2 * wrong - t.nll, 1e-12);
        double after_right = -log(0.8), after_wrong = -log(0.2), sd = 0;
        sd += 8 * pow(right - after_right - t.gain, 2) + 2 * pow(wrong - after_wrong - t.gain, 2);
        near(t.upper - t.gain, 1.959963984540054 * sqrt(sd / 9 / 10), 1e-11);
        near(t.gain - t.lower, t.upper - t.gain, 1e-12);
        assert_false(t.at_limit);
    }
}

static void cancelled_within(void **state) {
    (void)state;
    sn_err e;
    sn_pool *pool = NULL;
    ok(sn_pool_new(&pool, 1, &e), &e);
    const float out[2] = { .9F, .8F };
    const int32_t label[2] = { 1, 0 };
    sn_judged j = binary(out, label, 2, SN_OUT_PROBABILITIES);
    sn_judge_bin bin[2];
    sn_calibration c;
    sn_temperature t;
    sn_pool_cancel(pool);
    assert_int_equal(sn_judge_calibrate(&j, 2, 0.95, bin, &c, pool, &e), SN_ECANCEL);
    assert_int_equal(sn_judge_temperature(&j, 0.95, &t, pool, &e), SN_ECANCEL);
    sn_pool_clear_cancel(pool);
    ok(sn_judge_temperature(&j, 0.95, &t, pool, &e), &e);
    sn_pool_free(pool);
}

static void orders(void **state) {
    (void)state;
    sn_err e;
    const double v[6] = { 1, NAN, 3, 1, INFINITY, NAN };
    const int64_t want[6] = { 1, 5, 4, 2, 0, 3 };
    int64_t order[6];
    ok(sn_judge_order(v, 6, order, &e), &e);
    assert_memory_equal(order, want, sizeof want);
}

/* ---- the pass ---- */

static sn_status judge_all(sn_judgment **g, sn_trainer *t, sn_dataset *d, bool interrupt, sn_err *e) {
    *g = NULL;
    sn_loader *loader = NULL;
    sn_loader_opts opts = { .batch_size = BATCH };
    sn_status s = sn_loader_new(&loader, d, &opts, e);
    if (s == SN_OK) s = sn_loader_seek(loader, 0, 0, e);
    if (s == SN_OK) s = sn_trainer_prepare(t, BATCH, false, false, e);
    if (s == SN_OK && interrupt) sn_pool_cancel(t->pool);
    if (s == SN_OK) s = sn_judgment_new(g, t, loader, d, true, e);
    sn_loader_free(loader);
    return s;
}

static void pass_over_data(void **state) {
    (void)state;
    sn_err e;
    sn_model *m = make_model(net);
    sn_trainer *t = make_trainer(m, "sgd{}", NULL);
    sn_dataset *d = make_data(TRAIN, 4);
    sn_judgment *g;
    assert_int_equal(judge_all(&g, t, d, true, &e), SN_ECANCEL);
    assert_null(g);
    ok(judge_all(&g, t, d, false, &e), &e);
    assert_int_equal(g->seen.n, TRAIN);
    assert_int_equal(g->seen.classes, CLASSES);
    assert_int_equal(g->bad, 0);
    for (int i = 0; i < TRAIN; i++) {
        float x[FEATURES], y;
        const float *out;
        ok(d->fns->get(d, i, x, &y, &e), &e);
        assert_int_equal(g->index[i], i);
        assert_int_equal(g->label[i], (int)y);
        near(g->loss[i], -log((double)g->out[i * CLASSES + (int)y]), 1e-6);
        ok(sn_trainer_predict(t, 1, x, &out, &e), &e);
        for (int k = 0; k < CLASSES; k++) near(g->out[i * CLASSES + k], out[k], 1e-6);
    }
    sn_judgment_free(g);
    /* Whatever cannot be allocated: an error, and nothing is left behind. */
    size_t before = sn_mem_used();
    bool worked = false;
    for (int i = 0; i < 100 && !worked; i++) {
        sn_mem_fail_after(i);
        sn_status s = judge_all(&g, t, d, false, &e);
        sn_mem_fail_after(-1);
        worked = s == SN_OK;
        if (!worked) assert_int_equal(s, SN_ENOMEM);
        sn_judgment_free(g);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(worked);
    sn_dataset_release(d);
    sn_trainer_free(t);
    sn_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_and_intervals),
        cmocka_unit_test(rows_of_all_kinds),
        cmocka_unit_test(reports),
        cmocka_unit_test(hits_with_ties),
        cmocka_unit_test(curves),
        cmocka_unit_test(bins_by_hand),
        cmocka_unit_test(edges),
        cmocka_unit_test(temperatures),
        cmocka_unit_test(cancelled_within),
        cmocka_unit_test(orders),
        cmocka_unit_test(pass_over_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
