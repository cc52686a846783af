/* The options of the pooling layers (Keras layers/pooling/base_pooling.py), and the windows they make. */
#include "nn/layers/pooling.h"

const sn_field sn_pooling_fields[] = {
    SN_PAIR(sn_pooling_cfg, pool_size, .pos = 1, .def = 2, .min = 1, .max = SN_WINDOW_MAX,
            .doc = "height and width of the window"),
    SN_PAIR(sn_pooling_cfg, strides, .min = 1, .max = SN_WINDOW_MAX,
            .doc = "step of the window; pool_size when absent"),
    SN_ENUM(sn_pooling_cfg, padding, .choices = sn_padding_names,
            .doc = "\"same\": output size = input size / stride, rounded up; what lies outside does not count"),
    SN_FIELDS_END,
};

static sn_window window(const char *layer, const sn_pooling_cfg *c) {
    return (sn_window){ layer, "pool_size",    c->pool_size, c->strides[0] ? c->strides : c->pool_size,
                        NULL,  c->padding == 1 };
}

sn_conv sn_pooling_geometry(const sn_pooling_cfg *c, const sn_shape *in) {
    sn_window w = window("", c);
    return sn_layer_window_of(&w, in, in->d[3]);
}

sn_status sn_pooling_plan(const char *layer, const sn_pooling_cfg *c, const sn_shape *in, sn_layer_plan *p,
                          sn_conv *d, sn_err *e) {
    sn_window w = window(layer, c);
    if (sn_layer_window(&w, in, in->n == 4 ? in->d[3] : 0, d, e) != SN_OK) return SN_ESHAPE;
    sn_shape out = { 4, { d->n, d->oh, d->ow, d->co } };
    return sn_layer_set_out(layer, &out, p, e);
}

/* Tap numbers fit into a byte, and one of its values is left for none of them. */
sn_windows sn_pooling_windows(const sn_conv *d) {
    return (sn_windows){ d->h,  d->w,  d->ci, d->oh, d->ow, d->kh,
                         d->kw, d->sh, d->sw, d->pt, d->pl, d->kh * d->kw > SN_NO_TAP };
}

enum { CELL_READS = 1 << 16 }; /* wanted window reads of one cell */

size_t sn_pooling_rows_per_cell(const sn_conv *d) {
    return 1 + CELL_READS / (size_t)(d->ow * d->co * d->kh * d->kw);
}
