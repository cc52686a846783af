/* One pool of threads. A parallel region is a grid of cells computed from SHAPES ONLY, never from the thread
 * count; every output element is written by exactly one cell; partial sums go to a fixed number of slots that
 * the caller combines in order. Threads merely claim cell numbers, so the same seed gives the same bits with 1
 * or 64 threads. */
#ifndef SN_BASE_POOL_H
#define SN_BASE_POOL_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct sn_pool sn_pool;

/* worker is 0 .. sn_pool_size-1: for per-thread scratch only, it must not influence results. */
typedef void (*sn_cell_fn)(void *ctx, int64_t cell, int worker);

/* threads <= 0: SONDE_THREADS, else the online cores; at most 256. */
sn_status sn_pool_new(sn_pool **, int threads, sn_err *);
void sn_pool_free(sn_pool *); /* NULL is fine */
/* The process's pool, made at first use; never NULL (falls back to one thread). */
sn_pool *sn_pool_default(void);
int sn_pool_size(const sn_pool *); /* threads, the caller included */

/* Runs fn for every cell and returns when all are done. Not re-entrant: cells must not call it. When the pool
 * is cancelled, cells not yet started are left out; the caller then finds sn_pool_cancelled and drops its
 * results. */
void sn_parallel(sn_pool *, int64_t ncells, sn_cell_fn fn, void *ctx);
/* The same for work that must not be left half done (the update of the weights): the cancel flag is ignored. */
void sn_parallel_always(sn_pool *, int64_t ncells, sn_cell_fn fn, void *ctx);

/* The flag stays up until it is cleared. */
void sn_pool_cancel(sn_pool *); /* async-signal-safe */
bool sn_pool_cancelled(const sn_pool *);
void sn_pool_clear_cancel(sn_pool *);

#endif
