#include "nn/layer.h"
#include "nn/objects.h"
#include <tgmath.h>

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    (void)cfg;
    for (size_t i = 0; i < rows * cols; i++) y[i] = tanh(x[i]);
}

static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real *y = vy, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)cfg, (void)vx;
    for (size_t i = 0; i < rows * cols; i++) dx[i] = dy[i] * (1 - y[i] * y[i]);
}

const sn_activation_type SN_R(sn_activation_tanh) = {
    .desc = { .name = "tanh",
              .brief = "the hyperbolic tangent, between -1 and 1",
              .example = "dense { 8, activation = \"tanh\" }" },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "tanh{}" },
};
