#include "nn/losses/crossentropy.h"

static const sn_field fields[] = { SN_CATEGORICAL_FIELDS };

static sn_status check_shapes(const void *cfg, const sn_shape *out, const sn_shape *target, sn_err *e) {
    (void)cfg;
    return sn_want_one_hot("categorical_crossentropy", "loss=\"sparse_categorical_crossentropy\"", out, target,
                           e);
}

static void eval(const void *cfg, double *each, void *dp, const void *p, const void *t, size_t rows,
                 size_t cols, size_t tcols, double scale) {
    const sn_crossentropy_cfg *c = cfg;
    (void)tcols;
    for (size_t r = 0; r < rows; r++) {
        sn_row_target row = { .t = (const real *)t + r * cols,
                              .keep = 1 - c->label_smoothing,
                              .add = c->label_smoothing / (double)cols };
        each[r] = SN_R(sn_crossentropy_row)(dp ? (real *)dp + r * cols : NULL, (const real *)p + r * cols, &row,
                                            cols, c->from_logits, scale);
    }
}

const sn_loss_type SN_R(sn_loss_categorical_crossentropy) = {
    .desc = { .name = "categorical_crossentropy",
              .brief = "-sum t log p over the classes; targets are one-hot",
              .example = "categorical_crossentropy { label_smoothing = 0.1 }",
              .fields = fields,
              .cfg_size = sizeof(sn_crossentropy_cfg) },
    .check_shapes = check_shapes,
    .eval = eval,
    .check = { { "categorical_crossentropy{}", 3, 1 },
               { "categorical_crossentropy{label_smoothing=0.2}", 4, 1 },
               { "categorical_crossentropy{from_logits=true}", 5, 0 },
               { "categorical_crossentropy{from_logits=true, label_smoothing=0.1}", 2, 0 } },
};
