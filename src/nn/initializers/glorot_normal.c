#include "nn/initializers/random.h"

/* Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010). */
static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    (void)e;
    sn_fill_scaled_normal(w, (size_t)sn_shape_count(shape), 1, (double)(fan_in + fan_out) / 2,
                          sn_seed_of(((const sn_seed_cfg *)cfg)->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_glorot_normal = {
    .desc = { .name = "glorot_normal",
              .brief = "normal, cut at two deviations, with variance 2 / (fan_in + fan_out)",
              .example = "dense { 8, kernel_initializer = \"glorot_normal\" }",
              .fields = sn_seed_fields,
              .cfg_size = sizeof(sn_seed_cfg) },
    .fill = fill,
};
