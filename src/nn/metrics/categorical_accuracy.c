#include "nn/metrics/metric.h"

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_one_hot("categorical_accuracy", "sparse_categorical_accuracy", out, target, e);
}

static double score(const void *cfg, const float *p, const float *t, size_t cols) {
    (void)cfg;
    return sn_argmax(p, cols) == sn_argmax(t, cols);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    sn_metric_rows(score, cfg, state, p, t, rows, cols, tcols);
}

const sn_metric_type sn_metric_categorical_accuracy = {
    .desc = { .name = "categorical_accuracy",
              .brief = "share of the samples whose largest output is the one-hot target's class",
              .example = "categorical_accuracy {}" },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = 1,
};
