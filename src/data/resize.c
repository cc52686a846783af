#include "data/resize.h"

#include "base/mem.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

const char *const sn_interpolations[] = { "bilinear", "nearest",  "bicubic",       "area", "lanczos3",
                                          "lanczos5", "gaussian", "mitchellcubic", NULL };

/* Every method is separable: along one axis, output k is the sum of weight[k * most + i] * input[start[k] + i].
 */
typedef struct {
    int64_t out;
    int most;       /* room for weights per output */
    int64_t *start; /* (out) */
    int *count;     /* (out) */
    float *weight;  /* (out, most) */
} axis_map;

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* ---- the kernels of scale_and_translate (tensorflow/core/kernels/image/sampling_kernels.h) ---- */

static float lanczos(float x, float radius) {
    const float pi = 3.14159265359f;
    if (x > radius) return 0;
    if (x <= 1e-3f) return 1;
    return radius * sinf(pi * x) * sinf(pi * x / radius) / (pi * pi * x * x);
}

static float gaussian(float x) {
    const float radius = 1.5f, sigma = radius / 3;
    return x >= radius ? 0 : expf(-x * x / (2 * sigma * sigma));
}

/* B = C = 1/3: Mitchell and Netravali, "Reconstruction filters in computer graphics" (1988) */
static float mitchell(float x) {
    if (x >= 2) return 0;
    if (x >= 1) return (((-7.0f / 18 * x + 2) * x - 10.0f / 3) * x) + 16.0f / 9;
    return (7.0f / 6 * x - 2) * x * x + 8.0f / 9;
}

static float kernel_radius(sn_interpolation m) {
    return m == SN_LANCZOS3 ? 3 : m == SN_LANCZOS5 ? 5 : m == SN_GAUSSIAN ? 1.5f : 2;
}

static float kernel_at(sn_interpolation m, float x) {
    switch (m) {
    case SN_LANCZOS3: return lanczos(x, 3);
    case SN_LANCZOS5: return lanczos(x, 5);
    case SN_GAUSSIAN: return gaussian(x);
    default: return mitchell(x);
    }
}

/* scale_and_translate_op.cc, ComputeSpansCore, without the widening of antialias */
static void map_kernel(axis_map *a, int64_t k, int64_t in, sn_interpolation m) {
    float inverse = 1.0f / ((float)a->out / (float)in), at = ((float)k + 0.5f) * inverse,
          radius = kernel_radius(m);
    float *weight = a->weight + k * a->most, sum = 0;
    int64_t from = clamp((int64_t)ceilf(at - radius - 0.5f), 0, in - 1);
    int64_t to = clamp((int64_t)floorf(at + radius - 0.5f), 0, in - 1) + 1;
    a->start[k] = from;
    a->count[k] = (int)(to - from);
    for (int64_t i = from; i < to; i++) sum += weight[i - from] = kernel_at(m, fabsf((float)i + 0.5f - at));
    for (int64_t i = from; i < to; i++) weight[i - from] /= sum;
}

/* ---- the resize operations proper (tensorflow/core/kernels/image/resize_*_op.cc) ---- */

static void map_nearest(axis_map *a, int64_t k, int64_t in) {
    float scale = (float)in / (float)a->out;
    a->start[k] = clamp((int64_t)floorf(((float)k + 0.5f) * scale), 0, in - 1);
    a->count[k] = 1;
    a->weight[k * a->most] = 1;
}

static void map_bilinear(axis_map *a, int64_t k, int64_t in) {
    float scale = (float)in / (float)a->out, at = ((float)k + 0.5f) * scale - 0.5f, down = floorf(at);
    int64_t low = clamp((int64_t)down, 0, in - 1), high = clamp((int64_t)ceilf(at), 0, in - 1);
    float *weight = a->weight + k * a->most;
    a->start[k] = low;
    a->count[k] = high > low ? 2 : 1;
    weight[0] = high > low ? 1 - (at - down) : 1;
    weight[1] = high > low ? at - down : 0;
}

/* Keys's cubic with a = -0.5, from a table of 1024 steps as there; samples outside the picture are left out and
 * the rest renormalized. */
