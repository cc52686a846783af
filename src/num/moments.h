/* What one pass over numbers gives, and how two passes are joined. */
#ifndef SN_NUM_MOMENTS_H
#define SN_NUM_MOMENTS_H

#include <stdint.h>

/* All zero: of no numbers. mean, m2, min and max are of the finite numbers only; they mean nothing when there
 * is none. */
typedef struct {
    int64_t finite, nans, infs;
    int64_t zeros;   /* exactly 0, of either sign; they are finite too */
    double mean, m2; /* m2 = sum (x - mean)^2 */
    double min, max;
} sn_moments;

/* a becomes the moments of both. Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing
 * sample variances (1979). */
static inline void sn_moments_merge(sn_moments *a, const sn_moments *b) {
    int64_t n = a->finite + b->finite;
    a->nans += b->nans;
    a->infs += b->infs;
    a->zeros += b->zeros;
    if (b->finite > 0 && a->finite == 0) {
        a->mean = b->mean, a->m2 = b->m2, a->min = b->min, a->max = b->max;
    } else if (b->finite > 0) {
        double d = b->mean - a->mean, share = (double)b->finite / (double)n;
        a->m2 += b->m2 + d * d * ((double)a->finite * share);
        a->mean += d * share;
        if (b->min < a->min) a->min = b->min;
        if (b->max > a->max) a->max = b->max;
    }
    a->finite = n;
}

#endif
