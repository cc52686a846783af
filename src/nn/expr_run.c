/* Running a recorded function: by rows (all operations on a few samples, then the next few) or whole (each
 * operation on everything). Chunks are cut by shape, and their partial sums are added in order. */
#include "nn/expr_impl.h"

#include <math.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct {
    const sn_expr_plan *p;
    int64_t n; /* samples of the call */
    const void *const *x;
    const void *dy;  /* NULL: ones */
    double scale;    /* of dy */
    void *const *dx; /* NULL: forward only */
    void *y;
    char *shared, *own;
    double *partial;
} run;

/* A stretch of the batch, and where its values lie. */
typedef struct {
    const run *r;
    char *own;
    int64_t from, rows;
} part;

static size_t size_of(const sn_expr_plan *p) { return sn_dtype_size(p->o.dtype); }

static sn_shape shape_in(const part *t, int i) {
    const sn_expr_slot *s = &t->r->p->slot[i];
    sn_shape shape = t->r->p->by_rows ? s->shape : t->r->p->now[i];
    if (s->batched) shape.d[0] = t->rows;
    return shape;
}

/* Offset in bytes of the part's first sample in an array that the caller gave. */
static size_t start_of(const part *t, int i) {
    const sn_expr_slot *s = &t->r->p->slot[i];
    return s->batched ? (size_t)(t->from * sn_shape_row(&s->shape)) * size_of(t->r->p) : 0;
}

static const void *value_of(const part *t, int i) {
    const sn_expr_slot *s = &t->r->p->slot[i];
    if (t->r->p->x->node[i].op == SN_OP_input) return (const char *)t->r->x[i] + start_of(t, i);
    return (s->batched ? t->own : t->r->shared) + s->value;
}

static void *grad_of(const part *t, int i) {
    const sn_expr_slot *s = &t->r->p->slot[i];
    if (!s->needs) return NULL;
    if (t->r->p->x->node[i].op == SN_OP_input) return t->r->dx[i] ? (char *)t->r->dx[i] + start_of(t, i) : NULL;
    return (s->batched ? t->own : t->r->shared) + s->grad;
}

static sn_op_io io_of(const part *t, int i, bool backward) {
    const sn_expr_plan *p = t->r->p;
    const sn_expr_node *n = &p->x->node[i];
    sn_op_io io = { .node = n, .constants = p->x->values, .out = shape_in(t, i) };
    io.y = (void *)(uintptr_t)value_of(t, i);
    for (int k = 0; k < sn_op_inputs(n->op); k++) {
        io.x[k] = value_of(t, n->in[k]);
        io.in[k] = shape_in(t, n->in[k]);
        if (backward) io.dx[k] = grad_of(t, n->in[k]);
    }
    if (backward) io.dy = grad_of(t, i);
    return io;
}

static void forward_of(const part *t, int i) {
    if (t->r->p->x->node[i].op == SN_OP_input) return;
    sn_op_io io = io_of(t, i, false);
    if (t->r->p->o.dtype == SN_F64)
        sn_op_forward_f64(&io);
    else
        sn_op_forward_f32(&io);
}

static void backward_of(const part *t, int i) {
    if (t->r->p->x->node[i].op == SN_OP_input || !t->r->p->slot[i].needs) return;
    sn_op_io io = io_of(t, i, true);
    if (t->r->p->o.dtype == SN_F64)
        sn_op_backward_f64(&io);
    else
        sn_op_backward_f32(&io);
}

static void zero_grad(const part *t, int i) {
    void *g = grad_of(t, i);
    sn_shape s = shape_in(t, i);
    if (t->r->p->x->node[i].op == SN_OP_input && t->r->p->o.accumulate) return;
    if (g) memset(g, 0, (size_t)sn_shape_count(&s) * size_of(t->r->p));
}

static void set_number(const sn_expr_plan *p, void *at, double v) {
    if (p->o.dtype == SN_F64)
        *(double *)at = v;
    else
        *(float *)at = (float)v;
}

