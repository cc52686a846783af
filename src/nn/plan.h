/* A plan: every buffer that running a model needs, computed from shapes and lifetimes, allocated at once.
 * Running allocates nothing. */
#ifndef SN_NN_PLAN_H
#define SN_NN_PLAN_H

#include "nn/model.h"

typedef enum { SN_PLAN_INFER, SN_PLAN_TRAIN } sn_plan_mode;

/* A tap asks the plan to keep a node's output or its gradient readable after the step, in unfused form. */
typedef struct {
    int node;
    bool output, grad;
} sn_tap;

/* Memory that plans share. A plan that needs more than there is gets a new one, and `moves` counts that: plans
 * made before are then good for nothing but sn_plan_free. Zero at first; sn_free(at) at last, after the plans.
 */
typedef struct sn_plan_memory {
    char *at;
    size_t bytes;
    uint64_t moves;
} sn_plan_memory;

typedef struct {
    sn_plan_mode mode;
    int64_t batch;  /* the largest number of samples in a call */
    sn_dtype dtype; /* SN_F32; SN_F64: the reference path */
    const sn_tap *taps;
    int ntap;
    bool input_grad; /* also the gradient with respect to the model's input */
    bool fuse; /* layers may run in one pass over memory (nn/group.h). The tensors between them are nowhere:
                * no visitor may look, and backward is of the loss, once for each forward. */
    struct sn_plan_memory *memory; /* shared with other plans, of which one runs at a time; NULL: its own */
    sn_pool *pool;                 /* NULL: the default */
} sn_plan_opts;

typedef struct sn_plan sn_plan;

/* Out of memory is an error here, with the sizes and the largest batch that would fit, never in the middle of a
 * run. */
sn_status sn_plan_build(sn_plan **, const sn_model *, const sn_plan_opts *, sn_err *);
void sn_plan_free(sn_plan *);
const sn_plan_opts *sn_plan_options(const sn_plan *);

/* Sizes in bytes without allocating: what a step of that batch will hold (activations, gradients of them,
 * scratch). */
sn_status sn_plan_measure(const sn_model *, const sn_plan_opts *, size_t *bytes, sn_err *);

#endif
