#include "nn/surgery.h"

#include "base/mem.h"
#include <stdio.h>
#include <string.h>

/* ---- followers ---- */

void sn_model_follow(sn_model *m, sn_follower *f) {
    f->model = m;
    f->next = m->followers;
    m->followers = f;
}

void sn_model_unfollow(sn_follower *f) {
    if (!f->model) return;
    for (sn_follower **p = &f->model->followers; *p; p = &(*p)->next) {
        if (*p != f) continue;
        *p = f->next;
        break;
    }
    f->model = NULL;
    f->next = NULL;
}

void sn_change_slab(const sn_change *c, float *to, const float *from) {
    for (int i = 0; i < c->to->nparam; i++) {
        const sn_param *p = &c->to->params[i];
        if (c->param[i] < 0) continue;
        memcpy(to + p->offset, from + c->from->params[c->param[i]].offset, p->count * sizeof(float));
    }
}

/* ---- the changed graph ---- */

typedef struct {
    const sn_model *m;
    const sn_surgery *s;
    sn_obj *obj;  /* with its name; owned; NULL: none is added */
    sn_model *to; /* owned */
    int *layer;   /* (nlayer + 1 of m): of each of to's layers, the one in m; -1 = new */
    int *index;   /* (nlayer + 1 of m): of each of m's layers, the one in to; -1 = gone */
    int *node;    /* (nnode of m): its result in to */
    int *in;      /* room for the inputs of a call */
    int *param;   /* (nparam of to) */
    bool *fresh;  /* (nlayer of to) */
    int added;    /* the new layer in to; -1 = none */
    int input;    /* the input in to: what is inserted behind it is not it */
} job;

static void job_free(job *j) {
    sn_obj_release(j->obj);
    sn_model_free(j->to);
    sn_free(j->layer);
    sn_free(j->index);
    sn_free(j->node);
    sn_free(j->in);
    sn_free(j->param);
    sn_free(j->fresh);
}

static bool is_insertion(const sn_surgery *s) {
    return s->what == SN_INSERT_BEFORE || s->what == SN_INSERT_AFTER;
}

/* The new layer with the name that it will have. */
static sn_status name_new(job *j, sn_err *e) {
    const sn_layer *place = &j->m->layers[j->s->layer];
    sn_obj *obj = j->s->obj;
    char made[128];
    const char *name = made;
    if (((const sn_layer_common *)obj->cfg)->name) {
        j->obj = sn_obj_retain(obj);
        return SN_OK;
    }
    const char *type = obj->desc->name, *was = place->obj->desc->name;
    bool stays = j->s->what == SN_REPLACE && (strcmp(type, was) == 0 || !sn_model_made_name(place->name, was));
    if (stays) {
        name = place->name;
    } else if (sn_model_free_name(j->m, type, made, sizeof made, e) != SN_OK) {
        return SN_ENOMEM;
    }
    sn_value v = { .kind = SN_V_STR, .str = name };
    j->obj = sn_obj_with(obj, "name", &v, e);
    return j->obj ? SN_OK : e && e->code ? e->code : SN_ENOMEM;
}

/* Adds the layer `from` of the old model, or the new one (-1). */
static sn_status add_one(job *j, int from, sn_err *e) {
    int at;
    sn_status s = sn_model_add_layer(j->to, from < 0 ? j->obj : j->m->layers[from].obj, &at, e);
    if (s != SN_OK) return s;
    j->layer[at] = from;
    if (from < 0) {
        j->added = at;
    } else {
        j->index[from] = at;
    }
    return SN_OK;
}

static sn_status add_layers(job *j, sn_err *e) {
    sn_status s = SN_OK;
    for (int i = 0; i < j->m->nlayer && s == SN_OK; i++) {
        bool here = i == j->s->layer;
        j->index[i] = -1;
        if (here && (j->s->what == SN_REPLACE || j->s->what == SN_INSERT_BEFORE)) s = add_one(j, -1, e);
        if (s == SN_OK && !(here && !is_insertion(j->s))) s = add_one(j, i, e);
        if (s == SN_OK && here && j->s->what == SN_INSERT_AFTER) s = add_one(j, -1, e);
    }
    return s;
}

