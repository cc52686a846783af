/* The kernels of kern.h. Compiled once per instruction set (-DSN_ISA=base|v3|v4) and precision; each object
 * holds one table. No fused multiply-add and no reassociation by the compiler, and every reduction has an order
 * that depends on sizes only, so all tables give the same bits. */
#include "num/kern.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#    define VBYTES 64
#elif defined(__AVX2__)
#    define VBYTES 32
#else
#    define VBYTES 16
#endif

/* The native vector width: wider ones are spilled to the stack by GCC 12. */
enum { LANES = 16, WIDTH = VBYTES / (int)sizeof(real), NVEC = LANES / WIDTH };

typedef real vec __attribute__((vector_size(VBYTES)));
#ifdef SN_F64
typedef uint64_t bits __attribute__((vector_size(VBYTES)));
#else
typedef uint32_t bits __attribute__((vector_size(VBYTES)));
#endif

#define INLINE static inline __attribute__((always_inline))

/* Outputs may be the same array as an input, element for element: no dependence between iterations, which the
 * compiler's own overlap check would refuse to vectorize. */
#if defined(__clang__)
#    define ELEMENTWISE
#else
#    define ELEMENTWISE _Pragma("GCC ivdep")
#endif

INLINE vec load(const real *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void store(real *p, vec v) { memcpy(p, &v, sizeof v); }

/* ---- element by element ---- */

static void k_fill(real *y, real a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a;
}

static void k_add(real *y, const real *a, const real *b, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void k_mul(real *y, const real *a, const real *b, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

static void k_axpy(real *y, real a, const real *x, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void k_affine(real *y, const real *x, real a, real b, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] = a * x[i] + b;
}

/* Written as "not above zero" the test would turn nan into 0 and hide a diverged network. */
static void k_relu(real *y, const real *x, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] = x[i] <= 0 ? 0 : x[i];
}

static void k_relu_grad(real *dx, const real *y, const real *dy, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        real g = dy[i]; /* read in any case, or the loop cannot be vectorized */
        dx[i] = y[i] > 0 ? g : 0;
    }
}

static void k_from_u8(real *y, const uint8_t *x, real scale, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) y[i] = (real)x[i] * scale;
}

/* x - x is 0 for finite x, nan for the others, and nan sticks to a sum. Blocks let a bad array end early. */
static bool k_all_finite(const real *x, size_t n) {
    enum { BLOCK = 4096 };
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t end = n - at < BLOCK ? n : at + BLOCK, i = at;
        vec acc[NVEC] = { 0 };
        for (; i + LANES <= end; i += LANES)
            for (int v = 0; v < NVEC; v++) {
                vec u = load(x + i + v * WIDTH);
                acc[v] += u - u;
            }
        real bad = 0;
        for (int v = 0; v < NVEC; v++)
            for (int l = 0; l < WIDTH; l++) bad += acc[v][l];
        for (; i < end; i++) bad += x[i] - x[i];
        if (!(bad == 0)) return false;
    }
    return true;
}

/* ---- sums over an array ---- */

/* Terms of a (with b and mean m): a, |a|, a b, (a - m)^2, a (b - m). */
typedef enum { SUM, ABS, DOT, SQ_DEV, DOT_DEV } sum_op;

INLINE vec abs_vec(vec a) { return (vec)((bits)a << 1 >> 1); } /* without the sign bit */

INLINE vec term_vec(sum_op op, vec a, vec b, vec m) {
    switch (op) {
    case ABS: return abs_vec(a);
    case DOT: return a * b;
    case SQ_DEV: return (a - m) * (a - m);
    case DOT_DEV: return a * (b - m);
    default: return a;
    }
}

INLINE real term(sum_op op, real a, real b, real m) {
    switch (op) {
    case ABS: return a < 0 ? -a : a;
    case DOT: return a * b;
    case SQ_DEV: return (a - m) * (a - m);
    case DOT_DEV: return a * (b - m);
    default: return a;
    }
}

INLINE bool has_b(sum_op op) { return op == DOT || op == DOT_DEV; }
INLINE bool has_mean(sum_op op) { return op == SQ_DEV || op == DOT_DEV; }

/* Element i goes to lane i % 16. Lanes are summed in `real` for 64 steps, then added to lanes in double, so
 * that the rounding error does not grow with n; at the end the 16 lanes are halved four times. */
