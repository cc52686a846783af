#include "train/probing.h"

#include "base/mem.h"

/* ---- the last step ---- */

static sn_status want_step(const sn_measure *m, const sn_run *r, sn_err *e) {
    const char *name = m->probe->desc->name;
    if (!sn_run_has_stepped(r))
        return sn_fail(e, SN_EINVAL, "%s: no step was made yet; r:step() makes one", name);
    if (sn_run_has_gradients(r)) return SN_OK;
    return sn_fail(
        e, SN_EINVAL,
        "%s: another batch took the place of the last step's (train_on_batch, gradients_on_batch or another "
        "run of the model); r:step() makes the next step",
        name);
}

static sn_status want_before(const sn_measure *m, const sn_trainer *t, sn_err *e) {
    if (t->before) return SN_OK;
    return sn_fail(
        e, SN_EINVAL,
        "%s: the weights that the last step saw were not kept, as it stands within an epoch of r:finish() or "
        "r:epoch(); r:step() makes a step that keeps them",
        m->probe->desc->name);
}

static sn_status last_scene(sn_measure *m, sn_run *r, sn_err *e) {
    sn_scene scene;
    sn_status s = sn_scene_last(r, &scene, e);
    return s == SN_OK ? sn_probe_scene(m, sn_run_trainer(r), &scene, NULL, e) : s;
}

sn_status sn_probe_last(sn_measure *m, sn_run *r, sn_err *e) {
    const sn_trainer *t = sn_run_trainer(r);
    unsigned sees = m->type->sees;
    if (sees & SN_SEES_PREVIOUS)
        return sn_fail(e, SN_EINVAL,
                       "%s: compares successive steps; r:record{ \"%s\" } measures them as they come",
                       m->probe->desc->name, m->probe->desc->name);
    sn_status s = sees ? want_step(m, r, e) : SN_OK;
    bool weights =
        (sees & (SN_SEES_BEFORE | SN_SEES_OUTPUT | SN_SEES_OUTPUT_GRAD)) || sn_probe_wants_penalty(m);
    if (s == SN_OK && weights) s = want_before(m, t, e);
    if (s != SN_OK) return s;
    if (sees & (SN_SEES_OUTPUT | SN_SEES_OUTPUT_GRAD)) return last_scene(m, r, e);
    sn_sight sight = { .trainer = t, .weights = t->before, .grads = t->grads, .after = t->model->slab };
    sn_measure_gradients(m, &sight);
    sn_measure_updated(m, &sight);
    return SN_OK;
}

/* ---- any batch ---- */

bool sn_probe_of_scene(const sn_measure *m) {
    return !(m->type->sees & (SN_SEES_PREVIOUS | SN_SEES_BEFORE | SN_SEES_LOSS));
}

static void see_output(void *ctx, int node, const void *y, const sn_shape *shape) {
    sn_measure_output(ctx, node, y, shape);
}
static void see_output_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    sn_measure_output_grad(ctx, node, dy, shape);
}

/* What a look leaves out: the gradients of the weights' penalties. */
static sn_status add_penalties(const sn_trainer *t, const sn_scene *scene, float *grads, sn_err *e) {
    for (int i = 0; i < t->model->nparam; i++) {
        size_t at = t->model->params[i].offset;
        sn_status s = sn_param_add_penalty_grad(t->model, i, grads + at, scene->weights + at, t->pool, e);
        if (s != SN_OK) return s;
    }
    if (!sn_pool_cancelled(t->pool)) return SN_OK;
    sn_pool_clear_cancel(t->pool);
    return sn_fail(e, SN_ECANCEL, "interrupted");
}

sn_status sn_probe_scene(sn_measure *m, sn_trainer *t, const sn_scene *scene, float *grads, sn_err *e) {
    unsigned sees = m->type->sees;
    sn_visitor v = { m, sees & SN_SEES_OUTPUT ? see_output : NULL,
                     sees & SN_SEES_OUTPUT_GRAD ? see_output_grad : NULL };
    sn_look_opts o = { .visit = &v,
                       .backward = (sees & (SN_SEES_GRADS | SN_SEES_OUTPUT_GRAD)) != 0,
                       .grads = sees & SN_SEES_GRADS ? grads : NULL };
    sn_status s = sn_look(t, scene, &o, NULL, e);
    if (s == SN_OK && o.grads) s = add_penalties(t, scene, grads, e);
    if (s != SN_OK) return s;
    sn_sight sight = {
        .trainer = t, .weights = scene->weights, .grads = grads, .n = scene->n, .x = scene->x, .y = scene->y
    };
    if (o.grads) sn_measure_gradients(m, &sight);
    if (!sees) sn_measure_updated(m, &sight);
    if (!m->again) m->n += scene->n;
    return SN_OK;
}
