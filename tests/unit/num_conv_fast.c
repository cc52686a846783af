/* Winograd's convolution and the direct one against im2col in double: odd sizes, every instruction set, the
 * same bits with any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "num/conv_gemm.h"
#include "num/conv_scatter.h"
#include "num/direct.h"
#include "num/kern.h"
#include "num/wino.h"
#include "num/wino_few.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t n, h, w, ci, co, k;
    bool same;
} shape;

static const shape shapes[] = {
    { 6, 8, 8, 16, 32, 5, true },    { 9, 13, 7, 9, 17, 5, true },    { 3, 67, 6, 33, 40, 5, true },
    { 11, 16, 16, 8, 16, 5, false }, { 9, 9, 31, 17, 70, 3, true },   { 30, 12, 12, 32, 64, 3, true },
    { 27, 8, 9, 24, 16, 3, false },  { 25, 10, 11, 48, 33, 3, true }, { 3, 23, 29, 64, 128, 5, true },
    { 25, 6, 6, 65, 16, 3, true },   { 2, 40, 40, 19, 24, 5, false }, { 2, 33, 21, 11, 3, 5, true },
    { 3, 19, 22, 16, 1, 3, true },   { 1, 40, 33, 9, 7, 3, true },    { 100, 5, 5, 20, 20, 3, true },
};
enum { NSHAPE = sizeof shapes / sizeof shapes[0] };

static sn_conv conv_of(const shape *s) {
    sn_conv d = { .n = s->n,
                  .h = s->h,
                  .w = s->w,
                  .ci = s->ci,
                  .kh = s->k,
                  .kw = s->k,
                  .co = s->co,
                  .sh = 1,
                  .sw = 1,
                  .dh = 1,
                  .dw = 1 };
    d.oh = sn_conv_axis(s->h, s->k, 1, 1, s->same, &d.pt);
    d.ow = sn_conv_axis(s->w, s->k, 1, 1, s->same, &d.pl);
    return d;
}

static void *room(size_t n, size_t each) {
    void *p = sn_alloc((n ? n : 1) * each, "test", NULL);
    assert_non_null(p);
    return p;
}

/* Random numbers, the same as float and as double. */
static void fill(float *f, double *d, size_t n, uint64_t seed) {
    sn_rng rng = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (size_t i = 0; i < n; i++) {
        f[i] = (float)sn_rng_normal(&rng);
        d[i] = (double)f[i];
    }
}

static double distance(const float *a, const double *b, size_t n) {
    double diff = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != a[i]) return INFINITY;
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(diff / norm);
}

typedef struct {
    sn_conv d;
    size_t nx, ny, nk, nb;
    float *x, *y, *k, *b, *dx, *dy, *dk, *db, *scratch;
    double *x64, *y64, *k64, *b64, *dx64, *dy64, *dk64, *db64, *scratch64;
} problem;

static problem make(const sn_conv *d, const sn_pool *pool) {
    problem p = { .d = *d };
    p.nx = (size_t)(d->n * d->h * d->w * d->ci);
    p.ny = (size_t)(d->n * d->oh * d->ow * d->co);
    p.nk = (size_t)(d->kh * d->kw * d->ci * d->co);
    p.nb = (size_t)d->co;
    size_t n[8] = { p.nx, p.ny, p.nk, p.nb, p.nx, p.ny, p.nk, p.nb };
    float **f[8] = { &p.x, &p.y, &p.k, &p.b, &p.dx, &p.dy, &p.dk, &p.db };
    double **g[8] = { &p.x64, &p.y64, &p.k64, &p.b64, &p.dx64, &p.dy64, &p.dk64, &p.db64 };
    for (int i = 0; i < 8; i++) {
        *f[i] = room(n[i], sizeof(float));
        *g[i] = room(n[i], sizeof(double));
        fill(*f[i], *g[i], n[i], 10 + (uint64_t)i);
    }
    p.scratch = room(sn_wino_scratch(d, pool), sizeof(float));
    p.scratch64 = room(sn_conv_gemm_scratch(d, pool), sizeof(double));
    memset(p.scratch, 0xff, sn_wino_scratch(d, pool) * sizeof(float)); /* nan: nothing may be read unwritten */
    return p;
}

