#include "base/pool.h"

#include "base/mem.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__SSE2__)
#    include <xmmintrin.h>
#endif

enum { MAX_THREADS = 256, SPINS = 2000 };

struct sn_pool {
    int threads;
    pthread_t tid[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_uint round;  /* counts regions; a change is the signal to start */
    atomic_int running; /* helpers still inside the present region */
    bool quit;
    bool always; /* this region ignores cancel */
    sn_cell_fn fn;
    void *ctx;
    int64_t ncells;
    atomic_int_fast64_t next;
    atomic_bool cancel;
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

static void run_cells(sn_pool *p, int worker) {
    unsigned mode = enter_fast_float();
    for (;;) {
        int64_t cell = atomic_fetch_add(&p->next, 1);
        if (cell >= p->ncells) break;
        if (!p->always && atomic_load_explicit(&p->cancel, memory_order_relaxed)) break;
        p->fn(p->ctx, cell, worker);
    }
    leave_fast_float(mode);
}

static void *helper(void *arg) {
    start_arg a = *(start_arg *)arg;
    free(arg);
    sn_pool *p = a.pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++) {
#if defined(__SSE2__)
            _mm_pause();
#endif
        }
        pthread_mutex_lock(&p->lock);
        while (atomic_load(&p->round) == seen && !p->quit) pthread_cond_wait(&p->work, &p->lock);
        seen = atomic_load(&p->round);
        bool quit = p->quit;
        pthread_mutex_unlock(&p->lock);
        if (quit) return NULL;
        run_cells(p, a.worker);
        if (atomic_fetch_sub(&p->running, 1) == 1) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
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
    pthread_cond_init(&p->work, NULL);
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
    p->quit = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i < p->threads; i++) pthread_join(p->tid[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
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

static void run_region(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx, bool always) {
    p->fn = fn;
    p->ctx = ctx;
    p->ncells = ncells;
    p->always = always;
    atomic_store(&p->next, 0);
    bool wake = ncells > 1 && p->threads > 1;
    if (wake) {
        pthread_mutex_lock(&p->lock);
        atomic_store(&p->running, p->threads - 1);
        atomic_fetch_add(&p->round, 1);
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    run_cells(p, 0);
    if (!wake) return;
    for (int i = 0; i < SPINS && atomic_load(&p->running) > 0; i++) {
#if defined(__SSE2__)
        _mm_pause();
#endif
    }
    pthread_mutex_lock(&p->lock);
    while (atomic_load(&p->running) > 0) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void sn_parallel(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx) {
    run_region(p, ncells, fn, ctx, false);
}

void sn_parallel_always(sn_pool *p, int64_t ncells, sn_cell_fn fn, void *ctx) {
    run_region(p, ncells, fn, ctx, true);
}

void sn_pool_cancel(sn_pool *p) { atomic_store(&p->cancel, true); }
bool sn_pool_cancelled(const sn_pool *p) { return atomic_load(&((sn_pool *)(uintptr_t)p)->cancel); }
void sn_pool_clear_cancel(sn_pool *p) { atomic_store(&p->cancel, false); }
