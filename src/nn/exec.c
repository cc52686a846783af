#include "nn/exec.h"

#include "base/file.h"
#include "nn/group.h"
#include "nn/plan_impl.h"
#include "num/vec.h"
#include <string.h>

/* ---- measuring time ---- */

double sn_exec_clock(const sn_times *t) { return t ? sn_clock() : 0; }

void sn_exec_add_time(sn_times *t, sn_time part, double since) {
    if (t) t->part[part] += sn_clock() - since;
}

static void add_node_time(const sn_times *t, double *list, int i, double since) {
    if (i < t->nnode) list[i] += sn_clock() - since;
}

/* A group's time is its first node's. */
static int timed_node(const sn_plan *p, int i) {
    return p->nodes[i].group < 0 ? i : p->groups[p->nodes[i].group].first;
}

/* ---- the io of one node ---- */

static void *slab_at(const sn_plan *p, const void *slab, size_t elements) {
    return (char *)(uintptr_t)slab + elements * sn_dtype_size(p->opts.dtype);
}

sn_io sn_exec_io(sn_plan *p, const sn_step *st, int i, bool with_grads) {
    const sn_model *m = p->model;
    const sn_node *n = &m->nodes[i];
    const sn_layer *l = &m->layers[n->layer];
    sn_plan_node *pn = &p->nodes[i];
    for (int j = 0; j < n->nin; j++) {
        int k = n->in[j];
        pn->in[j].d[0] = st->n;
        pn->x[j] = k == m->input ? st->x : sn_plan_at(p, p->nodes[k].y);
    }
    sn_io io = { .nin = n->nin,
                 .in = pn->in,
                 .x = pn->x,
                 .y = sn_plan_at(p, pn->y),
                 .dy = sn_plan_at(p, pn->dy),
                 .dx = pn->dx,
                 .train = st->train,
                 .seed = st->seed,
                 .step = st->step,
                 .id = (uint32_t)i,
                 .pool = p->opts.pool };
    io.out = pn->lp.out;
    io.out.d[0] = st->n;
    io.moments = sn_plan_at(p, pn->moments);
    for (int s = 0; s < SN_MAXSAVED; s++) io.saved[s] = sn_plan_at(p, pn->saved[s]);
    for (int k = 0; k < l->nparam && !n->is_activation; k++) {
        const sn_param *q = &m->params[l->first_param + k];
        io.p[k] = slab_at(p, st->params, q->offset);
        if (with_grads && q->trainable && st->grads) io.dp[k] = slab_at(p, st->grads, q->offset);
    }
    return io;
}

static sn_status cancelled(sn_plan *p, sn_err *e) {
    if (!sn_pool_cancelled(p->opts.pool)) return SN_OK;
    return sn_fail(e, SN_ECANCEL, "interrupted");
}

static size_t active_count(const sn_plan *p, int node, int64_t n) {
    return (size_t)(sn_shape_row(&p->nodes[node].lp.out) * n);
}

/* ---- forward ---- */

static sn_status add_activity(sn_plan *p, int i, int64_t n, sn_err *e) {
    const sn_plan_node *pn = &p->nodes[i];
    size_t count = active_count(p, i, n);
    sn_status s = sn_regularizer_prepare(pn->activity, p->opts.dtype, count, false, p->opts.pool, e);
    if (s != SN_OK) return s;
    const sn_regularizer_type *t = sn_regularizer_in(pn->activity->desc, p->opts.dtype);
    p->activity += t->value(pn->activity->cfg, sn_plan_at(p, pn->y), count, p->opts.pool) / (double)n;
    return SN_OK;
}

static sn_status prepare(const sn_plan_node *pn, const sn_io *io, bool backward, sn_err *e) {
    return pn->type->prepare ? pn->type->prepare(pn->cfg, io, backward, e) : SN_OK;
}

void sn_exec_forward_begin(sn_plan *p, const sn_step *st) {
    p->activity = 0;
    p->x = st->x;
    p->n = st->n;
}

