/* Objects as text and back, and reading, copying and comparing them: everything that walks a finished object.
 */
#include "base/desc.h"

#include "base/mem.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading fields ---- */

static const void *member(const sn_obj *o, const sn_field *f) { return (const char *)o->cfg + f->off; }

bool sn_obj_get(const sn_obj *o, const sn_field *f, sn_value *out) {
    const void *m = member(o, f);
    *out = (sn_value){ 0 };
    switch (f->type) {
    case SN_T_INT:
        out->kind = SN_V_INT;
        out->num = (double)(out->i = *(const int64_t *)m);
        for (int64_t k = 0; f->choices && f->choices[k] && out->i <= 0; k++) {
            if (k != -out->i) continue;
            out->kind = SN_V_STR;
            out->str = f->choices[k];
        }
        return true;
    case SN_T_FLOAT:
        out->kind = SN_V_NUM;
        out->num = *(const double *)m;
        return true;
    case SN_T_BOOL:
        out->kind = SN_V_BOOL;
        out->b = *(const bool *)m;
        return true;
    case SN_T_ENUM:
        out->kind = SN_V_STR;
        out->str = f->choices[*(const int *)m];
        return true;
    case SN_T_STRING:
        out->kind = SN_V_STR;
        out->str = *(char *const *)m;
        return out->str != NULL;
    case SN_T_OBJECT:
        out->kind = SN_V_OBJ;
        out->obj = *(sn_obj *const *)m;
        return out->obj != NULL;
    case SN_T_RATE: {
        const sn_rate *r = m;
        out->num = r->value;
        out->obj = r->schedule;
        out->kind = r->external ? SN_V_EXTERNAL : r->schedule ? SN_V_OBJ : SN_V_NUM;
        return true;
    }
    case SN_T_HANDLE:
        out->kind = SN_V_HANDLE;
        out->handle = f->handle;
        out->ptr = *(void *const *)m;
        return out->ptr != NULL;
    default: /* PAIR, DIMS, FLOATS, STRINGS: read through the member itself */
        out->kind = SN_V_LIST;
        return true;
    }
}

/* ---- printing ---- */

static void print_ints(const int64_t *d, int n, sn_buf *b) {
    sn_buf_str(b, "{");
    for (int i = 0; i < n; i++) sn_buf_fmt(b, "%s%lld", i ? ", " : "", (long long)d[i]);
    sn_buf_str(b, "}");
}

static void print_floats(const sn_floats *v, sn_buf *b) {
    sn_buf_str(b, "{");
    for (size_t i = 0; i < v->n; i++) {
        if (i) sn_buf_str(b, ", ");
        sn_buf_num(b, v->v[i]);
    }
    sn_buf_str(b, "}");
}

static void print_strings(const sn_strings *v, sn_buf *b) {
    sn_buf_str(b, "{");
    for (size_t i = 0; i < v->n; i++) {
        if (i) sn_buf_str(b, ", ");
        sn_buf_quoted(b, v->v[i]);
    }
    sn_buf_str(b, "}");
}

static void print_member(const sn_obj *o, const sn_field *f, sn_buf *b) {
    const void *m = member(o, f);
    sn_value v;
    sn_obj_get(o, f, &v);
    switch (f->type) {
    case SN_T_INT:
        if (v.kind == SN_V_STR)
            sn_buf_quoted(b, v.str);
        else
            sn_buf_fmt(b, "%lld", (long long)v.i);
        break;
    case SN_T_FLOAT: sn_buf_num(b, v.num); break;
    case SN_T_BOOL: sn_buf_str(b, v.b ? "true" : "false"); break;
    case SN_T_ENUM:
    case SN_T_STRING: sn_buf_quoted(b, v.str); break;
    case SN_T_OBJECT:
        if (v.obj)
            sn_obj_print(v.obj, b);
        else
            sn_buf_str(b, "false"); /* none, where the default is something */
        break;
    case SN_T_RATE:
        if (v.kind == SN_V_EXTERNAL)
            sn_buf_str(b, "\"function\"");
        else if (v.kind == SN_V_OBJ)
            sn_obj_print(v.obj, b);
        else
            sn_buf_num(b, v.num);
        break;
    case SN_T_PAIR: print_ints(m, 2, b); break;
    case SN_T_DIMS: print_ints(((const sn_dims *)m)->d, ((const sn_dims *)m)->n, b); break;
    case SN_T_FLOATS: print_floats(m, b); break;
    case SN_T_STRINGS: print_strings(m, b); break;
    case SN_T_HANDLE: sn_buf_fmt(b, "<%s>", f->handle->name); break;
    }
}

