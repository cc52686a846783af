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

enum { ROWS = 104729 }; /* a prime that no size is by chance */

/* Outputs of more dimensions come with a row for each position, as for all losses. in: y and p. */
static void shapes_of(const sn_shape *out, const sn_shape *target, sn_shape in[2]) {
    int64_t cols = out->n ? out->d[out->n - 1] : 1, positions = sn_shape_count(out) / cols;
    in[0] = (sn_shape){ 2, { ROWS, sn_shape_count(target) / positions } };
    in[1] = (sn_shape){ 2, { ROWS, cols } };
}

/* The last operation that someone wrote: sn_traced_derive_loss may have added one. */
static int last_written(const sn_expr *x) {
    char text[8];
    int i = x->nnode - 1;
    while (i > x->ninput && !*sn_expr_place(x, i, text, sizeof text)) i--;
    return i;
}

sn_status sn_traced_check_rows(const sn_traced_cfg *c, const char *who, const sn_shape *out,
                               const sn_shape *target, sn_err *e) {
    int64_t cols = out->n ? out->d[out->n - 1] : 1, positions = cols ? sn_shape_count(out) / cols : 0;
    int64_t count = sn_shape_count(target);
    char a[96], b[96];
    if (positions < 1 || count < 1 || count % positions)
        return sn_fail(e, SN_ESHAPE, "%s: outputs of shape %s and targets of shape %s cannot be compared", who,
                       sn_shape_text(out, false, a, sizeof a), sn_shape_text(target, false, b, sizeof b));
    sn_shape in[2], got;
    shapes_of(out, target, in);
    sn_expr_opts o = { .dtype = SN_F32, .in = in, .batched = 3, .wrt = 2, .who = who };
    bool by_rows;
    sn_status s = sn_traced_result(c, &o, &got, &by_rows, e);
    if (s == SN_OK && got.n != 0 && !(got.n == 1 && got.d[0] == ROWS))
        s = sn_fail(e, SN_ESHAPE,
                    "%s: its function%s gives shape %s; it must give one number, as mean(...) does, or one for "
                    "each sample",
                    who, sn_expr_place(c->cache->x, last_written(c->cache->x), b, sizeof b),
                    sn_shape_text(&got, got.n > 0 && got.d[0] == ROWS, a, sizeof a));
    return s;
}

sn_status sn_traced_classes(const sn_traced_cfg *c, const sn_shape *out, const sn_shape *target, int64_t *n,
                            sn_err *e) {
    sn_shape in[2];
    shapes_of(out, target, in);
    sn_expr_opts o = { .dtype = SN_F32, .in = in, .batched = 3, .who = "loss" };
    sn_expr_plan *p;
    sn_status s = sn_expr_plan_new(&p, c->cache->x, &o, e);
    if (s != SN_OK) return s;
    *n = sn_expr_places(p, 0);
    sn_expr_plan_free(p);
    return SN_OK;
}

sn_status sn_traced_set_places(sn_obj *o, const char *places, sn_err *e) {
    const sn_traced_cfg *c = o->cfg;
    return o->desc->fields == sn_traced_fields ? sn_expr_set_places(c->cache->x, places, e) : SN_OK;
}

void sn_traced_drop(void *cfg) {
    sn_traced_cfg *c = cfg;
    sn_expr_cache_free(c->cache);
    c->cache = NULL;
}
