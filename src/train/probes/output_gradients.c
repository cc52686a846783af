#include "train/probe.h"

static const sn_probe_column columns[] = { SN_STAT_COLUMNS, { NULL, NULL } };

static void output_grad(sn_measure *m, int row, const float *dy, const sn_shape *shape) {
    sn_measure_take(m, row, dy, NULL, (size_t)sn_shape_count(shape));
    sn_measure_stats(m, row);
}

extern const sn_probe_type sn_probe_output_gradients;
const sn_probe_type sn_probe_output_gradients = {
    .desc = { .name = "output_gradients",
              .brief = "the gradients of the loss with respect to the layers' outputs",
              .example = "output_gradients{}" },
    .columns = columns,
    .rows = SN_ROWS_LAYERS,
    .sees = SN_SEES_OUTPUT_GRAD,
    .output_grad = output_grad,
};
