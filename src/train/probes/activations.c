#include "train/probe.h"

#include <math.h>
#include <string.h>

enum { COL_UNITS = SN_STAT_COUNT, COL_DEAD, COL_SAMPLES };

static const sn_probe_column columns[] = {
    SN_STAT_COLUMNS,
    { "units", "size of the last axis: channels, or units of a dense layer" },
    { "dead",
      "units that were exactly 0 in every sample and place seen; when recorded: since the epoch began" },
    { "samples", "how many samples that is over" },
    { NULL, NULL }
};

static size_t units_of(const sn_measure *m, int row) {
    const sn_shape *s = &m->model->nodes[m->model->layers[m->row[row].layer].node].out;
    return s->n ? (size_t)s->d[s->n - 1] : 1;
}

/* The largest size of each unit in this step, then in all that count. */
static size_t memory(const sn_measure *m, int row) { return 2 * units_of(m, row); }

static void output(sn_measure *m, int row, const float *y, const sn_shape *shape) {
    size_t n = (size_t)sn_shape_count(shape), units = units_of(m, row);
    if (m->taken[row] == 0) memset(m->units[row], 0, units * sizeof(float));
    sn_measure_take(m, row, y, NULL, n);
    sn_measure_stats(m, row);
    if (!m->again) sn_unit_most(m->pool, m->units[row], m->scratch, y, n / units, units);
}

static void commit(sn_measure *m) {
    m->over += m->n;
    for (int r = 0; r < m->nrow; r++) {
        if (m->taken[r] == 0) continue;
        size_t units = units_of(m, r), dead = 0;
        float *now = m->units[r], *all = now + units;
        for (size_t i = 0; i < units; i++) {
            if (now[i] != 0) all[i] = now[i];
            dead += all[i] == 0;
        }
        double *v = sn_measure_row(m, r);
        v[COL_UNITS] = (double)units;
        v[COL_DEAD] = (double)dead;
        v[COL_SAMPLES] = (double)m->over;
    }
}

static void reset(sn_measure *m) {
    for (int r = 0; r < m->nrow; r++) memset(m->units[r], 0, memory(m, r) * sizeof(float));
}

extern const sn_probe_type sn_probe_activations;
const sn_probe_type sn_probe_activations = {
    .desc = { .name = "activations", .brief = "the outputs of the layers", .example = "activations{}" },
    .columns = columns,
    .rows = SN_ROWS_LAYERS,
    .sees = SN_SEES_OUTPUT,
    .units = memory,
    .output = output,
    .commit = commit,
    .reset = reset,
};
