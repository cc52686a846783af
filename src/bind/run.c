/* Runs in Lua: a pull iterator. Callbacks and learning rates that are Lua functions run in the Lua half between
 * two calls of run_next, when nothing of the core is held. */
#include "base/mem.h"
#include "bind/glue.h"
#include <math.h>
#include <string.h>

static sn_lua_run *push_box(lua_State *L) { return sn_push_box(L, SN_MT_RUN, sizeof(sn_lua_run)); }

sn_lua_run *sn_check_run_box(lua_State *L, int arg) {
    sn_lua_run *box = luaL_checkudata(L, arg, SN_MT_RUN);
    if (!box->run) sn_raise_text(L, "the run is closed");
    return box;
}
sn_run *sn_check_run(lua_State *L, int arg) { return sn_check_run_box(L, arg)->run; }

int sn_raise_of_run(lua_State *L, sn_run *r, const sn_err *e) {
    if (e->code == SN_ECANCEL) sn_run_calm(r);
    return sn_raise(L, e);
}

static int run_gc(lua_State *L) {
    sn_lua_run *box = luaL_checkudata(L, 1, SN_MT_RUN);
    sn_run_end(box->run);
    box->run = NULL;
    return 0;
}

/* What the run at stack index run needs alive: a list of the values at the indices from..to. */
static void anchor(lua_State *L, int run, int from, int to) {
    lua_newtable(L);
    for (int i = from; i <= to; i++) {
        lua_pushvalue(L, i);
        lua_rawseti(L, -2, i - from + 1);
    }
    lua_setiuservalue(L, run, SN_UV_ANCHOR);
}

/* ---- beginning ---- */

/* The Lua half has checked them and says what is wrong. */
static int64_t int_option(lua_State *L, const char *name) {
    lua_getfield(L, 4, name);
    int64_t v = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return v;
}

static bool bool_option(lua_State *L, const char *name) {
    lua_getfield(L, 4, name);
    bool v = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return v;
}

static sn_run_opts check_options(lua_State *L) {
    luaL_checktype(L, 4, LUA_TTABLE);
    return (sn_run_opts){ .batch_size = int_option(L, "batch_size"),
                          .epochs = int_option(L, "epochs"),
                          .shuffle = bool_option(L, "shuffle"),
                          .seed = (uint64_t)int_option(L, "seed"),
                          .validation_freq = int_option(L, "validation_freq"),
                          .steps_per_epoch = int_option(L, "steps_per_epoch") };
}

/* core.run_begin(trainer, train, validation or nil, options, list of callbacks) */
static int run_begin(lua_State *L) {
    lua_settop(L, 5);
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *train = sn_check_dataset(L, 2), *val = lua_isnil(L, 3) ? NULL : sn_check_dataset(L, 3);
    sn_run_opts opts = check_options(L);
    int n = (int)luaL_len(L, 5);
    sn_obj **callbacks = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *callbacks, 0);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 5, i + 1);
        callbacks[i] = sn_check_object(L, -1, &sn_kind_callback);
        lua_pop(L, 1); /* the list keeps it */
    }
    sn_lua_run *box = push_box(L);
    anchor(L, lua_gettop(L), 1, 3);
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_run_begin(&box->run, t, train, val, &opts, callbacks, n, &e);
    if (sn_retry(L, s)) s = sn_run_begin(&box->run, t, train, val, &opts, callbacks, n, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account_since(L, before);
    return 1;
}

/* core.run_resume(path, train, validation or nil) -> run, trainer, model */
static int run_resume(lua_State *L) {
    lua_settop(L, 3);
    const char *path = sn_check_text(L, 1, "resume: the path");
    sn_dataset *train = sn_check_dataset(L, 2), *val = lua_isnil(L, 3) ? NULL : sn_check_dataset(L, 3);
    /* In the order in which they may be freed last: Lua finalizes in the opposite order of creation. */
    sn_lua_model *m = sn_push_box(L, SN_MT_MODEL, sizeof *m);
    sn_lua_trainer *t = sn_push_box(L, SN_MT_TRAINER, sizeof *t);
    lua_pushvalue(L, 4);
    lua_setiuservalue(L, 5, SN_UV_ANCHOR);
    sn_lua_run *box = push_box(L);
    anchor(L, 6, 2, 5);
    size_t before = sn_mem_used();
    sn_err e;
    sn_status s = sn_run_resume(&box->run, &m->model, &t->trainer, path, train, val, &e);
    if (sn_retry(L, s)) s = sn_run_resume(&box->run, &m->model, &t->trainer, path, train, val, &e);
    if (s != SN_OK) return sn_raise_as(L, "resume", &e);
    sn_account_since(L, before);
    lua_pushvalue(L, 5);
    lua_pushvalue(L, 4);
    return 3;
}

