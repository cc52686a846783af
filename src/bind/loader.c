/* Loaders in Lua: passes over a dataset, and its batches as training gets them. */
#include "bind/glue.h"
#include <string.h>

#define MT_LOADER "sonde.loader"

void sn_close_loader(sn_lua_loader *box) {
    sn_loader_free(box->loader);
    box->loader = NULL;
}

static int loader_gc(lua_State *L) {
    sn_close_loader(luaL_checkudata(L, 1, MT_LOADER));
    return 0;
}

static sn_lua_loader *push_loader(lua_State *L, sn_dataset *d, const sn_loader_opts *opts, int64_t epoch,
                                  int64_t batch) {
    sn_lua_loader *box = sn_push_box(L, MT_LOADER, sizeof *box);
    sn_err e;
    sn_status s = sn_loader_new(&box->loader, d, opts, &e);
    if (sn_retry(L, s)) s = sn_loader_new(&box->loader, d, opts, &e);
    if (s == SN_OK) s = sn_loader_seek(box->loader, epoch, batch, &e);
    if (s != SN_OK) sn_raise(L, &e);
    return box;
}

sn_lua_loader *sn_push_loader(lua_State *L, sn_dataset *d, int64_t batch_size) {
    sn_loader_opts opts = { .batch_size = batch_size, .borrow = true };
    return push_loader(L, d, &opts, 0, 0);
}

int64_t sn_check_batch_size(lua_State *L, int arg) {
    lua_Integer n = luaL_checkinteger(L, arg);
    if (n < 1) sn_raise_text(L, "batch_size = %lld must be at least 1", (long long)n);
    return n;
}

/* core.loader(dataset, batch_size, shuffle, seed, epoch from 0, first batch from 1, ahead: how many it may
 * prepare ahead, 0 = its choice) */
static int loader_new(lua_State *L) {
    sn_loader_opts opts = { .batch_size = sn_check_batch_size(L, 2),
                            .shuffle = lua_toboolean(L, 3),
                            .seed = (uint64_t)luaL_checkinteger(L, 4),
                            .ahead = (int)luaL_checkinteger(L, 7),
                            .borrow = true }; /* loader_next copies */
    lua_Integer epoch = luaL_checkinteger(L, 5), first = luaL_checkinteger(L, 6);
    luaL_argcheck(L, epoch >= 0, 5, "no such epoch");
    luaL_argcheck(L, first >= 1, 6, "no such batch");
    push_loader(L, sn_check_dataset(L, 1), &opts, epoch, first - 1);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    return 1;
}

/* The first n rows of the tensor on top of the stack in its place. */
static void shorten(lua_State *L, int64_t n) {
    const sn_tensor *all = sn_check_tensor(L, -1);
    if (all->shape.d[0] == n) return;
    sn_tensor *less = sn_push_tensor(L);
    *less = sn_tensor_rows(all, 0, n);
    lua_remove(L, -2);
}

/* core.loader_next(loader) -> x, y or nil, numbers of the samples from 1, number of the batch from 1; nothing
 * at the end of the epoch. They are there before the batch is taken: want of memory loses none. */
static int loader_next(lua_State *L) {
    sn_lua_loader *box = luaL_checkudata(L, 1, MT_LOADER);
    if (!box->loader) return sn_raise_text(L, "the loader is closed");
    const sn_dataset *d = sn_loader_dataset(box->loader);
    int64_t most = sn_loader_batch_size(box->loader);
    sn_shape x_shape = sn_shape_with_batch(&d->x_shape, most), y_shape = sn_shape_with_batch(&d->y_shape, most);
    sn_tensor *x = sn_new_tensor(L, SN_F32, &x_shape), *y = sn_new_tensor(L, SN_F32, &y_shape);
    sn_tensor *index = sn_new_tensor(L, SN_I64, &(sn_shape){ .n = 1, .d = { most } });
    sn_batch b;
    sn_err e;
    sn_set_active(NULL, box->loader);
    sn_status s = sn_loader_next(box->loader, &b, &e);
    sn_set_active(NULL, NULL);
    if (s != SN_OK) return sn_raise(L, &e);
    if (b.n == 0) return 0;
    memcpy(x->data, b.x, (size_t)(b.n * sn_shape_row(&x_shape)) * sizeof(float));
    if (d->has_y) memcpy(y->data, b.y, (size_t)(b.n * sn_shape_row(&y_shape)) * sizeof(float));
    for (int64_t i = 0; i < b.n; i++) ((int64_t *)index->data)[i] = b.index[i] + 1;
    int at = lua_gettop(L) - 2;
    lua_Integer number = b.number + 1;
    for (int i = 0; i < 3; i++) {
        lua_pushvalue(L, at + i);
        shorten(L, b.n);
        if (i == 1 && !d->has_y) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
    }
    lua_pushinteger(L, number);
    return 4;
}

void sn_open_loaders(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "loader", loader_new },
        { "loader_next", loader_next },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_LOADER, loader_gc);
    lua_pushcfunction(L, loader_gc);
    lua_setfield(L, -2, "__close"); /* its threads shall not wait for the collector */
    lua_pop(L, 1);
}
