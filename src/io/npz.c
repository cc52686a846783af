#include "io/npz.h"

#include "base/archive.h"
#include "base/mem.h"
#include "num/npy.h"
#include <string.h>

void sn_npz_drop(sn_npz *nz) {
    for (int64_t i = 0; i < nz->n; i++) {
        sn_free(nz->name[i]);
        sn_tensor_drop(&nz->tensor[i]);
    }
    sn_free(nz->name);
    sn_free(nz->tensor);
    *nz = (sn_npz){ 0 };
}

/* Does the name end in .npy? Its length without that, or 0. */
static size_t stem(const char *name) {
    size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".npy") == 0 ? n - 4 : 0;
}

static sn_status load_member(sn_npz *nz, sn_archive *a, int64_t i, sn_err *e) {
    const char *member = sn_archive_name(a, i);
    char *name = sn_strdup(member, e);
    if (!name) return SN_ENOMEM;
    name[stem(member)] = 0;
    nz->name[nz->n] = name;
    sn_tensor *t = &nz->tensor[nz->n++]; /* from here on drop frees both */
    char *data;
    size_t n;
    sn_status s = sn_archive_read(a, i, &data, &n, e);
    if (s != SN_OK) return s;
    s = sn_npy_parse(t, data, n, member, e);
    sn_free(data);
    return s;
}

static sn_status load_all(sn_npz *nz, sn_archive *a, const char *path, sn_err *e) {
    int64_t count = sn_archive_count(a);
    nz->name = sn_calloc((size_t)count + 1, sizeof *nz->name, path, e);
    nz->tensor = sn_calloc((size_t)count + 1, sizeof *nz->tensor, path, e);
    if (!nz->name || !nz->tensor) return SN_ENOMEM;
    for (int64_t i = 0; i < count; i++) {
        if (!stem(sn_archive_name(a, i))) continue;
        sn_status s = load_member(nz, a, i, e);
        if (s != SN_OK) return sn_fail_prefix(e, "%s", path);
    }
    if (nz->n == 0)
        return sn_fail(e, SN_EFORMAT, "%s: holds no arrays; an .npz has members called NAME.npy", path);
    return SN_OK;
}

sn_status sn_npz_load(sn_npz *nz, const char *path, sn_err *e) {
    *nz = (sn_npz){ 0 };
    sn_archive *a = NULL;
    sn_status s = sn_archive_open(&a, path, e);
    if (s != SN_OK) return s;
    s = load_all(nz, a, path, e);
    sn_archive_close(a);
    if (s != SN_OK) sn_npz_drop(nz);
    return s;
}

sn_status sn_npz_save(const char *path, const char *const *names, const sn_tensor *const *tensors, int64_t n,
                      sn_err *e) {
    if (n == 0) return sn_fail(e, SN_EINVAL, "%s: no arrays to save; an .npz holds at least one", path);
    sn_archive_writer *w = NULL;
    sn_status s = sn_archive_create(&w, path, e);
    for (int64_t i = 0; s == SN_OK && i < n; i++) {
        const sn_tensor *t = tensors[i];
        for (int64_t j = 0; j < i && s == SN_OK; j++)
            if (strcmp(names[i], names[j]) == 0)
                s = sn_fail(e, SN_EINVAL, "%s: two arrays called \"%s\"", path, names[i]);
        if (s == SN_OK) s = sn_npy_add(w, names[i], t->dtype, &t->shape, t->data, e);
    }
    if (s == SN_OK) return sn_archive_commit(w, e);
    sn_archive_abort(w);
    return s;
}
