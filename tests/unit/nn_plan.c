/* Models, plans and exec: whole networks against central differences in float64, memory sharing against plans
 * that keep everything, graphs as text, and the messages of graphs that do not work. */
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

/* The seed's blocks, small; dropout on, so that its mask takes part. */
static const char seed_net[] =
    "sonde-model 1\nname \"seed\"\nseed 5\n"
    "layer input{shape={8, 7, 3}, name=\"x\"}\n"
    "layer conv2d{filters=4, kernel_size={5, 5}, padding=\"same\", kernel_regularizer=l2{factor=0.01}, "
    "name=\"c\"}\n"
    "layer batch_norm{name=\"b\"}\nlayer activation{activation=tanh{}, name=\"a\"}\n"
    "layer max_pool2d{name=\"p\"}\nlayer dropout{rate=0.25, name=\"d\"}\nlayer flatten{name=\"f\"}\n"
    "layer dense{units=5, activation=swish{}, kernel_regularizer=l1_l2{l1=0.001, l2=0.02}, name=\"h\", "
    "activity_regularizer=l2{factor=0.1}}\n"
    "layer dense{units=2, activation=softmax{}, name=\"prediction\"}\n"
    "call 0\ncall 1 0\ncall 2 1\ncall 3 2\ncall 4 3\ncall 5 4\ncall 6 5\ncall 7 6\ncall 8 8\ninput 0\noutput "
    "10\n";

/* Branches: one layer called twice, its input used three times, add of a thing with itself, concat. */
static const char branch_net[] =
    "sonde-model 1\nname \"branch\"\nseed 6\n"
    "layer input{shape={6, 6, 2}, name=\"x\"}\n"
    "layer conv2d{filters=2, kernel_size={3, 2}, padding=\"same\", activation=elu{}, name=\"c\"}\n"
    "layer add{name=\"s\"}\nlayer concat{name=\"cat\"}\nlayer global_avg_pool2d{name=\"g\"}\n"
    "layer dense{units=2, activation=softmax{}, name=\"o\"}\nlayer add{name=\"twice\"}\n"
    "call 0\ncall 1 0\ncall 1 2\ncall 2 0 2 4\ncall 6 5 5\ncall 3 6 2\ncall 4 7\ncall 5 8\ninput 0\noutput "
    "10\n";

typedef struct {
    sn_model *m;
    sn_plan *plan;
    double *params, *grads, *x, *t;
    sn_step step;
    sn_obj *loss;
    sn_shape target;
} rig;

static void rig_open(rig *r, const char *text, int64_t batch, const sn_tap *taps, int ntap, bool input_grad) {
    sn_err e = { 0 };
    memset(r, 0, sizeof *r);
    if (sn_model_parse(&r->m, text, &e) != SN_OK) fail_msg("%s", e.msg);
    assert_int_equal(sn_model_init_weights(r->m, &e), SN_OK);
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN,
                       .batch = batch,
                       .dtype = SN_F64,
                       .taps = taps,
                       .ntap = ntap,
                       .input_grad = input_grad };
    if (sn_plan_build(&r->plan, r->m, &o, &e) != SN_OK) fail_msg("%s", e.msg);
    size_t n = r->m->slab_count, nx = (size_t)(sn_shape_count(sn_model_input_shape(r->m)) * batch);
    r->params = sn_calloc(n, sizeof(double), "p", NULL);
    r->grads = sn_calloc(n, sizeof(double), "g", NULL);
    r->x = sn_calloc(nx, sizeof(double), "x", NULL);
    r->t = sn_calloc((size_t)batch * 2, sizeof(double), "t", NULL);
    sn_rng g = sn_rng_make(3, SN_STREAM_TEST, 0);
    for (size_t i = 0; i < n; i++) r->params[i] = r->m->slab[i];
    for (size_t i = 0; i < nx; i++) r->x[i] = sn_rng_normal(&g);
    for (int64_t i = 0; i < batch; i++) r->t[2 * i + i % 2] = 1;
    r->step = (sn_step){
        .params = r->params, .grads = r->grads, .n = batch, .x = r->x, .train = true, .seed = 9, .step = 4
    };
    r->loss = sn_obj_named(&sn_kind_loss, "categorical_crossentropy", NULL);
    r->target = (sn_shape){ 1, { 2 } };
}

static void rig_close(rig *r) {
    sn_plan_free(r->plan);
    sn_model_free(r->m);
    sn_free(r->params);
    sn_free(r->grads);
    sn_free(r->x);
    sn_free(r->t);
    sn_obj_release(r->loss);
}

