#include "nn/losses/crossentropy.h"

#include <math.h>

static const sn_field fields[] = { SN_SPARSE_FIELDS };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_indices("sparse_categorical_crossentropy", "loss=\"categorical_crossentropy\"", out, target,
                           e);
}

static void eval(const void *cfg, double *each, void *dp, const void *p, const void *vt, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const sn_sparse_crossentropy_cfg *c = cfg;
    const real *t = vt; /* (rows, 1) */
    (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        real *row = dp ? (real *)dp + r * cols : NULL;
        if (t[r] >= 0 && t[r] < (real)cols) {
            sn_row_target at = { .index = (size_t)t[r] };
            each[r] =
                SN_R(sn_crossentropy_row)(row, (const real *)p + r * cols, &at, cols, c->from_logits, scale);
        } else { /* no such class: the loss says so, the weights are not harmed */
            each[r] = (double)NAN;
            for (size_t k = 0; row && k < cols; k++) row[k] = 0;
        }
    }
}

const sn_loss_type SN_R(sn_loss_sparse_categorical_crossentropy) = {
    .desc = { .name = "sparse_categorical_crossentropy",
              .brief = "-log p of the true class; targets are class indices from 0",
              .example = "sparse_categorical_crossentropy { from_logits = true }",
              .fields = fields,
              .cfg_size = sizeof(sn_sparse_crossentropy_cfg) },
    .check_shapes = check_shapes,
    .eval = eval,
    .sparse = true,
    .check = { { "sparse_categorical_crossentropy{}", 4, 1 },
               { "sparse_categorical_crossentropy{from_logits=true}", 3, 0 } },
};
