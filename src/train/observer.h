/* Observers see training steps from within: the statistics that a run records, watchpoints, the search for the
 * first NaN. They only read, so that training with them has the same bits as without; when none wants a step,
 * it costs nothing. */
#ifndef SN_TRAIN_OBSERVER_H
#define SN_TRAIN_OBSERVER_H

#include "nn/exec.h"

struct sn_trainer;

/* What there is to see at the end of a training step. Slabs have the model's layout. */
typedef struct {
    const struct sn_trainer *trainer; /* trainer->iterations: steps made before this one */
    const float *weights;             /* that the step's forward and backward saw; see `before` */
    const float *grads;               /* of the total loss, penalties included; before clipping */
    const float *previous;            /* the gradients held before; NULL = there were none, or they are gone */
    const float *after;               /* the weights after the update; NULL = it is not made yet */
    double lr;                        /* of this step */
    double data, penalty, activity;   /* the loss */
    int64_t n;                        /* samples */
    const float *x, *y;               /* (n, ...) */
} sn_sight;

/* Any function may be NULL. They run on the driver's thread and must not fail for want of memory: what they
 * need is taken before. Their work on the pool is by sn_parallel_always, so that no interruption leaves half a
 * number. */
typedef struct sn_observer {
    void *ctx;
    /* Does it want to see the step that comes next (trainer->iterations steps were made)? NULL: all. */
    bool (*wants)(void *ctx, const struct sn_trainer *);
    void (*begin)(void *ctx, const sn_sight *); /* weights, x, y and n are there */
    sn_visitor visit;                           /* its ctx is this observer's */
    /* All gradients are there. True: the step is not made (SN_EHALT), and the weights stay as they are. */
    bool (*gradients)(void *ctx, const sn_sight *);
    /* The step is made: sight->after. sight->weights is NULL unless someone asked for `before`. */
    void (*updated)(void *ctx, const sn_sight *);
    bool before;
    /* the trainer's */
    bool on; /* sees the present step */
    struct sn_observer *next;
} sn_observer;

#endif