static void map_bicubic(axis_map *a, int64_t k, int64_t in) {
    const float c = -0.5f;
    float scale = (float)in / (float)a->out, at = ((float)k + 0.5f) * scale - 0.5f, sum = 0;
    int64_t base = (int64_t)floorf(at);
    float d = (float)lrintf((at - (float)base) * 1024) / 1024, full[4];
    float far1 = d + 1, far2 = 2 - d, near2 = 1 - d;
    full[0] = ((c * far1 - 5 * c) * far1 + 8 * c) * far1 - 4 * c;
    full[1] = ((c + 2) * d - (c + 3)) * d * d + 1;
    full[2] = ((c + 2) * near2 - (c + 3)) * near2 * near2 + 1;
    full[3] = ((c * far2 - 5 * c) * far2 + 8 * c) * far2 - 4 * c;
    float *weight = a->weight + k * a->most;
    a->count[k] = 0;
    for (int i = 0; i < 4; i++) {
        int64_t from = base - 1 + i;
        if (from < 0 || from >= in) continue;
        if (a->count[k] == 0) a->start[k] = from;
        sum += weight[a->count[k]++] = full[i];
    }
    for (int i = 0; i < a->count[k]; i++) weight[i] /= sum;
}

/* The mean over [k, k + 1) * scale, edges counted by the part covered. */
static void map_area(axis_map *a, int64_t k, int64_t in) {
    float scale = (float)in / (float)a->out, from = (float)k * scale, to = ((float)k + 1) * scale;
    int64_t first = clamp((int64_t)floorf(from), 0, in - 1), last = clamp((int64_t)ceilf(to), first + 1, in);
    float *weight = a->weight + k * a->most;
    a->start[k] = first;
    a->count[k] = (int)(last - first);
    for (int64_t j = first; j < last; j++) {
        float low = (float)j < from ? from : (float)j, high = (float)j + 1 > to ? to : (float)j + 1;
        weight[j - first] = (high - low) / scale;
    }
}

static int most_weights(int64_t out, int64_t in, sn_interpolation m) {
    switch (m) {
    case SN_NEAREST: return 1;
    case SN_BILINEAR: return 2;
    case SN_BICUBIC: return 4;
    case SN_AREA: return (int)(in / out) + 3;
    default: return 2 * (int)ceilf(kernel_radius(m)) + 1;
    }
}

static sn_status map_axis(axis_map *a, int64_t out, int64_t in, sn_interpolation m, sn_err *e) {
    a->out = out;
    a->most = most_weights(out, in, m);
    a->start = sn_calloc((size_t)out, sizeof *a->start, "resize", e);
    a->count = sn_calloc((size_t)out, sizeof *a->count, "resize", e);
    a->weight = sn_calloc((size_t)out * (size_t)a->most, sizeof *a->weight, "resize", e);
    if (!a->start || !a->count || !a->weight) return SN_ENOMEM;
    for (int64_t k = 0; k < out; k++) {
        switch (m) {
        case SN_NEAREST: map_nearest(a, k, in); break;
        case SN_BILINEAR: map_bilinear(a, k, in); break;
        case SN_BICUBIC: map_bicubic(a, k, in); break;
        case SN_AREA: map_area(a, k, in); break;
        default: map_kernel(a, k, in, m); break;
        }
    }
    return SN_OK;
}

static void drop_axis(axis_map *a) {
    sn_free(a->start);
    sn_free(a->count);
    sn_free(a->weight);
}

/* ---- applying ---- */

typedef struct {
    const uint8_t *p; /* the first pixel of the window */
    int64_t h, w, stride;
    int channels;
} window;

/* line: (x->out, channels) = row mapped along x */
static void resize_row(float *line, const axis_map *x, const uint8_t *row, int channels) {
    for (int64_t k = 0; k < x->out; k++) {
        const uint8_t *p = row + x->start[k] * channels;
        const float *weight = x->weight + k * x->most;
        for (int c = 0; c < channels; c++) {
            float sum = 0;
            for (int i = 0; i < x->count[k]; i++) sum += weight[i] * (float)p[i * channels + c];
            line[k * channels + c] = sum;
        }
    }
}

