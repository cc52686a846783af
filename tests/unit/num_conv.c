/* Convolution in both precisions against plain loops and against finite differences; the same bits on any pool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "num/conv.h"
#include "pools.h"
#include <math.h>
#include <string.h>

enum { GUARD = 16 };

/* x, k, bias, dy: inputs; y, dx, dk, dbias: results. start: values at first; want: the plain loops', in double;
 * bits: the first pool's. */
enum { X, K, BIAS, DY, Y, DX, DK, DBIAS, BUFS };
typedef struct {
    sn_conv d;
    size_t n[BUFS];
    float *f32[BUFS], *start[BUFS], *bits32[BUFS];
    double *f64[BUFS], *want[BUFS], *bits64[BUFS];
} problem;

static void sizes(const sn_conv *d, size_t n[BUFS]) {
    n[X] = n[DX] = (size_t)(d->n * d->h * d->w * d->ci);
    n[K] = n[DK] = (size_t)(d->kh * d->kw * d->ci * d->co);
    n[BIAS] = n[DBIAS] = (size_t)d->co;
    n[DY] = n[Y] = (size_t)(d->n * d->oh * d->ow * d->co);
}

static void *room(size_t n, size_t size) {
    void *p = sn_calloc(n + GUARD, size, "test", NULL);
    assert_non_null(p);
    return p;
}

static problem make(const sn_conv *d) {
    problem p = { .d = *d };
    sn_rng r = sn_rng_make((uint64_t)(d->h * 100 + d->kw), SN_STREAM_TEST, 0);
    sizes(d, p.n);
    for (int b = 0; b < BUFS; b++) {
        p.f32[b] = room(p.n[b], sizeof(float));
        p.f64[b] = room(p.n[b], sizeof(double));
        p.start[b] = room(p.n[b], sizeof(float));
        p.bits32[b] = room(p.n[b], sizeof(float));
        p.bits64[b] = room(p.n[b], sizeof(double));
        p.want[b] = room(p.n[b], sizeof(double));
        for (size_t i = 0; i < p.n[b]; i++) {
            p.start[b][i] = p.f32[b][i] = (float)sn_rng_normal(&r);
            p.want[b][i] = p.f64[b][i] = p.start[b][i];
        }
    }
    return p;
}

static void end(problem *p) {
    for (int b = 0; b < BUFS; b++) {
        void *all[] = { p->f32[b], p->f64[b], p->start[b], p->bits32[b], p->bits64[b], p->want[b] };
        for (int i = 0; i < 6; i++) sn_free(all[i]);
    }
}

/* For every pair of input and output pixel that a tap joins. */
static void taps(problem *p, int64_t image, int64_t oy, int64_t ox) {
    const sn_conv *d = &p->d;
    double *dy = p->want[DY] + ((image * d->oh + oy) * d->ow + ox) * d->co;
    double *y = p->want[Y] + ((image * d->oh + oy) * d->ow + ox) * d->co;
    for (int64_t i = 0; i < d->kh; i++)
        for (int64_t j = 0; j < d->kw; j++) {
            int64_t iy = oy * d->sh + i * d->dh - d->pt, ix = ox * d->sw + j * d->dw - d->pl;
            if (iy < 0 || iy >= d->h || ix < 0 || ix >= d->w) continue;
            size_t in = (size_t)(((image * d->h + iy) * d->w + ix) * d->ci),
                   ker = (size_t)((i * d->kw + j) * d->ci * d->co);
            for (int64_t c = 0; c < d->ci; c++)
                for (int64_t o = 0; o < d->co; o++) {
                    size_t at = ker + (size_t)(c * d->co + o), from = in + (size_t)c;
                    y[o] += p->want[X][from] * p->want[K][at];
                    p->want[DX][from] += dy[o] * p->want[K][at];
                    p->want[DK][at] += dy[o] * p->want[X][from];
                }
        }
    for (int64_t o = 0; o < d->co; o++) p->want[DBIAS][o] += dy[o];
}

static void naive(problem *p) {
    const sn_conv *d = &p->d;
    for (size_t i = 0; i < p->n[Y]; i++) p->want[Y][i] = p->want[BIAS][i % (size_t)d->co];
    for (size_t i = 0; i < p->n[DX]; i++) p->want[DX][i] = 0;
    for (int64_t image = 0; image < d->n; image++)
        for (int64_t oy = 0; oy < d->oh; oy++)
            for (int64_t ox = 0; ox < d->ow; ox++) taps(p, image, oy, ox);
}

/* All three passes. What is overwritten starts as nan, and so does the scratch; behind every output stands a
 * guard. */
