/* Probes in Lua: recorders of a run. What is measured of one batch: look.c. */
#include "bind/glue.h"
#include "train/recorder.h"
#include <string.h>

#define MT_RECORDER "sonde.recorder"

typedef struct {
    sn_recorder *rec;
} recorder_box;

static int recorder_gc(lua_State *L) {
    recorder_box *box = luaL_checkudata(L, 1, MT_RECORDER);
    sn_recorder_free(box->rec);
    box->rec = NULL;
    return 0;
}

static sn_recorder *check_recorder(lua_State *L, int arg) {
    recorder_box *box = luaL_checkudata(L, arg, MT_RECORDER);
    if (!box->rec) sn_raise_text(L, "record: it is closed");
    return box->rec;
}

/* core.recorder(run, list of probes, list of layer numbers or nil, every, keep) */
static int recorder_new(lua_State *L) {
    lua_settop(L, 5);
    sn_run *run = sn_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    int64_t every = luaL_checkinteger(L, 4);
    const bool *layers = sn_check_layers(L, 3, sn_run_trainer(run)->model);
    int n = (int)luaL_len(L, 2);
    sn_obj **probes = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *probes, 0);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        probes[i] = sn_check_object(L, -1, &sn_kind_probe);
        lua_pop(L, 1); /* the list keeps it */
    }
    recorder_box *box = sn_push_box(L, MT_RECORDER, sizeof *box);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    bool keep = lua_toboolean(L, 5);
    sn_err e;
    sn_status s = sn_recorder_new(&box->rec, run, probes, n, layers, every, keep, &e);
    if (sn_retry(L, s)) s = sn_recorder_new(&box->rec, run, probes, n, layers, every, keep, &e);
    return s == SN_OK ? 1 : sn_raise(L, &e);
}

static int recorder_stop(lua_State *L) {
    sn_recorder_stop(check_recorder(L, 1));
    return 0;
}

/* core.recorder_info(recorder) -> recorded steps, is it stopped? */
static int recorder_info(lua_State *L) {
    const sn_recorder *r = check_recorder(L, 1);
    lua_pushinteger(L, sn_recorder_count(r));
    lua_pushboolean(L, sn_recorder_stopped(r));
    return 2;
}

