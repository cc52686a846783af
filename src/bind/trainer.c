/* Compiled models: single batches, evaluation and prediction. */
#include "base/mem.h"
#include "bind/bind.h"
#include "bind/glue.h"
#include "nn/gradcheck_model.h"
#include <math.h>
#include <string.h>

static sn_lua_trainer *push_box(lua_State *L) { return sn_push_box(L, SN_MT_TRAINER, sizeof(sn_lua_trainer)); }

sn_trainer *sn_check_trainer(lua_State *L, int arg) {
    sn_lua_trainer *box = luaL_checkudata(L, arg, SN_MT_TRAINER);
    if (!box->trainer) sn_raise_text(L, "the model is closed");
    return box->trainer;
}

static int trainer_gc(lua_State *L) {
    sn_lua_trainer *box = luaL_checkudata(L, 1, SN_MT_TRAINER);
    sn_trainer_free(box->trainer);
    box->trainer = NULL;
    return 0;
}

/* How a model is compiled. What it borrows is kept by the tables on the stack. */
typedef struct {
    sn_obj *loss, *optimizer, *metrics[SN_MAXMETRIC]; /* loss and optimizer NULL: not compiled */
    const char *names[SN_MAXMETRIC];
    int n;
} settings;

static settings check_settings(lua_State *L) {
    settings c = { 0 };
    if (lua_isnoneornil(L, 2)) return c;
    c.loss = sn_check_object(L, 2, &sn_kind_loss);
    c.optimizer = sn_check_object(L, 3, &sn_kind_optimizer);
    c.n = (int)luaL_len(L, 4);
    if (c.n > SN_MAXMETRIC) sn_raise_text(L, "compile: %d metrics; at most %d are possible", c.n, SN_MAXMETRIC);
    for (int i = 0; i < c.n; i++) {
        lua_rawgeti(L, 4, i + 1);
        c.metrics[i] = sn_check_object(L, -1, &sn_kind_metric);
        lua_rawgeti(L, 5, i + 1);
        c.names[i] = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
        lua_pop(L, 2); /* the lists keep them */
    }
    return c;
}

/* core.trainer(model, loss, optimizer, metrics, names (a text or false for each), seed); without loss and
 * optimizer it can only predict. */
static int trainer_new(lua_State *L) {
    sn_model *m = sn_check_model(L, 1);
    settings c = check_settings(L);
    sn_lua_trainer *box = push_box(L);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    sn_err e;
    if (sn_trainer_new(&box->trainer, m, c.loss, c.optimizer, c.metrics, c.names, c.n, &e) != SN_OK)
        return sn_raise(L, &e);
    box->trainer->seed = (uint64_t)luaL_optinteger(L, 6, 0);
    return 1;
}

/* core.trainer_recompile(trainer, loss, optimizer, metrics, names, anew, seed of dropout where it is anew): in
 * place, for the runs of it too */
