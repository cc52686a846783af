#include "num/ops.h"

#include "num/block.h"
#include "num/vec.h"
#include <math.h>
#include <string.h>

typedef void (*two_fn)(void *restrict y, const void *a, const void *b, size_t n);
typedef void (*one_fn)(void *restrict y, const void *a, size_t n);

#define T        float
#define SUFFIX   f32
#define LIBM(fn) fn##f
#include "num/ops.inc.h"

#define T        double
#define SUFFIX   f64
#define LIBM(fn) fn
#include "num/ops.inc.h"

#define T      int64_t
#define SUFFIX i64
#define WHOLE
#include "num/ops.inc.h"

/* ---- shapes ---- */

static int64_t size_from_end(const sn_shape *s, int i) { return i < s->n ? s->d[s->n - 1 - i] : 1; }

bool sn_broadcasts_to(const sn_shape *from, const sn_shape *to) {
    if (from->n > to->n) return false;
    for (int i = 0; i < from->n; i++) {
        int64_t a = size_from_end(from, i);
        if (a != 1 && a != size_from_end(to, i)) return false;
    }
    return true;
}

sn_status sn_broadcast(sn_shape *out, const sn_shape *a, const sn_shape *b, const char *what, sn_err *e) {
    char ta[120], tb[120];
    out->n = a->n > b->n ? a->n : b->n;
    for (int i = 0; i < out->n; i++) {
        int64_t m = size_from_end(a, i), n = size_from_end(b, i);
        if (m != n && m != 1 && n != 1)
            return sn_fail(e, SN_ESHAPE,
                           "%s: shapes %s and %s do not fit: counted from the end, sizes must be equal or one "
                           "of them 1, and %lld is not %lld; use reshape{} or unsqueeze(axis)",
                           what, sn_shape_text(a, false, ta, sizeof ta), sn_shape_text(b, false, tb, sizeof tb),
                           (long long)m, (long long)n);
        out->d[out->n - 1 - i] = m == 1 ? n : m;
    }
    return SN_OK;
}

/* ---- dtypes ---- */

static bool is_test(sn_binary_op op) { return op >= SN_OP_EQ; }
static bool is_selection(sn_binary_op op) { return op == SN_OP_MAXIMUM || op == SN_OP_MINIMUM; }
static bool has_fraction(const sn_operand *x) { return sn_dtype_float(x->t.dtype); }
static bool is_wide(const sn_operand *x) { return x->t.dtype == SN_F64 && !x->number; }

sn_dtype sn_common_dtype(sn_dtype a, sn_dtype b) {
    if (a == b) return a;
    if (a == SN_F64 || b == SN_F64) return SN_F64;
    return a == SN_F32 || b == SN_F32 ? SN_F32 : SN_I64;
}

/* Does the integer type hold the number? */
static bool holds(sn_dtype dtype, const sn_operand *number) {
    if (number->t.dtype != SN_I64) return false;
    int64_t v = *(const int64_t *)number->t.data;
    return dtype == SN_I64 || (dtype == SN_U8 && v >= 0 && v <= UINT8_MAX) ||
           (dtype == SN_I32 && v >= INT32_MIN && v <= INT32_MAX);
}

sn_dtype sn_binary_dtype(sn_binary_op op, const sn_operand *a, const sn_operand *b) {
    if (is_test(op)) return SN_U8;
    if (is_selection(op)) {
        if (!a->number && !b->number && a->t.dtype == b->t.dtype) return a->t.dtype;
        if (b->number && holds(a->t.dtype, b)) return a->t.dtype;
        if (a->number && holds(b->t.dtype, a)) return b->t.dtype;
    }
    if (is_wide(a) || is_wide(b)) return SN_F64;
    if (has_fraction(a) || has_fraction(b) || op == SN_OP_DIV || op == SN_OP_POW) return SN_F32;
    return SN_I64;
}

/* What is computed in. Integers beside fractions: in double. */
static sn_dtype calc_of(sn_binary_op op, const sn_operand *a, const sn_operand *b) {
    bool whole_a = !a->number && !has_fraction(a), whole_b = !b->number && !has_fraction(b);
    bool fractions = has_fraction(a) || has_fraction(b) || op == SN_OP_DIV || op == SN_OP_POW;
    if (!fractions) return SN_I64;
    return is_wide(a) || is_wide(b) || whole_a || whole_b ? SN_F64 : SN_F32;
}

sn_dtype sn_unary_dtype(sn_unary_op op, sn_dtype dtype) {
    if (op >= SN_OP_ISNAN) return SN_U8;
    if (sn_dtype_float(dtype) || (op >= SN_OP_SIGN && op <= SN_OP_ROUND)) return dtype;
    return op <= SN_OP_ABS ? SN_I64 : SN_F32;
}

/* ---- running ---- */

enum { OPERANDS = 3 };

typedef struct {
    sn_tensor *out;
    sn_dtype calc, made; /* of the inputs; of what the kernel writes */
    sn_view view[OPERANDS];
    two_fn two;
    one_fn one;
} job;

/* Where the kernel writes block [at, at + n): into the output, or into room when it is to be converted. */
static void *target(const job *j, void *room, int64_t at) {
    if (j->made != j->out->dtype) return room;
    return (char *)j->out->data + (size_t)at * sn_dtype_size(j->made);
}

static void settle(const job *j, const void *y, const void *room, int64_t at, size_t n) {
    if (y == room) sn_block_store(j->out->data, j->out->dtype, at, room, j->made, n);
}

