/* A recorded function inside a described object: its program, and plans for the shapes that it was last run on.
 * Objects are shared and immutable to everyone else, so the plan in it is taken and given back; a second thread
 * that comes meanwhile gets one of its own. What must not fail later is reserved first: kernels return nothing.
 */
#ifndef SN_NN_EXPR_CACHE_H
#define SN_NN_EXPR_CACHE_H

#include "nn/expr.h"
#include <stdatomic.h>

typedef struct {
    sn_expr_plan *plan;
    sn_expr_opts o;
    sn_shape in[SN_EXPR_MAXIN];
    void *scratch; /* NULL: the caller has its own */
    size_t bytes;
} sn_expr_ready;

enum { SN_EXPR_KEPT = 8 };

typedef struct {
    sn_expr *x;
    atomic_flag busy; /* held for looking through kept, never while memory is asked for */
    /* Training and inference, two precisions, and a probe with a pool of its own do not drive each other out.
     */
    sn_expr_ready *kept; /* (room): at least SN_EXPR_KEPT, more where more threads at once were provided for */
    int room, last;
} sn_expr_cache;

/* For sn_desc.derive and drop: parses; wants exactly ninput inputs (0: any). who stands in messages. */
sn_status sn_expr_cache_new(sn_expr_cache **, const char *program, int ninput, const char *who, sn_err *);
void sn_expr_cache_free(sn_expr_cache *); /* NULL is fine */

/* A plan for these shapes, and memory for it where scratch is true; then a batch smaller than its own fits too,
 * while the caller's memory may be for just this one. */
sn_status sn_expr_take(sn_expr_cache *, const sn_expr_opts *, bool scratch, sn_expr_ready *, sn_err *);
void sn_expr_give(sn_expr_cache *, sn_expr_ready *);
/* After it so many threads at once find what they take and allocate nothing, until other shapes come between:
 * so it is called right before the work. */
sn_status sn_expr_reserve(sn_expr_cache *, const sn_expr_opts *, bool scratch, int threads, sn_err *);

#endif
