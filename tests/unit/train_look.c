/* Looking into steps: to the bits of the step itself, and without a trace. */
#include "train_rig.h"

#include "base/pool.h"
#include "train/look.h"

enum { NODES = 7 };

static const sn_run_opts kept = { .batch_size = BATCH, .epochs = 2, .shuffle = true, .seed = 9 };

static rig rig_kept(void) {
    rig r = rig_open("adam{learning_rate=0.01}", &kept, NULL, NULL);
    sn_run_keep(r.run, true);
    return r;
}

static void steps(rig *r, int n) {
    while (n > 0) n -= next(r->run).kind == SN_EV_STEP;
}

static size_t node_count(const sn_model *m, int node, int64_t n) {
    return (size_t)(sn_shape_count(&m->nodes[node].out) * n);
}

/* ---- what an observer saw of a step, and a look sees again ---- */

typedef struct {
    float *y[NODES], *dy[NODES];
} tensors;

static void keep(float **to, const void *from, const sn_shape *shape) {
    size_t bytes = (size_t)sn_shape_count(shape) * sizeof(float);
    free(*to);
    *to = malloc(bytes);
    memcpy(*to, from, bytes);
}
static void see_y(void *ctx, int node, const void *y, const sn_shape *s) {
    keep(&((tensors *)ctx)->y[node], y, s);
}
static void see_dy(void *ctx, int node, const void *dy, const sn_shape *s) {
    keep(&((tensors *)ctx)->dy[node], dy, s);
}
static void drop(tensors *t) {
    for (int i = 0; i < NODES; i++) free(t->y[i]), free(t->dy[i]);
    *t = (tensors){ 0 };
}

static void same_tensors(const sn_model *m, const tensors *a, const tensors *b, int64_t n) {
    for (int i = 0; i < NODES; i++) {
        assert_true(!a->y[i] == !b->y[i] && !a->dy[i] == !b->dy[i]);
        if (a->y[i]) same_bits(a->y[i], b->y[i], node_count(m, i, n), "outputs");
        if (a->dy[i]) same_bits(a->dy[i], b->dy[i], node_count(m, i, n), "gradients of outputs");
    }
}

/* The whole gradient, as the optimizer gets it. */
static void same_grads(const rig *r, const sn_scene *scene, float *grads, const char *what) {
    for (int i = 0; i < r->m->nparam; i++) {
        size_t at = r->m->params[i].offset;
        sn_err e = { 0 };
        ok(sn_param_add_penalty_grad(r->m, i, grads + at, scene->weights + at, r->t->pool, &e), &e);
        same_bits(grads + at, r->t->grads + at, r->m->params[i].count, what);
    }
}

static void the_last_step_again(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_kept();
    assert_int_equal(r.m->nnode, NODES);
    tensors made = { 0 }, again = { 0 };
    sn_observer o = { .ctx = &made, .visit = { .output = see_y, .output_grad = see_dy } };
    sn_trainer_observe(r.t, &o);
    float *grads = malloc(r.m->slab_count * sizeof *grads);
    for (int k = 0; k < 7;
         k++) { /* beyond the first epoch's end: the batch is read again behind the validation's */
        steps(&r, 1);
        if (k == 4)
            while (next(r.run).kind != SN_EV_EPOCH_END) {}
        sn_scene scene;
        ok(sn_scene_last(r.run, &scene, &e), &e);
        assert_int_equal(scene.n, k == 4 ? TRAIN % BATCH : BATCH);
        sn_visitor v = { &again, see_y, see_dy };
        sn_look_opts look = { .visit = &v, .backward = true, .grads = grads };
        sn_losses l;
        ok(sn_look(r.t, &scene, &look, &l, &e), &e);
        assert_true(l.total == l.data + l.penalty && l.penalty > 0);
        same_tensors(r.m, &made, &again, scene.n);
        same_grads(&r, &scene, grads, "gradients of the last step");
        drop(&made);
        drop(&again);
    }
    sn_trainer_unobserve(r.t, &o);
    free(grads);
    rig_close(&r);
}

static void the_next_step_before(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_kept();
    tensors made = { 0 }, before = { 0 };
    sn_observer o = { .ctx = &made, .visit = { .output = see_y, .output_grad = see_dy } };
    sn_trainer_observe(r.t, &o);
    float *grads = malloc(r.m->slab_count * sizeof *grads), *w = malloc(r.m->slab_count * sizeof *w);
    assert_int_equal(next(r.run).kind, SN_EV_EPOCH_BEGIN);
    for (int k = 0; k < 3; k++) {
        sn_scene scene;
        ok(sn_scene_next(r.run, &scene, &e), &e);
        sn_visitor v = { &before, see_y, see_dy };
        sn_look_opts look = { .visit = &v, .backward = true, .grads = grads };
        sn_losses l;
        ok(sn_look(r.t, &scene, &look, &l, &e), &e);
        memcpy(w, r.m->slab, r.m->slab_count * sizeof *w);
        scene.weights = w;
        int64_t n = scene.n;
        sn_event ev = next(r.run);
        assert_int_equal(ev.kind, SN_EV_STEP);
        assert_true(ev.batch.total == l.total && ev.batch.data == l.data && ev.batch.penalty == l.penalty);
        same_tensors(r.m, &made, &before, n);
        same_grads(&r, &scene, grads, "gradients of the next step");
        drop(&made);
        drop(&before);
    }
    sn_trainer_unobserve(r.t, &o);
    free(grads);
    free(w);
    rig_close(&r);
}

