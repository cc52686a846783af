/* The state machine of a run: BEGIN -> TRAIN -> VALIDATE -> EPOCH_END -> BEGIN ... -> END, one unit of work a
 * call. */
#include "base/file.h"
#include "base/mem.h"
#include "train/run_impl.h"
#include <math.h>
#include <string.h>

const char *const sn_run_phases[] = { "begin", "train", "validate", "epoch_end", "end", NULL };
const char *const sn_run_stages[] = { "none", "epoch_begin", "step", "epoch_end", "end", NULL };

enum { MAX_TEXT = 1 << 20 };

/* ---- making and ending ---- */

static sn_status check_samples(const sn_trainer *t, const sn_dataset *d, const char *what, sn_err *e) {
    char a[96], b[96];
    const sn_shape *want = sn_model_input_shape(t->model);
    if (sn_shape_equal(want, &d->x_shape)) return SN_OK;
    return sn_fail(e, SN_ESHAPE, "run: samples of the %s data have shape %s, but the model wants %s", what,
                   sn_shape_text(&d->x_shape, false, a, sizeof a), sn_shape_text(want, false, b, sizeof b));
}

static sn_status check_data(const sn_trainer *t, const sn_dataset *d, const char *what, sn_err *e) {
    if (!d->has_y) return sn_fail(e, SN_EINVAL, "run: the %s data has no targets", what);
    if (d->count < 1) return sn_fail(e, SN_EINVAL, "run: the %s data is empty", what);
    return check_samples(t, d, what, e);
}

static sn_status check_opts(const sn_run_opts *o, const sn_dataset *d, sn_err *e) {
    if (o->batch_size < 1 || o->batch_size > 1 << 24)
        return sn_fail(e, SN_EINVAL, "run: batch_size = %lld is outside 1..16777216", (long long)o->batch_size);
    if (o->epochs < 1 || o->epochs > 1000000000)
        return sn_fail(e, SN_EINVAL, "run: epochs = %lld is outside 1..1000000000", (long long)o->epochs);
    if (o->validation_freq < 0)
        return sn_fail(e, SN_EINVAL, "run: validation_freq = %lld is below 1", (long long)o->validation_freq);
    int64_t batches = (d->count + o->batch_size - 1) / o->batch_size;
    if (o->steps_per_epoch < 0 || o->steps_per_epoch > batches)
        return sn_fail(e, SN_EINVAL, "run: steps_per_epoch = %lld, but the data has %lld batches",
                       (long long)o->steps_per_epoch, (long long)batches);
    return SN_OK;
}

static sn_status check_all(sn_trainer *t, const sn_dataset *train, const sn_dataset *val, const sn_run_opts *o,
                           sn_err *e) {
    if (!t->loss) return sn_fail(e, SN_EINVAL, "model: not compiled; call m:compile{...} first");
    sn_status s = check_data(t, train, "training", e);
    if (s == SN_OK && val) s = check_data(t, val, "validation", e);
    if (s == SN_OK) s = check_opts(o, train, e);
    if (s != SN_OK) return s;
    if (val && !sn_shape_equal(&train->y_shape, &val->y_shape)) {
        char a[96], b[96];
        return sn_fail(e, SN_ESHAPE,
                       "run: targets of the training data have shape %s, of the validation data %s",
                       sn_shape_text(&train->y_shape, false, a, sizeof a),
                       sn_shape_text(&val->y_shape, false, b, sizeof b));
    }
    return sn_trainer_check_target(t, &train->y_shape, e);
}

/* Everything that needs memory, before the first step. */
static sn_status set_up(sn_run *r, sn_obj *const *callbacks, int ncallback, sn_err *e) {
    r->callback = sn_calloc((size_t)ncallback + 1, sizeof(sn_obj *), "callbacks", e);
    r->cstate = sn_calloc((size_t)ncallback + 1, sizeof *r->cstate, "callbacks", e);
    if (!r->callback || !r->cstate) return SN_ENOMEM;
    for (; r->ncallback < ncallback; r->ncallback++)
        r->callback[r->ncallback] = sn_obj_retain(callbacks[r->ncallback]);
    sn_status s = sn_record_make(&r->rec, r, r->t->model, NULL, e);
    int64_t n = r->o.batch_size < r->train->count ? r->o.batch_size : r->train->count;
    if (s == SN_OK) s = sn_trainer_prepare(r->t, n, true, false, e);
    sn_loader_opts lo = { .batch_size = r->o.batch_size, .shuffle = r->o.shuffle, .seed = r->o.seed };
    if (s == SN_OK) s = sn_loader_new(&r->loader, r->train, &lo, e);
    if (s != SN_OK || !r->val) return s;
    n = r->o.batch_size < r->val->count ? r->o.batch_size : r->val->count;
    s = sn_trainer_prepare(r->t, n, false, false, e);
    lo.shuffle = false;
    return s == SN_OK ? sn_loader_new(&r->val_loader, r->val, &lo, e) : s;
}

