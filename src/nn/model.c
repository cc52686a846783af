#include "nn/model.h"

#include "base/mem.h"
#include "base/rng.h"
#include "nn/surgery.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLAB_ALIGN = 16 }; /* elements: 64 bytes of float */
/* Far above any network of today; below them, planning takes seconds at the worst (it compares buffers in
 * pairs). */
enum { MAX_LAYERS = 10000, MAX_NODES = 20000, MAX_INPUTS = 60000 };

/* Makes room for one more element; cap doubles. */
static sn_status grow(void **a, int *cap, int n, size_t size, sn_err *e) {
    if (n < *cap) return SN_OK;
    int want = *cap ? *cap * 2 : 16;
    void *p = sn_realloc(*a, (size_t)want * size, "model", e);
    if (!p) return SN_ENOMEM;
    *a = p;
    *cap = want;
    return SN_OK;
}

sn_status sn_model_new(sn_model **out, const char *name, sn_err *e) {
    sn_model *m = sn_calloc(1, sizeof *m, "model", e);
    *out = m;
    if (!m) return SN_ENOMEM;
    m->input = m->output = -1;
    m->name = sn_strdup(name ? name : "model", e);
    if (m->name) return SN_OK;
    sn_model_free(m);
    *out = NULL;
    return SN_ENOMEM;
}

void sn_model_free(sn_model *m) {
    if (!m) return;
    while (m->followers) sn_model_unfollow(m->followers);
    for (int i = 0; i < m->nlayer; i++) {
        sn_free(m->layers[i].name);
        sn_obj_release(m->layers[i].obj);
        sn_obj_release(m->layers[i].other);
        sn_obj_release(m->layers[i].activation);
    }
    for (int i = 0; i < m->nnode; i++) sn_free(m->nodes[i].in);
    for (int i = 0; i < m->nparam; i++) sn_free(m->params[i].name);
    sn_free(m->layers);
    sn_free(m->nodes);
    sn_free(m->params);
    sn_free(m->slab);
    sn_free(m->name);
    sn_free(m);
}

int sn_model_find_layer(const sn_model *m, const char *name) {
    for (int i = 0; i < m->nlayer; i++)
        if (strcmp(m->layers[i].name, name) == 0) return i;
    return -1;
}

/* ---- adding layers ---- */

/* base: 0; base_K, as sn_model_free_name writes it: K; else -1. */
static long number_of(const char *name, const char *base) {
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0) return -1;
    if (!name[n]) return 0;
    const char *digits = name + n + 1;
    size_t len = strspn(digits, "0123456789");
    if (name[n] != '_' || digits[0] == '0' || len < 1 || len > 6 || digits[len]) return -1;
    return strtol(digits, NULL, 10);
}

bool sn_model_made_name(const char *name, const char *base) { return number_of(name, base) >= 0; }

sn_status sn_model_free_name(const sn_model *m, const char *base, char *out, size_t n, sn_err *e) {
    bool *taken =
        sn_calloc((size_t)m->nlayer + 1, sizeof *taken, "model", e); /* one more than there are names */
    if (!taken) return SN_ENOMEM;
    for (int i = 0; i < m->nlayer; i++) {
        long k = number_of(m->layers[i].name, base);
        if (k >= 0 && k <= m->nlayer) taken[k] = true;
    }
    int k = 0;
    while (taken[k]) k++;
    sn_free(taken);
    snprintf(out, n, k ? "%s_%d" : "%s", base, k);
    return SN_OK;
}

static sn_status check_name(const sn_model *m, const char *name, sn_err *e) {
    if (!*name || strlen(name) > 100)
        return sn_fail(e, SN_EINVAL, "layer: name \"%.40s\" must have 1 to 100 characters", name);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 32 || *p == '/' || *p == 127)
            return sn_fail(e, SN_EINVAL, "layer: name \"%.60s\" must not contain \"/\" or control characters",
                           name);
    if (sn_model_find_layer(m, name) >= 0)
        return sn_fail(e, SN_EINVAL, "model: two layers are named \"%s\"; give one another name", name);
    return SN_OK;
}

