#include "data/dataset.h"

#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* ---- common ---- */

static _Atomic uint64_t default_seed;
void sn_dataset_set_seed(uint64_t seed) { atomic_store(&default_seed, seed); }
uint64_t sn_dataset_seed(void) { return atomic_load(&default_seed); }

sn_status sn_dataset_open(sn_obj *cfg, sn_dataset **out, sn_err *e) {
    *out = NULL;
    if (cfg->kind != &sn_kind_dataset) SN_BUG("not a dataset's configuration");
    return ((const sn_dataset_type *)cfg->desc)->open(cfg, out, e);
}

void *sn_dataset_alloc(size_t size, const sn_dataset_fns *fns, sn_obj *obj, sn_err *e) {
    sn_dataset *d = sn_calloc(1, size, "dataset", e);
    if (!d) return NULL;
    d->refs = 1;
    d->fns = fns;
    d->obj = sn_obj_retain(obj);
    return d;
}

sn_status sn_dataset_name_classes(sn_dataset *d, char *const *names, int n, sn_err *e) {
    d->nclass = n;
    d->class_names = sn_calloc((size_t)(n ? n : 1), sizeof *d->class_names, "class names", e);
    if (!d->class_names) return SN_ENOMEM;
    for (int i = 0; i < n; i++)
        if (!(d->class_names[i] = sn_strdup(names[i], e))) return SN_ENOMEM;
    return SN_OK;
}

sn_dataset *sn_dataset_retain(sn_dataset *d) {
    if (d) __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
    return d;
}

void sn_dataset_release(sn_dataset *d) {
    if (!d || __atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    d->fns->free(d);
    for (int i = 0; d->class_names && i < d->nclass; i++) sn_free(d->class_names[i]);
    sn_free(d->class_names);
    sn_free(d->notice);
    sn_obj_release(d->obj);
    sn_free(d);
}

/* ---- labels ---- */

const char *const sn_label_modes[] = { "int", "categorical", "binary", "none", NULL };

void sn_label_shape(sn_dataset *d, sn_label_mode mode) {
    d->has_y = mode != SN_LABEL_NONE;
    d->y_shape = (sn_shape){ 0 };
    if (mode == SN_LABEL_CATEGORICAL) d->y_shape = (sn_shape){ 1, { d->nclass } };
    if (mode == SN_LABEL_BINARY) d->y_shape = (sn_shape){ 1, { 1 } };
}

void sn_label_write(float *y, sn_label_mode mode, int nclass, int64_t label) {
    if (mode == SN_LABEL_CATEGORICAL) {
        for (int i = 0; i < nclass; i++) y[i] = i == label;
    } else if (mode != SN_LABEL_NONE) {
        y[0] = (float)label;
    }
}

void sn_bytes_to_float(float *out, const uint8_t *in, int64_t n, float scale) {
    uint8_t part[4096]; /* a copy that cannot overlap, so that the loop becomes vector code */
    for (int64_t i = 0; i < n; i += (int64_t)sizeof part) {
        int64_t m = n - i < (int64_t)sizeof part ? n - i : (int64_t)sizeof part;
        memcpy(part, in + i, (size_t)m);
        for (int64_t j = 0; j < m; j++) out[i + j] = scale * (float)part[j];
    }
}

/* ---- views ---- */

typedef struct {
    sn_dataset d;
    sn_dataset *base; /* never a view itself */
    int64_t *index;   /* (count) into base */
} view;

static sn_status view_get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    view *v = (view *)d;
    return v->base->fns->get(v->base, v->index[i], x, y, e);
}

static sn_status view_label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    view *v = (view *)d;
    return v->base->fns->label(v->base, v->index[i], y, e);
}

static void view_free(sn_dataset *d) {
    view *v = (view *)d;
    sn_dataset_release(v->base);
    sn_free(v->index);
}

static bool view_broken(const sn_dataset *d, int64_t i) {
    const view *v = (const view *)d;
    return v->base->fns->broken && v->base->fns->broken(v->base, v->index[i]);
}

static const char *view_name(const sn_dataset *d, int64_t i) {
    const view *v = (const view *)d;
    return sn_dataset_sample_name(v->base, v->index[i]);
}

static uint64_t view_fingerprint(const sn_dataset *d) {
    const view *v = (const view *)d;
    return sn_hash_bytes(sn_dataset_fingerprint(v->base), v->index, (size_t)d->count * sizeof *v->index);
}

/* Rows of tensors are the same data as a view of those rows. */
static uint64_t hash_samples(uint64_t h, const sn_dataset *d, const sn_dataset *base, const int64_t *index) {
    for (int64_t i = 0; i < d->count; i++) h = sn_mix(h, base->fns->hash_sample(base, index ? index[i] : i));
    return h;
}

static const sn_dataset_fns view_fns = { view_get,    view_label, view_free,
                                         view_broken, view_name,  view_fingerprint };

sn_status sn_dataset_view(sn_dataset **out, sn_dataset *base, const int64_t *index, int64_t count, sn_err *e) {
    *out = NULL;
    if (count < 1) return sn_fail(e, SN_EINVAL, "dataset: a part without samples; take at least one");
    for (int64_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= base->count)
            return sn_fail(e, SN_EINVAL, "dataset: sample %lld is outside 0..%lld", (long long)index[i],
                           (long long)base->count - 1);
    view *v = sn_dataset_alloc(sizeof *v, &view_fns, NULL, e);
    if (!v) return SN_ENOMEM;
    const view *through = base->fns == &view_fns ? (const view *)base : NULL;
    v->base = sn_dataset_retain(through ? through->base : base);
    v->d.count = count;
    v->d.x_shape = base->x_shape;
    v->d.y_shape = base->y_shape;
    v->d.has_y = base->has_y;
    v->d.nclass = base->nclass;
    v->index = sn_alloc((size_t)count * sizeof *v->index, "dataset", e);
    if (!v->index ||
        (base->class_names && sn_dataset_name_classes(&v->d, base->class_names, base->nclass, e) != SN_OK)) {
        sn_dataset_release(&v->d);
        return SN_ENOMEM;
    }
    for (int64_t i = 0; i < count; i++) v->index[i] = through ? through->index[index[i]] : index[i];
    *out = &v->d;
    return SN_OK;
}

