#include "nn/schedules/schedule.h"
#include <math.h>

typedef struct {
    double initial_learning_rate;
    int64_t decay_steps;
    double decay_rate;
    bool staircase;
} inverse_time_decay_cfg;

static const sn_field fields[] = {
    SN_START_RATE(inverse_time_decay_cfg),
    SN_STEPS(inverse_time_decay_cfg, decay_steps, 2, "optimizer steps that count as one unit of time"),
    SN_FLOAT(inverse_time_decay_cfg, decay_rate, .pos = 3, .flags = SN_REQUIRED, .min = 0, .max = 1e9,
             .doc = "how fast it falls"),
    SN_BOOL(inverse_time_decay_cfg, staircase, .pos = 4, .doc = "fall in jumps instead of smoothly"),
    SN_FIELDS_END
};

static double at(const void *cfg, int64_t step) {
    const inverse_time_decay_cfg *c = cfg;
    double p = (double)step / (double)c->decay_steps;
    return c->initial_learning_rate / (1 + c->decay_rate * (c->staircase ? floor(p) : p));
}

const sn_schedule_type sn_schedule_inverse_time_decay = {
    .desc = { .name = "inverse_time_decay",
              .brief = "initial_learning_rate / (1 + decay_rate * step / decay_steps)",
              .example = "sgd { inverse_time_decay { 0.1, 1000, 0.5 } }",
              .fields = fields,
              .cfg_size = sizeof(inverse_time_decay_cfg) },
    .at = at,
};
