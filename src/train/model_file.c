#include "train/model_file.h"

#include "base/mem.h"
#include "train/file_impl.h"
#include "train/kv.h"
#include <stdio.h>
#include <string.h>

enum { FORMAT = 1 };

/* ---- saving ---- */

static void write_compile(sn_buf *b, const sn_trainer *t) {
    sn_kv_put_int(b, "sonde-compile", FORMAT);
    sn_kv_put_obj(b, "loss", t->loss);
    sn_kv_put_obj(b, "optimizer", t->optimizer);
    sn_kv_put_int(b, "metrics", t->nmetric);
    for (int i = 0; i < t->nmetric; i++) {
        char key[40];
        snprintf(key, sizeof key, "metric %d", i);
        sn_kv_put_obj(b, key, t->metric[i].obj);
        snprintf(key, sizeof key, "metric %d name", i);
        sn_kv_put_text(b, key, t->metric[i].name);
    }
    sn_kv_put_int(b, "iterations", t->iterations);
    sn_kv_put_num(b, "lr", t->lr);
    sn_kv_put_num(b, "external_lr", t->external_lr);
    sn_kv_put_u64(b, "seed", t->seed);
    sn_kv_put_int(b, "states", t->iterations > 0 ? t->nstate : 0);
    /* Of a model or an optimizer that was changed in the middle of a run. */
    if (t->rate_from) sn_kv_put_int(b, "rate_from", t->rate_from);
    for (int i = 0; i < t->model->nparam; i++) {
        char key[40];
        snprintf(key, sizeof key, "start %d", i);
        if (t->start[i]) sn_kv_put_int(b, key, t->start[i]);
    }
}

static const char *state_prefix(const sn_trainer *t, int k, char *buf, size_t n) {
    snprintf(buf, n, "optimizer/%s", sn_trainer_optimizer(t)->state_name[k]);
    return buf;
}

sn_status sn_saving_model(sn_saving *v, const sn_model *m, const sn_trainer *t, sn_err *e) {
    sn_buf *b = sn_saving_text(v);
    sn_model_print(m, b);
    sn_status s = sn_saving_add_text(v, "model.txt", b, e);
    bool compiled = t && t->loss;
    if (s == SN_OK && compiled) {
        b = sn_saving_text(v);
        write_compile(b, t);
        s = sn_saving_add_text(v, "compile.txt", b, e);
    }
    if (s == SN_OK) s = sn_saving_slab(v, "weights", m, m->slab, true, e);
    char prefix[64];
    for (int k = 0; s == SN_OK && compiled && t->iterations > 0 && k < t->nstate; k++)
        s = sn_saving_slab(v, state_prefix(t, k, prefix, sizeof prefix), m, t->state[k], false, e);
    return s;
}

sn_status sn_model_save(const char *path, const sn_model *m, const sn_trainer *t, sn_err *e) {
    sn_saving v;
    sn_status s = sn_saving_begin(&v, path, e);
    if (s == SN_OK) s = sn_saving_model(&v, m, t, e);
    return v.w ? sn_saving_end(&v, s, e) : s;
}

sn_status sn_weights_save(const char *path, const sn_model *m, sn_err *e) {
    sn_saving v;
    sn_status s = sn_saving_begin(&v, path, e);
    if (s == SN_OK) s = sn_saving_slab(&v, "", m, m->slab, true, e);
    return v.w ? sn_saving_end(&v, s, e) : s;
}

/* ---- loading ---- */

/* What compile.txt holds on its way into a trainer. */
typedef struct {
    sn_obj *loss, *optimizer, *metric[SN_MAXMETRIC];
    char *name[SN_MAXMETRIC];
    int64_t nmetric, format;
} compiled;

static void compiled_free(compiled *c) {
    sn_obj_release(c->loss);
    sn_obj_release(c->optimizer);
    for (int i = 0; i < SN_MAXMETRIC; i++) {
        sn_obj_release(c->metric[i]);
        sn_free(c->name[i]);
    }
}

static sn_status read_objects(const sn_kv *kv, compiled *c, sn_err *e) {
    sn_status s = sn_kv_int(kv, "sonde-compile", 1, FORMAT, &c->format, e);
    if (s == SN_OK) s = sn_kv_obj(kv, "loss", &sn_kind_loss, &c->loss, e);
    if (s == SN_OK) s = sn_kv_obj(kv, "optimizer", &sn_kind_optimizer, &c->optimizer, e);
    if (s == SN_OK) s = sn_kv_int(kv, "metrics", 0, SN_MAXMETRIC, &c->nmetric, e);
    for (int i = 0; s == SN_OK && i < c->nmetric; i++) {
        char key[40];
        snprintf(key, sizeof key, "metric %d", i);
        s = sn_kv_obj(kv, key, &sn_kind_metric, &c->metric[i], e);
        snprintf(key, sizeof key, "metric %d name", i);
        if (s == SN_OK) s = sn_kv_text(kv, key, &c->name[i], e);
    }
    return s;
}

