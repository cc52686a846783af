/* Looking into networks from Lua for any input: layers' outputs, gradients with respect to the input. */
#include "base/mem.h"
#include "bind/look.h"
#include <string.h>

static void prepare_plan(lua_State *L, sn_trainer *t, sn_plan **plan, int64_t n, bool train, bool inputs) {
    size_t before = sn_mem_used();
    sn_err e;
    for (int try = 0;; try++) {
        sn_status s = train || inputs ? sn_look_plan(plan, t, n, inputs, -1, &e)
                                      : sn_trainer_prepare(t, n, false, true, &e);
        if (s == SN_OK) break;
        if (try || !sn_retry(L, s)) sn_raise(L, &e);
    }
    sn_account_since(L, before);
}

#define MT_PLAN "sonde.plan"

typedef struct {
    sn_plan *plan;
} plan_box;

static int plan_gc(lua_State *L) {
    plan_box *box = luaL_checkudata(L, 1, MT_PLAN);
    sn_plan_free(box->plan);
    box->plan = NULL;
    return 0;
}

/* What the tensor on top holds in its first n rows. */
static void push_rows(lua_State *L, int idx, int64_t n) {
    const sn_tensor *t = sn_check_tensor(L, idx);
    if (t->shape.d[0] == n) {
        lua_pushvalue(L, idx);
        return;
    }
    sn_tensor *less = sn_push_tensor(L);
    *less = sn_tensor_rows(t, 0, n);
}

static sn_status outputs_of(sn_trainer *t, sn_plan *plan, sn_loader *loader, bool train, sn_capture *list,
                            int nlist, int64_t *n, sn_err *e) {
    sn_captures c = { list, nlist };
    sn_visitor v = sn_capture_visitor(&c);
    sn_look_opts o = { .visit = &v, .plan = plan };
    sn_batch b;
    sn_status s;
    while ((s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        sn_scene scene = sn_scene_of(t, b.n, b.x, train);
        s = sn_look(t, &scene, &o, NULL, e);
        if (s != SN_OK) return s;
        for (int i = 0; i < nlist; i++) {
            size_t count = (size_t)(sn_shape_count(&t->model->nodes[list[i].node].out) * b.n);
            if (list[i].node == t->model->input) memcpy(list[i].to, b.x, count * sizeof(float));
            list[i].to += count;
        }
        *n += b.n;
    }
    return s;
}

/* core.look_outputs(trainer, dataset, batch_size, nodes, train) -> list of tensors (samples, node's shape) */
static int look_outputs(lua_State *L) {
    lua_settop(L, 5);
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *d = sn_check_dataset(L, 2);
    int64_t batch_size = sn_check_batch_size(L, 3), n = 0;
    bool train = lua_toboolean(L, 5);
    luaL_checktype(L, 4, LUA_TTABLE);
    sn_check_samples(L, t, &d->x_shape, "output");
    if (d->count < 1) return sn_raise_text(L, "output: the data has no samples");
    if (batch_size > d->count) batch_size = d->count;
    sn_capture *list = lua_newuserdatauv(L, (lua_rawlen(L, 4) + 1) * sizeof *list, 0);
    lua_newtable(L); /* at 7 */
    int count = sn_add_captures(L, 4, t->model, d->count, false, list);
    sn_lua_loader *box = sn_push_loader(L, d, batch_size);
    plan_box *own = sn_push_box(L, MT_PLAN, sizeof *own);
    prepare_plan(L, t, &own->plan, batch_size, train, false);
    sn_err e;
    sn_set_active(NULL, box->loader);
    sn_status s = outputs_of(t, own->plan, box->loader, train, list, count, &n, &e);
    sn_set_active(NULL, NULL);
    sn_close_loader(box);
    sn_plan_free(own->plan);
    own->plan = NULL;
    if (s != SN_OK) return sn_raise(L, &e);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, 7, i + 1);
        push_rows(L, lua_gettop(L), n);
        lua_rawseti(L, 7, i + 1);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 7);
    return 1;
}

/* What is differentiated: the loss (node < 0), a unit of a node, or the sum of weights times a node's output.
 */
typedef struct {
    int node;
    int64_t unit;
    const sn_tensor *weights; /* (node's shape), or (samples, node's shape) */
    float *dy;                /* (batch, node's shape) */
} scalar;

static void fill_scalar(const sn_model *m, const scalar *of, int64_t at, int64_t n) {
    size_t each = (size_t)sn_shape_count(&m->nodes[of->node].out);
    if (!of->weights) {
        sn_look_unit(m, of->node, of->unit, n, of->dy);
        return;
    }
    const float *w = of->weights->data;
    bool per_sample = of->weights->shape.n > m->nodes[of->node].out.n;
    for (int64_t i = 0; i < n; i++)
        memcpy(of->dy + (size_t)i * each, per_sample ? w + (size_t)(at + i) * each : w, each * sizeof(float));
}

