/* A compiled model: making it, its memory, its targets and metrics. */
#include "train/trainer.h"

#include "base/mem.h"
#include "train/trainer_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const sn_optimizer_type *sn_trainer_optimizer(const sn_trainer *t) {
    return t->optimizer ? (const sn_optimizer_type *)(const void *)t->optimizer->desc : NULL;
}

/* ---- making and ending ---- */

static bool name_taken(const sn_trainer *t, const char *name) {
    if (strcmp(name, "loss") == 0 || strcmp(name, "learning_rate") == 0) return true;
    for (int i = 0; i < t->nmetric; i++)
        if (strcmp(t->metric[i].name, name) == 0) return true;
    return false;
}

/* auc, auc_1, ...: unless the name was given, it is made unique. */
static sn_status add_metric(sn_trainer *t, sn_obj *obj, const char *given, sn_err *e) {
    char name[96];
    snprintf(name, sizeof name, "%s", given ? given : obj->desc->name);
    if (given &&
        (!*given || strlen(given) >= sizeof name || strpbrk(given, "\n\r\"") || strncmp(given, "val_", 4) == 0))
        return sn_fail(e, SN_EINVAL, "compile: \"%.60s\" cannot be the name of a metric", given);
    if (given && name_taken(t, given))
        return sn_fail(e, SN_EINVAL, "compile: two values are called \"%s\"; give the metric another name",
                       given);
    for (int k = 1; name_taken(t, name); k++) snprintf(name, sizeof name, "%.80s_%d", obj->desc->name, k);
    sn_metric *m = &t->metric[t->nmetric];
    m->name = sn_strdup(name, e);
    if (!m->name) return SN_ENOMEM;
    m->obj = sn_obj_retain(obj);
    t->nmetric++;
    return SN_OK;
}

static sn_status compile(sn_trainer *t, sn_obj *loss, sn_obj *optimizer, sn_obj *const *metrics,
                         const char *const *names, int nmetric, sn_err *e) {
    if (!loss != !optimizer)
        return sn_fail(e, SN_EINVAL, "compile: %s is missing", loss ? "optimizer" : "loss");
    if (nmetric > SN_MAXMETRIC)
        return sn_fail(e, SN_EINVAL, "compile: %d metrics; at most %d are possible", nmetric, SN_MAXMETRIC);
    t->loss = sn_obj_retain(loss);
    t->optimizer = sn_obj_retain(optimizer);
    for (int i = 0; i < nmetric; i++) {
        sn_status s = add_metric(t, metrics[i], names ? names[i] : NULL, e);
        if (s != SN_OK) return s;
    }
    t->layer_penalty = sn_calloc((size_t)t->model->nlayer + 1, sizeof(double), "penalties", e);
    t->clip_scale = sn_calloc((size_t)t->model->nparam + 1, sizeof(double), "clipping", e);
    t->start = sn_calloc((size_t)t->model->nparam + 1, sizeof *t->start, "compile", e);
    if (!t->layer_penalty || !t->clip_scale || !t->start) return SN_ENOMEM;
    if (!optimizer) return SN_OK;
    const sn_optimizer_type *type = sn_trainer_optimizer(t);
    const sn_optimizer_common *c = optimizer->cfg;
    t->nstate = type->states ? type->states(c) : type->nstate;
    t->lr = t->external_lr = c->learning_rate.value;
    return SN_OK;
}

sn_status sn_trainer_new(sn_trainer **out, sn_model *model, sn_obj *loss, sn_obj *optimizer,
                         sn_obj *const *metrics, const char *const *metric_names, int nmetric, sn_err *e) {
    *out = NULL;
    sn_trainer *t = sn_calloc(1, sizeof *t, "compile", e);
    if (!t) return SN_ENOMEM;
    t->model = model;
    t->pool = sn_pool_default();
    sn_trainer_follow(t);
    sn_status s = compile(t, loss, optimizer, metrics, metric_names, nmetric, e);
    if (s == SN_OK) {
        *out = t;
    } else {
        sn_trainer_free(t);
    }
    return s;
}

