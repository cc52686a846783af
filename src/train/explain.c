#include "train/explain.h"

#include "base/mem.h"
#include <math.h>
#include <string.h>

/* ---- occlusion ---- */

int64_t sn_occlusion_places(const sn_occlusion *o, int axis) {
    return (o->size[axis] - o->patch[axis] + o->stride[axis] - 1) / o->stride[axis] + 1;
}

int64_t sn_occlusion_at(const sn_occlusion *o, int axis, int64_t i) {
    int64_t at = i * o->stride[axis], last = o->size[axis] - o->patch[axis];
    return at < last ? at : last;
}

/* to = x but for the patch of that place */
static void cover(const sn_occlusion *o, int64_t place, const float *x, const float *fill, float *to) {
    int64_t across = sn_occlusion_places(o, 1), row = o->size[1] * o->channels;
    int64_t y0 = sn_occlusion_at(o, 0, place / across), x0 = sn_occlusion_at(o, 1, place % across);
    memcpy(to, x, (size_t)(o->size[0] * row) * sizeof *to);
    for (int64_t y = y0; y < y0 + o->patch[0]; y++) {
        int64_t at = y * row + x0 * o->channels;
        memcpy(to + at, fill + at, (size_t)(o->patch[1] * o->channels) * sizeof *to);
    }
}

sn_status sn_occlusion_outputs(sn_trainer *t, const sn_occlusion *o, const float *x, const float *fill,
                               int64_t batch, float *out, sn_err *e) {
    int64_t places = sn_occlusion_places(o, 0) * sn_occlusion_places(o, 1);
    int64_t each = o->size[0] * o->size[1] * o->channels;
    int64_t units = sn_shape_count(sn_model_output_shape(t->model));
    if (batch > places) batch = places;
    float *covered = sn_alloc((size_t)batch * (size_t)each * sizeof *covered, "occlusion: covered images", e);
    if (!covered) return SN_ENOMEM;
    sn_status s = SN_OK;
    for (int64_t from = 0; s == SN_OK && from < places; from += batch) {
        int64_t n = places - from < batch ? places - from : batch;
        const float *y;
        for (int64_t i = 0; i < n; i++) cover(o, from + i, x, fill, covered + i * each);
        s = sn_trainer_predict(t, n, covered, &y, e);
        if (s == SN_OK) memcpy(out + from * units, y, (size_t)(n * units) * sizeof *out);
    }
    sn_free(covered);
    return s;
}

void sn_occlusion_spread(const sn_occlusion *o, const float *values, float *map) {
    int64_t down = sn_occlusion_places(o, 0), across = sn_occlusion_places(o, 1);
    for (int64_t y = 0; y < o->size[0]; y++)
        for (int64_t x = 0; x < o->size[1]; x++) {
            double sum = 0;
            int64_t n = 0;
            for (int64_t i = 0; i < down; i++) {
                int64_t top = sn_occlusion_at(o, 0, i);
                if (y < top || y >= top + o->patch[0]) continue;
                for (int64_t k = 0; k < across; k++) {
                    int64_t left = sn_occlusion_at(o, 1, k);
                    if (x < left || x >= left + o->patch[1]) continue;
                    sum += (double)values[i * across + k];
                    n++;
                }
            }
            map[y * o->size[1] + x] = (float)(sum / (double)n);
        }
}

/* ---- sizes ---- */

/* Output k of n lies at low + part between the inputs low and high. */
static void between(int64_t k, int64_t n, int64_t in, int64_t *low, int64_t *high, double *part) {
    double at = ((double)k + 0.5) * (double)in / (double)n - 0.5;
    if (at < 0) at = 0;
    *low = (int64_t)at;
    if (*low > in - 1) *low = in - 1;
    *high = *low + 1 < in ? *low + 1 : in - 1;
    *part = at - (double)*low;
}

void sn_bilinear(float *out, int64_t h, int64_t w, const float *in, int64_t ih, int64_t iw) {
    for (int64_t y = 0; y < h; y++) {
        int64_t top, bottom, left, right;
        double down, across;
        between(y, h, ih, &top, &bottom, &down);
        for (int64_t x = 0; x < w; x++) {
            between(x, w, iw, &left, &right, &across);
            double a = (1 - across) * in[top * iw + left] + across * in[top * iw + right];
            double b = (1 - across) * in[bottom * iw + left] + across * in[bottom * iw + right];
            out[y * w + x] = (float)((1 - down) * a + down * b);
        }
    }
}
