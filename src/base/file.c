#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

sn_status sn_file_read(const char *path, sn_buf *out, sn_err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block us: it is refused below */
    if (fd < 0) return sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    struct stat st;
    sn_status s = SN_OK;
    if (fstat(fd, &st) != 0) {
        s = sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        s = sn_fail(e, SN_EIO, "%s: not a regular file", path);
    } else if ((uint64_t)st.st_size > out->max) {
        s = sn_fail(e, SN_EFORMAT, "%s: %lld bytes, over the limit of %zu", path, (long long)st.st_size,
                    out->max);
    }
    if (s == SN_OK) {
        sn_buf_reserve(out, (size_t)st.st_size);
        s = sn_buf_check(out, path, e);
    }
    char chunk[65536];
    while (s == SN_OK) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) s = sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
        if (n <= 0) break;
        sn_buf_add(out, chunk, (size_t)n);
        s = sn_buf_check(out, path, e);
    }
    close(fd);
    return s;
}

sn_status sn_file_target(const char *path, char *target, char *tmp, sn_err *e) {
    struct stat st;
    if (!*path) return sn_fail(e, SN_EIO, "the path to write is empty; give a file name");
    if (strlen(path) >= PATH_MAX) return sn_fail(e, SN_EIO, "%.60s...: the path is too long", path);
    memcpy(target, path, strlen(path) + 1);
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return sn_fail(e, SN_EIO, "%s: is a folder; give the name of a file in it", path);
        if (!S_ISREG(st.st_mode))
            return sn_fail(e, SN_EIO, "%s: is a device or a pipe, which a whole file cannot replace", path);
        if (!realpath(path, target)) return sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    } else if (errno == ENOENT && lstat(path, &st) == 0) {
        return sn_fail(e, SN_EIO, "%s: is a link to a file that is not there", path);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        char dir[PATH_MAX];
        memcpy(dir, path, strlen(path) + 1);
        char *slash = strrchr(dir, '/');
        if (slash && slash > dir) {
            *slash = 0;
            if (stat(dir, &st) != 0) return sn_fail(e, SN_EIO, "%s: there is no folder %s", path, dir);
            if (!S_ISDIR(st.st_mode)) return sn_fail(e, SN_EIO, "%s: %s is not a folder", path, dir);
        }
    }
    snprintf(tmp, PATH_MAX + 32, "%s.tmp%ld", target, (long)getpid());
    return SN_OK;
}

static void sync_folder_of(const char *path) {
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    if (n >= sizeof dir) return;
    memcpy(dir, slash ? path : ".", n);
    if (slash == path) n = 1;
    dir[n] = 0;
    int fd = open(slash == path ? "/" : dir, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

sn_status sn_file_commit(const char *tmp, const char *path, sn_err *e) {
    int fd = open(tmp, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    if (ok) ok = rename(tmp, path) == 0;
    if (!ok) {
        sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
        unlink(tmp);
        return SN_EIO;
    }
    sync_folder_of(path);
    return SN_OK;
}

sn_status sn_file_write(const char *path, const void *data, size_t n, sn_err *e) {
    char target[PATH_MAX], tmp[PATH_MAX + 32];
    sn_status s = sn_file_target(path, target, tmp, e);
    if (s != SN_OK) return s;
    FILE *f = fopen(tmp, "wb");
    if (!f) return sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    bool ok = n == 0 || fwrite(data, 1, n, f) == n;
    if (fclose(f) != 0) ok = false;
    if (ok) return sn_file_commit(tmp, target, e);
    sn_fail(e, SN_EIO, "%s: %s", path, strerror(errno));
    unlink(tmp);
    return SN_EIO;
}

sn_status sn_make_dirs(const char *path, sn_err *e) {
    char dir[PATH_MAX];
    if (strlen(path) >= sizeof dir) return sn_fail(e, SN_EIO, "%.60s...: the path is too long", path);
    memcpy(dir, path, strlen(path) + 1);
    for (char *p = dir + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        if (mkdir(dir, 0777) != 0 && errno != EEXIST) return sn_fail(e, SN_EIO, "%s: %s", dir, strerror(errno));
        *p = '/';
    }
    return SN_OK;
}

double sn_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