static int64_t *numbers(int64_t n, sn_err *e) {
    int64_t *a = sn_alloc((size_t)n * sizeof *a, "dataset", e);
    for (int64_t i = 0; a && i < n; i++) a[i] = i;
    return a;
}

sn_status sn_dataset_split(sn_dataset *d, double fraction, bool shuffle, uint64_t seed, sn_dataset **first,
                           sn_dataset **rest, sn_err *e) {
    *first = *rest = NULL;
    if (!(fraction > 0 && fraction < 1))
        return sn_fail(e, SN_EINVAL, "split: a fraction of %g; give a number between 0 and 1", fraction);
    int64_t n = llround(fraction * (double)d->count);
    if (n < 1 || n >= d->count)
        return sn_fail(e, SN_EINVAL, "split: %g of %lld samples leaves one part empty; use another fraction",
                       fraction, (long long)d->count);
    int64_t *order = numbers(d->count, e);
    if (!order) return SN_ENOMEM;
    if (shuffle) {
        sn_rng r = sn_rng_make(seed, SN_STREAM_SPLIT, 0);
        sn_shuffle(&r, order, (size_t)d->count);
    }
    sn_status s = sn_dataset_view(first, d, order, n, e);
    if (s == SN_OK) s = sn_dataset_view(rest, d, order + n, d->count - n, e);
    if (s != SN_OK) {
        sn_dataset_release(*first);
        *first = NULL;
    }
    sn_free(order);
    return s;
}

sn_status sn_dataset_take(sn_dataset *d, int64_t n, sn_dataset **out, sn_err *e) {
    *out = NULL;
    if (n < 1) return sn_fail(e, SN_EINVAL, "take: %lld samples; take at least 1", (long long)n);
    if (n > d->count) n = d->count;
    int64_t *order = numbers(n, e);
    if (!order) return SN_ENOMEM;
    sn_status s = sn_dataset_view(out, d, order, n, e);
    sn_free(order);
    return s;
}

/* ---- looking at all samples ---- */

static bool is_broken(const sn_dataset *d, int64_t i) { return d->fns->broken && d->fns->broken(d, i); }

bool sn_dataset_quick(const sn_dataset *d) {
    return d->fns == &view_fns ? ((const view *)d)->base->fns->quick : d->fns->quick;
}

int64_t sn_dataset_broken(const sn_dataset *d) {
    int64_t n = 0;
    for (int64_t i = 0; d->fns->broken && i < d->count; i++) n += is_broken(d, i);
    return n;
}

sn_status sn_dataset_labels(sn_dataset *d, sn_tensor *out, sn_err *e) {
    *out = (sn_tensor){ 0 };
    if (!d->has_y) return sn_fail(e, SN_EINVAL, "labels: this dataset has none");
    int64_t row = sn_shape_count(&d->y_shape), n = 0;
    sn_shape shape = sn_shape_with_batch(&d->y_shape, d->count);
    sn_tensor all;
    sn_status s = sn_tensor_new(&all, SN_F32, &shape, e);
    for (int64_t i = 0; s == SN_OK && i < d->count; i++) {
        if (is_broken(d, i)) continue;
        s = d->fns->label(d, i, (float *)all.data + n * row, e);
        if (s == SN_OK) n++;
        if (s == SN_ESKIP) s = SN_OK;
    }
    if (s == SN_OK) *out = sn_tensor_rows(&all, 0, n);
    sn_tensor_drop(&all);
    return s;
}

const char *sn_dataset_sample_name(const sn_dataset *d, int64_t i) {
    return d->fns->sample_name ? d->fns->sample_name(d, i) : NULL;
}

sn_obj *sn_dataset_origin(const sn_dataset *d) {
    return d->fns == &view_fns ? ((const view *)d)->base->obj : d->obj;
}

uint64_t sn_hash_bytes(uint64_t h, const void *data, size_t n) {
    const uint8_t *p = data;
    uint64_t word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = sn_mix(h ^ word, 8);
    }
    word = 0;
    if (n) memcpy(&word, p, n);
    return sn_mix(h ^ word, n);
}

uint64_t sn_hash_shape(uint64_t h, const sn_shape *s) {
    return sn_hash_bytes(sn_mix(h, (uint64_t)s->n), s->d, (size_t)s->n * sizeof s->d[0]);
}

uint64_t sn_dataset_fingerprint(const sn_dataset *d) {
    uint64_t h = sn_mix((uint64_t)d->count, (uint64_t)d->has_y);
    h = sn_hash_shape(sn_hash_shape(h, &d->x_shape), &d->y_shape);
    const view *v = d->fns == &view_fns ? (const view *)d : NULL;
    const sn_dataset *base = v ? v->base : d;
    if (base->fns->hash_sample) return hash_samples(h, d, base, v ? v->index : NULL);
    if (d->obj) h = sn_hash_bytes(h, d->obj->desc->name, strlen(d->obj->desc->name));
    return d->fns->fingerprint ? sn_mix(h, d->fns->fingerprint(d)) : h;
}
