/* Convolutions alone, as a Markdown table: make build/tests/bench_conv, then build/tests/bench_conv [threads].
 * For each layer and pass the time of an image by im2col over OpenBLAS, by the direct sum and by what is
 * chosen. GFLOP/s count the direct sum's operations ("effective"); "done" are the multiply-adds that remain
 * with the chosen algorithm, edges and transforms left out, as a share of the machine's peak. */
#include "num/conv.h"
#include "base/file.h"
#include "base/mem.h"
#include "num/gemm.h"
#include "num/kern.h"
#include "num/peak.h"
#include <stdio.h>
#include <stdlib.h>

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
        double t = sn_clock();
        if (pass == SN_CONV_FORWARD)
            sn_conv_forward_f32(pool, y, x, k, NULL, d, scratch);
        else if (pass == SN_CONV_DATA)
            sn_conv_backward_data_f32(pool, x, y, k, d, scratch);
        else
            sn_conv_backward_weights_f32(pool, k, NULL, x, y, d, scratch);
        t = sn_clock() - t;
        if (t < best) best = t;
    }
    return best;
}

/* What the algorithm divides the number of multiplications by. */
static double saving(const sn_conv *d, sn_conv_pass pass) {
    if (sn_conv_choice(d, pass) != SN_CONV_WINOGRAD) return 1;
    double direct = (double)(d->oh * d->ow * d->kh * d->kw), m = (double)(9 - d->kh);
    double of8 = 64 * (double)(d->oh * d->ow) / (m * m), of6 = 36 * (double)(d->oh * d->ow) / 16; /* tiles */
    int64_t up8 = (d->oh + 5) / 6, up6 = (d->oh + 3) / 4;
    return direct / (d->kh == 3 && 36 * up6 * up6 <= 64 * up8 * up8 ? of6 : of8);
}

static void print_pass(sn_pool *pool, const layer *l, sn_conv *d, sn_conv_pass pass, float **buf, double peak) {
    static const char *const passes[] = { "forward", "data gradient", "weight gradient" };
    static const sn_conv_algorithm asked[] = { SN_CONV_IM2COL, SN_CONV_DIRECT, SN_CONV_AUTO };
    double flop = 2.0 * (double)(l->n * l->h * l->h * l->ci * l->co * l->k * l->k), t[3];
    const char *chosen = "";
    bool direct = false;
    for (int a = 0; a < 3; a++) {
        d->algorithm = asked[a];
        if (a == 1) direct = sn_conv_choice(d, pass) == SN_CONV_DIRECT;
        if (a == 2) chosen = sn_conv_algorithms[sn_conv_choice(d, pass)];
        t[a] = a == 1 && !direct ? 0 : time_of(pool, d, pass, buf[0], buf[1], buf[2], buf[3]);
    }
    printf("| %s | %s | %.3f | %.0f ", l->name, passes[pass], 1e3 * t[0] / (double)l->n, flop / t[0] / 1e9);
    if (direct) {
        printf("| %.3f | %.0f ", 1e3 * t[1] / (double)l->n, flop / t[1] / 1e9);
    } else {
        printf("| | ");
    }
    double rate = flop / t[2];
    printf("| %s | %.3f | %.0f | %.0f %% | %.0f %% | %.2f |\n", chosen, 1e3 * t[2] / (double)l->n, rate / 1e9,
           100 * rate / peak, 100 * rate / saving(d, pass) / peak, t[0] / t[2]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    sn_pool *pool;
    if (sn_pool_new(&pool, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, NULL) != SN_OK) return 1;
    double peak = sn_peak_flops(pool, NULL);
    printf("%d threads, %s, peak %.0f GFLOP/s, OpenBLAS %s; milliseconds of an image\n\n", sn_pool_size(pool),
           sn_kern_f32()->isa, peak / 1e9, sn_gemm_corename());
    printf("| layer | pass | im2col | GFLOP/s | direct | GFLOP/s | chosen | ms | GFLOP/s effective | of peak | "
           "done, "
           "of peak | im2col / chosen |\n|---|---|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|\n");
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
        float *buf[] = { numbers(l->n * l->h * l->h * l->ci), numbers(l->n * l->h * l->h * l->co),
                         numbers(l->k * l->k * l->ci * l->co), numbers((int64_t)sn_conv_scratch(&d, pool)) };
        for (int p = 0; p < 3; p++) print_pass(pool, l, &d, (sn_conv_pass)p, buf, peak);
        for (int b = 0; b < 4; b++) sn_free(buf[b]);
    }
    sn_pool_free(pool);
    return 0;
}
