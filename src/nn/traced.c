#include "nn/traced.h"

#include "base/buf.h"

const sn_field sn_traced_fields[] = { SN_TRACED_FIELD(sn_traced_cfg), SN_FIELDS_END };

/* mean(...) over everything at the end is the mean over the samples of each one's mean: so a loss has a value
 * for every sample. */
sn_status sn_traced_derive_loss(void *cfg, sn_err *e) {
    sn_traced_cfg *c = cfg;
    sn_status s = sn_expr_cache_new(&c->cache, c->program, 2, "traced", e);
    if (s != SN_OK) return s;
    sn_expr *x = c->cache->x;
    sn_expr_node *last = &x->node[x->nnode - 1];
    if (last->op == SN_OP_mean && last->naxis == -1 && !last->keep) {
        last->naxis = SN_EXPR_ROWS;
        return SN_OK;
    }
    int end = x->nnode - 1;
    sn_expr_cache_free(c->cache);
    sn_buf b = SN_BUF_INIT(1 << 22);
    sn_buf_fmt(&b, "%s; mean %d rows", c->program, end);
    s = sn_buf_check(&b, "recorded function", e);
    c->cache = NULL;
    if (s == SN_OK) s = sn_expr_cache_new(&c->cache, b.data, 2, "traced", e);
    sn_buf_free(&b);
    return s;
}

sn_status sn_traced_derive_one(void *cfg, sn_err *e) {
    sn_traced_cfg *c = cfg;
    return sn_expr_cache_new(&c->cache, c->program, 1, "traced", e);
}

sn_status sn_traced_result(const sn_traced_cfg *c, const sn_expr_opts *o, sn_shape *out, bool *by_rows,
                           sn_err *e) {
    sn_expr_plan *p;
    sn_status s = sn_expr_plan_new(&p, c->cache->x, o, e);
    if (s != SN_OK) return s;
    *out = *sn_expr_out(p);
    *by_rows = sn_expr_by_rows(p);
    sn_expr_plan_free(p);
    return SN_OK;
}

void sn_traced_drop(void *cfg) {
    sn_traced_cfg *c = cfg;
    sn_expr_cache_free(c->cache);
    c->cache = NULL;
}
