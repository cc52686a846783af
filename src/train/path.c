#include "train/path.h"

#include "base/mem.h"
#include "num/eigen.h"
#include "num/vec.h"
#include <math.h>
#include <string.h>

sn_status sn_path_new(sn_path **out, const sn_model *m, int cap, sn_err *e) {
    *out = NULL;
    if (cap < 4 || cap > SN_MAXPATH)
        return sn_fail(e, SN_EINVAL, "keep_path: room for %d snapshots is outside 4..%d", cap, SN_MAXPATH);
    sn_path *p = sn_calloc(1, sizeof *p, "keep_path", e);
    if (!p) return SN_ENOMEM;
    p->count = m->slab_count;
    p->cap = cap;
    p->every = 1;
    p->slabs = sn_calloc((size_t)cap, (p->count ? p->count : 1) * sizeof(float), "keep_path: snapshots", e);
    if (p->slabs) {
        *out = p;
        return SN_OK;
    }
    sn_path_free(p);
    return SN_ENOMEM;
}

void sn_path_free(sn_path *p) {
    if (!p) return;
    sn_free(p->slabs);
    sn_free(p);
}

static float *snapshot(const sn_path *p, int i) { return p->slabs + (size_t)i * p->count; }

const float *sn_path_at(const sn_path *p, int i) { return snapshot(p, i); }

static void thin_out(sn_path *p) {
    int kept = 0;
    for (int i = 0; i < p->n; i += 2, kept++) {
        if (i != kept) memcpy(snapshot(p, kept), snapshot(p, i), p->count * sizeof(float));
        p->label[kept] = p->label[i];
    }
    p->n = kept;
    p->every *= 2;
}

void sn_path_offer(sn_path *p, const sn_model *m, int64_t label) {
    int64_t number = p->seen++;
    if (number % p->every != 0) return;
    if (p->n == p->cap) thin_out(p);
    if (number % p->every != 0) return;
    memcpy(snapshot(p, p->n), m->slab, p->count * sizeof(float));
    p->label[p->n++] = label;
}

/* ---- dot products of differences from the origin ---- */

/* Entry (i, j) of a grid: rows are snapshots; columns are snapshots too, or directions. */
typedef struct {
    const sn_path *p;
    const sn_scout *s;
    int cols;
    bool gram;
    double *out; /* (n, cols) */
} dots_ctx;

static double dot_of(const sn_scout *s, const float *x, const float *y, bool both) {
    double sum = 0;
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *q = &s->model->params[i];
        for (size_t k = q->offset; q->trainable && k < q->offset + q->count; k++) {
            double o = s->origin[k];
            sum += ((double)x[k] - o) * (both ? (double)y[k] - o : (double)y[k]);
        }
    }
    return sum;
}

static void dots_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const dots_ctx *c = ctx;
    int i = (int)(cell / c->cols), j = (int)(cell % c->cols);
    if (c->gram && j > i) return; /* its mirror image is computed */
    const float *y = c->gram ? snapshot(c->p, j) : c->s->direction[j];
    c->out[cell] = y ? dot_of(c->s, snapshot(c->p, i), y, c->gram) : 0;
}

static sn_status dots(const sn_path *p, sn_scout *s, bool gram, double *out, sn_err *e) {
    dots_ctx c = { p, s, gram ? p->n : 2, gram, out };
    sn_parallel(s->trainer->pool, (int64_t)p->n * c.cols, dots_cell, &c);
    if (sn_pool_cancelled(s->trainer->pool)) return sn_scout_settle(s, sn_fail(e, SN_ECANCEL, "interrupted"));
    for (int i = 0; gram && i < p->n; i++)
        for (int j = i + 1; j < p->n; j++) out[i * p->n + j] = out[j * p->n + i];
    return SN_OK;
}

/* ---- projection ---- */

/* What is left of x - origin beside a d0 + b d1. */
static double rest_of(const sn_scout *s, const float *x, double a, double b) {
    double sum = 0;
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *q = &s->model->params[i];
        for (size_t k = q->offset; q->trainable && k < q->offset + q->count; k++) {
            double v = (double)x[k] - (double)s->origin[k];
            if (s->direction[0]) v -= a * (double)s->direction[0][k];
            if (s->direction[1]) v -= b * (double)s->direction[1][k];
            sum += v * v;
        }
    }
    return sqrt(sum);
}

sn_status sn_path_project(const sn_path *p, sn_scout *s, double *a, double *b, double *far, sn_err *e) {
    double t[SN_MAXPATH * 2];
    sn_status st = dots(p, s, false, t, e);
    if (st != SN_OK) return st;
    const float *d0 = s->direction[0], *d1 = s->direction[1];
    double aa = d0 ? sn_scout_dot(s, d0, d0) : 0, bb = d1 ? sn_scout_dot(s, d1, d1) : 0;
    double ab = d0 && d1 ? sn_scout_dot(s, d0, d1) : 0, det = aa * bb - ab * ab;
    for (int i = 0; i < p->n; i++) {
        double x = t[2 * i], y = t[2 * i + 1];
        bool plane = det > 1e-12 * aa * bb;
        a[i] = plane ? (bb * x - ab * y) / det : aa > 0 ? x / aa : 0;
        b[i] = plane ? (aa * y - ab * x) / det : 0;
        far[i] = rest_of(s, snapshot(p, i), a[i], b[i]);
    }
    return SN_OK;
}

