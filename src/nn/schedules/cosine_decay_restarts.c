/* Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts" (2016). */
#include "nn/schedules/schedule.h"
#include <math.h>

typedef struct {
    double initial_learning_rate;
    int64_t first_decay_steps;
    double t_mul, m_mul, alpha;
} cosine_decay_restarts_cfg;

static const sn_field fields[] = {
    SN_START_RATE(cosine_decay_restarts_cfg),
    SN_STEPS(cosine_decay_restarts_cfg, first_decay_steps, 2, "optimizer steps of the first descent"),
    SN_FLOAT(cosine_decay_restarts_cfg, t_mul, .pos = 3, .def = 2, .min = 1, .max = 1e6,
             .doc = "each descent is this much longer than the one before"),
    SN_FLOAT(cosine_decay_restarts_cfg, m_mul, .pos = 4, .def = 1, .min = 0, .max = 1e6,
             .doc = "each restart is at this multiple of the rate before"),
    SN_FLOAT(cosine_decay_restarts_cfg, alpha, .pos = 5, .min = 0, .max = 1,
             .doc = "share of the rate that is never left"),
    SN_FIELDS_END
};

/* The start of descent i in units of the first: 1 + t + ... + t^(i-1). */
static double start_of(double t, double i) { return (pow(t, i) - 1) / (t - 1); }

/* Which descent x (steps / first_decay_steps) lies in; *done: its completed part, 0 <= done < 1. */
static double restarts(double t, double x, double *done) {
    if (t == 1) {
        *done = x - floor(x);
        return floor(x);
    }
    double i = floor(log(1 + x * (t - 1)) / log(t));
    if (i > 0 && x < start_of(t, i)) i--; /* the logarithms may round to the wrong side of a restart */
    if (x >= start_of(t, i + 1)) i++;
    *done = (x - start_of(t, i)) / pow(t, i);
    return i;
}

static double at(const void *cfg, int64_t step) {
    const cosine_decay_restarts_cfg *c = cfg;
    double done, i = restarts(c->t_mul, (double)step / (double)c->first_decay_steps, &done);
    double cosine = 0.5 * pow(c->m_mul, i) * (1 + cos(M_PI * done));
    return c->initial_learning_rate * ((1 - c->alpha) * cosine + c->alpha);
}

const sn_schedule_type sn_schedule_cosine_decay_restarts = {
    .desc = { .name = "cosine_decay_restarts",
              .brief = "down half a cosine, then again from the top, over longer and longer spans",
              .example = "sgd { cosine_decay_restarts { 0.1, 1000, t_mul = 2 } }",
              .fields = fields,
              .cfg_size = sizeof(cosine_decay_restarts_cfg) },
    .at = at,
};
