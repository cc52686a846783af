/* Changes of a model's graph while it stands, with the trainer and the run of it: all or nothing, and what is
 * not touched goes on to the same bits. */
#include "train_rig.h"

#include "nn/surgery.h"
#include <float.h>

static sn_status operate(sn_model *m, sn_surgery_what what, const char *layer, const char *text, sn_err *e) {
    sn_surgery s = { .what = what, .layer = sn_model_find_layer(m, layer), .node = -1, .seed = 77 };
    if (text) s.obj = object(&sn_kind_layer, text);
    sn_status status = sn_model_operate(m, &s, NULL, e);
    if (s.obj) sn_obj_release(s.obj);
    return status;
}

static void must(sn_model *m, sn_surgery_what what, const char *layer, const char *text) {
    sn_err e = { 0 };
    ok(operate(m, what, layer, text, &e), &e);
}

static void refused(sn_model *m, sn_surgery_what what, const char *layer, const char *text,
                    const char *message) {
    sn_err e = { 0 };
    assert_int_not_equal(operate(m, what, layer, text, &e), SN_OK);
    if (!strstr(e.msg, message)) fail_msg("\"%s\" is not in \"%s\"", message, e.msg);
}

static char *text_of(const sn_model *m) {
    sn_buf b = SN_BUF_INIT(1 << 20);
    sn_model_print(m, &b);
    return b.data;
}

static void has_text(const sn_model *m, const char *want) {
    char *got = text_of(m);
    assert_string_equal(got, want);
    sn_free(got);
}

static int param(const sn_model *m, const char *name) {
    for (int i = 0; i < m->nparam; i++)
        if (strcmp(m->params[i].name, name) == 0) return i;
    fail_msg("no parameter %s", name);
    return -1;
}

static const float *values(const sn_model *m, const char *name) {
    return m->slab + m->params[param(m, name)].offset;
}

/* ---- graphs ---- */

static void layers_come_and_go_with_their_weights(void **state) {
    (void)state;
    sn_model *m = make_model(net);
    char *before = text_of(m);
    sn_model *was;
    sn_err e = { 0 };
    ok(sn_model_clone(&was, m, &e), &e);
    must(m, SN_INSERT_BEFORE, "out", "dense{units=16}");
    assert_int_equal(sn_model_find_layer(m, "dense"), 4);
    must(m, SN_INSERT_AFTER, "hidden", "activation{activation=tanh{}, name=\"mid\"}");
    assert_int_equal(sn_model_find_layer(m, "mid"), 2);
    assert_int_equal(m->changes, 2);
    for (int i = 0; i < was->nparam; i++) {
        const sn_param *p = &was->params[i];
        same_bits(values(m, p->name), was->slab + p->offset, p->count, p->name);
    }
    must(m, SN_REMOVE, "dense", NULL);
    must(m, SN_REMOVE, "mid", NULL);
    has_text(m, before);
    assert_int_equal(m->slab_count, was->slab_count);
    same_bits(m->slab, was->slab, m->slab_count, "weights");
    sn_free(before);
    sn_model_free(was);
    sn_model_free(m);
}

static void a_new_layer_takes_the_name_that_says_no_other_type(void **state) {
    (void)state;
    sn_model *m = make_model("sonde-model 1\nname \"n\"\nseed 5\nlayer input{shape={6}, name=\"in\"}\n"
                             "layer dense{units=4, name=\"dense\"}\nlayer dense{units=4, name=\"dense_1\"}\n"
                             "layer dense{units=2, name=\"head\"}\ncall 0\ncall 1 0\ncall 2 1\ncall 3 2\n"
                             "input 0\noutput 3\n");
    must(m, SN_REPLACE, "dense_1", "dense{units=7, activation=relu{}}");
    assert_int_equal(sn_model_find_layer(m, "dense_1"), 2);
    must(m, SN_REPLACE, "dense_1", "batch_norm{}"); /* a made name tells the type */
    assert_int_equal(sn_model_find_layer(m, "dense_1"), -1);
    assert_int_equal(sn_model_find_layer(m, "batch_norm"), 2);
    must(m, SN_REPLACE, "head", "activation{activation=softmax{}}"); /* a given one does not */
    assert_string_equal(m->layers[3].obj->desc->name, "activation");
    assert_int_equal(sn_model_find_layer(m, "head"), 3);
    refused(m, SN_INSERT_BEFORE, "head", "dense{units=2, name=\"dense\"}", "two layers are named \"dense\"");
    refused(m, SN_REPLACE, "head", "dense{units=2, name=\"dense\"}", "two layers are named \"dense\"");
    must(m, SN_REPLACE, "head", "dense{units=2, name=\"other\"}");
    sn_model_free(m);
}

