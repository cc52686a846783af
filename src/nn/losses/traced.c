/* A loss that is a recorded function of the targets and the predictions. */
#include "nn/traced.h"
#include "nn/objects.h"

#include <math.h>

static sn_expr_opts options(const sn_shape in[2], bool grad) {
    return (sn_expr_opts){ .dtype = SN_REAL_DTYPE, .in = in, .batched = 3, .wrt = grad ? 2 : 0, .who = "loss" };
}

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_traced_check_rows(cfg, "loss", out, target, e);
}

static sn_status classes(const void *cfg, const sn_shape *out, const sn_shape *target, int64_t *n, sn_err *e) {
    return sn_traced_classes(cfg, out, target, n, e);
}

static sn_status prepare(const void *cfg, size_t rows, size_t cols, size_t tcols, bool grad, sn_err *e) {
    const sn_traced_cfg *c = cfg;
    sn_shape in[2] = { { 2, { (int64_t)rows, (int64_t)tcols } }, { 2, { (int64_t)rows, (int64_t)cols } } };
    sn_expr_opts o = options(in, grad);
    return sn_expr_reserve(c->cache, &o, true, 1, e);
}

/* For callers that have not prepared it. */
static void give_nan(double *each, real *dp, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++) each[i] = (double)NAN;
    for (size_t i = 0; dp && i < rows * cols; i++) dp[i] = (real)NAN;
}

static void eval(const void *cfg, double *each, void *dp, const void *p, const void *t, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const sn_traced_cfg *c = cfg;
    sn_shape in[2] = { { 2, { (int64_t)rows, (int64_t)tcols } }, { 2, { (int64_t)rows, (int64_t)cols } } };
    sn_expr_opts o = options(in, dp != NULL);
    sn_expr_ready r;
    sn_err e;
    if (sn_expr_take(c->cache, &o, true, &r, &e) != SN_OK) {
        sn_warn("%s", e.msg);
        give_nan(each, dp, rows, cols);
        return;
    }
    bool one = sn_expr_out(r.plan)->n == 0;
    const void *x[2] = { t, p };
    void *dx[2] = { NULL, dp };
    real *y = (real *)(void *)each; /* as many values of no larger size, then spread from the end */
    if (dp)
        sn_expr_backward(r.plan, (int64_t)rows, x, NULL, one ? scale * (double)rows : scale, dx, y, r.scratch);
    else
        sn_expr_forward(r.plan, (int64_t)rows, x, y, r.scratch);
    for (size_t i = rows; i-- > 0;) each[i] = (double)y[one ? 0 : i];
    sn_expr_give(c->cache, &r);
}

const sn_loss_type SN_R(sn_loss_traced) = {
    .desc = { .name = "traced",
              .brief =
                  "a Lua function of targets and predictions: loss = function(y, p) return mean((y - p)^2) end",
              .example = "sonde.kinds.loss.traced { \"inputs 2; sub 0 1; square 2; mean 3\" }",
              .fields = sn_traced_fields,
              .cfg_size = sizeof(sn_traced_cfg),
              .derive = sn_traced_derive_loss,
              .drop = sn_traced_drop },
    .check_shapes = check_shapes,
    .classes = classes,
    .eval = eval,
    .prepare = prepare,
    .check = { { "traced{program=\"inputs 2; sub 0 1; square 2; mean 3\"}", 3, 0 },
               { "traced{program=\"inputs 2; const 1e-7; maximum 1 2; log 3; mul 0 4; sum 5 axes -1; neg 6\"}",
                 4, 1 },
               { "traced{program=\"inputs 2; sub 1 0; square 2; sum 3; sqrt 4\"}", 3, 0 } },
};
