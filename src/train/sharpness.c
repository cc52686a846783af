#include "train/sharpness.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/vec.h"
#include <math.h>
#include <string.h>

typedef struct {
    sn_scout *s;
    const sn_sharpness_opts *o;
    float *u;  /* the vector; u . u = 1 */
    float *hu; /* the product */
    float *up, *down;
    size_t n;
    double weights; /* norm of what is trained */
    double loss;    /* the data loss at the origin */
    double at;      /* present estimate of the largest size of an eigenvalue; 0 = none */
    int64_t samples;
} search;

static sn_pool *pool_of(const search *q) { return q->s->trainer->pool; }

static sn_status cancelled(const search *q, sn_err *e) {
    return sn_pool_cancelled(pool_of(q)) ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}

/* ---- products ---- */

/* How far the differences go along a unit vector. A step of cbrt(2^-24) of the weights' norm balances the
 * rounding of float32 against the cubic term. Where the loss is curved so strongly that half of lambda step^2
 * were more than a two-hundredth of the loss itself, the gradient is no straight line over that step, and a
 * shorter one is taken; not shorter than rounding allows. */
static double step_length(const search *q, double lambda) {
    const double most = 3.9e-3, least = 2e-4;
    double norm = q->weights > 0 ? q->weights : 1, step = most * norm;
    if (lambda > 0 && q->loss > 0) step = fmin(step, 0.1 * sqrt(q->loss / lambda));
    return fmax(step, least * norm);
}

typedef struct {
    const search *q;
    float *y;
    const float *a, *b;
    float by;
} range_ctx;

/* slab = origin + by * u / sqrt(scale) */
static void perturb_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    const float *scale = c->q->o->scale, *u = c->q->u;
    for (size_t i = from; i < to; i++)
        c->y[i] = c->a[i] + c->by * (scale && u[i] != 0 ? u[i] / sqrtf(scale[i]) : u[i]);
}

static double squares_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    double sum = 0;
    for (size_t i = from; i < to; i++)
        if (c->a[i] != 0) sum += (double)c->a[i] * (double)c->a[i] / (double)c->b[i];
    return sum;
}

/* y += by * (a - b) / sqrt(scale) */
static void difference_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    const float *scale = c->q->o->scale;
    for (size_t i = from; i < to; i++) {
        float d = c->by * (c->a[i] - c->b[i]);
        c->y[i] += scale && d != 0 ? d / sqrtf(scale[i]) : d;
    }
}

static sn_status slope_at(search *q, const sn_batch *b, double step, float *grads, sn_err *e) {
    range_ctx c = { .q = q, .y = q->s->model->slab, .a = q->s->origin, .by = (float)step };
    sn_for_ranges(pool_of(q), q->n, SN_CHUNK, perturb_range, &c);
    return sn_scout_slope(q->s, b, grads, e);
}

/* hu = H u: (g(w + step z) - g(w - step z)) / 2 step, averaged over the batches. */
static sn_status multiply(search *q, sn_err *e) {
    sn_pool *pool = pool_of(q);
    double length = 1;
    if (q->o->scale) {
        range_ctx c = { .q = q, .a = q->u, .b = q->o->scale };
        length = sqrt(sn_sum_ranges(pool, q->n, SN_CHUNK, squares_range, &c));
    }
    double step = step_length(q, q->at / (length * length)) / length;
    sn_vec_fill_f32(pool, q->hu, 0, q->n);
    sn_status st = sn_scout_rewind(q->s, e);
    for (sn_batch b; st == SN_OK;) {
        st = sn_scout_next(q->s, &b, e);
        if (st != SN_OK || b.n == 0) break;
        st = slope_at(q, &b, step, q->up, e);
        if (st == SN_OK) st = slope_at(q, &b, -step, q->down, e);
        if (st != SN_OK) break;
        double share = (double)b.n / (double)q->samples;
        range_ctx c = { .q = q, .y = q->hu, .a = q->up, .b = q->down, .by = (float)(share / (2 * step)) };
        sn_for_ranges(pool, q->n, SN_CHUNK, difference_range, &c);
    }
    return st == SN_OK ? cancelled(q, e) : st;
}

/* ---- iteration ---- */

typedef struct {
    double value, residual, size; /* size: ||H u|| */
    int iterations;
    bool converged;
} outcome;

typedef struct {
    float *u;
    const float *hu;
    float shift;
    double value;
} next_ctx;

static void next_range(void *ctx, size_t from, size_t to) {
    const next_ctx *c = ctx;
    for (size_t i = from; i < to; i++) c->u[i] = c->hu[i] - c->shift * c->u[i];
}