static const char *const branched =
    "sonde-model 1\nname \"b\"\nseed 5\nlayer input{shape={4, 4, 2}, name=\"in\"}\n"
    "layer conv2d{filters=2, kernel_size={3, 3}, padding=\"same\", activation=relu{}, name=\"shared\"}\n"
    "layer batch_norm{name=\"bn\"}\nlayer add{name=\"join\"}\nlayer flatten{name=\"flat\"}\n"
    "layer dense{units=3, name=\"head\"}\n"
    /* nodes 0 in, 1 2 shared, 3 4 shared again, 5 bn, 6 join, 7 flat, 8 head */
    "call 0\ncall 1 0\ncall 1 2\ncall 2 4\ncall 3 5 2\ncall 4 6\ncall 5 7\ninput 0\noutput 8\n";

static void branches_keep_their_inputs_and_readers(void **state) {
    (void)state;
    sn_model *m = make_model(branched);
    char *before = text_of(m);
    refused(m, SN_REMOVE, "join", NULL, "join reads 2 outputs");
    refused(m, SN_INSERT_BEFORE, "join", "dropout{rate=0.1}", "join reads 2 outputs; insert behind");
    refused(m, SN_INSERT_BEFORE, "shared", "dropout{rate=0.1}", "shared is called 2 times; say which call");
    refused(m, SN_REMOVE, "in", NULL, "in is the model's input");
    refused(m, SN_INSERT_BEFORE, "in", "dropout{rate=0.1}", "nothing comes before it");
    refused(m, SN_REPLACE, "join", "dense{units=2}", "takes 1 input, got 2");
    refused(m, SN_REPLACE, "bn", "add{}", "takes at least 2 inputs, got 1");
    refused(m, SN_REPLACE, "bn", "input{shape={4, 4, 2}}", "takes 0 inputs, got 1");
    refused(m, SN_REPLACE, "bn", "conv2d{filters=5, kernel_size={1, 1}}", "join");
    refused(m, SN_REPLACE, "bn", "conv2d{filters=2, kernel_size={9, 9}}", "bn: ");
    refused(m, SN_REPLACE, "in", "dense{units=2}", "takes 1 input, got 0");
    has_text(m, before);
    assert_int_equal(m->changes, 0);
    must(m, SN_REPLACE, "join", "concat{}");
    assert_int_equal(m->nodes[6].nin, 2);
    assert_int_equal(m->nodes[6].out.d[2], 4);
    assert_int_equal(m->params[param(m, "head/kernel")].spec.shape.d[0], 64);
    must(m, SN_REPLACE, "join", "add{}");
    /* Both calls of the shared layer are of the new one, which carries no activation. */
    must(m, SN_REPLACE, "shared", "conv2d{filters=2, kernel_size={1, 1}}");
    assert_int_equal(m->nnode, 7);
    must(m, SN_INSERT_AFTER, "in", "dropout{rate=0.1}"); /* both readers read it */
    must(m, SN_REMOVE, "shared", NULL);
    assert_int_equal(m->nnode, 6);
    must(m, SN_REPLACE, "in", "input{shape={2, 8, 2}}");
    assert_int_equal(sn_model_input_shape(m)->d[1], 8);
    sn_free(before);
    sn_model_free(m);
}

