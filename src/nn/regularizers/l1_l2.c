#include "nn/regularizers/penalty.h"

typedef struct {
    double l1, l2;
} l1_l2_cfg;

static const sn_field fields[] = {
    SN_FLOAT(l1_l2_cfg, l1, .pos = 1, .min = 0, .max = SN_PENALTY_MAX, .doc = "times the sum of |w|"),
    SN_FLOAT(l1_l2_cfg, l2, .pos = 2, .min = 0, .max = SN_PENALTY_MAX, .doc = "times the sum of w^2 (no half)"),
    SN_FIELDS_END
};

static double value(const void *cfg, const void *w, size_t n, sn_pool *pool) {
    const l1_l2_cfg *c = cfg;
    double v = 0;
    if (c->l1 != 0) v += c->l1 * SN_R(sn_vec_sum_abs)(pool, w, n);
    if (c->l2 != 0) v += c->l2 * SN_R(sn_vec_dot)(pool, w, w, n);
    return v;
}

static void grad(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *pool) {
    const l1_l2_cfg *c = cfg;
    if (c->l1 != 0) SN_R(sn_penalty_add_sign)(pool, dw, w, (real)(scale * c->l1), n);
    if (c->l2 != 0) SN_R(sn_vec_axpy)(pool, dw, (real)(2 * scale * c->l2), w, n);
}

const sn_regularizer_type SN_R(sn_regularizer_l1_l2) = {
    .desc = { .name = "l1_l2",
              .brief = "penalty l1 * sum |w| + l2 * sum w^2",
              .example = "dense { 8, kernel_regularizer = l1_l2 { 1e-5, 1e-4 } }",
              .fields = fields,
              .cfg_size = sizeof(l1_l2_cfg) },
    .value = value,
    .grad = grad,
    .check = { "l1_l2{l1=0.2, l2=0.1}", "l1_l2{l1=0.5}", "l1_l2{l2=0.5}" },
};
