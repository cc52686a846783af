/* Looking into a run's steps from Lua: the tensors inside of one, a step in pieces. Nodes are numbered from 1.
 */
#include "bind/look.h"

#include "base/mem.h"
#include "num/stats.h"
#include <string.h>

/* core.model_nodes(m) -> list of { layer, ends (the call of its layer ends here), inputs = nodes, shape } */
static int model_nodes(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    lua_createtable(L, m->nnode, 0);
    for (int i = 0; i < m->nnode; i++) {
        const sn_node *n = &m->nodes[i];
        lua_newtable(L);
        sn_set_int(L, "layer", n->layer + 1);
        sn_set_bool(L, "ends", n->ends_call);
        sn_push_shape(L, &n->out);
        lua_setfield(L, -2, "shape");
        lua_createtable(L, n->nin, 0);
        for (int k = 0; k < n->nin; k++) {
            lua_pushinteger(L, n->in[k] + 1);
            lua_rawseti(L, -2, k + 1);
        }
        lua_setfield(L, -2, "inputs");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

int sn_check_node(lua_State *L, int arg, const sn_model *m) {
    lua_Integer i = luaL_checkinteger(L, arg);
    luaL_argcheck(L, i >= 1 && i <= m->nnode, arg, "no such node");
    return (int)i - 1;
}

sn_tensor *sn_push_node_tensor(lua_State *L, const sn_model *m, int node, int64_t n) {
    sn_shape shape = sn_shape_with_batch(&m->nodes[node].out, n);
    return sn_new_tensor(L, SN_F32, &shape);
}

/* ---- steps of a run ---- */

/* The last step's scene, or the next one's; false: that has no samples after all. */
static bool find_scene(lua_State *L, sn_run *r, bool pending, sn_scene *scene) {
    sn_err e;
    size_t before = sn_mem_used();
    sn_set_active(r, NULL);
    sn_status s = pending ? sn_scene_next(r, scene, &e) : sn_scene_last(r, scene, &e);
    sn_set_active(NULL, NULL);
    if (s == SN_ESKIP) return false;
    if (s != SN_OK) sn_raise(L, &e);
    sn_account_since(L, before);
    return true;
}

/* The same where an empty end of the epoch is an error too: it was there a moment ago. */
static sn_scene check_scene(lua_State *L, sn_run *r, int arg) {
    sn_scene scene;
    if (!find_scene(L, r, lua_toboolean(L, arg), &scene))
        sn_raise_text(L, "run: the samples of the next step cannot be read any more");
    return scene;
}

/* core.look_samples(run, pending) -> how many samples the last step had, or (pending) the next will have, whose
 * batch is taken for it; nil: there are none, the epoch is at its end */
static int look_samples(lua_State *L) {
    sn_scene scene;
    if (!find_scene(L, sn_check_run(L, 1), lua_toboolean(L, 2), &scene)) return 0;
    lua_pushinteger(L, scene.n);
    return 1;
}

/* core.look_mark(run) -> a text that changes with the last step's gradients, one that changes with the weights
 * that the next one will see */
static int look_mark(lua_State *L) {
    const sn_trainer *t = sn_run_trainer(sn_check_run(L, 1));
    const sn_model *m = t->model;
    lua_pushfstring(L, "last %I", (LUAI_UACINT)t->grads_id);
    lua_pushfstring(L, "next %I %I %I", (LUAI_UACINT)t->iterations, (LUAI_UACINT)m->edits,
                    (LUAI_UACINT)m->version);
    return 2;
}

/* core.run_halted(run): was its next step tried last, and halted? */
static int run_halted(lua_State *L) {
    lua_pushboolean(L, sn_run_halted(sn_check_run(L, 1)));
    return 1;
}

static void push_stats(lua_State *L, const sn_stats *s) {
    lua_newtable(L);
    sn_set_num(L, "norm", s->norm);
    sn_set_num(L, "mean", s->mean);
    sn_set_num(L, "std", s->std);
    sn_set_num(L, "min", s->min);
    sn_set_num(L, "max", s->max);
    sn_set_num(L, "zero", s->count ? (double)s->zeros / (double)s->count : 0);
    sn_set_int(L, "nans", s->nans);
    sn_set_int(L, "infs", s->infs);
}

/* core.look_stats(tensor) -> its statistics */
static int look_stats(lua_State *L) {
    const sn_tensor *t = sn_float_tensor(L, 1);
    sn_moments m = sn_moments_of(sn_pool_default(), t->data, NULL, (size_t)sn_shape_count(&t->shape));
    sn_stats s = sn_stats_of(&m);
    push_stats(L, &s);
    return 1;
}

/* core.look_update(run, parameter) -> norm of the weights that the last step saw, statistics of what it added;
 * nil: they were not kept */
static int look_update(lua_State *L) {
    const sn_run *r = sn_check_run(L, 1);
    const sn_trainer *t = sn_run_trainer(sn_check_run(L, 1));
    const sn_param *p = sn_check_param(L, t->model, 2);
    if (!sn_run_has_gradients(r) || !t->before) return 0;
    sn_moments m = sn_moments_of(t->pool, t->before + p->offset, NULL, p->count);
    sn_stats s = sn_stats_of(&m);
    sn_push_number(L, s.norm);
    m = sn_moments_of(t->pool, t->model->slab + p->offset, t->before + p->offset, p->count);
    s = sn_stats_of(&m);
    push_stats(L, &s);
    return 2;
}

/* Appends an empty tensor for each node of the list at arg to the table on top, and says where it is to be
 * copied. */
int sn_add_captures(lua_State *L, int arg, const sn_model *m, int64_t n, bool grad, sn_capture *list) {
    int count = (int)lua_rawlen(L, arg);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, arg, i + 1);
        int node = sn_check_node(L, -1, m);
        lua_pop(L, 1);
        sn_tensor *t = sn_push_node_tensor(L, m, node, n);
        list[i] = (sn_capture){ node, grad, t->data };
        lua_rawseti(L, -2, i + 1);
    }
    return count;
}

