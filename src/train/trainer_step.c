/* Single batches through a compiled model: gradients, steps, evaluation, prediction; and those who look on. */
#include "num/vec.h"
#include "train/optim.h"
#include "train/trainer_impl.h"
#include <string.h>

/* ---- those who look on ---- */

void sn_trainer_observe(sn_trainer *t, sn_observer *o) {
    sn_observer **end = &t->observers;
    while (*end) end = &(*end)->next;
    o->next = NULL;
    *end = o;
}

void sn_trainer_unobserve(sn_trainer *t, const sn_observer *o) {
    for (sn_observer **p = &t->observers; *p; p = &(*p)->next) {
        if (*p != o) continue;
        *p = o->next;
        return;
    }
}

/* Settled before the step, so that an observer sees all of it or nothing. *inside: does one look at tensors? */
static bool choose_observers(sn_trainer *t, bool *inside) {
    bool any = false;
    *inside = false;
    for (sn_observer *o = t->observers; o; o = o->next) {
        o->on = !o->wants || o->wants(o->ctx, t);
        any |= o->on;
        *inside |= o->on && (o->visit.output || o->visit.output_grad);
    }
    return any;
}

static void visit_output(void *ctx, int node, const void *y, const sn_shape *shape) {
    const sn_trainer *t = ctx;
    for (const sn_observer *o = t->observers; o; o = o->next)
        if (o->on && o->visit.output) o->visit.output(o->ctx, node, y, shape);
}

static void visit_output_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    const sn_trainer *t = ctx;
    for (const sn_observer *o = t->observers; o; o = o->next)
        if (o->on && o->visit.output_grad) o->visit.output_grad(o->ctx, node, dy, shape);
}

static void tell_begin(const sn_trainer *t, const sn_sight *s) {
    for (const sn_observer *o = t->observers; o; o = o->next)
        if (o->on && o->begin) o->begin(o->ctx, s);
}

/* Does any of them halt the step? All are told. */
static bool tell_gradients(const sn_trainer *t, const sn_sight *s) {
    bool halt = false;
    for (const sn_observer *o = t->observers; o; o = o->next)
        if (o->on && o->gradients) halt |= o->gradients(o->ctx, s);
    return halt;
}

static void tell_updated(const sn_trainer *t, const sn_sight *s) {
    for (const sn_observer *o = t->observers; o; o = o->next)
        if (o->on && o->updated) o->updated(o->ctx, s);
}

static bool wants_before(const sn_trainer *t) {
    bool wanted = t->keep_before;
    for (const sn_observer *o = t->observers; o; o = o->next) wanted |= o->on && o->before;
    return wanted;
}

/* ---- one batch ---- */

/* The flag goes down with the report, so that the next call works. */
static sn_status settle(sn_trainer *t, sn_status s) {
    if (s == SN_ECANCEL) sn_pool_clear_cancel(t->pool);
    return s;
}

/* Penalties of the weights as they are: Keras adds those seen before the update. */
static sn_status add_penalty(sn_trainer *t, sn_times *times, sn_losses *l, sn_err *e) {
    double start = sn_exec_clock(times);
    sn_status s = sn_model_penalty(t->model, t->model->slab, t->layer_penalty, t->pool, &l->penalty, e);
    if (s != SN_OK) return s;
    sn_exec_add_time(times, SN_TIME_PENALTIES, start);
    if (sn_pool_cancelled(t->pool)) return sn_fail(e, SN_ECANCEL, "interrupted");
    l->total = l->data + l->penalty + l->activity;
    return SN_OK;
}

static sn_status compute_gradients(sn_trainer *t, const sn_step *st, const float *y, const sn_shape *y_shape,
                                   bool penalties, sn_losses *l, sn_err *e) {
    *l = (sn_losses){ .n = st->n };
    t->before = NULL;                                 /* its place is being written */
    if (!t->next_grads && t->grads_id) t->grads_id++; /* and theirs */
    t->plan_uses++;
    sn_status s = sn_exec_forward(t->plan, st, e);
    if (s == SN_OK) {
        size_t count = (size_t)(sn_shape_count(sn_model_output_shape(t->model)) * st->n);
        memcpy(t->outputs, sn_exec_output(t->plan), count * sizeof(float)); /* backward may write over them */
        s = sn_exec_loss(t->plan, st, t->loss, y_shape, y, &l->data, &l->activity, NULL, e);
    }
    if (s == SN_OK) s = sn_exec_backward(t->plan, st, penalties, e);
    return s == SN_OK ? add_penalty(t, st->times, l, e) : s;
}

