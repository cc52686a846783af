/* One probe on one model: its rows and memory, and what the probes share. */
#include "base/mem.h"
#include "num/vec.h"
#include "train/probe.h"
#include <math.h>
#include <string.h>

/* ---- rows ---- */

static bool wants_layer(const sn_model *m, sn_probe_rows rows, int layer) {
    const sn_layer *l = &m->layers[layer];
    if (rows == SN_ROWS_LAYERS) return l->node >= 0 && l->node != m->input;
    for (int k = 0; k < l->nparam && rows == SN_ROWS_PENALIZED; k++)
        if (m->params[l->first_param + k].spec.regularizer) return true;
    return false;
}

static bool wants_param(const sn_model *m, sn_probe_rows rows, int param) {
    return rows == SN_ROWS_PARAMS || (rows == SN_ROWS_TRAINABLE && m->params[param].trainable);
}

static void add_row(sn_measure *m, const char *name, int layer, int param) {
    m->row[m->nrow++] = (sn_probe_row){ name, layer, param };
}

static void make_rows(sn_measure *m, const bool *layers) {
    const sn_model *md = m->model;
    for (int i = 0; i < md->nlayer; i++) {
        m->row_of[i] = -1;
        if ((layers && !layers[i]) || !wants_layer(md, m->type->rows, i)) continue;
        m->row_of[i] = m->nrow;
        add_row(m, md->layers[i].name, i, -1);
    }
    for (int i = 0; i < md->nparam; i++) {
        const sn_param *p = &md->params[i];
        if ((!layers || layers[p->layer]) && wants_param(md, m->type->rows, i))
            add_row(m, p->name, p->layer, i);
    }
    if (m->type->whole && m->nrow > 0) add_row(m, "model", -1, -1);
}

/* ---- memory ---- */

static sn_status make_units(sn_measure *m, sn_err *e) {
    size_t most = 0;
    if (!m->type->units) return SN_OK;
    m->units = sn_calloc((size_t)m->nrow + 1, sizeof *m->units, "probe: units", e);
    if (!m->units) return SN_ENOMEM;
    for (int r = 0; r < m->nrow; r++) {
        const sn_shape *s = &m->model->nodes[m->model->layers[m->row[r].layer].node].out;
        size_t cols = s->n ? (size_t)s->d[s->n - 1] : 1;
        m->units[r] = sn_calloc(m->type->units(m, r) + 1, sizeof(float), "probe: units", e);
        if (!m->units[r]) return SN_ENOMEM;
        if (sn_unit_scratch(cols) > most) most = sn_unit_scratch(cols);
    }
    m->scratch = sn_calloc(most + 1, sizeof(float), "probe: units", e);
    return m->scratch ? SN_OK : SN_ENOMEM;
}

static const sn_regularizer_type *regularizer_of(const sn_param *p) {
    return p->spec.regularizer ? sn_regularizer_in(p->spec.regularizer->desc, SN_F32) : NULL;
}

/* How many numbers the largest parameter with a penalty has; whole: of those whose penalty is no sum. */
static size_t largest_penalized(const sn_measure *m, bool whole) {
    size_t most = 0;
    for (int r = 0; r < m->nrow; r++) {
        const sn_param *p = m->row[r].param < 0 ? NULL : &m->model->params[m->row[r].param];
        const sn_regularizer_type *t = p ? regularizer_of(p) : NULL;
        if (t && (t->whole || !whole) && p->count > most) most = p->count;
    }
    return most;
}

bool sn_probe_wants_penalty(const sn_measure *m) { return m->type->penalty && m->type->penalty(m->probe->cfg); }

static sn_status make_penalty(sn_measure *m, sn_err *e) {
    if (largest_penalized(m, false) == 0 || !(m->type->sees & SN_SEES_GRADS)) return SN_OK;
    int n = sn_pool_size(m->pool);
    m->serial = sn_calloc((size_t)n, sizeof *m->serial, "probe: penalties", e);
    m->chunk = sn_calloc((size_t)n, sizeof *m->chunk, "probe: penalties", e);
    if (!m->serial || !m->chunk) return SN_ENOMEM;
    for (; m->nserial < n; m->nserial++) {
        int i = m->nserial;
        if (sn_pool_new(&m->serial[i], 1, e) != SN_OK) return SN_ENOMEM;
        m->chunk[i] = sn_calloc(SN_CHUNK, sizeof(float), "probe: penalties", e);
        if (!m->chunk[i]) {
            m->nserial++;
            return SN_ENOMEM;
        }
    }
    size_t most = largest_penalized(m, !sn_probe_wants_penalty(m));
    if (most == 0) return SN_OK;
    m->penalty = sn_calloc(most, sizeof(float), "probe: penalties", e);
    return m->penalty ? SN_OK : SN_ENOMEM;
}

