#include "nn/initializers/random.h"

/* He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015). */
static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    (void)fan_out, (void)e;
    sn_fill_scaled_uniform(w, (size_t)sn_shape_count(shape), 2, (double)fan_in,
                           sn_seed_of(((const sn_seed_cfg *)cfg)->seed, seed));
    return SN_OK;
}

const sn_initializer_type sn_initializer_he_uniform = {
    .desc = { .name = "he_uniform",
              .brief = "uniform within sqrt(6 / fan_in) of 0",
              .example = "dense { 8, kernel_initializer = \"he_uniform\" }",
              .fields = sn_seed_fields,
              .cfg_size = sizeof(sn_seed_cfg) },
    .fill = fill,
};
