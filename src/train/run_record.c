/* What a run remembers: averages of the present epoch, history, and the terms of the loss. */
#include "base/mem.h"
#include "train/run_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

int sn_run_nlayer(const sn_run *r) { return r->t->model->nlayer; }

/* ---- columns ---- */

static sn_status add_column(sn_run *r, const char *prefix, const char *name, sn_err *e) {
    size_t n = strlen(prefix) + strlen(name) + 1;
    char *s = sn_alloc(n, "history", e);
    if (!s) return SN_ENOMEM;
    snprintf(s, n, "%s%s", prefix, name);
    r->column[r->ncolumn++] = s;
    return SN_OK;
}

_Static_assert(2 * (SN_MAXMETRIC + 1) + 1 <= SN_MAXLOG, "the logs of an epoch do not fit");

static sn_status make_columns(sn_run *r, sn_err *e) {
    for (int pass = 0; pass < (r->val ? 2 : 1); pass++) {
        const char *prefix = pass ? "val_" : "";
        if (add_column(r, prefix, "loss", e) != SN_OK) return SN_ENOMEM;
        for (int i = 0; i < r->t->nmetric; i++)
            if (add_column(r, prefix, r->t->metric[i].name, e) != SN_OK) return SN_ENOMEM;
    }
    for (int i = 0; i < r->ncallback; i++)
        if (sn_callback_type_of(r->callback[i])->logs_rate) return add_column(r, "", "learning_rate", e);
    return SN_OK;
}

/* ---- memory ---- */

sn_status sn_record_init(sn_run *r, sn_err *e) {
    if (make_columns(r, e) != SN_OK) return SN_ENOMEM;
    size_t layers = (size_t)sn_run_nlayer(r) + 1;
    r->row = sn_calloc((size_t)r->ncolumn, sizeof(double), "history", e);
    if (!r->row) return SN_ENOMEM;
    for (int i = 0; i < r->ncolumn; i++) r->row[i] = NAN;
    for (int i = 0; i < 2; i++) {
        r->sum[i].layer = sn_calloc(layers, sizeof(double), "loss terms", e);
        if (!r->sum[i].layer) return SN_ENOMEM;
    }
    for (int i = 0; i < 3; i++) {
        r->now[i].by_layer = sn_calloc(layers, sizeof(double), "loss terms", e);
        if (!r->now[i].by_layer) return SN_ENOMEM;
    }
    for (int i = 0; i < r->t->nmetric; i++) {
        r->nmetric[i] = r->t->metric[i].nstate;
        r->metric[i] = sn_calloc(r->nmetric[i] + 1, sizeof(double), "metrics", e);
        if (!r->metric[i]) return SN_ENOMEM;
        r->resolved[i] = sn_obj_retain(r->t->metric[i].resolved);
    }
    return SN_OK;
}

void sn_record_free(sn_run *r) {
    for (int i = 0; i < SN_MAXLOG; i++) sn_free(r->column[i]);
    for (int i = 0; i < SN_MAXMETRIC; i++) {
        sn_free(r->metric[i]);
        sn_obj_release(r->resolved[i]);
    }
    for (int i = 0; i < 2; i++) sn_free(r->sum[i].layer);
    for (int i = 0; i < 3; i++) sn_free(r->now[i].by_layer);
    sn_free(r->row);
    sn_free(r->history);
    sn_free(r->terms);
    sn_free(r->term_layers);
}

static void point_terms(sn_run *r) {
    for (int64_t i = 0; i < 2 * r->rows; i++) r->terms[i].by_layer = r->term_layers + i * sn_run_nlayer(r);
}

sn_status sn_record_reserve(sn_run *r, int64_t rows, sn_err *e) {
    if (rows <= r->cap) return SN_OK;
    int64_t cap = r->cap * 2 > rows ? r->cap * 2 : rows < 16 ? 16 : rows;
    size_t n = (size_t)cap;
    double *h = sn_realloc(r->history, n * (size_t)r->ncolumn * sizeof *h, "history", e);
    if (!h) return SN_ENOMEM;
    r->history = h;
    sn_terms *t = sn_realloc(r->terms, n * 2 * sizeof *t, "history", e);
    if (!t) return SN_ENOMEM;
    r->terms = t;
    double *l = sn_realloc(r->term_layers, n * 2 * ((size_t)sn_run_nlayer(r) + 1) * sizeof *l, "history", e);
    if (!l) return SN_ENOMEM;
    r->term_layers = l;
    r->cap = cap;
    point_terms(r);
    return SN_OK;
}

/* ---- the present epoch ---- */