/* ---- without a trace ---- */

static void look_at_all(rig *r) {
    sn_err e = { 0 };
    sn_scene scene;
    sn_losses l;
    size_t n = r->m->slab_count, hidden = node_count(r->m, 2, BATCH), in = node_count(r->m, 0, BATCH);
    float *grads = malloc(n * sizeof *grads), *y = malloc(hidden * sizeof *y),
          *dy = malloc(hidden * sizeof *dy);
    float *dx = malloc(in * sizeof *dx), x[BATCH * FEATURES];
    for (int i = 0; i < BATCH * FEATURES; i++) x[i] = (float)i / 10;
    sn_look_opts look = { .backward = true, .grads = grads };
    ok(sn_scene_last(r->run, &scene, &e), &e);
    ok(sn_look(r->t, &scene, &look, &l, &e), &e);
    if (sn_run_training(r->run)) {
        sn_walk w = { .trainer = r->t, .grads = grads };
        ok(sn_scene_next(r->run, &scene, &e), &e);
        ok(sn_walk_backward(&w, &scene, 0, NULL, &e), &e);
    }
    sn_look_opts forward = { 0 };
    for (int train = 0; train < 2; train++) {
        scene = sn_scene_of(r->t, BATCH, x, train);
        ok(sn_look(r->t, &scene, &forward, NULL, &e), &e);
    }
    ok(sn_look_class_gradient(r->t, BATCH, x, 2, 1, true, y, dy, &e), &e);
    sn_plan *plan;
    ok(sn_look_plan(&plan, r->t, BATCH, true, -1, &e), &e);
    sn_inject inject = { 2, y };
    scene = sn_scene_of(r->t, BATCH, x, false);
    ok(sn_look_input_gradient(r->t, plan, &scene, &inject, dx, NULL, &e), &e);
    sn_plan_free(plan);
    free(grads), free(y), free(dy), free(dx);
}

