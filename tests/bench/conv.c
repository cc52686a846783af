/* Convolutions alone: make build/tests/bench_conv, then build/tests/bench_conv [threads]. For each layer and
 * pass the time of an image and the rate of the direct sum's operations ("effective"), by im2col over OpenBLAS
 * and by the one that is chosen. */
#include "num/conv.h"
#include "base/mem.h"
#include "num/gemm.h"
#include "num/kern.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    const char *name;
    int64_t n, h, ci, co, k;
} layer;

static const layer layers[] = {
    { "3 -> 32 at 256, 5x5", 4, 256, 3, 32, 5 },   { "32 -> 64 at 128, 5x5", 4, 128, 32, 64, 5 },
    { "64 -> 128 at 64, 5x5", 4, 64, 64, 128, 5 }, { "16 -> 16 at 32, 3x3", 32, 32, 16, 16, 3 },
    { "32 -> 32 at 16, 3x3", 32, 16, 32, 32, 3 },  { "64 -> 64 at 32, 3x3", 8, 32, 64, 64, 3 },
    { "64 -> 64 at 8, 3x3", 32, 8, 64, 64, 3 },    { "128 -> 128 at 16, 3x3", 8, 16, 128, 128, 3 },
    { "256 -> 256 at 8, 3x3", 8, 8, 256, 256, 3 }, { "1 -> 6 at 28, 5x5", 32, 28, 1, 6, 5 },
    { "6 -> 16 at 14, 5x5", 32, 14, 6, 16, 5 },
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *numbers(int64_t n) {
    float *p = sn_alloc((size_t)(n + 16) * sizeof *p, "bench", NULL);
    for (int64_t i = 0; p && i < n; i++) p[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    if (!p) exit(1);
    return p;
}

static double time_of(sn_pool *pool, const sn_conv *d, sn_conv_pass pass, float *x, float *y, float *k,
                      float *scratch) {
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double t = now();
        if (pass == SN_CONV_FORWARD)
            sn_conv_forward_f32(pool, y, x, k, NULL, d, scratch);
        else if (pass == SN_CONV_DATA)
            sn_conv_backward_data_f32(pool, x, y, k, d, scratch);
        else
            sn_conv_backward_weights_f32(pool, k, NULL, x, y, d, scratch);
        t = now() - t;
        if (t < best) best = t;
    }
    return best;
}

int main(int argc, char **argv) {
    static const char *const passes[] = { "forward", "data", "weights" };
    sn_pool *pool;
    if (sn_pool_new(&pool, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, NULL) != SN_OK) return 1;
    printf("isa %s, OpenBLAS %s, %d threads\n", sn_kern_f32()->isa, sn_gemm_corename(), sn_pool_size(pool));
    printf("%-24s %-8s %11s %8s %11s %8s %6s\n", "layer", "pass", "im2col ms", "GFLOP/s", "chosen ms",
           "GFLOP/s", "ratio");
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const layer *l = &layers[i];
        sn_conv d = { .n = l->n,
                      .h = l->h,
                      .w = l->h,
                      .ci = l->ci,
                      .kh = l->k,
                      .kw = l->k,
                      .co = l->co,
                      .oh = l->h,
                      .ow = l->h,
                      .sh = 1,
                      .sw = 1,
                      .dh = 1,
                      .dw = 1,
                      .pt = l->k / 2,
                      .pl = l->k / 2 };
        float *x = numbers(l->n * l->h * l->h * l->ci), *y = numbers(l->n * l->h * l->h * l->co);
        float *k = numbers(l->k * l->k * l->ci * l->co), *s = numbers((int64_t)sn_conv_scratch(&d, pool));
        double flop = 2.0 * (double)(l->n * l->h * l->h * l->ci * l->co * l->k * l->k);
        for (int p = 0; p < 3; p++) {
            double t[2];
            for (int a = 0; a < 2; a++) {
                d.algorithm = a ? SN_CONV_AUTO : SN_CONV_IM2COL;
                t[a] = time_of(pool, &d, (sn_conv_pass)p, x, y, k, s);
            }
            printf("%-24s %-8s %11.3f %8.0f %11.3f %8.0f %6.2f\n", l->name, passes[p],
                   1e3 * t[0] / (double)l->n, flop / t[0] / 1e9, 1e3 * t[1] / (double)l->n, flop / t[1] / 1e9,
                   t[0] / t[1]);
        }
        sn_free(x), sn_free(y), sn_free(k), sn_free(s);
    }
    sn_pool_free(pool);
    return 0;
}
