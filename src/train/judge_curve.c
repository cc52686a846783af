/* Receiver operating characteristic, and precision over recall. */
#include "base/mem.h"
#include "train/judge.h"
#include <math.h>

void sn_judge_curve_drop(sn_judge_curve *c) {
    sn_free(c->threshold);
    sn_free(c->tp);
    sn_free(c->fp);
    *c = (sn_judge_curve){ 0 };
}

/* A point for each distinct rank, from the largest: samples of the same rank enter together. */
static void walk(sn_judge_curve *c, const sn_judged *j, int class, const double *rank, const int64_t *order) {
    int64_t tp = 0, fp = 0;
    for (int64_t i = 0; i < j->n; i++) {
        double r = rank[order[i]];
        if (j->label[order[i]] == class)
            tp++;
        else
            fp++;
        if (i + 1 < j->n && rank[order[i + 1]] == r) continue;
        c->threshold[c->n] = sn_judge_rank_value(j, class, r);
        c->tp[c->n] = tp;
        c->fp[c->n] = fp;
        c->n++;
    }
    c->positives = tp;
    c->negatives = fp;
}

sn_status sn_judge_curve_make(sn_judge_curve *c, const sn_judged *j, int class, sn_err *e) {
    size_t n = (size_t)j->n + 1;
    *c = (sn_judge_curve){ 0 };
    double *rank = sn_calloc(n, sizeof *rank, "curve", e);
    int64_t *order = rank ? sn_calloc(n, sizeof *order, "curve", e) : NULL;
    c->threshold = order ? sn_calloc(n, sizeof *c->threshold, "curve", e) : NULL;
    c->tp = c->threshold ? sn_calloc(n, sizeof *c->tp, "curve", e) : NULL;
    c->fp = c->tp ? sn_calloc(n, sizeof *c->fp, "curve", e) : NULL;
    sn_status s = c->fp ? SN_OK : SN_ENOMEM;
    for (int64_t i = 0; s == SN_OK && i < j->n; i++) rank[i] = sn_judge_rank(j, i, class);
    if (s == SN_OK) s = sn_judge_order(rank, j->n, order, e);
    if (s == SN_OK)
        walk(c, j, class, rank, order);
    else
        sn_judge_curve_drop(c);
    sn_free(rank);
    sn_free(order);
    return s;
}

double sn_judge_auc(const sn_judge_curve *c) {
    if (c->positives == 0 || c->negatives == 0) return (double)NAN;
    double area = 0, tp = 0, fp = 0;
    for (int64_t i = 0; i < c->n; i++) {
        area += ((double)c->fp[i] - fp) * ((double)c->tp[i] + tp) / 2;
        tp = (double)c->tp[i];
        fp = (double)c->fp[i];
    }
    return area / ((double)c->positives * (double)c->negatives);
}

double sn_judge_average_precision(const sn_judge_curve *c) {
    if (c->positives == 0) return (double)NAN;
    double sum = 0, tp = 0;
    for (int64_t i = 0; i < c->n; i++) {
        double now = (double)c->tp[i];
        sum += (now - tp) * now / (now + (double)c->fp[i]);
        tp = now;
    }
    return sum / (double)c->positives;
}
