/* What maps of explanations need beside gradients (train/look.h): predictions with parts of the image covered,
 * and maps brought to the image's size. Nothing of the trainer changes by it. */
#ifndef SN_TRAIN_EXPLAIN_H
#define SN_TRAIN_EXPLAIN_H

#include "train/trainer.h"

/* Covering parts of a sample (h, w, c): Zeiler and Fergus, "Visualizing and understanding convolutional
 * networks" (2014), section 4.2. A patch stands at 0, stride, 2 stride, ... along each axis, the last one
 * flush with the end. */
typedef struct {
    int64_t size[2], channels; /* (h, w), c */
    int64_t patch[2];          /* 1 .. size */
    int64_t stride[2];         /* 1 .. patch: nothing is left out */
} sn_occlusion;

int64_t sn_occlusion_places(const sn_occlusion *, int axis);        /* how many, at least 1 */
int64_t sn_occlusion_at(const sn_occlusion *, int axis, int64_t i); /* where the i-th begins */
/* The outputs for x (h, w, c) with each patch in turn replaced by what `fill` (h, w, c) has there: out (places
 * down, places across, output's shape), in batches of that many, in inference mode. SN_ECANCEL: Ctrl-C. */
sn_status sn_occlusion_outputs(sn_trainer *, const sn_occlusion *, const float *x, const float *fill,
                               int64_t batch, float *out, sn_err *);
/* A number for each place -> a number for each pixel, the mean of those whose patch covers it: map (h, w). */
void sn_occlusion_spread(const sn_occlusion *, const float *values, float *map);

/* in (ih, iw) -> out (h, w), linear between the pixels' centers, which lie at halves; beyond the outermost ones
 * the value stays (torch's interpolate(mode = "bilinear", align_corners = False)). */
void sn_bilinear(float *out, int64_t h, int64_t w, const float *in, int64_t ih, int64_t iw);

#endif