sn_status sn_exec_forward_node(sn_plan *p, const sn_step *st, int i, sn_err *e) {
    sn_plan_node *pn = &p->nodes[i];
    sn_status s = cancelled(p, e);
    if (s != SN_OK || i == p->model->input) return s;
    if (pn->group >= 0 && i != p->groups[pn->group].last) return SN_OK; /* runs with the last */
    sn_io io = sn_exec_io(p, st, i, false);
    io.scratch = sn_plan_at(p, pn->fwd_scratch);
    double start = sn_exec_clock(st->times);
    if (pn->group < 0) s = prepare(pn, &io, false, e);
    if (s != SN_OK) return s;
    if (pn->group >= 0)
        sn_group_forward(p, st, pn->group);
    else
        pn->type->forward(pn->cfg, &io);
    if (pn->ghost >= 0 && st->train && i == p->groups[pn->ghost].last) sn_ghost_forward(p, st, pn->ghost);
    /* Keras 3 divides activity penalties by the batch size (keras/src/layers/layer.py). */
    if (pn->activity) s = add_activity(p, i, st->n, e);
    if (s != SN_OK) return s;
    if (st->times) add_node_time(st->times, st->times->forward, timed_node(p, i), start);
    s = cancelled(p, e); /* then the output is not whole */
    if (s == SN_OK && st->visit && st->visit->output) st->visit->output(st->visit->ctx, i, io.y, &io.out);
    return s;
}

sn_status sn_exec_forward(sn_plan *p, const sn_step *st, sn_err *e) {
    sn_status s = SN_OK;
    sn_exec_forward_begin(p, st);
    for (int i = 0; i < p->model->nnode && s == SN_OK; i++) s = sn_exec_forward_node(p, st, i, e);
    return s == SN_OK ? cancelled(p, e) : s;
}

const void *sn_exec_output(const sn_plan *p) { return sn_plan_at(p, p->nodes[p->model->output].y); }

/* ---- loss ---- */

sn_status sn_exec_loss(sn_plan *p, const sn_step *st, const sn_obj *loss, const sn_shape *target, const void *t,
                       double *data, double *activity, double *each, sn_err *e) {
    const sn_model *m = p->model;
    const sn_shape *os = sn_model_output_shape(m);
    const sn_loss_type *type = sn_loss_in(loss->desc, p->opts.dtype);
    size_t rows = (size_t)(p->rows_per_sample * st->n), cols = os->n ? (size_t)os->d[os->n - 1] : 1;
    size_t tcols = (size_t)(sn_shape_count(target) / p->rows_per_sample);
    double start = sn_exec_clock(st->times);
    void *dy = p->opts.mode == SN_PLAN_TRAIN ? sn_plan_at(p, p->nodes[m->output].dy) : NULL;
    sn_status status = type->prepare ? type->prepare(loss->cfg, rows, cols, tcols, dy != NULL, e) : SN_OK;
    if (status != SN_OK) return status;
    type->eval(loss->cfg, p->each, dy, sn_exec_output(p), t, rows, cols, tcols, 1.0 / (double)rows);
    double sum = 0;
    for (size_t r = 0; r < rows; r++) sum += p->each[r];
    *data = sum / (double)rows;
    *activity = p->activity;
    for (int64_t i = 0; each && i < st->n; i++) {
        double s = 0;
        for (int64_t r = 0; r < p->rows_per_sample; r++) s += p->each[i * p->rows_per_sample + r];
        each[i] = s / (double)p->rows_per_sample;
    }
    sn_exec_add_time(st->times, SN_TIME_LOSS, start);
    return cancelled(p, e);
}

const double *sn_exec_losses(const sn_plan *p, int64_t *per_sample) {
    *per_sample = p->rows_per_sample;
    return p->each;
}

/* ---- backward ---- */

static void add_into(const sn_plan *p, void *y, const void *x, size_t n) {
    if (p->opts.dtype == SN_F64) {
        sn_vec_add_f64(p->opts.pool, y, y, x, n);
    } else {
        sn_vec_add_f32(p->opts.pool, y, y, x, n);
    }
}

