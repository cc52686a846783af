#include "nn/schedules/schedule.h"
#include <math.h>

typedef struct {
    double initial_learning_rate;
    int64_t decay_steps;
    double decay_rate;
    bool staircase;
} exponential_decay_cfg;

static const sn_field fields[] = {
    SN_START_RATE(exponential_decay_cfg),
    SN_STEPS(exponential_decay_cfg, decay_steps, 2, "optimizer steps in which the rate falls by decay_rate"),
    SN_FLOAT(exponential_decay_cfg, decay_rate, .pos = 3, .flags = SN_REQUIRED, .min = 0, .max = 1e9,
             .doc = "factor per decay_steps"),
    SN_BOOL(exponential_decay_cfg, staircase, .pos = 4, .doc = "fall in jumps instead of smoothly"),
    SN_FIELDS_END
};

static double at(const void *cfg, int64_t step) {
    const exponential_decay_cfg *c = cfg;
    double p = (double)step / (double)c->decay_steps;
    return c->initial_learning_rate * pow(c->decay_rate, c->staircase ? floor(p) : p);
}

const sn_schedule_type sn_schedule_exponential_decay = {
    .desc = { .name = "exponential_decay",
              .brief = "initial_learning_rate * decay_rate ^ (step / decay_steps)",
              .example = "adam { exponential_decay { 0.01, 1000, 0.96 } }",
              .fields = fields,
              .cfg_size = sizeof(exponential_decay_cfg) },
    .at = at,
};
