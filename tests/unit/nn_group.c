/* Layers that run in one pass against the same layers one by one: outputs, losses, gradients of weights and of
 * the input, moving statistics, to the last bit; odd sizes, batches smaller than the plan's, branches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/group.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define CONV(f, k)  "layer conv2d{filters=" #f ", kernel_size={" #k ", " #k "}, padding=\"same\", name=\"c\"}\n"
#define BN          "layer batch_norm{name=\"b\"}\n"
#define RELU        "layer activation{activation=relu{}, name=\"a\"}\n"
#define POOL(o)     "layer max_pool2d{" o "name=\"p\"}\n"
#define DROP(r)     "layer dropout{rate=" #r ", name=\"d\"}\n"
#define SAME        "pool_size={3, 3}, strides={1, 1}, padding=\"same\", "
#define FLAT        "layer flatten{name=\"f\"}\n"
#define HEAD        "layer dense{units=2, activation=softmax{}, name=\"o\"}\n"
#define IN(h, w, c) "layer input{shape={" #h ", " #w ", " #c "}, name=\"x\"}\n"

typedef struct {
    const char *layers;
    int nlayer; /* in a row; more follows in calls */
    const char *calls;
    int groups, parts; /* expected, and nodes in all of them */
} net;

static const net nets[] = {
    /* the seed's block */
    { IN(8, 6, 3) CONV(32, 3) BN RELU POOL() DROP(0.25) FLAT HEAD, 8, NULL, 1, 4 },
    { IN(9, 7, 2) CONV(5, 3) BN RELU POOL() DROP(0.5) FLAT HEAD, 8, NULL, 1, 4 },
    { IN(9, 7, 3) CONV(17, 3) BN RELU POOL("padding=\"same\", ") FLAT HEAD, 7, NULL, 1, 3 },
    { IN(7, 9, 3) CONV(4, 1) BN RELU POOL("pool_size={3, 3}, strides={2, 2}, ") DROP(0.1) FLAT HEAD, 8, NULL, 1,
      4 },
    { IN(7, 5, 3) CONV(3, 1) BN RELU POOL("pool_size={2, 2}, strides={3, 3}, ") FLAT HEAD, 7, NULL, 1, 3 },
    /* windows that overlap and keep the size: nothing can be written over what they read */
    { IN(9, 7, 3) CONV(5, 3) BN RELU POOL(SAME) DROP(0.2) FLAT HEAD, 8, NULL, 1, 4 },
    { IN(9, 7, 3) CONV(16, 3) BN POOL(SAME) FLAT HEAD, 6, NULL, 1, 2 },
    { IN(9, 7, 3) CONV(5, 3) RELU POOL(SAME) FLAT HEAD, 6, NULL, 1, 2 },
    { IN(6, 6, 3) CONV(8, 3) BN POOL() FLAT HEAD, 6, NULL, 1, 2 },
    { IN(6, 6, 3) CONV(8, 3) BN POOL() DROP(0.5) FLAT HEAD, 7, NULL, 1, 2 }, /* dropout by itself */
    { IN(6, 6, 3) CONV(8, 3) BN RELU FLAT HEAD, 6, NULL, 1, 2 },
    { IN(5, 3, 2) CONV(7, 3) BN RELU DROP(0.3) FLAT HEAD, 7, NULL, 1, 3 },
    { IN(5, 3, 2) CONV(7, 3) BN DROP(0.3) FLAT HEAD, 6, NULL, 1, 2 },
    { IN(8, 8, 1) CONV(6, 5) RELU POOL() FLAT HEAD, 6, NULL, 1, 2 }, /* LeNet's */
    { IN(8, 8, 1) CONV(6, 5) RELU POOL() DROP(1) FLAT HEAD, 7, NULL, 1, 3 },
    { IN(8, 8, 1) CONV(6, 5) RELU DROP(0.4) FLAT HEAD, 6, NULL, 1, 2 },
    { IN(4, 4, 3) BN RELU POOL() FLAT HEAD, 6, NULL, 1, 3 },     /* reads the model's input */
    { IN(4, 4, 3) CONV(3, 1) RELU BN FLAT HEAD, 6, NULL, 0, 0 }, /* another order */
    { "layer input{shape={9}, name=\"x\"}\nlayer dense{units=13, name=\"h\"}\n" BN RELU DROP(0.5) HEAD, 6, NULL,
      1, 3 },
    { "layer input{shape={9}, name=\"x\"}\nlayer dense{units=13, activation=relu{}, name=\"h\"}\n" DROP(0.5)
          HEAD,
      4, "call 0\ncall 1 0\ncall 2 2\ncall 3 3\ninput 0\noutput 5\n", 1, 2 },
    /* a penalty of the output; of what lies inside */
    { IN(6, 6, 2) CONV(4, 3) BN RELU
      "layer max_pool2d{name=\"p\", activity_regularizer=l2{factor=0.1}}\n" FLAT HEAD,
      7, NULL, 1, 3 },
    { IN(6, 6, 2) CONV(4, 3) BN
      "layer activation{activation=relu{}, name=\"a\", activity_regularizer=l2{factor=0.1}}\n" POOL() FLAT HEAD,
      7, NULL, 1, 2 },
    /* frozen statistics: by itself */
    { IN(6, 6, 2) CONV(4, 3) "layer batch_norm{name=\"b\", trainable=false}\n" RELU POOL() FLAT HEAD, 7, NULL,
      1, 2 },
    /* convolutions that take along what comes after them: in inference one more part */
    { IN(20, 17, 16) CONV(32, 5) BN RELU POOL() DROP(0.25) FLAT HEAD, 8, NULL, 1, 4 },
    { IN(21, 18, 3) CONV(32, 5) BN RELU POOL() FLAT HEAD, 7, NULL, 1, 3 },
    /* that would not be Winograd's in a batch smaller than the plan's */
    { IN(10, 11, 3) CONV(4, 5) BN RELU FLAT HEAD, 6, NULL, 1, 2 },
    { IN(8, 8, 8) CONV(16, 3) BN RELU POOL() FLAT HEAD, 7, NULL, 1, 3 },
    { IN(12, 9, 16) CONV(16, 3) BN RELU POOL() FLAT HEAD, 7, NULL, 1, 3 },
    { IN(19, 16, 16) CONV(16, 3) BN RELU FLAT HEAD, 6, NULL, 1, 2 },
    { IN(19, 16, 16) CONV(16, 3) BN FLAT HEAD, 5, NULL, 0, 0 },
    { IN(21, 18, 16) CONV(16, 3) BN RELU POOL("padding=\"same\", ") FLAT HEAD, 7, NULL, 1, 3 },
    /* the whole seed's network, as its engine runs it */
    { IN(64, 64, 3) CONV(32, 5) BN RELU POOL() DROP(
          0.1) "layer conv2d{filters=64, kernel_size={5, 5}, padding=\"same\", name=\"c1\"}\nlayer "
               "batch_norm{name=\"b1\"}\n"
               "layer activation{activation=relu{}, name=\"a1\"}\nlayer max_pool2d{name=\"p1\"}\n"
               "layer dropout{rate=0.2, name=\"d1\"}\n"
               "layer conv2d{filters=128, kernel_size={5, 5}, padding=\"same\", name=\"c2\"}\nlayer "
               "batch_norm{name=\"b2\"}\n"
               "layer activation{activation=relu{}, name=\"a2\"}\nlayer max_pool2d{name=\"p2\"}\n"
               "layer dropout{rate=0.3, name=\"d2\"}\n" FLAT
               "layer dense{units=128, kernel_regularizer=l2{factor=0.0001}, name=\"h\"}\nlayer "
               "batch_norm{name=\"b3\"}\n"
               "layer activation{activation=relu{}, name=\"a3\"}\nlayer dropout{rate=0.5, name=\"d3\"}\n" HEAD,
      22, NULL, 4, 15 },
    /* a residual block: the normalization's input and the group's output have other readers */
    { IN(4, 4, 3) CONV(3, 3) BN RELU "layer add{name=\"s\"}\n" FLAT HEAD, 7,
      "call 0\ncall 1 0\ncall 2 1\ncall 3 2\ncall 4 3 1\ncall 5 4\ncall 6 5\ninput 0\noutput 7\n", 1, 2 },
    { IN(4, 4, 3) CONV(3, 3) BN RELU "layer add{name=\"s\"}\n" FLAT HEAD, 7,
      "call 0\ncall 1 0\ncall 2 1\ncall 3 2\ncall 4 3 2 0\ncall 5 4\ncall 6 5\ninput 0\noutput 7\n", 0, 0 },
};
enum { NETS = sizeof nets / sizeof nets[0], BATCH = 3, GUARD = 1 << 18 }; /* GUARD: bytes behind a slab */

