/* "accuracy" is a word for one of three metrics, chosen by shapes. A trainer puts the chosen one in its place.
 */
#include "nn/metrics/metric.h"

extern const sn_metric_type sn_metric_binary_accuracy, sn_metric_categorical_accuracy,
    sn_metric_sparse_categorical_accuracy;

static const sn_metric_type *chosen(const sn_shape *out, const sn_shape *target) {
    int64_t out_last = out->n ? out->d[out->n - 1] : 1, target_last = target->n ? target->d[target->n - 1] : 1;
    if (out_last == 1) return &sn_metric_binary_accuracy;
    if (target->n < out->n || target_last == 1) return &sn_metric_sparse_categorical_accuracy;
    return &sn_metric_categorical_accuracy;
}

const sn_desc *sn_metric_resolve_accuracy(const sn_shape *out, const sn_shape *target) {
    return &chosen(out, target)->desc;
}

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return chosen(out, target)->check_shapes(NULL, out, target, e);
}

/* Unresolved, rows decide by the same rule. binary_accuracy then has its default threshold; the
 * others have no options. */
static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    const sn_binary_accuracy_cfg half = { 0.5 };
    sn_shape out = { .n = 1, .d = { (int64_t)cols } }, target = { .n = 1, .d = { (int64_t)tcols } };
    (void)cfg;
    chosen(&out, &target)->update(&half, state, p, t, rows, cols, tcols);
}

const sn_metric_type sn_metric_accuracy = {
    .desc = { .name = "accuracy",
              .alias = "acc",
              .brief = "binary, categorical or sparse categorical accuracy, whichever fits output and targets",
              .example = "accuracy {}" },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = 1,
};
