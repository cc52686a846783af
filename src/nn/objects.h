/* The smaller described objects of a network: activations, initializers, regularizers, losses, optimizers,
 * schedules and metrics. Each is one C file in the folder of its kind plus one line in that kind's .def list.
 *
 * Files of activations, regularizers and losses are compiled twice (num/real.h) and define
 * SN_R(sn_activation_NAME) etc.; the others once, in float. */
#ifndef SN_NN_OBJECTS_H
#define SN_NN_OBJECTS_H

#include "base/desc.h"
#include "base/pool.h"
#include "num/real.h"
#include "num/tensor.h"

/* ---- activations: element-wise, or along the last axis (softmax) ---- */
typedef struct sn_activation_type {
    sn_desc desc;
    unsigned flags; /* SN_KEEP_X | SN_KEEP_Y: what backward reads */
    /* rows x cols values; y may be x. Runs on the calling thread: callers cut rows into cells. */
    void (*forward)(const void *cfg, void *y, const void *x, size_t rows, size_t cols);
    /* dx may be dy. x or y is NULL when its flag is not set. */
    void (*backward)(const void *cfg, void *dx, const void *x, const void *y, const void *dy, size_t rows,
                     size_t cols);
    /* Memory for that many threads at once to work on as many rows, of forward or backward: right before them.
     * NULL: it needs none. */
    sn_status (*prepare)(const void *cfg, size_t rows, size_t cols, int threads, bool backward, sn_err *);
    /* Can it work on rows of that many numbers? NULL: on any. */
    sn_status (*check_cols)(const void *cfg, size_t cols, sn_err *);
    const char *check[4]; /* object texts for the gradient check; at least one */
} sn_activation_type;
extern const sn_kind sn_kind_activation;
const sn_activation_type *sn_activation_in(const sn_desc *, sn_dtype);

/* ---- initializers (Keras initializers/random_initializers.py): a pure function of the seed ---- */
typedef struct sn_initializer_type {
    sn_desc desc;
    /* Fills w (shape) from fan_in, fan_out. Errors: a shape it cannot serve (orthogonal of rank < 2). */
    sn_status (*fill)(const void *cfg, float *w, const sn_shape *, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *);
} sn_initializer_type;
extern const sn_kind sn_kind_initializer;

/* ---- regularizers ---- */
typedef struct sn_regularizer_type {
    sn_desc desc;
    double (*value)(const void *cfg, const void *w, size_t n, sn_pool *);
    /* dw += scale * gradient of value. Without `whole` and `prepare` it goes element by element: it may be
     * asked for a part of the weights, in a cell of the pool and then without one (NULL). */
    void (*grad)(const void *cfg, void *dw, const void *w, size_t n, double scale, sn_pool *);
    /* Memory for one call of value or, with grad, of grad, right before it. NULL: it needs none. */
    sn_status (*prepare)(const void *cfg, size_t n, bool grad, sn_pool *, sn_err *);
    bool whole; /* no sum over the weights: the gradient of a part of them needs them all */
    const char *check[4];
} sn_regularizer_type;
extern const sn_kind sn_kind_regularizer;
const sn_regularizer_type *sn_regularizer_in(const sn_desc *, sn_dtype);
sn_status sn_regularizer_prepare(const sn_obj *, sn_dtype, size_t n, bool grad, sn_pool *, sn_err *);