typedef struct {
    float *out, *grads, *dx, *params;
    double losses[2];
} result;

typedef struct {
    sn_model *m;
    float *x, *t;
    size_t nslab, nx;
    sn_obj *loss;
} rig;

static void rig_open(rig *r, const net *n) {
    char text[4096];
    size_t at = (size_t)snprintf(text, sizeof text, "sonde-model 1\nname \"m\"\nseed 5\n%s", n->layers);
    if (n->calls) {
        snprintf(text + at, sizeof text - at, "%s", n->calls);
    } else {
        at += (size_t)snprintf(text + at, sizeof text - at, "call 0\n");
        for (int i = 1; i < n->nlayer; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "call %d %d\n", i, i - 1);
        snprintf(text + at, sizeof text - at, "input 0\noutput %d\n", n->nlayer);
    }
    sn_err e = { 0 };
    if (sn_model_parse(&r->m, text, &e) != SN_OK) fail_msg("%s: %s", text, e.msg);
    assert_int_equal(sn_model_init_weights(r->m, &e), SN_OK);
    sn_rng g = sn_rng_make(3, SN_STREAM_TEST, 0);
    r->nslab = r->m->slab_count;
    for (int i = 0; i < r->m->nparam; i++) /* gamma of both signs, statistics that are not 0 and 1 */
        for (size_t k = 0; k < r->m->params[i].count && r->m->params[i].spec.shape.n == 1; k++)
            r->m->slab[r->m->params[i].offset + k] +=
                0.5f * (float)fabs(sn_rng_normal(&g)) -
                (k % 3 == 1) * 1.5f * (strcmp(r->m->params[i].spec.name, "moving_variance") != 0);
    r->nx = (size_t)(sn_shape_count(sn_model_input_shape(r->m)) * BATCH);
    r->x = sn_calloc(r->nx, sizeof(float), "x", NULL);
    r->t = sn_calloc((size_t)BATCH * 2, sizeof(float), "t", NULL);
    for (size_t i = 0; i < r->nx; i++) r->x[i] = (float)sn_rng_normal(&g);
    for (int64_t i = 0; i < BATCH; i++) r->t[2 * i + i % 2] = 1;
    r->loss = sn_obj_named(&sn_kind_loss, "categorical_crossentropy", NULL);
}

