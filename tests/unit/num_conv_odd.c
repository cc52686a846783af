/* Convolutions of all shapes against the sum as it is defined, in double: images of 1 to 67 pixels, one image
 * and several, few and odd channels, strides, dilation, both paddings; each algorithm, each pass, each
 * instruction set. What lies behind the results stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "num/conv.h"
#include "num/conv_kern.h"
#include "num/kern.h"
#include <math.h>
#include <string.h>

enum { SHAPES = 160, WORK = 1500000, GUARD = 16 };

static const float guard = 12345;

typedef struct {
    float *f;
    double *d;
    size_t n;
} array;

static array array_of(size_t n, sn_rng *rng) {
    array a = { sn_alloc((n + GUARD) * sizeof(float), "test", NULL), sn_alloc(n * sizeof(double), "test", NULL),
                n };
    assert_true(a.f && a.d);
    for (size_t i = 0; i < n; i++) a.d[i] = (double)(a.f[i] = (float)sn_rng_normal(rng));
    for (size_t i = n; i < n + GUARD; i++) a.f[i] = guard;
    return a;
}

static void drop(array *a) {
    sn_free(a->f);
    sn_free(a->d);
}

/* Calls see(x, k, y) for the places of each product of the sum: y[y] += x[x] k[k]. */
typedef void (*see_fn)(double *to, const double *a, const double *b, size_t x, size_t k, size_t y);
static void to_y(double *to, const double *a, const double *b, size_t x, size_t k, size_t y) {
    to[y] += a[x] * b[k];
}
static void to_x(double *to, const double *a, const double *b, size_t x, size_t k, size_t y) {
    to[x] += a[y] * b[k];
}
static void to_k(double *to, const double *a, const double *b, size_t x, size_t k, size_t y) {
    to[k] += a[x] * b[y];
}

static void channels(const sn_conv *d, see_fn see, double *to, const double *a, const double *b, int64_t x,
                     int64_t k, int64_t y) {
    for (int64_t i = 0; i < d->ci; i++)
        for (int64_t o = 0; o < d->co; o++)
            see(to, a, b, (size_t)(x * d->ci + i), (size_t)((k * d->ci + i) * d->co + o),
                (size_t)(y * d->co + o));
}

static void plain(const sn_conv *d, see_fn see, double *to, const double *a, const double *b) {
    for (int64_t n = 0; n < d->n; n++)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++)
                for (int64_t t = 0; t < d->kh * d->kw; t++) {
                    int64_t iy = oy * d->sh - d->pt + t / d->kw * d->dh,
                            ix = ox * d->sw - d->pl + t % d->kw * d->dw;
                    if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w) continue;
                    channels(d, see, to, a, b, (n * d->h + iy) * d->w + ix, t, (n * d->oh + oy) * d->ow + ox);
                }
}

static int64_t one_of(sn_rng *rng, const int64_t *list, size_t n) { return list[sn_rng_below(rng, n)]; }

/* A random shape with outputs, of no more than WORK products. */
static sn_conv random_shape(sn_rng *rng) {
    static const int64_t chans[] = { 1, 3, 5, 17, 1, 3, 5, 17, 2, 6, 8, 16, 31, 33, 40, 67 };
    static const int64_t sides[] = { 1, 2, 3, 3, 3, 4, 5, 5, 5, 7 };
    static const int64_t images[] = { 1, 1, 1, 2, 3, 7, 30 };
    for (;;) {
        sn_conv d = { .n = one_of(rng, images, 7),
                      .h = 1 + (int64_t)sn_rng_below(rng, 67),
                      .w = 1 + (int64_t)sn_rng_below(rng, 67),
                      .ci = one_of(rng, chans, 16),
                      .co = one_of(rng, chans, 16),
                      .kh = one_of(rng, sides, 10),
                      .sh = 1,
                      .sw = 1,
                      .dh = 1,
                      .dw = 1 };
        d.kw = sn_rng_below(rng, 4) ? d.kh : one_of(rng, sides, 10);
        if (sn_rng_below(rng, 4) == 0)
            d.sh = 1 + (int64_t)sn_rng_below(rng, 3), d.sw = 1 + (int64_t)sn_rng_below(rng, 3);
        if (d.sh * d.sw == 1 && sn_rng_below(rng, 5) == 0) d.dh = 2, d.dw = 1 + (int64_t)sn_rng_below(rng, 3);
        bool same = sn_rng_below(rng, 2);
        d.oh = sn_conv_axis(d.h, d.kh, d.sh, d.dh, same, &d.pt);
        d.ow = sn_conv_axis(d.w, d.kw, d.sw, d.dw, same, &d.pl);
        if (d.oh < 1 || d.ow < 1) continue;
        if (d.n * d.oh * d.ow * d.kh * d.kw * d.ci * d.co <= WORK) return d;
    }
}

