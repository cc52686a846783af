#include "nn/metrics/metric.h"

static size_t state_size(const void *cfg) {
    (void)cfg;
    return 2;
}

static sn_status check(const void *cfg, sn_err *e) { return sn_confusion_check("precision", cfg, e); }

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_confusion_check_shapes("precision", cfg, out, target, e);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    (void)tcols;
    sn_confusion n = sn_confusion_count(cfg, p, t, rows, cols);
    state[0] += n.tp;
    state[1] += n.fp;
}

/* 0 when there is nothing to divide by, as Keras's divide_no_nan. */
static double result(const void *cfg, const double *state) {
    (void)cfg;
    return state[0] > 0 ? state[0] / (state[0] + state[1]) : 0;
}

const sn_metric_type sn_metric_precision = {
    .desc = { .name = "precision",
              .brief = "share of the outputs called positive that are: tp / (tp + fp)",
              .example = "precision { class_id = 1 }",
              .fields = sn_confusion_fields,
              .cfg_size = sizeof(sn_confusion_cfg),
              .check = check },
    .state_size = state_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = result,
    .direction = 1,
};
