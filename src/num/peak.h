/* What the machine can do, measured: the floors that no step gets below. On a machine that is busy with other
 * things they come out lower. */
#ifndef SN_NUM_PEAK_H
#define SN_NUM_PEAK_H

#include "base/pool.h"
#include <stddef.h>

/* Floating-point operations per second on all threads of the pool: multiply-adds of floats in registers, which
 * count two. isa: NULL = the instruction set in use, else "base", "v3", "v4", which the machine must be able to
 * run. Takes about 20 ms. */
double sn_peak_flops(sn_pool *, const char *isa);

typedef struct {
    double read;   /* bytes per second: a sum over an array */
    double update; /* y = a x + y: both read, y written, all three counted */
} sn_peak_bytes;
/* Over two arrays of that many bytes each, which should be several times the caches. Fails for want of memory.
 */
sn_status sn_peak_bandwidth(sn_pool *, size_t bytes, sn_peak_bytes *, sn_err *);

/* One cell's work, compiled for each instruction set (peak.inc.c). */
typedef struct {
    double flops; /* operations of a round */
    float (*multiply_adds)(int rounds, float a, float b);
    float (*sum)(const float *x, size_t n); /* in no order that is promised; n a multiple of 256 */
    void (*update)(float *y, const float *x, float a, size_t n);
} sn_peak_kern;

#endif
