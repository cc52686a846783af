#include "num/places.h"

#include "num/block.h"
#include "num/vec.h"
#include <string.h>

typedef struct {
    const sn_tensor *mask;
    int64_t n, *counts, *places;
    const int64_t *offsets;
} places_job;

int64_t sn_places_cells(int64_t elements) { return (elements + SN_CHUNK - 1) / SN_CHUNK; }

/* set[i] = is element from + i not zero? n <= SN_BLOCK */
static const uint8_t *is_set(const sn_tensor *mask, int64_t from, size_t n, uint8_t *set) {
    double room[SN_BLOCK];
    int64_t whole[SN_BLOCK];
    if (mask->dtype == SN_U8) return (const uint8_t *)mask->data + from;
    if (sn_dtype_float(mask->dtype)) {
        sn_block_load(room, SN_F64, mask->data, mask->dtype, from, n);
        for (size_t i = 0; i < n; i++) set[i] = room[i] != 0;
    } else {
        sn_block_load(whole, SN_I64, mask->data, mask->dtype, from, n);
        for (size_t i = 0; i < n; i++) set[i] = whole[i] != 0;
    }
    return set;
}

static void run_places(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const places_job *j = ctx;
    int64_t from = cell * SN_CHUNK, to = j->n - from < SN_CHUNK ? j->n : from + SN_CHUNK, count = 0;
    int64_t *out = j->places ? j->places + j->offsets[cell] : NULL;
    unsigned mode = sn_exact_begin();
    for (int64_t at = from; at < to; at += SN_BLOCK) {
        uint8_t room[SN_BLOCK];
        size_t n = (size_t)(to - at < SN_BLOCK ? to - at : SN_BLOCK);
        const uint8_t *set = is_set(j->mask, at, n, room);
        for (size_t i = 0; out && i < n; i++)
            if (set[i]) *out++ = at + (int64_t)i;
        for (size_t i = 0; !out && i < n; i++) count += set[i] != 0;
    }
    if (!out) j->counts[cell] = count;
    sn_exact_end(mode);
}

int64_t sn_places_count(sn_pool *pool, int64_t *offsets, const sn_tensor *mask) {
    places_job j = { .mask = mask, .n = sn_shape_count(&mask->shape), .counts = offsets + 1 };
    int64_t cells = sn_places_cells(j.n);
    offsets[0] = 0;
    sn_parallel(pool, cells, run_places, &j);
    if (sn_pool_cancelled(pool)) return 0;
    for (int64_t c = 0; c < cells; c++) offsets[c + 1] += offsets[c];
    return offsets[cells];
}

void sn_places_write(sn_pool *pool, int64_t *places, const int64_t *offsets, const sn_tensor *mask) {
    places_job j = { .mask = mask, .n = sn_shape_count(&mask->shape), .places = places, .offsets = offsets };
    sn_parallel(pool, sn_places_cells(j.n), run_places, &j);
}

/* ---- taking and putting ---- */

typedef struct {
    char *out;
    const char *in;
    const int64_t *places;
    int64_t k, n;
    size_t row; /* bytes */
    bool put;
} take_job;

static void run_take(void *ctx, size_t from, size_t to) {
    const take_job *j = ctx;
    int64_t at = (int64_t)from % j->k, base = (int64_t)from / j->k * j->n;
    for (size_t i = from; i < to; i++) {
        size_t place = (size_t)(base + j->places[at]) * j->row, plain = i * j->row;
        char *out = j->out + (j->put ? place : plain);
        const char *in = j->in + (j->put ? plain : place);
        if (j->row == sizeof(uint32_t))
            memcpy(out, in, sizeof(uint32_t));
        else
            memcpy(out, in, j->row);
        if (++at < j->k) continue;
        at = 0;
        base += j->n;
    }
}

static void take(sn_pool *pool, take_job *j, int64_t rows) {
    if (rows == 0 || j->row == 0) return;
    size_t chunk = 4 * SN_CHUNK / j->row;
    sn_for_ranges(pool, (size_t)rows, chunk ? chunk : 1, run_take, j);
}

void sn_take(sn_pool *pool, void *out, const void *in, const int64_t *places, int64_t k, int64_t outer,
             int64_t n, int64_t inner, size_t size) {
    take_job j = { out, in, places, k, n, (size_t)inner * size, false };
    take(pool, &j, outer * k);
}

void sn_put(sn_pool *pool, void *out, const int64_t *places, const void *in, int64_t k, int64_t inner,
            size_t size) {
    take_job j = { out, in, places, k, 0, (size_t)inner * size, true };
    take(pool, &j, k);
}
