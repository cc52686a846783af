/* Models in Lua: built from a list of layers and calls that the Lua half has collected. */
#include "base/mem.h"
#include "bind/glue.h"
#include "nn/engine.h"
#include "nn/plan.h"
#include "nn/surgery.h"
#include "train/model_file.h"
#include <string.h>

static sn_lua_model *push_box(lua_State *L) { return sn_push_box(L, SN_MT_MODEL, sizeof(sn_lua_model)); }

sn_model *sn_check_model(lua_State *L, int arg) {
    sn_lua_model *box = luaL_checkudata(L, arg, SN_MT_MODEL);
    if (!box->model) sn_raise_text(L, "the model is closed");
    return box->model;
}

static int model_gc(lua_State *L) {
    sn_lua_model *box = luaL_checkudata(L, 1, SN_MT_MODEL);
    sn_model_free(box->model);
    box->model = NULL;
    return 0;
}

/* ---- building ---- */

/* Layer objects from the list at arg 2, in order. */
static void add_layers(lua_State *L, sn_model *m) {
    int n = (int)lua_rawlen(L, 2), index;
    for (int i = 1; i <= n; i++) {
        lua_rawgeti(L, 2, i);
        sn_err e;
        if (sn_model_add_layer(m, sn_check_object(L, -1, &sn_kind_layer), &index, &e) != SN_OK) sn_raise(L, &e);
        lua_pop(L, 1);
    }
}

enum { MAX_INPUTS = 1024 };

/* One call { layer, input call, ... } on top of the stack; numbers from 1. nodes: the results of earlier calls.
 */
static int add_call(lua_State *L, sn_model *m, const int *nodes, int ncall) {
    int in[MAX_INPUTS], nin = (int)lua_rawlen(L, -1) - 1, layer = 0;
    if (nin < 0 || nin > MAX_INPUTS) sn_raise_text(L, "model: a layer is called on %d inputs", nin);
    for (int i = 0; i <= nin; i++) {
        lua_rawgeti(L, -1, i + 1);
        lua_Integer v = lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (v < 1 || v > (i ? ncall : m->nlayer)) sn_raise_text(L, "model: a call refers to what is not there");
        if (i == 0)
            layer = (int)v - 1;
        else
            in[i - 1] = nodes[v - 1];
    }
    int node;
    sn_err e;
    if (sn_model_call(m, layer, in, nin, &node, &e) != SN_OK) sn_raise(L, &e);
    return node;
}

static int check_node(lua_State *L, int arg, const int *nodes, int n) {
    lua_Integer i = luaL_checkinteger(L, arg);
    luaL_argcheck(L, i >= 1 && i <= n, arg, "no such call");
    return nodes[i - 1];
}

/* core.model_build(name, layers, calls, input call, output call, seed) */
static int model_build(lua_State *L) {
    const char *name = sn_check_text(L, 1, "model: the name");
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checktype(L, 3, LUA_TTABLE);
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 6);
    int n = (int)lua_rawlen(L, 3);
    int *nodes = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *nodes, 0);
    sn_lua_model *box = push_box(L);
    sn_err e;
    if (sn_model_new(&box->model, name, &e) != SN_OK) return sn_raise(L, &e);
    add_layers(L, box->model);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 3, i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        nodes[i] = add_call(L, box->model, nodes, i);
        lua_pop(L, 1);
    }
    int in = check_node(L, 4, nodes, n), out = check_node(L, 5, nodes, n);
    sn_status s = sn_model_finish(box->model, in, out, seed, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account(L, box->model->slab_count * sizeof(float));
    return 1;
}

/* ---- looking at ---- */

static void set_shape(lua_State *L, const char *key, const sn_shape *s) {
    sn_push_shape(L, s);
    lua_setfield(L, -2, key);
}

