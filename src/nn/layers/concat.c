/* Inputs side by side along one axis (Keras layers/merging/concatenate.py). */
#include "nn/layers/common.h"
#include "num/vec.h"
#include <string.h>

typedef struct {
    sn_layer_common common;
    int64_t axis;
} concat_cfg;

static const sn_field fields[] = {
    SN_INT(concat_cfg, axis, .def = -1, .min = -SN_MAXDIM, .max = SN_MAXDIM,
           .doc = "along which axis; 0 is the batch, -1 the last"),
    SN_FIELDS_END,
};

static int axis_of(const void *cfg, int rank) {
    int axis = (int)((const concat_cfg *)cfg)->axis;
    return axis < 0 ? axis + rank : axis;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)pool;
    char a[160], b[160];
    if (nin < 2)
        return sn_fail(e, SN_EINVAL, "concat: wants two or more inputs, got %d; for example concat{ a, b }",
                       nin);
    int axis = axis_of(cfg, in->n), named = (int)((const concat_cfg *)cfg)->axis;
    if (axis < 1 || axis >= in->n)
        return sn_fail(e, SN_EINVAL, "concat: axis = %d is not an axis of %s after the batch; use 1..%d or -1",
                       named, sn_shape_text(in, true, a, sizeof a), in->n - 1);
    sn_shape out = in[0];
    for (int i = 1; i < nin; i++) {
        sn_shape other = in[i];
        if (other.n == out.n) other.d[axis] = in[0].d[axis];
        if (!sn_shape_equal(&other, &in[0]))
            return sn_fail(e, SN_ESHAPE, "concat: wants inputs that differ in axis %d only, got %s and %s",
                           named, sn_shape_text(&in[0], true, a, sizeof a),
                           sn_shape_text(&in[i], true, b, sizeof b));
        out.d[axis] += in[i].d[axis];
    }
    return sn_layer_set_out("concat", &out, p, e);
}

/* One input's part of every row: row r of the part is bytes [r * wide + at, + part) of the whole. */
typedef struct {
    char *to;
    const char *from;
    size_t to_row, from_row, part; /* bytes */
} strip;

static void copy_rows(void *ctx, size_t from, size_t to) {
    const strip *s = ctx;
    for (size_t r = from; r < to; r++) memcpy(s->to + r * s->to_row, s->from + r * s->from_row, s->part);
}

static size_t row_bytes(const sn_shape *s, int axis) {
    size_t n = sizeof(real);
    for (int i = axis; i < s->n; i++) n *= (size_t)s->d[i];
    return n;
}

static void run(const void *cfg, const sn_io *io, bool backward) {
    int axis = axis_of(cfg, io->out.n);
    size_t wide = row_bytes(&io->out, axis), rows = (size_t)sn_shape_count(&io->out) * sizeof(real) / wide,
           at = 0;
    for (int i = 0; i < io->nin; i++) {
        size_t part = row_bytes(&io->in[i], axis);
        strip s = { (char *)io->y + at, io->x[i], wide, part, part };
        if (backward) s = (strip){ io->dx[i], (const char *)io->dy + at, part, wide, part };
        if (s.to) sn_for_ranges(io->pool, rows, 1 + SN_CHUNK * sizeof(real) / part, copy_rows, &s);
        at += part;
    }
}

static void forward(const void *cfg, const sn_io *io) { run(cfg, io, false); }
static void backward(const void *cfg, const sn_io *io) { run(cfg, io, true); }

const sn_layer_type SN_R(sn_layer_concat) = {
    .desc = { .name = "concat",
              .alias = "concatenate",
              .brief = "its inputs side by side along one axis",
              .example = "concat{ axis = -1 }",
              .fields = fields,
              .cfg_size = sizeof(concat_cfg) },
    .nin = -1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .check = { { "concat{}", 2, 2, { { 4, { 2, 3, 2, 5 } }, { 4, { 2, 3, 2, 2 } } } },
               { "concat{axis=1}", 3, 2, { { 3, { 3, 1, 2 } }, { 3, { 3, 4, 2 } } } },
               { "concat{axis=-2}", 1, 2, { { 3, { 1, 2, 1 } }, { 3, { 1, 1, 1 } } } } },
};
