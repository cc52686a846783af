#include "train/probe.h"
#include "train/trainer.h"

enum { COL_PENALTY, COL_SHARE };

static const sn_probe_column columns[] = { { "penalty",
                                             "what the regularizers of the layer's weights add to the loss" },
                                           { "share", "its part of the total loss" },
                                           { NULL, NULL } };

static void measure(sn_measure *m, const sn_sight *s) {
    double total = s->data + s->penalty + s->activity, sum = 0;
    for (int r = 0; r < m->nrow; r++) {
        int layer = m->row[r].layer;
        double *v = sn_measure_row(m, r);
        v[COL_PENALTY] = layer < 0 ? sum : s->trainer->layer_penalty[layer];
        v[COL_SHARE] = v[COL_PENALTY] / total;
        sum += v[COL_PENALTY];
    }
}

extern const sn_probe_type sn_probe_penalty;
const sn_probe_type sn_probe_penalty = {
    .desc = { .name = "penalty",
              .brief = "what each layer's regularizers add to the loss",
              .example = "penalty{}" },
    .columns = columns,
    .rows = SN_ROWS_PENALIZED,
    .whole = true,
    .sees = SN_SEES_LOSS,
    .gradients = measure,
};
