/* Ramachandran, Zoph, Le, "Searching for activation functions" (2017). */
#include "nn/activations/sigmoid.h"
#include "nn/layer.h"
#include "nn/objects.h"

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    (void)cfg;
    for (size_t i = 0; i < rows * cols; i++) y[i] = x[i] * sn_sigmoid(x[i]);
}

static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real *x = vx, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)cfg, (void)vy;
    for (size_t i = 0; i < rows * cols; i++) {
        real s = sn_sigmoid(x[i]);
        dx[i] = dy[i] * (s + x[i] * s * (1 - s));
    }
}

const sn_activation_type SN_R(sn_activation_swish) = {
    .desc = { .name = "swish",
              .alias = "silu",
              .brief = "x * sigmoid(x)",
              .example = "dense { 8, activation = \"swish\" }" },
    .flags = SN_KEEP_X,
    .forward = forward,
    .backward = backward,
    .check = { "swish{}" },
};
