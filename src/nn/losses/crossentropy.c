#include "nn/losses/crossentropy.h"

#include <math.h>

static double target(const sn_row_target *t, size_t c) {
    if (t->t) return t->keep * t->t[c] + t->add;
    return c == t->index ? 1 : 0;
}

/* Keras backend/numpy/nn.py, categorical_crossentropy: p is divided by its sum, then clipped. The gradient is
 * that of this expression, so it is zero through a clipped value, and includes the division. NaN stays NaN. */
static double from_probabilities(real *dp, const real *p, const sn_row_target *t, size_t cols, double scale) {
    double sum = 0, loss = 0, through = 0;
    for (size_t c = 0; c < cols; c++) sum += p[c];
    for (size_t c = 0; c < cols; c++) {
        real q = (real)(p[c] / sum), clipped = q < SN_CLIP_LOW    ? SN_CLIP_LOW
                                               : q > SN_CLIP_HIGH ? SN_CLIP_HIGH
                                                                  : q;
        double w = target(t, c);
        loss -= w * log((double)clipped);
        double g = q == clipped || isnan(q) ? -w / q : 0; /* d loss / d q */
        through += g * q;
        if (dp) dp[c] = (real)g;
    }
    for (size_t c = 0; dp && c < cols; c++) dp[c] = (real)(scale * (dp[c] - through) / sum);
    return loss;
}

/* log softmax by the largest score; the gradient of -sum t log softmax(x) is softmax(x) * sum t - t. */
static double from_scores(real *dx, const real *x, const sn_row_target *t, size_t cols, double scale) {
    double top = x[0], sum = 0, loss = 0, total = 0;
    for (size_t c = 1; c < cols; c++)
        if (x[c] > top) top = x[c];
    for (size_t c = 0; c < cols; c++) sum += exp(x[c] - top);
    double log_sum = top + log(sum);
    for (size_t c = 0; c < cols; c++) {
        double w = target(t, c);
        total += w;
        if (w != 0) loss += w * (log_sum - x[c]);
    }
    for (size_t c = 0; dx && c < cols; c++)
        dx[c] = (real)(scale * (exp(x[c] - log_sum) * total - target(t, c)));
    return isnan(sum) ? (double)NAN : loss;
}

double SN_R(sn_crossentropy_row)(real *dp, const real *p, const sn_row_target *t, size_t cols, bool from_logits,
                                 double scale) {
    return from_logits ? from_scores(dp, p, t, cols, scale) : from_probabilities(dp, p, t, cols, scale);
}
