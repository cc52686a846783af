/* A run as one file: a model file (model_file.h), run.txt, and under run/ its averages, history and loss terms
 * as .npy, and the weights that callbacks keep. What reads it back goes on to the same bits. */
#include "base/mem.h"
#include "train/file_impl.h"
#include "train/kv.h"
#include "train/run_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT = 1, MAX_CALLBACKS = 1000, SUMS = 5, TERMS = 5 };
#define MAX_COUNT 1000000000000

/* ---- run.txt ---- */

static void put_data(sn_buf *b, const char *what, const sn_dataset *d) {
    char key[40];
    snprintf(key, sizeof key, "%s samples", what);
    sn_kv_put_int(b, key, d ? d->count : 0);
    snprintf(key, sizeof key, "%s fingerprint", what);
    sn_kv_put_u64(b, key, d ? sn_dataset_fingerprint(d) : 0);
}

static void put_options(sn_buf *b, const sn_run_opts *o) {
    sn_kv_put_int(b, "batch_size", o->batch_size);
    sn_kv_put_int(b, "epochs", o->epochs);
    sn_kv_put_int(b, "shuffle", o->shuffle);
    sn_kv_put_u64(b, "seed", o->seed);
    sn_kv_put_int(b, "validation_freq", o->validation_freq);
    sn_kv_put_int(b, "steps_per_epoch", o->steps_per_epoch);
}

static void put_position(sn_buf *b, const sn_run *r) {
    sn_kv_put_word(b, "phase", sn_run_phases[r->phase]);
    sn_kv_put_word(b, "stage", sn_run_stages[r->stage]);
    sn_kv_put_int(b, "stage_at", r->stage_at);
    sn_kv_put_int(b, "epoch", r->epoch);
    sn_kv_put_int(b, "next_batch", r->next_batch);
    sn_kv_put_int(b, "steps", r->steps);
    sn_kv_put_int(b, "next_val", r->next_val);
    sn_kv_put_int(b, "val_steps", r->val_steps);
    sn_kv_put_int(b, "stopped", r->stopped);
    sn_kv_put_int(b, "ended", r->ended);
    sn_kv_put_int(b, "val_done", r->val_done);
    sn_kv_put_num(b, "last_total", r->last.total);
    sn_kv_put_int(b, "rows", r->rec.rows);
    sn_kv_put_text(b, "message", r->message.data ? r->message.data : "");
    sn_kv_put_text(b, "note", sn_run_note(r));
}

static void put_callback(sn_buf *b, const sn_run *r, int i) {
    char key[60];
    const sn_callback_state *s = &r->cstate[i];
    snprintf(key, sizeof key, "callback %d", i);
    sn_kv_put_obj(b, key, r->callback[i]);
    for (int k = 0; k < SN_CALLBACK_NUMS; k++) {
        snprintf(key, sizeof key, "callback %d number %d", i, k);
        sn_kv_put_num(b, key, s->num[k]);
    }
    snprintf(key, sizeof key, "callback %d text", i);
    if (s->text) sn_kv_put_text(b, key, s->text);
    snprintf(key, sizeof key, "callback %d weights", i);
    sn_kv_put_int(b, key, s->weights != NULL);
}

static void put_names(sn_buf *b, const char *what, char *const *names, int n) {
    char key[40];
    snprintf(key, sizeof key, "%ss", what);
    sn_kv_put_int(b, key, n);
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "%s %d", what, i);
        sn_kv_put_text(b, key, names[i]);
    }
}

static bool same_names(char *const *a, int na, char *const *b, int nb) {
    int i = 0;
    while (i < na && i < nb && strcmp(a[i], b[i]) == 0) i++;
    return i == na && i == nb;
}

/* The names of layers and columns, where the run remembers others than the model and its metrics have, or the
 * same in another order: a layer that came in the middle is the last that it remembers. */
