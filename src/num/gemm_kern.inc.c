/* The kernels of gemm_kern.h, compiled once per instruction set (-DSN_ISA=base|v3|v4), with fused multiply-adds
 * where there are some. Blocks of MR rows and of one or two vectors of columns stay in registers over the whole
 * inner dimension; columns that fill no vector, and b transposed, go through a panel. */
#include "num/gemm_kern.h"

#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 16, MR = 8 };
#elif defined(__AVX2__)
enum { LANES = 8, MR = 6 };
#else
enum { LANES = 4, MR = 4 };
#endif
enum { NR = 2 * LANES };

typedef float vec __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

typedef struct {
    const float *a; /* the first row of the block */
    int64_t step, step_k;
    const float *b; /* (k, nv vectors), rows ldb apart */
    int64_t ldb, k;
} operands;

/* rows * nv vectors of c, at row steps of ldc. */
INLINE void tile(int rows, int nv, float *c, int64_t ldc, const operands *o, bool add) {
    vec sum[MR][2];
    const float *a = o->a, *b = o->b;
    UNROLL for (int i = 0; i < rows; i++) {
        sum[i][0] = sum[i][1] = (vec){ 0 };
        for (int v = 0; v < nv; v++) __builtin_prefetch(c + i * ldc + v * LANES, 1);
    }
    for (int64_t l = 0; l < o->k; l++, a += o->step_k, b += o->ldb) {
        vec col[2];
        UNROLL
        for (int v = 0; v < nv; v++) col[v] = load(b + v * LANES);
        UNROLL
        for (int i = 0; i < rows; i++) {
            vec x = a[i * o->step] - (vec){ 0 };
            for (int v = 0; v < nv; v++) sum[i][v] += x * col[v];
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < nv; v++) {
            float *to = c + i * ldc + v * LANES;
            store(to, add ? load(to) + sum[i][v] : sum[i][v]);
        }
    }
}

/* The number of rows as a constant, so that the sums stay in registers. */
INLINE void rows_of(int64_t rows, int nv, float *c, int64_t ldc, const operands *o, bool add) {
    switch (rows) {
    case 1: tile(1, nv, c, ldc, o, add); break;
    case 2: tile(2, nv, c, ldc, o, add); break;
    case 3: tile(3, nv, c, ldc, o, add); break;
#if defined(__AVX2__)
    case 5: tile(5, nv, c, ldc, o, add); break;
    case 4: tile(4, nv, c, ldc, o, add); break;
#endif
#if defined(__AVX512F__)
    case 6: tile(6, nv, c, ldc, o, add); break;
    case 7: tile(7, nv, c, ldc, o, add); break;
#endif
    default: tile(MR, nv, c, ldc, o, add);
    }
}

static __attribute__((noinline)) void wide(int64_t rows, float *c, int64_t ldc, const operands *o, bool add) {
    rows_of(rows, 2, c, ldc, o, add);
}
static __attribute__((noinline)) void narrow(int64_t rows, float *c, int64_t ldc, const operands *o, bool add) {
    rows_of(rows, 1, c, ldc, o, add);
}

/* All rows of c for up to NR columns, cols of which there are. */
static void panel_of(float *c, int64_t ldc, operands o, int64_t m, int64_t cols, bool add) {
    const float *a = o.a;
    float room[MR * NR];
    void (*block)(int64_t, float *, int64_t, const operands *, bool) = cols > LANES ? wide : narrow;
    bool whole = cols == LANES || cols == NR;
    for (int64_t i = 0; i < m; i += MR) {
        int64_t rows = m - i < MR ? m - i : MR;
        o.a = a + i * o.step;
        if (whole) {
            block(rows, c + i * ldc, ldc, &o, add);
            continue;
        }
        block(rows, room, NR, &o, false);
        for (int64_t r = 0; r < rows; r++) {
            float *to = c + (i + r) * ldc;
            for (int64_t j = 0; j < cols; j++) to[j] = add ? to[j] + room[r * NR + j] : room[r * NR + j];
        }
    }
}

/* ---- panels ---- */

/* a0 b0 a1 b1 ..: the lower and the upper half of it */
#if defined(__AVX512F__)
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#    define UPPER(a, b)                                                                                        \
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif defined(__AVX2__)
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#    define UPPER(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#    define UPPER(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* to (LANES rows NR apart, LANES) = from (LANES rows ld apart, LANES) transposed: each turn riffles the rows of
 * one half with those of the other. */
