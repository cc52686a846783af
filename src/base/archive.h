/* A file of named members: a zip archive (libzip), members stored uncompressed, so that unzip and numpy.load
 * can open what sonde writes. Saving the same contents twice gives the same bytes. When the pool is cancelled,
 * commit (which then leaves no file, or the old one) and read end with SN_ECANCEL. */
#ifndef SN_BASE_ARCHIVE_H
#define SN_BASE_ARCHIVE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sn_archive_writer sn_archive_writer;
typedef struct sn_archive sn_archive;

/* Writing: members are kept until commit, which writes the file atomically. data must stay valid until then. */
sn_status sn_archive_create(sn_archive_writer **, const char *path, sn_err *);
sn_status sn_archive_add(sn_archive_writer *, const char *name, const void *data, size_t n, sn_err *);
/* The same for a member in two parts: a header, which is copied, then bulk data, which is not. */
sn_status sn_archive_add2(sn_archive_writer *, const char *name, const void *head, size_t nhead,
                          const void *data, size_t n, sn_err *);
sn_status sn_archive_commit(sn_archive_writer *, sn_err *); /* ends the writer, whatever the result */
void sn_archive_abort(sn_archive_writer *);                 /* NULL is fine */

/* Reading. Checksums are verified; a member over the memory limit is refused before it is read. */
sn_status sn_archive_open(sn_archive **, const char *path, sn_err *);
int64_t sn_archive_count(const sn_archive *);
const char *sn_archive_name(const sn_archive *, int64_t i);    /* borrowed */
int64_t sn_archive_find(const sn_archive *, const char *name); /* -1 = none */
/* The member's bytes in a new sn_alloc block with a NUL behind; *n = its size. */
sn_status sn_archive_read(sn_archive *, int64_t i, char **data, size_t *n, sn_err *);
void sn_archive_close(sn_archive *); /* NULL is fine */

#endif
