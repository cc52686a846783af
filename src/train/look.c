/* Passes that only look. */
#include "train/look.h"

#include "base/mem.h"
#include "train/trainer_impl.h"
#include <string.h>

/* ---- scenes ---- */

static sn_scene scene_of(const sn_run *r, const sn_batch *b, const float *weights, int64_t step) {
    return (sn_scene){ .weights = weights,
                       .n = b->n,
                       .x = b->x,
                       .y = b->y,
                       .y_shape = *sn_run_target_shape(r),
                       .train = true,
                       .seed = sn_run_options(r)->seed,
                       .step = (uint64_t)step };
}

sn_status sn_scene_last(sn_run *r, sn_scene *scene, sn_err *e) {
    const sn_trainer *t = sn_run_trainer(r);
    if (!sn_run_has_stepped(r))
        return sn_fail(e, SN_EINVAL,
                       "run: no step was made yet; r:step() makes one, r:forward() looks into the next");
    if (!sn_run_has_gradients(r))
        return sn_fail(
            e, SN_EINVAL,
            "run: another batch took the place of the last step's (train_on_batch, gradients_on_batch or "
            "another run of the model); r:step() makes the next step, r:forward() looks into it");
    if (!t->before)
        return sn_fail(
            e, SN_EINVAL,
            "run: the weights that the last step saw were not kept, as it stands within an epoch of "
            "r:finish() or r:epoch(); r:step() makes a step that keeps them, r:forward() looks into the "
            "next one");
    const sn_batch *b;
    sn_status s = sn_run_recall_batch(r, &b, e);
    if (s == SN_OK) *scene = scene_of(r, b, t->before, t->iterations - 1);
    return s;
}

sn_status sn_scene_next(sn_run *r, sn_scene *scene, sn_err *e) {
    const sn_trainer *t = sn_run_trainer(r);
    const sn_batch *b;
    sn_status s = sn_run_next_batch(r, &b, e);
    if (s == SN_OK) *scene = scene_of(r, b, t->model->slab, t->iterations);
    return s;
}

sn_scene sn_scene_of(const sn_trainer *t, int64_t n, const float *x, bool train) {
    return (sn_scene){ .weights = t->model->slab,
                       .n = n,
                       .x = x,
                       .train = train,
                       .seed = t->seed,
                       .step = (uint64_t)t->iterations };
}

/* ---- passes ---- */

/* The flag goes down with the report, so that the next call works. */
static sn_status settle(const sn_trainer *t, sn_status s) {
    if (s == SN_ECANCEL) sn_pool_clear_cancel(t->pool);
    return s;
}

static sn_step step_of(const sn_scene *scene, const sn_look_opts *o) {
    return (sn_step){ .params = scene->weights,
                      .grads = o->grads,
                      .n = scene->n,
                      .x = scene->x,
                      .train = scene->train,
                      .seed = scene->seed,
                      .step = scene->step,
                      .visit = o->visit,
                      .inject = o->inject };
}

static sn_status loss_of(sn_trainer *t, sn_plan *plan, const sn_scene *scene, const sn_step *st, sn_losses *l,
                         sn_err *e) {
    *l = (sn_losses){ .n = scene->n };
    sn_status s = sn_exec_loss(plan, st, t->loss, &scene->y_shape, scene->y, &l->data, &l->activity, NULL, e);
    if (s != SN_OK) return s;
    s = sn_model_penalty(t->model, scene->weights, NULL, t->pool, &l->penalty, e);
    if (s != SN_OK) return s;
    l->total = l->data + l->penalty + l->activity;
    return sn_pool_cancelled(t->pool) ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}

