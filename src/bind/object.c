/* Described objects in Lua: one constructor for all of them, a loop over the tables. */
#include "base/mem.h"
#include "bind/glue.h"
#include <string.h>

/* The order decides which kind's name becomes the global where two kinds share one (mse, softmax); the other is
 * reached as a string in its field, or as sonde.kinds.KIND.NAME. */
const sn_kind *const sn_all_kinds[] = {
    &sn_kind_layer,    &sn_kind_activation,  &sn_kind_loss,        &sn_kind_optimizer,
    &sn_kind_schedule, &sn_kind_initializer, &sn_kind_regularizer, &sn_kind_metric,
    &sn_kind_callback, &sn_kind_dataset,     &sn_kind_probe,       NULL,
};

static sn_lua_object *push_box(lua_State *L) { return sn_push_box(L, SN_MT_OBJECT, sizeof(sn_lua_object)); }

void sn_push_object(lua_State *L, sn_obj *o) {
    sn_lua_object *box = push_box(L);
    box->obj = sn_obj_retain(o);
}

sn_obj *sn_test_object(lua_State *L, int arg) {
    sn_lua_object *box = luaL_testudata(L, arg, SN_MT_OBJECT);
    return box ? box->obj : NULL;
}

sn_obj *sn_check_object(lua_State *L, int arg, const sn_kind *kind) {
    sn_obj *o = sn_test_object(L, arg);
    if (!o || (kind && o->kind != kind)) {
        sn_raise_text(L, "wants a %s, got %s", kind ? kind->name : "described object", sn_push_type(L, arg));
        return NULL;
    }
    return o;
}

static int object_gc(lua_State *L) {
    sn_lua_object *box = luaL_checkudata(L, 1, SN_MT_OBJECT);
    sn_obj_release(box->obj);
    box->obj = NULL;
    return 0;
}

/* ---- constructing ---- */

static int construct(lua_State *L);

static const char *with_article(lua_State *L, const char *kind) {
    return lua_pushfstring(L, "%s %s", strchr("aeiou", kind[0]) ? "an" : "a", kind);
}

/* A number as it is, of others the type: "a function", "a table". */
static const char *foreign_text(lua_State *L, int value) {
    if (lua_type(L, value) == LUA_TNUMBER || lua_type(L, value) == LUA_TBOOLEAN)
        return sn_push_quoted(L, value);
    const char *type = luaL_typename(L, value);
    if (luaL_getmetafield(L, value, "__name") == LUA_TSTRING) type = lua_tostring(L, -1);
    return with_article(L, type);
}

static const sn_field *field_at_pos(const sn_obj *o, int pos) {
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++)
        if (f->pos == pos) return f;
    return NULL;
}

/* Keeps a function that a field took in the object's anchor table. */
static void keep_function(lua_State *L, int box, int value, const char *field) {
    if (lua_getiuservalue(L, box, SN_UV_ANCHOR) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, box, SN_UV_ANCHOR);
    }
    lua_pushvalue(L, value);
    lua_setfield(L, -2, field);
}

/* An object with all defaults where its constructor stands: activation = relu. A name that two kinds share is
 * taken from the field's kind. What stays on the stack owns it. */
static void object_of_constructor(lua_State *L, const sn_obj *o, const sn_field *f, int value, sn_value *v) {
    if (lua_tocfunction(L, value) != construct || !f->kind) return;
    lua_getupvalue(L, value, 1);
    lua_getupvalue(L, value, 2);
    const sn_kind *k = lua_touserdata(L, -2);
    const sn_desc *d = lua_touserdata(L, -1);
    lua_pop(L, 2);
    if (k != f->kind && !sn_kind_find(f->kind, d->name))
        sn_raise_text(L, "%s: %s wants %s, got the %s %s", o->desc->name, f->name,
                      with_article(L, f->kind->name), k->name, d->name);
    sn_lua_object *box = push_box(L);
    sn_err e;
    box->obj = sn_obj_named(f->kind, d->name, &e);
    if (!box->obj) sn_raise(L, &e);
    *v = (sn_value){ .kind = SN_V_OBJ, .obj = box->obj };
}

