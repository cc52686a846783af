#include "train/sharpness.h"

#include "base/mem.h"
#include "base/rng.h"
#include "num/eigen.h"
#include "num/vec.h"
#include <math.h>
#include <string.h>

/* Vectors of one search, and what products need. */
enum { X, HX, W, HW, P, HP, NVECTOR };

typedef struct {
    sn_scout *s;
    const sn_sharpness_opts *o;
    float *v[NVECTOR]; /* x . x = 1, w and p as the iteration wants them; an H: the product with it */
    double *base, *at, *up, *down; /* the point; weights of a gradient; two gradients */
    bool has_p;
    size_t n;
    double sign; /* -1: of -H */
    double step; /* how far the differences go along a unit vector */
    int64_t samples;
} search;

static sn_pool *pool_of(const search *q) { return q->s->trainer->pool; }

static sn_status cancelled(const search *q, sn_err *e) {
    return sn_pool_cancelled(pool_of(q)) ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}

/* For loops over weights: asks now and then. */
static bool stopped(const search *q, size_t i) { return i % (1 << 16) == 0 && sn_pool_cancelled(pool_of(q)); }

/* ---- products ---- */

/* Lengths, of the weights' norm. A difference so short is as good as a derivative (the cubic term is 1e-20 of
 * the linear one, rounding 1e-6), and hardly any activation passes its kink within it; each that does would add
 * the whole jump of its slope over that length. */
static const double relative_step = 1e-10;
/* Some stand at a kink exactly: black pixels under a bias of zero. So the Hessian is that of a point beside the
 * weights, each parameter moved at random by this length. */
static const double relative_shift = 1e-6;

typedef struct {
    const search *q;
    const float *u;
    float *hu;
    double by;
} range_ctx;

/* at = base + by * u / sqrt(scale) */
static void perturb_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    const float *scale = c->q->o->scale;
    for (size_t i = from; i < to; i++) {
        double u = (double)c->u[i];
        if (scale && u != 0) u /= sqrt((double)scale[i]);
        c->q->at[i] = c->q->base[i] + c->by * u;
    }
}

/* Of u / sqrt(scale). */
static double squares_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    const float *scale = c->q->o->scale;
    double sum = 0;
    for (size_t i = from; i < to; i++)
        if (c->u[i] != 0) sum += (double)c->u[i] * (double)c->u[i] / (double)scale[i];
    return sum;
}

/* hu += by * (up - down) / sqrt(scale) */
static void difference_range(void *ctx, size_t from, size_t to) {
    const range_ctx *c = ctx;
    const float *scale = c->q->o->scale;
    for (size_t i = from; i < to; i++) {
        double d = c->by * (c->q->up[i] - c->q->down[i]);
        if (scale && d != 0) d /= sqrt((double)scale[i]);
        c->hu[i] += (float)d;
    }
}

static sn_status slope_at(search *q, const sn_batch *b, const float *u, double step, double *grads, sn_err *e) {
    double data;
    range_ctx c = { .q = q, .u = u, .by = step };
    sn_for_ranges(pool_of(q), q->n, SN_CHUNK, perturb_range, &c);
    return sn_scout_slope(q->s, b, q->at, grads, &data, e);
}

/* hu = sign H u: (g(w + step z) - g(w - step z)) / 2 step, averaged over the batches; z = u / sqrt(scale). */
static sn_status multiply(search *q, const float *u, float *hu, sn_err *e) {
    sn_pool *pool = pool_of(q);
    range_ctx c = { .q = q, .u = u, .hu = hu };
    double length = q->o->scale ? sqrt(sn_sum_ranges(pool, q->n, SN_CHUNK, squares_range, &c)) : 1;
    double step = q->step / length;
    sn_vec_fill_f32(pool, hu, 0, q->n);
    sn_status st = sn_scout_rewind(q->s, e);
    for (sn_batch b; st == SN_OK;) {
        st = sn_scout_next(q->s, &b, e);
        if (st != SN_OK || b.n == 0) break;
        st = slope_at(q, &b, u, step, q->up, e);
        if (st == SN_OK) st = slope_at(q, &b, u, -step, q->down, e);
        if (st != SN_OK) break;
        c.by = q->sign * (double)b.n / (double)q->samples / (2 * step);
        sn_for_ranges(pool, q->n, SN_CHUNK, difference_range, &c);
    }
    if (st == SN_OK) st = cancelled(q, e);
    if (st != SN_OK) return st;
    if (isfinite(sn_vec_dot_f32(pool, hu, hu, q->n))) return SN_OK;
    return sn_fail(e, SN_EINVAL, "the gradient near these weights is not finite");
}