/* core.look_tensors(run, pending, nodes of outputs, nodes of gradients, slab: gradients of the weights too,
 * every: gradients of everything) -> outputs, gradients (lists; false: not computed without `every`), slab or
 * nil */
static int look_tensors(lua_State *L) {
    lua_settop(L, 6);
    sn_run *r = sn_check_run(L, 1);
    sn_trainer *t = sn_run_trainer(r);
    const sn_model *m = t->model;
    bool slab = lua_toboolean(L, 5), every = lua_toboolean(L, 6);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    sn_scene scene = check_scene(L, r, 2);
    size_t nlist = lua_rawlen(L, 3) + lua_rawlen(L, 4);
    sn_capture *list = lua_newuserdatauv(L, (nlist + 1) * sizeof *list, 0);
    lua_newtable(L);
    int outs = sn_add_captures(L, 3, m, scene.n, false, list);
    lua_newtable(L);
    int grads = sn_add_captures(L, 4, m, scene.n, true, list + outs);
    sn_shape all = { .n = 1, .d = { (int64_t)m->slab_count } };
    sn_tensor *g = slab ? sn_new_tensor(L, SN_F32, &all) : NULL;
    if (!slab) lua_pushnil(L);
    sn_captures c = { list, outs + grads };
    sn_visitor v = sn_capture_visitor(&c);
    sn_look_opts o = { .visit = &v, .backward = grads > 0 || slab, .grads = g ? g->data : NULL };
    sn_err e;
    sn_status s = every ? sn_look_plan(&o.plan, t, scene.n, true, -1, &e) : SN_OK;
    if (s == SN_OK) s = sn_look(t, &scene, &o, NULL, &e);
    sn_plan_free(o.plan);
    if (s != SN_OK) return sn_raise_of_run(L, r, &e);
    for (int i = 0; i < outs; i++)
        if (list[i].node == m->input)
            memcpy(list[i].to, scene.x,
                   (size_t)(sn_shape_count(&m->nodes[m->input].out) * scene.n) * sizeof(float));
    for (int i = 0; i < grads && !every; i++) {
        if (sn_exec_has_grad(t->plan, list[outs + i].node)) continue;
        lua_pushboolean(L, false);
        lua_rawseti(L, -3, i + 1);
    }
    return 3;
}

/* core.look_param(run, pending, slab or nil, parameter, "total" | "data" | "penalty") -> that part of its
 * gradient; the slab has the data's */
static int look_param(lua_State *L) {
    static const char *const parts[] = { "total", "data", "penalty", NULL };
    lua_settop(L, 5);
    sn_run *r = sn_check_run(L, 1);
    sn_trainer *t = sn_run_trainer(r);
    const sn_param *p = sn_check_param(L, t->model, 4);
    int part = luaL_checkoption(L, 5, NULL, parts);
    const sn_tensor *slab = part == 2 ? NULL : sn_check_tensor(L, 3);
    sn_tensor *out = sn_new_tensor(L, SN_F32, &p->spec.shape);
    if (slab) memcpy(out->data, (const float *)slab->data + p->offset, p->count * sizeof(float));
    if (part == 1 || !p->spec.regularizer) return 1;
    const float *w = lua_toboolean(L, 2) ? t->model->slab : sn_run_has_gradients(r) ? t->before : NULL;
    if (!w) w = check_scene(L, r, 2).weights; /* says why there are none */
    sn_err e;
    if (sn_param_add_penalty_grad(t->model, (int)lua_tointeger(L, 4) - 1, out->data, w + p->offset, t->pool,
                                  &e) != SN_OK)
        return sn_raise(L, &e);
    if (!sn_pool_cancelled(t->pool)) return 1;
    sn_fail(&e, SN_ECANCEL, "interrupted");
    return sn_raise_of_run(L, r, &e);
}

/* ---- a step in pieces ---- */

#define MT_WALK "sonde.walk"

