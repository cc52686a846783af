/* Looking into a network while it computes, beside its training: a batch goes forward, and back, with
 * everything in sight, and nothing of the trainer changes by it (weights, optimizer, gradients, metrics,
 * statistics, iterations: not one bit). The trainer's own plans are borrowed between steps, so that no memory
 * is needed but for what is kept; t->plan_uses tells others that they were. */
#ifndef SN_TRAIN_LOOK_H
#define SN_TRAIN_LOOK_H

#include "train/run.h"

/* What is run. Everything is borrowed, and must stay until the pass is over. */
typedef struct {
    const float *weights; /* slab of the model's layout */
    int64_t n;            /* samples */
    const float *x, *y;   /* (n, ...); y = NULL: there are no targets, hence no loss */
    sn_shape y_shape;     /* one sample's */
    bool train;           /* how dropout and batch_norm behave */
    uint64_t seed, step;  /* of dropout */
} sn_scene;

/* The last step of a run: its batch, the weights it saw, its dropout: to the same bits as it was. Fails with
 * the remedy where those are gone (sn_run_keep). */
sn_status sn_scene_last(sn_run *, sn_scene *, sn_err *);
/* The step that comes next; sn_run_next_batch's conditions and errors. */
sn_status sn_scene_next(sn_run *, sn_scene *, sn_err *);
/* Any batch, at the present weights; in training mode with the dropout of the next step. */
sn_scene sn_scene_of(const sn_trainer *, int64_t n, const float *x, bool train);

typedef struct {
    const sn_visitor *visit; /* sees each node; NULL: nobody */
    bool backward;           /* of the scene's loss, or of what is injected */
    float *grads;            /* slab, overwritten: of the data loss and activity penalties; NULL: not wanted */
    const sn_inject *inject;
    int until;     /* backward ends when that node's gradient is there; 0: the first */
    sn_plan *plan; /* of one's own, from sn_look_plan; NULL: the trainer's, where it can */
} sn_look_opts;

/* One pass. *l (may be NULL): the loss, when there are targets; penalties of weights included. SN_ECANCEL:
 * Ctrl-C, the pool's flag is down again. Backward of the loss, and training mode, need a compiled model, unless
 * a plan is given. */
sn_status sn_look(sn_trainer *, const sn_scene *, const sn_look_opts *, sn_losses *, sn_err *);

/* A plan for passes that the trainer's plans cannot make: of a model that is not compiled, or with gradients of
 * everything, the input's too (inputs), or with that of one node (-1: none). Where memory does not suffice the
 * trainer's plans give way; they are made anew when they are needed. */
sn_status sn_look_plan(sn_plan **, sn_trainer *, int64_t n, bool inputs, int node, sn_err *);

/* A visitor that copies what it sees of the nodes asked for; those it did not meet stay as they are. */
typedef struct {
    int node;
    bool grad; /* the gradient of its output, instead of that output */
    float *to; /* (n, node's shape) */
} sn_capture;
typedef struct {
    const sn_capture *list;
    int n;
} sn_captures;
sn_visitor sn_capture_visitor(sn_captures *);

/* The node that a layer's call number `call` (from 0) ends with; -1: no such call. *calls (may be NULL): how
 * many there are. */
int sn_look_node(const sn_model *, int layer, int call, int *calls);
/* The node before the last softmax or sigmoid: the logits; the output itself where it ends with neither. */
int sn_look_logits(const sn_model *);

/* One unit's score of a node summed over the samples and the other axes: dy (n, node's shape) for sn_inject.
 * unit: along the last axis, from 0. */
void sn_look_unit(const sn_model *, int node, int64_t unit, int64_t n, float *dy);
/* For Grad-CAM: a node's output and the gradient of the score of a unit of the last layer with respect to it,
 * both (n, node's shape), in inference mode, for each sample apart. logits: the score before the last softmax
 * or sigmoid. Needs no compile. */
sn_status sn_look_class_gradient(sn_trainer *, int64_t n, const float *x, int node, int64_t unit, bool logits,
                                 float *output, float *gradient, sn_err *);
/* The gradient with respect to x (n, input's shape): of the scene's loss (a mean over n), or of what is
 * injected. plan: from sn_look_plan with inputs. */
sn_status sn_look_input_gradient(sn_trainer *, sn_plan *plan, const sn_scene *, const sn_inject *, float *dx,
                                 sn_losses *, sn_err *);

/* ---- a step in pieces ---- */

/* Goes forward and back by parts; between two calls anything may happen to the trainer: a walk that finds its
 * plan used, its weights or its batch changed, first goes silently to where it stood. All zero: at the
 * beginning. */
typedef struct {
    sn_trainer *trainer;
    float *grads;  /* slab, borrowed: before the backward */
    int forward;   /* nodes 0 .. forward-1 have their outputs */
    bool has_loss; /* losses are there */
    bool backward; /* it has begun */
    int left;      /* nodes >= left have their gradients; when it has begun */
    sn_losses losses;
    uint64_t uses, edits; /* of plan and weights, when it last went on */
} sn_walk;

/* Nodes up to (without) end. A walk that stands beyond does nothing. visit: sees the new ones. */
sn_status sn_walk_forward(sn_walk *, const sn_scene *, int end, const sn_visitor *, sn_err *);
/* The loss; forward is completed before. */
sn_status sn_walk_loss(sn_walk *, const sn_scene *, sn_err *);
/* Nodes down to `left` inclusive; the loss comes before. Gradients of weights of nodes >= left are then in
 * grads, without penalties. */
sn_status sn_walk_backward(sn_walk *, const sn_scene *, int left, const sn_visitor *, sn_err *);

#endif
