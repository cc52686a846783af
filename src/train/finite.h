/* The search for the first number of a training step that is none: NaN or infinite, in the order of
 * computation. It halts the step before its update, so that the weights are still good; unless nothing but the
 * update made them bad, which shows after it. One pass over each tensor, bound by memory bandwidth; places are
 * looked for only when there is something to find. */
#ifndef SN_TRAIN_FINITE_H
#define SN_TRAIN_FINITE_H

#include "train/trainer.h"

/* In the order of a step. */
typedef enum {
    SN_FINITE_X,           /* the batch's inputs */
    SN_FINITE_Y,           /* ... targets */
    SN_FINITE_WEIGHT,      /* a parameter as the step sees it, statistics included */
    SN_FINITE_OUTPUT,      /* of a node */
    SN_FINITE_LOSS,        /* a sample's data loss */
    SN_FINITE_OUTPUT_GRAD, /* the gradient of a node's output */
    SN_FINITE_GRAD,        /* the gradient of a parameter; penalties included */
    SN_FINITE_PENALTY,     /* of weights or outputs: the loss's other terms */
    SN_FINITE_UPDATED      /* a parameter after the update, which is made */
} sn_finite_what;

typedef struct {
    bool found;
    sn_finite_what what;
    int node;       /* of outputs and their gradients; else -1 */
    int param;      /* of parameters, their gradients and updates; else -1 */
    sn_shape shape; /* of one sample, or of the parameter */
    int64_t sample; /* within the batch, from 0; -1: belongs to none */
    int64_t at;     /* the element within that shape, row-major, from 0 */
    double value;
    int64_t iterations; /* steps that were made before this one */
} sn_finite_find;

/* Belongs to whoever has it observe a trainer, and lives as long as that. */
typedef struct {
    sn_observer observer; /* for sn_trainer_observe */
    sn_finite_find find;  /* of the last step that was looked at */
    int64_t pass;         /* the step with this number of steps before it is not looked at; -1: none */
    const sn_trainer *t;
} sn_finite;

void sn_finite_init(sn_finite *);
/* The step that was halted is made after all when it comes again. */
void sn_finite_pass(sn_finite *);

#endif