static double penalty_f64(const rig *r) {
    double sum = 0;
    for (int i = 0; i < r->m->nparam; i++) {
        const sn_param *p = &r->m->params[i];
        if (!p->spec.regularizer) continue;
        sum += sn_regularizer_in(p->spec.regularizer->desc, SN_F64)
                   ->value(p->spec.regularizer->cfg, r->params + p->offset, p->count, sn_pool_default());
    }
    return sum;
}

static double total_loss(rig *r) {
    double data, activity;
    assert_int_equal(sn_exec_forward(r->plan, &r->step, NULL), SN_OK);
    assert_int_equal(sn_exec_loss(r->plan, &r->step, r->loss, &r->target, r->t, &data, &activity, NULL, NULL),
                     SN_OK);
    return data + activity + penalty_f64(r);
}

static void backward(rig *r) {
    total_loss(r);
    assert_int_equal(sn_exec_backward(r->plan, &r->step, true, NULL), SN_OK);
}

static double difference(rig *r, double *w) {
    double keep = *w, h = 1e-5;
    *w = keep + h;
    double up = total_loss(r);
    *w = keep - h;
    double down = total_loss(r);
    *w = keep;
    return (up - down) / (2 * h);
}

static void check_network(const char *text, int64_t batch) {
    rig r;
    rig_open(&r, text, batch, NULL, 0, true);
    backward(&r);
    size_t nx = (size_t)(sn_shape_count(sn_model_input_shape(r.m)) * batch);
    double *dx = sn_alloc(nx * sizeof *dx, "dx", NULL);
    memcpy(dx, sn_exec_input_grad(r.plan), nx * sizeof *dx);
    double err = 0, norm = 1e-12;
    for (int i = 0; i < r.m->nparam; i++) {
        const sn_param *p = &r.m->params[i];
        for (size_t k = 0; p->trainable && k < p->count; k++) {
            double num = difference(&r, &r.params[p->offset + k]), ana = r.grads[p->offset + k];
            err += (num - ana) * (num - ana);
            norm += num * num + ana * ana;
        }
    }
    if (sqrt(err / norm) > 1e-6) fail_msg("weights: relative error %g", sqrt(err / norm));
    err = 0, norm = 1e-12;
    for (size_t k = 0; k < nx; k++) {
        double num = difference(&r, &r.x[k]);
        err += (num - dx[k]) * (num - dx[k]);
        norm += num * num + dx[k] * dx[k];
    }
    if (sqrt(err / norm) > 1e-6) fail_msg("input: relative error %g", sqrt(err / norm));
    sn_free(dx);
    rig_close(&r);
}

static void seed_network_has_right_gradients(void **state) {
    (void)state;
    check_network(seed_net, 3);
    check_network(seed_net, 2);
}
static void branches_have_right_gradients(void **state) {
    (void)state;
    check_network(branch_net, 2);
    check_network(branch_net, 1);
}

/* ---- backward of any scalar ---- */

typedef struct {
    int node;
    const double *dy;
    double sum; /* of dy * the node's output */
} weighted;

static void add_weighted(void *ctx, int node, const void *y, const sn_shape *shape) {
    weighted *w = ctx;
    for (int64_t i = 0; node == w->node && i < sn_shape_count(shape); i++)
        w->sum += w->dy[i] * ((const double *)y)[i];
}

static double scalar_of(rig *r, weighted *w) {
    sn_visitor v = { w, add_weighted, NULL };
    w->sum = 0;
    r->step.visit = &v;
    assert_int_equal(sn_exec_forward(r->plan, &r->step, NULL), SN_OK);
    r->step.visit = NULL;
    return w->sum;
}

static double scalar_difference(rig *r, weighted *w, double *at) {
    double keep = *at, h = 1e-5;
    *at = keep + h;
    double up = scalar_of(r, w);
    *at = keep - h;
    double down = scalar_of(r, w);
    *at = keep;
    return (up - down) / (2 * h);
}

