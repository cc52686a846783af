/* Optimizers and schedules against Keras 3.15.1. Optimizers: keras.optimizers on the TensorFlow backend in
 * float64, the three gradients below applied to one variable; options are binary fractions, since TensorFlow
 * rounds them to float. Schedules: called at the steps below with float64 rates. */
#include "nn_objects.h"

#include <stdio.h>

enum { N = 4 };
static const float start[N] = { 1, -1, 0.5F, 2 };
static const float gradients[3][N] = { { 1, -0.25F, 0.5F, 0 },
                                       { 0.5F, 0.125F, -0.25F, 1 },
                                       { -1, 0.375F, 0.125F, -2 } };

static const struct {
    const char *text;
    int states;
    double after[N];
} cases[] = {
    { "sgd{}", 0, { 0.9375, -1.03125, 0.453125, 2.125 } },
    { "sgd{momentum=0.875}", 1, { 0.677734375, -0.9936523438, 0.3779296875, 2.015625 } },
    { "sgd{momentum=0.875, nesterov=true}", 1, { 0.6555175781, -1.025695801, 0.3463134766, 2.138671875 } },
    { "adam{beta_1=0.875, beta_2=0.9375}", 2, { 0.7468109367, -0.8938302753, 0.3007113746, 1.947424683 } },
    { "adam{beta_1=0.875, beta_2=0.5, epsilon=0.25, amsgrad=true}",
      3,
      { 0.8163724832, -0.9597248129, 0.3876335201, 1.968143243 } },
    { "adamw{beta_1=0.875, beta_2=0.9375}", 2, { 0.7468109367, -0.8938302753, 0.3007113746, 1.947424683 } },
    { "rmsprop{rho=0.875}", 1, { 0.7307624149, -1.107997919, 0.2267268942, 1.966703032 } },
    { "rmsprop{rho=0.875, momentum=0.5}", 2, { 0.3822641743, -0.9261674328, 0.04489549033, 1.789926408 } },
    { "rmsprop{rho=0.875, centered=true}", 3, { 0.6858219568, -1.093056092, 0.2018563538, 1.947618443 } },
    { "rmsprop{rho=0.75, momentum=0.5, centered=true, epsilon=0.0625}",
      3,
      { 0.5370599107, -1.029553938, 0.255335506, 1.857889004 } },
    { "adagrad{initial_accumulator_value=0.125, epsilon=0.25}",
      1,
      { 0.921522283, -1.036799391, 0.4399980768, 2.001232415 } },
    { "adagrad{initial_accumulator_value=1.5}", 1, { 0.9478038643, -1.023192811, 0.4644101051, 2.019001127 } },
};

static const sn_optimizer_type *type_of(const sn_obj *o) {
    return (const sn_optimizer_type *)(const void *)o->desc;
}

static int states_of(const sn_obj *o) {
    const sn_optimizer_type *t = type_of(o);
    return t->states ? t->states(o->cfg) : t->nstate;
}

static void three_steps(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sn_obj *o = make(&sn_kind_optimizer, cases[i].text);
        const sn_optimizer_type *t = type_of(o);
        float p[N], s[3][N], *const buffers[3] = { s[0], s[1], s[2] };
        memcpy(p, start, sizeof p);
        assert_int_equal(states_of(o), cases[i].states);
        assert_true(states_of(o) <= t->nstate);
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < N; j++)
                s[k][j] = k < states_of(o) ? (float)sn_optimizer_state_init(o, k) : NAN; /* must not be read */
        for (int k = 0; k < 3; k++) t->update(o->cfg, p, gradients[k], buffers, N, 0.125, k + 1);
        for (int j = 0; j < N; j++) {
            if (!(fabs(p[j] - cases[i].after[j]) < 1e-6))
                fail_msg("%s: weight %d is %.9g, not %.9g", cases[i].text, j, p[j], cases[i].after[j]);
        }
        sn_obj_release(o);
    }
}

/* Sizes for g = 1, 1e-3, 1e-6, 1e-8 with all defaults: Keras 3's formula in double. */
static void adams_first_step(void **state) {
    (void)state;
    const float g[4] = { 1, 1e-3F, 1e-6F, 1e-8F };
    const double want[4] = { 9.999968e-4, 9.968477e-4, 2.402531e-4, 3.152309e-6 };
    float p[4] = { 0 }, m[4] = { 0 }, v[4] = { 0 };
    sn_obj *o = make(&sn_kind_optimizer, "adam{}");
    type_of(o)->update(o->cfg, p, g, (float *const[]){ m, v }, 4, 0.001, 1);
    for (int i = 0; i < 4; i++) assert_close(-p[i], want[i], 4e-7);
    sn_obj_release(o);
}

