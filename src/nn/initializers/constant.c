#include "nn/objects.h"

typedef struct {
    double value;
} constant_cfg;

static const sn_field fields[] = { SN_FLOAT(constant_cfg, value, .pos = 1, .min = -1e30, .max = 1e30,
                                            .doc = "what every weight starts as"),
                                   SN_FIELDS_END };

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    (void)fan_in, (void)fan_out, (void)seed, (void)e;
    size_t n = (size_t)sn_shape_count(shape);
    for (size_t i = 0; i < n; i++) w[i] = (float)((const constant_cfg *)cfg)->value;
    return SN_OK;
}

const sn_initializer_type sn_initializer_constant = {
    .desc = { .name = "constant",
              .brief = "every weight the same value",
              .example = "dense { 8, bias_initializer = constant { 0.1 } }",
              .fields = fields,
              .cfg_size = sizeof(constant_cfg) },
    .fill = fill,
};