static double residual_range(void *ctx, size_t from, size_t to) {
    const next_ctx *c = ctx;
    double sum = 0;
    for (size_t i = from; i < to; i++) {
        double d = c->hu[i] - c->value * c->u[i];
        sum += d * d;
    }
    return sum;
}

static sn_status first_vector(search *q, sn_err *e) {
    memset(q->u, 0, q->n * sizeof(float));
    sn_rng rng = sn_rng_make(q->o->seed, SN_STREAM_VALLEY, 0);
    for (int i = 0; i < q->s->model->nparam; i++) {
        const sn_param *p = &q->s->model->params[i];
        for (size_t k = p->offset; p->trainable && k < p->offset + p->count; k++)
            q->u[k] = (float)sn_rng_normal(&rng);
    }
    double norm = sqrt(sn_vec_dot_f32(pool_of(q), q->u, q->u, q->n));
    if (!(norm > 0)) return sn_fail(e, SN_EINVAL, "no weight of the model is trainable");
    sn_vec_affine_f32(pool_of(q), q->u, q->u, (float)(1 / norm), 0, q->n);
    return cancelled(q, e);
}

/* Power iteration for the eigenvalue of H that is furthest from shift. */
static sn_status iterate(search *q, double shift, outcome *r, sn_err *e) {
    sn_pool *pool = pool_of(q);
    *r = (outcome){ .residual = INFINITY };
    sn_status st = first_vector(q, e);
    while (st == SN_OK && r->iterations < q->o->iterations && !r->converged) {
        st = multiply(q, e);
        if (st != SN_OK) break;
        r->iterations++;
        next_ctx c = { .u = q->u, .hu = q->hu, .shift = (float)shift };
        c.value = r->value = sn_vec_dot_f32(pool, q->u, q->hu, q->n);
        double rest = sqrt(sn_sum_ranges(pool, q->n, SN_CHUNK, residual_range, &c));
        r->size = sqrt(sn_vec_dot_f32(pool, q->hu, q->hu, q->n));
        st = cancelled(q, e);
        if (st != SN_OK) break;
        if (!isfinite(rest) || !isfinite(r->size))
            return sn_fail(e, SN_EINVAL, "the gradient near these weights is not finite");
        r->residual = r->value != 0 ? rest / fabs(r->value) : rest > 0 ? INFINITY : 0;
        r->converged = r->residual <= q->o->tolerance;
        q->at = fmax(q->at, r->size);
        if (r->converged) break;
        sn_for_ranges(pool, q->n, SN_CHUNK, next_range, &c);
        double norm = sqrt(sn_vec_dot_f32(pool, q->u, q->u, q->n));
        if (norm == 0) break; /* H u = shift u: there is nothing else */
        sn_vec_affine_f32(pool, q->u, q->u, (float)(1 / norm), 0, q->n);
        st = cancelled(q, e);
    }
    return st;
}

static sn_status find(search *q, sn_sharpness *out, sn_err *e) {
    outcome r;
    sn_status st = iterate(q, 0, &r, e);
    if (st != SN_OK) return st;
    out->iterations = r.iterations;
    if (r.value < 0) {
        out->has_lowest = true;
        out->lowest = r.value;
        out->lowest_residual = r.residual;
        double shift = -fmax(-r.value, r.size);
        st = iterate(q, shift, &r, e);
        if (st != SN_OK) return st;
        out->iterations += r.iterations;
    }
    out->value = r.value;
    out->residual = r.residual;
    out->converged = r.converged;
    return SN_OK;
}

sn_status sn_sharpness_find(sn_scout *s, const sn_sharpness_opts *o, sn_sharpness *out, sn_err *e) {
    *out = (sn_sharpness){ 0 };
    sn_losses l;
    sn_status st = sn_scout_point(s, 0, 0, &l, e);
    if (st != SN_OK) return st;
    out->data = l.data;
    out->n = l.n;
    if (!isfinite(l.total))
        return sn_fail(e, SN_EINVAL, "the loss of these weights is %s", isnan(l.total) ? "nan" : "infinite");
    size_t n = s->model->slab_count;
    float *block = sn_alloc(4 * n * sizeof(float), "the sharpness: four vectors as large as the weights", e);
    if (!block) return SN_ENOMEM;
    search q = { .s = s,
                 .o = o,
                 .n = n,
                 .u = block,
                 .hu = block + n,
                 .up = block + 2 * n,
                 .down = block + 3 * n,
                 .weights = sqrt(sn_scout_dot(s, s->origin, s->origin)),
                 .loss = fabs(l.data),
                 .samples = l.n };
    st = find(&q, out, e);
    sn_free(block);
    return sn_scout_settle(s, st);
}
