#include "num/gemm.h"

#include "num/gemm_kern.h"
#include "num/kern.h"
#include "num/real.h"
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#ifdef SN_F64
#    define BLAS_GEMM cblas_dgemm
#else
#    define BLAS_GEMM cblas_sgemm
#endif

/* How m x n x k is cut: tiles of tm x tn outputs, each over tk of the inner dimension. A function of the sizes
 * only. */
typedef struct {
    int64_t tm, tn, tk, nm, nn, nk;
} grid;

static int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }
static int64_t even(int64_t n, int64_t count) { return (parts(n, count) + 15) / 16 * 16; }

/* A single-threaded OpenBLAS product reaches some 95 % of its speed at 512 x 512 and 80 % at 128 x 128, so
 * tiles start large and are halved until there are enough for the threads of a usual machine, but never below
 * work that would be lost in the cost of handing it out. If there are still few, the inner dimension is cut too
 * (split-K). */
enum { TILE = 512, ENOUGH = 16, LEAST_TILE = 128, LEAST_WORK = 1 << 20, SLICES = 32, LEAST_SLICE = 512 };

/* Up to so many multiplications the float kernels of our own are ahead of OpenBLAS, which packs both matrices;
 * not where columns leave much of a vector empty. Both precisions are cut alike. */
static bool is_small(int64_t m, int64_t n, int64_t k) {
    enum { MOST = 1 << 26, EDGE = 1 << 15, INNER = 1 << 12, WIDTH = 16 };
    int64_t empty = parts(n, WIDTH) * WIDTH - n;
    return m <= EDGE && n <= EDGE && k <= INNER && m * n * k <= MOST && 8 * empty <= n;
}

/* A small product in cells of at least SHARE multiplications, whole in the inner dimension: they cost a few
 * microseconds, handing them out a part of one. */
static grid small_grid(int64_t m, int64_t n, int64_t k) {
    enum { SHARE = 1 << 17, ROWS = 24, COLS = 32 }; /* multiples of what the kernels keep in registers */
    grid g = { .tk = k, .nk = 1 };
    int64_t rows = parts(m, ROWS), cols = parts(n, COLS), want = m * n * k / SHARE;
    if (want > ENOUGH) want = ENOUGH;
    int64_t nm = 1, nn = 1;
    while (nm * nn < want && (nm < rows || nn < cols)) {
        if (nn >= cols || (nm < rows && parts(rows, nm) >= parts(cols, nn)))
            nm *= 2;
        else
            nn *= 2;
    }
    g.tm = parts(rows, nm) * ROWS;
    g.tn = parts(cols, nn) * COLS;
    g.nm = parts(m, g.tm);
    g.nn = parts(n, g.tn);
    return g;
}

static grid grid_of(int64_t m, int64_t n, int64_t k) {
    if (is_small(m, n, k)) return small_grid(m, n, k);
    grid g = { .tm = TILE, .tn = TILE, .tk = k, .nk = 1 };
    if (g.tm > m) g.tm = m;
    if (g.tn > n) g.tn = n;
    while (parts(m, g.tm) * parts(n, g.tn) < ENOUGH) {
        int64_t *longer = g.tm >= g.tn ? &g.tm : &g.tn;
        if (*longer < 2 * LEAST_TILE || (double)g.tm * (double)g.tn * (double)k < 2.0 * LEAST_WORK) break;
        *longer = (*longer + 1) / 2;
    }
    g.nm = parts(m, g.tm);
    g.nn = parts(n, g.tn);
    g.tm = even(m, g.nm);
    g.tn = even(n, g.nn);
    g.nm = parts(m, g.tm);
    g.nn = parts(n, g.tn);
    int64_t cells = g.nm * g.nn, slices = parts(SLICES, cells);
    if (cells >= ENOUGH || (double)m * (double)n * (double)k < 4.0 * LEAST_WORK) return g;
    if (slices > k / LEAST_SLICE) slices = k / LEAST_SLICE;
    if (slices < 2) return g;
    g.tk = even(k, slices);
    g.nk = parts(k, g.tk);
    return g;
}

