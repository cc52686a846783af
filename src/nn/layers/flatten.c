/* (batch, ...) to (batch, product of the rest), in row-major order: height, width, channels. */
#include "nn/layers/common.h"

static const sn_field fields[] = { SN_FIELDS_END };

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)cfg, (void)nin, (void)pool;
    sn_shape out = { 2, { in->d[0], sn_shape_row(in) } };
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("flatten", &out, p, e);
}

const sn_layer_type SN_R(sn_layer_flatten) = {
    .desc = { .name = "flatten",
              .brief = "each sample as one row of values",
              .example = "flatten{}",
              .fields = fields,
              .cfg_size = sizeof(sn_layer_common) },
    .nin = 1,
    .plan = plan,
    .forward = SN_R(sn_copying_forward),
    .backward = SN_R(sn_copying_backward),
    .check = { { "flatten{}", 2, 1, { { 4, { 2, 3, 2, 2 } } } }, { "flatten{}", 1, 1, { { 2, { 1, 3 } } } } },
};
