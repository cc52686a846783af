#include "nn/group.h"
#include "nn/plan_impl.h"

#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };
/* Of one buffer (nn/layers/shapes.c has the same bound), and bytes of all: sums of them do not overflow. */
#define MAX_ELEMENTS ((int64_t)1 << 48)
#define MAX_SLAB     (SIZE_MAX / 4)

/* ---- buffers ---- */

int sn_plan_new_buf(sn_plan *p, size_t bytes, int first, int last, sn_err *e) {
    if (p->nbuf == p->cap_buf) {
        int cap = p->cap_buf ? p->cap_buf * 2 : 64;
        sn_plan_buf *b = sn_realloc(p->bufs, (size_t)cap * sizeof *b, "plan", e);
        if (!b) return -1;
        p->bufs = b;
        p->cap_buf = cap;
    }
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    p->bufs[p->nbuf] = (sn_plan_buf){ bytes ? bytes : ALIGN, 0, first, last };
    return p->nbuf++;
}

void sn_plan_extend(sn_plan *p, int buf, int t) {
    if (buf < 0) return;
    if (t < p->bufs[buf].first) p->bufs[buf].first = t;
    if (t > p->bufs[buf].last) p->bufs[buf].last = t;
}

static _Thread_local const sn_plan_buf *sort_bufs; /* qsort passes no context */
static int by_size(const void *a, const void *b) {
    int i = *(const int *)a, j = *(const int *)b;
    if (sort_bufs[i].bytes != sort_bufs[j].bytes) return sort_bufs[i].bytes < sort_bufs[j].bytes ? 1 : -1;
    return i - j;
}

/* The lowest offset at which b lies in no buffer that is in use at the same time. placed: by offset. */
static size_t free_offset(const sn_plan *p, const sn_plan_buf *b, const int *placed, int nplaced) {
    size_t at = 0;
    for (int i = 0; i < nplaced; i++) {
        const sn_plan_buf *o = &p->bufs[placed[i]];
        if (o->last < b->first || o->first > b->last) continue; /* never in use together */
        if (o->offset >= at + b->bytes) break;                  /* the gap before o is wide enough */
        if (o->offset + o->bytes > at) at = o->offset + o->bytes;
    }
    return at;
}

static sn_status place_in_order(sn_plan *p, const int *order, int *placed, sn_err *e) {
    p->slab_bytes = 0;
    for (int k = 0; k < p->nbuf; k++) {
        sn_plan_buf *b = &p->bufs[order[k]];
        b->offset = free_offset(p, b, placed, k);
        if (b->bytes > MAX_SLAB - b->offset)
            return sn_fail(e, SN_ENOMEM, "%s: needs more memory than can be addressed; use smaller sizes",
                           p->model->name);
        if (b->offset + b->bytes > p->slab_bytes) p->slab_bytes = b->offset + b->bytes;
        int i = k;
        for (; i > 0 && p->bufs[placed[i - 1]].offset > b->offset; i--) placed[i] = placed[i - 1];
        placed[i] = order[k];
    }
    return SN_OK;
}

/* Largest first, each as low as possible (greedy by size: Pisarchyk and Lee, "Efficient memory management for
 * deep neural net inference", 2020). */
static sn_status place_bufs(sn_plan *p, sn_err *e) {
    size_t n = (size_t)p->nbuf;
    int *order = sn_alloc(n * sizeof *order, "plan", e), *placed = sn_alloc(n * sizeof *placed, "plan", e);
    sn_status s = order && placed ? SN_OK : SN_ENOMEM;
    if (s == SN_OK) {
        for (int i = 0; i < p->nbuf; i++) order[i] = i;
        sort_bufs = p->bufs;
        qsort(order, n, sizeof *order, by_size);
        s = place_in_order(p, order, placed, e);
    }
    sn_free(order);
    sn_free(placed);
    return s;
}

/* ---- nodes ---- */

size_t sn_plan_node_bytes(const sn_plan *p, int i) {
    return (size_t)sn_shape_count(&p->nodes[i].lp.out) * sn_dtype_size(p->opts.dtype);
}

