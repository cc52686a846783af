/* Huber, "Robust estimation of a location parameter" (1964), as in Keras losses/losses.py. */
#include "nn/losses/targets.h"
#include "nn/objects.h"
#include <math.h>

typedef struct {
    double delta;
} huber_cfg;

static const sn_field fields[] = { SN_FLOAT(huber_cfg, delta, .pos = 1, .def = 1, .min = 1e-9, .max = 1e9,
                                            .doc = "errors up to this count squared, larger ones linearly"),
                                   SN_FIELDS_END };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("huber", "one output unit", out, target, e);
}

static void eval(const void *cfg, double *each, void *vdp, const void *vp, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const double delta = ((const huber_cfg *)cfg)->delta;
    const real *p = vp, *t = vt; /* (rows, cols) */
    real *dp = vdp;              /* (rows, cols) */
    (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            double error = (double)p[i] - t[i], size = fabs(error);
            bool linear = size > delta;
            sum += linear ? delta * size - 0.5 * delta * delta : 0.5 * error * error;
            if (dp) dp[i] = (real)(scale * (linear ? copysign(delta, error) : error) / (double)cols);
        }
        each[r] = sum / (double)cols;
    }
}

const sn_loss_type SN_R(sn_loss_huber) = {
    .desc = { .name = "huber",
              .brief = "error^2 / 2 up to delta, then linear; meaned over the outputs",
              .example = "huber { delta = 0.5 }",
              .fields = fields,
              .cfg_size = sizeof(huber_cfg) },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "huber{}", 3, 0 }, { "huber{delta=0.3}", 2, 0 } },
};
