/* The registries of nn's small objects, their texts, and the gradients of all activations, regularizers and
 * losses against central differences in float64. */
#include "nn_objects.h"

#include "nn/layer.h"
#include <stdlib.h>

static const sn_kind *const kinds[] = { &sn_kind_activation, &sn_kind_initializer, &sn_kind_regularizer,
                                        &sn_kind_loss,       &sn_kind_optimizer,   &sn_kind_schedule,
                                        &sn_kind_metric };
enum { NKIND = sizeof kinds / sizeof *kinds };

static void no_two_share_a_name(const sn_kind *k, const sn_desc *a, const sn_desc *b) {
    const char *names[] = { a->name, a->alias, b->name, b->alias };
    for (int i = 0; i < 2; i++)
        for (int j = 2; j < 4; j++)
            if (names[i] && names[j] && strcmp(names[i], names[j]) == 0)
                fail_msg("two %ss are called %s", k->name, names[i]);
}

static void fields_are_described(const sn_kind *k, const sn_desc *d) {
    const sn_field *f, *g;
    for (int i = 0; (f = sn_field_at(k, d, i)); i++) {
        if (!f->doc || !*f->doc) fail_msg("%s: %s has no doc", d->name, f->name);
        if (f->off >= d->cfg_size) fail_msg("%s: %s lies outside its struct", d->name, f->name);
        if ((f->min != 0 || f->max != 0) && !(f->flags & SN_REQUIRED) && (f->def < f->min || f->def > f->max))
            fail_msg("%s: the default of %s is out of its range", d->name, f->name);
        for (int j = 0; j < i && (g = sn_field_at(k, d, j)); j++) {
            if (strcmp(f->name, g->name) == 0) fail_msg("%s: two fields called %s", d->name, f->name);
            if (f->pos && f->pos == g->pos) fail_msg("%s: two fields at position %d", d->name, f->pos);
        }
    }
}

static void every_row_is_complete(void **state) {
    (void)state;
    for (int i = 0; i < NKIND; i++) {
        assert_non_null(kinds[i]->list[0]);
        for (const sn_desc *const *d = kinds[i]->list; *d; d++) {
            if (!(*d)->name || !(*d)->brief || !*(*d)->brief || !(*d)->example || !*(*d)->example)
                fail_msg("a %s lacks name, brief or example: %s", kinds[i]->name, (*d)->name);
            if (!strstr((*d)->example, (*d)->name))
                fail_msg("%s: its example is of something else", (*d)->name);
            fields_are_described(kinds[i], *d);
            for (const sn_desc *const *b = kinds[i]->list; b != d; b++) no_two_share_a_name(kinds[i], *b, *d);
        }
    }
}

static void twins_agree(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_activation.list; *d; d++) {
        const sn_desc *t = &sn_activation_in(*d, SN_F64)->desc;
        assert_ptr_not_equal(t, *d);
        assert_string_equal(t->name, (*d)->name);
        assert_ptr_equal(&sn_activation_in(t, SN_F32)->desc, *d);
        assert_ptr_equal(&sn_activation_in(t, SN_F64)->desc, t);
    }
    for (const sn_desc *const *d = sn_kind_loss.list; *d; d++)
        assert_string_equal(sn_loss_in(*d, SN_F64)->desc.name, (*d)->name);
    for (const sn_desc *const *d = sn_kind_regularizer.list; *d; d++)
        assert_string_equal(sn_regularizer_in(*d, SN_F64)->desc.name, (*d)->name);
}

/* What a schedule cannot do without. */
static const char *const schedule_texts[] = {
    "exponential_decay{initial_learning_rate=0.1, decay_steps=1000, decay_rate=0.96, staircase=true}",
    "piecewise_constant_decay{boundaries={100, 1000}, values={1, 0.5, 0.1}}",
    "polynomial_decay{initial_learning_rate=0.1, decay_steps=1000}",
    "inverse_time_decay{initial_learning_rate=0.1, decay_steps=1000, decay_rate=0.5}",
    "cosine_decay{initial_learning_rate=0, decay_steps=1000, warmup_target=0.1, warmup_steps=10}",
    "cosine_decay_restarts{initial_learning_rate=0.1, first_decay_steps=1000, t_mul=1.5}"
};

static void reads_back(const sn_kind *k, sn_obj *o) {
    sn_buf b = SN_BUF_INIT(4096);
    sn_obj_print(o, &b);
    sn_obj *again = make(k, b.data);
    assert_true(sn_obj_equal(o, again));
    sn_buf_free(&b);
    sn_obj_release(o);
    sn_obj_release(again);
}

