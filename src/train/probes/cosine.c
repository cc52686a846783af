#include "train/probe.h"

#include <math.h>

static const sn_probe_column columns[] = {
    { "cosine",
      "of the angle between this step's gradient and that of the step before; 1 = the same direction" },
    { NULL, NULL }
};

static void measure(sn_measure *m, const sn_sight *s) {
    double ab = 0, aa = 0, bb = 0;
    if (!s->previous) return;
    for (int r = 0; r < m->nrow; r++) {
        double *v = sn_measure_row(m, r);
        if (m->row[r].param < 0) {
            v[0] = ab / (sqrt(aa) * sqrt(bb));
            continue;
        }
        const sn_param *p = &m->model->params[m->row[r].param];
        const float *a = s->grads + p->offset, *b = s->previous + p->offset;
        double dot = sn_dot_wide(m->pool, a, b, p->count), na = sn_dot_wide(m->pool, a, a, p->count),
               nb = sn_dot_wide(m->pool, b, b, p->count);
        v[0] = dot / (sqrt(na) * sqrt(nb));
        ab += dot, aa += na, bb += nb;
    }
}

extern const sn_probe_type sn_probe_cosine;
const sn_probe_type sn_probe_cosine = {
    .desc = { .name = "cosine", .brief = "cosine between successive gradients", .example = "cosine{}" },
    .columns = columns,
    .rows = SN_ROWS_TRAINABLE,
    .whole = true,
    .sees = SN_SEES_GRADS | SN_SEES_PREVIOUS,
    .gradients = measure,
};
