/* Operations of recorded functions on arrays: each number by itself, with broadcasting. expr_shapes.c has the
 * reductions and the operations on shapes. Derivatives: at a kink the one from the right of Keras on TensorFlow
 * where it has one (relu'(0) = 0; maximum and minimum give ties to the first operand; clip is 1 at its ends).
 */
#include "nn/expr_kernels.h"

#include <math.h>
#include <string.h>

#ifdef SN_F64
#    define M(name) name
#else
#    define M(name) name##f
#endif

/* ---- several arrays walked together ---- */

/* Axes that all arrays walk alike are made one; arr[0] is the result, strides of 0 repeat a number. */
void SN_R(sn_walk_make)(sn_walk *w, const sn_shape *out, const sn_shape *in, int nin) {
    int64_t size[SN_MAXDIM + 1], stride[4][SN_MAXDIM + 1];
    int n = 0;
    for (int i = 0; i < out->n; i++) {
        if (out->d[i] == 1) continue;
        size[n] = out->d[i];
        for (int k = 0; k <= nin; k++) {
            const sn_shape *s = k ? &in[k - 1] : out;
            int at = i - (out->n - s->n);
            int64_t step = 1;
            for (int j = at + 1; at >= 0 && j < s->n; j++) step *= s->d[j];
            stride[k][n] = at < 0 || s->d[at] == 1 ? 0 : step;
        }
        bool joins = n > 0;
        for (int k = 0; k <= nin && joins; k++) joins = stride[k][n - 1] == stride[k][n] * size[n];
        if (joins) {
            size[n - 1] *= size[n];
            for (int k = 0; k <= nin; k++) stride[k][n - 1] = stride[k][n];
        } else {
            n++;
        }
    }
    w->inner = n ? size[n - 1] : 1;
    w->naxis = n ? n - 1 : 0;
    w->outer = 1;
    for (int i = 0; i < w->naxis; i++) w->outer *= w->size[i] = size[i];
    if (sn_shape_count(out) == 0) w->outer = 0;
    for (int k = 0; k <= nin; k++) {
        w->step[k] = n ? stride[k][n - 1] : 0;
        for (int i = 0; i < w->naxis; i++) w->stride[k][i] = stride[k][i];
    }
    for (int i = 0; i < SN_MAXDIM; i++) w->at[i] = 0;
    for (int k = 0; k < 4; k++) w->off[k] = 0;
}

/* To the next run of `inner` numbers. */
static void walk_on(sn_walk *w, int nin) {
    for (int i = w->naxis - 1; i >= 0; i--) {
        for (int k = 0; k <= nin; k++) w->off[k] += w->stride[k][i];
        if (++w->at[i] < w->size[i]) return;
        for (int k = 0; k <= nin; k++) w->off[k] -= w->stride[k][i] * w->size[i];
        w->at[i] = 0;
    }
}

/* ---- one operand ---- */

