#include "nn/metrics/metric.h"
#include <math.h>

typedef struct {
    int64_t k;
} top_k_cfg;

static const sn_field fields[] = { SN_INT(top_k_cfg, k, .pos = 1, .def = 5, .min = 1, .max = 1e9,
                                          .doc = "how many guesses a sample has"),
                                   SN_FIELDS_END };

/* One-hot targets or class indices. */
static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    if (out->n && out->d[out->n - 1] > 1 && sn_shape_equal(out, target)) return SN_OK;
    return sn_want_indices("top_k", "one-hot targets of the output's shape", out, target, e);
}

/* tf.math.in_top_k: classes that tie with the k-th all count as in; no output of the row may be NaN or
 * infinite. */
static bool in_top_k(const float *p, size_t cols, size_t class, int64_t k) {
    int64_t larger = 0;
    for (size_t i = 0; i < cols; i++) {
        if (!isfinite(p[i])) return false;
        larger += p[i] > p[class];
    }
    return larger < k;
}

static void update(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols) {
    for (size_t r = 0; r < rows; r++, p += cols, t += tcols) {
        bool known = tcols > 1 || (t[0] >= 0 && t[0] < (float)cols);
        size_t class = tcols > 1 ? sn_argmax(t, cols) : known ? (size_t)t[0] : 0;
        state[0] += known && in_top_k(p, cols, class, ((const top_k_cfg *)cfg)->k);
    }
    state[1] += (double)rows;
}

const sn_metric_type sn_metric_top_k = {
    .desc = { .name = "top_k",
              .alias = "top_k_categorical_accuracy",
              .brief = "share of the samples whose true class is among the k largest outputs",
              .example = "top_k { 3 }",
              .fields = fields,
              .cfg_size = sizeof(top_k_cfg) },
    .state_size = sn_metric_mean_size,
    .check_shapes = check_shapes,
    .update = update,
    .result = sn_metric_mean,
    .direction = 1,
};
