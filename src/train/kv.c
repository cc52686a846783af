#include "train/kv.h"

#include "base/mem.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

void sn_kv_put_int(sn_buf *b, const char *key, int64_t v) { sn_buf_fmt(b, "%s = %lld\n", key, (long long)v); }
void sn_kv_put_u64(sn_buf *b, const char *key, uint64_t v) { sn_buf_fmt(b, "%s = %016" PRIx64 "\n", key, v); }
void sn_kv_put_num(sn_buf *b, const char *key, double v) {
    sn_buf_fmt(b, "%s = ", key);
    sn_buf_num(b, v);
    sn_buf_str(b, "\n");
}
void sn_kv_put_text(sn_buf *b, const char *key, const char *v) {
    sn_buf_fmt(b, "%s = ", key);
    sn_buf_quoted(b, v);
    sn_buf_str(b, "\n");
}
void sn_kv_put_obj(sn_buf *b, const char *key, const sn_obj *o) {
    sn_buf_fmt(b, "%s = ", key);
    sn_obj_print(o, b);
    sn_buf_str(b, "\n");
}
void sn_kv_put_word(sn_buf *b, const char *key, const char *word) { sn_buf_fmt(b, "%s = %s\n", key, word); }

/* ---- reading ---- */

/* The value behind `key = ` at the start of a line; NULL = there is none. */
static const char *find(const sn_kv *kv, const char *key) {
    size_t n = strlen(key);
    for (const char *p = kv->text; p && *p;) {
        if (strncmp(p, key, n) == 0 && strncmp(p + n, " = ", 3) == 0) return p + n + 3;
        p = strchr(p, '\n');
        if (p) p++;
    }
    return NULL;
}

bool sn_kv_has(const sn_kv *kv, const char *key) { return find(kv, key) != NULL; }

static sn_status bad(const sn_kv *kv, const char *key, const char *want, sn_err *e) {
    return sn_fail(e, SN_EFORMAT, "%s: %s is not %s; the file is damaged", kv->file, key, want);
}

static sn_status want(const sn_kv *kv, const char *key, const char **value, sn_err *e) {
    *value = find(kv, key);
    if (*value) return SN_OK;
    return sn_fail(e, SN_EFORMAT, "%s: %s is missing; the file is damaged or of a newer sonde", kv->file, key);
}

sn_status sn_kv_int(const sn_kv *kv, const char *key, int64_t min, int64_t max, int64_t *out, sn_err *e) {
    const char *v;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    char *end;
    errno = 0;
    long long n = strtoll(v, &end, 10);
    if (end == v || *end != '\n' || errno || isspace((unsigned char)*v))
        return bad(kv, key, "a whole number", e);
    if (n < min || n > max)
        return sn_fail(e, SN_EFORMAT, "%s: %s = %lld is outside %lld..%lld; the file is damaged", kv->file, key,
                       n, (long long)min, (long long)max);
    *out = n;
    return SN_OK;
}

sn_status sn_kv_u64(const sn_kv *kv, const char *key, uint64_t *out, sn_err *e) {
    const char *v;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    size_t n = strspn(v, "0123456789abcdef");
    if (n != 16 || v[n] != '\n') return bad(kv, key, "a hexadecimal number", e);
    *out = strtoull(v, NULL, 16);
    return SN_OK;
}

sn_status sn_kv_num(const sn_kv *kv, const char *key, double *out, sn_err *e) {
    const char *v;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    char *end;
    *out = strtod(v, &end);
    if (end == v || *end != '\n' || isspace((unsigned char)*v)) return bad(kv, key, "a number", e);
    return SN_OK;
}

sn_status sn_kv_bool(const sn_kv *kv, const char *key, bool *out, sn_err *e) {
    int64_t v = 0;
    sn_status s = sn_kv_int(kv, key, 0, 1, &v, e);
    *out = v != 0;
    return s;
}

/* As sn_buf_quoted writes it: \" \\ \n \ddd. */
sn_status sn_kv_text(const sn_kv *kv, const char *key, char **out, sn_err *e) {
    const char *v;
    *out = NULL;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    if (*v++ != '"') return bad(kv, key, "a quoted text", e);
    char *text = sn_alloc(strcspn(v, "\n") + 1, "text", e), *to = text;
    if (!text) return SN_ENOMEM;
    while (*v && *v != '"' && *v != '\n') {
        char c = *v++;
        if (c == '\\' && isdigit((unsigned char)*v)) {
            int code = 0;
            for (int k = 0; k < 3 && isdigit((unsigned char)*v); k++) code = code * 10 + (*v++ - '0');
            c = code > 0 && code < 256 ? (char)code : '?';
        } else if (c == '\\' && *v && *v != '\n') {
            c = *v == 'n' ? '\n' : *v;
            v++;
        }
        *to++ = c;
    }
    *to = 0;
    if (v[0] == '"' && v[1] == '\n') {
        *out = text;
        return SN_OK;
    }
    sn_free(text);
    return bad(kv, key, "a quoted text", e);
}

sn_status sn_kv_obj(const sn_kv *kv, const char *key, const sn_kind *kind, sn_obj **out, sn_err *e) {
    const char *v;
    *out = NULL;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    sn_err local = { 0 };
    sn_obj *o = sn_obj_parse(kind, &v, &local);
    if (!o) return sn_fail(e, local.code, "%s: %s: %s", kv->file, key, local.msg);
    if (*v != '\n') {
        sn_obj_release(o);
        return bad(kv, key, kind->name, e);
    }
    *out = o;
    return SN_OK;
}

sn_status sn_kv_word(const sn_kv *kv, const char *key, const char *const *words, int *out, sn_err *e) {
    const char *v;
    if (want(kv, key, &v, e) != SN_OK) return SN_EFORMAT;
    size_t n = strcspn(v, "\n");
    for (int i = 0; words[i]; i++) {
        if (strlen(words[i]) != n || strncmp(v, words[i], n) != 0) continue;
        *out = i;
        return SN_OK;
    }
    return bad(kv, key, "a word that is known here", e);
}