static void check_injected(rig *r, int node) {
    double dy[1024];
    size_t n = (size_t)(sn_shape_count(&r->m->nodes[node].out) * r->step.n),
           nx = (size_t)(sn_shape_count(sn_model_input_shape(r->m)) * r->step.n);
    assert_true(n <= 1024);
    for (size_t i = 0; i < n; i++) dy[i] = sin(1.0 + (double)i);
    weighted w = { node, dy, 0 };
    sn_inject inject = { node, dy };
    total_loss(r); /* leaves its gradient where that of the output is: it must not be counted */
    r->step.inject = &inject;
    assert_int_equal(sn_exec_backward(r->plan, &r->step, false, NULL), SN_OK);
    r->step.inject = NULL;
    double *dx = sn_alloc(nx * sizeof *dx, "dx", NULL), err = 0, norm = 1e-12;
    memcpy(dx, sn_exec_input_grad(r->plan), nx * sizeof *dx);
    for (size_t k = 0; k < nx; k += 5) {
        double num = scalar_difference(r, &w, &r->x[k]);
        err += pow(num - dx[k], 2);
        norm += num * num;
    }
    for (int i = 0; i < r->m->nparam; i++) {
        for (size_t k = 0; r->m->params[i].trainable && k < r->m->params[i].count; k += 3) {
            size_t at = r->m->params[i].offset + k;
            double num = scalar_difference(r, &w, &r->params[at]);
            err += pow(num - r->grads[at], 2);
            norm += num * num;
        }
    }
    if (sqrt(err / norm) > 1e-6) fail_msg("%s, node %d: relative error %g", r->m->name, node, sqrt(err / norm));
    sn_free(dx);
}

static void gradients_of_any_node_are_right(void **state) {
    (void)state;
    const char *const nets[] = { seed_net, branch_net };
    for (int k = 0; k < 2; k++) {
        rig r;
        rig_open(&r, nets[k], 2, NULL, 0, true);
        size_t n = r.m->slab_count;
        double *plain = sn_alloc(n * sizeof *plain, "g", NULL);
        backward(&r);
        memcpy(plain, r.grads, n * sizeof *plain);
        for (int i = 1; i < r.m->nnode; i++) check_injected(&r, i);
        backward(&r); /* of the loss again */
        assert_memory_equal(plain, r.grads, n * sizeof *plain);
        sn_free(plain);
        rig_close(&r);
    }
}

/* Sharing memory must not change a bit: a plan in which everything is tapped shares nothing. */
static void check_sharing(const char *text) {
    rig a, b;
    sn_tap taps[32];
    rig_open(&a, text, 4, NULL, 0, false);
    for (int i = 0; i < a.m->nnode; i++) taps[i] = (sn_tap){ i, true, true };
    rig_open(&b, text, 4, taps, a.m->nnode, true);
    for (int64_t n = 4; n >= 3; n--) { /* also a batch smaller than planned */
        a.step.n = b.step.n = n;
        backward(&a);
        backward(&b);
        assert_memory_equal(a.grads, b.grads, a.m->slab_count * sizeof(double));
    }
    for (int i = 0; i < b.m->nnode; i++) {
        assert_non_null(sn_exec_tap(b.plan, i, false));
        assert_non_null(sn_exec_tap(b.plan, i, true));
    }
    assert_null(sn_exec_tap(a.plan, 1, true));
    size_t small, large;
    sn_plan_opts o = *sn_plan_options(a.plan), all = *sn_plan_options(b.plan);
    assert_int_equal(sn_plan_measure(a.m, &o, &small, NULL), SN_OK);
    assert_int_equal(sn_plan_measure(a.m, &all, &large, NULL), SN_OK);
    assert_true(small < large);
    rig_close(&a);
    rig_close(&b);
}

static void sharing_memory_changes_no_bit(void **state) {
    (void)state;
    check_sharing(seed_net);
    check_sharing(branch_net);
}

static void inference_needs_less_and_agrees(void **state) {
    (void)state;
    rig r;
    rig_open(&r, seed_net, 4, NULL, 0, false);
    r.step.train = false;
    total_loss(&r);
    sn_plan_opts o = { .mode = SN_PLAN_INFER, .batch = 4, .dtype = SN_F64 };
    sn_plan *p;
    assert_int_equal(sn_plan_build(&p, r.m, &o, NULL), SN_OK);
    assert_int_equal(sn_exec_forward(p, &r.step, NULL), SN_OK);
    assert_memory_equal(sn_exec_output(p), sn_exec_output(r.plan), 8 * sizeof(double));
    size_t infer, train;
    sn_plan_opts t = *sn_plan_options(r.plan);
    assert_int_equal(sn_plan_measure(r.m, &o, &infer, NULL), SN_OK);
    assert_int_equal(sn_plan_measure(r.m, &t, &train, NULL), SN_OK);
    assert_true(infer < train);
    sn_plan_free(p);
    rig_close(&r);
}

