/* Part of kern.inc.c: statistics of one array, in double. Element i goes to lane i % 16, lanes are joined in a
 * fixed order: the same bits on every instruction set. */

enum { DWIDTH = VBYTES / 8, DVECS = LANES / DWIDTH, MBLOCK = 1024 };

typedef double dvec __attribute__((vector_size(VBYTES)));
typedef int64_t dbits __attribute__((vector_size(VBYTES)));
typedef real narrow __attribute__((vector_size(VBYTES / 8 * sizeof(real)))); /* as many as a dvec has */

INLINE dvec widen(const real *p) {
    narrow v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, dvec);
}

INLINE dvec value_vec(bool diff, const real *x, const real *y) { return diff ? widen(x) - widen(y) : widen(x); }
INLINE double value_at(bool diff, const real *x, const real *y, size_t i) {
    return diff ? (double)x[i] - (double)y[i] : (double)x[i];
}

INLINE dvec choose(dbits mask, dvec a, dvec b) { return (dvec)((mask & (dbits)a) | (~mask & (dbits)b)); }

typedef struct {
    double sum[LANES], sq[LANES], min[LANES], max[LANES]; /* sums are of x - shift */
    int64_t zero[LANES];
} lanes;

/* Lanes v .. v + 2 vectors over the first `full` values. */
INLINE void moment_lanes(lanes *l, bool diff, const real *x, const real *y, size_t full, double shift, int v) {
    dvec sh = shift - (dvec){ 0 }, s[2] = { { 0 } }, q[2] = { { 0 } }, lo[2] = { sh, sh }, hi[2] = { sh, sh };
    dbits z[2] = { { 0 } };
    for (size_t i = (size_t)(v * DWIDTH); i < full; i += LANES)
        for (int k = 0; k < 2; k++) {
            dvec u = value_vec(diff, x + i + k * DWIDTH, y + i + k * DWIDTH), d = u - sh;
            s[k] += d;
            q[k] += d * d;
            lo[k] = choose(u < lo[k], u, lo[k]);
            hi[k] = choose(u > hi[k], u, hi[k]);
            z[k] -= u == 0;
        }
    for (int k = 0; k < 2; k++) {
        int at = (v + k) * DWIDTH;
        memcpy(l->sum + at, &s[k], sizeof s[k]);
        memcpy(l->sq + at, &q[k], sizeof q[k]);
        memcpy(l->min + at, &lo[k], sizeof lo[k]);
        memcpy(l->max + at, &hi[k], sizeof hi[k]);
        memcpy(l->zero + at, &z[k], sizeof z[k]);
    }
}

INLINE void join_lanes(lanes *l) {
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) {
            l->sum[i] += l->sum[i + half];
            l->sq[i] += l->sq[i + half];
            l->zero[i] += l->zero[i + half];
            if (l->min[i + half] < l->min[i]) l->min[i] = l->min[i + half];
            if (l->max[i + half] > l->max[i]) l->max[i] = l->max[i + half];
        }
}

/* Some of them are nan or inf. */
static void moments_of_mixed(sn_moments *m, bool diff, const real *x, const real *y, size_t n) {
    double shift = 0, sum = 0, sq = 0;
    *m = (sn_moments){ 0 };
    for (size_t i = 0; i < n; i++) {
        double v = value_at(diff, x, y, i);
        if (v != v) {
            m->nans++;
        } else if (!(v - v == 0)) {
            m->infs++;
        } else {
            if (m->finite == 0) shift = m->min = m->max = v;
            m->finite++;
            m->zeros += v == 0;
            sum += v - shift;
            sq += (v - shift) * (v - shift);
            if (v < m->min) m->min = v;
            if (v > m->max) m->max = v;
        }
    }
    if (m->finite == 0) return;
    m->mean = shift + sum / (double)m->finite;
    m->m2 = sq - sum * (sum / (double)m->finite);
    if (m->m2 < 0) m->m2 = 0;
}

/* The shift is one of the values: what the sums cancel is then no more than their spread. */
INLINE void moments_of(sn_moments *m, bool diff, const real *x, const real *y, size_t n) {
    lanes l;
    double shift = value_at(diff, x, y, 0);
    size_t full = n / LANES * LANES;
    for (int v = 0; v < DVECS; v += 2) moment_lanes(&l, diff, x, y, full, shift, v);
    for (size_t i = full; i < n; i++) {
        double v = value_at(diff, x, y, i), d = v - shift;
        l.sum[i - full] += d;
        l.sq[i - full] += d * d;
        l.zero[i - full] += v == 0;
        if (v < l.min[i - full]) l.min[i - full] = v;
        if (v > l.max[i - full]) l.max[i - full] = v;
    }
    join_lanes(&l);
    if (!(l.sq[0] - l.sq[0] == 0)) {
        moments_of_mixed(m, diff, x, y, n);
        return;
    }
    double mean = l.sum[0] / (double)n, m2 = l.sq[0] - l.sum[0] * mean;
    *m = (sn_moments){ .finite = (int64_t)n,
                       .zeros = l.zero[0],
                       .mean = shift + mean,
                       .m2 = m2 > 0 ? m2 : 0,
                       .min = l.min[0],
                       .max = l.max[0] };
}

