#include "data/cache.h"

#include "base/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

const char *const sn_cache_modes[] = { "auto", "memory", "disk", "none", NULL };

enum { ABSENT, BUSY, READY, BROKEN };

struct sn_cache {
    sn_cache_mode mode;
    int64_t count;
    size_t bytes;
    char *what;
    uint8_t *memory;      /* (count, bytes) */
    int fd;               /* the same layout; -1 = none */
    int64_t room;         /* bytes that may still be written to the file; < 0: no more writing */
    pthread_mutex_t lock; /* guards room and state */
    pthread_cond_t changed;
    uint8_t *state; /* (count) */
};

/* ---- the file ---- */

static int open_nameless(const char *dir) {
    char name[PATH_MAX];
    int fd = -1;
#ifdef O_TMPFILE
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
#endif
    if (fd >= 0) return fd;
    int n = snprintf(name, sizeof name, "%s/sonde-XXXXXX", dir);
    if (n < 0 || n >= (int)sizeof name) return -1;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) unlink(name);
    return fd;
}

static int open_below(const char *base, const char *sub) {
    char path[PATH_MAX];
    if (!base || base[0] != '/') return -1;
    int n = snprintf(path, sizeof path, "%s%s/", base, sub);
    if (n < 0 || n >= (int)sizeof path || sn_make_dirs(path, NULL) != SN_OK) return -1;
    return open_nameless(path);
}

/* Opens the file and leaves a twentieth of the disk's free space to others. */
static sn_status open_file(sn_cache *c, const char *dir, sn_err *e) {
    if (dir) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/", dir);
        sn_status s = n >= (int)sizeof path ? SN_EIO : sn_make_dirs(path, e);
        if (s == SN_OK) c->fd = open_nameless(dir);
    } else {
        c->fd = open_below(getenv("XDG_CACHE_HOME"), "/sonde");
        if (c->fd < 0) c->fd = open_below(getenv("HOME"), "/.cache/sonde");
        if (c->fd < 0) c->fd = open_below(getenv("TMPDIR"), "");
        if (c->fd < 0) c->fd = open_below("/tmp", "");
    }
    if (c->fd < 0)
        return sn_fail(e, SN_EIO, "%s: no cache file can be made in %s (%s); give another cache_dir", c->what,
                       dir ? dir : "the cache folder or /tmp", strerror(errno));
    struct statvfs v;
    c->room = INT64_MAX;
    if (fstatvfs(c->fd, &v) == 0) c->room = (int64_t)((double)v.f_bavail * (double)v.f_frsize * 0.95);
    return SN_OK;
}