static sn_status copy_state(sn_trainer *t, const sn_trainer *from, sn_err *e) {
    t->iterations = from->iterations;
    t->rate_from = from->rate_from;
    memcpy(t->start, from->start, (size_t)t->model->nparam * sizeof *t->start);
    t->lr = from->lr;
    t->external_lr = from->external_lr;
    if (!from->state[0]) return SN_OK; /* none yet, or none at all */
    sn_status s = sn_trainer_alloc_state(t, e);
    for (int k = 0; k < t->nstate && s == SN_OK; k++)
        if (from->state[k]) memcpy(t->state[k], from->state[k], t->model->slab_count * sizeof(float));
    return s;
}

sn_status sn_trainer_clone(sn_trainer **out, sn_model *model, const sn_trainer *from, bool state, sn_err *e) {
    sn_obj *metrics[SN_MAXMETRIC];
    const char *names[SN_MAXMETRIC];
    for (int i = 0; i < from->nmetric; i++) {
        metrics[i] = from->metric[i].obj;
        names[i] = from->metric[i].name;
    }
    sn_status s = sn_trainer_new(out, model, from->loss, from->optimizer, metrics, names, from->nmetric, e);
    if (s != SN_OK) return s;
    (*out)->seed = from->seed;
    (*out)->pool = from->pool;
    if (state) s = copy_state(*out, from, e);
    if (s == SN_OK) return SN_OK;
    sn_trainer_free(*out);
    *out = NULL;
    return s;
}

void sn_trainer_free(sn_trainer *t) {
    if (!t) return;
    sn_model_unfollow(&t->follower);
    for (int i = 0; i < SN_MAXMETRIC; i++) {
        sn_free(t->metric[i].name);
        sn_free(t->metric[i].state);
        sn_obj_release(t->metric[i].obj);
        sn_obj_release(t->metric[i].resolved);
    }
    for (int i = 0; i < SN_MAXSTATE; i++) sn_free(t->state[i]);
    sn_free(t->grads);
    sn_free(t->next_grads);
    sn_free(t->layer_penalty);
    sn_free(t->clip_scale);
    sn_free(t->start);
    sn_free(t->outputs);
    sn_trainer_drop_plans(t);
    sn_obj_release(t->loss);
    sn_obj_release(t->optimizer);
    sn_free(t);
}

/* ---- memory ---- */

static sn_status want_compiled(const sn_trainer *t, sn_err *e) {
    if (t->loss) return SN_OK;
    return sn_fail(e, SN_EINVAL, "model: not compiled; call m:compile{...} first");
}

static bool keep_gradients;
void sn_trainer_keep_gradients(bool keep) { keep_gradients = keep; }

sn_status sn_trainer_alloc_state(sn_trainer *t, sn_err *e) {
    sn_status s = want_compiled(t, e);
    if (s != SN_OK) return s;
    size_t n = t->model->slab_count ? t->model->slab_count : 1;
    if (!t->grads) t->grads = sn_calloc(n, sizeof(float), "training: gradients", e);
    if (!t->next_grads && (keep_gradients || t->observers || t->keep_before)) {
        t->next_grads = sn_calloc(n, sizeof(float), "training: gradients", e);
        if (!t->next_grads) return SN_ENOMEM;
    }
    if (!t->grads) return SN_ENOMEM;
    return sn_trainer_alloc_optimizer(t, e);
}

sn_status sn_trainer_alloc_optimizer(sn_trainer *t, sn_err *e) {
    size_t n = t->model->slab_count ? t->model->slab_count : 1;
    for (int k = 0; k < t->nstate; k++) {
        if (t->state[k]) continue;
        t->state[k] = sn_calloc(n, sizeof(float), "training: optimizer state", e);
        if (!t->state[k]) return SN_ENOMEM;
        float init = (float)sn_optimizer_state_init(t->optimizer, k);
        for (size_t i = 0; init != 0 && i < n; i++) t->state[k][i] = init;
    }
    return SN_OK;
}