static bool is_default(const sn_obj *o, const sn_field *f) {
    const void *m = member(o, f);
    switch (f->type) {
    case SN_T_INT: return *(const int64_t *)m == (int64_t)f->def;
    case SN_T_FLOAT: return *(const double *)m == f->def;
    case SN_T_BOOL: return *(const bool *)m == (f->def != 0);
    case SN_T_PAIR:
        return ((const int64_t *)m)[0] == (int64_t)f->def && ((const int64_t *)m)[1] == (int64_t)f->def;
    case SN_T_ENUM: return strcmp(f->choices[*(const int *)m], f->sdef ? f->sdef : f->choices[0]) == 0;
    case SN_T_STRING: {
        const char *s = *(char *const *)m;
        return s ? f->sdef && strcmp(s, f->sdef) == 0 : f->sdef == NULL;
    }
    case SN_T_DIMS: return ((const sn_dims *)m)->n == 0;
    case SN_T_FLOATS: return ((const sn_floats *)m)->n == 0;
    case SN_T_STRINGS: return ((const sn_strings *)m)->n == 0;
    case SN_T_RATE: {
        const sn_rate *r = m;
        return !r->external && !r->schedule && r->value == f->def;
    }
    case SN_T_HANDLE: return *(void *const *)m == NULL;
    case SN_T_OBJECT: {
        sn_obj *v = *(sn_obj *const *)m;
        if (!v || !f->sdef) return v == NULL && f->sdef == NULL;
        sn_obj *d = sn_obj_named(f->kind, f->sdef, NULL);
        bool same = d && sn_obj_equal(v, d);
        sn_obj_release(d);
        return same;
    }
    }
    return false;
}

void sn_obj_print(const sn_obj *o, sn_buf *b) {
    sn_buf_fmt(b, "%s{", o->desc->name);
    const sn_field *f;
    bool first = true;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++) {
        if (!(f->flags & SN_REQUIRED) && is_default(o, f)) continue;
        sn_buf_fmt(b, "%s%s=", first ? "" : ", ", f->name);
        print_member(o, f, b);
        first = false;
    }
    sn_buf_str(b, "}");
}

void sn_field_print_default(const sn_field *f, sn_buf *b) {
    if (f->flags & SN_REQUIRED) {
        sn_buf_str(b, "required");
        return;
    }
    switch (f->type) {
    case SN_T_INT:
        if (f->choices && f->def == 0) {
            sn_buf_quoted(b, f->choices[0]);
            break;
        }
        sn_buf_num(b, f->def);
        break;
    case SN_T_FLOAT:
    case SN_T_PAIR:
    case SN_T_RATE: sn_buf_num(b, f->def); break;
    case SN_T_BOOL: sn_buf_str(b, f->def != 0 ? "true" : "false"); break;
    case SN_T_ENUM: sn_buf_quoted(b, f->sdef ? f->sdef : f->choices[0]); break;
    default:
        if (f->sdef)
            sn_buf_quoted(b, f->sdef);
        else
            sn_buf_str(b, "none");
    }
}

bool sn_obj_equal(const sn_obj *x, const sn_obj *y) {
    if (x == y) return true;
    if (!x || !y || x->desc != y->desc) return false;
    sn_buf a = SN_BUF_INIT(1 << 20), b = SN_BUF_INIT(1 << 20);
    sn_obj_print(x, &a);
    sn_obj_print(y, &b);
    bool same = !a.failed && !b.failed && a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    const sn_field *f;
    for (int i = 0; same && (f = sn_field_at(x->kind, x->desc, i)); i++)
        if (f->type == SN_T_HANDLE) same = *(void *const *)member(x, f) == *(void *const *)member(y, f);
    sn_buf_free(&a);
    sn_buf_free(&b);
    return same;
}

