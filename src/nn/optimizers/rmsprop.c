/* Tieleman, Hinton, "Lecture 6.5, rmsprop" (2012), as in Keras 3 optimizers/rmsprop.py. */
#include "nn/optimizers/optimizer.h"

#include <math.h>

typedef struct {
    sn_optimizer_common common;
    double rho, momentum, epsilon;
    bool centered;
} rmsprop_cfg;

static const sn_field fields[] = {
    SN_OPTIMIZER_FIELDS(0.001, 0),
    SN_FLOAT(rmsprop_cfg, rho, .pos = 2, .def = 0.9, .min = 0, .max = 1,
             .doc = "memory of the gradient's square"),
    SN_FLOAT(rmsprop_cfg, momentum, .pos = 3, .min = 0, .max = 1, .doc = "share of the last step that goes on"),
    SN_FLOAT(rmsprop_cfg, epsilon, .pos = 4, .def = 1e-7, .min = 1e-30, .max = 1e9,
             .doc = "added under the root"),
    SN_BOOL(rmsprop_cfg, centered, .pos = 5, .doc = "divide by the variance instead of the mean square"),
    SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    const rmsprop_cfg *c = cfg;
    sn_status s = sn_optimizer_check("rmsprop", &c->common, e);
    return s == SN_OK ? sn_optimizer_check_rate("rmsprop", "rho", c->rho, e) : s;
}

/* v, then momentum, then the mean gradient: a buffer's number never changes its meaning. */
static int states(const void *cfg) {
    const rmsprop_cfg *c = cfg;
    return c->centered ? 3 : c->momentum > 0 ? 2 : 1;
}

/* v = rho v + (1 - rho) g^2; step = lr g / sqrt(v + epsilon), epsilon inside the root. */
SN_VECTORIZED
static void plain(float *restrict p, const float *restrict g, float *restrict v, size_t n, float rate,
                  float rho, float a, float eps) {
    for (size_t i = 0; i < n; i++) {
        v[i] = rho * v[i] + a * (g[i] * g[i]);
        p[i] -= rate * g[i] / sqrtf(v[i] + eps);
    }
}

/* Centered: v less the square of the mean gradient; it is never below zero but by rounding, which would make
 * the root NaN. */
static void update(const void *cfg, float *restrict p, const float *restrict g, float *const *state, size_t n,
                   double lr, int64_t t) {
    const rmsprop_cfg *c = cfg;
    const float rate = (float)lr, rho = (float)c->rho, a = (float)(1 - c->rho), eps = (float)c->epsilon;
    const float mu = (float)c->momentum;
    float *restrict v = state[0], *restrict m = c->momentum > 0 ? state[1] : NULL;
    float *restrict mean = c->centered ? state[2] : NULL;
    (void)t;
    if (!m && !mean) {
        plain(p, g, v, n, rate, rho, a, eps);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        v[i] = rho * v[i] + a * (g[i] * g[i]);
        float square = v[i];
        if (mean) {
            mean[i] = rho * mean[i] + a * g[i];
            square -= mean[i] * mean[i];
            square = square < 0 ? 0 : square;
        }
        float step = rate * g[i] / sqrtf(square + eps);
        if (m) step = m[i] = mu * m[i] + step;
        p[i] -= step;
    }
}

SN_VECTORIZED
static void scale_of(const void *cfg, float *scale, float *const *state, size_t n, int64_t t) {
    const rmsprop_cfg *c = cfg;
    const float eps = (float)c->epsilon, *v = state[0], *mean = c->centered ? state[2] : NULL;
    (void)t;
    for (size_t i = 0; i < n; i++) {
        float square = mean ? v[i] - mean[i] * mean[i] : v[i];
        scale[i] = sqrtf((square < 0 ? 0 : square) + eps);
    }
}

static double stable(const void *cfg) { return 2 + 2 * ((const rmsprop_cfg *)cfg)->momentum; }

const sn_optimizer_type sn_optimizer_rmsprop = {
    .desc = { .name = "rmsprop",
              .brief = "steps scaled by a running mean of the gradient's square",
              .example = "rmsprop { 0.001, rho = 0.95, momentum = 0.9 }",
              .fields = fields,
              .cfg_size = sizeof(rmsprop_cfg),
              .check = check },
    .nstate = 3,
    .state_name = { "v", "m", "mean" },
    .states = states,
    .update = update,
    .scale = scale_of,
    .stable = stable,
};
