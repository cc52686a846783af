/* Element-wise arithmetic and reductions of tensors, for looking at numbers. Training has its own kernels. */
#include "bind/glue.h"
#include <math.h>
#include <string.h>

static inline double at(const sn_tensor *t, int64_t i) {
    switch (t->dtype) {
    case SN_F32: return ((const float *)t->data)[i];
    case SN_F64: return ((const double *)t->data)[i];
    default: return sn_tensor_get(t, i);
    }
}

static inline void put(sn_tensor *t, int64_t i, double v) {
    if (t->dtype == SN_F32)
        ((float *)t->data)[i] = (float)v;
    else
        ((double *)t->data)[i] = v;
}

/* ---- arithmetic ---- */

typedef double (*binary_fn)(double a, double b);

/* An operand: a tensor, or a number as a tensor of no dimensions. */
static sn_tensor operand(lua_State *L, int arg, double *number) {
    const sn_tensor *t = sn_test_tensor(L, arg);
    if (t) return *t; /* borrowed */
    if (lua_type(L, arg) != LUA_TNUMBER)
        sn_raise_text(L, "tensor arithmetic wants tensors and numbers, got a %s", luaL_typename(L, arg));
    *number = lua_tonumber(L, arg);
    return (sn_tensor){ .dtype = SN_F64, .data = number };
}

/* float64 only where a float64 tensor takes part. */
static sn_dtype result_dtype(lua_State *L, const sn_tensor *a, const sn_tensor *b) {
    bool wide = (a->dtype == SN_F64 && sn_test_tensor(L, 1)) || (b->dtype == SN_F64 && sn_test_tensor(L, 2));
    return wide ? SN_F64 : SN_F32;
}

static int binary(lua_State *L, binary_fn fn) {
    double na, nb;
    sn_tensor a = operand(L, 1, &na), b = operand(L, 2, &nb);
    int64_t ca = sn_shape_count(&a.shape), cb = sn_shape_count(&b.shape);
    bool one_a = ca == 1 && b.shape.n >= a.shape.n, one_b = cb == 1 && a.shape.n >= b.shape.n;
    if (!one_a && !one_b && !sn_shape_equal(&a.shape, &b.shape)) {
        char ta[120], tb[120];
        return sn_raise_text(L, "tensor arithmetic: shapes %s and %s differ; use reshape{} or a number",
                             sn_shape_text(&a.shape, false, ta, sizeof ta),
                             sn_shape_text(&b.shape, false, tb, sizeof tb));
    }
    const sn_tensor *like = one_a && !one_b ? &b : &a;
    sn_tensor *r = sn_new_tensor(L, result_dtype(L, &a, &b), &like->shape);
    int64_t n = sn_shape_count(&like->shape);
    int64_t step_a = ca == 1 ? 0 : 1, step_b = cb == 1 ? 0 : 1;
    for (int64_t i = 0; i < n; i++) put(r, i, fn(at(&a, i * step_a), at(&b, i * step_b)));
    return 1;
}

static double fn_add(double a, double b) { return a + b; }
static double fn_sub(double a, double b) { return a - b; }
static double fn_mul(double a, double b) { return a * b; }
static double fn_div(double a, double b) { return a / b; }
static double fn_max(double a, double b) { return a > b || a != a ? a : b; }
static double fn_min(double a, double b) { return a < b || a != a ? a : b; }

static int tensor_add(lua_State *L) { return binary(L, fn_add); }
static int tensor_sub(lua_State *L) { return binary(L, fn_sub); }
static int tensor_mul(lua_State *L) { return binary(L, fn_mul); }
static int tensor_div(lua_State *L) { return binary(L, fn_div); }
static int tensor_pow(lua_State *L) { return binary(L, pow); }
static int tensor_maximum(lua_State *L) { return binary(L, fn_max); }
static int tensor_minimum(lua_State *L) { return binary(L, fn_min); }

static int unary(lua_State *L, double (*fn)(double)) {
    const sn_tensor *a = sn_check_tensor(L, 1);
    sn_tensor *r = sn_new_tensor(L, a->dtype == SN_F64 ? SN_F64 : SN_F32, &a->shape);
    int64_t n = sn_shape_count(&a->shape);
    for (int64_t i = 0; i < n; i++) put(r, i, fn(at(a, i)));
    return 1;
}

static double fn_neg(double a) { return -a; }

static int tensor_neg(lua_State *L) { return unary(L, fn_neg); }
static int tensor_abs(lua_State *L) { return unary(L, fabs); }
static int tensor_exp(lua_State *L) { return unary(L, exp); }
static int tensor_log(lua_State *L) { return unary(L, log); }
static int tensor_sqrt(lua_State *L) { return unary(L, sqrt); }

/* ---- reductions ---- */

typedef struct {
    int64_t n, zeros, bad; /* bad: nan or infinite */
    double sum, sum_sq, min, max;
} stats;

