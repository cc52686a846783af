#include "nn/activations/sigmoid.h"

#include "nn/layer.h"
#include "nn/objects.h"

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    (void)cfg;
    for (size_t i = 0; i < rows * cols; i++) y[i] = sn_sigmoid(x[i]);
}

static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real *y = vy, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)cfg, (void)vx;
    for (size_t i = 0; i < rows * cols; i++) dx[i] = dy[i] * y[i] * (1 - y[i]);
}

const sn_activation_type SN_R(sn_activation_sigmoid) = {
    .desc = { .name = "sigmoid",
              .brief = "1 / (1 + exp(-x)): each output a probability of its own",
              .example = "dense { 1, activation = \"sigmoid\" }" },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "sigmoid{}" },
};