static real sigmoid(real x) {
    real e = M(exp)(-M(fabs)(x)); /* never overflows */
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Even at halves, as NumPy. */
static real round_even(real x) { return M(rint)(x); }

#define UNARY(LIST)                                                                                            \
    LIST(neg, -v, -1)                                                                                          \
    LIST(abs, M(fabs)(v), (real)((v > 0) - (v < 0)))                                                           \
    LIST(sign, v != v ? v : (real)((v > 0) - (v < 0)), 0)                                                      \
    LIST(exp, M(exp)(v), r)                                                                                    \
    LIST(expm1, M(expm1)(v), r + 1)                                                                            \
    LIST(log, M(log)(v), 1 / v)                                                                                \
    LIST(log1p, M(log1p)(v), 1 / (1 + v))                                                                      \
    LIST(sqrt, M(sqrt)(v), (real)0.5 / r)                                                                      \
    LIST(square, v *v, 2 * v)                                                                                  \
    LIST(sin, M(sin)(v), M(cos)(v))                                                                            \
    LIST(cos, M(cos)(v), -M(sin)(v))                                                                           \
    LIST(tanh, M(tanh)(v), 1 - r * r)                                                                          \
    LIST(sigmoid, sigmoid(v), r *(1 - r))                                                                      \
    LIST(relu, v > 0 || v != v ? v : 0, (real)(v > 0))                                                         \
    LIST(softplus, (v > 0 ? v : 0) + M(log1p)(M(exp)(-M(fabs)(v))), sigmoid(v))                                \
    LIST(erf, M(erf)(v), (real)1.1283791670955126 * M(exp)(-v * v))                                            \
    LIST(floor, M(floor)(v), 0)                                                                                \
    LIST(round, round_even(v), 0)                                                                              \
    LIST(stop_gradient, v, 0)                                                                                  \
    LIST(clip, v<a ? a : v> b ? b : v, (real)(v >= a && v <= b))

static void unary_forward(const sn_op_io *io) {
    const real *x = io->x[0];
    real *y = io->y, a = (real)io->node->a, b = (real)io->node->b;
    size_t n = (size_t)sn_shape_count(&io->out);
    (void)a, (void)b;
    switch (io->node->op) {
#define LIST(name, value, slope)                                                                               \
    case SN_OP_##name:                                                                                         \
        for (size_t i = 0; i < n; i++) {                                                                       \
            real v = x[i];                                                                                     \
            y[i] = value;                                                                                      \
        }                                                                                                      \
        break;
        UNARY(LIST)
#undef LIST
    default: break;
    }
}

/* dx += dy * slope; v: the operand, r: the result. */
static void unary_backward(const sn_op_io *io) {
    const real *x = io->x[0], *y = io->y, *dy = io->dy;
    real *dx = io->dx[0], a = (real)io->node->a, b = (real)io->node->b;
    size_t n = (size_t)sn_shape_count(&io->out);
    if (!dx) return;
    switch (io->node->op) {
#define LIST(name, value, slope)                                                                               \
    case SN_OP_##name:                                                                                         \
        for (size_t i = 0; i < n; i++) {                                                                       \
            real v = x[i], r = y[i];                                                                           \
            (void)v, (void)r, (void)a, (void)b;                                                                \
            dx[i] += dy[i] * (slope);                                                                          \
        }                                                                                                      \
        break;
        UNARY(LIST)
#undef LIST
    default: break;
    }
}

/* ---- two operands ---- */

/* The derivatives of a power: 0 ^ 0 and logarithms of what is not positive give 0 where the limit is. */
static real pow_slope(real a, real b) { return b == 0 ? 0 : b * M(pow)(a, b - 1); }
static real pow_log(real a, real r) { return a > 0 ? r * M(log)(a) : 0; }

/* Lua's and NumPy's: the result has the sign of the divisor. Of r = u - n v, n is the whole number. */
static real modulo(real u, real v) {
    real m = M(fmod)(u, v);
    return (m > 0 ? v < 0 : m < 0 && v > 0) ? m + v : m;
}
static real modulo_slope(real u, real v, real r) {
    return isinf(v) ? (real)(r != u) : -round_even((u - r) / v);
}

static real larger(real a, real b) { return a != a ? a : b != b ? b : a >= b ? a : b; }
static real smaller(real a, real b) { return a != a ? a : b != b ? b : a <= b ? a : b; }

#define BINARY(LIST)                                                                                           \
    LIST(add, u + v, 1, 1)                                                                                     \
    LIST(sub, u - v, 1, -1)                                                                                    \
    LIST(mul, u *v, v, u)                                                                                      \
    LIST(div, u / v, 1 / v, -r / v)                                                                            \
    LIST(mod, modulo(u, v), 1, modulo_slope(u, v, r))                                                          \
    LIST(pow, v == 2 ? u * u : M(pow)(u, v), v == 2 ? 2 * u : pow_slope(u, v), pow_log(u, r))                  \
    LIST(maximum, larger(u, v), (real)(u >= v), (real)(u < v))                                                 \
    LIST(minimum, smaller(u, v), (real)(u <= v), (real)(u > v))                                                \
    LIST(eq, (real)(u == v), 0, 0)                                                                             \
    LIST(ne, (real)(u != v), 0, 0)                                                                             \
    LIST(lt, (real)(u < v), 0, 0)                                                                              \
    LIST(le, (real)(u <= v), 0, 0)                                                                             \
    LIST(gt, (real)(u > v), 0, 0)                                                                              \
    LIST(ge, (real)(u >= v), 0, 0)

/* Runs are taken block by block; a number that is repeated fills a block of its own, so that all loops are over
 * plain arrays. */
enum { BLOCK = 256 };

typedef struct {
    const real *p;
    bool repeated;
    real fill[BLOCK];
} operand;

static void operand_at(operand *o, const void *x, int64_t off, int64_t step, int64_t n) {
    o->p = (const real *)x + off;
    o->repeated = step == 0;
    if (!o->repeated) return;
    real v = *o->p;
    for (int64_t i = 0; i < n && i < BLOCK; i++) o->fill[i] = v;
}

static const real *block_of(const operand *o, int64_t at) { return o->repeated ? o->fill : o->p + at; }

static void binary_block(sn_op op, real *y, const real *p, const real *q, int64_t n) {
    switch (op) {
#define LIST(name, value, du, dv)                                                                              \
    case SN_OP_##name:                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                      \
            real u = p[i], v = q[i];                                                                           \
            y[i] = value;                                                                                      \
        }                                                                                                      \
        break;
        BINARY(LIST)
#undef LIST
    default: break;
    }
}

/* d[i] = dy[i] * the derivative with respect to the first or the second operand. */
static void slope_block(sn_op op, bool second, real *d, const real *p, const real *q, const real *y,
                        const real *dy, int64_t n) {
    switch (op) {
#define LIST(name, value, du, dv)                                                                              \
    case SN_OP_##name:                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                      \
            real u = p[i], v = q[i], r = y[i];                                                                 \
            (void)u, (void)v, (void)r;                                                                         \
            d[i] = dy[i] * (second ? dv : du);                                                                 \
        }                                                                                                      \
        break;
        BINARY(LIST)
#undef LIST
    default: break;
    }
}

