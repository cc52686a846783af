#include "nn/losses/targets.h"
#include "nn/objects.h"
#include <math.h>

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("mae", "one output unit", out, target, e);
}

/* The gradient where p = t is 0. */
static void eval(const void *cfg, double *each, void *vdp, const void *vp, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const real *p = vp, *t = vt; /* (rows, cols) */
    real *dp = vdp;              /* (rows, cols) */
    (void)cfg, (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            double error = (double)p[i] - t[i];
            sum += fabs(error);
            if (dp) dp[i] = (real)(scale * (error > 0 ? 1 : error < 0 ? -1 : 0) / (double)cols);
        }
        each[r] = sum / (double)cols;
    }
}

const sn_loss_type SN_R(sn_loss_mae) = {
    .desc = { .name = "mae",
              .alias = "mean_absolute_error",
              .brief = "the mean of |p - t| over the outputs",
              .example = "mae {}" },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "mae{}", 1, 0 }, { "mae{}", 3, 0 } },
};