/* The gradient that a pass of another scalar begins with. */
static void put_injected(const sn_plan *p, const sn_step *st, int i) {
    if (!st->inject || st->inject->node != i) return;
    memcpy(sn_plan_at(p, p->nodes[i].dy), st->inject->dy,
           active_count(p, i, st->n) * sn_dtype_size(p->opts.dtype));
}

/* The scalar does not depend on node i: its inputs get exact zeros from it, whatever numbers it holds. */
static void pass_zeros(const sn_plan *p, const sn_step *st, int i) {
    const sn_plan_node *pn = &p->nodes[i];
    for (int j = 0; j < p->model->nodes[i].nin && pn->runs_backward; j++) {
        int k = p->model->nodes[i].in[j];
        if (pn->dx[j] && pn->dx_temp[j] < 0) /* the first to write there */
            memset(pn->dx[j], 0, active_count(p, k, st->n) * sn_dtype_size(p->opts.dtype));
    }
}

/* What node i gave to inputs that others gave to before. */
static void add_temps(const sn_plan *p, const sn_step *st, int i) {
    const sn_plan_node *pn = &p->nodes[i];
    for (int j = 0; j < p->model->nodes[i].nin; j++) {
        if (pn->dx_temp[j] < 0) continue;
        int k = p->model->nodes[i].in[j];
        add_into(p, sn_plan_at(p, p->nodes[k].dy), sn_plan_at(p, pn->dx_temp[j]), active_count(p, k, st->n));
    }
}

static sn_status add_activity_grad(const sn_plan *p, const sn_step *st, int i, sn_err *e) {
    const sn_plan_node *pn = &p->nodes[i];
    size_t count = active_count(p, i, st->n);
    sn_status s = sn_regularizer_prepare(pn->activity, p->opts.dtype, count, true, p->opts.pool, e);
    if (s != SN_OK) return s;
    const sn_regularizer_type *t = sn_regularizer_in(pn->activity->desc, p->opts.dtype);
    t->grad(pn->activity->cfg, sn_plan_at(p, pn->dy), sn_plan_at(p, pn->y), count, 1.0 / (double)st->n,
            p->opts.pool);
    return SN_OK;
}

static sn_status backward_of(sn_plan *p, const sn_step *st, int i, sn_err *e) {
    sn_plan_node *pn = &p->nodes[i];
    sn_io io = sn_exec_io(p, st, i, true);
    io.scratch = sn_plan_at(p, pn->bwd_scratch);
    sn_status s = pn->activity && !st->inject ? add_activity_grad(p, st, i, e) : SN_OK;
    if (s != SN_OK) return s;
    if (st->visit && st->visit->output_grad) st->visit->output_grad(st->visit->ctx, i, io.dy, &io.out);
    if (!pn->runs_backward) return SN_OK;
    if (pn->group < 0) s = prepare(pn, &io, true, e);
    if (s != SN_OK) return s;
    if (pn->group >= 0) {
        sn_group_backward(p, st, pn->group);
        add_temps(p, st, p->groups[pn->group].first);
        return SN_OK;
    }
    if (pn->ghost >= 0 && i == p->groups[pn->ghost].first && st->train && !st->inject)
        sn_ghost_backward(p, st, pn->ghost);
    else
        pn->type->backward(pn->cfg, &io);
    add_temps(p, st, i);
    return SN_OK;
}

static void zero_grads(const sn_plan *p, const sn_step *st) {
    if (p->opts.dtype == SN_F64) {
        sn_vec_fill_f64(p->opts.pool, st->grads, 0, p->model->slab_count);
    } else {
        sn_vec_fill_f32(p->opts.pool, st->grads, 0, p->model->slab_count);
    }
}

static sn_status add_penalties(const sn_plan *p, const sn_step *st, sn_err *e) {
    const sn_model *m = p->model;
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *q = &m->params[i];
        if (!q->trainable || !q->spec.regularizer) continue;
        if (st->late_penalties && sn_param_penalty_is_local(q)) continue;
        sn_status s =
            sn_regularizer_prepare(q->spec.regularizer, p->opts.dtype, q->count, true, p->opts.pool, e);
        if (s != SN_OK) return s;
        const sn_regularizer_type *t = sn_regularizer_in(q->spec.regularizer->desc, p->opts.dtype);
        t->grad(q->spec.regularizer->cfg, slab_at(p, st->grads, q->offset), slab_at(p, st->params, q->offset),
                q->count, 1.0, p->opts.pool);
    }
    return SN_OK;
}

