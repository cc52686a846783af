/* Shapes of a recorded function, and how its work is cut: most programs treat each sample by itself up to a
 * closing sum or mean; they run through all operations on a few samples at a time, so that everything between
 * stays in the cache. The others run operation by operation on whole arrays. */
#include "base/mem.h"
#include "nn/expr_impl.h"
#include <stdio.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 16, ALIGN = 64, MAX_STRANDS = 16 };
#define MAX_COUNT ((int64_t)1 << 40)

static size_t aligned(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

int sn_expr_axis(int64_t axis, int rank) {
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

unsigned sn_expr_axes(const sn_expr_node *n, int rank) {
    unsigned mask = 0;
    if (n->naxis == SN_EXPR_ROWS) return rank ? ((1u << rank) - 1) & ~1u : 0;
    if (n->naxis < 0) return (1u << rank) - 1;
    for (int i = 0; i < n->naxis; i++) mask |= 1u << sn_expr_axis(n->dims.d[i], rank);
    return mask;
}

/* ---- shapes of single operations ---- */

typedef struct {
    const char *who;
    const sn_expr_node *n;
    const sn_shape *in[3];
    int64_t batch; /* shown by name; -1: there is none */
    sn_err *e;
    const sn_expr *x;
} question;

static sn_status refuse(const question *q, const char *remedy) {
    char text[3][96] = { { 0 } };
    int nin = sn_op_inputs(q->n->op);
    for (int i = 0; i < nin; i++)
        sn_shape_text(q->in[i], q->in[i]->n > 0 && q->in[i]->d[0] == q->batch, text[i], sizeof text[i]);
    char place[96];
    return sn_fail(q->e, SN_ESHAPE, "%s: %s of %s%s%s%s%s%s: %s", q->who, sn_op_name(q->n->op), text[0],
                   nin > 1 ? " and " : "", text[1], nin > 2 ? " and " : "", text[2],
                   sn_expr_place(q->x, (int)(q->n - q->x->node), place, sizeof place), remedy);
}

static sn_status broadcast(const question *q, sn_shape *out) {
    int nin = sn_op_inputs(q->n->op);
    *out = *q->in[0];
    for (int k = 1; k < nin; k++) {
        const sn_shape *s = q->in[k];
        int rank = out->n > s->n ? out->n : s->n;
        sn_shape r = { .n = rank };
        for (int i = 1; i <= rank; i++) {
            int64_t a = i <= out->n ? out->d[out->n - i] : 1, b = i <= s->n ? s->d[s->n - i] : 1;
            if (a != b && a != 1 && b != 1)
                return refuse(q, "the sizes must be equal or 1, axis by axis from the last");
            r.d[rank - i] = a == 1 ? b : a;
        }
        *out = r;
    }
    return SN_OK;
}

static sn_status reduced(const question *q, sn_shape *out) {
    const sn_shape *s = q->in[0];
    for (int i = 0; i < q->n->naxis; i++)
        if (sn_expr_axis(q->n->dims.d[i], s->n) < 0) return refuse(q, "there is no such axis");
    unsigned mask = sn_expr_axes(q->n, s->n);
    out->n = 0;
    for (int i = 0; i < s->n; i++) {
        if (!(mask >> i & 1)) out->d[out->n++] = s->d[i];
        if ((mask >> i & 1) && q->n->keep) out->d[out->n++] = 1;
        if ((mask >> i & 1) && s->d[i] == 0 && q->n->op >= SN_OP_max && q->n->op <= SN_OP_min)
            return refuse(q, "nothing has no largest and no smallest");
    }
    return SN_OK;
}

static sn_status matmul_shape(const question *q, sn_shape *out) {
    const sn_shape *a = q->in[0], *b = q->in[1];
    if (a->n < 2 || b->n < 2) return refuse(q, "wants matrices; for vectors write sum(a * b)");
    if (b->n != 2 && b->n != a->n) return refuse(q, "the second wants two axes, or as many as the first");
    if (a->d[a->n - 1] != b->d[b->n - 2]) return refuse(q, "the inner sizes differ");
    for (int i = 0; b->n > 2 && i < a->n - 2; i++)
        if (a->d[i] != b->d[i]) return refuse(q, "the leading axes differ");
    *out = *a;
    out->d[a->n - 1] = b->d[b->n - 1];
    return SN_OK;
}

static sn_status transposed(const question *q, sn_shape *out) {
    const sn_shape *s = q->in[0];
    const sn_dims *p = &q->n->dims;
    unsigned seen = 0;
    if (p->n != 0 && p->n != s->n) return refuse(q, "wants a number for each axis");
    out->n = s->n;
    for (int i = 0; i < s->n; i++) {
        int from = p->n ? sn_expr_axis(p->d[i], s->n) : s->n - 1 - i;
        if (from < 0 || (seen >> from & 1)) return refuse(q, "wants each axis once");
        seen |= 1u << from;
        out->d[i] = s->d[from];
    }
    return SN_OK;
}

static sn_status reshaped(const question *q, sn_shape *out) {
    int64_t count = sn_shape_count(q->in[0]), known = 1;
    int open = -1;
    *out = q->n->dims;
    for (int i = 0; i < out->n; i++) {
        if (out->d[i] == -1 && open < 0) {
            open = i;
        } else if (out->d[i] < 0 || (out->d[i] > 0 && known > MAX_COUNT / out->d[i])) {
            return refuse(q, "sizes must be numbers, and one of them may be -1");
        } else {
            known *= out->d[i];
        }
    }
    if (open >= 0 && known > 0) out->d[open] = count / known;
    if (sn_shape_count(out) != count) return refuse(q, "the new shape has another number of elements");
    return SN_OK;
}

static sn_status concatenated(const question *q, sn_shape *out) {
    const sn_shape *a = q->in[0], *b = q->in[1];
    int axis = sn_expr_axis(q->n->dims.d[0], a->n);
    if (axis < 0 || a->n != b->n) return refuse(q, "wants arrays of as many axes, joined along one of them");
    for (int i = 0; i < a->n; i++)
        if (i != axis && a->d[i] != b->d[i]) return refuse(q, "all sizes but the joined one must be equal");
    *out = *a;
    out->d[axis] += b->d[axis];
    return SN_OK;
}

/* from and the exclusive to of a slice, resolved. */
void sn_expr_slice_range(const sn_expr_node *n, int64_t size, int64_t *from, int64_t *to) {
    *from = n->dims.d[1] < 0 ? n->dims.d[1] + size : n->dims.d[1];
    *to = n->dims.d[2] < 0 ? n->dims.d[2] + size + 1 : n->dims.d[2];
}

static sn_status sliced(const question *q, sn_shape *out) {
    int axis = sn_expr_axis(q->n->dims.d[0], q->in[0]->n);
    int64_t from, to;
    if (axis < 0) return refuse(q, "there is no such axis");
    sn_expr_slice_range(q->n, q->in[0]->d[axis], &from, &to);
    if (from < 0 || to > q->in[0]->d[axis] || from > to) return refuse(q, "the range is outside of the axis");
    *out = *q->in[0];
    out->d[axis] = to - from;
    return SN_OK;
}

static sn_status one_hot_shape(const question *q, sn_shape *out) {
    *out = *q->in[0];
    if (q->n->dims.d[0] < 1) return refuse(q, "the depth must be at least 1");
    if (out->n == 0 || out->d[out->n - 1] != 1) {
        if (out->n == SN_MAXDIM) return refuse(q, "too many axes");
        out->n++;
    }
    out->d[out->n - 1] = q->n->dims.d[0];
    return SN_OK;
}

static sn_status gather_shape(const question *q, sn_shape *out) {
    const sn_shape *x = q->in[0], *k = q->in[1];
    if (x->n < 1 || (k->n != x->n && k->n != x->n - 1))
        return refuse(q, "the indices want the shape of the first without its last axis, or as many axes");
    for (int i = 0; i < x->n - 1; i++)
        if (x->d[i] != k->d[i]) return refuse(q, "all axes but the last must agree");
    *out = *k;
    return SN_OK;
}

static sn_status shape_of(const question *q, sn_shape *out) {
    switch (q->n->op) {
    case SN_OP_const: *out = (sn_shape){ 0 }; return SN_OK;
    case SN_OP_tensor: *out = q->n->dims; return SN_OK;
    case SN_OP_sum:
    case SN_OP_mean:
    case SN_OP_max:
    case SN_OP_min:
    case SN_OP_prod: return reduced(q, out);
    case SN_OP_matmul: return matmul_shape(q, out);
    case SN_OP_transpose: return transposed(q, out);
    case SN_OP_reshape: return reshaped(q, out);
    case SN_OP_concat: return concatenated(q, out);
    case SN_OP_slice: return sliced(q, out);
    case SN_OP_one_hot: return one_hot_shape(q, out);
    case SN_OP_gather: return gather_shape(q, out);
    default: return broadcast(q, out);
    }
}

sn_status sn_expr_infer(const sn_expr_plan *p, int64_t n, sn_shape *shape, sn_err *e) {
    for (int i = 0; i < p->x->nnode; i++) {
        const sn_expr_node *node = &p->x->node[i];
        if (node->op == SN_OP_input) {
            shape[i] = p->in[i];
            if (p->o.batched >> i & 1) shape[i].d[0] = n;
            continue;
        }
        question q = { p->o.who, node, { 0 }, p->o.batched ? n : -1, e, p->x };
        for (int k = 0; k < sn_op_inputs(node->op); k++) q.in[k] = &shape[node->in[k]];
        sn_status s = shape_of(&q, &shape[i]);
        int64_t count = s == SN_OK ? sn_shape_count(&shape[i]) : 0;
        if (s == SN_OK && (count < 0 || count > MAX_COUNT)) s = refuse(&q, "the result is too large");
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

/* ---- does the program treat each sample by itself? ---- */

/* Axis 0 of batched operands must be axis 0 of the result, and what has no batch must not reach it. */
static bool elementwise_by_rows(const sn_expr_plan *p, const sn_expr_node *n, int rank) {
    for (int k = 0; k < sn_op_inputs(n->op); k++) {
        const sn_expr_slot *s = &p->slot[n->in[k]];
        if (s->batched ? s->shape.n != rank : s->shape.n == rank && s->shape.d[0] != 1) return false;
    }
    return true;
}

static bool keeps_rows(const sn_expr_plan *p, const sn_expr_node *n, const sn_expr_slot *out) {
    const sn_expr_slot *a = &p->slot[n->in[0]];
    int rank = a->shape.n;
    bool second = sn_op_inputs(n->op) > 1 && p->slot[n->in[1]].batched;
    switch (n->op) {
    case SN_OP_sum:
    case SN_OP_mean:
    case SN_OP_max:
    case SN_OP_min:
    case SN_OP_prod: return !(sn_expr_axes(n, rank) & 1);
    case SN_OP_matmul: return a->batched && (!second || rank > 2);
    case SN_OP_transpose: return n->dims.n && sn_expr_axis(n->dims.d[0], rank) == 0;
    case SN_OP_reshape:
        return n->dims.n > 0 && n->dims.d[0] == -1 && sn_shape_row(&out->shape) == sn_shape_row(&a->shape);
    case SN_OP_concat: return a->batched && second && sn_expr_axis(n->dims.d[0], rank) != 0;
    case SN_OP_slice: return sn_expr_axis(n->dims.d[0], rank) != 0;
    case SN_OP_one_hot: return rank > 1 || out->shape.n == 2;
    case SN_OP_gather: return a->batched && second;
    default: return elementwise_by_rows(p, n, out->shape.n);
    }
}

static bool is_crossing(const sn_expr_plan *p, const sn_expr_node *n) {
    int rank = p->slot[n->in[0]].shape.n;
    return p->crossing < 0 && (n->op == SN_OP_sum || n->op == SN_OP_mean) &&
           sn_expr_axes(n, rank) == (1u << rank) - 1;
}

static bool linear_in_tail(const sn_expr_plan *p, const sn_expr_node *n) {
    bool a = p->slot[n->in[0]].tail, b = sn_op_inputs(n->op) > 1 && p->slot[n->in[1]].tail;
    switch (n->op) {
    case SN_OP_neg:
    case SN_OP_add:
    case SN_OP_sub:
    case SN_OP_reshape:
    case SN_OP_sum:
    case SN_OP_mean: return true;
    case SN_OP_mul: return !(a && b);
    case SN_OP_div: return a && !b;
    default: return false;
    }
}

/* Sets batched, once and tail; false: the program is to be run on whole arrays. */
static bool cut_by_rows(sn_expr_plan *p) {
    p->crossing = -1;
    p->linear = true;
    for (int i = 0; i < p->x->nnode; i++) {
        const sn_expr_node *n = &p->x->node[i];
        sn_expr_slot *s = &p->slot[i];
        bool batched = n->op == SN_OP_input && (p->o.batched >> i & 1), tail = false;
        for (int k = 0; k < sn_op_inputs(n->op); k++) {
            batched |= p->slot[n->in[k]].batched;
            tail |= p->slot[n->in[k]].tail;
        }
        if (batched && tail) return false;
        if (batched && n->op != SN_OP_input && !keeps_rows(p, n, s)) {
            if (!is_crossing(p, n)) return false;
            p->crossing = i;
            batched = false;
            tail = true;
        } else if (tail) {
            p->linear = p->linear && linear_in_tail(p, n);
        }
        s->batched = batched;
        s->tail = tail;
        s->once = !batched && !tail;
        if (s->once && s->needs) return false;
    }
    return !p->slot[p->x->nnode - 1].once;
}

/* ---- memory ---- */

static size_t slot_bytes(const sn_expr_plan *p, int i, int64_t rows) {
    const sn_expr_slot *s = &p->slot[i];
    int64_t count = s->batched ? sn_shape_row(&s->shape) * rows : sn_shape_count(&s->shape);
    return aligned((size_t)count * sn_dtype_size(p->o.dtype));
}

static void place(sn_expr_plan *p) {
    for (int i = 0; i < p->x->nnode; i++) {
        sn_expr_slot *s = &p->slot[i];
        size_t bytes = slot_bytes(p, i, p->rows), *at = s->batched && p->by_rows ? &p->own : &p->shared;
        if (p->x->node[i].op != SN_OP_input) {
            s->value = *at;
            *at += bytes;
            if (s->needs) {
                s->grad = *at;
                *at += bytes;
            }
        }
    }
}

static void measure(sn_expr_plan *p) {
    int64_t batch = 1;
    size_t sample = sn_dtype_size(p->o.dtype);
    for (int i = 0; i < p->x->nnode; i++) {
        const sn_expr_slot *s = &p->slot[i];
        if (!s->batched) continue;
        batch = s->shape.d[0];
        sample += (size_t)sn_shape_row(&s->shape) * sn_dtype_size(p->o.dtype) * (s->needs ? 2 : 1);
    }
    p->rows = p->by_rows ? (int64_t)(CHUNK_BYTES / sample) : batch;
    if (p->rows < 1) p->rows = 1;
    if (p->rows > batch) p->rows = batch > 0 ? batch : 1;
    p->chunks = batch > 0 ? (batch + p->rows - 1) / p->rows : 0;
    p->strands = p->chunks < MAX_STRANDS ? p->chunks : MAX_STRANDS;
    if (p->strands < 1 || !p->by_rows || !p->o.pool) p->strands = 1;
    place(p);
    p->partial = aligned((size_t)p->chunks * sizeof(double));
    p->scratch = p->shared + p->partial + p->own * (size_t)p->strands;
}

/* ---- making ---- */

static void mark_needs(sn_expr_plan *p) {
    for (int i = 0; i < p->x->nnode; i++) {
        const sn_expr_node *n = &p->x->node[i];
        if (n->op == SN_OP_input) p->slot[i].needs = p->o.wrt >> i & 1;
        if (sn_op_is_flat(n->op)) continue;
        for (int k = 0; k < sn_op_inputs(n->op); k++) p->slot[i].needs |= p->slot[n->in[k]].needs;
    }
}

static sn_status set_up(sn_expr_plan *p, sn_err *e) {
    int n = p->x->nnode;
    p->slot = sn_calloc((size_t)n, sizeof *p->slot, "recorded function", e);
    p->now = sn_calloc((size_t)n, sizeof *p->now, "recorded function", e);
    if (!p->slot || !p->now) return SN_ENOMEM;
    int64_t batch = 0;
    for (int i = 0; i < p->x->ninput; i++)
        if (p->o.batched >> i & 1) batch = p->in[i].d[0];
    sn_status s = sn_expr_infer(p, batch, p->now, e);
    if (s != SN_OK) return s;
    for (int i = 0; i < n; i++) p->slot[i].shape = p->now[i];
    mark_needs(p);
    p->by_rows = p->o.batched && cut_by_rows(p);
    for (int i = 0; i < n && !p->by_rows; i++) p->slot[i].batched = false;
    measure(p);
    return SN_OK;
}

sn_status sn_expr_plan_new(sn_expr_plan **out, const sn_expr *x, const sn_expr_opts *o, sn_err *e) {
    *out = NULL;
    sn_expr_plan *p = sn_calloc(1, sizeof *p, "recorded function", e);
    if (!p) return SN_ENOMEM;
    p->x = x;
    p->o = *o;
    for (int i = 0; i < x->ninput; i++) p->in[i] = o->in[i];
    p->o.in = p->in;
    sn_status s = set_up(p, e);
    if (s == SN_OK)
        *out = p;
    else
        sn_expr_plan_free(p);
    return s;
}

void sn_expr_plan_free(sn_expr_plan *p) {
    if (!p) return;
    sn_free(p->slot);
    sn_free(p->now);
    sn_free(p);
}

void sn_expr_use_pool(sn_expr_plan *p, sn_pool *pool) { p->o.pool = pool; }

const sn_shape *sn_expr_out(const sn_expr_plan *p) { return &p->slot[p->x->nnode - 1].shape; }
bool sn_expr_out_batched(const sn_expr_plan *p) { return p->slot[p->x->nnode - 1].batched; }
bool sn_expr_by_rows(const sn_expr_plan *p) { return p->by_rows; }
size_t sn_expr_scratch(const sn_expr_plan *p) { return p->scratch + ALIGN; }

static bool comes_from(const sn_expr *x, int node, int input) {
    sn_op op = x->node[node].op;
    while (op == SN_OP_reshape || op == SN_OP_transpose || op == SN_OP_stop_gradient) {
        node = x->node[node].in[0];
        op = x->node[node].op;
    }
    return op == SN_OP_input && node == input;
}

/* A comparison with the nan of a place that there is not is 0, as a mask may want it. */
static bool may_leave_out(sn_op op) {
    return op == SN_OP_where || op == SN_OP_eq || op == SN_OP_lt || op == SN_OP_le || op == SN_OP_gt ||
           op == SN_OP_ge;
}

int64_t sn_expr_places(const sn_expr_plan *p, int input) {
    int64_t least = 0;
    bool uses[SN_EXPR_MAXNODE]; /* the node is computed with such places */
    for (int i = 0; i < p->x->nnode; i++) {
        const sn_expr_node *n = &p->x->node[i];
        uses[i] = false;
        for (int k = 0; k < sn_op_inputs(n->op); k++) uses[i] |= uses[n->in[k]];
        if (uses[i] && may_leave_out(n->op)) return 0;
        bool hot = n->op == SN_OP_one_hot;
        if ((!hot && n->op != SN_OP_gather) || !comes_from(p->x, n->in[hot ? 0 : 1], input)) continue;
        const sn_shape *s = &p->slot[hot ? i : n->in[0]].shape;
        int64_t size = s->d[s->n - 1];
        bool samples = (p->o.batched >> input & 1) && size == p->o.in[input].d[0];
        if (samples) continue; /* of which a batch has any number */
        if (!least || size < least) least = size;
        uses[i] = true;
    }
    return least;
}
