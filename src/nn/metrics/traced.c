#include "nn/traced.h"
#include "nn/metrics/metric.h"

extern const sn_loss_type sn_loss_traced_f32;

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_loss_traced_f32.check_shapes(cfg, out, target, e);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    sn_metric_of_loss(&sn_loss_traced_f32, cfg, state, p, t, rows, cols, tcols);
}

static sn_status prepare(const void *cfg, size_t cols, size_t tcols, sn_err *e) {
    return sn_loss_traced_f32.prepare(cfg, 1, cols, tcols, false, e); /* sn_metric_of_loss goes row by row */
}

const sn_metric_type sn_metric_traced = {
    .desc = { .name = "traced",
              .brief = "a Lua function of targets and predictions, averaged over the samples: metrics = { "
                       "function(y, p) return max(abs(y - p), -1) end }",
              .example = "sonde.kinds.metric.traced { \"inputs 2; sub 0 1; abs 2; mean 3\" }",
              .fields = sn_traced_fields,
              .cfg_size = sizeof(sn_traced_cfg),
              .derive = sn_traced_derive_loss,
              .drop = sn_traced_drop },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .prepare = prepare,
    .result = sn_metric_mean,
};
