/* The search for the first NaN of a run (train/finite.h), in Lua's terms. The watchpoints themselves are Lua's.
 */
#include "bind/glue.h"
#include <math.h>

/* core.find_bad(run, on): do its next steps look for numbers that are none? */
static int find_bad(lua_State *L) {
    sn_lua_run *box = sn_check_run_box(L, 1);
    bool on = lua_toboolean(L, 2);
    if (on && !box->find_bad) sn_finite_init(&box->finite);
    box->find_bad = on;
    return 0;
}

/* core.pass_bad(run): the step that was halted is made after all when it comes again */
static int pass_bad(lua_State *L) {
    sn_finite_pass(&sn_check_run_box(L, 1)->finite);
    return 0;
}

/* The element's place as a list of indices from 1 in field "element"; none for a single number. */
static void set_element(lua_State *L, const sn_finite_find *f) {
    int64_t left = f->at;
    if (f->shape.n == 0) return;
    lua_createtable(L, f->shape.n, 0);
    for (int i = f->shape.n - 1; i >= 0; i--) {
        lua_pushinteger(L, left % f->shape.d[i] + 1);
        lua_rawseti(L, -2, i + 1);
        left /= f->shape.d[i];
    }
    lua_setfield(L, -2, "element");
}

/* Whose output a node is: layer, which call of it where there are several, and what is still to come. */
static void set_node(lua_State *L, const sn_model *m, int node) {
    const sn_node *n = &m->nodes[node];
    const sn_layer *l = &m->layers[n->layer];
    int call = 1, calls = 0;
    for (int i = 0; i < m->nnode; i++) {
        if (m->nodes[i].layer != n->layer || !m->nodes[i].ends_call) continue;
        calls++;
        call += i < node;
    }
    sn_set_text(L, "layer", l->name);
    if (calls > 1) sn_set_int(L, "call", call);
    if (!n->ends_call && l->activation) sn_set_text(L, "before", l->activation->desc->name);
}

/* The batch's sample is one of the data; it is still held when the step was halted. */
static void set_sample(lua_State *L, sn_lua_run *box, int64_t sample, const sn_dataset *d) {
    const sn_batch *b;
    sn_set_int(L, "sample", sample + 1);
    if (!sn_run_training(box->run) || sn_run_next_batch(box->run, &b, NULL) != SN_OK || sample >= b->n) return;
    int64_t index = b->index[sample];
    sn_set_int(L, "index", index + 1);
    if (index < d->count) sn_set_text(L, "file", sn_dataset_sample_name(d, index));
}

/* core.found_bad(run, its training data) -> nil, or what was found in the step that was tried last: { what =,
 * layer =, parameter = (conv2d_1/kernel), sample = of the batch, index = of the data, file =, element = { ...
 * }, value =, call =, before = an activation, made = is the step made? }; numbers from 1 */
static int found_bad(lua_State *L) {
    static const char *const names[] = { "x",           "y",        "weight",  "output", "loss",
                                         "output.grad", "gradient", "penalty", "updated" };
    sn_lua_run *box = sn_check_run_box(L, 1);
    const sn_dataset *d = sn_check_dataset(L, 2);
    const sn_finite_find *f = &box->finite.find;
    if (!box->find_bad || !f->found) return 0;
    const sn_model *m = sn_run_trainer(box->run)->model;
    luaL_checkstack(L, 6, "a find");
    lua_newtable(L);
    sn_set_text(L, "what", names[f->what]);
    sn_set_num(L, "value", isnan(f->value) ? (double)NAN : f->value); /* its sign is of no interest */
    sn_set_bool(L, "made", f->what == SN_FINITE_UPDATED);
    set_element(L, f);
    if (f->param >= 0) {
        sn_set_text(L, "parameter", m->params[f->param].name);
        sn_set_text(L, "layer", m->layers[m->params[f->param].layer].name);
    }
    if (f->node >= 0) set_node(L, m, f->node);
    if (f->sample >= 0) set_sample(L, box, f->sample, d);
    return 1;
}

void sn_open_watches(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "find_bad", find_bad },
        { "pass_bad", pass_bad },
        { "found_bad", found_bad },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
}
