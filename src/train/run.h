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
    SN_EV_EPOCH_BEGIN, /* epoch is about to start; an outside learning_rate_scheduler is asked now */
    SN_EV_STEP,        /* one optimizer step was made */
    SN_EV_VAL_STEP,    /* one validation batch was evaluated */
    SN_EV_EPOCH_END,   /* history has a new row; callbacks have acted */
    SN_EV_HALT,        /* an observer halted the step before its update: it is not made; the batch is held and
                        * comes again */
    SN_EV_END          /* all epochs are done, or a callback stopped the run; callbacks have ended (restored the
                        * best weights): one more call after the last epoch's end */
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
    uint64_t seed;           /* of the order of the data and of dropout */
    int64_t validation_freq; /* 0 means 1 */
    int64_t steps_per_epoch; /* 0: all batches */
} sn_run_opts;

/* The terms that a loss is made of, averaged as Keras averages it: training over the batches of the epoch, with
 * the penalty seen before each update; validation with the penalty of the weights at the end of the epoch. */
typedef struct {
    bool valid;
    double total, data, penalty, activity;
    double *by_layer; /* penalties of sn_run_layers; borrowed, valid until the next call of the run */
} sn_terms;

typedef struct sn_run sn_run;

/* Sets trainer->seed. The trainer and its model are borrowed; datasets and callbacks are retained. */
sn_status sn_run_begin(sn_run **, sn_trainer *, sn_dataset *train, sn_dataset *val /* or NULL */,
                       const sn_run_opts *, sn_obj *const *callbacks, int ncallback, sn_err *);
/* SN_ECANCEL: interrupted; the run stands at its last completed step and goes on when called again. After any
 * other error too the run stands there and may be saved; a step that failed is tried again, a callback that
 * failed is passed over. */
sn_status sn_run_next(sn_run *, sn_event *, sn_err *);
void sn_run_end(sn_run *); /* frees it; the model and trainer stay. NULL is fine */

sn_trainer *sn_run_trainer(sn_run *);
const sn_run_opts *sn_run_options(const sn_run *);
const sn_shape *sn_run_target_shape(const sn_run *); /* one sample's */
int64_t sn_run_epoch(const sn_run *);                /* completed epochs */
int64_t sn_run_step_in_epoch(const sn_run *);        /* steps made in the present epoch */
int64_t sn_run_steps(const sn_run *);                /* batches of an epoch */
bool sn_run_validating(const sn_run *);              /* stands within the validation pass */
/* Does the next call make an optimizer step? (Unless all samples of the batches that are left are broken, which
 * shows only when they are read.) */
bool sn_run_training(const sn_run *);
bool sn_run_done(const sn_run *); /* SN_EV_END was given */
/* Can it go on with the model, and how that is compiled, as they are now? An error says why not. The next step
 * would say the same. */
sn_status sn_run_ready(sn_run *, sn_err *);
/* What callbacks hold to be the best so far counts no more: the network, or its loss, is another now. (After a
 * change of the model's graph it has happened already.) */
void sn_run_begin_anew(sn_run *);
/* The loss is another function: that, and the average of the present epoch begins anew where batches are left.
 */
void sn_run_new_loss(sn_run *);
/* As Keras's stop_training: no further step; validation and the end of this epoch still come. why (or NULL)
 * goes to sn_run_message. */
void sn_run_stop(sn_run *, const char *why);
void sn_run_extend(sn_run *, int64_t epochs); /* a new total: r:epoch(5) beyond the planned end */
void sn_run_interrupt(sn_run *);              /* async-signal-safe */
void sn_run_calm(sn_run *);                   /* forgets an interruption that was reported elsewhere */

/* What callbacks had to say since last asked ("\nEpoch 4: ...\n"), then forgotten; "" = nothing. Borrowed,
 * valid until the next call of the run. */
const char *sn_run_message(sn_run *);
int sn_run_callbacks(const sn_run *);
sn_obj *sn_run_callback(const sn_run *, int i); /* borrowed */
/* A text of the driver's own that is saved with the run (such as which of its callbacks are functions). */
sn_status sn_run_set_note(sn_run *, const char *, sn_err *);
const char *sn_run_note(const sn_run *); /* "" = none */

/* History: columns loss, metrics, val_..., learning_rate (when a callback logs it); rows = epochs. NaN = not
 * logged.
 */
int sn_run_columns(const sn_run *);
const char *sn_run_column(const sn_run *, int c);
int64_t sn_run_rows(const sn_run *);
double sn_run_value(const sn_run *, int64_t row, int c);
/* What was not measured is this NaN, which is told from one that was. */
double sn_run_gap(void);
bool sn_run_is_gap(double);
/* Running values of the present epoch, for the progress line: loss and metrics so far. */
double sn_run_current(const sn_run *, int c);

/* The layers that the model has, and had: they only grow. */
int sn_run_layers(const sn_run *);
const char *sn_run_layer(const sn_run *, int i); /* its name */

/* Loss terms at the end of epoch row (0-based), or of the present epoch so far (row < 0). Never NULL. */
const sn_terms *sn_run_terms(const sn_run *, int64_t row, bool validation);
/* The penalties of the weights as they are now, before any step too: data = NaN, total = penalty. by_layer is
 * borrowed from the run. */
sn_status sn_run_terms_now(sn_run *, sn_terms *, sn_err *);

/* Are trainer->grads those of the last completed step? Not before the first, nor after resuming, nor when
 * another batch's took their place (gradients_on_batch, train_on_batch, another run of the model). An
 * interrupted step does not touch them. */
bool sn_run_has_gradients(const sn_run *);
bool sn_run_has_stepped(const sn_run *); /* since it was begun or resumed here */

/* From now on every step keeps the weights that it saw (trainer->before), as an epoch's last step always does:
 * one copy of the weights, worth it where a person steps by hand and looks. */
void sn_run_keep(sn_run *, bool);
/* The batch of the last step, borrowed; NULL before the first one and when the next was asked for. */
const sn_batch *sn_run_last_batch(const sn_run *);
/* The same, read anew where another batch took its place (of the validation, or the next one, which then comes
 * again). */
sn_status sn_run_recall_batch(sn_run *, const sn_batch **, sn_err *);
/* Was the next step tried last, and halted by an observer? */
bool sn_run_halted(const sn_run *);
/* Is x that of the batch which its present step is made of? For observers: a trainer may serve others too. */
bool sn_run_holds(const sn_run *, const float *x);
/* The batch of the next step, which will use it; only while sn_run_training. SN_ESKIP: no sample is left in
 * this epoch after all, and sn_run_next ends it. */
sn_status sn_run_next_batch(sn_run *, const sn_batch **, sn_err *);

/* The whole state as one thing: model, weights, optimizer, position, history, callbacks. */
sn_status sn_run_save(const sn_run *, const char *path, sn_err *);
/* Reads it back: *model and *trainer are new and owned by the caller. */
sn_status sn_run_resume(sn_run **, sn_model **, sn_trainer **, const char *path, sn_dataset *train,
                        sn_dataset *val, sn_err *);

#endif
