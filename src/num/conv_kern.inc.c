/* The kernels of conv_kern.h, compiled once for each instruction set (-DSN_ISA=base|v3|v4), with products and
 * sums fused where the machine can. */
#include "num/conv_kern.h"

#include <string.h>

#if defined(__AVX512F__)
#    define VBYTES 64
enum { MR = 14, MR_LESS = 10, MW = 8 };
#elif defined(__AVX2__)
#    define VBYTES 32
enum { MR = 6, MR_LESS = 4, MW = 4 };
#else
#    define VBYTES 16
enum { MR = 6, MR_LESS = 4, MW = 4 };
#endif

enum { W = VBYTES / 4, T = SN_WINO_TILE, AHEAD = 4 };
typedef float vec __attribute__((vector_size(VBYTES)));
typedef int32_t bits __attribute__((vector_size(VBYTES)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE vec load(const float *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void store(float *p, vec v) { memcpy(p, &v, sizeof v); }

/* A whole line of the cache to memory, which then need not be read first. p is aligned. */
#if VBYTES == 64
#    ifdef __clang__
INLINE void stream(float *p, vec v) { __builtin_nontemporal_store(v, (vec *)(void *)p); }
#    else
INLINE void stream(float *p, vec v) { __builtin_ia32_movntps512(p, v); }
#    endif
static void k_streamed(void) { __builtin_ia32_sfence(); }
#else
INLINE void stream(float *p, vec v) { store(p, v); }
static void k_streamed(void) {}
#endif

/* ---- one-dimensional transforms ---- */

/* B^T d: tile = 8 or 6 */
INLINE void input_line(vec t[T], const vec d[T], int tile) {
    if (tile == 6) {
        vec e1 = d[4] - 4 * d[2], o1 = d[3] - 4 * d[1], e2 = d[4] - d[2], o2 = 2 * (d[3] - d[1]);
        t[0] = 4 * d[0] - 5 * d[2] + d[4];
        t[1] = e1 + o1;
        t[2] = e1 - o1;
        t[3] = e2 + o2;
        t[4] = e2 - o2;
        t[5] = 4 * d[1] - 5 * d[3] + d[5];
        return;
    }
    vec e1 = d[2] + d[6] - 4.25f * d[4], o1 = d[1] + d[5] - 4.25f * d[3];
    vec e3 = 0.25f * d[2] - 1.25f * d[4] + d[6], o3 = 0.5f * d[1] - 2.5f * d[3] + 2 * d[5];
    vec e5 = 4 * d[2] - 5 * d[4] + d[6], o5 = 2 * d[1] - 2.5f * d[3] + 0.5f * d[5];
    t[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
    t[1] = e1 + o1;
    t[2] = e1 - o1;
    t[3] = e3 + o3;
    t[4] = e3 - o3;
    t[5] = e5 + o5;
    t[6] = e5 - o5;
    t[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
}

/* A^T t: m of the tile's */
INLINE void output_line(vec *y, const vec t[T], int m, int tile) {
    vec s1 = t[1] + t[2], s2 = t[3] + t[4];
    vec d1 = t[1] - t[2], d2 = t[3] - t[4];
    if (tile == 6) {
        y[0] = t[0] + s1 + s2;
        y[1] = d1 + 2 * d2;
        y[2] = s1 + 4 * s2;
        y[3] = d1 + 8 * d2 + t[5];
        return;
    }
    vec s3 = t[5] + t[6], d3 = t[5] - t[6];
    y[0] = t[0] + s1 + s2 + s3;
    y[1] = d1 + 2 * d2 + 0.5f * d3;
    y[2] = s1 + 4 * s2 + 0.25f * s3;
    y[3] = d1 + 8 * d2 + 0.125f * d3;
    if (m == 4) {
        y[3] += t[7];
    } else {
        y[4] = s1 + 16 * s2 + 0.0625f * s3;
        y[5] = d1 + 32 * d2 + 0.03125f * d3 + t[7];
    }
}

/* A y: m become the tile's */
INLINE void grad_line(vec z[T], const vec *y, int m, int tile) {
    vec e1 = y[0] + y[2], o1 = y[1] + y[3];
    vec e2 = y[0] + 4 * y[2], o2 = 2 * y[1] + 8 * y[3];
    vec e3 = y[0] + 0.25f * y[2], o3 = 0.5f * y[1] + 0.125f * y[3];
    if (m == 6) {
        e1 += y[4], o1 += y[5];
        e2 += 16 * y[4], o2 += 32 * y[5];
        e3 += 0.0625f * y[4], o3 += 0.03125f * y[5];
    }
    z[0] = y[0];
    z[1] = e1 + o1;
    z[2] = e1 - o1;
    z[3] = e2 + o2;
    z[4] = e2 - o2;
    if (tile == 8) {
        z[5] = e3 + o3;
        z[6] = e3 - o3;
    }
    z[tile - 1] = y[m - 1];
}

/* ---- tiles: columns first, then rows ---- */

INLINE vec load_pixel(const sn_conv_tile_in *in, int64_t c, int i, int j, bool whole) {
    if (!whole && !(in->rows >> i & in->cols >> j & 1)) return (vec){ 0 };
    return load(in->image + (in->first + c + i * in->row + j * in->pixel));
}

INLINE void fetch_pixel(const sn_conv_tile_in *in, int64_t c, int i, int j) {
    __builtin_prefetch((const char *)in->image +
                       (in->first + c + i * in->row + j * in->pixel) * (int64_t)sizeof(float));
}

INLINE void input_vector(float *v, int64_t step, const sn_conv_tile_in *in, int64_t c, int tile, bool whole) {
    vec t[T][T];
    for (int j = 0; j < tile; j++) {
        vec d[T], u[T];
        for (int i = 0; i < tile; i++) {
            d[i] = load_pixel(in, c, i, j, whole);
            if (whole && j >= tile - AHEAD) fetch_pixel(in, c, i, j + AHEAD);
        }
        input_line(u, d, tile);
        for (int i = 0; i < tile; i++) t[i][j] = u[i];
    }
    for (int i = 0; i < tile; i++) {
        vec u[T];
        input_line(u, t[i], tile);
        for (int j = 0; j < tile; j++) store(v + (i * tile + j) * step, u[j]);
    }
}

INLINE void input_tile(float *v, int64_t step, int64_t block, const sn_conv_tile_in *in, int tile) {
    for (int64_t c = 0; c < in->channels; c += W, v += block) {
        if (in->whole)
            input_vector(v, step, in, c, tile, true);
        else
            input_vector(v, step, in, c, tile, false);
    }
}

INLINE void grad_vector(float *z, int64_t step, const sn_conv_tile_in *in, int64_t c, int m, int tile,
                        bool whole) {
    vec t[T][6];
    for (int j = 0; j < m; j++) {
        vec y[6], u[T];
        for (int i = 0; i < m; i++) {
            y[i] = load_pixel(in, c, i, j, whole);
            if (whole) fetch_pixel(in, c, i, j + m);
        }
        grad_line(u, y, m, tile);
        for (int i = 0; i < tile; i++) t[i][j] = u[i];
    }
    for (int i = 0; i < tile; i++) {
        vec u[T];
        grad_line(u, t[i], m, tile);
        for (int j = 0; j < tile; j++) store(z + (i * tile + j) * step, u[j]);
    }
}

INLINE void grad_tile(float *z, int64_t step, int64_t block, const sn_conv_tile_in *in, int m, int tile) {
    for (int64_t c = 0; c < in->channels; c += W) {
        float *to = z + c / (2 * W) * block + c / W % 2 * W;
        if (in->whole)
            grad_vector(to, step, in, c, m, tile, true);
        else
            grad_vector(to, step, in, c, m, tile, false);
    }
}

INLINE void store_some(float *p, vec v, int64_t n, bool streams) {
    if (streams) {
        stream(p, v);
    } else if (n >= W) {
        store(p, v);
    } else {
        float part[W];
        store(part, v);
        for (int64_t i = 0; i < n; i++) p[i] = part[i];
    }
}

/* ---- outputs: a vector of channels, its columns transformed already ---- */

typedef struct {
    vec pivot, sum, square;
} vec_stats;

INLINE void count_in(vec_stats *s, vec y) {
    vec d = y - s->pivot;
    s->sum += d;
    s->square += d * d;
}

INLINE vec choose(bits which, vec a, vec b) { return (vec)((which & (bits)a) | (~which & (bits)b)); }
/* The larger; nan where there is one. */
INLINE vec most(vec a, vec b) { return choose((a > b) | (a != a), a, b); }

/* Inside of the image all sizes are constants. */
INLINE void put_plain(vec u[6][T], const sn_conv_put *p, const sn_conv_tile_out *o, int half, int rows,
                      int cols, int64_t n, int m, int tile, bool streams, bool counts) {
    vec b = load(p->bias + half * W);
    float *stats = p->stats + half * W;
    vec_stats s = { { 0 }, { 0 }, { 0 } };
    if (counts && !o->fresh) s = (vec_stats){ load(stats), load(stats + p->step), load(stats + 2 * p->step) };
    for (int i = 0; i < rows; i++) {
        vec y[6] = { { 0 } };
        output_line(y, u[i], m, tile);
        if (counts && o->fresh && i == 0) {
            for (int j = 0; j < m; j++) s.pivot += y[j];
            s.pivot = s.pivot * (1.0f / (float)m) + b;
        }
        for (int j = 0; j < cols; j++) {
            store_some(o->at + i * o->row + j * o->pixel + half * W, y[j] + b, n, streams);
            if (counts) count_in(&s, y[j] + b);
        }
    }
    if (!counts) return;
    store(stats, s.pivot);
    store(stats + p->step, s.sum);
    store(stats + 2 * p->step, s.square);
}

/* Scaled, cut off below, and the largest of each 2 x 2 where they are pooled. */
INLINE void put_scaled(vec u[6][T], const sn_conv_put *p, const sn_conv_tile_out *o, int half, int rows,
                       int cols, int64_t n, int m, int tile, bool streams, bool pools) {
    vec b = load(p->bias + half * W), a = load(p->scale + half * W), low = p->low - (vec){ 0 };
    int by = pools ? 2 : 1;
    for (int i = 0; i + by <= rows; i += by) {
        vec y[2][6] = { { { 0 } } };
        for (int k = 0; k < by; k++) {
            output_line(y[k], u[i + k], m, tile);
            for (int j = 0; j < m; j++) {
                y[k][j] = y[k][j] * a + b;
                y[k][j] = choose(y[k][j] <= low, low, y[k][j]);
            }
        }
        for (int j = 0; j + by <= cols; j += by) {
            vec v = y[0][j];
            if (pools) v = most(most(v, y[0][j + 1]), most(y[1][j], y[1][j + 1]));
            store_some(o->at + i / by * o->row + j / by * o->pixel + half * W, v, n, streams);
        }
    }
}

INLINE void output_vector(vec u[6][T], const sn_conv_put *p, const sn_conv_tile_out *o, int half, int m,
                          int tile) {
    int64_t n = o->channels - half * W;
    bool whole = n >= W && o->rows == m && o->cols == m;
    if (p->scale) {
        if (whole && p->streams && p->pools)
            put_scaled(u, p, o, half, m, m, W, m, tile, true, true);
        else if (whole && p->streams)
            put_scaled(u, p, o, half, m, m, W, m, tile, true, false);
        else
            put_scaled(u, p, o, half, o->rows, o->cols, n, m, tile, false, p->pools);
    } else if (p->stats) {
        if (whole && p->streams)
            put_plain(u, p, o, half, m, m, W, m, tile, true, true);
        else
            put_plain(u, p, o, half, o->rows, o->cols, n, m, tile, false, true);
    } else {
        if (whole && p->streams)
            put_plain(u, p, o, half, m, m, W, m, tile, true, false);
        else if (whole)
            put_plain(u, p, o, half, m, m, W, m, tile, false, false);
        else
            put_plain(u, p, o, half, o->rows, o->cols, n, m, tile, false, false);
    }
}

/* For each kind of tile (m, tile): the transforms, and what outputs of all sorts share. */
#define KIND(name, m, tile)                                                                                    \
    static __attribute__((noinline)) void output_vector_##name(vec u[6][T], const sn_conv_put *p,              \
                                                               const sn_conv_tile_out *o, int half) {          \
        output_vector(u, p, o, half, m, tile);                                                                 \
    }                                                                                                          \
    static void k_output_##name(const float *t, int64_t step, const sn_conv_put *p,                            \
                                const sn_conv_tile_out *o) {                                                   \
        output_tile(t, step, p, o, m, tile, output_vector_##name);                                             \
    }                                                                                                          \
    static void k_input_##name(float *v, int64_t step, int64_t block, const sn_conv_tile_in *in) {             \
        input_tile(v, step, block, in, tile);                                                                  \
    }                                                                                                          \
    static void k_grad_##name(float *z, int64_t step, int64_t block, const sn_conv_tile_in *in) {              \
        grad_tile(z, step, block, in, m, tile);                                                                \
    }

typedef void (*put_vector)(vec u[6][T], const sn_conv_put *, const sn_conv_tile_out *, int half);

INLINE void output_tile(const float *t, int64_t step, const sn_conv_put *p, const sn_conv_tile_out *o, int m,
                        int tile, put_vector put) {
    for (int half = 0; half < 2; half++) {
        if (o->channels <= half * W) return;
        vec u[6][T];
        for (int j = 0; j < tile; j++) {
            vec d[T], y[6];
            for (int i = 0; i < tile; i++) d[i] = load(t + (i * tile + j) * step + half * W);
            output_line(y, d, m, tile);
            for (int i = 0; i < m; i++) u[i][j] = y[i];
        }
        put(u, p, o, half);
    }
}

KIND(4of8, 4, 8)
KIND(6of8, 6, 8)
KIND(4of6, 4, 6)

/* ---- kernels: a few numbers for each pair of channels, so that a general loop will do ---- */

INLINE void kernel_chunk(float *u, int64_t step, const float *taps, float (*g)[5], int r, int tile) {
    for (int half = 0; half < 2; half++) {
        vec t[T][5];
        for (int i = 0; i < tile; i++)
            for (int b = 0; b < r; b++) {
                vec sum = { 0 };
                for (int a = 0; a < r; a++) sum += g[i][a] * load(taps + (a * r + b) * 2 * W + half * W);
                t[i][b] = sum;
            }
        for (int i = 0; i < tile; i++)
            for (int k = 0; k < tile; k++) {
                vec sum = { 0 };
                for (int b = 0; b < r; b++) sum += g[k][b] * t[i][b];
                store(u + (i * tile + k) * step + half * W, sum);
            }
    }
}

static void k_kernel(float *u, int64_t step, const float *taps, float (*g)[5], int r, int tile) {
    if (r == 5)
        kernel_chunk(u, step, taps, g, 5, 8);
    else if (tile == 8)
        kernel_chunk(u, step, taps, g, 3, 8);
    else
        kernel_chunk(u, step, taps, g, 3, 6);
}

INLINE void back_chunk(float *dk, const float *m, int64_t step, int64_t slots, size_t slot, float (*g)[5],
                       int r, int tile) {
    for (int half = 0; half < 2; half++) {
        vec t[5][T];
        for (int k = 0; k < tile; k++) {
            vec d[T];
            for (int i = 0; i < tile; i++) {
                const float *at = m + (i * tile + k) * step + half * W;
                d[i] = load(at);
                for (int64_t s = 1; s < slots; s++) d[i] += load(at + (size_t)s * slot);
            }
            for (int a = 0; a < r; a++) {
                vec sum = { 0 };
                for (int i = 0; i < tile; i++) sum += g[i][a] * d[i];
                t[a][k] = sum;
            }
        }
        for (int a = 0; a < r; a++)
            for (int b = 0; b < r; b++) {
                vec sum = { 0 };
                for (int k = 0; k < tile; k++) sum += g[k][b] * t[a][k];
                store(dk + (a * r + b) * 2 * W + half * W, sum);
            }
    }
}

static void k_back(float *dk, const float *m, int64_t step, int64_t slots, size_t slot, float (*g)[5], int r,
                   int tile) {
    if (r == 5)
        back_chunk(dk, m, step, slots, slot, g, 5, 8);
    else if (tile == 8)
        back_chunk(dk, m, step, slots, slot, g, 3, 8);
    else
        back_chunk(dk, m, step, slots, slot, g, 3, 6);
}

/* ---- products, in registers ---- */

INLINE void product(float *c, const float *a, const float *b, int64_t k, int vecs) {
    vec s[MR][2];
    UNROLL for (int i = 0; i < MR; i++) s[i][0] = s[i][1] = (vec){ 0 };
    for (; k > 0; k -= W, a += MR * W) {
        int64_t n = k < W ? k : W;
        for (int64_t l = 0; l < n; l++, b += 2 * W) {
            vec b0 = load(b), b1 = vecs > 1 ? load(b + W) : b0;
            UNROLL for (int i = 0; i < MR; i++) {
                float u = a[i * W + l];
                s[i][0] += u * b0;
                if (vecs > 1) s[i][1] += u * b1;
            }
        }
    }
    UNROLL for (int i = 0; i < MR; i++) {
        store(c + i * 2 * W, s[i][0]);
        if (vecs > 1) store(c + i * 2 * W + W, s[i][1]);
    }
}

static void k_product(float *c, const float *a, const float *b, int64_t k) { product(c, a, b, k, 2); }
static void k_product1(float *c, const float *a, const float *b, int64_t k) { product(c, a, b, k, 1); }

INLINE void sum_product(float *c, int64_t ldc, const float *a, const float *b, int64_t k, int vecs) {
    vec s[MW][2];
    UNROLL for (int i = 0; i < MW; i++) {
        s[i][0] = load(c + i * ldc);
        if (vecs > 1) s[i][1] = load(c + i * ldc + W);
    }
    for (int64_t l = 0; l < k; l++, a += W, b += 2 * W) {
        vec b0 = load(b), b1 = vecs > 1 ? load(b + W) : b0;
        UNROLL for (int i = 0; i < MW; i++) {
            s[i][0] += a[i] * b0;
            if (vecs > 1) s[i][1] += a[i] * b1;
        }
    }
    UNROLL for (int i = 0; i < MW; i++) {
        store(c + i * ldc, s[i][0]);
        if (vecs > 1) store(c + i * ldc + W, s[i][1]);
    }
}

static void k_sum_product(float *c, int64_t ldc, const float *a, const float *b, int64_t k) {
    sum_product(c, ldc, a, b, k, 2);
}
static void k_sum_product1(float *c, int64_t ldc, const float *a, const float *b, int64_t k) {
    sum_product(c, ldc, a, b, k, 1);
}

static void k_add_product(float *c, int64_t ldc, const float *a, int64_t lda, const float *b, int64_t ldb,
                          int64_t k) {
    vec s[MW][2];
    UNROLL for (int i = 0; i < MW; i++) {
        s[i][0] = load(c + i * ldc);
        s[i][1] = load(c + i * ldc + W);
    }
    for (int64_t l = 0; l < k; l++) {
        vec b0 = load(b + l * ldb), b1 = load(b + l * ldb + W);
        UNROLL for (int i = 0; i < MW; i++) {
            float u = a[l * lda + i];
            s[i][0] += u * b0;
            s[i][1] += u * b1;
        }
    }
    UNROLL for (int i = 0; i < MW; i++) {
        store(c + i * ldc, s[i][0]);
        store(c + i * ldc + W, s[i][1]);
    }
}

/* All taps of n pixels and one or two vectors of channels without leaving the registers. */
INLINE void rows_of(float *c, int64_t ldc, const float *const *a, int64_t lda, const float *b, int64_t k,
                    int nrow, const float *bias, int n, int vecs) {
    vec s[MR][2];
    UNROLL for (int i = 0; i < n; i++) {
        s[i][0] = load(bias);
        if (vecs > 1) s[i][1] = load(bias + W);
    }
    for (int r = 0; r < nrow; r++) {
        const float *line = a[r];
        for (int64_t l = 0; l < k; l++, b += vecs * W) {
            vec b0 = load(b), b1 = vecs > 1 ? load(b + W) : b0;
#pragma GCC unroll 14
            for (int i = 0; i < n; i++) {
                float u = line[i * lda + l];
                s[i][0] += u * b0;
                if (vecs > 1) s[i][1] += u * b1;
            }
        }
    }
    UNROLL for (int i = 0; i < n; i++) {
        store(c + i * ldc, s[i][0]);
        if (vecs > 1) store(c + i * ldc + W, s[i][1]);
    }
}

#define ROWS(name, n, vecs)                                                                                    \
    static void name(float *c, int64_t ldc, const float *const *a, int64_t lda, const float *b, int64_t k,     \
                     int nrow, const float *bias) {                                                            \
        rows_of(c, ldc, a, lda, b, k, nrow, bias, n, vecs);                                                    \
    }

ROWS(k_rows, MR, 2)
ROWS(k_narrow_rows, MR, 1)
ROWS(k_less_rows, MR_LESS, 2)
ROWS(k_less_narrow_rows, MR_LESS, 1)

#include "num/conv_few.inc.c"

#define CAT(a, b)  a##b
#define NAME(isa)  CAT(sn_conv_kern_, isa)
#define TEXT_(isa) #isa
#define TEXT(isa)  TEXT_(isa)

const sn_conv_kern NAME(SN_ISA) = {
    .isa = TEXT(SN_ISA),
    .lanes = W,
    .mr = MR,
    .mw = MW,
    .streams = VBYTES == 64,
    .streamed = k_streamed,
    .input = { k_input_4of8, k_input_6of8, k_input_4of6 },
    .grad = { k_grad_4of8, k_grad_6of8, k_grad_4of6 },
    .output = { k_output_4of8, k_output_6of8, k_output_4of6 },
    .few_columns = k_few_columns,
    .few_rows = k_few_rows,
    .few_output = { k_few_output4, k_few_output6 },
    .few_weights = { k_few_weights4, k_few_weights6 },
    .kernel = k_kernel,
    .back = k_back,
    .product = { k_product1, k_product },
    .sum_product = { k_sum_product1, k_sum_product },
    .rows = { { MR, false, k_rows },
              { MR, true, k_narrow_rows },
              { MR_LESS, false, k_less_rows },
              { MR_LESS, true, k_less_narrow_rows } },
    .gather = k_gather,
    .add_product = k_add_product,
};
