#include "num/order.h"

#include "base/mem.h"
#include "num/block.h"
#include "num/vec.h"
#include <string.h>

/* key: a whole number that is ordered as the values are */
typedef struct {
    int64_t key, at;
} item;

static int64_t key_of_real(double v) {
    int64_t bits;
    if (v != v) return INT64_MAX;
    if (v == 0) v = 0; /* -0 is equal to 0 */
    memcpy(&bits, &v, sizeof bits);
    return bits < 0 ? bits ^ INT64_MAX : bits; /* negative ones the other way round */
}

/* Keys of n <= SN_BLOCK elements, from `from` on, `step` apart. */
static void load_keys(int64_t *key, const sn_tensor *t, int64_t from, int64_t step, size_t n) {
    double room[SN_BLOCK];
    bool whole = !sn_dtype_float(t->dtype);
    void *to = whole ? (void *)key : room;
    if (step == 1) sn_block_load(to, whole ? SN_I64 : SN_F64, t->data, t->dtype, from, n);
    for (size_t i = 0; step != 1 && i < n; i++)
        sn_block_load((char *)to + i * sizeof *key, whole ? SN_I64 : SN_F64, t->data, t->dtype,
                      from + (int64_t)i * step, 1);
    for (size_t i = 0; !whole && i < n; i++) key[i] = key_of_real(room[i]);
}

/* Runs of RUN items are sorted by themselves, then merged pairwise. */
enum { RUN = 4096, LEAST = 16 };

typedef struct {
    const sn_tensor *in;
    sn_tensor *place;
    int64_t outer, n, inner, keep;
    bool descending;
    item *from, *to;
    int64_t line;  /* of outer * inner */
    int64_t width; /* of what is sorted already */
    int64_t group; /* lines in a cell, where all of a line is one run */
    sn_pool *pool;
} job;

static void insertion_sort(item *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        item v = a[i];
        int64_t k = i;
        for (; k > 0 && a[k - 1].key > v.key; k--) a[k] = a[k - 1];
        a[k] = v;
    }
}

static void merge(item *out, const item *a, int64_t na, const item *b, int64_t nb) {
    while (na > 0 && nb > 0) {
        bool second = b->key < a->key;
        *out++ = second ? *b : *a;
        b += second, nb -= second;
        a += !second, na -= !second;
    }
    memcpy(out, a, (size_t)na * sizeof *a);
    memcpy(out + na, b, (size_t)nb * sizeof *b);
}

/* Sorts a[0, n), n <= RUN; spare is as large. */
static void sort_run(item *a, item *spare, int64_t n) {
    for (int64_t i = 0; i < n; i += LEAST) insertion_sort(a + i, n - i < LEAST ? n - i : LEAST);
    item *from = a, *to = spare;
    for (int64_t w = LEAST; w < n; w *= 2) {
        for (int64_t i = 0; i < n; i += 2 * w) {
            int64_t na = n - i < w ? n - i : w, nb = n - i - na < w ? n - i - na : w;
            merge(to + i, from + i, na, from + i + na, nb);
        }
        item *t = from;
        from = to, to = t;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof *a);
}

static void load(const job *j, item *a, int64_t line, int64_t from, int64_t n) {
    int64_t base = line / j->inner * j->n * j->inner + line % j->inner, key[SN_BLOCK];
    unsigned mode = sn_exact_begin();
    for (int64_t at = 0; at < n; at += SN_BLOCK) {
        int64_t some = n - at < SN_BLOCK ? n - at : SN_BLOCK;
        load_keys(key, j->in, base + (from + at) * j->inner, j->inner, (size_t)some);
        for (int64_t i = 0; i < some; i++)
            a[at + i] = (item){ j->descending ? ~key[i] : key[i], from + at + i };
    }
    sn_exact_end(mode);
}

static void store(const job *j, const item *a, int64_t line, int64_t from, int64_t to) {
    int64_t *place = j->place->data;
    int64_t base = line / j->inner * j->keep * j->inner + line % j->inner;
    for (int64_t i = from; i < to; i++) place[base + i * j->inner] = a[i].at;
}

/* ---- short lines: each within a cell ---- */

static void run_short(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    item a[RUN], spare[RUN];
    int64_t lines = j->outer * j->inner, from = cell * j->group,
            to = lines - from < j->group ? lines : from + j->group;
    for (int64_t l = from; l < to; l++) {
        load(j, a, l, 0, j->n);
        sort_run(a, spare, j->n);
        store(j, a, l, 0, j->keep);
    }
}