/* Any cut of the weights gives the same bits, and a vectorized middle the same as a scalar tail. */
static void ranges_do_not_matter(void **state) {
    (void)state;
    enum { LONG = 67 };
    for (const sn_desc *const *d = sn_kind_optimizer.list; *d; d++) {
        sn_err e = { 0 };
        sn_obj *o = sn_obj_named(&sn_kind_optimizer, (*d)->name, &e);
        float whole[4][LONG], parts[4][LONG], g[LONG];
        for (int i = 0; i < LONG; i++) {
            g[i] = sinf((float)i);
            whole[0][i] = parts[0][i] = cosf((float)i);
            for (int k = 1; k < 4; k++) whole[k][i] = parts[k][i] = 0.1F;
        }
        type_of(o)->update(o->cfg, whole[0], g, (float *const[]){ whole[1], whole[2], whole[3] }, LONG, 0.01,
                           3);
        for (int i = 0; i < LONG; i++)
            type_of(o)->update(o->cfg, parts[0] + i, g + i,
                               (float *const[]){ parts[1] + i, parts[2] + i, parts[3] + i }, 1, 0.01, 3);
        assert_memory_equal(whole, parts, sizeof whole);
        sn_obj_release(o);
    }
}

static void defaults_are_keras(void **state) {
    (void)state;
    const struct {
        const char *name;
        double rate, decay;
    } want[] = { { "sgd", 0.01, 0 },
                 { "adam", 0.001, 0 },
                 { "adamw", 0.001, 0.004 },
                 { "rmsprop", 0.001, 0 },
                 { "adagrad", 0.001, 0 } };
    for (int i = 0; i < 5; i++) {
        sn_err e = { 0 };
        sn_obj *o = sn_obj_named(&sn_kind_optimizer, want[i].name, &e);
        const sn_optimizer_common *c = o->cfg;
        assert_true(c->learning_rate.value == want[i].rate && c->weight_decay == want[i].decay);
        assert_true(c->clipnorm == 0 && c->clipvalue == 0 && c->global_clipnorm == 0);
        for (int k = 0; k < states_of(o); k++) assert_non_null(type_of(o)->state_name[k]);
        sn_obj_release(o);
    }
}

/* Constant gradients: the variance is 0 but for rounding, which must not become the root of a negative number.
 */
static void centered_rmsprop_stays_finite(void **state) {
    (void)state;
    float p[1] = { 0 }, v[1] = { 0 }, m[1] = { 0 }, mean[1] = { 0 };
    const float g[1] = { 12345.678F };
    sn_obj *o = make(&sn_kind_optimizer, "rmsprop{centered=true}");
    for (int t = 1; t <= 500; t++) type_of(o)->update(o->cfg, p, g, (float *const[]){ v, m, mean }, 1, 1e-6, t);
    assert_true(isfinite(p[0]));
    sn_obj_release(o);
}

/* ---- schedules ---- */

enum { STEPS = 15 };
static const int64_t steps[STEPS] = { 0,    1,    50,   100,  250,  500,  999,  1000,
                                      1001, 1500, 2000, 3000, 3500, 7000, 20000 };
