#include "nn/cost.h"

#include "nn/layers/common.h"
#include "nn/plan_impl.h"

extern const sn_layer_type sn_layer_dropout_f32;

static double numbers(const sn_plan *p, int node, int64_t n) {
    return (double)(sn_shape_row(&p->nodes[node].lp.out) * n);
}

/* The values of a layer's own parameters: all of them, or those that learn. */
static double weights(const sn_plan *p, int node, bool trainable) {
    const sn_node *n = &p->model->nodes[node];
    const sn_layer *l = &p->model->layers[n->layer];
    double sum = 0;
    for (int k = 0; k < l->nparam && !n->is_activation; k++) {
        const sn_param *q = &p->model->params[l->first_param + k];
        if (!trainable || q->trainable) sum += (double)q->count;
    }
    return sum;
}

/* A change of shape, or a dropout that is off, whose output lies where its input does. */
static bool moves_nothing(const sn_plan *p, int node) {
    const sn_node *n = &p->model->nodes[node];
    const sn_plan_node *pn = &p->nodes[node];
    bool copies = pn->type->forward == sn_copying_forward_f32 ||
                  (pn->type->forward == sn_layer_dropout_f32.forward && p->opts.mode == SN_PLAN_INFER);
    return copies && n->in[0] != p->model->input && pn->y == p->nodes[n->in[0]].y;
}

static sn_cost forward_cost(const sn_plan *p, int node, int64_t n) {
    const sn_node *nd = &p->model->nodes[node];
    double count = numbers(p, node, n) + weights(p, node, false);
    for (int j = 0; j < nd->nin; j++) count += numbers(p, nd->in[j], n);
    return (sn_cost){ 2 * nd->macs * (double)n, count };
}

static sn_cost backward_cost(const sn_plan *p, int node, int64_t n) {
    const sn_node *nd = &p->model->nodes[node];
    const sn_plan_node *pn = &p->nodes[node];
    if (!pn->runs_backward) return (sn_cost){ 0 };
    double learned = weights(p, node, true), count = numbers(p, node, n) + learned;
    bool below = false;
    for (int j = 0; j < nd->nin; j++) {
        if (pn->lp.flags & SN_KEEP_X) count += numbers(p, nd->in[j], n);
        if (!pn->dx[j]) continue;
        count += numbers(p, nd->in[j], n);
        below = true;
    }
    if (pn->lp.flags & SN_KEEP_Y) count += numbers(p, node, n);
    if (below) count += weights(p, node, false);
    return (sn_cost){ 2 * nd->macs * (double)n * ((learned > 0) + below), count };
}

/* Backward with a normalization goes over the input and the output's gradient twice. */
static sn_node_cost group_cost(const sn_plan *p, const sn_plan_group *g, int64_t n) {
    const sn_plan_node *last = &p->nodes[g->last];
    int k = p->model->nodes[g->first].in[0];
    double x = 4 * numbers(p, k, n), y = 4 * numbers(p, g->last, n), index = 0;
    sn_node_cost c = { .within = -1 };
    if (g->at[SN_PART_CONV] >= 0) { /* in inference */
        c.forward = forward_cost(p, g->first, n);
        c.forward.bytes = 4 * (numbers(p, k, n) + weights(p, g->first, false)) + y;
        c.activations = y;
        return c;
    }
    bool norm = g->at[SN_PART_AFFINE] >= 0, pool = g->at[SN_PART_POOL] >= 0;
    if (pool && p->opts.mode == SN_PLAN_TRAIN) index = y / 4;
    c.forward.bytes =
        (norm && p->opts.mode == SN_PLAN_TRAIN && p->nodes[g->first].moments < 0 ? 2 : 1) * x + y + index;
    if (last->y != p->nodes[k].y) c.activations = y + index;
    if (!last->runs_backward) return c;
    bool reads_y = g->at[SN_PART_RELU] >= 0 && !pool;
    c.backward.bytes = (norm ? 2 : 1) * (y + index + (reads_y ? y : 0)) + (norm ? 2 * x : 0);
    if (p->nodes[g->first].dx[0]) c.backward.bytes += x;
    return c;
}

sn_node_cost sn_plan_cost(const sn_plan *p, int node, int64_t n) {
    sn_node_cost c = { .within = -1 };
    if (node == p->model->input) return c;
    const sn_plan_node *pn = &p->nodes[node];
    if (pn->group >= 0) {
        const sn_plan_group *g = &p->groups[pn->group];
        if (node == g->first) return group_cost(p, g, n);
        c.within = g->first;
        return c;
    }
    double size = (double)sn_dtype_size(p->opts.dtype);
    c.forward = forward_cost(p, node, n);
    c.backward = backward_cost(p, node, n);
    if (moves_nothing(p, node)) c.forward.bytes = c.backward.bytes = 0;
    c.forward.bytes *= size;
    c.backward.bytes *= size;
    int k = p->model->nodes[node].nin > 0 ? p->model->nodes[node].in[0] : node;
    if (k == p->model->input || pn->y != p->nodes[k].y) c.activations = numbers(p, node, n) * size;
    for (int s = 0; s < SN_MAXSAVED; s++)
        if (pn->saved[s] >= 0) c.activations += (double)p->bufs[pn->saved[s]].bytes;
    return c;
}
