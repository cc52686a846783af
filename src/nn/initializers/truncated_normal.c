#include "nn/initializers/random.h"

typedef struct {
    double mean, stddev;
    int64_t seed;
} truncated_normal_cfg;

static const sn_field fields[] = { SN_FLOAT(truncated_normal_cfg, mean, .pos = 1, .min = -1e30, .max = 1e30,
                                            .doc = "mean of the distribution"),
                                   SN_FLOAT(truncated_normal_cfg, stddev, .pos = 2, .def = 0.05, .min = 0,
                                            .max = 1e30,
                                            .doc = "standard deviation before the cut; after it 0.88 of this"),
                                   SN_SEED_FIELD(truncated_normal_cfg, .pos = 3), SN_FIELDS_END };

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    const truncated_normal_cfg *c = cfg;
    (void)fan_in, (void)fan_out, (void)e;
    sn_fill_truncated(w, (size_t)sn_shape_count(shape), c->mean, c->stddev, sn_seed_of(c->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_truncated_normal = {
    .desc = { .name = "truncated_normal",
              .brief = "normally distributed, cut at two standard deviations from the mean",
              .example = "dense { 8, kernel_initializer = truncated_normal { stddev = 0.01 } }",
              .fields = fields,
              .cfg_size = sizeof(truncated_normal_cfg) },
    .fill = fill,
};
