#include "nn/initializers/random.h"

/* LeCun, Bottou, Orr, Müller, "Efficient backprop" (1998). */
static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    (void)fan_out, (void)e;
    sn_fill_scaled_uniform(w, (size_t)sn_shape_count(shape), 1, (double)fan_in,
                           sn_seed_of(((const sn_seed_cfg *)cfg)->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_lecun_uniform = {
    .desc = { .name = "lecun_uniform",
              .brief = "uniform within sqrt(3 / fan_in) of 0",
              .example = "dense { 8, kernel_initializer = \"lecun_uniform\" }",
              .fields = sn_seed_fields,
              .cfg_size = sizeof(sn_seed_cfg) },
    .fill = fill,
};
