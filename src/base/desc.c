#include "base/desc.h"

#include "base/mem.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool same_name(const sn_desc *d, const char *name) {
    return strcmp(d->name, name) == 0 || (d->alias && strcmp(d->alias, name) == 0);
}

const sn_desc *sn_kind_find(const sn_kind *k, const char *name) {
    for (const sn_desc *const *d = k->list; *d; d++)
        if (same_name(*d, name)) return *d;
    return NULL;
}

const sn_field *sn_field_at(const sn_kind *k, const sn_desc *d, int i) {
    const sn_field *f = d->fields;
    for (; f && f->name; f++)
        if (i-- == 0) return f;
    for (f = k->common; f && f->name; f++)
        if (i-- == 0) return f;
    return NULL;
}

const sn_field *sn_field_find(const sn_kind *k, const sn_desc *d, const char *name) {
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(k, d, i)); i++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

/* ---- suggestions ---- */

enum { WORD_MAX_LEN = 40 };

/* Damerau-Levenshtein (adjacent swaps count one), over at most WORD_MAX_LEN characters. */
static int edit_distance(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > WORD_MAX_LEN || m > WORD_MAX_LEN) return 99;
    int d[WORD_MAX_LEN + 1][WORD_MAX_LEN + 1];
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            int cost = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
            int best = d[i - 1][j - 1] + cost;
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

/* Lower is nearer; a prefix either way counts as one edit, so that padd finds padding. */
static int nearness(const char *word, const char *candidate) {
    size_t n = strlen(word), m = strlen(candidate), shorter = n < m ? n : m;
    int d = edit_distance(word, candidate);
    if (shorter >= 3 && strncmp(word, candidate, shorter) == 0 && d > 1) d = 1;
    return d;
}

static void consider(const char *word, const char *candidate, int *best, const char **found) {
    int limit = strlen(word) <= 3 ? 1 : strlen(word) <= 6 ? 2 : 3;
    int d = nearness(word, candidate);
    if (d <= limit && d < *best) {
        *best = d;
        *found = candidate;
    }
}

const char *sn_suggest(const char *word, const char *const *list) {
    const char *found = NULL;
    int best = 99;
    for (; *list; list++) consider(word, *list, &best, &found);
    return found;
}

const char *sn_kind_suggest(const sn_kind *k, const char *name) {
    const char *found = NULL;
    int best = 99;
    for (const sn_desc *const *d = k->list; *d; d++) consider(name, (*d)->name, &best, &found);
    return found;
}

static const char *suggest_field(const sn_obj *o, const char *name) {
    const char *found = NULL;
    int best = 99;
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++) consider(name, f->name, &best, &found);
    return found;
}

/* ---- making and ending objects ---- */

static void *member(const sn_obj *o, const sn_field *f) { return (char *)o->cfg + f->off; }

/* The bits of the fields that were given live behind the configuration. */
static uint64_t *given_bits(const sn_obj *o) {
    return (uint64_t *)(void *)((char *)o->cfg + ((o->desc->cfg_size + 7) & ~(size_t)7));
}

static void clear_member(const sn_field *f, void *m) {
    switch (f->type) {
    case SN_T_STRING:
        sn_free(*(char **)m);
        *(char **)m = NULL;
        break;
    case SN_T_FLOATS:
        sn_free(((sn_floats *)m)->v);
        *(sn_floats *)m = (sn_floats){ 0 };
        break;
    case SN_T_STRINGS: {
        sn_strings *s = m;
        for (size_t i = 0; i < s->n; i++) sn_free(s->v[i]);
        sn_free(s->v);
        *s = (sn_strings){ 0 };
        break;
    }
    case SN_T_OBJECT:
        sn_obj_release(*(sn_obj **)m);
        *(sn_obj **)m = NULL;
        break;
    case SN_T_RATE:
        sn_obj_release(((sn_rate *)m)->schedule);
        *(sn_rate *)m = (sn_rate){ 0 };
        break;
    case SN_T_HANDLE:
        if (*(void **)m) f->handle->release(*(void **)m);
        *(void **)m = NULL;
        break;
    default: break;
    }
}

