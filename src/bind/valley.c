/* Copies of models, and looking around their weights: landscapes, the paths of runs, the sharpness. */
#include "base/mem.h"
#include "bind/glue.h"
#include "train/optim.h"
#include "train/path.h"
#include "train/sharpness.h"
#include <math.h>

#define MT_SCOUT "sonde.scout"
#define MT_PATH  "sonde.path"

typedef struct {
    sn_scout *scout;
} scout_box;
typedef struct {
    sn_path *path;
} path_box;

static int scout_gc(lua_State *L) {
    scout_box *box = luaL_checkudata(L, 1, MT_SCOUT);
    sn_scout_free(box->scout);
    box->scout = NULL;
    return 0;
}

static int path_gc(lua_State *L) {
    path_box *box = luaL_checkudata(L, 1, MT_PATH);
    sn_path_free(box->path);
    box->path = NULL;
    return 0;
}

static sn_scout *check_scout(lua_State *L, int arg) {
    scout_box *box = luaL_checkudata(L, arg, MT_SCOUT);
    if (!box->scout) sn_raise_text(L, "landscape: it is closed");
    return box->scout;
}

static sn_path *check_path(lua_State *L, int arg) {
    path_box *box = luaL_checkudata(L, arg, MT_PATH);
    if (!box->path) sn_raise_text(L, "keep_path: the path is closed");
    return box->path;
}

/* ---- a copy of a model ---- */

static sn_status copy_model(sn_lua_model *m, sn_lua_trainer *t, const sn_model *from,
                            const sn_trainer *compiled, bool state, sn_err *e) {
    sn_status s = sn_model_clone(&m->model, from, e);
    if (s == SN_OK && compiled) s = sn_trainer_clone(&t->trainer, m->model, compiled, state, e);
    if (s == SN_OK) return SN_OK;
    sn_model_free(m->model);
    m->model = NULL;
    return s;
}

/* core.model_clone(model, trainer or nil, the optimizer's state too) -> model, trainer or nil */
static int model_clone(lua_State *L) {
    const sn_model *from = sn_check_model(L, 1);
    const sn_trainer *compiled = lua_isnoneornil(L, 2) ? NULL : sn_check_trainer(L, 2);
    bool state = lua_toboolean(L, 3);
    sn_lua_model *m = sn_push_box(L, SN_MT_MODEL, sizeof *m);
    sn_lua_trainer *t = sn_push_box(L, SN_MT_TRAINER, sizeof *t);
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = copy_model(m, t, from, compiled, state, &e);
    if (sn_retry(L, s)) s = copy_model(m, t, from, compiled, state, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    return t->trainer ? 2 : (lua_pop(L, 1), 1);
}

/* ---- making a scout ---- */

/* The Lua half has checked them. */
static int64_t int_option(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    int64_t v = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return v;
}

static bool bool_option(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    bool v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

/* Raises with the caller's name before the message. */
static int raise_as(lua_State *L, const char *who, sn_err *e) {
    if (e->code != SN_ECANCEL && e->code != SN_ENOMEM) sn_fail_prefix(e, "%s", who);
    return sn_raise(L, e);
}

/* core.scout(who, trainer, dataset, { batch_size, batches, seed, train, slopes, penalties }) */
static int scout_new(lua_State *L) {
    const char *who = luaL_checkstring(L, 1);
    const sn_trainer *t = sn_check_trainer(L, 2);
    sn_dataset *d = sn_check_dataset(L, 3);
    luaL_checktype(L, 4, LUA_TTABLE);
    sn_scout_opts o = { .batch_size = int_option(L, 4, "batch_size"),
                        .batches = int_option(L, 4, "batches"),
                        .seed = (uint64_t)int_option(L, 4, "seed"),
                        .train = bool_option(L, 4, "train"),
                        .slopes = bool_option(L, 4, "slopes"),
                        .penalties = bool_option(L, 4, "penalties") };
    scout_box *box = sn_push_box(L, MT_SCOUT, sizeof *box);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_STATE); /* who asks, for messages */
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_scout_new(&box->scout, t, d, &o, &e);
    if (sn_retry(L, s)) s = sn_scout_new(&box->scout, t, d, &o, &e);
    if (s != SN_OK) return raise_as(L, who, &e);
    sn_account_since(L, before);
    return 1;
}

static int raise_of(lua_State *L, sn_err *e) {
    lua_getiuservalue(L, 1, SN_UV_STATE);
    return raise_as(L, lua_tostring(L, -1), e);
}

/* core.scout_close(scout): its memory goes now, not when it is collected */
static int scout_close(lua_State *L) { return scout_gc(L); }

static int check_axis(lua_State *L, int arg) {
    lua_Integer axis = luaL_checkinteger(L, arg);
    luaL_argcheck(L, axis == 1 || axis == 2, arg, "an axis is 1 or 2");
    return (int)axis - 1;
}

/* core.scout_random(scout, axis, seed) */
static int scout_random(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    int axis = check_axis(L, 2);
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 3);
    sn_err e;
    if (sn_scout_random(s, axis, seed, &e) != SN_OK) return raise_of(L, &e);
    return 0;
}

