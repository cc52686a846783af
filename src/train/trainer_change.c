/* A compiled model changes while it stands: its graph (nn/surgery.h), or how it is compiled. */
#include "base/mem.h"
#include "train/trainer_impl.h"
#include <string.h>

/* ---- the graph ---- */

/* What is ready to take the place of the trainer's own. */
struct sn_trainer_move {
    float *grads, *next_grads, *state[SN_MAXSTATE];
    double *layer_penalty, *clip_scale;
    int64_t *start;
};

static void move_free(sn_trainer *t) {
    struct sn_trainer_move *v = t->move;
    if (!v) return;
    for (int k = 0; k < SN_MAXSTATE; k++) sn_free(v->state[k]);
    sn_free(v->grads);
    sn_free(v->next_grads);
    sn_free(v->layer_penalty);
    sn_free(v->clip_scale);
    sn_free(v->start);
    sn_free(v);
    t->move = NULL;
}

static sn_status prepare_state(sn_trainer *t, const sn_change *c, sn_err *e) {
    size_t n = c->to->slab_count ? c->to->slab_count : 1;
    struct sn_trainer_move *v = t->move;
    for (int k = 0; k < SN_MAXSTATE; k++) {
        if (!t->state[k]) continue;
        v->state[k] = sn_calloc(n, sizeof(float), "training: optimizer state", e);
        if (!v->state[k]) return SN_ENOMEM;
        float init = (float)sn_optimizer_state_init(t->optimizer, k);
        for (size_t i = 0; init != 0 && i < n; i++) v->state[k][i] = init;
        sn_change_slab(c, v->state[k], t->state[k]);
    }
    for (int i = 0; i < c->to->nparam; i++)
        v->start[i] = c->param[i] < 0 ? t->iterations : t->start[c->param[i]];
    return SN_OK;
}

static sn_status prepare(void *ctx, const sn_change *c, sn_err *e) {
    sn_trainer *t = ctx;
    size_t n = c->to->slab_count ? c->to->slab_count : 1;
    struct sn_trainer_move *v = t->move = sn_calloc(1, sizeof *v, "training", e);
    if (!v) return SN_ENOMEM;
    bool ok = true;
    if (t->grads) ok = (v->grads = sn_calloc(n, sizeof(float), "training: gradients", e)) != NULL;
    if (t->next_grads)
        ok = ok && (v->next_grads = sn_calloc(n, sizeof(float), "training: gradients", e)) != NULL;
    ok = ok && (v->layer_penalty = sn_calloc((size_t)c->to->nlayer + 1, sizeof(double), "penalties", e)) &&
         (v->clip_scale = sn_calloc((size_t)c->to->nparam + 1, sizeof(double), "clipping", e)) &&
         (v->start = sn_calloc((size_t)c->to->nparam + 1, sizeof *v->start, "training", e));
    return ok ? prepare_state(t, c, e) : SN_ENOMEM;
}

#define SWAP(type, a, b)                                                                                       \
    do {                                                                                                       \
        type was = (a);                                                                                        \
        (a) = (b);                                                                                             \
        (b) = was;                                                                                             \
    } while (0)

/* What the last step left is of the network as it was: nobody may look at it any more. */
static void forget(sn_trainer *t) {
    t->before = NULL;
    if (t->grads_id) t->grads_id++;
    t->grads_gone = true;
    t->plan_uses++;
    t->target_known = false;
}

static void settle(void *ctx, const sn_change *c, bool done) {
    sn_trainer *t = ctx;
    struct sn_trainer_move *v = t->move;
    (void)c;
    if (done) {
        SWAP(float *, t->grads, v->grads);
        SWAP(float *, t->next_grads, v->next_grads);
        for (int k = 0; k < SN_MAXSTATE; k++) SWAP(float *, t->state[k], v->state[k]);
        SWAP(double *, t->layer_penalty, v->layer_penalty);
        SWAP(double *, t->clip_scale, v->clip_scale);
        SWAP(int64_t *, t->start, v->start);
        sn_trainer_drop_plans(t); /* they read the graph as it was, which goes now */
        forget(t);
    }
    move_free(t);
}

void sn_trainer_follow(sn_trainer *t) {
    t->follower = (sn_follower){ .ctx = t, .prepare = prepare, .settle = settle };
    sn_model_follow(t->model, &t->follower);
}

/* ---- compiling again ---- */

/* n: compiled as wanted. What goes on of t's optimizer. */
static sn_status go_on(sn_trainer *n, const sn_trainer *t, sn_err *e) {
    bool same_type = n->optimizer && t->optimizer && n->optimizer->desc == t->optimizer->desc;
    int nparam = t->model->nparam;
    n->rate_from = t->iterations;
    for (int i = 0; i < nparam; i++) n->start[i] = same_type ? t->start[i] : t->iterations;
    if (n->optimizer == t->optimizer) {
        n->lr = t->lr;
        n->external_lr = t->external_lr;
        n->rate_from = t->rate_from;
    }
    if (!t->grads && t->iterations == 0) return SN_OK; /* no step was made yet */
    sn_status s = sn_trainer_alloc_optimizer(n, e);
    for (int k = 0; s == SN_OK && same_type && k < n->nstate; k++)
        if (t->state[k]) memcpy(n->state[k], t->state[k], t->model->slab_count * sizeof(float));
    return s;
}

static void exchange(sn_trainer *t, sn_trainer *n) {
    SWAP(sn_obj *, t->loss, n->loss);
    SWAP(sn_obj *, t->optimizer, n->optimizer);
    for (int i = 0; i < SN_MAXMETRIC; i++) SWAP(sn_metric, t->metric[i], n->metric[i]);
    SWAP(int, t->nmetric, n->nmetric);
    for (int k = 0; k < SN_MAXSTATE; k++) SWAP(float *, t->state[k], n->state[k]);
    SWAP(int, t->nstate, n->nstate);
    SWAP(int64_t *, t->start, n->start);
    t->lr = n->lr;
    t->external_lr = n->external_lr;
    t->rate_from = n->rate_from;
    t->target_known = false;
}

sn_status sn_trainer_recompile(sn_trainer *t, sn_obj *loss, sn_obj *optimizer, sn_obj *const *metrics,
                               const char *const *names, int nmetric, bool anew, sn_err *e) {
    sn_trainer *n;
    sn_status s = sn_trainer_new(&n, t->model, loss, optimizer, metrics, names, nmetric, e);
    if (s != SN_OK) return s;
    if (!anew) {
        s = go_on(n, t, e);
    } else if (t->grads) {
        s = sn_trainer_alloc_optimizer(n, e);
    }
    if (s == SN_OK) {
        exchange(t, n);
        if (anew) t->iterations = 0;
    }
    sn_trainer_free(n);
    return s;
}
