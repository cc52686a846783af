/* What a probe measures once: of a run's last or pending step, of a batch, of a whole dataset. */
#include "base/mem.h"
#include "bind/glue.h"
#include "train/probing.h"
#include <string.h>

#define MT_MEASURE "sonde.measure"

typedef struct {
    sn_measure *m;
} measure_box;

static int measure_gc(lua_State *L) {
    measure_box *box = luaL_checkudata(L, 1, MT_MEASURE);
    sn_measure_free(box->m);
    box->m = NULL;
    return 0;
}

/* The probe at 2, layers at 3, histogram at 4. */
static sn_measure *push_measure(lua_State *L, const sn_trainer *t) {
    sn_obj *probe = sn_check_object(L, 2, &sn_kind_probe);
    const bool *layers = sn_check_layers(L, 3, t->model);
    bool histogram = lua_toboolean(L, 4);
    measure_box *box = sn_push_box(L, MT_MEASURE, sizeof *box);
    sn_err e;
    sn_status s = sn_measure_new(&box->m, probe, t->model, layers, histogram, t->pool, &e);
    if (sn_retry(L, s)) s = sn_measure_new(&box->m, probe, t->model, layers, histogram, t->pool, &e);
    if (s != SN_OK) sn_raise(L, &e);
    sn_measure_begin(box->m);
    return box->m;
}

/* A slab to work in, when the probe wants gradients. */
static float *push_grads(lua_State *L, const sn_measure *m) {
    if (!(m->type->sees & SN_SEES_GRADS)) return NULL;
    sn_shape all = { .n = 1, .d = { (int64_t)m->model->slab_count } };
    return sn_new_tensor(L, SN_F32, &all)->data;
}

/* ---- results ---- */

static void push_histogram(lua_State *L, const sn_measure *m, int row) {
    double edges[SN_BINS + 1];
    sn_histogram_edges(m->acc[row].min, m->acc[row].max, SN_BINS, edges);
    lua_createtable(L, 0, 2);
    lua_createtable(L, SN_BINS, 0);
    for (int k = 0; k < SN_BINS; k++) {
        lua_pushinteger(L, m->counts[row * SN_BINS + k]);
        lua_rawseti(L, -2, k + 1);
    }
    lua_setfield(L, -2, "counts");
    lua_createtable(L, SN_BINS + 1, 0);
    for (int k = 0; k <= SN_BINS; k++) {
        lua_pushnumber(L, edges[k]);
        lua_rawseti(L, -2, k + 1);
    }
    lua_setfield(L, -2, "edges");
}

/* { samples =, rows = list of { name, layer, param, shape, COLUMN..., count, histogram = { counts, edges } } };
 * rows of which nothing was seen are left out */
static int push_result(lua_State *L, const sn_measure *m) {
    lua_newtable(L);
    sn_set_int(L, "samples", m->n);
    sn_push_probe_rows(L, m);
    lua_newtable(L);
    for (int r = 0, n = 0; r < m->nrow; r++) {
        if (m->taken[r] == 0) continue;
        sn_push_probe_values(L, m->type, sn_measure_row(m, r));
        lua_rawgeti(L, -3, r + 1);
        lua_setfield(L, -2, "row");
        sn_set_int(L, "count", m->acc[r].finite + m->acc[r].nans + m->acc[r].infs);
        if (m->counts && m->acc[r].finite > 0) {
            push_histogram(L, m, r);
            lua_setfield(L, -2, "histogram");
        }
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -3, "rows");
    lua_pop(L, 1);
    return 1;
}

/* ---- a run's step ---- */

static sn_status measure_last(sn_measure *m, sn_run *r, sn_err *e) {
    sn_status s = sn_probe_last(m, r, e);
    if (s != SN_OK || !sn_measure_wants_again(m)) return s;
    sn_measure_again(m);
    return sn_probe_last(m, r, e);
}

static sn_status measure_scene(sn_measure *m, sn_trainer *t, const sn_scene *scene, float *grads, sn_err *e) {
    sn_status s = sn_probe_scene(m, t, scene, grads, e);
    if (s != SN_OK || !sn_measure_wants_again(m)) return s;
    sn_measure_again(m);
    return sn_probe_scene(m, t, scene, grads, e);
}

/* core.probe_last(run, probe, layers, histogram) -> result; has it the weights that the step saw? */
static int probe_last(lua_State *L) {
    lua_settop(L, 4);
    sn_run *r = sn_check_run(L, 1);
    const sn_trainer *t = sn_run_trainer(r);
    sn_measure *m = push_measure(L, t);
    size_t before = sn_mem_used();
    sn_err e;
    sn_set_active(r, NULL);
    sn_status s = measure_last(m, r, &e);
    sn_set_active(NULL, NULL);
    if (s != SN_OK) return sn_raise_of_run(L, r, &e);
    sn_account_since(L, before);
    sn_measure_commit(m);
    push_result(L, m);
    lua_pushboolean(L, t->before != NULL);
    return 2;
}