static bool is_training(const sn_plan *p) { return p->opts.mode == SN_PLAN_TRAIN; }

static bool has_trainable(const sn_model *m, const sn_node *n) {
    const sn_layer *l = &m->layers[n->layer];
    if (n->is_activation) return false;
    for (int i = 0; i < l->nparam; i++)
        if (m->params[l->first_param + i].trainable) return true;
    return false;
}

static sn_status setup_node(sn_plan *p, int i, sn_err *e) {
    const sn_model *m = p->model;
    const sn_node *n = &m->nodes[i];
    sn_plan_node *pn = &p->nodes[i];
    pn->type = sn_layer_in(n->obj->desc, p->opts.dtype);
    pn->cfg = n->obj->cfg;
    pn->y = pn->dy = pn->fwd_scratch = pn->bwd_scratch = pn->moments = pn->group = pn->ghost = -1;
    for (int s = 0; s < SN_MAXSAVED; s++) pn->saved[s] = -1;
    size_t k = (size_t)n->nin + 1;
    pn->in = sn_calloc(k, sizeof *pn->in, "plan", e);
    pn->x = sn_calloc(k, sizeof *pn->x, "plan", e);
    pn->dx = sn_calloc(k, sizeof *pn->dx, "plan", e);
    pn->dx_temp = sn_calloc(k, sizeof *pn->dx_temp, "plan", e);
    if (!pn->in || !pn->x || !pn->dx || !pn->dx_temp) return SN_ENOMEM;
    for (int j = 0; j < n->nin; j++) {
        pn->in[j] = p->nodes[n->in[j]].lp.out;
        p->nodes[n->in[j]].uses++;
        pn->dx_temp[j] = -1;
    }
    sn_status s = pn->type->plan(pn->cfg, pn->in, n->nin, &pn->lp, p->opts.pool, e);
    if (s != SN_OK) return s;
    pn->lp.out = sn_shape_with_batch(&n->out, p->opts.batch);
    if (sn_shape_count(&pn->lp.out) < 0 || sn_shape_count(&pn->lp.out) > MAX_ELEMENTS)
        return sn_fail(e, SN_ENOMEM, "%s: a batch of %lld is too large to address", m->layers[n->layer].name,
                       (long long)p->opts.batch);
    if (n->ends_call)
        pn->activity = ((const sn_layer_common *)m->layers[n->layer].obj->cfg)->activity_regularizer;
    for (int t = 0; t < p->opts.ntap; t++) {
        if (p->taps[t].node != i) continue;
        pn->tap_y |= p->taps[t].output;
        pn->tap_dy |= p->taps[t].grad;
    }
    if (!is_training(p)) return SN_OK;
    pn->needs = has_trainable(m, n) || pn->tap_dy || (i == m->input && p->opts.input_grad);
    pn->runs_backward = i != m->input && has_trainable(m, n);
    for (int j = 0; j < n->nin; j++) {
        pn->needs |= p->nodes[n->in[j]].needs;
        pn->runs_backward |= p->nodes[n->in[j]].needs;
    }
    return SN_OK;
}

bool sn_plan_may_overwrite(const sn_plan *p, int k) {
    const sn_plan_node *src = &p->nodes[k];
    if (k == p->model->input || k == p->model->output || src->uses != 1 || src->tap_y || src->activity)
        return false;
    return !(is_training(p) && src->runs_backward && (src->lp.flags & SN_KEEP_Y));
}

/* May node i write its output over its first input? Only when nobody needs that input afterwards. */
static bool may_share_y(const sn_plan *p, int i) {
    const sn_plan_node *pn = &p->nodes[i];
    int k = p->model->nodes[i].in[0];
    if (!(pn->lp.flags & SN_INPLACE) || pn->tap_y || !sn_plan_may_overwrite(p, k) ||
        sn_plan_node_bytes(p, k) != sn_plan_node_bytes(p, i))
        return false;
    return !(is_training(p) && pn->runs_backward && (pn->lp.flags & SN_KEEP_X));
}

