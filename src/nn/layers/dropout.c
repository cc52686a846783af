/* Inverted dropout (Srivastava et al. 2014): in training each value is zero with probability rate, else divided
 * by 1 - rate. The mask is a function of (seed, step, node, element): backward computes it again, nothing is
 * kept. */
#include "base/rng.h"
#include "nn/layers/common.h"
#include "num/vec.h"

typedef struct {
    sn_layer_common common;
    double rate;
} dropout_cfg;

static const sn_field fields[] = {
    SN_FLOAT(dropout_cfg, rate, .pos = 1, .flags = SN_REQUIRED, .min = 0, .max = 1,
             .doc = "share of values set to zero"),
    SN_FIELDS_END,
};

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)cfg, (void)nin, (void)pool;
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("dropout", in, p, e);
}

static sn_keeps keeps(const void *cfg, const sn_io *io) {
    double rate = ((const dropout_cfg *)cfg)->rate;
    double threshold = rate * 0x1p32 + 0.5; /* a word below it is a zero */
    sn_keeps k = { .none = !io->train || rate <= 0, .all = threshold >= 0x1p32 };
    if (k.none || k.all) return k;
    k.key = sn_mix(io->seed, SN_STREAM_DROPOUT);
    k.hi = io->step << 24 ^ io->id;
    k.threshold = (uint32_t)threshold;
    k.scale = (double)(real)(1.0 / (1.0 - rate));
    return k;
}

typedef struct {
    real *y;
    const real *x;
    sn_keeps k;
} mask_ctx;

static void mask_range(void *ctx, size_t from, size_t to) {
    const mask_ctx *m = ctx;
    SN_R(sn_kern)
    ()->dropout(m->y + from, m->x + from, to - from, m->k.key, m->k.hi, from, m->k.threshold, (real)m->k.scale);
}

/* The same map forward (x to y) and backward (dy to dx). */
static void run(const void *cfg, const sn_io *io, real *y, const real *x) {
    size_t n = (size_t)sn_shape_count(&io->out);
    mask_ctx m = { y, x, keeps(cfg, io) };
    if (m.k.none) {
        sn_copy_bytes(io->pool, y, x, n * sizeof(real));
    } else if (m.k.all) {
        SN_R(sn_vec_fill)(io->pool, y, 0, n);
    } else {
        sn_for_ranges(io->pool, n, SN_CHUNK, mask_range, &m);
    }
}

static void forward(const void *cfg, const sn_io *io) { run(cfg, io, io->y, io->x[0]); }

static void backward(const void *cfg, const sn_io *io) {
    if (io->dx[0]) run(cfg, io, io->dx[0], io->dy);
}

static sn_part part(const void *cfg) {
    (void)cfg;
    return SN_PART_DROPOUT;
}

static const sn_fusing fusing = { .part = part, .keeps = keeps };

const sn_layer_type SN_R(sn_layer_dropout) = {
    .desc = { .name = "dropout",
              .brief = "in training, sets a random share of the values to zero and enlarges the rest",
              .example = "dropout{ 0.5 }",
              .fields = fields,
              .cfg_size = sizeof(dropout_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusing = &fusing,
    .check = { { "dropout{rate=0.5}", 3, 1, { { 4, { 3, 3, 5, 2 } } } },
               { "dropout{rate=0.1}", 1, 1, { { 2, { 1, 37 } } } },
               { "dropout{rate=0}", 2, 1, { { 2, { 2, 3 } } } },
               { "dropout{rate=1}", 2, 1, { { 2, { 2, 3 } } } } },
};
