/* Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts" (2016). */
#include "nn/schedules/schedule.h"
#include <math.h>

typedef struct {
    double initial_learning_rate;
    int64_t decay_steps;
    double alpha, warmup_target;
    int64_t warmup_steps;
} cosine_decay_cfg;

static const sn_field fields[] = {
    SN_START_RATE(cosine_decay_cfg),
    SN_STEPS(cosine_decay_cfg, decay_steps, 2, "optimizer steps of the descent, after any warm-up"),
    SN_FLOAT(cosine_decay_cfg, alpha, .pos = 3, .min = 0, .max = 1,
             .doc = "share of the rate that is left at the end"),
    SN_FLOAT(cosine_decay_cfg, warmup_target, .pos = 4, .def = -1, .min = -1, .max = SN_RATE_MAX,
             .doc = "the rate reached by warming up, from where it descends; -1 = no warm-up"),
    SN_INT(cosine_decay_cfg, warmup_steps, .pos = 5, .min = 0, .max = 9007199254740991.0,
           .doc = "optimizer steps of the warm-up"),
    SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    double target = ((const cosine_decay_cfg *)cfg)->warmup_target;
    if (target == -1 || target >= 0) return SN_OK;
    return sn_fail(e, SN_EINVAL,
                   "cosine_decay: warmup_target = %.10g is negative; use a rate, or -1 for no warm-up", target);
}

static double at(const void *cfg, int64_t step) {
    const cosine_decay_cfg *c = cfg;
    double s = (double)step, span = (double)c->decay_steps, from = c->initial_learning_rate;
    if (c->warmup_target >= 0) {
        double warm = (double)c->warmup_steps;
        if (s < warm) return (c->warmup_target - from) * (s / warm) + from;
        s -= warm;
        from = c->warmup_target;
    }
    double cosine = 0.5 * (1 + cos(M_PI * (fmin(s, span) / span)));
    return from * ((1 - c->alpha) * cosine + c->alpha);
}

const sn_schedule_type sn_schedule_cosine_decay = {
    .desc = { .name = "cosine_decay",
              .brief = "down half a cosine in decay_steps, after a straight warm-up if asked",
              .example = "adam { cosine_decay { 0, 1000, warmup_target = 0.001, warmup_steps = 100 } }",
              .fields = fields,
              .cfg_size = sizeof(cosine_decay_cfg),
              .check = check },
    .at = at,
};