static stats measure(const sn_tensor *t) {
    stats s = { .n = sn_shape_count(&t->shape), .min = INFINITY, .max = -INFINITY };
    for (int64_t i = 0; i < s.n; i++) {
        double v = at(t, i);
        s.sum += v;
        s.sum_sq += v * v;
        if (v < s.min) s.min = v;
        if (v > s.max) s.max = v;
        s.zeros += v == 0;
        s.bad += !isfinite(v);
        if (v != v) s.min = s.max = v; /* a nan is never lost: comparisons with it stay false */
    }
    return s;
}

static const sn_tensor *check_some(lua_State *L, const char *what) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    if (sn_shape_count(&t->shape) == 0) sn_raise_text(L, "%s: the tensor is empty", what);
    return t;
}

static int tensor_sum(lua_State *L) {
    lua_pushnumber(L, measure(sn_check_tensor(L, 1)).sum);
    return 1;
}

static int tensor_mean(lua_State *L) {
    stats s = measure(check_some(L, "mean"));
    lua_pushnumber(L, s.sum / (double)s.n);
    return 1;
}

static int tensor_min(lua_State *L) {
    lua_pushnumber(L, measure(check_some(L, "min")).min);
    return 1;
}

static int tensor_max(lua_State *L) {
    lua_pushnumber(L, measure(check_some(L, "max")).max);
    return 1;
}

static int tensor_norm(lua_State *L) {
    lua_pushnumber(L, sqrt(measure(sn_check_tensor(L, 1)).sum_sq));
    return 1;
}

/* The population's deviation (divided by n), as numpy's default. */
static int tensor_std(lua_State *L) {
    const sn_tensor *t = check_some(L, "std");
    stats s = measure(t);
    double mean = s.sum / (double)s.n, sum = 0;
    for (int64_t i = 0; i < s.n; i++) sum += (at(t, i) - mean) * (at(t, i) - mean);
    lua_pushnumber(L, sqrt(sum / (double)s.n));
    return 1;
}

/* core.tensor_stats(t) -> count, norm, mean, min, max, share of zeros, how many are not finite */
static int tensor_stats(lua_State *L) {
    stats s = measure(sn_check_tensor(L, 1));
    lua_pushinteger(L, s.n);
    lua_pushnumber(L, sqrt(s.sum_sq));
    lua_pushnumber(L, s.n ? s.sum / (double)s.n : 0);
    lua_pushnumber(L, s.n ? s.min : 0);
    lua_pushnumber(L, s.n ? s.max : 0);
    lua_pushnumber(L, s.n ? (double)s.zeros / (double)s.n : 0);
    lua_pushinteger(L, s.bad);
    return 7;
}

/* Along the last axis; the first of equals. From 1, as Lua counts; class labels are one less. */
static int tensor_argmax(lua_State *L) {
    const sn_tensor *t = check_some(L, "argmax");
    sn_shape out = t->shape;
    int64_t cols = out.n ? out.d[--out.n] : 1, rows = sn_shape_count(&out);
    sn_tensor *r = sn_new_tensor(L, SN_I64, &out);
    for (int64_t i = 0; i < rows; i++) {
        int64_t best = 0;
        for (int64_t j = 1; j < cols; j++)
            if (at(t, i * cols + j) > at(t, i * cols + best)) best = j;
        ((int64_t *)r->data)[i] = best + 1;
    }
    if (out.n > 0) return 1;
    lua_pushinteger(L, ((int64_t *)r->data)[0]);
    return 1;
}

/* Same shape, and every element the same number (nan equals nan: this asks about bits of a result). */
static int tensor_equal(lua_State *L) {
    const sn_tensor *a = sn_check_tensor(L, 1), *b = sn_check_tensor(L, 2);
    bool same = sn_shape_equal(&a->shape, &b->shape);
    int64_t n = sn_shape_count(&a->shape);
    if (same && a->dtype == b->dtype) {
        same = n == 0 || memcmp(a->data, b->data, (size_t)n * sn_dtype_size(a->dtype)) == 0;
    } else {
        for (int64_t i = 0; same && i < n; i++) same = at(a, i) == at(b, i);
    }
    lua_pushboolean(L, same);
    return 1;
}

void sn_open_tensor_math(lua_State *L) {
    static const luaL_Reg operators[] = {
        { "__add", tensor_add }, { "__sub", tensor_sub }, { "__mul", tensor_mul }, { "__div", tensor_div },
        { "__pow", tensor_pow }, { "__unm", tensor_neg }, { NULL, NULL },
    };
    static const luaL_Reg methods[] = {
        { "sum", tensor_sum },         { "mean", tensor_mean },
        { "min", tensor_min },         { "max", tensor_max },
        { "norm", tensor_norm },       { "std", tensor_std },
        { "argmax", tensor_argmax },   { "equal", tensor_equal },
        { "abs", tensor_abs },         { "exp", tensor_exp },
        { "log", tensor_log },         { "sqrt", tensor_sqrt },
        { "pow", tensor_pow },         { "maximum", tensor_maximum },
        { "minimum", tensor_minimum }, { NULL, NULL },
    };
    lua_pushcfunction(L, tensor_stats);
    lua_setfield(L, -2, "tensor_stats");
    luaL_getmetatable(L, SN_MT_TENSOR);
    luaL_setfuncs(L, operators, 0);
    lua_getfield(L, -1, "methods");
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 2);
}
