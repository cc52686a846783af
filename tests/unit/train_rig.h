/* A small network, small data and a run of them, for the tests of training. */
#ifndef TRAIN_RIG_H
#define TRAIN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEATURES = 6, CLASSES = 3, TRAIN = 37, VAL = 11, BATCH = 8 };

static const char *const net =
    "sonde-model 1\nname \"tiny\"\nseed 5\n"
    "layer input{shape={6}, name=\"in\"}\n"
    "layer dense{units=16, activation=\"relu\", kernel_regularizer=l2{factor=0.01}, "
    "name=\"hidden\"}\n"
    "layer batch_norm{name=\"bn\"}\n"
    "layer dropout{rate=0.25, name=\"drop\"}\n"
    "layer dense{units=3, activation=\"softmax\", kernel_regularizer=l2{factor=0.001}, "
    "name=\"out\"}\n"
    "call 0\ncall 1 0\ncall 2 2\ncall 3 3\ncall 4 4\ninput 0\noutput 6\n";

/* Fails the test with the message when s is not SN_OK. */
static inline void ok(sn_status s, const sn_err *e) {
    if (s != SN_OK) fail_msg("%s", e->msg);
}

static inline sn_obj *object(const sn_kind *k, const char *text) {
    sn_err e = { 0 };
    sn_obj *o = sn_obj_parse(k, &text, &e);
    if (!o) fail_msg("%s", e.msg);
    return o;
}

static inline sn_model *make_model(const char *text) {
    sn_err e = { 0 };
    sn_model *m = NULL;
    ok(sn_model_parse(&m, text, &e), &e);
    ok(sn_model_init_weights(m, &e), &e);
    return m;
}

static inline sn_trainer *make_trainer(sn_model *m, const char *optimizer, sn_pool *pool) {
    sn_err e = { 0 };
    sn_obj *loss = object(&sn_kind_loss, "sparse_categorical_crossentropy{}");
    sn_obj *opt = object(&sn_kind_optimizer, optimizer);
    sn_obj *metric = object(&sn_kind_metric, "accuracy{}");
    sn_trainer *t = NULL;
    ok(sn_trainer_new(&t, m, loss, opt, &metric, NULL, 1, &e), &e);
    if (pool) t->pool = pool;
    sn_obj_release(loss);
    sn_obj_release(opt);
    sn_obj_release(metric);
    return t;
}

/* n samples of classes that can be learned. */
static inline sn_dataset *make_data(int64_t n, uint64_t seed) {
    sn_err e = { 0 };
    sn_rng rng = sn_rng_make(seed, SN_STREAM_TEST, 0);
    sn_shape xs = { .n = 2, .d = { n, FEATURES } }, ys = { .n = 1, .d = { n } };
    sn_tensor x = { 0 }, y = { 0 };
    ok(sn_tensor_new(&x, SN_F32, &xs, &e), &e);
    ok(sn_tensor_new(&y, SN_F32, &ys, &e), &e);
    for (int64_t i = 0; i < n; i++) {
        int c = (int)sn_rng_below(&rng, CLASSES);
        ((float *)y.data)[i] = (float)c;
        for (int k = 0; k < FEATURES; k++)
            ((float *)x.data)[i * FEATURES + k] = (float)(sn_rng_normal(&rng) + (k == c ? 2 : 0));
    }
    sn_dataset *d = NULL;
    ok(sn_dataset_tensors(&d, &x, &y, &e), &e);
    sn_tensor_drop(&x);
    sn_tensor_drop(&y);
    return d;
}

typedef struct {
    sn_model *m;
    sn_trainer *t;
    sn_dataset *train, *val;
    sn_run *run;
} rig;

static const sn_run_opts two_epochs = { .batch_size = BATCH, .epochs = 2, .shuffle = true, .seed = 9 };

/* callbacks: texts, NULL-terminated, or NULL. */
static inline rig rig_open(const char *optimizer, const sn_run_opts *o, const char *const *callbacks,
                           sn_pool *pool) {
    sn_err e = { 0 };
    rig r = { .m = make_model(net) };
    r.t = make_trainer(r.m, optimizer, pool);
    r.train = make_data(TRAIN, 1);
    r.val = make_data(VAL, 2);
    sn_obj *cb[8];
    int n = 0;
    for (; callbacks && callbacks[n]; n++) cb[n] = object(&sn_kind_callback, callbacks[n]);
    ok(sn_run_begin(&r.run, r.t, r.train, r.val, o, cb, n, &e), &e);
    while (n) sn_obj_release(cb[--n]);
    return r;
}

static inline void rig_close(rig *r) {
    sn_run_end(r->run);
    sn_trainer_free(r->t);
    sn_model_free(r->m);
    sn_dataset_release(r->train);
    sn_dataset_release(r->val);
}

static inline sn_event next(sn_run *r) {
    sn_err e = { 0 };
    sn_event ev;
    ok(sn_run_next(r, &ev, &e), &e);
    return ev;
}

static inline void finish(sn_run *r) {
    while (next(r).kind != SN_EV_END) {}
}

static inline void same_bits(const float *a, const float *b, size_t n, const char *what) {
    if (memcmp(a, b, n * sizeof *a) != 0) fail_msg("%s: the bits differ", what);
}

/* Two runs that must be in the same state: weights, optimizer, history, terms. */
static inline void same_runs(const rig *a, const rig *b) {
    size_t n = a->m->slab_count;
    assert_int_equal(n, b->m->slab_count);
    same_bits(a->m->slab, b->m->slab, n, "weights");
    assert_int_equal(a->t->iterations, b->t->iterations);
    for (int k = 0; k < a->t->nstate; k++) same_bits(a->t->state[k], b->t->state[k], n, "optimizer state");
    assert_true(a->t->lr == b->t->lr);
    assert_int_equal(sn_run_rows(a->run), sn_run_rows(b->run));
    assert_int_equal(sn_run_columns(a->run), sn_run_columns(b->run));
    for (int64_t row = 0; row < sn_run_rows(a->run); row++) {
        for (int c = 0; c < sn_run_columns(a->run); c++) {
            double x = sn_run_value(a->run, row, c), y = sn_run_value(b->run, row, c);
            if (!(x == y || (isnan(x) && isnan(y))))
                fail_msg("%s of epoch %d: %.17g, %.17g", sn_run_column(a->run, c), (int)row + 1, x, y);
        }
        for (int v = 0; v < 2; v++) {
            const sn_terms *x = sn_run_terms(a->run, row, v), *y = sn_run_terms(b->run, row, v);
            assert_true(x->valid == y->valid);
            if (!x->valid) continue;
            assert_true(x->total == y->total && x->data == y->data && x->penalty == y->penalty);
            for (int i = 0; i < a->m->nlayer; i++) assert_true(x->by_layer[i] == y->by_layer[i]);
        }
    }
}

#endif
