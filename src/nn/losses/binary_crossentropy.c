#include "nn/activations/sigmoid.h"
#include "nn/losses/crossentropy.h"

static const sn_field fields[] = { SN_BINARY_FIELDS };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("binary_crossentropy", "dense{1}, or loss=\"sparse_categorical_crossentropy\"", out,
                        target, e);
}

/* Keras backend/numpy/nn.py, binary_crossentropy. */
static double from_probability(double *slope, real p, double t) {
    real c = p < SN_CLIP_LOW ? SN_CLIP_LOW : p > SN_CLIP_HIGH ? SN_CLIP_HIGH : p;
    *slope = p < SN_CLIP_LOW || p > SN_CLIP_HIGH ? 0 : (1 - t) / (1 - c) - t / c;
    return -t * log((double)c) - (1 - t) * log((double)(1 - c));
}

/* The same of sigmoid(x) without its rounding: max(x, 0) - x t + log(1 + exp(-|x|))
 * (tf.nn.sigmoid_cross_entropy_with_logits). */
static double from_score(double *slope, real x, double t) {
    *slope = sn_sigmoid(x) - t;
    return (x > 0 ? x : 0) - x * t + log1p(exp(-fabs((double)x)));
}

static void eval(const void *cfg, double *each, void *vdp, const void *vp, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const sn_crossentropy_cfg *c = cfg;
    const real *p = vp, *t = vt; /* (rows, cols) */
    real *dp = vdp;              /* (rows, cols) */
    (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            double slope, want = t[i] * (1 - c->label_smoothing) + c->label_smoothing / 2;
            sum += c->from_logits ? from_score(&slope, p[i], want) : from_probability(&slope, p[i], want);
            if (dp) dp[i] = (real)(scale * slope / (double)cols);
        }
        each[r] = sum / (double)cols;
    }
}

const sn_loss_type SN_R(sn_loss_binary_crossentropy) = {
    .desc = { .name = "binary_crossentropy",
              .brief = "-t log p - (1 - t) log(1 - p), meaned over the outputs; targets are 0 or 1",
              .example = "binary_crossentropy { from_logits = true }",
              .fields = fields,
              .cfg_size = sizeof(sn_crossentropy_cfg) },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "binary_crossentropy{}", 1, 2 },
               { "binary_crossentropy{label_smoothing=0.2}", 3, 2 },
               { "binary_crossentropy{from_logits=true}", 2, 0 },
               { "binary_crossentropy{from_logits=true, label_smoothing=0.1}", 1, 0 } },
};
