#include "nn/engine.h"

#include "nn/group.h"
#include <string.h>

static size_t bytes_of(const sn_plan *p, int buf) { return buf < 0 ? 0 : p->bufs[buf].bytes; }

/* Does the gradient of any of the node's inputs have a reader? */
static bool gives_below(const sn_plan *p, int i) {
    const sn_node *n = &p->model->nodes[i];
    for (int j = 0; j < n->nin; j++)
        if (p->nodes[n->in[j]].needs) return true;
    return false;
}

static bool learns(const sn_plan *p, int i) {
    const sn_node *n = &p->model->nodes[i];
    const sn_layer *l = &p->model->layers[n->layer];
    for (int k = 0; k < l->nparam && !n->is_activation; k++)
        if (p->model->params[l->first_param + k].trainable) return true;
    return false;
}

static void describe(const sn_plan *p, int i, sn_engine *row) {
    const sn_plan_node *pn = &p->nodes[i];
    bool runs[SN_PASSES] = { [SN_PASS_FORWARD] = true,
                             [SN_PASS_DATA] = pn->runs_backward && gives_below(p, i),
                             [SN_PASS_WEIGHTS] = pn->runs_backward && learns(p, i) };
    for (int k = 0; k < SN_PASSES; k++) {
        if (!runs[k]) continue;
        if (pn->type->passes) pn->type->passes(pn->cfg, pn->in, (sn_pass)k, row->pass[k]);
        row->flops += 2 * p->model->nodes[i].macs * (double)p->opts.batch;
    }
    size_t forward = bytes_of(p, pn->fwd_scratch), backward = bytes_of(p, pn->bwd_scratch);
    row->workspace = forward > backward ? forward : backward;
    if (pn->group >= 0) row->within = p->groups[pn->group].first;
}

sn_status sn_plan_engine(const sn_model *m, const sn_plan_opts *o, sn_engine *rows, sn_err *e) {
    sn_plan *p;
    sn_status s = sn_plan_lay_out(&p, m, o, e);
    if (s != SN_OK) return s;
    for (int i = 0; i < m->nnode; i++) {
        rows[i] = (sn_engine){ .within = -1 };
        if (i != m->input) describe(p, i, &rows[i]);
    }
    sn_plan_free(p);
    return SN_OK;
}