sn_status sn_run_make(sn_run **out, sn_trainer *t, sn_dataset *train, sn_dataset *val, const sn_run_opts *o,
                      sn_obj *const *callbacks, int ncallback, sn_err *e) {
    *out = NULL;
    sn_status s = check_all(t, train, val, o, e);
    if (s != SN_OK) return s;
    sn_run *r = sn_calloc(1, sizeof *r, "run", e);
    if (!r) return SN_ENOMEM;
    r->t = t;
    r->o = *o;
    if (r->o.validation_freq == 0) r->o.validation_freq = 1;
    r->train = sn_dataset_retain(train);
    r->val = val ? sn_dataset_retain(val) : NULL;
    r->message = r->shown = SN_BUF_INIT(MAX_TEXT);
    r->epoch_start = r->left = sn_clock();
    sn_run_follow(r);
    s = set_up(r, callbacks, ncallback, e);
    if (s == SN_OK) {
        *out = r;
    } else {
        sn_run_end(r);
    }
    return s;
}

sn_status sn_run_begin(sn_run **out, sn_trainer *t, sn_dataset *train, sn_dataset *val, const sn_run_opts *o,
                       sn_obj *const *callbacks, int ncallback, sn_err *e) {
    sn_status s = sn_run_make(out, t, train, val, o, callbacks, ncallback, e);
    if (s != SN_OK) return s;
    t->seed = o->seed;
    s = sn_run_callbacks_begin(*out, false, e);
    if (s == SN_OK) return SN_OK;
    sn_run_end(*out);
    *out = NULL;
    return s;
}

void sn_run_end(sn_run *r) {
    if (!r) return;
    sn_model_unfollow(&r->follower);
    sn_loader_free(r->loader);
    sn_loader_free(r->val_loader);
    sn_run_callbacks_free(r);
    sn_record_free(&r->rec);
    if (r->train) sn_dataset_release(r->train);
    if (r->val) sn_dataset_release(r->val);
    sn_buf_free(&r->message);
    sn_buf_free(&r->shown);
    sn_free(r->note);
    sn_free(r);
}

/* ---- interruption ---- */

void sn_run_interrupt(sn_run *r) {
    atomic_store(&r->interrupted, true);
    sn_pool_cancel(r->t->pool);
    if (r->loader) sn_loader_interrupt(r->loader);
    if (r->val_loader) sn_loader_interrupt(r->val_loader);
}

void sn_run_calm(sn_run *r) {
    atomic_store(&r->interrupted, false);
    sn_pool_clear_cancel(r->t->pool);
}

/* Reported once: both flags go down. */
static sn_status report_interrupt(sn_run *r, sn_err *e) {
    sn_run_calm(r);
    return sn_fail(e, SN_ECANCEL, "interrupted; the run stands at its last completed step");
}
static bool is_interrupted(const sn_run *r) {
    return atomic_load(&r->interrupted) || sn_pool_cancelled(r->t->pool);
}

/* ---- batches ---- */

/* The batch of the next step into r->held; its n = 0 at the end of the pass. A batch whose step was interrupted
 * is still held. */
static sn_status take_batch(sn_run *r, sn_err *e) {
    if (r->has_held) return SN_OK;
    r->has_last = false;
    bool val = r->phase == PHASE_VALIDATE;
    sn_loader *l = val ? r->val_loader : r->loader;
    sn_status s = SN_OK;
    sn_times *times = val ? NULL : r->t->times;
    double start = sn_exec_clock(times);
    if (r->seek) s = sn_loader_seek(l, val ? 0 : r->epoch, val ? r->next_val : r->next_batch, e);
    if (s == SN_OK) {
        r->seek = false;
        do s = sn_loader_next(l, &r->held, e);
        while (s == SN_ECANCEL && !is_interrupted(r)); /* an interruption that was reported already */
    }
    sn_exec_add_time(times, SN_TIME_DATA, start);
    r->has_held = s == SN_OK;
    if (s != SN_OK && s != SN_ECANCEL) r->seek = true; /* the loader may stand anywhere now */
    return s;
}

