/* A penalty that is a recorded function of the weights, which it sees as one long list. */
#include "nn/traced.h"
#include "nn/objects.h"

#include <math.h>

static sn_expr_opts options(const sn_shape *in, unsigned wrt, sn_pool *pool) {
    return (sn_expr_opts){ .dtype = SN_REAL_DTYPE,
                           .in = in,
                           .batched = 1,
                           .wrt = wrt,
                           .who = "regularizer",
                           .pool = pool,
                           .accumulate = true };
}

static bool take(const sn_traced_cfg *c, const sn_shape *in, unsigned wrt, sn_pool *pool, sn_expr_ready *r) {
    sn_expr_opts o = options(in, wrt, pool);
    sn_err e;
    if (sn_expr_take(c->cache, &o, true, r, &e) == SN_OK) return true;
    sn_warn("%s", e.msg);
    return false;
}

static sn_status derive(void *cfg, sn_err *e) {
    sn_status s = sn_traced_derive_one(cfg, e);
    if (s != SN_OK) return s;
    sn_shape in = { 1, { 3 } }, out;
    sn_expr_opts o = options(&in, 1, NULL);
    bool by_rows;
    s = sn_traced_result(cfg, &o, &out, &by_rows, e);
    char got[96];
    if (s == SN_OK && out.n != 0)
        s = sn_fail(e, SN_ESHAPE,
                    "regularizer: its function gives shape %s; it must give one number, as 1e-4 * sum(abs(w)) "
                    "does, and it sees the weights as one list",
                    sn_shape_text(&out, false, got, sizeof got));
    return s;
}

static sn_status prepare(const void *cfg, size_t n, bool grad, sn_pool *pool, sn_err *e) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 1, { (int64_t)n } };
    sn_expr_opts o = options(&in, grad, pool);
    return sn_expr_reserve(c->cache, &o, true, 1, e);
}

static double value(const void *cfg, const void *w, size_t n, sn_pool *pool) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 1, { (int64_t)n } };
    sn_expr_ready r;
    real y;
    if (!take(c, &in, 0, pool, &r)) return (double)NAN;
    sn_expr_forward(r.plan, (int64_t)n, &w, &y, r.scratch);
    sn_expr_give(c->cache, &r);
    return (double)y;
}

static void grad(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *pool) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 1, { (int64_t)n } };
    sn_expr_ready r;
    if (!take(c, &in, 1, pool, &r)) {
        for (size_t i = 0; i < n; i++) ((real *)dw)[i] = (real)NAN;
        return;
    }
    sn_expr_backward(r.plan, (int64_t)n, &w, NULL, scale, &dw, NULL, r.scratch);
    sn_expr_give(c->cache, &r);
}

const sn_regularizer_type SN_R(sn_regularizer_traced) = {
    .desc = { .name = "traced",
              .brief = "a Lua function of the weights: kernel_regularizer = function(w) return 1e-4 * "
                       "sum(abs(w)) end",
              .example = "sonde.kinds.regularizer.traced { \"inputs 1; abs 0; sum 1; const 1e-4; mul 2 3\" }",
              .fields = sn_traced_fields,
              .cfg_size = sizeof(sn_traced_cfg),
              .derive = derive,
              .drop = sn_traced_drop },
    .value = value,
    .grad = grad,
    .prepare = prepare,
    .whole = true,
    .check = { "traced{program=\"inputs 1; square 0; sum 1; const 0.3; mul 2 3\"}",
               "traced{program=\"inputs 1; square 0; sum 1; sqrt 2\"}",
               "traced{program=\"inputs 1; square 0; mean 1; exp 2; sum 0; mul 3 4\"}" },
};