/* ---- going on ---- */

static const char *const event_names[] = { "epoch_begin", "step", "val_step", "epoch_end", "halt", "end" };

/* The search sees the steps of its own run only: other runs of the model, and train_on_batch, know nothing of
 * it. */
static sn_status next_watched(sn_lua_run *box, sn_event *ev, sn_err *e) {
    if (!box->find_bad) return sn_run_next(box->run, ev, e);
    sn_trainer *t = sn_run_trainer(box->run);
    sn_trainer_observe(t, &box->finite.observer);
    sn_status s = sn_run_next(box->run, ev, e);
    sn_trainer_unobserve(t, &box->finite.observer);
    return s;
}

/* core.run_next(run) -> event, epoch, step, steps, seconds, total, data, penalty, activity, samples, message */
static int run_next(lua_State *L) {
    sn_lua_run *box = sn_check_run_box(L, 1);
    sn_run *r = box->run;
    luaL_checkstack(L, 12, "an event");
    sn_event ev = { 0 };
    sn_err e;
    sn_set_active(r, NULL);
    sn_status s = next_watched(box, &ev, &e);
    sn_set_active(NULL, NULL);
    if (s != SN_OK) return sn_raise(L, &e);
    lua_pushstring(L, event_names[ev.kind]);
    lua_pushinteger(L, ev.epoch);
    lua_pushinteger(L, ev.step);
    lua_pushinteger(L, ev.steps);
    sn_push_number(L, ev.seconds);
    sn_push_number(L, ev.batch.total);
    sn_push_number(L, ev.batch.data);
    sn_push_number(L, ev.batch.penalty);
    sn_push_number(L, ev.batch.activity);
    lua_pushinteger(L, ev.batch.n);
    const char *message = sn_run_message(r);
    lua_pushstring(L, *message ? message : NULL);
    return 11;
}

/* core.run_training(run): does run_next make a step now? */
static int run_training(lua_State *L) {
    lua_pushboolean(L, sn_run_training(sn_check_run(L, 1)));
    return 1;
}

/* In the registry: by a run's box the coroutine that drives it, weakly. A function of the user's may yield
 * there, and the coroutine may then be dropped or closed: nothing tells us. */
static const char drivers;

/* Is the run going still? Raises where it waits in a coroutine that may yet be resumed. */
static bool still_driven(lua_State *L, const sn_lua_run *box) {
    if (!box->driven) return false;
    for (int again = 0;; again = 1) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &drivers);
        lua_rawgetp(L, -1, box);
        lua_State *co = lua_tothread(L, -1);
        lua_pop(L, 2);
        lua_Debug frame;
        if (!co || (lua_status(co) == LUA_OK && !lua_getstack(co, 0, &frame)))
            return false; /* gone, or closed */
        if (lua_status(co) != LUA_YIELD) return true;
        if (again)
            sn_raise_text(
                L, "run: it is going in a coroutine that has yielded; resume that one to its end, or let it "
                   "go: nil in place of every name for it");
        lua_gc(L, LUA_GCCOLLECT, 0);
    }
}

static void note_driver(lua_State *L, sn_lua_run *box) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &drivers);
    lua_pushthread(L);
    lua_rawsetp(L, -2, box);
    lua_pop(L, 1);
    box->driven = true;
}

static int end_drive(lua_State *L, int status, lua_KContext ctx) {
    (void)ctx;
    ((sn_lua_run *)lua_touserdata(L, 1))->driven = false;
    return status == LUA_OK || status == LUA_YIELD ? 0 : lua_error(L);
}

