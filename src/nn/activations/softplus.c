#include "nn/activations/sigmoid.h"
#include "nn/layer.h"
#include "nn/objects.h"

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): no overflow, and exact for large |x|. */
static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    (void)cfg;
    for (size_t i = 0; i < rows * cols; i++) y[i] = log1p(exp(-fabs(x[i]))) + (x[i] > 0 ? x[i] : 0);
}

static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real *x = vx, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)cfg, (void)vy;
    for (size_t i = 0; i < rows * cols; i++) dx[i] = dy[i] * sn_sigmoid(x[i]);
}

const sn_activation_type SN_R(sn_activation_softplus) = {
    .desc = { .name = "softplus",
              .brief = "log(1 + exp(x)), a smooth relu",
              .example = "dense { 8, activation = \"softplus\" }" },
    .flags = SN_KEEP_X,
    .forward = forward,
    .backward = backward,
    .check = { "softplus{}" },
};
