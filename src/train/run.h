/* A run: a model being trained on data. A pull iterator: next() makes at most one optimizer step (or one
 * validation batch, or the end of an epoch) and returns; between calls everything may be looked at, saved, or
 * left. */
#ifndef SN_TRAIN_RUN_H
#define SN_TRAIN_RUN_H

#include "base/archive.h"
#include "data/loader.h"
#include "train/callback.h"
#include "train/trainer.h"

typedef enum {
    SN_EV_EPOCH_BEGIN, /* epoch is about to start */
    SN_EV_STEP,        /* one optimizer step was made */
    SN_EV_VAL_STEP,    /* one validation batch was evaluated */
    SN_EV_EPOCH_END,   /* history has a new row; callbacks have acted */
    SN_EV_END          /* all epochs are done, or a callback stopped the run */
} sn_event_kind;

typedef struct {
    sn_event_kind kind;
    int64_t epoch;       /* from 1 */
    int64_t step, steps; /* within the epoch (or the validation pass), from 1 */
    sn_losses batch;     /* of this batch */
    double seconds;      /* of the epoch so far */
} sn_event;

typedef struct {
    int64_t batch_size;
    int64_t epochs;
    bool shuffle;
    uint64_t seed;
    int64_t validation_freq;
    int64_t steps_per_epoch; /* 0: all batches */
} sn_run_opts;

/* The terms that a loss is made of, averaged as Keras averages it. by_layer: penalties of model->layers. */
typedef struct {
    bool valid;
    double total, data, penalty, activity;
    double *by_layer; /* nlayer */
} sn_terms;

/* One row of history: the logged values of one epoch, columns in sn_run_column order. */
typedef struct sn_run sn_run;

sn_status sn_run_begin(sn_run **, sn_trainer *, sn_dataset *train, sn_dataset *val /* or NULL */,
                       const sn_run_opts *, sn_obj *const *callbacks, int ncallback, sn_err *);
sn_status sn_run_next(sn_run *, sn_event *, sn_err *);
void sn_run_end(sn_run *); /* frees it; the model and trainer stay */

sn_trainer *sn_run_trainer(sn_run *);
const sn_run_opts *sn_run_options(const sn_run *);
int64_t sn_run_epoch(const sn_run *);         /* completed epochs */
int64_t sn_run_step_in_epoch(const sn_run *); /* steps made in the present epoch */
bool sn_run_done(const sn_run *);
void sn_run_stop(sn_run *, const char *why);  /* a Lua callback asks for the end after this epoch */
void sn_run_extend(sn_run *, int64_t epochs); /* a new total: r:epoch(5) beyond the planned end */
void sn_run_interrupt(sn_run *);              /* async-signal-safe */

/* History: columns loss, metrics, val_..., learning_rate in the order logged; rows = epochs. NaN = not logged.
 */
int sn_run_columns(const sn_run *);
const char *sn_run_column(const sn_run *, int c);
int64_t sn_run_rows(const sn_run *);
double sn_run_value(const sn_run *, int64_t row, int c);
/* Running values of the present epoch, for the progress line: loss and metrics so far. */
double sn_run_current(const sn_run *, int c);

/* Loss terms at the end of epoch row (0-based), or of the present epoch so far (row < 0). */
const sn_terms *sn_run_terms(const sn_run *, int64_t row, bool validation);
/* The penalties of the weights as they are now, before any step too. */
sn_status sn_run_terms_now(sn_run *, sn_terms *, sn_err *);

/* The last batch's gradients (trainer->grads) are valid after a step; false before the first. */
bool sn_run_has_gradients(const sn_run *);

/* The whole state as one thing: model, weights, optimizer, position, history, callbacks. */
sn_status sn_run_save(const sn_run *, const char *path, sn_err *);
/* Reads it back: *model and *trainer are new and owned by the caller. */
sn_status sn_run_resume(sn_run **, sn_model **, sn_trainer **, const char *path, sn_dataset *train,
                        sn_dataset *val, sn_err *);

#endif