INLINE void turn_square(float *to, const float *from, int64_t ld) {
    vec v[LANES], u[LANES];
    UNROLL for (int i = 0; i < LANES; i++) {
        v[i] = load(from + i * ld);
        __builtin_prefetch((const char *)from + (i + NR) * ld * (int64_t)sizeof *from); /* of the next panel */
    }
    UNROLL for (int n = 1; n < LANES; n *= 2) {
        UNROLL for (int i = 0; i < LANES / 2; i++) {
            u[2 * i] = LOWER(v[i], v[i + LANES / 2]);
            u[2 * i + 1] = UPPER(v[i], v[i + LANES / 2]);
        }
        UNROLL for (int i = 0; i < LANES; i++) v[i] = u[i];
    }
    UNROLL for (int i = 0; i < LANES; i++) store(to + i * NR, v[i]);
}

/* panel (k, NR) from b (cols, k), rows ldb apart; columns that are not there are 0. */
static void turn(float *panel, const float *b, int64_t ldb, int64_t cols, int64_t k) {
    int64_t j = 0;
    for (; j + LANES <= cols; j += LANES) {
        int64_t l = 0;
        for (; l + LANES <= k; l += LANES) turn_square(panel + l * NR + j, b + j * ldb + l, ldb);
        for (; l < k; l++)
            for (int64_t i = j; i < j + LANES; i++) panel[l * NR + i] = b[i * ldb + l];
    }
    for (; j < cols; j++)
        for (int64_t l = 0; l < k; l++) panel[l * NR + j] = b[j * ldb + l];
    for (; j < NR; j++)
        for (int64_t l = 0; l < k; l++) panel[l * NR + j] = 0;
}

/* panel (k, NR) from b (k, cols), rows ldb apart; columns that are not there are 0. */
static void widen(float *panel, const float *b, int64_t ldb, int64_t cols, int64_t k) {
    for (int64_t l = 0; l < k; l++, panel += NR, b += ldb) {
        for (int64_t j = 0; j < cols; j++) panel[j] = b[j];
        for (int64_t j = cols; j < NR; j++) panel[j] = 0;
    }
}

/* All of one piece of the inner dimension. */
static void piece_of(float *c, int64_t ldc, operands a, const float *b, int64_t ldb, bool tb, int64_t m,
                     int64_t n, bool add) {
    float panel[SN_GEMM_PIECE * NR];
    for (int64_t j = 0, cols; j < n; j += cols) {
        operands o = a;
        cols = n - j < NR ? n - j : NR;
        o.b = panel;
        o.ldb = NR;
        if (tb) {
            turn(panel, b + j * ldb, ldb, cols, o.k);
        } else if (cols == NR || cols == LANES) {
            o.b = b + j;
            o.ldb = ldb;
        } else {
            widen(panel, b + j, ldb, cols, o.k);
        }
        panel_of(c + j, ldc, o, m, cols, add);
    }
}

/* The same of a transposed, by blocks that are copied: its columns may lie so far apart, often by a power of
 * two, that they drive one another from the cache. */
static void copied_of(float *c, int64_t ldc, operands a, const float *b, int64_t ldb, int64_t m, int64_t n,
                      bool add) {
    enum { ROOM = 8192, BESIDE = 16 };
    float block[ROOM];
    int64_t rows = (ROOM / a.k - BESIDE) / MR * MR;
    operands o = { block, 1, rows + BESIDE, NULL, 0, a.k };
    if (rows > m) o.step_k = (m + MR - 1) / MR * MR + BESIDE;
    for (int64_t i = 0; i < m; i += rows) {
        if (rows > m - i) rows = m - i;
        for (int64_t l = 0; l < a.k; l++)
            memcpy(block + l * o.step_k, a.a + i + l * a.step_k, (size_t)rows * sizeof *block);
        piece_of(c + i * ldc, ldc, o, b, ldb, false, rows, n, add);
    }
}

static void product(float *c, int64_t ldc, const float *a, int64_t step, int64_t step_k, const float *b,
                    int64_t ldb, bool tb, int64_t m, int64_t n, int64_t k, bool accumulate) {
    enum { APART = 1024, MOST = 128 };
    bool copies = step == 1 && step_k >= APART && k <= MOST && n >= 2 * NR && !tb;
    for (int64_t l = 0; l < k; l += SN_GEMM_PIECE) {
        int64_t piece = k - l < SN_GEMM_PIECE ? k - l : SN_GEMM_PIECE;
        bool add = accumulate || l > 0;
        operands o = { a + l * step_k, step, step_k, NULL, 0, piece };
        if (copies)
            copied_of(c, ldc, o, b + l * ldb, ldb, m, n, add);
        else
            piece_of(c, ldc, o, b + (tb ? l : l * ldb), ldb, tb, m, n, add);
    }
}

#define GLUE2(isa) sn_gemm_kern_##isa
#define GLUE(isa)  GLUE2(isa)
#define TEXT2(x)   #x
#define TEXT(x)    TEXT2(x)

extern const sn_gemm_kern GLUE(SN_ISA);
const sn_gemm_kern GLUE(SN_ISA) = { .isa = TEXT(SN_ISA), .product = product };