static int trainer_recompile(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    settings c = check_settings(L);
    bool anew = lua_toboolean(L, 6);
    uint64_t seed = anew ? (uint64_t)luaL_checkinteger(L, 7) : t->seed;
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_trainer_recompile(t, c.loss, c.optimizer, c.metrics, c.names, c.n, anew, &e);
    if (sn_retry(L, s)) s = sn_trainer_recompile(t, c.loss, c.optimizer, c.metrics, c.names, c.n, anew, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    t->seed = seed;
    sn_account_since(L, before);
    return 0;
}

/* ---- single batches ---- */

void sn_check_samples(lua_State *L, const sn_trainer *t, const sn_shape *sample, const char *what) {
    const sn_shape *in = sn_model_input_shape(t->model);
    if (sn_shape_equal(in, sample)) return;
    char want[160], got[160];
    sn_shape w = sn_shape_with_batch(in, 0), g = *sample;
    if (g.n < SN_MAXDIM) g = sn_shape_with_batch(sample, 0);
    sn_raise_text(L, "%s: the model wants %s, got %s; reshape the data or change the model's input", what,
                  sn_shape_text(&w, true, want, sizeof want), sn_shape_text(&g, true, got, sizeof got));
}

typedef struct {
    int64_t n;
    const float *x, *y;
    sn_shape y_shape;
} batch;

/* Tensors at 2 and 3 as one batch for the trainer. */
static batch check_batch(lua_State *L, const sn_trainer *t, const char *what) {
    const sn_tensor *x = sn_float_tensor(L, 2), *y = sn_float_tensor(L, 3);
    if (x->shape.n < 1 || y->shape.n < 1 || x->shape.d[0] != y->shape.d[0])
        sn_raise_text(L, "%s: x has %lld samples, y has %lld", what,
                      (long long)(x->shape.n ? x->shape.d[0] : 0), (long long)(y->shape.n ? y->shape.d[0] : 0));
    if (x->shape.d[0] < 1) sn_raise_text(L, "%s: the batch is empty", what);
    sn_shape sample = sn_shape_sample(&x->shape);
    sn_check_samples(L, t, &sample, what);
    return (batch){ .n = x->shape.d[0], .x = x->data, .y = y->data, .y_shape = sn_shape_sample(&y->shape) };
}

static int push_losses(lua_State *L, const sn_losses *l) {
    sn_push_number(L, l->total);
    sn_push_number(L, l->data);
    sn_push_number(L, l->penalty);
    sn_push_number(L, l->activity);
    return 4;
}

/* core.train_on_batch(trainer, x, y) -> total, data, penalty, activity */
static int train_on_batch(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    batch b = check_batch(L, t, "train_on_batch");
    size_t before = sn_mem_used();
    sn_losses l;
    sn_err e;
    sn_status s = sn_trainer_step(t, b.n, b.x, b.y, &b.y_shape, &l, &e);
    if (sn_retry(L, s)) s = sn_trainer_step(t, b.n, b.x, b.y, &b.y_shape, &l, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    return push_losses(L, &l);
}

void sn_bind_prompt(bool there) { sn_trainer_keep_gradients(there); }

/* core.gradients_on_batch(trainer, x, y) -> total, data, penalty, activity; the gradients are then in
 * trainer_get */
static int gradients_on_batch(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    batch b = check_batch(L, t, "gradients_on_batch");
    size_t before = sn_mem_used();
    sn_losses l;
    sn_err e;
    sn_status s = sn_trainer_gradients(t, b.n, b.x, b.y, &b.y_shape, true, &l, &e);
    if (sn_retry(L, s)) s = sn_trainer_gradients(t, b.n, b.x, b.y, &b.y_shape, true, &l, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    return push_losses(L, &l);
}

/* core.gradcheck(trainer, x, y, elements, tolerance) -> a list, by parameter: false where it does not learn, or
 * { checked, kinks, wrong, error, worst (from 0), analytic, numeric } */
static int gradcheck(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    batch b = check_batch(L, t, "gradcheck");
    int64_t elements = luaL_checkinteger(L, 4);
    double tolerance = luaL_checknumber(L, 5);
    sn_err e;
    sn_param_check *out = lua_newuserdatauv(L, ((size_t)t->model->nparam + 1) * sizeof *out, 0);
    if (sn_trainer_check_target(t, &b.y_shape, &e) != SN_OK) return sn_raise(L, &e);
    sn_gradcheck o = { t->model, t->loss,  &b.y_shape, b.n,     b.x,
                       b.y,      elements, tolerance,  t->seed, (uint64_t)t->iterations,
                       t->pool };
    sn_status s = sn_gradcheck_model(&o, out, &e);
    if (s == SN_ECANCEL) sn_pool_clear_cancel(t->pool);
    if (s != SN_OK) return sn_raise(L, &e);
    lua_createtable(L, t->model->nparam, 0);
    for (int i = 0; i < t->model->nparam; i++) {
        const sn_param_check *c = &out[i];
        if (c->checked) {
            lua_createtable(L, 0, 8);
            sn_set_int(L, "checked", c->checked);
            sn_set_int(L, "kinks", c->kinks);
            sn_set_int(L, "wrong", c->wrong);
            sn_set_int(L, "worst", c->worst);
            sn_set_num(L, "error", c->error);
            sn_set_num(L, "analytic", c->analytic);
            sn_set_num(L, "numeric", c->numeric);
        } else {
            lua_pushboolean(L, false);
        }
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

const float *sn_find_slab(const sn_trainer *t, const char *what) {
    if (strcmp(what, "value") == 0) return t->model->slab;
    if (strcmp(what, "grad") == 0) return t->grads_gone ? NULL : t->grads;
    const sn_optimizer_type *type = sn_trainer_optimizer(t);
    for (int k = 0; type && k < t->nstate; k++)
        if (type->state_name[k] && strcmp(type->state_name[k], what) == 0) return t->state[k];
    return NULL;
}

/* core.trainer_get(trainer, parameter, "value" | "grad" | optimizer state) -> a copy, or nil */
static int trainer_get(lua_State *L) {
    const sn_trainer *t = sn_check_trainer(L, 1);
    const sn_param *p = sn_check_param(L, t->model, 2);
    const float *slab = sn_find_slab(t, luaL_checkstring(L, 3));
    if (!slab) return 0;
    sn_tensor *copy = sn_new_tensor(L, SN_F32, &p->spec.shape);
    memcpy(copy->data, slab + p->offset, p->count * sizeof(float));
    return 1;
}

/* core.trainer_info(trainer) -> loss, optimizer, list of metric names, list of metrics, optimizer state names
 */
static int trainer_info(lua_State *L) {
    const sn_trainer *t = sn_check_trainer(L, 1);
    if (!t->loss) return 0;
    sn_push_object(L, t->loss);
    sn_push_object(L, t->optimizer);
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 0; i < t->nmetric; i++) {
        lua_pushstring(L, t->metric[i].name);
        lua_rawseti(L, -3, i + 1);
        sn_push_object(L, t->metric[i].obj);
        lua_rawseti(L, -2, i + 1);
    }
    lua_newtable(L);
    const sn_optimizer_type *type = sn_trainer_optimizer(t);
    for (int k = 0; k < t->nstate; k++) {
        lua_pushstring(L, type->state_name[k]);
        lua_rawseti(L, -2, k + 1);
    }
    return 5;
}

/* ---- the learning rate ---- */

static const sn_rate *rate_of(const sn_trainer *t) {
    return t->optimizer ? &((const sn_optimizer_common *)t->optimizer->cfg)->learning_rate : NULL;
}

/* core.trainer_rate(trainer) -> the next step's rate, "plain" | "schedule" | "function", optimizer steps made
 */
static int trainer_rate(lua_State *L) {
    const sn_trainer *t = sn_check_trainer(L, 1);
    const sn_rate *r = rate_of(t);
    sn_push_number(L, sn_trainer_lr(t));
    lua_pushstring(L, r && r->external ? "function" : r && r->schedule ? "schedule" : "plain");
    lua_pushinteger(L, t->iterations);
    return 3;
}

/* core.trainer_set_rate(trainer, rate): of a plain rate, or what a Lua function gave for the next step */
static int trainer_set_rate(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    if (lua_type(L, 2) != LUA_TNUMBER)
        return sn_raise_text(L, "learning_rate = %s must be a number >= 0", sn_push_quoted(L, 2));
    double rate = lua_tonumber(L, 2);
    const sn_rate *r = rate_of(t);
    if (isnan(rate)) rate = (double)NAN; /* its sign is of no interest */
    if (!(rate >= 0) || rate > 1e30)
        return sn_raise_text(L, "learning_rate = %.10g must be a number >= 0", rate);
    if (r && r->schedule)
        return sn_raise_text(L, "learning_rate follows %s; r:compile{ learning_rate = v } takes its place",
                             r->schedule->desc->name);
    if (r && r->external)
        t->external_lr = rate;
    else
        t->lr = rate;
    return 0;
}

/* ---- whole datasets ---- */

void sn_prepare_inference(lua_State *L, sn_trainer *t, int64_t batch_size) {
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_trainer_prepare(t, batch_size, false, false, &e);
    if (sn_retry(L, s)) s = sn_trainer_prepare(t, batch_size, false, false, &e);
    if (s != SN_OK) sn_raise(L, &e);
    sn_account_since(L, before);
}

/* sums: total, data, penalty, activity weighted by samples. */
static sn_status evaluate(sn_trainer *t, sn_loader *loader, const sn_shape *y_shape, double sums[4], int64_t *n,
                          sn_err *e) {
    sn_batch b;
    sn_status s;
    while ((s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        sn_losses l;
        s = sn_trainer_eval(t, b.n, b.x, b.y, y_shape, &l, e);
        if (s != SN_OK) return s;
        double w = (double)b.n;
        sums[0] += w * l.total;
        sums[1] += w * l.data;
        sums[2] += w * l.penalty;
        sums[3] += w * l.activity;
        *n += b.n;
    }
    return s;
}

/* A run in the middle of an epoch keeps its running metrics in the same places: they are put aside meanwhile.
 */
static double *push_metric_states(lua_State *L, const sn_trainer *t) {
    size_t n = 1;
    for (int i = 0; i < t->nmetric; i++) n += t->metric[i].nstate;
    return lua_newuserdatauv(L, n * sizeof(double), 0);
}

static void copy_metric_states(sn_trainer *t, double *aside, bool back) {
    for (int i = 0; i < t->nmetric; i++) {
        sn_metric *m = &t->metric[i];
        if (back)
            memcpy(m->state, aside, m->nstate * sizeof(double));
        else
            memcpy(aside, m->state, m->nstate * sizeof(double));
        aside += m->nstate;
    }
}

/* core.evaluate(trainer, dataset, batch_size) -> { total, data, penalty, activity, n = samples, metrics = {...}
 * } */
static int trainer_evaluate(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *d = sn_check_dataset(L, 2);
    int64_t batch_size = sn_check_batch_size(L, 3);
    sn_err e;
    if (!d->has_y) return sn_raise_text(L, "evaluate: the dataset has no labels");
    sn_check_samples(L, t, &d->x_shape, "evaluate");
    if (sn_trainer_check_target(t, &d->y_shape, &e) != SN_OK) return sn_raise(L, &e);
    if (batch_size > d->count && d->count > 0) batch_size = d->count;
    sn_lua_loader *box = sn_push_loader(L, d, batch_size);
    sn_prepare_inference(L, t, batch_size);
    double *aside = push_metric_states(L, t), sums[4] = { 0 }, values[SN_MAXMETRIC];
    int64_t n = 0;
    copy_metric_states(t, aside, false);
    sn_trainer_reset_metrics(t);
    sn_set_active(NULL, box->loader);
    sn_status s = evaluate(t, box->loader, &d->y_shape, sums, &n, &e);
    sn_set_active(NULL, NULL);
    sn_close_loader(box);
    for (int i = 0; i < t->nmetric; i++) values[i] = sn_trainer_metric(t, i);
    copy_metric_states(t, aside, true);
    if (s != SN_OK) return sn_raise(L, &e);
    if (n == 0) return sn_raise_text(L, "evaluate: the dataset has no samples");
    static const char *const names[] = { "total", "data", "penalty", "activity" };
    lua_newtable(L);
    for (int k = 0; k < 4; k++) {
        sn_push_number(L, sums[k] / (double)n);
        lua_setfield(L, -2, names[k]);
    }
    lua_pushinteger(L, n);
    lua_setfield(L, -2, "n");
    lua_newtable(L);
    for (int i = 0; i < t->nmetric; i++) {
        sn_push_number(L, values[i]);
        lua_setfield(L, -2, t->metric[i].name);
    }
    lua_setfield(L, -2, "metrics");
    return 1;
}

static sn_status predict(sn_trainer *t, sn_loader *loader, sn_tensor *out, int64_t *n, sn_err *e) {
    int64_t row = sn_shape_row(&out->shape);
    sn_batch b;
    sn_status s;
    while ((s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        const float *y;
        s = sn_trainer_predict(t, b.n, b.x, &y, e);
        if (s != SN_OK) return s;
        memcpy((float *)out->data + *n * row, y, (size_t)(b.n * row) * sizeof(float));
        *n += b.n;
    }
    return s;
}

/* core.predict(trainer, dataset, batch_size) -> (samples, outputs...): one row for each sample that could be
 * read */
static int trainer_predict(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *d = sn_check_dataset(L, 2);
    int64_t batch_size = sn_check_batch_size(L, 3), n = 0;
    sn_check_samples(L, t, &d->x_shape, "predict");
    if (batch_size > d->count && d->count > 0) batch_size = d->count;
    sn_shape shape = sn_shape_with_batch(sn_model_output_shape(t->model), d->count);
    sn_tensor *out = sn_new_tensor(L, SN_F32, &shape);
    int at = lua_gettop(L);
    sn_lua_loader *box = sn_push_loader(L, d, batch_size);
    sn_err e;
    sn_prepare_inference(L, t, batch_size);
    sn_set_active(NULL, box->loader);
    sn_status s = predict(t, box->loader, out, &n, &e);
    sn_set_active(NULL, NULL);
    sn_close_loader(box);
    if (s != SN_OK) return sn_raise(L, &e);
    if (n < d->count) {
        sn_tensor *less = sn_push_tensor(L);
        *less = sn_tensor_rows(out, 0, n);
        return 1;
    }
    lua_pushvalue(L, at);
    return 1;
}

void sn_open_trainers(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "trainer", trainer_new },
        { "trainer_recompile", trainer_recompile },
        { "train_on_batch", train_on_batch },
        { "evaluate", trainer_evaluate },
        { "gradients_on_batch", gradients_on_batch },
        { "gradcheck", gradcheck },
        { "predict", trainer_predict },
        { "trainer_get", trainer_get },
        { "trainer_info", trainer_info },
        { "trainer_rate", trainer_rate },
        { "trainer_set_rate", trainer_set_rate },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, SN_MT_TRAINER, trainer_gc);
    lua_pop(L, 1);
}
