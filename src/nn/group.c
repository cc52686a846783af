#include "nn/group.h"

#include "base/mem.h"
#include "nn/layers/common.h"

/* ---- which nodes ---- */

static sn_part part_of(const sn_plan *p, int i) {
    const sn_plan_node *n = &p->nodes[i];
    return n->type->fusing ? n->type->fusing->part(n->cfg) : SN_PART_NONE;
}

static bool reads_alone(const sn_plan *p, int i) {
    const sn_model *m = p->model;
    return m->nodes[i].nin == 1 && m->nodes[i].in[0] == i - 1 && p->nodes[i - 1].uses == 1;
}

/* Does node i read node i - 1 alone, and is its output of no other use? */
static bool follows(const sn_plan *p, int i) {
    const sn_plan_node *before = &p->nodes[i - 1];
    return reads_alone(p, i) && i - 1 != p->model->output && !before->activity &&
           !(p->opts.fuse && (before->tap_y || before->tap_dy));
}

/* A convolution takes along what comes after it in inference, if it can take all of it. */
static bool takes_all(const sn_plan *p, const sn_plan_group *g) {
    int conv = g->at[SN_PART_CONV], pool = g->at[SN_PART_POOL];
    const sn_plan_node *n = &p->nodes[conv];
    static const float any;
    sn_conv_after after = { .scale = &any, .shift = &any, .relu = g->at[SN_PART_RELU] >= 0, .pool = pool >= 0 };
    if (p->opts.mode != SN_PLAN_INFER || g->at[SN_PART_AFFINE] < 0) return false;
    if (pool >= 0) {
        sn_windows w = p->nodes[pool].type->fusing->windows(p->nodes[pool].cfg, &p->nodes[pool].in[0]);
        bool usual = w.kh == 2 && w.kw == 2 && w.sh == 2 && w.sw == 2 && w.pt == 0 && w.pl == 0;
        if (!usual || w.oh != w.h / 2 || w.ow != w.w / 2) return false;
    }
    return n->type->fusing->takes(n->cfg, &n->in[0], &after);
}

static sn_plan_group group_from(const sn_plan *p, int i) {
    sn_plan_group g = { .first = i, .last = i, .ghost = !p->opts.fuse, .index = -1, .room = -1 };
    for (int k = 0; k < SN_PARTS; k++) g.at[k] = -1;
    sn_part last = part_of(p, i);
    g.at[last] = i;
    for (int k = i + 1; k < p->model->nnode && follows(p, k); k++) {
        sn_part next = part_of(p, k);
        if (next <= last) break;
        /* Backward knows the dropped ones by their zeros in the pool's output: they must be positive before. */
        if (next == SN_PART_DROPOUT && g.at[SN_PART_POOL] >= 0 && g.at[SN_PART_RELU] < 0) break;
        g.at[next] = g.last = k;
        last = next;
    }
    return g;
}

/* Sizes that the kernels of groups have room for. */
static bool fits(const sn_plan *p, const sn_plan_group *g) {
    if (g->at[SN_PART_CONV] >= 0) return takes_all(p, g);
    const sn_shape *in = &p->nodes[g->first].in[0];
    int pool = g->at[SN_PART_POOL];
    if (in->n < 2 || in->d[in->n - 1] > SN_COL_WIDTH) return false;
    return pool < 0 || !p->nodes[pool].type->fusing->windows(p->nodes[pool].cfg, in).wide;
}

static bool tiles(const sn_plan *p, const sn_plan_group *g) {
    const sn_plan_node *pool = &p->nodes[g->at[SN_PART_POOL]];
    if (g->at[SN_PART_CONV] >= 0) return false;
    sn_windows w = pool->type->fusing->windows(pool->cfg, &p->nodes[g->first].in[0]);
    return w.kh == w.sh && w.kw == w.sw && w.oh * w.kh == w.h && w.ow * w.kw == w.w;
}

/* Is it of use as a ghost? */
static bool haunts(const sn_plan *p, const sn_plan_group *g) {
    return p->opts.mode == SN_PLAN_TRAIN && g->at[SN_PART_AFFINE] >= 0 && g->at[SN_PART_POOL] >= 0;
}