/* One call of a shared layer is meant by its node. */
static void insertion_at_one_call(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_model *m = make_model(branched);
    sn_obj *o = object(&sn_kind_layer, "activation{activation=tanh{}}");
    sn_surgery s = { .what = SN_INSERT_BEFORE, .layer = 1, .node = 4, .obj = o };
    ok(sn_model_operate(m, &s, NULL, &e), &e);
    sn_obj_release(o);
    has_text(
        m, "sonde-model 1\nname \"b\"\nseed 5\nlayer input{shape={4, 4, 2}, name=\"in\"}\n"
           "layer activation{activation=tanh{}, name=\"activation\"}\n"
           "layer conv2d{filters=2, kernel_size={3, 3}, padding=\"same\", activation=relu{}, name=\"shared\"}\n"
           "layer batch_norm{name=\"bn\"}\nlayer add{name=\"join\"}\nlayer flatten{name=\"flat\"}\n"
           "layer dense{units=3, name=\"head\"}\ncall 0\ncall 2 0\ncall 1 2\ncall 2 3\ncall 3 5\ncall 4 6 2\n"
           "call 5 7\ncall 6 8\ninput 0\noutput 9\n");
    sn_model_free(m);
}

static void weights_stay_where_the_shapes_do(void **state) {
    (void)state;
    sn_err e = { 0 };
    bool *fresh;
    sn_model *m = make_model(net), *was;
    ok(sn_model_clone(&was, m, &e), &e);
    sn_obj *o = object(&sn_kind_layer, "dense{units=16, use_bias=false}");
    sn_surgery s = { .what = SN_REPLACE, .layer = 1, .node = -1, .obj = o, .keep_weights = true, .seed = 3 };
    ok(sn_model_operate(m, &s, &fresh, &e), &e);
    same_bits(values(m, "hidden/kernel"), values(was, "hidden/kernel"), 6 * 16, "kept");
    for (int i = 0; i < m->nlayer; i++) assert_false(fresh[i]);
    sn_free(fresh);
    s.keep_weights = false;
    ok(sn_model_operate(m, &s, &fresh, &e), &e);
    assert_true(memcmp(values(m, "hidden/kernel"), values(was, "hidden/kernel"), 6 * 16 * sizeof(float)) != 0);
    assert_true(fresh[1] && !fresh[2] && !fresh[4]);
    sn_free(fresh);
    sn_obj_release(o);
    /* batch_norm and the head get other shapes. */
    s.obj = object(&sn_kind_layer, "dense{units=5}");
    ok(sn_model_operate(m, &s, &fresh, &e), &e);
    assert_true(fresh[1] && fresh[2] && !fresh[3] && fresh[4]);
    assert_true(values(m, "bn/gamma")[4] == 1 && values(m, "bn/moving_variance")[4] == 1);
    float most = 0;
    for (int i = 0; i < 15; i++) most = fmaxf(most, fabsf(values(m, "out/kernel")[i]));
    assert_true(most > 0.1F && most <= sqrtf(6.0F / 8)); /* Glorot uniform of (5, 3) */
    sn_free(fresh);
    sn_obj_release(s.obj);
    sn_model_free(was);
    sn_model_free(m);
}

/* ---- training ---- */

/* A layer without weights that does nothing comes in the middle of an epoch, and goes in another: the run is
 * the one that never saw it, to the bit. */
static void what_is_not_touched_goes_on_to_the_same_bits(void **state) {
    (void)state;
    static const char *const optimizers[] = { "adam{}", "sgd{momentum=0.9}",
                                              "rmsprop{centered=true, momentum=0.5}" };
    for (int k = 0; k < 3; k++) {
        rig a = rig_open(optimizers[k], &two_epochs, NULL, NULL),
            b = rig_open(optimizers[k], &two_epochs, NULL, NULL);
        finish(a.run);
        for (int i = 0; i < 4; i++) next(b.run);
        must(b.m, SN_INSERT_BEFORE, "out", "activation{activation=linear{}, name=\"nothing\"}");
        assert_false(sn_run_has_gradients(b.run));
        while (sn_run_epoch(b.run) < 1) next(b.run);
        next(b.run);
        next(b.run);
        must(b.m, SN_REMOVE, "nothing", NULL);
        finish(b.run);
        assert_int_equal(sn_run_layers(b.run), 6);
        assert_string_equal(sn_run_layer(b.run, 5), "nothing");
        same_runs(&a, &b);
        rig_close(&a);
        rig_close(&b);
    }
}

