/* Sums, extremes, statistics, order: what is made of many elements. The Lua half checks options. */
#include "bind/tensor.h"
#include "num/order.h"
#include "num/reduce.h"
#include "num/strided.h"
#include <string.h>

static const char *const names[SN_REDUCTIONS] = {
    [SN_RED_SUM] = "sum",       [SN_RED_PROD] = "prod",     [SN_RED_MEAN] = "mean", [SN_RED_VAR] = "var",
    [SN_RED_STD] = "std",       [SN_RED_NORM] = "norm",     [SN_RED_MIN] = "min",   [SN_RED_MAX] = "max",
    [SN_RED_ARGMIN] = "argmin", [SN_RED_ARGMAX] = "argmax", [SN_RED_ANY] = "any",   [SN_RED_ALL] = "all",
};

static sn_reduction check_name(lua_State *L, int arg) {
    const char *name = luaL_checkstring(L, arg);
    for (int i = 0; i < SN_REDUCTIONS; i++)
        if (strcmp(names[i], name) == 0) return (sn_reduction)i;
    luaL_argerror(L, arg, "no reduction");
    return SN_RED_SUM;
}

/* The axes of a list, or all when arg is nil. */
static void check_axes(lua_State *L, int arg, const char *who, const sn_shape *s, bool *reduced) {
    bool all = lua_isnil(L, arg);
    for (int i = 0; i < s->n; i++) reduced[i] = all;
    for (lua_Integer i = 1; !all && i <= (lua_Integer)lua_rawlen(L, arg); i++) {
        lua_rawgeti(L, arg, i);
        int axis = sn_check_axis(L, lua_gettop(L), who, s, s->n);
        if (reduced[axis]) sn_raise_text(L, "%s: axis %d is given twice", who, axis + 1);
        reduced[axis] = true;
        lua_pop(L, 1);
    }
}

/* Are the reduced axes neighbors? Then the tensor is (outer, n, inner) as it stands. */
static bool is_block(const sn_shape *s, const bool *reduced, int64_t *outer, int64_t *n, int64_t *inner) {
    int first = 0, end;
    while (first < s->n && !reduced[first]) first++;
    for (end = first; end < s->n && reduced[end]; end++) {}
    *outer = *n = *inner = 1;
    for (int i = 0; i < s->n; i++) {
        *(i < first ? outer : i < end ? n : inner) *= s->d[i];
        if (i >= end && reduced[i]) return false;
    }
    return true;
}

/* A copy with the reduced axes at the end; pushed. */
static const sn_tensor *push_reordered(lua_State *L, const sn_tensor *t, const bool *reduced, int64_t *outer,
                                       int64_t *n) {
    int order[SN_MAXDIM], k = 0;
    *outer = *n = 1;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < t->shape.n; i++) {
            if (reduced[i] != (pass == 1)) continue;
            *(pass ? n : outer) *= t->shape.d[i];
            order[k++] = i;
        }
    sn_layout whole = sn_layout_of(&t->shape), l = sn_layout_permuted(&whole, order);
    sn_tensor *r = sn_new_raw(L, t->dtype, &l.shape);
    sn_strided_read(sn_pool_default(), r->data, t->data, &l, sn_dtype_size(t->dtype));
    sn_check_done(L);
    return r;
}

static void push_result(lua_State *L, sn_reduction op, const sn_tensor *r) {
    if (op == SN_RED_ANY || op == SN_RED_ALL)
        lua_pushboolean(L, sn_tensor_get(r, 0) != 0);
    else
        sn_push_element(L, r, 0);
}

static bool gives_place(sn_reduction op) { return op == SN_RED_ARGMIN || op == SN_RED_ARGMAX; }

/* One number comes in the widest type: nothing is lost. */
static sn_dtype dtype_of(sn_reduction op, sn_dtype in, bool single) {
    sn_dtype dtype = sn_reduce_dtype(op, in);
    if (!single || op == SN_RED_ANY || op == SN_RED_ALL) return dtype;
    return sn_dtype_float(dtype) ? SN_F64 : SN_I64;
}

/* core.tensor_reduce(t, name, list of axes or nil = all, keepdims, ddof) -> a tensor, or a number (a boolean
 * for any and all) where no axis is left */
