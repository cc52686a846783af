#include "num/reduce.h"

#include "base/mem.h"
#include "num/block.h"
#include "num/vec.h"
#include <math.h>

#define INLINE static inline __attribute__((always_inline))

/* What is done with each element; mean, var, ... are made of these. */
typedef enum {
    STEP_SUM,
    STEP_SQ,
    STEP_DEV,
    STEP_PROD,
    STEP_MIN,
    STEP_MAX,
    STEP_ARGMIN,
    STEP_ARGMAX,
    STEP_ANY,
    STEP_ALL,
    STEPS
} step_op;

typedef struct {
    void (*start)(void *acc);
    void (*line)(void *acc, const void *x, size_t n, double mid, int64_t at);
    void (*row)(void *acc, const void *x, size_t n, const double *mid, int64_t at);
    void (*join)(void *acc, const void *later);
} kernels;

#define T         double
#define WIDE      double
#define SUFFIX    f64
#define IS_NAN(v) ((v) != (v))
#include "num/reduce.inc.h"

/* Sums wrap around, as Lua's integers do. */
#define T         int64_t
#define WIDE      uint64_t
#define SUFFIX    i64
#define IS_NAN(v) false
#include "num/reduce.inc.h"

/* The kernels see an array of one of the two. */
typedef union {
    acc_f64 f;
    acc_i64 i;
} acc;
_Static_assert(sizeof(acc_f64) == sizeof(acc) && sizeof(acc_i64) == sizeof(acc), "accumulators of one size");

sn_dtype sn_reduce_dtype(sn_reduction op, sn_dtype dtype) {
    switch (op) {
    case SN_RED_ARGMIN:
    case SN_RED_ARGMAX: return SN_I64;
    case SN_RED_ANY:
    case SN_RED_ALL: return SN_U8;
    case SN_RED_MIN:
    case SN_RED_MAX: return dtype;
    case SN_RED_SUM:
    case SN_RED_PROD: return sn_dtype_float(dtype) ? dtype : SN_I64;
    default: return sn_dtype_float(dtype) ? dtype : SN_F32;
    }
}

bool sn_reduce_has_empty(sn_reduction op) {
    return op == SN_RED_SUM || op == SN_RED_PROD || op == SN_RED_NORM || op == SN_RED_ANY || op == SN_RED_ALL;
}

static step_op step_of(sn_reduction op) {
    switch (op) {
    case SN_RED_PROD: return STEP_PROD;
    case SN_RED_VAR:
    case SN_RED_STD: return STEP_DEV;
    case SN_RED_NORM: return STEP_SQ;
    case SN_RED_MIN: return STEP_MIN;
    case SN_RED_MAX: return STEP_MAX;
    case SN_RED_ARGMIN: return STEP_ARGMIN;
    case SN_RED_ARGMAX: return STEP_ARGMAX;
    case SN_RED_ANY: return STEP_ANY;
    case SN_RED_ALL: return STEP_ALL;
    default: return STEP_SUM;
    }
}

/* ---- the grid ---- */

/* in (outer, n, inner). Rows, inner = 1: a cell reduces a piece of one row, or some whole short rows. Columns:
 * a cell reduces a piece of the rows for up to SN_BLOCK columns. */
enum { MAX_PIECES = 256 };

typedef struct {
    const kernels *k;
    const sn_tensor *in;
    sn_dtype calc;
    int64_t outer, n, inner;
    int64_t width, blocks; /* columns in a cell; cells side by side */
    int64_t piece, pieces; /* rows in a cell; cells below one another */
    int64_t group;         /* so many of outer in a cell */
    acc *part;             /* [pieces][outer * inner] */
    const double *mid;     /* of each output, or NULL */
    sn_pool *pool;
} job;

static int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }

static void cut(job *j) {
    j->width = j->inner < SN_BLOCK ? j->inner : SN_BLOCK;
    j->blocks = parts(j->inner, j->width);
    j->piece = parts(SN_CHUNK, j->width);
    while (parts(j->n, j->piece) > MAX_PIECES) j->piece *= 2;
    /* Where other cells keep the threads busy, pieces would only cost memory. */
    if (j->outer * j->blocks >= MAX_PIECES) j->piece = j->n > 0 ? j->n : 1;
    j->pieces = j->n > 0 ? parts(j->n, j->piece) : 1;
    j->group = 1;
    if (j->pieces == 1 && j->blocks == 1) j->group = 1 + SN_CHUNK / (1 + j->n * j->width);
}

/* One row or a piece of it. */
static void reduce_row(const job *j, acc *a, int64_t o, int64_t from, int64_t to) {
    double room[SN_BLOCK];
    int64_t base = o * j->n;
    double mid = j->mid ? j->mid[o] : 0;
    bool direct = j->in->dtype == j->calc;
    for (int64_t at = from; at < to; at += SN_BLOCK) {
        size_t n = (size_t)(to - at < SN_BLOCK ? to - at : SN_BLOCK);
        const void *x = (const char *)j->in->data + (size_t)(base + at) * sizeof room[0];
        if (!direct) sn_block_load(room, j->calc, j->in->data, j->in->dtype, base + at, n), x = room;
        j->k->line(a, x, n, mid, at);
        if ((at - from) % (1 << 20) == 0 && sn_pool_cancelled(j->pool)) return;
    }
}

/* Columns [c, c + width) of the rows from .. to. Every 512 rows the sums start anew and are joined: less error.
 */
static void reduce_columns(const job *j, acc *a, int64_t o, int64_t c, int64_t from, int64_t to) {
    enum { FLUSH = 512 };
    double room[SN_BLOCK];
    acc some[SN_BLOCK];
    size_t n = (size_t)(j->inner - c < j->width ? j->inner - c : j->width);
    bool direct = j->in->dtype == j->calc;
    const double *mid = j->mid ? j->mid + o * j->inner + c : NULL;
    for (int64_t begin = from; begin < to; begin += FLUSH) {
        int64_t end = to - begin < FLUSH ? to : begin + FLUSH;
        for (size_t i = 0; i < n; i++) j->k->start(&some[i]);
        for (int64_t r = begin; r < end; r++) {
            int64_t first = (o * j->n + r) * j->inner + c;
            const void *x = (const char *)j->in->data + (size_t)first * sizeof room[0];
            if (!direct) sn_block_load(room, j->calc, j->in->data, j->in->dtype, first, n), x = room;
            j->k->row(some, x, n, mid, r);
        }
        for (size_t i = 0; i < n; i++) j->k->join(&a[i], &some[i]);
        if (sn_pool_cancelled(j->pool)) return;
    }
}

static void run_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    int64_t p = cell % j->pieces, b = cell / j->pieces % j->blocks, o = cell / j->pieces / j->blocks * j->group;
    int64_t from = p * j->piece, to = j->n - from < j->piece ? j->n : from + j->piece, c = b * j->width;
    int64_t end = j->outer - o < j->group ? j->outer : o + j->group;
    unsigned mode = sn_exact_begin();
    for (; o < end; o++) {
        acc *a = j->part + (p * j->outer + o) * j->inner + c;
        for (int64_t i = 0; i < j->width && c + i < j->inner; i++) j->k->start(&a[i]);
        if (j->inner == 1)
            reduce_row(j, a, o, from, to);
        else
            reduce_columns(j, a, o, c, from, to);
    }
    sn_exact_end(mode);
}

static void run_job(job *j) {
    sn_parallel(j->pool, parts(j->outer, j->group) * j->blocks * j->pieces, run_cell, j);
    int64_t outputs = j->outer * j->inner;
    if (sn_pool_cancelled(j->pool)) return;
    for (int64_t p = 1; p < j->pieces; p++)
        for (int64_t i = 0; i < outputs; i++) j->k->join(&j->part[i], &j->part[p * outputs + i]);
}

/* ---- results ---- */

static double value_of(const job *j, const acc *a) { return j->calc == SN_I64 ? (double)a->i.v : a->f.v; }