static void push_param(lua_State *L, const sn_model *m, int i) {
    const sn_param *p = &m->params[i];
    lua_newtable(L);
    sn_set_text(L, "name", p->spec.name);
    sn_set_text(L, "path", p->name);
    sn_set_int(L, "index", i + 1);
    sn_set_int(L, "count", (int64_t)p->count);
    sn_set_int(L, "layer", p->layer + 1);
    set_shape(L, "shape", &p->spec.shape);
    sn_set_bool(L, "trainable", p->trainable);
    if (p->spec.regularizer) {
        sn_push_object(L, p->spec.regularizer);
        lua_setfield(L, -2, "regularizer");
    }
}

static void push_layer(lua_State *L, const sn_model *m, int i) {
    luaL_checkstack(L, 10, "layers");
    const sn_layer *l = &m->layers[i];
    lua_newtable(L);
    sn_set_text(L, "name", l->name);
    sn_set_text(L, "type", l->obj->desc->name);
    sn_push_object(L, l->obj);
    lua_setfield(L, -2, "object");
    set_shape(L, "shape", &m->nodes[l->node].out);
    double macs = 0;
    for (int k = 0; k < m->nnode; k++)
        if (m->nodes[k].layer == i) macs += m->nodes[k].macs;
    lua_pushnumber(L, macs);
    lua_setfield(L, -2, "macs");
    lua_newtable(L);
    for (int k = 0; k < l->nparam; k++) {
        push_param(L, m, l->first_param + k);
        lua_rawseti(L, -2, k + 1);
    }
    lua_setfield(L, -2, "params");
    lua_newtable(L); /* inputs: numbers of the layers that the first call reads */
    const sn_node *node = &m->nodes[l->node];
    while (node->is_activation) node = &m->nodes[node->in[0]];
    for (int k = 0; k < node->nin; k++) {
        lua_pushinteger(L, m->nodes[node->in[k]].layer + 1);
        lua_rawseti(L, -2, k + 1);
    }
    lua_setfield(L, -2, "inputs");
}

/* core.model_info(m) -> { name, input, output, layers = { { name, type, object, shape, macs, params, inputs } }
 * } */
