/* What the metrics share. Counts and sums are doubles: exact up to 2^53. */
#ifndef SN_NN_METRICS_METRIC_H
#define SN_NN_METRICS_METRIC_H

#include "nn/losses/targets.h"
#include "nn/objects.h"

/* Metrics that are a mean over rows: state = { sum, count }. */
size_t sn_metric_mean_size(const void *cfg);
double sn_metric_mean(const void *cfg, const double *state); /* sum / count; 0 before the first row */

typedef struct {
    double threshold;
} sn_binary_accuracy_cfg;

size_t sn_argmax(const float *x, size_t n); /* ties: the first */

/* The loss's value as a metric. */
void sn_metric_of_loss(const sn_loss_type *, const void *cfg, double *state, const float *p, const float *t,
                       size_t rows, size_t cols, size_t tcols);

/* The rows of each kind of accuracy: how many of them are right is added to *right. */
typedef double (*sn_row_score)(const void *cfg, const float *p, const float *t, size_t cols);
void sn_metric_rows(sn_row_score, const void *cfg, double *state, const float *p, const float *t, size_t rows,
                    size_t cols, size_t tcols);

/* ---- precision and recall (Keras metrics/confusion_metrics.py) ---- */
typedef struct {
    double thresholds;
    int64_t top_k, class_id;
} sn_confusion_cfg;
extern const sn_field sn_confusion_fields[];
/* The state: true positives, false ones, false negatives. */
enum { SN_TP, SN_FP, SN_FN, SN_CONFUSION };
sn_status sn_confusion_check(const char *name, const sn_confusion_cfg *, sn_err *);
sn_status sn_confusion_check_shapes(const char *name, const sn_confusion_cfg *, const sn_shape *out,
                                    const sn_shape *target, sn_err *);
size_t sn_confusion_size(const void *cfg);
void sn_confusion_update(const void *cfg, double *state, const float *p, const float *t, size_t rows,
                         size_t cols, size_t tcols);
/* tp / (tp + other); 0 when there is nothing to divide by, as Keras's divide_no_nan. */
double sn_confusion_share(const double *state, int other);

#endif
