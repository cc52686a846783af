/* Members of saved files: texts, slabs of parameters, arrays. */
#include "base/mem.h"
#include "num/npy.h"
#include "train/file_impl.h"
#include <stdio.h>
#include <string.h>

enum { MEMBER_MAX = 400 };

/* ---- writing ---- */

sn_status sn_saving_begin(sn_saving *v, const char *path, sn_err *e) {
    *v = (sn_saving){ 0 };
    for (int i = 0; i < SN_SAVED_TEXTS; i++) v->text[i] = SN_BUF_INIT(SN_SAVED_TEXT_MAX);
    return sn_archive_create(&v->w, path, e);
}

sn_status sn_saving_end(sn_saving *v, sn_status s, sn_err *e) {
    if (s == SN_OK) {
        s = sn_archive_commit(v->w, e);
    } else {
        sn_archive_abort(v->w);
    }
    for (int i = 0; i < SN_SAVED_TEXTS; i++) sn_buf_free(&v->text[i]);
    return s;
}

sn_buf *sn_saving_text(sn_saving *v) {
    if (v->ntext == SN_SAVED_TEXTS) SN_BUG("more texts than a file has room for");
    return &v->text[v->ntext++];
}

sn_status sn_saving_add_text(sn_saving *v, const char *member, const sn_buf *b, sn_err *e) {
    sn_status s = sn_buf_check(b, member, e);
    return s == SN_OK ? sn_archive_add(v->w, member, b->data ? b->data : "", b->len, e) : s;
}

static const char *member_name(char *buf, const char *prefix, const sn_param *p, const char *end) {
    snprintf(buf, MEMBER_MAX, "%s%s%s%s", prefix, *prefix ? "/" : "", p->name, end);
    return buf;
}

sn_status sn_saving_slab(sn_saving *v, const char *prefix, const sn_model *m, const float *slab, bool stats,
                         sn_err *e) {
    char name[MEMBER_MAX];
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *p = &m->params[i];
        if (!stats && !p->spec.trainable) continue;
        sn_status s =
            sn_npy_add(v->w, member_name(name, prefix, p, ""), SN_F32, &p->spec.shape, slab + p->offset, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

sn_status sn_saving_doubles(sn_saving *v, const char *member, const double *d, const sn_shape *shape,
                            sn_err *e) {
    return sn_npy_add(v->w, member, SN_F64, shape, d, e);
}

/* ---- reading ---- */

static sn_status read_member(const sn_loading *l, const char *name, char **data, size_t *n, sn_err *e) {
    int64_t i = sn_archive_find(l->a, name);
    *data = NULL;
    if (i < 0)
        return sn_fail(e, SN_EFORMAT,
                       "%s: member %s is missing; this is no file of that kind, or a damaged one", l->path,
                       name);
    return sn_archive_read(l->a, i, data, n, e);
}

sn_status sn_loading_size(const sn_loading *l, const char *member, size_t *bytes, sn_err *e) {
    char *data;
    sn_status s = read_member(l, member, &data, bytes, e);
    sn_free(data);
    return s;
}

sn_status sn_loading_text(const sn_loading *l, const char *member, char **text, sn_err *e) {
    size_t n;
    sn_status s = read_member(l, member, text, &n, e);
    if (s != SN_OK || strlen(*text) == n) return s;
    sn_free(*text);
    *text = NULL;
    return sn_fail(e, SN_EFORMAT, "%s: member %s is not a text", l->path, member);
}

/* A member of exactly this type and shape, copied to `to`. */
static sn_status read_array(const sn_loading *l, const char *name, sn_dtype dtype, const sn_shape *shape,
                            void *to, sn_err *e) {
    char *bytes, what[MEMBER_MAX];
    size_t n;
    sn_status s = read_member(l, name, &bytes, &n, e);
    if (s != SN_OK) return s;
    snprintf(what, sizeof what, "%.200s: %.180s", l->path, name);
    sn_tensor t = { 0 };
    s = sn_npy_parse(&t, bytes, n, what, e);
    sn_free(bytes);
    if (s != SN_OK) return s;
    if (t.dtype != dtype || !sn_shape_equal(&t.shape, shape)) {
        char a[96], b[96];
        s = sn_fail(e, SN_EFORMAT, "%s is %s %s, but %s %s is wanted", what, sn_dtype_name(t.dtype),
                    sn_shape_text(&t.shape, false, a, sizeof a), sn_dtype_name(dtype),
                    sn_shape_text(shape, false, b, sizeof b));
    } else {
        memcpy(to, t.data, (size_t)sn_shape_count(shape) * sn_dtype_size(dtype));
    }
    sn_tensor_drop(&t);
    return s;
}

sn_status sn_loading_slab(const sn_loading *l, const char *prefix, const sn_model *m, float *slab, bool stats,
                          sn_err *e) {
    char name[MEMBER_MAX];
    for (int i = 0; i < m->nparam; i++) {
        const sn_param *p = &m->params[i];
        if (!stats && !p->spec.trainable) continue;
        sn_status s =
            read_array(l, member_name(name, prefix, p, ".npy"), SN_F32, &p->spec.shape, slab + p->offset, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

sn_status sn_loading_doubles(const sn_loading *l, const char *member, double *d, const sn_shape *shape,
                             sn_err *e) {
    char name[MEMBER_MAX];
    snprintf(name, sizeof name, "%s.npy", member);
    return read_array(l, name, SN_F64, shape, d, e);
}