static void drop(problem *p) {
    void *all[] = { p->x,   p->y,   p->k,   p->b,   p->dx,   p->dy,   p->dk,   p->db,   p->scratch,
                    p->x64, p->y64, p->k64, p->b64, p->dx64, p->dy64, p->dk64, p->db64, p->scratch64 };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) sn_free(all[i]);
}

static void all_passes(problem *p, sn_pool *pool) {
    sn_wino_forward(pool, p->y, p->x, p->k, p->b, &p->d, NULL, p->scratch);
    if (sn_wino_data_fits(&p->d)) sn_wino_data(pool, p->dx, p->dy, p->k, &p->d, p->scratch);
    if (sn_wino_weights_fits(&p->d)) sn_wino_weights(pool, p->dk, p->db, p->x, p->dy, &p->d, p->scratch);
}

static void check_shape(const shape *s, sn_pool *pool) {
    sn_conv d = conv_of(s);
    problem p = make(&d, pool);
    assert_true(sn_wino_forward_fits(&d));
    all_passes(&p, pool);
    sn_conv_gemm_forward_f64(pool, p.y64, p.x64, p.k64, p.b64, &d, p.scratch64);
    if (sn_wino_data_fits(&d)) sn_conv_gemm_backward_data_f64(pool, p.dx64, p.dy64, p.k64, &d, p.scratch64);
    if (sn_wino_weights_fits(&d))
        sn_conv_gemm_backward_weights_f64(pool, p.dk64, p.db64, p.x64, p.dy64, &d, p.scratch64);
    double e[4] = { distance(p.y, p.y64, p.ny), distance(p.dx, p.dx64, p.nx), distance(p.dk, p.dk64, p.nk),
                    distance(p.db, p.db64, p.nb) };
    for (int i = 0; i < 4; i++)
        if (!(e[i] < 1e-5))
            fail_msg("%s, %dx%dx%d -> %d, kernel %d: error %g of %s",
                     sn_conv_forced ? sn_conv_forced->isa : "best", (int)s->h, (int)s->w, (int)s->ci,
                     (int)s->co, (int)s->k, e[i], (const char *[]){ "y", "dx", "dk", "dbias" }[i]);
    drop(&p);
}

static void every_instruction_set_is_right(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int n = sn_kern_all_f32(isa);
    for (int i = 0; i < n; i++) {
        sn_conv_forced = sn_conv_kernels(isa[i]->isa);
        assert_string_equal(sn_conv_forced->isa, isa[i]->isa);
        for (int k = 0; k < NSHAPE; k++) check_shape(&shapes[k], sn_pool_default());
    }
    sn_conv_forced = NULL;
}

/* ---- the direct sum ---- */

typedef struct {
    int64_t n, h, w, ci, co, kh, kw, sh, sw;
    bool same;
} direct_shape;

static const direct_shape direct_shapes[] = {
    { 2, 13, 17, 3, 32, 5, 5, 1, 1, true },  { 1, 67, 9, 1, 24, 3, 3, 1, 1, true },
    { 3, 11, 12, 5, 17, 4, 3, 2, 3, true },  { 2, 9, 33, 16, 64, 1, 1, 1, 1, true },
    { 2, 9, 33, 7, 48, 1, 1, 2, 2, true },   { 1, 1, 40, 3, 30, 1, 7, 1, 1, true },
    { 2, 16, 15, 4, 31, 5, 5, 1, 1, false }, { 1, 5, 5, 17, 16, 3, 3, 1, 1, true },
    { 4, 8, 8, 12, 25, 2, 2, 2, 2, false },  { 2, 14, 14, 6, 16, 5, 5, 1, 1, false },
    { 1, 9, 20, 3, 6, 3, 3, 1, 1, true },    { 2, 7, 30, 8, 4, 5, 3, 1, 1, true },
    { 1, 15, 14, 1, 8, 5, 5, 2, 2, true },   { 3, 20, 19, 5, 3, 3, 3, 3, 3, true },
    { 1, 1, 1, 17, 1, 1, 1, 1, 1, true },    { 2, 6, 67, 2, 7, 2, 5, 1, 1, true },
};

