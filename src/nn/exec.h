/* Running a plan: forward, loss, backward, commit. */
#ifndef SN_NN_EXEC_H
#define SN_NN_EXEC_H

#include "nn/plan.h"

/* What one step runs on. params and grads are slabs of the plan's dtype with the model's layout. */
typedef struct {
    const void *params;
    void *grads;         /* the whole slab is overwritten by sn_exec_backward; NULL: not wanted */
    int64_t n;           /* samples, 1 .. plan's batch */
    const void *x;       /* (n, input shape), borrowed until the step is over */
    bool train;          /* behaviour of dropout and batch norm; independent of the plan's mode: an INFER plan
                          * must have false */
    uint64_t seed, step; /* of this step's randomness */
} sn_step;

/* Can fail only with SN_ECANCEL. */
sn_status sn_exec_forward(sn_plan *, const sn_step *, sn_err *);
const void *sn_exec_output(const sn_plan *); /* (n, output shape) after forward */
/* Loss of the last forward's output: *data = mean over samples, *activity = activity penalties; prepares
 * backward when the plan trains. each (n values, may be NULL): every sample's loss. t: (n, target shape) of the
 * plan's dtype. */
sn_status sn_exec_loss(sn_plan *, const sn_step *, const sn_obj *loss, const sn_shape *target, const void *t,
                       double *data, double *activity, double *each, sn_err *);
/* Gradients of mean data loss + activity penalties into step->grads (overwritten), then, with penalties, those
 * of the kernel and bias regularizers are added. Can fail only with SN_ECANCEL. */
sn_status sn_exec_backward(sn_plan *, const sn_step *, bool penalties, sn_err *);
/* Layers' statistics (moving_mean, ...) of a completed step; params writable. Not cancellable. */
void sn_exec_commit(sn_plan *, const sn_step *, void *params);

/* A tapped tensor after the step: (n, node's shape). NULL when it was not tapped. */
const void *sn_exec_tap(const sn_plan *, int node, bool grad);
const void *sn_exec_input_grad(const sn_plan *);

#endif