static sn_status put_memory(sn_buf *b, const sn_run *r, sn_err *e) {
    run_record plain;
    sn_status s = sn_record_make(&plain, r, r->t->model, NULL, e);
    const run_record *q = &r->rec;
    if (s == SN_OK && !(same_names(plain.layer, plain.nlayer, q->layer, q->nlayer) &&
                        same_names(plain.column, plain.ncolumn, q->column, q->ncolumn))) {
        put_names(b, "column", q->column, q->ncolumn);
        put_names(b, "layer", q->layer, q->nlayer);
    }
    sn_record_free(&plain);
    return s;
}

static void put_run(sn_buf *b, const sn_run *r) {
    sn_kv_put_int(b, "sonde-run", FORMAT);
    put_options(b, &r->o);
    put_data(b, "training", r->train);
    put_data(b, "validation", r->val);
    put_position(b, r);
    sn_kv_put_int(b, "callbacks", r->ncallback);
    for (int i = 0; i < r->ncallback; i++) put_callback(b, r, i);
}

/* ---- arrays; the same walk for both directions ---- */

/* One array of the run's, read or written under that member name. */
typedef sn_status (*array_fn)(void *ctx, const char *member, double *data, int64_t rows, int64_t cols,
                              sn_err *e);

static sn_status each_array(sn_run *r, double *terms, double *sums, array_fn fn, void *ctx, sn_err *e) {
    int64_t nl = sn_run_layers(r);
    sn_status s = fn(ctx, "run/history", r->rec.history, r->rec.rows, r->rec.ncolumn, e);
    if (s == SN_OK) s = fn(ctx, "run/terms", terms, 2 * r->rec.rows, TERMS + nl, e);
    if (s == SN_OK) s = fn(ctx, "run/sums", sums, 2, SUMS + nl, e);
    if (s == SN_OK) s = fn(ctx, "run/row", r->rec.row, 1, r->rec.ncolumn, e);
    for (int i = 0; s == SN_OK && i < r->rec.nmetric; i++) {
        char member[40];
        snprintf(member, sizeof member, "run/metric_%d", i);
        s = fn(ctx, member, r->rec.metric[i].state, 1, (int64_t)r->rec.metric[i].nstate, e);
    }
    return s;
}

static sn_shape shape2(int64_t rows, int64_t cols) { return (sn_shape){ .n = 2, .d = { rows, cols } }; }

static sn_status write_array(void *ctx, const char *member, double *data, int64_t rows, int64_t cols,
                             sn_err *e) {
    sn_shape shape = shape2(rows, cols);
    return sn_saving_doubles(ctx, member, data, &shape, e);
}
static sn_status read_array(void *ctx, const char *member, double *data, int64_t rows, int64_t cols,
                            sn_err *e) {
    sn_shape shape = shape2(rows, cols);
    return sn_loading_doubles(ctx, member, data, &shape, e);
}

/* Terms and sums as plain rows of numbers: (2 * rows, TERMS + nlayer) and (2, SUMS + nlayer). */
static void pack(const sn_run *r, double *terms, double *sums) {
    int nl = sn_run_layers(r);
    for (int64_t i = 0; i < 2 * r->rec.rows; i++, terms += TERMS + nl) {
        const sn_terms *t = &r->rec.terms[i];
        double head[TERMS] = { t->valid, t->total, t->data, t->penalty, t->activity };
        memcpy(terms, head, sizeof head);
        if (nl) memcpy(terms + TERMS, t->by_layer, (size_t)nl * sizeof(double));
    }
    for (int i = 0; i < 2; i++, sums += SUMS + nl) {
        const run_sums *q = &r->rec.sum[i];
        double head[SUMS] = { q->n, q->total, q->data, q->penalty, q->activity };
        memcpy(sums, head, sizeof head);
        if (nl) memcpy(sums + SUMS, q->layer, (size_t)nl * sizeof(double));
    }
}

static void unpack(sn_run *r, const double *terms, const double *sums) {
    int nl = sn_run_layers(r);
    for (int64_t i = 0; i < 2 * r->rec.rows; i++, terms += TERMS + nl) {
        sn_terms *t = &r->rec.terms[i];
        double *layer = r->rec.term_layers + i * nl;
        *t = (sn_terms){ terms[0] != 0, terms[1], terms[2], terms[3], terms[4], layer };
        if (nl) memcpy(layer, terms + TERMS, (size_t)nl * sizeof(double));
    }
    for (int i = 0; i < 2; i++, sums += SUMS + nl) {
        double *layer = r->rec.sum[i].layer;
        r->rec.sum[i] = (run_sums){ sums[0], sums[1], sums[2], sums[3], sums[4], layer };
        if (nl) memcpy(layer, sums + SUMS, (size_t)nl * sizeof(double));
        sn_record_refresh(r, i);
    }
}

