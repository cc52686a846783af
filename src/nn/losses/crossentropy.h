/* What the cross-entropies share, as losses and as metrics. */
#ifndef SN_NN_LOSSES_CROSSENTROPY_H
#define SN_NN_LOSSES_CROSSENTROPY_H

#include "nn/losses/targets.h"
#include "nn/objects.h"

typedef struct {
    bool from_logits;
    double label_smoothing;
} sn_crossentropy_cfg;
typedef struct {
    bool from_logits;
} sn_sparse_crossentropy_cfg;

#define SN_CROSSENTROPY_FIELDS(smoothing_doc)                                                                  \
    SN_BOOL(sn_crossentropy_cfg, from_logits, .doc = "predictions are raw scores, not probabilities"),         \
        SN_FLOAT(sn_crossentropy_cfg, label_smoothing, .min = 0, .max = 1, .doc = smoothing_doc),              \
        SN_FIELDS_END
#define SN_CATEGORICAL_FIELDS                                                                                  \
    SN_CROSSENTROPY_FIELDS("this share of each target is spread evenly over all classes")
#define SN_BINARY_FIELDS SN_CROSSENTROPY_FIELDS("targets are moved by this share towards one half")
#define SN_SPARSE_FIELDS                                                                                       \
    SN_BOOL(sn_sparse_crossentropy_cfg, from_logits, .doc = "predictions are raw scores, not probabilities"),  \
        SN_FIELDS_END

/* keras.backend.epsilon(): probabilities are clipped to [eps, 1 - eps] before the logarithm. */
#define SN_CLIP_LOW  ((real)1e-7)
#define SN_CLIP_HIGH ((real)(1.0 - 1e-7))

/* The target distribution of one row: keep * t[c] + add, or all on one class when t is NULL. */
typedef struct {
    const real *t; /* (cols) */
    double keep, add;
    size_t index;
} sn_row_target;

/* -sum t log p of one row, and (dp not NULL) scale times its gradient. p: (cols), dp: (cols). */
double SN_R(sn_crossentropy_row)(real *dp, const real *p, const sn_row_target *, size_t cols, bool from_logits,
                                 double scale);

#endif