/* The model and how it is compiled may have been changed since the last step. */
sn_status sn_run_ready(sn_run *r, sn_err *e) {
    sn_status s = check_samples(r->t, r->train, "training", e);
    if (s == SN_OK) s = sn_trainer_check_target(r->t, &r->train->y_shape, e);
    return s == SN_OK && !sn_record_fits(r) ? sn_record_adapt(r, e) : s;
}

/* One batch through the trainer, with the run's own metrics and seed. */
static sn_status run_batch(sn_run *r, sn_err *e) {
    int which = r->phase == PHASE_VALIDATE;
    const sn_batch *b = &r->held;
    const sn_shape *y = &r->train->y_shape;
    sn_status s = sn_run_ready(r, e);
    if (s != SN_OK) return s;
    sn_losses l;
    sn_record_swap(r);
    r->t->seed = r->o.seed;
    r->t->keep_before = r->keep || b->number + 1 >= sn_run_steps(r);
    s = which ? sn_trainer_eval(r->t, b->n, b->x, b->y, y, &l, e)
              : sn_trainer_step(r->t, b->n, b->x, b->y, y, &l, e);
    sn_record_swap(r);
    if (s != SN_OK) return s;
    r->last = l;
    r->has_held = false;
    sn_record_batch(r, which, &l);
    return SN_OK;
}

/* ---- the phases; *done: this call has done its unit of work ---- */

int64_t sn_run_steps(const sn_run *r) {
    return r->o.steps_per_epoch ? r->o.steps_per_epoch : sn_loader_batches(r->loader);
}

static void enter_stage(sn_run *r, run_stage stage) {
    r->stage = stage;
    r->stage_at = 0;
}

static sn_status begin_epoch(sn_run *r, sn_err *e) {
    if (r->stopped || r->epoch >= r->o.epochs) {
        r->phase = PHASE_END;
        return SN_OK;
    }
    /* Taken now, so that the end of the epoch cannot fail. */
    if (sn_record_reserve(&r->rec, r->rec.rows + 1, e) != SN_OK) return SN_ENOMEM;
    sn_record_clear(r, 0);
    sn_record_clear(r, 1);
    for (int i = 0; i < r->rec.ncolumn; i++) r->rec.row[i] = sn_run_gap();
    r->next_batch = r->steps = r->next_val = r->val_steps = 0;
    r->val_done = r->has_held = false;
    r->seek = true;
    r->epoch_start = sn_clock();
    r->phase = PHASE_TRAIN;
    enter_stage(r, STAGE_EPOCH_BEGIN);
    return SN_OK;
}

/* keras/src/trainers/trainer.py, _should_eval. */
static void end_training(sn_run *r) {
    bool due = r->val && (r->epoch + 1) % r->o.validation_freq == 0;
    sn_record_result(r, 0);
    r->has_held = false;
    r->seek = true;
    r->phase = due ? PHASE_VALIDATE : PHASE_EPOCH_END;
    if (due) sn_record_clear(r, 1);
}

static bool training_is_over(const sn_run *r) {
    return r->next_batch >= sn_run_steps(r) || (r->stopped && r->steps > 0);
}

static sn_status train_one(sn_run *r, sn_err *e) {
    bool over = training_is_over(r);
    if (!over) {
        sn_status s = take_batch(r, e);
        if (s != SN_OK) return s;
        over = r->held.n == 0 || r->held.number >= sn_run_steps(r);
    }
    if (over && r->steps == 0) {
        r->has_held = false;
        r->seek = true;
        return sn_fail(e, SN_EINVAL, "run: not one sample of the training data can be read");
    }
    if (over) {
        end_training(r);
        return SN_OK;
    }
    sn_status s = run_batch(r, e);
    r->halted = s == SN_EHALT;
    if (s != SN_OK) return s;
    r->grads_id = r->t->grads_id;
    r->last_epoch = r->epoch;
    r->last_number = r->held.number;
    r->next_batch = r->held.number + 1;
    r->steps++;
    r->has_last = true;
    enter_stage(r, STAGE_STEP);
    return SN_OK;
}

