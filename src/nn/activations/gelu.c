/* Hendrycks, Gimpel, "Gaussian error linear units" (2016); the constants of the approximation are the paper's.
 */
#include "nn/layer.h"
#include "nn/objects.h"
#include <tgmath.h>

typedef struct {
    bool approximate;
} gelu_cfg;

static const sn_field fields[] = { SN_BOOL(gelu_cfg, approximate, .pos = 1,
                                           .doc = "use the tanh formula instead of the exact one"),
                                   SN_FIELDS_END };

#define SQRT_HALF    ((real)0.70710678118654752440)
#define SQRT_2_PI    ((real)0.79788456080286535588) /* sqrt(2 / pi) */
#define INV_SQRT_2PI ((real)0.39894228040143267794) /* 1 / sqrt(2 pi) */
#define CUBIC        ((real)0.044715)

/* x * P(N < x). erfc keeps the digits for negative x, where 1 + erf would cancel. */
static real exact(real x) { return x * (erfc(-x * SQRT_HALF) / 2); }
static real exact_slope(real x) { return erfc(-x * SQRT_HALF) / 2 + x * INV_SQRT_2PI * exp(-x * x / 2); }

static real curve(real x) { return tanh(SQRT_2_PI * (x + CUBIC * x * x * x)); }
static real approximate_slope(real x) {
    real t = curve(x), s = 1 - t * t;
    real bend = s > 0 ? x / 2 * s * SQRT_2_PI * (1 + 3 * CUBIC * x * x) : 0; /* 0, not 0 * inf, for huge x */
    return (1 + t) / 2 + bend;
}

static void forward(const void *cfg, void *vy, const void *vx, size_t rows, size_t cols) {
    bool approximate = ((const gelu_cfg *)cfg)->approximate;
    const real *x = vx; /* (rows, cols) */
    real *y = vy;       /* (rows, cols) */
    for (size_t i = 0; i < rows * cols; i++) y[i] = approximate ? x[i] * ((1 + curve(x[i])) / 2) : exact(x[i]);
}

static void backward(const void *cfg, void *vdx, const void *vx, const void *vy, const void *vdy, size_t rows,
                     size_t cols) {
    bool approximate = ((const gelu_cfg *)cfg)->approximate;
    const real *x = vx, *dy = vdy; /* (rows, cols) */
    real *dx = vdx;                /* (rows, cols) */
    (void)vy;
    for (size_t i = 0; i < rows * cols; i++)
        dx[i] = dy[i] * (approximate ? approximate_slope(x[i]) : exact_slope(x[i]));
}

const sn_activation_type SN_R(sn_activation_gelu) = {
    .desc = { .name = "gelu",
              .brief = "x times the probability that a normal variable is below x",
              .example = "dense { 8, activation = gelu { approximate = true } }",
              .fields = fields,
              .cfg_size = sizeof(gelu_cfg) },
    .flags = SN_KEEP_X,
    .forward = forward,
    .backward = backward,
    .check = { "gelu{}", "gelu{approximate=true}" },
};
