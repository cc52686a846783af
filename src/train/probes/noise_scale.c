/* The simple noise scale B_simple = tr(S) / |G|^2 of McCandlish, Kaplan, Amodei: An Empirical Model of
 * Large-Batch Training (2018, arXiv 1812.06162), section 2.2 and appendix A.1: with S the covariance of one
 * sample's gradient and G its mean, a batch of B samples has E|g|^2 = |G|^2 + tr(S) / B, and two batches,
 * independent of each other, have E g.g' = |G|^2. Successive steps are taken as two such batches of the same
 * weights: B_simple = B (mean |g_t|^2 - mean g_t.g_{t-1}) / mean g_t.g_{t-1} over a window of measured steps; B
 * is the harmonic mean of their sizes. */
#include "train/probe.h"

#include <math.h>

typedef struct {
    int64_t window;
} config;

enum { COL_SCALE, COL_STEPS };

static const sn_field fields[] = { SN_INT(config, window, .pos = 1, .def = 50, .min = 1, .max = 1 << 16,
                                          .doc = "measured steps that are averaged over"),
                                   SN_FIELDS_END };
static const sn_probe_column columns[] = {
    { "noise_scale",
      "B_simple: below this batch size doubling the batch nearly halves the steps that are needed; nan = "
      "successive gradients do not point the same way at all" },
    { "steps", "measured steps in the window" },
    { NULL, NULL }
};

/* State: how many steps were taken; then of each step 1 / samples; then row by row |g|^2, g.g' of each. */
static size_t window_of(const sn_measure *m) { return (size_t)((const config *)m->probe->cfg)->window; }
static size_t memory(const sn_measure *m) { return 1 + window_of(m) * (1 + 2 * (size_t)m->nrow); }
static double *slot_of(const sn_measure *m, int row, size_t slot) {
    return m->state + 1 + window_of(m) * (1 + 2 * (size_t)row) + 2 * slot;
}

/* The newest slot is written in any case, and counts only when the step is made. */
static void measure(sn_measure *m, const sn_sight *s) {
    size_t slot = (size_t)m->state[0] % window_of(m);
    double aa = 0, ab = 0;
    m->state[1 + slot] = NAN;
    if (!s->previous) return;
    m->state[1 + slot] = 1 / (double)s->n;
    for (int r = 0; r < m->nrow; r++) {
        double *v = slot_of(m, r, slot);
        if (m->row[r].param < 0) {
            v[0] = aa, v[1] = ab;
            continue;
        }
        const sn_param *p = &m->model->params[m->row[r].param];
        const float *a = s->grads + p->offset, *b = s->previous + p->offset;
        v[0] = sn_dot_wide(m->pool, a, a, p->count);
        v[1] = sn_dot_wide(m->pool, a, b, p->count);
        aa += v[0], ab += v[1];
    }
}

static double scale_of(const sn_measure *m, int row, size_t n) {
    double per_sample = 0, sq = 0, dot = 0;
    for (size_t i = 0; i < n; i++) {
        per_sample += m->state[1 + i];
        sq += slot_of(m, row, i)[0];
        dot += slot_of(m, row, i)[1];
    }
    return dot > 0 ? (double)n / per_sample * (sq - dot) / dot : (double)NAN;
}

static void commit(sn_measure *m) {
    if (isnan(m->state[1 + (size_t)m->state[0] % window_of(m)])) return; /* there was no step before */
    m->state[0]++;
    size_t n = m->state[0] < (double)window_of(m) ? (size_t)m->state[0] : window_of(m);
    for (int r = 0; r < m->nrow; r++) {
        double *v = sn_measure_row(m, r);
        v[COL_SCALE] = scale_of(m, r, n);
        v[COL_STEPS] = (double)n;
    }
}

extern const sn_probe_type sn_probe_noise_scale;
const sn_probe_type sn_probe_noise_scale = {
    .desc = { .name = "noise_scale",
              .brief = "gradient noise scale, from successive gradients over a window of measured steps",
              .example = "noise_scale{ window = 100 }",
              .fields = fields,
              .cfg_size = sizeof(config) },
    .columns = columns,
    .rows = SN_ROWS_TRAINABLE,
    .whole = true,
    .sees = SN_SEES_GRADS | SN_SEES_PREVIOUS,
    .state = memory,
    .gradients = measure,
    .commit = commit,
};
