/* Recorded functions: their text, shapes, values against plain C, gradients against differences, by rows and
 * whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "nn/expr.h"
#include "nn/expr_cache.h"
#include <math.h>
#include <string.h>

enum { MOST = 4096 };

typedef struct {
    sn_expr *x;
    sn_expr_plan *p;
    void *scratch;
} program;

static program open_program(const char *text, const sn_shape *in, unsigned batched, unsigned wrt,
                            sn_pool *pool) {
    program g = { 0 };
    sn_err e = { 0 };
    if (sn_expr_parse(&g.x, text, &e) != SN_OK) fail_msg("%s: %s", text, e.msg);
    sn_expr_opts o = { .dtype = SN_F64, .in = in, .batched = batched, .wrt = wrt, .who = "test", .pool = pool };
    if (sn_expr_plan_new(&g.p, g.x, &o, &e) != SN_OK) fail_msg("%s: %s", text, e.msg);
    g.scratch = sn_alloc(sn_expr_scratch(g.p), "test", NULL);
    assert_non_null(g.scratch);
    return g;
}

static void close_program(program *g) {
    sn_free(g->scratch);
    sn_expr_plan_free(g->p);
    sn_expr_free(g->x);
}

static void fill(double *x, int64_t n, uint64_t seed, double lo, double hi) {
    sn_rng rng = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (int64_t i = 0; i < n; i++) x[i] = lo + (hi - lo) * sn_rng_uniform(&rng);
}

static double inner(const double *a, const double *b, int64_t n) {
    double s = 0;
    for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

/* ---- gradients of every operation ---- */

typedef struct {
    const char *text;
    int nin;
    sn_shape in[3];
    double lo, hi;
} grad_case;

static const grad_case grad_cases[] = {
    { "inputs 1; neg 0; abs 1; exp 2; log 3; square 4", 1, { { 2, { 5, 3 } } }, 0.3, 2 },
    { "inputs 1; expm1 0; log1p 1; sqrt 2; sin 3; cos 4; tanh 5", 1, { { 2, { 5, 3 } } }, 0.3, 2 },
    { "inputs 1; sigmoid 0; relu 0; mul 1 2; softplus 3; erf 4", 1, { { 2, { 5, 3 } } }, -2, 2 },
    { "inputs 1; clip 0 -0.5 0.7; mul 0 1", 1, { { 2, { 5, 3 } } }, -2, 2 },
    { "inputs 2; add 0 1; sub 2 1; mul 3 1; div 4 1; pow 5 1",
      2,
      { { 2, { 5, 3 } }, { 2, { 5, 3 } } },
      0.3,
      2 },
    { "inputs 2; maximum 0 1; minimum 0 1; mul 2 3; gt 0 1; where 5 4 0",
      2,
      { { 2, { 5, 3 } }, { 2, { 5, 3 } } },
      -2,
      2 },
    { "inputs 2; mod 0 1; mul 2 1", 2, { { 2, { 5, 3 } }, { 2, { 5, 3 } } }, 0.7, 2.5 },
    { "inputs 2; neg 1; mod 0 2; mul 3 3", 2, { { 2, { 5, 3 } }, { 1, { 3 } } }, 0.7, 2.5 },
    { "inputs 2; mul 0 1; add 2 0", 2, { { 3, { 4, 5, 3 } }, { 1, { 3 } } }, -2, 2 },
    { "inputs 2; mul 0 1; div 0 1; sub 2 3", 2, { { 3, { 4, 5, 3 } }, { 3, { 4, 1, 3 } } }, 0.5, 2 },
    { "inputs 2; mul 0 1", 2, { { 3, { 4, 1, 3 } }, { 2, { 5, 1 } } }, -2, 2 },
    { "inputs 2; pow 0 1", 2, { { 2, { 4, 3 } }, { 0, { 0 } } }, 0.5, 2 },
    { "inputs 1; sum 0 axes -1 keep; mul 0 1; mean 2 axes 0; max 3", 1, { { 2, { 5, 3 } } }, -2, 2 },
    { "inputs 1; mean 0 axes 0 2; prod 1", 1, { { 3, { 2, 3, 4 } } }, 0.5, 2 },
    { "inputs 1; max 0 axes 1; min 0 axes 1; sub 1 2; sum 3", 1, { { 3, { 2, 3, 4 } } }, -2, 2 },
    { "inputs 1; prod 0 axes 0; sum 1 rows", 1, { { 2, { 3, 4 } } }, -2, 2 },
    { "inputs 2; matmul 0 1; square 2", 2, { { 2, { 4, 3 } }, { 2, { 3, 5 } } }, -2, 2 },
    { "inputs 2; matmul 0 1; square 2", 2, { { 3, { 2, 4, 3 } }, { 2, { 3, 5 } } }, -2, 2 },
    { "inputs 2; matmul 0 1; square 2", 2, { { 3, { 2, 4, 3 } }, { 3, { 2, 3, 5 } } }, -2, 2 },
    { "inputs 1; transpose 0 dims 0 2 1; matmul 0 1; transpose 2 dims", 1, { { 3, { 2, 4, 3 } } }, -2, 2 },
    { "inputs 1; reshape 0 dims -1 6; slice 1 dims 1 1 -2; concat 2 1 dims 1; square 3",
      1,
      { { 3, { 2, 3, 2 } } },
      -2,
      2 },
    { "inputs 1; tensor 3 : 2 0 1; reshape 1 dims 3 1; gather 0 2; one_hot 2 dims 4; mul 4 0; sum 5; mul 3 6",
      1,
      { { 2, { 3, 4 } } },
      -2,
      2 },
};

