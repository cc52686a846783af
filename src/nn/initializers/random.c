#include "nn/initializers/random.h"

#include "base/pool.h"
#include "base/rng.h"
#include "num/kern.h"
#include <math.h>

const sn_field sn_seed_fields[] = { SN_SEED_FIELD(sn_seed_cfg, .pos = 0), SN_FIELDS_END };

uint64_t sn_seed_of(int64_t own, uint64_t model) { return own >= 0 ? (uint64_t)own : model; }

static double ratio(const double num[8], const double den[8], double r) {
    double n = num[7], d = den[7];
    for (int i = 6; i >= 0; i--) n = n * r + num[i], d = d * r + den[i];
    return n / d;
}

/* The normal distribution's quantile, to 16 digits: Wichura, "Algorithm AS 241: the percentage points of the
 * normal distribution", Applied Statistics 37 (1988), PPND16. 0 < p < 1. */
static double normal_quantile(double p) {
    static const double a[8] = { 3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                 1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                 3.3430575583588128105e4, 2.5090809287301226727e3 };
    static const double b[8] = { 1.0,
                                 4.2313330701600911252e1,
                                 6.8718700749205790830e2,
                                 5.3941960214247511077e3,
                                 2.1213794301586595867e4,
                                 3.9307895800092710610e4,
                                 2.8729085735721942674e4,
                                 5.2264952788528545610e3 };
    static const double c[8] = { 1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                 3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4 };
    static const double d[8] = { 1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9 };
    static const double e[8] = { 6.65790464350110377720e0,  5.46378491116411436990e0,
                                 1.78482653991729133580e0,  2.96560571828504891230e-1,
                                 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                 2.71155556874348757815e-5, 2.01033439929228813265e-7 };
    static const double f[8] = { 1.0,
                                 5.99832206555887937690e-1,
                                 1.36929880922735805310e-1,
                                 1.48753612908506148525e-2,
                                 7.86869131145613259100e-4,
                                 1.84631831751005468180e-5,
                                 1.42151175831644588870e-7,
                                 2.04426310338993978564e-15 };
    double q = p - 0.5;
    if (fabs(q) <= 0.425) return q * ratio(a, b, 0.180625 - q * q);
    double r = sqrt(-log(q < 0 ? p : 1 - p));
    double x = r <= 5 ? ratio(c, d, r - 1.6) : ratio(e, f, r - 5);
    return q < 0 ? -x : x;
}

/* What becomes of a number in the open interval (0, 1): its logarithm and its quantile are finite. */
typedef struct {
    enum { UNIFORM, NORMAL, TRUNCATED } kind;
    double a, b; /* low, high; or mean, standard deviation */
} law;

static double number(const law *f, double u) {
    const double below = 0.022750131948179207; /* P(N < -2) */
    if (f->kind == UNIFORM) return f->a + u * (f->b - f->a);
    return f->a + f->b * normal_quantile(f->kind == TRUNCATED ? below + u * (1 - 2 * below) : u);
}

typedef struct {
    law law;
    uint64_t key;
    float *w;
    size_t n;
} job;

enum { CHUNK = 1 << 14, BLOCK = 512 }; /* words of a cell, and at a time: multiples of the generator's four */

/* Word i of the sequence is word i % 4 of its block i / 4. */
static void fill_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    size_t from = (size_t)cell * CHUNK, to = j->n - from < CHUNK ? j->n : from + CHUNK;
    for (size_t at = from; at < to; at += BLOCK) {
        uint32_t word[BLOCK];
        size_t n = to - at < BLOCK ? to - at : BLOCK;
        sn_kern_f32()->philox(word, j->key, 0, at / 4, (n + 3) / 4);
        for (size_t i = 0; i < n; i++) j->w[at + i] = (float)number(&j->law, ((double)word[i] + 0.5) * 0x1p-32);
    }
}

static void fill(float *w, size_t n, law f, uint64_t seed) {
    job j = { .law = f, .key = sn_mix(seed, SN_STREAM_INIT), .w = w, .n = n };
    sn_parallel_always(sn_pool_default(), (int64_t)((n + CHUNK - 1) / CHUNK), fill_cell, &j);
}

void sn_fill_uniform(float *w, size_t n, double low, double high, uint64_t seed) {
    fill(w, n, (law){ UNIFORM, low, high }, seed);
}

void sn_fill_normal(float *w, size_t n, double mean, double stddev, uint64_t seed) {
    fill(w, n, (law){ NORMAL, mean, stddev }, seed);
}

void sn_fill_truncated(float *w, size_t n, double mean, double stddev, uint64_t seed) {
    fill(w, n, (law){ TRUNCATED, mean, stddev }, seed);
}

void sn_fill_normal_f64(double *w, size_t n, double mean, double stddev, uint64_t seed, uint64_t from) {
    uint64_t key = sn_mix(seed, SN_STREAM_INIT), block = UINT64_MAX;
    uint32_t word[4];
    for (uint64_t i = from; i < from + n; i++, w++) {
        if (block != i / 4) sn_philox(key, 0, block = i / 4, word);
        *w = number(&(law){ NORMAL, mean, stddev }, ((double)word[i % 4] + 0.5) * 0x1p-32);
    }
}

void sn_fill_scaled_uniform(float *w, size_t n, double scale, double fan, uint64_t seed) {
    double limit = sqrt(3 * scale / fmax(1, fan));
    sn_fill_uniform(w, n, -limit, limit, seed);
}

void sn_fill_scaled_normal(float *w, size_t n, double scale, double fan, uint64_t seed) {
    sn_fill_truncated(w, n, 0, sqrt(scale / fmax(1, fan)) / 0.87962566103423978, seed);
}
