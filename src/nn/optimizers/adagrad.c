/* Duchi, Hazan, Singer, "Adaptive subgradient methods" (2011), as in Keras 3 optimizers/adagrad.py. */
#include "nn/optimizers/optimizer.h"

#include <math.h>

typedef struct {
    sn_optimizer_common common;
    double initial_accumulator_value, epsilon;
} adagrad_cfg;

static const sn_field fields[] = { SN_OPTIMIZER_FIELDS(0.001, 0),
                                   SN_FLOAT(adagrad_cfg, initial_accumulator_value, .pos = 2, .def = 0.1,
                                            .min = 0, .max = 1e30,
                                            .doc = "what the sums of squares start from"),
                                   SN_FLOAT(adagrad_cfg, epsilon, .pos = 3, .def = 1e-7, .min = 1e-30,
                                            .max = 1e9, .doc = "added under the root"),
                                   SN_FIELDS_END };

static sn_status check(const void *cfg, sn_err *e) {
    return sn_optimizer_check("adagrad", &((const adagrad_cfg *)cfg)->common, e);
}

static double init(const void *cfg, int state) {
    (void)state;
    return ((const adagrad_cfg *)cfg)->initial_accumulator_value;
}

/* accumulator += g^2; w -= lr g / sqrt(accumulator + epsilon) */
SN_VECTORIZED
static void update(const void *cfg, float *restrict p, const float *restrict g, float *const *state, size_t n,
                   double lr, int64_t t) {
    const float rate = (float)lr, eps = (float)((const adagrad_cfg *)cfg)->epsilon;
    float *restrict sum = state[0];
    (void)t;
    for (size_t i = 0; i < n; i++) {
        sum[i] += g[i] * g[i];
        p[i] -= rate * g[i] / sqrtf(sum[i] + eps);
    }
}

SN_VECTORIZED
static void scale_of(const void *cfg, float *scale, float *const *state, size_t n, int64_t t) {
    const float eps = (float)((const adagrad_cfg *)cfg)->epsilon, *sum = state[0];
    (void)t;
    for (size_t i = 0; i < n; i++) scale[i] = sqrtf(sum[i] + eps);
}

const sn_optimizer_type sn_optimizer_adagrad = {
    .desc = { .name = "adagrad",
              .brief = "steps scaled by the sum of all squared gradients so far",
              .example = "adagrad { 0.01 }",
              .fields = fields,
              .cfg_size = sizeof(adagrad_cfg),
              .check = check },
    .nstate = 1,
    .state_name = { "accumulator" },
    .state_init = { 0.1 },
    .init = init,
    .update = update,
    .scale = scale_of,
};