static void rig_close(rig *r) {
    sn_model_free(r->m);
    sn_free(r->x);
    sn_free(r->t);
    sn_obj_release(r->loss);
}

static int parts_of(const sn_plan *p) {
    int n = 0;
    for (int g = 0; g < p->ngroup; g++) n += p->groups[g].last - p->groups[g].first + 1;
    return n;
}

/* How often a convolution took along statistics; all that follows. */
static int taken, whole;

static void run(const rig *r, const net *n, bool fuse, bool train, bool input_grad, int64_t batch,
                result *out) {
    sn_err e = { 0 };
    sn_plan *p;
    sn_plan_memory memory = { 0 };
    sn_plan_opts o = { .mode = train ? SN_PLAN_TRAIN : SN_PLAN_INFER,
                       .batch = BATCH,
                       .dtype = SN_F32,
                       .input_grad = input_grad && train,
                       .fuse = fuse,
                       .memory = &memory };
    size_t need;
    assert_int_equal(sn_plan_measure(r->m, &o, &need, &e), SN_OK);
    memory.bytes = need + GUARD;
    memory.at = sn_alloc(memory.bytes, "slab", NULL);
    if (sn_plan_build(&p, r->m, &o, &e) != SN_OK) fail_msg("%s", e.msg);
    if (fuse && train) assert_true(p->ngroup == n->groups && parts_of(p) == n->parts);
    if (train) taken += p->nodes[1].moments >= 0;
    if (fuse && !train) whole += p->ngroup > 0 && p->groups[0].at[SN_PART_CONV] >= 0;
    for (int g = 0; g < p->ngroup; g++) assert_true(p->groups[g].ghost != fuse);
    memset(p->slab, 0xff, memory.bytes); /* nan: nothing may be read before it is written */
    *out = (result){ .out = sn_calloc(BATCH * 2, sizeof(float), "o", NULL),
                     .grads = sn_calloc(r->nslab, sizeof(float), "g", NULL),
                     .dx = sn_calloc(r->nx, sizeof(float), "d", NULL),
                     .params = sn_calloc(r->nslab, sizeof(float), "p", NULL) };
    memcpy(out->params, r->m->slab, r->nslab * sizeof(float));
    sn_step st = {
        .params = out->params, .grads = out->grads, .n = batch, .x = r->x, .train = train, .seed = 9, .step = 4
    };
    assert_int_equal(sn_exec_forward(p, &st, &e), SN_OK);
    memcpy(out->out, sn_exec_output(p), (size_t)batch * 2 * sizeof(float));
    sn_shape target = { 1, { 2 } };
    assert_int_equal(sn_exec_loss(p, &st, r->loss, &target, r->t, &out->losses[0], &out->losses[1], NULL, &e),
                     SN_OK);
    if (train) {
        assert_int_equal(sn_exec_backward(p, &st, true, &e), SN_OK);
        if (o.input_grad) memcpy(out->dx, sn_exec_input_grad(p), r->nx / BATCH * (size_t)batch * sizeof(float));
        sn_exec_commit(p, &st, out->params);
    }
    for (size_t i = p->slab_bytes; i < memory.bytes; i++) assert_int_equal(memory.at[i] & 0xff, 0xff);
    sn_plan_free(p);
    sn_free(memory.at);
}