static int choice_index(const sn_field *f, const char *s) {
    for (int i = 0; f->choices[i]; i++)
        if (strcmp(f->choices[i], s) == 0) return i;
    return -1;
}

static sn_status set_default(sn_obj *o, const sn_field *f, sn_err *e) {
    void *m = member(o, f);
    switch (f->type) {
    case SN_T_INT: *(int64_t *)m = (int64_t)f->def; break;
    case SN_T_FLOAT: *(double *)m = f->def; break;
    case SN_T_BOOL: *(bool *)m = f->def != 0; break;
    case SN_T_PAIR: ((int64_t *)m)[0] = ((int64_t *)m)[1] = (int64_t)f->def; break;
    case SN_T_RATE: ((sn_rate *)m)->value = f->def; break;
    case SN_T_ENUM: {
        int i = f->sdef ? choice_index(f, f->sdef) : 0;
        if (i < 0) SN_BUG("a default that is not among its choices");
        *(int *)m = i;
        break;
    }
    case SN_T_STRING:
        if (f->sdef && !(*(char **)m = sn_strdup(f->sdef, e))) return SN_ENOMEM;
        break;
    case SN_T_OBJECT:
        if (f->sdef && !(*(sn_obj **)m = sn_obj_named(f->kind, f->sdef, e))) return e ? e->code : SN_ENOMEM;
        break;
    default: break;
    }
    return SN_OK;
}

sn_obj *sn_obj_new(const sn_kind *k, const sn_desc *d, sn_err *e) {
    sn_obj *o = sn_calloc(1, sizeof *o, d->name, e);
    if (!o) return NULL;
    o->refs = 1;
    o->kind = k;
    o->desc = d;
    o->cfg = sn_calloc(1, ((d->cfg_size + 7) & ~(size_t)7) + sizeof(uint64_t), d->name, e);
    if (!o->cfg) {
        sn_free(o);
        return NULL;
    }
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(k, d, i)); i++) {
        if (set_default(o, f, e) != SN_OK) {
            sn_obj_release(o);
            return NULL;
        }
    }
    return o;
}

sn_obj *sn_obj_retain(sn_obj *o) {
    if (o) __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
    return o;
}

void sn_obj_release(sn_obj *o) {
    if (!o || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    const sn_field *f;
    if (o->cfg && o->desc->drop) o->desc->drop(o->cfg);
    for (int i = 0; o->cfg && (f = sn_field_at(o->kind, o->desc, i)); i++) clear_member(f, member(o, f));
    sn_free(o->cfg);
    sn_free(o);
}

static sn_status unknown_name(const sn_kind *k, const char *name, sn_err *e) {
    const char *near = sn_kind_suggest(k, name);
    if (near)
        return sn_fail(e, SN_EINVAL, "there is no %s \"%.60s\"; did you mean \"%s\"?", k->name, name, near);
    sn_buf b = SN_BUF_INIT(4096);
    for (const sn_desc *const *d = k->list; *d; d++) {
        if (b.len) sn_buf_str(&b, ", ");
        sn_buf_str(&b, (*d)->name);
    }
    sn_fail(e, SN_EINVAL, "there is no %s \"%.60s\"; there are: %.360s", k->name, name, b.data ? b.data : "");
    sn_buf_free(&b);
    return SN_EINVAL;
}

sn_obj *sn_obj_named(const sn_kind *k, const char *name, sn_err *e) {
    const sn_desc *d = sn_kind_find(k, name);
    if (!d) {
        unknown_name(k, name, e);
        return NULL;
    }
    sn_obj *o = sn_obj_new(k, d, e);
    if (o && sn_obj_finish(o, e) != SN_OK) {
        sn_obj_release(o);
        return NULL;
    }
    return o;
}

sn_status sn_obj_finish(sn_obj *o, sn_err *e) {
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++) {
        if ((f->flags & SN_REQUIRED) && !(*given_bits(o) >> i & 1))
            return sn_fail(e, SN_EINVAL, "%s: %s is missing (%s); for example %s", o->desc->name, f->name,
                           f->doc, o->desc->example);
    }
    sn_status s = o->desc->check ? o->desc->check(o->cfg, e) : SN_OK;
    if (s != SN_OK || !o->desc->derive) return s;
    if (o->desc->drop) o->desc->drop(o->cfg); /* finished before, with other fields */
    return o->desc->derive(o->cfg, e);
}