static void check_gradient(const grad_case *c, unsigned batched, sn_pool *pool) {
    double x[3][MOST], dx[3][MOST], dy[MOST], y[MOST], *dxp[3];
    const void *xp[3];
    unsigned wrt = (1u << c->nin) - 1;
    program g = open_program(c->text, c->in, batched, wrt, pool);
    int64_t ny = sn_shape_count(sn_expr_out(g.p)), n = batched ? c->in[0].d[0] : 0;
    for (int i = 0; i < c->nin; i++) {
        fill(x[i], sn_shape_count(&c->in[i]), 7 + (uint64_t)i, c->lo, c->hi);
        memset(dx[i], 0xff, sizeof dx[i]);
        xp[i] = x[i];
        dxp[i] = dx[i];
    }
    fill(dy, ny, 99, -1, 1);
    sn_expr_backward(g.p, n, xp, dy, 0.5, (void *const *)dxp, y, g.scratch);
    for (int i = 0; i < c->nin; i++) {
        for (int64_t k = 0; k < sn_shape_count(&c->in[i]); k++) {
            double h = 1e-6, keep = x[i][k], v[2];
            for (int side = 0; side < 2; side++) {
                x[i][k] = keep + (side ? h : -h);
                sn_expr_forward(g.p, n, xp, y, g.scratch);
                v[side] = inner(dy, y, ny);
            }
            x[i][k] = keep;
            double want = 0.5 * (v[1] - v[0]) / (2 * h);
            if (fabs(want - dx[i][k]) > 1e-6 * (1 + fabs(want)))
                fail_msg("%s: input %d, element %d: %g, differences give %g", c->text, i, (int)k, dx[i][k],
                         want);
        }
    }
    close_program(&g);
}

static void gradients(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof grad_cases / sizeof *grad_cases; i++) {
        check_gradient(&grad_cases[i], 0, NULL);
        check_gradient(&grad_cases[i], 1, sn_pool_default());
        if (grad_cases[i].nin == 2 && grad_cases[i].in[1].n == grad_cases[i].in[0].n &&
            grad_cases[i].in[1].d[0] == grad_cases[i].in[0].d[0])
            check_gradient(&grad_cases[i], 3, NULL);
    }
}