#ifndef SN_F64
size_t sn_gemm_scratch(int64_t m, int64_t n, int64_t k) {
    if (m <= 0 || n <= 0 || k <= 0) return 0;
    grid g = grid_of(m, n, k);
    return g.nk > 1 ? (size_t)g.nk * (size_t)m * (size_t)n : 0;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

size_t sn_gemm_scratch_rows(int64_t m, int64_t n, int64_t k) {
    size_t most = 0;
    if (m > ENOUGH * TILE) m = ENOUGH * TILE; /* more rows make tiles enough: no split */
    for (int64_t i = 1; i <= m; i++) most = larger(most, sn_gemm_scratch(i, n, k));
    return most;
}

size_t sn_gemm_scratch_inner(int64_t m, int64_t n, int64_t k) {
    size_t most = 0;
    /* From TOP on tiles are as small as they get and there are as many slices as are wanted; over the last
     * numbers below it, one divides by them without a rest. */
    enum { TOP = 2 * LEAST_WORK / LEAST_TILE + 16 * SLICES };
    for (int64_t i = LEAST_SLICE; i <= k && i <= TOP; i++) most = larger(most, sn_gemm_scratch(m, n, i));
    return most;
}

char *sn_gemm_text(int64_t m, int64_t n, int64_t k, char *buf, size_t size) {
    grid g = grid_of(m, n, k);
    snprintf(buf, size, "%s %lldx%lld/%lld", is_small(m, n, k) ? "gemm" : "blas",
             (long long)(g.tm < m ? g.tm : m), (long long)(g.tn < n ? g.tn : n),
             (long long)(g.nm * g.nn * g.nk));
    return buf;
}

const char *sn_gemm_corename(void) { return openblas_get_corename(); }
#endif

/* The pool has the threads; OpenBLAS's own would make bits depend on their number. */
static void single_thread(void) { openblas_set_num_threads(1); }
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* For strides that cblas's 32-bit integers cannot express. */
static void plain(real *c, int64_t ldc, const real *a, int64_t lda, bool ta, const real *b, int64_t ldb,
                  bool tb, int64_t m, int64_t n, int64_t k, bool accumulate) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double s = 0;
            for (int64_t l = 0; l < k; l++)
                s += (double)(ta ? a[l * lda + i] : a[i * lda + l]) *
                     (double)(tb ? b[j * ldb + l] : b[l * ldb + j]);
            c[i * ldc + j] = (real)s + (accumulate ? c[i * ldc + j] : 0);
        }
}

#ifndef SN_F64
extern const sn_gemm_kern sn_gemm_kern_base;
#    if defined(__x86_64__)
extern const sn_gemm_kern sn_gemm_kern_v3, sn_gemm_kern_v4;
#    endif

const sn_gemm_kern *sn_gemm_kernels(const char *isa) {
#    if defined(__x86_64__)
    if (strcmp(isa, "v4") == 0) return &sn_gemm_kern_v4;
    if (strcmp(isa, "v3") == 0) return &sn_gemm_kern_v3;
#    endif
    (void)isa;
    return &sn_gemm_kern_base;
}

const sn_gemm_kern *sn_gemm_kern_now(void) { return sn_gemm_kernels(sn_kern_f32()->isa); }
#endif

void SN_R(sn_gemm1)(real *c, int64_t ldc, const real *a, int64_t lda, bool ta, const real *b, int64_t ldb,
                    bool tb, int64_t m, int64_t n, int64_t k, bool accumulate) {
    enum { MOST = 1 << 30 };
    if (m <= 0 || n <= 0) return;
    if (lda > INT_MAX || ldb > INT_MAX || ldc > INT_MAX || k <= 0) {
        plain(c, ldc, a, lda, ta, b, ldb, tb, m, n, k, accumulate);
        return;
    }
#ifndef SN_F64
    if (is_small(m, n, k)) {
        sn_gemm_kern_now()->product(c, ldc, a, ta ? 1 : lda, ta ? lda : 1, b, ldb, tb, m, n, k, accumulate);
        return;
    }
#endif
    pthread_once(&once, single_thread);
    for (int64_t i = 0; i < m; i += MOST)
        for (int64_t j = 0; j < n; j += MOST)
            for (int64_t l = 0; l < k; l += MOST) {
                int64_t mm = m - i < MOST ? m - i : MOST, nn = n - j < MOST ? n - j : MOST;
                int64_t kk = k - l < MOST ? k - l : MOST;
                BLAS_GEMM(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                          (int)mm, (int)nn, (int)kk, 1, ta ? a + l * lda + i : a + i * lda + l, (int)lda,
                          tb ? b + j * ldb + l : b + l * ldb + j, (int)ldb, accumulate || l > 0 ? 1 : 0,
                          c + i * ldc + j, (int)ldc);
            }
}

