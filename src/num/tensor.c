#include "num/tensor.h"

#include "base/mem.h"
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* The count sits in front of the data, which keeps the allocator's 64-byte alignment. */
struct sn_store {
    atomic_long refs;
    char pad[64 - sizeof(atomic_long)];
};

static const struct {
    const char *name;
    size_t size;
} dtypes[] = { [SN_F32] = { "float32", 4 },
               [SN_F64] = { "float64", 8 },
               [SN_U8] = { "uint8", 1 },
               [SN_I32] = { "int32", 4 },
               [SN_I64] = { "int64", 8 } };

size_t sn_dtype_size(sn_dtype t) { return dtypes[t].size; }
const char *sn_dtype_name(sn_dtype t) { return dtypes[t].name; }

int64_t sn_shape_count(const sn_shape *s) {
    int64_t n = 1;
    bool overflow = false;
    for (int i = 0; i < s->n; i++) {
        if (s->d[i] < 0) return -1;
        if (s->d[i] == 0) return 0; /* also when the other sizes would overflow */
    }
    for (int i = 0; i < s->n; i++) overflow |= __builtin_mul_overflow(n, s->d[i], &n);
    return overflow ? -1 : n;
}

int64_t sn_shape_row(const sn_shape *s) {
    sn_shape sample = sn_shape_sample(s);
    return sn_shape_count(&sample);
}

bool sn_shape_equal(const sn_shape *a, const sn_shape *b) {
    return a->n == b->n && (a->n == 0 || memcmp(a->d, b->d, (size_t)a->n * sizeof a->d[0]) == 0);
}

char *sn_shape_text(const sn_shape *s, bool batch, char *buf, size_t n) {
    size_t at = 0;
    if (n == 0) return buf;
    for (int i = 0; i <= s->n && at < n; i++) {
        int k;
        if (i == s->n) {
            k = snprintf(buf + at, n - at, s->n == 0 ? "()" : s->n == 1 ? ",)" : ")");
        } else if (i == 0 && batch) {
            k = snprintf(buf + at, n - at, "(batch");
        } else {
            k = snprintf(buf + at, n - at, "%s%lld", i ? ", " : "(", (long long)s->d[i]);
        }
        if (k < 0) break;
        at += (size_t)k;
    }
    return buf;
}

sn_shape sn_shape_with_batch(const sn_shape *sample, int64_t n) {
    sn_shape s = { .n = 1, .d = { n } };
    if (sample->n >= SN_MAXDIM) SN_BUG("a sample has too many dimensions for a batch of it");
    for (int i = 0; i < sample->n; i++) s.d[s.n++] = sample->d[i];
    return s;
}

sn_shape sn_shape_sample(const sn_shape *batched) {
    sn_shape s = { 0 };
    for (int i = 1; i < batched->n; i++) s.d[s.n++] = batched->d[i];
    return s;
}

sn_status sn_tensor_new_raw(sn_tensor *t, sn_dtype dtype, const sn_shape *shape, sn_err *e) {
    char text[160], what[192];
    *t = (sn_tensor){ 0 };
    int64_t count = sn_shape_count(shape);
    size_t bytes;
    sn_shape_text(shape, false, text, sizeof text);
    if (count < 0 || __builtin_mul_overflow((uint64_t)count, dtypes[dtype].size, &bytes) ||
        bytes > SIZE_MAX - sizeof(sn_store)) {
        return sn_fail(e, SN_ESHAPE,
                       "tensor %s: a size is negative or the product too large; use smaller sizes", text);
    }
    snprintf(what, sizeof what, "tensor %s", text);
    sn_store *store = sn_alloc(sizeof(sn_store) + bytes, what, e);
    if (!store) return SN_ENOMEM;
    atomic_init(&store->refs, 1);
    *t = (sn_tensor){ .shape = *shape, .dtype = dtype, .data = store + 1, .store = store };
    return SN_OK;
}

sn_status sn_tensor_new(sn_tensor *t, sn_dtype dtype, const sn_shape *shape, sn_err *e) {
    sn_status s = sn_tensor_new_raw(t, dtype, shape, e);
    if (s == SN_OK) memset(t->data, 0, (size_t)sn_shape_count(shape) * dtypes[dtype].size);
    return s;
}