static void forget(result *a) {
    sn_free(a->out);
    sn_free(a->grads);
    sn_free(a->dx);
    sn_free(a->params);
}

static void compare(const rig *r, const result *a, const result *b) {
    assert_true(isfinite(a->losses[0]) && a->losses[0] > 0);
    assert_memory_equal(a->losses, b->losses, sizeof a->losses);
    assert_memory_equal(a->out, b->out, BATCH * 2 * sizeof(float));
    assert_memory_equal(a->grads, b->grads, r->nslab * sizeof(float));
    assert_memory_equal(a->dx, b->dx, r->nx * sizeof(float));
    assert_memory_equal(a->params, b->params, r->nslab * sizeof(float));
}

static void compare_near(const result *a, const result *b) {
    for (int i = 0; i < 2 * BATCH; i++)
        if (!(fabsf(a->out[i] - b->out[i]) <= 1e-5f))
            fail_msg("%g, not %g", (double)a->out[i], (double)b->out[i]);
    assert_true(fabs(a->losses[0] - b->losses[0]) < 1e-4);
}

/* Does a convolution take along all that follows it, in inference? */
static bool conv_whole(const rig *r, const net *n) {
    int before = whole;
    result a;
    run(r, n, true, false, false, BATCH, &a);
    sn_free(a.out);
    sn_free(a.grads);
    sn_free(a.dx);
    sn_free(a.params);
    bool yes = whole > before;
    whole = before;
    return yes;
}

static bool any(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0) return true;
    return false;
}

