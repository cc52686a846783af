/* .npy and .npz files. */
#include "bind/glue.h"
#include "io/npz.h"
#include "num/npy.h"
#include <string.h>

#define MT_NPZ "sonde.npz"

static int npz_gc(lua_State *L) {
    sn_npz_drop(luaL_checkudata(L, 1, MT_NPZ));
    return 0;
}

/* The tensor moves into a new userdata; *t is empty afterwards. */
static void push_moved(lua_State *L, sn_tensor *t) {
    sn_tensor *r = sn_push_tensor(L);
    *r = *t;
    *t = (sn_tensor){ 0 };
    sn_account(L, (size_t)sn_shape_count(&r->shape) * sn_dtype_size(r->dtype));
}

static const char *check_path(lua_State *L, const char *who) {
    if (lua_type(L, 1) != LUA_TSTRING) {
        sn_raise_text(L, "%s: wants the path of a file as a text, got %s", who, sn_push_type(L, 1));
        return NULL;
    }
    return sn_check_text(L, 1, lua_pushfstring(L, "%s: the path", who));
}

/* core.npz_load(path) -> table of tensors by name */
static int npz_load(lua_State *L) {
    const char *path = check_path(L, "npz.load");
    sn_npz *nz = sn_push_box(L, MT_NPZ, sizeof *nz);
    sn_err e;
    sn_status s = sn_npz_load(nz, path, &e);
    if (sn_retry(L, s)) s = sn_npz_load(nz, path, &e);
    if (s != SN_OK) return sn_raise_as(L, "npz.load", &e);
    lua_newtable(L);
    for (int64_t i = 0; i < nz->n; i++) {
        push_moved(L, &nz->tensor[i]);
        lua_setfield(L, -2, nz->name[i]);
    }
    return 1;
}

/* core.npz_save(path, list of names, list of tensors) */
static int npz_save(lua_State *L) {
    const char *path = check_path(L, "npz.save");
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    size_t n = lua_rawlen(L, 2);
    const char **names = lua_newuserdatauv(L, (n + 1) * sizeof *names, 0);
    const sn_tensor **tensors = lua_newuserdatauv(L, (n + 1) * sizeof *tensors, 0);
    for (size_t i = 0; i < n; i++) {
        if (lua_rawgeti(L, 2, (lua_Integer)i + 1) != LUA_TSTRING)
            return sn_raise_text(L, "npz.save: names are texts");
        names[i] = sn_check_text(L, -1, "npz.save: a name");
        lua_rawgeti(L, 3, (lua_Integer)i + 1);
        tensors[i] = sn_check_tensor(L, -1);
        lua_pop(L, 2); /* the tables keep both */
    }
    sn_err e;
    if (sn_npz_save(path, names, tensors, (int64_t)n, &e) != SN_OK) return sn_raise_as(L, "npz.save", &e);
    return 0;
}

static int npy_load(lua_State *L) {
    const char *path = check_path(L, "npy.load");
    sn_tensor *t = sn_push_tensor(L);
    sn_err e;
    sn_status s = sn_npy_load(t, path, &e);
    if (sn_retry(L, s)) s = sn_npy_load(t, path, &e);
    if (s != SN_OK) return sn_raise_as(L, "npy.load", &e);
    sn_account(L, (size_t)sn_shape_count(&t->shape) * sn_dtype_size(t->dtype));
    return 1;
}

static int npy_save(lua_State *L) {
    const char *path = check_path(L, "npy.save");
    const sn_tensor *t = sn_check_tensor(L, 2);
    sn_err e;
    if (sn_npy_save(t, path, &e) != SN_OK) return sn_raise_as(L, "npy.save", &e);
    return 0;
}

void sn_open_files(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "npz_load", npz_load }, { "npz_save", npz_save }, { "npy_load", npy_load },
        { "npy_save", npy_save }, { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_NPZ, npz_gc);
    lua_pop(L, 1);
}