/* Options known from elsewhere, with what to do. */
static void explain_unknown(lua_State *L, const sn_obj *o, const char *name) {
    static const char *const of_runs[] = { "batch_size", "epochs", "validation_data", NULL };
    static const struct {
        const char *theirs, *ours;
    } names[] = {
        { "lr", "learning_rate" },
        { "input_dim", "input_shape" },
        { "in_features", "input_shape" },
        { "bias", "use_bias" },
        { "out_features", "units" },
        { "out_channels", "filters" },
        { "p", "rate" },
        { "prob", "rate" },
        { "eps", "epsilon" },
        { "batch_input_shape", "input_shape" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].theirs) == 0 && sn_field_find(o->kind, o->desc, names[i].ours))
            sn_raise_text(L, "%s: unknown option \"%s\"; did you mean \"%s\"?", o->desc->name, name,
                          names[i].ours);
    for (int i = 0; of_runs[i]; i++)
        if (strcmp(name, of_runs[i]) == 0)
            sn_raise_text(L, "%s: unknown option \"%s\"; it belongs to m:fit and m:run", o->desc->name, name);
}

/* What no object can be made of, with words of our own. */
static bool is_foreign(const sn_value *v) { return v->kind != SN_V_OBJ && v->kind != SN_V_STR; }

/* One value, by name or (name NULL) by position, from stack index value into the object at index box. */
static void set_one(lua_State *L, int box, const char *name, int pos, int value) {
    luaL_checkstack(L, 8, "options");
    int top = lua_gettop(L);
    sn_obj *o = ((sn_lua_object *)lua_touserdata(L, box))->obj;
    const sn_field *f = name ? sn_field_find(o->kind, o->desc, name) : field_at_pos(o, pos);
    sn_value v;
    sn_to_value(L, value, f, &v);
    if (!f && name) explain_unknown(L, o, name);
    if (f && v.kind == SN_V_EXTERNAL) object_of_constructor(L, o, f, value, &v);
    if (f && f->type == SN_T_OBJECT && is_foreign(&v) && !lua_isnil(L, value))
        sn_raise_text(L, "%s: %s wants %s or its name, got %s", o->desc->name, f->name,
                      with_article(L, f->kind->name), v.type_name ? v.type_name : foreign_text(L, value));
    sn_err e;
    if ((name ? sn_obj_set(o, name, &v, &e) : sn_obj_set_at(o, pos, &v, &e)) != SN_OK) sn_raise(L, &e);
    if (v.kind == SN_V_EXTERNAL && f) keep_function(L, box, value, f->name);
    lua_settop(L, top);
}

/* input{32, 32, 3}: several values without names where the object has one place for them, and that place is a
 * list. */
static bool gathers(const sn_obj *o, int n) {
    const sn_field *f = field_at_pos(o, 1);
    if (n < 1 || !f || field_at_pos(o, 2)) return false;
    return f->type == SN_T_DIMS || f->type == SN_T_FLOATS || f->type == SN_T_STRINGS ||
           (f->type == SN_T_PAIR && n > 1);
}

static void set_gathered(lua_State *L, int box, int table, int n) {
    lua_createtable(L, n, 0);
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, table, i);
        lua_rawseti(L, -2, i);
    }
    set_one(L, box, NULL, 1, lua_gettop(L));
    lua_pop(L, 1);
}

/* Gives how many places were filled. */
static int set_positions(lua_State *L, int box, int table) {
    sn_obj *o = ((sn_lua_object *)lua_touserdata(L, box))->obj;
    int n = (int)lua_rawlen(L, table);
    bool list = n > 0 && lua_rawgeti(L, table, 1) != LUA_TTABLE;
    if (n > 0) lua_pop(L, 1);
    if (list && gathers(o, n)) {
        set_gathered(L, box, table, n);
        return 1;
    }
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, table, i);
        set_one(L, box, NULL, i, lua_gettop(L));
        lua_pop(L, 1);
    }
    return n;
}

static void set_by_name(lua_State *L, int box, int filled) {
    sn_obj *o = ((sn_lua_object *)lua_touserdata(L, box))->obj;
    const char *name = lua_tostring(L, -2);
    if (strlen(name) != lua_rawlen(L, -2))
        sn_raise_text(L, "%s: the name of an option has a zero byte", o->desc->name);
    const sn_field *f = sn_field_find(o->kind, o->desc, name);
    if (f && f->pos >= 1 && f->pos <= filled)
        sn_raise_text(L, "%s: %s is given twice, without a name and with it", o->desc->name, f->name);
    set_one(L, box, name, 0, lua_gettop(L));
}

