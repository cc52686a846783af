#include "nn/expr_cache.h"

#include "base/mem.h"
#include <string.h>

sn_status sn_expr_cache_new(sn_expr_cache **out, const char *program, int ninput, const char *who, sn_err *e) {
    *out = NULL;
    sn_expr_cache *c = sn_calloc(1, sizeof *c, "recorded function", e);
    if (!c) return SN_ENOMEM;
    atomic_flag_clear(&c->busy);
    c->kept = sn_calloc(SN_EXPR_KEPT, sizeof *c->kept, "recorded function", e);
    c->room = c->kept ? SN_EXPR_KEPT : 0;
    sn_status s = c->kept ? sn_expr_parse(&c->x, program, e) : SN_ENOMEM;
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
    for (int i = 0; i < c->room; i++) ready_free(&c->kept[i]);
    sn_free(c->kept);
    sn_expr_free(c->x);
    sn_free(c);
}

static void lock(sn_expr_cache *c) {
    while (atomic_flag_test_and_set_explicit(&c->busy, memory_order_acquire)) {}
}

static void unlock(sn_expr_cache *c) { atomic_flag_clear_explicit(&c->busy, memory_order_release); }

/* The same work, on as many samples or, with memory of its own, more? A plan knows of its pool only whether it
 * has one: it is cut by shapes, and runs on whichever pool is given with it. */
static bool serves(const sn_expr_cache *c, const sn_expr_ready *r, const sn_expr_opts *o, bool scratch) {
    if (!r->plan || r->o.dtype != o->dtype || r->o.batched != o->batched || r->o.wrt != o->wrt ||
        !r->o.pool != !o->pool || r->o.accumulate != o->accumulate || (scratch && !r->scratch))
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
    int at = 0;
    lock(c);
    while (at < c->room && !serves(c, &c->kept[at], o, scratch)) at++;
    bool found = at < c->room;
    if (found) {
        *r = c->kept[at];
        c->kept[at] = (sn_expr_ready){ 0 };
    }
    unlock(c);
    if (!found) return make_ready(c, o, scratch, r, e);
    r->o.pool = o->pool;
    sn_expr_use_pool(r->plan, o->pool);
    return SN_OK;
}

void sn_expr_give(sn_expr_cache *c, sn_expr_ready *r) {
    int at = 0;
    lock(c);
    while (at < c->room && c->kept[at].plan) at++;
    if (at == c->room) at = c->last = (c->last + 1) % c->room;
    sn_expr_ready old = c->kept[at];
    c->kept[at] = *r;
    unlock(c);
    ready_free(&old);
    *r = (sn_expr_ready){ 0 };
}

/* ---- reserving ---- */

static sn_status make_room(sn_expr_cache *c, int room, sn_err *e) {
    if (room <= c->room) return SN_OK;
    sn_expr_ready *kept = sn_calloc((size_t)room, sizeof *kept, "recorded function", e);
    if (!kept) return SN_ENOMEM;
    lock(c);
    memcpy(kept, c->kept, (size_t)c->room * sizeof *kept);
    sn_expr_ready *old = c->kept;
    c->kept = kept;
    c->room = room;
    unlock(c);
    sn_free(old);
    return SN_OK;
}

static int count_serving(sn_expr_cache *c, const sn_expr_opts *o, bool scratch) {
    int n = 0;
    lock(c);
    for (int i = 0; i < c->room; i++) n += serves(c, &c->kept[i], o, scratch);
    unlock(c);
    return n;
}

sn_status sn_expr_reserve(sn_expr_cache *c, const sn_expr_opts *o, bool scratch, int threads, sn_err *e) {
    if (count_serving(c, o, scratch) >= threads) return SN_OK;
    /* Forward and backward of one place have a plan each. */
    sn_status s = make_room(c, SN_EXPR_KEPT + 2 * threads, e);
    /* Counted again each time: what is given may drive out one that served. */
    while (s == SN_OK && count_serving(c, o, scratch) < threads) {
        sn_expr_ready r;
        s = make_ready(c, o, scratch, &r, e);
        if (s == SN_OK) sn_expr_give(c, &r);
    }
    return s;
}
