/* Are the gradients of a whole model, its loss and penalties included, the derivatives of that loss? Checked on
 * one batch in float64, in training behaviour, by central differences. */
#ifndef SN_NN_GRADCHECK_MODEL_H
#define SN_NN_GRADCHECK_MODEL_H

#include "nn/model.h"

typedef struct {
    const sn_model *model;
    const sn_obj *loss;
    const sn_shape *target; /* one sample's */
    int64_t n;
    const float *x, *y;
    int64_t elements; /* of each parameter at most, spread evenly */
    double tolerance; /* relative; where gradients are below 1e-3 of the parameter's largest, of that */
    uint64_t seed, step;
    sn_pool *pool;
} sn_gradcheck;

typedef struct {
    int64_t checked;
    int64_t kinks; /* where the loss has a corner, so that the two one-sided derivatives differ: not judged */
    int64_t wrong; /* beyond the tolerance */
    double error;  /* the largest relative error of those judged */
    int64_t worst; /* the element of that, from 0 */
    double analytic, numeric; /* there */
} sn_param_check;

/* Fills out (one for each parameter; checked = 0 where it does not learn). Changes nothing. Can be cancelled.
 */
sn_status sn_gradcheck_model(const sn_gradcheck *, sn_param_check *out, sn_err *);

#endif