static sn_status input_gradients(sn_trainer *t, sn_plan *plan, sn_loader *loader, const sn_dataset *d,
                                 bool train, const scalar *of, float *dx, int64_t *n, sn_err *e) {
    const sn_model *m = t->model;
    size_t each = (size_t)sn_shape_count(sn_model_input_shape(m));
    sn_inject inject = { of->node, of->dy };
    sn_batch b;
    sn_status s;
    while ((s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        sn_scene scene = sn_scene_of(t, b.n, b.x, train);
        if (of->node < 0) scene.y = b.y;
        scene.y_shape = d->y_shape;
        if (of->node >= 0) fill_scalar(m, of, *n, b.n);
        float *to = dx + (size_t)*n * each;
        s = sn_look_input_gradient(t, plan, &scene, of->node < 0 ? NULL : &inject, to, NULL, e);
        if (s != SN_OK) return s;
        /* The mean is over all samples, not over those of the batch. */
        float share = (float)((double)b.n / (double)d->count);
        for (size_t i = 0; of->node < 0 && share != 1 && i < (size_t)b.n * each; i++) to[i] *= share;
        *n += b.n;
    }
    return s;
}

static const sn_tensor *check_weights(lua_State *L, int arg, const sn_model *m, int node, int64_t count) {
    const sn_shape *one = &m->nodes[node].out;
    const sn_tensor *w = sn_float_tensor(L, arg);
    sn_shape all = sn_shape_with_batch(one, count);
    if (sn_shape_equal(&w->shape, one) || sn_shape_equal(&w->shape, &all)) return w;
    char a[160], b[160], c[160];
    sn_raise_text(L, "input_gradient: weights want the layer's shape %s, or %s; got %s",
                  sn_shape_text(one, false, a, sizeof a), sn_shape_text(&all, false, b, sizeof b),
                  sn_shape_text(&w->shape, false, c, sizeof c));
    return NULL;
}

/* core.look_input_gradient(trainer, dataset, batch_size, train, node or nil = the loss, unit from 1 or nil,
 * weights or nil) -> tensor (samples, input's shape) */
static int look_input_gradient(lua_State *L) {
    lua_settop(L, 7);
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *d = sn_check_dataset(L, 2);
    int64_t batch_size = sn_check_batch_size(L, 3), n = 0;
    bool train = lua_toboolean(L, 4);
    sn_check_samples(L, t, &d->x_shape, "input_gradient");
    if (lua_isnil(L, 5) && !d->has_y)
        return sn_raise_text(
            L, "input_gradient: of the loss wants targets, y = t; else class = n, or layer = with "
               "unit = or weights =");
    if (d->count < 1) return sn_raise_text(L, "input_gradient: the data has no samples");
    if (batch_size > d->count) batch_size = d->count;
    scalar of = { .node = lua_isnil(L, 5) ? -1 : sn_check_node(L, 5, t->model),
                  .unit = luaL_optinteger(L, 6, 1) - 1 };
    if (!lua_isnil(L, 7)) of.weights = check_weights(L, 7, t->model, of.node, d->count);
    sn_shape shape = sn_shape_with_batch(sn_model_input_shape(t->model), d->count);
    sn_tensor *dx = sn_new_tensor(L, SN_F32, &shape);
    int at = lua_gettop(L);
    if (of.node >= 0) of.dy = sn_push_node_tensor(L, t->model, of.node, batch_size)->data;
    sn_lua_loader *box = sn_push_loader(L, d, batch_size);
    plan_box *own = sn_push_box(L, MT_PLAN, sizeof *own);
    prepare_plan(L, t, &own->plan, batch_size, train, true);
    sn_err e;
    sn_set_active(NULL, box->loader);
    sn_status s = input_gradients(t, own->plan, box->loader, d, train, &of, dx->data, &n, &e);
    sn_set_active(NULL, NULL);
    sn_close_loader(box);
    sn_plan_free(own->plan);
    own->plan = NULL;
    if (s != SN_OK) return sn_raise(L, &e);
    push_rows(L, at, n);
    return 1;
}

/* core.look_logits(model) -> the node before the last softmax or sigmoid, else the output's; the output's node
 */
static int look_logits(lua_State *L) {
    const sn_model *m = sn_check_model(L, 1);
    lua_pushinteger(L, sn_look_logits(m) + 1);
    lua_pushinteger(L, m->output + 1);
    return 2;
}

/* core.look_class_gradient(trainer, x, node, unit from 1, logits) -> the node's output, and the gradient of the
 * unit's score with respect to it: (samples, node's shape) both, in inference mode. For Grad-CAM. */
static int look_class_gradient(lua_State *L) {
    lua_settop(L, 5);
    sn_trainer *t = sn_check_trainer(L, 1);
    const sn_model *m = t->model;
    int node = sn_check_node(L, 3, m);
    const sn_shape *os = sn_model_output_shape(m);
    lua_Integer unit = luaL_checkinteger(L, 4), units = os->n ? os->d[os->n - 1] : 1;
    if (unit < 1 || unit > units)
        return sn_raise_text(L, "unit = %lld is outside 1..%lld, the units of the last layer", (long long)unit,
                             (long long)units);
    const sn_tensor *x = sn_float_tensor(L, 2);
    if (x->shape.n < 1 || x->shape.d[0] < 1) return sn_raise_text(L, "class gradient: x has no samples");
    sn_shape sample = sn_shape_sample(&x->shape);
    sn_check_samples(L, t, &sample, "class gradient");
    if (node == m->input)
        return sn_raise_text(L, "class gradient: the input is no layer; use m:input_gradient");
    int64_t n = x->shape.d[0];
    sn_tensor *y = sn_push_node_tensor(L, m, node, n), *dy = sn_push_node_tensor(L, m, node, n);
    bool logits = lua_toboolean(L, 5);
    sn_err e;
    sn_status s = sn_look_class_gradient(t, n, x->data, node, unit - 1, logits, y->data, dy->data, &e);
    if (sn_retry(L, s))
        s = sn_look_class_gradient(t, n, x->data, node, unit - 1, logits, y->data, dy->data, &e);
    return s == SN_OK ? 2 : sn_raise(L, &e);
}

void sn_open_looks_any(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "look_outputs", look_outputs },
        { "look_input_gradient", look_input_gradient },
        { "look_logits", look_logits },
        { "look_class_gradient", look_class_gradient },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_PLAN, plan_gc);
    lua_pop(L, 1);
}
