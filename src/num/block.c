#include "num/block.h"

#include <string.h>
#if defined(__SSE2__)
#    include <xmmintrin.h>
#endif

unsigned sn_exact_begin(void) {
#if defined(__SSE2__)
    unsigned old = _mm_getcsr();
    _mm_setcsr(old & ~0x8040u);
    return old;
#else
    return 0;
#endif
}

void sn_exact_end(unsigned old) {
#if defined(__SSE2__)
    _mm_setcsr(old);
#else
    (void)old;
#endif
}

/* ---- conversion ---- */

#define COPY(TO, FROM)                                                                                         \
    for (size_t i = 0; i < n; i++) ((TO *)to)[i] = (TO)((const FROM *)from)[first + (int64_t)i];               \
    return

void sn_block_load(void *to, sn_dtype calc, const void *from, sn_dtype dtype, int64_t first, size_t n) {
    switch (calc) {
    case SN_F32:
        switch (dtype) {
        case SN_F32: COPY(float, float);
        case SN_F64: COPY(float, double);
        case SN_U8: COPY(float, uint8_t);
        case SN_I32: COPY(float, int32_t);
        case SN_I64: COPY(float, int64_t);
        }
        break;
    case SN_F64:
        switch (dtype) {
        case SN_F32: COPY(double, float);
        case SN_F64: COPY(double, double);
        case SN_U8: COPY(double, uint8_t);
        case SN_I32: COPY(double, int32_t);
        case SN_I64: COPY(double, int64_t);
        }
        break;
    case SN_I64:
        switch (dtype) {
        case SN_U8: COPY(int64_t, uint8_t);
        case SN_I32: COPY(int64_t, int32_t);
        case SN_I64: COPY(int64_t, int64_t);
        default: break;
        }
        break;
    default: break;
    }
    SN_BUG("no such conversion of a block");
}

static int64_t within(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

static void store_whole(void *to, sn_dtype dtype, int64_t first, const int64_t *v, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int64_t at = first + (int64_t)i;
        switch (dtype) {
        case SN_U8: ((uint8_t *)to)[at] = (uint8_t)within(v[i], 0, UINT8_MAX); break;
        case SN_I32: ((int32_t *)to)[at] = (int32_t)within(v[i], INT32_MIN, INT32_MAX); break;
        case SN_I64: ((int64_t *)to)[at] = v[i]; break;
        case SN_F32: ((float *)to)[at] = (float)v[i]; break;
        case SN_F64: ((double *)to)[at] = (double)v[i]; break;
        }
    }
}

void sn_block_store(void *to, sn_dtype dtype, int64_t first, const void *from, sn_dtype calc, size_t n) {
    char *begin = (char *)to + (size_t)first * sn_dtype_size(dtype);
    if (dtype == calc) {
        memcpy(begin, from, n * sn_dtype_size(dtype));
    } else if (calc == SN_I64) {
        store_whole(to, dtype, first, from, n);
    } else if (dtype == SN_F32) {
        for (size_t i = 0; i < n; i++) ((float *)begin)[i] = (float)((const double *)from)[i];
    } else {
        sn_tensor t = { .dtype = dtype, .data = to };
        for (size_t i = 0; i < n; i++) {
            double v = calc == SN_F32 ? (double)((const float *)from)[i] : ((const double *)from)[i];
            sn_tensor_set(&t, first + (int64_t)i, v);
        }
    }
}

/* ---- broadcasting ---- */

sn_view sn_view_of(const sn_tensor *t, const sn_shape *to) {
    sn_view v = { .data = t->data, .dtype = t->dtype };
    int64_t strides[SN_MAXDIM] = { 0 }, step = 1;
    for (int i = to->n - 1, j = t->shape.n - 1; j >= 0; i--, j--) {
        if (t->shape.d[j] != 1) strides[i] = step;
        step *= t->shape.d[j];
    }
    for (int i = 0; i < to->n; i++) { /* neighbors that are walked as one are merged */
        if (to->d[i] == 1) continue;
        if (v.n > 0 && v.stride[v.n - 1] == strides[i] * to->d[i]) {
            v.size[v.n - 1] *= to->d[i];
            v.stride[v.n - 1] = strides[i];
            continue;
        }
        v.size[v.n] = to->d[i];
        v.stride[v.n++] = strides[i];
    }
    if (v.n == 1 && v.stride[0] == 0) v.n = 0;
    v.whole = v.n == 1 && v.stride[0] == 1;
    return v;
}

static void repeat(char *to, size_t size, size_t n) {
    for (size_t have = 1; have < n;) {
        size_t more = have < n - have ? have : n - have;
        memcpy(to + have * size, to, more * size);
        have += more;
    }
}

/* The last dimension's stride is 0 or 1. */
static void gather(sn_reader *r, int64_t from, size_t n) {
    const sn_view *v = r->view;
    int64_t pos[SN_MAXDIM], at = 0;
    int last = v->n - 1;
    size_t size = sn_dtype_size(r->calc);
    for (int d = last; d >= 0; d--) {
        pos[d] = from % v->size[d];
        from /= v->size[d];
        at += pos[d] * v->stride[d];
    }
    for (char *to = (char *)r->room;;) {
        size_t left = (size_t)(v->size[last] - pos[last]), run = left < n ? left : n;
        sn_block_load(to, r->calc, v->data, v->dtype, at, v->stride[last] ? run : 1);
        if (!v->stride[last]) repeat(to, size, run);
        to += run * size;
        n -= run;
        if (n == 0) return;
        at -= pos[last] * v->stride[last];
        pos[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            at += v->stride[d];
            if (++pos[d] < v->size[d]) break;
            at -= v->stride[d] * v->size[d];
            pos[d] = 0;
        }
    }
}

const void *sn_read(sn_reader *r, int64_t from, size_t n) {
    const sn_view *v = r->view;
    if (v->n == 0) {
        if (!r->filled) {
            sn_block_load(r->room, r->calc, v->data, v->dtype, 0, 1);
            repeat((char *)r->room, sn_dtype_size(r->calc), SN_BLOCK);
            r->filled = true;
        }
        return r->room;
    }
    if (v->whole && v->dtype == r->calc) return (const char *)v->data + (size_t)from * sn_dtype_size(r->calc);
    if (v->whole)
        sn_block_load(r->room, r->calc, v->data, v->dtype, from, n);
    else
        gather(r, from, n);
    return r->room;
}
