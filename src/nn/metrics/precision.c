#include "nn/metrics/metric.h"

static sn_status check(const void *cfg, sn_err *e) { return sn_confusion_check("precision", cfg, e); }

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    return sn_confusion_check_shapes("precision", cfg, out, target, e);
}

static double result(const void *cfg, const double *state) {
    (void)cfg;
    return sn_confusion_share(state, SN_FP);
}

const sn_metric_type sn_metric_precision = {
    .desc = { .name = "precision",
              .brief = "share of the outputs called positive that are: tp / (tp + fp)",
              .example = "precision { class_id = 1 }",
              .fields = sn_confusion_fields,
              .cfg_size = sizeof(sn_confusion_cfg),
              .check = check },
    .state_size = sn_confusion_size,
    .check_shapes = check_shapes,
    .update = sn_confusion_update,
    .result = result,
    .direction = 1,
};
