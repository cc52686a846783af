/* Confidence against accuracy, proper scores, temperature. */
#include "base/mem.h"
#include "train/judge.h"
#include <math.h>

enum { SOME = 256 }; /* samples between two looks at the cancel flag */

static bool cancelled(const sn_pool *pool, int64_t i) {
    return pool && i % SOME == 0 && sn_pool_cancelled(pool);
}

static double *row_buffer(const sn_judged *j, int rows, sn_err *e) {
    return sn_calloc((size_t)j->classes * (size_t)rows, sizeof(double), "judging: a row of probabilities", e);
}

/* ---- bins ---- */

static double edge(int b, int bins) { return (double)b / bins; }

/* Of the bin (b / bins, (b + 1) / bins]; rounding of the product is put right by the edges themselves. */
static int bin_of(double v, int bins) {
    int b = (int)ceil(v * bins) - 1;
    if (b < 0) b = 0;
    if (b > bins - 1) b = bins - 1;
    while (b > 0 && v <= edge(b, bins)) b--;
    while (b < bins - 1 && v > edge(b + 1, bins)) b++;
    return b;
}

/* The probability of the predicted class, and whether that is the true one. p: (classes), room */
static double confidence_of(const sn_judged *j, int64_t i, double *p, bool *right) {
    int c = sn_judge_class(j, i, (double)NAN);
    sn_judge_row(j, i, p);
    *right = c == j->label[i];
    return p[c];
}

sn_status sn_judge_histogram(const sn_judged *j, int bins, int64_t *right, int64_t *wrong, sn_err *e) {
    double *p = row_buffer(j, 1, e);
    if (!p) return SN_ENOMEM;
    for (int b = 0; b < bins; b++) right[b] = wrong[b] = 0;
    for (int64_t i = 0; i < j->n; i++) {
        bool hit;
        double confidence = confidence_of(j, i, p, &hit);
        (hit ? right : wrong)[bin_of(confidence, bins)]++;
    }
    sn_free(p);
    return SN_OK;
}

/* The sums in bin->confidence become means. */
static void finish_bins(sn_judge_bin *bin, int bins, double level, int64_t n, sn_calibration *c) {
    for (int b = 0; b < bins; b++) {
        sn_judge_bin *v = &bin[b];
        sn_interval w = sn_wilson(v->hits, v->count, level);
        v->low = edge(b, bins);
        v->high = edge(b + 1, bins);
        v->lower = w.lower;
        v->upper = w.upper;
        double count = (double)v->count;
        v->confidence = count > 0 ? v->confidence / count : (double)NAN;
        v->accuracy = count > 0 ? (double)v->hits / count : (double)NAN;
        if (v->count == 0) continue;
        double gap = fabs(v->accuracy - v->confidence);
        c->ece += count / (double)n * gap;
        if (gap > c->mce) c->mce = gap;
    }
}

/* The first n % bins of them hold one more, as numpy.array_split has it; from the smallest confidence on. */
static double adaptive(const double *confidence, const bool *hit, const int64_t *order, int64_t n, int bins) {
    double ece = 0;
    int64_t at = 0;
    for (int b = 0; b < bins; b++) {
        int64_t count = n / bins + (b < n % bins);
        double sum = 0, hits = 0;
        for (int64_t k = at; k < at + count; k++) {
            sum += confidence[order[k]];
            hits += hit[order[k]];
        }
        at += count;
        ece += fabs(hits - sum) / (double)n;
    }
    return ece;
}

typedef struct {
    double *p, *lp;     /* (classes) */
    double *confidence; /* (n) */
    double *negative;   /* (n), minus that: sorted from the largest, the confidences ascend */
    bool *hit;          /* (n) */
    int64_t *order;     /* (n) */
} rooms;

static void free_rooms(rooms *r) {
    sn_free(r->p);
    sn_free(r->confidence);
    sn_free(r->hit);
    sn_free(r->order);
}

