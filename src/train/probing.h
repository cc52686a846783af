/* A probe measures once: the last step of a run, or any batch, beside the training. */
#ifndef SN_TRAIN_PROBING_H
#define SN_TRAIN_PROBING_H

#include "train/look.h"
#include "train/probe.h"

/* From what the trainer keeps of the run's last step; outputs and their gradients by computing it once more.
 * Errors say what is gone and what helps. Parts of gradients are not measured when the weights that the step
 * saw are gone. */
sn_status sn_probe_last(sn_measure *, sn_run *, sn_err *);
/* Can that be measured from a scene: a batch at given weights? Not what compares steps. */
bool sn_probe_of_scene(const sn_measure *);
/* Adds a batch, between sn_measure_begin and sn_measure_commit. grads: a slab to work in, for probes that see
 * SN_SEES_GRADS. */
sn_status sn_probe_scene(sn_measure *, sn_trainer *, const sn_scene *, float *grads, sn_err *);

#endif
