/* y = x kernel + bias (Keras layers/core/dense.py): kernel (in, units), bias (units). */
#include "nn/layers/common.h"
#include "num/gemm.h"
#include "num/kern.h"
#include "num/vec.h"

typedef struct {
    sn_layer_common common;
    int64_t units;
    bool use_bias;
    sn_obj *activation, *kernel_initializer, *bias_initializer, *kernel_regularizer, *bias_regularizer;
} dense_cfg;

static const sn_field fields[] = {
    SN_INT(dense_cfg, units, .pos = 1, .flags = SN_REQUIRED, .min = 1, .max = SN_SIZE_MAX, .doc = "outputs"),
    SN_OBJECT(dense_cfg, activation, .kind = &sn_kind_activation, .doc = "applied to the result"),
    SN_BOOL(dense_cfg, use_bias, .def = 1, .doc = "add a bias to each unit"),
    SN_OBJECT(dense_cfg, kernel_initializer, .kind = &sn_kind_initializer, .sdef = "glorot_uniform",
              .doc = "first values of the kernel"),
    SN_OBJECT(dense_cfg, bias_initializer, .kind = &sn_kind_initializer, .sdef = "zeros",
              .doc = "first values of the bias"),
    SN_OBJECT(dense_cfg, kernel_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on the kernel"),
    SN_OBJECT(dense_cfg, bias_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on the bias"),
    SN_FIELDS_END,
};

/* Enough for every call with up to n rows. */
static size_t scratch_size(int64_t n, int64_t in, int64_t units) {
    size_t want[] = { SN_R(sn_bias_grad_scratch)((size_t)n, (size_t)units), sn_gemm_scratch_rows(n, units, in),
                      sn_gemm_scratch_rows(n, in, units), sn_gemm_scratch_inner(in, units, n) };
    size_t most = 0;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        if (want[i] > most) most = want[i];
    return most;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    const dense_cfg *c = cfg;
    if (sn_layer_want_rank("dense", in, 2, "(batch, features)", e) != SN_OK) return SN_ESHAPE;
    int64_t n = in->d[0], k = in->d[1];
    sn_shape out = { 2, { n, c->units } };
    sn_param_spec kernel = {
        "kernel", { 2, { k, c->units } }, c->kernel_initializer, c->kernel_regularizer, k, c->units, true
    };
    sn_param_spec bias = {
        "bias", { 1, { c->units } }, c->bias_initializer, c->bias_regularizer, c->units, c->units, true
    };
    sn_status s = sn_layer_set_out("dense", &out, p, e);
    if (s == SN_OK) s = sn_layer_add_param("dense", &kernel, p, e);
    if (s == SN_OK && c->use_bias) s = sn_layer_add_param("dense", &bias, p, e);
    if (s != SN_OK) return s;
    p->flags = c->common.trainable ? SN_KEEP_X : 0; /* the data gradient alone does not read x */
    p->scratch = scratch_size(n, k, c->units);
    p->macs = (double)n * (double)k * (double)c->units;
    return SN_OK;
}

typedef struct {
    real *y;       /* (rows, units) */
    const real *b; /* (units) */
    size_t units;
} bias_ctx;

static void add_bias(void *ctx, size_t from, size_t to) {
    const bias_ctx *b = ctx;
    SN_R(sn_kern)()->row_add(b->y + from * b->units, b->b, to - from, b->units);
}

static void forward(const void *cfg, const sn_io *io) {
    const dense_cfg *c = cfg;
    int64_t m = io->in[0].d[0], k = io->in[0].d[1], n = c->units;
    SN_R(sn_gemm)(io->pool, io->y, n, io->x[0], k, false, io->p[0], n, false, m, n, k, false, io->scratch);
    if (c->use_bias)
        sn_for_ranges(io->pool, (size_t)m, 1 + SN_CHUNK / (size_t)n, add_bias,
                      &(bias_ctx){ io->y, io->p[1], (size_t)n });
}

static void backward(const void *cfg, const sn_io *io) {
    const dense_cfg *c = cfg;
    int64_t m = io->in[0].d[0], k = io->in[0].d[1], n = c->units;
    if (io->dp[0])
        SN_R(sn_gemm)(io->pool, io->dp[0], n, io->x[0], k, true, io->dy, n, false, k, n, m, true, io->scratch);
    if (c->use_bias && io->dp[1])
        SN_R(sn_bias_grad)(io->pool, io->dp[1], io->dy, (size_t)m, (size_t)n, io->scratch);
    if (io->dx[0])
        SN_R(sn_gemm)(io->pool, io->dx[0], k, io->dy, n, false, io->p[0], n, true, m, k, n, false, io->scratch);
}

static void passes(const void *cfg, const sn_shape *in, sn_pass pass, char text[SN_PASS_TEXT]) {
    int64_t m = in->d[0], k = in->d[1], n = ((const dense_cfg *)cfg)->units;
    if (pass == SN_PASS_FORWARD) sn_gemm_text(m, n, k, text, SN_PASS_TEXT);
    if (pass == SN_PASS_DATA) sn_gemm_text(m, k, n, text, SN_PASS_TEXT);
    if (pass == SN_PASS_WEIGHTS) sn_gemm_text(k, n, m, text, SN_PASS_TEXT);
}

static sn_obj *activation(const void *cfg) { return ((const dense_cfg *)cfg)->activation; }

const sn_layer_type SN_R(sn_layer_dense) = {
    .desc = { .name = "dense",
              .brief = "every output is a weighted sum of all inputs",
              .example = "dense{ 10, activation = \"softmax\" }",
              .fields = fields,
              .cfg_size = sizeof(dense_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .activation = activation,
    .passes = passes,
    .check = { { "dense{units=5}", 3, 1, { { 2, { 3, 7 } } } },
               { "dense{units=1}", 1, 1, { { 2, { 1, 1 } } } },
               { "dense{units=17, use_bias=false}", 1, 1, { { 2, { 1, 33 } } } },
               { "dense{units=3, trainable=false}", 2, 1, { { 2, { 2, 4 } } } } },
};