/* The one object that cannot do without its option. */
static const char *traced_text(const sn_kind *k) {
    bool two = k == &sn_kind_loss || k == &sn_kind_metric;
    return two ? "traced{program=\"inputs 2; sub 0 1; abs 2; mean 3\"}"
               : "traced{program=\"inputs 1; abs 0; sum 1\"}";
}

static void texts_read_back(void **state) {
    (void)state;
    sn_err e = { 0 };
    for (int i = 0; i < NKIND; i++) {
        if (kinds[i] == &sn_kind_schedule) continue;
        for (const sn_desc *const *d = kinds[i]->list; *d; d++) {
            sn_obj *o = strcmp((*d)->name, "traced") == 0 ? make(kinds[i], traced_text(kinds[i]))
                                                          : sn_obj_named(kinds[i], (*d)->name, &e);
            if (!o) fail_msg("%s", e.msg);
            reads_back(kinds[i], o);
        }
    }
    int n = 0;
    for (; sn_kind_schedule.list[n]; n++) { /* in the order of schedules.def */
        sn_obj *o = make(&sn_kind_schedule, schedule_texts[n]);
        assert_ptr_equal(o->desc, sn_kind_schedule.list[n]);
        reads_back(&sn_kind_schedule, o);
    }
    assert_int_equal(n, sizeof schedule_texts / sizeof *schedule_texts);
    reads_back(&sn_kind_optimizer, make(&sn_kind_optimizer, "adam{learning_rate=cosine_decay{"
                                                            "initial_learning_rate=0.1, decay_steps=10}}"));
}

static void aliases_are_known(void **state) {
    (void)state;
    assert_string_equal(sn_kind_find(&sn_kind_activation, "silu")->name, "swish");
    assert_string_equal(sn_kind_find(&sn_kind_loss, "mean_squared_error")->name, "mse");
    assert_string_equal(sn_kind_find(&sn_kind_loss, "mean_absolute_error")->name, "mae");
    assert_string_equal(sn_kind_find(&sn_kind_metric, "acc")->name, "accuracy");
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    refuse(&sn_kind_optimizer, "adam{clipnorm=1, clipvalue=1}", "exclude each other");
    refuse(&sn_kind_optimizer, "sgd{clipnorm=1, global_clipnorm=1}", "exclude each other");
    refuse(&sn_kind_optimizer, "adam{beta_1=1}", "below 1");
    refuse(&sn_kind_optimizer, "rmsprop{rho=1}", "below 1");
    refuse(&sn_kind_optimizer, "sgd{learning_rate=-0.1}", "outside");
    refuse(&sn_kind_optimizer, "adam{epsilon=0}", "outside");
    refuse(&sn_kind_schedule, "exponential_decay{initial_learning_rate=1, decay_rate=1}",
           "decay_steps is missing");
    refuse(&sn_kind_schedule, "cosine_decay{initial_learning_rate=1, decay_steps=0}", "outside");
    refuse(&sn_kind_schedule, "piecewise_constant_decay{boundaries={1}, values={1}}",
           "1 boundaries want 2 values");
    refuse(&sn_kind_schedule, "piecewise_constant_decay{boundaries={5, 5}, values={1, 2, 3}}", "must rise");
    refuse(&sn_kind_schedule, "piecewise_constant_decay{boundaries={}, values={1}}", "at least one boundary");
    refuse(&sn_kind_schedule, "cosine_decay{initial_learning_rate=1, decay_steps=1, warmup_target=-0.5}",
           "negative");
    refuse(&sn_kind_initializer, "random_uniform{minval=1, maxval=0}", "exchange");
    refuse(&sn_kind_metric, "precision{thresholds=-0.3}", "outside 0..1");
    refuse(&sn_kind_metric, "auc{num_thresholds=1}", "outside");
    refuse(&sn_kind_regularizer, "l2{factor=-1}", "outside");
    refuse(&sn_kind_loss, "huber{delta=0}", "outside");
    refuse(&sn_kind_loss, "categorical_crossentropy{label_smoothing=1.5}", "outside");
}

/* ---- gradients ---- */

static double uniform(sn_rng *r, double low, double high) { return low + sn_rng_uniform(r) * (high - low); }

enum { ROWS = 3, COLS = 5, CELLS = ROWS * COLS };
#define STEP      1e-5
#define TOLERANCE 1e-6

/* The weighted sum of an activation's outputs. */
static double weighed(const sn_activation_type *t, const void *cfg, const double *x, const double *dy) {
    double y[CELLS], sum = 0;
    t->forward(cfg, y, x, ROWS, COLS);
    for (int i = 0; i < CELLS; i++) sum += y[i] * dy[i];
    return sum;
}

