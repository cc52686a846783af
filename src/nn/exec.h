/* Running a plan: forward, loss, backward, commit. */
#ifndef SN_NN_EXEC_H
#define SN_NN_EXEC_H

#include "nn/plan.h"

/* Sees a step from within, on the driver's thread: each node's output right after it was computed, and its
 * gradient when that is complete and nothing has read it yet. It may only read. Either function may be NULL.
 * Not for plans that fuse layers (opts.fuse). */
typedef struct {
    void *ctx;
    void (*output)(void *ctx, int node, const void *y, const sn_shape *); /* batch first */
    void (*output_grad)(void *ctx, int node, const void *dy, const sn_shape *);
} sn_visitor;

/* Backward of another scalar than the loss: of the sum of dy * the node's output. It begins at that node; what
 * the scalar does not depend on gets zeros; activity penalties are left out. */
typedef struct {
    int node;
    const void *dy; /* (n, node's shape) of the plan's dtype */
} sn_inject;

/* Seconds that parts of steps took on the driver's thread, added up; the caller zeroes them. */
typedef enum {
    SN_TIME_CLEAR,      /* gradients to zero */
    SN_TIME_LOSS,       /* the loss and its gradient */
    SN_TIME_PENALTIES,  /* values and gradients of the weights' regularizers */
    SN_TIME_UPDATE,     /* clipping, the optimizer, keeping the weights before it */
    SN_TIME_STATISTICS, /* moving averages */
    SN_TIME_METRICS,
    SN_TIME_DATA, /* waiting for the next batch */
    SN_TIMES
} sn_time;
typedef struct {
    int nnode;                  /* the model's; parts of other nodes are not measured */
    double *forward, *backward; /* (nnode) each */
    double part[SN_TIMES];
    double step;   /* whole steps, from the batch to the metrics */
    int64_t steps; /* that were completed; those of inference count too */
    int64_t samples;
} sn_times;

/* What one step runs on. params and grads are slabs of the plan's dtype with the model's layout. */
typedef struct {
    const void *params;
    void *grads;         /* the whole slab is overwritten by sn_exec_backward; NULL: not wanted */
    int64_t n;           /* samples, 1 .. plan's batch */
    const void *x;       /* (n, input shape), borrowed until the step is over */
    bool train;          /* behaviour of dropout and batch norm; independent of the plan's mode: an INFER plan
                          * must have false */
    uint64_t seed, step; /* of this step's randomness */
    const sn_visitor *visit; /* NULL: nobody looks */
    const sn_inject *inject; /* NULL: backward is of the loss, and sn_exec_loss comes before it */
    sn_times *times;         /* NULL: not measured */
    bool late_penalties;     /* who updates the weights adds the penalties that sn_param_penalty_is_local */
} sn_step;

/* Can fail only with SN_ECANCEL, or SN_ENOMEM where a recorded function takes part. */
sn_status sn_exec_forward(sn_plan *, const sn_step *, sn_err *);
const void *sn_exec_output(const sn_plan *); /* (n, output shape) after forward */
/* Loss of the last forward's output: *data = mean over samples, *activity = activity penalties; prepares
 * backward when the plan trains. each (n values, may be NULL): every sample's loss. t: (n, target shape) of the
 * plan's dtype. */
sn_status sn_exec_loss(sn_plan *, const sn_step *, const sn_obj *loss, const sn_shape *target, const void *t,
                       double *data, double *activity, double *each, sn_err *);
/* The loss of each row of the last sn_exec_loss: (samples * *per_sample). Rows are samples, or positions of
 * them when outputs have more axes than one. */
const double *sn_exec_losses(const sn_plan *, int64_t *per_sample);
/* Gradients of mean data loss + activity penalties into step->grads (overwritten), then, with penalties, those
 * of the kernel and bias regularizers are added. Fails as sn_exec_forward does. */
sn_status sn_exec_backward(sn_plan *, const sn_step *, bool penalties, sn_err *);
/* The same node by node: forward in ascending order, backward in descending order; the begin functions come
 * first. Penalties of weights are not added. A node that has no part in the pass is passed over. */
void sn_exec_forward_begin(sn_plan *, const sn_step *);
sn_status sn_exec_forward_node(sn_plan *, const sn_step *, int node, sn_err *);
void sn_exec_backward_begin(sn_plan *, const sn_step *);
sn_status sn_exec_backward_node(sn_plan *, const sn_step *, int node, sn_err *);
/* Layers' statistics (moving_mean, ...) of a completed step; params writable. Not cancellable. */
void sn_exec_commit(sn_plan *, const sn_step *, void *params);

/* Does backward compute the gradient of that node's output? (Not below the lowest layer that learns.) */
bool sn_exec_has_grad(const sn_plan *, int node);
/* A tapped tensor after the step: (n, node's shape). NULL when it was not tapped. */
const void *sn_exec_tap(const sn_plan *, int node, bool grad);
const void *sn_exec_input_grad(const sn_plan *);

/* The clock where steps are measured (else 0), and what has passed since then, added to a part. NULL is fine.
 */
double sn_exec_clock(const sn_times *);
void sn_exec_add_time(sn_times *, sn_time part, double since);

#endif
