/* Decoded pictures, kept so that no file is decoded twice: in memory, or in a file without a name that is read
 * piece by piece (bounded memory, and gone with the process however it ends). */
#ifndef SN_DATA_CACHE_H
#define SN_DATA_CACHE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of sn_cache_modes. AUTO: memory when it fits into a quarter of the limit, else disk, else none.
 */
typedef enum { SN_CACHE_AUTO, SN_CACHE_MEMORY, SN_CACHE_DISK, SN_CACHE_NONE } sn_cache_mode;
extern const char *const sn_cache_modes[]; /* NULL-terminated */

typedef struct sn_cache sn_cache;

/* Makes item i's bytes. SN_ESKIP: it cannot be had, ever; it will not be asked for again. Other errors are
 * passed on and the next one to ask tries again. */
typedef sn_status (*sn_cache_fill)(void *ctx, int64_t i, uint8_t *out, sn_err *);

/* count items of `bytes` bytes each. dir: where a file goes; NULL = $XDG_CACHE_HOME/sonde, ~/.cache/sonde,
 * $TMPDIR or /tmp. what: for messages. */
sn_status sn_cache_new(sn_cache **, int64_t count, size_t bytes, sn_cache_mode, const char *dir,
                       const char *what, sn_err *);
void sn_cache_free(sn_cache *); /* NULL is fine */
/* *at: item i's bytes, either in room (`bytes` long) or in the cache itself. Callable from any thread: an item
 * that another thread is making is waited for. */
sn_status sn_cache_get(sn_cache *, int64_t i, uint8_t *room, const uint8_t **at, sn_cache_fill, void *ctx,
                       sn_err *);
bool sn_cache_broken(sn_cache *, int64_t i);
sn_cache_mode sn_cache_where(const sn_cache *); /* MEMORY, DISK or NONE */

#endif