/* ---- long lines: one after another, each on the whole pool ---- */

static void run_first(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    int64_t at = cell * RUN, n = j->n - at < RUN ? j->n - at : RUN;
    load(j, j->from + at, j->line, at, n);
    sort_run(j->from + at, j->to + at, n);
}

/* How many of a come before position k of the merger of a and b. */
static int64_t share_of(const item *a, int64_t na, const item *b, int64_t nb, int64_t k) {
    int64_t lo = k > nb ? k - nb : 0, hi = k < na ? k : na;
    while (lo < hi) {
        int64_t i = lo + (hi - lo) / 2;
        if (b[k - i - 1].key < a[i].key)
            hi = i;
        else
            lo = i + 1;
    }
    return lo;
}

/* RUN positions of the merger of two neighbors of `width` items. */
static void run_merge(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    int64_t at = cell * RUN, pair = at / (2 * j->width) * 2 * j->width, left = j->n - pair;
    int64_t na = left < j->width ? left : j->width, nb = left - na < j->width ? left - na : j->width;
    const item *a = j->from + pair, *b = a + na;
    int64_t k0 = at - pair, k1 = na + nb - k0 < RUN ? na + nb : k0 + RUN;
    int64_t i0 = share_of(a, na, b, nb, k0), i1 = share_of(a, na, b, nb, k1);
    merge(j->to + at, a + i0, i1 - i0, b + (k0 - i0), (k1 - i1) - (k0 - i0));
}

static void run_store(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    store(j, j->from, j->line, (int64_t)from, (int64_t)to);
}

static void sort_long(job *j) {
    int64_t cells = (j->n + RUN - 1) / RUN;
    sn_parallel(j->pool, cells, run_first, j);
    for (j->width = RUN; j->width < j->n && !sn_pool_cancelled(j->pool); j->width *= 2) {
        sn_parallel(j->pool, cells, run_merge, j);
        item *t = j->from;
        j->from = j->to, j->to = t;
    }
    if (!sn_pool_cancelled(j->pool)) sn_for_ranges(j->pool, (size_t)j->keep, SN_CHUNK, run_store, j);
}

sn_status sn_argsort(sn_pool *pool, sn_tensor *place, const sn_tensor *in, int64_t outer, int64_t n,
                     int64_t inner, bool descending, int64_t keep, sn_err *e) {
    int64_t lines = outer * inner;
    job j = { .in = in, .place = place, .outer = outer, .n = n, .inner = inner, .keep = keep, .pool = pool };
    j.descending = descending;
    if (lines == 0 || keep == 0) return SN_OK;
    if (n <= RUN) {
        j.group = 1 + RUN / n;
        sn_parallel(pool, (lines + j.group - 1) / j.group, run_short, &j);
    } else {
        item *room = sn_alloc((size_t)n * 2 * sizeof *room, "sorting", e);
        if (!room) return SN_ENOMEM;
        for (; j.line < lines && !sn_pool_cancelled(pool); j.line++) {
            j.from = room;
            j.to = room + n;
            sort_long(&j);
        }
        sn_free(room);
    }
    return sn_pool_cancelled(pool) ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}

/* ---- picking ---- */

typedef struct {
    sn_tensor *out;
    const sn_tensor *in;
    const int64_t *place;
    int64_t n, keep, inner;
} pick_job;

static void run_pick(void *ctx, size_t from, size_t to) {
    const pick_job *j = ctx;
    size_t size = sn_dtype_size(j->in->dtype);
    for (int64_t i = (int64_t)from; i < (int64_t)to; i++) {
        int64_t o = i / (j->keep * j->inner), c = i % j->inner;
        int64_t source = (o * j->n + j->place[i]) * j->inner + c;
        memcpy((char *)j->out->data + (size_t)i * size, (const char *)j->in->data + (size_t)source * size,
               size);
    }
}

void sn_pick(sn_pool *pool, sn_tensor *out, const sn_tensor *in, const sn_tensor *place, int64_t outer,
             int64_t n, int64_t keep, int64_t inner) {
    pick_job j = { out, in, place->data, n, keep, inner };
    sn_for_ranges(pool, (size_t)(outer * keep * inner), SN_CHUNK, run_pick, &j);
}
