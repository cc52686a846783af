#include "nn/losses/targets.h"
#include "nn/objects.h"

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("mse", "one output unit", out, target, e);
}

static void eval(const void *cfg, double *each, void *vdp, const void *vp, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const real *p = vp, *t = vt; /* (rows, cols) */
    real *dp = vdp;              /* (rows, cols) */
    (void)cfg, (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            double error = (double)p[i] - t[i];
            sum += error * error;
            if (dp) dp[i] = (real)(scale * 2 * error / (double)cols);
        }
        each[r] = sum / (double)cols;
    }
}

const sn_loss_type SN_R(sn_loss_mse) = {
    .desc = { .name = "mse",
              .alias = "mean_squared_error",
              .brief = "the mean of (p - t)^2 over the outputs",
              .example = "mse {}" },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "mse{}", 1, 0 }, { "mse{}", 3, 0 } },
};