/* Room for terms, then sums. */
static double *scratch(const sn_run *r, double **sums, sn_err *e) {
    size_t nl = (size_t)sn_run_layers(r), terms = 2 * (size_t)r->rec.rows * (TERMS + nl);
    double *d = sn_calloc(terms + 2 * (SUMS + nl), sizeof *d, "run", e);
    *sums = d ? d + terms : NULL;
    return d;
}

/* ---- saving ---- */

static const char *kept_prefix(int i, char *buf, size_t n) {
    snprintf(buf, n, "run/callback_%d", i);
    return buf;
}

static sn_status save_parts(sn_saving *v, sn_run *r, double *terms, double *sums, sn_err *e) {
    sn_status s = sn_saving_model(v, r->t->model, r->t, e);
    if (s != SN_OK) return s;
    sn_buf *b = sn_saving_text(v);
    put_run(b, r);
    s = put_memory(b, r, e);
    if (s == SN_OK) s = sn_saving_add_text(v, "run.txt", b, e);
    if (s == SN_OK) s = each_array(r, terms, sums, write_array, v, e);
    for (int i = 0; s == SN_OK && i < r->ncallback; i++) {
        char prefix[40];
        if (!r->cstate[i].weights) continue;
        s = sn_saving_slab(v, kept_prefix(i, prefix, sizeof prefix), r->t->model, r->cstate[i].weights, true,
                           e);
    }
    return s;
}

sn_status sn_run_save(const sn_run *run, const char *path, sn_err *e) {
    sn_run *r = (sn_run *)(uintptr_t)run; /* the walk over arrays serves reading too; nothing is written here */
    sn_status ready = sn_run_ready(r, e); /* but what was changed since the last step is taken note of */
    if (ready != SN_OK) return e ? sn_fail_prefix(e, "save: the run cannot go on") : ready;
    double *sums, *terms = scratch(r, &sums, e);
    if (!terms) return SN_ENOMEM;
    pack(r, terms, sums);
    sn_saving v;
    sn_status s = sn_saving_begin(&v, path, e);
    if (s == SN_OK) s = save_parts(&v, r, terms, sums, e);
    if (v.w) s = sn_saving_end(&v, s, e);
    sn_free(terms);
    return s;
}

/* ---- resuming ---- */

static sn_status get_options(const sn_kv *kv, sn_run_opts *o, sn_err *e) {
    int64_t format;
    sn_status s = sn_kv_int(kv, "sonde-run", 1, FORMAT, &format, e);
    if (s == SN_OK) s = sn_kv_int(kv, "batch_size", 1, 1 << 24, &o->batch_size, e);
    if (s == SN_OK) s = sn_kv_int(kv, "epochs", 1, 1000000000, &o->epochs, e);
    if (s == SN_OK) s = sn_kv_bool(kv, "shuffle", &o->shuffle, e);
    if (s == SN_OK) s = sn_kv_u64(kv, "seed", &o->seed, e);
    if (s == SN_OK) s = sn_kv_int(kv, "validation_freq", 1, MAX_COUNT, &o->validation_freq, e);
    if (s == SN_OK) s = sn_kv_int(kv, "steps_per_epoch", 0, MAX_COUNT, &o->steps_per_epoch, e);
    return s;
}