static void check_direct(const direct_shape *s, sn_pool *pool) {
    sn_conv d = { .n = s->n,
                  .h = s->h,
                  .w = s->w,
                  .ci = s->ci,
                  .kh = s->kh,
                  .kw = s->kw,
                  .co = s->co,
                  .sh = s->sh,
                  .sw = s->sw,
                  .dh = 1,
                  .dw = 1 };
    d.oh = sn_conv_axis(s->h, s->kh, s->sh, 1, s->same, &d.pt);
    d.ow = sn_conv_axis(s->w, s->kw, s->sw, 1, s->same, &d.pl);
    problem p = make(&d, pool);
    size_t n = sn_direct_scratch(&d, pool);
    float *scratch = room(n, sizeof *scratch);
    memset(scratch, 0xff, n * sizeof *scratch);
    assert_true(sn_direct_forward_fits(&d));
    sn_direct_forward(pool, p.y, p.x, p.k, p.b, &d, scratch);
    sn_conv_gemm_forward_f64(pool, p.y64, p.x64, p.k64, p.b64, &d, p.scratch64);
    if (sn_direct_data_fits(&d)) {
        sn_direct_data(pool, p.dx, p.dy, p.k, &d, scratch);
        sn_conv_gemm_backward_data_f64(pool, p.dx64, p.dy64, p.k64, &d, p.scratch64);
    }
    if (sn_direct_weights_fits(&d)) {
        sn_direct_weights(pool, p.dk, p.db, p.x, p.dy, &d, scratch);
        sn_conv_gemm_backward_weights_f64(pool, p.dk64, p.db64, p.x64, p.dy64, &d, p.scratch64);
    }
    double e[4] = { distance(p.y, p.y64, p.ny), distance(p.dx, p.dx64, p.nx), distance(p.dk, p.dk64, p.nk),
                    distance(p.db, p.db64, p.nb) };
    for (int i = 0; i < 4; i++)
        if (!(e[i] < 1e-6))
            fail_msg("direct, %dx%dx%d -> %d, kernel %dx%d: error %g of %s", (int)s->h, (int)s->w, (int)s->ci,
                     (int)s->co, (int)s->kh, (int)s->kw, e[i], (const char *[]){ "y", "dx", "dk", "dbias" }[i]);
    sn_free(scratch);
    drop(&p);
}

static void the_direct_sum_is_right(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int n = sn_kern_all_f32(isa);
    for (int i = 0; i < n; i++) {
        sn_conv_forced = sn_conv_kernels(isa[i]->isa);
        for (size_t k = 0; k < sizeof direct_shapes / sizeof direct_shapes[0]; k++)
            check_direct(&direct_shapes[k], sn_pool_default());
    }
    sn_conv_forced = NULL;
}

/* ---- col2im ---- */

static const direct_shape scatter_shapes[] = {
    { 3, 14, 14, 6, 16, 5, 5, 1, 1, false }, { 2, 9, 11, 3, 17, 3, 3, 1, 1, true },
    { 1, 23, 8, 5, 9, 4, 3, 2, 3, true },    { 4, 7, 7, 12, 8, 2, 2, 2, 2, false },
    { 1, 3, 67, 1, 33, 2, 11, 1, 3, true },  { 2, 5, 4, 10, 64, 7, 7, 1, 1, true },
    { 1, 19, 16, 4, 12, 3, 5, 3, 1, false }, { 2, 13, 9, 7, 11, 5, 9, 1, 1, true },
    { 1, 4, 28, 2, 10, 4, 4, 1, 1, false },  { 1, 20, 3, 3, 8, 13, 3, 1, 1, true },
};

