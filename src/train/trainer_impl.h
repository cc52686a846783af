/* Shared by trainer.c, trainer_step.c and trainer_change.c. */
#ifndef SN_TRAIN_TRAINER_IMPL_H
#define SN_TRAIN_TRAINER_IMPL_H

#include "train/trainer.h"

/* Before a batch: shapes, then the targets themselves. */
sn_status sn_trainer_check_batch(sn_trainer *, int64_t n, const float *y, const sn_shape *y_shape, sn_err *);
/* What may fail of the update of the metrics: before that of the weights. */
sn_status sn_trainer_prepare_metrics(sn_trainer *, int64_t n, sn_err *); /* for n samples */
/* A row is one sample, or one position of it when outputs have more axes than one (as the loss sees them). */
void sn_trainer_update_metrics(sn_trainer *, int64_t n, const float *out, const float *y);

/* Room for the outputs of n samples. */
sn_status sn_trainer_want_outputs(sn_trainer *, int64_t n, sn_err *);
/* Only the optimizer's state, where it is not there yet. */
sn_status sn_trainer_alloc_optimizer(sn_trainer *, sn_err *);
/* Makes it follow the changes of its model. */
void sn_trainer_follow(sn_trainer *);

#endif