/* ---- principal components ---- */

enum { MAX_POINTS = SN_MAXPATH + 1 };

/* The Gram matrix of the points less their mean: rows and columns are centered. The last point is the origin.
 */
static void center(int n, double *g) {
    double row[MAX_POINTS], all = 0;
    for (int i = 0; i < n; i++) {
        row[i] = 0;
        for (int j = 0; j < n; j++) row[i] += g[i * n + j] / n;
        all += row[i] / n;
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) g[i * n + j] += all - row[i] - row[j];
}

typedef struct {
    const sn_path *p;
    const float *origin;
    float *d;
    size_t base;          /* where the parameter begins */
    const double *weight; /* of the points, the origin's last; their sum is zero */
} combine_ctx;

static void combine_range(void *ctx, size_t from, size_t to) {
    const combine_ctx *c = ctx;
    for (size_t k = c->base + from; k < c->base + to; k++) {
        double sum = 0, o = c->origin[k];
        for (int i = 0; i < c->p->n; i++) sum += c->weight[i] * ((double)snapshot(c->p, i)[k] - o);
        c->d[k] = (float)sum;
    }
}

/* Direction axis = sum over points of weight * (point - origin). */
static sn_status combine(const sn_path *p, sn_scout *s, int axis, const double *weight, sn_err *e) {
    float *d = sn_scout_direction(s, axis, e);
    if (!d) return SN_ENOMEM;
    memset(d, 0, p->count * sizeof(float));
    for (int i = 0; i < s->model->nparam; i++) {
        const sn_param *q = &s->model->params[i];
        combine_ctx c = { p, s->origin, d, q->offset, weight };
        if (q->trainable) sn_for_ranges(s->trainer->pool, q->count, SN_CHUNK, combine_range, &c);
    }
    if (sn_pool_cancelled(s->trainer->pool)) return sn_scout_settle(s, sn_fail(e, SN_ECANCEL, "interrupted"));
    return SN_OK;
}

static int largest(int n, const double *g, int except) {
    int best = -1;
    for (int i = 0; i < n; i++)
        if (i != except && (best < 0 || g[i * n + i] > g[best * n + best])) best = i;
    return best;
}

/* g, v: eigenvalues and eigenvectors of the n points' Gram matrix. */
static sn_status use_components(const sn_path *p, sn_scout *s, int n, int dims, double *share, const double *g,
                                const double *v, sn_err *e) {
    int at = -1;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fmax(g[i * n + i], 0);
    for (int k = 0; k < dims; k++) {
        at = largest(n, g, at);
        double lambda = at < 0 ? 0 : g[at * n + at], weight[MAX_POINTS] = { 0 };
        if (!(lambda > 1e-12 * sum))
            return sn_fail(e, SN_EINVAL, "the path has %d direction%s, %d are wanted", k, k == 1 ? "" : "s",
                           dims);
        /* The sign is arbitrary: the path shall begin on the left, below. */
        double sign = v[at] > v[(n - 1) * n + at] ? -1 : 1;
        for (int i = 0; i < n; i++) weight[i] = sign * v[i * n + at] / sqrt(lambda);
        sn_status st = combine(p, s, k, weight, e);
        if (st != SN_OK) return st;
        share[k] = lambda / sum;
    }
    return SN_OK;
}

/* Is the last snapshot where the scout stands? Then that point counts once. */
static bool ends_here(const sn_path *p, const double *gram) {
    return p->n > 0 && gram[(size_t)(p->n - 1) * (size_t)(p->n + 1)] == 0;
}

sn_status sn_path_components(const sn_path *p, sn_scout *s, int dims, double *share, sn_err *e) {
    enum { ROOM = MAX_POINTS * MAX_POINTS };
    double *block = sn_calloc((size_t)3 * ROOM, sizeof *block, "principal components", e);
    if (!block) return SN_ENOMEM;
    double *g = block, *v = block + ROOM, *gram = block + (size_t)2 * ROOM, sum = 0;
    sn_status st = dots(p, s, true, gram, e);
    for (int i = 0; i < p->n * p->n; i++) sum += gram[i];
    if (st == SN_OK && !isfinite(sum))
        st = sn_fail(e, SN_EINVAL, "the path leads through weights that are not finite");
    if (st == SN_OK) {
        int n = p->n + !ends_here(p, gram);
        for (int i = 0; i < p->n; i++)
            for (int j = 0; j < p->n; j++) g[i * n + j] = gram[i * p->n + j];
        center(n, g);
        sn_eigen_symmetric(n, g, v);
        st = use_components(p, s, n, dims, share, g, v, e);
    }
    sn_free(block);
    return st;
}
