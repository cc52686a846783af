/* Tensors that are computed from the number of the element alone (ops.h). */
#include "base/rng.h"
#include "num/block.h"
#include "num/ops.h"
#include "num/vec.h"

typedef struct {
    sn_tensor *out;
    double first, step;
    int64_t whole_first, whole_step;
    sn_rng rng;
    bool normal;
} job;

static void run_arange(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    double room[SN_BLOCK];
    int64_t whole[SN_BLOCK];
    bool floats = sn_dtype_float(j->out->dtype);
    for (size_t at = from; at < to; at += SN_BLOCK) {
        size_t n = to - at < SN_BLOCK ? to - at : SN_BLOCK;
        for (size_t i = 0; i < n; i++) {
            room[i] = j->first + (double)(at + i) * j->step;
            whole[i] = (int64_t)((uint64_t)j->whole_first + (uint64_t)(at + i) * (uint64_t)j->whole_step);
        }
        sn_block_store(j->out->data, j->out->dtype, (int64_t)at, floats ? (void *)room : whole,
                       floats ? SN_F64 : SN_I64, n);
    }
}

void sn_arange(sn_pool *pool, sn_tensor *out, double first, double step, int64_t whole_first,
               int64_t whole_step) {
    job j = { .out = out, .first = first, .step = step, .whole_first = whole_first, .whole_step = whole_step };
    sn_for_ranges(pool, (size_t)sn_shape_count(&out->shape), SN_CHUNK, run_arange, &j);
}

/* A block of the generator is four words: two evenly spread numbers, or one normal one. */
static void run_random(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    sn_rng rng = j->rng;
    rng.lo = j->normal ? from : from / 2;
    for (size_t i = from; i < to; i++) {
        double v = j->normal ? sn_rng_normal(&rng) : sn_rng_uniform(&rng);
        if (!j->normal && j->out->dtype == SN_F32 && (float)v >= 1)
            v = 1 - 0x1p-24; /* rounding would leave [0, 1) */
        sn_tensor_set(j->out, (int64_t)i, v);
    }
}

void sn_random(sn_pool *pool, sn_tensor *out, uint64_t seed, bool normal) {
    job j = { .out = out, .rng = sn_rng_make(seed, SN_STREAM_USER, 0), .normal = normal };
    sn_for_ranges(pool, (size_t)sn_shape_count(&out->shape), SN_CHUNK, run_random, &j);
}
