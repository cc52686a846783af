#include "num/npy.h"

#include "base/file.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they stand in memory");

/* The format: numpy/lib/format.py. "\x93NUMPY", major, minor, header length (2 bytes in version 1, 4 after it),
 * a Python dict literal with descr, fortran_order and shape, the raw values. */
static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6, NAME_LIMIT = 512 };

/* ---- writing ---- */

static const char *descr_of(sn_dtype t) {
    switch (t) {
    case SN_F32: return "<f4";
    case SN_F64: return "<f8";
    case SN_U8: return "|u1";
    case SN_I32: return "<i4";
    case SN_I64: return "<i8";
    }
    SN_BUG("a dtype without a numpy name");
}

sn_status sn_npy_header(sn_dtype dtype, const sn_shape *shape, sn_buf *out, sn_err *e) {
    enum { BEFORE = MAGIC + 4, ALIGN = 64 };
    char dict[512], dims[256];
    sn_shape_text(shape, false, dims, sizeof dims);
    int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                     descr_of(dtype), dims);
    size_t total = (BEFORE + (size_t)n + 1 + ALIGN - 1) / ALIGN * ALIGN, length = total - BEFORE;
    char head[BEFORE] = { 0 };
    memcpy(head, magic, MAGIC);
    head[MAGIC] = 1;
    head[MAGIC + 2] = (char)(length & 255);
    head[MAGIC + 3] = (char)(length >> 8);
    sn_buf_add(out, head, sizeof head);
    sn_buf_add(out, dict, (size_t)n);
    for (size_t i = (size_t)n + 1; i < length; i++) sn_buf_add(out, " ", 1);
    sn_buf_add(out, "\n", 1);
    return sn_buf_check(out, "npy header", e);
}

static size_t byte_count(sn_dtype dtype, const sn_shape *shape) {
    return (size_t)sn_shape_count(shape) * sn_dtype_size(dtype);
}

sn_status sn_npy_save(const sn_tensor *t, const char *path, sn_err *e) {
    size_t bytes = t->store ? byte_count(t->dtype, &t->shape) : 0;
    if (!t->store)
        return sn_fail(e, SN_EINVAL, "%s: an empty tensor cannot be saved; give it values first", path);
    sn_buf file = SN_BUF_INIT(bytes + NAME_LIMIT);
    sn_status s = sn_npy_header(t->dtype, &t->shape, &file, e);
    if (s == SN_OK) {
        sn_buf_add(&file, t->data, bytes);
        s = sn_buf_check(&file, path, e);
    }
    if (s == SN_OK) s = sn_file_write(path, file.data, file.len, e);
    sn_buf_free(&file);
    return s;
}

sn_status sn_npy_add(sn_archive_writer *w, const char *name, sn_dtype dtype, const sn_shape *shape,
                     const void *data, sn_err *e) {
    char member[NAME_LIMIT];
    int n = snprintf(member, sizeof member, "%s.npy", name);
    if (n < 0 || n >= (int)sizeof member)
        return sn_fail(e, SN_EINVAL, "array name %.40s...: too long; use fewer than %d characters", name,
                       NAME_LIMIT - 4);
    sn_buf header = SN_BUF_INIT(4096);
    sn_status s = sn_npy_header(dtype, shape, &header, e);
    if (s == SN_OK) {
        s = sn_archive_add2(w, member, header.data, header.len, data, byte_count(dtype, shape), e);
    }
    sn_buf_free(&header);
    return s;
}

sn_status sn_npy_load(sn_tensor *out, const char *path, sn_err *e) {
    *out = (sn_tensor){ 0 };
    sn_buf file = SN_BUF_INIT(sn_mem_limit());
    sn_status s = sn_file_read(path, &file, e);
    if (s == SN_OK) s = sn_npy_parse(out, file.data, file.len, path, e);
    sn_buf_free(&file);
    return s;
}