/* When the state of each parameter began, and the schedule. */
static sn_status read_starts(const sn_kv *kv, sn_trainer *t, sn_err *e) {
    sn_status s = SN_OK;
    if (sn_kv_has(kv, "rate_from")) s = sn_kv_int(kv, "rate_from", 0, t->iterations, &t->rate_from, e);
    for (int i = 0; s == SN_OK && i < t->model->nparam; i++) {
        char key[40];
        snprintf(key, sizeof key, "start %d", i);
        if (sn_kv_has(kv, key)) s = sn_kv_int(kv, key, 0, t->iterations, &t->start[i], e);
    }
    return s;
}

static sn_status read_state(const sn_loading *l, const sn_kv *kv, sn_trainer *t, sn_err *e) {
    int64_t states;
    sn_status s = sn_kv_int(kv, "iterations", 0, INT64_MAX / 2, &t->iterations, e);
    if (s == SN_OK) s = sn_kv_num(kv, "lr", &t->lr, e);
    if (s == SN_OK) s = sn_kv_num(kv, "external_lr", &t->external_lr, e);
    if (s == SN_OK) s = sn_kv_u64(kv, "seed", &t->seed, e);
    if (s == SN_OK) s = sn_kv_int(kv, "states", 0, SN_MAXSTATE, &states, e);
    if (s == SN_OK) s = read_starts(kv, t, e);
    if (s != SN_OK) return s;
    int want = t->iterations > 0 ? t->nstate : 0;
    if (states != want)
        return sn_fail(e, SN_EFORMAT, "%s: %d buffers of the optimizer's state are wanted, but there are %lld",
                       kv->file, want, (long long)states);
    if (want == 0) return SN_OK;
    s = sn_trainer_alloc_state(t, e);
    char prefix[64];
    for (int k = 0; s == SN_OK && k < want; k++)
        s = sn_loading_slab(l, state_prefix(t, k, prefix, sizeof prefix), t->model, t->state[k], false, e);
    return s;
}

static sn_status load_trainer(const sn_loading *l, sn_model *m, sn_trainer **out, sn_err *e) {
    char *text;
    *out = NULL;
    if (sn_archive_find(l->a, "compile.txt") < 0) return SN_OK;
    sn_status s = sn_loading_text(l, "compile.txt", &text, e);
    if (s != SN_OK) return s;
    sn_kv kv = { text, l->path };
    compiled c = { 0 };
    s = read_objects(&kv, &c, e);
    sn_trainer *t = NULL;
    if (s == SN_OK)
        s = sn_trainer_new(&t, m, c.loss, c.optimizer, c.metric, (const char *const *)c.name, (int)c.nmetric,
                           e);
    if (s == SN_OK) s = read_state(l, &kv, t, e);
    compiled_free(&c);
    sn_free(text);
    if (s == SN_OK) {
        *out = t;
    } else {
        sn_trainer_free(t);
    }
    return s;
}

static sn_status load_graph(const sn_loading *l, sn_model **m, sn_err *e) {
    char *text;
    sn_status s = sn_loading_text(l, "model.txt", &text, e);
    if (s != SN_OK) return s;
    sn_err local = { 0 };
    s = sn_model_parse(m, text, &local);
    sn_free(text);
    if (s != SN_OK) {
        *m = NULL;
        return sn_fail(e, s, "%s: %s", l->path, local.msg);
    }
    return SN_OK;
}

sn_status sn_loading_model(const sn_loading *l, sn_model **model, sn_trainer **trainer, sn_err *e) {
    *model = NULL;
    *trainer = NULL;
    sn_model *m = NULL;
    sn_status s = load_graph(l, &m, e);
    if (s == SN_OK) s = sn_loading_slab(l, "weights", m, m->slab, true, e);
    if (s == SN_OK) s = load_trainer(l, m, trainer, e);
    if (s == SN_OK) {
        *model = m;
    } else {
        sn_model_free(m);
    }
    return s;
}

sn_status sn_model_load(const char *path, sn_model **m, sn_trainer **t, sn_err *e) {
    *m = NULL;
    *t = NULL;
    sn_loading l = { .path = path };
    sn_status s = sn_archive_open(&l.a, path, e);
    if (s == SN_OK) s = sn_loading_model(&l, m, t, e);
    sn_archive_close(l.a);
    return s;
}