/* core.scout_update(scout, axis, trainer) -> was it kept? The direction of the trainer's last step. */
static int scout_update(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    int axis = check_axis(L, 2);
    const sn_trainer *t = sn_check_trainer(L, 3);
    sn_err e;
    if (t->model->slab_count != s->model->slab_count) return sn_raise_text(L, "landscape: another model");
    if (t->before && sn_scout_along(s, axis, t->before, &e) != SN_OK) return raise_of(L, &e);
    lua_pushboolean(L, t->before != NULL);
    return 1;
}

static sn_path *check_path_of(lua_State *L, int arg, const sn_scout *s) {
    sn_path *p = check_path(L, arg);
    if (s->model->slab_count != p->count) sn_raise_text(L, "landscape: the path is of another model");
    return p;
}

/* core.scout_move(scout, axis, path, snapshot from 1): the direction from that snapshot to the weights */
static int scout_move(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    int axis = check_axis(L, 2);
    const sn_path *p = check_path_of(L, 3, s);
    lua_Integer i = luaL_checkinteger(L, 4);
    luaL_argcheck(L, i >= 1 && i <= p->n, 4, "no such snapshot");
    sn_err e;
    if (sn_scout_along(s, axis, sn_path_at(p, (int)i - 1), &e) != SN_OK) return raise_of(L, &e);
    return 0;
}

/* core.scout_lengths(scout) -> norm of the weights, of the directions, cosine between them; of what is trained
 */
static int scout_lengths(lua_State *L) {
    const sn_scout *s = check_scout(L, 1);
    const float *a = s->direction[0], *b = s->direction[1];
    double aa = a ? sn_scout_dot(s, a, a) : 0, bb = b ? sn_scout_dot(s, b, b) : 0;
    lua_pushnumber(L, sqrt(sn_scout_dot(s, s->origin, s->origin)));
    lua_pushnumber(L, sqrt(aa));
    lua_pushnumber(L, sqrt(bb));
    lua_pushnumber(L, a && b ? sn_scout_dot(s, a, b) / sqrt(aa * bb) : 0);
    return 4;
}

/* core.scout_direction(scout, axis, parameter) -> a copy */
static int scout_direction(lua_State *L) {
    const sn_scout *s = check_scout(L, 1);
    const float *d = s->direction[check_axis(L, 2)];
    const sn_param *p = sn_check_param(L, s->model, 3);
    if (!d) return 0;
    sn_tensor *copy = sn_new_tensor(L, SN_F32, &p->spec.shape);
    for (size_t i = 0; i < p->count; i++) ((float *)copy->data)[i] = d[p->offset + i];
    return 1;
}

/* core.scout_point(scout, a, b) -> { total, data, penalty, activity, n, metrics = { name = value } } */
static int scout_point(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    double a = luaL_checknumber(L, 2), b = luaL_checknumber(L, 3);
    sn_losses l;
    sn_err e;
    sn_set_active(NULL, s->loader);
    sn_status st = sn_scout_point(s, a, b, &l, &e);
    sn_set_active(NULL, NULL);
    if (st != SN_OK) return raise_of(L, &e);
    lua_newtable(L);
    sn_set_num(L, "total", l.total);
    sn_set_num(L, "data", l.data);
    sn_set_num(L, "penalty", l.penalty);
    sn_set_num(L, "activity", l.activity);
    sn_set_int(L, "n", l.n);
    lua_newtable(L);
    for (int i = 0; i < s->trainer->nmetric; i++)
        sn_set_num(L, s->trainer->metric[i].name, sn_trainer_metric(s->trainer, i));
    lua_setfield(L, -2, "metrics");
    return 1;
}

/* ---- sharpness ---- */

#define MT_SLAB "sonde.slab"

typedef struct {
    float *data;
} slab_box;

static int slab_gc(lua_State *L) {
    slab_box *box = luaL_checkudata(L, 1, MT_SLAB);
    sn_free(box->data);
    box->data = NULL;
    return 0;
}

/* What the trainer's optimizer divides by now; NULL: by 1, or it has made no step. */
static const float *push_scale(lua_State *L, const sn_trainer *t) {
    slab_box *box = sn_push_box(L, MT_SLAB, sizeof *box);
    sn_err e;
    box->data = sn_alloc(t->model->slab_count * sizeof(float), "the sharpness: the optimizer's scale", &e);
    if (!box->data) sn_raise(L, &e);
    return sn_optim_scale(t, box->data) ? box->data : NULL;
}

static void push_eigenvalue(lua_State *L, const sn_eigenvalue *v) {
    lua_newtable(L);
    sn_set_num(L, "eigenvalue", v->value);
    sn_set_num(L, "residual", v->residual);
    sn_set_int(L, "iterations", v->iterations);
    sn_set_bool(L, "converged", v->converged);
}

