/* Where the time of steps goes, and what the machine can do at most. */
#include "base/mem.h"
#include "bind/glue.h"
#include "nn/cost.h"
#include "num/peak.h"

#define MT_TIMES "sonde.times"

typedef struct {
    sn_times times; /* its lists come after it in the same userdata */
    sn_trainer *trainer;
    bool on;
    uint64_t version; /* the model's, that the numbers of nodes belong to */
} times_box;

static int times_gc(lua_State *L) {
    times_box *box = luaL_checkudata(L, 1, MT_TIMES);
    if (box->on && box->trainer->times == &box->times) box->trainer->times = NULL;
    box->on = false;
    return 0;
}

/* core.profile_start(trainer) -> what collects times from now on */
static int profile_start(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    size_t n = (size_t)t->model->nnode;
    times_box *box = sn_push_box(L, MT_TIMES, sizeof *box + 2 * n * sizeof(double));
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, SN_UV_ANCHOR);
    double *lists = (double *)(box + 1);
    box->times = (sn_times){ .nnode = t->model->nnode, .forward = lists, .backward = lists + n };
    box->trainer = t;
    box->version = t->model->version;
    box->on = true;
    t->times = &box->times;
    return 1;
}

/* The table on top gets what the node's part took, and its cost at least. */
static void push_part(lua_State *L, const char *key, double seconds, const sn_cost *c) {
    lua_newtable(L);
    sn_set_num(L, "seconds", seconds);
    sn_set_num(L, "flops", c->flops);
    sn_set_num(L, "bytes", c->bytes);
    lua_setfield(L, -2, key);
}

/* Of the weights: what the parts of a step beside the layers read and write. */
static double part_bytes(const sn_trainer *t, sn_time part) {
    double learned = 0, penalized = 0, size = sizeof(float);
    for (int i = 0; i < t->model->nparam; i++) {
        const sn_param *p = &t->model->params[i];
        if (p->trainable) learned += (double)p->count;
        if (p->trainable && p->spec.regularizer) penalized += (double)p->count;
    }
    if (part == SN_TIME_CLEAR) return size * (double)t->model->slab_count;
    if (part == SN_TIME_PENALTIES) return 4 * size * penalized; /* weights twice, gradients read and written */
    /* weights and states read and written, gradients read */
    if (part == SN_TIME_UPDATE) return size * learned * (3 + 2 * t->nstate);
    return 0;
}

static void push_parts(lua_State *L, const times_box *box, double steps) {
    static const char *const names[SN_TIMES] = { "clear",      "loss",    "penalties", "update",
                                                 "statistics", "metrics", "data" };
    lua_newtable(L);
    for (int i = 0; i < SN_TIMES; i++) {
        sn_cost c = { 0, part_bytes(box->trainer, (sn_time)i) };
        push_part(L, names[i], box->times.part[i] / steps, &c);
    }
}

static void push_nodes(lua_State *L, const times_box *box, const sn_plan *plan, double steps) {
    const sn_times *times = &box->times;
    lua_newtable(L);
    for (int i = 0; i < times->nnode; i++) {
        sn_node_cost c = sn_plan_cost(plan, i, times->samples / times->steps);
        lua_newtable(L);
        sn_set_int(L, "layer", box->trainer->model->nodes[i].layer + 1);
        sn_set_num(L, "activations", c.activations);
        if (c.within >= 0) sn_set_int(L, "within", box->trainer->model->nodes[c.within].layer + 1);
        push_part(L, "forward", times->forward[i] / steps, &c.forward);
        push_part(L, "backward", times->backward[i] / steps, &c.backward);
        lua_rawseti(L, -2, i + 1);
    }
}

/* core.profile_stop(times, train) -> { steps, samples, seconds, parts, nodes }: everything else per step;
 * parts.NAME and nodes[i].forward, .backward are { seconds, flops, bytes } */
static int profile_stop(lua_State *L) {
    times_box *box = luaL_checkudata(L, 1, MT_TIMES);
    bool train = lua_toboolean(L, 2);
    times_gc(L);
    const sn_trainer *t = box->trainer;
    const sn_plan *plan = t->blind[train] ? t->blind[train] : t->seen[train];
    if (box->version != t->model->version || box->times.nnode != t->model->nnode)
        return sn_raise_text(L, "profile: the model was changed meanwhile");
    if (box->times.steps < 1 || !plan) return sn_raise_text(L, "profile: no step was made");
    double steps = (double)box->times.steps;
    lua_newtable(L);
    sn_set_int(L, "steps", box->times.steps);
    sn_set_int(L, "samples", box->times.samples);
    sn_set_num(L, "seconds", box->times.step / steps);
    push_parts(L, box, steps);
    lua_setfield(L, -2, "parts");
    push_nodes(L, box, plan, steps);
    lua_setfield(L, -2, "nodes");
    return 1;
}

/* core.peaks() -> operations per second, bytes per second of reading, of updating; the last two are nil where
 * there is no memory for it. */
static int peaks(lua_State *L) {
    enum { SIZE = 128 << 20 };
    lua_pushnumber(L, sn_peak_flops(sn_pool_default(), NULL));
    sn_peak_bytes b;
    if (sn_peak_bandwidth(sn_pool_default(), SIZE, &b, NULL) != SN_OK) return 1;
    lua_pushnumber(L, b.read);
    lua_pushnumber(L, b.update);
    return 3;
}

void sn_open_profiles(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "profile_start", profile_start },
        { "profile_stop", profile_stop },
        { "peaks", peaks },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_TIMES, times_gc);
    lua_pop(L, 1);
}
