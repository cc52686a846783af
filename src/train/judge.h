/* Judging a classifier by its predictions on labeled samples. Everything here is a pure function of the arrays
 * in sn_judged; sums are taken in double, in the order of the samples. Where the numbers have a namesake in
 * scikit-learn they are equal to its.
 *
 * `level` is a confidence level such as 0.95. NaN stands for what is not defined (the AUC of a class that no
 * sample has). Rows of outputs must be finite, but for sn_judge_class. */
#ifndef SN_TRAIN_JUDGE_H
#define SN_TRAIN_JUDGE_H

#include "base/err.h"
#include "base/pool.h"
#include <stdbool.h>
#include <stdint.h>

/* Keras and the losses clip probabilities to [eps, 1 - eps] before a logarithm. */
#define SN_JUDGE_EPS 1e-7

typedef enum {
    SN_OUT_PROBABILITIES, /* softmax or sigmoid has been taken */
    SN_OUT_LOGITS,        /* raw scores, of which the loss takes softmax or sigmoid */
    SN_OUT_SCORES         /* compared with one another, or with zero (hinge): no probabilities */
} sn_out_kind;

typedef struct {
    int64_t n;
    int units;   /* outputs of a sample; 1: a binary head, whose output speaks for class 1 */
    int classes; /* max(units, 2) */
    sn_out_kind kind;
    bool independent;     /* units > 1, each the probability of its own question: they do not share 1 */
    bool normalize;       /* rows do not sum to 1 and are divided by their sum, as the loss does */
    const float *out;     /* (n, units) */
    const int32_t *label; /* (n), 0 .. classes - 1 */
} sn_judged;

/* ---- one sample ---- */

/* Probabilities of all classes into p (classes); of SN_OUT_SCORES the scores (of one unit: -s, s). */
void sn_judge_row(const sn_judged *, int64_t i, double *p);
/* Their logarithms after clipping to [EPS, 1 - EPS]; of logits exact, without clipping. Up to a constant these
 * are the logits of a softmax (and of a sigmoid, as two classes). Not for SN_OUT_SCORES. clipped (may be NULL):
 * was this class's probability clipped? Returns whether any was. */
bool sn_judge_log_row(const sn_judged *, int64_t i, double *lp, int class, bool *clipped);
/* The predicted class, -1 when an output is not finite. Two classes: class 1 where its probability (the score)
 * is over the threshold; NaN stands for 0.5 (for a score 0). More classes: the largest, the first of equals. */
int sn_judge_class(const sn_judged *, int64_t i, double threshold);
/* How far class k is ahead: orders the samples as its probability does, without that one's rounding to 1. */
double sn_judge_rank(const sn_judged *, int64_t i, int k);
double sn_judge_rank_value(const sn_judged *, int k, double rank); /* the probability (score) of a rank */

/* ---- intervals ---- */

typedef struct {
    double lower, upper;
} sn_interval;

double sn_normal_quantile(double p); /* 0 < p < 1; exact to about 1e-15 relative to the distribution function */
/* Of a share of hits (Wilson 1927; Brown, Cai, DasGupta 2001): its ends stay within 0..1 and have a width where
 * all hit or none. n = 0: 0..1. */
sn_interval sn_wilson(int64_t hits, int64_t n, double level);

/* ---- counts ---- */

/* counts (classes, classes), zeroed by the caller: rows are true classes, columns predicted ones. */
void sn_judge_confusion(const sn_judged *, double threshold, int64_t *counts);

typedef struct {
    double precision, recall, f1; /* 0 where there is nothing to divide by */
    int64_t support, predicted, hits;
} sn_class_score;
/* scikit-learn's classification_report from counts (c, c): each (c); macro: the mean over the classes that
 * occur among the true or the predicted ones (how many: the result); weighted: by support. */
int sn_judge_report(const int64_t *counts, int c, sn_class_score *each, sn_class_score *macro,
                    sn_class_score *weighted);