/* The first step of Adam is the rate, whatever the gradient (Kingma & Ba 2015, section 2.1): so it must be for
 * a parameter that is new, though the optimizer has made steps. */
static void new_parameters_begin_at_their_own_first_step(void **state) {
    (void)state;
    rig r = rig_open("adam{learning_rate=0.01, epsilon=1e-12}", &two_epochs, NULL, NULL);
    for (int i = 0; i < 5; i++) next(r.run);
    float hidden[6 * 16];
    must(r.m, SN_REPLACE, "out", "dense{units=3, activation=softmax{}}");
    memcpy(hidden, values(r.m, "hidden/kernel"), sizeof hidden);
    float before[48];
    memcpy(before, values(r.m, "out/kernel"), sizeof before);
    while (next(r.run).kind != SN_EV_STEP) {}
    int moved = 0;
    for (int i = 0; i < 48; i++) {
        float d = fabsf(values(r.m, "out/kernel")[i] - before[i]);
        if (d > 0) assert_true(fabsf(d - 0.01F) < 1e-5F);
        moved += d > 0;
    }
    assert_true(moved > 40);
    int off = 0; /* the others go on with what they had */
    for (int i = 0; i < 96; i++)
        off += fabsf(fabsf(values(r.m, "hidden/kernel")[i] - hidden[i]) - 0.01F) > 1e-4F;
    assert_true(off > 48);
    rig_close(&r);
}

/* What is in a run, as one number of bits to compare. */
typedef struct {
    char *text;
    float *slab, *state[2];
    uint64_t version, changes;
    int64_t rows;
} snapshot;

static float *copy(const float *x, size_t n) {
    float *c = malloc(n * sizeof *c);
    assert_non_null(c);
    memcpy(c, x, n * sizeof *c);
    return c;
}

static snapshot take(const rig *r) {
    size_t n = r->m->slab_count;
    return (snapshot){ text_of(r->m), copy(r->m->slab, n), { copy(r->t->state[0], n), copy(r->t->state[1], n) },
                       r->m->version, r->m->changes,       sn_run_rows(r->run) };
}

static void compare(const rig *r, const snapshot *s) {
    size_t n = r->m->slab_count;
    has_text(r->m, s->text);
    same_bits(r->m->slab, s->slab, n, "weights");
    for (int k = 0; k < 2; k++) same_bits(r->t->state[k], s->state[k], n, "state");
    assert_true(r->m->version == s->version && r->m->changes == s->changes && sn_run_rows(r->run) == s->rows);
}

static void drop(snapshot *s) {
    sn_free(s->text);
    free(s->slab);
    free(s->state[0]);
    free(s->state[1]);
}

/* The k-th allocation fails; true: and so did the surgery. */
static bool fails_at(int k, const sn_surgery *s) {
    static const char *const callbacks[] = { "early_stopping{patience=9, restore_best_weights=true}", NULL };
    rig r = rig_open("adam{}", &two_epochs, callbacks, NULL);
    while (sn_run_epoch(r.run) < 1) next(r.run);
    next(r.run);
    next(r.run);
    snapshot was = take(&r);
    size_t held = sn_mem_used();
    sn_err e = { 0 };
    sn_mem_fail_after(k);
    sn_status st = sn_model_operate(r.m, s, NULL, &e);
    sn_mem_fail_after(-1);
    if (st != SN_OK) {
        assert_int_equal(st, SN_ENOMEM);
        compare(&r, &was);
        if (sn_mem_used() != held) fail_msg("allocation %d leaks", k);
    } else {
        assert_int_equal(r.m->changes, 1);
    }
    drop(&was);
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 2);
    assert_true(isfinite(sn_run_value(r.run, 1, 0)));
    rig_close(&r);
    return st != SN_OK;
}

