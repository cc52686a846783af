#include "train/pytext.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The digits of the shortest decimal that reads back to v, and its exponent of ten. */
static int shortest(double v, char digits[24], int *exponent) {
    char text[40];
    for (int d = 0; d <= 16; d++) {
        snprintf(text, sizeof text, "%.*e", d, v);
        if (strtod(text, NULL) == v) break;
    }
    int n = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (isdigit((unsigned char)*p)) digits[n++] = *p;
    digits[n] = 0;
    *exponent = (int)strtol(p + 1, NULL, 10);
    return n;
}

static void fixed(sn_buf *b, const char *digits, int n, int exponent) {
    if (exponent < 0) {
        sn_buf_str(b, "0.");
        for (int i = -1; i > exponent; i--) sn_buf_str(b, "0");
        sn_buf_add(b, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exponent; i++) sn_buf_add(b, i < n ? &digits[i] : "0", 1);
    sn_buf_str(b, ".");
    if (n > exponent + 1) {
        sn_buf_add(b, digits + exponent + 1, (size_t)(n - exponent - 1));
    } else {
        sn_buf_str(b, "0");
    }
}

/* CPython's float_repr_style "short": exponents from -4 to 15 are written out (Objects/floatobject.c). */
void sn_py_repr(sn_buf *b, double v) {
    if (isnan(v) || isinf(v)) {
        sn_buf_num(b, v);
        return;
    }
    if (signbit(v)) sn_buf_str(b, "-");
    v = fabs(v);
    if (v == 0) {
        sn_buf_str(b, "0.0");
        return;
    }
    char digits[24];
    int exponent, n = shortest(v, digits, &exponent);
    if (exponent >= -4 && exponent < 16) {
        fixed(b, digits, n, exponent);
        return;
    }
    sn_buf_add(b, digits, 1);
    if (n > 1) {
        sn_buf_str(b, ".");
        sn_buf_add(b, digits + 1, (size_t)n - 1);
    }
    sn_buf_fmt(b, "e%s%02d", exponent < 0 ? "-" : "+", abs(exponent));
}

/* ---- str.format ---- */

typedef struct {
    char name[64];
    bool zero, has_spec;
    int width, precision; /* precision < 0: none */
    char type;            /* 0: none */
} field;

static int digits_at(const char **p) {
    int v = 0;
    for (; isdigit((unsigned char)**p); ++*p)
        if (v < 1000) v = v * 10 + (**p - '0');
    return v;
}

/* p stands behind the opening brace, and behind the closing one afterwards. */
static sn_status read_field(const char **p, field *f, const char *who, const char *pattern, sn_err *e) {
    const char *start = *p;
    *f = (field){ .precision = -1 };
    size_t n = strcspn(start, ":}");
    if (n == 0 || n >= sizeof f->name || !start[n])
        return sn_fail(e, SN_EINVAL, "%s: \"%.200s\": expected a name and } after {, as in {epoch:02d}", who,
                       pattern);
    memcpy(f->name, start, n);
    *p = start + n;
    if (**p == ':') {
        ++*p;
        f->has_spec = **p != '}';
        if (**p == '0') f->zero = true;
        f->width = digits_at(p);
        if (**p == '.') {
            ++*p;
            if (!isdigit((unsigned char)**p)) f->width = 1000;
            f->precision = digits_at(p);
        }
        if (**p && strchr("dfeg", **p)) f->type = *(*p)++;
    }
    bool bad =
        **p != '}' || f->width > 99 || f->precision > 60 || (f->precision >= 0 && (!f->type || f->type == 'd'));
    if (bad)
        return sn_fail(e, SN_EINVAL,
                       "%s: \"%.200s\": cannot read the format of {%.60s; use for example :02d or :.4f", who,
                       pattern, start);
    ++*p;
    return SN_OK;
}

static sn_status write_field(sn_buf *out, const field *f, const sn_py_value *v, const char *who, sn_err *e) {
    char text[512];
    if (!v->integer && f->type == 'd')
        return sn_fail(e, SN_EINVAL, "%s: {%s:d} is no whole number; use {%s:.4f}", who, f->name, f->name);
    double num = v->integer ? (double)v->i : v->v;
    int precision = f->precision < 0 ? 6 : f->precision;
    sn_buf plain = SN_BUF_INIT(64);
    bool zero = f->zero && isfinite(num);
    switch (f->type) {
    case 'f': snprintf(text, sizeof text, zero ? "%0*.*f" : "%*.*f", f->width, precision, num); break;
    case 'e': snprintf(text, sizeof text, zero ? "%0*.*e" : "%*.*e", f->width, precision, num); break;
    case 'g': snprintf(text, sizeof text, zero ? "%0*.*g" : "%*.*g", f->width, precision, num); break;
    default:
        if (v->integer) {
            snprintf(text, sizeof text, zero ? "%0*lld" : "%*lld", f->width, (long long)v->i);
        } else {
            sn_py_repr(&plain, num);
            snprintf(text, sizeof text, "%*s", f->width, plain.data ? plain.data : "");
            sn_buf_free(&plain);
        }
    }
    /* nan printed by C may carry a sign that Python does not show. */
    const char *shown = isnan(num) && f->type ? "nan" : text;
    sn_buf_str(out, shown);
    return SN_OK;
}

sn_status sn_py_format(sn_buf *out, const char *pattern, sn_py_lookup lookup, const void *ctx, const char *who,
                       sn_err *e) {
    for (const char *p = pattern; *p;) {
        if ((p[0] == '{' || p[0] == '}') && p[1] == p[0]) {
            if (lookup) sn_buf_add(out, p, 1);
            p += 2;
        } else if (*p == '}') {
            return sn_fail(e, SN_EINVAL, "%s: \"%.200s\": a } without {; a brace itself is written }}", who,
                           pattern);
        } else if (*p == '{') {
            field f;
            p++;
            sn_status s = read_field(&p, &f, who, pattern, e);
            sn_py_value v = { 0 };
            if (s == SN_OK && lookup && !lookup(ctx, f.name, &v))
                s = sn_fail(e, SN_EINVAL, "%s: \"%.200s\": there is no value {%s}", who, pattern, f.name);
            if (s == SN_OK && lookup) s = write_field(out, &f, &v, who, e);
            if (s != SN_OK) return s;
        } else {
            if (lookup) sn_buf_add(out, p, 1);
            p++;
        }
    }
    return lookup ? sn_buf_check(out, who, e) : SN_OK;
}
