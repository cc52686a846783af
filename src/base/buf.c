#include "base/buf.h"

#include "base/mem.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes the capacity cap, which has room for what is there. */
static void resize(sn_buf *b, size_t cap) {
    char *p = sn_realloc(b->data, cap, "buffer", NULL);
    if (!p) {
        b->failed = true;
        b->refused = cap;
        return;
    }
    b->data = p;
    b->cap = cap;
    b->data[b->len] = 0;
}

static bool fits(sn_buf *b, size_t n) {
    if (n > b->max || b->len > b->max - n) b->failed = true;
    return !b->failed;
}

void sn_buf_reserve(sn_buf *b, size_t n) {
    if (fits(b, n) && b->len + n + 1 > b->cap) resize(b, b->len + n + 1);
}

void sn_buf_add(sn_buf *b, const void *bytes, size_t n) {
    if (!fits(b, n)) return;
    if (b->len + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->len + n + 1) cap *= 2;
        resize(b, cap);
        if (b->failed) return;
    }
    if (n) memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = 0;
}

void sn_buf_str(sn_buf *b, const char *s) { sn_buf_add(b, s, strlen(s)); }

void sn_buf_fmt(sn_buf *b, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)sizeof text) {
        b->failed = true; /* long texts go through sn_buf_str */
        return;
    }
    sn_buf_add(b, text, (size_t)n);
}

void sn_buf_num(sn_buf *b, double v) {
    char text[40];
    if (isnan(v)) {
        sn_buf_str(b, "nan");
        return;
    }
    if (isinf(v)) {
        sn_buf_str(b, v > 0 ? "inf" : "-inf");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    sn_buf_str(b, text);
}

void sn_buf_quoted(sn_buf *b, const char *s) {
    sn_buf_str(b, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            sn_buf_fmt(b, "\\%c", c);
        } else if (c == '\n') {
            sn_buf_str(b, "\\n");
        } else if (c < 32 || c == 127) {
            sn_buf_fmt(b, "\\%03d", c);
        } else {
            sn_buf_add(b, s, 1);
        }
    }
    sn_buf_str(b, "\"");
}

void sn_buf_clear(sn_buf *b) {
    b->len = b->refused = 0;
    b->failed = false;
    if (b->data) b->data[0] = 0;
}

void sn_buf_free(sn_buf *b) {
    sn_free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}

sn_status sn_buf_check(const sn_buf *b, const char *what, sn_err *e) {
    if (!b->failed) return SN_OK;
    char need[32], held[32];
    if (!b->refused) return sn_fail(e, SN_ENOMEM, "%s: over the limit of %zu bytes", what, b->max);
    return sn_fail(e, SN_ENOMEM, "%s: needs %s, which are not free; %s are in use", what,
                   sn_bytes(need, sizeof need, (double)b->refused),
                   sn_bytes(held, sizeof held, (double)sn_mem_used()));
}
