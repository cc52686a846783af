/* Recorded functions run on tensors at the prompt. */
#include "bind/glue.h"
#include "nn/traced.h"

#define MT_EXPR "sonde.expr"

typedef struct {
    sn_expr *x;
    sn_expr_plan *p;
} expr_box;

static int expr_gc(lua_State *L) {
    expr_box *b = luaL_checkudata(L, 1, MT_EXPR);
    sn_expr_plan_free(b->p);
    sn_expr_free(b->x);
    *b = (expr_box){ 0 };
    return 0;
}

/* The tensors of the list at 2 in the type that they are computed in: float64 when one of them is. Leaves them
 * on the stack. */
static sn_dtype take_inputs(lua_State *L, int n, const sn_tensor **t) {
    sn_dtype dtype = SN_F32;
    luaL_checkstack(L, 3 * n + 10, "inputs");
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        t[i] = sn_check_tensor(L, -1);
        if (t[i]->dtype == SN_F64) dtype = SN_F64;
    }
    for (int i = 0; i < n; i++) {
        if (t[i]->dtype == dtype) continue;
        sn_tensor *copy = sn_push_tensor(L);
        sn_err e;
        if (sn_tensor_copy(copy, t[i], dtype, &e) != SN_OK) sn_raise(L, &e);
        t[i] = copy;
    }
    return dtype;
}

/* core.expr_run(program, list of tensors, who, gradients wanted, where its operations were written or nil) ->
 * the result; then a gradient for each input */
static int expr_run(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    bool grads = lua_toboolean(L, 4);
    const sn_tensor *t[SN_EXPR_MAXIN];
    int n = (int)luaL_len(L, 2);
    expr_box *box = sn_push_box(L, MT_EXPR, sizeof *box);
    sn_err e;
    const char *places = luaL_optstring(L, 5, NULL);
    if (sn_expr_parse(&box->x, text, &e) != SN_OK) return sn_raise(L, &e);
    if (places && sn_expr_set_places(box->x, places, &e) != SN_OK) return sn_raise(L, &e);
    if (n != box->x->ninput)
        return sn_raise_text(L, "a recorded function of %d inputs got %d", box->x->ninput, n);
    sn_shape in[SN_EXPR_MAXIN];
    sn_expr_opts o = { .dtype = take_inputs(L, n, t), .in = in, .who = luaL_checkstring(L, 3) };
    for (int i = 0; i < n; i++) in[i] = t[i]->shape;
    o.wrt = grads ? (1u << n) - 1 : 0;
    if (sn_expr_plan_new(&box->p, box->x, &o, &e) != SN_OK) return sn_raise(L, &e);
    char shape[120];
    if (grads && sn_shape_count(sn_expr_out(box->p)) != 1)
        return sn_raise_text(
            L,
            "%s: the function must give one number, for a gradient is how that number changes; it "
            "gives shape %s: return sum(...) or mean(...) of it",
            o.who, sn_shape_text(sn_expr_out(box->p), false, shape, sizeof shape));
    void *scratch = lua_newuserdatauv(L, sn_expr_scratch(box->p), 0);
    int first = lua_gettop(L) + 1;
    sn_tensor *y = sn_new_tensor(L, o.dtype, sn_expr_out(box->p));
    const void *x[SN_EXPR_MAXIN];
    void *dx[SN_EXPR_MAXIN];
    for (int i = 0; i < n; i++) {
        x[i] = t[i]->data;
        dx[i] = grads ? sn_new_tensor(L, o.dtype, &in[i])->data : NULL;
    }
    if (grads)
        sn_expr_backward(box->p, 0, x, NULL, 1, dx, y->data, scratch);
    else
        sn_expr_forward(box->p, 0, x, y->data, scratch);
    return lua_gettop(L) - first + 1;
}

/* core.set_places(new traced object, where its operations were written) */
static int expr_set_places(lua_State *L) {
    sn_obj *o = sn_check_object(L, 1, NULL);
    const char *places = luaL_checkstring(L, 2);
    sn_err e;
    if (sn_traced_set_places(o, places, &e) != SN_OK) return sn_raise(L, &e);
    return 0;
}

/* core.symbol(table) -> a symbol with that as its state: a userdata, so that nothing takes it for a list */
static int expr_symbol(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_newuserdatauv(L, 0, SN_UV_STATE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_STATE);
    luaL_setmetatable(L, SN_MT_SYMBOL);
    return 1;
}

/* core.flat_ops: names of the operations that no gradient goes through -> true */
static void push_flat_ops(lua_State *L) {
    lua_newtable(L);
    for (sn_op op = 0; op < SN_NOP; op++) {
        if (!sn_op_is_flat(op)) continue;
        lua_pushboolean(L, true);
        lua_setfield(L, -2, sn_op_name(op));
    }
}

void sn_open_expr(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "expr_run", expr_run },
        { "set_places", expr_set_places },
        { "symbol", expr_symbol },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    push_flat_ops(L);
    lua_setfield(L, -2, "flat_ops");
    lua_getfield(L, -1, "meta");
    luaL_newmetatable(L, SN_MT_SYMBOL); /* the Lua half fills it */
    lua_setfield(L, -2, SN_MT_SYMBOL);
    lua_pop(L, 1);
    sn_new_metatable(L, MT_EXPR, expr_gc);
    lua_pop(L, 1);
}
