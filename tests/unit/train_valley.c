/* Looking around the weights: the trainer is left alone, the same bits on any number of threads, interruption,
 * failing memory. */
#include "train_rig.h"

#include "train/path.h"
#include "train/sharpness.h"

static const sn_scout_opts points = { .batch_size = 8, .seed = 3, .train = true };
static const sn_scout_opts slopes = {
    .batch_size = 8, .seed = 3, .train = true, .slopes = true, .penalties = true
};

typedef struct {
    sn_model *m;
    sn_trainer *t;
    sn_dataset *d;
    sn_scout *s;
} valley;

static valley valley_open(const sn_scout_opts *o, sn_pool *pool) {
    sn_err e = { 0 };
    valley v = { .m = make_model(net), .d = make_data(TRAIN, 1) };
    v.t = make_trainer(v.m, "adam{}", pool);
    ok(sn_scout_new(&v.s, v.t, v.d, o, &e), &e);
    return v;
}

static void valley_close(valley *v) {
    sn_scout_free(v->s);
    sn_trainer_free(v->t);
    sn_model_free(v->m);
    sn_dataset_release(v->d);
}

static void threads(void **state) {
    (void)state;
    double total[2], top[2];
    for (int k = 0; k < 2; k++) {
        sn_err e = { 0 };
        sn_pool *pool;
        ok(sn_pool_new(&pool, k ? 3 : 1, &e), &e);
        valley v = valley_open(&points, pool);
        sn_losses l;
        ok(sn_scout_random(v.s, 0, 5, &e), &e);
        ok(sn_scout_random(v.s, 1, 5, &e), &e);
        ok(sn_scout_point(v.s, 0.3, -0.7, &l, &e), &e);
        assert_int_equal(l.n, TRAIN);
        total[k] = l.total;
        valley_close(&v);
        v = valley_open(&slopes, pool);
        sn_sharpness r;
        sn_sharpness_opts o = { .iterations = 5, .tolerance = 1e-3 };
        ok(sn_sharpness_find(v.s, &o, &r, &e), &e);
        assert_int_equal(r.n, TRAIN);
        top[k] = r.largest.value;
        valley_close(&v);
        sn_pool_free(pool);
    }
    assert_true(total[0] == total[1]);
    assert_true(top[0] == top[1]);
}

/* The slope is what a training step of the same batch, seed and step has, but for its precision. */
static void slope(void **state) {
    (void)state;
    sn_err e = { 0 };
    valley v = valley_open(&slopes, NULL);
    size_t n = v.m->slab_count;
    double *w = malloc(2 * n * sizeof *w), *g = w + n, data, off = 0, norm = 0;
    for (size_t i = 0; i < n; i++) w[i] = (double)v.m->slab[i];
    sn_batch b;
    sn_losses l;
    ok(sn_scout_rewind(v.s, &e), &e);
    ok(sn_scout_next(v.s, &b, &e), &e);
    ok(sn_scout_slope(v.s, &b, w, g, &data, &e), &e);
    v.t->seed = slopes.seed;
    ok(sn_trainer_gradients(v.t, b.n, b.x, b.y, &v.d->y_shape, true, &l, &e), &e);
    assert_true(fabs(data - l.data) < 1e-5);
    for (size_t i = 0; i < n; i++) {
        off += pow(g[i] - (double)v.t->grads[i], 2);
        norm += g[i] * g[i];
    }
    assert_true(norm > 0 && off < 1e-10 * norm);
    free(w);
    valley_close(&v);
}

static void clone(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_run_opts opts = two_epochs;
    rig r = rig_open("adam{}", &opts, NULL, NULL);
    while (r.t->iterations < 5) next(r.run);
    sn_model *m;
    sn_trainer *t, *fresh;
    ok(sn_model_clone(&m, r.m, &e), &e);
    ok(sn_trainer_clone(&t, m, r.t, true, &e), &e);
    ok(sn_trainer_clone(&fresh, m, r.t, false, &e), &e);
    assert_int_equal(t->iterations, 5);
    assert_int_equal(fresh->iterations, 0);
    assert_null(fresh->state[0]);
    assert_true(t->seed == r.t->seed && t->lr == r.t->lr);
    for (int k = 0; k < t->nstate; k++) same_bits(t->state[k], r.t->state[k], m->slab_count, "state");
    assert_int_equal(t->nmetric, r.t->nmetric);
    assert_string_equal(t->metric[0].name, r.t->metric[0].name);
    sn_trainer_free(t);
    sn_trainer_free(fresh);
    sn_model_free(m);
    rig_close(&r);
}

