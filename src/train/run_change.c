/* A run whose model, or the way it is compiled, changes under it: what it remembers is laid out anew. */
#include "base/mem.h"
#include "train/run_impl.h"
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static sn_status add_name(char **list, int *n, const char *prefix, const char *name, sn_err *e) {
    size_t size = strlen(prefix) + strlen(name) + 1;
    char *s = sn_alloc(size, "history", e);
    if (!s) return SN_ENOMEM;
    snprintf(s, size, "%s%s", prefix, name);
    list[(*n)++] = s;
    return SN_OK;
}

static int find_name(char *const *list, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0) return i;
    return -1;
}

/* Those of was, then those of the model that are new. */
static sn_status make_layers(run_record *q, const sn_model *m, const run_record *was, sn_err *e) {
    int known = was ? was->nlayer : 0;
    q->layer = sn_calloc((size_t)(known + m->nlayer) + 1, sizeof(char *), "loss terms", e);
    q->layer_at = sn_calloc((size_t)m->nlayer + 1, sizeof(int), "loss terms", e);
    q->penalties = sn_calloc((size_t)m->nlayer + 1, sizeof(double), "loss terms", e);
    if (!q->layer || !q->layer_at || !q->penalties) return SN_ENOMEM;
    for (int i = 0; i < known; i++)
        if (add_name(q->layer, &q->nlayer, "", was->layer[i], e) != SN_OK) return SN_ENOMEM;
    for (int i = 0; i < m->nlayer; i++) {
        int at = find_name(q->layer, known, m->layers[i].name);
        q->layer_at[i] = at < 0 ? q->nlayer : at;
        if (at < 0 && add_name(q->layer, &q->nlayer, "", m->layers[i].name, e) != SN_OK) return SN_ENOMEM;
    }
    q->changes = m->changes;
    return SN_OK;
}

_Static_assert(2 * (SN_MAXMETRIC + 1) + 1 <= SN_MAXLOG, "the logs of an epoch do not fit");

static sn_status add_column(run_record *q, const char *prefix, const char *name, sn_err *e) {
    if (q->ncolumn == SN_MAXLOG)
        return sn_fail(e, SN_EINVAL,
                       "run: its history has %d columns, and there is no room for more; m:run(...) begins "
                       "another",
                       SN_MAXLOG);
    return add_name(q->column, &q->ncolumn, prefix, name, e);
}