/* ---- iteration ---- */

static double dot(const search *q, int a, int b) { return sn_vec_dot_f32(pool_of(q), q->v[a], q->v[b], q->n); }
static void scale(const search *q, int a, double by) {
    sn_vec_affine_f32(pool_of(q), q->v[a], q->v[a], (float)by, 0, q->n);
}
static void subtract(const search *q, int a, double by, int b) {
    sn_vec_axpy_f32(pool_of(q), q->v[a], (float)-by, q->v[b], q->n);
}

/* A normal vector of that length on the elements of a parameter. Ctrl-C ends it early. */
static void random_part(const search *q, sn_rng *rng, double *y, size_t n, double length) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (stopped(q, i)) return;
        y[i] = sn_rng_normal(rng);
        sum += y[i] * y[i];
    }
    for (size_t i = 0; i < n && sum > 0; i++) y[i] *= length / sqrt(sum);
}

static sn_status choose_base(search *q, double weights, sn_err *e) {
    const sn_model *m = q->s->model;
    sn_rng rng = sn_rng_make(q->o->seed, SN_STREAM_VALLEY, 1);
    for (int i = 0; i < m->nparam; i++)
        if (m->params[i].trainable)
            random_part(q, &rng, q->base + m->params[i].offset, m->params[i].count, relative_shift * weights);
    for (size_t i = 0; i < q->n; i++) q->base[i] += (double)q->s->origin[i];
    q->step = relative_step * weights;
    return cancelled(q, e);
}

static sn_status first_vector(search *q, sn_err *e) {
    float *x = q->v[X];
    memset(x, 0, q->n * sizeof *x);
    sn_rng rng = sn_rng_make(q->o->seed, SN_STREAM_VALLEY, 0);
    for (int i = 0; i < q->s->model->nparam; i++) {
        const sn_param *p = &q->s->model->params[i];
        for (size_t k = p->offset; p->trainable && k < p->offset + p->count && !stopped(q, k); k++)
            x[k] = (float)sn_rng_normal(&rng);
    }
    if (cancelled(q, e) != SN_OK) return SN_ECANCEL;
    double norm = sqrt(dot(q, X, X));
    if (!(norm > 0)) return sn_fail(e, SN_EINVAL, "no weight of the model is trainable");
    scale(q, X, 1 / norm);
    q->has_p = false;
    return multiply(q, x, q->v[HX], e);
}

/* The residual into w; its length. */
static double residual(search *q, double value) {
    memcpy(q->v[W], q->v[HX], q->n * sizeof(float));
    subtract(q, W, value, X);
    return sqrt(dot(q, W, W));
}

/* p orthogonal to x and w, of length 1, its product along; dropped where nothing is left of it. */
static void orthogonalize(search *q) {
    if (!q->has_p) return;
    double before = sqrt(dot(q, P, P)), with_x = dot(q, P, X), with_w = dot(q, P, W);
    subtract(q, P, with_x, X);
    subtract(q, HP, with_x, HX);
    subtract(q, P, with_w, W);
    subtract(q, HP, with_w, HW);
    double after = sqrt(dot(q, P, P));
    q->has_p = after > 1e-4 * before;
    if (!q->has_p) return;
    scale(q, P, 1 / after);
    scale(q, HP, 1 / after);
}

typedef struct {
    float *x, *p;
    const float *w;
    float by_x, by_w, by_p;
} combine_ctx;

static void combine_range(void *ctx, size_t from, size_t to) {
    const combine_ctx *c = ctx;
    for (size_t i = from; i < to; i++) {
        float move = c->by_w * c->w[i] + (c->by_p != 0 ? c->by_p * c->p[i] : 0);
        c->p[i] = move;
        c->x[i] = c->by_x * c->x[i] + move;
    }
}

/* x to the best vector in the span of x, w and p, which are orthonormal; p to the move. */
static void best_of_three(search *q, double value) {
    int dims = q->has_p ? 3 : 2, best = 0;
    const int at[3] = { X, W, P }, with[3] = { HX, HW, HP };
    double a[9], c[9];
    for (int i = 0; i < dims; i++)
        for (int j = 0; j <= i; j++)
            a[i * dims + j] = a[j * dims + i] = (dot(q, at[i], with[j]) + dot(q, at[j], with[i])) / 2;
    a[0] = value;
    sn_eigen_symmetric(dims, a, c);
    for (int i = 1; i < dims; i++)
        if (a[i * dims + i] > a[best * dims + best]) best = i;
    combine_ctx m = { q->v[X],
                      q->v[P],
                      q->v[W],
                      (float)c[best],
                      (float)c[dims + best],
                      q->has_p ? (float)c[2 * dims + best] : 0 };
    sn_for_ranges(pool_of(q), q->n, SN_CHUNK, combine_range, &m);
    m.x = q->v[HX];
    m.p = q->v[HP];
    m.w = q->v[HW];
    sn_for_ranges(pool_of(q), q->n, SN_CHUNK, combine_range, &m);
    double norm = sqrt(dot(q, X, X));
    scale(q, X, 1 / norm);
    scale(q, HX, 1 / norm);
    q->has_p = true;
}

