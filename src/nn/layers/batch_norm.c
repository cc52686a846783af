/* Batch normalization (Ioffe & Szegedy 2015; Keras layers/normalization/batch_normalization.py): over all axes
 * but the last, y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with the biased variance. Training uses
 * the batch's statistics and commit moves the moving ones; inference and a frozen layer use the moving ones. */
#include "nn/layers/common.h"
#include "num/kern.h"
#include "num/vec.h"
#include <math.h>
#include <string.h>

typedef struct {
    sn_layer_common common;
    int64_t axis;
    double momentum, epsilon;
    bool center, scale;
    sn_obj *beta_initializer, *gamma_initializer, *moving_mean_initializer, *moving_variance_initializer;
    sn_obj *beta_regularizer, *gamma_regularizer;
} bn_cfg;

static const sn_field fields[] = {
    SN_INT(bn_cfg, axis, .def = -1, .min = -1, .max = SN_MAXDIM, .doc = "the channels' axis: the last"),
    SN_FLOAT(bn_cfg, momentum, .def = 0.99, .min = 0, .max = 1,
             .doc = "share of the old moving statistics in an update"),
    SN_FLOAT(bn_cfg, epsilon, .def = 1e-3, .min = 0, .max = 1e6, .doc = "added to the variance"),
    SN_BOOL(bn_cfg, center, .def = 1, .doc = "learn an offset, beta"),
    SN_BOOL(bn_cfg, scale, .def = 1, .doc = "learn a factor, gamma"),
    SN_OBJECT(bn_cfg, beta_initializer, .kind = &sn_kind_initializer, .sdef = "zeros",
              .doc = "first values of beta"),
    SN_OBJECT(bn_cfg, gamma_initializer, .kind = &sn_kind_initializer, .sdef = "ones",
              .doc = "first values of gamma"),
    SN_OBJECT(bn_cfg, moving_mean_initializer, .kind = &sn_kind_initializer, .sdef = "zeros",
              .doc = "first values of moving_mean"),
    SN_OBJECT(bn_cfg, moving_variance_initializer, .kind = &sn_kind_initializer, .sdef = "ones",
              .doc = "first values of moving_variance"),
    SN_OBJECT(bn_cfg, beta_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on beta"),
    SN_OBJECT(bn_cfg, gamma_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on gamma"),
    SN_FIELDS_END,
};

/* Where each parameter is among io->p; -1 = the layer has none. */
typedef struct {
    int gamma, beta, mean, variance;
} places;

static places places_of(const bn_cfg *c) {
    int n = 0;
    places p = { -1, -1, 0, 0 };
    if (c->scale) p.gamma = n++;
    if (c->center) p.beta = n++;
    p.mean = n++;
    p.variance = n;
    return p;
}

/* What forward saves for backward and commit: (C) each. */
enum { SAVED_MEAN, SAVED_INVSTD, SAVED_VARIANCE };

/* The scratch: partial sums, then two sums per channel (double), then three vectors of (C). */
typedef struct {
    void *partial;
    double *sum;     /* (2, C) */
    real *a, *b, *k; /* (C) */
} work;

static size_t rows_of(const sn_shape *s) { return (size_t)(sn_shape_count(s) / s->d[s->n - 1]); }
static size_t channels_of(const sn_shape *s) { return (size_t)s->d[s->n - 1]; }

static size_t scratch_size(size_t rows, size_t c) {
    return SN_R(sn_colsum_scratch)(rows, c) + 2 * c * (sizeof(double) / sizeof(real)) + 3 * c;
}

static work work_of(const sn_io *io, size_t rows, size_t c) {
    real *base = io->scratch;
    work w = { .partial = base };
    base += SN_R(sn_colsum_scratch)(rows, c);
    w.sum = (double *)(void *)base; /* the partial sums before it are doubles too: aligned */
    w.a = (real *)(w.sum + 2 * c);
    w.b = w.a + c;
    w.k = w.b + c;
    return w;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    const bn_cfg *c = cfg;
    char got[160];
    if (in->n < 2)
        return sn_fail(
            e, SN_ESHAPE,
            "batch_norm: wants (batch, ..., channels), got %s; add reshape{ { channels } } before it",
            sn_shape_text(in, true, got, sizeof got));
    if (c->axis != -1 && c->axis != in->n - 1)
        return sn_fail(e, SN_EINVAL, "batch_norm: axis = %lld is not the last axis of %s; use axis = -1",
                       (long long)c->axis, sn_shape_text(in, true, got, sizeof got));
    int64_t n = in->d[in->n - 1];
    sn_shape v = { 1, { n } };
    sn_param_spec gamma = { "gamma", v, c->gamma_initializer, c->gamma_regularizer, n, n, true };
    sn_param_spec beta = { "beta", v, c->beta_initializer, c->beta_regularizer, n, n, true };
    sn_param_spec mean = { "moving_mean", v, c->moving_mean_initializer, NULL, n, n, false };
    sn_param_spec variance = { "moving_variance", v, c->moving_variance_initializer, NULL, n, n, false };
    sn_status s = sn_layer_set_out("batch_norm", in, p, e);
    if (s == SN_OK && c->scale) s = sn_layer_add_param("batch_norm", &gamma, p, e);
    if (s == SN_OK && c->center) s = sn_layer_add_param("batch_norm", &beta, p, e);
    if (s == SN_OK) s = sn_layer_add_param("batch_norm", &mean, p, e);
    if (s == SN_OK) s = sn_layer_add_param("batch_norm", &variance, p, e);
    if (s != SN_OK) return s;
    /* A frozen layer is a fixed affine map: nothing to keep. */
    p->flags = c->common.trainable ? SN_KEEP_X | SN_INPLACE_GRAD : SN_INPLACE | SN_INPLACE_GRAD;
    if (c->common.trainable)
        for (int i = SAVED_MEAN; i <= SAVED_VARIANCE; i++) p->saved[i] = (size_t)n;
    p->scratch = scratch_size(rows_of(in), (size_t)n);
    return SN_OK;
}

static bool uses_batch(const bn_cfg *c, const sn_io *io) { return io->train && c->common.trainable; }

typedef struct {
    real *y;
    const real *x, *dy;
    const real *a, *b, *k; /* (C) */
    size_t c;
} rows_ctx;

static void scale_rows(void *ctx, size_t from, size_t to) {
    const rows_ctx *r = ctx;
    size_t at = from * r->c;
    SN_R(sn_kern)()->row_affine(r->y + at, r->x + at, r->a, r->b, to - from, r->c);
}

static void mix_rows(void *ctx, size_t from, size_t to) {
    const rows_ctx *r = ctx;
    size_t at = from * r->c;
    SN_R(sn_kern)()->row_affine2(r->y + at, r->dy + at, r->x + at, r->a, r->b, r->k, to - from, r->c);
}

static void for_rows(sn_pool *pool, size_t rows, sn_range_fn fn, rows_ctx *ctx) {
    sn_for_ranges(pool, rows, 1 + SN_CHUNK / ctx->c, fn, ctx);
}

static void batch_statistics(const bn_cfg *c, const sn_io *io, const work *w, size_t rows, size_t n) {
    real *mean = io->saved[SAVED_MEAN], *invstd = io->saved[SAVED_INVSTD],
         *variance = io->saved[SAVED_VARIANCE];
    if (io->moments && io->moments[0] != 0)
        memcpy(w->sum, io->moments + 1, 2 * n * sizeof *w->sum);
    else
        SN_R(sn_colsum)(io->pool, SN_COL_MOMENTS, w->sum, io->x[0], NULL, NULL, NULL, rows, n, w->partial);
    for (size_t i = 0; i < n; i++) {
        double v = w->sum[n + i] / (double)rows;
        mean[i] = (real)w->sum[i];
        variance[i] = (real)v;
        invstd[i] = (real)(1.0 / sqrt(v + c->epsilon));
    }
}

/* y = a x + b: from the batch's statistics, which are computed here, or from the moving ones. */
static void affine(const void *cfg, const sn_io *io, const void **a, const void **b) {
    const bn_cfg *c = cfg;
    places at = places_of(c);
    size_t n = channels_of(io->in), rows = rows_of(io->in);
    work w = work_of(io, rows, n);
    bool batch = uses_batch(c, io);
    if (batch) batch_statistics(c, io, &w, rows, n);
    const real *gamma = at.gamma < 0 ? NULL : io->p[at.gamma], *beta = at.beta < 0 ? NULL : io->p[at.beta];
    const real *mean = batch ? io->saved[SAVED_MEAN] : io->p[at.mean], *variance = io->p[at.variance];
    for (size_t i = 0; i < n; i++) {
        double inv =
            batch ? (double)((real *)io->saved[SAVED_INVSTD])[i] : 1.0 / sqrt((double)variance[i] + c->epsilon);
        double scale = gamma ? (double)gamma[i] * inv : inv;
        w.a[i] = (real)scale;
        w.b[i] = (real)((beta ? (double)beta[i] : 0) - (double)mean[i] * scale);
    }
    *a = w.a;
    *b = w.b;
}

static void forward(const void *cfg, const sn_io *io) {
    const void *a, *b;
    size_t n = channels_of(io->in);
    affine(cfg, io, &a, &b);
    for_rows(io->pool, rows_of(io->in), scale_rows,
             &(rows_ctx){ .y = io->y, .x = io->x[0], .a = a, .b = b, .c = n });
}

static double *sums(const void *cfg, const sn_io *io) {
    (void)cfg;
    return work_of(io, rows_of(io->in), channels_of(io->in)).sum;
}

/* What the products in affine_grad's sums are taken about. */
static const void *center(const void *cfg, const sn_io *io) {
    const bn_cfg *c = cfg;
    return uses_batch(c, io) ? io->saved[SAVED_MEAN] : io->p[places_of(c).mean];
}

/* With m1 = mean(dy), m2 = mean(dy xhat): dx = gamma invstd (dy - m1 - xhat m2), written as a dy + b x + k
 * (Ioffe & Szegedy, section 3). With moving statistics m1 and m2 are absent. */
static void affine_grad(const void *cfg, const sn_io *io, const double *sums, const void **a, const void **b,
                        const void **k) {
    const bn_cfg *c = cfg;
    places at = places_of(c);
    size_t n = channels_of(io->in), rows = rows_of(io->in);
    work w = work_of(io, rows, n);
    bool batch = uses_batch(c, io);
    real *dgamma = at.gamma < 0 ? NULL : io->dp[at.gamma], *dbeta = at.beta < 0 ? NULL : io->dp[at.beta];
    const real *gamma = at.gamma < 0 ? NULL : io->p[at.gamma], *variance = io->p[at.variance];
    const real *mean = center(cfg, io);
    for (size_t i = 0; i < n; i++) {
        double inv =
            batch ? (double)((real *)io->saved[SAVED_INVSTD])[i] : 1.0 / sqrt((double)variance[i] + c->epsilon);
        double scale = gamma ? (double)gamma[i] * inv : inv;
        if (dgamma) dgamma[i] += (real)(sums[n + i] * inv);
        if (dbeta) dbeta[i] += (real)sums[i];
        w.a[i] = (real)scale;
        w.b[i] = batch ? (real)(-scale * inv * inv * sums[n + i] / (double)rows) : 0;
        w.k[i] = batch ? (real)(-scale * sums[i] / (double)rows - (double)w.b[i] * (double)mean[i]) : 0;
    }
    *a = w.a;
    *b = w.b;
    *k = w.k;
}

static void backward(const void *cfg, const sn_io *io) {
    const bn_cfg *c = cfg;
    places at = places_of(c);
    size_t n = channels_of(io->in), rows = rows_of(io->in);
    work w = work_of(io, rows, n);
    bool batch = uses_batch(c, io);
    if (batch || (at.gamma >= 0 && io->dp[at.gamma])) SN_R(sn_colsum)
    (io->pool, SN_COL_SUM_DOT_DEV, w.sum, io->dy, NULL, io->x[0], center(cfg, io), rows, n, w.partial);
    else if (at.beta >= 0 && io->dp[at.beta])
        SN_R(sn_colsum)(io->pool, SN_COL_SUM, w.sum, io->dy, NULL, NULL, NULL, rows, n, w.partial);
    const void *a, *b, *k;
    affine_grad(cfg, io, w.sum, &a, &b, &k);
    if (!io->dx[0]) return;
    if (batch)
        for_rows(io->pool, rows, mix_rows,
                 &(rows_ctx){ .y = io->dx[0], .x = io->x[0], .dy = io->dy, .a = a, .b = b, .k = k, .c = n });
    else
        for_rows(io->pool, rows, scale_rows,
                 &(rows_ctx){ .y = io->dx[0], .x = io->dy, .a = a, .b = b, .c = n });
}

/* Not on the pool: an interrupt must not leave half of the statistics moved. */
static void commit(const void *cfg, const sn_io *io) {
    const bn_cfg *c = cfg;
    if (!uses_batch(c, io)) return;
    places at = places_of(c);
    size_t n = channels_of(io->in);
    real *mean = io->stat[at.mean], *variance = io->stat[at.variance];
    const real *m = io->saved[SAVED_MEAN], *v = io->saved[SAVED_VARIANCE];
    for (size_t i = 0; i < n; i++) {
        mean[i] = (real)((double)mean[i] * c->momentum + (double)m[i] * (1.0 - c->momentum));
        variance[i] = (real)((double)variance[i] * c->momentum + (double)v[i] * (1.0 - c->momentum));
    }
}

/* A frozen layer keeps nothing that a pass in one with others could read. */
static sn_part part(const void *cfg) {
    return ((const bn_cfg *)cfg)->common.trainable ? SN_PART_AFFINE : SN_PART_NONE;
}

static const sn_fusing fusing = {
    .part = part, .affine = affine, .sums = sums, .center = center, .affine_grad = affine_grad
};

const sn_layer_type SN_R(sn_layer_batch_norm) = {
    .desc = { .name = "batch_norm",
              .alias = "batch_normalization",
              .brief = "brings each channel to mean beta and deviation gamma over the batch",
              .example = "batch_norm{ momentum = 0.9 }",
              .fields = fields,
              .cfg_size = sizeof(bn_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .commit = commit,
    .fusing = &fusing,
    .check = { { "batch_norm{}", 3, 1, { { 4, { 3, 3, 2, 5 } } } },
               { "batch_norm{epsilon=0.1}", 7, 1, { { 2, { 7, 3 } } } },
               { "batch_norm{}", 1, 1, { { 4, { 1, 3, 3, 17 } } } },
               { "batch_norm{scale=false}", 4, 1, { { 3, { 4, 3, 2 } } } },
               { "batch_norm{center=false}", 5, 1, { { 2, { 5, 1 } } } },
               { "batch_norm{center=false, scale=false}", 3, 1, { { 4, { 3, 2, 1, 2 } } } },
               { "batch_norm{trainable=false}", 2, 1, { { 4, { 2, 2, 3, 3 } } } },
               { "batch_norm{}", 1, 1, { { 2, { 1, 4 } } } } },
};