static void all_or_nothing_when_memory_fails(void **state) {
    (void)state;
    sn_obj *o = object(&sn_kind_layer, "dense{units=9, activation=relu{}}");
    sn_surgery s = { .what = SN_INSERT_BEFORE, .layer = 4, .node = -1, .obj = o, .seed = 1 };
    int failures = 0, last = 0, k = 0;
    for (; k < last + 30; k++) { /* a few can be done without: they are of no more than a shorter text */
        if (!fails_at(k, &s)) continue;
        failures++;
        last = k;
    }
    if (failures < 60 || k > 400) fail_msg("%d allocations of %d", failures, k);
    sn_obj_release(o);
}

/* ---- compiling again ---- */

static void recompile(sn_trainer *t, const char *loss, const char *optimizer, const char *metric, bool anew) {
    sn_err e = { 0 };
    sn_obj *l = object(&sn_kind_loss, loss), *o = object(&sn_kind_optimizer, optimizer),
           *m[2] = { sn_obj_retain(t->metric[0].obj), object(&sn_kind_metric, metric) };
    ok(sn_trainer_recompile(t, l, o, m, NULL, 2, anew, &e), &e);
    sn_obj_release(l);
    sn_obj_release(o);
    sn_obj_release(m[0]);
    sn_obj_release(m[1]);
}

static void a_run_goes_on_with_what_it_is_compiled_to(void **state) {
    (void)state;
    rig a = rig_open("adam{}", &two_epochs, NULL, NULL), b = rig_open("adam{}", &two_epochs, NULL, NULL);
    finish(a.run);
    while (sn_run_epoch(b.run) < 1) next(b.run);
    for (int i = 0; i < 3; i++) next(b.run);
    const char *loss = "sparse_categorical_crossentropy{}";
    recompile(b.t, loss, "adam{}", "sparse_categorical_crossentropy{}", false);
    finish(b.run);
    size_t n = a.m->slab_count;
    same_bits(a.m->slab, b.m->slab, n, "the same optimizer goes on");
    assert_int_equal(a.t->iterations, b.t->iterations);
    assert_int_equal(sn_run_columns(b.run), 6);
    assert_string_equal(sn_run_column(b.run, 2), "sparse_categorical_crossentropy");
    assert_true(sn_run_is_gap(sn_run_value(b.run, 0, 2)) && isnan(sn_run_value(b.run, 0, 2)));
    assert_true(isfinite(sn_run_value(b.run, 1, 2)));
    for (int row = 0; row < 2; row++) { /* accuracy and loss as if nothing had been */
        assert_true(sn_run_value(a.run, row, 0) == sn_run_value(b.run, row, 0));
        assert_true(sn_run_value(a.run, row, 1) == sn_run_value(b.run, row, 1));
        assert_true(sn_run_value(a.run, row, 3) == sn_run_value(b.run, row, 4));
    }
    rig_close(&a);
    rig_close(&b);
}

static void a_schedule_begins_where_it_is_given(void **state) {
    (void)state;
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    for (int i = 0; i < 4; i++) next(r.run);
    int64_t made = r.t->iterations;
    assert_true(made > 0);
    const char *loss = "sparse_categorical_crossentropy{}";
    recompile(r.t, loss,
              "adam{learning_rate=exponential_decay{initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5}}",
              "sparse_categorical_crossentropy{}", false);
    assert_true(fabs(sn_trainer_lr(r.t) - 0.1) < 1e-9);
    while (next(r.run).kind != SN_EV_STEP) {}
    assert_true(fabs(sn_trainer_lr(r.t) - 0.05) < 1e-9);
    assert_int_equal(r.t->iterations, made + 1);
    recompile(r.t, loss, "sgd{momentum=0.9}", "sparse_categorical_crossentropy{}", true);
    assert_int_equal(r.t->iterations, 0);
    assert_true(r.t->nstate == 1 && r.t->state[0] && r.t->start[0] == 0);
    rig_close(&r);
}