static sn_status allocate(sn_measure *m, const bool *layers, bool histogram, sn_err *e) {
    size_t room = (size_t)(m->model->nlayer + m->model->nparam) + 1;
    m->row = sn_calloc(room, sizeof *m->row, "probe: rows", e);
    m->row_of = sn_calloc(room, sizeof *m->row_of, "probe: rows", e);
    if (!m->row || !m->row_of) return SN_ENOMEM;
    make_rows(m, layers);
    size_t n = (size_t)m->nrow + 1, ncol = (size_t)m->ncol;
    m->value = sn_calloc(n * ncol, sizeof(double), "probe: rows", e);
    m->acc = sn_calloc(n, sizeof *m->acc, "probe: rows", e);
    m->taken = sn_calloc(n, sizeof *m->taken, "probe: rows", e);
    if (histogram) m->counts = sn_calloc(n * SN_BINS, sizeof(int64_t), "probe: histograms", e);
    m->state = sn_calloc(m->type->state ? m->type->state(m) + 1 : 1, sizeof(double), "probe: state", e);
    if (!m->value || !m->acc || !m->taken || !m->state || (histogram && !m->counts)) return SN_ENOMEM;
    sn_status s = make_units(m, e);
    return s == SN_OK ? make_penalty(m, e) : s;
}

sn_status sn_measure_new(sn_measure **out, sn_obj *probe, const sn_model *model, const bool *layers,
                         bool histogram, sn_pool *pool, sn_err *e) {
    *out = NULL;
    sn_measure *m = sn_calloc(1, sizeof *m, "probe", e);
    if (!m) return SN_ENOMEM;
    m->probe = sn_obj_retain(probe);
    m->type = sn_probe_type_of(probe);
    m->model = model;
    m->pool = pool;
    m->ncol = sn_probe_columns(m->type);
    m->changes = model->changes;
    sn_status s = allocate(m, layers, histogram, e);
    if (s == SN_OK) {
        sn_measure_reset(m);
        *out = m;
    } else {
        sn_measure_free(m);
    }
    return s;
}

void sn_measure_free(sn_measure *m) {
    if (!m) return;
    for (int r = 0; m->units && r < m->nrow; r++) sn_free(m->units[r]);
    for (int i = 0; i < m->nserial; i++) {
        sn_pool_free(m->serial[i]);
        sn_free(m->chunk[i]);
    }
    sn_free(m->serial);
    sn_free(m->chunk);
    sn_free(m->penalty);
    sn_free(m->units);
    sn_free(m->scratch);
    sn_free(m->state);
    sn_free(m->counts);
    sn_free(m->taken);
    sn_free(m->acc);
    sn_free(m->value);
    sn_free(m->row_of);
    sn_free(m->row);
    sn_obj_release(m->probe);
    sn_free(m);
}

bool sn_measure_fits(const sn_measure *m, const sn_model *model) {
    return m->model == model && m->changes == model->changes;
}

/* ---- one step ---- */

void sn_measure_begin(sn_measure *m) {
    size_t n = (size_t)m->nrow;
    for (size_t i = 0; i < n * (size_t)m->ncol; i++) m->value[i] = (double)NAN;
    memset(m->acc, 0, n * sizeof *m->acc);
    memset(m->taken, 0, n * sizeof *m->taken);
    if (m->counts) memset(m->counts, 0, n * SN_BINS * sizeof *m->counts);
    m->again = false;
    m->n = 0;
}

void sn_measure_again(sn_measure *m) {
    memset(m->counts, 0, (size_t)m->nrow * SN_BINS * sizeof *m->counts);
    m->again = true;
}

bool sn_measure_wants_again(const sn_measure *m) {
    for (int r = 0; m->counts && r < m->nrow; r++)
        if (m->taken[r] > 1) return true;
    return false;
}

/* The row that sees the node's output: where a call of its layer ends. */
static int row_of_node(const sn_measure *m, int node) {
    const sn_node *n = &m->model->nodes[node];
    return n->ends_call && node != m->model->input ? m->row_of[n->layer] : -1;
}

void sn_measure_output(sn_measure *m, int node, const float *y, const sn_shape *shape) {
    int row = row_of_node(m, node);
    if (row >= 0 && m->type->output) m->type->output(m, row, y, shape);
}

void sn_measure_output_grad(sn_measure *m, int node, const float *dy, const sn_shape *shape) {
    int row = row_of_node(m, node);
    if (row >= 0 && m->type->output_grad) m->type->output_grad(m, row, dy, shape);
}

void sn_measure_gradients(sn_measure *m, const sn_sight *s) {
    if (m->type->gradients) m->type->gradients(m, s);
}

void sn_measure_updated(sn_measure *m, const sn_sight *s) {
    if (m->type->updated) m->type->updated(m, s);
}

void sn_measure_commit(sn_measure *m) {
    if (m->type->commit) m->type->commit(m);
}

void sn_measure_reset(sn_measure *m) {
    m->over = 0;
    if (m->type->reset) m->type->reset(m);
}

/* ---- for the probes ---- */

