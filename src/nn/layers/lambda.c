/* A layer that is a recorded function of its inputs, without weights. */
#include "nn/layers/common.h"
#include "nn/traced.h"

#include <math.h>

typedef struct {
    sn_layer_common common;
    char *program;
    sn_expr_cache *cache;
} lambda_cfg;

static const sn_field fields[] = { SN_TRACED_FIELD(lambda_cfg), SN_FIELDS_END };

static sn_status derive(void *cfg, sn_err *e) {
    lambda_cfg *c = cfg;
    return sn_expr_cache_new(&c->cache, c->program, 0, "lambda", e);
}

static void drop(void *cfg) {
    lambda_cfg *c = cfg;
    sn_expr_cache_free(c->cache);
    c->cache = NULL;
}

static sn_expr_opts options(const sn_shape *in, int nin, unsigned wrt, const sn_pool *pool) {
    return (sn_expr_opts){ .dtype = SN_REAL_DTYPE,
                           .in = in,
                           .batched = (1u << nin) - 1,
                           .wrt = wrt,
                           .who = "lambda",
                           .pool = (sn_pool *)(uintptr_t)pool };
}

/* The batch stays the first axis; seen at two sizes, so that no other number passes for it. */
static sn_status check_batch(const lambda_cfg *c, const sn_shape *in, int nin, sn_shape *out, sn_err *e) {
    sn_shape other[SN_EXPR_MAXIN];
    for (int i = 0; i < nin; i++) other[i] = sn_shape_with_batch(&(sn_shape){ 0 }, 0);
    for (int i = 0; i < nin; i++) {
        sn_shape sample = sn_shape_sample(&in[i]);
        other[i] = sn_shape_with_batch(&sample, in[i].d[0] + 1);
    }
    sn_expr_opts o = options(other, nin, 0, NULL);
    sn_expr_plan *p;
    sn_status s = sn_expr_plan_new(&p, c->cache->x, &o, e);
    if (s != SN_OK) return s;
    sn_shape got = *sn_expr_out(p);
    sn_expr_plan_free(p);
    char text[96];
    if (out->n < 1 || out->d[0] != in[0].d[0] || got.n < 1 || got.d[0] != in[0].d[0] + 1)
        return sn_fail(e, SN_ESHAPE,
                       "lambda: its function gives shape %s; a layer gives one result for each sample of the "
                       "batch, which is the first axis",
                       sn_shape_text(out, false, text, sizeof text));
    return SN_OK;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    const lambda_cfg *c = cfg;
    if (nin != c->cache->x->ninput)
        return sn_fail(e, SN_EINVAL, "lambda: its function takes %d input%s, got %d", c->cache->x->ninput,
                       c->cache->x->ninput == 1 ? "" : "s", nin);
    sn_expr_opts o = options(in, nin, (1u << nin) - 1, pool);
    sn_expr_plan *x;
    sn_status s = sn_expr_plan_new(&x, c->cache->x, &o, e);
    if (s != SN_OK) return s;
    sn_shape out = *sn_expr_out(x);
    p->scratch = sn_expr_scratch(x) / sizeof(real) + 1;
    p->flags = SN_KEEP_X;
    sn_expr_plan_free(x);
    s = check_batch(c, in, nin, &out, e);
    return s == SN_OK ? sn_layer_set_out("lambda", &out, p, e) : s;
}

static bool take(const lambda_cfg *c, const sn_io *io, unsigned wrt, sn_expr_ready *r) {
    sn_expr_opts o = options(io->in, io->nin, wrt, io->pool);
    sn_err e;
    if (sn_expr_take(c->cache, &o, false, r, &e) == SN_OK) return true;
    sn_warn("%s", e.msg);
    return false;
}

static unsigned wanted(const sn_io *io) {
    unsigned wrt = 0;
    for (int i = 0; i < io->nin; i++) wrt |= io->dx[i] ? 1u << i : 0;
    return wrt;
}

static sn_status prepare(const void *cfg, const sn_io *io, bool backward, sn_err *e) {
    const lambda_cfg *c = cfg;
    sn_expr_opts o = options(io->in, io->nin, backward ? wanted(io) : 0, io->pool);
    return backward && !o.wrt ? SN_OK : sn_expr_reserve(c->cache, &o, false, 1, e);
}

static void fill_nan(real *x, const sn_shape *s) {
    int64_t n = sn_shape_count(s);
    for (int64_t i = 0; x && i < n; i++) x[i] = (real)NAN;
}

static void forward(const void *cfg, const sn_io *io) {
    const lambda_cfg *c = cfg;
    sn_expr_ready r;
    if (!take(c, io, 0, &r)) {
        fill_nan(io->y, &io->out);
        return;
    }
    sn_expr_forward(r.plan, io->out.d[0], io->x, io->y, io->scratch);
    sn_expr_give(c->cache, &r);
}

static void backward(const void *cfg, const sn_io *io) {
    const lambda_cfg *c = cfg;
    sn_expr_ready r;
    unsigned wrt = wanted(io);
    if (!wrt) return;
    if (!take(c, io, wrt, &r)) {
        for (int i = 0; i < io->nin; i++) fill_nan(io->dx[i], &io->in[i]);
        return;
    }
    sn_expr_backward(r.plan, io->out.d[0], io->x, io->dy, 1, io->dx, NULL, io->scratch);
    sn_expr_give(c->cache, &r);
}

#define RESIDUAL "lambda{program=\"inputs 2; relu 0; add 1 2\"}"
#define ATTENTION                                                                                              \
    "lambda{program=\"inputs 1; transpose 0 dims 0 2 1; matmul 0 1; max 2 axes -1 keep; stop_gradient 3; "     \
    "sub 2 4; exp 5; sum 6 axes -1 keep; div 6 7; matmul 8 0\"}"

const sn_layer_type SN_R(sn_layer_lambda) = {
    .desc = { .name = "lambda",
              .brief =
                  "a Lua function of its input, recorded once: lambda(function(x) return x * sigmoid(x) end)",
              .example = "lambda { function(x) return x * sigmoid(x) end }",
              .fields = fields,
              .cfg_size = sizeof(lambda_cfg),
              .derive = derive,
              .drop = drop },
    .nin = SN_ANY_INPUTS,
    .plan = plan,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .check = { { RESIDUAL, 3, 2, { { 3, { 3, 4, 5 } }, { 3, { 3, 4, 5 } } } },
               { RESIDUAL, 1, 2, { { 2, { 1, 5 } }, { 2, { 1, 5 } } } },
               { ATTENTION, 2, 1, { { 3, { 2, 3, 4 } } } },
               { "lambda{program=\"inputs 1; slice 0 dims -1 1 3; reshape 1 dims -1 4; concat 2 2 dims 1\"}",
                 2,
                 1,
                 { { 3, { 2, 2, 5 } } } } },
};
