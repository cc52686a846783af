/* A compiled model: loss, optimizer with its state, metrics; and the single steps made with them. A run and
 * train_on_batch both go through this. */
#ifndef SN_TRAIN_TRAINER_H
#define SN_TRAIN_TRAINER_H

#include "data/dataset.h"
#include "nn/exec.h"
#include "nn/surgery.h"
#include "train/observer.h"

enum { SN_MAXMETRIC = 16, SN_MAXSTATE = 3 };

typedef struct {
    char *name;       /* what it is logged as */
    sn_obj *obj;      /* as given: may be "accuracy", which is resolved by shapes */
    sn_obj *resolved; /* the metric in force once the target's shape is known */
    double *state;
    size_t nstate;
} sn_metric;

typedef struct sn_trainer {
    sn_model *model;          /* borrowed: the binding keeps it alive */
    sn_obj *loss, *optimizer; /* NULL: not compiled; predict works all the same */
    sn_metric metric[SN_MAXMETRIC];
    int nmetric;
    /* All of the model's slab layout; NULL before the first training batch. */
    float *grads;      /* of the last batch whose step (or sn_trainer_gradients) was completed */
    float *next_grads; /* being computed: an interrupted step leaves grads as they are. NULL: there was no need
                        * yet (sn_trainer_keep_gradients); then it leaves none */
    uint64_t grads_id; /* counts what grads have held; 0: nothing yet */
    bool grads_gone;   /* the model was changed since: they are of none of its batches */
    /* The weights that the last step saw, where it was asked to keep them (keep_before, or an observer's
     * before); NULL: not kept, or lost to a step that was interrupted. */
    const float *before;
    bool keep_before;
    sn_observer *observers;    /* borrowed; sn_trainer_observe */
    float *state[SN_MAXSTATE]; /* the optimizer's */
    int nstate;
    int64_t iterations;    /* optimizer steps made */
    int64_t *start;        /* (nparam): iterations less the updates that the parameter has had, by which its
                            * bias is corrected: new and frozen ones have had fewer */
    int64_t rate_from;     /* iterations when the optimizer in force was given: step 0 of its schedule */
    double lr;             /* learning rate of a plain (not scheduled) optimizer; callbacks change it */
    double external_lr;    /* set by the binding when the rate is a Lua function */
    uint64_t seed;         /* of dropout */
    double *layer_penalty; /* (nlayer): of the weights that the last step, gradients or eval saw */
    double *clip_scale;    /* (nparam) */
    sn_pool *pool;         /* the default one; tests set another before the first batch */
    /* For inference (0) and training (1): plans that visitors can look into, and those for passes that nobody
     * looks into, which fuse layers and need less time and memory; NULL until wanted. */
    sn_plan *seen[2], *blind[2];
    sn_plan *plan;      /* that the present or last pass runs on; NULL: none */
    uint64_t plan_uses; /* counts passes of training, and what ends a plan's hold of their memory: who comes
                         * back to a plan looks at it */
    sn_plan_memory plan_memory;
    uint64_t model_version; /* the model's, for which the plans were built */
    /* of the target's shape that was last checked */
    sn_shape target;
    bool target_known;
    int64_t classes; /* that the loss takes targets of this shape for; 0: they are any numbers */
    sn_times *times; /* borrowed: of the steps and predictions from now on; NULL: not measured */
    float *outputs;  /* a batch's outputs, kept until the step is known to have succeeded */
    size_t outputs_count;
    sn_follower follower; /* of the model's changes */
    struct sn_trainer_move *move;
} sn_trainer;

typedef struct {
    double total, data, penalty, activity;
    int64_t n;
} sn_losses;

/* metric_names[i] NULL (or metric_names NULL): the descriptor's name, made unique. Objects are retained. loss
 * and optimizer NULL together: a trainer that can only predict. */
sn_status sn_trainer_new(sn_trainer **, sn_model *, sn_obj *loss, sn_obj *optimizer, sn_obj *const *metrics,
                         const char *const *metric_names, int nmetric, sn_err *);
/* The same compiled again for another model of the same layout, which is borrowed: loss, optimizer, metrics,
 * seed, pool. state: also what the optimizer holds, the steps made and the present rate; else it starts anew.
 */
sn_status sn_trainer_clone(sn_trainer **, sn_model *, const sn_trainer *, bool state, sn_err *);
void sn_trainer_free(sn_trainer *);
/* Compiled again in place: those who look on, the gradients and the runs of it stay. anew: as sn_trainer_new
 * would have it, no step made. Else the steps made stay; an optimizer of the same type goes on with its state,
 * the same object with its rate too; a schedule begins at its step 0. All or nothing. */
sn_status sn_trainer_recompile(sn_trainer *, sn_obj *loss, sn_obj *optimizer, sn_obj *const *metrics,
                               const char *const *metric_names, int nmetric, bool anew, sn_err *);

/* A plan for batches of up to n samples, into trainer->plan; called by the functions below as needed, and early
 * by a run so that running out of memory is said before the first step. Where visitors look or a pass is made
 * in pieces it must be one that shows every tensor. */
sn_status sn_trainer_prepare(sn_trainer *, int64_t n, bool train, bool seen, sn_err *);
/* Shall gradients outlive an interrupted step, for someone who can look at them then? For all trainers of the
 * process; false at first. Costs as much memory as the weights. Where observers look on or weights are kept the
 * memory is there in any case. */
void sn_trainer_keep_gradients(bool);
/* Gives the memory of all plans back. */
void sn_trainer_drop_plans(sn_trainer *);

/* One training step on (n, x), (n, y). Metrics are updated. On SN_ECANCEL nothing has changed, and the pool's
 * cancel flag is down again; nor on SN_EHALT, when an observer has halted the step. */
sn_status sn_trainer_step(sn_trainer *, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          sn_losses *, sn_err *);
/* Adds one to those who see steps; it must be taken away before it goes. */
void sn_trainer_observe(sn_trainer *, sn_observer *);
void sn_trainer_unobserve(sn_trainer *, const sn_observer *);
/* Gradients in trainer->grads, parameters untouched. penalties: add the regularizers' part. On SN_ECANCEL the
 * gradients are those from before, where next_grads are. */
sn_status sn_trainer_gradients(sn_trainer *, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                               bool penalties, sn_losses *, sn_err *);
/* Loss and metrics of one batch in inference mode. */
sn_status sn_trainer_eval(sn_trainer *, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          sn_losses *, sn_err *);
/* Needs no compile: outputs of one batch, valid until the next call. */
sn_status sn_trainer_predict(sn_trainer *, int64_t n, const float *x, const float **out, sn_err *);
/* The same of a compiled trainer, with each sample's data loss (n): no penalties, no metrics. */
sn_status sn_trainer_each(sn_trainer *, int64_t n, const float *x, const float *y, const sn_shape *y_shape,
                          double *each, const float **out, sn_err *);

void sn_trainer_reset_metrics(sn_trainer *);
double sn_trainer_metric(const sn_trainer *, int i);
double sn_trainer_lr(const sn_trainer *); /* the rate that the next step will use */
/* Target and output shapes, with a remedy when they do not fit; resolves "accuracy". */
sn_status sn_trainer_check_target(sn_trainer *, const sn_shape *y_shape, sn_err *);
/* The optimizer's state and the gradients, zeroed or as the optimizer wants; nothing when they are there. */
sn_status sn_trainer_alloc_state(sn_trainer *, sn_err *);
const sn_optimizer_type *sn_trainer_optimizer(const sn_trainer *); /* NULL: not compiled */

#endif
