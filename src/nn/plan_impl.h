/* The inside of a plan, shared by plan.c (which makes it) and exec.c (which runs it). */
#ifndef SN_NN_PLAN_IMPL_H
#define SN_NN_PLAN_IMPL_H

#include "nn/exec.h"

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
    int group; /* that it is run with; -1 = by itself */
    int ghost; /* the ghost of a group that it is of; -1 = none */
    int y, dy, saved[SN_MAXSAVED], fwd_scratch, bwd_scratch;
    int moments;    /* sn_io's, of a convolution and of the normalization behind it */
    sn_shape *in;   /* nin */
    const void **x; /* nin */
    void **dx;      /* nin: where backward writes; NULL = not wanted */
    int *dx_temp;   /* nin: the buffer of a gradient that is then added to the input's; -1 = direct */
} sn_plan_node;

/* Nodes first .. last, each the only reader of the one before, run as one (nn/group.h). A ghost: they run one
 * by one, but for the sums of the normalization's backward, which are taken as the group would. */
typedef struct {
    int first, last;
    int at[SN_PARTS]; /* the node of each part; -1 = there is none */
    bool ghost;
    bool tiles; /* the pool's windows tile the image */
    int index;  /* the pool's winners that get a gradient: a buffer until backward; -1 = there are none */
    int room;   /* the buffer in which backward makes rows of gradients; -1 = it need not */
} sn_plan_group;

struct sn_plan {
    const sn_model *model;
    sn_plan_opts opts;
    sn_tap *taps;
    sn_plan_node *nodes; /* model->nnode */
    sn_plan_group *groups;
    int ngroup;
    sn_plan_buf *bufs;
    int nbuf, cap_buf;
    char *slab; /* opts.memory's, or its own */
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

/* Of plan.c: a plan without memory for its buffers, to look at. */
sn_status sn_plan_lay_out(sn_plan **, const sn_model *, const sn_plan_opts *, sn_err *);
/* Of plan.c, for groups. A buffer of that many bytes in use from first to last; -1 when memory ran out. */
int sn_plan_new_buf(sn_plan *, size_t bytes, int first, int last, sn_err *);
/* It is in use at time t too; -1 is fine. */
void sn_plan_extend(sn_plan *, int buf, int t);
size_t sn_plan_node_bytes(const sn_plan *, int node);
/* May something write over node k's output, which it alone reads, and which is as large? */
bool sn_plan_may_overwrite(const sn_plan *, int k);
/* Where a reader of node k puts its gradient at time t: into buf, or (-1) a new one; *temp: it must be added to
 * what another reader wrote. */
sn_status sn_plan_put_grad(sn_plan *, int k, int t, int buf, bool *has_dy, int *temp, sn_err *);

/* Of exec.c: what a node's functions get, without scratch; with_grads: dp as well. */
sn_io sn_exec_io(sn_plan *, const sn_step *, int node, bool with_grads);

#endif
