/* The same values under another shape (Keras layers/reshaping/reshape.py). */
#include "nn/layers/common.h"

typedef struct {
    sn_layer_common common;
    sn_dims target_shape;
} reshape_cfg;

static const sn_field fields[] = {
    SN_DIMS(reshape_cfg, target_shape, .pos = 1, .flags = SN_REQUIRED, .min = -1, .max = SN_SIZE_MAX,
            .doc = "one sample's new shape; one size may be -1: whatever is left"),
    SN_FIELDS_END,
};

static sn_status check(const void *cfg, sn_err *e) {
    const sn_dims *t = &((const reshape_cfg *)cfg)->target_shape;
    int unknown = 0;
    if (t->n < 1 || t->n >= SN_MAXDIM)
        return sn_fail(e, SN_EINVAL, "reshape: target_shape has %d sizes; 1 to %d are possible", t->n,
                       SN_MAXDIM - 1);
    for (int i = 0; i < t->n; i++) {
        if (t->d[i] == 0)
            return sn_fail(e, SN_EINVAL, "reshape: target_shape has a size of 0; sizes are at least 1");
        unknown += t->d[i] < 0;
    }
    if (unknown > 1)
        return sn_fail(e, SN_EINVAL, "reshape: target_shape has %d sizes of -1; only one can be found out",
                       unknown);
    return SN_OK;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    sn_shape sample = ((const reshape_cfg *)cfg)->target_shape;
    char got[160], want[160];
    int unknown = -1;
    int64_t have = sn_shape_row(in), known;
    sn_shape_text(&sample, false, want, sizeof want);
    for (int i = 0; i < sample.n; i++) {
        if (sample.d[i] > 0) continue;
        unknown = i;
        sample.d[i] = 1;
    }
    known = sn_shape_count(&sample);
    if (known < 1 || (unknown < 0 ? have != known : have % known != 0))
        return sn_fail(
            e, SN_ESHAPE, "reshape: a sample of %s has %lld values, which do not fit target_shape %s; %s",
            sn_shape_text(in, true, got, sizeof got), (long long)have, want, "choose sizes with that product");
    if (unknown >= 0) sample.d[unknown] = have / known;
    sn_shape out = sn_shape_with_batch(&sample, in->d[0]);
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("reshape", &out, p, e);
}

const sn_layer_type SN_R(sn_layer_reshape) = {
    .desc = { .name = "reshape",
              .brief = "the same values under another shape",
              .example = "reshape{ { 28, 28, 1 } }",
              .fields = fields,
              .cfg_size = sizeof(reshape_cfg),
              .check = check },
    .nin = 1,
    .plan = plan,
    .forward = SN_R(sn_copying_forward),
    .backward = SN_R(sn_copying_backward),
    .check = { { "reshape{target_shape={2, -1}}", 3, 1, { { 3, { 3, 3, 4 } } } },
               { "reshape{target_shape={12}}", 1, 1, { { 4, { 1, 2, 3, 2 } } } } },
};