/* ---- whole ---- */

static bool find_shapes(const run *r) {
    int64_t n = r->p->o.batched ? r->n : 0;
    return sn_expr_infer(r->p, n, r->p->now, NULL) == SN_OK;
}

/* A program whose shapes do not allow this many samples: nothing but NaN is an answer. */
static void give_nan(const run *r) {
    const sn_shape *out = sn_expr_out(r->p);
    int64_t count = sn_shape_count(out);
    for (int64_t i = 0; r->y && i < count; i++)
        set_number(r->p, (char *)r->y + (size_t)i * size_of(r->p), (double)NAN);
}

static void copy_result(const part *t) {
    int root = t->r->p->x->nnode - 1;
    sn_shape s = shape_in(t, root);
    if (t->r->y)
        memcpy((char *)t->r->y + start_of(t, root), value_of(t, root),
               (size_t)sn_shape_count(&s) * size_of(t->r->p));
}

static void seed(const part *t) {
    const run *r = t->r;
    int root = r->p->x->nnode - 1;
    sn_shape s = shape_in(t, root);
    int64_t n = sn_shape_count(&s);
    void *g = grad_of(t, root);
    const char *dy = r->dy ? (const char *)r->dy + start_of(t, root) : NULL;
    for (int64_t i = 0; i < n && g; i++) {
        if (r->p->o.dtype == SN_F64)
            ((double *)g)[i] = r->scale * (dy ? ((const double *)(const void *)dy)[i] : 1);
        else
            ((float *)g)[i] = (float)(r->scale * (dy ? (double)((const float *)(const void *)dy)[i] : 1));
    }
}

static void run_whole(const run *r) {
    part t = { r, r->shared, 0, r->n };
    int n = r->p->x->nnode;
    if (!find_shapes(r)) {
        give_nan(r);
        return;
    }
    for (int i = 0; i < n; i++) forward_of(&t, i);
    copy_result(&t);
    if (r->dx) seed(&t); /* first: dy may lie where dx goes */
    for (int i = 0; i < n - 1 && r->dx; i++) zero_grad(&t, i);
    for (int i = n - 1; i >= 0 && r->dx; i--) backward_of(&t, i);
}

/* ---- by rows ---- */

static void forward_tail(const run *r) {
    part t = { r, NULL, 0, 0 };
    for (int i = 0; i < r->p->x->nnode; i++)
        if (r->p->slot[i].tail && i != r->p->crossing) forward_of(&t, i);
}

static void backward_tail(const run *r) {
    part t = { r, NULL, 0, 0 };
    int root = r->p->x->nnode - 1;
    for (int i = 0; i < root; i++)
        if (r->p->slot[i].tail) zero_grad(&t, i);
    seed(&t);
    for (int i = root; i > r->p->crossing; i--)
        if (r->p->slot[i].tail) backward_of(&t, i);
}

/* Samples of all chunks: what a mean over everything divides by. */
static double crossing_count(const run *r) {
    sn_shape s = r->p->slot[r->p->x->node[r->p->crossing].in[0]].shape;
    return (double)sn_shape_row(&s) * (double)r->n;
}

static void add_crossing_grad(const part *t) {
    const sn_expr_plan *p = t->r->p;
    const sn_expr_node *n = &p->x->node[p->crossing];
    void *to = grad_of(t, n->in[0]);
    const void *g = grad_of(t, p->crossing);
    if (!to || !g) return;
    double d = p->o.dtype == SN_F64 ? *(const double *)g : (double)*(const float *)g;
    if (n->op == SN_OP_mean) d /= crossing_count(t->r);
    sn_shape s = shape_in(t, n->in[0]);
    size_t count = (size_t)sn_shape_count(&s);
    for (size_t i = 0; i < count; i++) {
        if (p->o.dtype == SN_F64)
            ((double *)to)[i] += d;
        else
            ((float *)to)[i] += (float)d;
    }
}

