#include "nn/metrics/metric.h"

static sn_status check(const void *cfg, sn_err *e) { return sn_confusion_check("recall", cfg, e); }

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_confusion_check_shapes("recall", cfg, out, target, e);
}

static double result(const void *cfg, const double *state) {
    (void)cfg;
    return sn_confusion_share(state, SN_FN);
}

const sn_metric_type sn_metric_recall = {
    .desc = { .name = "recall",
              .brief = "share of the positive labels that are found: tp / (tp + fn)",
              .example = "recall { class_id = 1 }",
              .fields = sn_confusion_fields,
              .cfg_size = sizeof(sn_confusion_cfg),
              .check = check },
    .state_size = sn_confusion_size,
    .check_shapes = check_shapes,
    .update = sn_confusion_update,
    .result = result,
    .direction = 1,
};
