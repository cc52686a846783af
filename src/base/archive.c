#include "base/archive.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { PIECE = 1 << 20 }; /* bytes that are read between two looks at Ctrl-C */

/* A copied header, alive until libzip has written it. */
typedef struct copy {
    struct copy *next;
    char bytes[];
} copy;

struct sn_archive_writer {
    zip_t *zip;
    copy *heads;
    char path[PATH_MAX], tmp[PATH_MAX + 32];
};

struct sn_archive {
    zip_t *zip;
    char path[PATH_MAX];
};

static sn_status zip_fail(const char *path, zip_error_t *ze, sn_status code, sn_err *e) {
    if (zip_error_code_zip(ze) == ZIP_ER_NOZIP)
        return sn_fail(e, code, "%s: is no archive (.sonde and .npz files are zip archives)", path);
    int system = zip_error_code_system(ze);
    return sn_fail(e, code, "%s: %s", path, system ? strerror(system) : zip_error_strerror(ze));
}

/* What zip_open says in a number. libzip's own words for a missing file or a folder are odd. */
static sn_status open_fail(const char *path, int code, int saved_errno, sn_err *e) {
    zip_error_t ze;
    struct stat st;
    sn_status s = code == ZIP_ER_NOENT || code == ZIP_ER_OPEN || code == ZIP_ER_READ ? SN_EIO : SN_EFORMAT;
    if (stat(path, &st) != 0) return sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) return sn_fail(e, SN_EIO, "%s: is a folder", path);
    if (!S_ISREG(st.st_mode)) return sn_fail(e, SN_EIO, "%s: not a regular file", path);
    if (s == SN_EIO && saved_errno) return sn_fail(e, s, "%s: %s", path, strerror(saved_errno));
    zip_error_init_with_code(&ze, code);
    zip_fail(path, &ze, s, e);
    zip_error_fini(&ze);
    return s;
}

sn_status sn_archive_create(sn_archive_writer **out, const char *path, sn_err *e) {
    *out = NULL;
    sn_archive_writer *w = sn_calloc(1, sizeof *w, "archive", e);
    if (!w) return SN_ENOMEM;
    sn_status s = sn_file_target(path, w->path, w->tmp, e);
    if (s != SN_OK) {
        sn_free(w);
        return s;
    }
    int code;
    w->zip = zip_open(w->tmp, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!w->zip) {
        zip_error_t ze;
        zip_error_init_with_code(&ze, code);
        zip_fail(path, &ze, SN_EIO, e);
        zip_error_fini(&ze);
        sn_free(w);
        return SN_EIO;
    }
    *out = w;
    return SN_OK;
}

sn_status sn_archive_add2(sn_archive_writer *w, const char *name, const void *head, size_t nhead,
                          const void *data, size_t n, sn_err *e) {
    zip_buffer_fragment_t part[2];
    int parts = 0;
    copy *c = sn_alloc(sizeof *c + nhead, name, e);
    if (!c) return SN_ENOMEM;
    if (nhead) memcpy(c->bytes, head, nhead);
    c->next = w->heads;
    w->heads = c;
    if (nhead) part[parts++] = (zip_buffer_fragment_t){ (zip_uint8_t *)c->bytes, nhead };
    /* libzip does not write through this pointer; its struct merely lacks const. */
    if (n) part[parts++] = (zip_buffer_fragment_t){ (zip_uint8_t *)(uintptr_t)data, n };
    zip_error_t ze;
    zip_error_init(&ze);
    zip_source_t *src = zip_source_buffer_fragment_create(parts ? part : NULL, (zip_uint64_t)parts, 0, &ze);
    if (!src) {
        zip_fail(w->path, &ze, SN_ENOMEM, e);
        zip_error_fini(&ze);
        return SN_ENOMEM;
    }
    zip_int64_t i = zip_file_add(w->zip, name, src, ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8);
    if (i < 0) {
        zip_source_free(src);
        return zip_fail(w->path, zip_get_error(w->zip), SN_EIO, e);
    }
    zip_set_file_compression(w->zip, (zip_uint64_t)i, ZIP_CM_STORE, 0);
    zip_file_set_mtime(w->zip, (zip_uint64_t)i, 1500000000, 0); /* a fixed date: same contents, same bytes */
    return SN_OK;
}