/* The data must be those that the run was made with: on others it would go on to something else. */
static sn_status check_data(const sn_kv *kv, const char *what, const sn_dataset *d, sn_err *e) {
    char key[40];
    int64_t samples;
    uint64_t print;
    snprintf(key, sizeof key, "%s samples", what);
    sn_status s = sn_kv_int(kv, key, 0, INT64_MAX, &samples, e);
    snprintf(key, sizeof key, "%s fingerprint", what);
    if (s == SN_OK) s = sn_kv_u64(kv, key, &print, e);
    if (s != SN_OK) return s;
    if (!d && samples == 0) return SN_OK;
    if (!d) return sn_fail(e, SN_EINVAL, "resume: %s was made with %s data; give them", kv->file, what);
    if (samples == 0)
        return sn_fail(e, SN_EINVAL, "resume: %s was made without %s data; give none", kv->file, what);
    if (samples != d->count)
        return sn_fail(e, SN_EINVAL, "resume: %s was made with %lld samples of %s data, but these have %lld",
                       kv->file, (long long)samples, what, (long long)d->count);
    if (print != sn_dataset_fingerprint(d))
        return sn_fail(
            e, SN_EINVAL,
            "resume: these %s data are not those that %s was made with; give the same data, or begin a new "
            "run from load_model",
            what, kv->file);
    return SN_OK;
}

static sn_status get_position(const sn_kv *kv, sn_run *r, sn_err *e) {
    int phase, stage;
    int64_t at, total = MAX_COUNT;
    sn_status s = sn_kv_word(kv, "phase", sn_run_phases, &phase, e);
    if (s == SN_OK) s = sn_kv_word(kv, "stage", sn_run_stages, &stage, e);
    if (s == SN_OK) s = sn_kv_int(kv, "stage_at", 0, r->ncallback, &at, e);
    if (s == SN_OK) s = sn_kv_int(kv, "epoch", 0, 1000000000, &r->epoch, e);
    if (s == SN_OK) s = sn_kv_int(kv, "next_batch", 0, total, &r->next_batch, e);
    if (s == SN_OK) s = sn_kv_int(kv, "steps", 0, total, &r->steps, e);
    if (s == SN_OK) s = sn_kv_int(kv, "next_val", 0, total, &r->next_val, e);
    if (s == SN_OK) s = sn_kv_int(kv, "val_steps", 0, total, &r->val_steps, e);
    if (s == SN_OK) s = sn_kv_bool(kv, "stopped", &r->stopped, e);
    if (s == SN_OK) s = sn_kv_bool(kv, "ended", &r->ended, e);
    if (s == SN_OK) s = sn_kv_bool(kv, "val_done", &r->val_done, e);
    if (s == SN_OK) s = sn_kv_num(kv, "last_total", &r->last.total, e);
    if (s == SN_OK) s = sn_kv_int(kv, "rows", 0, 1000000000, &r->rec.rows, e);
    if (s == SN_OK) s = sn_kv_text(kv, "note", &r->note, e);
    if (s != SN_OK) return s;
    r->phase = (run_phase)phase;
    r->stage = (run_stage)stage;
    r->stage_at = (int)at;
    return SN_OK;
}

/* Fields that are right one by one may still contradict each other. */
static sn_status check_position(const sn_kv *kv, const sn_run *r, sn_err *e) {
    static const bool fits[][5] = {
        /* BEGIN TRAIN VALIDATE EPOCH_END END */
        [STAGE_NONE] = { true, true, true, true, true },
        [STAGE_EPOCH_BEGIN] = { false, true, false, false, false },
        [STAGE_STEP] = { false, true, false, false, false },
        [STAGE_EPOCH_END] = { true, false, false, false, false },
        [STAGE_END] = { false, false, false, false, true },
    };
    int64_t batches = sn_loader_batches(r->loader), vals = r->val ? sn_loader_batches(r->val_loader) : 0;
    bool ok = fits[r->stage][r->phase] && r->rec.rows == r->epoch && r->next_batch <= batches &&
              r->steps <= r->next_batch && r->next_val <= vals && r->val_steps <= r->next_val &&
              (r->val || (r->phase != PHASE_VALIDATE && !r->val_done)) &&
              (r->stage != STAGE_EPOCH_END || r->rec.rows > 0) && (r->stage != STAGE_STEP || r->steps > 0);
    if (ok) return SN_OK;
    return sn_fail(e, SN_EFORMAT, "%s: the position of the run contradicts itself; the file is damaged",
                   kv->file);
}

