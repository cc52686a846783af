#include "nn/layer.h"
#include "nn/objects.h"

typedef struct {
    double negative_slope;
} leaky_relu_cfg;

static const sn_field fields[] = { SN_FLOAT(leaky_relu_cfg, negative_slope, .pos = 1, .def = 0.2, .min = 0,
                                            .max = 1e6, .doc = "slope where x is negative"),
                                   SN_FIELDS_END };

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real slope = (real)((const leaky_relu_cfg *)cfg)->negative_slope;
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    for (size_t i = 0; i < rows * cols; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}

/* y > 0 exactly where x > 0, since the slope is not negative. */
static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real slope = (real)((const leaky_relu_cfg *)cfg)->negative_slope;
    const real *y = vy, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)vx;
    for (size_t i = 0; i < rows * cols; i++) dx[i] = y[i] > 0 ? dy[i] : slope * dy[i];
}

const sn_activation_type SN_R(sn_activation_leaky_relu) = {
    .desc = { .name = "leaky_relu",
              .brief = "x where x > 0, else negative_slope * x",
              .example = "dense { 8, activation = leaky_relu { 0.3 } }",
              .fields = fields,
              .cfg_size = sizeof(leaky_relu_cfg) },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "leaky_relu{}", "leaky_relu{negative_slope=0}", "leaky_relu{negative_slope=1.5}" },
};
