#include "nn/optimizers/optimizer.h"

typedef struct {
    sn_optimizer_common common;
    double momentum;
    bool nesterov;
} sgd_cfg;

static const sn_field fields[] = {
    SN_OPTIMIZER_FIELDS(0.01, 0),
    SN_FLOAT(sgd_cfg, momentum, .pos = 2, .min = 0, .max = 1, .doc = "share of the last step that goes on"),
    SN_BOOL(sgd_cfg, nesterov, .pos = 3, .doc = "look ahead along the momentum"), SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    return sn_optimizer_check("sgd", &((const sgd_cfg *)cfg)->common, e);
}

static int states(const void *cfg) { return ((const sgd_cfg *)cfg)->momentum != 0; }

/* Keras optimizers/sgd.py: m = momentum m - lr g; w += m, or (nesterov) w += momentum m - lr g. */
SN_VECTORIZED
static void update(const void *cfg, float *restrict p, const float *restrict g, float *const *state, size_t n,
                   double lr, int64_t t) {
    const sgd_cfg *c = cfg;
    const float rate = (float)lr, mu = (float)c->momentum;
    (void)t;
    if (c->momentum == 0) {
        for (size_t i = 0; i < n; i++) p[i] -= rate * g[i];
        return;
    }
    float *restrict m = state[0];
    if (c->nesterov) {
        for (size_t i = 0; i < n; i++) {
            m[i] = mu * m[i] - rate * g[i];
            p[i] += mu * m[i] - rate * g[i];
        }
    } else {
        for (size_t i = 0; i < n; i++) {
            m[i] = mu * m[i] - rate * g[i];
            p[i] += m[i];
        }
    }
}

/* Heavy ball and Nesterov: Cohen et al., arXiv:2103.00065, section 2 and appendix B. */
static double stable(const void *cfg) {
    const sgd_cfg *c = cfg;
    double mu = c->momentum;
    return c->nesterov ? (2 + 2 * mu) / (1 + 2 * mu) : 2 + 2 * mu;
}

const sn_optimizer_type sn_optimizer_sgd = {
    .desc = { .name = "sgd",
              .brief = "gradient descent, with momentum if asked",
              .example = "sgd { 0.01, momentum = 0.9, nesterov = true }",
              .fields = fields,
              .cfg_size = sizeof(sgd_cfg),
              .check = check },
    .nstate = 1,
    .state_name = { "m" },
    .states = states,
    .update = update,
    .stable = stable,
};
