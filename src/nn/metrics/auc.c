/* Keras metrics/confusion_metrics.py, AUC: the curve is sampled at num_thresholds evenly spaced thresholds, the
 * first just below 0 and the last just above 1. Outputs are all treated as one binary problem. */
#include "nn/metrics/metric.h"
#include <math.h>

typedef struct {
    int64_t num_thresholds;
    int curve;
    bool from_logits;
} auc_cfg;

enum { ROC, PR };
static const char *const curves[] = { "ROC", "PR", NULL };

static const sn_field fields[] = {
    SN_INT(auc_cfg, num_thresholds, .pos = 1, .def = 200, .min = 2, .max = 1000000,
           .doc = "points of the curve"),
    SN_ENUM(auc_cfg, curve, .pos = 2, .choices = curves,
            .doc = "true over false positives, or precision over recall"),
    SN_BOOL(auc_cfg, from_logits, .doc = "outputs are raw scores: the sigmoid of them is taken"), SN_FIELDS_END
};

/* Per bucket: positive labels, then negative ones. Bucket i holds the outputs above threshold i, but not above
 * i + 1. */
static size_t state_size(const void *cfg) { return 2 * (size_t)((const auc_cfg *)cfg)->num_thresholds; }

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("auc", "one output unit, or label_mode=\"categorical\"", out, target, e);
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    const auc_cfg *c = cfg;
    size_t n = (size_t)c->num_thresholds;
    (void)tcols;
    for (size_t i = 0; i < rows * cols; i++) {
        float v = c->from_logits ? 1 / (1 + expf(-p[i])) : p[i];
        if (isnan(v)) state[0] = (double)NAN; /* the curve of what is not a number is not one either */
        v = v > 0 ? v < 1 ? v : 1 : 0;
        float bucket = ceilf(v * (float)(n - 1)) - 1;
        state[(t[i] != 0 ? 0 : n) + (bucket > 0 ? (size_t)bucket : 0)]++;
    }
}

static double ratio(double a, double b) { return b != 0 ? a / b : 0; }

/* Of one interval between neighbouring thresholds; above: counts over the upper one, in: inside the interval.
 * The closed formula after Davis and Goadrich (2006) is explained in Keras's interpolate_pr_auc. */
static double pr_area(double tp_above, double fp_above, double tp_in, double fp_in, double positives) {
    double slope = ratio(tp_in, tp_in + fp_in), p = tp_above + fp_above, intercept = tp_above - slope * p;
    double grown = p + tp_in + fp_in > 0 && p > 0 ? (p + tp_in + fp_in) / p : 1;
    return ratio(slope * (tp_in + intercept * log(grown)), positives);
}

/* Walks down from the highest threshold, above which there is nothing. */
static double result(const void *cfg, const double *state) {
    const auc_cfg *c = cfg;
    size_t n = (size_t)c->num_thresholds;
    const double *pos = state, *neg = state + n; /* (n) */
    double positives = 0, negatives = 0, tp = 0, fp = 0, area = 0;
    for (size_t i = 0; i < n; i++) positives += pos[i], negatives += neg[i];
    for (size_t i = n - 1; i-- > 0;) {
        if (c->curve == PR) {
            area += pr_area(tp, fp, pos[i], neg[i], positives);
        } else { /* a trapezium: false-positive rate gained, times the mean true-positive rate */
            area += ratio(neg[i], negatives) * ratio(tp + pos[i] / 2, positives);
        }
        tp += pos[i], fp += neg[i];
    }
    return area;
}

const sn_metric_type sn_metric_auc = {
    .desc = { .name = "auc",
              .brief = "area under the curve: the chance that a positive sample scores above a negative one",
              .example = "auc { num_thresholds = 500 }",
              .fields = fields,
              .cfg_size = sizeof(auc_cfg) },
    .state_size = state_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = result,
    .direction = 1,
};