/* ---- setting one field ---- */

static const char *value_text(const sn_value *v, char *buf, size_t n) {
    sn_buf b = SN_BUF_INIT(200);
    switch (v->kind) {
    case SN_V_BOOL: sn_buf_str(&b, v->b ? "true" : "false"); break;
    case SN_V_INT:
    case SN_V_NUM: sn_buf_num(&b, v->num); break;
    case SN_V_STR: sn_buf_quoted(&b, v->str); break;
    case SN_V_LIST: sn_buf_str(&b, "a list"); break;
    case SN_V_OBJ: sn_buf_fmt(&b, "the %s %s", v->obj->kind->name, v->obj->desc->name); break;
    case SN_V_HANDLE:
        if (v->type_name)
            sn_buf_str(&b, v->type_name);
        else
            sn_buf_fmt(&b, "a %s", v->handle->name);
        break;
    case SN_V_EXTERNAL: sn_buf_str(&b, "a function"); break;
    }
    size_t len = b.len < n - 1 ? b.len : n - 1;
    memcpy(buf, b.data ? b.data : "?", b.data ? len : 1);
    buf[b.data ? len : 1] = 0;
    sn_buf_free(&b);
    return buf;
}

static sn_status wrong_type(const sn_obj *o, const sn_field *f, const sn_value *v, const char *want,
                            sn_err *e) {
    char text[80];
    return sn_fail(e, SN_EINVAL, "%s: %s wants %s, got %s", o->desc->name, f->name, want,
                   v->type_name ? v->type_name : value_text(v, text, sizeof text));
}

static sn_status check_range(const sn_obj *o, const sn_field *f, double num, sn_err *e) {
    if (num != num) return sn_fail(e, SN_EINVAL, "%s: %s is nan", o->desc->name, f->name);
    if ((f->min != 0 || f->max != 0) && (num < f->min || num > f->max))
        return sn_fail(e, SN_EINVAL, "%s: %s = %.10g is outside %.10g..%.10g", o->desc->name, f->name, num,
                       f->min, f->max);
    return SN_OK;
}

