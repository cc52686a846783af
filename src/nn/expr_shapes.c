/* Operations of recorded functions along axes and on shapes. */
#include "nn/expr_kernels.h"
#include "num/gemm.h"

#include <math.h>
#include <string.h>

/* ---- reductions: result by result, each over its own numbers, in double ---- */

typedef struct {
    int nkept, nred;
    int64_t kept[SN_MAXDIM], kept_stride[SN_MAXDIM], at[SN_MAXDIM];
    int64_t red[SN_MAXDIM], red_stride[SN_MAXDIM];
    int64_t results, each; /* how many results, and how many numbers make one */
    int64_t base;          /* of the present result, in elements of the operand */
} reduction;

static void put_axis(int *n, int64_t *size, int64_t *stride, int64_t d, int64_t step) {
    if (d == 1) return;
    if (*n && stride[*n - 1] == step * d) { /* goes on where the axis before it ends */
        size[*n - 1] *= d;
        stride[*n - 1] = step;
        return;
    }
    size[*n] = d;
    stride[(*n)++] = step;
}

static reduction reduction_of(const sn_op_io *io) {
    const sn_shape *s = &io->in[0];
    unsigned mask = sn_expr_axes(io->node, s->n);
    reduction r = { .results = sn_shape_count(&io->out), .each = 1 };
    int64_t step[SN_MAXDIM + 1] = { 0 };
    step[s->n] = 1;
    for (int i = s->n - 1; i >= 0; i--) step[i] = step[i + 1] * s->d[i];
    for (int i = 0; i < s->n; i++) {
        if (mask >> i & 1) {
            r.each *= s->d[i];
            put_axis(&r.nred, r.red, r.red_stride, s->d[i], step[i + 1]);
        } else {
            put_axis(&r.nkept, r.kept, r.kept_stride, s->d[i], step[i + 1]);
        }
    }
    return r;
}

static void next_result(reduction *r) {
    for (int i = r->nkept - 1; i >= 0; i--) {
        r->base += r->kept_stride[i];
        if (++r->at[i] < r->kept[i]) return;
        r->base -= r->kept_stride[i] * r->kept[i];
        r->at[i] = 0;
    }
}

/* The numbers of one result, in runs. */
typedef struct {
    int64_t at[SN_MAXDIM], off, n, step;
    bool more;
} runs;

static runs runs_of(const reduction *r) {
    int last = r->nred - 1;
    return (runs){ .off = r->base,
                   .n = last >= 0 ? r->red[last] : 1,
                   .step = last >= 0 ? r->red_stride[last] : 1,
                   .more = r->each > 0 };
}

static void next_run(const reduction *r, runs *k) {
    k->more = false;
    for (int i = r->nred - 2; i >= 0; i--) {
        k->off += r->red_stride[i];
        if (++k->at[i] < r->red[i]) {
            k->more = true;
            return;
        }
        k->off -= r->red_stride[i] * r->red[i];
        k->at[i] = 0;
    }
}

#define EACH(body)                                                                                             \
    for (runs k = runs_of(r); k.more; next_run(r, &k))                                                         \
        for (int64_t i = 0; i < k.n; i++) {                                                                    \
            int64_t at = k.off + i * k.step;                                                                   \
            body;                                                                                              \
        }

static double total(const reduction *r, const real *x) {
    double sum = 0;
    EACH(sum += (double)x[at])
    return sum;
}

static double extreme(const reduction *r, const real *x, bool largest) {
    double best = largest ? -INFINITY : INFINITY;
    EACH(double v = (double)x[at]; if (v != v || (largest ? v > best : v < best)) best = v;
         if (best != best) return best)
    return best;
}

static double product(const reduction *r, const real *x) {
    double p = 1;
    EACH(p *= (double)x[at])
    return p;
}

static double reduce(const sn_op_io *io, const reduction *r, const real *x) {
    switch (io->node->op) {
    case SN_OP_mean: return total(r, x) / (double)r->each;
    case SN_OP_max: return extreme(r, x, true);
    case SN_OP_min: return extreme(r, x, false);
    case SN_OP_prod: return product(r, x);
    default: return total(r, x);
    }
}

static void reduce_forward(const sn_op_io *io) {
    reduction r = reduction_of(io);
    for (int64_t o = 0; o < r.results; o++, next_result(&r))
        ((real *)io->y)[o] = (real)reduce(io, &r, io->x[0]);
}

static void add_all(const reduction *r, real *dx, real d) { EACH(dx[at] += d) }

/* All that are equal to the extreme share its gradient (TensorFlow's reduce_max, torch.amax). */
static void add_extreme(const reduction *r, real *dx, const real *x, real y, real dy) {
    int64_t ties = 0;
    EACH(ties += x[at] == y)
    if (ties) EACH(if (x[at] == y) dx[at] += dy / (real)ties)
}

