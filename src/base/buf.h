/* A growing byte buffer with a mandatory maximum, for text and file contents. All-zero with max set is a valid
 * empty buffer. Appending after a failure does nothing; check `failed` once at the end. */
#ifndef SN_BASE_BUF_H
#define SN_BASE_BUF_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *data; /* NUL-terminated when not NULL */
    size_t len, cap, max;
    size_t refused; /* bytes that there was no memory for; 0: failed because of max */
    bool failed;
} sn_buf;

#define SN_BUF_INIT(maximum) ((sn_buf){ .max = (maximum) })

void sn_buf_reserve(sn_buf *, size_t n); /* room for n more bytes, for those who know how many will come */
void sn_buf_add(sn_buf *, const void *bytes, size_t n);
void sn_buf_str(sn_buf *, const char *s);
void sn_buf_fmt(sn_buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sn_buf_num(sn_buf *, double v);         /* the shortest text that reads back to the same double */
void sn_buf_quoted(sn_buf *, const char *s); /* "..." with Lua escapes */
void sn_buf_clear(sn_buf *);
void sn_buf_free(sn_buf *);
/* SN_ENOMEM when something did not fit, saying whether it was memory or max. */
sn_status sn_buf_check(const sn_buf *, const char *what, sn_err *);

#endif
