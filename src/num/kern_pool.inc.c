/* Part of kern.inc.c: the largest values of windows, and their gradients back to where they were. Comparisons
 * only, and sums in order of the windows: the same bits on every instruction set. */

#if defined(__AVX512F__)
#    include <immintrin.h>
#endif

/* The taps [from, to) of a window that lie inside n values; tap k is value at + k. */
typedef struct {
    int64_t at, from, to;
} taps;

INLINE taps taps_of(int64_t o, int64_t stride, int64_t pad, int64_t k, int64_t n) {
    int64_t at = o * stride - pad;
    return (taps){ at, at < 0 ? -at : 0, n - at < k ? n - at : k };
}

/* What is compared: x, a x + b, or the positive part of either. */
typedef struct {
    bool affine, relu;
    const real *a, *b;
} bent;

INLINE vec bend_vec(const bent *f, vec v, vec a, vec b) {
    if (f->affine) v = v * a + b;
    if (f->relu) v = (vec)((bits)v & ~(bits)(v <= 0));
    return v;
}

INLINE real bend(const bent *f, real v, real a, real b) {
    if (f->affine) v = v * a + b;
    return f->relu && v <= 0 ? 0 : v;
}

/* LANES channels of one window: the largest value and its tap; nan is larger than anything, so that it shows.
 */
INLINE void max_lanes(const bent *f, real *best, bits *tap, const real *x, const real *a, const real *b,
                      const sn_windows *g, taps v, taps h) {
    vec top[NVEC], va[NVEC] = { 0 }, vb[NVEC] = { 0 };
    bits won[NVEC];
    for (int i = 0; i < NVEC; i++) {
        top[i] = (real)-INFINITY - (vec){ 0 };
        won[i] = (uint32_t)(v.from * g->kw + h.from) + (bits){ 0 };
        if (f->affine) va[i] = load(a + i * WIDTH);
        if (f->affine) vb[i] = load(b + i * WIDTH);
    }
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            const real *in = x + ((v.at + ky) * g->w + h.at + kx) * g->c;
            bits k = (uint32_t)(ky * g->kw + kx) + (bits){ 0 };
            for (int i = 0; i < NVEC; i++) {
                vec u = bend_vec(f, load(in + i * WIDTH), va[i], vb[i]);
                bits take = (bits)(u > top[i]) | (bits)(u != u);
                top[i] = (vec)((take & (bits)u) | (~take & (bits)top[i]));
                won[i] = (take & k) | (~take & won[i]);
            }
        }
    }
    for (int i = 0; i < NVEC; i++) {
        store(best + i * WIDTH, top[i]);
        tap[i] = won[i];
    }
}

typedef uint8_t bytes __attribute__((vector_size(WIDTH)));
typedef uint32_t words __attribute__((vector_size(WIDTH * 4)));

INLINE void store_taps(void *index, bool wide, int64_t at, const bits *tap) {
    for (int i = 0; i < NVEC; i++) {
#if defined(__AVX512F__) && !defined(SN_F64)
        bytes narrow = (bytes)_mm512_cvtepi32_epi8((__m512i)tap[i]);
#else
        bytes narrow = __builtin_convertvector(tap[i], bytes);
#endif
        words full = __builtin_convertvector(tap[i], words);
        if (wide)
            memcpy((uint32_t *)index + at + i * WIDTH, &full, sizeof full);
        else
            memcpy((uint8_t *)index + at + i * WIDTH, &narrow, sizeof narrow);
    }
}

/* One channel of one window. */
INLINE real max_one(const bent *f, uint32_t *tap, const real *x, real a, real b, const sn_windows *g, taps v,
                    taps h) {
    real top = (real)-INFINITY;
    *tap = (uint32_t)(v.from * g->kw + h.from);
    for (int64_t ky = v.from; ky < v.to; ky++) {
        for (int64_t kx = h.from; kx < h.to; kx++) {
            real u = bend(f, x[((v.at + ky) * g->w + h.at + kx) * g->c], a, b);
            if (!(u > top) && u == u) continue;
            top = u;
            *tap = (uint32_t)(ky * g->kw + kx);
        }
    }
    return top;
}