/* out: (y->out rows of x->out * channels floats, `stride` floats apart) */
static void apply(float *out, int64_t stride, const axis_map *y, const axis_map *x, const window *in,
                  float *line) {
    int64_t n = x->out * in->channels;
    for (int64_t k = 0; k < y->out; k++) {
        float *to = out + k * stride;
        memset(to, 0, (size_t)n * sizeof *to);
        for (int i = 0; i < y->count[k]; i++) {
            float weight = y->weight[k * y->most + i];
            resize_row(line, x, in->p + (y->start[k] + i) * in->stride, in->channels);
            for (int64_t j = 0; j < n; j++) to[j] += weight * line[j];
        }
    }
}

static sn_status resize_window(float *out, int64_t stride, int64_t h, int64_t w, const window *in,
                               sn_interpolation m, sn_err *e) {
    axis_map y = { 0 }, x = { 0 };
    float *line = NULL;
    sn_status s = map_axis(&y, h, in->h, m, e);
    if (s == SN_OK) s = map_axis(&x, w, in->w, m, e);
    if (s == SN_OK && !(line = sn_alloc((size_t)(w * in->channels) * sizeof *line, "resize", e))) s = SN_ENOMEM;
    if (s == SN_OK) apply(out, stride, &y, &x, in, line);
    sn_free(line);
    drop_axis(&y);
    drop_axis(&x);
    return s;
}

/* keras/src/utils/image_utils.py, smart_resize, in float32 as it runs inside tf.data */
static window crop(const sn_image *in, int64_t h, int64_t w) {
    int64_t ch = clamp((int64_t)((float)(in->w * h) / (float)w), 1, in->h);
    int64_t cw = clamp((int64_t)((float)(in->h * w) / (float)h), 1, in->w);
    int64_t top = (int64_t)((float)(in->h - ch) / 2), left = (int64_t)((float)(in->w - cw) / 2);
    return (window){ in->data + (top * in->w + left) * in->channels, ch, cw, in->w * in->channels,
                     in->channels };
}

sn_status sn_resize(float *out, int64_t h, int64_t w, const sn_image *in, sn_interpolation m, sn_fit fit,
                    sn_err *e) {
    window all = { in->data, in->h, in->w, in->w * in->channels, in->channels };
    int64_t stride = w * in->channels;
    if (fit == SN_FIT_CROP) all = crop(in, h, w);
    if (fit != SN_FIT_PAD) return resize_window(out, stride, h, w, &all, m, e);
    /* tensorflow/python/ops/image_ops_impl.py, _resize_image_with_pad_common */
    float ratio = fmaxf((float)in->w / (float)w, (float)in->h / (float)h);
    float fh = (float)in->h / ratio, fw = (float)in->w / ratio;
    int64_t ph = clamp((int64_t)floorf(((float)h - fh) / 2), 0, h - 1);
    int64_t pw = clamp((int64_t)floorf(((float)w - fw) / 2), 0, w - 1);
    /* a side that rounds to nothing is an error there; it becomes one pixel here */
    int64_t rh = clamp((int64_t)floorf(fh), 1, h - ph), rw = clamp((int64_t)floorf(fw), 1, w - pw);
    memset(out, 0, (size_t)(h * stride) * sizeof *out);
    return resize_window(out + ph * stride + pw * in->channels, stride, rh, rw, &all, m, e);
}

sn_status sn_resize_u8(uint8_t *out, int64_t h, int64_t w, const sn_image *in, sn_interpolation m, sn_fit fit,
                       sn_err *e) {
    int64_t n = h * w * in->channels;
    if (in->h == h &&
        in->w == w) { /* every method maps a picture of that size to itself, but for blurring ones */
        if (m != SN_GAUSSIAN && m != SN_MITCHELLCUBIC) {
            memcpy(out, in->data, (size_t)n);
            return SN_OK;
        }
    }
    float *tmp = sn_alloc((size_t)n * sizeof *tmp, "resize", e);
    if (!tmp) return SN_ENOMEM;
    sn_status s = sn_resize(tmp, h, w, in, m, fit, e);
    for (int64_t i = 0; s == SN_OK && i < n; i++) {
        float v = tmp[i] + 0.5f;
        out[i] = v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)v;
    }
    sn_free(tmp);
    return s;
}
