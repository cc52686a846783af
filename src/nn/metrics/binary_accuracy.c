#include "nn/metrics/metric.h"

static const sn_field fields[] = { SN_FLOAT(sn_binary_accuracy_cfg, threshold, .pos = 1, .def = 0.5,
                                            .min = -1e9, .max = 1e9,
                                            .doc = "an output above this means 1; 0 for raw scores"),
                                   SN_FIELDS_END };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("binary_accuracy", "sparse_categorical_accuracy", out, target, e);
}

/* Keras metrics/accuracy_metrics.py: strictly above the threshold, so p = 0.5 means class 0. */
static double score(const void *cfg, const float *p, const float *t, size_t cols) {
    const float threshold = (float)((const sn_binary_accuracy_cfg *)cfg)->threshold;
    size_t right = 0;
    for (size_t i = 0; i < cols; i++) right += t[i] == (p[i] > threshold ? 1.0F : 0.0F);
    return (double)right / (double)cols;
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    sn_metric_rows(score, cfg, state, p, t, rows, cols, tcols);
}

const sn_metric_type sn_metric_binary_accuracy = {
    .desc = { .name = "binary_accuracy",
              .brief = "share of the outputs on the right side of the threshold",
              .example = "binary_accuracy { threshold = 0.6 }",
              .fields = fields,
              .cfg_size = sizeof(sn_binary_accuracy_cfg) },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = 1,
};