static sn_status set_enum(const sn_obj *o, const sn_field *f, int *m, const sn_value *v, sn_err *e) {
    if (v->kind != SN_V_STR) return wrong_type(o, f, v, "a text", e);
    int i = choice_index(f, v->str);
    if (i >= 0) {
        *m = i;
        return SN_OK;
    }
    sn_buf b = SN_BUF_INIT(2000);
    for (int c = 0; f->choices[c]; c++) sn_buf_fmt(&b, "%s\"%s\"", c ? ", " : "", f->choices[c]);
    const char *near = sn_suggest(v->str, f->choices);
    sn_fail(e, SN_EINVAL, "%s: %s = \"%.60s\" is not one of %.300s%s%s%s", o->desc->name, f->name, v->str,
            b.data ? b.data : "", near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    sn_buf_free(&b);
    return SN_EINVAL;
}

static sn_status as_int(const sn_obj *o, const sn_field *f, const sn_value *v, int64_t *out, sn_err *e) {
    if (v->kind == SN_V_STR && f->choices) { /* a word among numbers: save_freq = "epoch" */
        int word = 0;
        sn_status s = set_enum(o, f, &word, v, e);
        *out = -word;
        return s;
    }
    bool whole = v->kind == SN_V_INT || (v->kind == SN_V_NUM && v->num >= -9e15 && v->num <= 9e15 &&
                                         v->num == (double)(int64_t)v->num);
    if (!whole) return wrong_type(o, f, v, "a whole number", e);
    *out = v->kind == SN_V_INT ? v->i : (int64_t)v->num;
    return check_range(o, f, (double)*out, e);
}

static sn_status as_num(const sn_obj *o, const sn_field *f, const sn_value *v, double *out, sn_err *e) {
    if (v->kind != SN_V_INT && v->kind != SN_V_NUM) return wrong_type(o, f, v, "a number", e);
    *out = v->num;
    return check_range(o, f, *out, e);
}

static sn_status set_ints(const sn_obj *o, const sn_field *f, void *m, const sn_value *v, sn_err *e) {
    bool pair = f->type == SN_T_PAIR;
    int64_t d[SN_MAXDIM];
    size_t n = 0;
    if (v->kind == SN_V_LIST) {
        if (v->n > SN_MAXDIM || (pair && v->n != 1 && v->n != 2))
            return sn_fail(e, SN_EINVAL, "%s: %s wants %s, got a list of %zu", o->desc->name, f->name,
                           pair ? "a number or a list of two" : "a list of at most 8 numbers", v->n);
        for (; n < v->n; n++)
            if (as_int(o, f, &v->list[n], &d[n], e) != SN_OK) return SN_EINVAL;
    } else if (v->kind == SN_V_INT || v->kind == SN_V_NUM) {
        if (as_int(o, f, v, &d[n++], e) != SN_OK) return SN_EINVAL;
    } else {
        return wrong_type(o, f, v, pair ? "a whole number or a list of two" : "a list of whole numbers", e);
    }
    if (pair) {
        ((int64_t *)m)[0] = d[0];
        ((int64_t *)m)[1] = d[n == 2];
        return SN_OK;
    }
    sn_dims *s = m;
    s->n = (int)n;
    memcpy(s->d, d, n * sizeof *d);
    return SN_OK;
}

static sn_status set_floats(const sn_obj *o, const sn_field *f, sn_floats *m, const sn_value *v, sn_err *e) {
    if (v->kind != SN_V_LIST) return wrong_type(o, f, v, "a list of numbers", e);
    double *d = sn_alloc(v->n * sizeof *d, f->name, e);
    if (!d) return SN_ENOMEM;
    for (size_t i = 0; i < v->n; i++) {
        if (as_num(o, f, &v->list[i], &d[i], e) != SN_OK) {
            sn_free(d);
            return SN_EINVAL;
        }
    }
    sn_free(m->v);
    *m = (sn_floats){ v->n, d };
    return SN_OK;
}

static sn_status set_strings(const sn_obj *o, const sn_field *f, sn_strings *m, const sn_value *v, sn_err *e) {
    if (v->kind != SN_V_LIST) return wrong_type(o, f, v, "a list of texts", e);
    clear_member(f, m);
    m->v = sn_calloc(v->n ? v->n : 1, sizeof *m->v, f->name, e);
    if (!m->v) return SN_ENOMEM;
    for (size_t i = 0; i < v->n; i++) {
        if (v->list[i].kind != SN_V_STR) return wrong_type(o, f, &v->list[i], "a list of texts", e);
        m->v[i] = sn_strdup(v->list[i].str, e);
        if (!m->v[i]) return SN_ENOMEM;
        m->n = i + 1;
    }
    return SN_OK;
}

/* An object of the field's kind, or the name of one. */
static sn_status set_object(const sn_obj *o, const sn_field *f, sn_obj **m, const sn_value *v, sn_err *e) {
    char want[80] = "";
    snprintf(want, sizeof want, "%s ", strchr("aeiou", f->kind->name[0]) ? "an" : "a");
    strncat(want, f->kind->name, sizeof want - strlen(want) - 1);
    sn_obj *got;
    if (v->kind == SN_V_STR) {
        got = sn_obj_named(f->kind, v->str, e);
        if (!got) return sn_fail_prefix(e, "%s: %s", o->desc->name, f->name);
    } else if (v->kind == SN_V_OBJ && v->obj->kind == f->kind) {
        got = sn_obj_retain(v->obj);
    } else {
        return wrong_type(o, f, v, want, e);
    }
    sn_obj_release(*m);
    *m = got;
    return SN_OK;
}

static sn_status set_rate(const sn_obj *o, const sn_field *f, sn_rate *m, const sn_value *v, sn_err *e) {
    if (v->kind == SN_V_EXTERNAL) {
        clear_member(f, m);
        m->external = true;
        m->value = f->def;
        return SN_OK;
    }
    if (v->kind == SN_V_OBJ) {
        sn_status s = set_object(o, f, &m->schedule, v, e);
        if (s == SN_OK) m->external = false;
        return s;
    }
    double num;
    if (v->kind != SN_V_INT && v->kind != SN_V_NUM)
        return wrong_type(o, f, v, "a number, a schedule or a function", e);
    if (as_num(o, f, v, &num, e) != SN_OK) return SN_EINVAL;
    clear_member(f, m);
    m->value = num;
    return SN_OK;
}

static sn_status set_member(sn_obj *o, const sn_field *f, const sn_value *v, sn_err *e) {
    void *m = member(o, f);
    switch (f->type) {
    case SN_T_INT: return as_int(o, f, v, m, e);
    case SN_T_FLOAT: return as_num(o, f, v, m, e);
    case SN_T_BOOL:
        if (v->kind != SN_V_BOOL) return wrong_type(o, f, v, "true or false", e);
        *(bool *)m = v->b;
        return SN_OK;
    case SN_T_ENUM: return set_enum(o, f, m, v, e);
    case SN_T_STRING: {
        if (v->kind != SN_V_STR) return wrong_type(o, f, v, "a text", e);
        char *s = sn_strdup(v->str, e);
        if (!s) return SN_ENOMEM;
        sn_free(*(char **)m);
        *(char **)m = s;
        return SN_OK;
    }
    case SN_T_PAIR:
    case SN_T_DIMS: return set_ints(o, f, m, v, e);
    case SN_T_FLOATS: return set_floats(o, f, m, v, e);
    case SN_T_STRINGS: return set_strings(o, f, m, v, e);
    case SN_T_OBJECT:
        if (v->kind == SN_V_BOOL && !v->b) { /* false = none: what a nil default means, said on purpose */
            clear_member(f, m);
            return SN_OK;
        }
        return set_object(o, f, m, v, e);
    case SN_T_RATE: return set_rate(o, f, m, v, e);
    case SN_T_HANDLE:
        if (v->kind != SN_V_HANDLE || v->handle != f->handle) return wrong_type(o, f, v, f->handle->name, e);
        f->handle->retain(v->ptr);
        clear_member(f, m);
        *(void **)m = v->ptr;
        return SN_OK;
    }
    SN_BUG("a field type without a setter");
}

static sn_status set_index(sn_obj *o, int index, const sn_value *v, sn_err *e) {
    sn_status s = set_member(o, sn_field_at(o->kind, o->desc, index), v, e);
    if (s == SN_OK) *given_bits(o) |= (uint64_t)1 << index;
    return s;
}

sn_status sn_obj_set(sn_obj *o, const char *name, const sn_value *v, sn_err *e) {
    const sn_field *f;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++)
        if (strcmp(f->name, name) == 0) return set_index(o, i, v, e);
    const char *near = suggest_field(o, name);
    if (near)
        return sn_fail(e, SN_EINVAL, "%s: unknown option \"%.60s\"; did you mean \"%s\"?", o->desc->name, name,
                       near);
    sn_buf b = SN_BUF_INIT(2000);
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++) sn_buf_fmt(&b, "%s%s", i ? ", " : "", f->name);
    sn_fail(e, SN_EINVAL, "%s: unknown option \"%.60s\"; it has: %.360s", o->desc->name, name,
            b.data ? b.data : "none");
    sn_buf_free(&b);
    return SN_EINVAL;
}

sn_status sn_obj_set_at(sn_obj *o, int pos, const sn_value *v, sn_err *e) {
    const sn_field *f;
    int most = 0;
    for (int i = 0; (f = sn_field_at(o->kind, o->desc, i)); i++) {
        if (f->pos == pos) return set_index(o, i, v, e);
        if (f->pos > most) most = f->pos;
    }
    char text[80];
    value_text(v, text, sizeof text);
    if (most == 0)
        return sn_fail(e, SN_EINVAL, "%s: takes options by name only, got %s without a name; for example %s",
                       o->desc->name, text, o->desc->example);
    return sn_fail(e, SN_EINVAL,
                   "%s: takes at most %d value%s without a name, got %s as number %d; for example %s",
                   o->desc->name, most, most == 1 ? "" : "s", text, pos, o->desc->example);
}
