/* Is a layer's backward pass the derivative of its forward pass, and does it keep the rest of a layer's
 * contract (nn/layer.h)? Checked on the layer alone, by central differences in float64. */
#ifndef SN_NN_GRADCHECK_H
#define SN_NN_GRADCHECK_H

#include "nn/layer.h"

enum { SN_RIG_MAXIN = 2 };

/* One call of one layer with buffers of its own, in either precision. The values are a function of seed, and
 * are floats in both precisions, so that the two see the same numbers. Must not be moved: io points into it. */
typedef struct {
    sn_obj *obj;
    const sn_layer_type *type;
    sn_dtype dtype;
    int nin;
    sn_shape in[SN_RIG_MAXIN]; /* batch first */
    sn_layer_plan plan;
    size_t nx[SN_RIG_MAXIN], ny, np[SN_MAXPARAM]; /* elements */
    void *x[SN_RIG_MAXIN], *dx[SN_RIG_MAXIN], *y, *dy, *p[SN_MAXPARAM], *dp[SN_MAXPARAM];
    void *saved[SN_MAXSAVED], *scratch;
    void *hidden;                     /* nan, in the place of what a layer said it does not read */
    const void *x_seen[SN_RIG_MAXIN]; /* what io.x points to */
    void *dx_wanted[SN_RIG_MAXIN];    /* what io.dx points to */
    sn_io io;
} sn_rig;

/* type: of either precision; dtype: the one to run in. cfg: the layer's object text. in: nin shapes, batch
 * first. */
sn_status sn_rig_new(sn_rig *, const sn_layer_type *type, sn_dtype dtype, const char *cfg, const sn_shape *in,
                     int nin, uint64_t seed, sn_pool *, sn_err *);
void sn_rig_free(sn_rig *);
size_t sn_rig_size(const sn_rig *); /* bytes of one element */
void sn_rig_forward(sn_rig *, bool train);
/* After forward. What the layer's flags do not keep is hidden from it (nan), and so is what scratch held. dp is
 * added to. */
void sn_rig_backward(sn_rig *, bool want_dx, bool want_dp);
bool sn_rig_is_frozen(const sn_rig *); /* trainable = false: no gradients of parameters */

/* SN_OK when all of these hold, in training and in inference behaviour; else an error that says what does not:
 * dx of every input and dp of every parameter equal central differences to tolerance (norm of the difference
 * over the sum of the norms); dx = NULL and dp = NULL change nothing else; dp is added to; allowed in-place
 * calls give the same bits; nothing is read that the flags do not keep; buffers for a batch serve smaller ones.
 * *worst (may be NULL): the largest relative error met. */
sn_status sn_gradcheck_layer(const sn_layer_type *type, const char *cfg, const sn_shape *in, int nin,
                             uint64_t seed, double tolerance, double *worst, sn_pool *, sn_err *);
/* The same for a float64 rig; name stands in the error. */
sn_status sn_gradcheck_rig(sn_rig *, const char *name, double tolerance, double *worst, sn_err *);

#endif