/* Channels that fill no vector are taken with those of the next pixel, if there are so many behind the window's
 * last tap. */
INLINE bool can_read_over(const sn_windows *g, taps v, taps h) {
    int64_t rest = g->c % LANES, last = (v.at + v.to - 1) * g->w + h.at + h.to - 1;
    return rest && (g->h * g->w - last) * g->c - (g->c - rest) >= LANES;
}

/* n of the LANES values and taps. */
INLINE void store_some(real *y, void *index, bool wide, const real *best, const bits *tap, int64_t n) {
    uint32_t won[LANES];
    store_taps(won, true, 0, tap);
    for (int64_t l = 0; l < n; l++) {
        y[l] = best[l];
        if (index && wide) ((uint32_t *)index)[l] = won[l];
        if (index && !wide) ((uint8_t *)index)[l] = (uint8_t)won[l];
    }
}

/* What is too much is written over by the next window of the row, if there is one. */
INLINE void max_window_over(const bent *f, real *y, void *index, const real *x, const sn_windows *g, int64_t ox,
                            taps v, taps h) {
    int64_t at = ox * g->c, room = (g->ow - ox) * g->c;
    for (int64_t c = 0; c < g->c; c += LANES) {
        bits tap[NVEC];
        if (c + LANES <= room) {
            max_lanes(f, y + at + c, tap, x + c, x, x, g, v, h);
            if (index) store_taps(index, g->wide, at + c, tap);
        } else {
            real best[LANES];
            max_lanes(f, best, tap, x + c, x, x, g, v, h);
            void *to = !index ? NULL : (uint8_t *)index + (size_t)(at + c) * (g->wide ? 4 : 1);
            store_some(y + at + c, to, g->wide, best, tap, g->c - c);
        }
    }
}

INLINE void max_window(const bent *f, real *y, void *index, const real *x, const sn_windows *g, int64_t ox,
                       taps v, taps h) {
    int64_t c = 0, at = ox * g->c;
    if (!f->affine && can_read_over(g, v, h)) {
        max_window_over(f, y, index, x, g, ox, v, h);
        return;
    }
    for (; c + LANES <= g->c; c += LANES) {
        bits tap[NVEC];
        max_lanes(f, y + at + c, tap, x + c, f->a + c, f->b + c, g, v, h);
        if (index) store_taps(index, g->wide, at + c, tap);
    }
    for (; c < g->c; c++) {
        uint32_t tap;
        y[at + c] = max_one(f, &tap, x + c, f->affine ? f->a[c] : 1, f->affine ? f->b[c] : 0, g, v, h);
        if (index && g->wide) ((uint32_t *)index)[at + c] = tap;
        if (index && !g->wide) ((uint8_t *)index)[at + c] = (uint8_t)tap;
    }
}

/* The windows of a row; those of 2 x 2 inside the image, the usual ones, as constants. */
INLINE void max_row(const bent *f, real *y, void *index, const real *x, const sn_windows *g, int64_t oy) {
    taps v = taps_of(oy, g->sh, g->pt, g->kh, g->h);
    bool two = g->kh == 2 && g->kw == 2 && !g->wide && v.from == 0 && v.to == 2;
    for (int64_t ox = 0; ox < g->ow; ox++) {
        taps h = taps_of(ox, g->sw, g->pl, g->kw, g->w);
        if (two && h.from == 0 && h.to == 2) {
            sn_windows known = *g;
            known.kw = 2;
            known.wide = false;
            max_window(f, y, index, x, &known, ox, (taps){ v.at, 0, 2 }, (taps){ h.at, 0, 2 });
        } else {
            max_window(f, y, index, x, g, ox, v, h);
        }
    }
}

