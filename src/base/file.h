/* Whole files in and out. Writing is atomic: bytes go to a temporary file beside the target, are synced, and
 * take the target's name only when complete, so that a crash leaves the old file or the new one, never a part.
 */
#ifndef SN_BASE_FILE_H
#define SN_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/* Appends the file's bytes to *out (whose max limits it). Errors name the path. Directories are refused. */
sn_status sn_file_read(const char *path, sn_buf *out, sn_err *);

/* Where writing to path will go: the file itself, or what a symbolic link stands for. Refuses an empty path,
 * folders, devices, pipes and what is in no folder. target holds PATH_MAX bytes; tmp, a name beside it,
 * PATH_MAX + 32. */
sn_status sn_file_target(const char *path, char *target, char *tmp, sn_err *);
/* The step that gives the temporary file the real name: */
sn_status sn_file_commit(const char *tmp, const char *path, sn_err *); /* fsync, rename, fsync the folder */
sn_status sn_file_write(const char *path, const void *data, size_t n, sn_err *);
sn_status sn_make_dirs(const char *path_of_file, sn_err *); /* the folders above a file, like mkdir -p */

double sn_clock(void); /* seconds, monotonic */

#endif
