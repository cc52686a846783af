/* An activation function as a layer of its own. The function itself is a described object of nn/activations. */
#include "nn/layers/common.h"
#include "num/vec.h"

typedef struct {
    sn_layer_common common;
    sn_obj *activation;
} activation_cfg;

static const sn_field fields[] = {
    SN_OBJECT(activation_cfg, activation, .pos = 1, .flags = SN_REQUIRED, .kind = &sn_kind_activation,
              .doc = "a name, or an object like leaky_relu{ 0.1 }"),
    SN_FIELDS_END,
};

/* false is how a user clears an object field; here there must be one. */
static sn_status check(const void *cfg, sn_err *e) {
    if (((const activation_cfg *)cfg)->activation) return SN_OK;
    return sn_fail(e, SN_EINVAL, "activation: activation is missing; for no change use activation \"linear\"");
}

static const sn_activation_type *type_of(const void *cfg) {
    return sn_activation_in(((const activation_cfg *)cfg)->activation->desc, SN_REAL_DTYPE);
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin, (void)pool;
    const sn_activation_type *t = type_of(cfg);
    const void *own = ((const activation_cfg *)cfg)->activation->cfg;
    size_t cols = in->n > 1 ? (size_t)in->d[in->n - 1] : 1;
    if (t->check_cols && t->check_cols(own, cols, e) != SN_OK) return e ? e->code : SN_ESHAPE;
    unsigned keep = t->flags & (SN_KEEP_X | SN_KEEP_Y);
    p->flags = keep | SN_INPLACE_GRAD | (keep & SN_KEEP_X ? 0 : SN_INPLACE);
    return sn_layer_set_out("activation", in, p, e);
}

typedef struct {
    const sn_activation_type *type;
    const void *cfg; /* of the activation object */
    const real *x, *y_in, *dy;
    real *y, *dx;
    size_t cols;
} act_ctx;

static void forward_rows(void *ctx, size_t from, size_t to) {
    const act_ctx *a = ctx;
    size_t at = from * a->cols;
    a->type->forward(a->cfg, a->y + at, a->x + at, to - from, a->cols);
}

static void backward_rows(void *ctx, size_t from, size_t to) {
    const act_ctx *a = ctx;
    size_t at = from * a->cols;
    a->type->backward(a->cfg, a->dx + at, a->x ? a->x + at : NULL, a->y_in ? a->y_in + at : NULL, a->dy + at,
                      to - from, a->cols);
}

/* Rows of a range. */
static size_t range_of(size_t cols) { return 1 + SN_CHUNK / cols; }

static sn_status prepare(const void *cfg, const sn_io *io, bool backward, sn_err *e) {
    const sn_activation_type *t = type_of(cfg);
    if (!t->prepare || (backward && !io->dx[0])) return SN_OK;
    size_t cols = io->out.n > 1 ? (size_t)io->out.d[io->out.n - 1] : 1;
    size_t rows = (size_t)sn_shape_count(&io->out) / cols, most = range_of(cols),
           ranges = (rows + most - 1) / most;
    size_t workers = (size_t)sn_pool_size(io->pool), threads = ranges < workers ? ranges : workers;
    return t->prepare(((const activation_cfg *)cfg)->activation->cfg, rows < most ? rows : most, cols,
                      (int)threads, backward, e);
}

static void run(const sn_io *io, sn_range_fn fn, act_ctx *a) {
    size_t count = (size_t)sn_shape_count(&io->out);
    a->cols = io->out.n > 1 ? (size_t)io->out.d[io->out.n - 1] : 1;
    sn_for_ranges(io->pool, count / a->cols, range_of(a->cols), fn, a);
}

static void forward(const void *cfg, const sn_io *io) {
    act_ctx a = {
        .type = type_of(cfg), .cfg = ((const activation_cfg *)cfg)->activation->cfg, .x = io->x[0], .y = io->y
    };
    run(io, forward_rows, &a);
}

static void backward(const void *cfg, const sn_io *io) {
    const sn_activation_type *t = type_of(cfg);
    if (!io->dx[0]) return;
    act_ctx a = { .type = t,
                  .cfg = ((const activation_cfg *)cfg)->activation->cfg,
                  .x = t->flags & SN_KEEP_X ? io->x[0] : NULL,
                  .y_in = t->flags & SN_KEEP_Y ? io->y : NULL,
                  .dy = io->dy,
                  .dx = io->dx[0] };
    run(io, backward_rows, &a);
}

extern const sn_activation_type SN_R(sn_activation_relu);

static sn_part part(const void *cfg) {
    return type_of(cfg) == &SN_R(sn_activation_relu) ? SN_PART_RELU : SN_PART_NONE;
}

static const sn_fusing fusing = { .part = part };

const sn_layer_type SN_R(sn_layer_activation) = {
    .desc = { .name = "activation",
              .brief = "an activation function by itself",
              .example = "activation \"relu\"",
              .fields = fields,
              .cfg_size = sizeof(activation_cfg),
              .check = check },
    .nin = 1,
    .plan = plan,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .fusing = &fusing,
    .check = { { "activation{activation=\"relu\"}", 2, 1, { { 4, { 2, 3, 2, 5 } } } },
               { "activation{activation=\"softmax\"}", 3, 1, { { 2, { 3, 4 } } } },
               { "activation{activation=\"softmax\"}", 1, 1, { { 3, { 1, 2, 3 } } } },
               { "activation{activation=\"gelu\"}", 1, 1, { { 2, { 1, 17 } } } },
               { "activation{activation=\"tanh\"}", 2, 1, { { 3, { 2, 3, 1 } } } },
               { "activation{activation=\"linear\"}", 2, 1, { { 2, { 2, 3 } } } } },
};
