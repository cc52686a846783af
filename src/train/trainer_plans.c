/* The plans of a trainer, for training (1) and inference (0): `seen`, whose every tensor visitors can look at,
 * and `blind`, which fuses layers and needs less time and memory. They share one memory, as one of them runs at
 * a time. */
#include "base/mem.h"
#include "train/trainer_impl.h"

static void drop_layouts(sn_trainer *t) {
    for (int train = 0; train < 2; train++) {
        sn_plan_free(t->blind[train]);
        sn_plan_free(t->seen[train]);
        t->blind[train] = t->seen[train] = NULL;
    }
    t->plan = NULL;
    t->plan_uses++;
}

void sn_trainer_drop_plans(sn_trainer *t) {
    drop_layouts(t);
    sn_free(t->plan_memory.at);
    t->plan_memory.at = NULL;
    t->plan_memory.bytes = 0;
}

/* What a step needs beside its plan, and plans of the model as it is. */
static sn_status get_ready(sn_trainer *t, int64_t n, bool train, sn_err *e) {
    if (n < 1) return sn_fail(e, SN_EINVAL, "batch_size = %lld must be at least 1", (long long)n);
    if (train) {
        sn_status s = sn_trainer_alloc_state(t, e);
        if (s == SN_OK) s = sn_trainer_want_outputs(t, n, e);
        if (s != SN_OK) return s;
    }
    if (t->model_version == t->model->version) return SN_OK;
    drop_layouts(t);
    t->model_version = t->model->version;
    return SN_OK;
}

static sn_status make(sn_trainer *t, sn_plan **plan, int64_t n, bool train, bool seen, sn_err *e) {
    sn_plan_opts o = { .mode = train ? SN_PLAN_TRAIN : SN_PLAN_INFER,
                       .batch = n,
                       .dtype = SN_F32,
                       .fuse = !seen,
                       .memory = &t->plan_memory,
                       .pool = t->pool };
    uint64_t moves = t->plan_memory.moves;
    sn_plan *made;
    sn_plan_free(*plan);
    *plan = NULL;
    sn_status s = sn_plan_build(&made, t->model, &o, e);
    if (t->plan_memory.moves != moves) drop_layouts(t);
    if (s == SN_OK) *plan = made;
    return s;
}

sn_status sn_trainer_prepare(sn_trainer *t, int64_t n, bool train, bool seen, sn_err *e) {
    sn_status s = get_ready(t, n, train, e);
    if (s != SN_OK) return s;
    sn_plan **plan = seen ? &t->seen[train] : &t->blind[train];
    bool serves = *plan && sn_plan_options(*plan)->batch >= n;
    if (serves && *plan == t->plan) return SN_OK;
    t->plan = NULL;
    t->plan_uses++; /* what another plan left in their memory is gone */
    if (!serves) s = make(t, plan, n, train, seen, e);
    if (s == SN_OK) t->plan = *plan;
    return s;
}