sn_status sn_archive_add(sn_archive_writer *w, const char *name, const void *data, size_t n, sn_err *e) {
    return sn_archive_add2(w, name, NULL, 0, data, n, e);
}

static void free_writer(sn_archive_writer *w) {
    for (copy *c = w->heads, *next; c; c = next) {
        next = c->next;
        sn_free(c);
    }
    sn_free(w);
}

static int is_cancelled(zip_t *zip, void *ctx) {
    (void)zip;
    (void)ctx;
    return sn_pool_cancelled(sn_pool_default());
}

sn_status sn_archive_commit(sn_archive_writer *w, sn_err *e) {
    sn_status s;
    zip_register_cancel_callback_with_state(w->zip, is_cancelled, NULL, NULL);
    if (zip_close(w->zip) == 0) {
        s = sn_file_commit(w->tmp, w->path, e);
    } else {
        bool cancelled = zip_error_code_zip(zip_get_error(w->zip)) == ZIP_ER_CANCELLED;
        s = cancelled ? sn_fail(e, SN_ECANCEL, "%s: interrupted", w->path)
                      : zip_fail(w->path, zip_get_error(w->zip), SN_EIO, e);
        zip_discard(w->zip);
        unlink(w->tmp);
    }
    free_writer(w);
    return s;
}

void sn_archive_abort(sn_archive_writer *w) {
    if (!w) return;
    zip_discard(w->zip);
    free_writer(w);
}

sn_status sn_archive_open(sn_archive **out, const char *path, sn_err *e) {
    *out = NULL;
    if (strlen(path) >= PATH_MAX) return sn_fail(e, SN_EIO, "%.60s...: the path is too long", path);
    sn_archive *a = sn_calloc(1, sizeof *a, "archive", e);
    if (!a) return SN_ENOMEM;
    memcpy(a->path, path, strlen(path) + 1);
    int code;
    a->zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!a->zip) {
        sn_free(a);
        return open_fail(path, code, errno, e);
    }
    *out = a;
    return SN_OK;
}

int64_t sn_archive_count(const sn_archive *a) { return zip_get_num_entries(a->zip, 0); }

const char *sn_archive_name(const sn_archive *a, int64_t i) {
    const char *s = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);
    return s ? s : "";
}

int64_t sn_archive_find(const sn_archive *a, const char *name) { return zip_name_locate(a->zip, name, 0); }

static zip_uint64_t piece(zip_uint64_t left) { return left < PIECE ? left : PIECE; }

sn_status sn_archive_read(sn_archive *a, int64_t i, char **data, size_t *n, sn_err *e) {
    zip_stat_t st;
    *data = NULL;
    if (zip_stat_index(a->zip, (zip_uint64_t)i, 0, &st) != 0 || !(st.valid & ZIP_STAT_SIZE))
        return zip_fail(a->path, zip_get_error(a->zip), SN_EFORMAT, e);
    /* Deflate expands at most about 1032-fold: more is a lie about the size. */
    if (st.size > SIZE_MAX / 2 || ((st.valid & ZIP_STAT_COMP_SIZE) && st.size / 1100 > st.comp_size))
        return sn_fail(e, SN_EFORMAT, "%s: member %s claims an impossible size", a->path,
                       sn_archive_name(a, i));
    char *p = sn_alloc((size_t)st.size + 1, a->path, e);
    if (!p) return SN_ENOMEM;
    zip_file_t *f = zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
    zip_int64_t got = -1;
    size_t done = 0;
    bool cancelled = false;
    while (f && !cancelled && (got = zip_fread(f, p + done, piece(st.size - done))) > 0) {
        done += (size_t)got;
        cancelled = is_cancelled(a->zip, NULL);
    }
    /* One more read past the end makes libzip verify the checksum. */
    char extra;
    bool ok = f && got >= 0 && done == st.size && zip_fread(f, &extra, 1) == 0;
    if (f) zip_fclose(f);
    if (cancelled || !ok) {
        sn_free(p);
        if (cancelled) return sn_fail(e, SN_ECANCEL, "%s: interrupted", a->path);
        return sn_fail(e, SN_EFORMAT, "%s: member %s is damaged", a->path, sn_archive_name(a, i));
    }
    p[done] = 0;
    *data = p;
    *n = done;
    return SN_OK;
}

void sn_archive_close(sn_archive *a) {
    if (!a) return;
    zip_discard(a->zip);
    sn_free(a);
}
