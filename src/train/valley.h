/* Around the weights: the loss and its gradient at other weights than a model's own, for landscapes and for
 * the sharpness (train/sharpness.h). It happens on a copy: whatever comes of it, the model, its optimizer and
 * its runs are as they were.
 *
 * Slabs have the model's layout. Directions are zero where nothing is trained: statistics, frozen layers. */
#ifndef SN_TRAIN_VALLEY_H
#define SN_TRAIN_VALLEY_H

#include "data/loader.h"
#include "train/trainer.h"

typedef struct {
    int64_t batch_size;
    int64_t batches; /* the first ones of an order that the seed shuffles; 0 = all */
    uint64_t seed;   /* of that order and of dropout: the same samples and masks each time */
    bool train;      /* batch statistics and dropout as in a training step; else inference */
    bool slopes;     /* sn_scout_slope will be called, instead of sn_scout_point */
    bool penalties;  /* the slope has the regularizers' part */
} sn_scout_opts;

typedef struct {
    sn_model *model; /* the copy; its slab is where the loss is looked at */
    sn_trainer *trainer;
    sn_plan *plan; /* float; double for slopes */
    double *xy;    /* for slopes: a batch in double, x first */
    sn_dataset *data;
    sn_loader *loader;
    sn_scout_opts o;
    float *origin;       /* the weights that were copied */
    float *direction[2]; /* NULL: not made */
} sn_scout;

/* The trainer must be compiled; both it and its model are only read. */
sn_status sn_scout_new(sn_scout **, const sn_trainer *, sn_dataset *, const sn_scout_opts *, sn_err *);
void sn_scout_free(sn_scout *); /* NULL is fine */

/* The losses at origin + a direction[0] + b direction[1], averaged over the samples; a direction that is not
 * made counts as zero. Metrics: sn_trainer_metric(scout->trainer, i). What is NaN or infinite there is no
 * error. On SN_ECANCEL the pool's flag is down again. */
sn_status sn_scout_point(sn_scout *, double a, double b, sn_losses *, sn_err *);

/* Batches one by one: rewind, then next until its n is 0. */
sn_status sn_scout_rewind(sn_scout *, sn_err *);
sn_status sn_scout_next(sn_scout *, sn_batch *, sn_err *);
/* The gradient at params of the mean loss of one batch, in double precision, into grads, which is overwritten;
 * both are slabs. *data: the data loss. */
sn_status sn_scout_slope(sn_scout *, const sn_batch *, const double *params, double *grads, double *data,
                         sn_err *);
sn_status sn_scout_settle(sn_scout *, sn_status); /* the flag goes down with an SN_ECANCEL */

/* A random direction, normalized filter by filter (Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss
 * landscape of neural nets", 2018, arXiv:1712.09913, section 4): d is normal, then
 *     d[i,j] <- d[i,j] / ||d[i,j]|| * ||w[i,j]||
 * where a filter is what makes one output: a slice of a kernel's last axis (HWIO: an output channel; dense: a
 * unit). Biases and the parameters of batch norm (all that have one axis) stay, as in the authors' program. */
sn_status sn_scout_random(sn_scout *, int axis, uint64_t seed, sn_err *);
/* origin - from: the way that led here. */
sn_status sn_scout_along(sn_scout *, int axis, const float *from, sn_err *);
/* The direction's slab, zeroed when it is made now; NULL = no memory. */
float *sn_scout_direction(sn_scout *, int axis, sn_err *);
/* Dot product of two slabs over what is trained. */
double sn_scout_dot(const sn_scout *, const float *a, const float *b);

#endif
