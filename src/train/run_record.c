/* What a run remembers: averages of the present epoch, history, and the terms of the loss. */
#include "base/mem.h"
#include "train/run_impl.h"
#include <math.h>
#include <string.h>

/* ---- gaps ---- */

/* A NaN of our own: what was never measured. A NaN that was measured is another, and is shown. */
static const uint64_t gap_bits = 0x7ff8736f6e646500;

double sn_run_gap(void) {
    double v;
    memcpy(&v, &gap_bits, sizeof v);
    return v;
}

bool sn_run_is_gap(double v) { return memcmp(&v, &gap_bits, sizeof v) == 0; }

/* ---- memory ---- */

void sn_record_free(run_record *q) {
    for (int i = 0; i < SN_MAXLOG; i++) sn_free(q->column[i]);
    for (int i = 0; i < SN_MAXMETRIC; i++) {
        sn_free(q->metric[i].state);
        sn_obj_release(q->metric[i].obj);
        sn_obj_release(q->metric[i].resolved);
    }
    for (int i = 0; q->layer && i < q->nlayer; i++) sn_free(q->layer[i]);
    for (int i = 0; i < 2; i++) sn_free(q->sum[i].layer);
    for (int i = 0; i < 3; i++) sn_free(q->now[i].by_layer);
    sn_free(q->layer);
    sn_free(q->layer_at);
    sn_free(q->penalties);
    sn_free(q->row);
    sn_free(q->history);
    sn_free(q->terms);
    sn_free(q->term_layers);
    *q = (run_record){ 0 };
}

static void point_terms(run_record *q) {
    for (int64_t i = 0; i < 2 * q->rows; i++) q->terms[i].by_layer = q->term_layers + i * q->nlayer;
}

sn_status sn_record_reserve(run_record *q, int64_t rows, sn_err *e) {
    if (rows <= q->cap) return SN_OK;
    int64_t cap = q->cap * 2 > rows ? q->cap * 2 : rows < 16 ? 16 : rows;
    size_t n = (size_t)cap;
    double *h = sn_realloc(q->history, n * (size_t)q->ncolumn * sizeof *h, "history", e);
    if (!h) return SN_ENOMEM;
    q->history = h;
    sn_terms *t = sn_realloc(q->terms, n * 2 * sizeof *t, "history", e);
    if (!t) return SN_ENOMEM;
    q->terms = t;
    double *l = sn_realloc(q->term_layers, n * 2 * ((size_t)q->nlayer + 1) * sizeof *l, "history", e);
    if (!l) return SN_ENOMEM;
    q->term_layers = l;
    q->cap = cap;
    point_terms(q);
    return SN_OK;
}

/* ---- the present epoch ---- */

void sn_record_clear_loss(sn_run *r, int which) {
    run_sums *s = &r->rec.sum[which];
    double *layer = s->layer;
    *s = (run_sums){ .layer = layer };
    for (int i = 0; i < sn_run_layers(r); i++) layer[i] = 0;
    r->rec.now[which].valid = false;
}

void sn_record_clear(sn_run *r, int which) {
    sn_record_clear_loss(r, which);
    for (int i = 0; i < r->rec.nmetric; i++)
        memset(r->rec.metric[i].state, 0, r->rec.metric[i].nstate * sizeof(double));
}

void sn_record_batch(sn_run *r, int which, const sn_losses *l) {
    run_sums *s = &r->rec.sum[which];
    double n = (double)l->n;
    s->n += n;
    s->total += n * l->total;
    s->data += n * l->data;
    s->penalty += n * l->penalty;
    s->activity += n * l->activity;
    for (int i = 0; i < r->t->model->nlayer; i++) s->layer[r->rec.layer_at[i]] += n * r->t->layer_penalty[i];
    sn_record_refresh(r, which);
}

void sn_record_refresh(sn_run *r, int which) {
    const run_sums *s = &r->rec.sum[which];
    sn_terms *t = &r->rec.now[which];
    t->valid = s->n > 0;
    if (!t->valid) return;
    t->total = s->total / s->n;
    t->data = s->data / s->n;
    t->penalty = s->penalty / s->n;
    t->activity = s->activity / s->n;
    for (int i = 0; i < sn_run_layers(r); i++) t->by_layer[i] = s->layer[i] / s->n;
}

