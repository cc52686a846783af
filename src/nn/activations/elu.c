/* Clevert, Unterthiner, Hochreiter, "Fast and accurate deep network learning by exponential linear units"
 * (2015). */
#include "nn/layer.h"
#include "nn/objects.h"
#include <tgmath.h>

typedef struct {
    double alpha;
} elu_cfg;

static const sn_field fields[] = { SN_FLOAT(elu_cfg, alpha, .pos = 1, .def = 1, .min = 0, .max = 1e6,
                                            .doc = "the value reached at -infinity is -alpha"),
                                   SN_FIELDS_END };

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    const real alpha = (real)((const elu_cfg *)cfg)->alpha;
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    for (size_t i = 0; i < rows * cols; i++) y[i] = x[i] > 0 ? x[i] : alpha * expm1(x[i]);
}

/* d(alpha (e^x - 1)) = alpha e^x = y + alpha */
static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    const real alpha = (real)((const elu_cfg *)cfg)->alpha;
    const real *y = vy, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)vx;
    for (size_t i = 0; i < rows * cols; i++) dx[i] = y[i] > 0 ? dy[i] : (y[i] + alpha) * dy[i];
}

const sn_activation_type SN_R(sn_activation_elu) = {
    .desc = { .name = "elu",
              .brief = "x where x > 0, else alpha * (exp(x) - 1)",
              .example = "dense { 8, activation = elu { 0.5 } }",
              .fields = fields,
              .cfg_size = sizeof(elu_cfg) },
    .flags = SN_KEEP_Y,
    .forward = forward,
    .backward = backward,
    .check = { "elu{}", "elu{alpha=0.3}" },
};
