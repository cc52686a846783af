#include "data/scan.h"

#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 100, MAX_CLASSES = 1000000 };

/* The chain of folders being walked; a link that leads back into it ends there. */
typedef struct chain {
    const struct chain *up;
    dev_t dev;
    ino_t ino;
    int depth;
} chain;

typedef struct {
    sn_scan *out;
    bool follow_links;
    int32_t label;
} walk;

static sn_status cannot_list(const char *path, sn_err *e) {
    const char *why = errno == ENOENT    ? "there is no such folder; check the path"
                      : errno == ENOTDIR ? "is not a folder; give the folder that holds the images"
                      : errno == EACCES ? "may not be read; change its permissions or its folder's (chmod u+rx)"
                                        : strerror(errno);
    return sn_fail(e, SN_EIO, "image_folder: \"%.300s\": %s", path, why);
}

/* keras/src/utils/image_dataset_utils.py, ALLOWLIST_FORMATS */
static bool is_image_name(const char *name) {
    static const char *const endings[] = { ".bmp", ".gif", ".jpeg", ".jpg", ".png" };
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t k = strlen(endings[i]);
        if (n >= k && strcasecmp(name + n - k, endings[i]) == 0) return true;
    }
    return false;
}

static sn_status add_file(walk *w, const char *path, sn_err *e) {
    sn_scan *o = w->out;
    if (o->n == o->room) {
        int64_t room = o->room ? 2 * o->room : 256;
        sn_scan_file *f = sn_realloc(o->file, (size_t)room * sizeof *f, "image_folder", e);
        if (!f) return SN_ENOMEM;
        o->file = f;
        o->room = room;
    }
    o->file[o->n++] = (sn_scan_file){ o->text.len, (size_t)(strrchr(path, '/') - path), w->label };
    sn_buf_add(&o->text, path, strlen(path) + 1);
    return sn_buf_check(&o->text, "image_folder: file names", e);
}

static sn_status walk_folder(walk *w, const char *path, const chain *up, sn_err *e);

static sn_status walk_entry(walk *w, const char *path, const chain *here, sn_err *e) {
    struct stat st;
    if (lstat(path, &st) != 0) return errno == ENOENT ? SN_OK /* gone meanwhile */ : cannot_list(path, e);
    bool link = S_ISLNK(st.st_mode);
    if (link && stat(path, &st) != 0)
        st.st_mode = 0; /* a dead link with an image's name: broken, said when read */
    if (!S_ISDIR(st.st_mode)) return is_image_name(path) ? add_file(w, path, e) : SN_OK;
    if (link && !w->follow_links) return SN_OK;
    for (const chain *c = here; c; c = c->up)
        if (c->dev == st.st_dev && c->ino == st.st_ino) return SN_OK;
    return walk_folder(w, path, here, e);
}

static sn_status walk_folder(walk *w, const char *path, const chain *up, sn_err *e) {
    char child[PATH_MAX];
    struct stat st;
    DIR *d = opendir(path);
    if (!d) return cannot_list(path, e);
    sn_status s = SN_OK;
    chain here = { .up = up, .depth = up ? up->depth + 1 : 1 };
    if (fstat(dirfd(d), &st) == 0) here.dev = st.st_dev, here.ino = st.st_ino;
    if (here.depth > MAX_DEPTH)
        s = sn_fail(e, SN_EIO, "image_folder: \"%.300s\": folders nest too deeply", path);
    while (s == SN_OK) {
        errno = 0;
        struct dirent *entry = readdir(d);
        if (!entry && errno) s = cannot_list(path, e);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        int n = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (n >= (int)sizeof child) {
            s = sn_fail(e, SN_EIO, "image_folder: \"%.300s/...\": a path is too long", path);
        } else {
            s = walk_entry(w, child, &here, e);
        }
    }
    closedir(d);
    return s;
}

/* Keras sorts folders as whole paths and then the names in each, so that a/b.jpg comes before a/B/a.jpg. */
static int by_folder_and_name(const void *a, const void *b, void *ctx) {
    const sn_scan_file *f = a, *g = b;
    const char *text = ctx, *p = text + f->at, *q = text + g->at;
    size_t n = f->slash < g->slash ? f->slash : g->slash;
    int order = memcmp(p, q, n);
    if (order) return order;
    if (f->slash != g->slash) return f->slash < g->slash ? -1 : 1;
    return strcmp(p + n, q + n);
}

static sn_status scan_below(sn_scan *o, const char *path, int32_t label, bool follow_links, sn_err *e) {
    walk w = { o, follow_links, label };
    int64_t from = o->n;
    sn_status s = walk_folder(&w, path, NULL, e);
    if (s == SN_OK && o->n > from)
        qsort_r(o->file + from, (size_t)(o->n - from), sizeof *o->file, by_folder_and_name, o->text.data);
    return s;
}

/* ---- classes ---- */

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Is it a folder? What may not be looked at is an error: a class would be missing without a word. */
static sn_status is_folder(bool *is, const char *dir, const char *name, sn_err *e) {
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    errno = 0;
    *is = n < (int)sizeof path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return errno == EACCES ? cannot_list(path, e) : SN_OK;
}

