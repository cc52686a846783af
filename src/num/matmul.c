#include "num/matmul.h"

#include "base/mem.h"
#include "num/gemm.h"
#include "num/ops.h"

/* Matrices of a stack: the leading axes, and the two sizes. */
typedef struct {
    sn_shape lead;
    int64_t rows, cols;
} stack;

static stack stack_of(const sn_shape *s, bool right) {
    stack t = { .lead = *s, .rows = 1, .cols = 1 };
    if (s->n == 1) {
        *(right ? &t.rows : &t.cols) = s->d[0];
        t.lead.n = 0;
    } else {
        t.rows = s->d[s->n - 2];
        t.cols = s->d[s->n - 1];
        t.lead.n = s->n - 2;
    }
    return t;
}

sn_status sn_matmul_shape(sn_shape *out, const sn_shape *a, const sn_shape *b, sn_err *e) {
    char ta[120], tb[120];
    if (a->n < 1 || b->n < 1)
        return sn_fail(e, SN_ESHAPE, "matmul: wants vectors or matrices, got shapes %s and %s",
                       sn_shape_text(a, false, ta, sizeof ta), sn_shape_text(b, false, tb, sizeof tb));
    stack s = stack_of(a, false), t = stack_of(b, true);
    if (s.cols != t.rows)
        return sn_fail(
            e, SN_ESHAPE,
            "matmul: shapes %s and %s do not fit: the rows of the first have %lld numbers, the columns "
            "of the second %lld; perhaps one of them is to be transposed: t:transpose()",
            sn_shape_text(a, false, ta, sizeof ta), sn_shape_text(b, false, tb, sizeof tb), (long long)s.cols,
            (long long)t.rows);
    sn_status status = sn_broadcast(out, &s.lead, &t.lead, "matmul: leading axes", e);
    if (status) return status;
    if (a->n > 1) out->d[out->n++] = s.rows;
    if (b->n > 1) out->d[out->n++] = t.cols;
    return SN_OK;
}

/* The number of the matrix in a stack that belongs to matrix i of the result. */
static int64_t source_of(const sn_shape *lead, const sn_shape *result, int64_t i) {
    int64_t at = 0, step = 1;
    for (int d = result->n - 1, k = lead->n - 1; d >= 0; d--, k--) {
        int64_t pos = i % result->d[d];
        i /= result->d[d];
        if (k < 0) break;
        if (lead->d[k] > 1) at += pos * step;
        step *= lead->d[k];
    }
    return at;
}

typedef struct {
    sn_tensor *out;
    const sn_tensor *a, *b;
    stack s, t;
    sn_shape lead;
    int64_t m, n, k, count, group;
    sn_pool *pool;
    void *scratch;
} job;

static const void *element(const sn_tensor *t, int64_t i) {
    return (const char *)t->data + (size_t)i * sn_dtype_size(t->dtype);
}

static void run_small(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    int64_t from = cell * j->group, to = j->count - from < j->group ? j->count : from + j->group;
    for (int64_t i = from; i < to; i++) {
        const void *a = element(j->a, source_of(&j->s.lead, &j->lead, i) * j->m * j->k);
        const void *b = element(j->b, source_of(&j->t.lead, &j->lead, i) * j->k * j->n);
        void *c = (void *)(uintptr_t)element(j->out, i * j->m * j->n);
        if (j->out->dtype == SN_F32)
            sn_gemm1_f32(c, j->n, a, j->k, false, b, j->n, false, j->m, j->n, j->k, false);
        else
            sn_gemm1_f64(c, j->n, a, j->k, false, b, j->n, false, j->m, j->n, j->k, false);
    }
}

/* An interrupt waits for the tiles at work, so that no tile should take long: the inner dimension is cut. */
static int64_t panel_of(int64_t m, int64_t n, int64_t k) {
    enum { TILE = 512, WORK = 1 << 28 };
    int64_t rows = m < TILE ? m : TILE, cols = n < TILE ? n : TILE, most = WORK / (rows * cols);
    return k < most ? k : most;
}

static void multiply(const job *j, int64_t i) {
    const void *a = element(j->a, source_of(&j->s.lead, &j->lead, i) * j->m * j->k);
    const void *b = element(j->b, source_of(&j->t.lead, &j->lead, i) * j->k * j->n);
    void *c = (void *)(uintptr_t)element(j->out, i * j->m * j->n);
    int64_t panel = panel_of(j->m, j->n, j->k);
    for (int64_t l = 0; l < j->k && !sn_pool_cancelled(j->pool); l += panel) {
        int64_t k = j->k - l < panel ? j->k - l : panel;
        if (j->out->dtype == SN_F32)
            sn_gemm_f32(j->pool, c, j->n, (const float *)a + l, j->k, false, (const float *)b + l * j->n, j->n,
                        false, j->m, j->n, k, l > 0, j->scratch);
        else
            sn_gemm_f64(j->pool, c, j->n, (const double *)a + l, j->k, false, (const double *)b + l * j->n,
                        j->n, false, j->m, j->n, k, l > 0, j->scratch);
    }
}

sn_status sn_matmul(sn_pool *pool, sn_tensor *out, const sn_tensor *a, const sn_tensor *b, sn_err *e) {
    enum { SMALL = 1 << 20 };
    job j = { .out = out,
              .a = a,
              .b = b,
              .s = stack_of(&a->shape, false),
              .t = stack_of(&b->shape, true),
              .pool = pool };
    sn_status status = sn_broadcast(&j.lead, &j.s.lead, &j.t.lead, "matmul", e);
    if (status) return status;
    j.m = j.s.rows, j.n = j.t.cols, j.k = j.s.cols;
    j.count = sn_shape_count(&j.lead);
    if (sn_shape_count(&out->shape) == 0) return SN_OK;
    double work = (double)j.m * (double)j.n * (double)j.k;
    if (j.k == 0 || (j.count > 1 && work < SMALL)) {
        j.group = 1 + (int64_t)(SMALL / (1 + work + (double)(j.m * j.n)));
        sn_parallel(pool, (j.count + j.group - 1) / j.group, run_small, &j);
    } else {
        int64_t panel = panel_of(j.m, j.n, j.k), rest = j.k % panel;
        size_t want = sn_gemm_scratch(j.m, j.n, panel), last = rest ? sn_gemm_scratch(j.m, j.n, rest) : 0;
        if (last > want) want = last;
        if (want && !(j.scratch = sn_alloc(want * sn_dtype_size(out->dtype), "a matrix product", e)))
            return SN_ENOMEM;
        for (int64_t i = 0; i < j.count && !sn_pool_cancelled(pool); i++) multiply(&j, i);
        sn_free(j.scratch);
    }
    return sn_pool_cancelled(pool) ? sn_fail(e, SN_ECANCEL, "interrupted") : SN_OK;
}
