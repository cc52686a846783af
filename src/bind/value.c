/* Values between Lua and the fields of described objects. */
#include "bind/glue.h"
#include <string.h>

/* What no field takes, with a name for the error message. */
static const sn_handle_type no_field_takes = { "value of another type", NULL, NULL };

static void refuse(sn_value *v, const char *type_name) {
    *v = (sn_value){ .kind = SN_V_HANDLE, .handle = &no_field_takes, .type_name = type_name };
}

static void text_value(lua_State *L, int idx, sn_value *v) {
    size_t n;
    const char *s = lua_tolstring(L, idx, &n);
    if (strlen(s) != n) {
        refuse(v, "a text with a zero byte");
        return;
    }
    v->kind = SN_V_STR;
    v->str = s;
}

#define MT_TENSOR_BOX "sonde.tensor_box"

typedef struct {
    sn_tensor_box *box;
} box_owner;

static int box_gc(lua_State *L) {
    box_owner *o = luaL_checkudata(L, 1, MT_TENSOR_BOX);
    if (o->box) sn_tensor_handle.release(o->box);
    o->box = NULL;
    return 0;
}

/* A tensor in the box that configurations share; its owner stays on the stack. */
static void tensor_value(lua_State *L, int idx, sn_value *v) {
    const sn_tensor *t = sn_check_tensor(L, idx);
    luaL_checkstack(L, 4, "a tensor");
    box_owner *o = sn_push_box(L, MT_TENSOR_BOX, sizeof *o);
    sn_err e;
    o->box = sn_tensor_box_new(t, &e);
    if (!o->box) sn_raise(L, &e);
    *v = (sn_value){ .kind = SN_V_HANDLE, .handle = &sn_tensor_handle, .ptr = o->box };
}

static void userdata_value(lua_State *L, int idx, const sn_field *f, sn_value *v) {
    sn_obj *o = sn_test_object(L, idx);
    if (o) {
        v->kind = SN_V_OBJ;
        v->obj = o;
        return;
    }
    if (sn_test_tensor(L, idx)) {
        if (f && f->handle == &sn_tensor_handle)
            tensor_value(L, idx, v);
        else
            refuse(v, "a tensor");
        return;
    }
    refuse(v, luaL_testudata(L, idx, SN_MT_DATASET)  ? "a dataset"
              : luaL_testudata(L, idx, SN_MT_MODEL)  ? "a model"
              : luaL_testudata(L, idx, SN_MT_RUN)    ? "a run"
              : luaL_testudata(L, idx, SN_MT_SYMBOL) ? "a symbol, which stands for numbers that come later"
                                                     : "a userdata");
}

static void scalar_value(lua_State *L, int idx, const sn_field *f, sn_value *v) {
    *v = (sn_value){ 0 };
    switch (lua_type(L, idx)) {
    case LUA_TBOOLEAN:
        v->kind = SN_V_BOOL;
        v->b = lua_toboolean(L, idx);
        break;
    case LUA_TNUMBER:
        v->kind = lua_isinteger(L, idx) ? SN_V_INT : SN_V_NUM;
        v->i = lua_isinteger(L, idx) ? lua_tointeger(L, idx) : 0;
        v->num = lua_tonumber(L, idx);
        break;
    case LUA_TSTRING: text_value(L, idx, v); break;
    case LUA_TFUNCTION: v->kind = SN_V_EXTERNAL; break;
    case LUA_TUSERDATA: userdata_value(L, idx, f, v); break;
    case LUA_TTABLE: refuse(v, "a table"); break;
    case LUA_TNIL: refuse(v, "nil"); break;
    default: refuse(v, lua_typename(L, lua_type(L, idx)));
    }
}

/* How many keys a table has; a list has as many as its length. */
static size_t count_keys(lua_State *L, int idx) {
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, idx)) {
        lua_pop(L, 1);
        n++;
    }
    return n;
}

enum { MAX_LIST = 1 << 20 };

void sn_to_value(lua_State *L, int idx, const sn_field *f, sn_value *v) {
    idx = lua_absindex(L, idx);
    if (!lua_istable(L, idx)) {
        scalar_value(L, idx, f, v);
        return;
    }
    luaL_checkstack(L, 6, "a list");
    size_t n = lua_rawlen(L, idx);
    if (n > MAX_LIST || count_keys(L, idx) != n) {
        refuse(v, n > MAX_LIST ? "a list of over a million" : "a table with names");
        return;
    }
    sn_value *items =
        lua_newuserdatauv(L, (n ? n : 1) * sizeof *items, 0); /* stays on the stack as the list's owner */
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, idx, (lua_Integer)i + 1);
        scalar_value(L, -1, NULL, &items[i]); /* nothing of a list leaves an owner on the stack */
        lua_pop(L, 1);                        /* the table keeps it */
    }
    *v = (sn_value){ .kind = SN_V_LIST, .list = items, .n = n };
}

/* ---- back ---- */

static void push_ints(lua_State *L, const int64_t *d, int n) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushinteger(L, d[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_list(lua_State *L, const sn_field *f, const void *m) {
    if (f->type == SN_T_PAIR) {
        push_ints(L, m, 2);
    } else if (f->type == SN_T_DIMS) {
        push_ints(L, ((const sn_dims *)m)->d, ((const sn_dims *)m)->n);
    } else if (f->type == SN_T_FLOATS) {
        const sn_floats *v = m;
        lua_createtable(L, (int)v->n, 0);
        for (size_t i = 0; i < v->n; i++) {
            lua_pushnumber(L, v->v[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    } else {
        const sn_strings *v = m;
        lua_createtable(L, (int)v->n, 0);
        for (size_t i = 0; i < v->n; i++) {
            lua_pushstring(L, v->v[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
}

/* A function given for the field lives beside the object: in its anchor table under the field's name. */
static void push_function(lua_State *L, int object_idx, const char *field) {
    if (lua_getiuservalue(L, object_idx, SN_UV_ANCHOR) != LUA_TTABLE) return; /* nil */
    lua_getfield(L, -1, field);
    lua_remove(L, -2);
}

void sn_push_field(lua_State *L, int object_idx, const sn_obj *o, const sn_field *f) {
    object_idx = lua_absindex(L, object_idx);
    luaL_checkstack(L, 6, f->name);
    sn_value v;
    if (!sn_obj_get(o, f, &v)) {
        lua_pushnil(L);
        return;
    }
    switch (v.kind) {
    case SN_V_BOOL: lua_pushboolean(L, v.b); break;
    case SN_V_INT: lua_pushinteger(L, v.i); break;
    case SN_V_NUM: lua_pushnumber(L, v.num); break;
    case SN_V_STR: lua_pushstring(L, v.str); break;
    case SN_V_OBJ: sn_push_object(L, v.obj); break;
    case SN_V_EXTERNAL: push_function(L, object_idx, f->name); break;
    case SN_V_LIST: push_list(L, f, (const char *)o->cfg + f->off); break;
    case SN_V_HANDLE: lua_pushnil(L); break; /* the data itself is reached through the dataset */
    }
}

void sn_open_values(lua_State *L) {
    sn_new_metatable(L, MT_TENSOR_BOX, box_gc);
    lua_pop(L, 1);
}
