/* Running groups: nn/group.h. Rows are pixels of all images, channels last. */
#include "nn/group.h"

#include "nn/layers/common.h"
#include "num/vec.h"
#include <string.h>

enum { CELL_READS = 1 << 16 }; /* wanted values that a cell of pooling reads */

/* One group and one step. */
typedef struct {
    const float *x, *dy;
    float *y, *dx;
    size_t rows, c;           /* of x */
    const float *a, *b, *k;   /* (C) */
    bool relu, pooled, drops; /* drops: dropout is on */
    sn_keeps keeps;
    sn_windows w;
    uint8_t *index; /* NULL in inference */
    float *room;    /* SN_COL_ROOM for each worker */
} pass;

static const sn_plan_node *part_node(const sn_plan *p, const sn_plan_group *g, sn_part part) {
    return g->at[part] < 0 ? NULL : &p->nodes[g->at[part]];
}

static pass pass_of(sn_plan *p, const sn_step *st, const sn_plan_group *g) {
    const sn_plan_node *pool = part_node(p, g, SN_PART_POOL), *drop = part_node(p, g, SN_PART_DROPOUT);
    sn_io first = sn_exec_io(p, st, g->first, false), last = sn_exec_io(p, st, g->last, false);
    const sn_shape *in = &first.in[0];
    pass a = { .x = first.x[0],
               .dx = first.dx[0],
               .y = last.y,
               .dy = last.dy,
               .c = (size_t)in->d[in->n - 1],
               .relu = g->at[SN_PART_RELU] >= 0,
               .pooled = pool,
               .room = sn_plan_at(p, g->room) };
    a.rows = (size_t)sn_shape_count(in) / a.c;
    if (pool) {
        a.w = pool->type->fusing->windows(pool->cfg, in);
        a.index = sn_plan_at(p, g->index);
    }
    if (drop) {
        sn_io io = sn_exec_io(p, st, g->at[SN_PART_DROPOUT], false);
        a.keeps = drop->type->fusing->keeps(drop->cfg, &io);
        a.drops = !a.keeps.none;
    }
    return a;
}

/* ---- rows of windows ---- */

/* Row r of the windows of all images: its image, its outputs. */
typedef struct {
    size_t image, out;
    int64_t oy;
} window_row;

static window_row window_row_of(const pass *a, size_t r) {
    const sn_windows *w = &a->w;
    return (window_row){ r / (size_t)w->oh * (size_t)(w->h * w->w * w->c), r * (size_t)(w->ow * w->c),
                         (int64_t)(r % (size_t)w->oh) };
}

static size_t window_rows(const pass *a) { return a->rows / (size_t)(a->w.h * a->w.w) * (size_t)a->w.oh; }

static float kept_scale(const pass *a) { return a->drops && !a->keeps.all ? (float)a->keeps.scale : 1; }

/* So many are a cell. */
static size_t rows_of_windows(const pass *a) {
    return 1 + CELL_READS / (size_t)(a->w.ow * a->w.c * a->w.kh * a->w.kw);
}

/* ---- forward ---- */

/* Dropout of n values of the output, the first of them number `from`. */
static void drop(const pass *a, float *to, const float *x, size_t from, size_t n) {
    const sn_keeps *k = &a->keeps;
    if (k->all)
        memset(to, 0, n * sizeof *to);
    else
        sn_kern_f32()->dropout(to, x, n, k->key, k->hi, from, k->threshold, (float)k->scale);
}

/* Rows of windows. */
static void pool_rows(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    size_t len = (size_t)(a->w.ow * a->w.c);
    for (size_t r = from; r < to; r++) {
        window_row at = window_row_of(a, r);
        float *y = a->y + at.out;
        uint8_t *index = a->index ? a->index + at.out : NULL;
        sn_kern_f32()->max_pool_row(y, index, a->x + at.image, a->a, a->b, a->relu, &a->w, at.oy);
        if (a->drops) drop(a, y, y, at.out, len);
        if (index && a->relu) sn_kern_f32()->max_pool_mask(index, y, len);
    }
}

static void plain_rows(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    size_t at = from * a->c, n = (to - from) * a->c;
    const float *x = a->x + at;
    float *y = a->y + at;
    if (a->a) sn_kern_f32()->row_affine(y, x, a->a, a->b, to - from, a->c);
    if (a->relu) sn_kern_f32()->relu(y, a->a ? y : x, n);
    if (a->drops) drop(a, y, y, at, n);
}

