/* Eigenvalues of small symmetric matrices in double. */
#ifndef SN_NUM_EIGEN_H
#define SN_NUM_EIGEN_H

/* Cyclic Jacobi (Golub, Van Loan, "Matrix computations", section 8.5). a (n, n), symmetric: its diagonal
 * becomes the eigenvalues, in no order. v (n, n): column i is the eigenvector of a[i][i], of length 1. What is
 * not finite stays so. */
void sn_eigen_symmetric(int n, double *a, double *v);

#endif
