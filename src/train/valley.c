#include "train/valley.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/vec.h"
#include "train/trainer_impl.h"
#include <math.h>
#include <string.h>

/* ---- making and ending ---- */

static sn_status check_data(const sn_trainer *t, const sn_dataset *d, sn_err *e) {
    char a[96], b[96];
    const sn_shape *want = sn_model_input_shape(t->model);
    if (!t->loss) return sn_fail(e, SN_EINVAL, "model: not compiled; call m:compile{...} first");
    if (!d->has_y) return sn_fail(e, SN_EINVAL, "the dataset has no labels");
    if (d->count < 1) return sn_fail(e, SN_EINVAL, "the dataset has no samples");
    if (sn_shape_equal(want, &d->x_shape)) return SN_OK;
    return sn_fail(e, SN_ESHAPE, "samples of the dataset have shape %s, but the model wants %s",
                   sn_shape_text(&d->x_shape, false, a, sizeof a), sn_shape_text(want, false, b, sizeof b));
}

static sn_status copy_model(sn_scout *s, const sn_trainer *t, sn_err *e) {
    sn_status st = sn_model_clone(&s->model, t->model, e);
    if (st == SN_OK) st = sn_trainer_clone(&s->trainer, s->model, t, false, e);
    if (st != SN_OK) return st;
    size_t n = s->model->slab_count;
    s->origin = sn_alloc(n * sizeof(float), "the weights", e);
    if (!s->origin) return SN_ENOMEM;
    memcpy(s->origin, s->model->slab, n * sizeof(float));
    return SN_OK;
}

static sn_status set_up(sn_scout *s, sn_err *e) {
    sn_loader_opts lo = { .batch_size = s->o.batch_size, .shuffle = true, .seed = s->o.seed };
    sn_plan_opts po = { .mode = s->o.train || s->o.slopes ? SN_PLAN_TRAIN : SN_PLAN_INFER,
                        .batch = s->o.batch_size,
                        .dtype = s->o.slopes ? SN_F64 : SN_F32,
                        .pool = s->trainer->pool };
    sn_status st = sn_trainer_check_target(s->trainer, &s->data->y_shape, e);
    size_t each = (size_t)(sn_shape_count(&s->data->x_shape) + sn_shape_count(&s->data->y_shape));
    if (st == SN_OK && s->o.slopes) {
        s->xy = sn_calloc((size_t)s->o.batch_size * each, sizeof(double), "a batch in double precision", e);
        if (!s->xy) st = SN_ENOMEM;
    }
    if (st == SN_OK) st = sn_plan_build(&s->plan, s->model, &po, e);
    if (st == SN_OK && sn_pool_cancelled(po.pool)) st = sn_fail(e, SN_ECANCEL, "interrupted");
    return st == SN_OK ? sn_loader_new(&s->loader, s->data, &lo, e) : st;
}

sn_status sn_scout_new(sn_scout **out, const sn_trainer *t, sn_dataset *d, const sn_scout_opts *o, sn_err *e) {
    *out = NULL;
    sn_status st = check_data(t, d, e);
    if (st != SN_OK) return st;
    sn_scout *s = sn_calloc(1, sizeof *s, "landscape", e);
    if (!s) return SN_ENOMEM;
    s->o = *o;
    if (s->o.batch_size > d->count) s->o.batch_size = d->count;
    s->data = sn_dataset_retain(d);
    st = copy_model(s, t, e);
    if (st == SN_OK && sn_pool_cancelled(t->pool)) st = sn_fail(e, SN_ECANCEL, "interrupted");
    if (st == SN_OK) st = set_up(s, e);
    if (st == SN_OK) {
        *out = s;
    } else {
        sn_scout_free(s);
    }
    return st;
}

void sn_scout_free(sn_scout *s) {
    if (!s) return;
    sn_loader_free(s->loader);
    if (s->data) sn_dataset_release(s->data);
    sn_plan_free(s->plan);
    sn_trainer_free(s->trainer);
    sn_model_free(s->model);
    sn_free(s->origin);
    sn_free(s->xy);
    for (int k = 0; k < 2; k++) sn_free(s->direction[k]);
    sn_free(s);
}

sn_status sn_scout_settle(sn_scout *s, sn_status st) {
    if (st == SN_ECANCEL) sn_pool_clear_cancel(s->trainer->pool);
    return st;
}

