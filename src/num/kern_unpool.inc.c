/* Part of kern.inc.c: backward of a normalization through the max pool behind it, without the gradient between
 * them. */

/* RUN: windows that are summed in `real`, before their sum is added in double. VECTORS of channels at once. */
enum { RUN = 64, VECTORS = 16 };

/* n vectors of channels of windows ox .. end of a row: sums of their gradients, and of these by the winner less
 * its mean. Windows follow one another, so that memory is read in its order. Taps outside the image never won,
 * and are not read. */
INLINE void sum_winners(vec *sum, vec *dot, const real *x, const real *dy, const uint8_t *index,
                        const real *mean, real scale, const sn_windows *g, int64_t ox, int64_t end, taps v,
                        int n) {
    for (int i = 0; i < n; i++) sum[i] = dot[i] = (vec){ 0 };
    for (; ox < end; ox++) {
        taps h = taps_of(ox, g->sw, g->pl, g->kw, g->w);
        for (int i = 0; i < n; i++) {
            int64_t at = ox * g->c + i * WIDTH;
            bits tap = load_taps(index + at, false, 0), won = { 0 }, any = { 0 };
            for (int64_t ky = v.from; ky < v.to; ky++) {
                for (int64_t kx = h.from; kx < h.to; kx++) {
                    vec u = load(x + ((v.at + ky) * g->w + h.at + kx) * g->c + i * WIDTH);
                    bits here = (bits)(tap == (uint32_t)(ky * g->kw + kx) + (bits){ 0 });
                    won |= here & (bits)u;
                    any |= here;
                }
            }
            vec t = load(dy + at) * scale;
            sum[i] += (vec)(any & (bits)t);
            dot[i] += (vec)(any & (bits)(t * ((vec)won - load(mean + i * WIDTH))));
        }
    }
}

/* The same of one channel. */
INLINE void sum_winners_of(double *sum, double *dot, const real *x, const real *dy, const uint8_t *index,
                           real mean, real scale, const sn_windows *g, taps v) {
    for (int64_t ox = 0; ox < g->ow; ox++) {
        if (index[ox * g->c] == SN_NO_TAP) continue;
        int64_t at = ox * g->sw - g->pl, ky = index[ox * g->c] / g->kw, kx = index[ox * g->c] % g->kw;
        real t = dy[ox * g->c] * scale;
        *sum += (double)t;
        *dot += (double)(t * (x[((v.at + ky) * g->w + at + kx) * g->c] - mean));
    }
}

static void k_max_pool_sums(double *out, const real *x, const real *dy, const uint8_t *index, const real *mean,
                            real scale, const sn_windows *g, int64_t oy) {
    taps v = taps_of(oy, g->sh, g->pt, g->kh, g->h);
    bool two =
        g->kh == 2 && g->kw == 2 && g->sw == 2 && g->pl == 0 && v.from == 0 && v.to == 2 && 2 * g->ow <= g->w;
    sn_windows known = *g;
    known.kw = known.sw = 2; /* the usual ones, as constants */
    known.pl = 0;
    known.w = 2 * g->ow > g->w ? 2 * g->ow : g->w;
    int64_t c = 0;
    for (int n; c + WIDTH <= g->c; c += n * WIDTH) {
        vec sum[VECTORS], dot[VECTORS];
        n = (int)((g->c - c) / WIDTH);
        if (n > VECTORS) n = VECTORS;
        for (int64_t ox = 0; ox < g->ow; ox += RUN) {
            int64_t end = ox + RUN < g->ow ? ox + RUN : g->ow;
            if (two)
                sum_winners(sum, dot, x + c, dy + c, index + c, mean + c, scale, &known, ox, end,
                            (taps){ v.at, 0, 2 }, n);
            else
                sum_winners(sum, dot, x + c, dy + c, index + c, mean + c, scale, g, ox, end, v, n);
            for (int l = 0; l < n * WIDTH; l++) {
                out[c + l] += (double)sum[l / WIDTH][l % WIDTH];
                out[g->c + c + l] += (double)dot[l / WIDTH][l % WIDTH];
            }
        }
    }
    for (; c < g->c; c++)
        sum_winners_of(out + c, out + g->c + c, x + c, dy + c, index + c, mean[c], scale, g, v);
}

/* One window, kh kw taps. The arithmetic is that of row_affine2. */
INLINE void mix_window(real *dx, const real *x, const real *dy, const uint8_t *index, real scale, const real *a,
                       const real *b, const real *k, const sn_windows *g, int64_t kh, int64_t kw) {
    int64_t c = 0;
    for (; c + WIDTH <= g->c; c += WIDTH) {
        bits tap = load_taps(index + c, false, 0);
        vec t = load(dy + c) * scale, va = load(a + c), vb = load(b + c), vk = load(k + c);
        for (int64_t ky = 0; ky < kh; ky++) {
            for (int64_t kx = 0; kx < kw; kx++) {
                int64_t at = (ky * g->w + kx) * g->c + c;
                vec u = (vec)((bits)(tap == (uint32_t)(ky * kw + kx) + (bits){ 0 }) & (bits)t);
                store(dx + at, (va * u + vb * load(x + at)) + vk);
            }
        }
    }
    for (; c < g->c; c++) {
        for (int64_t i = 0; i < kh * kw; i++) {
            int64_t at = (i / kw * g->w + i % kw) * g->c + c;
            real u = index[c] == i ? dy[c] * scale : 0;
            dx[at] = (a[c] * u + b[c] * x[at]) + k[c];
        }
    }
}

static void k_max_unpool_affine(real *dx, const real *x, const real *dy, const uint8_t *index, real scale,
                                const real *a, const real *b, const real *k, const sn_windows *g, int64_t oy) {
    int64_t row = oy * g->kh * g->w * g->c;
    for (int64_t ox = 0; ox < g->ow; ox++) {
        int64_t at = row + ox * g->kw * g->c, w = ox * g->c;
        if (g->kh == 2 && g->kw == 2)
            mix_window(dx + at, x + at, dy + w, index + w, scale, a, b, k, g, 2, 2);
        else
            mix_window(dx + at, x + at, dy + w, index + w, scale, a, b, k, g, g->kh, g->kw);
    }
}
