/* y = x scale + offset (Keras layers/preprocessing/rescaling.py). */
#include "nn/layers/common.h"
#include "num/vec.h"

#define affine SN_R(sn_vec_affine)

typedef struct {
    sn_layer_common common;
    double scale, offset;
} rescaling_cfg;

static const sn_field fields[] = {
    SN_FLOAT(rescaling_cfg, scale, .pos = 1, .flags = SN_REQUIRED, .min = -1e30, .max = 1e30,
             .doc = "factor: 1/255 brings bytes to 0..1"),
    SN_FLOAT(rescaling_cfg, offset, .pos = 2, .min = -1e30, .max = 1e30, .doc = "added after scaling"),
    SN_FIELDS_END,
};

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)cfg, (void)nin, (void)pool;
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("rescaling", in, p, e);
}

static void forward(const void *cfg, const sn_io *io) {
    const rescaling_cfg *c = cfg;
    affine(io->pool, io->y, io->x[0], (real)c->scale, (real)c->offset, (size_t)sn_shape_count(&io->out));
}

static void backward(const void *cfg, const sn_io *io) {
    const rescaling_cfg *c = cfg;
    if (io->dx[0]) affine(io->pool, io->dx[0], io->dy, (real)c->scale, 0, (size_t)sn_shape_count(&io->out));
}

const sn_layer_type SN_R(sn_layer_rescaling) = {
    .desc = { .name = "rescaling",
              .brief = "multiplies by a number and adds another",
              .example = "rescaling{ 1 / 255 }",
              .fields = fields,
              .cfg_size = sizeof(rescaling_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .check = { { "rescaling{scale=0.25, offset=-1}", 2, 1, { { 3, { 2, 3, 3 } } } },
               { "rescaling{scale=-3}", 1, 1, { { 2, { 1, 2 } } } } },
};