static void text_round_trips(void **state) {
    (void)state;
    const char *const nets[] = { seed_net, branch_net };
    for (int i = 0; i < 2; i++) {
        sn_model *m, *copy;
        sn_err e = { 0 };
        assert_int_equal(sn_model_parse(&m, nets[i], &e), SN_OK);
        m->slab[3] = 42;
        assert_int_equal(sn_model_clone(&copy, m, &e), SN_OK);
        assert_memory_equal(m->slab, copy->slab, m->slab_count * sizeof(float));
        sn_buf a = SN_BUF_INIT(1 << 20), b = SN_BUF_INIT(1 << 20);
        sn_model_print(m, &a);
        sn_model_print(copy, &b);
        assert_string_equal(a.data, b.data);
        sn_buf_free(&a);
        sn_buf_free(&b);
        sn_model_free(m);
        sn_model_free(copy);
    }
}

static void expect(const char *body, const char *part) {
    char text[2000];
    sn_err e = { 0 };
    sn_model *m;
    snprintf(text, sizeof text, "sonde-model 1\nname \"m\"\nseed 1\n%s", body);
    sn_status s = sn_model_parse(&m, text, &e);
    assert_null(m);
    assert_int_not_equal(s, SN_OK);
    if (!strstr(e.msg, part)) fail_msg("message was: %s", e.msg);
}

static void bad_graphs_are_named(void **state) {
    (void)state;
    expect(
        "layer input{shape={8, 8, 3}}\nlayer dense{units=2, name=\"d\"}\ncall 0\ncall 1 0\ninput 0\noutput 1\n",
        "d: wants (batch, features), got (batch, 8, 8, 3); add flatten{} before it");
    expect("layer input{shape={8}}\nlayer dense{units=2, name=\"input\"}\n", "two layers are named \"input\"");
    expect("layer input{shape={8}}\nlayer dense{units=2, name=\"a/b\"}\n", "must not contain");
    expect("layer input{shape={8}}\ncall 0 7\n", "bad number");
    expect("layer input{shape={8}}\ncall 3\n", "bad number");
    expect("layer input{shape={8}}\nlayer dense{units=2}\ncall 0\ncall 1 0\ncall 1 0\ninput 0\noutput 1\n",
           "leads nowhere");
    expect("layer input{shape={8}}\nlayer dense{units=2}\ncall 0\ncall 1 0\ncall 1 1\ninput 0\noutput 2\n",
           "called a second time on another shape");
    expect("layer input{shape={8}}\nlayer add{}\ncall 0\ncall 1 0\n", "at least 2 inputs, got 1");
    expect("layer input{shape={8}}\ncall 0\ninput 0\noutput 0\n", "no layers between");
    expect("layer input{shape={8}}\ncall 0\n", "no input");
    expect("nonsense\n", "unknown line");
    expect("layer input{shape={8}, activity_regularizer=l2{}}\n", "no effect on an input");
    expect("layer dense{units=1000000000000}\n", "outside");
    expect("", "no input");
}

/* A file can hold anything: time must not grow with the square of what it holds, and names are still the first
 * free ones. */
static void huge_graphs_are_refused_at_once(void **state) {
    (void)state;
    enum { MANY = 10001 };
    sn_model *m;
    sn_err e = { 0 };
    sn_buf b = SN_BUF_INIT(1 << 24);
    sn_buf_str(&b, "sonde-model 1\nname \"m\"\nseed 1\nlayer input{shape={2}, name=\"x\"}\n");
    for (int i = 0; i < MANY; i++) sn_buf_str(&b, "layer rescaling{scale=1}\n");
    assert_int_equal(sn_model_parse(&m, b.data, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "more than 10000 layers"));
    sn_buf_clear(&b);
    sn_buf_str(&b, "sonde-model 1\nname \"m\"\nseed 1\nlayer input{shape={2}, name=\"x\"}\n"
                   "layer add{}\ncall 0\n");
    for (int i = 0; i < 2 * MANY; i++) sn_buf_fmt(&b, "call 1 %d %d\n", i, i);
    assert_int_equal(sn_model_parse(&m, b.data, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "more than 20000 calls"));
    sn_buf_free(&b);
}

