#include "train/probe.h"

#include <math.h>

enum { COL_RATIO = SN_STAT_COUNT };

static const sn_probe_column columns[] = { SN_STAT_COLUMNS,
                                           { "ratio", "norm of the update / norm of the weights before it" },
                                           { NULL, NULL } };

static void measure(sn_measure *m, const sn_sight *s) {
    if (!s->weights || !s->after) return;
    for (int r = 0; r < m->nrow; r++) {
        const sn_param *p = &m->model->params[m->row[r].param];
        const float *w = s->weights + p->offset;
        sn_measure_take(m, r, s->after + p->offset, w, p->count);
        sn_measure_stats(m, r);
        double *v = sn_measure_row(m, r);
        v[COL_RATIO] = v[0] / sqrt(sn_dot_wide(m->pool, w, w, p->count));
    }
}

extern const sn_probe_type sn_probe_updates;
const sn_probe_type sn_probe_updates = {
    .desc = { .name = "updates", .brief = "what the step added to the parameters", .example = "updates{}" },
    .columns = columns,
    .rows = SN_ROWS_TRAINABLE,
    .sees = SN_SEES_BEFORE,
    .updated = measure,
};
