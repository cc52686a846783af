#include "io/picture.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "data/image.h"
#include "data/image_guard.h"
#include <math.h>
#include <string.h>

static sn_status alloc_pixels(sn_picture *p, int64_t w, int64_t h, int channels, sn_err *e) {
    *p = (sn_picture){ 0 };
    if (w < 1 || h < 1)
        return sn_fail(e, SN_EINVAL, "picture: %lld x %lld has no pixels", (long long)w, (long long)h);
    if (w > SN_IMAGE_MAX_SIDE || h > SN_IMAGE_MAX_SIDE || w * h > SN_IMAGE_MAX_PIXELS)
        return sn_fail(e, SN_EINVAL,
                       "picture: %lld x %lld is too large; at most %d pixels, and %d a side; draw fewer or "
                       "smaller ones",
                       (long long)w, (long long)h, SN_IMAGE_MAX_PIXELS, SN_IMAGE_MAX_SIDE);
    uint8_t *data = sn_alloc((size_t)(w * h * channels), "picture", e);
    if (!data) return SN_ENOMEM;
    *p = (sn_picture){ w, h, channels, data };
    return SN_OK;
}

sn_status sn_picture_new(sn_picture *p, int64_t w, int64_t h, int channels, const uint8_t *fill, sn_err *e) {
    sn_status s = alloc_pixels(p, w, h, channels, e);
    if (s != SN_OK) return s;
    for (int64_t i = 0; i < w * h; i++) memcpy(p->data + i * channels, fill, (size_t)channels);
    return SN_OK;
}

void sn_picture_drop(sn_picture *p) {
    sn_free(p->data);
    *p = (sn_picture){ 0 };
}

/* ---- from numbers and back ---- */

int64_t sn_values_range(const sn_tensor *t, double *least, double *most) {
    int64_t n = sn_shape_count(&t->shape), bad = 0;
    double lo = INFINITY, hi = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = sn_tensor_get(t, i);
        if (!isfinite(v)) {
            bad++;
            continue;
        }
        if (v < lo) lo = v;
        if (v > hi) hi = v;
    }
    *least = bad < n ? lo : 0;
    *most = bad < n ? hi : 0;
    return bad;
}

static uint8_t to_byte(double unit) { return (uint8_t)lrint(255 * (unit > 0 ? fmin(unit, 1) : 0)); }

/* One pixel from its c values; false: some are not finite. */
static bool draw_pixel(uint8_t *out, const sn_tensor *t, int64_t at, int c, double lo, double hi, int map) {
    double v[4];
    for (int k = 0; k < c; k++) {
        double raw = sn_tensor_get(t, at + k);
        if (!isfinite(raw)) return false;
        v[k] = (raw / 2 - lo / 2) / (hi / 2 - lo / 2); /* halves: their difference is finite */
    }
    if (c == 1)
        sn_colormap(map, v[0], out);
    else
        for (int k = 0; k < c; k++) out[k] = to_byte(v[k]);
    return true;
}

sn_status sn_picture_values(sn_picture *p, const sn_tensor *t, double lo, double hi, int map, int64_t *marked,
                            sn_err *e) {
    static const uint8_t mark[4] = SN_MARK;
    const sn_shape *shape = &t->shape;
    int c = shape->n == 3 ? (int)shape->d[2] : 0;
    if (c != 1 && c != 3 && c != 4) SN_BUG("a picture has 1, 3 or 4 channels");
    sn_status s = alloc_pixels(p, shape->d[1], shape->d[0], c == 4 ? 4 : 3, e);
    if (s != SN_OK) return s;
    *marked = 0;
    for (int64_t i = 0; i < p->w * p->h; i++) {
        uint8_t *out = p->data + i * p->channels;
        if (draw_pixel(out, t, i * c, c, lo, hi, map)) continue;
        memcpy(out, mark, (size_t)p->channels);
        ++*marked;
    }
    return SN_OK;
}