static void missing_names_are_the_first_free_ones(void **state) {
    (void)state;
    static const char text[] =
        "sonde-model 1\nname \"m\"\nseed 1\nlayer input{shape={2}, name=\"x\"}\n"
        "layer dense{units=2, name=\"dense_1\"}\nlayer dense{units=2}\nlayer dense{units=2}\n"
        "layer dense{units=2, name=\"dense_04\"}\nlayer dense{units=2, name=\"dense_x\"}\nlayer "
        "dense{units=2}\n"
        "call 0\ncall 1 0\ncall 2 1\ncall 3 2\ncall 4 3\ncall 5 4\ncall 6 5\ninput 0\noutput 6\n";
    static const char *const want[] = { "x", "dense_1", "dense", "dense_2", "dense_04", "dense_x", "dense_3" };
    sn_model *m;
    sn_err e = { 0 };
    if (sn_model_parse(&m, text, &e) != SN_OK) fail_msg("%s", e.msg);
    for (int i = 0; i < m->nlayer; i++) assert_string_equal(m->layers[i].name, want[i]);
    sn_model_free(m);
}

/* Sizes whose bytes, or whose sum, do not fit into 64 bits. */
static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    sn_model *m;
    sn_plan *p;
    sn_err e = { 0 };
    sn_buf b = SN_BUF_INIT(1 << 20);
    sn_buf_str(&b, "sonde-model 1\nname \"m\"\nseed 1\nlayer input{shape={1073741824, 131072}, name=\"x\"}\n"
                   "layer add{name=\"a\"}\ncall 0\n");
    for (int i = 0; i < 5000; i++) sn_buf_fmt(&b, "call 1 0 %d\n", i);
    sn_buf_str(&b, "input 0\noutput 5000\n");
    if (sn_model_parse(&m, b.data, &e) != SN_OK) fail_msg("%s", e.msg);
    static sn_tap taps[5001]; /* all alive at once */
    for (int i = 0; i <= 5000; i++) taps[i] = (sn_tap){ i, true, true };
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = 2, .dtype = SN_F64, .taps = taps, .ntap = 5001 };
    assert_int_equal(sn_plan_build(&p, m, &o, &e), SN_ENOMEM);
    assert_null(p);
    o.batch = 1 << 30;
    assert_int_not_equal(sn_plan_build(&p, m, &o, &e), SN_OK);
    assert_null(p);
    sn_model_free(m);
    sn_buf_free(&b);
}

static void too_large_a_batch_is_said_with_what_fits(void **state) {
    (void)state;
    sn_model *m;
    sn_err e = { 0 };
    assert_int_equal(sn_model_parse(&m, seed_net, &e), SN_OK);
    sn_plan *p;
    size_t bytes;
    sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = 1000, .dtype = SN_F32 };
    assert_int_equal(sn_plan_measure(m, &o, &bytes, &e), SN_OK);
    sn_mem_set_limit(sn_mem_used() + bytes / 2);
    assert_int_equal(sn_plan_build(&p, m, &o, &e), SN_ENOMEM);
    assert_null(p);
    long long fits = 0;
    const char *at = strstr(e.msg, "largest batch_size that fits is ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "largest batch_size that fits is %lld", &fits), 1);
    assert_true(fits > 300 && fits < 510);
    o.batch = fits;
    assert_int_equal(sn_plan_build(&p, m, &o, &e), SN_OK);
    sn_plan_free(p);
    sn_mem_set_limit(0);
    sn_model_free(m);
}

static void no_allocation_failure_leaks(void **state) {
    (void)state;
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 5000 && !done; k++) {
        sn_model *m = NULL;
        sn_plan *p = NULL;
        sn_plan_opts o = { .mode = SN_PLAN_TRAIN, .batch = 2, .dtype = SN_F32 };
        sn_err e = { 0 };
        sn_mem_fail_after(k);
        sn_status s = sn_model_parse(&m, branch_net, &e);
        if (s == SN_OK) s = sn_plan_build(&p, m, &o, &e);
        sn_mem_fail_after(-1);
        done = s == SN_OK;
        if (!done && (s != SN_ENOMEM || e.code != SN_ENOMEM)) fail_msg("failure %d is called: %s", k, e.msg);
        sn_plan_free(p);
        sn_model_free(m);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_network_has_right_gradients),
        cmocka_unit_test(branches_have_right_gradients),
        cmocka_unit_test(gradients_of_any_node_are_right),
        cmocka_unit_test(sharing_memory_changes_no_bit),
        cmocka_unit_test(inference_needs_less_and_agrees),
        cmocka_unit_test(text_round_trips),
        cmocka_unit_test(bad_graphs_are_named),
        cmocka_unit_test(huge_graphs_are_refused_at_once),
        cmocka_unit_test(missing_names_are_the_first_free_ones),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(too_large_a_batch_is_said_with_what_fits),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
