#include "nn/gradcheck_model.h"

#include "base/mem.h"
#include "nn/exec.h"
#include "nn/objects.h"
#include <math.h>

typedef struct {
    const sn_gradcheck *o;
    sn_plan *plan;
    double *params, *grads, *x, *y;
    sn_step step;
    double scale; /* below it a gradient counts as nothing */
    sn_err *e;
} job;

static double *doubles(const float *from, size_t n, sn_err *e) {
    double *to = sn_alloc((n + 1) * sizeof *to, "gradient check", e);
    for (size_t i = 0; to && i < n; i++) to[i] = from ? (double)from[i] : 0;
    return to;
}

static sn_status penalty_of(const job *j, double *sum) {
    const sn_model *m = j->o->model;
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *p = &m->params[i];
        if (!p->trainable || !p->spec.regularizer) continue;
        sn_status s = sn_regularizer_prepare(p->spec.regularizer, SN_F64, p->count, false, j->o->pool, j->e);
        if (s != SN_OK) return s;
        const sn_regularizer_type *t = sn_regularizer_in(p->spec.regularizer->desc, SN_F64);
        *sum += t->value(p->spec.regularizer->cfg, j->params + p->offset, p->count, j->o->pool);
    }
    return SN_OK;
}

static sn_status loss_of(job *j, double *total) {
    double data, activity;
    sn_status s = sn_exec_forward(j->plan, &j->step, j->e);
    if (s == SN_OK)
        s = sn_exec_loss(j->plan, &j->step, j->o->loss, j->o->target, j->y, &data, &activity, NULL, j->e);
    if (s != SN_OK) return s;
    *total = data + activity;
    return penalty_of(j, total);
}

typedef struct {
    double central, left, right; /* derivatives */
} slopes;

static sn_status differences(job *j, double *w, double h, double here, slopes *d) {
    double was = *w, up, down;
    *w = was + h;
    double above = *w;
    sn_status s = loss_of(j, &up);
    *w = was - h;
    double below = *w;
    if (s == SN_OK) s = loss_of(j, &down);
    *w = was;
    if (s != SN_OK) return s;
    *d = (slopes){ (up - down) / (above - below), (here - down) / (was - below), (up - here) / (above - was) };
    return SN_OK;
}

static double error_of(const job *j, double a, double b) {
    return fabs(a - b) / fmax(fmax(fabs(a), fabs(b)), j->scale);
}

/* The two sides of a smooth place come together as the step shrinks, those of a corner do not. */
static bool is_corner(const slopes *wide, const slopes *narrow, double tolerance, double scale) {
    double gap = fabs(narrow->right - narrow->left), before = fabs(wide->right - wide->left);
    return gap > tolerance * fmax(fabs(narrow->central), scale) && gap > 0.3 * before;
}

static sn_status check_element(job *j, const sn_param *p, int64_t i, double here, sn_param_check *c) {
    double *w = j->params + p->offset + i, g = j->grads[p->offset + (size_t)i], h = 1e-5 * fmax(1, fabs(*w));
    slopes wide, d;
    sn_status s = differences(j, w, h, here, &wide);
    if (s != SN_OK) return s;
    double err = error_of(j, g, wide.central), best = wide.central;
    /* Something near a corner is smooth on a smaller scale. */
    for (int k = 0; k < 2 && !(err <= j->o->tolerance); k++) {
        h /= 10;
        s = differences(j, w, h, here, &d);
        if (s != SN_OK) return s;
        double again = error_of(j, g, d.central);
        if (again < err) err = again, best = d.central;
        if (k == 1 && err > j->o->tolerance && is_corner(&wide, &d, j->o->tolerance, j->scale)) {
            c->kinks++;
            return SN_OK;
        }
    }
    c->wrong += !(err <= j->o->tolerance);
    if (err <= c->error && c->worst >= 0) return SN_OK;
    c->error = err;
    c->worst = i;
    c->analytic = g;
    c->numeric = best;
    return SN_OK;
}

static sn_status check_param(job *j, int k, double here, sn_param_check *c) {
    const sn_param *p = &j->o->model->params[k];
    int64_t count = (int64_t)p->count, n = count < j->o->elements ? count : j->o->elements;
    *c = (sn_param_check){ .worst = -1 };
    if (!p->trainable) return SN_OK;
    double most = 0;
    for (size_t i = 0; i < p->count; i++) most = fmax(most, fabs(j->grads[p->offset + i]));
    j->scale = fmax(1e-3 * most, 1e-7);
    for (int64_t i = 0; i < n; i++) {
        sn_status s = check_element(j, p, i * count / n, here, c);
        if (s != SN_OK) return s;
        c->checked++;
    }
    return SN_OK;
}

static sn_status run(job *j, sn_param_check *out) {
    double here;
    sn_status s = loss_of(j, &here);
    if (s == SN_OK) s = sn_exec_backward(j->plan, &j->step, true, j->e);
    if (s != SN_OK) return s;
    if (!isfinite(here))
        return sn_fail(j->e, SN_EINVAL, "gradcheck: the loss is %s; there is no gradient to check",
                       isnan(here) ? "nan" : "infinite");
    for (int k = 0; k < j->o->model->nparam && s == SN_OK; k++) s = check_param(j, k, here, &out[k]);
    return s;
}

sn_status sn_gradcheck_model(const sn_gradcheck *o, sn_param_check *out, sn_err *e) {
    const sn_model *m = o->model;
    job j = { .o = o, .e = e };
    size_t nx = (size_t)(o->n * sn_shape_count(sn_model_input_shape(m)));
    size_t ny = (size_t)(o->n * sn_shape_count(o->target));
    sn_plan_opts po = { .mode = SN_PLAN_TRAIN, .batch = o->n, .dtype = SN_F64, .pool = o->pool };
    sn_status s = sn_plan_build(&j.plan, m, &po, e);
    bool ok = s == SN_OK && (j.params = doubles(m->slab, m->slab_count, e)) &&
              (j.grads = doubles(NULL, m->slab_count, e)) && (j.x = doubles(o->x, nx, e)) &&
              (j.y = doubles(o->y, ny, e));
    if (s == SN_OK && !ok) s = SN_ENOMEM;
    j.step = (sn_step){ .params = j.params,
                        .grads = j.grads,
                        .n = o->n,
                        .x = j.x,
                        .train = true,
                        .seed = o->seed,
                        .step = o->step };
    if (s == SN_OK) s = run(&j, out);
    sn_plan_free(j.plan);
    sn_free(j.params);
    sn_free(j.grads);
    sn_free(j.x);
    sn_free(j.y);
    return s;
}
