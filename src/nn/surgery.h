/* Changing the graph of a model that lives: a layer is replaced, inserted or removed; the weights of the others
 * stay. The model is the same afterwards (the pointer, its seed); those who hold something in its layout change
 * with it. All or nothing: an error, an interruption and a want of memory leave everything as it was. */
#ifndef SN_NN_SURGERY_H
#define SN_NN_SURGERY_H

#include "nn/model.h"

typedef enum { SN_REPLACE, SN_INSERT_BEFORE, SN_INSERT_AFTER, SN_REMOVE } sn_surgery_what;

typedef struct {
    sn_surgery_what what;
    int layer;         /* that is replaced, removed, or has the new one before or behind it */
    int node;          /* insertions: the last node of the call meant; -1: the layer has one only */
    sn_obj *obj;       /* the new layer, retained; of remove: NULL */
    bool keep_weights; /* replace: parameters of the same name and shape go on with theirs */
    uint64_t seed;     /* of new weights */
} sn_surgery;

/* A replaced layer's name stays, unless the new one brings its own or the name tells another type (dense_1).
 * Layers that get parameters of other shapes, because what comes before them changed, begin with new weights:
 * *fresh (may be NULL; of sn_alloc, (nlayer) of the changed model) says which, the new layer included. Errors
 * name the layer and the shapes. */
sn_status sn_model_operate(sn_model *, const sn_surgery *, bool **fresh, sn_err *);

/* ---- those who change with it ---- */

typedef struct {
    const sn_model *from, *to; /* before and after; the one who follows keeps its pointer to the model */
    const int *layer;          /* (to->nlayer): that layer in from; -1: new */
    const int *param;          /* (to->nparam): the one in from whose values it goes on with; -1: begins anew */
} sn_change;

/* Belongs to the one who follows; zeroed but for ctx and the functions. */
typedef struct sn_follower {
    void *ctx;
    /* Makes ready whatever takes memory, and changes nothing. */
    sn_status (*prepare)(void *ctx, const sn_change *, sn_err *);
    /* done: takes what was prepared; cannot fail. Else drops it, if there is any. */
    void (*settle)(void *ctx, const sn_change *, bool done);
    /* the model's */
    sn_model *model;
    struct sn_follower *next;
} sn_follower;

void sn_model_follow(sn_model *, sn_follower *);
void sn_model_unfollow(sn_follower *); /* nothing when it follows none, or the model is gone */

/* Copies what goes on from a slab of from's layout to one of to's; the rest of that stays as it is. */
void sn_change_slab(const sn_change *, float *to, const float *from);

#endif