/* All of it happens on the way of the convolution's outputs to memory. */
static void run_conv(sn_plan *p, const sn_step *st, const sn_plan_group *g, const pass *a) {
    const sn_plan_node *conv = part_node(p, g, SN_PART_CONV);
    sn_io io = sn_exec_io(p, st, g->at[SN_PART_CONV], false);
    const sn_conv_after after = { .scale = a->a, .shift = a->b, .relu = a->relu, .pool = a->pooled };
    io.scratch = sn_plan_at(p, conv->fwd_scratch);
    io.y = a->y;
    conv->type->fusing->forward_after(conv->cfg, &io, &after);
}

void sn_group_forward(sn_plan *p, const sn_step *st, int group) {
    const sn_plan_group *g = &p->groups[group];
    pass a = pass_of(p, st, g);
    const sn_plan_node *norm = part_node(p, g, SN_PART_AFFINE);
    if (norm) {
        sn_io io = sn_exec_io(p, st, g->at[SN_PART_AFFINE], false);
        const void *va, *vb;
        io.scratch = sn_plan_at(p, norm->fwd_scratch);
        norm->type->fusing->affine(norm->cfg, &io, &va, &vb);
        a.a = va;
        a.b = vb;
    }
    if (g->at[SN_PART_CONV] >= 0) {
        run_conv(p, st, g, &a);
        return;
    }
    if (!a.pooled) {
        sn_for_ranges(p->opts.pool, a.rows, 1 + SN_CHUNK / a.c, plain_rows, &a);
        return;
    }
    sn_for_ranges(p->opts.pool, window_rows(&a), rows_of_windows(&a), pool_rows, &a);
}

/* ---- backward ---- */

static void unpool(const pass *a, float *out, size_t from, size_t n) {
    const sn_windows *w = &a->w;
    size_t image = (size_t)(w->h * w->w), pooled = (size_t)(w->oh * w->ow * w->c);
    while (n > 0) {
        size_t i = from / image, at = from % image, len = image - at < n ? image - at : n;
        sn_kern_f32()->max_unpool(out, a->dy + i * pooled, a->index + i * pooled, kept_scale(a), w, (int64_t)at,
                                  (int64_t)(at + len));
        out += len * a->c;
        from += len;
        n -= len;
    }
}

/* Rows from .. from + n of the gradient before the normalization. */
static void grad_rows(const void *ctx, void *out, size_t from, size_t n) {
    const pass *a = ctx;
    size_t at = from * a->c, len = n * a->c;
    if (a->pooled) {
        unpool(a, out, from, n);
        return;
    }
    const float *dy = a->dy + at;
    if (a->drops) {
        drop(a, out, dy, at, len);
        dy = out;
    }
    if (a->relu)
        sn_kern_f32()->relu_grad(out, a->y + at, dy, len);
    else if (!a->drops)
        memcpy(out, dy, len * sizeof *dy);
}

static void direct_rows(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    grad_rows(a, a->dx + from * a->c, from, to - from);
}

static size_t rows_of_room(const pass *a) { return SN_COL_ROOM / a->c; }

static void mixed_rows(void *ctx, int64_t cell, int worker) {
    const pass *a = ctx;
    size_t step = rows_of_room(a), from = (size_t)cell * step,
           n = a->rows - from < step ? a->rows - from : step;
    float *room = a->room + (size_t)worker * SN_COL_ROOM;
    grad_rows(a, room, from, n);
    size_t at = from * a->c;
    sn_kern_f32()->row_affine2(a->dx + at, room, a->x + at, a->a, a->b, a->k, n, a->c);
}

static void tiled_rows(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    for (size_t r = from; r < to; r++) {
        window_row at = window_row_of(a, r);
        sn_kern_f32()->max_unpool_affine(a->dx + at.image, a->x + at.image, a->dy + at.out, a->index + at.out,
                                         kept_scale(a), a->a, a->b, a->k, &a->w, at.oy);
    }
}

/* ---- the sums of a normalization's backward ---- */

typedef struct {
    const pass *a;
    const float *center;
    size_t chunk;    /* rows of windows */
    double *partial; /* (chunks, 2, C) */
} winners;

static void sum_chunk(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const winners *s = ctx;
    const pass *a = s->a;
    double *out = s->partial + (size_t)cell * 2 * a->c;
    size_t from = (size_t)cell * s->chunk, to = from + s->chunk, all = window_rows(a);
    memset(out, 0, 2 * a->c * sizeof *out);
    for (size_t r = from; r < to && r < all; r++) {
        window_row at = window_row_of(a, r);
        sn_kern_f32()->max_pool_sums(out, a->x + at.image, a->dy + at.out, a->index + at.out, s->center,
                                     kept_scale(a), &a->w, at.oy);
    }
}