static void check_scatter(const direct_shape *s, sn_pool *pool) {
    sn_conv d = { .n = s->n,
                  .h = s->h,
                  .w = s->w,
                  .ci = s->ci,
                  .kh = s->kh,
                  .kw = s->kw,
                  .co = s->co,
                  .sh = s->sh,
                  .sw = s->sw,
                  .dh = 1,
                  .dw = 1 };
    d.oh = sn_conv_axis(s->h, s->kh, s->sh, 1, s->same, &d.pt);
    d.ow = sn_conv_axis(s->w, s->kw, s->sw, 1, s->same, &d.pl);
    problem p = make(&d, pool);
    size_t n = sn_conv_scatter_scratch(&d, pool);
    float *scratch = room(n, sizeof *scratch);
    memset(scratch, 0xff, n * sizeof *scratch);
    assert_true(sn_conv_scatter_fits(&d) && n > 0);
    sn_conv_scatter_data(pool, p.dx, p.dy, p.k, &d, scratch);
    sn_conv_gemm_backward_data_f64(pool, p.dx64, p.dy64, p.k64, &d, p.scratch64);
    if (!(distance(p.dx, p.dx64, p.nx) < 1e-6)) fail_msg("col2im, shape %d", (int)(s - scatter_shapes));
    sn_free(scratch);
    drop(&p);
}

static void what_taps_get_is_scattered(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int n = sn_kern_all_f32(isa);
    for (int i = 0; i < n; i++) {
        sn_conv_forced = sn_conv_kernels(isa[i]->isa);
        for (size_t k = 0; k < sizeof scatter_shapes / sizeof scatter_shapes[0]; k++)
            check_scatter(&scatter_shapes[k], sn_pool_default());
    }
    sn_conv_forced = NULL;
    sn_conv d = { .n = 1,
                  .h = 14,
                  .w = 14,
                  .ci = 6,
                  .kh = 5,
                  .kw = 5,
                  .co = 16,
                  .oh = 10,
                  .ow = 10,
                  .sh = 1,
                  .sw = 1,
                  .dh = 1,
                  .dw = 1 };
    assert_true(sn_conv_scatter_fits(&d));
    d.algorithm = SN_CONV_IM2COL;
    assert_false(sn_conv_scatter_fits(&d));
    d.algorithm = SN_CONV_AUTO;
    d.ow = d.oh = (int64_t)1 << 40;
    assert_false(sn_conv_scatter_fits(&d));
}

/* ---- few input channels ---- */

static const shape few_shapes[] = {
    { 3, 13, 17, 3, 32, 5, true },  { 1, 67, 9, 1, 24, 3, true },   { 2, 31, 64, 5, 17, 5, true },
    { 1, 40, 41, 2, 6, 5, false },  { 2, 22, 25, 7, 33, 3, false }, { 30, 5, 6, 8, 1, 3, true },
    { 40, 4, 4, 3, 40, 5, true },   { 1, 8, 97, 4, 16, 5, true },   { 2, 35, 18, 6, 48, 3, true },
    { 1, 256, 66, 3, 32, 5, true },
};
enum { NFEW = sizeof few_shapes / sizeof few_shapes[0] };

static void few_passes(problem *p, sn_pool *pool) {
    size_t n = sn_few_scratch(&p->d, pool);
    float *scratch = room(n, sizeof *scratch);
    memset(scratch, 0xff, n * sizeof *scratch); /* nan */
    sn_few_forward(pool, p->y, p->x, p->k, p->b, &p->d, NULL, scratch);
    sn_few_weights(pool, p->dk, p->db, p->x, p->dy, &p->d, scratch);
    sn_free(scratch);
}

