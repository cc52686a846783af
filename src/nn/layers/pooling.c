/* The walk over rows of pooling windows. */
#include "nn/layers/pooling.h"
#include "num/vec.h"
#include <string.h>

static void forward_rows(void *ctx, size_t from, size_t to) {
    const sn_pooling *p = ctx;
    for (size_t r = from; r < to; r++) p->row(p, (int64_t)r / p->d.oh, (int64_t)r % p->d.oh);
}

void SN_R(sn_pooling_forward)(sn_pool *pool, sn_pooling *p) {
    sn_for_ranges(pool, (size_t)(p->d.n * p->d.oh), sn_pooling_rows_per_cell(&p->d), forward_rows, p);
}

/* Windows that do not overlap: a cell owns the input rows from its windows' first to the next ones' first. */
static void backward_rows(void *ctx, size_t from, size_t to) {
    const sn_pooling *p = ctx;
    const sn_conv *d = &p->d;
    bool tiled = d->kh == d->sh && d->kw == d->sw && d->oh * d->sh == d->h && d->ow * d->sw == d->w;
    for (size_t r = from; r < to; r++) {
        int64_t n = (int64_t)r / d->oh, oy = (int64_t)r % d->oh, row = d->w * d->ci;
        int64_t first = oy == 0 ? 0 : oy * d->sh - d->pt;
        int64_t last = oy == d->oh - 1 ? d->h : (oy + 1) * d->sh - d->pt;
        if (!tiled) memset(p->dx + (n * d->h + first) * row, 0, (size_t)((last - first) * row) * sizeof(real));
        p->row(p, n, oy);
    }
}

static void backward_images(void *ctx, size_t from, size_t to) {
    const sn_pooling *p = ctx;
    size_t image = (size_t)(p->d.h * p->d.w * p->d.ci);
    for (size_t n = from; n < to; n++) {
        memset(p->dx + n * image, 0, image * sizeof(real));
        for (int64_t oy = 0; oy < p->d.oh; oy++) p->row(p, (int64_t)n, oy);
    }
}

void SN_R(sn_pooling_backward)(sn_pool *pool, sn_pooling *p) {
    const sn_conv *d = &p->d;
    p->add = d->kh > d->sh || d->kw > d->sw;
    if (p->add)
        sn_for_ranges(pool, (size_t)d->n, 1, backward_images, p);
    else
        sn_for_ranges(pool, (size_t)(d->n * d->oh), sn_pooling_rows_per_cell(d), backward_rows, p);
}