#define gemm1 SN_R(sn_gemm1)

typedef struct {
    grid g;
    real *c, *slot;
    const real *a, *b;
    int64_t m, n, k, ldc, lda, ldb;
    bool ta, tb, accumulate;
} job;

/* Slices of one tile are neighbours: they share its rows of a and columns of b in the cache. So are the tiles
 * that share the larger matrix, of which a thread, with its run of neighbours, then reads only a part. */
static void run_tile(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *t = ctx;
    const grid *g = &t->g;
    int64_t l = cell % g->nk * g->tk, tile = cell / g->nk;
    bool down = t->n > t->m;
    int64_t i = (down ? tile % g->nm : tile / g->nn) * g->tm, j = (down ? tile / g->nm : tile % g->nn) * g->tn;
    int64_t mm = t->m - i < g->tm ? t->m - i : g->tm, nn = t->n - j < g->tn ? t->n - j : g->tn;
    int64_t kk = t->k - l < g->tk ? t->k - l : g->tk;
    const real *a = t->ta ? t->a + l * t->lda + i : t->a + i * t->lda + l;
    const real *b = t->tb ? t->b + j * t->ldb + l : t->b + l * t->ldb + j;
    if (g->nk == 1) {
        gemm1(t->c + i * t->ldc + j, t->ldc, a, t->lda, t->ta, b, t->ldb, t->tb, mm, nn, kk, t->accumulate);
    } else {
        real *slot = t->slot + cell % g->nk * t->m * t->n;
        gemm1(slot + i * t->n + j, t->n, a, t->lda, t->ta, b, t->ldb, t->tb, mm, nn, kk, false);
    }
}

static int64_t rows_per_cell(int64_t n) { return n >= 4096 ? 1 : 4096 / n; }

/* Slots summed in their order into slot 0, then into c. */
static void run_combine(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *t = ctx;
    int64_t step = rows_per_cell(t->n), from = cell * step, to = t->m - from < step ? t->m : from + step;
    size_t n = (size_t)t->n, count = (size_t)(to - from) * n;
    real *sum = t->slot + from * t->n;
    for (int64_t s = 1; s < t->g.nk; s++)
        SN_R(sn_kern)()->add(sum, sum, t->slot + (s * t->m + from) * t->n, count);
    for (int64_t i = from; i < to; i++, sum += n) {
        real *c = t->c + i * t->ldc;
        for (size_t j = 0; j < n; j++) c[j] = sum[j] + (t->accumulate ? c[j] : 0);
    }
}

void SN_R(sn_gemm)(sn_pool *pool, real *c, int64_t ldc, const real *a, int64_t lda, bool ta, const real *b,
                   int64_t ldb, bool tb, int64_t m, int64_t n, int64_t k, bool accumulate, real *scratch) {
    if (m <= 0 || n <= 0) return;
    if (k <= 0) {
        plain(c, ldc, a, lda, ta, b, ldb, tb, m, n, 0, accumulate);
        return;
    }
    job t = { grid_of(m, n, k), c, scratch, a, b, m, n, k, ldc, lda, ldb, ta, tb, accumulate };
    sn_parallel(pool, t.g.nm * t.g.nn * t.g.nk, run_tile, &t);
    if (t.g.nk > 1) sn_parallel(pool, parts(m, rows_per_cell(n)), run_combine, &t);
}