static int model_info(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    lua_newtable(L);
    sn_set_text(L, "name", m->name);
    set_shape(L, "input", sn_model_input_shape(m));
    set_shape(L, "output", sn_model_output_shape(m));
    lua_newtable(L);
    for (int i = 0; i < m->nlayer; i++) {
        push_layer(L, m, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "layers");
    return 1;
}

/* core.model_count(m) -> total, trainable, non-trainable */
static int model_count(lua_State *L) {
    int64_t trainable, fixed;
    lua_pushinteger(L, sn_model_count(sn_check_model(L, 1), &trainable, &fixed));
    lua_pushinteger(L, trainable);
    lua_pushinteger(L, fixed);
    return 3;
}

/* core.model_measure(m, batch, train) -> bytes of a step */
static int model_measure(lua_State *L) {
    sn_plan_opts opts = { .mode = lua_toboolean(L, 3) ? SN_PLAN_TRAIN : SN_PLAN_INFER,
                          .batch = luaL_checkinteger(L, 2),
                          .dtype = SN_F32,
                          .fuse = true };
    size_t bytes;
    sn_err e;
    if (sn_plan_measure(sn_check_model(L, 1), &opts, &bytes, &e) != SN_OK) return sn_raise(L, &e);
    lua_pushinteger(L, (lua_Integer)bytes);
    return 1;
}

/* core.model_engine(m, batch) -> list by node: { layer = its number, forward, data, weights = texts or nil,
 * flops, workspace, within = number of a layer or nil } */
static int model_engine(lua_State *L) {
    static const char *const names[SN_PASSES] = { "forward", "data", "weights" };
    const sn_model *m = sn_check_model(L, 1);
    sn_plan_opts opts = {
        .mode = SN_PLAN_TRAIN, .batch = luaL_checkinteger(L, 2), .dtype = SN_F32, .fuse = true
    };
    sn_engine *rows = lua_newuserdatauv(L, (size_t)m->nnode * sizeof *rows, 0);
    sn_err e;
    if (sn_plan_engine(m, &opts, rows, &e) != SN_OK) return sn_raise(L, &e);
    lua_newtable(L);
    for (int i = 0; i < m->nnode; i++) {
        lua_newtable(L);
        sn_set_int(L, "layer", m->nodes[i].layer + 1);
        for (int k = 0; k < SN_PASSES; k++)
            if (rows[i].pass[k][0]) sn_set_text(L, names[k], rows[i].pass[k]);
        sn_set_num(L, "flops", rows[i].flops);
        sn_set_int(L, "workspace", (lua_Integer)rows[i].workspace);
        if (rows[i].within >= 0) sn_set_int(L, "within", m->nodes[rows[i].within].layer + 1);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* ---- weights ---- */

const sn_param *sn_check_param(lua_State *L, const sn_model *m, int arg) {
    lua_Integer i = luaL_checkinteger(L, arg);
    luaL_argcheck(L, i >= 1 && i <= m->nparam, arg, "no such parameter");
    return &m->params[i - 1];
}

/* core.model_get(m, parameter) -> a copy */
static int model_get(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    const sn_param *p = sn_check_param(L, m, 2);
    sn_tensor *t = sn_new_tensor(L, SN_F32, &p->spec.shape);
    memcpy(t->data, m->slab + p->offset, p->count * sizeof(float));
    return 1;
}

/* core.model_set(m, parameter, tensor, check_only [, who]) */
static int model_set(lua_State *L) {
    sn_model *m = sn_check_model(L, 1);
    const sn_param *p = sn_check_param(L, m, 2);
    const sn_tensor *given = sn_check_tensor(L, 3);
    if (!sn_shape_equal(&given->shape, &p->spec.shape)) {
        char want[160], got[160];
        return sn_raise_text(L, "%s: %s wants %s, got %s", luaL_optstring(L, 5, "set_weights"), p->name,
                             sn_shape_text(&p->spec.shape, false, want, sizeof want),
                             sn_shape_text(&given->shape, false, got, sizeof got));
    }
    if (lua_toboolean(L, 4)) return 0;
    const sn_tensor *t = sn_float_tensor(L, 3);
    memcpy(m->slab + p->offset, t->data, p->count * sizeof(float));
    m->edits++;
    return 0;
}

/* core.model_set_trainable(m, layer, bool) */
static int model_set_trainable(lua_State *L) {
    sn_model *m = sn_check_model(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 1 && i <= m->nlayer, 2, "no such layer");
    sn_err e;
    if (sn_model_set_trainable(m, (int)i - 1, lua_toboolean(L, 3), &e) != SN_OK) return sn_raise(L, &e);
    return 0;
}

/* core.model_freeze(m, list of layers, trainable): all of them or none */
static int model_freeze(lua_State *L) {
    sn_model *m = sn_check_model(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    const bool *which = sn_check_layers(L, 2, m);
    bool to = lua_toboolean(L, 3), *turned = lua_newuserdatauv(L, (size_t)m->nlayer + 1, 0);
    sn_err e;
    sn_status s = SN_OK;
    int n = 0;
    for (; n < m->nlayer && s == SN_OK; n++) {
        const sn_layer_common *c = m->layers[n].obj->cfg;
        turned[n] = which[n] && c->trainable != to;
        if (turned[n]) s = sn_model_set_trainable(m, n, to, &e);
    }
    if (s == SN_OK) return 0;
    for (int i = 0; i < n - 1; i++) /* back to what is there already: cannot fail */
        if (turned[i]) sn_model_set_trainable(m, i, !to, NULL);
    return sn_raise(L, &e);
}

/* ---- surgery ---- */

/* core.model_changes(m) -> how often its graph was changed */
static int model_changes(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)sn_check_model(L, 1)->changes);
    return 1;
}

#define MT_FRESH "sonde.fresh"

typedef struct {
    bool *layer;
} fresh_box;

static int fresh_gc(lua_State *L) {
    fresh_box *box = luaL_checkudata(L, 1, MT_FRESH);
    sn_free(box->layer);
    box->layer = NULL;
    return 0;
}

/* core.model_operate(m, "replace" | "before" | "after" | "remove", layer, node or nil, object or nil, keep
 * weights, seed) -> list of the numbers of layers that began with new weights */
static int model_operate(lua_State *L) {
    static const char *const what[] = { "replace", "before", "after", "remove", NULL };
    static const char *const who[] = { "replace", "insert", "insert", "remove" };
    lua_settop(L, 7);
    sn_model *m = sn_check_model(L, 1);
    sn_surgery s = { .what = (sn_surgery_what)luaL_checkoption(L, 2, NULL, what),
                     .layer = (int)luaL_checkinteger(L, 3) - 1,
                     .node = (int)luaL_optinteger(L, 4, 0) - 1,
                     .obj = lua_isnil(L, 5) ? NULL : sn_check_object(L, 5, &sn_kind_layer),
                     .keep_weights = lua_toboolean(L, 6),
                     .seed = (uint64_t)luaL_checkinteger(L, 7) };
    luaL_argcheck(L, s.obj || s.what == SN_REMOVE, 5, "a layer is wanted");
    fresh_box *box = sn_push_box(L, MT_FRESH, sizeof *box);
    size_t before = sn_mem_used();
    sn_err e;
    sn_status st = sn_model_operate(m, &s, &box->layer, &e);
    if (sn_retry(L, st)) st = sn_model_operate(m, &s, &box->layer, &e);
    if (st != SN_OK) {
        if (st != SN_ECANCEL) sn_fail_prefix(&e, "%s", who[s.what]);
        return sn_raise(L, &e);
    }
    sn_account_since(L, before);
    lua_newtable(L);
    for (int i = 0, n = 0; i < m->nlayer; i++) {
        if (!box->layer[i]) continue;
        lua_pushinteger(L, i + 1);
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

/* ---- files ---- */

/* core.model_save(m, trainer or nil, path) */
static int model_save(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    const sn_trainer *t = lua_isnoneornil(L, 2) ? NULL : sn_check_trainer(L, 2);
    sn_err e;
    if (sn_model_save(sn_check_text(L, 3, "save: the path"), m, t, &e) != SN_OK)
        return sn_raise_as(L, "save", &e);
    return 0;
}

/* core.model_load(path) -> model, trainer or nil */
static int model_load(lua_State *L) {
    const char *path = sn_check_text(L, 1, "load_model: the path");
    sn_lua_model *m = push_box(L);
    sn_lua_trainer *t = sn_push_box(L, SN_MT_TRAINER, sizeof *t);
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    sn_err e;
    sn_status s = sn_model_load(path, &m->model, &t->trainer, &e);
    if (sn_retry(L, s)) s = sn_model_load(path, &m->model, &t->trainer, &e);
    if (s != SN_OK) return sn_raise_as(L, "load_model", &e);
    sn_account(L, m->model->slab_count * sizeof(float));
    return t->trainer ? 2 : (lua_pop(L, 1), 1);
}

void sn_open_models(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "model_build", model_build },     { "model_info", model_info },
        { "model_count", model_count },     { "model_get", model_get },
        { "model_measure", model_measure }, { "model_engine", model_engine },
        { "model_set", model_set },         { "model_save", model_save },
        { "model_load", model_load },       { "model_set_trainable", model_set_trainable },
        { "model_changes", model_changes }, { "model_operate", model_operate },
        { "model_freeze", model_freeze },   { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_MODEL, model_gc);
    lua_setfield(L, -2, SN_MT_MODEL);
    lua_pop(L, 1);
    sn_new_metatable(L, MT_FRESH, fresh_gc);
    lua_pop(L, 1);
}
