/* The search for the first NaN: whatever is planted is named where it first exists, and searching changes
 * nothing. */
#include "train_rig.h"

#include "base/pool.h"
#include "nn/plan_impl.h"
#include "train/finite.h"
#include <pthread.h>

static const sn_shape scalar = { 0 };
static float batch_x[BATCH * FEATURES], batch_y[BATCH];

typedef struct {
    sn_model *m;
    sn_trainer *t;
    sn_finite f;
} bench;

static void open_bench(bench *b, const char *model, const char *optimizer) {
    sn_err e = { 0 };
    sn_dataset *d = make_data(BATCH, 3);
    for (int i = 0; i < BATCH; i++) ok(d->fns->get(d, i, batch_x + i * FEATURES, batch_y + i, &e), &e);
    sn_dataset_release(d);
    b->m = make_model(model);
    b->t = make_trainer(b->m, optimizer, NULL);
    sn_finite_init(&b->f);
    sn_trainer_observe(b->t, &b->f.observer);
}

static void close_bench(bench *b) {
    sn_trainer_free(b->t);
    sn_model_free(b->m);
}

static sn_status step(bench *b) {
    sn_err e = { 0 };
    sn_losses l;
    sn_status s = sn_trainer_step(b->t, BATCH, batch_x, batch_y, &scalar, &l, &e);
    if (s != SN_OK && s != SN_EHALT) fail_msg("%s", e.msg);
    return s;
}

/* A step that must be halted for that reason; the weights stay as they are, bit for bit. */
static const sn_finite_find *halted(bench *b, sn_finite_what what) {
    size_t n = b->m->slab_count * sizeof(float);
    float *before = malloc(n);
    int64_t iterations = b->t->iterations;
    memcpy(before, b->m->slab, n);
    assert_int_equal(step(b), SN_EHALT);
    assert_memory_equal(before, b->m->slab, n);
    free(before);
    assert_int_equal(b->t->iterations, iterations);
    assert_true(b->f.find.found);
    assert_int_equal(b->f.find.what, what);
    assert_int_equal(b->f.find.iterations, iterations);
    return &b->f.find;
}

static void nothing_is_found_where_nothing_is(void **state) {
    (void)state;
    bench b;
    open_bench(&b, net, "adam{}");
    for (int i = 0; i < 20; i++) assert_int_equal(step(&b), SN_OK);
    assert_false(b.f.find.found);
    close_bench(&b);
}

static void bad_inputs(void **state) {
    (void)state;
    static const float values[] = { NAN, -INFINITY, INFINITY };
    bench b;
    open_bench(&b, net, "adam{}");
    assert_int_equal(step(&b), SN_OK);
    for (int i = 0; i < BATCH * FEATURES; i++) {
        float good = batch_x[i];
        batch_x[i] = values[i % 3];
        const sn_finite_find *f = halted(&b, SN_FINITE_X);
        assert_int_equal(f->sample, i / FEATURES);
        assert_int_equal(f->at, i % FEATURES);
        assert_true(f->shape.n == 1 && f->shape.d[0] == FEATURES && f->node == -1 && f->param == -1);
        assert_true(i % 3 ? f->value == (double)values[i % 3] : isnan(f->value));
        batch_x[i] = good;
    }
    batch_x[2 * FEATURES + 1] = batch_x[5 * FEATURES] = NAN; /* the first of two */
    assert_int_equal(halted(&b, SN_FINITE_X)->sample, 2);
    /* made after all, once; what comes of it is found in the next */
    sn_finite_pass(&b.f);
    assert_int_equal(step(&b), SN_OK);
    assert_int_equal(b.t->iterations, 2);
    assert_true(isnan(b.m->slab[0]));
    batch_x[2 * FEATURES + 1] = batch_x[5 * FEATURES] = 0;
    assert_int_equal(halted(&b, SN_FINITE_WEIGHT)->param, 0);
    close_bench(&b);
}