INLINE double reduce(sum_op op, const real *a, const real *b, real mean, size_t n) {
    enum { STEPS = 64 };
    double total[LANES] = { 0 };
    vec mv = mean - (vec){ 0 };
    size_t full = n / LANES * LANES;
    for (size_t at = 0; at < full; at += STEPS * LANES) {
        size_t end = full - at < STEPS * LANES ? full : at + STEPS * LANES;
        vec acc[NVEC] = { 0 };
        for (size_t i = at; i < end; i += LANES)
            for (int v = 0; v < NVEC; v++) {
                vec u = load(a + i + v * WIDTH), w = has_b(op) ? load(b + i + v * WIDTH) : u;
                acc[v] += term_vec(op, u, w, mv);
            }
        real lane[LANES];
        for (int v = 0; v < NVEC; v++) store(lane + v * WIDTH, acc[v]);
        for (int l = 0; l < LANES; l++) total[l] += (double)lane[l];
    }
    for (size_t i = full; i < n; i++) total[i - full] += (double)term(op, a[i], b[i], mean);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) total[l] += total[l + half];
    return total[0];
}

static double k_sum(const real *x, size_t n) { return reduce(SUM, x, x, 0, n); }
static double k_sum_abs(const real *x, size_t n) { return reduce(ABS, x, x, 0, n); }
static double k_dot(const real *a, const real *b, size_t n) { return reduce(DOT, a, b, 0, n); }
static double k_sum_sq_dev(const real *x, real mean, size_t n) { return reduce(SQ_DEV, x, x, mean, n); }

/* ---- rows of channels, element by element ---- */

/* With few columns an inner loop over them is mostly overhead. The column vectors are therefore repeated until
 * they fill up to PERIOD values, and so many rows are taken as one. */
enum { PERIOD = 512 };

INLINE size_t rows_at_once(size_t rows, size_t cols) {
    size_t reps = cols >= PERIOD / 2 ? 1 : PERIOD / cols;
    return reps < rows ? reps : rows;
}

INLINE const real *repeat(real *room, const real *v, size_t cols, size_t reps) {
    if (reps <= 1) return v;
    for (size_t r = 0, i = 0; r < reps; r++)
        for (size_t c = 0; c < cols; c++) room[i++] = v[c];
    return room;
}

static void k_row_affine(real *y, const real *x, const real *scale, const real *shift, size_t rows,
                         size_t cols) {
    real room_a[PERIOD], room_b[PERIOD];
    if (rows == 0 || cols == 0) return;
    size_t reps = rows_at_once(rows, cols), n = rows * cols, period = reps * cols;
    const real *a = repeat(room_a, scale, cols, reps), *b = repeat(room_b, shift, cols, reps);
    for (size_t at = 0; at < n; at += period) {
        size_t len = n - at < period ? n - at : period;
        real *yy = y + at;
        const real *xx = x + at;
        ELEMENTWISE
        for (size_t i = 0; i < len; i++) yy[i] = xx[i] * a[i] + b[i];
    }
}

static void k_row_add(real *y, const real *bias, size_t rows, size_t cols) {
    real room[PERIOD];
    if (rows == 0 || cols == 0) return;
    size_t reps = rows_at_once(rows, cols), n = rows * cols, period = reps * cols;
    const real *b = repeat(room, bias, cols, reps);
    for (size_t at = 0; at < n; at += period) {
        size_t len = n - at < period ? n - at : period;
        real *yy = y + at;
        ELEMENTWISE
        for (size_t i = 0; i < len; i++) yy[i] += b[i];
    }
}

static void k_row_affine2(real *dx, const real *dy, const real *x, const real *a, const real *b, const real *k,
                          size_t rows, size_t cols) {
    real room_a[PERIOD], room_b[PERIOD], room_k[PERIOD];
    if (rows == 0 || cols == 0) return;
    size_t reps = rows_at_once(rows, cols), n = rows * cols, period = reps * cols;
    const real *aa = repeat(room_a, a, cols, reps), *bb = repeat(room_b, b, cols, reps);
    const real *kk = repeat(room_k, k, cols, reps);
    for (size_t at = 0; at < n; at += period) {
        size_t len = n - at < period ? n - at : period;
        real *d = dx + at;
        const real *g = dy + at, *xx = x + at;
        ELEMENTWISE
        for (size_t i = 0; i < len; i++) d[i] = (aa[i] * g[i] + bb[i] * xx[i]) + kk[i];
    }
}

/* ---- sums over rows, one per channel ---- */

/* `reps` consecutive rows count as one row of reps * cols lanes: each lane is a column's own sum over every
 * reps-th row. The lanes are summed in `real` over a block of BLOCK such rows, then added to out[] in double:
 * lanes of one column in order, blocks in order. reps depends on cols only: the least that makes the lanes a
 * multiple of 32 (two vectors on the widest machine), 1 from 64 columns on. Rows that do not fill the last
 * group are added one by one. */
