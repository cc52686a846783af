/* Counted, 64-byte aligned memory. Every large block of the core comes from here, so that a limit can be set,
 * the peak read, and allocation failure injected by tests. */
#ifndef SN_BASE_MEM_H
#define SN_BASE_MEM_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Uninitialized; NULL with *e filled ("what: needs 1.53 GiB, ...") on failure. bytes = 0 gives a valid pointer.
 */
void *sn_alloc(size_t bytes, const char *what, sn_err *e);
/* The same, zeroed; n * size is checked for overflow. */
void *sn_calloc(size_t n, size_t size, const char *what, sn_err *e);
/* Grows or shrinks; the old block stays valid on failure. p may be NULL. */
void *sn_realloc(void *p, size_t bytes, const char *what, sn_err *e);
void sn_free(void *p); /* NULL is fine */
char *sn_strdup(const char *s, sn_err *e);

size_t sn_mem_used(void); /* bytes held now through these calls */
size_t sn_mem_peak(void); /* the most ever held since sn_mem_reset_peak */
void sn_mem_reset_peak(void);
void sn_mem_set_limit(size_t bytes); /* 0 = what the machine has free (the default) */
size_t sn_mem_limit(void);           /* the limit in force, in bytes */
void sn_mem_fail_after(int64_t n);   /* tests: the n-th allocation from now on fails; < 0 turns it off */
int64_t sn_mem_fail_left(void);      /* how many are left until then; < 0: it has failed, or none is to */

/* "49.0 MiB": bytes in words, into buf. Returns buf. */
char *sn_bytes(char *buf, size_t n, double bytes);

#endif
