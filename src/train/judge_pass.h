/* One pass of a model over a labeled dataset: what judging needs, sample by sample. Samples that cannot be read
 * are left out of all arrays alike. */
#ifndef SN_TRAIN_JUDGE_PASS_H
#define SN_TRAIN_JUDGE_PASS_H

#include "data/loader.h"
#include "train/judge.h"
#include "train/trainer.h"

typedef struct {
    sn_judged seen;    /* with the arrays below */
    sn_dataset *data;  /* retained */
    float *out;        /* (n, units) */
    int32_t *label;    /* (n) */
    int64_t *index;    /* (n) the samples' numbers in the dataset */
    double *loss;      /* (n) data loss; NULL: was not asked for */
    int64_t soft;      /* labels that were no certainty (smoothed, mixed): the largest share was taken */
    int64_t bad;       /* samples with an output that is nan or infinite, or whose outputs sum to 0 */
    int64_t first_bad; /* their first place; -1: none */
} sn_judgment;

/* What the outputs are, by the loss (from_logits) and the last activation; an error for a regression model and
 * for outputs of more than one axis. */
sn_status sn_judge_head(const sn_trainer *, sn_judged *, sn_err *);

/* The loader stands at the beginning of the dataset; the trainer is prepared for its batches. Labels may be
 * class indices, one for each sample, or rows of one number for each class. with_loss needs a compiled model
 * whose loss takes these labels. */
sn_status sn_judgment_new(sn_judgment **, sn_trainer *, sn_loader *, sn_dataset *, bool with_loss, sn_err *);
void sn_judgment_free(sn_judgment *);
/* "sample 7 (pets/cat/1.jpg)": the sample at that place, as messages call it. Returns buf. */
const char *sn_judgment_sample(const sn_judgment *, int64_t i, char *buf, size_t n);

#endif