enum { BLOCK = 64, STRIP = 32, SMALL = 64 };

INLINE size_t col_reps(size_t cols) {
    size_t reps = 1;
    if (cols < SMALL)
        while (reps * cols % STRIP != 0) reps *= 2;
    return reps;
}

/* One strip of `lanes` neighbouring lanes over `rows` rows of `stride` values; sums to acc. mean: (lanes). */
INLINE void col_strip(sum_op op, real *acc, const real *a, const real *b, const real *mean, size_t stride,
                      size_t rows, int lanes) {
    enum { MAXV = STRIP / WIDTH };
    int nv = lanes / WIDTH;
    vec s[MAXV] = { 0 }, m[MAXV] = { 0 };
    for (int v = 0; v < nv && has_mean(op); v++) m[v] = load(mean + v * WIDTH);
    for (size_t r = 0; r < rows; r++) {
        const real *ar = a + r * stride, *br = b + r * stride;
        for (int v = 0; v < nv; v++) {
            vec u = load(ar + v * WIDTH), w = has_b(op) ? load(br + v * WIDTH) : u;
            s[v] += term_vec(op, u, w, m[v]);
        }
    }
    for (int v = 0; v < nv; v++) store(acc + v * WIDTH, s[v]);
}

/* The last, narrow lanes of wide rows. */
INLINE void col_rest(sum_op op, real *acc, const real *a, const real *b, const real *mean, size_t stride,
                     size_t rows, size_t lanes) {
    for (size_t l = 0; l < lanes; l++) acc[l] = 0;
    for (size_t r = 0; r < rows; r++) {
        const real *ar = a + r * stride, *br = b + r * stride;
        for (size_t l = 0; l < lanes; l++) acc[l] += term(op, ar[l], br[l], has_mean(op) ? mean[l] : 0);
    }
}

/* b: (rows, cols), a where op has none. mean: (cols) where op has one. */
INLINE void col_reduce(sum_op op, double *out, const real *a, const real *b, const real *mean, size_t rows,
                       size_t cols) {
    real means[SMALL * STRIP], acc[STRIP];
    if (cols == 0) return;
    size_t reps = col_reps(cols), lanes = reps * cols, groups = rows / reps;
    const real *mm = has_mean(op) && groups > 0 ? repeat(means, mean, cols, reps) : a;
    for (size_t g = 0; g < groups; g += BLOCK) {
        size_t count = groups - g < BLOCK ? groups - g : BLOCK, at = g * lanes;
        for (size_t l = 0; l < lanes; l += STRIP) {
            size_t n = lanes - l < STRIP ? lanes - l : STRIP;
            const real *aa = a + at + l, *bb = b + at + l, *m = mm + l;
            if (n == STRIP) {
                col_strip(op, acc, aa, bb, m, lanes, count, STRIP);
            } else if (n == LANES) {
                col_strip(op, acc, aa, bb, m, lanes, count, LANES);
            } else {
                col_rest(op, acc, aa, bb, m, lanes, count, n);
            }
            for (size_t i = 0, c = l % cols; i < n; i++, c = c + 1 == cols ? 0 : c + 1)
                out[c] += (double)acc[i];
        }
    }
    for (size_t i = groups * lanes, c = 0; i < rows * cols; i++, c = c + 1 == cols ? 0 : c + 1)
        out[c] += (double)term(op, a[i], b[i], has_mean(op) ? mean[c] : 0);
}

static void k_col_sum(double *out, const real *x, size_t rows, size_t cols) {
    col_reduce(SUM, out, x, x, NULL, rows, cols);
}
static void k_col_dot(double *out, const real *a, const real *b, size_t rows, size_t cols) {
    col_reduce(DOT, out, a, b, NULL, rows, cols);
}
static void k_col_sq_dev(double *out, const real *x, const real *mean, size_t rows, size_t cols) {
    col_reduce(SQ_DEV, out, x, x, mean, rows, cols);
}
static void k_col_dot_dev(double *out, const real *a, const real *b, const real *mean, size_t rows,
                          size_t cols) {
    col_reduce(DOT_DEV, out, a, b, mean, rows, cols);
}

/* ---- dropout ---- */

/* Philox4x32-10 of base/rng.c for PBLOCKS consecutive counters at once; word w of counter j at out[4 j + w]. */
enum { PBLOCKS = 64 };