/* The `activation` layer that stands for the activation option of a layer. */
static sn_status make_activation(sn_layer *l, sn_err *e) {
    sn_obj *act = l->type->activation ? l->type->activation(l->obj->cfg) : NULL;
    if (!act) return SN_OK;
    const sn_desc *d = sn_kind_find(&sn_kind_layer, "activation");
    if (!d) SN_BUG("the layer table lacks activation");
    l->activation = sn_obj_new(&sn_kind_layer, d, e);
    if (!l->activation) return SN_ENOMEM;
    sn_value v = { .kind = SN_V_OBJ, .obj = act };
    if (sn_obj_set(l->activation, "activation", &v, e) != SN_OK) return e ? e->code : SN_EINVAL;
    return sn_obj_finish(l->activation, e);
}

sn_status sn_model_add_layer(sn_model *m, sn_obj *obj, int *index, sn_err *e) {
    if (obj->kind != &sn_kind_layer) return sn_fail(e, SN_EINVAL, "model: a %s is no layer", obj->desc->name);
    if (m->nlayer >= MAX_LAYERS) return sn_fail(e, SN_EINVAL, "model: more than %d layers", MAX_LAYERS);
    if (grow((void **)&m->layers, &m->cap_layer, m->nlayer, sizeof *m->layers, e) != SN_OK) return SN_ENOMEM;
    const sn_layer_common *c = obj->cfg;
    char name[128];
    sn_status s =
        c->name ? check_name(m, c->name, e) : sn_model_free_name(m, obj->desc->name, name, sizeof name, e);
    if (s != SN_OK) return s;
    sn_layer l = { .type = sn_layer_in(obj->desc, SN_F32), .first_param = -1, .node = -1 };
    if (c->name) {
        l.obj = sn_obj_retain(obj);
    } else { /* the name becomes part of the configuration, so that it is saved and read back */
        sn_value v = { .kind = SN_V_STR, .str = name };
        l.obj = sn_obj_with(obj, "name", &v, e);
    }
    if (l.obj) l.name = sn_strdup(((const sn_layer_common *)l.obj->cfg)->name, e);
    if (!l.name || make_activation(&l, e) != SN_OK) {
        sn_free(l.name);
        sn_obj_release(l.obj);
        sn_obj_release(l.activation);
        return e && e->code ? e->code : SN_ENOMEM;
    }
    *index = m->nlayer;
    m->layers[m->nlayer++] = l;
    return SN_OK;
}

/* ---- calling layers ---- */