static void bad_weights(void **state) {
    (void)state;
    bench b;
    open_bench(&b, net, "adam{}");
    for (int i = 0; i < b.m->nparam; i++) { /* statistics of bn too */
        const sn_param *p = &b.m->params[i];
        for (size_t k = 0; k<p->count; k += p->count> 20 ? 7 : 1) {
            float *w = b.m->slab + p->offset + k, good = *w;
            *w = k % 2 ? INFINITY : NAN;
            const sn_finite_find *f = halted(&b, SN_FINITE_WEIGHT);
            assert_true(f->param == i && f->at == (int64_t)k && f->sample == -1);
            assert_true(sn_shape_equal(&f->shape, &p->spec.shape));
            *w = good;
        }
    }
    assert_int_equal(step(&b), SN_OK);
    close_bench(&b);
}

/* More than one cell, on several threads. */
static void large_arrays(void **state) {
    (void)state;
    static const char *const wide = "sonde-model 1\nname \"wide\"\nseed 5\nlayer input{shape={6}}\n"
                                    "layer dense{units=40000}\nlayer dense{units=3, activation=\"softmax\"}\n"
                                    "call 0\ncall 1 0\ncall 2 1\ninput 0\noutput 3\n";
    bench b;
    sn_err e = { 0 };
    sn_pool *pool;
    open_bench(&b, wide, "sgd{}");
    ok(sn_pool_new(&pool, 3, &e), &e);
    b.t->pool = pool;
    size_t n = b.m->params[0].count;
    for (size_t at = 0; at < n; at += n / 7) {
        float good = b.m->slab[at];
        b.m->slab[at] = NAN;
        assert_int_equal(halted(&b, SN_FINITE_WEIGHT)->at, (int64_t)at);
        b.m->slab[at] = good;
    }
    assert_int_equal(step(&b), SN_OK);
    close_bench(&b);
    sn_pool_free(pool);
}

/* Finite weights and inputs, and an output that is beyond float. */
static void bad_outputs(void **state) {
    (void)state;
    bench b;
    open_bench(&b, net, "adam{}");
    b.m->slab[2 * 16 + 9] = 3e38F; /* input 2 to unit 9 */
    for (int i = 0; i < BATCH; i++) batch_x[i * FEATURES + 2] = i == 3 || i == 6 ? 2 : 0.25F;
    const sn_finite_find *f = halted(&b, SN_FINITE_OUTPUT);
    const sn_node *node = &b.m->nodes[f->node];
    assert_string_equal(b.m->layers[node->layer].name, "hidden");
    assert_false(node->ends_call); /* before relu */
    assert_true(f->sample == 3 && f->at == 9 && f->value > 0 && isinf(f->value));
    assert_true(f->shape.n == 1 && f->shape.d[0] == 16 && f->param == -1);
    close_bench(&b);
}

/* ---- a linear unit and mse: gradients that are known ---- */

static const char *const linear = "sonde-model 1\nname \"linear\"\nseed 5\nlayer input{shape={6}}\n"
                                  "layer dense{units=1, name=\"first\"}\nlayer dense{units=1, name=\"last\"}\n"
                                  "call 0\ncall 1 0\ncall 2 1\ninput 0\noutput 2\n";

/* Weights of 1, and targets of 0 but for sample 3's: the gradient of its output is -2 / BATCH times that. */
static void open_linear(bench *b, const char *optimizer, float target) {
    sn_err e = { 0 };
    open_bench(b, linear, optimizer);
    sn_trainer_free(b->t);
    sn_obj *loss = object(&sn_kind_loss, "mse{}"), *opt = object(&sn_kind_optimizer, optimizer);
    ok(sn_trainer_new(&b->t, b->m, loss, opt, NULL, NULL, 0, &e), &e);
    sn_obj_release(loss);
    sn_obj_release(opt);
    sn_trainer_observe(b->t, &b->f.observer);
    for (int i = 0; i < 6; i++) b->m->slab[i] = 1;
    b->m->slab[b->m->params[2].offset] = 1;
    for (int i = 0; i < BATCH; i++) batch_y[i] = 0;
    batch_y[3] = target;
}

static void bad_targets(void **state) {
    (void)state;
    bench b;
    open_linear(&b, "sgd{learning_rate=0.001}", 1);
    assert_int_equal(step(&b), SN_OK);
    batch_y[6] = INFINITY; /* nan is refused by the trainer */
    const sn_finite_find *f = halted(&b, SN_FINITE_Y);
    assert_true(f->sample == 6 && f->at == 0);
    close_bench(&b);
}