/* Training is not lost for want of validation data: a warning, and the epoch has no validation values. */
static void end_validation(sn_run *r) {
    r->val_done = r->val_steps > 0;
    if (r->val_done) {
        sn_record_result(r, 1);
    } else {
        sn_warn("run: not one sample of the validation data can be read");
    }
    r->has_held = false;
    r->phase = PHASE_EPOCH_END;
}

static sn_status validate_one(sn_run *r, bool *done, sn_err *e) {
    bool over = r->next_val >= sn_loader_batches(r->val_loader);
    if (!over) {
        sn_status s = take_batch(r, e);
        bool all_broken = s != SN_OK && s != SN_ECANCEL && sn_dataset_broken(r->val) >= r->val->count;
        if (s != SN_OK && !all_broken) return s;
        over = all_broken || r->held.n == 0;
    }
    if (over) {
        end_validation(r);
        return SN_OK;
    }
    sn_status s = run_batch(r, e);
    if (s != SN_OK) return s;
    r->next_val = r->held.number + 1;
    r->val_steps++;
    *done = true;
    return SN_OK;
}

static void end_epoch(sn_run *r) {
    sn_record_commit(r);
    r->epoch++;
    r->phase = PHASE_BEGIN;
    enter_stage(r, STAGE_EPOCH_END);
}

/* ---- next ---- */

static void fill_event(const sn_run *r, sn_event *ev, sn_event_kind kind) {
    bool val = kind == SN_EV_VAL_STEP, between = kind == SN_EV_EPOCH_END || kind == SN_EV_END;
    *ev = (sn_event){ .kind = kind,
                      .epoch = r->epoch + !between,
                      .step = val ? r->val_steps : r->steps,
                      .steps = val ? sn_loader_batches(r->val_loader) : sn_run_steps(r),
                      .batch = r->last,
                      .seconds = sn_clock() - r->epoch_start };
}

static sn_status finish_stage(sn_run *r, sn_event *ev, sn_err *e) {
    static const sn_event_kind kinds[] = { [STAGE_EPOCH_BEGIN] = SN_EV_EPOCH_BEGIN,
                                           [STAGE_STEP] = SN_EV_STEP,
                                           [STAGE_EPOCH_END] = SN_EV_EPOCH_END,
                                           [STAGE_END] = SN_EV_END };
    sn_status s = sn_run_callbacks_go(r, e);
    if (s != SN_OK) return s;
    sn_event_kind kind = kinds[r->stage];
    r->stage = STAGE_NONE;
    r->stage_at = 0;
    if (kind == SN_EV_END) r->ended = true;
    fill_event(r, ev, kind);
    return SN_OK;
}

static sn_status advance(sn_run *r, sn_event *ev, sn_err *e) {
    for (;;) {
        if (r->stage != STAGE_NONE) return finish_stage(r, ev, e);
        if (is_interrupted(r)) return SN_ECANCEL;
        sn_status s = SN_OK;
        bool done = false;
        switch (r->phase) {
        case PHASE_BEGIN: s = begin_epoch(r, e); break;
        case PHASE_TRAIN: s = train_one(r, e); break;
        case PHASE_VALIDATE: s = validate_one(r, &done, e); break;
        case PHASE_EPOCH_END: end_epoch(r); break;
        case PHASE_END:
            if (r->ended) {
                fill_event(r, ev, SN_EV_END);
                return SN_OK;
            }
            enter_stage(r, STAGE_END);
        }
        if (s == SN_EHALT) {
            fill_event(r, ev, SN_EV_HALT);
            return SN_OK;
        }
        if (s != SN_OK) return s;
        if (!done) continue;
        fill_event(r, ev, SN_EV_VAL_STEP);
        return SN_OK;
    }
}

sn_status sn_run_next(sn_run *r, sn_event *ev, sn_err *e) {
    r->epoch_start += sn_clock() - r->left;
    sn_status s = advance(r, ev, e);
    r->left = sn_clock();
    return s == SN_ECANCEL ? report_interrupt(r, e) : s;
}

/* ---- asking and steering ---- */