static void check_few(const shape *s, sn_pool *pool) {
    sn_conv d = conv_of(s);
    problem p = make(&d, pool);
    assert_true(sn_few_forward_fits(&d) && sn_few_weights_fits(&d));
    few_passes(&p, pool);
    sn_conv_gemm_forward_f64(pool, p.y64, p.x64, p.k64, p.b64, &d, p.scratch64);
    sn_conv_gemm_backward_weights_f64(pool, p.dk64, p.db64, p.x64, p.dy64, &d, p.scratch64);
    double e[3] = { distance(p.y, p.y64, p.ny), distance(p.dk, p.dk64, p.nk), distance(p.db, p.db64, p.nb) };
    for (int i = 0; i < 3; i++)
        if (!(e[i] < 1e-5))
            fail_msg("few, %s, %dx%dx%d -> %d, kernel %d: error %g of %s", sn_conv_forced->isa, (int)s->h,
                     (int)s->w, (int)s->ci, (int)s->co, (int)s->k, e[i],
                     (const char *[]){ "y", "dk", "dbias" }[i]);
    drop(&p);
}

static void few_channels_are_right(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int n = sn_kern_all_f32(isa);
    for (int i = 0; i < n; i++) {
        sn_conv_forced = sn_conv_kernels(isa[i]->isa);
        for (int k = 0; k < NFEW; k++) check_few(&few_shapes[k], sn_pool_default());
    }
    sn_conv_forced = NULL;
}

/* ---- what happens to outputs on their way ---- */

static bool near(double a, double b, double scale) { return fabs(a - b) <= 4e-6 * scale; }

/* Against the moments of y itself, in two passes. */
static bool moments_are_right(const problem *p, const double *moments) {
    int64_t co = p->d.co, pixels = p->d.n * p->d.oh * p->d.ow;
    for (int64_t c = 0; c < co; c++) {
        double mean = 0, squares = 0;
        for (int64_t i = 0; i < pixels; i++) mean += (double)p->y[i * co + c];
        mean /= (double)pixels;
        for (int64_t i = 0; i < pixels; i++) squares += pow((double)p->y[i * co + c] - mean, 2);
        if (!near(moments[c], mean, sqrt(squares / (double)pixels)) || !near(moments[co + c], squares, squares))
            return false;
    }
    return true;
}

static float relu(float v) { return v <= 0 ? 0 : v; }

/* y of the plain convolution (of some hundreds), scaled, cut off and pooled, against `out`. */
static bool scaled_is_right(const problem *p, const sn_conv_after *a, const float *out) {
    int64_t co = p->d.co, by = a->pool ? 2 : 1, h = p->d.oh / by, w = p->d.ow / by;
    for (int64_t i = 0; i < p->d.n * h * w * co; i++) {
        int64_t c = i % co, x = i / co % w, y = i / co / w % h, image = i / co / w / h;
        float want = -INFINITY;
        for (int64_t k = 0; k < by * by; k++) {
            int64_t at = ((image * p->d.oh + y * by + k / by) * p->d.ow + x * by + k % by) * co + c;
            float v = p->y[at] * a->scale[c] + a->shift[c];
            want = fmaxf(want, a->relu ? relu(v) : v);
        }
        if (!near((double)out[i], (double)want, 300)) return false;
    }
    return true;
}

