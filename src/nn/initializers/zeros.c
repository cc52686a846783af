#include "nn/objects.h"

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    (void)cfg, (void)fan_in, (void)fan_out, (void)seed, (void)e;
    size_t n = (size_t)sn_shape_count(shape);
    for (size_t i = 0; i < n; i++) w[i] = 0;
    return SN_OK;
}

const sn_initializer_type sn_initializer_zeros = {
    .desc = { .name = "zeros",
              .brief = "every weight 0",
              .example = "dense { 8, bias_initializer = \"zeros\" }" },
    .fill = fill,
};