void sn_measure_take(sn_measure *m, int row, const float *x, const float *y, size_t n) {
    sn_moments *acc = &m->acc[row];
    if (!m->again) {
        sn_moments piece = sn_moments_of(m->pool, x, y, n);
        sn_moments_merge(acc, &piece);
        m->taken[row]++;
    }
    bool whole = m->again || m->taken[row] == 1;
    if (m->counts && whole && acc->finite > 0)
        sn_histogram(m->pool, x, y, n, acc->min, acc->max, SN_BINS, m->counts + row * SN_BINS);
}

void sn_measure_take_zeros(sn_measure *m, int row, size_t n) {
    m->acc[row] = (sn_moments){ .finite = (int64_t)n, .zeros = (int64_t)n };
    m->taken[row] = 1;
    if (m->counts) m->counts[row * SN_BINS + SN_BINS / 2] = (int64_t)n; /* over -0.5 .. 0.5 */
}

void sn_measure_stats(sn_measure *m, int row) {
    sn_stats s = sn_stats_of(&m->acc[row]);
    double *v = sn_measure_row(m, row);
    v[0] = s.norm;
    v[1] = s.mean;
    v[2] = s.std;
    v[3] = s.min;
    v[4] = s.max;
    v[5] = s.count ? (double)s.zeros / (double)s.count : 0;
    v[6] = (double)s.nans;
    v[7] = (double)s.infs;
}

bool sn_measure_penalized(const sn_measure *m, int row) {
    const sn_param *p = &m->model->params[m->row[row].param];
    return p->trainable && p->spec.regularizer;
}

/* Most penalties are sums over the weights, so that any part of a parameter has its own gradient; the others
 * are computed in one go. A pool of one runs them, since their own work on the pool would stop at Ctrl-C. */
typedef struct {
    sn_measure *m;
    const sn_param *p;
    const float *g, *w; /* of the parameter */
    sn_moments penalty[SN_STAT_CELLS], data[SN_STAT_CELLS];
    size_t cell; /* numbers in one, a multiple of SN_CHUNK */
} penalty_job;

static void penalty_of(const penalty_job *j, float *to, size_t from, size_t n, int worker) {
    memset(to, 0, n * sizeof *to);
    regularizer_of(j->p)->grad(j->p->spec.regularizer->cfg, to, j->w + from, n, 1.0, j->m->serial[worker]);
}

static void penalty_cell(void *ctx, int64_t cell, int worker) {
    penalty_job *j = ctx;
    size_t begin = (size_t)cell * j->cell, end = j->p->count - begin < j->cell ? j->p->count : begin + j->cell;
    sn_moments pen = { 0 }, data = { 0 };
    for (size_t at = begin; at < end; at += SN_CHUNK) {
        size_t n = end - at < SN_CHUNK ? end - at : SN_CHUNK;
        penalty_of(j, j->m->chunk[worker], at, n, worker);
        sn_kern_f32()->moments(&pen, j->m->chunk[worker], NULL, n);
        if (j->g) sn_kern_f32()->moments(&data, j->g + at, j->m->chunk[worker], n);
    }
    j->penalty[cell] = pen;
    j->data[cell] = data;
}

static void grad_cell(void *ctx, int64_t cell, int worker) {
    const penalty_job *j = ctx;
    size_t at = (size_t)cell * SN_CHUNK, n = j->p->count - at < SN_CHUNK ? j->p->count - at : SN_CHUNK;
    penalty_of(j, j->m->penalty + at, at, n, worker);
}

void sn_measure_penalty(sn_measure *m, int row, const float *g, const float *w, sn_moments *penalty,
                        sn_moments *data) {
    const sn_param *p = &m->model->params[m->row[row].param];
    if (regularizer_of(p)->whole) {
        const float *pen = sn_measure_penalty_grad(m, row, w);
        *penalty = sn_moments_of(m->pool, pen, NULL, p->count);
        if (data) *data = sn_moments_of(m->pool, g + p->offset, pen, p->count);
        return;
    }
    penalty_job j = { .m = m, .p = p, .g = data ? g + p->offset : NULL, .w = w + p->offset, .cell = SN_CHUNK };
    while ((p->count + j.cell - 1) / j.cell > SN_STAT_CELLS) j.cell *= 2;
    int64_t cells = (int64_t)((p->count + j.cell - 1) / j.cell);
    sn_parallel_always(m->pool, cells, penalty_cell, &j);
    for (int64_t i = 0; i < cells; i++) {
        sn_moments_merge(penalty, &j.penalty[i]);
        if (data) sn_moments_merge(data, &j.data[i]);
    }
}

const float *sn_measure_penalty_grad(sn_measure *m, int row, const float *w) {
    if (!sn_measure_penalized(m, row)) return NULL;
    const sn_param *p = &m->model->params[m->row[row].param];
    penalty_job j = { .m = m, .p = p, .w = w + p->offset };
    if (regularizer_of(p)->whole)
        penalty_of(&j, m->penalty, 0, p->count, 0);
    else
        sn_parallel_always(m->pool, (int64_t)((p->count + SN_CHUNK - 1) / SN_CHUNK), grad_cell, &j);
    return m->penalty;
}
