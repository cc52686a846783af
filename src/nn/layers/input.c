/* The input of a model: names one sample's shape. */
#include "nn/layers/common.h"

typedef struct {
    sn_layer_common common;
    sn_dims shape;
} input_cfg;

static const sn_field fields[] = {
    SN_DIMS(input_cfg, shape, .pos = 1, .flags = SN_REQUIRED, .min = 1, .max = SN_SIZE_MAX,
            .doc = "one sample's shape, without the batch: input{ 28, 28, 1 }"),
    SN_FIELDS_END,
};

static sn_status check(const void *cfg, sn_err *e) {
    const input_cfg *c = cfg;
    if (c->shape.n < 1) return sn_fail(e, SN_EINVAL, "input: shape is empty; for example input{ 28, 28, 1 }");
    if (c->shape.n >= SN_MAXDIM)
        return sn_fail(e, SN_EINVAL, "input: shape has %d sizes; at most %d and the batch", c->shape.n,
                       SN_MAXDIM - 1);
    if (c->common.activity_regularizer) /* nothing is computed here, so it would never be asked */
        return sn_fail(e, SN_EINVAL,
                       "input: activity_regularizer has no effect on an input; give it to a layer");
    return SN_OK;
}

/* in: NULL, or one shape whose first size is the batch and whose others, when there are any, must be those of
 * the layer. */
static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)pool;
    const input_cfg *c = cfg;
    bool given = in && nin > 0 && in->n > 0;
    sn_shape out = sn_shape_with_batch(&c->shape, given ? in->d[0] : 1);
    char want[160], got[160];
    if (given && in->n > 1 && !sn_shape_equal(in, &out))
        return sn_fail(e, SN_ESHAPE, "input: wants %s, got %s; change input's shape or reshape the data",
                       sn_shape_text(&out, true, want, sizeof want), sn_shape_text(in, true, got, sizeof got));
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("input", &out, p, e);
}

const sn_layer_type SN_R(sn_layer_input) = {
    .desc = { .name = "input",
              .brief = "the input of a model",
              .example = "input{ 28, 28, 1 }",
              .fields = fields,
              .cfg_size = sizeof(input_cfg),
              .check = check },
    .nin = 0,
    .plan = plan,
    .forward = SN_R(sn_copying_forward),
    .backward = SN_R(sn_copying_backward),
    .check = { { "input{shape={3, 2}}", 2, 1, { { 3, { 2, 3, 2 } } } } },
};
