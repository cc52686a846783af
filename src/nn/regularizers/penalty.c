#include "nn/regularizers/penalty.h"

typedef struct {
    real *dw;      /* (n) */
    const real *w; /* (n) */
    real a;
} sign_job;

static void add_sign_range(void *ctx, size_t from, size_t to) {
    const sign_job *j = ctx;
    for (size_t i = from; i < to; i++) j->dw[i] += j->w[i] > 0 ? j->a : j->w[i] < 0 ? -j->a : 0;
}

void SN_R(sn_penalty_add_sign)(sn_pool *pool, real *dw, const real *w, real a, size_t n) {
    sn_for_ranges(pool, n, SN_CHUNK, add_sign_range, &(sign_job){ dw, w, a });
}