/* core.probe_next(run, probe, layers, histogram) -> result of the step that comes next */
static int probe_next(lua_State *L) {
    lua_settop(L, 4);
    sn_run *r = sn_check_run(L, 1);
    sn_measure *m = push_measure(L, sn_run_trainer(r));
    float *grads = push_grads(L, m);
    sn_scene scene;
    sn_err e;
    sn_set_active(r, NULL);
    sn_status s = sn_scene_next(r, &scene, &e);
    sn_set_active(NULL, NULL);
    if (s == SN_OK) s = measure_scene(m, sn_run_trainer(r), &scene, grads, &e);
    if (s != SN_OK) return sn_raise_of_run(L, r, &e);
    sn_measure_commit(m);
    return push_result(L, m);
}

/* ---- other data ---- */

static void check_targets(lua_State *L, const sn_trainer *t, const sn_measure *m, bool has_y) {
    bool wants = m->type->sees & (SN_SEES_GRADS | SN_SEES_OUTPUT_GRAD);
    const char *name = m->probe->desc->name;
    if (!sn_probe_of_scene(m)) sn_raise_text(L, "%s: is about the steps of a run, not about a batch", name);
    if (wants && !has_y) sn_raise_text(L, "%s: wants targets too: batch = { x, y }", name);
    if ((wants || has_y) && !t->loss)
        sn_raise_text(L, "%s: the model is not compiled; call m:compile{...} first", name);
}

/* core.probe_batch(trainer, probe, layers, histogram, x, y or nil, train) -> result */
static int probe_batch(lua_State *L) {
    lua_settop(L, 7);
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_measure *m = push_measure(L, t);
    const sn_tensor *x = sn_float_tensor(L, 5), *y = lua_isnil(L, 6) ? NULL : sn_float_tensor(L, 6);
    const char *name = m->probe->desc->name;
    check_targets(L, t, m, y != NULL);
    int64_t n = x->shape.n ? x->shape.d[0] : 0;
    if (n < 1) return sn_raise_text(L, "%s: the batch is empty", name);
    if (y && (y->shape.n < 1 || y->shape.d[0] != n))
        return sn_raise_text(L, "%s: x has %lld samples, y has %lld", name, (long long)n,
                             (long long)(y->shape.n ? y->shape.d[0] : 0));
    sn_shape sample = sn_shape_sample(&x->shape);
    sn_check_samples(L, t, &sample, name);
    float *grads = push_grads(L, m);
    sn_scene scene = sn_scene_of(t, n, x->data, lua_toboolean(L, 7));
    if (y) scene.y = y->data, scene.y_shape = sn_shape_sample(&y->shape);
    size_t before = sn_mem_used();
    sn_err e;
    if (measure_scene(m, t, &scene, grads, &e) != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    sn_measure_commit(m);
    return push_result(L, m);
}

/* One pass over the data. */
static sn_status measure_all(sn_measure *m, sn_trainer *t, sn_loader *loader, const sn_dataset *d, bool train,
                             sn_err *e) {
    sn_batch b;
    sn_status s = sn_loader_seek(loader, 0, 0, e);
    while (s == SN_OK && (s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        sn_scene scene = sn_scene_of(t, b.n, b.x, train);
        if (d->has_y && m->type->sees & SN_SEES_OUTPUT_GRAD) scene.y = b.y, scene.y_shape = d->y_shape;
        s = sn_probe_scene(m, t, &scene, NULL, e);
    }
    return s;
}

/* core.probe_data(trainer, probe, layers, histogram, dataset, batch size, train) -> result of a whole pass */
static int probe_data(lua_State *L) {
    lua_settop(L, 7);
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_measure *m = push_measure(L, t);
    sn_dataset *d = sn_check_dataset(L, 5);
    int64_t batch_size = sn_check_batch_size(L, 6);
    bool train = lua_toboolean(L, 7);
    const char *name = m->probe->desc->name;
    check_targets(L, t, m, d->has_y);
    if (m->type->sees & SN_SEES_GRADS)
        return sn_raise_text(L, "%s: are those of one batch: batch = { x, y }", name);
    sn_check_samples(L, t, &d->x_shape, name);
    if (d->count < 1) return sn_raise_text(L, "%s: the dataset has no samples", name);
    if (batch_size > d->count) batch_size = d->count;
    sn_lua_loader *loader = sn_push_loader(L, d, batch_size);
    int top = lua_gettop(L);
    sn_err e;
    sn_set_active(NULL, loader->loader);
    sn_status s = measure_all(m, t, loader->loader, d, train, &e);
    if (s == SN_OK && sn_measure_wants_again(m)) {
        sn_measure_again(m);
        s = measure_all(m, t, loader->loader, d, train, &e);
    }
    sn_set_active(NULL, NULL);
    sn_close_loader(loader);
    if (s != SN_OK) return sn_raise(L, &e);
    lua_settop(L, top);
    sn_measure_commit(m);
    return push_result(L, m);
}

void sn_open_measures(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "probe_last", probe_last },
        { "probe_next", probe_next },
        { "probe_batch", probe_batch },
        { "probe_data", probe_data },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_MEASURE, measure_gc);
    lua_pop(L, 1);
}