/* ---- batches ---- */

sn_status sn_scout_rewind(sn_scout *s, sn_err *e) { return sn_loader_seek(s->loader, 0, 0, e); }

sn_status sn_scout_next(sn_scout *s, sn_batch *b, sn_err *e) {
    sn_status st = sn_loader_next(s->loader, b, e);
    if (st != SN_OK) return st;
    if (b->n > 0 && s->o.batches > 0 && b->number >= s->o.batches) b->n = 0;
    if (b->n == 0) return SN_OK;
    return sn_trainer_check_batch(s->trainer, b->n, b->y, &s->data->y_shape, e);
}

/* The batch's number is the step of its randomness: each has its own mask, and the same one each time. */
static sn_step step_of(const sn_scout *s, const sn_batch *b) {
    return (sn_step){ .params = s->model->slab,
                      .n = b->n,
                      .x = b->x,
                      .train = s->o.train,
                      .seed = s->o.seed,
                      .step = (uint64_t)b->number };
}

static sn_status run_forward(sn_scout *s, const sn_step *step, const void *y, sn_losses *l, sn_err *e) {
    sn_status st = sn_exec_forward(s->plan, step, e);
    if (st != SN_OK) return st;
    return sn_exec_loss(s->plan, step, s->trainer->loss, &s->data->y_shape, y, &l->data, &l->activity, NULL, e);
}

sn_status sn_scout_slope(sn_scout *s, const sn_batch *b, const double *params, double *grads, double *data,
                         sn_err *e) {
    sn_losses l = { 0 };
    size_t nx = (size_t)(b->n * sn_shape_count(&s->data->x_shape));
    size_t ny = (size_t)(b->n * sn_shape_count(&s->data->y_shape));
    for (size_t i = 0; i < nx; i++) s->xy[i] = (double)b->x[i];
    for (size_t i = 0; i < ny; i++) s->xy[nx + i] = (double)b->y[i];
    sn_step step = step_of(s, b);
    step.params = params;
    step.grads = grads;
    step.x = s->xy;
    sn_status st = run_forward(s, &step, s->xy + nx, &l, e);
    *data = l.data;
    return st == SN_OK ? sn_exec_backward(s->plan, &step, s->o.penalties, e) : st;
}

/* ---- a point ---- */

typedef struct {
    sn_scout *s;
    float a, b;
} point_ctx;

static void point_range(void *ctx, size_t from, size_t to) {
    const point_ctx *c = ctx;
    const float *d0 = c->s->direction[0], *d1 = c->s->direction[1];
    float *w = c->s->model->slab;
    for (size_t i = from; i < to; i++) {
        float v = c->s->origin[i];
        if (d0) v += c->a * d0[i];
        if (d1) v += c->b * d1[i];
        w[i] = v;
    }
}

static sn_status sum_batches(sn_scout *s, sn_losses *sum, sn_err *e) {
    sn_batch b;
    for (;;) {
        sn_status st = sn_scout_next(s, &b, e);
        if (st != SN_OK || b.n == 0) return st;
        sn_losses l = { 0 };
        sn_step step = step_of(s, &b);
        st = run_forward(s, &step, b.y, &l, e);
        if (st == SN_OK) st = sn_trainer_prepare_metrics(s->trainer, b.n, e);
        if (st != SN_OK) return st;
        sn_trainer_update_metrics(s->trainer, b.n, sn_exec_output(s->plan), b.y);
        sum->data += (double)b.n * l.data;
        sum->activity += (double)b.n * l.activity;
        sum->n += b.n;
    }
}

sn_status sn_scout_point(sn_scout *s, double a, double b, sn_losses *l, sn_err *e) {
    sn_pool *pool = s->trainer->pool;
    point_ctx c = { s, (float)a, (float)b };
    *l = (sn_losses){ 0 };
    sn_for_ranges(pool, s->model->slab_count, SN_CHUNK, point_range, &c);
    sn_trainer_reset_metrics(s->trainer);
    double penalty;
    sn_status st = sn_model_penalty(s->model, s->model->slab, NULL, pool, &penalty, e);
    if (st == SN_OK) st = sn_scout_rewind(s, e);
    if (st == SN_OK) st = sum_batches(s, l, e);
    if (st == SN_OK && sn_pool_cancelled(pool)) st = sn_fail(e, SN_ECANCEL, "interrupted");
    if (st == SN_OK && l->n == 0) st = sn_fail(e, SN_EINVAL, "not one sample of the dataset can be read");
    if (st != SN_OK) return sn_scout_settle(s, st);
    l->data /= (double)l->n;
    l->activity /= (double)l->n;
    l->penalty = penalty;
    l->total = l->data + l->penalty + l->activity;
    return SN_OK;
}