static void check_after(const shape *s, sn_pool *pool, double *moments) {
    sn_conv d = conv_of(s);
    problem p = make(&d, pool);
    size_t n = sn_conv_scratch(&d, pool);
    float *scratch = room(n, sizeof *scratch), *plain = room(p.ny, sizeof *plain),
          *out = room(p.ny + 1, sizeof *out);
    for (int64_t c = 0; c < d.co; c++) p.b[c] += 100; /* far from 0, as seen from its deviation */
    memset(scratch, 0xff, n * sizeof *scratch);
    sn_conv_forward_f32(pool, plain, p.x, p.k, p.b, &d, scratch);
    sn_conv_after after = { .moments = moments };
    assert_true(sn_conv_takes(&d, &after));
    memset(scratch, 0xff, n * sizeof *scratch);
    sn_conv_forward_after(pool, p.y, p.x, p.k, p.b, &d, &after, scratch);
    assert_memory_equal(p.y, plain, p.ny * sizeof *plain);
    if (!moments_are_right(&p, moments)) fail_msg("moments, %d x %d x %d", (int)s->h, (int)s->w, (int)s->ci);
    for (int k = 0; k < 4; k++) {
        after = (sn_conv_after){ .scale = p.db, .shift = p.dk, .relu = k & 1, .pool = k & 2 };
        assert_true(sn_conv_takes(&d, &after));
        size_t wanted = k & 2 ? (size_t)(d.n * (d.oh / 2) * (d.ow / 2) * d.co) : p.ny;
        for (size_t i = 0; i <= wanted; i++) out[i] = 7;
        memset(scratch, 0xff, n * sizeof *scratch);
        sn_conv_forward_after(pool, out, p.x, p.k, p.b, &d, &after, scratch);
        assert_true(out[wanted] == 7);
        if (!scaled_is_right(&p, &after, out))
            fail_msg("after %d, %s, %d x %d x %d -> %d", k, sn_conv_forced->isa, (int)s->h, (int)s->w,
                     (int)s->ci, (int)s->co);
    }
    sn_free(scratch);
    sn_free(plain);
    sn_free(out);
    drop(&p);
}

static void what_comes_after_is_right(void **state) {
    (void)state;
    double moments[2 * 128];
    const sn_kern_f32_table *isa[3];
    int n = sn_kern_all_f32(isa);
    for (int i = 0; i < n; i++) {
        sn_conv_forced = sn_conv_kernels(isa[i]->isa);
        for (int k = 0; k < NFEW; k++) check_after(&few_shapes[k], sn_pool_default(), moments);
        for (int k = 0; k < NSHAPE; k++) check_after(&shapes[k], sn_pool_default(), moments);
        const shape large = { 3, 190, 250, 2, 32, 5, true };
        check_after(&large, sn_pool_default(), moments);
    }
    for (int k = 0; k < 2; k++) {
        double one[2 * 128];
        sn_pool *pool;
        assert_int_equal(sn_pool_new(&pool, 1, NULL), SN_OK);
        check_after(k ? &few_shapes[2] : &shapes[4], pool, one);
        sn_pool_free(pool);
        assert_int_equal(sn_pool_new(&pool, 3, NULL), SN_OK);
        check_after(k ? &few_shapes[2] : &shapes[4], pool, moments);
        sn_pool_free(pool);
        assert_memory_equal(one, moments, sizeof(double) * 2 * 17);
    }
    sn_conv_forced = NULL;
}

/* Nan stays nan behind the pooling, wherever in its window it is. */
static void nan_comes_through(void **state) {
    (void)state;
    const shape s = { 8, 8, 8, 3, 16, 5, true };
    sn_conv d = conv_of(&s);
    problem p = make(&d, sn_pool_default());
    float *scratch = room(sn_conv_scratch(&d, sn_pool_default()), sizeof *scratch);
    sn_conv_after after = { .scale = p.db, .shift = p.dk, .relu = true, .pool = true };
    p.x[(3 * 8 + 4) * 3 + 1] = NAN;
    sn_conv_forward_after(sn_pool_default(), p.y, p.x, p.k, p.b, &d, &after, scratch);
    for (int i = 0; i < 16; i++) assert_true(p.y[(1 * 4 + 2) * 16 + i] != p.y[(1 * 4 + 2) * 16 + i]);
    sn_free(scratch);
    drop(&p);
}

