/* Element by element: arithmetic, comparisons, functions; broadcasting. */
#include "bind/tensor.h"
#include "num/matmul.h"
#include "num/ops.h"
#include "num/reduce.h"
#include "num/vec.h"
#include <string.h>

static const char *const binary_names[SN_BINARY_OPS] = {
    [SN_OP_ADD] = "+",           [SN_OP_SUB] = "-", [SN_OP_MUL] = "*",   [SN_OP_DIV] = "/",
    [SN_OP_POW] = "^",           [SN_OP_MOD] = "%", [SN_OP_IDIV] = "//", [SN_OP_MAXIMUM] = "maximum",
    [SN_OP_MINIMUM] = "minimum", [SN_OP_EQ] = "eq", [SN_OP_NE] = "ne",   [SN_OP_LT] = "lt",
    [SN_OP_LE] = "le",           [SN_OP_GT] = "gt", [SN_OP_GE] = "ge",   [SN_OP_AND] = "logical_and",
    [SN_OP_OR] = "logical_or",
};

static const char *const unary_names[SN_UNARY_OPS] = {
    [SN_OP_NEG] = "neg",     [SN_OP_ABS] = "abs",           [SN_OP_SIGN] = "sign",
    [SN_OP_RELU] = "relu",   [SN_OP_FLOOR] = "floor",       [SN_OP_CEIL] = "ceil",
    [SN_OP_ROUND] = "round", [SN_OP_EXP] = "exp",           [SN_OP_EXPM1] = "expm1",
    [SN_OP_LOG] = "log",     [SN_OP_LOG1P] = "log1p",       [SN_OP_SQRT] = "sqrt",
    [SN_OP_SIN] = "sin",     [SN_OP_COS] = "cos",           [SN_OP_TAN] = "tan",
    [SN_OP_TANH] = "tanh",   [SN_OP_SIGMOID] = "sigmoid",   [SN_OP_ISNAN] = "isnan",
    [SN_OP_ISINF] = "isinf", [SN_OP_ISFINITE] = "isfinite", [SN_OP_NOT] = "logical_not",
};

/* A number at arg lives in *room. */
typedef union {
    double real;
    int64_t whole;
} number;

static sn_operand check_operand(lua_State *L, int arg, number *room, const char *what) {
    const sn_tensor *t = sn_test_tensor(L, arg);
    if (t) return (sn_operand){ .t = *t };
    if (lua_type(L, arg) != LUA_TNUMBER)
        sn_raise_text(L, "tensor arithmetic wants tensors and numbers, got %s (%s)%s", sn_push_type(L, arg),
                      what, lua_istable(L, arg) ? "; tensor{ 1, 2 } makes a tensor of a list" : "");
    sn_operand o = { .t = { .data = room }, .number = true };
    if (lua_isinteger(L, arg)) {
        room->whole = lua_tointeger(L, arg);
        o.t.dtype = SN_I64;
    } else {
        room->real = lua_tonumber(L, arg);
        o.t.dtype = SN_F64;
    }
    return o;
}

/* Whole numbers have no infinity to give. */
static void check_divisor(lua_State *L, sn_binary_op op, const sn_operand *b) {
    int64_t all = 1;
    sn_tensor out = { .dtype = SN_I64, .data = &all };
    sn_err e;
    int64_t n = sn_shape_count(&b->t.shape);
    sn_check_status(L, sn_reduce(sn_pool_default(), &out, SN_RED_ALL, &b->t, 1, n, 1, 0, &e), &e);
    if (!all)
        sn_raise_text(L,
                      "%s: a whole number is divided by 0; make one of the two a float: t:astype(\"float32\")",
                      binary_names[op]);
}

/* Upvalue 1: the operation */
static int tensor_binary(lua_State *L) {
    sn_binary_op op = (sn_binary_op)lua_tointeger(L, lua_upvalueindex(1));
    number ra, rb;
    sn_operand a = check_operand(L, 1, &ra, binary_names[op]), b = check_operand(L, 2, &rb, binary_names[op]);
    if (a.number && b.number) return sn_raise_text(L, "%s: neither is a tensor", binary_names[op]);
    sn_shape shape;
    sn_err e;
    sn_check_status(L, sn_broadcast(&shape, &a.t.shape, &b.t.shape, binary_names[op], &e), &e);
    sn_dtype dtype = sn_binary_dtype(op, &a, &b);
    if ((op == SN_OP_MOD || op == SN_OP_IDIV) && dtype == SN_I64) check_divisor(L, op, &b);
    sn_tensor *r = sn_new_raw(L, dtype, &shape);
    a = check_operand(L, 1, &ra, ""), b = check_operand(L, 2, &rb, ""); /* a finalizer may have closed one */
    sn_binary(sn_pool_default(), r, op, &a, &b);
    sn_check_done(L);
    return 1;
}