/* As many chunks as sums over all rows would take, so that their scratch is enough. */
static void sum_winners(sn_pool *pool, const pass *a, const float *center, double *sums, void *scratch) {
    size_t most = sn_colsum_scratch_f32(a->rows, a->c) * sizeof(float) / (2 * a->c * sizeof(double));
    size_t rows = window_rows(a), chunk = (rows + most - 1) / most, chunks = (rows + chunk - 1) / chunk;
    winners s = { a, center, chunk, scratch };
    sn_parallel(pool, (int64_t)chunks, sum_chunk, &s);
    memset(sums, 0, 2 * a->c * sizeof *sums);
    for (size_t k = 0; k < chunks; k++)
        for (size_t c = 0; c < 2 * a->c; c++) sums[c] += s.partial[k * 2 * a->c + c];
}

/* What the gradient is mixed with; the normalization's own parameters get theirs. */
static void prepare_mix(sn_plan *p, const sn_step *st, const sn_plan_group *g, pass *a) {
    const sn_plan_node *norm = part_node(p, g, SN_PART_AFFINE);
    sn_io io = sn_exec_io(p, st, g->at[SN_PART_AFFINE], true);
    const sn_fusing *f = norm->type->fusing;
    io.scratch = sn_plan_at(p, norm->bwd_scratch);
    double *sums = f->sums(norm->cfg, &io);
    const float *center = f->center(norm->cfg, &io);
    const sn_row_source source = { grad_rows, a, a->room };
    if (a->pooled)
        sum_winners(p->opts.pool, a, center, sums, io.scratch);
    else
        sn_colsum_f32(p->opts.pool, SN_COL_SUM_DOT_DEV, sums, NULL, &source, a->x, center, a->rows, a->c,
                      io.scratch);
    const void *va, *vb, *vk;
    f->affine_grad(norm->cfg, &io, sums, &va, &vb, &vk);
    a->a = va;
    a->b = vb;
    a->k = vk;
}

void sn_group_backward(sn_plan *p, const sn_step *st, int group) {
    const sn_plan_group *g = &p->groups[group];
    sn_pool *pool = p->opts.pool;
    pass a = pass_of(p, st, g);
    if (g->at[SN_PART_AFFINE] < 0) {
        if (a.dx) sn_for_ranges(pool, a.rows, 1 + SN_CHUNK / a.c, direct_rows, &a);
        return;
    }
    prepare_mix(p, st, g, &a);
    size_t step = rows_of_room(&a);
    if (!a.dx) return;
    if (g->tiles)
        sn_for_ranges(pool, window_rows(&a), rows_of_windows(&a), tiled_rows, &a);
    else
        sn_parallel(pool, (int64_t)((a.rows + step - 1) / step), mixed_rows, &a);
}

/* ---- ghosts ---- */

static void mask_index(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    sn_kern_f32()->max_pool_mask(a->index + from, a->y + from, to - from);
}

void sn_ghost_forward(sn_plan *p, const sn_step *st, int ghost) {
    const sn_plan_group *g = &p->groups[ghost];
    pass a = pass_of(p, st, g);
    size_t n = window_rows(&a) * (size_t)(a.w.ow * a.w.c);
    sn_copy_bytes(p->opts.pool, a.index, sn_plan_at(p, part_node(p, g, SN_PART_POOL)->saved[0]), n);
    if (a.relu) sn_for_ranges(p->opts.pool, n, SN_CHUNK, mask_index, &a);
}

static void ghost_rows(void *ctx, size_t from, size_t to) {
    const pass *a = ctx;
    size_t at = from * a->c;
    sn_kern_f32()->row_affine2(a->dx + at, a->dy + at, a->x + at, a->a, a->b, a->k, to - from, a->c);
}

void sn_ghost_backward(sn_plan *p, const sn_step *st, int ghost) {
    const sn_plan_group *g = &p->groups[ghost];
    pass a = pass_of(p, st, g);
    prepare_mix(p, st, g, &a);
    a.dy = sn_plan_at(p, part_node(p, g, SN_PART_AFFINE)->dy);
    if (a.dx) sn_for_ranges(p->opts.pool, a.rows, 1 + SN_CHUNK / a.c, ghost_rows, &a);
}