static bool may_share_dy(const sn_plan *p, int i) {
    const sn_node *n = &p->model->nodes[i];
    const sn_plan_node *pn = &p->nodes[i];
    if (!pn->runs_backward || !(pn->lp.flags & SN_INPLACE_GRAD)) return false;
    if (pn->ghost >= 0 && i == p->groups[pn->ghost].last) return false; /* it is read once more */
    int k = n->in[0];
    return p->nodes[k].needs && !pn->tap_dy && p->nodes[k].uses == 1 &&
           sn_plan_node_bytes(p, k) == sn_plan_node_bytes(p, i);
}

/* Over its input, which then is lost: only where backward comes once for each forward. */
static bool may_write_back(const sn_plan *p, int i) {
    return p->opts.fuse && (p->nodes[i].lp.flags & SN_INPLACE_BACK) &&
           sn_plan_may_overwrite(p, p->model->nodes[i].in[0]);
}

/* ---- the forward half ---- */

static sn_status plan_forward(sn_plan *p, sn_err *e) {
    const sn_model *m = p->model;
    int n = m->nnode, end = 2 * n + 1;
    size_t size = sn_dtype_size(p->opts.dtype);
    for (int i = 0; i < n; i++) {
        if (i == m->input) continue; /* the caller's x */
        sn_plan_node *pn = &p->nodes[i];
        if (pn->group >= 0) {
            if (sn_plan_group_forward(p, i, e) != SN_OK) return SN_ENOMEM;
            continue;
        }
        pn->y = may_share_y(p, i) ? p->nodes[m->nodes[i].in[0]].y
                                  : sn_plan_new_buf(p, sn_plan_node_bytes(p, i), i, i, e);
        if (pn->y < 0) return SN_ENOMEM;
        sn_plan_extend(p, pn->y, i);
        if (sn_plan_take_moments(p, i, e) != SN_OK) return SN_ENOMEM;
        if (pn->ghost >= 0 && sn_plan_ghost_forward(p, i, e) != SN_OK) return SN_ENOMEM;
        for (int j = 0; j < m->nodes[i].nin; j++) sn_plan_extend(p, p->nodes[m->nodes[i].in[j]].y, i);
        if (pn->tap_y || i == m->output) sn_plan_extend(p, pn->y, end);
        if (pn->lp.scratch && (pn->fwd_scratch = sn_plan_new_buf(p, pn->lp.scratch * size, i, i, e)) < 0)
            return SN_ENOMEM;
        for (int s = 0; s < SN_MAXSAVED && is_training(p); s++) {
            /* Kept to the very end: commit reads them after the last backward. */
            if (pn->lp.saved[s] && (pn->saved[s] = sn_plan_new_buf(p, pn->lp.saved[s] * size, i, end, e)) < 0)
                return SN_ENOMEM;
        }
    }
    return SN_OK;
}

/* ---- the backward half ---- */

sn_status sn_plan_put_grad(sn_plan *p, int k, int t, int buf, bool *has_dy, int *temp, sn_err *e) {
    sn_plan_node *src = &p->nodes[k];
    if (!src->needs) return SN_OK;
    if (has_dy[k]) { /* another consumer was first: this part is added to what is there */
        if ((*temp = sn_plan_new_buf(p, sn_plan_node_bytes(p, k), t, t, e)) < 0) return SN_ENOMEM;
    } else {
        has_dy[k] = true;
        src->dy = buf >= 0 ? buf : sn_plan_new_buf(p, sn_plan_node_bytes(p, k), t, t, e);
        if (src->dy < 0) return SN_ENOMEM;
    }
    sn_plan_extend(p, src->dy, t);
    return SN_OK;
}

