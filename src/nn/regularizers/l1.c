#include "nn/regularizers/penalty.h"

typedef struct {
    double factor;
} l1_cfg;

static const sn_field fields[] = { SN_FLOAT(l1_cfg, factor, .pos = 1, .def = 0.01, .min = 0,
                                            .max = SN_PENALTY_MAX, .doc = "times the sum of |w|"),
                                   SN_FIELDS_END };

static double value(const void *cfg, const void *w, size_t n, sn_pool *pool) {
    return ((const l1_cfg *)cfg)->factor * SN_R(sn_vec_sum_abs)(pool, w, n);
}

static void grad(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *pool) {
    SN_R(sn_penalty_add_sign)(pool, dw, w, (real)(scale * ((const l1_cfg *)cfg)->factor), n);
}

const sn_regularizer_type SN_R(sn_regularizer_l1) = {
    .desc = { .name = "l1",
              .brief = "penalty factor * sum |w|",
              .example = "dense { 8, kernel_regularizer = l1(1e-4) }",
              .fields = fields,
              .cfg_size = sizeof(l1_cfg) },
    .value = value,
    .grad = grad,
    .check = { "l1{}", "l1{factor=0.3}" },
};