sn_status sn_picture_tensor(const sn_picture *p, sn_tensor *t, sn_err *e) {
    sn_shape shape = { 3, { p->h, p->w, p->channels } };
    sn_status s = sn_tensor_new(t, SN_U8, &shape, e);
    if (s == SN_OK) memcpy(t->data, p->data, (size_t)(p->w * p->h * p->channels));
    return s;
}

/* ---- put together ---- */

sn_status sn_picture_enlarge(sn_picture *out, const sn_picture *in, int64_t kx, int64_t ky, sn_err *e) {
    int c = in->channels;
    if (kx < 1 || ky < 1 || kx > SN_IMAGE_MAX_SIDE || ky > SN_IMAGE_MAX_SIDE)
        return sn_fail(e, SN_EINVAL, "picture: cannot be enlarged by %lld x %lld", (long long)kx,
                       (long long)ky);
    sn_status s = alloc_pixels(out, in->w * kx, in->h * ky, c, e);
    if (s != SN_OK) return s;
    size_t row = (size_t)(out->w * c);
    for (int64_t y = 0; y < in->h; y++) {
        uint8_t *first = out->data + (size_t)(y * ky) * row;
        for (int64_t x = 0; x < out->w; x++)
            memcpy(first + x * c, in->data + (y * in->w + x / kx) * c, (size_t)c);
        for (int64_t i = 1; i < ky; i++) memcpy(first + (size_t)i * row, first, row);
    }
    return SN_OK;
}

/* Where a filter of one output place begins in the input, and how many weights it has there. */
typedef struct {
    int64_t from;
    int n;
} span;

/* Weights of output place i (they add up to 1), for n_in places shrunk or grown to n_out. */
static span triangle(double *weight, int64_t i, int64_t n_in, int64_t n_out) {
    double scale = (double)n_in / (double)n_out, reach = scale > 1 ? scale : 1;
    double center = ((double)i + 0.5) * scale;
    int64_t from = (int64_t)fmax(0, floor(center - reach + 0.5));
    int64_t to = (int64_t)fmin((double)n_in, floor(center + reach + 0.5));
    double sum = 0;
    for (int64_t k = from; k < to; k++) {
        double d = fabs(((double)k + 0.5 - center) / reach);
        weight[k - from] = d < 1 ? 1 - d : 0;
        sum += weight[k - from];
    }
    for (int64_t k = from; k < to; k++) weight[k - from] /= sum;
    return (span){ from, (int)(to - from) };
}

static size_t reach_of(int64_t n_in, int64_t n_out) { return (size_t)(2 * n_in / n_out) + 4; }

/* Values are premultiplied on the way, so that what is transparent has no color of its own. */
static void squeeze_row(float *out, int64_t w, const sn_picture *in, int64_t y, double *weight) {
    int c = in->channels;
    for (int64_t x = 0; x < w; x++) {
        span s = triangle(weight, x, in->w, w);
        double sum[4] = { 0 };
        for (int k = 0; k < s.n; k++) {
            const uint8_t *p = in->data + (y * in->w + s.from + k) * c;
            double a = c == 4 ? p[3] / 255.0 : 1;
            for (int j = 0; j < 3; j++) sum[j] += weight[k] * a * p[j];
            sum[3] += weight[k] * a;
        }
        for (int j = 0; j < 4; j++) out[4 * x + j] = (float)sum[j];
    }
}

static void squeeze_column(uint8_t *out, const float *mid, int64_t w, int c, span s, const double *weight) {
    for (int64_t x = 0; x < w; x++) {
        double sum[4] = { 0 };
        for (int k = 0; k < s.n; k++)
            for (int j = 0; j < 4; j++) sum[j] += weight[k] * (double)mid[4 * ((s.from + k) * w + x) + j];
        for (int j = 0; j < 3; j++) out[x * c + j] = to_byte(sum[3] > 0 ? sum[j] / sum[3] / 255 : 0);
        if (c == 4) out[x * c + 3] = to_byte(sum[3]);
    }
}

