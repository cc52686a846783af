/* Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
 * networks" (2013), as in Keras initializers/random_initializers.py: the kernel as a matrix of (all but the
 * last axis, last axis) has orthonormal columns, or orthonormal rows when it is wider than tall. */
#include "base/mem.h"
#include "nn/initializers/random.h"
#include "num/kern.h"
#include <math.h>

typedef struct {
    double gain;
    int64_t seed;
} orthogonal_cfg;

static const sn_field fields[] = { SN_FLOAT(orthogonal_cfg, gain, .pos = 1, .def = 1, .min = -1e30, .max = 1e30,
                                            .doc = "factor of the matrix"),
                                   SN_SEED_FIELD(orthogonal_cfg, .pos = 2), SN_FIELDS_END };

/* Modified Gram-Schmidt on the rows of q (n, m), n <= m. This is the QR factorization whose R has a positive
 * diagonal: what Keras gets by multiplying Q with the signs of R's diagonal. In double the rows are orthogonal
 * to about 1e-16 times the condition number (Bjorck 1967), for random matrices far below what a float can show.
 */
static sn_status orthonormalize(double *q, int64_t n, int64_t m, sn_err *e) {
    const sn_kern_f64_table *k = sn_kern_f64();
    for (int64_t i = 0; i < n; i++) {
        if (sn_pool_cancelled(sn_pool_default())) return sn_fail(e, SN_ECANCEL, "interrupted");
        double *v = q + i * m;
        for (int64_t j = 0; j < i; j++) k->axpy(v, -k->dot(q + j * m, v, (size_t)m), q + j * m, (size_t)m);
        k->affine(v, v, 1 / sqrt(k->dot(v, v, (size_t)m)), 0, (size_t)m);
    }
    return SN_OK;
}

static sn_status fill(const void *cfg, float *w, const sn_shape *shape, int64_t fan_in, int64_t fan_out,
                      uint64_t seed, sn_err *e) {
    const orthogonal_cfg *c = cfg;
    (void)fan_in, (void)fan_out;
    char text[96];
    if (shape->n < 2)
        return sn_fail(
            e, SN_ESHAPE,
            "orthogonal: wants a weight of two or more dimensions, got %s; use zeros or random_normal for it",
            sn_shape_text(shape, false, text, sizeof text));
    int64_t cols = shape->d[shape->n - 1], rows = sn_shape_count(shape) / (cols ? cols : 1);
    int64_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
    if (n == 0) return SN_OK;
    double *q = sn_calloc((size_t)n * (size_t)m, sizeof *q, "orthogonal", e); /* (n, m) */
    if (!q) return SN_ENOMEM;
    sn_fill_normal_f64(q, (size_t)(n * m), 0, 1, sn_seed_of(c->seed, seed), 0);
    sn_status s = orthonormalize(q, n, m, e);
    for (int64_t i = 0; s == SN_OK && i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            w[i * cols + j] = (float)(c->gain * (rows < cols ? q[i * m + j] : q[j * m + i]));
    sn_free(q);
    return s;
}

const sn_initializer_type sn_initializer_orthogonal = {
    .desc = { .name = "orthogonal",
              .brief = "a random matrix with orthonormal columns (or rows), times gain",
              .example = "dense { 8, kernel_initializer = orthogonal { 1.4 } }",
              .fields = fields,
              .cfg_size = sizeof(orthogonal_cfg) },
    .fill = fill,
};