/* The call whose first node is i, in the changed graph; its result into *out. */
static sn_status remake_call(job *j, int i, int *out, sn_err *e) {
    const sn_node *n = &j->m->nodes[i];
    const sn_surgery *o = j->s;
    bool here = n->layer == o->layer;
    int last = i;
    while (!j->m->nodes[last].ends_call) last++;
    bool meant = here && (o->node < 0 || o->node == last);
    for (int k = 0; k < n->nin; k++) j->in[k] = j->node[n->in[k]];
    if (here && o->what == SN_REMOVE) {
        *out = j->in[0];
        return SN_OK;
    }
    sn_status s = SN_OK;
    if (meant && o->what == SN_INSERT_BEFORE) {
        int before = j->in[0];
        s = sn_model_call(j->to, j->added, &before, 1, &j->in[0], e);
    }
    int layer = here && o->what == SN_REPLACE ? j->added : j->index[n->layer];
    if (s == SN_OK) s = sn_model_call(j->to, layer, j->in, n->nin, out, e);
    if (s == SN_OK && i == j->m->input) j->input = *out;
    if (s == SN_OK && meant && o->what == SN_INSERT_AFTER) {
        int before = *out;
        s = sn_model_call(j->to, j->added, &before, 1, out, e);
    }
    return s;
}