sn_trainer *sn_run_trainer(sn_run *r) { return r->t; }
const sn_run_opts *sn_run_options(const sn_run *r) { return &r->o; }
int64_t sn_run_epoch(const sn_run *r) { return r->epoch; }
bool sn_run_done(const sn_run *r) { return r->ended; }
bool sn_run_validating(const sn_run *r) { return r->phase == PHASE_VALIDATE; }
bool sn_run_training(const sn_run *r) {
    return r->phase == PHASE_TRAIN && r->stage == STAGE_NONE && !training_is_over(r);
}

void sn_run_keep(sn_run *r, bool keep) { r->keep = keep; }

const sn_batch *sn_run_last_batch(const sn_run *r) { return r->has_last ? &r->held : NULL; }

bool sn_run_halted(const sn_run *r) { return r->halted && r->has_held && r->phase == PHASE_TRAIN; }

sn_status sn_run_recall_batch(sn_run *r, const sn_batch **out, sn_err *e) {
    *out = NULL;
    if (!r->grads_id) return sn_fail(e, SN_EINVAL, "run: no step was made yet");
    if (!r->has_last) {
        r->has_held = false;
        r->seek = true; /* whatever comes next is read anew */
        sn_status s = sn_loader_seek(r->loader, r->last_epoch, r->last_number, e);
        while (s == SN_OK && (s = sn_loader_next(r->loader, &r->held, e)) == SN_ECANCEL && !is_interrupted(r))
            s = SN_OK;
        if (s == SN_ECANCEL) return report_interrupt(r, e);
        if (s != SN_OK) return s;
        if (r->held.n == 0 || r->held.number != r->last_number)
            return sn_fail(e, SN_EIO, "run: the samples of the last step cannot be read any more");
        r->has_last = true;
    }
    *out = &r->held;
    return SN_OK;
}

bool sn_run_holds(const sn_run *r, const float *x) { return r->has_held && r->held.x == x; }

sn_status sn_run_next_batch(sn_run *r, const sn_batch **out, sn_err *e) {
    *out = NULL;
    if (!sn_run_training(r)) return sn_fail(e, SN_EINVAL, "run: the next thing it does is no step");
    sn_status s = take_batch(r, e);
    if (s == SN_ECANCEL) return report_interrupt(r, e);
    if (s == SN_OK && (r->held.n == 0 || r->held.number >= sn_run_steps(r)))
        s = sn_fail(e, SN_ESKIP,
                    "run: no sample is left in this epoch; the next step is the next epoch's first");
    if (s == SN_OK) *out = &r->held;
    return s;
}

bool sn_run_has_gradients(const sn_run *r) { return r->grads_id && r->grads_id == r->t->grads_id; }
bool sn_run_has_stepped(const sn_run *r) { return r->grads_id != 0; }
const sn_shape *sn_run_target_shape(const sn_run *r) { return &r->train->y_shape; }
int sn_run_callbacks(const sn_run *r) { return r->ncallback; }
sn_obj *sn_run_callback(const sn_run *r, int i) { return r->callback[i]; }
const char *sn_run_note(const sn_run *r) { return r->note ? r->note : ""; }

int64_t sn_run_step_in_epoch(const sn_run *r) {
    return r->phase == PHASE_BEGIN || r->phase == PHASE_END ? 0 : r->steps;
}

void sn_run_stop(sn_run *r, const char *why) {
    r->stopped = true;
    if (!why || !*why) return;
    sn_buf_str(&r->message, why);
    sn_buf_str(&r->message, "\n");
}

void sn_run_extend(sn_run *r, int64_t epochs) {
    int64_t begun = r->epoch + (r->phase != PHASE_BEGIN && r->phase != PHASE_END);
    r->o.epochs = epochs > begun ? epochs : begun;
    if (r->o.epochs <= r->epoch) return;
    r->stopped = r->ended = false;
    if (r->phase == PHASE_END) r->phase = PHASE_BEGIN;
    if (r->stage == STAGE_END) r->stage = STAGE_NONE;
}

const char *sn_run_message(sn_run *r) {
    sn_buf_clear(&r->shown);
    sn_buf_str(&r->shown, r->message.data ? r->message.data : "");
    sn_buf_clear(&r->message);
    return r->shown.data && !r->shown.failed ? r->shown.data : "";
}

sn_status sn_run_set_note(sn_run *r, const char *note, sn_err *e) {
    char *s = sn_strdup(note, e);
    if (!s) return SN_ENOMEM;
    sn_free(r->note);
    r->note = s;
    return SN_OK;
}