/* ---- by rows and whole are one function ---- */

static const char *const row_programs[] = {
    "inputs 2; sub 0 1; square 2; mean 3",
    "inputs 2; sub 0 1; square 2; mean 3; const 3; mul 4 5; neg 6",
    "inputs 2; sub 0 1; square 2; sum 3; sqrt 4",
    "inputs 2; max 1 axes -1 keep; sub 1 2; exp 3; sum 4 axes -1 keep; log 5; sub 3 6; mul 0 7; sum 8 axes -1; "
    "neg 9; mean 10",
    "inputs 2; mul 0 1; sum 2 axes 1",
};

static void rows_and_whole(void **state) {
    (void)state;
    enum { N = 1000, C = 7 };
    static double x[2][N * C], dx[2][2][N * C], y[2][N], dy[N];
    sn_shape in[2] = { { 2, { N, C } }, { 2, { N, C } } };
    fill(x[0], N * C, 1, 0, 1);
    fill(x[1], N * C, 2, 0, 1);
    fill(dy, N, 3, -1, 1);
    for (size_t i = 0; i < sizeof row_programs / sizeof *row_programs; i++) {
        for (int whole = 0; whole < 2; whole++) {
            program g = open_program(row_programs[i], in, whole ? 0 : 3, 3, sn_pool_default());
            assert_int_equal(sn_expr_by_rows(g.p), !whole);
            const void *xp[2] = { x[0], x[1] };
            void *dxp[2] = { dx[whole][0], dx[whole][1] };
            sn_expr_backward(g.p, N, xp, dy, 1, dxp, y[whole], g.scratch);
            close_program(&g);
        }
        assert_true(fabs(y[0][0] - y[1][0]) < 1e-12 * (1 + fabs(y[1][0])));
        for (int k = 0; k < 2; k++)
            for (int j = 0; j < N * C; j++) assert_true(fabs(dx[0][k][j] - dx[1][k][j]) < 1e-12);
    }
}

/* Fewer samples than planned for, and the same bits with any number of threads. */
static void batches_and_threads(void **state) {
    (void)state;
    enum { N = 3000, C = 5 };
    static double x[2][N * C], dx[2][N * C], one[N * C];
    sn_shape in[2] = { { 2, { N, C } }, { 2, { N, C } } };
    fill(x[0], N * C, 1, 0, 1);
    fill(x[1], N * C, 2, 0, 1);
    double y[3];
    for (int t = 0; t < 3; t++) {
        sn_pool *pool;
        assert_int_equal(sn_pool_new(&pool, t + 1, NULL), SN_OK);
        program g = open_program(row_programs[3], in, 3, 2, pool);
        const void *xp[2] = { x[0], x[1] };
        void *dxp[2] = { NULL, dx[t > 0] };
        sn_expr_backward(g.p, N - 17, xp, NULL, 1, dxp, &y[t], g.scratch);
        if (t > 0) assert_memory_equal(dx[0], dx[1], (N - 17) * C * sizeof(double));
        if (t > 0) assert_memory_equal(&y[0], &y[t], sizeof y[0]);
        close_program(&g);
        sn_pool_free(pool);
    }
    in[0].d[0] = in[1].d[0] = N - 17;
    program g = open_program(row_programs[3], in, 3, 2, NULL);
    const void *xp[2] = { x[0], x[1] };
    void *dxp[2] = { NULL, one };
    double whole;
    sn_expr_backward(g.p, N - 17, xp, NULL, 1, dxp, &whole, g.scratch);
    assert_true(fabs(whole - y[0]) < 1e-12);
    for (int j = 0; j < (N - 17) * C; j++) assert_true(fabs(one[j] - dx[0][j]) < 1e-14);
    close_program(&g);
}