static bool write_at(int fd, const uint8_t *p, size_t n, int64_t at) {
    while (n > 0) {
        ssize_t k = pwrite(fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k, n -= (size_t)k, at += k;
    }
    return true;
}

static bool read_at(int fd, uint8_t *p, size_t n, int64_t at) {
    while (n > 0) {
        ssize_t k = pread(fd, p, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k, n -= (size_t)k, at += k;
    }
    return true;
}

/* ---- making and ending ---- */

/* A quarter of the limit, and half of what is left of it: the network wants memory too. */
static bool fits_memory(size_t total) {
    size_t limit = sn_mem_limit(), used = sn_mem_used();
    return total <= limit / 4 && used < limit && total <= (limit - used) / 2;
}

static sn_status find_place(sn_cache *c, sn_cache_mode mode, const char *dir, sn_err *e) {
    size_t total;
    bool huge = __builtin_mul_overflow((size_t)c->count, c->bytes, &total) || total > INT64_MAX / 2;
    c->mode = SN_CACHE_NONE;
    if (mode == SN_CACHE_NONE) return SN_OK;
    if (mode == SN_CACHE_MEMORY || (mode == SN_CACHE_AUTO && !huge && fits_memory(total))) {
        c->memory = sn_alloc(huge ? SIZE_MAX : total, "image cache", e);
        if (!c->memory && mode == SN_CACHE_MEMORY)
            return sn_fail_prefix(e, "%s: cache = \"memory\" (\"disk\" needs none)", c->what);
        if (c->memory) c->mode = SN_CACHE_MEMORY;
        if (c->memory) return SN_OK;
    }
    if (huge)
        return sn_fail(e, SN_EINVAL, "%s: %lld images are too many to cache; use cache = \"none\"", c->what,
                       (long long)c->count);
    sn_err why = { 0 };
    sn_status s = open_file(c, dir, &why);
    if (s == SN_OK) c->mode = SN_CACHE_DISK;
    if (s == SN_OK) return s;
    if (mode == SN_CACHE_DISK) return sn_fail(e, s, "%s", why.msg);
    sn_warn("%s; images will be decoded anew in every epoch", why.msg);
    return SN_OK;
}

sn_status sn_cache_new(sn_cache **out, int64_t count, size_t bytes, sn_cache_mode mode, const char *dir,
                       const char *what, sn_err *e) {
    sn_cache *c = *out = sn_calloc(1, sizeof *c, "image cache", e);
    if (!c) return SN_ENOMEM;
    c->count = count;
    c->bytes = bytes;
    c->fd = -1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->what = sn_strdup(what, e);
    c->state = sn_calloc((size_t)count, 1, "image cache", e);
    sn_status s = c->what && c->state ? find_place(c, mode, dir, e) : SN_ENOMEM;
    if (s == SN_OK) return SN_OK;
    sn_cache_free(c);
    *out = NULL;
    return s;
}

void sn_cache_free(sn_cache *c) {
    if (!c) return;
    if (c->fd >= 0) close(c->fd);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    sn_free(c->memory);
    sn_free(c->state);
    sn_free(c->what);
    sn_free(c);
}

/* ---- use ---- */

/* Waits out another thread that is making item i; ABSENT becomes BUSY, and the caller is to make it. */
static int claim(sn_cache *c, int64_t i) {
    pthread_mutex_lock(&c->lock);
    while (c->state[i] == BUSY) pthread_cond_wait(&c->changed, &c->lock);
    int state = c->state[i];
    if (state == ABSENT) c->state[i] = BUSY;
    pthread_mutex_unlock(&c->lock);
    return state;
}

static void settle(sn_cache *c, int64_t i, int state) {
    pthread_mutex_lock(&c->lock);
    c->state[i] = (uint8_t)state;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* A full disk ends caching, not the run: what is in the file stays in use. */
static bool keep_in_file(sn_cache *c, int64_t i, const uint8_t *bytes) {
    pthread_mutex_lock(&c->lock);
    bool had = c->room >= 0, may = had && c->room >= (int64_t)c->bytes;
    c->room = may ? c->room - (int64_t)c->bytes : -1;
    pthread_mutex_unlock(&c->lock);
    errno = ENOSPC;
    if (may && write_at(c->fd, bytes, c->bytes, i * (int64_t)c->bytes)) return true;
    int why = errno;
    pthread_mutex_lock(&c->lock);
    if (may) had = c->room >= 0;
    c->room = -1;
    pthread_mutex_unlock(&c->lock);
    if (had)
        sn_warn("%s: the image cache cannot grow (%s); further images are decoded anew in every epoch; "
                "cache_dir names "
                "another place",
                c->what, strerror(why));
    return false;
}

static sn_status make_item(sn_cache *c, int64_t i, uint8_t *room, const uint8_t **at, sn_cache_fill fill,
                           void *ctx, sn_err *e) {
    uint8_t *to = c->memory ? c->memory + (size_t)i * c->bytes : room;
    sn_status s = fill(ctx, i, to, e);
    int state = s == SN_ESKIP ? BROKEN : s == SN_OK && c->memory ? READY : ABSENT;
    if (s == SN_OK && c->fd >= 0 && keep_in_file(c, i, to)) state = READY;
    settle(c, i, state);
    *at = to;
    return s;
}

sn_status sn_cache_get(sn_cache *c, int64_t i, uint8_t *room, const uint8_t **at, sn_cache_fill fill, void *ctx,
                       sn_err *e) {
    int state = claim(c, i);
    if (state == BROKEN) return sn_fail(e, SN_ESKIP, "%s: broken, skipped", c->what);
    if (state == ABSENT) return make_item(c, i, room, at, fill, ctx, e);
    *at = c->memory ? c->memory + (size_t)i * c->bytes : room;
    if (c->memory) return SN_OK;
    if (read_at(c->fd, room, c->bytes, i * (int64_t)c->bytes)) return SN_OK;
    return fill(ctx, i, room, e); /* the disk fails us: the file itself may still be there */
}

bool sn_cache_broken(sn_cache *c, int64_t i) {
    pthread_mutex_lock(&c->lock);
    bool broken = c->state[i] == BROKEN;
    pthread_mutex_unlock(&c->lock);
    return broken;
}

sn_cache_mode sn_cache_where(const sn_cache *c) { return c->mode; }