/* filled: the places that have a value already. */
static void set_names(lua_State *L, int box, int table, int filled) {
    sn_obj *o = ((sn_lua_object *)lua_touserdata(L, box))->obj;
    lua_Integer n = (lua_Integer)lua_rawlen(L, table);
    lua_pushnil(L);
    while (lua_next(L, table)) { /* key, value */
        if (lua_type(L, -2) == LUA_TSTRING) {
            set_by_name(L, box, filled);
        } else if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) < 1 || lua_tointeger(L, -2) > n) {
            lua_pushvalue(L, -2);
            sn_raise_text(L, "%s: the option [%s] is not a name; for example %s", o->desc->name,
                          luaL_tolstring(L, -1, NULL), o->desc->example);
        }
        lua_pop(L, 1);
    }
}

/* Upvalues: kind, descriptor. Takes a table of values with and without names, or values, or nothing. */
static int construct(lua_State *L) {
    const sn_kind *k = lua_touserdata(L, lua_upvalueindex(1));
    const sn_desc *d = lua_touserdata(L, lua_upvalueindex(2));
    int n = lua_gettop(L);
    sn_lua_object *box = push_box(L);
    int at = lua_gettop(L);
    sn_err e;
    box->obj = sn_obj_new(k, d, &e);
    if (!box->obj) return sn_raise(L, &e);
    if (n == 1 && lua_istable(L, 1)) {
        int filled = set_positions(L, at, 1);
        set_names(L, at, 1, filled);
    } else {
        for (int i = 1; i <= n; i++) {
            if (lua_isnil(L, i))
                sn_raise_text(L, "%s: argument %d is nil; is a name misspelt? For example %s", d->name, i,
                              d->example);
            set_one(L, at, NULL, i, i);
        }
    }
    if (sn_obj_finish(box->obj, &e) != SN_OK) return sn_raise(L, &e);
    if (k == &sn_kind_dataset) return sn_open_dataset(L, box->obj);
    return 1;
}

/* ---- looking at ---- */

static int object_text(lua_State *L) {
    sn_obj *o = sn_check_object(L, 1, NULL);
    sn_buf *b = sn_push_buf(L, 1 << 20);
    sn_obj_print(o, b);
    lua_pushlstring(L, b->data ? b->data : "", b->len);
    return 1;
}

/* core.object_info(object) -> kind, name, inputs (layers: -1 = two or more) */
static int object_info(lua_State *L) {
    sn_obj *o = sn_check_object(L, 1, NULL);
    lua_pushstring(L, o->kind->name);
    lua_pushstring(L, o->desc->name);
    if (o->kind != &sn_kind_layer) return 2;
    lua_pushinteger(L, sn_layer_in(o->desc, SN_F32)->nin);
    return 3;
}

/* object.FIELD; also .type ("conv2d") and .kind ("layer") */
static int object_index(lua_State *L) {
    sn_obj *o = sn_check_object(L, 1, NULL);
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strlen(key) != lua_rawlen(L, 2)) key = ""; /* a zero byte, which no name has */
    const sn_field *f = sn_field_find(o->kind, o->desc, key);
    if (f)
        sn_push_field(L, 1, o, f);
    else if (strcmp(key, "type") == 0)
        lua_pushstring(L, o->desc->name);
    else if (strcmp(key, "kind") == 0)
        lua_pushstring(L, o->kind->name);
    else
        lua_pushnil(L);
    return 1;
}

static int object_equal(lua_State *L) {
    sn_obj *a = sn_test_object(L, 1), *b = sn_test_object(L, 2);
    lua_pushboolean(L, a && b && sn_obj_equal(a, b));
    return 1;
}

/* core.named(kind, name) -> object with all defaults: what a string stands for */
static int object_named(lua_State *L) {
    const char *kind = luaL_checkstring(L, 1),
               *name = sn_check_text(L, 2, lua_pushfstring(L, "the name of the %s", kind));
    for (const sn_kind *const *k = sn_all_kinds; *k; k++) {
        if (strcmp((*k)->name, kind) != 0) continue;
        sn_lua_object *box = push_box(L);
        sn_err e;
        box->obj = sn_obj_named(*k, name, &e);
        return box->obj ? 1 : sn_raise(L, &e);
    }
    return sn_raise_text(L, "there is no kind \"%s\"", kind);
}