static sn_status get_callback(const sn_kv *kv, const sn_loading *l, sn_run *r, int i, sn_err *e) {
    char key[60];
    bool weights = false;
    sn_callback_state *c = &r->cstate[i];
    sn_status s = SN_OK;
    for (int k = 0; s == SN_OK && k < SN_CALLBACK_NUMS; k++) {
        snprintf(key, sizeof key, "callback %d number %d", i, k);
        s = sn_kv_num(kv, key, &c->num[k], e);
    }
    snprintf(key, sizeof key, "callback %d text", i);
    if (s == SN_OK && sn_kv_has(kv, key)) s = sn_kv_text(kv, key, &c->text, e);
    snprintf(key, sizeof key, "callback %d weights", i);
    if (s == SN_OK) s = sn_kv_bool(kv, key, &weights, e);
    if (s != SN_OK || !weights) return s;
    c->weights = sn_calloc(r->t->model->slab_count + 1, sizeof(float), "best weights", e);
    if (!c->weights) return SN_ENOMEM;
    return sn_loading_slab(l, kept_prefix(i, key, sizeof key), r->t->model, c->weights, true, e);
}

static sn_status get_message(const sn_kv *kv, sn_run *r, sn_err *e) {
    char *text;
    sn_status s = sn_kv_text(kv, "message", &text, e);
    if (s == SN_OK) sn_buf_str(&r->message, text);
    if (s == SN_OK) sn_free(text);
    return s;
}

/* A file that claims more rows than it holds must not cost their memory. */
static sn_status want_rows(const sn_loading *l, int64_t rows, int64_t cols, sn_err *e) {
    size_t bytes;
    sn_status s = sn_loading_size(l, "run/history.npy", &bytes, e);
    if (s != SN_OK) return s;
    if ((size_t)(rows * cols) <= bytes / sizeof(double)) return SN_OK;
    return sn_fail(e, SN_EFORMAT, "%s: claims %lld epochs of history, but holds fewer", l->path,
                   (long long)rows);
}

static sn_status get_names(const sn_kv *kv, const char *what, char **names, int max, int *n, sn_err *e) {
    char key[40];
    int64_t count;
    snprintf(key, sizeof key, "%ss", what);
    sn_status s = sn_kv_int(kv, key, 1, max, &count, e);
    for (*n = 0; s == SN_OK && *n < count; ++*n) {
        snprintf(key, sizeof key, "%s %d", what, *n);
        s = sn_kv_text(kv, key, &names[*n], e);
        if (s != SN_OK) return s;
    }
    return s;
}

/* The names of a run whose model or metrics were changed: made anew from them, they must come out the same. */
static sn_status get_memory(const sn_kv *kv, sn_run *r, sn_err *e) {
    enum { MAX_LAYERS = 20000 };
    if (!sn_kv_has(kv, "columns")) return SN_OK;
    run_record was = { 0 }, q = { 0 };
    was.layer = sn_calloc(MAX_LAYERS, sizeof(char *), "run", e);
    sn_status s = was.layer ? SN_OK : SN_ENOMEM;
    if (s == SN_OK) s = get_names(kv, "layer", was.layer, MAX_LAYERS, &was.nlayer, e);
    if (s == SN_OK) s = get_names(kv, "column", was.column, SN_MAXLOG, &was.ncolumn, e);
    if (s == SN_OK) s = sn_record_make(&q, r, r->t->model, &was, e);
    bool same = s == SN_OK && q.nlayer == was.nlayer && q.ncolumn == was.ncolumn;
    for (int i = 0; same && i < q.ncolumn; i++) same = strcmp(q.column[i], was.column[i]) == 0;
    if (s == SN_OK && !same)
        s = sn_fail(e, SN_EFORMAT, "%s: the names of the history contradict the model; the file is damaged",
                    kv->file);
    if (s == SN_OK) {
        run_record before = r->rec;
        r->rec = q;
        q = before;
    }
    sn_record_free(&was);
    sn_record_free(&q);
    return s;
}

