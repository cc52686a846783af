#include "nn/metrics/metric.h"

const sn_field sn_confusion_fields[] = {
    SN_FLOAT(sn_confusion_cfg, thresholds, .pos = 1, .def = -1, .min = -1, .max = 1,
             .doc = "outputs above this are positive; -1 = 0.5, or no threshold when top_k is given"),
    SN_INT(sn_confusion_cfg, top_k, .pos = 2, .min = 0, .max = 1e9,
           .doc = "only the k largest outputs of a sample can be positive; 0 = all"),
    SN_INT(sn_confusion_cfg, class_id, .pos = 3, .def = -1, .min = -1, .max = 1e9,
           .doc = "look at this class alone; -1 = all"),
    SN_FIELDS_END
};

sn_status sn_confusion_check(const char *name, const sn_confusion_cfg *c, sn_err *e) {
    if (c->thresholds == -1 || c->thresholds >= 0) return SN_OK;
    return sn_fail(e, SN_EINVAL, "%s: thresholds = %.10g is outside 0..1; leave it out for 0.5", name,
                   c->thresholds);
}

sn_status sn_confusion_check_shapes(const char *name, const sn_confusion_cfg *c, const sn_shape *out,
                                    const sn_shape *target, sn_err *e) {
    int64_t last = out->n ? out->d[out->n - 1] : 1;
    if (c->class_id >= last)
        return sn_fail(e, SN_ESHAPE, "%s: class_id = %lld, but the output has %lld values (0..%lld)", name,
                       (long long)c->class_id, (long long)last, (long long)last - 1);
    if (c->top_k > last)
        return sn_fail(e, SN_ESHAPE, "%s: top_k = %lld, but the output has %lld values; use a smaller one",
                       name, (long long)c->top_k, (long long)last);
    return sn_want_same(name, "label_mode=\"categorical\"", out, target, e);
}

/* The k-th largest of a row: element i is among the k largest when it is larger than this one, or equal and not
 * behind it (ties: the first, as ops.top_k). k <= cols. */
static size_t kth_largest(const float *p, size_t cols, int64_t k) {
    size_t last = cols;
    for (int64_t pass = 0; pass < k; pass++) {
        size_t best = cols;
        for (size_t i = 0; i < cols; i++) {
            bool below = last == cols || p[i] < p[last] || (p[i] == p[last] && i > last);
            if (below && (best == cols || p[i] > p[best])) best = i;
        }
        if (best == cols) break; /* the rest is NaN */
        last = best;
    }
    return last;
}

size_t sn_confusion_size(const void *cfg) {
    (void)cfg;
    return SN_CONFUSION;
}

double sn_confusion_share(const double *state, int other) {
    return state[SN_TP] > 0 ? state[SN_TP] / (state[SN_TP] + state[other]) : 0;
}

void sn_confusion_update(const void *cfg, double *state, const float *p, const float *t, size_t rows,
                         size_t cols, size_t tcols) {
    const sn_confusion_cfg *c = cfg;
    (void)tcols;
    const bool filter = c->top_k > 0;
    /* Keras's default threshold with top_k lets every one of the k through. */
    const bool all = filter && c->thresholds < 0;
    const float threshold = (float)(c->thresholds < 0 ? 0.5 : c->thresholds);
    size_t from = c->class_id >= 0 ? (size_t)c->class_id : 0, to = c->class_id >= 0 ? from + 1 : cols;
    for (size_t r = 0; r < rows; r++, p += cols, t += cols) {
        size_t k = filter ? kth_largest(p, cols, c->top_k) : 0;
        for (size_t i = from; i < to; i++) {
            bool in = !filter || (k < cols && (p[i] > p[k] || (p[i] == p[k] && i <= k)));
            bool positive = in && (all || p[i] > threshold), label = t[i] != 0;
            state[SN_TP] += positive && label;
            state[SN_FP] += positive && !label;
            state[SN_FN] += !positive && label;
        }
    }
}