#define RATE "initial_learning_rate=0.1, "
static const struct {
    const char *text;
    double rate[STEPS];
} schedules[] = {
    { "exponential_decay{" RATE "decay_steps=1000, decay_rate=0.96}",
      { 0.1, 0.09999591788, 0.09979609808, 0.09959261192, 0.09898463952, 0.09797958862, 0.09600391685,
        0.09599999785, 0.09599607902, 0.09406040297, 0.09215999588, 0.08847359407, 0.0866860635, 0.07514473605,
        0.04420022363 } },
    { "exponential_decay{" RATE "decay_steps=1000, decay_rate=0.96, staircase=true}",
      { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.09599999785, 0.09599999785, 0.09599999785, 0.09215999588,
        0.08847359407, 0.08847359407, 0.07514473605, 0.04420022363 } },
    { "piecewise_constant_decay{boundaries={100, 1000}, values={1, 0.5, 0.1}}",
      { 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 } },
    { "polynomial_decay{" RATE "decay_steps=1000}",
      { 0.1, 0.0999001, 0.095005, 0.09001, 0.075025, 0.05005, 0.0001998999975, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4,
        1e-4, 1e-4, 1e-4 } },
    { "polynomial_decay{" RATE "decay_steps=1000, end_learning_rate=0.01, power=2, cycle=true}",
      { 0.1, 0.09982009, 0.09122499998, 0.08289999996, 0.0606249999, 0.03249999983, 0.01000008978,
        0.009999999776, 0.03245502233, 0.01562499979, 0.009999999776, 0.009999999776, 0.01140624978,
        0.009999999776, 0.009999999776 } },
    { "inverse_time_decay{" RATE "decay_steps=1000, decay_rate=0.5}",
      { 0.1, 0.09995002499, 0.09756097561, 0.09523809524, 0.08888888889, 0.08, 0.0666888963, 0.06666666667,
        0.06664445185, 0.05714285714, 0.05, 0.04, 0.03636363636, 0.02222222222, 0.009090909091 } },
    { "inverse_time_decay{" RATE "decay_steps=1000, decay_rate=0.5, staircase=true}",
      { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.06666666667, 0.06666666667, 0.06666666667, 0.05, 0.04, 0.04,
        0.02222222222, 0.009090909091 } },
    { "cosine_decay{" RATE "decay_steps=1000}",
      { 0.1, 0.09999975326, 0.09938441703, 0.09755282581, 0.08535533906, 0.05, 2.467399071e-07, 0, 0, 0, 0, 0,
        0, 0, 0 } },
    { "cosine_decay{" RATE "decay_steps=1000, alpha=0.1}",
      { 0.1, 0.09999977793, 0.09944597533, 0.09779754323, 0.08681980515, 0.055, 0.01000022207, 0.01, 0.01, 0.01,
        0.01, 0.01, 0.01, 0.01, 0.01 } },
    { "cosine_decay{initial_learning_rate=0, decay_steps=1000, alpha=0.1, warmup_target=0.1, warmup_steps=100}",
      { 0, 0.001, 0.05, 0.1, 0.09509529359, 0.06890576475, 0.01224635414, 0.01220245677, 0.01215898179, 0.01,
        0.01, 0.01, 0.01, 0.01, 0.01 } },
    { "cosine_decay_restarts{" RATE "first_decay_steps=1000}",
      { 0.1, 0.09999975326, 0.09938441703, 0.09755282581, 0.08535533906, 0.05, 2.467399071e-07, 0.1,
        0.09999993831, 0.08535533906, 0.05, 0.1, 0.09619397663, 0.1, 0.07777851165 } },
    { "cosine_decay_restarts{" RATE "first_decay_steps=1000, t_mul=1, m_mul=0.5, alpha=0.1}",
      { 0.1, 0.09999977793, 0.09944597533, 0.09779754324, 0.08681980518, 0.05500000007, 0.01000022221,
        0.05500000007, 0.05499988904, 0.03250000011, 0.03250000011, 0.02125000013, 0.01562500014, 0.01070312515,
        0.01000008598 } },
    { "cosine_decay_restarts{" RATE "first_decay_steps=1000, t_mul=1.5, m_mul=0.9}",
      { 0.1, 0.09999975326, 0.09938441703, 0.09755282581, 0.08535533906, 0.05, 2.467399071e-07, 0.08999999762,
        0.08999989892, 0.06749999821, 0.0224999994, 0.07152479616, 0.04753274868, 0.01822499855,
        0.001528747409 } },
};

static double rate_at(const sn_obj *o, int64_t step) {
    return ((const sn_schedule_type *)(const void *)o->desc)->at(o->cfg, step);
}

static void schedule_values(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof schedules / sizeof *schedules; i++) {
        sn_obj *o = make(&sn_kind_schedule, schedules[i].text);
        for (int k = 0; k < STEPS; k++) {
            double got = rate_at(o, steps[k]);
            if (!(fabs(got - schedules[i].rate[k]) < 2e-8))
                fail_msg("%s at %d: %.10g, not %.10g", schedules[i].text, (int)steps[k], got,
                         schedules[i].rate[k]);
        }
        sn_obj_release(o);
    }
}