static void bad_gradients(void **state) {
    (void)state;
    bench b;
    open_linear(&b, "sgd{}", 1e30F);
    for (int i = 0; i < 6; i++) b.m->slab[i] = 0;
    b.m->slab[b.m->params[2].offset] = 1e20F; /* the gradient of the first's output: -1e30 / 4 * 1e20 */
    const sn_finite_find *f = halted(&b, SN_FINITE_OUTPUT_GRAD);
    assert_string_equal(b.m->layers[b.m->nodes[f->node].layer].name, "first");
    assert_true(f->sample == 3 && f->at == 0 && f->value < 0);
    close_bench(&b);
    /* finite gradients of outputs, and one of a weight that is not: that of input 4 */
    open_linear(&b, "sgd{}", 1e30F);
    batch_x[3 * FEATURES + 4] = 1e10F;
    f = halted(&b, SN_FINITE_GRAD);
    assert_true(f->param == 0 && f->at == 4 && f->sample == -1 && f->node == -1);
    close_bench(&b);
}

/* No loss that there is overflows with finite outputs: the plan's are changed behind its back. */
static void bad_losses(void **state) {
    (void)state;
    bench b;
    open_linear(&b, "sgd{learning_rate=0.001}", 1);
    assert_int_equal(step(&b), SN_OK);
    sn_sight sight = { .trainer = b.t, .grads = b.t->grads, .data = NAN, .n = BATCH };
    b.t->plan->each[5] = NAN;
    assert_true(b.f.observer.gradients(&b.f, &sight));
    assert_true(b.f.find.what == SN_FINITE_LOSS && b.f.find.sample == 5 && b.f.find.shape.n == 0);
    /* it comes before its gradients, and after outputs */
    b.f.find.what = SN_FINITE_OUTPUT_GRAD;
    assert_true(b.f.observer.gradients(&b.f, &sight) && b.f.find.what == SN_FINITE_LOSS);
    b.f.find.what = SN_FINITE_OUTPUT;
    assert_true(b.f.observer.gradients(&b.f, &sight) && b.f.find.what == SN_FINITE_OUTPUT);
    b.f.find.found = false;
    b.t->plan->each[5] = 1;
    assert_true(b.f.observer.gradients(&b.f, &sight) && b.f.find.sample == -1);
    b.f.find.found = false;
    sight.data = 1;
    assert_false(b.f.observer.gradients(&b.f, &sight));
    sight.penalty = INFINITY;
    assert_true(b.f.observer.gradients(&b.f, &sight) && b.f.find.what == SN_FINITE_PENALTY);
    close_bench(&b);
}

/* Only the update makes it bad: it is made, and what is found says so. */
static void bad_updates(void **state) {
    (void)state;
    bench b;
    open_linear(&b, "sgd{learning_rate=1e9}", 1e30F);
    batch_x[3 * FEATURES] = 0.5F;
    batch_x[3 * FEATURES + 1] = 2;
    assert_int_equal(step(&b), SN_OK);
    assert_int_equal(b.t->iterations, 1);
    const sn_finite_find *f = &b.f.find;
    assert_true(f->found && f->what == SN_FINITE_UPDATED && f->param == 0 && f->iterations == 0);
    assert_true(isinf(b.m->slab[f->at]) && f->value == (double)b.m->slab[f->at]);
    for (int i = 0; i < f->at; i++) assert_true(isfinite(b.m->slab[i]));
    int64_t at = f->at;
    sn_finite_pass(&b.f); /* no step waits for it */
    assert_int_equal(halted(&b, SN_FINITE_WEIGHT)->at, at);
    close_bench(&b);
}

