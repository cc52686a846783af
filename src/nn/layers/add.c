/* The sum of two or more inputs of one shape. */
#include "nn/layers/common.h"
#include "num/vec.h"

static const sn_field fields[] = { SN_FIELDS_END };

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)cfg, (void)pool;
    char a[160], b[160];
    if (nin < 2)
        return sn_fail(e, SN_EINVAL, "add: wants two or more inputs, got %d; for example add{ h, x }", nin);
    for (int i = 1; i < nin; i++)
        if (!sn_shape_equal(&in[0], &in[i]))
            return sn_fail(e, SN_ESHAPE,
                           "add: wants inputs of one shape, got %s and %s; bring them together, %s",
                           sn_shape_text(&in[0], true, a, sizeof a), sn_shape_text(&in[i], true, b, sizeof b),
                           "for example with conv2d{ channels, 1 }");
    p->flags = SN_INPLACE | SN_INPLACE_GRAD;
    return sn_layer_set_out("add", &in[0], p, e);
}

enum { BLOCK = 512 };

/* Block by block through a buffer of its own: y may be any of the inputs, and inputs may be one another. */
static void add_range(void *ctx, size_t from, size_t to) {
    const sn_io *io = ctx;
    for (size_t at = from; at < to; at += BLOCK) {
        size_t n = to - at < BLOCK ? to - at : BLOCK;
        real sum[BLOCK];
        const real *left = (const real *)io->x[0] + at;
        for (int i = 1; i < io->nin; i++) {
            real *out = i == io->nin - 1 ? (real *)io->y + at : sum;
            SN_R(sn_kern)()->add(out, left, (const real *)io->x[i] + at, n);
            left = sum;
        }
    }
}

static void forward(const void *cfg, const sn_io *io) {
    (void)cfg;
    sn_io copy = *io;
    sn_for_ranges(io->pool, (size_t)sn_shape_count(&io->out), SN_CHUNK, add_range, &copy);
}

static void backward(const void *cfg, const sn_io *io) {
    (void)cfg;
    for (int i = 0; i < io->nin; i++)
        if (io->dx[i])
            sn_copy_bytes(io->pool, io->dx[i], io->dy, (size_t)sn_shape_count(&io->out) * sizeof(real));
}

const sn_layer_type SN_R(sn_layer_add) = {
    .desc = { .name = "add",
              .brief = "the sum of its inputs",
              .example = "add{}",
              .fields = fields,
              .cfg_size = sizeof(sn_layer_common) },
    .nin = -1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .check = { { "add{}", 2, 2, { { 3, { 2, 3, 5 } }, { 3, { 2, 3, 5 } } } },
               { "add{}", 1, 2, { { 2, { 1, 1 } }, { 2, { 1, 1 } } } } },
};