static int tensor_reduce(lua_State *L) {
    sn_reduction op = check_name(L, 2);
    bool reduced[SN_MAXDIM], keepdims = lua_toboolean(L, 4);
    lua_settop(L, 5);
    const sn_tensor *t = sn_check_tensor(L, 1);
    check_axes(L, 3, names[op], &t->shape, reduced);
    t = sn_push_shared(L, t); /* of our own from here on */
    sn_shape shape = { 0 };
    for (int i = 0; i < t->shape.n; i++) {
        if (!reduced[i] || keepdims) shape.d[shape.n++] = reduced[i] ? 1 : t->shape.d[i];
    }
    int64_t outer, n, inner;
    sn_dtype in = t->dtype;
    if (!is_block(&t->shape, reduced, &outer, &n, &inner)) {
        t = push_reordered(L, t, reduced, &outer, &n);
        inner = 1;
    }
    if (n == 0 && outer * inner > 0 && !sn_reduce_has_empty(op))
        return sn_raise_text(L, "%s: the tensor is empty", names[op]);
    lua_Integer ddof = luaL_optinteger(L, 5, 0);
    if (ddof > 0 && ddof >= n && outer * inner > 0)
        return sn_raise_text(
            L, "%s: ddof = %lld of %lld value%s leaves nothing to divide by; it is below their number",
            names[op], (long long)ddof, (long long)n, n == 1 ? "" : "s");
    sn_tensor *r = sn_new_raw(L, dtype_of(op, in, shape.n == 0), &shape);
    sn_err e;
    sn_status s = sn_reduce(sn_pool_default(), r, op, t, outer, n, inner, ddof, &e);
    if (sn_retry(L, s)) s = sn_reduce(sn_pool_default(), r, op, t, outer, n, inner, ddof, &e);
    sn_check_status(L, s, &e);
    if (gives_place(op))
        for (int64_t i = 0; i < outer * inner; i++) ((int64_t *)r->data)[i]++; /* as Lua counts */
    if (shape.n == 0) push_result(L, op, r);
    return 1;
}

/* core.tensor_cumsum(t, axis) */
static int tensor_cumsum(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    int64_t outer, n, inner;
    sn_around(&t->shape, sn_check_axis(L, 2, "cumsum", &t->shape, t->shape.n), &outer, &n, &inner);
    sn_tensor *r = sn_new_raw(L, sn_reduce_dtype(SN_RED_SUM, t->dtype), &t->shape);
    sn_cumsum(sn_pool_default(), r, sn_check_tensor(L, 1), outer, n, inner);
    sn_check_done(L);
    return 1;
}

/* core.tensor_sort(who, t, axis, descending, k or nil) -> values, places from 1 */
static int tensor_sort(lua_State *L) {
    const char *who = luaL_checkstring(L, 1);
    const sn_tensor *t = sn_check_tensor(L, 2);
    int axis = sn_check_axis(L, 3, who, &t->shape, t->shape.n);
    int64_t outer, n, inner, k = t->shape.d[axis];
    if (!lua_isnoneornil(L, 5)) {
        k = luaL_checkinteger(L, 5);
        if (k < 0 || k > t->shape.d[axis])
            return sn_raise_text(L, "%s: k = %lld is outside 0..%lld, the size of axis %d", who, (long long)k,
                                 (long long)t->shape.d[axis], axis + 1);
    }
    t = sn_push_shared(L, t);
    sn_around(&t->shape, axis, &outer, &n, &inner);
    sn_shape shape = t->shape;
    shape.d[axis] = k;
    sn_tensor *values = sn_new_raw(L, t->dtype, &shape), *places = sn_new_raw(L, SN_I64, &shape);
    sn_err e;
    bool down = lua_toboolean(L, 4);
    sn_status s = sn_argsort(sn_pool_default(), places, t, outer, n, inner, down, k, &e);
    if (sn_retry(L, s)) s = sn_argsort(sn_pool_default(), places, t, outer, n, inner, down, k, &e);
    sn_check_status(L, s, &e);
    sn_pick(sn_pool_default(), values, t, places, outer, n, k, inner);
    sn_check_done(L);
    for (int64_t i = 0; i < outer * k * inner; i++) ((int64_t *)places->data)[i]++;
    return 2;
}

/* core.tensor_digest(t, most elements to look at) -> table */
static int tensor_digest(lua_State *L) {
    sn_digest s;
    sn_digest_of(sn_pool_default(), &s, sn_check_tensor(L, 1), luaL_checkinteger(L, 2));
    sn_check_done(L);
    lua_newtable(L);
    sn_set_int(L, "count", s.count);
    sn_set_int(L, "seen", s.seen);
    sn_set_int(L, "nans", s.nans);
    sn_set_int(L, "infs", s.infs);
    sn_set_num(L, "min", s.min);
    sn_set_num(L, "max", s.max);
    sn_set_num(L, "mean", s.mean);
    return 1;
}

void sn_open_tensor_reduce(lua_State *L) { /* core, meta, methods */
    static const luaL_Reg functions[] = {
        { "tensor_reduce", tensor_reduce },
        { "tensor_cumsum", tensor_cumsum },
        { "tensor_sort", tensor_sort },
        { "tensor_digest", tensor_digest },
        { NULL, NULL },
    };
    lua_pushvalue(L, -3);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
