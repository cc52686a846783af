#include "nn/schedules/schedule.h"
#include <math.h>

typedef struct {
    double initial_learning_rate;
    int64_t decay_steps;
    double end_learning_rate, power;
    bool cycle;
} polynomial_decay_cfg;

static const sn_field fields[] = {
    SN_START_RATE(polynomial_decay_cfg),
    SN_STEPS(polynomial_decay_cfg, decay_steps, 2, "optimizer steps until end_learning_rate"),
    SN_FLOAT(polynomial_decay_cfg, end_learning_rate, .pos = 3, .def = 0.0001, .min = 0, .max = SN_RATE_MAX,
             .doc = "the rate at the end and after it"),
    SN_FLOAT(polynomial_decay_cfg, power, .pos = 4, .def = 1, .min = 0, .max = 1000,
             .doc = "exponent: 1 is a straight line"),
    SN_BOOL(polynomial_decay_cfg, cycle, .pos = 5, .doc = "rise and fall again, over ever longer spans"),
    SN_FIELDS_END
};

/* Cycling stretches the span to the first multiple of decay_steps not below the step. */
static double at(const void *cfg, int64_t step) {
    const polynomial_decay_cfg *c = cfg;
    double s = (double)step, span = (double)c->decay_steps;
    if (c->cycle) {
        span *= step == 0 ? 1 : ceil(s / span);
    } else {
        s = fmin(s, span);
    }
    return (c->initial_learning_rate - c->end_learning_rate) * pow(1 - s / span, c->power) +
           c->end_learning_rate;
}

const sn_schedule_type sn_schedule_polynomial_decay = {
    .desc = { .name = "polynomial_decay",
              .brief = "from initial_learning_rate to end_learning_rate along (1 - step / decay_steps) ^ power",
              .example = "adam { polynomial_decay { 0.01, 1000, power = 2 } }",
              .fields = fields,
              .cfg_size = sizeof(polynomial_decay_cfg) },
    .at = at,
};