/* In float, in place, and close to the double values. */
static void float_in_place(const sn_activation_type *t, const void *cfg, const double *x, const double *y,
                           const double *dy, const double *dx) {
    float a[CELLS], keep[CELLS], d[CELLS];
    for (int i = 0; i < CELLS; i++) keep[i] = a[i] = (float)x[i], d[i] = (float)dy[i];
    t->forward(cfg, a, a, ROWS, COLS);
    for (int i = 0; i < CELLS; i++) assert_near(a[i], y[i], 1e-6);
    t->backward(cfg, d, t->flags & SN_KEEP_X ? keep : NULL, t->flags & SN_KEEP_Y ? a : NULL, d, ROWS, COLS);
    for (int i = 0; i < CELLS; i++) assert_near(d[i], dx[i], 3e-6);
}

static void check_activation(const sn_desc *d, const char *text) {
    const sn_activation_type *t = sn_activation_in(d, SN_F64);
    sn_obj *o = make(&sn_kind_activation, text);
    sn_rng r = sn_rng_make(1, SN_STREAM_TEST, 0);
    double x[CELLS], y[CELLS], dy[CELLS], dx[CELLS], numeric[CELLS];
    for (int i = 0; i < CELLS; i++) {
        x[i] = uniform(&r, 0.05, 3) * (sn_rng_u32(&r) & 1 ? 1 : -1); /* clear of the bends at 0 */
        dy[i] = uniform(&r, -1, 1);
    }
    t->forward(o->cfg, y, x, ROWS, COLS);
    t->backward(o->cfg, dx, t->flags & SN_KEEP_X ? x : NULL, t->flags & SN_KEEP_Y ? y : NULL, dy, ROWS, COLS);
    for (int i = 0; i < CELLS; i++) {
        double keep = x[i], up, down;
        x[i] = keep + STEP;
        up = weighed(t, o->cfg, x, dy);
        x[i] = keep - STEP;
        down = weighed(t, o->cfg, x, dy);
        x[i] = keep;
        numeric[i] = (up - down) / (2 * STEP);
    }
    double error = relative_error(dx, numeric, CELLS);
    if (!(error < TOLERANCE)) fail_msg("%s: relative error %g", text, error);
    float_in_place(sn_activation_in(d, SN_F32), o->cfg, x, y, dy, dx);
    sn_obj_release(o);
}

static void activation_gradients(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_activation.list; *d; d++) {
        const sn_activation_type *t = sn_activation_in(*d, SN_F64);
        if (!t->check[0]) fail_msg("%s has no gradient-check case", (*d)->name);
        for (int i = 0; i < 4 && t->check[i]; i++) check_activation(*d, t->check[i]);
    }
}

/* n beyond one chunk, so that chunks are summed too; the gradient is added to what is there. */
static void check_regularizer(const sn_regularizer_type *t, const char *text, size_t n) {
    sn_obj *o = make(&sn_kind_regularizer, text);
    sn_rng r = sn_rng_make(2, SN_STREAM_TEST, 0);
    sn_pool *pool = sn_pool_default();
    double *w = malloc(n * sizeof *w), *dw = malloc(n * sizeof *dw), numeric[20], some[20];
    for (size_t i = 0; i < n; i++) {
        w[i] = i % 7 == 3 ? 0 : uniform(&r, 0.01, 1) * (i % 2 ? 1 : -1);
        dw[i] = (double)i;
    }
    t->grad(o->cfg, dw, w, n, 1.5, pool);
    for (size_t k = 0; k < 20; k++) {
        size_t i = k * (n - 1) / 19;
        double keep = w[i], up, down;
        w[i] = keep + 1e-3;
        up = t->value(o->cfg, w, n, pool);
        w[i] = keep - 1e-3;
        down = t->value(o->cfg, w, n, pool);
        w[i] = keep;
        numeric[k] = 1.5 * (up - down) / 2e-3;
        some[k] = dw[i] - (double)i;
    }
    double error = relative_error(some, numeric, 20);
    if (!(error < TOLERANCE)) fail_msg("%s: relative error %g", text, error);
    free(w);
    free(dw);
    sn_obj_release(o);
}

static void regularizer_gradients(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_regularizer.list; *d; d++) {
        const sn_regularizer_type *t = sn_regularizer_in(*d, SN_F64);
        if (!t->check[0]) fail_msg("%s has no gradient-check case", (*d)->name);
        for (int i = 0; i < 4 && t->check[i]; i++) {
            check_regularizer(t, t->check[i], 33);
            check_regularizer(t, t->check[i], 40000);
        }
    }
}

