/* Recorded functions: a Lua function is called once with symbols, and what it does to them is written down as a
 * list of primitive operations. From then on it runs, and is differentiated, here. A program knows no shapes:
 * it serves every shape that its operations allow, and its text is data that is saved with a model.
 *
 * The text: "inputs 2; sub 0 1; square 2; mean 3" computes mean((x0 - x1)^2). Inputs are nodes 0, 1, ...; each
 * operation is the next node and names its operands by their numbers; the last node is the result. Attributes
 * follow: `sum 3` (all axes), `sum 3 rows` (all but the first), `sum 3 axes -1 keep`, `clip 2 0.1 0.9`, `const
 * 0.5`, `tensor 2 : 0.3 0.7` (shape : values), `reshape 1 dims -1 4`, `transpose 1 dims 1 0`, `slice 1 dims
 * AXIS FROM TO` (to is exclusive), `concat 1 2 dims AXIS`, `one_hot 1 dims DEPTH`. Axes count from 0, negative
 * ones from the end. */
#ifndef SN_NN_EXPR_H
#define SN_NN_EXPR_H

#include "base/pool.h"
#include "num/tensor.h"

enum { SN_EXPR_MAXIN = 8, SN_EXPR_MAXNODE = 1024, SN_EXPR_MAXVALUES = 1 << 16, SN_EXPR_ROWS = -2 };

typedef enum {
#define SN_OP(name, nin, attributes) SN_OP_##name,
#include "nn/expr_ops.def"
#undef SN_OP
    SN_NOP
} sn_op;

typedef struct {
    sn_op op;
    int in[3];
    double a, b;   /* const: a; clip: a..b */
    int naxis;     /* -1: all axes; SN_EXPR_ROWS: all but the first */
    bool keep;     /* reduced axes stay, of size 1 */
    sn_dims dims;  /* axes, or the shape of a tensor, ...: see the text */
    size_t values; /* tensor: where its values begin in expr->values */
} sn_expr_node;

typedef struct {
    int ninput, nnode;
    sn_expr_node *node;
    double *values; /* of all tensors in it */
    size_t nvalues;
    char *text;   /* as parsed, in one spelling */
    char *places; /* where each operation was written, a line each, for messages; NULL: not known */
} sn_expr;

const char *sn_op_name(sn_op);
int sn_op_inputs(sn_op);
bool sn_op_is_flat(sn_op); /* its gradient is 0 everywhere, or held back */

/* Any bytes give a program or an error that says what is wrong with which operation. */
sn_status sn_expr_parse(sn_expr **, const char *text, sn_err *);
void sn_expr_free(sn_expr *);
/* places: "loss.lua:3\nloss.lua:4\n\n", of the operations behind the inputs; an empty line is not known. Before
 * anyone else has it: it is no part of the program, and not saved. */
sn_status sn_expr_set_places(sn_expr *, const char *places, sn_err *);
/* " at loss.lua:3" of that node, or "". */
const char *sn_expr_place(const sn_expr *, int node, char *text, size_t size);

/* ---- running: for shapes and a type; whatever can fail is settled here ---- */

typedef struct sn_expr_plan sn_expr_plan;

typedef struct {
    sn_dtype dtype;
    const sn_shape *in; /* ninput */
    /* Axis 0 of these inputs (bit i) is the batch, and a call may have fewer of them. 0: shapes are as they
     * are. */
    unsigned batched;
    unsigned wrt;    /* gradients will be wanted with respect to these inputs (bit i) */
    const char *who; /* for messages: "loss" */
    sn_pool *pool;   /* NULL: the calling thread alone */
    bool accumulate; /* gradients of inputs are added to what is there */
} sn_expr_opts;

/* Shape errors name the operation, what it got and a remedy. */
sn_status sn_expr_plan_new(sn_expr_plan **, const sn_expr *, const sn_expr_opts *, sn_err *);
void sn_expr_plan_free(sn_expr_plan *);
/* From now on it runs on that pool: NULL only where it was made without one. */
void sn_expr_use_pool(sn_expr_plan *, sn_pool *);
/* For the largest batch; with fewer samples only its axis 0 is smaller, where it is batched. */
const sn_shape *sn_expr_out(const sn_expr_plan *);
bool sn_expr_out_batched(const sn_expr_plan *);
/* One shape for all samples of the batch: the program works on each sample by itself, up to a closing sum or
 * mean. */
bool sn_expr_by_rows(const sn_expr_plan *);
/* Is that input, as it comes, a place: what one_hot counts, or gather's index? Then the size of the shortest
 * axis that it counts along; else 0. 0 too where a `where` or a comparison may leave
 * out what that gives. */
int64_t sn_expr_places(const sn_expr_plan *, int input);
size_t sn_expr_scratch(const sn_expr_plan *); /* bytes */

/* n: samples (ignored without a batch). scratch: sn_expr_scratch bytes, 64-byte aligned. y: the result. */
void sn_expr_forward(const sn_expr_plan *, int64_t n, const void *const *x, void *y, void *scratch);
/* Gradients of scale * sum(dy * result) with respect to the inputs: written to dx[i]; NULL = not wanted. dy
 * NULL: ones. Does the forward pass again; y may be NULL, else the result is given too. */
void sn_expr_backward(const sn_expr_plan *, int64_t n, const void *const *x, const void *dy, double scale,
                      void *const *dx, void *y, void *scratch);

#endif