sn_status sn_trainer_want_outputs(sn_trainer *t, int64_t n, sn_err *e) {
    size_t count = (size_t)(sn_shape_count(sn_model_output_shape(t->model)) * n);
    if (count <= t->outputs_count) return SN_OK;
    sn_free(t->outputs);
    t->outputs_count = 0;
    t->outputs = sn_alloc(count * sizeof(float), "training: outputs", e);
    if (!t->outputs) return SN_ENOMEM;
    t->outputs_count = count;
    return SN_OK;
}

/* ---- shapes and metrics ---- */

static const sn_metric_type *metric_type(const sn_obj *o) {
    return (const sn_metric_type *)(const void *)o->desc;
}

/* The metric in force for this target: its object, or what "accuracy" stands for. */
static sn_obj *resolve(const sn_metric *m, const sn_shape *out, const sn_shape *target, sn_err *e) {
    if (strcmp(m->obj->desc->name, "accuracy") != 0) return sn_obj_retain(m->obj);
    sn_obj *o = sn_obj_new(&sn_kind_metric, sn_metric_resolve_accuracy(out, target), e);
    if (o && sn_obj_finish(o, e) != SN_OK) {
        sn_obj_release(o);
        return NULL;
    }
    return o;
}

static sn_status check_metric(sn_metric *m, const sn_shape *out, const sn_shape *target, sn_err *e) {
    sn_obj *o = resolve(m, out, target, e);
    if (!o) return e ? e->code : SN_EINVAL;
    const sn_metric_type *type = metric_type(o);
    sn_status s = type->check_shapes ? type->check_shapes(o->cfg, out, target, e) : SN_OK;
    size_t n = type->state_size(o->cfg);
    double *state = m->state;
    if (s == SN_OK && (!state || n != m->nstate || (m->resolved && m->resolved->desc != o->desc))) {
        state = sn_calloc(n ? n : 1, sizeof *state, m->name, e);
        if (!state) s = SN_ENOMEM;
    }
    if (s != SN_OK) {
        sn_obj_release(o);
        return s;
    }
    if (state != m->state) sn_free(m->state);
    m->state = state;
    m->nstate = n;
    sn_obj_release(m->resolved);
    m->resolved = o;
    return SN_OK;
}

sn_status sn_trainer_check_target(sn_trainer *t, const sn_shape *y, sn_err *e) {
    sn_status s = want_compiled(t, e);
    if (s != SN_OK) return s;
    if (t->target_known && sn_shape_equal(&t->target, y)) return SN_OK;
    const sn_shape *out = sn_model_output_shape(t->model);
    const sn_loss_type *loss = sn_loss_in(t->loss->desc, SN_F32);
    int64_t classes = loss->sparse && out->n > 0 ? out->d[out->n - 1] : 0;
    s = loss->check_shapes(t->loss->cfg, out, y, e);
    if (s == SN_OK && loss->classes) s = loss->classes(t->loss->cfg, out, y, &classes, e);
    t->target_known = false;
    for (int i = 0; i < t->nmetric && s == SN_OK; i++) s = check_metric(&t->metric[i], out, y, e);
    if (s != SN_OK) return s;
    t->target = *y;
    t->classes = classes;
    t->target_known = true;
    return SN_OK;
}

/* The targets that a loss can take: Keras takes others in silence, and learns nothing or nonsense. */
typedef struct {
    float low, high;
    bool whole;
} target_range;

static target_range range_of(const sn_trainer *t) {
    const sn_desc *d = t->loss->desc;
    if (t->classes > 0) return (target_range){ 0, (float)t->classes - 1, true };
    if (strcmp(d->name, "binary_crossentropy") == 0) return (target_range){ 0, 1, false };
    return (target_range){ -INFINITY, INFINITY, false };
}

static bool fits(const target_range *r, float v) {
    return v >= r->low && v <= r->high && (!r->whole || v == truncf(v));
}