/* ---- parsing ---- */

enum { MAX_DEPTH = 8, MAX_LIST = 65536, MAX_WORD = 64 };

static void skip_space(const char **t) {
    while (**t && isspace((unsigned char)**t)) ++*t;
}

static sn_status bad(const char *t, const char *want, sn_err *e) {
    return sn_fail(e, SN_EFORMAT, "object text: expected %s at \"%.20s\"", want, t);
}

static bool take(const char **t, char c) {
    skip_space(t);
    if (**t != c) return false;
    ++*t;
    return true;
}

static sn_status word(const char **t, char out[MAX_WORD], sn_err *e) {
    skip_space(t);
    size_t n = 0;
    while (isalnum((unsigned char)(*t)[n]) || (*t)[n] == '_') n++;
    if (n == 0 || n >= MAX_WORD) return bad(*t, "a name", e);
    memcpy(out, *t, n);
    out[n] = 0;
    *t += n;
    return SN_OK;
}

/* A value owned while it is on its way into a field. */
typedef struct {
    sn_value v;
    char *text;
    sn_value *items;
    char **texts;
} owned;

static void owned_free(owned *o) {
    sn_free(o->text);
    for (size_t i = 0; o->texts && i < o->v.n; i++) sn_free(o->texts[i]);
    sn_free(o->texts);
    sn_free(o->items);
    if (o->v.kind == SN_V_OBJ) sn_obj_release(o->v.obj);
}

static char *quoted(const char **t, sn_err *e) {
    sn_buf b = SN_BUF_INIT(1 << 16);
    ++*t; /* the opening quote */
    for (; **t && **t != '"'; ++*t) {
        char c = **t;
        if (c == '\\') {
            ++*t;
            if (isdigit((unsigned char)**t)) {
                int code = 0, k = 0;
                for (; k < 3 && isdigit((unsigned char)(*t)[k]); k++) code = code * 10 + (*t)[k] - '0';
                *t += k - 1;
                c = (char)code;
            } else {
                c = **t == 'n' ? '\n' : **t;
            }
            if (!c) break;
        }
        sn_buf_add(&b, &c, 1);
    }
    sn_buf_add(&b, "", 1);
    sn_status s = **t == '"' ? sn_buf_check(&b, "object text", e) : bad(*t, "a closing quote", e);
    if (s != SN_OK) {
        sn_buf_free(&b);
        return NULL;
    }
    ++*t;
    return b.data;
}

static sn_obj *parse_object(const sn_kind *k, const char **t, int depth, sn_err *e);

static sn_status parse_number(const char **t, sn_value *v, sn_err *e) {
    skip_space(t);
    char *end;
    v->num = strtod(*t, &end);
    if (end == *t) return bad(*t, "a number", e);
    bool whole = true;
    for (const char *p = *t; p < end; p++)
        if (!isdigit((unsigned char)*p) && *p != '-') whole = false;
    v->kind = whole ? SN_V_INT : SN_V_NUM;
    if (whole) v->i = strtoll(*t, NULL, 10);
    *t = end;
    return SN_OK;
}

static sn_status parse_list(const char **t, owned *o, sn_err *e) {
    ++*t; /* the opening brace */
    o->v.kind = SN_V_LIST;
    size_t cap = 0;
    while (!take(t, '}')) {
        if (o->v.n && !take(t, ',')) return bad(*t, "a comma", e);
        if (o->v.n >= MAX_LIST)
            return sn_fail(e, SN_EFORMAT, "object text: a list of over %d values", MAX_LIST);
        if (o->v.n == cap) {
            cap = cap ? cap * 2 : 16;
            sn_value *items = sn_realloc(o->items, cap * sizeof *items, "list", e);
            if (!items) return SN_ENOMEM;
            o->items = items;
            char **texts = sn_realloc(o->texts, cap * sizeof *texts, "list", e);
            if (!texts) return SN_ENOMEM;
            o->texts = texts;
        }
        sn_value *v = &o->items[o->v.n];
        *v = (sn_value){ 0 };
        o->texts[o->v.n] = NULL;
        skip_space(t);
        if (**t == '"') {
            char *s = quoted(t, e);
            if (!s) return SN_EFORMAT;
            o->texts[o->v.n] = s;
            v->kind = SN_V_STR;
            v->str = s;
        } else if (parse_number(t, v, e) != SN_OK) {
            return SN_EFORMAT;
        }
        o->v.n++;
    }
    o->v.list = o->items;
    return SN_OK;
}

