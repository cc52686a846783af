/* Counter-based randomness: a pure function of (seed, stream, counter), so that any thread can compute any
 * number and a run resumes to the same bits. Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011). */
#ifndef SN_BASE_RNG_H
#define SN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* Streams keep unrelated uses of one seed apart. Append only: saved runs depend on the values. */
typedef enum {
    SN_STREAM_INIT = 1,
    SN_STREAM_DROPOUT,
    SN_STREAM_SHUFFLE,
    SN_STREAM_SPLIT,
    SN_STREAM_USER,
    SN_STREAM_TEST,
    SN_STREAM_VALLEY
} sn_stream;

/* Mixes two numbers into a well-spread 64-bit key (splitmix64's finalizer). */
uint64_t sn_mix(uint64_t a, uint64_t b);

/* One Philox block: four random words for this key and 128-bit counter. */
void sn_philox(uint64_t key, uint64_t ctr_hi, uint64_t ctr_lo, uint32_t out[4]);

/* A sequence, for code that draws one number after another. */
typedef struct {
    uint64_t key, hi, lo;
    uint32_t buf[4];
    int left;
} sn_rng;

sn_rng sn_rng_make(uint64_t seed, sn_stream stream, uint64_t sub);
uint32_t sn_rng_u32(sn_rng *);
double sn_rng_uniform(sn_rng *); /* [0, 1), 53 bits */
double sn_rng_normal(sn_rng *);  /* mean 0, variance 1 (Box-Muller) */
/* The same of words of a block: of two, of four. */
double sn_rng_uniform_of(const uint32_t *);
double sn_rng_normal_of(const uint32_t *);
uint64_t sn_rng_below(sn_rng *, uint64_t n);     /* 0 .. n-1, unbiased; n >= 1 */
void sn_shuffle(sn_rng *, int64_t *a, size_t n); /* Fisher-Yates */

#endif