/* A variance beyond float, that makes zeros of the outputs: it shows in the statistics after the update. */
static void bad_statistics(void **state) {
    (void)state;
    static const char *const bn = "sonde-model 1\nname \"bn\"\nseed 5\nlayer input{shape={6}}\n"
                                  "layer batch_norm{name=\"bn\"}\n"
                                  "layer dense{units=3, activation=\"softmax\"}\n"
                                  "call 0\ncall 1 0\ncall 2 1\ninput 0\noutput 3\n";
    bench b;
    open_bench(&b, bn, "sgd{}");
    assert_int_equal(step(&b), SN_OK);
    batch_x[4] = 1e22F;
    assert_int_equal(step(&b), SN_OK);
    const sn_finite_find *f = &b.f.find;
    assert_true(f->found && f->what == SN_FINITE_UPDATED && f->at == 4);
    assert_string_equal(b.m->params[f->param].name, "bn/moving_variance");
    close_bench(&b);
}

/* ---- runs ---- */

static void same_bits_with_and_without(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_finite f;
    sn_finite_init(&f);
    sn_trainer_observe(b.t, &f.observer);
    finish(a.run);
    finish(b.run);
    same_runs(&a, &b);
    assert_false(f.find.found);
    rig_close(&a);
    rig_close(&b);
}

/* A step that is halted comes again with the same batch, and passing it gives the bits of a run unwatched. */
static void a_halted_step_comes_again(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    sn_finite f;
    sn_finite_init(&f);
    int64_t at = b.m->params[0].count / 2;
    for (int k = 0; k < 2; k++) {
        rig *r = k ? &b : &a;
        for (int i = 0; i < 3; i++) next(r->run);
        r->m->slab[at] = INFINITY;
    }
    sn_trainer_observe(b.t, &f.observer);
    int halts = 0, ends = 0;
    while (!ends) {
        sn_event ev = next(b.run);
        if (ev.kind == SN_EV_HALT) {
            sn_err e = { 0 };
            const sn_batch *held;
            halts++;
            assert_true(f.find.found && f.find.what == SN_FINITE_WEIGHT);
            ok(sn_run_next_batch(b.run, &held, &e), &e);
            assert_int_equal(held->number, sn_run_step_in_epoch(b.run));
            sn_finite_pass(&f);
        }
        ends = ev.kind == SN_EV_END;
    }
    finish(a.run);
    assert_int_equal(halts, 8); /* the steps from the third of ten on */
    size_t n = a.m->slab_count;
    for (size_t i = 0; i < n; i++)
        assert_true(a.m->slab[i] == b.m->slab[i] || (isnan(a.m->slab[i]) && isnan(b.m->slab[i])));
    rig_close(&a);
    rig_close(&b);
}

typedef struct {
    sn_run *run;
    bool stop;
} pest;

static void *keep_interrupting(void *arg) {
    pest *p = arg;
    unsigned pause = 1;
    while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
        sn_run_interrupt(p->run);
        usleep(pause = pause * 7 % 97 + 20);
    }
    return NULL;
}

/* What an interrupted step leaves half computed is not taken for a find. */
static void interrupts_find_nothing(void **state) {
    (void)state;
    sn_run_opts o = two_epochs;
    o.epochs = 10;
    rig a = rig_open("adam{}", &o, NULL, NULL), b = rig_open("adam{}", &o, NULL, NULL);
    sn_finite f;
    sn_finite_init(&f);
    sn_trainer_observe(b.t, &f.observer);
    finish(a.run);
    pest p = { .run = b.run };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_interrupting, &p), 0);
    for (sn_event ev = { 0 }; ev.kind != SN_EV_END;) {
        sn_err e = { 0 };
        sn_status s = sn_run_next(b.run, &ev, &e);
        if (s == SN_ECANCEL) {
            ev.kind = SN_EV_VAL_STEP;
        } else {
            ok(s, &e);
        }
        assert_int_not_equal(ev.kind, SN_EV_HALT);
    }
    __atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    sn_pool_clear_cancel(b.t->pool);
    same_runs(&a, &b);
    rig_close(&a);
    rig_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(bad_inputs),
        cmocka_unit_test(bad_weights),
        cmocka_unit_test(large_arrays),
        cmocka_unit_test(bad_outputs),
        cmocka_unit_test(bad_targets),
        cmocka_unit_test(bad_gradients),
        cmocka_unit_test(bad_losses),
        cmocka_unit_test(bad_updates),
        cmocka_unit_test(bad_statistics),
        cmocka_unit_test(same_bits_with_and_without),
        cmocka_unit_test(a_halted_step_comes_again),
        cmocka_unit_test(interrupts_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
