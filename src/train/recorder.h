/* A recorder measures probes at every k-th step of one run and keeps their rows. It only reads, and costs
 * nothing at the other steps. A row counts when its step was made. */
#ifndef SN_TRAIN_RECORDER_H
#define SN_TRAIN_RECORDER_H

#include "train/probe.h"
#include "train/run.h"

typedef struct sn_recorder sn_recorder;

/* Begins at once. run is borrowed and must outlive it, with its trainer; it sees that run's steps only. layers
 * (model->nlayer): which; NULL = all. every: 1 = each step; else those whose number (from 1, of the optimizer)
 * is a multiple of it. keep: all rows; else the last ones only. */
sn_status sn_recorder_new(sn_recorder **, sn_run *, sn_obj *const *probes, int nprobe, const bool *layers,
                          int64_t every, bool keep, sn_err *);
void sn_recorder_stop(sn_recorder *); /* what was recorded stays */
bool sn_recorder_stopped(const sn_recorder *);
void sn_recorder_free(sn_recorder *); /* NULL is fine */

int64_t sn_recorder_count(const sn_recorder *);           /* recorded steps that are kept */
int64_t sn_recorder_step(const sn_recorder *, int64_t i); /* the number of one of them */
int sn_recorder_probes(const sn_recorder *);
const sn_measure *sn_recorder_measure(const sn_recorder *,
                                      int probe); /* its rows and columns; not its values */
/* The values of that probe at recorded step i: (nrow, ncol). */
const double *sn_recorder_values(const sn_recorder *, int probe, int64_t i);

#endif