/* ---- losses: one value per sample, meaned over the batch by the caller ---- */
typedef struct sn_loss_type {
    sn_desc desc;
    /* Does this target shape fit this output shape (both one sample's)? The error says what would. */
    sn_status (*check_shapes)(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *);
    /* p (rows = samples, cols) predictions, t targets (rows, tcols). each[r] = the sample's loss. dp (may be
     * NULL): gradient of scale * sum of each. tcols = 1 for class indices. Outputs of more dimensions come with
     * cols = the last one and a row for each position. A class index outside 0 .. cols-1: each[r] is NaN and
     * the row's gradient 0. */
    void (*eval)(const void *cfg, double *each, void *dp, const void *p, const void *t, size_t rows,
                 size_t cols, size_t tcols, double scale);
    /* Memory for one call of eval, with dp where grad is true, right before it. NULL: it needs none. */
    sn_status (*prepare)(const void *cfg, size_t rows, size_t cols, size_t tcols, bool grad, sn_err *);
    bool sparse; /* targets are class indices: 0 .. cols - 1 */
    /* For outputs and targets of one sample that check_shapes takes: how many classes the targets are indices
     * of; 0: none, they are any numbers. NULL: as sparse says. */
    sn_status (*classes)(const void *cfg, const sn_shape *out, const sn_shape *target, int64_t *, sn_err *);
    struct {
        const char *cfg;
        int cols;        /* outputs of one sample */
        int probability; /* 1: predictions are made positive and sum to one; 2: each in (0, 1); 0: any number */
    } check[4];
} sn_loss_type;
extern const sn_kind sn_kind_loss;
const sn_loss_type *sn_loss_in(const sn_desc *, sn_dtype);

/* ---- optimizers: any range of the flat parameter slab ---- */
typedef struct { /* every optimizer's configuration begins with this */
    sn_rate learning_rate;
    double weight_decay; /* decoupled: w -= w * weight_decay * lr before the step (Keras optimizers); 0 = off */
    double clipnorm;     /* per tensor; 0 = off. At most one of the three. */
    double clipvalue;
    double global_clipnorm;
} sn_optimizer_common;
typedef struct sn_optimizer_type {
    sn_desc desc;
    int nstate;                /* buffers of one value per weight */
    const char *state_name[3]; /* "m", "v": what r.layers.NAME.kernel.m is called */
    double state_init[3];
    double (*init)(const void *cfg, int state); /* where an option decides it; NULL = state_init */
    int (*states)(const void *cfg);             /* how many of them this configuration uses; NULL = nstate */
    /* t: this step's number from 1. lr is already the scheduled one. */
    void (*update)(const void *cfg, float *p, const float *g, float *const *state, size_t n, double lr,
                   int64_t t);
    /* What the next steps divide the gradient by, momentum aside, after t >= 1 steps: scale[i] > 0. NULL: by 1.
     */
    void (*scale)(const void *cfg, float *scale, float *const *state, size_t n, int64_t t);
    /* On a quadratic the steps stay bounded while lr times the largest eigenvalue of the Hessian, its rows
     * divided by scale, is below this (Cohen et al., arXiv:2103.00065 and arXiv:2207.14484). NULL: 2. */
    double (*stable)(const void *cfg);
} sn_optimizer_type;
extern const sn_kind sn_kind_optimizer;
/* What buffer i of an optimizer's state starts as. */
double sn_optimizer_state_init(const sn_obj *, int i);

/* ---- schedules (Keras optimizers/schedules): a pure function of the step from 0 ---- */
typedef struct sn_schedule_type {
    sn_desc desc;
    double (*at)(const void *cfg, int64_t step);
} sn_schedule_type;
extern const sn_kind sn_kind_schedule;

/* ---- metrics: accumulated over an epoch ---- */
typedef struct sn_metric_type {
    sn_desc desc;
    size_t (*state_size)(const void *cfg); /* doubles; zeroed at the start of an epoch */
    sn_status (*check_shapes)(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *);
    void (*update)(const void *cfg, double *state, const float *p, const float *t, size_t rows, size_t cols,
                   size_t tcols);
    double (*result)(const void *cfg, const double *state);
    /* Memory for updates with up to so many such rows. NULL: it needs none. */
    sn_status (*prepare)(const void *cfg, size_t rows, size_t cols, size_t tcols, sn_err *);
    int direction; /* +1: larger is better, -1: smaller, 0: unknown (for callbacks' mode = "auto") */
} sn_metric_type;
extern const sn_kind sn_kind_metric;
/* What "accuracy" means for these shapes (both one sample's): binary_accuracy, categorical_accuracy or
 * sparse_categorical_accuracy, by Keras 3's rule (trainers/compile_utils.py, get_metric). */
const sn_desc *sn_metric_resolve_accuracy(const sn_shape *out, const sn_shape *target);

#endif
