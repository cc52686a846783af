/* The same elements in another shape or order; several tensors in one. */
#include "bind/tensor.h"
#include "num/ops.h"
#include "num/strided.h"

static int tensor_reshape(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    sn_shape shape;
    sn_check_shape(L, 2, &shape, sn_shape_count(&t->shape));
    sn_tensor *r = sn_push_shared(L, t);
    sn_err e;
    sn_check_status(L, sn_tensor_reshape(r, &shape, &e), &e);
    return 1;
}

/* t:permute{ 3, 1, 2 }: its axes in that order, copied */
static int tensor_permute(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    int order[SN_MAXDIM], n = t->shape.n;
    bool used[SN_MAXDIM] = { false };
    if (!lua_istable(L, 2) || (int)lua_rawlen(L, 2) != n)
        return sn_raise_text(L, "permute: wants the new order of all %d axes, as in t:permute{ 2, 1 }", n);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        order[i] = sn_check_axis(L, lua_gettop(L), "permute", &t->shape, n);
        if (used[order[i]]) return sn_raise_text(L, "permute: axis %d is given twice", order[i] + 1);
        used[order[i]] = true;
        lua_pop(L, 1);
    }
    sn_layout whole = sn_layout_of(&t->shape), l = sn_layout_permuted(&whole, order);
    sn_tensor *r = sn_new_raw(L, t->dtype, &l.shape);
    t = sn_check_tensor(L, 1);
    sn_strided_read(sn_pool_default(), r->data, t->data, &l, sn_dtype_size(t->dtype));
    sn_check_done(L);
    return 1;
}

/* t:unsqueeze(axis): a new axis of size 1 there */
static int tensor_unsqueeze(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    if (t->shape.n == SN_MAXDIM)
        return sn_raise_text(L, "unsqueeze: a tensor has at most %d dimensions", SN_MAXDIM);
    int axis = sn_check_axis(L, 2, "unsqueeze", &t->shape, t->shape.n + 1);
    sn_tensor *r = sn_push_shared(L, t);
    for (int i = r->shape.n++; i > axis; i--) r->shape.d[i] = r->shape.d[i - 1];
    r->shape.d[axis] = 1;
    return 1;
}

/* t:squeeze(): without axes of size 1; t:squeeze(axis): without that one */
static int tensor_squeeze(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    int only = lua_isnoneornil(L, 2) ? -1 : sn_check_axis(L, 2, "squeeze", &t->shape, t->shape.n);
    if (only >= 0 && t->shape.d[only] != 1)
        return sn_raise_text(L, "squeeze: axis %d has size %lld, not 1", only + 1, (long long)t->shape.d[only]);
    sn_tensor *r = sn_push_shared(L, t);
    sn_shape shape = { 0 };
    for (int i = 0; i < r->shape.n; i++)
        if (r->shape.d[i] != 1 || (only >= 0 && i != only)) shape.d[shape.n++] = r->shape.d[i];
    r->shape = shape;
    return 1;
}

/* The tensors of the list at arg 2 beside one another along `axis`. */
static void check_parts(lua_State *L, const char *who, int axis, sn_shape *shape, sn_dtype *dtype) {
    char a[120], b[120];
    sn_shape first = { 0 };
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 2); i++, lua_pop(L, 1)) {
        lua_rawgeti(L, 2, i);
        const sn_tensor *t = sn_test_tensor(L, -1);
        if (!t)
            sn_raise_text(L, "%s: wants a list of tensors; item %d is %s", who, (int)i, sn_push_type(L, -1));
        if (i == 1) {
            first = *shape = t->shape;
            *dtype = t->dtype;
            shape->d[axis] = 0;
        }
        bool fits = t->shape.n == first.n;
        for (int d = 0; fits && d < first.n; d++) fits = d == axis || t->shape.d[d] == first.d[d];
        if (!fits)
            sn_raise_text(L, "%s: shapes %s and %s (item %d) differ in more than axis %d", who,
                          sn_shape_text(&first, false, a, sizeof a),
                          sn_shape_text(&t->shape, false, b, sizeof b), (int)i, axis + 1);
        *dtype = sn_common_dtype(*dtype, t->dtype);
        shape->d[axis] += t->shape.d[axis];
    }
}

/* core.tensor_concat(who, list, axis) */
static int tensor_concat(lua_State *L) {
    const char *who = luaL_checkstring(L, 1);
    sn_shape shape;
    sn_dtype dtype = SN_F32;
    if (!lua_istable(L, 2) || lua_rawlen(L, 2) == 0)
        return sn_raise_text(L, "%s: wants a list of tensors, as in tensor.%s({ a, b }, 1)", who, who);
    lua_rawgeti(L, 2, 1);
    const sn_tensor *t = sn_test_tensor(L, -1);
    if (!t) return sn_raise_text(L, "%s: wants a list of tensors; item 1 is %s", who, sn_push_type(L, -1));
    int axis = sn_check_axis(L, 3, who, &t->shape, t->shape.n);
    lua_pop(L, 1);
    check_parts(L, who, axis, &shape, &dtype);
    sn_tensor *r = sn_new_raw(L, dtype, &shape);
    sn_layout whole = sn_layout_of(&shape);
    size_t size = sn_dtype_size(dtype);
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 2); i++, lua_pop(L, 2)) {
        lua_rawgeti(L, 2, i);
        t = sn_check_tensor(L, -1);
        if (t->dtype != dtype) {
            sn_tensor *same = sn_new_raw(L, dtype, &t->shape);
            sn_assign(sn_pool_default(), same, sn_check_tensor(L, -2));
            t = same;
        } else {
            lua_pushnil(L);
        }
        sn_layout l = whole;
        l.shape = t->shape;
        sn_strided_write(sn_pool_default(), r->data, &l, t->data, size);
        whole.from += t->shape.d[axis] * whole.stride[axis];
        sn_check_done(L);
    }
    return 1;
}

void sn_open_tensor_shape(lua_State *L) { /* core, meta, methods */
    static const luaL_Reg methods[] = {
        { "reshape", tensor_reshape },
        { "permute", tensor_permute },
        { "unsqueeze", tensor_unsqueeze },
        { "squeeze", tensor_squeeze },
        { NULL, NULL },
    };
    luaL_setfuncs(L, methods, 0);
    lua_pushcfunction(L, tensor_concat);
    lua_setfield(L, -4, "tensor_concat");
}
