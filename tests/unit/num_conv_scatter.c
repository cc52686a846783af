/* The data gradient of images of few channels against the sum as it is defined, in double: random shapes, among
 * them images narrower than a vector, smaller than the kernel and padded by more than it; every instruction
 * set; the same bits on any pool. What lies around the result stays as it is, nothing is read unwritten, and
 * what is not finite comes only where it belongs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "num/conv_kern.h"
#include "num/conv_scatter.h"
#include "num/kern.h"
#include "pools.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES = 400, GUARD = 64, WORK = 1 << 19 };
static const float guard = 12345;

static int64_t from_to(sn_rng *r, int64_t from, int64_t to) {
    return from + (int64_t)sn_rng_below(r, (uint64_t)(to - from + 1));
}

/* Padding is free, on each side by itself. */
static sn_conv random_shape(sn_rng *r) {
    for (;;) {
        int64_t most = sn_rng_below(r, 2) ? 30 : 6;
        sn_conv d = { .n = from_to(r, 0, 4),
                      .h = from_to(r, 1, most),
                      .w = from_to(r, 1, most),
                      .ci = sn_rng_below(r, 2) ? from_to(r, 1, 3) : from_to(r, 1, 12),
                      .co = from_to(r, 8, 20),
                      .kh = from_to(r, 2, sn_rng_below(r, 4) ? 5 : 13),
                      .kw = from_to(r, 1, 9),
                      .sh = 1,
                      .sw = 1,
                      .dh = 1,
                      .dw = 1 };
        if (sn_rng_below(r, 5) == 0) d.sh = from_to(r, 1, 3), d.sw = from_to(r, 1, 3);
        int64_t side = sn_rng_below(r, 2) ? 0 : from_to(r, 0, 9);
        d.pt = from_to(r, 0, side);
        d.pl = from_to(r, 0, side);
        int64_t down = d.h + d.pt + from_to(r, 0, side) - d.kh, right = d.w + d.pl + from_to(r, 0, side) - d.kw;
        if (down < 0 || right < 0) continue;
        d.oh = down / d.sh + 1;
        d.ow = right / d.sw + 1;
        if (sn_conv_scatter_fits(&d) && d.n * d.oh * d.ow * d.kh * d.kw * d.ci * d.co <= WORK) return d;
    }
}

static float *filled(size_t n, sn_rng *r) {
    float *p = malloc((n + !n) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = r ? (float)sn_rng_normal(r) : NAN;
    return p;
}

typedef struct {
    size_t nx, ny, nk;
    float *dy, *k;
    double *dx, *size; /* what it is to be; the sum of its terms' sizes */
} problem;

static void add(const sn_conv *d, problem *p, int64_t x, int64_t tap, int64_t y) {
    for (int64_t i = 0; i < d->ci; i++)
        for (int64_t o = 0; o < d->co; o++) {
            double v = (double)p->dy[y * d->co + o] * (double)p->k[(tap * d->ci + i) * d->co + o];
            p->dx[x * d->ci + i] += v;
            p->size[x * d->ci + i] += fabs(v);
        }
}

static problem make(const sn_conv *d, sn_rng *r, bool finite) {
    problem p = { (size_t)(d->n * d->h * d->w * d->ci), (size_t)(d->n * d->oh * d->ow * d->co),
                  (size_t)(d->kh * d->kw * d->ci * d->co) };
    p.dy = filled(p.ny, r);
    p.k = filled(p.nk, r);
    p.dx = calloc(p.nx + 1, sizeof *p.dx);
    p.size = calloc(p.nx + 1, sizeof *p.size);
    assert_true(p.dx && p.size);
    if (!finite && p.ny) p.dy[sn_rng_below(r, p.ny)] = sn_rng_below(r, 2) ? NAN : INFINITY;
    if (!finite && sn_rng_below(r, 2)) p.k[sn_rng_below(r, p.nk)] = sn_rng_below(r, 2) ? NAN : -INFINITY;
    for (int64_t y = 0; y < d->n * d->oh * d->ow; y++)
        for (int64_t t = 0; t < d->kh * d->kw; t++) {
            int64_t iy = y / d->ow % d->oh * d->sh - d->pt + t / d->kw,
                    ix = y % d->ow * d->sw - d->pl + t % d->kw;
            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w) continue;
            add(d, &p, (y / d->ow / d->oh * d->h + iy) * d->w + ix, t, y);
        }
    return p;
}

static void drop(problem *p) {
    free(p->dy);
    free(p->k);
    free(p->dx);
    free(p->size);
}

static const char *wrong(const problem *p, const float *dx) {
    for (size_t i = 0; i < GUARD; i++)
        if (dx[i] != guard || dx[GUARD + p->nx + i] != guard) return "writes around the result";
    for (size_t i = 0; i < p->nx; i++) {
        bool finite = isfinite(p->dx[i]);
        if (finite != (bool)isfinite(dx[GUARD + i])) return finite ? "is not finite" : "is finite";
        if (finite && !(fabs((double)dx[GUARD + i] - p->dx[i]) <= 2e-6 * p->size[i]))
            return "is another number";
    }
    return NULL;
}

static float *gradient(const sn_conv *d, const problem *p, sn_pool *pool) {
    size_t n = sn_conv_scatter_scratch(d, pool);
    float *dx = filled(p->nx + 2 * GUARD, NULL), *scratch = filled(n + GUARD, NULL);
    for (size_t i = 0; i < GUARD; i++) dx[i] = dx[GUARD + p->nx + i] = scratch[n + i] = guard;
    sn_conv_scatter_data(pool, dx + GUARD, p->dy, p->k, d, scratch);
    for (size_t i = 0; i < GUARD; i++) assert_true(scratch[n + i] == guard);
    free(scratch);
    return dx;
}

static void check(const sn_conv *d, const problem *p) {
    float *first = NULL;
    for (int t = 0; t < POOLS; t++) {
        float *dx = gradient(d, p, pools[t]);
        const char *why = wrong(p, dx);
        if (!why && first && memcmp(first + GUARD, dx + GUARD, p->nx * sizeof *dx) != 0)
            why = "has other bits than on one thread";
        if (why)
            fail_msg("%s, %d threads, %dx%dx%dx%d -> %dx%dx%d, kernel %dx%d, strides %dx%d, padding %d, %d: %s",
                     sn_conv_forced->isa, threads[t], (int)d->n, (int)d->h, (int)d->w, (int)d->ci, (int)d->oh,
                     (int)d->ow, (int)d->co, (int)d->kh, (int)d->kw, (int)d->sh, (int)d->sw, (int)d->pt,
                     (int)d->pl, why);
        if (first)
            free(dx);
        else
            first = dx;
    }
    free(first);
}

static void every_shape_is_right(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int levels = sn_kern_all_f32(isa);
    sn_rng r = sn_rng_make(11, SN_STREAM_TEST, 0);
    for (int s = 0; s < SHAPES; s++) {
        sn_conv d = random_shape(&r);
        problem p = make(&d, &r, s % 4 != 0);
        for (int i = 0; i < levels; i++) {
            sn_conv_forced = sn_conv_kernels(isa[i]->isa);
            check(&d, &p);
        }
        drop(&p);
    }
    sn_conv_forced = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_shape_is_right) };
    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
