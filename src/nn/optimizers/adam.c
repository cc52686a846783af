/* Kingma, Ba, "Adam: a method for stochastic optimization" (2014); amsgrad: Reddi, Kale, Kumar, "On the
 * convergence of Adam and beyond" (2018). */
#include "nn/optimizers/adam.h"

#include "num/kern.h"
#include <math.h>

static const sn_field fields[] = { SN_ADAM_FIELDS(0) };

sn_status sn_adam_check(const char *name, const sn_adam_cfg *c, sn_err *e) {
    sn_status s = sn_optimizer_check(name, &c->common, e);
    if (s == SN_OK) s = sn_optimizer_check_rate(name, "beta_1", c->beta_1, e);
    if (s == SN_OK) s = sn_optimizer_check_rate(name, "beta_2", c->beta_2, e);
    return s;
}

static sn_status check(const void *cfg, sn_err *e) { return sn_adam_check("adam", cfg, e); }

int sn_adam_states(const void *cfg) { return ((const sn_adam_cfg *)cfg)->amsgrad ? 3 : 2; }

/* Keras optimizers/adam.py: the bias corrections are folded into the step size, so epsilon is added to the
 * uncorrected root ("epsilon hat" in the paper, section 2). */
void sn_adam_update(const void *cfg, float *p, const float *g, float *const *state, size_t n, double lr,
                    int64_t t) {
    const sn_adam_cfg *c = cfg;
    double step = lr * sqrt(1 - pow(c->beta_2, (double)t)) / (1 - pow(c->beta_1, (double)t));
    sn_kern_f32()->adam(p, state[0], state[1], c->amsgrad ? state[2] : NULL, g, n, (float)(1 - c->beta_1),
                        (float)(1 - c->beta_2), (float)step, (float)c->epsilon);
}

/* The update above as lr m / scale. */
SN_VECTORIZED
void sn_adam_scale(const void *cfg, float *scale, float *const *state, size_t n, int64_t t) {
    const sn_adam_cfg *c = cfg;
    const float by = (float)((1 - pow(c->beta_1, (double)t)) / sqrt(1 - pow(c->beta_2, (double)t)));
    const float eps = (float)c->epsilon, *v = state[c->amsgrad ? 2 : 1];
    for (size_t i = 0; i < n; i++) scale[i] = by * (sqrtf(v[i]) + eps);
}

/* Momentum as a running mean: w -= lr m / scale, m = beta m + (1 - beta) g. */
double sn_adam_stable(const void *cfg) {
    double beta = ((const sn_adam_cfg *)cfg)->beta_1;
    return (2 + 2 * beta) / (1 - beta);
}

const sn_optimizer_type sn_optimizer_adam = {
    .desc = { .name = "adam",
              .brief = "steps scaled by running means of the gradient and of its square",
              .example = "adam { 0.001, beta_2 = 0.99 }",
              .fields = fields,
              .cfg_size = sizeof(sn_adam_cfg),
              .check = check },
    .nstate = 3,
    .state_name = { "m", "v", "vhat" },
    .states = sn_adam_states,
    .update = sn_adam_update,
    .scale = sn_adam_scale,
    .stable = sn_adam_stable,
};