static void join(sn_plan *p, const sn_plan_group *g) {
    for (int k = g->first; k <= g->last; k++) {
        if (g->ghost)
            p->nodes[k].ghost = p->ngroup;
        else
            p->nodes[k].group = p->ngroup;
    }
    p->groups[p->ngroup++] = *g;
    if (g->ghost) return;
    /* What backward reads of the output; nobody may write over it then. */
    bool reads = g->at[SN_PART_RELU] >= 0 && g->at[SN_PART_POOL] < 0;
    p->nodes[g->last].lp.flags = reads ? SN_KEEP_Y : 0;
}

sn_status sn_plan_find_groups(sn_plan *p, sn_err *e) {
    if (p->opts.dtype != SN_F32) return SN_OK;
    p->groups = sn_calloc((size_t)p->model->nnode, sizeof *p->groups, "plan", e);
    if (!p->groups) return SN_ENOMEM;
    for (int i = 0; i < p->model->nnode; i++) {
        if (i == p->model->input || part_of(p, i) == SN_PART_NONE) continue;
        sn_plan_group g = group_from(p, i);
        if (g.last == g.first || !fits(p, &g) || (g.ghost && !haunts(p, &g))) continue;
        g.tiles = g.at[SN_PART_POOL] >= 0 && tiles(p, &g);
        join(p, &g);
        i = g.last;
    }
    return SN_OK;
}

/* ---- buffers ---- */

static bool is_training(const sn_plan *p) { return p->opts.mode == SN_PLAN_TRAIN; }

static int input_of(const sn_plan *p, const sn_plan_group *g) { return p->model->nodes[g->first].in[0]; }

static bool backward_reads_x(const sn_plan *p, const sn_plan_group *g) {
    return is_training(p) && p->nodes[g->last].runs_backward && g->at[SN_PART_AFFINE] >= 0;
}

/* Does each value depend on the one at its place alone? Windows do not, even where they keep the size (steps of
 * 1, padded). */
static bool in_place(const sn_plan_group *g) { return g->at[SN_PART_CONV] < 0 && g->at[SN_PART_POOL] < 0; }

/* Without a pool the output can take the input's place. */
static bool may_share_y(const sn_plan *p, const sn_plan_group *g) {
    int k = input_of(p, g);
    if (!in_place(g)) return false;
    return !p->nodes[g->last].tap_y && !backward_reads_x(p, g) && sn_plan_may_overwrite(p, k) &&
           sn_plan_node_bytes(p, k) == sn_plan_node_bytes(p, g->last);
}

static sn_status conv_bufs(sn_plan *p, const sn_plan_group *g, int t, sn_err *e) {
    if (g->at[SN_PART_CONV] < 0) return SN_OK;
    sn_plan_node *n = &p->nodes[g->at[SN_PART_CONV]];
    n->fwd_scratch = sn_plan_new_buf(p, n->lp.scratch * sizeof(float), t, t, e);
    return n->fwd_scratch < 0 ? SN_ENOMEM : SN_OK;
}

/* Scratch and saved arrays of the normalization; commit reads the latter after the last backward. */
static sn_status affine_bufs(sn_plan *p, const sn_plan_group *g, int t, sn_err *e) {
    if (g->at[SN_PART_AFFINE] < 0) return SN_OK;
    sn_plan_node *n = &p->nodes[g->at[SN_PART_AFFINE]];
    n->fwd_scratch = sn_plan_new_buf(p, n->lp.scratch * sizeof(float), t, t, e);
    if (n->fwd_scratch < 0) return SN_ENOMEM;
    for (int s = 0; s < SN_MAXSAVED && is_training(p); s++) {
        if (!n->lp.saved[s]) continue;
        n->saved[s] = sn_plan_new_buf(p, n->lp.saved[s] * sizeof(float), t, 2 * p->model->nnode + 1, e);
        if (n->saved[s] < 0) return SN_ENOMEM;
    }
    return SN_OK;
}

/* The pool's winners, until node `until` goes back. */
static sn_status index_buf(sn_plan *p, sn_plan_group *g, int until, sn_err *e) {
    if (g->at[SN_PART_POOL] < 0 || !is_training(p)) return SN_OK;
    const sn_plan_node *pool = &p->nodes[g->at[SN_PART_POOL]];
    g->index = sn_plan_new_buf(p, pool->lp.saved[0] * sizeof(float), g->last, 2 * p->model->nnode - until, e);
    return g->index < 0 ? SN_ENOMEM : SN_OK;
}

