/* Reading .npy: the bytes may come from anywhere, so nothing is allocated before the header's sizes have been
 * found to agree with the number of bytes. */
#include "num/npy.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { MAGIC = 6, DESCR = 32 };

typedef struct {
    const char *p, *end;
    const char *what; /* for messages */
    sn_err *e;
} cursor;

/* The stored type: kind 'f', 'u', 'i' or 'b', bytes of a value, byte order. */
typedef struct {
    char kind;
    int size;
    bool big;
    sn_dtype dtype; /* what it becomes */
} stored;

typedef struct {
    char descr[DESCR];
    bool fortran, has_descr, has_order, has_shape;
    sn_shape shape;
} header;

static sn_status bad(const cursor *c, const char *why) {
    return sn_fail(c->e, SN_EFORMAT, "%s: not a .npy file that numpy writes: %s", c->what, why);
}

static void skip_space(cursor *c) {
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r')) c->p++;
}

/* Takes ch if it is next. */
static bool take(cursor *c, char ch) {
    skip_space(c);
    if (c->p >= c->end || *c->p != ch) return false;
    c->p++;
    return true;
}

static bool take_word(cursor *c, const char *word) {
    size_t n = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return false;
    c->p += n;
    return true;
}

/* A quoted Python string without escapes, into buf; false when there is none or it does not fit. */
static bool take_string(cursor *c, char *buf, size_t n) {
    skip_space(c);
    if (c->p >= c->end || (*c->p != '\'' && *c->p != '"')) return false;
    char quote = *c->p++;
    size_t len = 0;
    for (; c->p < c->end && *c->p != quote; c->p++) {
        if (len + 1 >= n || *c->p == '\\' || (unsigned char)*c->p < 32) return false;
        buf[len++] = *c->p;
    }
    buf[len] = 0;
    return take(c, quote);
}

static bool take_size(cursor *c, int64_t *v) {
    skip_space(c);
    if (c->p >= c->end || !isdigit((unsigned char)*c->p)) return false;
    *v = 0;
    for (; c->p < c->end && isdigit((unsigned char)*c->p); c->p++)
        if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, *c->p - '0', v)) return false;
    if (c->p < c->end && *c->p == 'L') c->p++; /* Python 2's long */
    return true;
}

static sn_status parse_shape(cursor *c, sn_shape *s) {
    s->n = 0;
    if (!take(c, '(')) return bad(c, "the shape is not a tuple");
    while (!take(c, ')')) {
        if (s->n == SN_MAXDIM)
            return sn_fail(c->e, SN_EFORMAT, "%s: more than %d dimensions; reshape it before saving", c->what,
                           SN_MAXDIM);
        if (!take_size(c, &s->d[s->n++])) return bad(c, "a size in the shape is not a number that fits");
        if (take(c, ',')) continue;
        if (!take(c, ')')) return bad(c, "the shape is not closed");
        break;
    }
    return SN_OK;
}

static sn_status parse_entry(cursor *c, header *h) {
    char key[DESCR];
    if (!take_string(c, key, sizeof key) || !take(c, ':')) return bad(c, "a key in the header is missing");
    if (strcmp(key, "descr") == 0) {
        skip_space(c);
        if (c->p < c->end && *c->p == '[')
            return sn_fail(c->e, SN_EFORMAT, "%s: a record array; save each field as an array of its own",
                           c->what);
        if (!take_string(c, h->descr, sizeof h->descr)) return bad(c, "descr is not a short text");
        h->has_descr = true;
    } else if (strcmp(key, "fortran_order") == 0) {
        h->fortran = take_word(c, "True");
        if (!h->fortran && !take_word(c, "False")) return bad(c, "fortran_order is neither True nor False");
        h->has_order = true;
    } else if (strcmp(key, "shape") == 0) {
        h->has_shape = true;
        return parse_shape(c, &h->shape);
    } else {
        return bad(c, "an unknown key in the header");
    }
    return SN_OK;
}