/* ---- files ---- */

static void a_changed_run_is_saved_and_goes_on_to_the_same_bits(void **state) {
    (void)state;
    static const char *const callbacks[] = { "early_stopping{patience=9, restore_best_weights=true}", NULL };
    const char *path = "train_surgery.sonde";
    sn_err e = { 0 };
    rig r = rig_open("adam{}", &two_epochs, callbacks, NULL);
    while (sn_run_epoch(r.run) < 1) next(r.run);
    next(r.run);
    next(r.run);
    must(r.m, SN_REPLACE, "hidden",
         "dense{units=10, activation=relu{}, kernel_regularizer=l2{factor=0.01}, name=\"wide\"}");
    recompile(r.t, "sparse_categorical_crossentropy{}", "adam{learning_rate=0.02}",
              "sparse_categorical_crossentropy{}", false);
    next(r.run);
    ok(sn_run_save(r.run, path, &e), &e);
    rig b = { .train = r.train, .val = r.val };
    ok(sn_run_resume(&b.run, &b.m, &b.t, path, r.train, r.val, &e), &e);
    remove(path);
    assert_int_equal(sn_run_layers(b.run), 6);
    assert_string_equal(sn_run_layer(b.run, 1), "hidden");
    finish(r.run);
    finish(b.run);
    for (int i = 0; i < r.m->nparam; i++) assert_int_equal(r.t->start[i], b.t->start[i]);
    same_runs(&r, &b);
    /* The penalties of the layer that is gone are still there. */
    assert_true(sn_run_terms(b.run, 0, false)->by_layer[1] > 0 &&
                sn_run_terms(b.run, 1, true)->by_layer[1] == 0);
    assert_true(sn_run_terms(b.run, 0, false)->by_layer[5] == 0 &&
                sn_run_terms(b.run, 1, true)->by_layer[5] > 0);
    sn_run_end(b.run);
    sn_trainer_free(b.t);
    sn_model_free(b.m);
    rig_close(&r);
}

/* Where the data do not fit any more, the run says so and stands; it goes on when they fit again. */
static void a_run_that_does_not_fit_stands_and_goes_on(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("adam{}", &two_epochs, NULL, NULL);
    for (int i = 0; i < 3; i++) next(r.run);
    must(r.m, SN_REPLACE, "in", "input{shape={7}}");
    sn_event ev;
    assert_int_equal(sn_run_next(r.run, &ev, &e), SN_ESHAPE);
    assert_non_null(strstr(e.msg, "samples of the training data have shape (6,), but the model wants (7,)"));
    assert_int_equal(sn_run_save(r.run, "train_surgery.sonde", &e), SN_ESHAPE);
    must(r.m, SN_REPLACE, "in", "input{shape={6}}");
    must(r.m, SN_REPLACE, "out", "dense{units=1, activation=sigmoid{}}");
    assert_int_not_equal(sn_run_ready(r.run, &e), SN_OK);
    must(r.m, SN_REPLACE, "out", "dense{units=3, activation=softmax{}}");
    finish(r.run);
    assert_int_equal(sn_run_rows(r.run), 2);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_come_and_go_with_their_weights),
        cmocka_unit_test(a_new_layer_takes_the_name_that_says_no_other_type),
        cmocka_unit_test(branches_keep_their_inputs_and_readers),
        cmocka_unit_test(insertion_at_one_call),
        cmocka_unit_test(weights_stay_where_the_shapes_do),
        cmocka_unit_test(what_is_not_touched_goes_on_to_the_same_bits),
        cmocka_unit_test(new_parameters_begin_at_their_own_first_step),
        cmocka_unit_test(all_or_nothing_when_memory_fails),
        cmocka_unit_test(a_run_goes_on_with_what_it_is_compiled_to),
        cmocka_unit_test(a_schedule_begins_where_it_is_given),
        cmocka_unit_test(a_changed_run_is_saved_and_goes_on_to_the_same_bits),
        cmocka_unit_test(a_run_that_does_not_fit_stands_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