static sn_status squeeze(sn_picture *out, const sn_picture *in, float *mid, double *weight, sn_err *e) {
    sn_pool *pool = sn_pool_default();
    for (int64_t y = 0; y < in->h + out->h; y++) {
        if (sn_pool_cancelled(pool)) return sn_fail(e, SN_ECANCEL, "interrupted");
        if (y < in->h) {
            squeeze_row(mid + 4 * y * out->w, out->w, in, y, weight);
            continue;
        }
        span s = triangle(weight, y - in->h, in->h, out->h);
        squeeze_column(out->data + (y - in->h) * out->w * out->channels, mid, out->w, out->channels, s, weight);
    }
    return SN_OK;
}

sn_status sn_picture_resize(sn_picture *out, const sn_picture *in, int64_t w, int64_t h, sn_err *e) {
    sn_status s = alloc_pixels(out, w, h, in->channels, e);
    if (s != SN_OK) return s;
    size_t reach = reach_of(in->w, w) > reach_of(in->h, h) ? reach_of(in->w, w) : reach_of(in->h, h);
    float *mid = sn_alloc((size_t)(4 * w * in->h) * sizeof *mid, "resizing a picture", e);
    double *weight = mid ? sn_alloc(reach * sizeof *weight, "resizing a picture", e) : NULL;
    s = weight ? squeeze(out, in, mid, weight, e) : SN_ENOMEM;
    sn_free(weight);
    sn_free(mid);
    if (s != SN_OK) sn_picture_drop(out);
    return s;
}

void sn_picture_paste(sn_picture *dst, const sn_picture *src, int64_t x, int64_t y) {
    for (int64_t j = 0; j < src->h; j++) {
        if (y + j < 0 || y + j >= dst->h) continue;
        for (int64_t i = 0; i < src->w; i++) {
            if (x + i < 0 || x + i >= dst->w) continue;
            uint8_t *to = dst->data + ((y + j) * dst->w + x + i) * dst->channels;
            const uint8_t *from = src->data + (j * src->w + i) * src->channels;
            memcpy(to, from, 3);
            if (dst->channels == 4) to[3] = src->channels == 4 ? from[3] : 255;
        }
    }
}

void sn_picture_blend(sn_picture *dst, const sn_picture *src, double alpha) {
    for (int64_t i = 0; i < dst->w * dst->h; i++)
        for (int k = 0; k < 3; k++) {
            uint8_t *to = dst->data + i * dst->channels + k;
            *to = to_byte(((1 - alpha) * *to + alpha * src->data[i * src->channels + k]) / 255);
        }
}

/* ---- files ---- */

sn_status sn_picture_decode(sn_picture *p, const void *bytes, size_t n, sn_err *e) {
    *p = (sn_picture){ 0 };
    sn_image image = { 0 };
    sn_status s = sn_image_decode(&image, bytes, n, 4, 0, e);
    bool clear = false;
    for (int64_t i = 0; s == SN_OK && i < image.w * image.h; i++) clear = clear || image.data[4 * i + 3] != 255;
    if (s == SN_OK) s = alloc_pixels(p, image.w, image.h, clear ? 4 : 3, e);
    if (s == SN_OK) sn_picture_paste(p, &(sn_picture){ image.w, image.h, 4, image.data }, 0, 0);
    sn_image_drop(&image);
    return s;
}

sn_status sn_picture_load(sn_picture *p, const char *path, sn_err *e) {
    *p = (sn_picture){ 0 };
    sn_buf file = SN_BUF_INIT((size_t)1 << 31);
    sn_status s = sn_file_read(path, &file, e);
    if (s == SN_OK) {
        s = sn_picture_decode(p, file.data, file.len, e);
        if (s != SN_OK) sn_fail_prefix(e, "%s", path);
    }
    sn_buf_free(&file);
    return s;
}
