/* The sharpness: the largest eigenvalue of the loss's Hessian in the weights, from products with the Hessian
 * that are central differences of gradients, in double precision: in float they would have to be so long that
 * ReLUs and max pools switch between their ends. Plain gradient descent is stable while its rate is below
 * 2 / sharpness: Cohen, Kaur, Li, Kolter, Talwalkar, "Gradient descent on neural networks typically occurs at
 * the edge of stability" (2021), arXiv:2103.00065.
 *
 * The iteration is the power method's locally optimal relative (Knyazev, "Toward the optimal preconditioned
 * eigensolver", 2001; here without preconditioning): each step goes to the best vector in the span of the
 * present one, its residual and the last step. Where the ends of the spectrum are of nearly the same size, as
 * with batch norm, the plain power method goes back and forth between them for hundreds of products. */
#ifndef SN_TRAIN_SHARPNESS_H
#define SN_TRAIN_SHARPNESS_H

#include "train/valley.h"

typedef struct {
    int iterations;   /* products at most, for each end */
    double tolerance; /* of the residual */
    uint64_t seed;    /* of the first vector */
    bool smallest;    /* find that too */
    /* An optimizer's scale P (sn_optimizer_type), slab layout: the eigenvalues are those of P^-1 H, found as
     * those of the symmetric P^-1/2 H P^-1/2. NULL: of H. */
    const float *scale;
} sn_sharpness_opts;

/* residual = ||H v - value v|| / |value|, ||v|| = 1, with a product made for it at the end: some eigenvalue is
 * that near to value. */
typedef struct {
    double value, residual;
    int iterations; /* products */
    bool converged;
} sn_eigenvalue;

typedef struct {
    sn_eigenvalue largest, smallest;
    double data; /* the data loss where it was measured */
    int64_t n;   /* samples */
} sn_sharpness;

/* Of the scout's loss (its penalties, its mode); the scout must have been made with slopes. SN_EINVAL: the
 * gradient or the loss is not finite; nothing is trained. */
sn_status sn_sharpness_find(sn_scout *, const sn_sharpness_opts *, sn_sharpness *, sn_err *);

#endif
