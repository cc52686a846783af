/* Random numbers for weights: element i is a function of the seed and i alone, so that a tensor's values do not
 * depend on what was filled before it, nor on who fills it. */
#ifndef SN_NN_INITIALIZERS_RANDOM_H
#define SN_NN_INITIALIZERS_RANDOM_H

#include "nn/objects.h"

/* The option `seed` of every random initializer; cfg structs have an int64_t of that name. */
#define SN_SEED_FIELD(S, ...)                                                                                  \
    SN_INT(S, seed, .def = -1, .min = -1, .max = 9007199254740991.0,                                           \
           .doc = "a seed of its own; -1 = made from the model's seed", __VA_ARGS__)
typedef struct {
    int64_t seed;
} sn_seed_cfg;

/* The options of initializers that have no other. */
extern const sn_field sn_seed_fields[];

/* The seed in force. */
uint64_t sn_seed_of(int64_t own, uint64_t model);

/* w: (n). Uniform in [low, high]; normal; normal cut at two standard deviations (by the inverse distribution
 * function, so nothing is drawn again). */
void sn_fill_uniform(float *w, size_t n, double low, double high, uint64_t seed);
void sn_fill_normal(float *w, size_t n, double mean, double stddev, uint64_t seed);
void sn_fill_truncated(float *w, size_t n, double mean, double stddev, uint64_t seed);
/* The same normal numbers in double, elements [from, from + n) of the sequence. */
void sn_fill_normal_f64(double *w, size_t n, double mean, double stddev, uint64_t seed, uint64_t from);

/* Keras VarianceScaling: variance scale / fan, as a uniform or as a truncated normal distribution. The latter's
 * stddev is corrected for the cut: 0.87962566103423978 is the standard deviation of a normal variable cut at 2.
 */
void sn_fill_scaled_uniform(float *w, size_t n, double scale, double fan, uint64_t seed);
void sn_fill_scaled_normal(float *w, size_t n, double scale, double fan, uint64_t seed);

#endif
