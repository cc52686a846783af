/* What a step's parts cost at least: operations, and bytes between the processor and memory. Times are measured
 * against these. */
#ifndef SN_NN_COST_H
#define SN_NN_COST_H

#include "nn/plan.h"

typedef struct {
    double flops; /* of the sum as it is defined, a multiply-add counts two; a fast algorithm does fewer */
    double bytes; /* every array read or written once, where a node runs by itself */
} sn_cost;

/* Of one node for n samples, of a plan in float32. backward is zero where it does not run; activations: bytes
 * that are kept from forward to backward for this node alone (its output, unless it lies where the input does,
 * and what it saves). Layers that run in one pass (nn/group.h): all of it at the first of them, and `within` is
 * that node at the others; else -1. */
typedef struct {
    sn_cost forward, backward;
    double activations;
    int within;
} sn_node_cost;
sn_node_cost sn_plan_cost(const sn_plan *, int node, int64_t n);

#endif