/* One product with the residual, and the step that it makes possible. */
static sn_status advance(search *q, double value, double rest, sn_err *e) {
    scale(q, W, 1 / rest);
    subtract(q, W, dot(q, W, X), X);
    scale(q, W, 1 / sqrt(dot(q, W, W)));
    sn_status st = multiply(q, q->v[W], q->v[HW], e);
    if (st != SN_OK) return st;
    orthogonalize(q);
    best_of_three(q, value);
    return cancelled(q, e);
}

/* The largest eigenvalue of sign H. Products with what moved are sums of those before: at the end one is made
 * anew, so that the residual is a measured one. */
static sn_status iterate(search *q, double sign, sn_eigenvalue *r, sn_err *e) {
    q->sign = sign;
    *r = (sn_eigenvalue){ .iterations = 1 };
    sn_status st = first_vector(q, e);
    for (bool fresh = true; st == SN_OK;) {
        double value = dot(q, X, HX), rest = residual(q, value);
        st = cancelled(q, e);
        if (st != SN_OK) break;
        r->value = sign * value;
        r->residual = value != 0 ? rest / fabs(value) : rest > 0 ? INFINITY : 0;
        r->converged = r->residual <= q->o->tolerance;
        bool end = r->converged || r->iterations >= q->o->iterations - 1;
        if (end && fresh) break;
        r->iterations++;
        st = end ? multiply(q, q->v[X], q->v[HX], e) : advance(q, value, rest, e);
        fresh = end;
        if (end) q->has_p = false;
    }
    return st;
}

/* Samples and the mean data loss where the scout stands. */
static sn_status measure(search *q, sn_sharpness *out, sn_err *e) {
    double sum = 0, data;
    sn_batch b = { 0 };
    range_ctx c = { .q = q, .u = q->v[X] };
    sn_for_ranges(pool_of(q), q->n, SN_CHUNK, perturb_range, &c);
    sn_status st = sn_scout_rewind(q->s, e);
    while (st == SN_OK && (st = sn_scout_next(q->s, &b, e)) == SN_OK && b.n > 0) {
        st = sn_scout_slope(q->s, &b, q->at, q->up, &data, e);
        sum += (double)b.n * data;
        out->n += b.n;
    }
    if (st == SN_OK) st = cancelled(q, e);
    if (st != SN_OK) return st;
    if (out->n == 0) return sn_fail(e, SN_EINVAL, "not one sample of the dataset can be read");
    out->data = sum / (double)out->n;
    q->samples = out->n;
    if (isfinite(out->data)) return SN_OK;
    return sn_fail(e, SN_EINVAL, "the loss of these weights is %s", isnan(out->data) ? "nan" : "infinite");
}

sn_status sn_sharpness_find(sn_scout *s, const sn_sharpness_opts *o, sn_sharpness *out, sn_err *e) {
    *out = (sn_sharpness){ 0 };
    size_t n = s->model->slab_count;
    double weights = sqrt(sn_scout_dot(s, s->origin, s->origin));
    float *vectors = sn_calloc(NVECTOR * n + 1, sizeof *vectors, "the sharpness: six vectors", e);
    double *slabs = vectors ? sn_calloc(4 * n + 1, sizeof *slabs, "the sharpness: gradients", e) : NULL;
    search q = { .s = s, .o = o, .n = n };
    if (!slabs) {
        sn_free(vectors);
        return SN_ENOMEM;
    }
    for (size_t k = 0; k < NVECTOR; k++) q.v[k] = vectors + k * n;
    q.base = slabs;
    q.at = slabs + n;
    q.up = slabs + 2 * n;
    q.down = slabs + 3 * n;
    sn_status st = cancelled(&q, e);
    if (st == SN_OK) st = choose_base(&q, weights > 0 ? weights : 1, e);
    if (st == SN_OK) st = measure(&q, out, e);
    if (st == SN_OK) st = iterate(&q, 1, &out->largest, e);
    if (st == SN_OK && o->smallest) st = iterate(&q, -1, &out->smallest, e);
    sn_free(vectors);
    sn_free(slabs);
    return sn_scout_settle(s, st);
}
