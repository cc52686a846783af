#include "nn/gradcheck.h"

#include "base/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Copies of results to compare with. */
typedef struct {
    double *y, *y2, *dx[SN_RIG_MAXIN], *dp[SN_MAXPARAM], *numeric;
} results;

typedef struct {
    sn_rig *rig;
    results base;
    const char *cfg;
    double tolerance, worst;
    sn_err *e;
} check;

static void results_free(results *b) {
    for (int i = 0; i < SN_RIG_MAXIN; i++) sn_free(b->dx[i]);
    for (int i = 0; i < SN_MAXPARAM; i++) sn_free(b->dp[i]);
    sn_free(b->y);
    sn_free(b->y2);
    sn_free(b->numeric);
    memset(b, 0, sizeof *b);
}

static double *doubles(size_t n, sn_err *e) { return sn_alloc(n * sizeof(double), "gradient check", e); }

static sn_status results_new(results *b, const sn_rig *r, sn_err *e) {
    size_t most = 1;
    bool ok = (b->y = doubles(r->ny, e)) && (b->y2 = doubles(r->ny, e));
    for (int i = 0; i < r->nin; i++) {
        ok = ok && (b->dx[i] = doubles(r->nx[i], e));
        if (r->nx[i] > most) most = r->nx[i];
    }
    for (int i = 0; i < r->plan.nparam; i++) {
        ok = ok && (b->dp[i] = doubles(r->np[i], e));
        if (r->np[i] > most) most = r->np[i];
    }
    return ok && (b->numeric = doubles(most, e)) ? SN_OK : SN_ENOMEM;
}

static sn_status broken(const check *c, bool train, const char *what) {
    return sn_fail(c->e, SN_EINVAL, "%s, %s: %s", c->cfg, train ? "training" : "inference", what);
}

static bool same(const double *a, const void *b, size_t n) { return memcmp(a, b, n * sizeof *a) == 0; }

/* |a - b| / (|a| + |b|), Euclidean. Where both are near zero the difference is rounding alone: the floor makes
 * it count as what it is. */
static double relative_error(const double *a, const double *b, size_t n) {
    double diff = 0, na = 0, nb = 0;
    for (size_t i = 0; i < n; i++) {
        diff += (a[i] - b[i]) * (a[i] - b[i]);
        na += a[i] * a[i];
        nb += b[i] * b[i];
    }
    return sqrt(diff) / fmax(sqrt(na) + sqrt(nb), 1e-3);
}

/* The derivative of sum(dy * y) with respect to v[0 .. n), by central differences. */
static void numeric_gradient(check *c, double *v, size_t n, bool train) {
    sn_rig *r = c->rig;
    const double *y = r->y, *dy = r->dy;
    for (size_t i = 0; i < n; i++) {
        double was = v[i], h = 1e-5 * fmax(1.0, fabs(was)), sum = 0;
        v[i] = was + h;
        double up = v[i];
        sn_rig_forward(r, train);
        memcpy(c->base.y2, r->y, r->ny * sizeof(double));
        v[i] = was - h;
        sn_rig_forward(r, train);
        for (size_t k = 0; k < r->ny; k++) sum += dy[k] * (c->base.y2[k] - y[k]);
        c->base.numeric[i] = sum / (up - v[i]);
        v[i] = was;
    }
}

static sn_status compare_numeric(check *c, double *v, const double *analytic, size_t n, bool train,
                                 const char *what) {
    numeric_gradient(c, v, n, train);
    double err = relative_error(analytic, c->base.numeric, n);
    if (!(err <= c->worst)) c->worst = err;
    if (err < c->tolerance) return SN_OK;
    return sn_fail(c->e, SN_EINVAL,
                   "%s, %s: %s differs from central differences by %.3g (relative; at most %.3g)", c->cfg,
                   train ? "training" : "inference", what, err, c->tolerance);
}

/* Forward and backward from a clean start; the results become what others are compared with. */
static void run_base(check *c, bool train) {
    sn_rig *r = c->rig;
    sn_rig_forward(r, train);
    memcpy(c->base.y, r->y, r->ny * sizeof(double));
    for (int i = 0; i < r->plan.nparam; i++) memset(r->dp[i], 0, r->np[i] * sizeof(double));
    sn_rig_backward(r, true, true);
    for (int i = 0; i < r->nin; i++) memcpy(c->base.dx[i], r->dx[i], r->nx[i] * sizeof(double));
    for (int i = 0; i < r->plan.nparam; i++) memcpy(c->base.dp[i], r->dp[i], r->np[i] * sizeof(double));
}

static sn_status check_numbers(check *c, bool train) {
    sn_rig *r = c->rig;
    char what[64];
    for (int i = 0; i < r->nin; i++) {
        snprintf(what, sizeof what, "the gradient of input %d", i + 1);
        if (compare_numeric(c, r->x[i], c->base.dx[i], r->nx[i], train, what) != SN_OK) return SN_EINVAL;
    }
    for (int i = 0; i < r->plan.nparam && !sn_rig_is_frozen(r); i++) {
        if (!r->plan.param[i].trainable) continue;
        snprintf(what, sizeof what, "the gradient of %.40s", r->plan.param[i].name);
        if (compare_numeric(c, r->p[i], c->base.dp[i], r->np[i], train, what) != SN_OK) return SN_EINVAL;
    }
    return SN_OK;
}

