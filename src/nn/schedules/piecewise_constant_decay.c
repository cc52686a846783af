#include "nn/schedules/schedule.h"

typedef struct {
    sn_floats boundaries, values;
} piecewise_constant_decay_cfg;

static const sn_field fields[] = {
    SN_FLOATS(piecewise_constant_decay_cfg, boundaries, .pos = 1, .flags = SN_REQUIRED, .min = 0, .max = 1e15,
              .doc = "the last step of each rate but the last, rising"),
    SN_FLOATS(piecewise_constant_decay_cfg, values, .pos = 2, .flags = SN_REQUIRED, .min = 0,
              .max = SN_RATE_MAX, .doc = "the rates: one more than boundaries"),
    SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    const piecewise_constant_decay_cfg *c = cfg;
    if (c->boundaries.n == 0 || c->values.n != c->boundaries.n + 1)
        return sn_fail(
            e, SN_EINVAL,
            "piecewise_constant_decay: %zu boundaries want %zu values, got %zu; give at least one boundary "
            "and one more value",
            c->boundaries.n, c->boundaries.n + 1, c->values.n);
    for (size_t i = 1; i < c->boundaries.n; i++)
        if (c->boundaries.v[i] <= c->boundaries.v[i - 1])
            return sn_fail(e, SN_EINVAL,
                           "piecewise_constant_decay: boundary %.10g comes after %.10g; boundaries must rise",
                           c->boundaries.v[i], c->boundaries.v[i - 1]);
    return SN_OK;
}

/* A boundary is the last step of its value: step <= boundary. */
static double at(const void *cfg, int64_t step) {
    const piecewise_constant_decay_cfg *c = cfg;
    size_t i = 0;
    while (i < c->boundaries.n && (double)step > c->boundaries.v[i]) i++;
    return c->values.v[i];
}

const sn_schedule_type sn_schedule_piecewise_constant_decay = {
    .desc = { .name = "piecewise_constant_decay",
              .brief = "one rate up to each boundary, in steps",
              .example = "sgd { piecewise_constant_decay { { 1000, 2000 }, { 0.1, 0.01, 0.001 } } }",
              .fields = fields,
              .cfg_size = sizeof(piecewise_constant_decay_cfg),
              .check = check },
    .at = at,
};
