/* Model files: one .sonde archive (a zip that numpy.load opens too) with
 *   model.txt                      layers and their calls (sn_model_print)
 *   compile.txt                    loss, optimizer, metrics; only of a compiled model
 *   weights/LAYER/PARAM.npy        every parameter, statistics included
 *   optimizer/STATE/LAYER/PARAM.npy  once a step was made
 * Data, never code: any bytes give a model or a clear error. Saving what was loaded gives the same bytes. */
#ifndef SN_TRAIN_MODEL_FILE_H
#define SN_TRAIN_MODEL_FILE_H

#include "base/archive.h"
#include "train/trainer.h"

/* Written atomically. trainer may be NULL: not compiled. */
sn_status sn_model_save(const char *path, const sn_model *, const sn_trainer *, sn_err *);
/* *trainer = NULL when it was saved without one. Both are the caller's. */
sn_status sn_model_load(const char *path, sn_model **, sn_trainer **, sn_err *);

/* Weights alone as an .npz: members LAYER/PARAM.npy. */
sn_status sn_weights_save(const char *path, const sn_model *, sn_err *);

#endif