static void run_two(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    double room[SN_BLOCK];
    sn_reader a = { .view = &j->view[0], .calc = j->calc }, b = { .view = &j->view[1], .calc = j->calc };
    unsigned mode = sn_exact_begin();
    for (size_t at = from; at < to; at += SN_BLOCK) {
        size_t n = to - at < SN_BLOCK ? to - at : SN_BLOCK;
        void *y = target(j, room, (int64_t)at);
        j->two(y, sn_read(&a, (int64_t)at, n), sn_read(&b, (int64_t)at, n), n);
        settle(j, y, room, (int64_t)at, n);
    }
    sn_exact_end(mode);
}

static void run_one(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    double room[SN_BLOCK];
    sn_reader a = { .view = &j->view[0], .calc = j->calc };
    unsigned mode = sn_exact_begin();
    for (size_t at = from; at < to; at += SN_BLOCK) {
        size_t n = to - at < SN_BLOCK ? to - at : SN_BLOCK;
        void *y = target(j, room, (int64_t)at);
        j->one(y, sn_read(&a, (int64_t)at, n), n);
        settle(j, y, room, (int64_t)at, n);
    }
    sn_exact_end(mode);
}

static size_t count_of(const sn_tensor *t) { return (size_t)sn_shape_count(&t->shape); }

/* numpy and pow agree on x^2 to the last bit or nearly so, and this is many times faster. */
static bool is_square(sn_binary_op op, const sn_operand *b) {
    return op == SN_OP_POW && b->number && sn_tensor_get(&b->t, 0) == 2;
}

void sn_binary(sn_pool *pool, sn_tensor *out, sn_binary_op op, const sn_operand *a, const sn_operand *b) {
    job j = { .out = out, .calc = calc_of(op, a, b) };
    j.made = is_test(op) ? SN_U8 : j.calc;
    j.view[0] = sn_view_of(&a->t, &out->shape);
    j.view[1] = sn_view_of(&b->t, &out->shape);
    j.two = j.calc == SN_F32 ? two_f32[op] : j.calc == SN_F64 ? two_f64[op] : two_i64[op];
    if (is_square(op, b)) j.two = j.calc == SN_F32 ? square_f32 : square_f64;
    if (!j.two) SN_BUG("no kernel for the operation");
    sn_for_ranges(pool, count_of(out), SN_CHUNK, run_two, &j);
}

void sn_unary(sn_pool *pool, sn_tensor *out, sn_unary_op op, const sn_tensor *a) {
    bool whole = !sn_dtype_float(a->dtype) && (op < SN_OP_EXP || op >= SN_OP_ISNAN);
    job j = { .out = out, .calc = whole ? SN_I64 : a->dtype == SN_F32 ? SN_F32 : SN_F64 };
    j.made = op >= SN_OP_ISNAN ? SN_U8 : j.calc;
    j.view[0] = sn_view_of(a, &out->shape);
    j.one = j.calc == SN_F32 ? one_f32[op] : j.calc == SN_F64 ? one_f64[op] : one_i64[op];
    if (!j.one) SN_BUG("no kernel for the operation");
    sn_for_ranges(pool, count_of(out), SN_CHUNK, run_one, &j);
}

static void run_assign(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    sn_reader a = { .view = &j->view[0], .calc = j->calc };
    unsigned mode = sn_exact_begin();
    for (size_t at = from; at < to; at += SN_BLOCK) {
        size_t n = to - at < SN_BLOCK ? to - at : SN_BLOCK;
        sn_block_store(j->out->data, j->out->dtype, (int64_t)at, sn_read(&a, (int64_t)at, n), j->calc, n);
    }
    sn_exact_end(mode);
}

/* The type in which a value of one dtype becomes another: exact, or rounded once. */
static sn_dtype bridge(sn_dtype from, sn_dtype to) {
    if (!sn_dtype_float(from)) return SN_I64;
    return from == SN_F32 && to == SN_F32 ? SN_F32 : SN_F64;
}

void sn_assign(sn_pool *pool, sn_tensor *out, const sn_tensor *a) {
    job j = { .out = out, .calc = bridge(a->dtype, out->dtype) };
    j.view[0] = sn_view_of(a, &out->shape);
    sn_for_ranges(pool, count_of(out), SN_CHUNK, run_assign, &j);
}

static void run_where(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    size_t size = sn_dtype_size(j->calc);
    double room[SN_BLOCK];
    uint8_t test[SN_BLOCK];
    sn_dtype ask = sn_dtype_float(j->view[2].dtype) ? SN_F64 : SN_I64;
    sn_reader a = { .view = &j->view[0], .calc = j->calc }, b = { .view = &j->view[1], .calc = j->calc };
    sn_reader mask = { .view = &j->view[2], .calc = ask };
    unsigned mode = sn_exact_begin();
    for (size_t at = from; at < to; at += SN_BLOCK) {
        size_t n = to - at < SN_BLOCK ? to - at : SN_BLOCK;
        (ask == SN_F64 ? is_zero_f64 : is_zero_i64)(test, sn_read(&mask, (int64_t)at, n), n);
        const char *p = sn_read(&a, (int64_t)at, n), *q = sn_read(&b, (int64_t)at, n);
        for (size_t i = 0; i < n; i++) memcpy((char *)room + i * size, (test[i] ? q : p) + i * size, size);
        sn_block_store(j->out->data, j->out->dtype, (int64_t)at, room, j->calc, n);
    }
    sn_exact_end(mode);
}

void sn_where(sn_pool *pool, sn_tensor *out, const sn_tensor *mask, const sn_tensor *a, const sn_tensor *b) {
    job j = { .out = out, .calc = out->dtype == SN_U8 || out->dtype == SN_I32 ? SN_I64 : out->dtype };
    j.view[0] = sn_view_of(a, &out->shape);
    j.view[1] = sn_view_of(b, &out->shape);
    j.view[2] = sn_view_of(mask, &out->shape);
    sn_for_ranges(pool, count_of(out), SN_CHUNK, run_where, &j);
}