/* Every restart is at its own step, whatever logarithms round to. */
static void restarts_are_on_time(void **state) {
    (void)state;
    const double mul[] = { 1, 1.25, 1.5, 2, 3, 5, 10 };
    for (int i = 0; i < 7; i++) {
        char text[160];
        snprintf(text, sizeof text,
                 "cosine_decay_restarts{initial_learning_rate=1, first_decay_steps=4096, t_mul=%g}", mul[i]);
        sn_obj *o = make(&sn_kind_schedule, text);
        double at = 0, length = 4096;
        for (int k = 0; k < 6; k++) {
            assert_near(rate_at(o, (int64_t)at), 1, 1e-12);
            if (k) assert_near(rate_at(o, (int64_t)at - 1), 0, 1e-6);
            at += length;
            length *= mul[i];
        }
        sn_obj_release(o);
    }
}

/* The step just made, over what scale says that it was divided by. */
static void scales_are_what_steps_divide_by(void **state) {
    (void)state;
    static const char *const texts[] = { "adam{beta_1=0.875, beta_2=0.9375, epsilon=0.25}",
                                         "adam{beta_1=0.875, beta_2=0.5, amsgrad=true}",
                                         "adamw{}",
                                         "rmsprop{rho=0.875, epsilon=0.25}",
                                         "rmsprop{rho=0.875, centered=true}",
                                         "adagrad{initial_accumulator_value=0.125}" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sn_obj *o = make(&sn_kind_optimizer, texts[i]);
        const sn_optimizer_type *t = type_of(o);
        float p[N], before[N], scale[N], s[3][N], *const buffers[3] = { s[0], s[1], s[2] };
        memcpy(p, start, sizeof p);
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < N; j++) s[k][j] = (float)sn_optimizer_state_init(o, k);
        for (int k = 0; k < 3; k++) {
            memcpy(before, p, sizeof p);
            t->update(o->cfg, p, gradients[k], buffers, N, 0.125, k + 1);
        }
        t->scale(o->cfg, scale, buffers, N, 3);
        bool momentum = strncmp(texts[i], "adam", 4) == 0;
        for (int j = 0; j < N; j++)
            assert_near(before[j] - p[j], 0.125 * (momentum ? s[0][j] : gradients[2][j]) / scale[j], 1e-6);
        sn_obj_release(o);
    }
}

/* The size of a weight on the quadratic p^2 / 2 after many steps at that rate. */
static double left_of(const sn_obj *o, double lr) {
    const sn_optimizer_type *t = type_of(o);
    float p = 1, s[3] = { 0 }, *const buffers[3] = { s, s + 1, s + 2 };
    for (int k = 1; k < 1000 && fabsf(p) < 1e6F; k++) {
        float g = p;
        if (t->scale) { /* its momentum alone: adam with scales that are 1 */
            float beta = (float)((t->stable(o->cfg) - 2) / (t->stable(o->cfg) + 2));
            s[0] = beta * s[0] + (1 - beta) * g;
            p -= (float)lr * s[0];
        } else {
            t->update(o->cfg, &p, &g, buffers, 1, lr, k);
        }
    }
    return fabs((double)p);
}

static void stable_is_where_steps_stay_bounded(void **state) {
    (void)state;
    static const char *const texts[] = { "sgd{}",
                                         "sgd{momentum=0.5}",
                                         "sgd{momentum=0.875}",
                                         "sgd{momentum=0.5, nesterov=true}",
                                         "sgd{momentum=0.875, nesterov=true}",
                                         "adam{}" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sn_obj *o = make(&sn_kind_optimizer, texts[i]);
        double limit = type_of(o)->stable(o->cfg);
        assert_true(left_of(o, 0.97 * limit) < 1);
        assert_true(left_of(o, 1.03 * limit) > 1e5);
        if (strcmp(texts[i], "adam{}") == 0) assert_near(limit, 38, 1e-9);
        sn_obj_release(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_steps),
        cmocka_unit_test(adams_first_step),
        cmocka_unit_test(ranges_do_not_matter),
        cmocka_unit_test(defaults_are_keras),
        cmocka_unit_test(centered_rmsprop_stays_finite),
        cmocka_unit_test(scales_are_what_steps_divide_by),
        cmocka_unit_test(stable_is_where_steps_stay_bounded),
        cmocka_unit_test(schedule_values),
        cmocka_unit_test(restarts_are_on_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
