/* Single samples, counts, intervals. */
#include "train/judge.h"

#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

/* ---- one sample ---- */

static double sigmoid(double z) {
    if (z >= 0) return 1 / (1 + exp(-z));
    double e = exp(z);
    return e / (1 + e);
}

/* log sigmoid(z) */
static double log_sigmoid(double z) { return (z < 0 ? z : 0) - log1p(exp(-fabs(z))); }

static const float *row_of(const sn_judged *j, int64_t i) { return j->out + i * j->units; }

/* log softmax(z)[k] = (z[k] - top) - log_sum: apart, since their sum would round away what large scores differ
 * by. */
typedef struct {
    double top, log_sum;
} softmax_parts;

static softmax_parts parts_of(const float *z, int n) {
    double top = z[0], sum = 0;
    for (int k = 1; k < n; k++)
        if (z[k] > top) top = z[k];
    for (int k = 0; k < n; k++) sum += exp(z[k] - top);
    return (softmax_parts){ top, log(sum) };
}

static double log_softmax(const softmax_parts *s, double z) { return z - s->top - s->log_sum; }

/* Of class 1, by a head of one unit. */
static void binary_row(const sn_judged *j, double v, double *p) {
    bool logit = j->kind == SN_OUT_LOGITS;
    p[1] = logit ? sigmoid(v) : v;
    p[0] = j->kind == SN_OUT_SCORES ? -v : logit ? sigmoid(-v) : 1 - v;
}

void sn_judge_row(const sn_judged *j, int64_t i, double *p) {
    const float *v = row_of(j, i);
    if (j->units == 1) {
        binary_row(j, v[0], p);
        return;
    }
    bool softmax = j->kind == SN_OUT_LOGITS && !j->independent;
    softmax_parts all = { 0 };
    if (softmax) all = parts_of(v, j->units);
    double sum = 0;
    for (int k = 0; k < j->units; k++) {
        p[k] = softmax ? exp(log_softmax(&all, v[k])) : j->kind == SN_OUT_LOGITS ? sigmoid(v[k]) : (double)v[k];
        sum += p[k];
    }
    for (int k = 0; j->normalize && k < j->units; k++) p[k] /= sum;
}

bool sn_judge_log_row(const sn_judged *j, int64_t i, double *lp, int class, bool *clipped) {
    const float *v = row_of(j, i);
    bool any = false;
    if (clipped) *clipped = false;
    if (j->kind == SN_OUT_LOGITS && !j->independent) {
        if (j->units == 1) {
            lp[0] = log_sigmoid(-(double)v[0]);
            lp[1] = log_sigmoid(v[0]);
            return false;
        }
        softmax_parts all = parts_of(v, j->units);
        for (int k = 0; k < j->units; k++) lp[k] = log_softmax(&all, v[k]);
        return false;
    }
    sn_judge_row(j, i, lp);
    for (int k = 0; k < j->classes; k++) {
        double p = lp[k] < SN_JUDGE_EPS ? SN_JUDGE_EPS : lp[k] > 1 - SN_JUDGE_EPS ? 1 - SN_JUDGE_EPS : lp[k];
        bool moved = p != lp[k];
        if (moved && clipped && k == class) *clipped = true;
        any |= moved;
        lp[k] = log(p);
    }
    return any;
}

/* Class 1's probability of two, or its score. */
static double of_two(const sn_judged *j, int64_t i) {
    double p[2];
    sn_judge_row(j, i, p);
    return p[1];
}

int sn_judge_class(const sn_judged *j, int64_t i, double threshold) {
    const float *v = row_of(j, i);
    int best = 0;
    for (int k = 0; k < j->units; k++) {
        if (!isfinite(v[k])) return -1;
        if (v[k] > v[best]) best = k;
    }
    if (j->classes > 2) return best;
    if (!isnan(threshold)) return of_two(j, i) > threshold;
    if (j->units > 1) return best;
    return v[0] > (j->kind == SN_OUT_PROBABILITIES ? 0.5F : 0);
}

double sn_judge_rank(const sn_judged *j, int64_t i, int k) {
    const float *v = row_of(j, i);
    if (j->units == 1) return k == 1 ? (double)v[0] : -(double)v[0];
    if (j->kind == SN_OUT_LOGITS) {
        if (j->independent) return v[k];
        if (j->units == 2) return (double)v[k] - v[1 - k];
        softmax_parts all = parts_of(v, j->units);
        return exp(log_softmax(&all, v[k]));
    }
    double sum = 1;
    if (j->normalize) {
        sum = 0;
        for (int c = 0; c < j->units; c++) sum += v[c];
    }
    return v[k] / sum;
}

double sn_judge_rank_value(const sn_judged *j, int k, double rank) {
    if (j->kind == SN_OUT_LOGITS) return j->units <= 2 || j->independent ? sigmoid(rank) : rank;
    if (j->kind == SN_OUT_PROBABILITIES && j->units == 1 && k == 0) return 1 + rank;
    return rank;
}