/* Where the present step's gradients go. */
static float *new_grads(const sn_trainer *t) { return t->next_grads ? t->next_grads : t->grads; }

/* They are whole. */
static void settle_grads(sn_trainer *t) {
    float *g = t->grads;
    if (t->next_grads) {
        t->grads = t->next_grads;
        t->next_grads = g;
    }
    t->grads_id++;
    t->grads_gone = false;
}

static sn_step training_step(const sn_trainer *t, int64_t n, const float *x) {
    return (sn_step){ .params = t->model->slab,
                      .grads = new_grads(t),
                      .n = n,
                      .x = x,
                      .train = true,
                      .seed = t->seed,
                      .step = (uint64_t)t->iterations,
                      .times = t->times };
}

sn_status sn_trainer_gradients(sn_trainer *t, int64_t n, const float *x, const float *y,
                               const sn_shape *y_shape, bool penalties, sn_losses *l, sn_err *e) {
    sn_status s = sn_trainer_check_batch(t, n, y, y_shape, e);
    if (s == SN_OK) s = sn_trainer_prepare(t, n, true, false, e);
    if (s != SN_OK) return s;
    sn_step st = training_step(t, n, x);
    st.times = NULL; /* it is no step */
    s = compute_gradients(t, &st, y, y_shape, penalties, l, e);
    if (s == SN_OK) {
        settle_grads(t);
    }
    return settle(t, s);
}

/* ---- a step ---- */

typedef struct {
    float *to;
    const float *from;
    size_t n;
} copy_ctx;

enum { COPY_CELL = 16 * SN_CHUNK };

static void copy_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const copy_ctx *c = ctx;
    size_t at = (size_t)cell * COPY_CELL, n = c->n - at < COPY_CELL ? c->n - at : COPY_CELL;
    memcpy(c->to + at, c->from + at, n * sizeof(float));
}

/* The weights as the step saw them take the place of the gradients before the last ones. */
static void keep_weights(sn_trainer *t) {
    copy_ctx c = { t->grads, t->model->slab, t->model->slab_count };
    sn_parallel_always(t->pool, (int64_t)((c.n + COPY_CELL - 1) / COPY_CELL), copy_cell, &c);
}

/* The part of a step that is made whole, whatever happens. */
static void finish_step(sn_trainer *t, const sn_step *st, sn_sight *sight) {
    bool keep = t->next_grads && wants_before(t);
    double start = sn_exec_clock(t->times);
    if (keep) keep_weights(t);
    sn_optim_apply(t, new_grads(t), st->late_penalties);
    sn_exec_add_time(t->times, SN_TIME_UPDATE, start);
    start = sn_exec_clock(t->times);
    sn_exec_commit(t->plan, st, t->model->slab);
    sn_exec_add_time(t->times, SN_TIME_STATISTICS, start);
    settle_grads(t);
    t->before = keep ? t->next_grads : NULL;
    if (sight->trainer) {
        sight->weights = t->before;
        sight->previous = NULL;
        sight->after = t->model->slab;
        tell_updated(t, sight);
    }
    t->iterations++;
}

static sn_sight sight_of(const sn_trainer *t, const sn_step *st, const float *y, const sn_losses *l) {
    return (sn_sight){ .trainer = t,
                       .weights = t->model->slab,
                       .grads = new_grads(t),
                       .previous = t->grads_id && t->next_grads && !t->grads_gone ? t->grads : NULL,
                       .lr = sn_trainer_lr(t),
                       .data = l->data,
                       .penalty = l->penalty,
                       .activity = l->activity,
                       .n = st->n,
                       .x = st->x,
                       .y = y };
}

