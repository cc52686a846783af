#include "base/pool.h"

#include "base/mem.h"
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__SSE2__)
#    include <xmmintrin.h>
#endif

enum { MAX_THREADS = 256, SPINS = 2000, LINE = 64 };

/* A region is open to helpers as long as it has cells to give out: those that come in time join it, and only
 * they are waited for at its end, so that one that sleeps, or that the system gave no core, holds up nothing.
 * The gate says it all in one word: the region's number, how many workers it can use (0: closed), how many
 * helpers joined. */
enum { JOINED_BITS = 16, WANTED_BITS = 16 };
#define GATE_JOINED(g) ((g)&0xffff)
#define GATE_WANTED(g) ((g) >> JOINED_BITS & 0xffff)
#define GATE_ROUND(g)  ((g) >> (JOINED_BITS + WANTED_BITS))

struct sn_pool {
    int threads;
    pthread_t tid[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t work[MAX_THREADS], done;
    atomic_bool asleep[MAX_THREADS]; /* set by the helper, cleared by who wakes it; both under the lock */
    /* Words that threads write while others look at theirs: a line of the cache each. */
    alignas(LINE) atomic_uint_fast64_t gate;
    alignas(LINE) atomic_int left; /* helpers that joined the present region and are through with it */
    atomic_bool driver_waits;      /* for the rest of them, asleep */
    atomic_bool quit;
    bool always; /* this region ignores cancel */
    sn_cell_fn fn;
    void *ctx;
    int64_t from; /* the cell that shares count from */
    int shares;   /* the cells are cut into so many runs of neighbours, one for each worker */
    struct {
        alignas(LINE) atomic_uint_fast64_t left; /* RUN(first, end) of the cells that nobody has taken yet */
    } share[MAX_THREADS];
    alignas(LINE) atomic_bool cancel;
};

typedef struct {
    sn_pool *pool;
    int worker;
} start_arg;

/* Denormals are flushed on every thread alike, the caller included: they cost hundreds of cycles and would
 * otherwise make bits depend on which thread computed a cell. Restored when the region ends. */
static unsigned enter_fast_float(void) {
#if defined(__SSE2__)
    unsigned old = _mm_getcsr();
    _mm_setcsr(old | 0x8040u);
    return old;
#else
    return 0;
#endif
}
static void leave_fast_float(unsigned old) {
#if defined(__SSE2__)
    _mm_setcsr(old);
#else
    (void)old;
#endif
}

#define RUN(first, end) ((uint_fast64_t)(end) << 32 | (uint_fast64_t)(first))

/* Takes a cell of a share: its owner the first, others the last, far from where the owner is. -1: none is left.
 */
static int64_t take(sn_pool *p, int share, bool owner) {
    uint_fast64_t run = atomic_load(&p->share[share].left), rest;
    uint32_t first, end;
    do {
        first = (uint32_t)run;
        end = (uint32_t)(run >> 32);
        if (first >= end) return -1;
        rest = owner ? RUN(first + 1, end) : RUN(first, end - 1);
    } while (!atomic_compare_exchange_weak(&p->share[share].left, &run, rest));
    return owner ? first : end - 1;
}

/* A worker begins with a share of its own, the same part of every region, and helps the others when it is
 * through: what it wrote in one region (the same samples of a layer before, the same part of a kernel) is then
 * in its core's cache in the next one. */
static void run_cells(sn_pool *p, int worker) {
    unsigned mode = enter_fast_float();
    for (int i = 0; i < p->shares; i++) {
        int share = (worker + i) % p->shares;
        for (int64_t cell; (cell = take(p, share, i == 0)) >= 0;) {
            if (!p->always && atomic_load_explicit(&p->cancel, memory_order_relaxed)) break;
            p->fn(p->ctx, p->from + cell, worker);
        }
    }
    leave_fast_float(mode);
}

static void relax(void) {
#if defined(__SSE2__)
    _mm_pause();
#endif
}

/* Is there a region that this worker has not seen and can join? */
static bool wanted(sn_pool *p, int worker, uint_fast64_t seen) {
    uint_fast64_t g = atomic_load(&p->gate);
    return GATE_ROUND(g) != seen && GATE_WANTED(g) > (uint_fast64_t)worker;
}

static void sleep_until_woken(sn_pool *p, int worker, uint_fast64_t seen) {
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->asleep[worker], true);
    if (wanted(p, worker, seen) || atomic_load(&p->quit)) atomic_store(&p->asleep[worker], false);
    while (atomic_load(&p->asleep[worker])) pthread_cond_wait(&p->work[worker], &p->lock);
    pthread_mutex_unlock(&p->lock);
}

/* Joins the open region, unless it closes first. */
static bool join(sn_pool *p, int worker, uint_fast64_t *seen) {
    uint_fast64_t g = atomic_load(&p->gate);
    while (GATE_ROUND(g) != *seen && GATE_WANTED(g) > (uint_fast64_t)worker)
        if (atomic_compare_exchange_weak(&p->gate, &g, g + 1)) {
            *seen = GATE_ROUND(g);
            return true;
        }
    return false;
}

static void *helper(void *arg) {
    start_arg a = *(start_arg *)arg;
    free(arg);
    sn_pool *p = a.pool;
    uint_fast64_t seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && !wanted(p, a.worker, seen); i++) relax();
        if (!wanted(p, a.worker, seen)) sleep_until_woken(p, a.worker, seen);
        if (atomic_load(&p->quit)) return NULL;
        if (!join(p, a.worker, &seen)) continue;
        run_cells(p, a.worker);
        atomic_fetch_add(&p->left, 1);
        if (!atomic_load(&p->driver_waits)) continue;
        pthread_mutex_lock(&p->lock);
        pthread_cond_signal(&p->done);
        pthread_mutex_unlock(&p->lock);
    }
}