static void write(const job *j, sn_reduction op, sn_tensor *out, int64_t i, int64_t ddof) {
    const acc *a = &j->part[i];
    double v = value_of(j, a), n = (double)j->n;
    switch (op) {
    case SN_RED_ARGMIN:
    case SN_RED_ARGMAX:
        sn_block_store(out->data, out->dtype, i, j->calc == SN_I64 ? &a->i.at : &a->f.at, SN_I64, 1);
        return;
    case SN_RED_MEAN: v /= n; break;
    case SN_RED_VAR: v /= n - (double)ddof; break;
    case SN_RED_STD: v = sqrt(v / (n - (double)ddof)); break;
    case SN_RED_NORM: v = sqrt(v); break;
    default:
        if (j->calc != SN_I64) break;
        sn_block_store(out->data, out->dtype, i, &a->i.v, SN_I64, 1); /* all its bits */
        return;
    }
    sn_block_store(out->data, out->dtype, i, &v, SN_F64, 1);
}

sn_status sn_reduce(sn_pool *pool, sn_tensor *out, sn_reduction op, const sn_tensor *in, int64_t outer,
                    int64_t n, int64_t inner, int64_t ddof, sn_err *e) {
    int64_t outputs = outer * inner;
    if (outputs == 0) return SN_OK;
    bool deviation = op == SN_RED_VAR || op == SN_RED_STD;
    bool whole = !sn_dtype_float(in->dtype) && !deviation && op != SN_RED_NORM;
    job j = { .in = in, .calc = whole ? SN_I64 : SN_F64, .outer = outer, .n = n, .inner = inner, .pool = pool };
    j.k = &(whole ? kernels_i64 : kernels_f64)[deviation ? STEP_SUM : step_of(op)];
    cut(&j);
    j.part = sn_alloc((size_t)(outputs * j.pieces) * sizeof *j.part, "partial results of a reduction", e);
    double *mid =
        deviation && j.part ? sn_alloc((size_t)outputs * sizeof *mid, "means of a reduction", e) : NULL;
    if (!j.part || (deviation && !mid)) {
        sn_free(j.part);
        return SN_ENOMEM;
    }
    run_job(&j);
    if (deviation) {
        for (int64_t i = 0; i < outputs; i++) mid[i] = value_of(&j, &j.part[i]) / (double)n;
        j.mid = mid;
        j.k = &kernels_f64[STEP_DEV];
        run_job(&j);
    }
    bool cancelled = sn_pool_cancelled(pool);
    for (int64_t i = 0; !cancelled && i < outputs; i++) write(&j, op, out, i, ddof);
    sn_free(j.part);
    sn_free(mid);
    return cancelled ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}

/* ---- running sums ---- */

typedef struct {
    sn_tensor *out;
    const sn_tensor *in;
    int64_t outer, n, inner, width, blocks, group;
    sn_dtype calc;
    sn_pool *pool;
} cumsum_job;

static void cumsum_columns(const cumsum_job *j, int64_t o, int64_t c) {
    double room[SN_BLOCK], sum[SN_BLOCK] = { 0 };
    int64_t whole[SN_BLOCK], total[SN_BLOCK] = { 0 };
    size_t n = (size_t)(j->inner - c < j->width ? j->inner - c : j->width);
    for (int64_t r = 0; r < j->n; r++) {
        int64_t first = (o * j->n + r) * j->inner + c;
        if (j->calc == SN_I64) {
            sn_block_load(whole, SN_I64, j->in->data, j->in->dtype, first, n);
            for (size_t i = 0; i < n; i++) total[i] = (int64_t)((uint64_t)total[i] + (uint64_t)whole[i]);
            sn_block_store(j->out->data, j->out->dtype, first, total, SN_I64, n);
        } else {
            sn_block_load(room, SN_F64, j->in->data, j->in->dtype, first, n);
            for (size_t i = 0; i < n; i++) sum[i] += room[i];
            sn_block_store(j->out->data, j->out->dtype, first, sum, SN_F64, n);
        }
        if (r % 4096 == 0 && sn_pool_cancelled(j->pool)) return;
    }
}