/* ---- values against plain C ---- */

static void values(void **state) {
    (void)state;
    double x[6] = { 0.5, -1, 2, 0, 3, -2 }, y[8];
    sn_shape in = { 2, { 2, 3 } };
    const void *xp[1] = { x };
    program g = open_program("inputs 1; max 0 axes -1", &in, 0, 0, NULL);
    sn_expr_forward(g.p, 0, xp, y, g.scratch);
    assert_true(y[0] == 2 && y[1] == 3);
    close_program(&g);
    g = open_program("inputs 1; transpose 0 dims", &in, 0, 0, NULL);
    sn_expr_forward(g.p, 0, xp, y, g.scratch);
    assert_true(y[0] == 0.5 && y[1] == 0 && y[2] == -1 && y[3] == 3 && y[5] == -2);
    close_program(&g);
    g = open_program("inputs 1; slice 0 dims 1 -2 -1", &in, 0, 0, NULL);
    sn_expr_forward(g.p, 0, xp, y, g.scratch);
    assert_true(y[0] == -1 && y[1] == 2 && y[2] == 3 && y[3] == -2);
    close_program(&g);
    double k[2] = { 1, 7 };
    sn_shape index = { 2, { 2, 1 } };
    const void *kp[1] = { k };
    g = open_program("inputs 1; one_hot 0 dims 3", &index, 0, 0, NULL);
    assert_int_equal(sn_expr_out(g.p)->n, 2);
    sn_expr_forward(g.p, 0, kp, y, g.scratch);
    assert_true(y[0] == 0 && y[1] == 1 && y[2] == 0 && isnan(y[3]) && isnan(y[5])); /* 7 is no class */
    close_program(&g);
}

/* ---- texts that are no programs, shapes that do not fit ---- */

static void bad_texts(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "inputs",
        "inputs 0",
        "inputs 9",
        "inputs 1; ad 0 0",
        "inputs 1; add 0",
        "inputs 1; add 0 1",
        "inputs 1; add 0 -1",
        "inputs 1; const",
        "inputs 1; const x",
        "inputs 1; tensor 3 : 1 2",
        "inputs 1; tensor 3 1 2 3",
        "inputs 1; neg 0 0",
        "inputs 1; sum 0 axes",
        "inputs 1; sum 0 axes 9",
        "inputs 1; slice 0 dims 1 2",
        "inputs 1; tensor 70000 :",
        "inputs 1;;",
        "inputs 1; clip 0 1",
        "inputs 1; reshape 0",
        "inputs 1; transpose 0 dims 0 1 2 3 4 5 6 7 8",
        "inputs 1.5",
        "inputs 1 neg 0",
        "inputs 1; const 1 2",
        "inputs 1; one_hot 0 dims",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sn_expr *x;
        sn_err e = { 0 };
        if (sn_expr_parse(&x, texts[i], &e) == SN_OK) fail_msg("\"%s\" was taken", texts[i]);
        assert_null(x);
        assert_true(strlen(e.msg) > 10);
    }
}

static void bad_shapes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "inputs 2; add 0 1",
        "inputs 2; matmul 0 1",
        "inputs 2; sum 0 axes 2",
        "inputs 2; reshape 0 dims 7",
        "inputs 2; reshape 0 dims -1 -1",
        "inputs 2; concat 0 1 dims 0",
        "inputs 2; slice 0 dims 0 1 3",
        "inputs 2; slice 0 dims 5 0 1",
        "inputs 2; transpose 0 dims 0 0",
        "inputs 2; gather 0 1",
        "inputs 2; one_hot 0 dims 0",
        "inputs 2; reshape 0 dims 4 1000000000000 1000000000000",
    };
    sn_shape in[2] = { { 2, { 2, 3 } }, { 2, { 4, 5 } } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sn_expr *x;
        sn_expr_plan *p;
        sn_err e = { 0 };
        assert_int_equal(sn_expr_parse(&x, texts[i], &e), SN_OK);
        sn_expr_opts o = { .dtype = SN_F32, .in = in, .who = "loss" };
        if (sn_expr_plan_new(&p, x, &o, &e) == SN_OK) fail_msg("\"%s\" was taken", texts[i]);
        assert_null(p);
        assert_non_null(strstr(e.msg, "loss: "));
        sn_expr_free(x);
    }
}