static void run(problem *p, sn_pool *pool, float *s32, double *s64, size_t nscratch) {
    static const int out[] = { Y, DX, DK, DBIAS };
    for (size_t i = 0; i < nscratch; i++) s32[i] = NAN, s64[i] = (double)NAN;
    for (int i = 0; i < GUARD; i++) s32[nscratch + (size_t)i] = 7, s64[nscratch + (size_t)i] = 7;
    for (int b = 0; b < 4; b++)
        for (size_t i = 0; i < p->n[out[b]] + GUARD; i++) {
            bool adds = out[b] == DK || out[b] == DBIAS;
            p->f32[out[b]][i] = i >= p->n[out[b]] ? 7 : adds ? p->start[out[b]][i] : NAN;
            p->f64[out[b]][i] = p->f32[out[b]][i];
        }
    sn_conv_forward_f32(pool, p->f32[Y], p->f32[X], p->f32[K], p->f32[BIAS], &p->d, s32);
    sn_conv_backward_data_f32(pool, p->f32[DX], p->f32[DY], p->f32[K], &p->d, s32);
    sn_conv_backward_weights_f32(pool, p->f32[DK], p->f32[DBIAS], p->f32[X], p->f32[DY], &p->d, s32);
    sn_conv_forward_f64(pool, p->f64[Y], p->f64[X], p->f64[K], p->f64[BIAS], &p->d, s64);
    sn_conv_backward_data_f64(pool, p->f64[DX], p->f64[DY], p->f64[K], &p->d, s64);
    sn_conv_backward_weights_f64(pool, p->f64[DK], p->f64[DBIAS], p->f64[X], p->f64[DY], &p->d, s64);
    for (int i = 0; i < GUARD; i++) {
        assert_true(s32[nscratch + (size_t)i] == 7 && s64[nscratch + (size_t)i] == 7);
        for (int b = 0; b < 4; b++) {
            size_t at = p->n[out[b]] + (size_t)i;
            assert_true(p->f32[out[b]][at] == 7 && p->f64[out[b]][at] == 7);
        }
    }
}

static void compare(const problem *p, int b) {
    static const char *const names[BUFS] = { [Y] = "y", [DX] = "dx", [DK] = "dk", [DBIAS] = "dbias" };
    double norm = 1e-30, off32 = 0, off64 = 0;
    for (size_t i = 0; i < p->n[b]; i++) {
        norm = fmax(norm, fabs(p->want[b][i]));
        double a = fabs((double)p->f32[b][i] - p->want[b][i]), c = fabs(p->f64[b][i] - p->want[b][i]);
        off32 = a >= 0 ? fmax(off32, a) : INFINITY; /* nan counts */
        off64 = c >= 0 ? fmax(off64, c) : INFINITY;
    }
    /* Winograd's transforms cost some of the precision. */
    sn_conv_pass pass = b == Y ? SN_CONV_FORWARD : b == DX ? SN_CONV_DATA : SN_CONV_WEIGHTS;
    double bound = sn_conv_choice(&p->d, pass) == SN_CONV_WINOGRAD ? 1e-5 : 3e-6;
    if (off32 > bound * norm || off64 > 1e-13 * norm)
        fail_msg("%s, input %lld x %lld x %lld: off by %g (f32), %g (f64) of %g", names[b], (long long)p->d.h,
                 (long long)p->d.w, (long long)p->d.ci, off32, off64, norm);
}

/* The same bits as the first pool's, or, on the first, keeps them. */
static void same_bits(problem *p, int b, bool keep) {
    if (keep) {
        memcpy(p->bits32[b], p->f32[b], p->n[b] * sizeof(float));
        memcpy(p->bits64[b], p->f64[b], p->n[b] * sizeof(double));
    }
    assert_memory_equal(p->bits32[b], p->f32[b], p->n[b] * sizeof(float));
    assert_memory_equal(p->bits64[b], p->f64[b], p->n[b] * sizeof(double));
}

/* On every pool, with the scratch of a batch of `most` images. */
static void check(const sn_conv *d, int64_t most) {
    problem p = make(d);
    sn_conv big = *d;
    big.n = most;
    naive(&p);
    for (int t = 0; t < POOLS; t++) {
        size_t n = sn_conv_scratch(&big, pools[t]);
        assert_true(sn_conv_scratch(d, pools[t]) <= n);
        float *s32 = room(n, sizeof(float));
        double *s64 = room(n, sizeof(double));
        run(&p, pools[t], s32, s64, n);
        for (int b = Y; b <= DBIAS; b++) {
            compare(&p, b);
            same_bits(&p, b, t == 0);
        }
        sn_free(s32);
        sn_free(s64);
    }
    end(&p);
}

