/* Random graphs: whatever shares memory in a plan, the bits must be those of a plan that shares nothing, and
 * the gradients the derivatives of the loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/exec.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NODES = 64, BATCH = 3, CHANNELS = 2, SIDE = 4 };

/* Every layer but the last keeps the shape (SIDE, SIDE, CHANNELS), so that any may follow any. */
static const char *const bodies[] = {
    "conv2d{filters=2, kernel_size={3, 3}, padding=\"same\"",
    "conv2d{filters=2, kernel_size={1, 1}, activation=softplus{}, kernel_regularizer=l2{factor=0.1}",
    "conv2d{filters=2, kernel_size={2, 2}, padding=\"same\", activation=sigmoid{}",
    "batch_norm{epsilon=0.1",
    "activation{activation=tanh{}",
    "activation{activation=relu{}",
    "max_pool2d{pool_size={2, 2}, strides={1, 1}, padding=\"same\"",
    "activation{activation=gelu{}",
    "activation{activation=linear{}",
    "activation{activation=softmax{}",
    "dropout{rate=0.3",
    "rescaling{scale=1.5, offset=0.25",
    "avg_pool2d{pool_size={2, 2}, strides={1, 1}, padding=\"same\"",
    "reshape{target_shape={4, 4, 2}",
    "add{",
};
enum { BODIES = sizeof bodies / sizeof bodies[0], ADD = BODIES - 1 };

typedef struct {
    sn_buf text;
    sn_rng rng;
    int layers, nodes;        /* so far; layer 0 is the input */
    int body[MAX_NODES];      /* of each layer */
    bool used[2 * MAX_NODES]; /* by node */
    bool node_of_activation[2 * MAX_NODES];
} writer;

static int below(writer *w, int n) { return (int)sn_rng_below(&w->rng, (uint64_t)n); }

static void add_layer(writer *w, int body) {
    sn_buf_fmt(&w->text, "layer %s", bodies[body]);
    const char *sep = bodies[body][strlen(bodies[body]) - 1] == '{' ? "" : ", ";
    sn_buf_fmt(&w->text, "%sname=\"n%d\"", sep, w->layers);
    if (below(w, 4) == 0) sn_buf_str(&w->text, ", activity_regularizer=l2{factor=0.05}");
    if (below(w, 4) == 0) sn_buf_str(&w->text, ", trainable=false");
    sn_buf_str(&w->text, "}\n");
    w->body[w->layers++] = body;
}

/* A node whose output may be read: not the inner one of a layer with an activation. Mostly a recent one. */
static int pick(writer *w) {
    for (;;) {
        int i = below(w, 3) ? w->nodes - 1 - below(w, w->nodes < 3 ? w->nodes : 3) : below(w, w->nodes);
        if (!w->node_of_activation[i]) return i;
    }
}

static void call(writer *w, int layer, const int *in, int nin) {
    sn_buf_fmt(&w->text, "call %d", layer);
    for (int i = 0; i < nin; i++) {
        sn_buf_fmt(&w->text, " %d", in[i]);
        w->used[in[i]] = true;
    }
    sn_buf_str(&w->text, "\n");
    if (strstr(bodies[w->body[layer]], "conv2d") && strstr(bodies[w->body[layer]], "activation="))
        w->node_of_activation[w->nodes++] = true;
    w->nodes++;
}

static void add_call(writer *w) {
    int layer = w->layers, in[3] = { 0 }, nin = 1;
    if (layer > 1 && below(w, 5) == 0) {
        layer = 1 + below(w, layer - 1); /* shared */
    } else {
        add_layer(w, below(w, BODIES));
    }
    if (w->body[layer] == ADD) nin = 2 + below(w, 2);
    for (int i = 0; i < nin; i++) in[i] = pick(w);
    call(w, layer, in, nin);
}