void sn_record_swap(sn_run *r) {
    for (int i = 0; i < r->rec.nmetric; i++) {
        double *p = r->t->metric[i].state;
        r->t->metric[i].state = r->rec.metric[i].state;
        r->rec.metric[i].state = p;
    }
}

static double metric_now(const sn_run *r, int i) {
    const sn_obj *o = r->rec.metric[i].resolved;
    return ((const sn_metric_type *)(const void *)o->desc)->result(o->cfg, r->rec.metric[i].state);
}

void sn_record_result(sn_run *r, int which) {
    const run_sums *s = &r->rec.sum[which];
    const int *col = r->rec.col[which];
    r->rec.row[col[0]] = s->total / s->n;
    for (int i = 0; i < r->rec.nmetric; i++) r->rec.row[col[1 + i]] = metric_now(r, i);
}

static void keep_terms(sn_run *r, int which) {
    sn_terms *t = &r->rec.terms[2 * (r->rec.rows - 1) + which];
    const sn_terms *now = &r->rec.now[which];
    double *layers = t->by_layer;
    *t = *now;
    t->by_layer = layers;
    for (int i = 0; i < sn_run_layers(r); i++) layers[i] = now->valid ? now->by_layer[i] : 0;
}

void sn_record_commit(sn_run *r) {
    memcpy(r->rec.history + r->rec.rows * r->rec.ncolumn, r->rec.row, (size_t)r->rec.ncolumn * sizeof(double));
    r->rec.rows++;
    point_terms(&r->rec);
    if (!r->val_done) r->rec.now[1].valid = false;
    keep_terms(r, 0);
    keep_terms(r, 1);
}

/* ---- asking ---- */

int sn_run_columns(const sn_run *r) { return r->rec.ncolumn; }
int sn_run_layers(const sn_run *r) { return r->rec.nlayer; }
const char *sn_run_layer(const sn_run *r, int i) { return r->rec.layer[i]; }
const char *sn_run_column(const sn_run *r, int c) { return r->rec.column[c]; }
int64_t sn_run_rows(const sn_run *r) { return r->rec.rows; }
double sn_run_value(const sn_run *r, int64_t row, int c) { return r->rec.history[row * r->rec.ncolumn + c]; }

/* Which pass a column is of, and which of its values; -1: neither is running it. */
static int find_value(const sn_run *r, int c, int *which) {
    for (*which = 0; *which < 2; ++*which)
        for (int i = 0; i <= r->rec.nmetric; i++)
            if (r->rec.col[*which][i] == c) return i;
    return -1;
}

double sn_run_current(const sn_run *r, int c) {
    int which, i = find_value(r, c, &which);
    bool running = i >= 0 && r->phase == (which ? PHASE_VALIDATE : PHASE_TRAIN);
    if (!running) return r->rec.row[c];
    const run_sums *s = &r->rec.sum[which];
    if (s->n <= 0) return NAN;
    return i == 0 ? s->total / s->n : metric_now(r, i - 1);
}

const sn_terms *sn_run_terms(const sn_run *r, int64_t row, bool validation) {
    if (row < 0 || row >= r->rec.rows) return &r->rec.now[validation];
    return &r->rec.terms[2 * row + validation];
}

sn_status sn_run_terms_now(sn_run *r, sn_terms *out, sn_err *e) {
    sn_terms *t = &r->rec.now[2];
    const sn_model *m = r->t->model;
    sn_status s = sn_model_penalty(m, m->slab, r->rec.penalties, r->t->pool, &t->penalty, e);
    if (s != SN_OK) return s;
    for (int i = 0; i < r->rec.nlayer; i++) t->by_layer[i] = 0;
    for (int i = 0; i < m->nlayer; i++) t->by_layer[r->rec.layer_at[i]] = r->rec.penalties[i];
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