/* ---- intervals ---- */

double sn_normal_quantile(double p) {
    if (p > 0.5) return -sn_normal_quantile(1 - p);
    double low = -40, high = 0; /* the distribution function is 0 at -40 in double */
    for (int k = 0; k < 200 && low < high; k++) {
        double mid = low + (high - low) / 2;
        if (mid == low || mid == high) break;
        if (0.5 * erfc(-mid / sqrt(2)) < p)
            low = mid;
        else
            high = mid;
    }
    return high;
}

sn_interval sn_wilson(int64_t hits, int64_t n, double level) {
    if (n < 1) return (sn_interval){ 0, 1 };
    double z = -sn_normal_quantile((1 - level) / 2), m = (double)n, p = (double)hits / m;
    double scale = 1 / (1 + z * z / m), middle = p + z * z / (2 * m);
    double half = z * sqrt(p * (1 - p) / m + z * z / (4 * m * m));
    sn_interval v = { scale * (middle - half), scale * (middle + half) };
    if (hits == 0 || v.lower < 0) v.lower = 0; /* what rounding left of them */
    if (hits == n || v.upper > 1) v.upper = 1;
    return v;
}

/* ---- counts ---- */

void sn_judge_confusion(const sn_judged *j, double threshold, int64_t *counts) {
    for (int64_t i = 0; i < j->n; i++) {
        int c = sn_judge_class(j, i, threshold);
        if (c >= 0) counts[(int64_t)j->label[i] * j->classes + c]++;
    }
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

int sn_judge_report(const int64_t *counts, int c, sn_class_score *each, sn_class_score *macro,
                    sn_class_score *weighted) {
    *macro = *weighted = (sn_class_score){ 0 };
    int occur = 0;
    for (int k = 0; k < c; k++) {
        sn_class_score s = { .hits = counts[(int64_t)k * c + k] };
        for (int o = 0; o < c; o++) {
            s.support += counts[(int64_t)k * c + o];
            s.predicted += counts[(int64_t)o * c + k];
        }
        s.precision = ratio((double)s.hits, (double)s.predicted);
        s.recall = ratio((double)s.hits, (double)s.support);
        s.f1 = ratio(2 * (double)s.hits, (double)(s.support + s.predicted));
        each[k] = s;
        occur += s.support + s.predicted > 0;
        macro->support += s.support;
        macro->predicted += s.predicted;
        macro->hits += s.hits;
        macro->precision += s.precision;
        macro->recall += s.recall;
        macro->f1 += s.f1;
        weighted->precision += (double)s.support * s.precision;
        weighted->recall += (double)s.support * s.recall;
        weighted->f1 += (double)s.support * s.f1;
    }
    weighted->support = macro->support;
    weighted->predicted = macro->predicted;
    weighted->hits = macro->hits;
    weighted->precision = ratio(weighted->precision, (double)macro->support);
    weighted->recall = ratio(weighted->recall, (double)macro->support);
    weighted->f1 = ratio(weighted->f1, (double)macro->support);
    macro->precision = ratio(macro->precision, occur);
    macro->recall = ratio(macro->recall, occur);
    macro->f1 = ratio(macro->f1, occur);
    return occur;
}

int64_t sn_judge_hits(const sn_judged *j, int k, double threshold) {
    int64_t hits = 0;
    for (int64_t i = 0; i < j->n; i++) {
        int predicted = sn_judge_class(j, i, threshold);
        if (predicted < 0) continue;
        if (k == 1 || j->units == 1) {
            hits += k > 1 || predicted == j->label[i];
            continue;
        }
        const float *v = row_of(j, i);
        int larger = 0;
        for (int c = 0; c < j->units; c++) larger += v[c] > v[j->label[i]];
        hits += larger < k;
    }
    return hits;
}

/* ---- orders ---- */

typedef struct {
    double value;
    int64_t place;
} ordered;

static int by_value(const void *a, const void *b) {
    const ordered *x = a, *y = b;
    bool xn = isnan(x->value), yn = isnan(y->value);
    if (xn != yn) return xn ? -1 : 1;
    if (!xn && x->value != y->value) return x->value > y->value ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

sn_status sn_judge_order(const double *value, int64_t n, int64_t *order, sn_err *e) {
    ordered *list = sn_calloc((size_t)n + 1, sizeof *list, "sorting", e);
    if (!list) return SN_ENOMEM;
    for (int64_t i = 0; i < n; i++) list[i] = (ordered){ value[i], i };
    qsort(list, (size_t)n, sizeof *list, by_value);
    for (int64_t i = 0; i < n; i++) order[i] = list[i].place;
    sn_free(list);
    return SN_OK;
}