INLINE void philox_blocks(uint64_t key, uint64_t hi, uint64_t lo, uint32_t *out) {
    uint32_t c0[PBLOCKS], c1[PBLOCKS], c2[PBLOCKS], c3[PBLOCKS];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (uint32_t j = 0; j < PBLOCKS; j++) {
        c0[j] = (uint32_t)(lo + j);
        c1[j] = (uint32_t)((lo + j) >> 32);
        c2[j] = (uint32_t)hi;
        c3[j] = (uint32_t)(hi >> 32);
    }
    for (int round = 0; round < 10; round++) {
        for (int j = 0; j < PBLOCKS; j++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0[j], p1 = (uint64_t)0xCD9E8D57u * c2[j];
            uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1[j] ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3[j] ^ k1;
            c1[j] = (uint32_t)p1;
            c3[j] = (uint32_t)p0;
            c0[j] = n0;
            c2[j] = n2;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int j = 0; j < PBLOCKS; j++) {
        out[4 * j] = c0[j];
        out[4 * j + 1] = c1[j];
        out[4 * j + 2] = c2[j];
        out[4 * j + 3] = c3[j];
    }
}

static void k_dropout(real *y, const real *x, size_t n, uint64_t key, uint64_t hi, uint64_t first,
                      uint32_t threshold, real scale) {
    uint32_t word[4 * PBLOCKS];
    uint64_t lo = first / 4;
    size_t skip = first % 4; /* words of the first block */
    for (size_t at = 0, len; at < n; at += len, lo += PBLOCKS, skip = 0) {
        len = n - at < 4 * PBLOCKS - skip ? n - at : 4 * PBLOCKS - skip;
        philox_blocks(key, hi, lo, word);
        real *yy = y + at;
        const real *xx = x + at;
        const uint32_t *w = word + skip;
        ELEMENTWISE
        for (size_t i = 0; i < len; i++) {
            real v = xx[i], kept = w[i] >= threshold ? v : 0;
            yy[i] = kept * scale;
        }
    }
}

static void k_philox(uint32_t *out, uint64_t key, uint64_t hi, uint64_t first, size_t blocks) {
    for (; blocks >= PBLOCKS; blocks -= PBLOCKS, first += PBLOCKS, out += 4 * PBLOCKS)
        philox_blocks(key, hi, first, out);
    uint32_t word[4 * PBLOCKS];
    if (blocks) philox_blocks(key, hi, first, word);
    for (size_t i = 0; i < 4 * blocks; i++) out[i] = word[i];
}

#include "num/kern_pool.inc.c"
#include "num/kern_stats.inc.c"
#include "num/kern_step.inc.c"
#include "num/kern_unpool.inc.c"

/* ---- the table ---- */

#define GLUE2(isa, name) sn_kern_table_##isa##_##name
#define GLUE(isa, name)  GLUE2(isa, name)
#define TEXT2(x)         #x
#define TEXT(x)          TEXT2(x)
#ifdef SN_F64
#    define TABLE GLUE(SN_ISA, f64)
typedef sn_kern_f64_table table_type;
#else
#    define TABLE GLUE(SN_ISA, f32)
typedef sn_kern_f32_table table_type;
#endif

extern const table_type TABLE;
const table_type TABLE = { .isa = TEXT(SN_ISA),
                           .fill = k_fill,
                           .add = k_add,
                           .mul = k_mul,
                           .axpy = k_axpy,
                           .affine = k_affine,
                           .relu = k_relu,
                           .relu_grad = k_relu_grad,
                           .sum = k_sum,
                           .sum_abs = k_sum_abs,
                           .dot = k_dot,
                           .sum_sq_dev = k_sum_sq_dev,
                           .row_affine = k_row_affine,
                           .row_add = k_row_add,
                           .col_sum = k_col_sum,
                           .col_dot = k_col_dot,
                           .col_sq_dev = k_col_sq_dev,
                           .col_dot_dev = k_col_dot_dev,
                           .row_affine2 = k_row_affine2,
                           .dropout = k_dropout,
                           .philox = k_philox,
                           .max_pool_row = k_max_pool_row,
                           .max_pool_mask = k_max_pool_mask,
                           .max_unpool = k_max_unpool,
                           .max_pool_sums = k_max_pool_sums,
                           .max_unpool_affine = k_max_unpool_affine,
                           .adam = k_adam,
                           .from_u8 = k_from_u8,
                           .all_finite = k_all_finite,
                           .moments = k_moments,
                           .dot_wide = k_dot_wide,
                           .histogram = k_histogram,
                           .col_most = k_col_most };