static void k_moments(sn_moments *m, const real *x, const real *y, size_t n) {
    for (size_t at = 0; at < n; at += MBLOCK) {
        size_t len = n - at < MBLOCK ? n - at : MBLOCK;
        sn_moments block;
        if (y) {
            moments_of(&block, true, x + at, y + at, len);
        } else {
            moments_of(&block, false, x + at, x + at, len);
        }
        sn_moments_merge(m, &block);
    }
}

static double k_dot_wide(const real *a, const real *b, size_t n) {
    double total[LANES] = { 0 };
    size_t full = n / LANES * LANES;
    for (int v = 0; v < DVECS; v += 2) {
        dvec s[2] = { { 0 } };
        for (size_t i = (size_t)(v * DWIDTH); i < full; i += LANES)
            for (int k = 0; k < 2; k++) s[k] += widen(a + i + k * DWIDTH) * widen(b + i + k * DWIDTH);
        for (int k = 0; k < 2; k++) memcpy(total + (v + k) * DWIDTH, &s[k], sizeof s[k]);
    }
    for (size_t i = full; i < n; i++) total[i - full] += (double)a[i] * (double)b[i];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) total[l] += total[l + half];
    return total[0];
}

/* ---- histograms ---- */

/* Comparing with every edge needs no scattered memory and is faster than finding each value's bin. The values
 * of a block are compared with EDGES of them at a time. */
enum { HBLOCK = 256, EDGES = 4 };

/* at_least[k] += how many of v are >= edges[k]. */
INLINE void count_from(uint64_t *at_least, const double *edges, const double *v, size_t n) {
    dbits count[EDGES] = { { 0 } };
    size_t full = n / DWIDTH * DWIDTH;
    for (size_t i = 0; i < full; i += DWIDTH) {
        dvec u;
        memcpy(&u, v + i, sizeof u);
        for (int k = 0; k < EDGES; k++) count[k] -= u >= edges[k] - (dvec){ 0 };
    }
    for (int k = 0; k < EDGES; k++) {
        for (int l = 0; l < DWIDTH; l++) at_least[k] += (uint64_t)count[k][l];
        for (size_t i = full; i < n; i++) at_least[k] += v[i] >= edges[k];
    }
}

static void k_histogram(int64_t *counts, const real *x, const real *y, const double *edges, int bins,
                        size_t n) {
    double v[HBLOCK], limit[SN_HIST_MAX + 1 + EDGES] = { 0 };
    uint64_t at_least[SN_HIST_MAX + 1 + EDGES] = { 0 };
    memcpy(limit, edges, ((size_t)bins + 1) * sizeof *edges);
    for (size_t at = 0; at < n; at += HBLOCK) {
        size_t len = n - at < HBLOCK ? n - at : HBLOCK;
        if (y) {
            for (size_t i = 0; i < len; i++) v[i] = (double)x[at + i] - (double)y[at + i];
        } else {
            for (size_t i = 0; i < len; i++) v[i] = (double)x[at + i];
        }
        for (int k = 0; k <= bins; k += EDGES) count_from(at_least + k, limit + k, v, len);
    }
    for (int k = 0; k < bins; k++) counts[k] += (int64_t)(at_least[k] - at_least[k + 1]);
}

/* ---- the largest size in each column ---- */

/* Without its sign bit a float's bits are ordered as its value, nan above all. */
#ifdef SN_F64
typedef int64_t order;
#    define NO_SIGN INT64_MAX
#else
typedef int32_t order;
#    define NO_SIGN INT32_MAX
#endif

static void k_col_most(real *most, const real *x, size_t rows, size_t cols) {
    order room[PERIOD];
    if (rows == 0 || cols == 0) return;
    size_t reps = rows_at_once(rows, cols), n = rows * cols, period = reps * cols;
    for (size_t from = 0; from < period; from += PERIOD) { /* one turn but for wide rows */
        size_t width = period - from < PERIOD ? period - from : PERIOD;
        memset(room, 0, sizeof room);
        for (size_t at = from; at < n; at += period) {
            size_t len = n - at < width ? n - at : width;
            const real *xx = x + at;
            for (size_t i = 0; i < len; i++) {
                order u;
                memcpy(&u, xx + i, sizeof u);
                u &= NO_SIGN;
                room[i] = u > room[i] ? u : room[i];
            }
        }
        for (size_t i = 0, c = from % cols; i < width; i++, c = c + 1 == cols ? 0 : c + 1) {
            order u;
            memcpy(&u, most + c, sizeof u);
            if (room[i] > u) memcpy(most + c, room + i, sizeof u);
        }
    }
}
