/* The sharpness: the largest eigenvalue of the loss's Hessian in the weights, by power iteration on central
 * differences of gradients. Plain gradient descent is stable while its rate is below 2 / sharpness: Cohen,
 * Kaur, Li, Kolter, Talwalkar, "Gradient descent on neural networks typically occurs at the edge of stability"
 * (2021), arXiv:2103.00065. */
#ifndef SN_TRAIN_SHARPNESS_H
#define SN_TRAIN_SHARPNESS_H

#include "train/valley.h"

typedef struct {
    int iterations;   /* at most, for each of the two searches */
    double tolerance; /* of the residual */
    uint64_t seed;    /* of the first vector */
    /* An optimizer's scale P (sn_optimizer_type), slab layout: the eigenvalues are those of P^-1 H, found as
     * those of the symmetric P^-1/2 H P^-1/2. NULL: of H. */
    const float *scale;
} sn_sharpness_opts;

typedef struct {
    double value;    /* the largest eigenvalue */
    double residual; /* ||H v - value v|| / |value|, ||v|| = 1: there is an eigenvalue that near to it */
    int iterations;  /* products with H, both searches together */
    bool converged;
    /* The eigenvalue of the largest size, where that was negative: H was then shifted by it to find the other
     * end. */
    bool has_lowest;
    double lowest, lowest_residual;
    double data; /* the data loss where it was measured */
    int64_t n;   /* samples */
} sn_sharpness;

/* Of the scout's loss (its penalties, its mode); the scout must have been made with gradients. Its weights are
 * left anywhere. SN_EINVAL: the gradient or the loss is not finite; nothing is trained. */
sn_status sn_sharpness_find(sn_scout *, const sn_sharpness_opts *, sn_sharpness *, sn_err *);

#endif