static void cancelled(void **state) {
    (void)state;
    sn_err e = { 0 };
    valley v = valley_open(&points, NULL);
    sn_losses l, again;
    ok(sn_scout_random(v.s, 0, 5, &e), &e);
    ok(sn_scout_point(v.s, 0.5, 0, &l, &e), &e);
    sn_pool_cancel(v.t->pool);
    assert_int_equal(sn_scout_point(v.s, 0.5, 0, &again, &e), SN_ECANCEL);
    assert_false(sn_pool_cancelled(v.t->pool));
    sn_pool_cancel(v.t->pool);
    assert_int_equal(sn_scout_random(v.s, 1, 5, &e), SN_ECANCEL);
    assert_false(sn_pool_cancelled(v.t->pool));
    sn_free(v.s->direction[1]);
    v.s->direction[1] = NULL;
    ok(sn_scout_point(v.s, 0.5, 0, &again, &e), &e);
    assert_true(l.total == again.total);
    valley_close(&v);
    v = valley_open(&slopes, NULL);
    sn_sharpness r, r2;
    sn_sharpness_opts o = { .iterations = 5, .tolerance = 1e-3, .smallest = true };
    ok(sn_sharpness_find(v.s, &o, &r, &e), &e);
    sn_pool_cancel(v.t->pool);
    assert_int_equal(sn_sharpness_find(v.s, &o, &r2, &e), SN_ECANCEL);
    assert_false(sn_pool_cancelled(v.t->pool));
    ok(sn_sharpness_find(v.s, &o, &r2, &e), &e);
    assert_true(r.largest.value == r2.largest.value && r.smallest.value == r2.smallest.value);
    assert_true(r.smallest.value < r.largest.value);
    valley_close(&v);
}

/* Every allocation fails once: an error each time, and nothing is lost. */
static void memory(void **state) {
    (void)state;
    valley v = valley_open(&points, NULL);
    sn_path *path;
    sn_err e = { 0 };
    ok(sn_path_new(&path, v.m, 4, &e), &e);
    sn_path_offer(path, v.m, 0);
    int failed = 0;
    for (int64_t n = 0; n < 400; n++) {
        sn_scout *s = NULL;
        sn_path *p = NULL;
        sn_sharpness r;
        sn_sharpness_opts o = { .iterations = 1, .tolerance = 1 };
        double share[2];
        sn_mem_fail_after(n);
        sn_status st = sn_scout_new(&s, v.t, v.d, &slopes, &e);
        if (st == SN_OK) st = sn_scout_random(s, 0, 1, &e);
        if (st == SN_OK) st = sn_sharpness_find(s, &o, &r, &e);
        if (st == SN_OK) st = sn_path_new(&p, v.m, 4, &e);
        if (st == SN_OK) sn_path_components(path, s, 1, share, &e);
        sn_mem_fail_after(-1);
        sn_scout_free(s);
        sn_path_free(p);
        failed += st == SN_ENOMEM;
        if (st != SN_OK) assert_int_equal(st, SN_ENOMEM);
    }
    assert_true(failed > 20 && failed < 400);
    sn_path_free(path);
    valley_close(&v);
}

static void paths(void **state) {
    (void)state;
    sn_err e = { 0 };
    valley v = valley_open(&points, NULL);
    sn_path *p;
    assert_int_equal(sn_path_new(&p, v.m, 3, &e), SN_EINVAL);
    ok(sn_path_new(&p, v.m, 5, &e), &e);
    for (int64_t i = 0; i < 23; i++) {
        v.m->slab[0] = (float)i;
        sn_path_offer(p, v.m, i);
    }
    assert_int_equal(p->every, 8);
    assert_int_equal(p->n, 3);
    for (int i = 0; i < p->n; i++) {
        assert_int_equal(p->label[i], 8 * i);
        assert_true(sn_path_at(p, i)[0] == (float)(8 * i));
    }
    double share[2], a[SN_MAXPATH], b[SN_MAXPATH], far[SN_MAXPATH];
    assert_int_equal(sn_path_components(p, v.s, 2, share, &e), SN_EINVAL); /* all on a line */
    ok(sn_path_components(p, v.s, 1, share, &e), &e);
    assert_true(fabs(share[0] - 1) < 1e-9);
    sn_free(v.s->direction[1]);
    v.s->direction[1] = NULL;
    ok(sn_path_project(p, v.s, a, b, far, &e), &e);
    for (int i = 0; i < p->n; i++) {
        assert_true(fabs(fabs(a[i] - a[0]) - 8 * i) < 1e-4);
        assert_true(b[i] == 0 && far[i] < 1e-4);
    }
    sn_path_free(p);
    valley_close(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads),   cmocka_unit_test(slope),  cmocka_unit_test(clone),
        cmocka_unit_test(cancelled), cmocka_unit_test(memory), cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
