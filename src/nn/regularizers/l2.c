#include "nn/regularizers/penalty.h"

typedef struct {
    double factor;
} l2_cfg;

static const sn_field fields[] = { SN_FLOAT(l2_cfg, factor, .pos = 1, .def = 0.01, .min = 0,
                                            .max = SN_PENALTY_MAX, .doc = "times the sum of w^2 (no half)"),
                                   SN_FIELDS_END };

/* Keras regularizers.py: factor * sum w^2, neither halved nor divided by anything. */
static double value(const void *cfg, const void *w, size_t n, sn_pool *pool) {
    return ((const l2_cfg *)cfg)->factor * SN_R(sn_vec_dot)(pool, w, w, n);
}

static void grad(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *pool) {
    SN_R(sn_vec_axpy)(pool, dw, (real)(2 * scale * ((const l2_cfg *)cfg)->factor), w, n);
}

const sn_regularizer_type SN_R(sn_regularizer_l2) = {
    .desc = { .name = "l2",
              .brief = "penalty factor * sum w^2",
              .example = "dense { 8, kernel_regularizer = l2(1e-4) }",
              .fields = fields,
              .cfg_size = sizeof(l2_cfg) },
    .value = value,
    .grad = grad,
    .check = { "l2{}", "l2{factor=0.3}" },
};