static void k_max_pool_row(real *y, void *index, const real *x, const real *a, const real *b, bool relu,
                           const sn_windows *g, int64_t oy) {
    if (a && relu)
        max_row(&(bent){ true, true, a, b }, y, index, x, g, oy);
    else if (a)
        max_row(&(bent){ true, false, a, b }, y, index, x, g, oy);
    else if (relu)
        max_row(&(bent){ false, true, x, x }, y, index, x, g, oy);
    else
        max_row(&(bent){ false, false, x, x }, y, index, x, g, oy);
}

static void k_max_pool_mask(uint8_t *index, const real *y, size_t n) {
    ELEMENTWISE
    for (size_t i = 0; i < n; i++) {
        uint8_t k = index[i];
        index[i] = y[i] > 0 ? k : SN_NO_TAP;
    }
}

/* Taps i .. i + WIDTH. In vectors: as a loop over mixed types GCC 12 gets it wrong for AVX-512. */
INLINE bits load_taps(const void *index, bool wide, int64_t i) {
    if (wide) {
        words w;
        memcpy(&w, (const uint32_t *)index + i, sizeof w);
        return __builtin_convertvector(w, bits);
    }
    bytes n;
    memcpy(&n, (const uint8_t *)index + i, sizeof n);
#if defined(__AVX512F__) && !defined(SN_F64)
    return (bits)_mm512_cvtepu8_epi32((__m128i)n); /* GCC 12 takes the bytes one by one */
#else
    return __builtin_convertvector(n, bits);
#endif
}

/* WIDTH channels of a window's gradient, where tap k won. */
INLINE vec won_by(uint32_t k, const real *dy, const void *index, bool wide, real scale) {
    return (vec)((bits)(load_taps(index, wide, 0) == k + (bits){ 0 }) & (bits)(load(dy) * scale));
}

INLINE const void *taps_at(const void *index, bool wide, int64_t at) {
    return (const uint8_t *)index + (size_t)at * (wide ? sizeof(uint32_t) : 1);
}

/* What tap k of a window gets of its gradient, all n channels: set, or added to what other windows gave. So
 * many values may be written: n, or more where what follows is written later; and left may be read. */
INLINE void spread(bool add, real *dx, const real *dy, const void *index, bool wide, uint32_t k, real scale,
                   int64_t n, int64_t room, int64_t left) {
    int64_t c = 0;
    for (; c < n && c + WIDTH <= room && c + WIDTH <= left; c += WIDTH) {
        vec part = won_by(k, dy + c, taps_at(index, wide, c), wide, scale);
        store(dx + c, add ? load(dx + c) + part : part);
    }
    if (c < n && c + WIDTH <= left) {
        vec part = won_by(k, dy + c, taps_at(index, wide, c), wide, scale);
        for (int l = 0; c < n; c++, l++) dx[c] = add ? dx[c] + part[l] : part[l];
    }
    for (; c < n; c++) {
        uint32_t won = wide ? ((const uint32_t *)index)[c] : ((const uint8_t *)index)[c];
        real part = won == k ? dy[c] * scale : 0;
        dx[c] = add ? dx[c] + part : part;
    }
}

/* room: of dx. */
INLINE void spread_at(bool add, real *dx, const real *dy, const void *index, real scale, const sn_windows *g,
                      int64_t window, int64_t k, int64_t room) {
    int64_t at = window * g->c, left = g->oh * g->ow * g->c - at;
    const void *won = taps_at(index, g->wide, at);
    if (g->wide)
        spread(add, dx, dy + at, won, true, (uint32_t)k, scale, g->c, room, left);
    else
        spread(add, dx, dy + at, won, false, (uint32_t)k, scale, g->c, room, left);
}

/* Windows of 2 x 2 with few channels, as long as whole vectors may be written: both taps in row ky of those
 * from ox on. Gives how many were done. */
