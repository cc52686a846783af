#include "nn/losses/targets.h"
#include "nn/objects.h"

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_same("hinge", "one output unit", out, target, e);
}

static bool all_zero_or_one(const real *t, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (t[i] != 0 && t[i] != 1) return false;
    return true;
}

/* Labels are -1 and 1. Labels of 0 and 1 are converted when the whole call has no others (Keras
 * losses/losses.py, convert_binary_labels_to_hinge). */
static void eval(const void *cfg, double *each, void *vdp, const void *vp, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const real *p = vp, *t = vt; /* (rows, cols) */
    real *dp = vdp;              /* (rows, cols) */
    (void)cfg, (void)tcols;
    bool binary = all_zero_or_one(t, rows * cols);
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t i = r * cols; i < (r + 1) * cols; i++) {
            double label = binary ? 2 * (double)t[i] - 1 : (double)t[i];
            double v = 1 - label * p[i];
            bool inside = v <= 0; /* false for NaN, which stays NaN */
            sum += inside ? 0 : v;
            if (dp) dp[i] = (real)(inside ? 0 : -scale * label / (double)cols);
        }
        each[r] = sum / (double)cols;
    }
}

const sn_loss_type SN_R(sn_loss_hinge) = {
    .desc = { .name = "hinge",
              .brief = "the mean of max(1 - t p, 0) over the outputs; labels -1 and 1 (or 0 and 1)",
              .example = "hinge {}" },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "hinge{}", 1, 0 }, { "hinge{}", 3, 0 } },
};
