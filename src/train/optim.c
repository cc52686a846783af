#include "train/optim.h"

#include "num/vec.h"
#include <math.h>
#include <string.h>

/* Elements of a cell of the update's grid, and of the part of it whose clipped gradients lie on the stack. */
enum { CELL = SN_CHUNK, CLIPPED = 1024 };

static double norm_of(const sn_trainer *t, const float *grads, int i) {
    const sn_param *p = &t->model->params[i];
    const float *g = grads + p->offset;
    return sqrt(sn_vec_dot_f32(t->pool, g, g, p->count));
}

/* keras/src/optimizers/base_optimizer.py: clip_by_global_norm. A norm that is not finite makes every gradient
 * NaN rather than hiding it. */
static double global_scale(const sn_trainer *t, const float *grads, double clip) {
    double sum = 0;
    for (int i = 0; i < t->model->nparam; i++) {
        if (!t->model->params[i].trainable) continue;
        double n = norm_of(t, grads, i);
        sum += n * n;
    }
    double norm = sqrt(sum), a = 1 / norm, b = 1 / clip;
    return clip * (a < b ? a : b) + (norm - norm);
}

sn_status sn_optim_measure(sn_trainer *t, const float *grads, sn_err *e) {
    double *scale = t->clip_scale;
    const sn_optimizer_common *c = t->optimizer->cfg;
    double global = c->global_clipnorm > 0 ? global_scale(t, grads, c->global_clipnorm) : 1;
    for (int i = 0; i < t->model->nparam; i++) {
        scale[i] = global;
        /* _clip_by_norm: g * clipnorm / max(norm, clipnorm); here the divisor, NaN staying NaN. */
        if (c->clipnorm > 0 && t->model->params[i].trainable) {
            double norm = norm_of(t, grads, i);
            scale[i] = norm <= c->clipnorm ? c->clipnorm : norm;
        }
    }
    if (sn_pool_cancelled(t->pool)) return sn_fail(e, SN_ECANCEL, "interrupted");
    return SN_OK;
}

typedef struct {
    sn_trainer *t;
    float *grads;
    const sn_optimizer_type *type;
    double lr;
    bool penalties;
} update_ctx;

static int64_t cells_of(const sn_param *p) {
    return p->trainable ? (int64_t)((p->count + CELL - 1) / CELL) : 0;
}

static void clip_part(const sn_optimizer_common *c, float *out, const float *g, size_t n, double scale) {
    float by = (float)c->clipnorm, divisor = (float)scale, limit = (float)c->clipvalue;
    if (c->clipnorm > 0) {
        for (size_t i = 0; i < n; i++) out[i] = g[i] * by / divisor;
    } else if (c->global_clipnorm > 0) {
        for (size_t i = 0; i < n; i++) out[i] = g[i] * divisor;
    } else {
        for (size_t i = 0; i < n; i++) out[i] = g[i] > limit ? limit : g[i] < -limit ? -limit : g[i];
    }
}

/* g: the gradients of elements [from, from + n) of the slab; step: of the parameter's own, from 1. */
static void update_part(const update_ctx *u, const float *g, size_t from, size_t n, int64_t step) {
    sn_trainer *t = u->t;
    const sn_optimizer_common *c = t->optimizer->cfg;
    float *state[SN_MAXSTATE] = { 0 }, *w = t->model->slab + from;
    for (int k = 0; k < t->nstate; k++) state[k] = t->state[k] + from;
    if (c->weight_decay > 0) {
        float wd = (float)c->weight_decay, lr = (float)u->lr;
        for (size_t i = 0; i < n; i++) w[i] -= w[i] * wd * lr;
    }
    u->type->update(t->optimizer->cfg, w, g, state, n, u->lr, step);
}

static bool clips(const sn_optimizer_common *c) {
    return c->clipnorm > 0 || c->global_clipnorm > 0 || c->clipvalue > 0;
}

bool sn_optim_takes_penalties(const sn_trainer *t) { return !clips(t->optimizer->cfg); }

/* The cells of all parameters, one parameter after the other: one region for many small ones. */
static void update_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const update_ctx *u = ctx;
    const sn_trainer *t = u->t;
    const sn_optimizer_common *c = t->optimizer->cfg;
    int i = 0;
    while (cell >= cells_of(&t->model->params[i])) cell -= cells_of(&t->model->params[i++]);
    const sn_param *p = &t->model->params[i];
    int64_t step = t->iterations + 1 - t->start[i];
    size_t n = p->count - (size_t)cell * CELL, from = p->offset + (size_t)cell * CELL;
    if (n > CELL) n = CELL;
    float *g = u->grads + from;
    if (u->penalties && sn_param_penalty_is_local(p)) sn_param_add_penalty_part(p, g, t->model->slab + from, n);
    if (!clips(c)) {
        update_part(u, g, from, n, step);
        return;
    }
    float clipped[CLIPPED];
    for (size_t at = 0; at < n; at += CLIPPED) {
        size_t len = n - at < CLIPPED ? n - at : CLIPPED;
        clip_part(c, clipped, g + at, len, t->clip_scale[i]);
        update_part(u, clipped, from + at, len, step);
    }
}

void sn_optim_apply(sn_trainer *t, float *grads, bool penalties) {
    update_ctx u = {
        .t = t, .grads = grads, .type = sn_trainer_optimizer(t), .lr = sn_trainer_lr(t), .penalties = penalties
    };
    int64_t cells = 0;
    for (int i = 0; i < t->model->nparam; i++) {
        const sn_param *p = &t->model->params[i];
        if (!p->trainable) t->start[i] += p->spec.trainable; /* a frozen parameter makes no step */
        cells += cells_of(p);
    }
    sn_parallel_always(t->pool, cells, update_cell, &u);
}

bool sn_optim_scale(const sn_trainer *t, float *out) {
    const sn_optimizer_type *type = sn_trainer_optimizer(t);
    const sn_model *m = t->model;
    if (!type || !type->scale || !t->state[0] || t->iterations < 1) return false;
    for (size_t i = 0; i < m->slab_count; i++) out[i] = 1;
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *p = &m->params[i];
        float *state[SN_MAXSTATE] = { 0 };
        if (!p->trainable || p->count == 0) continue;
        if (t->iterations <= t->start[i]) return false;
        for (int k = 0; k < t->nstate; k++) state[k] = t->state[k] + p->offset;
        type->scale(t->optimizer->cfg, out + p->offset, state, p->count, t->iterations - t->start[i]);
    }
    return true;
}