/* All that leads nowhere is added up, then read by a softmax of two. */
static void finish(writer *w) {
    int in[2 * MAX_NODES] = { 0 }, nin = 0;
    for (int i = 0; i < w->nodes; i++)
        if (!w->used[i] && !w->node_of_activation[i]) in[nin++] = i;
    if (nin > 1) {
        add_layer(w, ADD);
        call(w, w->layers - 1, in, nin);
        in[0] = w->nodes - 1;
    }
    sn_buf_fmt(&w->text,
               "layer flatten{name=\"flat\"}\nlayer dense{units=2, activation=softmax{}, name=\"out\"}\n"
               "call %d %d\ncall %d %d\ninput 0\noutput %d\n",
               w->layers, in[0], w->layers + 1, w->nodes, w->nodes + 2);
}

static void random_graph(writer *w, uint64_t seed) {
    *w = (writer){
        .text = SN_BUF_INIT(1 << 16), .rng = sn_rng_make(seed, SN_STREAM_TEST, 1), .layers = 1, .nodes = 1
    };
    sn_buf_fmt(&w->text,
               "sonde-model 1\nname \"g\"\nseed %llu\nlayer input{shape={%d, %d, %d}, name=\"x\"}\ncall 0\n",
               (unsigned long long)seed, SIDE, SIDE, CHANNELS);
    int calls = 1 + below(w, 14);
    for (int i = 0; i < calls; i++) add_call(w);
    finish(w);
    assert_false(w->text.failed);
}

typedef struct {
    const sn_model *m;
    sn_plan *plan;
    double *grads;
    sn_step step;
    double loss;
} runner;

static void open_plan(runner *r, const sn_model *m, const sn_plan_opts *o, const double *params,
                      const double *x) {
    sn_err e = { 0 };
    *r = (runner){ .m = m };
    if (sn_plan_build(&r->plan, m, o, &e) != SN_OK) fail_msg("%s", e.msg);
    r->grads = sn_calloc(m->slab_count + 1, sizeof(double), "g", NULL);
    bool train = o->mode == SN_PLAN_TRAIN;
    r->step = (sn_step){ .params = params,
                         .grads = train ? r->grads : NULL,
                         .n = BATCH,
                         .x = x,
                         .train = train,
                         .seed = 2,
                         .step = 7 };
}

static void close_plan(runner *r) {
    sn_plan_free(r->plan);
    sn_free(r->grads);
}

static double loss_of(runner *r) {
    static const double t[2 * BATCH] = { 1, 0, 0, 1, 1, 0 };
    const sn_shape target = { 1, { 2 } };
    sn_obj *loss = sn_obj_named(&sn_kind_loss, "categorical_crossentropy", NULL);
    double data, activity;
    assert_int_equal(sn_exec_forward(r->plan, &r->step, NULL), SN_OK);
    assert_int_equal(sn_exec_loss(r->plan, &r->step, loss, &target, t, &data, &activity, NULL, NULL), SN_OK);
    sn_obj_release(loss);
    return r->loss = data + activity;
}

/* The derivative of the loss along a random direction of weights and input, both ways. */
static void check_slope(runner *r, double *params, double *x, size_t nx, uint64_t seed) {
    size_t n = r->m->slab_count;
    double *at = sn_calloc(n + nx, sizeof *at, "at", NULL), *v = sn_calloc(n + nx, sizeof *v, "v", NULL);
    const double *dx = sn_exec_input_grad(r->plan), h = 1e-6;
    double want = 0;
    sn_rng g = sn_rng_make(seed, SN_STREAM_TEST, 2);
    memcpy(at, params, n * sizeof *at);
    memcpy(at + n, x, nx * sizeof *at);
    for (int i = 0; i < r->m->nparam; i++)
        for (size_t k = 0; r->m->params[i].trainable && k < r->m->params[i].count; k++)
            v[r->m->params[i].offset + k] = sn_rng_normal(&g);
    for (size_t i = 0; i < nx; i++) v[n + i] = sn_rng_normal(&g);
    for (size_t i = 0; i < n; i++) want += v[i] * r->grads[i];
    for (size_t i = 0; i < nx; i++) want += v[n + i] * dx[i];
    double f[2];
    for (int s = 0; s < 2; s++) {
        double step = s ? -h : h;
        for (size_t i = 0; i < n; i++) params[i] = at[i] + step * v[i];
        for (size_t i = 0; i < nx; i++) x[i] = at[n + i] + step * v[n + i];
        f[s] = loss_of(r);
    }
    memcpy(params, at, n * sizeof *at);
    memcpy(x, at + n, nx * sizeof *at);
    double got = (f[0] - f[1]) / (2 * h);
    if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want))))
        fail_msg("slope %.10g, by differences %.10g", want, got);
    sn_free(at);
    sn_free(v);
}