/* Each gradient alone, and on top of what dp held. */
static sn_status check_parts(check *c, bool train) {
    sn_rig *r = c->rig;
    const double before = 0.75;
    sn_rig_forward(r, train);
    if (!same(c->base.y, r->y, r->ny)) return broken(c, train, "a second forward gives another output");
    for (int i = 0; i < r->plan.nparam; i++)
        for (size_t k = 0; k < r->np[i]; k++) ((double *)r->dp[i])[k] = before;
    sn_rig_backward(r, true, false);
    for (int i = 0; i < r->nin; i++)
        if (!same(c->base.dx[i], r->dx[i], r->nx[i])) return broken(c, train, "without dp, dx is another");
    for (int i = 0; i < r->plan.nparam; i++)
        for (size_t k = 0; k < r->np[i]; k++)
            if (((double *)r->dp[i])[k] != before) return broken(c, train, "dp is written although not wanted");
    sn_rig_backward(r, false, true);
    for (int i = 0; i < r->plan.nparam; i++) {
        double *got = r->dp[i];
        for (size_t k = 0; k < r->np[i]; k++) got[k] -= sn_rig_is_frozen(r) || !r->io.dp[i] ? 0 : before;
        for (size_t k = 0; k < r->np[i]; k++)
            if (r->io.dp[i] && fabs(got[k] - c->base.dp[i][k]) > 1e-12 * (1 + fabs(got[k])))
                return broken(c, train, "with dx = NULL and a dp that is not zero, what is added is another");
    }
    return SN_OK;
}

/* Calls where output and input share memory. */
static sn_status check_inplace(check *c, bool train) {
    sn_rig *r = c->rig;
    if (r->plan.flags & SN_INPLACE) {
        if (r->nx[0] != r->ny) return broken(c, train, "in place, but sizes differ");
        memcpy(r->y, r->x[0], r->ny * sizeof(double));
        r->x_seen[0] = r->y;
        sn_rig_forward(r, train);
        r->x_seen[0] = r->x[0];
        if (!same(c->base.y, r->y, r->ny)) return broken(c, train, "forward in place gives another output");
    }
    if (r->plan.flags & SN_INPLACE_GRAD) {
        void *dx = r->dx[0];
        sn_rig_forward(r, train);
        memcpy(c->base.y2, r->dy, r->ny * sizeof(double));
        r->dx[0] = r->dy;
        sn_rig_backward(r, true, !sn_rig_is_frozen(r));
        bool equal = same(c->base.dx[0], r->dy, r->nx[0]);
        r->dx[0] = dx;
        memcpy(r->dy, c->base.y2, r->ny * sizeof(double));
        if (!equal) return broken(c, train, "backward in place gives another dx");
    }
    return SN_OK;
}

/* A plan without saved buffers (inference) gives the same output. */
static sn_status check_unsaved(check *c) {
    sn_rig *r = c->rig;
    memset(r->io.saved, 0, sizeof r->io.saved);
    sn_rig_forward(r, false);
    memcpy(r->io.saved, r->saved, sizeof r->saved);
    return same(c->base.y, r->y, r->ny) ? SN_OK
                                        : broken(c, false, "without saved buffers the output is another");
}

/* Buffers planned for a batch serve every smaller one, with the same results per sample (in inference). */
static sn_status check_smaller(check *c) {
    sn_rig *r = c->rig;
    int64_t batch = r->in[0].d[0];
    sn_err *e = c->e;
    for (int64_t n = 1; n < batch; n++) {
        sn_layer_plan small = { 0 };
        sn_shape in[SN_RIG_MAXIN];
        for (int i = 0; i < r->nin; i++) in[i] = r->in[i], in[i].d[0] = n;
        if (r->type->plan(r->obj->cfg, in, r->nin, &small, r->io.pool, e) != SN_OK)
            return e ? e->code : SN_EINVAL;
        bool fits = small.scratch <= r->plan.scratch;
        for (int i = 0; i < SN_MAXSAVED; i++) fits = fits && small.saved[i] <= r->plan.saved[i];
        if (!fits) return broken(c, false, "a smaller batch wants larger buffers");
        r->io.in = in;
        r->io.out = small.out;
        size_t count = (size_t)sn_shape_count(&small.out);
        sn_rig_forward(r,
                       true); /* results differ; that it stays within its buffers is for a sanitizer to see */
        sn_rig_backward(r, true, true);
        sn_rig_forward(r, false);
        r->io.in = r->in;
        r->io.out = r->plan.out;
        if (!(relative_error(c->base.y, r->y, count) < 1e-12))
            return broken(c, false, "samples of a smaller batch come out otherwise");
    }
    return SN_OK;
}

static sn_status run(check *c) {
    for (int train = 1; train >= 0; train--) {
        run_base(c, train);
        sn_status s = check_numbers(c, train);
        if (s == SN_OK) s = check_parts(c, train);
        if (s == SN_OK) s = check_inplace(c, train);
        if (s != SN_OK) return s;
    }
    sn_status s = check_unsaved(c);
    return s == SN_OK ? check_smaller(c) : s;
}

sn_status sn_gradcheck_rig(sn_rig *rig, const char *name, double tolerance, double *worst, sn_err *e) {
    check c = { .rig = rig, .cfg = name, .tolerance = tolerance, .e = e };
    if (rig->dtype != SN_F64) return sn_fail(e, SN_EINVAL, "%s: gradients are checked in float64", name);
    sn_status s = results_new(&c.base, rig, e);
    if (s == SN_OK) s = run(&c);
    if (worst) *worst = c.worst;
    results_free(&c.base);
    return s;
}

sn_status sn_gradcheck_layer(const sn_layer_type *type, const char *cfg, const sn_shape *in, int nin,
                             uint64_t seed, double tolerance, double *worst, sn_pool *pool, sn_err *e) {
    sn_rig rig;
    sn_status s = sn_rig_new(&rig, type, SN_F64, cfg, in, nin, seed, pool, e);
    if (s != SN_OK) return s;
    s = sn_gradcheck_rig(&rig, cfg, tolerance, worst, e);
    sn_rig_free(&rig);
    return s;
}