static sn_status plan_backward_of(sn_plan *p, int i, bool *has_dy, sn_err *e) {
    const sn_model *m = p->model;
    const sn_node *n = &m->nodes[i];
    sn_plan_node *pn = &p->nodes[i];
    int t = 2 * m->nnode - i;
    if (!pn->needs) return SN_OK;
    sn_plan_extend(p, pn->dy, pn->tap_dy || i == m->input ? 2 * m->nnode + 1 : t);
    if (pn->activity) sn_plan_extend(p, pn->y, t);
    if (!pn->runs_backward) return SN_OK;
    if (pn->group >= 0) return sn_plan_group_backward(p, i, has_dy, e);
    if (pn->ghost >= 0) sn_plan_ghost_backward(p, i);
    if (pn->lp.flags & SN_KEEP_Y) sn_plan_extend(p, pn->y, t);
    if (pn->lp.scratch &&
        (pn->bwd_scratch = sn_plan_new_buf(p, pn->lp.scratch * sn_dtype_size(p->opts.dtype), t, t, e)) < 0)
        return SN_ENOMEM;
    for (int j = 0; j < n->nin; j++) {
        int k = n->in[j];
        if (pn->lp.flags & SN_KEEP_X) sn_plan_extend(p, p->nodes[k].y, t);
        int buf = j > 0 ? -1 : may_share_dy(p, i) ? pn->dy : may_write_back(p, i) ? p->nodes[k].y : -1;
        if (sn_plan_put_grad(p, k, t, buf, has_dy, &pn->dx_temp[j], e) != SN_OK) return SN_ENOMEM;
    }
    return SN_OK;
}

static sn_status plan_backward(sn_plan *p, sn_err *e) {
    const sn_model *m = p->model;
    if (!is_training(p)) return SN_OK;
    bool *has_dy = sn_calloc((size_t)m->nnode, sizeof *has_dy, "plan", e);
    if (!has_dy) return SN_ENOMEM;
    sn_status s = SN_OK;
    sn_plan_node *out = &p->nodes[m->output];
    out->needs = true; /* the loss writes it in any case */
    out->dy = sn_plan_new_buf(p, sn_plan_node_bytes(p, m->output), m->nnode, m->nnode, e);
    if (out->dy < 0) s = SN_ENOMEM;
    has_dy[m->output] = true;
    for (int i = m->nnode - 1; i >= 0 && s == SN_OK; i--) s = plan_backward_of(p, i, has_dy, e);
    sn_free(has_dy);
    return s;
}

/* ---- making the whole ---- */

sn_status sn_plan_lay_out(sn_plan **out, const sn_model *m, const sn_plan_opts *o, sn_err *e) {
    *out = NULL;
    if (o->batch < 1 || o->batch > (int64_t)1 << 30)
        return sn_fail(e, SN_EINVAL, "plan: batch = %lld is outside 1..2^30", (long long)o->batch);
    sn_plan *p = sn_calloc(1, sizeof *p, "plan", e);
    if (!p) return SN_ENOMEM;
    p->model = m;
    p->opts = *o;
    if (!p->opts.pool) p->opts.pool = sn_pool_default();
    p->nodes = sn_calloc((size_t)m->nnode, sizeof *p->nodes, "plan", e);
    p->taps = sn_calloc((size_t)o->ntap + 1, sizeof *p->taps, "plan", e);
    sn_status s = p->nodes && p->taps ? SN_OK : SN_ENOMEM;
    for (int i = 0; i < o->ntap && s == SN_OK; i++) p->taps[i] = o->taps[i];
    p->opts.taps = p->taps;
    for (int i = 0; i < m->nnode && s == SN_OK; i++) s = setup_node(p, i, e);
    if (s == SN_OK) s = sn_plan_find_groups(p, e);
    if (s == SN_OK) s = plan_forward(p, e);
    if (s == SN_OK) s = plan_backward(p, e);
    if (s == SN_OK) s = place_bufs(p, e);
    const sn_shape *os = sn_model_output_shape(m);
    p->rows_per_sample = 1;
    for (int d = 0; d + 1 < os->n; d++) p->rows_per_sample *= os->d[d];
    if (s != SN_OK) {
        sn_plan_free(p);
        return s;
    }
    *out = p;
    return SN_OK;
}

