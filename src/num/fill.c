/* Tensors that are computed from the number of the element alone (ops.h). */
#include "base/rng.h"
#include "num/block.h"
#include "num/kern.h"
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

/* A block of the generator is four words: two evenly spread numbers of 53 bits, or one normal one. */
static void run_random(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    size_t each = j->normal ? 1 : 2; /* numbers of a block */
    for (size_t at = from, n; at < to; at += n) {
        double v[SN_BLOCK];
        uint32_t word[4 * SN_BLOCK];
        n = to - at < SN_BLOCK ? to - at : SN_BLOCK; /* ranges and blocks begin at even numbers */
        sn_kern_f32()->philox(word, j->rng.key, j->rng.hi, at / each, (n + each - 1) / each);
        for (size_t i = 0; i < n; i++)
            v[i] = j->normal ? sn_rng_normal_of(word + 4 * i) : sn_rng_uniform_of(word + 2 * i);
        if (j->out->dtype == SN_F32)
            for (size_t i = 0; i < n && !j->normal; i++)
                if ((float)v[i] >= 1) v[i] = 1 - 0x1p-24; /* rounding would leave [0, 1) */
        sn_block_store(j->out->data, j->out->dtype, (int64_t)at, v, SN_F64, n);
    }
}

void sn_random(sn_pool *pool, sn_tensor *out, uint64_t seed, bool normal) {
    job j = { .out = out, .rng = sn_rng_make(seed, SN_STREAM_USER, 0), .normal = normal };
    sn_for_ranges(pool, (size_t)sn_shape_count(&out->shape), SN_CHUNK, run_random, &j);
}
