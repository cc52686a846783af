#include "nn/initializers/random.h"

typedef struct {
    double minval, maxval;
    int64_t seed;
} random_uniform_cfg;

static const sn_field fields[] = {
    SN_FLOAT(random_uniform_cfg, minval, .pos = 1, .def = -0.05, .min = -1e30, .max = 1e30, .doc = "lower end"),
    SN_FLOAT(random_uniform_cfg, maxval, .pos = 2, .def = 0.05, .min = -1e30, .max = 1e30, .doc = "upper end"),
    SN_SEED_FIELD(random_uniform_cfg, .pos = 3), SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    const random_uniform_cfg *c = cfg;
    if (c->minval <= c->maxval) return SN_OK;
    return sn_fail(e, SN_EINVAL, "random_uniform: minval = %.10g is above maxval = %.10g; exchange them",
                   c->minval, c->maxval);
}

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    const random_uniform_cfg *c = cfg;
    (void)fan_in, (void)fan_out, (void)e;
    sn_fill_uniform(w, (size_t)sn_shape_count(shape), c->minval, c->maxval, sn_seed_of(c->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_random_uniform = {
    .desc = { .name = "random_uniform",
              .brief = "uniformly distributed between minval and maxval",
              .example = "dense { 8, kernel_initializer = random_uniform { -0.1, 0.1 } }",
              .fields = fields,
              .cfg_size = sizeof(random_uniform_cfg),
              .check = check },
    .fill = fill,
};