static void loss_inputs(const sn_loss_type *t, int probability, int cols, double *p, double *y, int *tcols) {
    sn_rng r = sn_rng_make(3, SN_STREAM_TEST, 0);
    *tcols = t->sparse ? 1 : cols;
    for (int i = 0; i < ROWS; i++) {
        double sum = 0;
        for (int c = 0; c < cols; c++) {
            p[i * cols + c] = probability ? uniform(&r, 0.1, 0.9) : uniform(&r, -2, 2);
            sum += p[i * cols + c];
        }
        for (int c = 0; probability == 1 && c < cols; c++) p[i * cols + c] /= sum;
        int class = (int)sn_rng_below(&r, (uint64_t)cols);
        for (int c = 0; c < *tcols; c++)
            y[i * *tcols + c] = t->sparse          ? class
                                : probability == 1 ? c == class
                                                   : (double)(sn_rng_u32(&r) & 1);
    }
}

static double scaled_sum(const sn_loss_type *t, const void *cfg, const double *p, const double *y, int cols,
                         int tcols) {
    double each[ROWS], sum = 0;
    t->eval(cfg, each, NULL, p, y, ROWS, (size_t)cols, (size_t)tcols, 1);
    for (int i = 0; i < ROWS; i++) sum += each[i];
    return 0.7 * sum;
}

static void check_loss(const sn_loss_type *t, int k) {
    int cols = t->check[k].cols, tcols;
    sn_obj *o = make(&sn_kind_loss, t->check[k].cfg);
    double p[CELLS], y[CELLS], dp[CELLS], numeric[CELLS], each[ROWS];
    assert_true(cols >= 1 && cols <= COLS);
    loss_inputs(t, t->check[k].probability, cols, p, y, &tcols);
    t->eval(o->cfg, each, dp, p, y, ROWS, (size_t)cols, (size_t)tcols, 0.7);
    assert_near(0.7 * (each[0] + each[1] + each[2]), scaled_sum(t, o->cfg, p, y, cols, tcols), 1e-14);
    for (int i = 0; i < ROWS * cols; i++) {
        double keep = p[i], up, down;
        p[i] = keep + STEP;
        up = scaled_sum(t, o->cfg, p, y, cols, tcols);
        p[i] = keep - STEP;
        down = scaled_sum(t, o->cfg, p, y, cols, tcols);
        p[i] = keep;
        numeric[i] = (up - down) / (2 * STEP);
    }
    double error = relative_error(dp, numeric, (size_t)(ROWS * cols));
    if (!(error < TOLERANCE)) fail_msg("%s: relative error %g", t->check[k].cfg, error);
    sn_obj_release(o);
}

static void loss_gradients(void **state) {
    (void)state;
    for (const sn_desc *const *d = sn_kind_loss.list; *d; d++) {
        const sn_loss_type *t = sn_loss_in(*d, SN_F64);
        if (!t->check[0].cfg) fail_msg("%s has no gradient-check case", (*d)->name);
        for (int i = 0; i < 4 && t->check[i].cfg; i++) check_loss(t, i);
    }
}

/* ---- activation values ---- */

/* Keras 3.15.1, TensorFlow backend in float64, at x = -100, -3, -0.5, 0, 0.5, 3, 100. */
static const struct {
    const char *text;
    double y[7];
} activation_values[] = {
    { "relu{}", { 0, 0, 0, 0, 0.5, 3, 100 } },
    { "leaky_relu{}", { -20, -0.6, -0.1, 0, 0.5, 3, 100 } },
    { "elu{}", { -1, -0.9502129316, -0.3934693403, 0, 0.5, 3, 100 } },
    { "sigmoid{}", { 3.720075976e-44, 0.04742587318, 0.3775406688, 0.5, 0.6224593312, 0.9525741268, 1 } },
    { "tanh{}", { -1, -0.9950547537, -0.4621171573, 0, 0.4621171573, 0.9950547537, 1 } },
    { "linear{}", { -100, -3, -0.5, 0, 0.5, 3, 100 } },
    { "softplus{}",
      { 3.720075976e-44, 0.04858735157, 0.4740769842, 0.6931471806, 0.9740769842, 3.048587352, 100 } },
    { "gelu{}", { 0, -0.004049694778, -0.1542687709, 0, 0.3457312291, 2.995950305, 100 } },
    { "gelu{approximate=true}", { 0, -0.003637392324, -0.1542859902, 0, 0.3457140098, 2.996362608, 100 } },
    { "swish{}", { -3.720075976e-42, -0.1422776195, -0.1887703344, 0, 0.3112296656, 2.85772238, 100 } },
};

