#include "nn/metrics/metric.h"

size_t sn_metric_mean_size(const void *cfg) {
    (void)cfg;
    return 2;
}

double sn_metric_mean(const void *cfg, const double *state) {
    (void)cfg;
    return state[1] > 0 ? state[0] / state[1] : 0;
}

size_t sn_argmax(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

void sn_metric_of_loss(const sn_loss_type *loss, const void *cfg, double *state, const float *p, const float *t,
                       size_t rows, size_t cols, size_t tcols) {
    for (size_t r = 0; r < rows; r++) {
        double v;
        loss->eval(cfg, &v, NULL, p + r * cols, t + r * tcols, 1, cols, tcols, 1);
        state[0] += v;
    }
    state[1] += (double)rows;
}

void sn_metric_rows(sn_row_score score, const void *cfg, double *state, const float *p, const float *t,
                    size_t rows, size_t cols, size_t tcols) {
    for (size_t r = 0; r < rows; r++) state[0] += score(cfg, p + r * cols, t + r * tcols, cols);
    state[1] += (double)rows;
}
