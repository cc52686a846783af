/* Samples that are rows of tensors in memory. */
#include "data/dataset.h"

#include "base/mem.h"
#include <string.h>

/* ---- the box in which configurations hold a tensor ---- */

static void box_retain(void *p) { __atomic_add_fetch(&((sn_tensor_box *)p)->refs, 1, __ATOMIC_RELAXED); }

static void box_release(void *p) {
    sn_tensor_box *b = p;
    if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    sn_tensor_drop(&b->t);
    sn_free(b);
}

const sn_handle_type sn_tensor_handle = { "tensor", box_retain, box_release };

sn_tensor_box *sn_tensor_box_new(const sn_tensor *t, sn_err *e) {
    sn_tensor_box *b = sn_alloc(sizeof *b, "tensor", e);
    if (b) *b = (sn_tensor_box){ 1, sn_tensor_share(t) };
    return b;
}

/* ---- the dataset ---- */

typedef struct {
    void *x, *y; /* sn_tensor_box */
} tensors_cfg;

typedef struct {
    sn_dataset d;
    sn_tensor x, y; /* (count, ...), any type */
} tensors;

static void read_row(float *out, const sn_tensor *t, int64_t i) {
    int64_t n = sn_shape_row(&t->shape);
    if (t->dtype == SN_F32) {
        memcpy(out, (const float *)t->data + i * n, (size_t)n * sizeof *out);
    } else if (t->dtype == SN_U8) {
        sn_bytes_to_float(out, (const uint8_t *)t->data + i * n, n, 1);
    } else {
        for (int64_t k = 0; k < n; k++) out[k] = (float)sn_tensor_get(t, i * n + k);
    }
}

static sn_status label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    (void)e;
    if (d->has_y) read_row(y, &((tensors *)d)->y, i);
    return SN_OK;
}

static sn_status get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    read_row(x, &((tensors *)d)->x, i);
    return label(d, i, y, e);
}

static void drop(sn_dataset *d) {
    sn_tensor_drop(&((tensors *)d)->x);
    sn_tensor_drop(&((tensors *)d)->y);
}

/* As they are served: the same numbers in another type are the same data. */
static uint64_t hash_row(uint64_t h, const sn_tensor *t, int64_t i) {
    float part[256];
    int64_t n = sn_shape_row(&t->shape), max = (int64_t)(sizeof part / sizeof *part);
    for (int64_t k = 0; k < n; k += max) { /* in parts for all types, as the hash depends on them */
        int64_t m = n - k < max ? n - k : max, from = i * n + k;
        bool floats = t->dtype == SN_F32;
        for (int64_t j = 0; !floats && j < m; j++) part[j] = (float)sn_tensor_get(t, from + j);
        h = sn_hash_bytes(h, floats ? (const float *)t->data + from : part, (size_t)m * sizeof *part);
    }
    return h;
}

static uint64_t hash_sample(const sn_dataset *d, int64_t i) {
    const tensors *t = (const tensors *)d;
    uint64_t h = hash_row(0, &t->x, i);
    return d->has_y ? hash_row(h, &t->y, i) : h;
}

static bool rows(const sn_dataset *d, const float **x, const float **y) {
    const tensors *t = (const tensors *)d;
    if (t->x.dtype != SN_F32 || (d->has_y && t->y.dtype != SN_F32)) return false;
    *x = t->x.data;
    *y = d->has_y ? t->y.data : NULL;
    return true;
}

static const sn_dataset_fns fns = {
    .get = get, .label = label, .free = drop, .hash_sample = hash_sample, .rows = rows, .quick = true
};

static sn_status check(const sn_tensor *x, const sn_tensor *y, sn_err *e) {
    char a[160], b[160];
    if (x->shape.n < 1 || x->shape.d[0] < 1 || sn_shape_row(&x->shape) < 1)
        return sn_fail(e, SN_ESHAPE, "tensors: x has shape %s; it needs samples along its first dimension",
                       sn_shape_text(&x->shape, false, a, sizeof a));
    if (y && (y->shape.n < 1 || y->shape.d[0] != x->shape.d[0] || sn_shape_row(&y->shape) < 1))
        return sn_fail(e, SN_ESHAPE, "tensors: x has shape %s and y %s; both need as many rows",
                       sn_shape_text(&x->shape, false, a, sizeof a),
                       sn_shape_text(&y->shape, false, b, sizeof b));
    return SN_OK;
}

static sn_status make(sn_dataset **out, sn_obj *cfg, const sn_tensor *x, const sn_tensor *y, sn_err *e) {
    *out = NULL;
    sn_status s = check(x, y, e);
    if (s != SN_OK) return s;
    tensors *t = sn_dataset_alloc(sizeof *t, &fns, cfg, e);
    if (!t) return SN_ENOMEM;
    t->x = sn_tensor_share(x);
    t->d.count = x->shape.d[0];
    t->d.x_shape = sn_shape_sample(&x->shape);
    if (t->d.x_shape.n == 0) t->d.x_shape = (sn_shape){ 1, { 1 } }; /* (n) is taken as (n, 1): one feature */
    if (y) {
        t->y = sn_tensor_share(y);
        t->d.has_y = true;
        t->d.y_shape = sn_shape_sample(&y->shape);
    }
    *out = &t->d;
    return SN_OK;
}

sn_status sn_dataset_tensors(sn_dataset **out, const sn_tensor *x, const sn_tensor *y, sn_err *e) {
    return make(out, NULL, x, y, e);
}

static sn_status open_tensors(sn_obj *cfg, sn_dataset **out, sn_err *e) {
    const tensors_cfg *c = cfg->cfg;
    const sn_tensor_box *x = c->x, *y = c->y;
    return make(out, cfg, &x->t, y ? &y->t : NULL, e);
}

static const sn_field fields[] = { SN_HANDLE(tensors_cfg, x, .flags = SN_REQUIRED, .handle = &sn_tensor_handle,
                                             .doc = "inputs, one sample per row: (n, ...)"),
                                   SN_HANDLE(tensors_cfg, y, .handle = &sn_tensor_handle,
                                             .doc = "targets: (n) class numbers, or (n, ...) values"),
                                   SN_FIELDS_END };

extern const sn_dataset_type sn_dataset_type_tensors;
const sn_dataset_type sn_dataset_type_tensors = {
    .desc = { .name = "tensors",
              .brief = "samples that are rows of tensors",
              .example = "tensors{ x = tensor{ { 0, 1 }, { 1, 0 } }, y = tensor{ 1, 0 } }",
              .fields = fields,
              .cfg_size = sizeof(tensors_cfg) },
    .open = open_tensors,
};