/* SONDE_THREADS; 0 when it is absent or, with a warning, when it is no number of threads. */
static int threads_from_env(void) {
    const char *env = getenv("SONDE_THREADS");
    if (!env || !*env) return 0;
    char *end;
    long n = strtol(env, &end, 10);
    if (!*end && n >= 1 && n <= MAX_THREADS) return (int)n;
    sn_warn("SONDE_THREADS = %.40s is not a number of threads from 1 to %d; using one for each core", env,
            MAX_THREADS);
    return 0;
}

static int wanted_threads(int threads) {
    if (threads <= 0) threads = threads_from_env();
    if (threads <= 0) threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads < 1) threads = 1;
    return threads > MAX_THREADS ? MAX_THREADS : threads;
}

sn_status sn_pool_new(sn_pool **out, int threads, sn_err *e) {
    sn_pool *p = sn_calloc(1, sizeof *p, "thread pool", e);
    *out = p;
    if (!p) return SN_ENOMEM;
    pthread_mutex_init(&p->lock, NULL);
    for (int i = 0; i < MAX_THREADS; i++) pthread_cond_init(&p->work[i], NULL);
    pthread_cond_init(&p->done, NULL);
    int want = wanted_threads(threads);
    p->threads = 1;
    for (int i = 1; i < want; i++) {
        start_arg *a = malloc(sizeof *a);
        if (!a) break;
        *a = (start_arg){ p, i };
        if (pthread_create(&p->tid[i], NULL, helper, a) != 0) { /* fewer threads change time, not results */
            free(a);
            break;
        }
        p->threads++;
    }
    return SN_OK;
}

void sn_pool_free(sn_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->quit, true);
    for (int i = 1; i < p->threads; i++) {
        atomic_store(&p->asleep[i], false);
        pthread_cond_signal(&p->work[i]);
    }
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->threads; i++) pthread_join(p->tid[i], NULL);
    pthread_mutex_destroy(&p->lock);
    for (int i = 0; i < MAX_THREADS; i++) pthread_cond_destroy(&p->work[i]);
    pthread_cond_destroy(&p->done);
    sn_free(p);
}

static pthread_once_t default_once = PTHREAD_ONCE_INIT;
static sn_pool *default_pool;
static void free_default(void) { sn_pool_free(default_pool); }
static void make_default(void) {
    if (sn_pool_new(&default_pool, 0, NULL) != SN_OK) {
        static sn_pool single = { .threads = 1, .lock = PTHREAD_MUTEX_INITIALIZER };
        default_pool = &single;
        return;
    }
    atexit(free_default);
}

sn_pool *sn_pool_default(void) {
    pthread_once(&default_once, make_default);
    return default_pool;
}

int sn_pool_size(const sn_pool *p) { return p->threads; }

/* Opens the gate for the region that stands in the pool, and wakes those of its helpers that sleep. */
static void open_gate(sn_pool *p) {
    uint_fast64_t round = GATE_ROUND(atomic_load(&p->gate)) + 1;
    int wanted = p->shares;
    bool sleepers = false;
    atomic_store(&p->left, 0);
    atomic_store(&p->gate, round << (JOINED_BITS + WANTED_BITS) | (uint_fast64_t)wanted << JOINED_BITS);
    for (int i = 1; i < wanted; i++) sleepers |= atomic_load(&p->asleep[i]);
    if (!sleepers) return;
    pthread_mutex_lock(&p->lock);
    for (int i = 1; i < wanted; i++) {
        if (!atomic_load(&p->asleep[i])) continue;
        atomic_store(&p->asleep[i], false);
        pthread_cond_signal(&p->work[i]);
    }
    pthread_mutex_unlock(&p->lock);
}

/* Nobody joins any more; waits for those who did. */
static void close_gate(sn_pool *p) {
    uint_fast64_t open = (uint_fast64_t)0xffff << JOINED_BITS;
    int joined = (int)GATE_JOINED(atomic_fetch_and(&p->gate, ~open));
    for (int i = 0; i < SPINS && atomic_load(&p->left) < joined; i++) relax();
    if (atomic_load(&p->left) == joined) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->driver_waits, true);
    while (atomic_load(&p->left) < joined) pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->driver_waits, false);
    pthread_mutex_unlock(&p->lock);
}

static void run_region(sn_pool *p, int64_t from, int64_t ncells, sn_cell_fn fn, void *ctx, bool always) {
    p->fn = fn;
    p->ctx = ctx;
    p->from = from;
    p->always = always;
    p->shares = ncells < p->threads ? (int)ncells : p->threads;
    for (int64_t i = 0; i < p->shares; i++)
        atomic_store(&p->share[i].left, RUN(ncells * i / p->shares, ncells * (i + 1) / p->shares));
    bool shared = p->shares > 1;
    if (shared) open_gate(p);
    run_cells(p, 0);
    if (shared) close_gate(p);
}

static void run_regions(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx, bool always) {
    for (int64_t from = 0; from < ncells; from += UINT32_MAX)
        run_region(p, from, ncells - from < UINT32_MAX ? ncells - from : UINT32_MAX, fn, ctx, always);
}

void sn_parallel(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx) {
    run_regions(p, ncells, fn, ctx, false);
}

void sn_parallel_always(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx) {
    run_regions(p, ncells, fn, ctx, true);
}

void sn_pool_cancel(sn_pool *p) { atomic_store(&p->cancel, true); }
bool sn_pool_cancelled(const sn_pool *p) { return atomic_load(&((sn_pool *)(uintptr_t)p)->cancel); }
void sn_pool_clear_cancel(sn_pool *p) { atomic_store(&p->cancel, false); }