static sn_status add_params(sn_model *m, int layer, const sn_layer_plan *lp, sn_err *e) {
    sn_layer *l = &m->layers[layer];
    const sn_layer_common *c = l->obj->cfg;
    l->first_param = m->nparam;
    for (int i = 0; i < lp->nparam; i++) {
        if (grow((void **)&m->params, &m->cap_param, m->nparam, sizeof *m->params, e) != SN_OK)
            return SN_ENOMEM;
        sn_param p = { .layer = layer, .spec = lp->param[i] };
        int64_t count = sn_shape_count(&p.spec.shape);
        if (count < 0 || count > ((int64_t)1 << 40)) {
            char text[96];
            return sn_fail(e, SN_EINVAL, "%s: its %s would have shape %s, which is too large", l->name,
                           p.spec.name, sn_shape_text(&p.spec.shape, false, text, sizeof text));
        }
        p.count = (size_t)count;
        p.offset = m->slab_count;
        p.trainable = p.spec.trainable && c->trainable;
        size_t n = strlen(l->name) + strlen(p.spec.name) + 2;
        p.name = sn_alloc(n, "name", e);
        if (!p.name) return SN_ENOMEM;
        snprintf(p.name, n, "%s/%s", l->name, p.spec.name);
        m->slab_count += (p.count + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
        m->params[m->nparam++] = p;
        l->nparam = i + 1;
    }
    return SN_OK;
}

/* A layer called again shares its parameters, so the shapes must want the same ones. */
static sn_status same_params(const sn_model *m, int layer, const sn_layer_plan *lp, sn_err *e) {
    const sn_layer *l = &m->layers[layer];
    for (int i = 0; i < lp->nparam; i++) {
        const sn_shape *had = &m->params[l->first_param + i].spec.shape;
        if (sn_shape_equal(had, &lp->param[i].shape)) continue;
        char a[96], b[96];
        return sn_fail(
            e, SN_ESHAPE,
            "%s: called a second time on another shape: its %s is %s but this call wants %s; make a layer of "
            "its own for it",
            l->name, lp->param[i].name, sn_shape_text(had, false, a, sizeof a),
            sn_shape_text(&lp->param[i].shape, false, b, sizeof b));
    }
    return SN_OK;
}

/* Layers' own messages begin with their type; the person wants to know which of them. */
static sn_status name_the_layer(const sn_layer *l, sn_err *e) {
    const char *type = l->obj->desc->name;
    size_t n = strlen(type);
    if (!e) return SN_ESHAPE;
    if (strcmp(type, l->name) == 0) return e->code;
    if (strncmp(e->msg, type, n) == 0 && e->msg[n] == ':') {
        char rest[sizeof e->msg];
        memcpy(rest, e->msg + n, strlen(e->msg + n) + 1);
        snprintf(e->msg, sizeof e->msg, "%s%.390s", l->name, rest);
        return e->code;
    }
    return sn_fail_prefix(e, "%s", l->name);
}

static sn_status add_node(sn_model *m, int layer, const sn_obj *obj, const int *in, int nin, sn_layer_plan *lp,
                          int *node, sn_err *e) {
    const sn_layer *l = &m->layers[layer];
    if (m->nnode >= MAX_NODES || nin > MAX_INPUTS - m->ninput)
        return sn_fail(e, SN_EINVAL, "model: more than %d calls of layers, or more than %d inputs of them",
                       MAX_NODES, MAX_INPUTS);
    sn_shape *shapes = sn_calloc((size_t)nin + 1, sizeof *shapes, "shapes", e);
    if (!shapes) return SN_ENOMEM;
    for (int i = 0; i < nin; i++) shapes[i] = sn_shape_with_batch(&m->nodes[in[i]].out, 1);
    *lp = (sn_layer_plan){ 0 };
    sn_status s = sn_layer_in(obj->desc, SN_F32)->plan(obj->cfg, shapes, nin, lp, sn_pool_default(), e);
    sn_free(shapes);
    if (s != SN_OK) return e ? name_the_layer(l, e) : s;
    if (sn_shape_count(&lp->out) <= 0)
        return sn_fail(e, SN_ESHAPE, "%s: its output would be empty or too large", l->name);
    if (grow((void **)&m->nodes, &m->cap_node, m->nnode, sizeof *m->nodes, e) != SN_OK) return SN_ENOMEM;
    sn_node n = { .layer = layer, .obj = obj, .nin = nin, .out = sn_shape_sample(&lp->out), .macs = lp->macs };
    n.in = sn_calloc((size_t)nin + 1, sizeof *n.in, "node", e);
    if (!n.in) return SN_ENOMEM;
    for (int i = 0; i < nin; i++) n.in[i] = in[i];
    *node = m->nnode;
    m->nodes[m->nnode++] = n;
    m->ninput += nin;
    return SN_OK;
}

static sn_status check_call(const sn_model *m, int layer, const int *in, int nin, sn_err *e) {
    const sn_layer *l = &m->layers[layer];
    int want = l->type->nin;
    int least = want == SN_ANY_INPUTS ? 1 : want < 0 ? 2 : want;
    if (want >= 0 ? nin != want : nin < least)
        return sn_fail(e, SN_EINVAL, "%s: takes %s%d input%s, got %d", l->name, want < 0 ? "at least " : "",
                       least, least == 1 ? "" : "s", nin);
    for (int i = 0; i < nin; i++)
        if (in[i] < 0 || in[i] >= m->nnode)
            return sn_fail(e, SN_EINVAL, "%s: there is no node %d", l->name, in[i]);
    return SN_OK;
}

sn_status sn_model_call(sn_model *m, int layer, const int *in, int nin, int *node, sn_err *e) {
    if (layer < 0 || layer >= m->nlayer) return sn_fail(e, SN_EINVAL, "model: there is no layer %d", layer);
    if (check_call(m, layer, in, nin, e) != SN_OK) return SN_EINVAL;
    sn_layer_plan lp;
    sn_layer *l = &m->layers[layer];
    int made;
    sn_status s = add_node(m, layer, l->obj, in, nin, &lp, &made, e);
    if (s != SN_OK) return s;
    s = l->first_param < 0 ? add_params(m, layer, &lp, e) : same_params(m, layer, &lp, e);
    if (s != SN_OK) return s;
    if (l->activation) {
        int before = made;
        s = add_node(m, layer, l->activation, &before, 1, &lp, &made, e);
        if (s != SN_OK) return s;
        m->nodes[made].is_activation = true;
    }
    m->nodes[made].ends_call = true;
    if (l->node < 0) l->node = made;
    *node = made;
    return SN_OK;
}

/* ---- finishing ---- */

static bool is_input(const sn_model *m, int node) {
    return node >= 0 && node < m->nnode && strcmp(m->nodes[node].obj->desc->name, "input") == 0;
}

/* Every call must lead to the output: one that does not was a mistake, and would have no gradient. */
static sn_status check_reach(const sn_model *m, int output, sn_err *e) {
    bool *used = sn_calloc((size_t)m->nnode, sizeof *used, "model", e);
    if (!used) return SN_ENOMEM;
    used[output] = true;
    for (int i = 0; i < m->nnode; i++)
        for (int k = 0; k < m->nodes[i].nin; k++) used[m->nodes[i].in[k]] = true;
    int i = 0;
    while (i < m->nnode && used[i]) i++;
    sn_free(used);
    if (i == m->nnode) return SN_OK;
    return sn_fail(e, SN_EINVAL, "model: the output of %s leads nowhere; use it or leave the layer out",
                   m->layers[m->nodes[i].layer].name);
}

sn_status sn_model_allocate(sn_model *m, int input, int output, uint64_t seed, sn_err *e) {
    if (!is_input(m, input))
        return sn_fail(e, SN_EINVAL, "model: has no input; begin with input{...} or give input_shape");
    if (output < 0 || output >= m->nnode) return sn_fail(e, SN_EINVAL, "model: has no output");
    if (input == output) return sn_fail(e, SN_EINVAL, "model: has no layers between input and output");
    for (int i = 0; i < m->nnode; i++)
        if (i != input && is_input(m, i))
            return sn_fail(e, SN_EINVAL,
                           "model: has two inputs; sonde's models have one (use concat or reshape on it)");
    sn_status s = check_reach(m, output, e);
    if (s != SN_OK) return s;
    m->input = input;
    m->output = output;
    m->seed = seed;
    m->slab = sn_calloc(m->slab_count ? m->slab_count : 1, sizeof(float), "model: parameters", e);
    return m->slab ? SN_OK : SN_ENOMEM;
}

sn_status sn_model_finish(sn_model *m, int input, int output, uint64_t seed, sn_err *e) {
    sn_status s = sn_model_allocate(m, input, output, seed, e);
    return s == SN_OK ? sn_model_init_weights(m, e) : s;
}

sn_status sn_model_init_param(sn_model *m, int param, uint64_t seed, sn_err *e) {
    sn_param *p = &m->params[param];
    const sn_initializer_type *t = (const sn_initializer_type *)(const void *)p->spec.initializer->desc;
    sn_status s = t->fill(p->spec.initializer->cfg, m->slab + p->offset, &p->spec.shape, p->spec.fan_in,
                          p->spec.fan_out, sn_mix(seed, (uint64_t)param), e);
    return s == SN_OK || !e ? s : sn_fail_prefix(e, "%s", p->name);
}

sn_status sn_model_init_weights(sn_model *m, sn_err *e) {
    for (int i = 0; i < m->nparam; i++) {
        sn_status s = sn_model_init_param(m, i, m->seed, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

sn_status sn_model_set_trainable(sn_model *m, int layer, bool trainable, sn_err *e) {
    sn_layer *l = &m->layers[layer];
    if (((const sn_layer_common *)l->obj->cfg)->trainable == trainable) return SN_OK;
    if (!l->other) {
        sn_value v = { .kind = SN_V_BOOL, .b = trainable };
        l->other = sn_obj_with(l->obj, "trainable", &v, e);
        if (!l->other) return e && e->code ? e->code : SN_ENOMEM;
    }
    sn_obj *was = l->obj;
    l->obj = l->other;
    l->other = was;
    for (int i = 0; i < m->nnode; i++)
        if (m->nodes[i].obj == was) m->nodes[i].obj = l->obj;
    for (int i = 0; i < l->nparam; i++) {
        sn_param *p = &m->params[l->first_param + i];
        p->trainable = p->spec.trainable && trainable;
    }
    m->version++;
    return SN_OK;
}

sn_status sn_model_clone(sn_model **out, const sn_model *m, sn_err *e) {
    *out = NULL;
    sn_buf b = SN_BUF_INIT((size_t)1 << 28);
    sn_model_print(m, &b);
    sn_status s = sn_buf_check(&b, "model", e);
    if (s == SN_OK) s = sn_model_parse(out, b.data, e);
    if (s == SN_OK) memcpy((*out)->slab, m->slab, m->slab_count * sizeof(float));
    sn_buf_free(&b);
    return s;
}

/* ---- asking ---- */

const sn_shape *sn_model_input_shape(const sn_model *m) { return &m->nodes[m->input].out; }
const sn_shape *sn_model_output_shape(const sn_model *m) { return &m->nodes[m->output].out; }

int64_t sn_model_count(const sn_model *m, int64_t *trainable, int64_t *fixed) {
    int64_t t = 0, f = 0;
    for (int i = 0; i < m->nparam; i++) *(m->params[i].trainable ? &t : &f) += (int64_t)m->params[i].count;
    if (trainable) *trainable = t;
    if (fixed) *fixed = f;
    return t + f;
}

sn_tensor sn_param_tensor(const sn_model *m, int param, float *slab) {
    const sn_param *p = &m->params[param];
    return (sn_tensor){ .shape = p->spec.shape, .dtype = SN_F32, .data = slab + p->offset };
}

sn_status sn_model_penalty(const sn_model *m, const float *slab, double *by_layer, sn_pool *pool, double *total,
                           sn_err *e) {
    *total = 0;
    for (int i = 0; by_layer && i < m->nlayer; i++) by_layer[i] = 0;
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *p = &m->params[i];
        /* Frozen weights carry no penalty (keras/src/layers/layer.py: regularization losses of
         * trainable_weights). */
        if (!p->spec.regularizer || !p->trainable) continue;
        sn_status s = sn_regularizer_prepare(p->spec.regularizer, SN_F32, p->count, false, pool, e);
        if (s != SN_OK) return s;
        const sn_regularizer_type *t = sn_regularizer_in(p->spec.regularizer->desc, SN_F32);
        double v = t->value(p->spec.regularizer->cfg, slab + p->offset, p->count, pool);
        *total += v;
        if (by_layer) by_layer[p->layer] += v;
    }
    return SN_OK;
}

sn_status sn_param_add_penalty_grad(const sn_model *m, int param, float *g, const float *w, sn_pool *pool,
                                    sn_err *e) {
    const sn_param *p = &m->params[param];
    if (!p->spec.regularizer || !p->trainable) return SN_OK;
    sn_status s = sn_regularizer_prepare(p->spec.regularizer, SN_F32, p->count, true, pool, e);
    if (s != SN_OK) return s;
    const sn_regularizer_type *t = sn_regularizer_in(p->spec.regularizer->desc, SN_F32);
    t->grad(p->spec.regularizer->cfg, g, w, p->count, 1.0, pool);
    return SN_OK;
}

static const sn_regularizer_type *penalty_of(const sn_param *p) {
    return p->trainable && p->spec.regularizer ? sn_regularizer_in(p->spec.regularizer->desc, SN_F32) : NULL;
}

bool sn_param_penalty_is_local(const sn_param *p) {
    const sn_regularizer_type *t = penalty_of(p);
    return t && !t->prepare && !t->whole;
}

void sn_param_add_penalty_part(const sn_param *p, float *g, const float *w, size_t n) {
    penalty_of(p)->grad(p->spec.regularizer->cfg, g, w, n, 1.0, NULL);
}
