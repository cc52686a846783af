/* The loops of peak.h, compiled once for each instruction set (-DSN_ISA=base|v3|v4), with products and sums
 * fused where the machine can. */
#include "num/peak.h"

#include <string.h>

#if defined(__AVX512F__)
#    define VBYTES 64
enum { N = 24 }; /* accumulators: more than latency times units, all in registers */
#elif defined(__AVX2__)
#    define VBYTES 32
enum { N = 12 };
#else
#    define VBYTES 16
enum { N = 12 };
#endif

enum { W = VBYTES / 4 };
typedef float vec __attribute__((vector_size(VBYTES)));

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)

static float add_lanes(vec v) {
    float s = 0;
    for (int i = 0; i < W; i++) s += v[i];
    return s;
}

static float multiply_adds(int rounds, float a, float b) {
    vec acc[N], va = (vec){ 0 } + a, vb = (vec){ 0 } + b;
    for (int i = 0; i < N; i++) acc[i] = va + (float)i;
    for (int r = 0; r < rounds; r++) {
#pragma GCC unroll 24
        for (int i = 0; i < N; i++) acc[i] = acc[i] * va + vb;
    }
    vec sum = acc[0];
    for (int i = 1; i < N; i++) sum += acc[i];
    return add_lanes(sum);
}

static vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Four streams: one alone does not keep the memory busy. */
static float sum(const float *x, size_t n) {
    vec acc[8] = { 0 };
    size_t quarter = n / 4;
    for (size_t at = 0; at < quarter; at += 2 * W) {
#pragma GCC unroll 8
        for (size_t i = 0; i < 8; i++) acc[i] += load(x + (i / 2) * quarter + at + (i % 2) * W);
    }
    for (int i = 1; i < 8; i++) acc[0] += acc[i];
    return add_lanes(acc[0]);
}

static void update(float *y, const float *x, float a, size_t n) {
    for (size_t at = 0; at < n; at += W) {
        vec v = load(x + at) * a + load(y + at);
        memcpy(y + at, &v, sizeof v);
    }
}

extern const sn_peak_kern CAT(sn_peak_kern_, SN_ISA);
const sn_peak_kern CAT(sn_peak_kern_, SN_ISA) = { 2.0 * N * W, multiply_adds, sum, update };