static sn_status make_rooms(rooms *r, const sn_judged *j, sn_err *e) {
    size_t n = (size_t)j->n + 1;
    *r = (rooms){ .p = row_buffer(j, 2, e) };
    if (r->p) r->confidence = sn_calloc(2 * n, sizeof(double), "calibration", e);
    if (r->confidence) r->hit = sn_calloc(n, sizeof(bool), "calibration", e);
    if (r->hit) r->order = sn_calloc(n, sizeof(int64_t), "calibration", e);
    if (!r->order) return SN_ENOMEM;
    r->lp = r->p + j->classes;
    r->negative = r->confidence + n;
    return SN_OK;
}

/* Adds sample i's share of all sums. */
static void add_sample(const sn_judged *j, int64_t i, int bins, sn_judge_bin *bin, sn_calibration *c,
                       rooms *r) {
    bool hit, clipped;
    int label = j->label[i];
    double v = confidence_of(j, i, r->p, &hit);
    c->saturated += sn_judge_log_row(j, i, r->lp, label, &clipped);
    c->clipped += clipped;
    c->nll -= r->lp[label];
    c->confidence += v;
    c->accuracy += hit;
    for (int k = 0; k < j->classes; k++) {
        double d = r->p[k] - (k == label);
        c->brier += d * d;
    }
    sn_judge_bin *b = &bin[bin_of(v, bins)];
    b->count++;
    b->hits += hit;
    b->confidence += v;
    r->confidence[i] = v;
    r->negative[i] = -v;
    r->hit[i] = hit;
}

static sn_status calibrate(const sn_judged *j, int bins, double level, sn_judge_bin *bin, sn_calibration *c,
                           rooms *r, const sn_pool *pool, sn_err *e) {
    for (int64_t i = 0; i < j->n; i++) {
        if (cancelled(pool, i)) return sn_fail(e, SN_ECANCEL, "interrupted");
        add_sample(j, i, bins, bin, c, r);
    }
    double n = (double)j->n;
    c->nll /= n;
    c->brier /= n;
    c->confidence /= n;
    c->accuracy /= n;
    finish_bins(bin, bins, level, j->n, c);
    sn_status s = sn_judge_order(r->negative, j->n, r->order, e);
    if (s == SN_OK) c->adaptive_ece = adaptive(r->confidence, r->hit, r->order, j->n, bins);
    return s;
}

sn_status sn_judge_calibrate(const sn_judged *j, int bins, double level, sn_judge_bin *bin, sn_calibration *c,
                             const sn_pool *pool, sn_err *e) {
    *c = (sn_calibration){ 0 };
    for (int b = 0; b < bins; b++) bin[b] = (sn_judge_bin){ 0 };
    rooms r;
    sn_status s = make_rooms(&r, j, e);
    if (s == SN_OK) s = calibrate(j, bins, level, bin, c, &r, pool, e);
    free_rooms(&r);
    return s;
}

/* ---- temperature ---- */

typedef struct {
    const sn_judged *j;
    const sn_pool *pool;
    double *z; /* (classes) */
} search;

/* At 1 / T = beta: the mean NLL's first and second derivative by beta. */
static sn_status slopes(const search *s, double beta, double *first, double *second, sn_err *e) {
    const sn_judged *j = s->j;
    *first = *second = 0;
    for (int64_t i = 0; i < j->n; i++) {
        if (cancelled(s->pool, i)) return sn_fail(e, SN_ECANCEL, "interrupted");
        sn_judge_log_row(j, i, s->z, 0, NULL);
        double top = s->z[0], sum = 0, mean = 0, square = 0;
        for (int k = 1; k < j->classes; k++)
            if (s->z[k] > top) top = s->z[k];
        for (int k = 0; k < j->classes; k++) {
            double d = s->z[k] - top, w = exp(beta * d);
            sum += w;
            mean += w * d;
            square += w * d * d;
        }
        mean /= sum;
        *first += mean - (s->z[j->label[i]] - top);
        *second += square / sum - mean * mean;
    }
    *first /= (double)j->n;
    *second /= (double)j->n;
    return SN_OK;
}

