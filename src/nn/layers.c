#include "nn/layer.h"

#include "nn/layers/common.h"
#include <stdio.h>

/* clang-format off */
#define SN_LAYER(name) extern const sn_layer_type sn_layer_##name##_f32, sn_layer_##name##_f64;
#include "nn/layers.def"
#undef SN_LAYER

const sn_layer_type *const sn_layer_types_f32[] = {
#define SN_LAYER(name) &sn_layer_##name##_f32,
#include "nn/layers.def"
#undef SN_LAYER
    NULL
};

const sn_layer_type *const sn_layer_types_f64[] = {
#define SN_LAYER(name) &sn_layer_##name##_f64,
#include "nn/layers.def"
#undef SN_LAYER
    NULL
};

/* Objects are made from the f32 descriptors; their twins are found by place. */
static const sn_desc *const layer_descs[] = {
#define SN_LAYER(name) &sn_layer_##name##_f32.desc,
#include "nn/layers.def"
#undef SN_LAYER
    NULL
};
/* clang-format on */

static const sn_field common_fields[] = {
    SN_STRING(sn_layer_common, name,
              .doc = "name in summaries and in r.layers; made from the type when absent"),
    SN_BOOL(sn_layer_common, trainable, .def = 1, .doc = "false: its weights stay as they are"),
    SN_DIMS(sn_layer_common, input_shape, .min = 1, .max = SN_SIZE_MAX,
            .doc = "one sample's shape, on the first layer of a sequential"),
    SN_OBJECT(sn_layer_common, activity_regularizer, .kind = &sn_kind_regularizer,
              .doc = "penalty on the output, divided by the batch size"),
    SN_FIELDS_END,
};

const sn_kind sn_kind_layer = { "layer", layer_descs, common_fields };

const sn_layer_type *sn_layer_in(const sn_desc *d, sn_dtype dtype) {
    for (int i = 0; sn_layer_types_f32[i]; i++)
        if (&sn_layer_types_f32[i]->desc == d || &sn_layer_types_f64[i]->desc == d)
            return dtype == SN_F64 ? sn_layer_types_f64[i] : sn_layer_types_f32[i];
    SN_BUG("a layer descriptor that is in no table");
}

/* What would make a shape of that rank fit. */
static void rank_remedy(const sn_shape *in, int rank, char *buf, size_t n) {
    if (in->n > rank && rank == 2)
        snprintf(buf, n, "add flatten{} before it");
    else if (in->n == 3 && rank == 4)
        snprintf(buf, n, "add reshape{ { %lld, %lld, 1 } } before it for images of one channel",
                 (long long)in->d[1], (long long)in->d[2]);
    else
        snprintf(buf, n, "add reshape{ %s } before it", rank == 4 ? "{ height, width, channels }" : "{ ... }");
}

sn_status sn_layer_want_rank(const char *layer, const sn_shape *in, int rank, const char *axes, sn_err *e) {
    if (in->n == rank) return SN_OK;
    char got[160], remedy[120];
    rank_remedy(in, rank, remedy, sizeof remedy);
    return sn_fail(e, SN_ESHAPE, "%s: wants %s, got %s; %s", layer, axes,
                   sn_shape_text(in, true, got, sizeof got), remedy);
}
