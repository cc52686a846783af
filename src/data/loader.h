/* Batches in an epoch's order, prepared ahead by threads of their own (they never touch arithmetic); small ones
 * of data in memory are made when they are asked for. Batch b of an epoch is the positions [b * batch, (b + 1)
 * * batch) of that epoch's order, less the broken samples: it depends on (seed, epoch, b) alone, so a run
 * resumes at any batch to the same bits. */
#ifndef SN_DATA_LOADER_H
#define SN_DATA_LOADER_H

#include "data/dataset.h"

typedef struct {
    int64_t batch_size;
    bool shuffle; /* order = f(seed, epoch); false: 0, 1, 2, ... */
    uint64_t seed;
    int threads; /* 0: a default */
    int ahead;   /* batches prepared ahead; 0: a default, bounded by memory */
    bool borrow; /* batches may lie in the dataset's own memory: it stays as it is while they are in use */
} sn_loader_opts;

typedef struct {
    int64_t n;            /* samples; 0 only at the end of the epoch */
    const float *x, *y;   /* (n, x_shape), (n, y_shape); valid until the next call */
    const int64_t *index; /* the samples' numbers in the dataset */
    int64_t number;       /* this batch's number in the epoch */
} sn_batch;

typedef struct sn_loader sn_loader;

sn_status sn_loader_new(sn_loader **, sn_dataset *, const sn_loader_opts *, sn_err *); /* retains the dataset */
void sn_loader_free(sn_loader *);
int64_t sn_loader_batches(const sn_loader *);     /* per epoch: ceil(count / batch_size) */
sn_dataset *sn_loader_dataset(const sn_loader *); /* borrowed */
int64_t sn_loader_batch_size(const sn_loader *);  /* the most samples that a batch has */
/* The next batch asked for will be this one; drops what was prepared for elsewhere. */
sn_status sn_loader_seek(sn_loader *, int64_t epoch, int64_t batch, sn_err *);
/* Waits for the next batch that has any sample; after the last one, n = 0 until a seek. SN_ECANCEL when it
 * would have to wait and sn_loader_interrupt was called since it last said so: calling again goes on without
 * loss. An error of a sample (not SN_ESKIP) is reported at its batch; calling again tries that batch again.
 * When every sample is broken, the end of the epoch is an error. One thread at a time. */
sn_status sn_loader_next(sn_loader *, sn_batch *, sn_err *);
void sn_loader_interrupt(sn_loader *); /* async-signal-safe: wakes a waiting sn_loader_next */
size_t sn_loader_bytes(const sn_dataset *, const sn_loader_opts *); /* memory it will hold */

#endif
