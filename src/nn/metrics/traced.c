#include "nn/traced.h"
#include "nn/expr.h"
#include "nn/metrics/metric.h"
#include <math.h>

extern const sn_loss_type sn_loss_traced_f32;

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_traced_check_rows(cfg, "metric", out, target, e);
}

static sn_expr_opts whole(sn_shape in[2], size_t rows, size_t cols, size_t tcols) {
    in[0] = (sn_shape){ 2, { (int64_t)rows, (int64_t)tcols } };
    in[1] = (sn_shape){ 2, { (int64_t)rows, (int64_t)cols } };
    return (sn_expr_opts){ .dtype = SN_F32, .in = in, .batched = 3, .who = "metric" };
}

/* Does the function give one number for all samples? Asked of one sample, whose memory is always there. */
static bool gives_one(const sn_traced_cfg *c, size_t cols, size_t tcols, bool *one) {
    sn_shape in[2];
    sn_expr_opts o = whole(in, 1, cols, tcols);
    sn_expr_ready r;
    sn_err e;
    if (sn_expr_take(c->cache, &o, true, &r, &e) != SN_OK) return false;
    *one = sn_expr_out(r.plan)->n == 0;
    sn_expr_give(c->cache, &r);
    return true;
}

/* Of all samples; NaN for callers that have not prepared it. */
static double value_of_all(const sn_traced_cfg *c, const float *p, const float *t, size_t rows, size_t cols,
                           size_t tcols) {
    sn_shape in[2];
    sn_expr_opts o = whole(in, rows, cols, tcols);
    sn_expr_ready r;
    sn_err e;
    float y;
    if (sn_expr_take(c->cache, &o, true, &r, &e) != SN_OK) return (double)NAN;
    sn_expr_forward(r.plan, (int64_t)rows, (const void *[]){ t, p }, &y, r.scratch);
    sn_expr_give(c->cache, &r);
    return (double)y;
}

/* A function that gives one number for all samples (an F1 score) is given the batch, and its values are
 * averaged weighted by samples. One that gives a number for each sample is summed sample by sample. */
static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    bool one = true;
    double v =
        gives_one(cfg, cols, tcols, &one) && one ? value_of_all(cfg, p, t, rows, cols, tcols) : (double)NAN;
    if (one) {
        state[0] += v * (double)rows;
        state[1] += (double)rows;
        return;
    }
    sn_metric_of_loss(&sn_loss_traced_f32, cfg, state, p, t, rows, cols, tcols);
}

static sn_status prepare(const void *cfg, size_t rows, size_t cols, size_t tcols, sn_err *e) {
    const sn_traced_cfg *c = cfg;
    sn_status s = sn_loss_traced_f32.prepare(cfg, 1, cols, tcols, false, e);
    bool one;
    if (s != SN_OK || !gives_one(c, cols, tcols, &one) || !one) return s;
    sn_shape in[2];
    sn_expr_opts o = whole(in, rows, cols, tcols);
    return sn_expr_reserve(c->cache, &o, true, 1, e);
}

const sn_metric_type sn_metric_traced = {
    .desc = { .name = "traced",
              .brief = "a Lua function of targets and predictions, averaged over the samples, or over the "
                       "batches where "
                       "it gives one number: metrics = { function(y, p) return max(abs(y - p), -1) end }",
              .example = "sonde.kinds.metric.traced { \"inputs 2; sub 0 1; abs 2; mean 3\" }",
              .fields = sn_traced_fields,
              .cfg_size = sizeof(sn_traced_cfg),
              .derive = sn_traced_derive_loss,
              .drop = sn_traced_drop },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .prepare = prepare,
    .result = sn_metric_mean,
};