static int random_taps(sn_tap *taps, int nnode, uint64_t seed) {
    sn_rng g = sn_rng_make(seed, SN_STREAM_TEST, 3);
    int n = 0;
    for (int i = 0; i < nnode; i++)
        if (sn_rng_below(&g, 3) == 0)
            taps[n++] = (sn_tap){ i, sn_rng_below(&g, 2) != 0, sn_rng_below(&g, 2) != 0 };
    return n;
}

static void same_as_base(runner *base, const sn_model *m, const sn_plan_opts *o, double *params, double *x) {
    runner r;
    open_plan(&r, m, o, params, x);
    assert_true(loss_of(&r) == base->loss);
    assert_int_equal(sn_exec_backward(r.plan, &r.step, false, NULL), SN_OK);
    assert_memory_equal(r.grads, base->grads, m->slab_count * sizeof(double));
    for (int i = 0; i < o->ntap; i++) {
        size_t n = (size_t)(sn_shape_count(&m->nodes[o->taps[i].node].out) * BATCH) * sizeof(double);
        if (o->taps[i].output)
            assert_memory_equal(sn_exec_tap(r.plan, o->taps[i].node, false),
                                sn_exec_tap(base->plan, o->taps[i].node, false), n);
        if (o->taps[i].grad)
            assert_memory_equal(sn_exec_tap(r.plan, o->taps[i].node, true),
                                sn_exec_tap(base->plan, o->taps[i].node, true), n);
    }
    close_plan(&r);
}

static void same_inference(const sn_model *m, const runner *base, double *params, double *x) {
    runner a = *base, b;
    a.step.train = false;
    a.step.grads = NULL;
    loss_of(&a);
    sn_plan_opts o = { .mode = SN_PLAN_INFER, .batch = BATCH, .dtype = SN_F64 };
    open_plan(&b, m, &o, params, x);
    assert_true(loss_of(&b) == a.loss);
    close_plan(&b);
}

static void check_graph(uint64_t seed) {
    writer w;
    sn_err e = { 0 };
    sn_model *m;
    random_graph(&w, seed);
    if (sn_model_parse(&m, w.text.data, &e) != SN_OK) fail_msg("%s\n%s", e.msg, w.text.data);
    assert_int_equal(sn_model_init_weights(m, &e), SN_OK);
    size_t nx = (size_t)(BATCH * SIDE * SIDE * CHANNELS);
    double *params = sn_calloc(m->slab_count, sizeof *params, "p", NULL),
           *x = sn_calloc(nx, sizeof *x, "x", NULL);
    for (size_t i = 0; i < m->slab_count; i++) params[i] = m->slab[i];
    for (size_t i = 0; i < nx; i++) x[i] = sn_rng_normal(&w.rng);

    sn_tap all[2 * MAX_NODES], some[2 * MAX_NODES];
    for (int i = 0; i < m->nnode; i++) all[i] = (sn_tap){ i, true, true };
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN,
                       .batch = BATCH,
                       .dtype = SN_F64,
                       .taps = all,
                       .ntap = m->nnode,
                       .input_grad = true };
    runner base;
    open_plan(&base, m, &o, params, x);
    loss_of(&base);
    assert_int_equal(sn_exec_backward(base.plan, &base.step, false, NULL), SN_OK);
    o.ntap = 0;
    o.input_grad = false;
    same_as_base(&base, m, &o, params, x);
    o.taps = some;
    o.ntap = random_taps(some, m->nnode, seed);
    o.batch = BATCH + 2; /* larger than the step's */
    same_as_base(&base, m, &o, params, x);
    check_slope(&base, params, x, nx, seed);
    same_inference(m, &base, params, x);
    close_plan(&base);
    sn_free(params);
    sn_free(x);
    sn_model_free(m);
    sn_buf_free(&w.text);
}

static void any_graph_is_computed_as_if_nothing_were_shared(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) check_graph(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_graph_is_computed_as_if_nothing_were_shared) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
