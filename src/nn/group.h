/* Groups of layers that run in one pass over memory: normalization, relu, max pool and dropout, or some of
 * them, where they follow one another in that order. What lies between them is never stored; backward makes it
 * again from the group's input, its output and the pool's winners. The numbers are those of the layers one by
 * one, to the last bit, but for the sums of a normalization's backward with a pool behind it, which are taken
 * over the winners alone. Plans that run layers one by one take these sums in the same way, through a ghost of
 * the group, so that looking changes no bit. Groups only with opts.fuse; both only in plans of float. */
#ifndef SN_NN_GROUP_H
#define SN_NN_GROUP_H

#include "nn/plan_impl.h"

/* Finds them, once all nodes are set up. */
sn_status sn_plan_find_groups(sn_plan *, sn_err *);
/* The buffers of node i's group, at its last node; nothing at the others. Forward runs at the last node's time,
 * backward at that node's backward time. has_dy: see sn_plan_put_grad. */
sn_status sn_plan_group_forward(sn_plan *, int i, sn_err *);
sn_status sn_plan_group_backward(sn_plan *, int i, bool *has_dy, sn_err *);

/* Node i, a convolution, takes statistics along for the normalization behind it, in training. */
sn_status sn_plan_take_moments(sn_plan *, int i, sn_err *);
/* The same for a ghost of a group that node i is of. */
sn_status sn_plan_ghost_forward(sn_plan *, int i, sn_err *);
void sn_plan_ghost_backward(sn_plan *, int i);

void sn_group_forward(sn_plan *, const sn_step *, int group);
void sn_group_backward(sn_plan *, const sn_step *, int group);

/* After the forward of a ghost's last node, in training; instead of the backward of its normalization, where
 * the pass went through all of it. */
void sn_ghost_forward(sn_plan *, const sn_step *, int ghost);
void sn_ghost_backward(sn_plan *, const sn_step *, int ghost);

#endif