static void run_cumsum(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const cumsum_job *j = ctx;
    int64_t o = cell / j->blocks * j->group, end = j->outer - o < j->group ? j->outer : o + j->group;
    unsigned mode = sn_exact_begin();
    for (; o < end; o++) cumsum_columns(j, o, cell % j->blocks * j->width);
    sn_exact_end(mode);
}

void sn_cumsum(sn_pool *pool, sn_tensor *out, const sn_tensor *in, int64_t outer, int64_t n, int64_t inner) {
    if (outer * n * inner == 0) return;
    cumsum_job j = { out, in, outer, n, inner, .pool = pool };
    j.calc = sn_dtype_float(in->dtype) ? SN_F64 : SN_I64;
    j.width = inner < SN_BLOCK ? inner : SN_BLOCK;
    j.blocks = parts(inner, j.width);
    j.group = j.blocks == 1 ? 1 + SN_CHUNK / (n * j.width) : 1;
    sn_parallel(pool, parts(outer, j.group) * j.blocks, run_cumsum, &j);
}

/* ---- statistics for printing ---- */

typedef struct {
    const sn_tensor *t;
    int64_t count, pieces, length;
    sn_digest *part;
} digest_job;

enum { DIGEST_PIECE = SN_CHUNK, DIGEST_PIECES = 1024 };

static void add_value(sn_digest *s, double *sum, double v) {
    s->zeros += v == 0;
    if (v != v)
        s->nans++;
    else if (v - v != 0)
        s->infs++;
    else {
        *sum += v;
        if (!(v >= s->min)) s->min = v;
        if (!(v <= s->max)) s->max = v;
    }
}

static void run_digest(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const digest_job *j = ctx;
    double room[SN_BLOCK], sum = 0;
    /* Pieces follow one another, or stand as far apart as they can. */
    int64_t last = j->count - j->length, from = cell * j->length;
    if (j->pieces * j->length < j->count)
        from = (int64_t)((double)last * (double)cell / (double)(j->pieces - 1));
    int64_t to = j->count - from < j->length ? j->count : from + j->length;
    sn_digest s = { .seen = to - from, .min = NAN, .max = NAN };
    unsigned mode = sn_exact_begin();
    for (int64_t at = from; at < to; at += SN_BLOCK) {
        size_t n = (size_t)(to - at < SN_BLOCK ? to - at : SN_BLOCK);
        sn_block_load(room, SN_F64, j->t->data, j->t->dtype, at, n);
        for (size_t i = 0; i < n; i++) add_value(&s, &sum, room[i]);
    }
    sn_exact_end(mode);
    s.mean = sum; /* for now */
    j->part[cell] = s;
}

void sn_digest_of(sn_pool *pool, sn_digest *out, const sn_tensor *t, int64_t most) {
    sn_digest part[DIGEST_PIECES] = { 0 }, all = { .count = sn_shape_count(&t->shape), .min = NAN, .max = NAN };
    int64_t look = all.count <= most ? all.count : most;
    digest_job j = { .t = t, .count = all.count, .length = DIGEST_PIECE, .part = part };
    while (parts(look, j.length) > DIGEST_PIECES) j.length *= 2;
    j.pieces = parts(look, j.length);
    sn_parallel(pool, j.pieces, run_digest, &j);
    double sum = 0;
    for (int64_t i = 0; i < j.pieces; i++) {
        const sn_digest *s = &part[i];
        all.seen += s->seen;
        all.nans += s->nans;
        all.infs += s->infs;
        all.zeros += s->zeros;
        if (!s->seen || s->nans + s->infs == s->seen) continue;
        sum += s->mean;
        if (!(s->min >= all.min)) all.min = s->min;
        if (!(s->max <= all.max)) all.max = s->max;
    }
    int64_t finite = all.seen - all.nans - all.infs;
    all.mean = finite ? sum / (double)finite : NAN;
    *out = all;
}
