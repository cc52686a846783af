#include "train/finite.h"

#include "num/vec.h"
#include <math.h>
#include <stdatomic.h>

/* ---- an array ---- */

enum { CELL = 4 * SN_CHUNK };

typedef struct {
    const sn_kern_f32_table *kern;
    const float *x;
    size_t n;
    atomic_bool bad;
} scan;

static void scan_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    scan *s = ctx;
    size_t from = (size_t)cell * CELL, n = s->n - from < CELL ? s->n - from : CELL;
    if (atomic_load_explicit(&s->bad, memory_order_relaxed)) return; /* which of them found it is no matter */
    if (!s->kern->all_finite(s->x + from, n)) atomic_store_explicit(&s->bad, true, memory_order_relaxed);
}

/* Not the cancellable one: half a scan would call everything finite. */
static bool all_finite(sn_pool *pool, const float *x, size_t n) {
    scan s = { .kern = sn_kern_f32(), .x = x, .n = n };
    sn_parallel_always(pool, (int64_t)((n + CELL - 1) / CELL), scan_cell, &s);
    return !atomic_load(&s.bad);
}

static int64_t first_bad(const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return i;
    return n - 1; /* not reached: all_finite has seen one */
}

/* ---- tensors ---- */

/* x: (n, shape) */
static void look_at_samples(sn_finite *f, sn_finite_what what, int node, const float *x, int64_t n,
                            const sn_shape *shape) {
    int64_t row = sn_shape_count(shape);
    if (f->find.found || all_finite(f->t->pool, x, (size_t)(n * row))) return;
    int64_t at = first_bad(x, n * row);
    f->find = (sn_finite_find){ .found = true,
                                .what = what,
                                .node = node,
                                .param = -1,
                                .shape = *shape,
                                .sample = at / row,
                                .at = at % row,
                                .value = x[at],
                                .iterations = f->t->iterations };
}

/* A slab of the model's layout. What lies between the parameters is zero. */
static void look_at_params(sn_finite *f, sn_finite_what what, const float *slab) {
    const sn_model *m = f->t->model;
    if (f->find.found || all_finite(f->t->pool, slab, m->slab_count)) return;
    for (int i = 0; i < m->nparam && !f->find.found; i++) {
        const sn_param *p = &m->params[i];
        const float *x = slab + p->offset;
        if (p->count == 0 || sn_kern_f32()->all_finite(x, p->count)) continue;
        int64_t at = first_bad(x, (int64_t)p->count);
        f->find = (sn_finite_find){ .found = true,
                                    .what = what,
                                    .node = -1,
                                    .param = i,
                                    .shape = p->spec.shape,
                                    .sample = -1,
                                    .at = at,
                                    .value = x[at],
                                    .iterations = f->t->iterations };
    }
}

/* ---- the losses ---- */

static sn_finite_find loss_find(const sn_finite *f, sn_finite_what what, int64_t sample, double value) {
    return (sn_finite_find){ .found = true,
                             .what = what,
                             .node = -1,
                             .param = -1,
                             .sample = sample,
                             .value = value,
                             .iterations = f->t->iterations };
}

/* The loss comes before its gradients, but is known to us after them. */
static void look_at_loss(sn_finite *f, const sn_sight *s) {
    if ((f->find.found && f->find.what < SN_FINITE_LOSS) || isfinite(s->data)) return;
    int64_t per, i = 0;
    const double *each = sn_exec_losses(f->t->plan, &per);
    int64_t rows = per * s->n;
    while (i < rows && isfinite(each[i])) i++;
    /* Each of them may be finite and their sum not. */
    f->find =
        i < rows ? loss_find(f, SN_FINITE_LOSS, i / per, each[i]) : loss_find(f, SN_FINITE_LOSS, -1, s->data);
}

static void look_at_penalty(sn_finite *f, const sn_sight *s) {
    double v = s->penalty + s->activity;
    if (!f->find.found && !isfinite(v)) f->find = loss_find(f, SN_FINITE_PENALTY, -1, v);
}

/* ---- the observer ---- */

static bool wants(void *ctx, const sn_trainer *t) {
    sn_finite *f = ctx;
    f->find = (sn_finite_find){ 0 };
    f->t = t;
    return t->iterations != f->pass;
}

static void begin(void *ctx, const sn_sight *s) {
    sn_finite *f = ctx;
    const sn_trainer *t = f->t;
    look_at_samples(f, SN_FINITE_X, -1, s->x, s->n, sn_model_input_shape(t->model));
    look_at_samples(f, SN_FINITE_Y, -1, s->y, s->n, &t->target);
    look_at_params(f, SN_FINITE_WEIGHT, s->weights);
}

static void output(void *ctx, int node, const void *y, const sn_shape *shape) {
    sn_shape sample = sn_shape_sample(shape);
    look_at_samples(ctx, SN_FINITE_OUTPUT, node, y, shape->d[0], &sample);
}

static void output_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    sn_shape sample = sn_shape_sample(shape);
    look_at_samples(ctx, SN_FINITE_OUTPUT_GRAD, node, dy, shape->d[0], &sample);
}

static bool gradients(void *ctx, const sn_sight *s) {
    sn_finite *f = ctx;
    look_at_loss(f, s);
    look_at_params(f, SN_FINITE_GRAD, s->grads);
    look_at_penalty(f, s);
    return f->find.found;
}

static void updated(void *ctx, const sn_sight *s) { look_at_params(ctx, SN_FINITE_UPDATED, s->after); }

void sn_finite_init(sn_finite *f) {
    *f = (sn_finite){ .pass = -1 };
    f->observer = (sn_observer){ .ctx = f,
                                 .wants = wants,
                                 .begin = begin,
                                 .visit = { f, output, output_grad },
                                 .gradients = gradients,
                                 .updated = updated };
}

void sn_finite_pass(sn_finite *f) {
    if (f->find.found && f->find.what != SN_FINITE_UPDATED) f->pass = f->find.iterations;
}