static void check(const sn_conv *d, sn_conv_pass pass, const array *got, const double *want) {
    double diff = 0, norm = 0;
    for (size_t i = 0; i < got->n; i++) {
        diff += ((double)got->f[i] - want[i]) * ((double)got->f[i] - want[i]);
        norm += want[i] * want[i];
    }
    bool kept = true;
    for (size_t i = got->n; i < got->n + GUARD; i++) kept &= got->f[i] == guard;
    if (kept && diff <= 1e-10 * norm) return; /* nan fails */
    char words[64];
    fail_msg(
        "%s: %s, pass %d, %dx%dx%dx%d -> %dx%dx%d, kernel %dx%d, strides %dx%d, dilation %dx%d: error %g%s",
        sn_conv_forced->isa, sn_conv_text(d, pass, words, sizeof words), (int)pass, (int)d->n, (int)d->h,
        (int)d->w, (int)d->ci, (int)d->oh, (int)d->ow, (int)d->co, (int)d->kh, (int)d->kw, (int)d->sh,
        (int)d->sw, (int)d->dh, (int)d->dw, sqrt(diff / norm), kept ? "" : ", writes behind its end");
}

typedef struct {
    array x, k, b, y, dx, dk, db; /* .d of the last four: what they are to be */
    array dy;
} problem;

static problem make(const sn_conv *d, uint64_t seed) {
    sn_rng rng = sn_rng_make(seed, SN_STREAM_TEST, 1);
    size_t nx = (size_t)(d->n * d->h * d->w * d->ci), ny = (size_t)(d->n * d->oh * d->ow * d->co),
           nk = (size_t)(d->kh * d->kw * d->ci * d->co), nb = (size_t)d->co;
    problem p = { array_of(nx, &rng), array_of(nk, &rng), array_of(nb, &rng), array_of(ny, &rng),
                  array_of(nx, &rng), array_of(nk, &rng), array_of(nb, &rng), array_of(ny, &rng) };
    for (size_t i = 0; i < ny; i++) p.y.d[i] = p.b.d[i % nb];
    memset(p.dx.d, 0, nx * sizeof(double));
    plain(d, to_y, p.y.d, p.x.d, p.k.d);
    plain(d, to_x, p.dx.d, p.dy.d, p.k.d);
    plain(d, to_k, p.dk.d, p.x.d, p.dy.d); /* they are added to what is there */
    for (size_t i = 0; i < ny; i++) p.db.d[i % nb] += p.dy.d[i];
    return p;
}

static void passes(const sn_conv *d, problem *p, sn_pool *pool) {
    size_t n = sn_conv_scratch(d, pool);
    float *scratch = sn_alloc((n + 1) * sizeof *scratch, "test", NULL);
    float *dk = sn_alloc((p->dk.n + p->db.n) * sizeof *dk, "test", NULL), *db = dk + p->dk.n;
    assert_true(scratch && dk);
    memcpy(dk, p->dk.f, p->dk.n * sizeof *dk);
    memcpy(db, p->db.f, p->db.n * sizeof *db);
    memset(scratch, 0xff, n * sizeof *scratch); /* nan: nothing may be read unwritten */
    sn_conv_forward_f32(pool, p->y.f, p->x.f, p->k.f, p->b.f, d, scratch);
    check(d, SN_CONV_FORWARD, &p->y, p->y.d);
    memset(scratch, 0xff, n * sizeof *scratch);
    sn_conv_backward_data_f32(pool, p->dx.f, p->dy.f, p->k.f, d, scratch);
    check(d, SN_CONV_DATA, &p->dx, p->dx.d);
    memset(scratch, 0xff, n * sizeof *scratch);
    sn_conv_backward_weights_f32(pool, p->dk.f, p->db.f, p->x.f, p->dy.f, d, scratch);
    check(d, SN_CONV_WEIGHTS, &p->dk, p->dk.d);
    check(d, SN_CONV_WEIGHTS, &p->db, p->db.d);
    memcpy(p->dk.f, dk, p->dk.n * sizeof *dk);
    memcpy(p->db.f, db, p->db.n * sizeof *db);
    sn_free(scratch);
    sn_free(dk);
}

static void every_shape_is_right(void **state) {
    (void)state;
    const sn_kern_f32_table *isa[3];
    int levels = sn_kern_all_f32(isa), chosen[3][4] = { { 0 } };
    sn_rng rng = sn_rng_make(7, SN_STREAM_TEST, 0);
    for (int k = 0; k < SHAPES; k++) {
        sn_conv d = random_shape(&rng);
        problem p = make(&d, (uint64_t)k);
        for (int i = 0; i < levels; i++) {
            sn_conv_forced = sn_conv_kernels(isa[i]->isa);
            static const int asked[] = { SN_CONV_AUTO, SN_CONV_DIRECT, SN_CONV_WINOGRAD, SN_CONV_IM2COL };
            for (int a = 0; a < 4; a++) {
                d.algorithm = asked[a];
                for (int pass = 0; pass < 3; pass++) chosen[pass][sn_conv_choice(&d, (sn_conv_pass)pass)]++;
                passes(&d, &p, sn_pool_default());
            }
        }
        array *all[] = { &p.x, &p.k, &p.b, &p.y, &p.dx, &p.dk, &p.db, &p.dy };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) drop(all[i]);
    }
    sn_conv_forced = NULL;
    for (int pass = 0; pass < 3; pass++) /* none of them is left out by chance */
        for (int a = SN_CONV_DIRECT; a <= SN_CONV_IM2COL; a++) assert_true(chosen[pass][a] > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_shape_is_right) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
