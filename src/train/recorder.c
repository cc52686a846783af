#include "train/recorder.h"

#include "base/mem.h"
#include "train/trainer.h"
#include <string.h>

struct sn_recorder {
    sn_observer observer;
    sn_run *run;
    sn_trainer *trainer;
    sn_measure **measure;
    size_t *at; /* (nprobe): where its values begin in a line */
    int nprobe;
    size_t width; /* of a line */
    int64_t every;
    bool keep, stopped;
    bool mine;        /* the present step is of this run */
    bool follows;     /* the trainer's gradients are those of the step before this one */
    int64_t seen;     /* trainer->iterations when last asked; -1 = never */
    uint64_t seen_id; /* trainer->grads_id then */
    int64_t epoch;    /* that accumulates */
    int64_t count, cap;
    int64_t *step; /* (cap) */
    double *value; /* (cap, width) */
};

/* ---- memory: a line more than there are, before the step ---- */

static bool reserve(sn_recorder *r) {
    if (r->cap > (r->keep ? r->count : 0)) return true;
    int64_t cap = r->keep ? (r->cap ? 2 * r->cap : 64) : 1;
    int64_t *step = sn_realloc(r->step, (size_t)cap * sizeof *step, "record: steps", NULL);
    if (!step) return false;
    r->step = step;
    double *value = sn_realloc(r->value, ((size_t)cap * r->width + 1) * sizeof *value, "record: rows", NULL);
    if (!value) return false;
    r->value = value;
    r->cap = cap;
    return true;
}

/* ---- the observer ---- */

static bool is_due(const sn_recorder *r, const sn_trainer *t) { return (t->iterations + 1) % r->every == 0; }

/* Asked before every step: do the gradients that the trainer holds belong to the step before? */
static void follow(sn_recorder *r, const sn_trainer *t) {
    if (t->iterations == r->seen && t->grads_id == r->seen_id) return; /* tried again */
    r->follows = r->seen >= 0 && t->iterations == r->seen + 1 && t->grads_id == r->seen_id + 1;
    r->seen = t->iterations;
    r->seen_id = t->grads_id;
}

static bool wants(void *ctx, const sn_trainer *t) {
    sn_recorder *r = ctx;
    follow(r, t);
    r->mine = false;
    if (!is_due(r, t)) return false;
    bool fits = !r->stopped;
    for (int i = 0; i < r->nprobe; i++) fits = fits && sn_measure_fits(r->measure[i], t->model);
    if (fits && reserve(r)) return true;
    if (r->stopped) return false;
    if (!fits) {
        sn_warn("record: the model was changed; recording ends at step %lld", (long long)t->iterations);
    } else {
        sn_warn("record: no memory for more rows; recording ends at step %lld", (long long)t->iterations);
    }
    r->stopped = true;
    return false;
}

static void begin(void *ctx, const sn_sight *s) {
    sn_recorder *r = ctx;
    r->mine = !r->stopped && sn_run_holds(r->run, s->x);
    if (!r->mine) return;
    bool fresh = sn_run_epoch(r->run) != r->epoch;
    r->epoch = sn_run_epoch(r->run);
    for (int i = 0; i < r->nprobe; i++) {
        if (fresh) sn_measure_reset(r->measure[i]);
        sn_measure_begin(r->measure[i]);
        r->measure[i]->n = s->n;
    }
}

static void output(void *ctx, int node, const void *y, const sn_shape *shape) {
    const sn_recorder *r = ctx;
    for (int i = 0; r->mine && i < r->nprobe; i++) sn_measure_output(r->measure[i], node, y, shape);
}

static void output_grad(void *ctx, int node, const void *dy, const sn_shape *shape) {
    const sn_recorder *r = ctx;
    for (int i = 0; r->mine && i < r->nprobe; i++) sn_measure_output_grad(r->measure[i], node, dy, shape);
}

static bool gradients(void *ctx, const sn_sight *s) {
    const sn_recorder *r = ctx;
    sn_sight mine = *s;
    if (!r->follows) mine.previous = NULL;
    for (int i = 0; r->mine && i < r->nprobe; i++) sn_measure_gradients(r->measure[i], &mine);
    return false;
}