/* Of what a program uses an input for as places: how many there are. */
static void places(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t places;
    } cases[] = {
        { "inputs 2; one_hot 0 dims 5; sum 2 axes -1; sum 1 axes -1; add 3 4", 5 },
        { "inputs 2; gather 1 0", 4 },
        { "inputs 2; reshape 0 dims -1; reshape 2 dims -1 1; gather 1 3; one_hot 2 dims 3; sum 5; sub 4 6", 3 },
        { "inputs 2; sub 1 0", 0 },                                       /* numbers */
        { "inputs 2; const 0; maximum 0 2; gather 1 3", 0 },              /* others than come */
        { "inputs 2; gather 1 0; const 0; ge 0 3; where 4 2 3", 0 },      /* may be left out */
        { "inputs 2; mean 1 axes -1; reshape 0 dims -1; gather 2 3", 0 }, /* samples */
        { "inputs 2; one_hot 0 dims 5; const 1; eq 2 3; mul 4 4", 0 },    /* as a mask */
        { "inputs 2; const 0; gt 1 2; where 3 1 2; gather 4 0", 4 },      /* another where */
        { "inputs 2; slice 1 dims 1 0 1; one_hot 2 dims 5; sum 3 axes -1; add 4 0",
          0 }, /* of the other input */
    };
    sn_shape in[2] = { { 2, { 6, 1 } }, { 2, { 6, 4 } } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sn_expr *x;
        sn_expr_plan *p;
        sn_err e = { 0 };
        assert_int_equal(sn_expr_parse(&x, cases[i].text, &e), SN_OK);
        sn_expr_opts o = { .dtype = SN_F32, .in = in, .batched = 3, .who = "loss" };
        if (sn_expr_plan_new(&p, x, &o, &e) != SN_OK) fail_msg("\"%s\": %s", cases[i].text, e.msg);
        assert_int_equal(sn_expr_places(p, 0), cases[i].places);
        sn_expr_plan_free(p);
        sn_expr_free(x);
    }
}

/* Whatever was reserved before, and for how many threads: what is reserved last is there. */
static void what_is_reserved_is_there(void **state) {
    (void)state;
    sn_expr_cache *c;
    sn_err e = { 0 };
    assert_int_equal(sn_expr_cache_new(&c, "inputs 1; square 0; sum 1", 1, "test", &e), SN_OK);
    sn_rng rng = sn_rng_make(1, SN_STREAM_TEST, 0);
    for (int i = 0; i < 500; i++) {
        sn_shape in = { 1, { 1 + (int64_t)sn_rng_below(&rng, 14) } };
        int threads = 1 + (int)sn_rng_below(&rng, 3);
        sn_expr_opts o = { .dtype = SN_F64, .in = &in, .who = "test" };
        sn_expr_ready r[3];
        assert_int_equal(sn_expr_reserve(c, &o, true, threads, &e), SN_OK);
        sn_mem_fail_after(0);
        for (int k = 0; k < threads; k++) assert_int_equal(sn_expr_take(c, &o, true, &r[k], &e), SN_OK);
        sn_mem_fail_after(-1);
        for (int k = 0; k < threads; k++) sn_expr_give(c, &r[k]);
    }
    sn_expr_cache_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients),
        cmocka_unit_test(rows_and_whole),
        cmocka_unit_test(batches_and_threads),
        cmocka_unit_test(values),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(bad_shapes),
        cmocka_unit_test(what_is_reserved_is_there),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
