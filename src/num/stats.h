/* Statistics of arrays of floats on the pool, in double, and never left half done (sn_parallel_always): at most
 * SN_STAT_CELLS cells, cut by size, whose results are joined in order. Denormals are 0, as they are to training
 * (base/pool.c). */
#ifndef SN_NUM_STATS_H
#define SN_NUM_STATS_H

#include "base/pool.h"
#include "num/kern.h"

enum { SN_STAT_CELLS = 256 };

/* norm, mean, std, min and max are of the finite numbers; nan when there is none (norm of nothing at all is 0).
 */
typedef struct {
    int64_t count; /* of all, the finite and the others */
    int64_t zeros, nans, infs;
    double norm;      /* sqrt(sum x^2) */
    double mean, std; /* std: of the population, sqrt(mean (x - mean)^2) */
    double min, max;
} sn_stats;

/* Of the n values of x, or of x - y where y is not NULL. */
sn_moments sn_moments_of(sn_pool *, const float *x, const float *y, size_t n);
sn_stats sn_stats_of(const sn_moments *);
double sn_dot_wide(sn_pool *, const float *a, const float *b, size_t n);

/* numpy.histogram of float64 values over low..high in `bins` (1 .. SN_HIST_MAX) bins: edges (bins + 1) as
 * numpy.linspace makes them, low == high widened by half on each side. counts (bins) are added to;
 * values outside of low..high are passed over. */
void sn_histogram_edges(double low, double high, int bins, double *edges);
void sn_histogram(sn_pool *, const float *x, const float *y, size_t n, double low, double high, int bins,
                  int64_t *counts);

/* most[c] = max(most[c], |x[r][c]|) over the rows, nan above all. scratch: sn_unit_scratch(cols) values. */
size_t sn_unit_scratch(size_t cols);
void sn_unit_most(sn_pool *, float *most, float *scratch, const float *x, size_t rows, size_t cols);

#endif
