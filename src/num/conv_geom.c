#include "num/conv_geom.h"

#include "num/conv_gemm.h"

int64_t sn_conv_axis(int64_t n, int64_t k, int64_t stride, int64_t dilation, bool same, int64_t *before) {
    int64_t span = (k - 1) * dilation + 1;
    *before = 0;
    if (n <= 0) return 0;
    if (!same) return n < span ? 0 : (n - span) / stride + 1;
    int64_t out = (n - 1) / stride + 1, total = (out - 1) * stride + span - n;
    if (total > 0) *before = total / 2;
    return out;
}

bool sn_conv_is_pointwise(const sn_conv *d) {
    return d->kh == 1 && d->kw == 1 && d->sh == 1 && d->sw == 1 && d->pt == 0 && d->pl == 0 && d->oh == d->h &&
           d->ow == d->w;
}

sn_phase sn_conv_phase(int64_t residue, int64_t n, int64_t k, int64_t stride, int64_t dilation,
                       int64_t before) {
    sn_phase p = { .step = 1, .rise = 1 };
    int64_t prev = -1;
    for (int64_t i = 0; i < k; i++) {
        int64_t r = i * dilation % stride;
        if (r < residue) p.before++;
        if (r != residue) continue;
        if (prev >= 0) p.step = i - prev;
        prev = p.last = i;
        p.taps++;
    }
    /* Input position x is read as x + before = stride * u + residue by output u - (tap * dilation - residue) /
     * stride. */
    p.first = ((residue - before) % stride + stride) % stride;
    p.count = n > p.first ? (n - p.first - 1) / stride + 1 : 0;
    p.origin = (p.first + before - residue) / stride - (p.last * dilation - residue) / stride;
    p.rise = p.step * dilation / stride;
    return p;
}

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static int64_t at_most(int64_t n, int64_t top) { return n < top ? n : top; }

/* Pixels in a block, so that its panel (line values a pixel) stays in the second-level cache and yet the
 * product is large enough to be worth packing. OpenBLAS does products up to 100^3 multiply-adds without packing
 * them, which is half as fast again when lines are short. */
static int64_t block_of(int64_t pixels, int64_t line, int64_t outs) {
    enum { PANEL = 200 * 1024, LEAST = 32, MOST = 2048, UNPACKED = 1000000, WORTH = 128 };
    if (pixels <= 0) return 1;
    int64_t fit = PANEL / line, small = UNPACKED / (line * outs);
    fit = fit < LEAST ? LEAST : at_most(fit, MOST);
    if (small >= WORTH && small < fit) fit = small;
    fit = fit / 16 * 16;
    int64_t blocks = (pixels - 1) / fit + 1;
    return at_most(round_up((pixels - 1) / blocks + 1, 16), pixels);
}

static int64_t most_taps(int64_t k, int64_t stride, int64_t dilation) {
    int64_t a = stride, b = dilation;
    while (b) {
        int64_t t = a % b;
        a = b;
        b = t;
    }
    return (k - 1) / (stride / a) + 1; /* a = gcd: taps of one phase are stride / gcd apart */
}

sn_conv_cut sn_conv_cut_of(const sn_conv *d) {
    enum { SLOTS_LEAST = 8, SLOTS_MOST = 64, SLOT_VALUES = 4 << 20 };
    sn_conv_cut c = { .taps = d->kh * d->kw * d->ci };
    int64_t pixels = d->oh * d->ow, per_phase = ((d->h - 1) / d->sh + 1) * ((d->w - 1) / d->sw + 1);
    c.data_taps = most_taps(d->kh, d->sh, d->dh) * most_taps(d->kw, d->sw, d->dw) * d->co;
    c.block = block_of(pixels, c.taps, d->co);
    c.blocks = pixels > 0 ? (pixels - 1) / c.block + 1 : 0;
    c.data_block = block_of(per_phase, c.data_taps, d->ci);
    c.data_blocks = (per_phase - 1) / c.data_block + 1;
    int64_t kernel = c.taps * d->co, slots = SLOT_VALUES / kernel;
    slots = slots < SLOTS_LEAST ? SLOTS_LEAST : at_most(slots, SLOTS_MOST);
    c.slots = at_most(slots, d->n * c.blocks);
    c.slot_size = (size_t)round_up(kernel, 16) + (size_t)round_up(2 * d->co, 16);
    c.panel = (size_t)round_up(c.block * c.taps, 16);
    c.data_panel = (size_t)round_up(c.data_block * c.data_taps, 16);
    c.packed = (size_t)round_up(kernel, 16);
    if (sn_conv_is_pointwise(d)) c.panel = c.data_panel = 0;
    return c;
}

size_t sn_conv_gemm_scratch(const sn_conv *d, const sn_pool *pool) {
    sn_conv_cut c = sn_conv_cut_of(d);
    size_t workers = (size_t)sn_pool_size(pool);
    size_t weights = (size_t)c.slots * c.slot_size + workers * c.panel,
           data = c.packed + workers * c.data_panel;
    return weights > data ? weights : data;
}