/* core.scout_sharpness(scout, iterations, tolerance, seed, the smallest too, trainer or nil: of its
 * preconditioned Hessian) -> { eigenvalue, residual, iterations, converged, data, samples, smallest = {...} },
 * or nil where the optimizer has no scale */
static int scout_sharpness(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    sn_sharpness_opts o = { .iterations = (int)luaL_checkinteger(L, 2),
                            .tolerance = luaL_checknumber(L, 3),
                            .seed = (uint64_t)luaL_checkinteger(L, 4),
                            .smallest = lua_toboolean(L, 5) };
    if (!lua_isnoneornil(L, 6)) {
        o.scale = push_scale(L, sn_check_trainer(L, 6));
        if (!o.scale) return 0;
    }
    sn_sharpness r;
    sn_err e;
    sn_set_active(NULL, s->loader);
    sn_status st = sn_sharpness_find(s, &o, &r, &e);
    sn_set_active(NULL, NULL);
    if (st != SN_OK) return raise_of(L, &e);
    push_eigenvalue(L, &r.largest);
    sn_set_num(L, "data", r.data);
    sn_set_int(L, "samples", r.n);
    if (!o.smallest) return 1;
    push_eigenvalue(L, &r.smallest);
    lua_setfield(L, -2, "smallest");
    return 1;
}

/* core.trainer_stable(trainer) -> what lr times the (preconditioned) sharpness must stay below */
static int trainer_stable(lua_State *L) {
    const sn_trainer *t = sn_check_trainer(L, 1);
    const sn_optimizer_type *type = sn_trainer_optimizer(t);
    lua_pushnumber(L, type && type->stable ? type->stable(t->optimizer->cfg) : 2);
    lua_pushboolean(L, type && type->scale);
    return 2;
}

/* ---- paths ---- */

/* core.path(model, room for snapshots) */
static int path_new(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    int cap = (int)luaL_checkinteger(L, 2);
    path_box *box = sn_push_box(L, MT_PATH, sizeof *box);
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_path_new(&box->path, m, cap, &e);
    if (sn_retry(L, s)) s = sn_path_new(&box->path, m, cap, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    return 1;
}

/* core.path_offer(path, model, label) */
static int path_offer(lua_State *L) {
    sn_path *p = check_path(L, 1);
    const sn_model *m = sn_check_model(L, 2);
    if (m->slab_count != p->count) return sn_raise_text(L, "keep_path: another model");
    sn_path_offer(p, m, luaL_checkinteger(L, 3));
    return 0;
}

/* core.path_info(path) -> list of labels, bytes of its room */
static int path_info(lua_State *L) {
    const sn_path *p = check_path(L, 1);
    lua_createtable(L, p->n, 0);
    for (int i = 0; i < p->n; i++) {
        lua_pushinteger(L, p->label[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushinteger(L, (lua_Integer)((size_t)p->cap * p->count * sizeof(float)));
    return 2;
}

/* core.scout_components(scout, path, dimensions) -> list of the shares of the variance */
static int scout_components(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    const sn_path *p = check_path_of(L, 2, s);
    int dims = check_axis(L, 3) + 1;
    double share[2];
    sn_err e;
    if (sn_path_components(p, s, dims, share, &e) != SN_OK) return raise_of(L, &e);
    lua_createtable(L, dims, 0);
    for (int k = 0; k < dims; k++) {
        lua_pushnumber(L, share[k]);
        lua_rawseti(L, -2, k + 1);
    }
    return 1;
}

static void set_list(lua_State *L, const char *key, const double *v, int n) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushnumber(L, v[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, key);
}

/* core.scout_project(scout, path) -> { a = {...}, b = {...}, distance = {...} } of the snapshots */
static int scout_project(lua_State *L) {
    sn_scout *s = check_scout(L, 1);
    const sn_path *p = check_path_of(L, 2, s);
    double a[SN_MAXPATH], b[SN_MAXPATH], far[SN_MAXPATH];
    sn_err e;
    if (sn_path_project(p, s, a, b, far, &e) != SN_OK) return raise_of(L, &e);
    lua_newtable(L);
    set_list(L, "a", a, p->n);
    set_list(L, "b", b, p->n);
    set_list(L, "distance", far, p->n);
    return 1;
}

void sn_open_valleys(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "model_clone", model_clone },
        { "scout", scout_new },
        { "scout_close", scout_close },
        { "scout_random", scout_random },
        { "scout_update", scout_update },
        { "scout_move", scout_move },
        { "scout_lengths", scout_lengths },
        { "scout_direction", scout_direction },
        { "scout_point", scout_point },
        { "scout_sharpness", scout_sharpness },
        { "scout_components", scout_components },
        { "scout_project", scout_project },
        { "trainer_stable", trainer_stable },
        { "path", path_new },
        { "path_offer", path_offer },
        { "path_info", path_info },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_SCOUT, scout_gc);
    sn_new_metatable(L, MT_PATH, path_gc);
    sn_new_metatable(L, MT_SLAB, slab_gc);
    lua_pop(L, 3);
}