sn_status sn_plan_group_forward(sn_plan *p, int i, sn_err *e) {
    sn_plan_group *g = &p->groups[p->nodes[i].group];
    if (i != g->last) return SN_OK;
    sn_plan_node *pn = &p->nodes[i];
    int k = input_of(p, g);
    pn->y = may_share_y(p, g) ? p->nodes[k].y : sn_plan_new_buf(p, sn_plan_node_bytes(p, i), i, i, e);
    if (pn->y < 0) return SN_ENOMEM;
    sn_plan_extend(p, pn->y, i);
    sn_plan_extend(p, p->nodes[k].y, i);
    if (pn->tap_y || i == p->model->output) sn_plan_extend(p, pn->y, 2 * p->model->nnode + 1);
    if (conv_bufs(p, g, i, e) != SN_OK || affine_bufs(p, g, i, e) != SN_OK) return SN_ENOMEM;
    return index_buf(p, g, i, e);
}

sn_status sn_plan_take_moments(sn_plan *p, int i, sn_err *e) {
    sn_plan_node *n = &p->nodes[i];
    double any;
    const sn_conv_after after = { .moments = &any };
    if (!is_training(p) || p->opts.dtype != SN_F32 || part_of(p, i) != SN_PART_CONV) return SN_OK;
    int k = i + 1;
    if (k == p->model->nnode || !reads_alone(p, k) || part_of(p, k) != SN_PART_AFFINE) return SN_OK;
    if (!n->type->fusing->takes(n->cfg, &n->in[0], &after)) return SN_OK;
    size_t c = (size_t)n->lp.out.d[n->lp.out.n - 1];
    int until = p->nodes[k].group >= 0 ? p->groups[p->nodes[k].group].last : k;
    n->moments = p->nodes[k].moments = sn_plan_new_buf(p, (1 + 2 * c) * sizeof(double), i, until, e);
    return n->moments < 0 ? SN_ENOMEM : SN_OK;
}

sn_status sn_plan_ghost_forward(sn_plan *p, int i, sn_err *e) {
    sn_plan_group *g = &p->groups[p->nodes[i].ghost];
    return i == g->last ? index_buf(p, g, g->first, e) : SN_OK;
}

void sn_plan_ghost_backward(sn_plan *p, int i) {
    const sn_plan_group *g = &p->groups[p->nodes[i].ghost];
    if (i == g->first) sn_plan_extend(p, p->nodes[g->last].dy, 2 * p->model->nnode - i);
}

/* Where backward may write its result: over the input, which it reads for the last time, or without a pool over
 * the output's gradient. */
static int grad_place(const sn_plan *p, const sn_plan_group *g) {
    int k = input_of(p, g);
    const sn_plan_node *last = &p->nodes[g->last];
    if (in_place(g) && !last->tap_dy && p->nodes[k].uses == 1 &&
        sn_plan_node_bytes(p, k) == sn_plan_node_bytes(p, g->last))
        return last->dy;
    return backward_reads_x(p, g) && sn_plan_may_overwrite(p, k) ? p->nodes[k].y : -1;
}

sn_status sn_plan_group_backward(sn_plan *p, int i, bool *has_dy, sn_err *e) {
    sn_plan_group *g = &p->groups[p->nodes[i].group];
    if (i != g->last) return SN_OK;
    int t = 2 * p->model->nnode - i, k = input_of(p, g);
    if (p->nodes[i].lp.flags & SN_KEEP_Y) sn_plan_extend(p, p->nodes[i].y, t);
    if (g->at[SN_PART_AFFINE] >= 0) {
        sn_plan_node *n = &p->nodes[g->at[SN_PART_AFFINE]];
        sn_plan_extend(p, p->nodes[k].y, t);
        size_t room = (size_t)sn_pool_size(p->opts.pool) * SN_COL_ROOM * sizeof(float);
        if (!g->tiles && (g->room = sn_plan_new_buf(p, room, t, t, e)) < 0) return SN_ENOMEM;
        n->bwd_scratch = sn_plan_new_buf(p, n->lp.scratch * sizeof(float), t, t, e);
        if (n->bwd_scratch < 0) return SN_ENOMEM;
    }
    return sn_plan_put_grad(p, k, t, grad_place(p, g), has_dy, &p->nodes[g->first].dx_temp[0], e);
}