void sn_record_clear(sn_run *r, int which) {
    run_sums *s = &r->sum[which];
    double *layer = s->layer;
    *s = (run_sums){ .layer = layer };
    for (int i = 0; i < sn_run_nlayer(r); i++) layer[i] = 0;
    for (int i = 0; i < r->t->nmetric; i++) memset(r->metric[i], 0, r->nmetric[i] * sizeof(double));
    r->now[which].valid = false;
}

void sn_record_batch(sn_run *r, int which, const sn_losses *l) {
    run_sums *s = &r->sum[which];
    double n = (double)l->n;
    s->n += n;
    s->total += n * l->total;
    s->data += n * l->data;
    s->penalty += n * l->penalty;
    s->activity += n * l->activity;
    for (int i = 0; i < sn_run_nlayer(r); i++) s->layer[i] += n * r->t->layer_penalty[i];
    sn_record_refresh(r, which);
}

void sn_record_refresh(sn_run *r, int which) {
    const run_sums *s = &r->sum[which];
    sn_terms *t = &r->now[which];
    t->valid = s->n > 0;
    if (!t->valid) return;
    t->total = s->total / s->n;
    t->data = s->data / s->n;
    t->penalty = s->penalty / s->n;
    t->activity = s->activity / s->n;
    for (int i = 0; i < sn_run_nlayer(r); i++) t->by_layer[i] = s->layer[i] / s->n;
}

void sn_record_swap(sn_run *r) {
    for (int i = 0; i < r->t->nmetric; i++) {
        double *p = r->t->metric[i].state;
        r->t->metric[i].state = r->metric[i];
        r->metric[i] = p;
    }
}

static double metric_now(const sn_run *r, int i) {
    const sn_obj *o = r->resolved[i];
    return ((const sn_metric_type *)(const void *)o->desc)->result(o->cfg, r->metric[i]);
}

void sn_record_result(sn_run *r, int which) {
    const run_sums *s = &r->sum[which];
    int first = which ? r->t->nmetric + 1 : 0;
    r->row[first] = s->total / s->n;
    for (int i = 0; i < r->t->nmetric; i++) r->row[first + 1 + i] = metric_now(r, i);
}

static void keep_terms(sn_run *r, int which) {
    sn_terms *t = &r->terms[2 * (r->rows - 1) + which];
    const sn_terms *now = &r->now[which];
    double *layers = t->by_layer;
    *t = *now;
    t->by_layer = layers;
    for (int i = 0; i < sn_run_nlayer(r); i++) layers[i] = now->valid ? now->by_layer[i] : 0;
}

void sn_record_commit(sn_run *r) {
    memcpy(r->history + r->rows * r->ncolumn, r->row, (size_t)r->ncolumn * sizeof(double));
    r->rows++;
    point_terms(r);
    if (!r->val_done) r->now[1].valid = false;
    keep_terms(r, 0);
    keep_terms(r, 1);
}

/* ---- asking ---- */

int sn_run_columns(const sn_run *r) { return r->ncolumn; }
const char *sn_run_column(const sn_run *r, int c) { return r->column[c]; }
int64_t sn_run_rows(const sn_run *r) { return r->rows; }
double sn_run_value(const sn_run *r, int64_t row, int c) { return r->history[row * r->ncolumn + c]; }

double sn_run_current(const sn_run *r, int c) {
    int m = r->t->nmetric, which = c > m;
    if (c >= 2 * (m + 1) || (which && !r->val)) return r->row[c];
    bool running = which ? r->phase == PHASE_VALIDATE : r->phase == PHASE_TRAIN;
    if (!running) return r->row[c];
    if (r->sum[which].n <= 0) return NAN;
    int i = c - which * (m + 1);
    return i == 0 ? r->sum[which].total / r->sum[which].n : metric_now(r, i - 1);
}

const sn_terms *sn_run_terms(const sn_run *r, int64_t row, bool validation) {
    if (row < 0 || row >= r->rows) return &r->now[validation];
    return &r->terms[2 * row + validation];
}

sn_status sn_run_terms_now(sn_run *r, sn_terms *out, sn_err *e) {
    sn_terms *t = &r->now[2];
    t->penalty = sn_model_penalty(r->t->model, r->t->model->slab, t->by_layer, r->t->pool);
    if (sn_pool_cancelled(r->t->pool)) {
        sn_pool_clear_cancel(r->t->pool);
        return sn_fail(e, SN_ECANCEL, "interrupted");
    }
    t->valid = true;
    t->total = t->penalty;
    t->data = t->activity = NAN;
    *out = *t;
    return SN_OK;
}