/* The product of the others: without a division by zero. */
static void add_product(const reduction *r, real *dx, const real *x, real dy) {
    double rest = 1;
    int64_t zeros = 0;
    EACH(if (x[at] == 0) zeros++; else rest *= (double)x[at])
    if (zeros > 1) return;
    EACH(double others = x[at] == 0 ? rest : zeros ? 0 : rest / (double)x[at]; dx[at] += (real)(dy * others))
}

static void reduce_backward(const sn_op_io *io) {
    reduction r = reduction_of(io);
    real *dx = io->dx[0];
    const real *dy = io->dy, *y = io->y;
    for (int64_t o = 0; o < r.results && dx; o++, next_result(&r)) {
        switch (io->node->op) {
        case SN_OP_max:
        case SN_OP_min: add_extreme(&r, dx, io->x[0], y[o], dy[o]); break;
        case SN_OP_prod: add_product(&r, dx, io->x[0], dy[o]); break;
        case SN_OP_mean: add_all(&r, dx, (real)(dy[o] / (double)r.each)); break;
        default: add_all(&r, dx, dy[o]);
        }
    }
}

double SN_R(sn_op_sum)(const void *vx, size_t n) {
    const real *x = vx;
    double lane[8] = { 0 };
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) lane[k] += (double)x[i + (size_t)k];
    for (; i < n; i++) lane[0] += (double)x[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* ---- matmul ---- */

typedef struct {
    int64_t batch, m, k, n, step_b;
} product_size;

/* A second operand of two axes serves all matrices of the first, which are then one tall one. */
static product_size product_of(const sn_op_io *io) {
    const sn_shape *a = &io->in[0], *b = &io->in[1];
    product_size s = { 1, a->d[a->n - 2], a->d[a->n - 1], b->d[b->n - 1], 0 };
    for (int i = 0; i < a->n - 2; i++) s.batch *= a->d[i];
    if (b->n == 2) {
        s.m *= s.batch;
        s.batch = 1;
    } else {
        s.step_b = s.k * s.n;
    }
    return s;
}

static void matmul_forward(const sn_op_io *io) {
    product_size s = product_of(io);
    for (int64_t i = 0; i < s.batch; i++) SN_R(sn_gemm1)
    ((real *)io->y + i * s.m * s.n, s.n, (const real *)io->x[0] + i * s.m * s.k, s.k, false,
     (const real *)io->x[1] + i * s.step_b, s.n, false, s.m, s.n, s.k, false);
}

static void matmul_backward(const sn_op_io *io) {
    product_size s = product_of(io);
    for (int64_t i = 0; i < s.batch; i++) {
        const real *dy = (const real *)io->dy + i * s.m * s.n;
        const real *a = (const real *)io->x[0] + i * s.m * s.k, *b = (const real *)io->x[1] + i * s.step_b;
        real *da = io->dx[0], *db = io->dx[1];
        if (da) SN_R(sn_gemm1)(da + i * s.m * s.k, s.k, dy, s.n, false, b, s.n, true, s.m, s.k, s.n, true);
        if (db) SN_R(sn_gemm1)(db + i * s.step_b, s.n, a, s.k, true, dy, s.n, false, s.k, s.n, s.m, true);
    }
}

/* ---- what moves numbers: fn says for each number of the result where in the operand it stands ---- */

typedef struct {
    int n;
    int64_t size[SN_MAXDIM], stride[SN_MAXDIM], at[SN_MAXDIM], off;
} mover;

static void move_on(mover *m) {
    for (int i = m->n - 1; i >= 0; i--) {
        m->off += m->stride[i];
        if (++m->at[i] < m->size[i]) return;
        m->off -= m->stride[i] * m->size[i];
        m->at[i] = 0;
    }
}

static mover mover_of(const sn_op_io *io) {
    const sn_shape *s = &io->in[0];
    int64_t step[SN_MAXDIM + 1], from, to;
    mover m = { .n = io->out.n };
    step[s->n] = 1;
    for (int i = s->n - 1; i >= 0; i--) step[i] = step[i + 1] * s->d[i];
    const sn_dims *d = &io->node->dims;
    for (int i = 0; i < m.n; i++) {
        int axis = i;
        if (io->node->op == SN_OP_transpose) axis = d->n ? sn_expr_axis(d->d[i], s->n) : s->n - 1 - i;
        m.size[i] = io->out.d[i];
        m.stride[i] = step[axis + 1];
    }
    if (io->node->op == SN_OP_slice) {
        int axis = sn_expr_axis(d->d[0], s->n);
        sn_expr_slice_range(io->node, s->d[axis], &from, &to);
        m.off = from * step[axis + 1];
    }
    return m;
}

static void move_forward(const sn_op_io *io) {
    mover m = mover_of(io);
    int64_t n = sn_shape_count(&io->out);
    for (int64_t i = 0; i < n; i++, move_on(&m)) ((real *)io->y)[i] = ((const real *)io->x[0])[m.off];
}

static void move_backward(const sn_op_io *io) {
    mover m = mover_of(io);
    int64_t n = sn_shape_count(&io->out);
    for (int64_t i = 0; i < n && io->dx[0]; i++, move_on(&m))
        ((real *)io->dx[0])[m.off] += ((const real *)io->dy)[i];
}

/* ---- concat ---- */

static void concat_both(const sn_op_io *io, bool backward) {
    int axis = sn_expr_axis(io->node->dims.d[0], io->out.n);
    int64_t outer = 1, inner = 1, at = 0;
    for (int i = 0; i < axis; i++) outer *= io->out.d[i];
    for (int i = axis + 1; i < io->out.n; i++) inner *= io->out.d[i];
    for (int64_t o = 0; o < outer; o++) {
        for (int k = 0; k < 2; k++) {
            int64_t n = io->in[k].d[axis] * inner;
            if (!backward) {
                memcpy((real *)io->y + at, (const real *)io->x[k] + o * n, (size_t)n * sizeof(real));
            } else {
                for (int64_t i = 0; i < n && io->dx[k]; i++)
                    ((real *)io->dx[k])[o * n + i] += ((const real *)io->dy)[at + i];
            }
            at += n;
        }
    }
}

/* ---- by index ---- */

/* A number that is no index gives NaN: an answer that nobody takes for one. */
static int64_t index_of(real v, int64_t size) {
    return v >= 0 && v < (real)size && v == (real)(int64_t)v ? (int64_t)v : -1;
}

static void one_hot_forward(const sn_op_io *io) {
    int64_t depth = io->node->dims.d[0], n = sn_shape_count(&io->out) / depth;
    for (int64_t i = 0; i < n; i++) {
        real *y = (real *)io->y + i * depth;
        int64_t k = index_of(((const real *)io->x[0])[i], depth);
        for (int64_t c = 0; c < depth; c++) y[c] = k < 0 ? (real)NAN : (real)(c == k);
    }
}

static int64_t gather_rows(const sn_op_io *io, int64_t *each) {
    int64_t size = io->in[0].d[io->in[0].n - 1], rows = 1;
    for (int i = 0; i < io->in[0].n - 1; i++) rows *= io->in[0].d[i];
    *each = rows ? sn_shape_count(&io->in[1]) / rows : 0;
    return size;
}

static void gather_forward(const sn_op_io *io) {
    int64_t each, size = gather_rows(io, &each), n = sn_shape_count(&io->out);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = index_of(((const real *)io->x[1])[i], size);
        ((real *)io->y)[i] = k < 0 ? (real)NAN : ((const real *)io->x[0])[i / each * size + k];
    }
}

