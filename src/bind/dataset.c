/* Datasets in Lua. */
#include "bind/glue.h"

static sn_lua_dataset *push_box(lua_State *L) { return sn_push_box(L, SN_MT_DATASET, sizeof(sn_lua_dataset)); }

sn_dataset *sn_check_dataset(lua_State *L, int arg) {
    sn_lua_dataset *box = luaL_checkudata(L, arg, SN_MT_DATASET);
    if (!box->data) sn_raise_text(L, "the dataset is closed");
    return box->data;
}

static int dataset_gc(lua_State *L) {
    sn_lua_dataset *box = luaL_checkudata(L, 1, SN_MT_DATASET);
    sn_dataset_release(box->data);
    box->data = NULL;
    return 0;
}

int sn_open_dataset(lua_State *L, sn_obj *cfg) {
    sn_lua_dataset *box = push_box(L);
    sn_err e;
    sn_status s = sn_dataset_open(cfg, &box->data, &e);
    if (sn_retry(L, s)) s = sn_dataset_open(cfg, &box->data, &e);
    return s == SN_OK ? 1 : sn_raise(L, &e);
}

/* core.dataset_tensors(x, y or nil) */
static int dataset_tensors(lua_State *L) {
    const sn_tensor *x = sn_check_tensor(L, 1), *y = lua_isnoneornil(L, 2) ? NULL : sn_check_tensor(L, 2);
    sn_lua_dataset *box = push_box(L);
    sn_err e;
    if (sn_dataset_tensors(&box->data, x, y, &e) != SN_OK) return sn_raise(L, &e);
    return 1;
}

/* core.dataset_split(d, fraction, shuffle, seed) -> two datasets */
static int dataset_split(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    double fraction = luaL_checknumber(L, 2);
    bool shuffle = lua_toboolean(L, 3);
    uint64_t seed = (uint64_t)luaL_optinteger(L, 4, 0);
    sn_lua_dataset *first = push_box(L), *rest = push_box(L);
    sn_err e;
    if (sn_dataset_split(d, fraction, shuffle, seed, &first->data, &rest->data, &e) != SN_OK)
        return sn_raise(L, &e);
    return 2;
}

static int dataset_take(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    sn_lua_dataset *box = push_box(L);
    sn_err e;
    if (sn_dataset_take(d, n, &box->data, &e) != SN_OK) return sn_raise(L, &e);
    return 1;
}

/* core.dataset_view(d, list of numbers from 1) */
static int dataset_view(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    if (!lua_istable(L, 2))
        return sn_raise_text(L, "pick: wants a list of numbers of samples, got %s", sn_push_type(L, 2));
    size_t n = lua_rawlen(L, 2);
    int64_t *index = lua_newuserdatauv(L, (n + 1) * sizeof *index, 0);
    for (size_t i = 0; i < n; i++) {
        int whole = 0; /* "3" is no number here */
        lua_Integer number =
            lua_rawgeti(L, 2, (lua_Integer)i + 1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
        if (!whole)
            return sn_raise_text(L, "pick: element %zu of the list is %s, not the number of a sample", i + 1,
                                 sn_push_quoted(L, -1));
        if (number < 1 || number > d->count)
            return sn_raise_text(L, "sample %lld is outside 1..%lld", (long long)number, (long long)d->count);
        index[i] = number - 1;
        lua_pop(L, 1);
    }
    sn_lua_dataset *box = push_box(L);
    sn_err e;
    if (sn_dataset_view(&box->data, d, index, (int64_t)n, &e) != SN_OK) return sn_raise(L, &e);
    return 1;
}

static int dataset_labels(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    sn_tensor *t = sn_push_tensor(L);
    sn_err e;
    if (sn_dataset_labels(d, t, &e) != SN_OK) return sn_raise(L, &e);
    return 1;
}

/* core.dataset_fingerprint(d) -> 16 hexadecimal digits: what a saved run knows its data by */
static int dataset_fingerprint(lua_State *L) {
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)sn_dataset_fingerprint(sn_check_dataset(L, 1)));
    lua_pushstring(L, text);
    return 1;
}

static int dataset_broken(lua_State *L) {
    lua_pushinteger(L, sn_dataset_broken(sn_check_dataset(L, 1)));
    return 1;
}

static int dataset_len(lua_State *L) {
    lua_pushinteger(L, sn_check_dataset(L, 1)->count);
    return 1;
}

/* core.dataset_sample(d, i from 1) -> x, y or nil, name or nil */
static int dataset_sample(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    if (i < 1 || i > d->count)
        return sn_raise_text(L, "sample %lld is outside 1..%lld", (long long)i, (long long)d->count);
    sn_tensor *x = sn_new_tensor(L, SN_F32, &d->x_shape);
    sn_tensor *y = sn_new_tensor(L, SN_F32, &d->y_shape);
    sn_err e;
    if (d->fns->get(d, i - 1, x->data, y->data, &e) != SN_OK) return sn_raise(L, &e);
    if (!d->has_y) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    lua_pushstring(L, sn_dataset_sample_name(d, i - 1));
    return 3;
}

/* core.dataset_info(d) -> { count, x_shape, y_shape, has_y, classes, class_names, object } */
static int dataset_info(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    lua_newtable(L);
    sn_set_int(L, "count", d->count);
    sn_set_int(L, "classes", d->nclass);
    sn_push_shape(L, &d->x_shape);
    lua_setfield(L, -2, "x_shape");
    sn_push_shape(L, &d->y_shape);
    lua_setfield(L, -2, "y_shape");
    sn_set_bool(L, "has_y", d->has_y);
    if (d->obj) {
        sn_push_object(L, d->obj);
        lua_setfield(L, -2, "object");
    }
    if (d->class_names) {
        lua_newtable(L);
        for (int i = 0; i < d->nclass; i++) {
            lua_pushstring(L, d->class_names[i]);
            lua_rawseti(L, -2, i + 1);
        }
        lua_setfield(L, -2, "class_names");
    }
    return 1;
}

/* core.dataset_notice(d) -> what there is to say about its making ("Found 3 files ..."), or nil */
static int dataset_notice(lua_State *L) {
    lua_pushstring(L, sn_check_dataset(L, 1)->notice);
    return 1;
}

/* core.dataset_seed(n): of datasets that are given none */
static int dataset_seed(lua_State *L) {
    sn_dataset_set_seed((uint64_t)luaL_checkinteger(L, 1));
    return 0;
}

/* core.loader_bytes(model, batch_size): what a loader for it will hold, whatever the data */
static int loader_bytes(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    sn_loader_opts opts = { .batch_size = luaL_checkinteger(L, 2) };
    sn_dataset any = { .count = opts.batch_size,
                       .x_shape = *sn_model_input_shape(m),
                       .y_shape = *sn_model_output_shape(m),
                       .has_y = true };
    lua_pushinteger(L, (lua_Integer)sn_loader_bytes(&any, &opts));
    return 1;
}

void sn_open_datasets(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "dataset_tensors", dataset_tensors }, { "dataset_split", dataset_split },
        { "dataset_take", dataset_take },       { "dataset_view", dataset_view },
        { "dataset_labels", dataset_labels },   { "dataset_len", dataset_len },
        { "dataset_broken", dataset_broken },   { "dataset_fingerprint", dataset_fingerprint },
        { "dataset_sample", dataset_sample },   { "dataset_info", dataset_info },
        { "loader_bytes", loader_bytes },       { "dataset_notice", dataset_notice },
        { "dataset_seed", dataset_seed },       { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_DATASET, dataset_gc);
    lua_setfield(L, -2, SN_MT_DATASET);
    lua_pop(L, 1);
}
