#include "nn/losses/crossentropy.h"
#include "nn/metrics/metric.h"

extern const sn_loss_type sn_loss_categorical_crossentropy_f32;

static const sn_field fields[] = { SN_CATEGORICAL_FIELDS };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_one_hot("categorical_crossentropy", "sparse_categorical_crossentropy", out, target, e);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    sn_metric_of_loss(&sn_loss_categorical_crossentropy_f32, cfg, state, p, t, rows, cols, tcols);
}

const sn_metric_type sn_metric_categorical_crossentropy = {
    .desc = { .name = "categorical_crossentropy",
              .brief = "the loss of that name as a metric: no penalties in it",
              .example = "sequential { dense { 2, input_shape = { 3 } } }:compile { loss = \"mse\", optimizer "
                         "= \"sgd\", metrics = { \"categorical_crossentropy\" } }",
              .fields = fields,
              .cfg_size = sizeof(sn_crossentropy_cfg) },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = -1,
};
