/* A penalty that is a recorded function of the weights, which it sees as one long list. */
#include "nn/traced.h"
#include "nn/objects.h"

#include <math.h>

static sn_status make(const sn_traced_cfg *c, const sn_shape *in, unsigned wrt, sn_pool *pool, bool scratch,
                      sn_expr_ready *r, sn_err *e) {
    sn_expr_opts o = { .dtype = SN_REAL_DTYPE,
                       .in = in,
                       .batched = 1,
                       .wrt = wrt,
                       .who = "regularizer",
                       .pool = pool,
                       .accumulate = true };
    return sn_expr_take(c->cache, &o, scratch, r, e);
}

static sn_status derive(void *cfg, sn_err *e) {
    sn_status s = sn_traced_derive_one(cfg, e);
    if (s != SN_OK) return s;
    sn_shape in = { 1, { 3 } };
    sn_expr_ready r;
    s = make(cfg, &in, 1, NULL, false, &r, e);
    if (s != SN_OK) return s;
    char got[96];
    if (sn_expr_out(r.plan)->n != 0)
        s = sn_fail(e, SN_ESHAPE,
                    "regularizer: its function gives shape %s; it must give one number, as 1e-4 * sum(abs(w)) "
                    "does, and it sees the weights as one list",
                    sn_shape_text(sn_expr_out(r.plan), false, got, sizeof got));
    sn_expr_give(((sn_traced_cfg *)cfg)->cache, &r);
    return s;
}

static double value(const void *cfg, const void *w, size_t n, sn_pool *pool) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 1, { (int64_t)n } };
    sn_expr_ready r;
    sn_err e;
    real y = (real)NAN;
    if (make(c, &in, 0, pool, true, &r, &e) != SN_OK) {
        sn_warn("%s", e.msg);
        return (double)NAN;
    }
    sn_expr_forward(r.plan, (int64_t)n, &w, &y, r.scratch);
    sn_expr_give(c->cache, &r);
    return (double)y;
}

static void grad(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *pool) {
    const sn_traced_cfg *c = cfg;
    sn_shape in = { 1, { (int64_t)n } };
    sn_expr_ready r;
    sn_err e;
    if (make(c, &in, 1, pool, true, &r, &e) != SN_OK) {
        sn_warn("%s", e.msg);
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
    .check = { "traced{program=\"inputs 1; square 0; sum 1; const 0.3; mul 2 3\"}",
               "traced{program=\"inputs 1; square 0; sum 1; sqrt 2\"}",
               "traced{program=\"inputs 1; square 0; mean 1; exp 2; sum 0; mul 3 4\"}" },
};