INLINE int64_t unpool_pairs(real *dx, const real *dy, const void *index, real scale, const sn_windows *g,
                            int64_t window, int64_t n, uint32_t ky) {
    int64_t done = 0, left = (g->oh * g->ow - window) * g->c, room = 2 * n * g->c;
    const uint8_t *won = (const uint8_t *)index + window * g->c;
    dy += window * g->c;
    for (; done < n && left >= WIDTH && room >= g->c + WIDTH; done++) {
        bits tap = load_taps(won, false, 0), t = (bits)(load(dy) * scale);
        store(dx, (vec)((bits)(tap == 2 * ky + (bits){ 0 }) & t));
        store(dx + g->c, (vec)((bits)(tap == 2 * ky + 1 + (bits){ 0 }) & t));
        dx += 2 * g->c;
        dy += g->c;
        won += g->c;
        left -= g->c;
        room -= 2 * g->c;
    }
    return done;
}

/* Columns [from, to) of row iy where no window overlaps another: at most one window gives to each. */
static void unpool_apart(real *dx, const real *dy, const void *index, real scale, const sn_windows *g,
                         int64_t iy, int64_t from, int64_t to) {
    int64_t oy = (iy + g->pt) / g->sh, ky = iy + g->pt - oy * g->sh;
    int64_t ox = (from + g->pl) / g->sw, kx = from + g->pl - ox * g->sw, ix = from;
    bool pairs = g->kh == 2 && g->kw == 2 && g->sh == 2 && g->sw == 2 && !g->wide && g->c <= WIDTH;
    if (pairs && kx == 0 && oy < g->oh && ox < g->ow) {
        int64_t n = (to - from) / 2 < g->ow - ox ? (to - from) / 2 : g->ow - ox;
        n = unpool_pairs(dx, dy, index, scale, g, oy * g->ow + ox, n, (uint32_t)ky);
        ix += 2 * n;
        ox += n;
        dx += 2 * n * g->c;
    }
    for (; ix < to; ix++, dx += g->c) {
        if (oy < g->oh && ky < g->kh && ox < g->ow && kx < g->kw)
            spread_at(false, dx, dy, index, scale, g, oy * g->ow + ox, ky * g->kw + kx, (to - ix) * g->c);
        else
            memset(dx, 0, (size_t)g->c * sizeof *dx);
        if (++kx == g->sw) {
            kx = 0;
            ox++;
        }
    }
}

/* The first window of k taps that has value i + pad among them. */
INLINE int64_t first_window(int64_t i, int64_t k, int64_t stride) { return i < k ? 0 : (i - k) / stride + 1; }

/* The same where they do: in order of the windows. */
static void unpool_overlapping(real *dx, const real *dy, const void *index, real scale, const sn_windows *g,
                               int64_t iy, int64_t from, int64_t to) {
    int64_t y = iy + g->pt, top = first_window(y, g->kh, g->sh);
    for (int64_t ix = from; ix < to; ix++, dx += g->c) {
        int64_t x = ix + g->pl, left = first_window(x, g->kw, g->sw);
        memset(dx, 0, (size_t)g->c * sizeof *dx);
        for (int64_t oy = top; oy < g->oh && oy * g->sh <= y; oy++)
            for (int64_t ox = left; ox < g->ow && ox * g->sw <= x; ox++)
                spread_at(true, dx, dy, index, scale, g, oy * g->ow + ox,
                          (y - oy * g->sh) * g->kw + x - ox * g->sw, g->c);
    }
}

static void k_max_unpool(real *dx, const real *dy, const void *index, real scale, const sn_windows *g,
                         int64_t from, int64_t to) {
    bool overlap = g->kh > g->sh || g->kw > g->sw;
    while (from < to) {
        int64_t iy = from / g->w, x0 = from % g->w, n = g->w - x0 < to - from ? g->w - x0 : to - from;
        if (overlap)
            unpool_overlapping(dx, dy, index, scale, g, iy, x0, x0 + n);
        else
            unpool_apart(dx, dy, index, scale, g, iy, x0, x0 + n);
        dx += n * g->c;
        from += n;
    }
}
