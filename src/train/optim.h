/* The update of the weights: clipping, decoupled weight decay, the optimizer. grads: the model's slab layout.
 */
#ifndef SN_TRAIN_OPTIM_H
#define SN_TRAIN_OPTIM_H

#include "train/trainer.h"

/* What clipping needs to know of the gradients, into trainer->clip_scale; cancellable, changes nothing else. */
sn_status sn_optim_measure(sn_trainer *, const float *grads, sn_err *);
/* May the update add the penalties that sn_param_penalty_is_local? Not where clipping measures gradients. */
bool sn_optim_takes_penalties(const sn_trainer *);
/* The update, whole: the cancel flag is ignored. penalties: they are added to grads on the way, in the same
 * pass over memory. */
void sn_optim_apply(sn_trainer *, float *grads, bool penalties);
/* What the next step divides each gradient by (sn_optimizer_type.scale), into a slab; 1 where nothing learns.
 * false: by 1 all of them, or a parameter that learns has made no step yet. */
bool sn_optim_scale(const sn_trainer *, float *out);

#endif