static void updated(void *ctx, const sn_sight *s) {
    sn_recorder *r = ctx;
    if (!r->mine) return;
    int64_t line = r->keep ? r->count : 0;
    for (int i = 0; i < r->nprobe; i++) {
        sn_measure *m = r->measure[i];
        sn_measure_updated(m, s);
        sn_measure_commit(m);
        memcpy(r->value + (size_t)line * r->width + r->at[i], m->value,
               (size_t)m->nrow * (size_t)m->ncol * sizeof(double));
    }
    r->step[line] = s->trainer->iterations + 1;
    r->count = line + 1;
    r->mine = false;
}

/* ---- making and ending ---- */

/* Sees no more than its probes need: a step that nobody visits inside runs as ever. */
static sn_observer observer_of(sn_recorder *r, unsigned sees) {
    return (sn_observer){ .ctx = r,
                          .wants = wants,
                          .begin = begin,
                          .visit = { r, sees & SN_SEES_OUTPUT ? output : NULL,
                                     sees & SN_SEES_OUTPUT_GRAD ? output_grad : NULL },
                          .gradients = gradients,
                          .updated = updated,
                          .before = (sees & SN_SEES_BEFORE) != 0 };
}

static sn_status set_up(sn_recorder *r, sn_obj *const *probes, int nprobe, const bool *layers, sn_err *e) {
    unsigned sees = 0;
    r->measure = sn_calloc((size_t)nprobe + 1, sizeof(sn_measure *), "record", e);
    r->at = sn_calloc((size_t)nprobe + 1, sizeof *r->at, "record", e);
    if (!r->measure || !r->at) return SN_ENOMEM;
    for (; r->nprobe < nprobe; r->nprobe++) {
        sn_measure **m = &r->measure[r->nprobe];
        sn_status s =
            sn_measure_new(m, probes[r->nprobe], r->trainer->model, layers, false, r->trainer->pool, e);
        if (s != SN_OK) return s;
        sees |= (*m)->type->sees;
        r->at[r->nprobe] = r->width;
        r->width += (size_t)(*m)->nrow * (size_t)(*m)->ncol;
    }
    if (!reserve(r)) return sn_fail(e, SN_ENOMEM, "record: no memory for its rows");
    r->observer = observer_of(r, sees);
    return SN_OK;
}

sn_status sn_recorder_new(sn_recorder **out, sn_run *run, sn_obj *const *probes, int nprobe, const bool *layers,
                          int64_t every, bool keep, sn_err *e) {
    *out = NULL;
    if (every < 1) return sn_fail(e, SN_EINVAL, "record: every = %lld must be at least 1", (long long)every);
    sn_recorder *r = sn_calloc(1, sizeof *r, "record", e);
    if (!r) return SN_ENOMEM;
    r->run = run;
    r->trainer = sn_run_trainer(run);
    r->every = every;
    r->keep = keep;
    r->stopped = true;
    r->seen = -1;
    r->epoch = -1;
    sn_status s = set_up(r, probes, nprobe, layers, e);
    if (s != SN_OK) {
        sn_recorder_free(r);
        return s;
    }
    r->stopped = false;
    sn_trainer_observe(r->trainer, &r->observer);
    *out = r;
    return SN_OK;
}

void sn_recorder_stop(sn_recorder *r) {
    r->stopped = true;
    sn_trainer_unobserve(r->trainer, &r->observer);
}

bool sn_recorder_stopped(const sn_recorder *r) { return r->stopped; }

void sn_recorder_free(sn_recorder *r) {
    if (!r) return;
    sn_recorder_stop(r);
    for (int i = 0; i < r->nprobe; i++) sn_measure_free(r->measure[i]);
    sn_free(r->measure);
    sn_free(r->at);
    sn_free(r->step);
    sn_free(r->value);
    sn_free(r);
}

/* ---- looking at ---- */

int64_t sn_recorder_count(const sn_recorder *r) { return r->count; }
int64_t sn_recorder_step(const sn_recorder *r, int64_t i) { return r->step[i]; }
int sn_recorder_probes(const sn_recorder *r) { return r->nprobe; }
const sn_measure *sn_recorder_measure(const sn_recorder *r, int probe) { return r->measure[probe]; }
const double *sn_recorder_values(const sn_recorder *r, int probe, int64_t i) {
    return r->value + (size_t)i * r->width + r->at[probe];
}
