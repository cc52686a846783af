/* What a training step's layers are computed by, before any step is made. */
#ifndef SN_NN_ENGINE_H
#define SN_NN_ENGINE_H

#include "nn/plan.h"

typedef struct {
    char pass[SN_PASSES][SN_PASS_TEXT]; /* "winograd 4x4"; "" where the pass is plain loops, or does not run */
    double flops;                       /* of a step, of the sums as they are defined */
    size_t workspace;                   /* bytes of scratch, shared with others' */
    int within; /* the first node of those that it runs in one pass with, -1 = by itself */
} sn_engine;

/* rows: one for each node of the model. Of a plan in float; nothing is allocated for good. */
sn_status sn_plan_engine(const sn_model *, const sn_plan_opts *, sn_engine *rows, sn_err *);

#endif