static void binary_forward(const sn_op_io *io) {
    sn_walk w;
    operand u, v;
    SN_R(sn_walk_make)(&w, &io->out, io->in, 2);
    for (int64_t o = 0; o < w.outer; o++, walk_on(&w, 2)) {
        operand_at(&u, io->x[0], w.off[1], w.step[1], w.inner);
        operand_at(&v, io->x[1], w.off[2], w.step[2], w.inner);
        real *y = (real *)io->y + w.off[0];
        for (int64_t at = 0; at < w.inner; at += BLOCK)
            binary_block(io->node->op, y + at, block_of(&u, at), block_of(&v, at),
                         w.inner - at < BLOCK ? w.inner - at : BLOCK);
    }
}

/* Along the run, or all of the block to the one number that is repeated. */
static void add_block(real *d, bool repeated, int64_t at, const real *slope, int64_t n) {
    double sum = 0;
    if (repeated) {
        for (int64_t i = 0; i < n; i++) sum += (double)slope[i];
        *d += (real)sum;
    } else {
        for (int64_t i = 0; i < n; i++) d[at + i] += slope[i];
    }
}

static void binary_backward(const sn_op_io *io) {
    sn_walk w;
    operand u[2];
    real slope[BLOCK];
    SN_R(sn_walk_make)(&w, &io->out, io->in, 2);
    for (int64_t o = 0; o < w.outer; o++, walk_on(&w, 2)) {
        for (int k = 0; k < 2; k++) operand_at(&u[k], io->x[k], w.off[k + 1], w.step[k + 1], w.inner);
        for (int64_t at = 0; at < w.inner; at += BLOCK) {
            int64_t n = w.inner - at < BLOCK ? w.inner - at : BLOCK, to = w.off[0] + at;
            for (int k = 0; k < 2; k++) {
                if (!io->dx[k]) continue;
                slope_block(io->node->op, k == 1, slope, block_of(&u[0], at), block_of(&u[1], at),
                            (const real *)io->y + to, (const real *)io->dy + to, n);
                add_block((real *)io->dx[k] + w.off[k + 1], u[k].repeated, at, slope, n);
            }
        }
    }
}

/* ---- where(condition, a, b) ---- */

static void where_forward(const sn_op_io *io) {
    sn_walk w;
    SN_R(sn_walk_make)(&w, &io->out, io->in, 3);
    for (int64_t o = 0; o < w.outer; o++, walk_on(&w, 3)) {
        const real *c = (const real *)io->x[0] + w.off[1], *a = (const real *)io->x[1] + w.off[2];
        const real *b = (const real *)io->x[2] + w.off[3];
        real *y = (real *)io->y + w.off[0];
        for (int64_t i = 0; i < w.inner; i++)
            y[i] = c[w.step[1] * i] != 0 ? a[w.step[2] * i] : b[w.step[3] * i];
    }
}

static void where_backward(const sn_op_io *io) {
    sn_walk w;
    SN_R(sn_walk_make)(&w, &io->out, io->in, 3);
    for (int64_t o = 0; o < w.outer; o++, walk_on(&w, 3)) {
        const real *c = (const real *)io->x[0] + w.off[1], *dy = (const real *)io->dy + w.off[0];
        real *da = io->dx[1] ? (real *)io->dx[1] + w.off[2] : NULL;
        real *db = io->dx[2] ? (real *)io->dx[2] + w.off[3] : NULL;
        for (int64_t i = 0; i < w.inner; i++) {
            if (c[w.step[1] * i] != 0 && da) da[w.step[2] * i] += dy[i];
            if (c[w.step[1] * i] == 0 && db) db[w.step[3] * i] += dy[i];
        }
    }
}

/* ---- all ---- */

static void constant(const sn_op_io *io) {
    real *y = io->y;
    if (io->node->op == SN_OP_const) {
        *y = (real)io->node->a;
        return;
    }
    size_t n = (size_t)sn_shape_count(&io->out);
    for (size_t i = 0; i < n; i++) y[i] = (real)io->constants[io->node->values + i];
}

void SN_R(sn_op_forward)(const sn_op_io *io) {
    sn_op op = io->node->op;
    if (op == SN_OP_const || op == SN_OP_tensor)
        constant(io);
    else if (op >= SN_OP_neg && op <= SN_OP_clip)
        unary_forward(io);
    else if (op >= SN_OP_add && op <= SN_OP_ge)
        binary_forward(io);
    else if (op == SN_OP_where)
        where_forward(io);
    else
        SN_R(sn_op_shape_forward)(io);
}

void SN_R(sn_op_backward)(const sn_op_io *io) {
    sn_op op = io->node->op;
    if (op >= SN_OP_neg && op <= SN_OP_clip)
        unary_backward(io);
    else if (op >= SN_OP_add && op <= SN_OP_ge)
        binary_backward(io);
    else if (op == SN_OP_where)
        where_backward(io);
    else
        SN_R(sn_op_shape_backward)(io);
}