static sn_status add_class(sn_scan *o, const char *name, sn_err *e) {
    if (o->nclass == MAX_CLASSES)
        return sn_fail(e, SN_EINVAL, "image_folder: over %d class folders", MAX_CLASSES);
    if ((o->nclass & (o->nclass - 1)) == 0) { /* room doubles at every power of two */
        char **more =
            sn_realloc(o->class_names, (size_t)(o->nclass ? 2 * o->nclass : 1) * sizeof *more, "classes", e);
        if (!more) return SN_ENOMEM;
        o->class_names = more;
    }
    char *copy = sn_strdup(name, e);
    if (!copy) return SN_ENOMEM;
    o->class_names[o->nclass++] = copy;
    return SN_OK;
}

static sn_status find_classes(sn_scan *o, const char *dir, sn_err *e) {
    DIR *d = opendir(dir);
    if (!d) return cannot_list(dir, e);
    sn_status s = SN_OK;
    while (s == SN_OK) {
        errno = 0;
        struct dirent *entry = readdir(d);
        if (!entry && errno) s = cannot_list(dir, e);
        if (!entry) break;
        bool is = false;
        if (entry->d_name[0] != '.') s = is_folder(&is, dir, entry->d_name, e);
        if (s == SN_OK && is) s = add_class(o, entry->d_name, e);
    }
    closedir(d);
    if (s == SN_OK && o->nclass == 0)
        return sn_fail(e, SN_EINVAL,
                       "image_folder: \"%.300s\" has no class folders; put each class's images into a "
                       "folder of its own, or use labels = \"none\"",
                       dir);
    if (s == SN_OK) qsort(o->class_names, (size_t)o->nclass, sizeof *o->class_names, by_bytes);
    return s;
}

static sn_status given_classes(sn_scan *o, const char *dir, const sn_strings *classes, sn_err *e) {
    for (size_t i = 0; i < classes->n; i++) {
        const char *name = classes->v[i];
        for (size_t j = 0; j < i; j++)
            if (strcmp(classes->v[j], name) == 0)
                return sn_fail(e, SN_EINVAL, "image_folder: class_names has \"%.100s\" twice", name);
        bool is = false;
        sn_status s = SN_OK;
        if (name[0] && name[0] != '.' && !strchr(name, '/')) s = is_folder(&is, dir, name, e);
        if (s == SN_OK && !is)
            s = sn_fail(e, SN_EINVAL,
                        "image_folder: class_names has \"%.100s\", but \"%.200s\" has no such folder", name,
                        dir);
        if (s == SN_OK) s = add_class(o, name, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

static sn_status scan_classes(sn_scan *o, const char *dir, const sn_strings *classes, bool follow_links,
                              sn_err *e) {
    char path[PATH_MAX];
    sn_status s = classes && classes->n ? given_classes(o, dir, classes, e) : find_classes(o, dir, e);
    for (int i = 0; s == SN_OK && i < o->nclass; i++) {
        int64_t before = o->n;
        int n = snprintf(path, sizeof path, "%s/%s", dir, o->class_names[i]);
        if (n >= (int)sizeof path) SN_BUG("a class folder's path that was short enough before");
        s = scan_below(o, path, i, follow_links, e);
        if (s == SN_OK && o->n == before) sn_warn("image_folder: class folder \"%.300s\" has no images", path);
    }
    return s;
}

sn_status sn_scan_folder(sn_scan *o, const char *dir, bool inferred, const sn_strings *classes,
                         bool follow_links, sn_err *e) {
    char path[PATH_MAX];
    struct stat st;
    *o = (sn_scan){ .text = SN_BUF_INIT((size_t)1 << 32) };
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    if (n == 0 || n >= sizeof path)
        return sn_fail(e, SN_EINVAL, "image_folder: the folder's path is %s", n ? "too long" : "empty");
    memcpy(path, dir, n);
    path[n] = 0;
    if (stat(path, &st) != 0) return cannot_list(path, e);
    errno = ENOTDIR;
    if (!S_ISDIR(st.st_mode)) return cannot_list(path, e);
    sn_status s =
        inferred ? scan_classes(o, path, classes, follow_links, e) : scan_below(o, path, -1, follow_links, e);
    if (s == SN_OK && o->n == 0)
        s = sn_fail(e, SN_EINVAL,
                    "image_folder: no images found in \"%.300s\"; there must be files that end in .bmp, "
                    ".gif, .jpeg, .jpg or .png",
                    path);
    if (s != SN_OK) sn_scan_drop(o);
    return s;
}

void sn_scan_drop(sn_scan *o) {
    for (int i = 0; i < o->nclass; i++) sn_free(o->class_names[i]);
    sn_free(o->class_names);
    sn_free(o->file);
    sn_buf_free(&o->text);
    *o = (sn_scan){ 0 };
}

const char *sn_scan_path(const sn_scan *o, int64_t i) { return o->text.data + o->file[i].at; }