/* Of a pass: loss, the metrics in force, then what was's history has beside them. name: of each metric. */
static sn_status make_pass(run_record *q, int pass, const char *const *name, const run_record *was, sn_err *e) {
    const char *prefix = pass ? "val_" : "";
    for (int i = 0; i <= q->nmetric; i++) {
        q->col[pass][i] = q->ncolumn;
        sn_status s = add_column(q, prefix, i ? name[i - 1] : "loss", e);
        if (s != SN_OK) return s;
    }
    for (int i = 0; was && i < was->ncolumn; i++) {
        const char *c = was->column[i];
        bool mine = (strncmp(c, "val_", 4) == 0) == (pass == 1) && strcmp(c, "learning_rate") != 0;
        if (!mine || find_name(q->column, q->ncolumn, c) >= 0) continue;
        sn_status s = add_column(q, "", c, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

static sn_status make_columns(run_record *q, const sn_run *r, const char *const *name, const run_record *was,
                              sn_err *e) {
    for (int i = 0; i <= SN_MAXMETRIC; i++) q->col[0][i] = q->col[1][i] = -1;
    sn_status s = make_pass(q, 0, name, was, e);
    if (s == SN_OK && r->val) s = make_pass(q, 1, name, was, e);
    for (int i = 0; s == SN_OK && i < r->ncallback; i++)
        if (sn_callback_type_of(r->callback[i])->logs_rate) return add_column(q, "", "learning_rate", e);
    return s;
}

/* ---- metrics ---- */

static const char *metric_name(const run_record *q, int i) { return q->column[q->col[0][1 + i]]; }

/* Does a metric go on? Then so does its state. */
static const run_metric *find_metric(const run_record *was, const run_metric *m, const char *name) {
    for (int i = 0; was && i < was->nmetric; i++) {
        const run_metric *w = &was->metric[i];
        bool same = w->obj == m->obj && w->nstate == m->nstate && w->resolved && m->resolved &&
                    w->resolved->desc == m->resolved->desc && strcmp(metric_name(was, i), name) == 0;
        if (same) return w;
    }
    return NULL;
}

static sn_status add_metric(run_record *q, const run_metric *m, const run_metric *was, sn_err *e) {
    run_metric *to = &q->metric[q->nmetric];
    to->state = sn_calloc(m->nstate + 1, sizeof(double), "metrics", e);
    if (!to->state) return SN_ENOMEM;
    to->nstate = m->nstate;
    to->obj = sn_obj_retain(m->obj);
    to->resolved = sn_obj_retain(m->resolved);
    if (was) memcpy(to->state, was->state, m->nstate * sizeof(double));
    q->nmetric++;
    return SN_OK;
}

/* The trainer's, or (kept) those that was has. */
static sn_status make_metrics(run_record *q, const sn_trainer *t, const run_record *was, bool kept,
                              const char **name, sn_err *e) {
    for (int i = 0; i < (kept ? was->nmetric : t->nmetric); i++) {
        const sn_metric *tm = &t->metric[i];
        run_metric of_trainer = { .obj = tm->obj, .resolved = tm->resolved, .nstate = tm->nstate };
        name[i] = kept ? metric_name(was, i) : tm->name;
        const run_metric *m = kept ? &was->metric[i] : &of_trainer;
        sn_status s = add_metric(q, m, kept ? m : find_metric(was, m, name[i]), e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

/* ---- what is remembered ---- */

static sn_status make_room(run_record *q, const run_record *was, sn_err *e) {
    size_t layers = (size_t)q->nlayer + 1;
    q->row = sn_calloc((size_t)q->ncolumn, sizeof(double), "history", e);
    if (!q->row) return SN_ENOMEM;
    for (int i = 0; i < q->ncolumn; i++) q->row[i] = sn_run_gap();
    for (int i = 0; i < 2; i++) {
        q->sum[i].layer = sn_calloc(layers, sizeof(double), "loss terms", e);
        if (!q->sum[i].layer) return SN_ENOMEM;
    }
    for (int i = 0; i < 3; i++) {
        q->now[i].by_layer = sn_calloc(layers, sizeof(double), "loss terms", e);
        if (!q->now[i].by_layer) return SN_ENOMEM;
    }
    return was && was->cap ? sn_record_reserve(q, was->cap, e) : SN_OK;
}

static void copy_terms(sn_terms *to, const sn_terms *from, double *by_layer, int n) {
    *to = *from;
    to->by_layer = by_layer;
    if (n) memcpy(by_layer, from->by_layer, (size_t)n * sizeof(double));
}

/* Everything of was by its column's name; its layers come first, with the same numbers. What was not measured
 * then is a gap. */
static void copy_rows(run_record *q, const run_record *was) {
    int at[SN_MAXLOG];
    for (int c = 0; c < q->ncolumn; c++) at[c] = find_name(was->column, was->ncolumn, q->column[c]);
    for (int c = 0; c < q->ncolumn; c++)
        if (at[c] >= 0) q->row[c] = was->row[at[c]];
    for (int64_t i = 0; i < was->rows; i++)
        for (int c = 0; c < q->ncolumn; c++)
            q->history[i * q->ncolumn + c] = at[c] < 0 ? sn_run_gap() : was->history[i * was->ncolumn + at[c]];
    if (was->rows) memset(q->term_layers, 0, (size_t)(2 * was->rows * q->nlayer) * sizeof(double));
    for (int64_t i = 0; i < 2 * was->rows; i++)
        copy_terms(&q->terms[i], &was->terms[i], q->term_layers + i * q->nlayer, was->nlayer);
    for (int i = 0; i < 3; i++) copy_terms(&q->now[i], &was->now[i], q->now[i].by_layer, was->nlayer);
    for (int i = 0; i < 2; i++) {
        double *layer = q->sum[i].layer;
        q->sum[i] = was->sum[i];
        q->sum[i].layer = layer;
        memcpy(layer, was->sum[i].layer, (size_t)was->nlayer * sizeof(double));
    }
    q->rows = was->rows;
}

static sn_status make(run_record *q, const sn_run *r, const sn_model *m, const run_record *was, bool kept,
                      sn_err *e) {
    const char *name[SN_MAXMETRIC];
    *q = (run_record){ 0 };
    sn_status s = make_layers(q, m, was, e);
    if (s == SN_OK) s = make_metrics(q, r->t, was, kept, name, e);
    if (s == SN_OK) s = make_columns(q, r, name, was, e);
    if (s == SN_OK) s = make_room(q, was, e);
    if (s == SN_OK && was && was->row) copy_rows(q, was);
    return s;
}

sn_status sn_record_make(run_record *q, const sn_run *r, const sn_model *m, const run_record *was, sn_err *e) {
    return make(q, r, m, was, false, e);
}

bool sn_record_fits(const sn_run *r) {
    const run_record *q = &r->rec;
    const sn_trainer *t = r->t;
    if (q->changes != t->model->changes || q->nmetric != t->nmetric) return false;
    for (int i = 0; i < q->nmetric; i++) {
        const run_metric *m = &q->metric[i];
        const sn_metric *now = &t->metric[i];
        if (m->obj != now->obj || m->nstate != now->nstate || strcmp(metric_name(q, i), now->name) != 0 ||
            m->resolved->desc != now->resolved->desc)
            return false;
    }
    return true;
}

sn_status sn_record_adapt(sn_run *r, sn_err *e) {
    run_record q;
    sn_status s = make(&q, r, r->t->model, &r->rec, false, e);
    if (s != SN_OK) {
        sn_record_free(&q);
        return s;
    }
    sn_record_free(&r->rec);
    r->rec = q;
    return SN_OK;
}

/* ---- changes of the model ---- */

static void drop(sn_run *r) {
    if (r->moved) sn_record_free(r->moved);
    for (int i = 0; r->moved_weights && i < r->ncallback; i++) sn_free(r->moved_weights[i]);
    sn_free(r->moved);
    sn_free(r->moved_weights);
    r->moved = NULL;
    r->moved_weights = NULL;
}

static float *move_weights(const sn_change *c, const float *from, sn_err *e) {
    const sn_model *m = c->to;
    float *w = sn_calloc(m->slab_count + 1, sizeof *w, "best weights", e);
    if (!w) return NULL;
    memcpy(w, m->slab, m->slab_count * sizeof *w); /* what is new, as it is now */
    sn_change_slab(c, w, from);
    return w;
}

static sn_status prepare(void *ctx, const sn_change *c, sn_err *e) {
    sn_run *r = ctx;
    if (!r->rec.layer) return SN_OK; /* it is being made, or could not be */
    r->moved = sn_calloc(1, sizeof *r->moved, "run", e);
    r->moved_weights = sn_calloc((size_t)r->ncallback + 1, sizeof(float *), "run", e);
    if (!r->moved || !r->moved_weights) return SN_ENOMEM;
    for (int i = 0; i < r->ncallback; i++) {
        if (!r->cstate[i].weights) continue;
        r->moved_weights[i] = move_weights(c, r->cstate[i].weights, e);
        if (!r->moved_weights[i]) return SN_ENOMEM;
    }
    return make(r->moved, r, c->to, &r->rec, true, e);
}

void sn_run_begin_anew(sn_run *r) {
    for (int i = 0; i < r->ncallback; i++) {
        const sn_callback_type *t = sn_callback_type_of(r->callback[i]);
        if (t->changed) t->changed(r->callback[i]->cfg, &r->cstate[i]);
    }
}

void sn_run_new_loss(sn_run *r) {
    sn_run_begin_anew(r);
    if (sn_run_training(r)) sn_record_clear_loss(r, 0); /* else no batch would be left to average over */
}

static void settle(void *ctx, const sn_change *c, bool done) {
    sn_run *r = ctx;
    if (done && r->moved) {
        run_record was = r->rec;
        r->rec = *r->moved;
        r->rec.changes = c->from->changes + 1;
        *r->moved = was;
        for (int i = 0; i < r->ncallback; i++) {
            float *w = r->cstate[i].weights;
            r->cstate[i].weights = r->moved_weights[i];
            r->moved_weights[i] = w;
        }
        r->halted = false;
        sn_run_begin_anew(r);
    }
    drop(r);
}

void sn_run_follow(sn_run *r) {
    r->follower = (sn_follower){ .ctx = r, .prepare = prepare, .settle = settle };
    sn_model_follow(r->t->model, &r->follower);
}
