#include "nn/expr_cache.h"

#include "base/mem.h"
#include <string.h>

sn_status sn_expr_cache_new(sn_expr_cache **out, const char *program, int ninput, const char *who, sn_err *e) {
    *out = NULL;
    sn_expr_cache *c = sn_calloc(1, sizeof *c, "recorded function", e);
    if (!c) return SN_ENOMEM;
    atomic_flag_clear(&c->busy);
    sn_status s = sn_expr_parse(&c->x, program, e);
    if (s == SN_OK && ninput && c->x->ninput != ninput)
        s = sn_fail(e, SN_EINVAL, "%s: its function takes %d argument%s, but is given %d", who, c->x->ninput,
                    c->x->ninput == 1 ? "" : "s", ninput);
    if (s == SN_OK)
        *out = c;
    else
        sn_expr_cache_free(c);
    return s;
}

static void ready_free(sn_expr_ready *r) {
    sn_expr_plan_free(r->plan);
    sn_free(r->scratch);
    *r = (sn_expr_ready){ 0 };
}

void sn_expr_cache_free(sn_expr_cache *c) {
    if (!c) return;
    for (int i = 0; i < SN_EXPR_KEPT; i++) ready_free(&c->kept[i]);
    sn_expr_free(c->x);
    sn_free(c);
}

/* The same work, on as many samples or, with memory of its own, more? */
static bool serves(const sn_expr_cache *c, const sn_expr_ready *r, const sn_expr_opts *o, bool scratch) {
    if (!r->plan || r->o.dtype != o->dtype || r->o.batched != o->batched || r->o.wrt != o->wrt ||
        r->o.pool != o->pool || r->o.accumulate != o->accumulate || (scratch && !r->scratch))
        return false;
    for (int i = 0; i < c->x->ninput; i++) {
        sn_shape a = r->in[i], b = o->in[i];
        if (scratch && (o->batched >> i & 1)) {
            if (a.n < 1 || b.n < 1 || b.d[0] > a.d[0]) return false;
            b.d[0] = a.d[0];
        }
        if (!sn_shape_equal(&a, &b)) return false;
    }
    return true;
}

static sn_status make_ready(sn_expr_cache *c, const sn_expr_opts *o, bool scratch, sn_expr_ready *r,
                            sn_err *e) {
    *r = (sn_expr_ready){ .o = *o };
    for (int i = 0; i < c->x->ninput; i++) r->in[i] = o->in[i];
    sn_status s = sn_expr_plan_new(&r->plan, c->x, o, e);
    if (s != SN_OK || !scratch) return s;
    r->bytes = sn_expr_scratch(r->plan);
    r->scratch = sn_alloc(r->bytes, "recorded function", e);
    if (r->scratch) return SN_OK;
    ready_free(r);
    return SN_ENOMEM;
}

sn_status sn_expr_take(sn_expr_cache *c, const sn_expr_opts *o, bool scratch, sn_expr_ready *r, sn_err *e) {
    if (!atomic_flag_test_and_set(&c->busy)) {
        for (int i = 0; i < SN_EXPR_KEPT; i++) {
            if (!serves(c, &c->kept[i], o, scratch)) continue;
            *r = c->kept[i];
            c->kept[i] = (sn_expr_ready){ 0 };
            atomic_flag_clear(&c->busy);
            return SN_OK;
        }
        atomic_flag_clear(&c->busy);
    }
    return make_ready(c, o, scratch, r, e);
}

void sn_expr_give(sn_expr_cache *c, sn_expr_ready *r) {
    if (!atomic_flag_test_and_set(&c->busy)) {
        int at = 0;
        while (at < SN_EXPR_KEPT && c->kept[at].plan) at++;
        if (at == SN_EXPR_KEPT) at = c->last = (c->last + 1) % SN_EXPR_KEPT;
        ready_free(&c->kept[at]);
        c->kept[at] = *r;
        *r = (sn_expr_ready){ 0 };
        atomic_flag_clear(&c->busy);
    }
    ready_free(r);
}
