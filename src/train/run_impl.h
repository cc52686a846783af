/* The inside of a run, shared by run.c (the state machine), run_record.c (averages, history, terms),
 * run_callbacks.c and run_file.c. */
#ifndef SN_TRAIN_RUN_IMPL_H
#define SN_TRAIN_RUN_IMPL_H

#include "base/buf.h"
#include "train/run.h"
#include <stdatomic.h>

/* Saved by name (sn_run_phases): append only. */
typedef enum { PHASE_BEGIN, PHASE_TRAIN, PHASE_VALIDATE, PHASE_EPOCH_END, PHASE_END } run_phase;
/* Callbacks that are being called; r->stage_at is the next one. A stage outlives an error of one of them. */
typedef enum { STAGE_NONE, STAGE_EPOCH_BEGIN, STAGE_STEP, STAGE_EPOCH_END, STAGE_END } run_stage;

/* Sums over samples: each batch's value times its size. */
typedef struct {
    double n, total, data, penalty, activity;
    double *layer; /* (nlayer) */
} run_sums;

/* A metric as the run knows it: its state is the run's own, as evaluating between steps must not disturb it. */
typedef struct {
    sn_obj *obj, *resolved; /* the trainer's: as given, and for the present targets */
    double *state;
    size_t nstate;
} run_metric;

/* What a run remembers. Names of layers and columns are its own: both only grow, and stay when the model or its
 * metrics are changed. */
typedef struct {
    int nlayer;
    char **layer;      /* (nlayer): names; the penalties' */
    int *layer_at;     /* (layers of the model): where each is among them */
    double *penalties; /* (layers of the model): room to compute in */
    uint64_t changes;  /* of the model whose layers these are */

    run_sums sum[2]; /* training, validation */
    int nmetric;
    run_metric metric[SN_MAXMETRIC];
    int col[2][SN_MAXMETRIC + 1]; /* columns of loss and metrics, of training and validation; -1 = none */

    int ncolumn;
    char *column[SN_MAXLOG];
    double *row;         /* (ncolumn): the epoch that is being made */
    double *history;     /* (cap, ncolumn) */
    sn_terms *terms;     /* (cap, 2) */
    double *term_layers; /* (cap, 2, nlayer) */
    int64_t rows, cap;
    sn_terms now[3]; /* training and validation so far; the weights as they are */
} run_record;

struct sn_run {
    sn_trainer *t;
    sn_dataset *train, *val;
    sn_loader *loader, *val_loader;
    sn_run_opts o;

    int ncallback;
    sn_obj **callback;
    sn_callback_state *cstate;

    run_phase phase;
    run_stage stage;
    int stage_at;
    int64_t epoch;      /* completed */
    int64_t next_batch; /* number of the batch of the next step; ... of the next validation batch */
    int64_t steps, next_val, val_steps;
    bool stopped, ended;
    bool val_done; /* the last row has validation values */

    sn_batch held; /* taken from the loader, its step not yet made */
    bool has_held;
    bool has_last;                   /* held is the batch of the last step, whose numbers still stand */
    bool halted;                     /* the step of the batch that is held was tried, and halted */
    int64_t last_epoch, last_number; /* which batch the last step's was */
    bool keep; /* each step keeps the weights before it, not only the last one of an epoch */
    bool seek; /* the loader of this phase must be told where to go on */
    atomic_bool interrupted;
    double
        epoch_start; /* on a clock that stands between two calls of sn_run_next: a person may think as long */
    double left;     /* when the last of them ended */

    run_record rec;
    run_record *moved;     /* ready for a change of the model */
    float **moved_weights; /* (ncallback): the same of what callbacks keep */
    sn_follower follower;

    sn_losses last;
    uint64_t grads_id; /* the trainer's, after the last step; 0: no step yet */
    sn_buf message, shown;
    char *note;
};

extern const char *const sn_run_phases[]; /* names of run_phase */
extern const char *const sn_run_stages[];

/* run.c: everything but the callbacks' begin; the run stands before the first epoch. */
sn_status sn_run_make(sn_run **, sn_trainer *, sn_dataset *train, sn_dataset *val, const sn_run_opts *,
                      sn_obj *const *callbacks, int ncallback, sn_err *);

/* run_change.c: what the run remembers, made for its trainer and that model; of `was` (or NULL) with everything
 * in it. was may have names only. */
sn_status sn_record_make(run_record *, const sn_run *, const sn_model *, const run_record *was, sn_err *);
/* Is it made for the trainer and the model as they are? If not, sn_record_adapt makes it so; all or nothing. */
bool sn_record_fits(const sn_run *);
sn_status sn_record_adapt(sn_run *, sn_err *);
void sn_run_follow(sn_run *); /* the changes of its model */

/* run_record.c */
void sn_record_free(run_record *);
sn_status sn_record_reserve(run_record *, int64_t rows, sn_err *); /* room for that many rows of history */
void sn_record_clear_loss(sn_run *, int which);                    /* its sums alone */
void sn_record_clear(sn_run *, int which); /* sums of 0 training, 1 validation; and metrics */
void sn_record_batch(sn_run *, int which, const sn_losses *);
void sn_record_result(sn_run *, int which);  /* averages and metrics so far into r->row */
void sn_record_commit(sn_run *);             /* r->row becomes a row of history */
void sn_record_refresh(sn_run *, int which); /* r->now from the sums */
void sn_record_swap(sn_run *);               /* exchanges the run's metric states with the trainer's */

/* run_callbacks.c */
sn_status sn_run_callbacks_begin(sn_run *, bool resumed, sn_err *);
/* Calls what is left of the present stage. */
sn_status sn_run_callbacks_go(sn_run *, sn_err *);
void sn_run_callbacks_free(sn_run *);

#endif