/* The root of the first derivative in u = log beta within [low, high], whose ends have signs - and +. */
static sn_status find_root(const search *s, double low, double high, double *u, sn_err *e) {
    *u = 0; /* T = 1 */
    for (int step = 0; step < 200; step++) {
        double beta = exp(*u), first, second;
        sn_status got = slopes(s, beta, &first, &second, e);
        if (got != SN_OK) return got;
        if (first == 0) return SN_OK;
        if (first > 0)
            high = *u;
        else
            low = *u;
        double next = *u - first / (second * beta); /* d first / du = second beta */
        if (!(next > low && next < high)) next = low + (high - low) / 2;
        double moved = fabs(next - *u);
        *u = next;
        if (moved < 1e-14 || high - low < 1e-14) return SN_OK;
    }
    return SN_OK;
}

/* The range's end when the minimum lies beyond it. All outputs alike: every T is as good, and 1 stays. */
static sn_status find_beta(const search *s, double *beta, bool *at_limit, sn_err *e) {
    const double ends[2] = { 1 / SN_TEMPERATURE_MAX, 1 / SN_TEMPERATURE_MIN };
    double first[2], second[2];
    *at_limit = false;
    *beta = 1;
    for (int k = 0; k < 2; k++) {
        sn_status got = slopes(s, ends[k], &first[k], &second[k], e);
        if (got != SN_OK) return got;
    }
    if (first[0] == 0 && first[1] == 0 && second[0] == 0) return SN_OK;
    if (first[0] >= 0 || first[1] <= 0) {
        *beta = ends[first[0] >= 0 ? 0 : 1];
        *at_limit = true;
        return SN_OK;
    }
    double u;
    sn_status got = find_root(s, log(ends[0]), log(ends[1]), &u, e);
    *beta = exp(u);
    return got;
}

/* NLL of a row of logits over T. */
static double nll_at(const double *z, int n, int label, double beta) {
    double top = z[0], sum = 0;
    for (int k = 1; k < n; k++)
        if (z[k] > top) top = z[k];
    for (int k = 0; k < n; k++) sum += exp(beta * (z[k] - top));
    return log(sum) - beta * (z[label] - top);
}

static sn_status measure_gain(const search *s, double beta, double level, sn_temperature *t, sn_err *e) {
    const sn_judged *j = s->j;
    double mean = 0, squares = 0; /* Welford's sums */
    for (int64_t i = 0; i < j->n; i++) {
        if (cancelled(s->pool, i)) return sn_fail(e, SN_ECANCEL, "interrupted");
        int label = j->label[i];
        sn_judge_log_row(j, i, s->z, 0, NULL);
        double after = nll_at(s->z, j->classes, label, beta), gain = -s->z[label] - after;
        t->nll += after;
        double d = gain - mean;
        mean += d / (double)(i + 1);
        squares += d * (gain - mean);
    }
    double n = (double)j->n, z = -sn_normal_quantile((1 - level) / 2);
    double half = j->n > 1 ? z * sqrt(squares / (n - 1) / n) : (double)NAN;
    t->nll /= n;
    t->gain = mean;
    t->lower = mean - half;
    t->upper = mean + half;
    return SN_OK;
}

sn_status sn_judge_temperature(const sn_judged *j, double level, sn_temperature *t, const sn_pool *pool,
                               sn_err *e) {
    *t = (sn_temperature){ 0 };
    search s = { j, pool, row_buffer(j, 1, e) };
    if (!s.z) return SN_ENOMEM;
    double beta;
    sn_status got = find_beta(&s, &beta, &t->at_limit, e);
    if (got == SN_OK) {
        t->temperature = 1 / beta;
        got = measure_gain(&s, beta, level, t, e);
    }
    sn_free(s.z);
    return got;
}