static sn_conv conv(int64_t n, int64_t h, int64_t w, int64_t ci, int64_t kh, int64_t kw, int64_t co) {
    return (sn_conv){
        .n = n, .h = h, .w = w, .ci = ci, .kh = kh, .kw = kw, .co = co, .sh = 1, .sw = 1, .dh = 1, .dw = 1
    };
}
/* Output sizes and padding of both kinds; convolutions without an output are left out, as plan refuses them. */
static void both_paddings(sn_conv d, int64_t most) {
    for (int same = 0; same < 2; same++) {
        d.oh = sn_conv_axis(d.h, d.kh, d.sh, d.dh, same, &d.pt);
        d.ow = sn_conv_axis(d.w, d.kw, d.sw, d.dw, same, &d.pl);
        if (d.oh > 0 && d.ow > 0) check(&d, most);
    }
}

static void plain(void **state) {
    (void)state;
    both_paddings(conv(2, 9, 7, 3, 5, 5, 4), 2);
    both_paddings(conv(1, 8, 11, 5, 3, 3, 7), 4);
    both_paddings(conv(3, 6, 6, 2, 2, 2, 3), 3); /* even kernels */
    both_paddings(conv(1, 7, 5, 1, 4, 2, 1), 1);
    both_paddings(conv(2, 5, 12, 4, 1, 6, 17), 5);
    both_paddings(conv(1, 13, 1, 3, 3, 1, 2), 1);
}

static void pointwise(void **state) {
    (void)state;
    both_paddings(conv(2, 5, 9, 6, 1, 1, 5), 3);
    both_paddings(conv(1, 1, 1, 40, 1, 1, 33), 1);
    sn_conv d = conv(2, 7, 6, 3, 1, 1, 4);
    d.sh = 2, d.sw = 3;
    both_paddings(d, 2);
}

static void larger_than_the_input(void **state) {
    (void)state;
    both_paddings(conv(2, 2, 3, 2, 5, 7, 3), 2);
    both_paddings(conv(1, 1, 1, 3, 5, 5, 2), 1);
    sn_conv d = conv(1, 3, 2, 2, 3, 3, 2);
    d.dh = 4, d.dw = 3;
    both_paddings(d, 1);
}

static void strides_and_dilation(void **state) {
    (void)state;
    for (int64_t s = 1; s <= 4; s++)
        for (int64_t t = 1; t <= 3; t++) {
            sn_conv d = conv(2, 11, 10, 2, 3, 4, 3);
            d.sh = s, d.sw = t;
            both_paddings(d, 2);
            d.dh = t, d.dw = s;
            both_paddings(d, 2);
            d.kh = 2, d.kw = 5;
            both_paddings(d, 2);
        }
    sn_conv d =
        conv(1, 14, 9, 3, 2, 1, 2); /* strides beyond the kernel: inputs that nothing reads have gradient 0 */
    d.sh = 5, d.sw = 4;
    both_paddings(d, 1);
}

/* Any padding, not only Keras's. */
static void odd_padding(void **state) {
    (void)state;
    sn_conv d = conv(2, 6, 7, 2, 3, 3, 3);
    for (int64_t pad = 0; pad <= 5; pad += 5)
        for (int64_t s = 1; s <= 2; s++) {
            d.pt = pad, d.pl = 5 - pad, d.sh = s, d.sw = 3 - s;
            d.oh = 9, d.ow = 8; /* beyond the input at the end, too */
            check(&d, 2);
        }
    d = conv(1, 4, 4, 3, 1, 1, 2);
    d.pt = 1, d.pl = 2, d.oh = 6, d.ow = 7;
    check(&d, 1);
}

/* Several blocks in an image and several slots; a last batch smaller than the plan's. */
static void many_blocks(void **state) {
    (void)state;
    both_paddings(conv(3, 61, 67, 3, 5, 5, 4), 7);
    both_paddings(conv(1, 33, 40, 48, 3, 3, 5), 3); /* lines of 432 values */
    sn_conv d = conv(2, 70, 66, 4, 3, 3, 40);
    d.sw = 2;
    both_paddings(d, 2);
}

static void without_bias(void **state) {
    (void)state;
    sn_conv d = conv(1, 4, 5, 2, 3, 3, 2);
    d.oh = sn_conv_axis(d.h, d.kh, 1, 1, true, &d.pt);
    d.ow = sn_conv_axis(d.w, d.kw, 1, 1, true, &d.pl);
    problem p = make(&d);
    memset(p.want[BIAS], 0, p.n[BIAS] * sizeof(double));
    naive(&p);
    float *s = room(sn_conv_scratch(&d, pools[1]), sizeof *s);
    double *s64 = room(sn_conv_scratch(&d, pools[1]), sizeof *s64);
    sn_conv_forward_f32(pools[1], p.f32[Y], p.f32[X], p.f32[K], NULL, &d, s);
    sn_conv_forward_f64(pools[1], p.f64[Y], p.f64[X], p.f64[K], NULL, &d, s64);
    sn_conv_backward_weights_f32(pools[1], p.f32[DK], NULL, p.f32[X], p.f32[DY], &d, s);
    sn_conv_backward_weights_f64(pools[1], p.f64[DK], NULL, p.f64[X], p.f64[DY], &d, s64);
    compare(&p, Y);
    compare(&p, DK);
    sn_free(s);
    sn_free(s64);
    end(&p);
}