/* ---- directions ---- */

float *sn_scout_direction(sn_scout *s, int axis, sn_err *e) {
    if (!s->direction[axis])
        s->direction[axis] = sn_calloc(s->model->slab_count + 1, sizeof(float), "a direction", e);
    return s->direction[axis];
}

double sn_scout_dot(const sn_scout *s, const float *a, const float *b) {
    double sum = 0;
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *p = &s->model->params[i];
        if (p->trainable) sum += sn_vec_dot_f32(s->trainer->pool, a + p->offset, b + p->offset, p->count);
    }
    return sum;
}

typedef struct {
    float *d;
    uint64_t seed, what;
} normal_ctx;

static void normal_range(void *ctx, size_t from, size_t to) {
    const normal_ctx *c = ctx;
    sn_rng rng = sn_rng_make(c->seed, SN_STREAM_VALLEY, sn_mix(c->what, from));
    for (size_t i = from; i < to; i++) c->d[i] = (float)sn_rng_normal(&rng);
}

/* norms: room for two numbers of each filter. A filter of zeros keeps its direction at zero. */
static void normalize_filters(float *d, const float *w, size_t rows, size_t cols, double *norms, float *scale) {
    const sn_kern_f32_table *k = sn_kern_f32();
    memset(norms, 0, 2 * cols * sizeof *norms);
    k->col_dot(norms, d, d, rows, cols);
    k->col_dot(norms + cols, w, w, rows, cols);
    for (size_t c = 0; c < cols; c++) {
        double by = norms[c] > 0 ? sqrt(norms[cols + c] / norms[c]) : 0;
        scale[c] = (float)by;
        scale[cols + c] = 0;
    }
    k->row_affine(d, d, scale, scale + cols, rows, cols);
}

static size_t last_axis(const sn_param *p) { return (size_t)p->spec.shape.d[p->spec.shape.n - 1]; }

sn_status sn_scout_random(sn_scout *s, int axis, uint64_t seed, sn_err *e) {
    float *d = sn_scout_direction(s, axis, e);
    size_t most = 1;
    for (int i = 0; i < s->model->nparam; i++)
        if (s->model->params[i].spec.shape.n > 1 && last_axis(&s->model->params[i]) > most)
            most = last_axis(&s->model->params[i]);
    double *norms = sn_alloc(2 * most * (sizeof(double) + sizeof(float)), "norms of filters", e);
    if (!d || !norms) {
        sn_free(norms);
        return SN_ENOMEM;
    }
    memset(d, 0, s->model->slab_count * sizeof(float));
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *p = &s->model->params[i];
        if (!p->trainable || p->spec.shape.n < 2 || p->count == 0) continue;
        normal_ctx c = { d + p->offset, seed, sn_mix((uint64_t)axis + 1, (uint64_t)i) };
        sn_for_ranges(s->trainer->pool, p->count, SN_CHUNK, normal_range, &c);
        size_t cols = last_axis(p);
        normalize_filters(c.d, s->origin + p->offset, p->count / cols, cols, norms,
                          (float *)(norms + 2 * most));
    }
    sn_free(norms);
    if (sn_pool_cancelled(s->trainer->pool)) return sn_scout_settle(s, sn_fail(e, SN_ECANCEL, "interrupted"));
    return SN_OK;
}

sn_status sn_scout_along(sn_scout *s, int axis, const float *from, sn_err *e) {
    float *d = sn_scout_direction(s, axis, e);
    if (!d) return SN_ENOMEM;
    memset(d, 0, s->model->slab_count * sizeof(float));
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *p = &s->model->params[i];
        for (size_t k = p->offset; p->trainable && k < p->offset + p->count; k++) d[k] = s->origin[k] - from[k];
    }
    return SN_OK;
}