/* The gradients of the same step in double, layer by layer. */
static double *gradients_in_double(const rig *r) {
    sn_err e = { 0 };
    sn_plan *p;
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = BATCH, .dtype = SN_F64 };
    assert_int_equal(sn_plan_build(&p, r->m, &o, &e), SN_OK);
    double *w = sn_calloc(r->nslab, sizeof *w, "w", NULL), *g = sn_calloc(r->nslab, sizeof *g, "g", NULL);
    double *x = sn_calloc(r->nx, sizeof *x, "x", NULL), t[2 * BATCH], data, activity;
    for (size_t i = 0; i < r->nslab; i++) w[i] = r->m->slab[i];
    for (size_t i = 0; i < r->nx; i++) x[i] = r->x[i];
    for (int i = 0; i < 2 * BATCH; i++) t[i] = r->t[i];
    sn_step st = { .params = w, .grads = g, .n = BATCH, .x = x, .train = true, .seed = 9, .step = 4 };
    sn_shape target = { 1, { 2 } };
    assert_int_equal(sn_exec_forward(p, &st, &e), SN_OK);
    assert_int_equal(sn_exec_loss(p, &st, r->loss, &target, t, &data, &activity, NULL, &e), SN_OK);
    assert_int_equal(sn_exec_backward(p, &st, true, &e), SN_OK);
    sn_plan_free(p);
    sn_free(w);
    sn_free(x);
    return g;
}

static void near_double(void **state) {
    (void)state;
    for (int i = 0; i < NETS; i++) {
        rig r;
        result a;
        rig_open(&r, &nets[i]);
        run(&r, &nets[i], true, true, false, BATCH, &a);
        double *g = gradients_in_double(&r), off = 0, size = 0;
        for (size_t k = 0; k < r.nslab; k++) {
            off += (a.grads[k] - g[k]) * (a.grads[k] - g[k]);
            size += g[k] * g[k];
        }
        double bound =
            nets[i].nlayer > 10 ? 1e-4 : 1e-5; /* deep ones may choose another winner here and there */
        if (!(sqrt(off) < bound * sqrt(size))) fail_msg("net %d: off by %g of %g", i, sqrt(off), sqrt(size));
        sn_free(g);
        forget(&a);
        rig_close(&r);
    }
}

static void same_bits(void **state) {
    (void)state;
    for (int i = 0; i < NETS; i++) {
        rig r;
        rig_open(&r, &nets[i]);
        for (int k = 0; k < 8; k++) {
            bool train = k < 4, input_grad = k & 1;
            int64_t batch = k & 2 ? 2 : BATCH;
            result a, b;
            run(&r, &nets[i], true, train, input_grad, batch, &a);
            run(&r, &nets[i], false, train, input_grad, batch, &b);
            if (train || !conv_whole(&r, &nets[i]))
                compare(&r, &a, &b);
            else /* other roundings: the scale comes before the value is stored */
                compare_near(&a, &b);
            if (train) assert_true(any(a.grads, r.nslab));
            forget(&a);
            forget(&b);
        }
        rig_close(&r);
    }
    assert_true(taken >= 5 && whole >= 4);
}

/* The seed's blocks need less of it, and plans share it. */
static void memory(void **state) {
    (void)state;
    rig r;
    rig_open(&r, &nets[0]);
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = 64, .dtype = SN_F32 }, fused = o;
    fused.fuse = true;
    size_t plain, less;
    assert_int_equal(sn_plan_measure(r.m, &o, &plain, NULL), SN_OK);
    assert_int_equal(sn_plan_measure(r.m, &fused, &less, NULL), SN_OK);
    assert_true((double)less < 0.9 * (double)plain);
    sn_plan *a, *b, *c;
    sn_plan_memory memory = { 0 };
    o.memory = fused.memory = &memory;
    o.batch = fused.batch = 256;
    assert_int_equal(sn_plan_build(&a, r.m, &o, NULL), SN_OK);
    assert_int_equal(memory.moves, 1);
    assert_int_equal(sn_plan_build(&b, r.m, &fused, NULL), SN_OK);
    assert_ptr_equal(a->slab, b->slab);
    assert_int_equal(memory.moves, 1);
    fused.batch = 1024;
    assert_int_equal(sn_plan_build(&c, r.m, &fused, NULL), SN_OK);
    assert_true(memory.moves == 2 && c->slab == memory.at && memory.bytes >= c->slab_bytes);
    sn_plan_free(a);
    sn_plan_free(b);
    sn_plan_free(c);
    sn_free(memory.at);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(same_bits), cmocka_unit_test(near_double),
                                        cmocka_unit_test(memory) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