/* Samples whose true class is among the k largest outputs. A class that ties with the k-th is in, as
 * tf.math.in_top_k has it; for k = 1 the first of equals alone, as everywhere else. */
int64_t sn_judge_hits(const sn_judged *, int k, double threshold);

/* ---- calibration ---- */

typedef struct {
    double low, high;            /* confidences in (low, high]; 0 is in the first */
    int64_t count, hits;         /* samples, and how many of them are right */
    double confidence, accuracy; /* means; NaN when empty */
    double lower, upper;         /* Wilson interval of the accuracy */
} sn_judge_bin;

typedef struct {
    double confidence, accuracy; /* over all samples */
    double ece; /* sum over bins of count / n * |accuracy - confidence| (Guo et al. 2017, eq. 3) */
    double mce; /* the largest |accuracy - confidence| of a bin (eq. 5) */
    double
        adaptive_ece;  /* ece with bins of equal counts (Nguyen and O'Connor 2015), cut as numpy.array_split */
    double nll;        /* mean -log p of the true class */
    double brier;      /* mean over samples of the sum over classes (p - y)^2 (Brier 1950): 0 .. 2 */
    int64_t clipped;   /* samples whose true class's probability was clipped for nll */
    int64_t saturated; /* samples with any probability clipped */
} sn_calibration;

/* The confidence is the probability of the predicted class. bin: (bins), of equal width. */
sn_status sn_judge_calibrate(const sn_judged *, int bins, double level, sn_judge_bin *bin, sn_calibration *,
                             const sn_pool *, sn_err *);

/* The range within which temperatures are sought. */
#define SN_TEMPERATURE_MIN 0.01
#define SN_TEMPERATURE_MAX 100.0

typedef struct {
    double temperature;        /* T* */
    bool at_limit;             /* it would lie beyond the range: NLL goes on falling there */
    double nll;                /* at T* */
    double gain, lower, upper; /* NLL at T = 1 minus that, mean of the samples' differences, with an interval of
                                * the normal approximation (n - 1 in the variance; NaN for one sample) */
} sn_temperature;

/* Temperature scaling (Guo et al. 2017, section 4.2): T > 0 that minimizes the NLL of softmax(logits / T). Its
 * derivative by 1 / T, mean(sum p z - z of the true class), only grows, since its own is the mean variance of z
 * under p: Newton on log T, and bisection where that would leave the bracket. */
sn_status sn_judge_temperature(const sn_judged *, double level, sn_temperature *, const sn_pool *, sn_err *);

/* Counts of the confidences of right and of wrong predictions, in bins as above. */
sn_status sn_judge_histogram(const sn_judged *, int bins, int64_t *right, int64_t *wrong, sn_err *);

/* ---- curves of one class against the rest ---- */

typedef struct {
    int64_t n;                    /* distinct thresholds */
    int64_t positives, negatives; /* samples */
    double *threshold;            /* (n), from the largest; a sample at the threshold counts as positive */
    int64_t *tp, *fp;             /* (n) samples at or over the threshold */
} sn_judge_curve;

sn_status sn_judge_curve_make(sn_judge_curve *, const sn_judged *, int class, sn_err *);
void sn_judge_curve_drop(sn_judge_curve *);
/* Trapezoids under (fp / negatives, tp / positives): samples that tie count half (scikit-learn's auc of
 * roc_curve). NaN without positives or negatives. */
double sn_judge_auc(const sn_judge_curve *);
/* sum of (recall_i - recall_(i-1)) precision_i (scikit-learn's average_precision_score). NaN without positives.
 */
double sn_judge_average_precision(const sn_judge_curve *);

/* ---- orders ---- */

/* Places of the values from the largest (NaN comes before all), equal ones in their own order. order: (n) */
sn_status sn_judge_order(const double *value, int64_t n, int64_t *order, sn_err *);

#endif
