#include "nn/layer.h"
#include "nn/objects.h"
#include "num/kern.h"

static void forward(const void *cfg, void *y, const void *x, size_t rows, size_t cols) {
    (void)cfg;
    SN_R(sn_kern)()->relu(y, x, rows * cols);
}

/* The gradient at exactly 0 is 0, as TensorFlow's and PyTorch's. */
static void backward(const void *cfg, void *dx, const void *x, const void *y, const void *dy, size_t rows,
                     size_t cols) {
    (void)cfg, (void)x;
    SN_R(sn_kern)()->relu_grad(dx, y, dy, rows * cols);
}

const sn_activation_type SN_R(sn_activation_relu) = {
    .desc = { .name = "relu", .brief = "max(x, 0)", .example = "dense { 8, activation = \"relu\" }" },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "relu{}" },
};
