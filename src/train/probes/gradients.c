#include "train/probe.h"

typedef struct {
    int part;
} config;

enum { TOTAL, DATA, PENALTY, COL_DATA = SN_STAT_COUNT, COL_PENALTY };

static const char *const parts[] = { "total", "data", "penalty", NULL };

static const sn_field fields[] = {
    SN_ENUM(config, part, .choices = parts, .sdef = "total",
            .doc = "of the whole loss, of the data loss (with activity penalties), of the penalty on weights"),
    SN_FIELDS_END
};
static const sn_probe_column columns[] = { SN_STAT_COLUMNS,
                                           { "data_norm", "norm of the data loss's gradient" },
                                           { "penalty_norm", "norm of the penalty's gradient" },
                                           { NULL, NULL } };

static int part_of(const sn_measure *m) { return ((const config *)m->probe->cfg)->part; }

static bool needs_numbers(const void *cfg) { return ((const config *)cfg)->part != TOTAL; }

/* The norms of both parts: the data loss's gradient is the total without the penalty's. */
static void parts_of(sn_measure *m, int row, const sn_sight *s) {
    double *v = sn_measure_row(m, row);
    sn_moments penalty = { 0 }, data = { 0 };
    v[COL_DATA] = v[0];
    v[COL_PENALTY] = 0;
    if (part_of(m) != TOTAL || sn_measure_penalized(m, row)) {
        const sn_param *p = &m->model->params[m->row[row].param];
        if (sn_measure_penalized(m, row))
            sn_measure_penalty(m, row, s->grads, s->weights, &penalty, &data);
        else
            data = sn_moments_of(m->pool, s->grads + p->offset, NULL, p->count);
        v[COL_DATA] = sn_stats_of(&data).norm;
        v[COL_PENALTY] = sn_stats_of(&penalty).norm;
    }
}

/* What the first columns are of. */
static void take(sn_measure *m, int row, const sn_sight *s) {
    const sn_param *p = &m->model->params[m->row[row].param];
    const float *g = s->grads + p->offset;
    const float *pen = part_of(m) == TOTAL ? NULL : sn_measure_penalty_grad(m, row, s->weights);
    if (part_of(m) != PENALTY)
        sn_measure_take(m, row, g, pen, p->count);
    else if (pen)
        sn_measure_take(m, row, pen, NULL, p->count);
    else
        sn_measure_take_zeros(m, row, p->count);
}

/* Without the weights that it saw no part is known. */
static void measure(sn_measure *m, const sn_sight *s) {
    for (int r = 0; r < m->nrow; r++) {
        take(m, r, s);
        sn_measure_stats(m, r);
        if (s->weights) parts_of(m, r, s);
    }
}

extern const sn_probe_type sn_probe_gradients;
const sn_probe_type sn_probe_gradients = {
    .desc = { .name = "gradients",
              .brief = "the gradients of the loss, before clipping",
              .example = "gradients{ part = \"data\" }",
              .fields = fields,
              .cfg_size = sizeof(config) },
    .columns = columns,
    .rows = SN_ROWS_TRAINABLE,
    .sees = SN_SEES_GRADS,
    .penalty = needs_numbers,
    .gradients = measure,
};
