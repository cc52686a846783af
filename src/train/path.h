/* The path of a training run: weights kept now and then, for drawing it into a landscape. */
#ifndef SN_TRAIN_PATH_H
#define SN_TRAIN_PATH_H

#include "train/valley.h"

enum { SN_MAXPATH = 64 };

typedef struct {
    size_t count; /* of a slab */
    int cap, n;
    int64_t every, seen; /* of the `seen` that were offered, every every-th is kept */
    float *slabs;        /* (cap, count) */
    int64_t label[SN_MAXPATH];
} sn_path;

/* Room for cap snapshots (4 .. SN_MAXPATH) of the model's weights, taken at once, so that none is missing later
 * for want of memory. */
sn_status sn_path_new(sn_path **, const sn_model *, int cap, sn_err *);
void sn_path_free(sn_path *); /* NULL is fine */
/* Offers the weights as they are. When the room is full, every other snapshot goes, and only every other offer
 * is taken from then on: the first one stays. */
void sn_path_offer(sn_path *, const sn_model *, int64_t label);

const float *sn_path_at(const sn_path *, int i);

/* Coordinates of every snapshot in the plane of the scout's directions, relative to its origin: a and b (n
 * values each) minimize the distance, over what is trained. With one direction b is 0. far: that distance. */
sn_status sn_path_project(const sn_path *, sn_scout *, double *a, double *b, double *far, sn_err *);
/* The directions in which the snapshots and the origin spread most (principal components, Li et al. 2018,
 * section 7), of length 1; from the Gram matrix of the n + 1 points. share[k]: of the variance. Fewer
 * directions than dims are an error that says what is missing. */
sn_status sn_path_components(const sn_path *, sn_scout *, int dims, double *share, sn_err *);

#endif