void sn_tensor_drop(sn_tensor *t) {
    sn_store *store = t->store;
    *t = (sn_tensor){ 0 };
    /* acq_rel: the last owner must see what the others wrote before they let go */
    if (store && atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) == 1) sn_free(store);
}

sn_tensor sn_tensor_share(const sn_tensor *t) {
    if (t->store) atomic_fetch_add_explicit(&t->store->refs, 1, memory_order_relaxed);
    return *t;
}

sn_tensor sn_tensor_rows(const sn_tensor *t, int64_t from, int64_t to) {
    if (t->shape.n < 1 || from < 0 || to < from || to > t->shape.d[0]) SN_BUG("rows outside a tensor");
    sn_tensor r = sn_tensor_share(t);
    size_t skip = (size_t)from * (size_t)sn_shape_row(&t->shape) * dtypes[t->dtype].size;
    r.shape.d[0] = to - from;
    r.data = (char *)t->data + skip;
    return r;
}

double sn_tensor_get(const sn_tensor *t, int64_t i) {
    switch (t->dtype) {
    case SN_F32: return ((const float *)t->data)[i];
    case SN_F64: return ((const double *)t->data)[i];
    case SN_U8: return ((const uint8_t *)t->data)[i];
    case SN_I32: return ((const int32_t *)t->data)[i];
    case SN_I64: return (double)((const int64_t *)t->data)[i];
    }
    SN_BUG("a tensor of no known type");
}

/* To the nearest integer, ties to even, kept within [lo, hi]; nan becomes 0 (C leaves that conversion
 * undefined). */
static double to_range(double v, double lo, double hi) {
    if (isnan(v)) return 0;
    v = rint(v);
    return v < lo ? lo : v > hi ? hi : v;
}

static int64_t to_i64(double v) {
    if (v >= 0x1p63) return INT64_MAX; /* the largest int64 is no double, so it cannot be a bound of to_range */
    return (int64_t)to_range(v, -0x1p63, 0x1p63);
}

void sn_tensor_set(sn_tensor *t, int64_t i, double v) {
    switch (t->dtype) {
    case SN_F32: ((float *)t->data)[i] = (float)v; return;
    case SN_F64: ((double *)t->data)[i] = v; return;
    case SN_U8: ((uint8_t *)t->data)[i] = (uint8_t)to_range(v, 0, UINT8_MAX); return;
    case SN_I32: ((int32_t *)t->data)[i] = (int32_t)to_range(v, INT32_MIN, INT32_MAX); return;
    case SN_I64: ((int64_t *)t->data)[i] = to_i64(v); return;
    }
    SN_BUG("a tensor of no known type");
}

sn_status sn_tensor_copy(sn_tensor *out, const sn_tensor *in, sn_dtype dtype, sn_err *e) {
    *out = (sn_tensor){ .dtype = dtype };
    if (!in->store) return SN_OK; /* the empty tensor */
    sn_status s = sn_tensor_new_raw(out, dtype, &in->shape, e);
    if (s) return s;
    int64_t n = sn_shape_count(&in->shape);
    if (dtype == in->dtype) {
        if (n > 0) memcpy(out->data, in->data, (size_t)n * dtypes[dtype].size);
    } else {
        for (int64_t i = 0; i < n; i++) sn_tensor_set(out, i, sn_tensor_get(in, i));
    }
    return SN_OK;
}

sn_status sn_tensor_reshape(sn_tensor *t, const sn_shape *shape, sn_err *e) {
    char a[160], b[160];
    if (sn_shape_count(shape) < 0 || sn_shape_count(shape) != sn_shape_count(&t->shape)) {
        return sn_fail(e, SN_ESHAPE,
                       "reshape: %s does not hold as many values as %s; the products must be equal",
                       sn_shape_text(shape, false, b, sizeof b), sn_shape_text(&t->shape, false, a, sizeof a));
    }
    t->shape = *shape;
    return SN_OK;
}
