#include "nn/initializers/random.h"

typedef struct {
    double mean, stddev;
    int64_t seed;
} random_normal_cfg;

static const sn_field fields[] = { SN_FLOAT(random_normal_cfg, mean, .pos = 1, .min = -1e30, .max = 1e30,
                                            .doc = "mean of the distribution"),
                                   SN_FLOAT(random_normal_cfg, stddev, .pos = 2, .def = 0.05, .min = 0,
                                            .max = 1e30, .doc = "standard deviation"),
                                   SN_SEED_FIELD(random_normal_cfg, .pos = 3), SN_FIELDS_END };

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    const random_normal_cfg *c = cfg;
    (void)fan_in, (void)fan_out, (void)e;
    sn_fill_normal(w, (size_t)sn_shape_count(shape), c->mean, c->stddev, sn_seed_of(c->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_random_normal = {
    .desc = { .name = "random_normal",
              .brief = "normally distributed",
              .example = "dense { 8, kernel_initializer = random_normal { stddev = 0.01 } }",
              .fields = fields,
              .cfg_size = sizeof(random_normal_cfg) },
    .fill = fill,
};
