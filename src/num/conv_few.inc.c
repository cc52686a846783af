/* Kernels of Winograd's convolution for few input channels (wino_few.c), a part of conv_kern.inc.c. The lanes
 * of the transforms of inputs are pixels and channels of a row, then the places of a column: all work on whole
 * vectors though channels are few. */

/* a0 b0 a1 b1 ..: the lower and the upper half of it */
#if VBYTES == 64
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#    define UPPER(a, b)                                                                                        \
        __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
enum { GROUP = 3, PAIR = 2 }; /* channels of a sum, tiles of a product in registers */
#elif VBYTES == 32
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#    define UPPER(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
enum { GROUP = 1, PAIR = 1 };
#else
#    define LOWER(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#    define UPPER(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
enum { GROUP = 1, PAIR = 1 };
#endif

/* n vectors of k x W pairs become twice as many: a's and b's elements in turn. */
INLINE void zip(vec *to, const vec *a, const vec *b, int n) {
    UNROLL for (int i = 0; i < n; i++) {
        to[2 * i] = LOWER(a[i], b[i]);
        to[2 * i + 1] = UPPER(a[i], b[i]);
    }
}

/* The eight of each lane side by side. */
INLINE void store_columns(float *to, const vec u[T]) {
    vec a[4][2], b[2][4], c[8];
    UNROLL for (int k = 0; k < 4; k++) zip(a[k], &u[k], &u[k + 4], 1);
    UNROLL for (int k = 0; k < 2; k++) zip(b[k], a[k], a[k + 2], 2);
    zip(c, b[0], b[1], 4);
    UNROLL for (int k = 0; k < 8; k++) store(to + k * W, c[k]);
}

/* to (n, 8): the columns of eight rows, transformed. */
static void k_few_columns(float *to, const float *const *rows, int64_t n) {
    for (int64_t e = 0; e < n; e += W, to += T * W) {
        vec d[T], u[T];
        if (e + W <= n) {
            for (int i = 0; i < T; i++) d[i] = load(rows[i] + e);
        } else {
            float part[T][W] = { { 0 } };
            for (int i = 0; i < T; i++) {
                memcpy(part[i], rows[i] + e, (size_t)(n - e) * sizeof **rows);
                d[i] = load(part[i]);
            }
        }
        input_line(u, d, T);
        store_columns(to, u);
    }
}

/* v (8, line): the rows of a tile's transformed columns (8 pixels, n = channels * 8). What stands behind the n
 * of a pixel, up to a whole vector, is computed along. */
static void k_few_rows(float *v, int64_t line, const float *columns, int64_t n) {
    for (int64_t q = 0; q < n; q += W) {
        vec d[T], u[T];
        for (int j = 0; j < T; j++) d[j] = load(columns + j * n + q);
        input_line(u, d, T);
        for (int j = 0; j < T; j++) store(v + j * line + q, u[j]);
    }
}

/* A column of places of `tiles` tiles, products over the channels. */
INLINE void few_places(vec d[2][T], const float *v, int64_t next, const float *u, int64_t c, int tiles) {
    UNROLL for (int i = 0; i < T; i++) {
        vec k = load(u + i * W);
        for (int t = 0; t < tiles; t++) d[t][i] = v[t * next + i] * k;
    }
    for (int64_t l = 1; l < c; l++) {
        v += T;
        u += T * W;
        UNROLL for (int i = 0; i < T; i++) {
            vec k = load(u + i * W);
            for (int t = 0; t < tiles; t++) d[t][i] += v[t * next + i] * k;
        }
    }
}

INLINE void few_output(const float *v, int64_t line, const float *u, int64_t c, const sn_conv_put *p,
                       const sn_conv_tile_out *o, int m, int tiles) {
    vec t[2][6][T];
    for (int j = 0; j < T; j++) {
        vec d[2][T];
        few_places(d, v + j * line, T * line, u + j * c * T * W, c, tiles);
        for (int k = 0; k < tiles; k++) {
            vec y[6];
            output_line(y, d[k], m, T);
            for (int i = 0; i < m; i++) t[k][i][j] = y[i];
        }
    }
    for (int k = 0; k < tiles; k++) (m == 4 ? output_vector_4of8 : output_vector_6of8)(t[k], p, &o[k], 0);
}

/* count tiles of one vector of output channels; v (count, 8, line), u (8, c, 8, lanes). */
INLINE void few_outputs(const float *v, int64_t line, const float *u, int64_t c, const sn_conv_put *p,
                        const sn_conv_tile_out *o, int64_t count, int m) {
    int64_t i = 0;
    for (; i + PAIR <= count; i += PAIR) few_output(v + i * T * line, line, u, c, p, o + i, m, PAIR);
    for (; i < count; i++) few_output(v + i * T * line, line, u, c, p, o + i, m, 1);
}

