/* An activation that is a recorded function of (positions, channels), each position by itself. */
#include "nn/traced.h"
#include "nn/layer.h"
#include "nn/objects.h"

#include <math.h>

static sn_expr_opts options(const sn_shape *in, unsigned wrt) {
    return (sn_expr_opts){ .dtype = SN_REAL_DTYPE, .in = in, .batched = 1, .wrt = wrt, .who = "activation" };
}

static bool take(const sn_traced_cfg *c, const sn_shape *in, unsigned wrt, sn_expr_ready *r) {
    sn_expr_opts o = options(in, wrt);
    sn_err e;
    if (sn_expr_take(c->cache, &o, true, r, &e) == SN_OK) return true;
    sn_warn("%s", e.msg);
    return false;
}

static sn_status prepare(const void *cfg, size_t rows, size_t cols, int threads, bool backward, sn_err *e) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 2, { (int64_t)rows, (int64_t)cols } };
    sn_expr_opts o = options(&in, backward);
    return sn_expr_reserve(c->cache, &o, true, threads, e);
}

static sn_status check_cols(const void *cfg, size_t cols, sn_err *e) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 2, { 3, (int64_t)cols } }, out;
    sn_expr_opts o = options(&in, 1);
    bool by_rows;
    sn_status s = sn_traced_result(c, &o, &out, &by_rows, e);
    if (s != SN_OK) return s;
    char got[96], want[96];
    if (!sn_shape_equal(&out, &in))
        return sn_fail(e, SN_ESHAPE, "activation: its function gives shape %s for %s; the shape must stay",
                       sn_shape_text(&out, false, got, sizeof got),
                       sn_shape_text(&in, false, want, sizeof want));
    if (!by_rows)
        return sn_fail(
            e, SN_EINVAL,
            "activation: its function mixes the samples of a batch; sum and mean go along the last axis "
            "there, as in sum(x, -1, true)");
    return SN_OK;
}

static void forward(const void *cfg, void *y, const void *x, size_t rows, size_t cols) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 2, { (int64_t)rows, (int64_t)cols } };
    sn_expr_ready r;
    if (!take(c, &in, 0, &r)) {
        for (size_t i = 0; i < rows * cols; i++) ((real *)y)[i] = (real)NAN;
        return;
    }
    sn_expr_forward(r.plan, (int64_t)rows, &x, y, r.scratch);
    sn_expr_give(c->cache, &r);
}

/* dx may be dy: sn_expr_backward reads a chunk of dy before it writes that of dx. */
static void backward(const void *cfg, void *dx, const void *x, const void *y, const void *dy, size_t rows,
                     size_t cols) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 2, { (int64_t)rows, (int64_t)cols } };
    sn_expr_ready r;
    (void)y;
    if (!take(c, &in, 1, &r)) {
        for (size_t i = 0; i < rows * cols; i++) ((real *)dx)[i] = (real)NAN;
        return;
    }
    sn_expr_backward(r.plan, (int64_t)rows, &x, dy, 1, &dx, NULL, r.scratch);
    sn_expr_give(c->cache, &r);
}

const sn_activation_type SN_R(sn_activation_traced) = {
    .desc = { .name = "traced",
              .brief = "a Lua function of each number: activation = function(x) return x * sigmoid(x) end",
              .example = "sonde.kinds.activation.traced { \"inputs 1; sigmoid 0; mul 0 1\" }",
              .fields = sn_traced_fields,
              .cfg_size = sizeof(sn_traced_cfg),
              .derive = sn_traced_derive_one,
              .drop = sn_traced_drop },
    .flags = SN_KEEP_X,
    .prepare = prepare,
    .check_cols = check_cols,
    .forward = forward,
    .backward = backward,
    .check = { "traced{program=\"inputs 1; sigmoid 0; mul 0 1\"}",
               "traced{program=\"inputs 1; max 0 axes -1 keep; stop_gradient 1; sub 0 2; exp 3; sum 4 axes -1 "
               "keep; div 4 5\"}" },
};
