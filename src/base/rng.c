#include "base/rng.h"

#include <math.h>

uint64_t sn_mix(uint64_t a, uint64_t b) {
    uint64_t z = a + 0x9e3779b97f4a7c15u * (b + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void sn_philox(uint64_t key, uint64_t ctr_hi, uint64_t ctr_lo, uint32_t out[4]) {
    uint32_t c0 = (uint32_t)ctr_lo, c1 = (uint32_t)(ctr_lo >> 32);
    uint32_t c2 = (uint32_t)ctr_hi, c3 = (uint32_t)(ctr_hi >> 32);
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1, c3 = (uint32_t)p0, c0 = n0, c2 = n2;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

sn_rng sn_rng_make(uint64_t seed, sn_stream stream, uint64_t sub) {
    sn_rng r = { .key = sn_mix(seed, (uint64_t)stream), .hi = sub };
    return r;
}

uint32_t sn_rng_u32(sn_rng *r) {
    if (r->left == 0) {
        sn_philox(r->key, r->hi, r->lo++, r->buf);
        r->left = 4;
    }
    return r->buf[4 - r->left--];
}

static uint64_t next64(sn_rng *r) {
    uint64_t hi = sn_rng_u32(r);
    return hi << 32 | sn_rng_u32(r);
}

static double uniform_of(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

static double normal_of(double a, double b) { /* 1 - a in (0, 1]: its log is finite */
    return sqrt(-2.0 * log(1.0 - a)) * cos(6.283185307179586476925 * b);
}

double sn_rng_uniform_of(const uint32_t *word) { return uniform_of((uint64_t)word[0] << 32 | word[1]); }

double sn_rng_normal_of(const uint32_t *word) {
    return normal_of(sn_rng_uniform_of(word), sn_rng_uniform_of(word + 2));
}

double sn_rng_uniform(sn_rng *r) { return uniform_of(next64(r)); }

double sn_rng_normal(sn_rng *r) {
    double a = sn_rng_uniform(r);
    return normal_of(a, sn_rng_uniform(r));
}

uint64_t sn_rng_below(sn_rng *r, uint64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v; /* rejection keeps every value equally likely */
    do v = next64(r);
    while (v >= limit);
    return v % n;
}

void sn_shuffle(sn_rng *r, int64_t *a, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)sn_rng_below(r, i);
        int64_t t = a[i - 1];
        a[i - 1] = a[j];
        a[j] = t;
    }
}
