/* Checks of shapes and sizes that plan functions share. */
#include "base/mem.h"
#include "nn/layers/common.h"
#include <stdio.h>
#include <string.h>

const char *const sn_padding_names[] = { "valid", "same", NULL };

/* Elements of one array that we are willing to index: sums and products of a few such counts do not overflow.
 */
static const int64_t max_elements = (int64_t)1 << 48;

sn_status sn_layer_set_out(const char *layer, const sn_shape *out, sn_layer_plan *p, sn_err *e) {
    char text[160];
    int64_t n = sn_shape_count(out);
    if (n < 0 || n > max_elements)
        return sn_fail(e, SN_ESHAPE, "%s: the output %s is too large to count; use smaller sizes", layer,
                       sn_shape_text(out, true, text, sizeof text));
    p->out = *out;
    return SN_OK;
}

sn_status sn_layer_add_param(const char *layer, const sn_param_spec *spec, sn_layer_plan *p, sn_err *e) {
    char shape[160], need[32], have[32];
    int64_t n = sn_shape_count(&spec->shape);
    size_t limit = sn_mem_limit();
    sn_shape_text(&spec->shape, false, shape, sizeof shape);
    if (n < 0 || n > max_elements)
        return sn_fail(e, SN_ESHAPE, "%s: the %s %s is too large to count; use smaller sizes", layer,
                       spec->name, shape);
    if ((uint64_t)n > limit / sizeof(float))
        return sn_fail(e, SN_ENOMEM, "%s: the %s %s needs %s, the memory limit is %s; use smaller sizes", layer,
                       spec->name, shape, sn_bytes(need, sizeof need, (double)n * sizeof(float)),
                       sn_bytes(have, sizeof have, (double)limit));
    if (p->nparam == SN_MAXPARAM) SN_BUG("a layer with too many parameters");
    p->param[p->nparam++] = *spec;
    return SN_OK;
}

sn_conv sn_layer_window_of(const sn_window *w, const sn_shape *in, int64_t co) {
    static const int64_t one[2] = { 1, 1 };
    const int64_t *dil = w->dilation ? w->dilation : one;
    sn_conv d = { .n = in->d[0],
                  .h = in->d[1],
                  .w = in->d[2],
                  .ci = in->d[3],
                  .kh = w->size[0],
                  .kw = w->size[1],
                  .co = co,
                  .sh = w->strides[0],
                  .sw = w->strides[1],
                  .dh = dil[0],
                  .dw = dil[1] };
    d.oh = sn_conv_axis(d.h, d.kh, d.sh, d.dh, w->same, &d.pt);
    d.ow = sn_conv_axis(d.w, d.kw, d.sw, d.dw, w->same, &d.pl);
    return d;
}

sn_status sn_layer_window(const sn_window *w, const sn_shape *in, int64_t co, sn_conv *d, sn_err *e) {
    if (sn_layer_want_rank(w->layer, in, 4, "(batch, height, width, channels)", e) != SN_OK) return SN_ESHAPE;
    *d = sn_layer_window_of(w, in, co);
    if (d->oh > 0 && d->ow > 0) return SN_OK;
    char got[160], wide[96] = "";
    if (d->dh > 1 || d->dw > 1)
        snprintf(wide, sizeof wide, ", spread by dilation_rate to (%lld, %lld),",
                 (long long)((d->kh - 1) * d->dh + 1), (long long)((d->kw - 1) * d->dw + 1));
    return sn_fail(e, SN_ESHAPE,
                   "%s: %s (%lld, %lld)%s is larger than the input %s; use a smaller one or padding = \"same\"",
                   w->layer, w->what, (long long)d->kh, (long long)d->kw, wide,
                   sn_shape_text(in, true, got, sizeof got));
}

typedef struct {
    char *y;
    const char *x;
    size_t n;
} copy_ctx;

enum { COPY_CHUNK = 1 << 18 }; /* bytes of one cell */

static void copy_cell(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const copy_ctx *c = ctx;
    size_t from = (size_t)cell * COPY_CHUNK, n = c->n - from < COPY_CHUNK ? c->n - from : COPY_CHUNK;
    memcpy(c->y + from, c->x + from, n);
}

void sn_copy_bytes(sn_pool *pool, void *y, const void *x, size_t n) {
    if (y == x || n == 0) return;
    sn_parallel(pool, (int64_t)((n + COPY_CHUNK - 1) / COPY_CHUNK), copy_cell, &(copy_ctx){ y, x, n });
}