static sn_status remake_calls(job *j, sn_err *e) {
    for (int i = 0; i < j->m->nnode; i++) {
        if (j->m->nodes[i].is_activation) {
            j->node[i] = j->node[i - 1]; /* made by the call before it */
            continue;
        }
        sn_status s = remake_call(j, i, &j->node[i], e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

/* ---- what can be asked for ---- */

static int calls_of(const sn_model *m, int layer) {
    int n = 0;
    for (int i = 0; i < m->nnode; i++) n += m->nodes[i].layer == layer && m->nodes[i].ends_call;
    return n;
}

/* The inputs of the layer's calls: the most that one has. */
static int inputs_of(const sn_model *m, int layer) {
    int n = 0;
    for (int i = 0; i < m->nnode; i++)
        if (m->nodes[i].layer == layer && !m->nodes[i].is_activation && m->nodes[i].nin > n)
            n = m->nodes[i].nin;
    return n;
}

static sn_status check(const sn_model *m, const sn_surgery *s, sn_err *e) {
    if (s->layer < 0 || s->layer >= m->nlayer)
        return sn_fail(e, SN_EINVAL, "there is no layer %d; the model has %d", s->layer + 1, m->nlayer);
    const char *name = m->layers[s->layer].name;
    int nin = inputs_of(m, s->layer);
    bool input = m->nodes[m->input].layer == s->layer;
    if (input && s->what == SN_REMOVE)
        return sn_fail(e, SN_EINVAL, "%s is the model's input; it can be replaced by input{...}", name);
    if (input && s->what == SN_INSERT_BEFORE)
        return sn_fail(e, SN_EINVAL,
                       "%s is the model's input, nothing comes before it; { after = true } "
                       "inserts behind it",
                       name);
    if (s->what == SN_REMOVE && nin > 1)
        return sn_fail(e, SN_EINVAL,
                       "%s reads %d outputs, and which of them is to take its place is not known; replace it "
                       "by another layer that reads as many, like add{} or concat{}",
                       name, nin);
    if (s->what == SN_INSERT_BEFORE && nin > 1)
        return sn_fail(e, SN_EINVAL,
                       "%s reads %d outputs; insert behind one of the layers that give them, with { after = "
                       "true }",
                       name, nin);
    if (is_insertion(s) && s->node < 0 && calls_of(m, s->layer) > 1)
        return sn_fail(e, SN_EINVAL, "%s is called %d times; say which call, as in m.layers.%s.calls[1]", name,
                       calls_of(m, s->layer), name);
    return SN_OK;
}

/* ---- weights ---- */

static const sn_param *param_of(const sn_model *m, const sn_layer *l, int k) {
    return &m->params[l->first_param + k];
}

static bool same_shapes(const sn_model *a, const sn_layer *la, const sn_model *b, const sn_layer *lb) {
    if (la->nparam != lb->nparam) return false;
    for (int k = 0; k < la->nparam; k++)
        if (!sn_shape_equal(&param_of(a, la, k)->spec.shape, &param_of(b, lb, k)->spec.shape)) return false;
    return true;
}

/* The parameter of the replaced layer that a new one goes on with; -1 = none. */
static int find_alike(const sn_model *m, const sn_layer *l, const sn_param *p) {
    for (int k = 0; k < l->nparam; k++) {
        const sn_param *q = param_of(m, l, k);
        if (strcmp(q->spec.name, p->spec.name) == 0 && sn_shape_equal(&q->spec.shape, &p->spec.shape))
            return l->first_param + k;
    }
    return -1;
}

static void match_params(job *j) {
    for (int i = 0; i < j->to->nlayer; i++) {
        const sn_layer *l = &j->to->layers[i];
        int from = j->layer[i];
        const sn_layer *was = &j->m->layers[from < 0 ? j->s->layer : from];
        bool same = from >= 0 && same_shapes(j->to, l, j->m, was);
        bool alike = from < 0 && j->s->what == SN_REPLACE && j->s->keep_weights;
        for (int k = 0; k < l->nparam; k++) {
            int *p = &j->param[l->first_param + k];
            *p = same ? was->first_param + k : alike ? find_alike(j->m, was, param_of(j->to, l, k)) : -1;
            j->fresh[i] |= *p < 0;
        }
    }
}

static sn_status fill_weights(job *j, sn_err *e) {
    sn_change c = { j->m, j->to, j->layer, j->param };
    sn_change_slab(&c, j->to->slab, j->m->slab);
    for (int i = 0; i < j->to->nparam; i++) {
        if (j->param[i] >= 0) continue;
        sn_status s = sn_model_init_param(j->to, i, j->s->seed, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

/* ---- doing it ---- */

static sn_status build(job *j, sn_err *e) {
    const sn_model *m = j->m;
    size_t layers = (size_t)m->nlayer + 1, inputs = (size_t)m->ninput + 1;
    sn_status s = sn_model_new(&j->to, m->name, e);
    j->layer = sn_calloc(layers, sizeof(int), "model", e);
    j->index = sn_calloc(layers, sizeof(int), "model", e);
    j->fresh = sn_calloc(layers, sizeof(bool), "model", e);
    j->node = sn_calloc((size_t)m->nnode, sizeof(int), "model", e);
    j->in = sn_calloc(inputs, sizeof(int), "model", e);
    if (s != SN_OK || !j->layer || !j->index || !j->fresh || !j->node || !j->in) return SN_ENOMEM;
    if (j->s->obj) s = name_new(j, e);
    if (s == SN_OK) s = add_layers(j, e);
    if (s == SN_OK) s = remake_calls(j, e);
    if (s == SN_OK) s = sn_model_allocate(j->to, j->input, j->node[m->output], m->seed, e);
    if (s != SN_OK) return s;
    j->param = sn_calloc((size_t)j->to->nparam + 1, sizeof(int), "model", e);
    if (!j->param) return SN_ENOMEM;
    match_params(j);
    return fill_weights(j, e);
}

/* The pointer stays the model's; what it held goes with j->to. */
static void take(sn_model *m, job *j) {
    sn_model was = *m;
    *m = *j->to;
    *j->to = was;
    m->followers = was.followers;
    j->to->followers = NULL;
    m->version = was.version + 1;
    m->edits = was.edits + 1;
    m->changes = was.changes + 1;
}

static sn_status apply(sn_model *m, job *j, sn_err *e) {
    sn_change c = { m, j->to, j->layer, j->param };
    sn_status s = SN_OK;
    sn_follower *f = m->followers;
    for (; f && s == SN_OK; f = f->next) s = f->prepare(f->ctx, &c, e);
    for (f = m->followers; f; f = f->next) f->settle(f->ctx, &c, s == SN_OK);
    if (s == SN_OK) take(m, j);
    return s;
}

sn_status sn_model_operate(sn_model *m, const sn_surgery *surgery, bool **fresh, sn_err *e) {
    if (fresh) *fresh = NULL;
    sn_status s = check(m, surgery, e);
    if (s != SN_OK) return s;
    job j = { .m = m, .s = surgery, .added = -1 };
    s = build(&j, e);
    if (s == SN_OK) s = apply(m, &j, e);
    if (s == SN_OK && fresh) {
        *fresh = j.fresh;
        j.fresh = NULL;
    }
    job_free(&j);
    if (s == SN_ECANCEL) sn_pool_clear_cancel(sn_pool_default());
    return s;
}