static sn_status parse_value(const sn_field *f, const char **t, int depth, owned *o, sn_err *e) {
    skip_space(t);
    if (**t == '"') {
        o->text = quoted(t, e);
        if (!o->text) return SN_EFORMAT;
        o->v.kind = f->type == SN_T_RATE ? SN_V_EXTERNAL : SN_V_STR;
        o->v.str = o->text;
        return SN_OK;
    }
    if (**t == '{') return parse_list(t, o, e);
    if (isdigit((unsigned char)**t) || **t == '-' || strncmp(*t, "inf", 3) == 0 || strncmp(*t, "nan", 3) == 0)
        return parse_number(t, &o->v, e);
    if (strncmp(*t, "true", 4) == 0 || strncmp(*t, "false", 5) == 0) {
        o->v.kind = SN_V_BOOL;
        o->v.b = **t == 't';
        *t += o->v.b ? 4 : 5;
        return SN_OK;
    }
    if (!f->kind) return bad(*t, "a value", e);
    sn_obj *obj = parse_object(f->kind, t, depth + 1, e);
    if (!obj) return SN_EFORMAT;
    o->v.kind = SN_V_OBJ;
    o->v.obj = obj;
    return SN_OK;
}

static sn_status parse_fields(sn_obj *o, const char **t, int depth, sn_err *e) {
    if (!take(t, '{')) return bad(*t, "{", e);
    bool first = true;
    while (!take(t, '}')) {
        if (!first && !take(t, ',')) return bad(*t, "a comma", e);
        first = false;
        char name[MAX_WORD];
        if (word(t, name, e) != SN_OK) return SN_EFORMAT;
        const sn_field *f = sn_field_find(o->kind, o->desc, name);
        if (!f)
            return sn_fail(e, SN_EFORMAT, "%s: unknown option \"%s\" (from a newer sonde?)", o->desc->name,
                           name);
        if (!take(t, '=')) return bad(*t, "=", e);
        owned v = { 0 };
        sn_status s = parse_value(f, t, depth, &v, e);
        if (s == SN_OK) s = sn_obj_set(o, name, &v.v, e);
        owned_free(&v);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

static sn_obj *parse_object(const sn_kind *k, const char **t, int depth, sn_err *e) {
    char name[MAX_WORD];
    if (depth > MAX_DEPTH) {
        sn_fail(e, SN_EFORMAT, "object text: nested over %d deep", MAX_DEPTH);
        return NULL;
    }
    if (word(t, name, e) != SN_OK) return NULL;
    const sn_desc *d = sn_kind_find(k, name);
    if (!d) {
        sn_fail(e, SN_EFORMAT, "there is no %s \"%s\" in this sonde", k->name, name);
        return NULL;
    }
    sn_obj *o = sn_obj_new(k, d, e);
    if (!o) return NULL;
    if (parse_fields(o, t, depth, e) != SN_OK || sn_obj_finish(o, e) != SN_OK) {
        sn_obj_release(o);
        return NULL;
    }
    return o;
}

sn_obj *sn_obj_parse(const sn_kind *k, const char **text, sn_err *e) { return parse_object(k, text, 0, e); }

/* ---- copying with a change ---- */

sn_obj *sn_obj_with(const sn_obj *o, const char *field, const sn_value *v, sn_err *e) {
    sn_buf b = SN_BUF_INIT(1 << 20);
    sn_obj_print(o, &b);
    sn_obj *copy = NULL;
    if (sn_buf_check(&b, o->desc->name, e) == SN_OK) {
        const char *t = b.data;
        copy = sn_obj_parse(o->kind, &t, e);
    }
    sn_buf_free(&b);
    if (copy && (sn_obj_set(copy, field, v, e) != SN_OK || sn_obj_finish(copy, e) != SN_OK)) {
        sn_obj_release(copy);
        return NULL;
    }
    return copy;
}
