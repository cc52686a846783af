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
typedef float quad __attribute__((vector_size(16)));
typedef int32_t places __attribute__((vector_size(16)));

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
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < nv; v++) sum[i][v] = (vec){ 0 };
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
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < nv; v++) {
            float *to = c + i * ldc + v * LANES;
            store(to, add ? load(to) + sum[i][v] : sum[i][v]);
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

INLINE quad load4(const float *p) {
    quad v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void store4(float *p, quad v) { memcpy(p, &v, sizeof v); }

/* to (4 rows NR apart, 4) = from (4 rows ld apart, 4) transposed */
INLINE void turn4(float *to, const float *from, int64_t ld) {
    quad a = load4(from), b = load4(from + ld), c = load4(from + 2 * ld), d = load4(from + 3 * ld);
    quad ab = __builtin_shuffle(a, b, (places){ 0, 4, 1, 5 }),
         cd = __builtin_shuffle(c, d, (places){ 0, 4, 1, 5 });
    quad AB = __builtin_shuffle(a, b, (places){ 2, 6, 3, 7 }),
         CD = __builtin_shuffle(c, d, (places){ 2, 6, 3, 7 });
    store4(to, __builtin_shuffle(ab, cd, (places){ 0, 1, 4, 5 }));
    store4(to + NR, __builtin_shuffle(ab, cd, (places){ 2, 3, 6, 7 }));
    store4(to + 2 * NR, __builtin_shuffle(AB, CD, (places){ 0, 1, 4, 5 }));
    store4(to + 3 * NR, __builtin_shuffle(AB, CD, (places){ 2, 3, 6, 7 }));
}

/* panel (k, NR) from b (cols, k), rows ldb apart; columns that are not there are 0. */
static void turn(float *panel, const float *b, int64_t ldb, int64_t cols, int64_t k) {
    int64_t j = 0;
    for (; j + 4 <= cols; j += 4) {
        int64_t l = 0;
        for (; l + 4 <= k; l += 4) turn4(panel + l * NR + j, b + j * ldb + l, ldb);
        for (; l < k; l++)
            for (int64_t i = j; i < j + 4; i++) panel[l * NR + i] = b[i * ldb + l];
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

static void product(float *c, int64_t ldc, const float *a, int64_t step, int64_t step_k, const float *b,
                    int64_t ldb, bool tb, int64_t m, int64_t n, int64_t k, bool accumulate) {
    float panel[SN_GEMM_PIECE * NR];
    for (int64_t l = 0; l < k; l += SN_GEMM_PIECE) {
        int64_t piece = k - l < SN_GEMM_PIECE ? k - l : SN_GEMM_PIECE;
        bool add = accumulate || l > 0;
        for (int64_t j = 0, cols; j < n; j += cols) {
            cols = n - j < NR ? n - j : NR;
            operands o = { a + l * step_k, step, step_k, panel, NR, piece };
            if (tb) {
                turn(panel, b + j * ldb + l, ldb, cols, piece);
            } else if (cols == NR || cols == LANES) {
                o.b = b + l * ldb + j;
                o.ldb = ldb;
            } else {
                widen(panel, b + l * ldb + j, ldb, cols, piece);
            }
            panel_of(c + j, ldc, o, m, cols, add);
        }
    }
}

#define GLUE2(isa) sn_gemm_kern_##isa
#define GLUE(isa)  GLUE2(isa)
#define TEXT2(x)   #x
#define TEXT(x)    TEXT2(x)

extern const sn_gemm_kern GLUE(SN_ISA);
const sn_gemm_kern GLUE(SN_ISA) = { .isa = TEXT(SN_ISA), .product = product };
