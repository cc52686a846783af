/* The inside of a plan, shared by plan.c (which makes it) and exec.c (which runs it). */
#ifndef SN_NN_PLAN_IMPL_H
#define SN_NN_PLAN_IMPL_H

#include "nn/plan.h"

/* A stretch of the slab and the time it is in use. Time: the forward of node i is step i, the loss is step n (=
 * number of nodes), the backward of node i is step 2n - i, and 2n + 1 is "after the step". */
typedef struct {
    size_t bytes, offset;
    int first, last;
} sn_plan_buf;

/* One node, ready to run. Indices into plan->bufs are -1 where there is no buffer. */
typedef struct {
    const sn_layer_type *type; /* of the plan's precision */
    const void *cfg;
    sn_layer_plan lp;       /* for the largest batch */
    bool needs;             /* its output's gradient is wanted */
    bool runs_backward;     /* someone below it, or its own parameters, want a gradient */
    const sn_obj *activity; /* activity regularizer of its output, or NULL */
    bool tap_y, tap_dy;
    bool live; /* of the present backward pass: the scalar depends on its output */
    int uses;  /* how many inputs of nodes read its output */
    int y, dy, saved[SN_MAXSAVED], fwd_scratch, bwd_scratch;
    sn_shape *in;   /* nin */
    const void **x; /* nin */
    void **dx;      /* nin: where backward writes; NULL = not wanted */
    int *dx_temp;   /* nin: the buffer of a gradient that is then added to the input's; -1 = direct */
} sn_plan_node;

struct sn_plan {
    const sn_model *model;
    sn_plan_opts opts;
    sn_tap *taps;
    sn_plan_node *nodes; /* model->nnode */
    sn_plan_buf *bufs;
    int nbuf, cap_buf;
    char *slab;
    size_t slab_bytes;
    double *each;            /* one loss per row of the output at the largest batch */
    int64_t rows_per_sample; /* of the loss: all axes of the output but the first and the last */
    double activity;         /* penalties of the forward pass */
    const void *x;           /* of the present step */
    int64_t n;
};

/* The address of buffer i; NULL for -1. */
static inline void *sn_plan_at(const sn_plan *p, int buf) {
    return buf < 0 ? NULL : p->slab + p->bufs[buf].offset;
}

#endif
