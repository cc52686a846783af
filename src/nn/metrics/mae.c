#include "nn/metrics/metric.h"

extern const sn_loss_type sn_loss_mae_f32;

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("mae", "one output unit", out, target, e);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    sn_metric_of_loss(&sn_loss_mae_f32, cfg, state, p, t, rows, cols, tcols);
}

const sn_metric_type sn_metric_mae = {
    .desc = { .name = "mae",
              .alias = "mean_absolute_error",
              .brief = "the mean of |p - t| over the outputs",
              .example = "sequential { dense { 2, input_shape = { 3 } } }:compile { loss = \"mse\", optimizer "
                         "= \"sgd\", metrics = { \"mae\" } }" },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = -1,
};