static sn_status parse_dict(cursor *c, header *h) {
    if (!take(c, '{')) return bad(c, "the header is no dictionary");
    while (!take(c, '}')) {
        sn_status s = parse_entry(c, h);
        if (s) return s;
        if (take(c, ',')) continue;
        if (!take(c, '}')) return bad(c, "the header is not closed");
        break;
    }
    skip_space(c);
    if (c->p != c->end) return bad(c, "something follows the header's dictionary");
    if (!h->has_descr || !h->has_order || !h->has_shape)
        return bad(c, "descr, fortran_order or shape is missing");
    return SN_OK;
}

/* The nearest type of ours. uint64 goes to int64; values over its range are an error later. */
static sn_status parse_descr(const cursor *c, const char *descr, stored *t) {
    static const struct {
        char text[3];
        sn_dtype dtype;
    } known[] = { { "f2", SN_F32 }, { "f4", SN_F32 }, { "f8", SN_F64 }, { "u1", SN_U8 },
                  { "u2", SN_I32 }, { "u4", SN_I64 }, { "u8", SN_I64 }, { "i1", SN_I32 },
                  { "i2", SN_I32 }, { "i4", SN_I32 }, { "i8", SN_I64 }, { "b1", SN_U8 } };
    const char *type = descr;
    if (*type && strchr("<>|=", *type)) type++;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(type, known[i].text) != 0) continue;
        *t = (stored){ .kind = type[0], .size = type[1] - '0', .big = *descr == '>', .dtype = known[i].dtype };
        return SN_OK;
    }
    if (*type == 'O')
        return sn_fail(c->e, SN_EFORMAT,
                       "%s: holds Python objects, which cannot be read without running code; save numbers",
                       c->what);
    return sn_fail(
        c->e, SN_EFORMAT,
        "%s: values of type '%s'; known are floats (f2 f4 f8), integers (i1 i2 i4 i8, u1 u2 u4 u8) and b1; "
        "convert it with astype before saving",
        c->what, descr);
}

static uint64_t raw_bits(const unsigned char *p, const stored *t) {
    uint64_t v = 0;
    for (int i = 0; i < t->size; i++) v |= (uint64_t)p[t->big ? t->size - 1 - i : i] << (8 * i);
    return v;
}

/* IEEE 754 binary16 */
static double half_value(uint64_t v) {
    int exponent = (int)(v >> 10) & 31;
    double fraction = (double)(v & 1023), x;
    if (exponent == 31) {
        x = fraction != 0 ? (double)NAN : (double)INFINITY;
    } else {
        x = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    }
    return v >> 15 & 1 ? -x : x;
}

static double float_value(uint64_t v, int size) {
    float f;
    double d;
    uint32_t low = (uint32_t)v;
    if (size == 2) return half_value(v);
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &v, sizeof d);
    return size == 4 ? (double)f : d;
}

/* Puts one stored value at flat index i; false when it does not fit. */
static bool put_value(sn_tensor *out, int64_t i, const unsigned char *p, const stored *t) {
    uint64_t v = raw_bits(p, t);
    if (t->kind == 'f') {
        sn_tensor_set(out, i, float_value(v, t->size));
        return true;
    }
    int64_t n = (int64_t)v;
    if (t->kind == 'b') n = v != 0;
    if (t->kind == 'u' && v > INT64_MAX) return false;
    if (t->kind == 'i' && t->size < 8 && v >> (8 * t->size - 1))
        n -= (int64_t)1 << (8 * t->size); /* the sign */
    switch (t->dtype) {
    case SN_U8: ((uint8_t *)out->data)[i] = (uint8_t)n; break;
    case SN_I32: ((int32_t *)out->data)[i] = (int32_t)n; break;
    default: ((int64_t *)out->data)[i] = n; break;
    }
    return true;
}