/* sum(y * dy) as a function of the 64-bit inputs. */
static double objective(problem *p, double *scratch) {
    double s = 0;
    sn_conv_forward_f64(pools[2], p->f64[Y], p->f64[X], p->f64[K], p->f64[BIAS], &p->d, scratch);
    for (size_t i = 0; i < p->n[Y]; i++) s += p->f64[Y][i] * p->f64[DY][i];
    return s;
}

/* The passes against each other: (L(v + h) - L(v - h)) / 2h, which is exact for a bilinear function but for
 * rounding. */
static void finite_differences(void **state) {
    (void)state;
    sn_conv d = conv(2, 9, 8, 3, 4, 3, 5);
    d.sh = 2, d.dw = 2;
    d.oh = sn_conv_axis(d.h, d.kh, d.sh, d.dh, true, &d.pt);
    d.ow = sn_conv_axis(d.w, d.kw, d.sw, d.dw, true, &d.pl);
    problem p = make(&d);
    double *s = room(sn_conv_scratch(&d, pools[2]), sizeof *s);
    for (size_t i = 0; i < p.n[DK]; i++) p.f64[DK][i] = 0;
    for (size_t i = 0; i < p.n[DBIAS]; i++) p.f64[DBIAS][i] = 0;
    sn_conv_backward_data_f64(pools[2], p.f64[DX], p.f64[DY], p.f64[K], &d, s);
    sn_conv_backward_weights_f64(pools[2], p.f64[DK], p.f64[DBIAS], p.f64[X], p.f64[DY], &d, s);
    static const int of[3][2] = { { X, DX }, { K, DK }, { BIAS, DBIAS } };
    for (int b = 0; b < 3; b++)
        for (size_t i = 0; i < p.n[of[b][0]]; i += 1 + p.n[of[b][0]] / 50) {
            double *v = &p.f64[of[b][0]][i], old = *v, up, down;
            *v = old + 0.5;
            up = objective(&p, s);
            *v = old - 0.5;
            down = objective(&p, s);
            *v = old;
            assert_true(fabs(up - down - p.f64[of[b][1]][i]) < 1e-10);
        }
    sn_free(s);
    end(&p);
}

/* keras-semantics 3.9: what Keras 3.9.2 gives. */
static void axis_rule(void **state) {
    (void)state;
    static const int64_t same[][6] = {
        /* n, k, stride, dilation -> out, before */
        { 256, 5, 1, 1, 256, 2 }, { 256, 4, 1, 1, 256, 1 }, { 256, 5, 2, 1, 128, 1 }, { 255, 5, 2, 1, 128, 2 },
        { 256, 3, 2, 1, 128, 0 }, { 256, 2, 2, 1, 128, 0 }, { 255, 2, 2, 1, 128, 0 }, { 5, 3, 1, 2, 5, 2 },
        { 1, 5, 3, 1, 1, 2 },     { 7, 1, 3, 1, 3, 0 },     { 0, 3, 1, 1, 0, 0 }
    };
    static const int64_t valid[][5] = { /* n, k, stride, dilation -> out */
                                        { 256, 2, 2, 1, 128 }, { 256, 5, 1, 1, 252 }, { 255, 2, 2, 1, 127 },
                                        { 5, 3, 1, 2, 1 },     { 4, 5, 1, 1, 0 },     { 4, 5, 2, 1, 0 },
                                        { 5, 5, 9, 1, 1 },     { 0, 1, 1, 1, 0 },     { 4, 3, 1, 2, 0 }
    };
    int64_t before;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        const int64_t *v = same[i];
        assert_int_equal(sn_conv_axis(v[0], v[1], v[2], v[3], true, &before), v[4]);
        assert_int_equal(before, v[5]);
    }
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        const int64_t *v = valid[i];
        assert_int_equal(sn_conv_axis(v[0], v[1], v[2], v[3], false, &before), v[4]);
        assert_int_equal(before, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axis_rule),
        cmocka_unit_test(plain),
        cmocka_unit_test(pointwise),
        cmocka_unit_test(larger_than_the_input),
        cmocka_unit_test(strides_and_dilation),
        cmocka_unit_test(odd_padding),
        cmocka_unit_test(many_blocks),
        cmocka_unit_test(without_bias),
        cmocka_unit_test(finite_differences),
    };
    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