static void mark_live(sn_plan *p, const sn_inject *inject) {
    for (int i = 0; i < p->model->nnode; i++) p->nodes[i].live = !inject || i == inject->node;
    for (int i = inject ? inject->node : -1; i >= 0; i--) {
        const sn_node *n = &p->model->nodes[i];
        for (int j = 0; j < n->nin && p->nodes[i].live; j++) p->nodes[n->in[j]].live = true;
    }
}

void sn_exec_backward_begin(sn_plan *p, const sn_step *st) {
    mark_live(p, st->inject);
    double start = sn_exec_clock(st->times);
    if (st->grads) zero_grads(p, st);
    sn_exec_add_time(st->times, SN_TIME_CLEAR, start);
}

sn_status sn_exec_backward_node(sn_plan *p, const sn_step *st, int i, sn_err *e) {
    sn_status s = cancelled(p, e);
    if (s != SN_OK || !p->nodes[i].needs) return s;
    int group = p->nodes[i].group;
    if (group >= 0 && i != p->groups[group].last) return SN_OK; /* ran with the last */
    if (!p->nodes[i].live) {
        pass_zeros(p, st, i);
        return SN_OK;
    }
    put_injected(p, st, i);
    if (i != p->model->input) {
        double start = sn_exec_clock(st->times);
        s = backward_of(p, st, i, e);
        if (st->times) add_node_time(st->times, st->times->backward, timed_node(p, i), start);
    } else if (st->visit && st->visit->output_grad) {
        sn_shape shape = sn_shape_with_batch(&p->model->nodes[i].out, st->n);
        st->visit->output_grad(st->visit->ctx, i, sn_plan_at(p, p->nodes[i].dy), &shape);
    }
    return s;
}

sn_status sn_exec_backward(sn_plan *p, const sn_step *st, bool penalties, sn_err *e) {
    sn_exec_backward_begin(p, st);
    for (int i = p->model->nnode - 1; i >= 0; i--) {
        sn_status s = sn_exec_backward_node(p, st, i, e);
        if (s != SN_OK) return s;
    }
    double start = sn_exec_clock(st->times);
    sn_status s = penalties && st->grads ? add_penalties(p, st, e) : SN_OK;
    sn_exec_add_time(st->times, SN_TIME_PENALTIES, start);
    return s == SN_OK ? cancelled(p, e) : s;
}

/* ---- after the step ---- */

void sn_exec_commit(sn_plan *p, const sn_step *st, void *params) {
    const sn_model *m = p->model;
    for (int i = 0; i < m->nnode; i++) {
        const sn_node *n = &m->nodes[i];
        const sn_layer *l = &m->layers[n->layer];
        if (i == m->input || n->is_activation || !p->nodes[i].type->commit) continue;
        sn_io io = sn_exec_io(p, st, i, false);
        for (int k = 0; k < l->nparam; k++) {
            const sn_param *q = &m->params[l->first_param + k];
            if (!q->spec.trainable) io.stat[k] = slab_at(p, params, q->offset);
        }
        p->nodes[i].type->commit(p->nodes[i].cfg, &io);
    }
}

bool sn_exec_has_grad(const sn_plan *p, int node) { return p->nodes[node].needs; }

const void *sn_exec_tap(const sn_plan *p, int node, bool grad) {
    const sn_plan_node *pn = &p->nodes[node];
    if (node == p->model->input) return grad ? sn_plan_at(p, pn->dy) : p->x;
    if (grad) return pn->tap_dy ? sn_plan_at(p, pn->dy) : NULL;
    return pn->tap_y ? sn_plan_at(p, pn->y) : NULL;
}

const void *sn_exec_input_grad(const sn_plan *p) {
    return p->opts.input_grad ? sn_plan_at(p, p->nodes[p->model->input].dy) : NULL;
}
