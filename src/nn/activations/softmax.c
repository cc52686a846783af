#include "nn/layer.h"
#include "nn/objects.h"
#include <tgmath.h>

/* Each row less its largest value: no exponential overflows, and the sum is at least 1. */
static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    (void)cfg;
    for (size_t r = 0; r < rows; r++) {
        const real *x = (const real *)vx + r * cols; /* (cols) */
        real *y = (real *)vy + r * cols;             /* (cols) */
        real top = x[0];
        double sum = 0;
        for (size_t c = 1; c < cols; c++)
            if (x[c] > top) top = x[c];
        for (size_t c = 0; c < cols; c++) sum += y[c] = exp(x[c] - top);
        for (size_t c = 0; c < cols; c++) y[c] = (real)(y[c] / sum);
    }
}

/* dx_i = y_i (dy_i - sum_j dy_j y_j) */
static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    (void)cfg, (void)vx;
    for (size_t r = 0; r < rows; r++) {
        const real *y = (const real *)vy + r * cols, *dy = (const real *)vdy + r * cols; /* (cols) */
        real *dx = (real *)vdx + r * cols;                                               /* (cols) */
        double dot = 0;
        for (size_t c = 0; c < cols; c++) dot += (double)dy[c] * y[c];
        for (size_t c = 0; c < cols; c++) dx[c] = (real)(y[c] * (dy[c] - dot));
    }
}

const sn_activation_type SN_R(sn_activation_softmax) = {
    .desc = { .name = "softmax",
              .brief = "exp(x) / sum of exp(x) along the last axis: probabilities that sum to one",
              .example = "dense { 10, activation = \"softmax\" }" },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "softmax{}" },
};