static void run_chunk(const run *r, int64_t chunk, int64_t strand) {
    const sn_expr_plan *p = r->p;
    part t = { r, r->own + p->own * (size_t)strand, chunk * p->rows, p->rows };
    if (t.rows > r->n - t.from) t.rows = r->n - t.from;
    for (int i = 0; i < p->x->nnode; i++)
        if (p->slot[i].batched) forward_of(&t, i);
    if (p->crossing >= 0) {
        int k = p->x->node[p->crossing].in[0];
        sn_shape s = shape_in(&t, k);
        size_t count = (size_t)sn_shape_count(&s);
        r->partial[chunk] = p->o.dtype == SN_F64 ? sn_op_sum_f64(value_of(&t, k), count)
                                                 : sn_op_sum_f32(value_of(&t, k), count);
    } else {
        copy_result(&t);
    }
    if (!r->dx) return;
    if (p->crossing < 0) seed(&t); /* first: dy may lie where dx goes */
    for (int i = 0; i < p->x->nnode - 1; i++)
        if (p->slot[i].batched) zero_grad(&t, i);
    if (p->crossing >= 0) add_crossing_grad(&t);
    for (int i = p->x->nnode - 1; i >= 0; i--)
        if (p->slot[i].batched) backward_of(&t, i);
}

static void run_strand(void *ctx, int64_t strand, int worker) {
    const run *r = ctx;
    int64_t chunks = (r->n + r->p->rows - 1) / r->p->rows;
    (void)worker;
    for (int64_t c = strand; c < chunks; c += r->p->strands) run_chunk(r, c, strand);
}

static void run_chunks(run *r) {
    const sn_expr_plan *p = r->p;
    int64_t chunks = (r->n + p->rows - 1) / p->rows;
    if (p->o.pool) {
        sn_parallel(p->o.pool, p->strands, run_strand, r);
    } else {
        run_strand(r, 0, 0);
    }
    if (p->crossing < 0) return;
    double sum = 0;
    for (int64_t c = 0; c < chunks; c++) sum += r->partial[c];
    if (p->x->node[p->crossing].op == SN_OP_mean) sum /= crossing_count(r);
    part t = { r, NULL, 0, 0 };
    set_number(p, (void *)(uintptr_t)value_of(&t, p->crossing), sum);
    forward_tail(r);
    copy_result(&t);
}

static void run_rows(run *r) {
    const sn_expr_plan *p = r->p;
    part t = { r, NULL, 0, 0 };
    for (int i = 0; i < p->x->nnode; i++)
        if (p->slot[i].once) forward_of(&t, i);
    if (r->dx && p->crossing >= 0) {
        if (p->linear) {
            set_number(p, (void *)(uintptr_t)value_of(&t, p->crossing), 0);
            forward_tail(r);
        } else { /* what follows the sum needs its value first */
            void *const *dx = r->dx;
            r->dx = NULL;
            run_chunks(r);
            r->dx = dx;
        }
        backward_tail(r);
    }
    run_chunks(r);
}

/* ---- */

static void start(const sn_expr_plan *p, run *r, void *scratch) {
    r->p = p;
    if (!p->o.batched) r->n = 0;
    r->shared = (char *)(((uintptr_t)scratch + ALIGN - 1) / ALIGN * ALIGN);
    r->partial = (double *)(void *)(r->shared + p->shared);
    r->own = r->shared + p->shared + p->partial;
    if (p->by_rows)
        run_rows(r);
    else
        run_whole(r);
}

void sn_expr_forward(const sn_expr_plan *p, int64_t n, const void *const *x, void *y, void *scratch) {
    run r = { .n = n, .x = x, .y = y };
    start(p, &r, scratch);
}

void sn_expr_backward(const sn_expr_plan *p, int64_t n, const void *const *x, const void *dy, double scale,
                      void *const *dx, void *y, void *scratch) {
    run r = { .n = n, .x = x, .dy = dy, .scale = scale, .dx = dx, .y = y };
    start(p, &r, scratch);
}