/* ---- describing, for help and completion ---- */

static const char *const type_names[] = {
    "whole number",
    "number",
    "true or false",
    "one of",
    "text",
    "number or pair",
    "list of whole numbers",
    "list of numbers",
    "list of texts",
    "object",
    "number, schedule or function",
    "tensor",
};

static void push_described_field(lua_State *L, const sn_field *f) {
    luaL_checkstack(L, 8, "fields");
    lua_newtable(L);
    sn_set_text(L, "name", f->name);
    sn_set_text(L, "type", type_names[f->type]);
    sn_set_text(L, "doc", f->doc);
    if (f->kind) sn_set_text(L, "kind", f->kind->name);
    sn_set_int(L, "pos", f->pos);
    sn_set_bool(L, "required", f->flags & SN_REQUIRED);
    if (f->min != 0 || f->max != 0) {
        lua_pushnumber(L, f->min);
        lua_setfield(L, -2, "min");
        lua_pushnumber(L, f->max);
        lua_setfield(L, -2, "max");
    }
    if (f->type == SN_T_ENUM) {
        lua_newtable(L);
        for (int i = 0; f->choices[i]; i++) {
            lua_pushstring(L, f->choices[i]);
            lua_rawseti(L, -2, i + 1);
        }
        lua_setfield(L, -2, "choices");
    }
    sn_buf *b = sn_push_buf(L, 4096);
    sn_field_print_default(f, b);
    lua_pushlstring(L, b->data ? b->data : "", b->len);
    lua_setfield(L, -3, "default");
    lua_pop(L, 1); /* the buffer */
}

static void push_described(lua_State *L, const sn_kind *k, const sn_desc *d) {
    lua_newtable(L);
    sn_set_text(L, "kind", k->name);
    sn_set_text(L, "name", d->name);
    sn_set_text(L, "alias", d->alias);
    sn_set_text(L, "brief", d->brief);
    sn_set_text(L, "example", d->example);
    lua_newtable(L);
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(k, d, i)); i++) {
        push_described_field(L, f);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "fields");
}

/* core.describe(kind, name or alias) -> everything that the tables say of it, or nil */
static int describe(lua_State *L) {
    const char *kind = luaL_checkstring(L, 1), *name = luaL_checkstring(L, 2);
    for (const sn_kind *const *k = sn_all_kinds; *k; k++) {
        if (strcmp((*k)->name, kind) != 0) continue;
        const sn_desc *d = sn_kind_find(*k, name);
        if (!d) return 0;
        push_described(L, *k, d);
        return 1;
    }
    return 0;
}

/* core.kinds: a list of { kind = "layer", { name, alias or nil, construct, inputs or nil }, ... } */
static void push_kinds(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; sn_all_kinds[i]; i++) {
        const sn_kind *k = sn_all_kinds[i];
        lua_newtable(L);
        sn_set_text(L, "kind", k->name);
        for (int j = 0; k->list[j]; j++) {
            lua_newtable(L);
            sn_set_text(L, "name", k->list[j]->name);
            sn_set_text(L, "alias", k->list[j]->alias);
            lua_pushlightuserdata(L, (void *)(uintptr_t)k);
            lua_pushlightuserdata(L, (void *)(uintptr_t)k->list[j]);
            lua_pushcclosure(L, construct, 2);
            lua_setfield(L, -2, "construct");
            if (k == &sn_kind_layer) {
                lua_pushinteger(L, sn_layer_in(k->list[j], SN_F32)->nin);
                lua_setfield(L, -2, "inputs");
            }
            lua_rawseti(L, -2, j + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
}

void sn_open_objects(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "object_info", object_info },
        { "object_text", object_text },
        { "named", object_named },
        { "describe", describe },
        { NULL, NULL },
    };
    static const luaL_Reg methods[] = {
        { "__index", object_index }, { "__eq", object_equal }, { "__tostring", object_text }, { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
    push_kinds(L);
    lua_setfield(L, -2, "kinds");
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_OBJECT, object_gc);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, SN_MT_OBJECT);
    lua_pop(L, 1);
}