/* Outputs of more than the caches hold are written past them. */
static void large_outputs_are_right(void **state) {
    (void)state;
    const shape large[] = { { 3, 190, 250, 2, 32, 5, true }, { 2, 130, 253, 16, 64, 5, true } };
    for (int i = 0; i < 2; i++) {
        sn_conv d = conv_of(&large[i]);
        problem p = make(&d, sn_pool_default());
        float *scratch = room(sn_conv_scratch(&d, sn_pool_default()), sizeof *scratch);
        assert_int_equal(sn_conv_choice(&d, SN_CONV_FORWARD), SN_CONV_WINOGRAD);
        sn_conv_forward_f32(sn_pool_default(), p.y, p.x, p.k, p.b, &d, scratch);
        sn_conv_gemm_forward_f64(sn_pool_default(), p.y64, p.x64, p.k64, p.b64, &d, p.scratch64);
        double e = distance(p.y, p.y64, p.ny);
        if (!(e < 1e-5)) fail_msg("large output %d: error %g", i, e);
        sn_free(scratch);
        drop(&p);
    }
}

static void threads_do_not_change_bits(void **state) {
    (void)state;
    for (int k = 0; k < NSHAPE; k += 2) {
        sn_conv d = conv_of(&shapes[k]);
        problem first = { 0 };
        for (int t = 1; t <= 8; t = t == 3 ? 8 : t + 1) {
            sn_pool *pool;
            assert_int_equal(sn_pool_new(&pool, t, NULL), SN_OK);
            problem p = make(&d, pool);
            all_passes(&p, pool);
            if (t > 1) {
                assert_memory_equal(p.y, first.y, p.ny * sizeof(float));
                assert_memory_equal(p.dx, first.dx, p.nx * sizeof(float));
                assert_memory_equal(p.dk, first.dk, p.nk * sizeof(float));
                assert_memory_equal(p.db, first.db, p.nb * sizeof(float));
                drop(&p);
            } else {
                first = p;
            }
            sn_pool_free(pool);
        }
        drop(&first);
    }
}

static void threads_do_not_change_bits_of_few(void **state) {
    (void)state;
    for (int k = 0; k < NFEW; k += 3) {
        sn_conv d = conv_of(&few_shapes[k]);
        problem first = { 0 };
        for (int t = 1; t <= 8; t = t == 3 ? 8 : t + 1) {
            sn_pool *pool;
            assert_int_equal(sn_pool_new(&pool, t, NULL), SN_OK);
            problem p = make(&d, pool);
            few_passes(&p, pool);
            if (t > 1) {
                assert_memory_equal(p.y, first.y, p.ny * sizeof(float));
                assert_memory_equal(p.dk, first.dk, p.nk * sizeof(float));
                assert_memory_equal(p.db, first.db, p.nb * sizeof(float));
                drop(&p);
            } else {
                first = p;
            }
            sn_pool_free(pool);
        }
        drop(&first);
    }
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    sn_conv d = conv_of(&shapes[0]);
    d.sh = 2;
    assert_false(sn_wino_forward_fits(&d));
    d = conv_of(&shapes[0]);
    d.dw = 2;
    assert_false(sn_wino_forward_fits(&d));
    shape s = { 1, 8, 8, 16, 32, 4, true };
    d = conv_of(&s);
    assert_false(sn_wino_forward_fits(&d));
    s = (shape){ 1, 8, 8, 3, 32, 5, true };
    d = conv_of(&s);
    assert_false(sn_wino_forward_fits(&d));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_instruction_set_is_right), cmocka_unit_test(few_channels_are_right),
        cmocka_unit_test(what_comes_after_is_right),      cmocka_unit_test(nan_comes_through),
        cmocka_unit_test(large_outputs_are_right),        cmocka_unit_test(threads_do_not_change_bits_of_few),
        cmocka_unit_test(the_direct_sum_is_right),        cmocka_unit_test(what_taps_get_is_scattered),
        cmocka_unit_test(threads_do_not_change_bits),     cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