static void gather_backward(const sn_op_io *io) {
    int64_t each, size = gather_rows(io, &each), n = sn_shape_count(&io->out);
    for (int64_t i = 0; i < n && io->dx[0]; i++) {
        int64_t k = index_of(((const real *)io->x[1])[i], size);
        if (k >= 0) ((real *)io->dx[0])[i / each * size + k] += ((const real *)io->dy)[i];
    }
}

/* ---- all ---- */

static void copy_shape(const sn_op_io *io) {
    memcpy(io->y, io->x[0], (size_t)sn_shape_count(&io->out) * sizeof(real));
}

static void add_back(const sn_op_io *io) {
    int64_t n = sn_shape_count(&io->out);
    for (int64_t i = 0; i < n && io->dx[0]; i++) ((real *)io->dx[0])[i] += ((const real *)io->dy)[i];
}

void SN_R(sn_op_shape_forward)(const sn_op_io *io) {
    switch (io->node->op) {
    case SN_OP_matmul: matmul_forward(io); break;
    case SN_OP_transpose:
    case SN_OP_slice: move_forward(io); break;
    case SN_OP_reshape: copy_shape(io); break;
    case SN_OP_concat: concat_both(io, false); break;
    case SN_OP_one_hot: one_hot_forward(io); break;
    case SN_OP_gather: gather_forward(io); break;
    default: reduce_forward(io);
    }
}

void SN_R(sn_op_shape_backward)(const sn_op_io *io) {
    switch (io->node->op) {
    case SN_OP_matmul: matmul_backward(io); break;
    case SN_OP_transpose:
    case SN_OP_slice: move_backward(io); break;
    case SN_OP_reshape: add_back(io); break;
    case SN_OP_concat: concat_both(io, true); break;
    case SN_OP_one_hot: break;
    case SN_OP_gather: gather_backward(io); break;
    default: reduce_backward(io);
    }
}