/* Everything of a step that can still be taken back. */
static sn_status try_step(sn_trainer *t, const sn_step *st, const float *y, const sn_shape *y_shape,
                          bool watched, sn_losses *l, sn_sight *sight, sn_err *e) {
    if (watched) {
        *l = (sn_losses){ .n = st->n };
        *sight = sight_of(t, st, y, l);
        sight->grads = NULL;
        tell_begin(t, sight);
    }
    sn_status s = compute_gradients(t, st, y, y_shape, true, l, e);
    double start = sn_exec_clock(t->times);
    if (s == SN_OK) s = sn_optim_measure(t, new_grads(t), e);
    if (s == SN_OK) s = sn_trainer_prepare_metrics(t, st->n, e);
    sn_exec_add_time(t->times, SN_TIME_UPDATE, start);
    if (s != SN_OK || !watched) return s;
    *sight = sight_of(t, st, y, l);
    return tell_gradients(t, sight) ? sn_fail(e, SN_EHALT, "halted before the update") : SN_OK;
}

static void count_step(sn_times *times, int64_t n, double start) {
    if (!times) return;
    times->step += sn_exec_clock(times) - start;
    times->steps++;
    times->samples += n;
}

static void update_metrics(sn_trainer *t, int64_t n, const float *y) {
    double start = sn_exec_clock(t->times);
    sn_trainer_update_metrics(t, n, t->outputs, y);
    sn_exec_add_time(t->times, SN_TIME_METRICS, start);
}

sn_status sn_trainer_step(sn_trainer *t, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          sn_losses *l, sn_err *e) {
    sn_status s = sn_trainer_check_batch(t, n, y, y_shape, e);
    bool inside, watched = choose_observers(t, &inside);
    if (s == SN_OK) s = sn_trainer_prepare(t, n, true, inside, e);
    if (s != SN_OK) return s;
    sn_visitor eyes = { t, visit_output, visit_output_grad };
    sn_sight sight = { 0 };
    sn_step st = training_step(t, n, x);
    st.visit = inside ? &eyes : NULL;
    st.late_penalties = !watched && sn_optim_takes_penalties(t); /* who looks on sees whole gradients */
    double start = sn_exec_clock(t->times);
    s = try_step(t, &st, y, y_shape, watched, l, &sight, e);
    if (s == SN_OK) {
        finish_step(t, &st, &sight);
        update_metrics(t, n, y);
        count_step(t->times, n, start);
    }
    return settle(t, s);
}

sn_status sn_trainer_eval(sn_trainer *t, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          sn_losses *l, sn_err *e) {
    sn_status s = sn_trainer_check_batch(t, n, y, y_shape, e);
    if (s == SN_OK) s = sn_trainer_prepare(t, n, false, false, e);
    if (s != SN_OK) return s;
    sn_step st = { .params = t->model->slab, .n = n, .x = x };
    *l = (sn_losses){ .n = n };
    s = sn_exec_forward(t->plan, &st, e);
    if (s == SN_OK) s = sn_exec_loss(t->plan, &st, t->loss, y_shape, y, &l->data, &l->activity, NULL, e);
    if (s == SN_OK) s = add_penalty(t, NULL, l, e);
    if (s == SN_OK) s = sn_trainer_prepare_metrics(t, n, e);
    if (s == SN_OK) sn_trainer_update_metrics(t, n, sn_exec_output(t->plan), y);
    return settle(t, s);
}

sn_status sn_trainer_predict(sn_trainer *t, int64_t n, const float *x, const float **out, sn_err *e) {
    *out = NULL;
    sn_status s = sn_trainer_prepare(t, n, false, false, e);
    if (s != SN_OK) return s;
    sn_step st = { .params = t->model->slab, .n = n, .x = x, .times = t->times };
    double start = sn_exec_clock(t->times);
    s = settle(t, sn_exec_forward(t->plan, &st, e));
    if (s != SN_OK) return s;
    *out = sn_exec_output(t->plan);
    count_step(t->times, n, start);
    return SN_OK;
}

sn_status sn_trainer_each(sn_trainer *t, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          double *each, const float **out, sn_err *e) {
    *out = NULL;
    sn_status s = sn_trainer_check_batch(t, n, y, y_shape, e);
    if (s == SN_OK) s = sn_trainer_prepare(t, n, false, false, e);
    if (s != SN_OK) return s;
    sn_step st = { .params = t->model->slab, .n = n, .x = x };
    double data, activity;
    s = sn_exec_forward(t->plan, &st, e);
    if (s == SN_OK) s = sn_exec_loss(t->plan, &st, t->loss, y_shape, y, &data, &activity, each, e);
    if (s == SN_OK) *out = sn_exec_output(t->plan);
    return settle(t, s);
}