/* Behind it, for each node, statistics of output and gradient; count = 0: not seen yet. */
typedef struct {
    sn_walk walk;
    int nnode;
    sn_stats stats[];
} walk_box;

static int walk_gc(lua_State *L) {
    (void)L;
    return 0;
}

static walk_box *check_walk(lua_State *L) { return luaL_checkudata(L, 1, MT_WALK); }

/* core.walk(run): a walk through its next step, at the beginning. It must not outlive the run. */
static int walk_new(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    sn_trainer *t = sn_run_trainer(r);
    size_t n = (size_t)t->model->nnode;
    walk_box *box = sn_push_box(L, MT_WALK, sizeof *box + 2 * n * sizeof(sn_stats));
    box->walk.trainer = t;
    box->nnode = (int)n;
    return 1;
}

static void see(const walk_box *box, int node, sn_stats *to, const void *x, const sn_shape *shape) {
    const sn_trainer *t = box->walk.trainer;
    if (!t->model->nodes[node].ends_call) return;
    sn_moments m = sn_moments_of(t->pool, x, NULL, (size_t)sn_shape_count(shape));
    *to = sn_stats_of(&m);
}

static void see_output(void *ctx, int node, const void *y, const sn_shape *shape) {
    walk_box *box = ctx;
    see(box, node, &box->stats[node], y, shape);
}

static void see_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    walk_box *box = ctx;
    see(box, node, &box->stats[box->nnode + node], dy, shape);
}

/* core.walk_forward(walk, run, node): to that node inclusive */
static int walk_forward(lua_State *L) {
    walk_box *box = check_walk(L);
    sn_run *r = sn_check_run(L, 2);
    int node = sn_check_node(L, 3, box->walk.trainer->model);
    lua_pushboolean(L, true);
    sn_scene scene = check_scene(L, r, -1);
    sn_visitor v = { box, see_output, NULL };
    sn_err e;
    if (sn_walk_forward(&box->walk, &scene, node + 1, &v, &e) != SN_OK) return sn_raise_of_run(L, r, &e);
    return 0;
}

/* core.walk_loss(walk, run) -> total, data, penalty, activity, samples */
static int walk_loss(lua_State *L) {
    walk_box *box = check_walk(L);
    sn_run *r = sn_check_run(L, 2);
    lua_pushboolean(L, true);
    sn_scene scene = check_scene(L, r, -1);
    sn_err e;
    if (sn_walk_loss(&box->walk, &scene, &e) != SN_OK) return sn_raise_of_run(L, r, &e);
    const sn_losses *l = &box->walk.losses;
    sn_push_number(L, l->total);
    sn_push_number(L, l->data);
    sn_push_number(L, l->penalty);
    sn_push_number(L, l->activity);
    lua_pushinteger(L, l->n);
    return 5;
}

/* core.walk_backward(walk, run, node): down to that node inclusive */
static int walk_backward(lua_State *L) {
    walk_box *box = check_walk(L);
    sn_run *r = sn_check_run(L, 2);
    const sn_model *m = box->walk.trainer->model;
    int node = sn_check_node(L, 3, m);
    lua_pushboolean(L, true);
    sn_scene scene = check_scene(L, r, -1);
    if (!box->walk.grads) {
        sn_shape all = { .n = 1, .d = { (int64_t)m->slab_count } };
        sn_tensor *slab = sn_new_tensor(L, SN_F32, &all);
        lua_setiuservalue(L, 1, SN_UV_ANCHOR);
        box->walk.grads = slab->data;
    }
    sn_visitor v = { box, NULL, see_grad };
    sn_err e;
    if (sn_walk_backward(&box->walk, &scene, node, &v, &e) != SN_OK) return sn_raise_of_run(L, r, &e);
    return 0;
}

/* core.walk_slab(walk) -> the data's gradients of all weights that it has come by, or nil */
static int walk_slab(lua_State *L) {
    check_walk(L);
    if (lua_getiuservalue(L, 1, SN_UV_ANCHOR) == LUA_TNIL) return 0;
    return 1;
}

/* core.walk_stats(walk, node, grad) -> statistics of its output or of the gradient; nil: not come by */
static int walk_stats(lua_State *L) {
    walk_box *box = check_walk(L);
    int node = sn_check_node(L, 2, box->walk.trainer->model);
    const sn_stats *s = &box->stats[lua_toboolean(L, 3) ? box->nnode + node : node];
    if (!s->count) return 0;
    push_stats(L, s);
    return 1;
}

void sn_open_looks(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "model_nodes", model_nodes },   { "look_samples", look_samples }, { "look_mark", look_mark },
        { "look_stats", look_stats },     { "look_update", look_update },   { "run_halted", run_halted },
        { "look_tensors", look_tensors }, { "look_param", look_param },     { "walk", walk_new },
        { "walk_forward", walk_forward }, { "walk_loss", walk_loss },       { "walk_backward", walk_backward },
        { "walk_slab", walk_slab },       { "walk_stats", walk_stats },     { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_WALK, walk_gc);
    lua_pop(L, 1);
}
