/* The inside of a recorded function's plan: shared by expr_plan.c (shapes), expr_run.c (order of work) and the
 * kernels. */
#ifndef SN_NN_EXPR_IMPL_H
#define SN_NN_EXPR_IMPL_H

#include "nn/expr.h"

/* One operation on arrays: what the kernels see. */
typedef struct {
    const sn_expr_node *node;
    const double *constants; /* a tensor's values */
    sn_shape out, in[3];
    void *y;
    const void *x[3];
    const void *dy;
    void *dx[3]; /* added to; NULL = not wanted */
} sn_op_io;

void sn_op_forward_f32(const sn_op_io *);
void sn_op_forward_f64(const sn_op_io *);
void sn_op_backward_f32(const sn_op_io *);
void sn_op_backward_f64(const sn_op_io *);
double sn_op_sum_f32(const void *x, size_t n);
double sn_op_sum_f64(const void *x, size_t n);

typedef struct {
    sn_shape shape;     /* for the largest batch */
    bool batched;       /* axis 0 is the batch, each sample by itself */
    bool needs;         /* its gradient is wanted */
    bool once;          /* the same for every chunk: made of constants and of inputs without a batch */
    bool tail;          /* made of the crossing and of what is `once` */
    size_t value, grad; /* offsets in bytes: within a strand's part, or within the shared part */
} sn_expr_slot;

struct sn_expr_plan {
    const sn_expr *x;
    sn_expr_opts o;
    sn_shape in[SN_EXPR_MAXIN];
    sn_expr_slot *slot; /* (nnode) */
    sn_shape *now;      /* (nnode): shapes of a call with fewer samples; only when not by rows */
    bool by_rows;
    int crossing;    /* the sum or mean over everything at the end of the part by rows; -1: none */
    bool linear;     /* what follows the crossing is linear in it: its gradient needs no value */
    int64_t rows;    /* samples of a chunk */
    int64_t chunks;  /* at the largest batch */
    int64_t strands; /* of chunks that share memory and are done one after another: a number that no thread
                      * count decides */
    size_t shared, own, partial, scratch; /* bytes: shared part, a strand's part, partial sums, all */
};

/* Shapes of all nodes for n samples (inputs' axis 0 where batched). */
sn_status sn_expr_infer(const sn_expr_plan *, int64_t n, sn_shape *shape, sn_err *);
/* The axes of a reduction as bits; rank: of its operand. */
unsigned sn_expr_axes(const sn_expr_node *, int rank);
/* From and the exclusive to of a slice of an axis of that size. */
void sn_expr_slice_range(const sn_expr_node *, int64_t size, int64_t *from, int64_t *to);
int sn_expr_axis(int64_t axis, int rank); /* from 0; -1: there is no such axis */

#endif