static void k_few_output4(const float *v, int64_t line, const float *u, int64_t c, const sn_conv_put *p,
                          const sn_conv_tile_out *o, int64_t count) {
    few_outputs(v, line, u, c, p, o, count, 4);
}
static void k_few_output6(const float *v, int64_t line, const float *u, int64_t c, const sn_conv_put *p,
                          const sn_conv_tile_out *o, int64_t count) {
    few_outputs(v, line, u, c, p, o, count, 6);
}

/* z (8, m): the rows of a tile of gradients transformed, columns not yet. */
INLINE void grad_rows(float *z, const sn_conv_tile_in *in, int64_t c, int m, bool whole) {
    for (int i = 0; i < m; i++) {
        vec y[6], u[T];
        for (int j = 0; j < m; j++) {
            y[j] = load_pixel(in, c, i, j, whole);
            if (whole) fetch_pixel(in, c, i, j + m);
        }
        grad_line(u, y, m, T);
        for (int j = 0; j < T; j++) store(z + (j * m + i) * W, u[j]);
    }
}

/* Sums of a column of places and c channels over count tiles. */
INLINE void few_sums(float *sum, const float *v, int64_t vstep, const float *z, int64_t zstep, int64_t count,
                     int m, int c) {
    vec s[GROUP][T];
    for (int l = 0; l < c; l++)
        for (int i = 0; i < T; i++) s[l][i] = load(sum + (l * T + i) * W);
    for (int64_t t = 0; t < count; t++, v += vstep, z += zstep) {
        vec y[6], u[T];
        for (int i = 0; i < m; i++) y[i] = load(z + i * W);
        grad_line(u, y, m, T);
        UNROLL for (int i = 0; i < T; i++) for (int l = 0; l < c; l++) s[l][i] += v[l * T + i] * u[i];
    }
    for (int l = 0; l < c; l++)
        for (int i = 0; i < T; i++) store(sum + (l * T + i) * W, s[l][i]);
}

INLINE void few_weights(float *sum, float *bias, const float *v, int64_t line, float *z, int64_t c,
                        const sn_conv_tile_in *in, int64_t first, int64_t count, int m) {
    int64_t vstep = T * line, zstep = (int64_t)T * m * W;
    vec all = { 0 };
    for (int64_t t = 0; t < count; t++) {
        if (in[t].whole)
            grad_rows(z + t * zstep, &in[t], first, m, true);
        else
            grad_rows(z + t * zstep, &in[t], first, m, false);
        for (int i = 0; i < m; i++) all += load(z + t * zstep + (m + i) * W); /* point 1: a row's sum */
    }
    store(bias, all);
    for (int j = 0; j < T; j++, v += line, z += m * W) {
        const float *at = v;
        int64_t l = c;
        for (; l >= GROUP; l -= GROUP, at += GROUP * T, sum += GROUP * T * W)
            few_sums(sum, at, vstep, z, zstep, count, m, GROUP);
        for (; l > 0; l--, at += T, sum += T * W) few_sums(sum, at, vstep, z, zstep, count, m, 1);
    }
}

static void k_few_weights4(float *sum, float *bias, const float *v, int64_t line, float *z, int64_t c,
                           const sn_conv_tile_in *in, int64_t first, int64_t count) {
    few_weights(sum, bias, v, line, z, c, in, first, count, 4);
}
static void k_few_weights6(float *sum, float *bias, const float *v, int64_t line, float *z, int64_t c,
                           const sn_conv_tile_in *in, int64_t first, int64_t count) {
    few_weights(sum, bias, v, line, z, c, in, first, count, 6);
}

/* Pixels in their order: what a vector holds behind a pixel's channels is the next one's, which is written
 * later. */
static void k_gather(float *out, const float *sums, int64_t width, const sn_conv *d) {
    for (int64_t x = 0; x < d->w; x++) {
        int64_t right = x + d->pl, from = right - (d->ow - 1) > 0 ? right - (d->ow - 1) : 0;
        int64_t to = right < d->kw - 1 ? right : d->kw - 1;
        for (int64_t c = 0; c < d->ci; c += W) {
            vec s = { 0 };
            for (int64_t k = from; k <= to; k++) s += load(sums + (right - k) * width + k * d->ci + c);
            store(out + x * d->ci + c, s);
        }
    }
}