static void a_look_leaves_no_trace(void **state) {
    (void)state;
    rig a = rig_kept(), b = rig_kept();
    size_t n = a.m->slab_count;
    for (sn_event ev = next(a.run); ev.kind != SN_EV_END; ev = next(a.run)) {
        assert_int_equal(next(b.run).kind, ev.kind);
        if (!sn_run_has_stepped(b.run)) continue;
        double metric = sn_trainer_metric(b.t, 0);
        uint64_t seed = b.t->seed, id = b.t->grads_id;
        look_at_all(&b);
        same_bits(a.t->grads, b.t->grads, n, "gradients");
        same_bits(a.t->before, b.t->before, n, "the weights before");
        same_bits(a.t->outputs, b.t->outputs, CLASSES, "outputs");
        assert_true(sn_trainer_metric(b.t, 0) == metric || isnan(metric));
        assert_true(b.t->seed == seed && b.t->grads_id == id);
        for (int i = 0; i < a.m->nlayer; i++) assert_true(a.t->layer_penalty[i] == b.t->layer_penalty[i]);
        same_runs(&a, &b);
    }
    finish(b.run);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

/* Where two plans at once do not fit, the trainer's gives way, and is made again. */
static void memory_for_one_plan(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig a = rig_kept(), b = rig_kept();
    steps(&a, 2);
    steps(&b, 1);
    sn_plan *plan, *none;
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = BATCH, .dtype = SN_F32, .input_grad = true };
    size_t bytes;
    ok(sn_plan_measure(b.m, &o, &bytes, &e), &e);
    sn_mem_set_limit(sn_mem_used() + bytes / 2);
    ok(sn_look_plan(&plan, b.t, BATCH, true, -1, &e), &e);
    assert_true(!b.t->seen[1] && !b.t->blind[1]);
    sn_mem_set_limit(sn_mem_used() + 16);
    assert_int_equal(sn_look_plan(&none, b.t, BATCH, true, -1, &e), SN_ENOMEM);
    sn_plan_free(plan);
    sn_mem_set_limit(0);
    steps(&b, 1);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

/* ---- in pieces ---- */

static void node_by_node_is_the_whole(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_kept();
    steps(&r, 2);
    sn_scene scene;
    sn_losses l;
    size_t n = r.m->slab_count;
    float *whole = malloc(n * sizeof *whole), *grads = malloc(n * sizeof *grads);
    tensors all = { 0 }, parts = { 0 };
    ok(sn_scene_next(r.run, &scene, &e), &e);
    sn_visitor see_all = { &all, see_y, see_dy }, see_parts = { &parts, see_y, see_dy };
    sn_look_opts look = { .visit = &see_all, .backward = true, .grads = whole };
    ok(sn_look(r.t, &scene, &look, &l, &e), &e);
    for (int disturb = 0; disturb < 2; disturb++) {
        sn_walk w = { .trainer = r.t, .grads = grads };
        sn_look_opts other = { .backward = true };
        for (int i = 0; i < NODES; i++) {
            ok(sn_walk_forward(&w, &scene, i + 1, &see_parts, &e), &e);
            if (!disturb) continue;
            ok(sn_look(r.t, &scene, &other, NULL, &e), &e);
        }
        ok(sn_walk_loss(&w, &scene, &e), &e);
        assert_true(w.losses.total == l.total);
        for (int i = NODES - 1; i >= 0; i--) {
            if (disturb) ok(sn_look(r.t, &scene, &other, NULL, &e), &e);
            ok(sn_walk_backward(&w, &scene, i, &see_parts, &e), &e);
        }
        same_tensors(r.m, &all, &parts, scene.n);
        same_bits(whole, grads, n, "gradients in pieces");
        drop(&parts);
    }
    drop(&all);
    free(whole);
    free(grads);
    rig_close(&r);
}

/* ---- interruption and errors ---- */

static void interrupted(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_kept();
    steps(&r, 1);
    sn_scene scene;
    ok(sn_scene_last(r.run, &scene, &e), &e);
    float *grads = malloc(r.m->slab_count * sizeof *grads);
    sn_look_opts look = { .backward = true, .grads = grads };
    sn_walk w = { .trainer = r.t, .grads = grads };
    ok(sn_walk_forward(&w, &scene, 3, NULL, &e), &e);
    sn_pool_cancel(r.t->pool);
    assert_int_equal(sn_look(r.t, &scene, &look, NULL, &e), SN_ECANCEL);
    assert_false(sn_pool_cancelled(r.t->pool));
    sn_pool_cancel(r.t->pool);
    assert_int_equal(sn_walk_forward(&w, &scene, 5, NULL, &e), SN_ECANCEL);
    assert_int_equal(w.forward, 3);
    ok(sn_walk_backward(&w, &scene, 0, NULL, &e), &e);
    same_grads(&r, &scene, grads, "gradients after interruptions");
    ok(sn_look(r.t, &scene, &look, NULL, &e), &e);
    same_grads(&r, &scene, grads, "gradients after interruptions");
    free(grads);
    rig_close(&r);
}

static void fails(sn_status s, const sn_err *e, const char *text) {
    assert_int_equal(s, SN_EINVAL);
    if (!strstr(e->msg, text)) fail_msg("\"%s\" is not in: %s", text, e->msg);
}

static void what_is_not_there(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_scene scene;
    rig r = rig_open("sgd{learning_rate=0.01}", &kept, NULL, NULL);
    fails(sn_scene_last(r.run, &scene, &e), &e, "no step was made yet");
    fails(sn_scene_next(r.run, &scene, &e), &e, "is no step");
    steps(&r, 1);
    fails(sn_scene_last(r.run, &scene, &e), &e, "were not kept");
    sn_run_keep(r.run, true);
    steps(&r, 1);
    ok(sn_scene_last(r.run, &scene, &e), &e);
    sn_losses l;
    float y[BATCH] = { 0 };
    sn_shape scalar = { 0 };
    ok(sn_trainer_gradients(r.t, scene.n, scene.x, y, &scalar, true, &l, &e), &e);
    fails(sn_scene_last(r.run, &scene, &e), &e, "another batch");
    scene = sn_scene_of(r.t, 1, scene.x, false);
    sn_look_opts look = { .backward = true };
    fails(sn_look(r.t, &scene, &look, NULL, &e), &e, "no loss");
    assert_int_equal(sn_look_node(r.m, 1, 0, NULL), 2); /* behind its activation */
    assert_int_equal(sn_look_node(r.m, 1, 1, NULL), -1);
    assert_int_equal(sn_look_logits(r.m), 5);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_step_again),    cmocka_unit_test(the_next_step_before),
        cmocka_unit_test(a_look_leaves_no_trace), cmocka_unit_test(node_by_node_is_the_whole),
        cmocka_unit_test(memory_for_one_plan),    cmocka_unit_test(interrupted),
        cmocka_unit_test(what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