static sn_status backward_until(sn_plan *plan, const sn_step *st, int until, int nnode, sn_err *e) {
    sn_exec_backward_begin(plan, st);
    for (int i = nnode - 1; i >= until; i--) {
        sn_status s = sn_exec_backward_node(plan, st, i, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

/* The trainer's plan for that pass, unless one was brought. */
static sn_status borrow_plan(sn_trainer *t, const sn_scene *scene, const sn_look_opts *o, sn_plan **plan,
                             sn_err *e) {
    *plan = o->plan;
    if (*plan) return SN_OK;
    bool train = o->backward || scene->train;
    sn_status s = sn_trainer_prepare(t, scene->n, train, true, e);
    if (s != SN_OK) return s;
    *plan = t->plan;
    t->plan_uses += train;
    return SN_OK;
}

sn_status sn_look(sn_trainer *t, const sn_scene *scene, const sn_look_opts *o, sn_losses *losses, sn_err *e) {
    sn_plan *plan = NULL;
    sn_losses l = { .n = scene->n };
    if (o->backward && !scene->y && !o->inject)
        return sn_fail(e, SN_EINVAL, "looking: without targets there is no loss to go back from");
    sn_status s = scene->y ? sn_trainer_check_batch(t, scene->n, scene->y, &scene->y_shape, e) : SN_OK;
    if (s == SN_OK) s = borrow_plan(t, scene, o, &plan, e);
    if (s != SN_OK) return s;
    sn_step st = step_of(scene, o);
    s = sn_exec_forward(plan, &st, e);
    if (s == SN_OK && scene->y) s = loss_of(t, plan, scene, &st, &l, e);
    if (s == SN_OK && o->backward) s = backward_until(plan, &st, o->until, t->model->nnode, e);
    if (s == SN_OK && sn_pool_cancelled(t->pool)) s = sn_fail(e, SN_ECANCEL, "interrupted");
    if (losses) *losses = l;
    return settle(t, s);
}

sn_status sn_look_plan(sn_plan **plan, sn_trainer *t, int64_t n, bool inputs, int node, sn_err *e) {
    sn_tap tap = { .node = node, .grad = true };
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN,
                       .batch = n,
                       .dtype = SN_F32,
                       .taps = &tap,
                       .ntap = node >= 0,
                       .input_grad = inputs,
                       .pool = t->pool };
    sn_status s = sn_plan_build(plan, t->model, &o, e);
    if (s != SN_ENOMEM) return s;
    sn_trainer_drop_plans(t);
    return sn_plan_build(plan, t->model, &o, e);
}

/* ---- captures ---- */

static void capture(const sn_captures *c, int node, bool grad, const void *from, const sn_shape *shape) {
    for (int i = 0; i < c->n; i++) {
        if (c->list[i].node != node || c->list[i].grad != grad) continue;
        memcpy(c->list[i].to, from, (size_t)sn_shape_count(shape) * sizeof(float));
    }
}

static void capture_output(void *ctx, int node, const void *y, const sn_shape *shape) {
    capture(ctx, node, false, y, shape);
}

static void capture_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    capture(ctx, node, true, dy, shape);
}

sn_visitor sn_capture_visitor(sn_captures *c) {
    return (sn_visitor){ .ctx = c, .output = capture_output, .output_grad = capture_grad };
}

/* ---- places and scores ---- */

int sn_look_node(const sn_model *m, int layer, int call, int *calls) {
    int found = -1, n = 0;
    for (int i = 0; i < m->nnode; i++) {
        if (m->nodes[i].layer != layer || !m->nodes[i].ends_call) continue;
        if (n++ == call) found = i;
    }
    if (calls) *calls = n;
    return found;
}

int sn_look_logits(const sn_model *m) {
    const sn_node *out = &m->nodes[m->output];
    sn_value v;
    if (strcmp(out->obj->desc->name, "activation") != 0 ||
        !sn_obj_get(out->obj, sn_field_find(&sn_kind_layer, out->obj->desc, "activation"), &v))
        return m->output;
    bool ends = strcmp(v.obj->desc->name, "softmax") == 0 || strcmp(v.obj->desc->name, "sigmoid") == 0;
    return ends && out->in[0] != m->input ? out->in[0] : m->output;
}

void sn_look_unit(const sn_model *m, int node, int64_t unit, int64_t n, float *dy) {
    const sn_shape *s = &m->nodes[node].out;
    int64_t cols = s->n ? s->d[s->n - 1] : 1, count = sn_shape_count(s) * n;
    memset(dy, 0, (size_t)count * sizeof *dy);
    for (int64_t i = unit; i < count; i += cols) dy[i] = 1;
}

sn_status sn_look_class_gradient(sn_trainer *t, int64_t n, const float *x, int node, int64_t unit, bool logits,
                                 float *output, float *gradient, sn_err *e) {
    const sn_model *m = t->model;
    int from = logits ? sn_look_logits(m) : m->output;
    size_t each = (size_t)sn_shape_count(&m->nodes[node].out),
           score = (size_t)sn_shape_count(&m->nodes[from].out);
    memset(gradient, 0, each * (size_t)n * sizeof *gradient);
    float *dy = sn_calloc((size_t)n, score * sizeof(float), "looking: the score", e);
    sn_plan *plan = NULL;
    sn_status s = dy ? sn_look_plan(&plan, t, n, false, node, e) : SN_ENOMEM;
    if (s == SN_OK) {
        sn_look_unit(m, from, unit, n, dy);
        sn_capture list[] = { { node, false, output }, { node, true, gradient } };
        sn_captures c = { list, 2 };
        sn_visitor v = sn_capture_visitor(&c);
        sn_inject inject = { from, dy };
        sn_scene scene = sn_scene_of(t, n, x, false);
        sn_look_opts o = { .visit = &v, .backward = true, .inject = &inject, .until = node, .plan = plan };
        s = sn_look(t, &scene, &o, NULL, e);
    }
    sn_plan_free(plan);
    sn_free(dy);
    return s;
}

sn_status sn_look_input_gradient(sn_trainer *t, sn_plan *plan, const sn_scene *scene, const sn_inject *inject,
                                 float *dx, sn_losses *l, sn_err *e) {
    sn_look_opts o = { .backward = true, .inject = inject, .plan = plan };
    sn_status s = sn_look(t, scene, &o, l, e);
    size_t count = (size_t)(sn_shape_count(sn_model_input_shape(t->model)) * scene->n);
    if (s == SN_OK) memcpy(dx, sn_exec_input_grad(plan), count * sizeof *dx);
    return s;
}

/* ---- a step in pieces ---- */

static sn_step walk_step(const sn_walk *w, const sn_scene *scene, const sn_visitor *visit) {
    sn_look_opts o = { .visit = visit, .grads = w->grads };
    return step_of(scene, &o);
}

/* Whatever went wrong, the buffers are not to be trusted any more. */
static sn_status walked(sn_walk *w, sn_status s) {
    if (s != SN_OK) w->uses = 0;
    return settle(w->trainer, s);
}

static sn_status forward_from(sn_walk *w, const sn_step *st, int from, int end, sn_err *e) {
    sn_status s = SN_OK;
    if (from == 0) sn_exec_forward_begin(w->trainer->seen[1], st);
    for (int i = from; i < end && s == SN_OK; i++) s = sn_exec_forward_node(w->trainer->seen[1], st, i, e);
    return s;
}

static sn_status backward_from(sn_walk *w, const sn_step *st, int from, int left, sn_err *e) {
    sn_status s = SN_OK;
    if (from == w->trainer->model->nnode) sn_exec_backward_begin(w->trainer->seen[1], st);
    for (int i = from - 1; i >= left && s == SN_OK; i--)
        s = sn_exec_backward_node(w->trainer->seen[1], st, i, e);
    return s;
}

/* To where it stood, unseen; nothing when the plan still stands there. */
static sn_status catch_up(sn_walk *w, const sn_scene *scene, sn_err *e) {
    sn_trainer *t = w->trainer;
    sn_status s = sn_trainer_check_batch(t, scene->n, scene->y, &scene->y_shape, e);
    if (s == SN_OK) s = sn_trainer_prepare(t, scene->n, true, true, e);
    if (s != SN_OK || (w->uses && w->uses == t->plan_uses && w->edits == t->model->edits)) return s;
    w->uses = ++t->plan_uses;
    w->edits = t->model->edits;
    sn_step st = walk_step(w, scene, NULL);
    s = forward_from(w, &st, 0, w->forward, e);
    if (s == SN_OK && w->has_loss) s = loss_of(t, t->seen[1], scene, &st, &w->losses, e);
    if (s == SN_OK && w->backward) s = backward_from(w, &st, t->model->nnode, w->left, e);
    return s;
}

sn_status sn_walk_forward(sn_walk *w, const sn_scene *scene, int end, const sn_visitor *visit, sn_err *e) {
    if (end <= w->forward) return SN_OK;
    sn_status s = catch_up(w, scene, e);
    sn_step st = walk_step(w, scene, visit);
    if (s == SN_OK) s = forward_from(w, &st, w->forward, end, e);
    if (s == SN_OK) w->forward = end;
    return walked(w, s);
}

sn_status sn_walk_loss(sn_walk *w, const sn_scene *scene, sn_err *e) {
    if (w->has_loss) return SN_OK;
    sn_status s = sn_walk_forward(w, scene, w->trainer->model->nnode, NULL, e);
    if (s == SN_OK) s = catch_up(w, scene, e);
    sn_step st = walk_step(w, scene, NULL);
    if (s == SN_OK) s = loss_of(w->trainer, w->trainer->seen[1], scene, &st, &w->losses, e);
    w->has_loss = s == SN_OK;
    return walked(w, s);
}

sn_status sn_walk_backward(sn_walk *w, const sn_scene *scene, int left, const sn_visitor *visit, sn_err *e) {
    int from = w->backward ? w->left : w->trainer->model->nnode;
    if (left >= from) return SN_OK;
    sn_status s = sn_walk_loss(w, scene, e);
    if (s == SN_OK) s = catch_up(w, scene, e);
    sn_step st = walk_step(w, scene, visit);
    if (s == SN_OK) s = backward_from(w, &st, from, left, e);
    if (s == SN_OK) {
        w->backward = true;
        w->left = left;
    }
    return walked(w, s);
}