static sn_status get_state(const sn_kv *kv, sn_loading *l, sn_run *r, sn_err *e) {
    sn_status s = get_position(kv, r, e);
    if (s == SN_OK) s = check_position(kv, r, e);
    int64_t rows = r->rec.rows;
    if (s != SN_OK) return s;
    s = want_rows(l, rows, r->rec.ncolumn, e);
    if (s != SN_OK) return s;
    r->rec.rows = 0;
    s = sn_record_reserve(&r->rec, rows + 1, e);
    if (s != SN_OK) return s;
    r->rec.rows = rows;
    double *sums, *terms = scratch(r, &sums, e);
    if (!terms) return SN_ENOMEM;
    s = each_array(r, terms, sums, read_array, l, e);
    if (s == SN_OK) unpack(r, terms, sums);
    sn_free(terms);
    for (int i = 0; s == SN_OK && i < r->ncallback; i++) s = get_callback(kv, l, r, i, e);
    if (s == SN_OK) s = get_message(kv, r, e);
    r->seek = true;
    return s;
}

static sn_status get_callback_objects(const sn_kv *kv, sn_obj ***out, int64_t *n, sn_err *e) {
    *out = NULL;
    sn_status s = sn_kv_int(kv, "callbacks", 0, MAX_CALLBACKS, n, e);
    if (s != SN_OK) return s;
    *out = sn_calloc((size_t)*n + 1, sizeof **out, "callbacks", e);
    if (!*out) return SN_ENOMEM;
    for (int64_t i = 0; s == SN_OK && i < *n; i++) {
        char key[40];
        snprintf(key, sizeof key, "callback %d", (int)i);
        s = sn_kv_obj(kv, key, &sn_kind_callback, &(*out)[i], e);
    }
    return s;
}

static void free_objects(sn_obj **o, int64_t n) {
    for (int64_t i = 0; o && i < n; i++) sn_obj_release(o[i]);
    sn_free(o);
}

static sn_status read_run(sn_loading *l, const sn_kv *kv, sn_trainer *t, sn_dataset *train, sn_dataset *val,
                          sn_run **out, sn_err *e) {
    sn_run_opts o = { 0 };
    sn_obj **callbacks = NULL;
    int64_t n = 0;
    sn_run *r = NULL;
    if (!t) return sn_fail(e, SN_EFORMAT, "%s: member compile.txt is missing; the file is damaged", l->path);
    sn_status s = get_options(kv, &o, e);
    if (s == SN_OK) s = check_data(kv, "training", train, e);
    if (s == SN_OK) s = check_data(kv, "validation", val, e);
    if (s == SN_OK) s = get_callback_objects(kv, &callbacks, &n, e);
    if (s == SN_OK) s = sn_run_make(&r, t, train, val, &o, callbacks, (int)n, e);
    free_objects(callbacks, n);
    if (s == SN_OK) s = get_memory(kv, r, e);
    if (s == SN_OK) s = get_state(kv, l, r, e);
    if (s == SN_OK) s = sn_run_callbacks_begin(r, true, e);
    if (s == SN_OK) {
        *out = r;
    } else {
        sn_run_end(r);
    }
    return s;
}

sn_status sn_run_resume(sn_run **run, sn_model **model, sn_trainer **trainer, const char *path,
                        sn_dataset *train, sn_dataset *val, sn_err *e) {
    *run = NULL;
    *model = NULL;
    *trainer = NULL;
    char *text = NULL;
    sn_model *m = NULL;
    sn_trainer *t = NULL;
    sn_loading l = { .path = path };
    sn_status s = sn_archive_open(&l.a, path, e);
    if (s == SN_OK && sn_archive_find(l.a, "run.txt") < 0)
        s = sn_fail(e, SN_EFORMAT, "%s: holds no run; if it is a model, use load_model", path);
    if (s == SN_OK) s = sn_loading_text(&l, "run.txt", &text, e);
    sn_kv kv = { text, path };
    if (s == SN_OK) s = sn_loading_model(&l, &m, &t, e);
    if (s == SN_OK) s = read_run(&l, &kv, t, train, val, run, e);
    sn_free(text);
    sn_archive_close(l.a);
    if (s == SN_OK) {
        *model = m;
        *trainer = t;
    } else {
        sn_trainer_free(t);
        sn_model_free(m);
    }
    return s;
}