static sn_status refuse_target(const sn_trainer *t, const target_range *r, float v, int64_t sample, sn_err *e) {
    bool sparse = sn_loss_in(t->loss->desc, SN_F32)->sparse, written = !sparse && r->whole; /* a Lua function */
    const char *name = written ? "loss" : t->loss->desc->name;
    if (isnan(v))
        return sn_fail(e, SN_EINVAL, "%s: target nan (sample %lld of the batch); the targets need numbers",
                       name, (long long)sample);
    if (v >= r->low && v <= r->high)
        return sn_fail(e, SN_EINVAL,
                       "%s: label %.9g (sample %lld of the batch) is not a whole number; labels are class "
                       "indices from 0",
                       name, (double)v, (long long)sample);
    if (!r->whole)
        return sn_fail(e, SN_EINVAL,
                       "%s: label %.9g (sample %lld of the batch) is outside 0..1; labels are 0 or 1, or "
                       "probabilities",
                       name, (double)v, (long long)sample);
    return sn_fail(e, SN_EINVAL, "%s: label %.9g (sample %lld of the batch) is outside 0..%.0f; %s has %.0f %s",
                   name, (double)v, (long long)sample, (double)r->high,
                   written ? "its one_hot or gather" : "the last layer", (double)r->high + 1,
                   written ? "places" : "units");
}

sn_status sn_trainer_check_batch(sn_trainer *t, int64_t n, const float *y, const sn_shape *y_shape, sn_err *e) {
    sn_status s = sn_trainer_check_target(t, y_shape, e);
    if (s != SN_OK) return s;
    target_range r = range_of(t);
    int64_t per = sn_shape_count(y_shape), bad = 0;
    for (int64_t i = 0; i < n * per; i++) bad += !fits(&r, y[i]);
    for (int64_t i = 0; bad > 0 && i < n * per; i++)
        if (!fits(&r, y[i])) return refuse_target(t, &r, y[i], i / per + 1, e);
    return SN_OK;
}

void sn_trainer_reset_metrics(sn_trainer *t) {
    for (int i = 0; i < t->nmetric; i++)
        if (t->metric[i].state) memset(t->metric[i].state, 0, t->metric[i].nstate * sizeof(double));
}

double sn_trainer_metric(const sn_trainer *t, int i) {
    const sn_metric *m = &t->metric[i];
    return m->state && m->resolved ? metric_type(m->resolved)->result(m->resolved->cfg, m->state) : NAN;
}

sn_status sn_trainer_prepare_metrics(sn_trainer *t, int64_t n, sn_err *e) {
    const sn_shape *os = sn_model_output_shape(t->model);
    int64_t cols = os->n ? os->d[os->n - 1] : 1, per = sn_shape_count(os) / cols;
    sn_status s = SN_OK;
    for (int i = 0; i < t->nmetric && s == SN_OK; i++) {
        const sn_obj *o = t->metric[i].resolved;
        const sn_metric_type *type = metric_type(o);
        if (type->prepare)
            s = type->prepare(o->cfg, (size_t)(n * per), (size_t)cols,
                              (size_t)(sn_shape_count(&t->target) / per), e);
    }
    return s;
}

void sn_trainer_update_metrics(sn_trainer *t, int64_t n, const float *out, const float *y) {
    const sn_shape *os = sn_model_output_shape(t->model);
    int64_t cols = os->n ? os->d[os->n - 1] : 1, per = sn_shape_count(os) / cols;
    size_t rows = (size_t)(n * per), tcols = (size_t)(sn_shape_count(&t->target) / per);
    for (int i = 0; i < t->nmetric; i++) {
        sn_metric *m = &t->metric[i];
        metric_type(m->resolved)->update(m->resolved->cfg, m->state, out, y, rows, (size_t)cols, tcols);
    }
}

double sn_trainer_lr(const sn_trainer *t) {
    if (!t->optimizer) return NAN;
    const sn_rate *r = &((const sn_optimizer_common *)t->optimizer->cfg)->learning_rate;
    if (r->external) return t->external_lr;
    if (!r->schedule) return t->lr;
    const sn_schedule_type *type = (const sn_schedule_type *)(const void *)r->schedule->desc;
    return type->at(r->schedule->cfg, t->iterations - t->rate_from);
}
