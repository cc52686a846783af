#include "train/probe.h"

static const sn_probe_column columns[] = { SN_STAT_COLUMNS, { NULL, NULL } };

/* After the update, where there is one. */
static void measure(sn_measure *m, const sn_sight *s) {
    const float *w = s->after ? s->after : s->weights;
    for (int r = 0; r < m->nrow; r++) {
        const sn_param *p = &m->model->params[m->row[r].param];
        sn_measure_take(m, r, w + p->offset, NULL, p->count);
        sn_measure_stats(m, r);
    }
}

extern const sn_probe_type sn_probe_weights;
const sn_probe_type sn_probe_weights = {
    .desc = { .name = "weights", .brief = "the parameters, after the step", .example = "weights{}" },
    .columns = columns,
    .rows = SN_ROWS_PARAMS,
    .updated = measure,
};