static int tensor_unary(lua_State *L) {
    sn_unary_op op = (sn_unary_op)lua_tointeger(L, lua_upvalueindex(1));
    const sn_tensor *a = sn_check_tensor(L, 1);
    sn_tensor *r = sn_new_raw(L, sn_unary_dtype(op, a->dtype), &a->shape);
    sn_unary(sn_pool_default(), r, op, sn_check_tensor(L, 1));
    sn_check_done(L);
    return 1;
}

/* core.tensor_where(mask, a, b) */
static int tensor_where(lua_State *L) {
    number rm, ra, rb;
    sn_operand m = check_operand(L, 1, &rm, "where"), a = check_operand(L, 2, &ra, "where");
    sn_operand b = check_operand(L, 3, &rb, "where");
    sn_dtype dtype = SN_I64;
    if (!a.number || !b.number)
        dtype = sn_binary_dtype(SN_OP_MAXIMUM, &a, &b);
    else if (a.t.dtype == SN_F64 || b.t.dtype == SN_F64)
        dtype = SN_F32;
    sn_shape values, shape;
    sn_err e;
    sn_check_status(L, sn_broadcast(&values, &a.t.shape, &b.t.shape, "where", &e), &e);
    sn_check_status(L, sn_broadcast(&shape, &m.t.shape, &values, "where", &e), &e);
    sn_tensor *r = sn_new_raw(L, dtype, &shape);
    m = check_operand(L, 1, &rm, ""), a = check_operand(L, 2, &ra, ""), b = check_operand(L, 3, &rb, "");
    sn_where(sn_pool_default(), r, &m.t, &a.t, &b.t);
    sn_check_done(L);
    return 1;
}

static bool same_number(double a, double b) { return a == b || (a != a && b != b); }

/* Same shape, and every element the same number; nan equals nan: this asks whether a result is the same. */
static int tensor_equal(lua_State *L) {
    if (!sn_test_tensor(L, 2))
        return sn_raise_text(L, "equal: wants another tensor, as in t:equal(u), got %s", sn_push_type(L, 2));
    const sn_tensor *a = sn_check_tensor(L, 1), *b = sn_check_tensor(L, 2);
    bool same = sn_shape_equal(&a->shape, &b->shape);
    int64_t n = sn_shape_count(&a->shape);
    bool bits = same && a->dtype == b->dtype &&
                (n == 0 || memcmp(a->data, b->data, (size_t)n * sn_dtype_size(a->dtype)) == 0);
    bool whole = a->dtype == b->dtype && !sn_dtype_float(a->dtype); /* other bits are other numbers */
    if (!bits && whole) same = false;
    for (int64_t i = 0; !bits && same && i < n; i++)
        same = same_number(sn_tensor_get(a, i), sn_tensor_get(b, i));
    lua_pushboolean(L, same);
    return 1;
}

/* t == u; Lua asks for any two userdata of which one is a tensor. */
static int tensor_same(lua_State *L) {
    if (sn_test_tensor(L, 1) && sn_test_tensor(L, 2)) return tensor_equal(L);
    lua_pushboolean(L, 0);
    return 1;
}

/* a < b of tensors would have to be one boolean. */
static int tensor_order(lua_State *L) {
    return sn_raise_text(
        L, "tensors have no order: a:lt(b), a:le(b), a:gt(b) and a:ge(b) compare element by element");
}

/* ---- products ---- */

/* The tensor at arg in that dtype, pushed: a copy, or another reference. */
static const sn_tensor *push_as(lua_State *L, int arg, sn_dtype dtype) {
    const sn_tensor *t = sn_check_tensor(L, arg);
    if (t->dtype == dtype) return sn_push_shared(L, t);
    sn_tensor *copy = sn_new_raw(L, dtype, &t->shape);
    sn_assign(sn_pool_default(), copy, sn_check_tensor(L, arg));
    sn_check_done(L);
    return copy;
}

static void check_two(lua_State *L, const char *who) {
    for (int i = 1; i <= 2; i++)
        if (!sn_test_tensor(L, i)) sn_raise_text(L, "%s: wants a tensor, got %s", who, sn_push_quoted(L, i));
}