sn_status sn_plan_measure(const sn_model *m, const sn_plan_opts *o, size_t *bytes, sn_err *e) {
    sn_plan *p;
    sn_status s = sn_plan_lay_out(&p, m, o, e);
    if (s != SN_OK) return s;
    *bytes = p->slab_bytes + (size_t)(p->rows_per_sample * o->batch) * sizeof(double);
    sn_plan_free(p);
    return SN_OK;
}

/* The largest batch whose plan fits into what is free now; 0 when not even one sample does. */
static int64_t largest_batch(const sn_model *m, const sn_plan_opts *o) {
    size_t held = sn_mem_used(), top = sn_mem_limit(), free_bytes = top > held ? top - held : 0;
    int64_t lo = 0, hi = o->batch;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        sn_plan_opts try = *o;
        try.batch = mid;
        size_t bytes;
        if (sn_plan_measure(m, &try, &bytes, NULL) == SN_OK && bytes < free_bytes)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static sn_status too_large(const sn_plan *p, sn_err *e) {
    char a[32], b[32];
    size_t held = sn_mem_used(), top = sn_mem_limit();
    int64_t fits = largest_batch(p->model, &p->opts);
    return sn_fail(
        e, SN_ENOMEM,
        "%s: %s a batch of %lld needs %s, but only %s are free; the largest batch_size that fits is %lld",
        p->model->name, is_training(p) ? "training on" : "running", (long long)p->opts.batch,
        sn_bytes(a, sizeof a, (double)p->slab_bytes),
        sn_bytes(b, sizeof b, top > held ? (double)(top - held) : 0), (long long)fits);
}

/* Where backward writes the gradient of each input, now that addresses are known. */
static void link_gradients(sn_plan *p) {
    const sn_model *m = p->model;
    for (int i = 0; i < m->nnode; i++) {
        sn_plan_node *pn = &p->nodes[i];
        for (int j = 0; j < m->nodes[i].nin && pn->runs_backward; j++) {
            const sn_plan_node *src = &p->nodes[m->nodes[i].in[j]];
            pn->dx[j] = !src->needs ? NULL : sn_plan_at(p, pn->dx_temp[j] >= 0 ? pn->dx_temp[j] : src->dy);
        }
    }
}

static char *take_slab(const sn_plan *p) {
    sn_plan_memory *m = p->opts.memory;
    size_t need = p->slab_bytes ? p->slab_bytes : 1;
    if (!m) return sn_alloc(need, "plan", NULL);
    if (m->bytes >= need) return m->at;
    sn_free(m->at); /* both at once may not fit */
    m->at = sn_alloc(need, "plan", NULL);
    m->bytes = m->at ? need : 0;
    m->moves++;
    return m->at;
}

sn_status sn_plan_build(sn_plan **out, const sn_model *m, const sn_plan_opts *o, sn_err *e) {
    sn_status s = sn_plan_lay_out(out, m, o, e);
    if (s != SN_OK) return s;
    sn_plan *p = *out;
    p->slab = take_slab(p);
    if (p->slab) p->each = sn_alloc((size_t)(p->rows_per_sample * o->batch) * sizeof(double), "plan", NULL);
    if (!p->each) {
        s = too_large(p, e);
        sn_plan_free(p);
        *out = NULL;
        return s;
    }
    link_gradients(p);
    return SN_OK;
}

void sn_plan_free(sn_plan *p) {
    if (!p) return;
    for (int i = 0; p->nodes && i < p->model->nnode; i++) {
        sn_free(p->nodes[i].in);
        sn_free(p->nodes[i].x);
        sn_free(p->nodes[i].dx);
        sn_free(p->nodes[i].dx_temp);
    }
    sn_free(p->nodes);
    sn_free(p->groups);
    sn_free(p->bufs);
    sn_free(p->taps);
    if (!p->opts.memory) sn_free(p->slab);
    sn_free(p->each);
    sn_free(p);
}

const sn_plan_opts *sn_plan_options(const sn_plan *p) { return &p->opts; }