/* core.run_drive(run, function): calls it while the run counts as going. Here and not in Lua, where a second
 * Ctrl-C could come between the end of the function and the note of it. */
static int run_drive(lua_State *L) {
    sn_check_run(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    sn_lua_run *box = lua_touserdata(L, 1);
    if (still_driven(L, box))
        return sn_raise_text(L, "run: it is going already; a callback cannot step its own run");
    note_driver(L, box);
    return end_drive(L, lua_pcallk(L, 0, 0, 0, 0, end_drive), 0);
}

/* core.run_keep(run, bool): every step keeps the weights that it saw, so that it can be looked into afterwards
 */
static int run_keep(lua_State *L) {
    sn_run_keep(sn_check_run(L, 1), lua_toboolean(L, 2));
    return 0;
}

static int run_stop(lua_State *L) {
    sn_run_stop(sn_check_run(L, 1), lua_isnoneornil(L, 2) ? NULL : sn_check_text(L, 2, "stop: the reason"));
    return 0;
}

static int run_extend(lua_State *L) {
    sn_run_extend(sn_check_run(L, 1), luaL_checkinteger(L, 2));
    return 0;
}

/* core.run_note(run [, text]): the Lua half's own line, saved with the run */
static int run_note(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    sn_err e;
    if (!lua_isnoneornil(L, 2) && sn_run_set_note(r, luaL_checkstring(L, 2), &e) != SN_OK)
        return sn_raise(L, &e);
    lua_pushstring(L, sn_run_note(r));
    return 1;
}

/* core.run_callbacks(run) -> list of the described callbacks */
static int run_callbacks(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    lua_newtable(L);
    for (int i = 0; i < sn_run_callbacks(r); i++) {
        sn_push_object(L, sn_run_callback(r, i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int run_save(lua_State *L) {
    sn_err e;
    if (sn_run_save(sn_check_run(L, 1), sn_check_text(L, 2, "save: the path"), &e) != SN_OK)
        return sn_raise_as(L, "save", &e);
    return 0;
}

/* core.run_ready(run) -> true, or false and why it cannot go on with the model as it is now. Want of memory is
 * not of the model: the next step asks again. */
static int run_ready(lua_State *L) {
    sn_err e = { 0 };
    sn_status s = sn_run_ready(sn_check_run(L, 1), &e);
    bool ready = s == SN_OK || s == SN_ENOMEM;
    lua_pushboolean(L, ready);
    lua_pushstring(L, ready ? NULL : e.msg);
    return 2;
}

/* core.run_new_loss(run): its callbacks forget what was best so far, the epoch's average what was of another
 * loss */
static int run_new_loss(lua_State *L) {
    sn_run_new_loss(sn_check_run(L, 1));
    return 0;
}

/* ---- looking at ---- */

/* core.run_is_open(run): false where it was collected already, though a weak table still has it */
static int run_is_open(lua_State *L) {
    const sn_lua_run *box = luaL_checkudata(L, 1, SN_MT_RUN);
    lua_pushboolean(L, box->run != NULL);
    return 1;
}

/* core.run_info(run) -> where it stands and how it was begun */
static int run_info(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    const sn_run_opts *o = sn_run_options(r);
    lua_newtable(L);
    sn_set_int(L, "epoch", sn_run_epoch(r));
    sn_set_int(L, "step", sn_run_step_in_epoch(r));
    sn_set_int(L, "steps", sn_run_steps(r));
    sn_set_bool(L, "validating", sn_run_validating(r));
    sn_set_bool(L, "done", sn_run_done(r));
    sn_set_bool(L, "has_gradients", sn_run_has_gradients(r));
    sn_set_int(L, "epochs", o->epochs);
    sn_set_int(L, "batch_size", o->batch_size);
    sn_set_bool(L, "shuffle", o->shuffle);
    sn_set_int(L, "seed", (int64_t)o->seed);
    sn_set_int(L, "validation_freq", o->validation_freq);
    sn_set_int(L, "steps_per_epoch", o->steps_per_epoch);
    return 1;
}

/* core.run_columns(run) -> list of names in the order logged, rows */
static int run_columns(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    int n = sn_run_columns(r);
    lua_createtable(L, n, 0);
    for (int c = 0; c < n; c++) {
        lua_pushstring(L, sn_run_column(r, c));
        lua_rawseti(L, -2, c + 1);
    }
    lua_pushinteger(L, sn_run_rows(r));
    return 2;
}

static int check_column(lua_State *L, sn_run *r, int arg) {
    lua_Integer c = luaL_checkinteger(L, arg);
    luaL_argcheck(L, c >= 1 && c <= sn_run_columns(r), arg, "no such column");
    return (int)c - 1;
}

/* Beside the value: was it measured at all? */
static int push_measured(lua_State *L, double v) {
    sn_push_number(L, sn_run_is_gap(v) ? (double)NAN : v);
    lua_pushboolean(L, !sn_run_is_gap(v));
    return 2;
}

/* core.run_value(run, row from 1, column from 1) -> value, measured; nan = not logged */
static int run_value(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    lua_Integer row = luaL_checkinteger(L, 2);
    luaL_argcheck(L, row >= 1 && row <= sn_run_rows(r), 2, "no such epoch");
    return push_measured(L, sn_run_value(r, row - 1, check_column(L, r, 3)));
}

/* core.run_current(run, column from 1) -> the running value of the present epoch, measured */
static int run_current(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    return push_measured(L, sn_run_current(r, check_column(L, r, 2)));
}

static void push_terms(lua_State *L, double total, double data, double penalty, double activity) {
    lua_newtable(L);
    sn_set_num(L, "total", total);
    sn_set_num(L, "data", data);
    sn_set_num(L, "penalty", penalty);
    sn_set_num(L, "activity", activity);
    lua_newtable(L); /* layers: penalties by name */
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "layers");
}

/* core.run_terms(run, row from 1, or 0 = the present epoch, validation) -> terms or nil */
static int run_terms(lua_State *L) {
    sn_run *r = sn_check_run(L, 1);
    lua_Integer row = luaL_checkinteger(L, 2);
    if (row > sn_run_rows(r)) return 0;
    const sn_terms *t = sn_run_terms(r, row - 1, lua_toboolean(L, 3));
    if (!t->valid) return 0;
    push_terms(L, t->total, t->data, t->penalty, t->activity);
    for (int i = 0; i < sn_run_layers(r); i++) sn_set_num(L, sn_run_layer(r, i), t->by_layer[i]);
    lua_pop(L, 1);
    return 1;
}

/* core.penalties(model) -> terms of the weights as they are: data and total are nan */
static int penalties(lua_State *L) {
    sn_model *m = sn_check_model(L, 1);
    double *layers = lua_newuserdatauv(L, ((size_t)m->nlayer + 1) * sizeof *layers, 0);
    memset(layers, 0, ((size_t)m->nlayer + 1) * sizeof *layers);
    double sum;
    sn_err e;
    if (sn_model_penalty(m, m->slab, layers, sn_pool_default(), &sum, &e) != SN_OK) return sn_raise(L, &e);
    push_terms(L, NAN, NAN, sum, NAN);
    for (int i = 0; i < m->nlayer; i++) sn_set_num(L, m->layers[i].name, layers[i]);
    lua_pop(L, 1);
    return 1;
}

void sn_open_runs(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "run_begin", run_begin },         { "run_resume", run_resume }, { "run_next", run_next },
        { "run_training", run_training },   { "run_stop", run_stop },     { "run_extend", run_extend },
        { "run_save", run_save },           { "run_info", run_info },     { "run_is_open", run_is_open },
        { "run_columns", run_columns },     { "run_value", run_value },   { "run_current", run_current },
        { "run_terms", run_terms },         { "penalties", penalties },   { "run_note", run_note },
        { "run_callbacks", run_callbacks }, { "run_ready", run_ready },   { "run_new_loss", run_new_loss },
        { "run_drive", run_drive },         { "run_keep", run_keep },     { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &drivers);
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_RUN, run_gc);
    lua_setfield(L, -2, SN_MT_RUN);
    lua_pop(L, 1);
}