/* core.recorder_steps(recorder) -> list of the numbers of the recorded steps */
static int recorder_steps(lua_State *L) {
    const sn_recorder *r = check_recorder(L, 1);
    int64_t n = sn_recorder_count(r);
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 0; i < n; i++) {
        lua_pushinteger(L, sn_recorder_step(r, i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static const sn_measure *check_measure(lua_State *L, const sn_recorder *r, int arg) {
    lua_Integer i = luaL_checkinteger(L, arg);
    luaL_argcheck(L, i >= 1 && i <= sn_recorder_probes(r), arg, "no such probe");
    return sn_recorder_measure(r, (int)i - 1);
}

/* core.recorder_rows(recorder, probe number) -> list of { name =, layer =, param = } */
static int recorder_rows(lua_State *L) {
    const sn_measure *m = check_measure(L, check_recorder(L, 1), 2);
    if (!sn_measure_fits(m, m->model)) return sn_raise_text(L, "record: the model was changed");
    sn_push_probe_rows(L, m);
    return 1;
}

/* core.recorder_values(recorder, probe number, i, row) -> the numbers of a row at recorded step i (from 1; 0 =
 * the last) by column */
static int recorder_values(lua_State *L) {
    const sn_recorder *r = check_recorder(L, 1);
    const sn_measure *m = check_measure(L, r, 2);
    lua_Integer i = luaL_checkinteger(L, 3), row = luaL_checkinteger(L, 4), n = sn_recorder_count(r);
    if (i == 0) i = n;
    luaL_argcheck(L, i >= 1 && i <= n, 3, "no such step");
    luaL_argcheck(L, row >= 1 && row <= m->nrow, 4, "no such row");
    const double *v = sn_recorder_values(r, (int)lua_tointeger(L, 2) - 1, i - 1) + (row - 1) * m->ncol;
    sn_push_probe_values(L, m->type, v);
    return 1;
}

/* core.recorder_series(recorder, probe number, row, column number) -> list of a number for each recorded step
 */
static int recorder_series(lua_State *L) {
    const sn_recorder *r = check_recorder(L, 1);
    const sn_measure *m = check_measure(L, r, 2);
    lua_Integer row = luaL_checkinteger(L, 3), column = luaL_checkinteger(L, 4);
    int64_t n = sn_recorder_count(r);
    luaL_argcheck(L, row >= 1 && row <= m->nrow, 3, "no such row");
    luaL_argcheck(L, column >= 1 && column <= m->ncol, 4, "no such column");
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 0; i < n; i++) {
        const double *v = sn_recorder_values(r, (int)lua_tointeger(L, 2) - 1, i);
        sn_push_number(L, v[(row - 1) * m->ncol + column - 1]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* ---- shared ---- */

const bool *sn_check_layers(lua_State *L, int arg, const sn_model *m) {
    if (lua_isnoneornil(L, arg)) return NULL;
    luaL_checktype(L, arg, LUA_TTABLE);
    bool *layers = lua_newuserdatauv(L, (size_t)m->nlayer + 1, 0);
    memset(layers, 0, ((size_t)m->nlayer + 1) * sizeof *layers);
    for (lua_Integer i = 1; i <= luaL_len(L, arg); i++) {
        lua_rawgeti(L, arg, i);
        lua_Integer n = luaL_checkinteger(L, -1);
        luaL_argcheck(L, n >= 1 && n <= m->nlayer, arg, "no such layer");
        layers[n - 1] = true;
        lua_pop(L, 1);
    }
    return layers;
}

void sn_push_probe_rows(lua_State *L, const sn_measure *m) {
    lua_createtable(L, m->nrow, 0);
    for (int i = 0; i < m->nrow; i++) {
        const sn_probe_row *r = &m->row[i];
        lua_createtable(L, 0, 4);
        sn_set_text(L, "name", r->name);
        if (r->layer >= 0) sn_set_text(L, "layer", m->model->layers[r->layer].name);
        if (r->param >= 0) sn_set_text(L, "param", m->model->params[r->param].spec.name);
        const sn_shape *s = r->param >= 0   ? &m->model->params[r->param].spec.shape
                            : r->layer >= 0 ? &m->model->nodes[m->model->layers[r->layer].node].out
                                            : NULL;
        if (s) {
            sn_push_shape(L, s);
            lua_setfield(L, -2, "shape");
        }
        lua_rawseti(L, -2, i + 1);
    }
}

void sn_push_probe_values(lua_State *L, const sn_probe_type *t, const double *v) {
    lua_createtable(L, 0, SN_MAXCOLUMN);
    for (int c = 0; t->columns[c].name; c++) sn_set_num(L, t->columns[c].name, v[c]);
}

/* core.probe_columns(probe) -> list of { name =, doc = } */
static int probe_columns(lua_State *L) {
    const sn_probe_type *t = sn_probe_type_of(sn_check_object(L, 1, &sn_kind_probe));
    lua_newtable(L);
    for (int c = 0; t->columns[c].name; c++) {
        lua_createtable(L, 0, 2);
        sn_set_text(L, "name", t->columns[c].name);
        sn_set_text(L, "doc", t->columns[c].doc);
        lua_rawseti(L, -2, c + 1);
    }
    return 1;
}

void sn_open_probes(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "recorder", recorder_new },
        { "recorder_stop", recorder_stop },
        { "recorder_info", recorder_info },
        { "recorder_steps", recorder_steps },
        { "recorder_rows", recorder_rows },
        { "recorder_values", recorder_values },
        { "recorder_series", recorder_series },
        { "probe_columns", probe_columns },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_RECORDER, recorder_gc);
    lua_pop(L, 1);
}