static void activation_points(void **state) {
    (void)state;
    const double x[7] = { -100, -3, -0.5, 0, 0.5, 3, 100 };
    for (size_t i = 0; i < sizeof activation_values / sizeof *activation_values; i++) {
        sn_obj *o = make(&sn_kind_activation, activation_values[i].text);
        double y[7];
        sn_activation_in(o->desc, SN_F64)->forward(o->cfg, y, x, 1, 7);
        for (int k = 0; k < 7; k++) assert_near(y[k], activation_values[i].y[k], 1e-8);
        sn_obj_release(o);
    }
}

/* Rows { 1, 2, 3 } and { -1000, 0, 1000 }: Keras as above. */
static void softmax_is_stable(void **state) {
    (void)state;
    const float x[6] = { 1, 2, 3, -1000, 0, 1000 };
    const double want[6] = { 0.09003057317, 0.2447284711, 0.6652409558, 0, 0, 1 };
    float y[6];
    sn_obj *o = make(&sn_kind_activation, "softmax{}");
    sn_activation_in(o->desc, SN_F32)->forward(o->cfg, y, x, 2, 3);
    for (int i = 0; i < 6; i++) assert_near(y[i], want[i], 1e-7);
    sn_obj_release(o);
}

/* Neither values nor slopes overflow far out, and NaN is not swallowed. */
static void far_out_and_nan(void **state) {
    (void)state;
    const float far[4] = { -1e30F, -1000, 1000, 1e30F }, nan1[1] = { NAN }, one[4] = { 1, 1, 1, 1 };
    for (const sn_desc *const *d = sn_kind_activation.list; *d; d++) {
        const sn_activation_type *t = sn_activation_in(*d, SN_F32);
        for (int i = 0; i < 4 && t->check[i]; i++) {
            sn_obj *o = make(&sn_kind_activation, t->check[i]);
            float y[4], dx[4];
            t->forward(o->cfg, y, far, 4, 1);
            t->backward(o->cfg, dx, far, y, one, 4, 1);
            for (int k = 0; k < 4; k++)
                if (!isfinite(y[k]) || !isfinite(dx[k]))
                    fail_msg("%s at %g: %g, slope %g", t->check[i], far[k], y[k], dx[k]);
            t->forward(o->cfg, y, nan1, 1, 1);
            if (!isnan(y[0])) fail_msg("%s turns NaN into %g", t->check[i], y[0]);
            sn_obj_release(o);
        }
    }
}

static void relu_has_no_slope_at_zero(void **state) {
    (void)state;
    const float y[3] = { 0, -0.0F, 1 }, dy[3] = { 5, 5, 5 };
    float dx[3];
    sn_obj *o = make(&sn_kind_activation, "relu{}");
    sn_activation_in(o->desc, SN_F32)->backward(o->cfg, dx, NULL, y, dy, 3, 1);
    assert_true(dx[0] == 0 && dx[1] == 0 && dx[2] == 5);
    sn_obj_release(o);
}

/* w = { 0.5, -2, 0, 3 }; Keras: l1 0.055, l2 0.1325, l1_l2(0.1, 0.2) 3.2. No half, no division. */
static void regularizer_values(void **state) {
    (void)state;
    const float w[4] = { 0.5F, -2, 0, 3 };
    const struct {
        const char *text;
        double want;
    } cases[] = { { "l1{}", 0.055 }, { "l2{}", 0.1325 }, { "l1_l2{l1=0.1, l2=0.2}", 3.2 }, { "l1_l2{}", 0 } };
    for (int i = 0; i < 4; i++) {
        sn_obj *o = make(&sn_kind_regularizer, cases[i].text);
        double v = sn_regularizer_in(o->desc, SN_F32)->value(o->cfg, w, 4, sn_pool_default());
        assert_near(v, cases[i].want, 1e-12);
        sn_obj_release(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),     cmocka_unit_test(twins_agree),
        cmocka_unit_test(texts_read_back),           cmocka_unit_test(aliases_are_known),
        cmocka_unit_test(wrong_options_are_refused), cmocka_unit_test(activation_gradients),
        cmocka_unit_test(regularizer_gradients),     cmocka_unit_test(loss_gradients),
        cmocka_unit_test(activation_points),         cmocka_unit_test(softmax_is_stable),
        cmocka_unit_test(far_out_and_nan),           cmocka_unit_test(relu_has_no_slope_at_zero),
        cmocka_unit_test(regularizer_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
