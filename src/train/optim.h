/* The update of the weights from trainer->grads: clipping, decoupled weight decay, the optimizer. */
#ifndef SN_TRAIN_OPTIM_H
#define SN_TRAIN_OPTIM_H

#include "train/trainer.h"

/* What clipping needs to know of the gradients, into trainer->clip_scale; cancellable, changes nothing else. */
sn_status sn_optim_measure(sn_trainer *, sn_err *);
/* The update, whole: the cancel flag is ignored. */
void sn_optim_apply(sn_trainer *);

#endif