/* In the order of the file, whose first (Fortran) or last (C) index runs fastest. */
static bool put_all(sn_tensor *out, const unsigned char *p, int64_t count, const stored *t, bool fortran) {
    const sn_shape *s = &out->shape;
    int64_t index[SN_MAXDIM] = { 0 }, stride[SN_MAXDIM], at = 0;
    bool same =
        (size_t)t->size == sn_dtype_size(t->dtype) && t->kind != 'b' && !(t->kind == 'u' && t->size == 8);
    if (!fortran && same && !t->big) {
        memcpy(out->data, p, (size_t)count * (size_t)t->size);
        return true;
    }
    for (int64_t k = s->n - 1, n = 1; k >= 0; k--) {
        stride[k] = n;
        n *= s->d[k];
    }
    for (int64_t i = 0; i < count; i++, p += t->size) {
        if (!put_value(out, fortran ? at : i, p, t)) return false;
        for (int k = 0; fortran && k < s->n; k++) {
            at += stride[k];
            if (++index[k] < s->d[k]) break;
            at -= index[k] * stride[k];
            index[k] = 0;
        }
    }
    return true;
}

/* Bytes of the values, or -1. Sizes beside a 0 must not overflow either: others multiply them. */
static int64_t data_bytes(const sn_shape *s, int size) {
    int64_t n = size;
    for (int i = 0; i < s->n; i++)
        if (s->d[i] != 0 && __builtin_mul_overflow(n, s->d[i], &n)) return -1;
    return sn_shape_count(s) == 0 ? 0 : n;
}

/* The header's dictionary as a cursor; the values begin behind it. */
static sn_status open_header(cursor *c, size_t n) {
    const unsigned char *b = (const unsigned char *)c->p;
    size_t start = MAGIC + 4, length;
    if (n < MAGIC + 4 || memcmp(c->p, "\x93NUMPY", MAGIC) != 0)
        return bad(c, "it does not begin with \\x93NUMPY");
    int version = b[MAGIC];
    if (version < 1 || version > 3)
        return sn_fail(c->e, SN_EFORMAT, "%s: .npy version %d; known are 1, 2 and 3", c->what, version);
    length = (size_t)b[MAGIC + 2] | (size_t)b[MAGIC + 3] << 8;
    if (version > 1) {
        start += 2;
        if (n < start) return bad(c, "it ends in the header");
        length |= (size_t)b[MAGIC + 4] << 16 | (size_t)b[MAGIC + 5] << 24;
    }
    if (length > n - start) return bad(c, "it ends in the header");
    c->p += start;
    c->end = c->p + length;
    return SN_OK;
}

sn_status sn_npy_parse(sn_tensor *out, const char *bytes, size_t n, const char *what, sn_err *e) {
    *out = (sn_tensor){ 0 };
    cursor c = { .p = bytes, .what = what, .e = e };
    header h = { .fortran = false };
    stored t = { .size = 1 };
    char text[160];
    sn_status s = open_header(&c, n);
    if (s == SN_OK) s = parse_dict(&c, &h);
    if (s == SN_OK) s = parse_descr(&c, h.descr, &t);
    if (s) return s;
    size_t have = n - (size_t)(c.end - bytes);
    int64_t need = data_bytes(&h.shape, t.size);
    if (need < 0 || (uint64_t)need != have)
        return sn_fail(e, SN_EFORMAT,
                       "%s: shape %s of '%s' does not agree with %zu bytes of values; the file is %s", what,
                       sn_shape_text(&h.shape, false, text, sizeof text), h.descr, have,
                       need < 0 || (uint64_t)need > have ? "cut short" : "too long");
    s = sn_tensor_new(out, t.dtype, &h.shape, e);
    if (s) return sn_fail_prefix(e, "%s", what);
    if (put_all(out, (const unsigned char *)c.end, need / t.size, &t, h.fortran)) return SN_OK;
    sn_tensor_drop(out);
    return sn_fail(e, SN_EFORMAT, "%s: a uint64 value over 2^63 - 1 does not fit into int64", what);
}