/* The sum of the products of two vectors, a number. */
static int tensor_dot(lua_State *L) {
    char ta[120], tb[120];
    check_two(L, "dot");
    const sn_tensor *a = sn_check_tensor(L, 1), *b = sn_check_tensor(L, 2);
    if (a->shape.n != 1 || !sn_shape_equal(&a->shape, &b->shape))
        return sn_raise_text(L,
                             "dot: wants two vectors of one size, got shapes %s and %s; t:matmul(u) multiplies "
                             "matrices",
                             sn_shape_text(&a->shape, false, ta, sizeof ta),
                             sn_shape_text(&b->shape, false, tb, sizeof tb));
    size_t n = (size_t)a->shape.d[0];
    sn_dtype calc = sn_dtype_float(sn_common_dtype(a->dtype, b->dtype)) ? SN_F64 : SN_I64;
    a = push_as(L, 1, calc);
    b = push_as(L, 2, calc);
    if (calc == SN_I64) {
        const int64_t *x = a->data, *y = b->data;
        uint64_t sum = 0;
        for (size_t i = 0; i < n; i++) sum += (uint64_t)x[i] * (uint64_t)y[i];
        lua_pushinteger(L, (lua_Integer)sum);
        return 1;
    }
    double sum = sn_vec_dot_f64(sn_pool_default(), a->data, b->data, n);
    sn_check_done(L);
    sn_push_number(L, sum);
    return 1;
}

/* Integers are multiplied in double, exact up to 2^53, and give int64. */
static int tensor_matmul(lua_State *L) {
    check_two(L, "matmul");
    const sn_tensor *a = sn_check_tensor(L, 1), *b = sn_check_tensor(L, 2);
    if (a->shape.n == 1 && b->shape.n == 1) return tensor_dot(L);
    sn_shape shape;
    sn_err e;
    sn_check_status(L, sn_matmul_shape(&shape, &a->shape, &b->shape, &e), &e);
    sn_dtype dtype = sn_common_dtype(a->dtype, b->dtype), calc = dtype == SN_F32 ? SN_F32 : SN_F64;
    sn_tensor *r = sn_new_raw(L, calc, &shape);
    int at = lua_gettop(L);
    a = push_as(L, 1, calc);
    b = push_as(L, 2, calc);
    sn_status s = sn_matmul(sn_pool_default(), r, a, b, &e);
    if (sn_retry(L, s)) s = sn_matmul(sn_pool_default(), r, a, b, &e);
    sn_check_status(L, s, &e);
    lua_settop(L, at);
    if (!sn_dtype_float(dtype)) push_as(L, at, SN_I64);
    return 1;
}

/* ---- opening ---- */

static void set_op(lua_State *L, int table, const char *name, lua_CFunction fn, int op) {
    lua_pushinteger(L, op);
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, table, name);
}

void sn_open_tensor_ops(lua_State *L) { /* core, meta, methods */
    static const char *const operators[] = { "__add", "__sub", "__mul", "__div", "__pow", "__mod", "__idiv" };
    int methods = lua_gettop(L), meta = methods - 1, core = methods - 2;
    for (int op = SN_OP_ADD; op <= SN_OP_IDIV; op++) set_op(L, meta, operators[op], tensor_binary, op);
    for (int op = SN_OP_MAXIMUM; op < SN_BINARY_OPS; op++)
        set_op(L, methods, binary_names[op], tensor_binary, op);
    set_op(L, methods, "pow", tensor_binary, SN_OP_POW);
    set_op(L, meta, "__unm", tensor_unary, SN_OP_NEG);
    for (int op = SN_OP_ABS; op < SN_UNARY_OPS; op++) set_op(L, methods, unary_names[op], tensor_unary, op);
    static const luaL_Reg more[] = {
        { "equal", tensor_equal }, { "dot", tensor_dot }, { "matmul", tensor_matmul }, { NULL, NULL }
    };
    static const luaL_Reg more_meta[] = {
        { "__eq", tensor_same }, { "__lt", tensor_order }, { "__le", tensor_order }, { NULL, NULL }
    };
    luaL_setfuncs(L, more, 0);
    lua_pushvalue(L, meta);
    luaL_setfuncs(L, more_meta, 0);
    lua_pop(L, 1);
    lua_pushcfunction(L, tensor_where);
    lua_setfield(L, core, "tensor_where");
}
