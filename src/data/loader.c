#include "data/loader.h"

#include "base/mem.h"
#include "base/rng.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, MAX_SLOTS = 64, WAIT_MS = 20 };

/* Bytes of a batch that is copied in less time than a thread takes to wake. */
enum { SMALL_BATCH = 1 << 19 };

typedef enum { FREE, FILLING, READY, HELD } slot_state;

/* One batch's buffers. Batch number b belongs to slot (b % nslot). */
typedef struct {
    slot_state state;
    int64_t number;
    int64_t want, n; /* positions in the batch; samples that could be had */
    int64_t *index;  /* (batch_size) numbers in the dataset */
    float *x, *y;    /* (batch_size, x_shape), (batch_size, y_shape) */
    sn_err error;    /* code SN_OK: none */
} slot;

struct sn_loader {
    sn_dataset *data;
    sn_loader_opts opts;
    int64_t batches; /* per epoch */
    int64_t *order;  /* (count) of epoch order_epoch; touched under the lock only */
    int64_t order_epoch;
    slot slots[MAX_SLOTS];
    int nslot, nthread;
    bool direct;                  /* no threads: a batch is made when it is asked for */
    const float *rows_x, *rows_y; /* the dataset's own memory, which batches lie in; NULL: they are copied */
    pthread_t thread[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t work, ready; /* for the threads; for the consumer */
    int64_t epoch;
    int64_t claimed, given; /* batches of the epoch: the next to be prepared, the next to be given out */
    int64_t filling;        /* threads at work */
    bool started;           /* nothing is prepared before the first call, which may seek elsewhere */
    bool quit;
    atomic_bool dropped; /* what is being prepared is not wanted any more */
    atomic_bool interrupted;
};

/* ---- sizes ---- */

static int default_threads(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 8 ? 8 : (int)cores;
}

static int thread_count(const sn_loader_opts *o) {
    int n = o->threads > 0 ? o->threads : default_threads();
    return n > MAX_THREADS ? MAX_THREADS : n;
}

static double slot_bytes(const sn_dataset *d, const sn_loader_opts *o) {
    double x = (double)sn_shape_count(&d->x_shape), y = d->has_y ? (double)sn_shape_count(&d->y_shape) : 0;
    int64_t n = o->batch_size < d->count ? o->batch_size : d->count;
    return (double)n * ((x + y) * sizeof(float) + sizeof(int64_t));
}

/* The samples where they stand in memory, when they come in that order. */
static bool find_rows(const sn_dataset *d, const sn_loader_opts *o, const float **x, const float **y) {
    return o->borrow && !o->shuffle && d->fns && d->fns->rows && d->fns->rows(d, x, y);
}

static bool is_direct(const sn_dataset *d, const sn_loader_opts *o) {
    const float *x, *y;
    if (o->threads > 0 || o->ahead > 0) return false;
    return find_rows(d, o, &x, &y) || (d->fns && sn_dataset_quick(d) && slot_bytes(d, o) <= SMALL_BATCH);
}

/* Batches ahead and the one given out. By default as many as there are threads, at least two, as far as an
 * eighth of the memory limit allows. */
static int slot_count(const sn_dataset *d, const sn_loader_opts *o) {
    if (is_direct(d, o)) return 1;
    int n = o->ahead > 0 ? o->ahead : thread_count(o) < 2 ? 2 : thread_count(o);
    if (o->ahead <= 0)
        while (n > 1 && (n + 1) * slot_bytes(d, o) > (double)sn_mem_limit() / 8) n--;
    return n + 1 > MAX_SLOTS ? MAX_SLOTS : n + 1;
}

size_t sn_loader_bytes(const sn_dataset *d, const sn_loader_opts *o) {
    const float *x, *y;
    double batches = is_direct(d, o) && find_rows(d, o, &x, &y) ? 0 : slot_count(d, o);
    double bytes = batches * slot_bytes(d, o) + (double)d->count * sizeof(int64_t) + sizeof(sn_loader);
    return bytes < (double)(SIZE_MAX / 2) ? (size_t)bytes : SIZE_MAX / 2;
}

/* ---- order ---- */

static void make_order(sn_loader *l, int64_t epoch) {
    if (l->order_epoch == epoch) return;
    for (int64_t i = 0; i < l->data->count; i++) l->order[i] = i;
    if (l->opts.shuffle) {
        sn_rng r = sn_rng_make(l->opts.seed, SN_STREAM_SHUFFLE, (uint64_t)epoch);
        sn_shuffle(&r, l->order, (size_t)l->data->count);
    }
    l->order_epoch = epoch;
}

/* ---- the threads ---- */

/* The next batch to prepare, its slot taken; NULL when there is none now. Under the lock. */
static slot *claim(sn_loader *l) {
    slot *s = &l->slots[l->claimed % l->nslot];
    if (!l->started || atomic_load(&l->dropped) || l->claimed >= l->batches || s->state != FREE) return NULL;
    int64_t from = l->claimed * l->opts.batch_size, left = l->data->count - from;
    make_order(l, l->epoch);
    *s = (slot){ .state = FILLING,
                 .number = l->claimed++,
                 .want = left < l->opts.batch_size ? left : l->opts.batch_size,
                 .index = s->index,
                 .x = s->x,
                 .y = s->y };
    memcpy(s->index, l->order + from, (size_t)s->want * sizeof *s->index);
    l->filling++;
    return s;
}

/* Broken samples are left out, and those behind move up. */
static void fill(sn_loader *l, slot *s) {
    sn_dataset *d = l->data;
    int64_t nx = sn_shape_count(&d->x_shape), ny = d->has_y ? sn_shape_count(&d->y_shape) : 0;
    if (l->rows_x) { /* in their order */
        s->n = s->want;
        s->x = (float *)(uintptr_t)l->rows_x + s->index[0] * nx;
        s->y = d->has_y ? (float *)(uintptr_t)l->rows_y + s->index[0] * ny : NULL;
        return;
    }
    for (int64_t i = 0; i < s->want && !atomic_load_explicit(&l->dropped, memory_order_relaxed); i++) {
        sn_err e = { 0 };
        sn_status got = d->fns->get(d, s->index[i], s->x + s->n * nx, s->y + s->n * ny, &e);
        if (got == SN_OK) {
            s->index[s->n++] = s->index[i];
        } else if (got != SN_ESKIP) {
            s->error = e;
            s->error.code = got;
            return;
        }
    }
}

static void *work(void *arg) {
    sn_loader *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!l->quit) {
        slot *s = claim(l);
        if (!s) {
            pthread_cond_wait(&l->work, &l->lock);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        fill(l, s);
        pthread_mutex_lock(&l->lock);
        s->state = READY;
        l->filling--;
        pthread_cond_broadcast(&l->ready);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Empties all slots and stands at that batch; the threads finish the sample they are at. Under the lock, which
 * is released while waiting. */
static void move_to(sn_loader *l, int64_t epoch, int64_t batch) {
    atomic_store(&l->dropped, true);
    while (l->filling > 0) pthread_cond_wait(&l->ready, &l->lock);
    for (int i = 0; i < l->nslot; i++) l->slots[i].state = FREE;
    l->epoch = epoch;
    l->claimed = l->given = batch;
    atomic_store(&l->dropped, false);
    pthread_cond_broadcast(&l->work);
}

/* ---- making and ending ---- */

/* Signals are the main thread's; a thread that took one would end the wait of the wrong one. */
static sn_status start_threads(sn_loader *l, sn_err *e) {
    sigset_t all, before;
    int want = thread_count(&l->opts);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (l->nthread < want && pthread_create(&l->thread[l->nthread], NULL, work, l) == 0) l->nthread++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (l->nthread == 0) return sn_fail(e, SN_ENOMEM, "loader: no thread can be started");
    return SN_OK;
}

static sn_status make_slots(sn_loader *l, sn_err *e) {
    const sn_dataset *d = l->data;
    int64_t b = l->opts.batch_size, nx = sn_shape_count(&d->x_shape), ny = sn_shape_count(&d->y_shape), xs, ys;
    if (nx < 0 || ny < 0 || __builtin_mul_overflow(b, nx, &xs) || __builtin_mul_overflow(b, ny, &ys))
        return sn_fail(e, SN_ENOMEM,
                       "loader: a batch of %lld does not fit into memory; use a smaller batch_size",
                       (long long)b);
    l->nslot = slot_count(d, &l->opts);
    l->direct = is_direct(d, &l->opts);
    if (l->direct) find_rows(d, &l->opts, &l->rows_x, &l->rows_y);
    for (int i = 0; i < l->nslot; i++) {
        slot *s = &l->slots[i];
        s->index = sn_calloc((size_t)b, sizeof *s->index, "batch", e);
        if (!s->index) return SN_ENOMEM;
        if (l->rows_x) continue;
        s->x = sn_calloc((size_t)xs, sizeof *s->x, "batch", e);
        s->y = s->x ? sn_calloc((size_t)ys, sizeof *s->y, "batch", e) : NULL;
        if (!s->y) return SN_ENOMEM;
    }
    l->order = sn_alloc((size_t)d->count * sizeof *l->order, "batch order", e);
    return l->order ? SN_OK : SN_ENOMEM;
}

sn_status sn_loader_new(sn_loader **out, sn_dataset *d, const sn_loader_opts *o, sn_err *e) {
    *out = NULL;
    if (o->batch_size < 1)
        return sn_fail(e, SN_EINVAL, "batch_size = %lld; use at least 1", (long long)o->batch_size);
    if (d->count < 1) return sn_fail(e, SN_EINVAL, "the dataset has no samples");
    sn_loader *l = sn_calloc(1, sizeof *l, "loader", e);
    if (!l) return SN_ENOMEM;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_cond_init(&l->ready, &monotonic);
    pthread_condattr_destroy(&monotonic);
    l->data = sn_dataset_retain(d);
    l->opts = *o;
    if (l->opts.batch_size > d->count) l->opts.batch_size = d->count; /* no room for more than there is */
    l->batches = (d->count + l->opts.batch_size - 1) / l->opts.batch_size;
    l->order_epoch = -1;
    sn_status s = make_slots(l, e);
    if (s == SN_OK && !l->direct) s = start_threads(l, e);
    if (s == SN_OK)
        *out = l;
    else
        sn_loader_free(l);
    return s;
}

void sn_loader_free(sn_loader *l) {
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->quit = true;
    atomic_store(&l->dropped, true);
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->nthread; i++) pthread_join(l->thread[i], NULL);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->work);
    pthread_cond_destroy(&l->ready);
    for (int i = 0; i < l->nslot; i++) {
        if (!l->rows_x) sn_free(l->slots[i].x);
        if (!l->rows_x) sn_free(l->slots[i].y);
        sn_free(l->slots[i].index);
    }
    sn_free(l->order);
    sn_dataset_release(l->data);
    sn_free(l);
}

int64_t sn_loader_batches(const sn_loader *l) { return l->batches; }
sn_dataset *sn_loader_dataset(const sn_loader *l) { return l->data; }
int64_t sn_loader_batch_size(const sn_loader *l) { return l->opts.batch_size; }

/* ---- the consumer ---- */

sn_status sn_loader_seek(sn_loader *l, int64_t epoch, int64_t batch, sn_err *e) {
    if (epoch < 0 || batch < 0 || batch > l->batches)
        return sn_fail(e, SN_EINVAL, "there is no batch %lld of epoch %lld; an epoch has %lld batches",
                       (long long)batch, (long long)epoch, (long long)l->batches);
    pthread_mutex_lock(&l->lock);
    if (l->epoch != epoch || l->given != batch) move_to(l, epoch, batch);
    l->started = true;
    pthread_cond_broadcast(&l->work);
    pthread_mutex_unlock(&l->lock);
    return SN_OK;
}

void sn_loader_interrupt(sn_loader *l) { atomic_store(&l->interrupted, true); }

/* The batch given out before may be used again. */
static void release_held(sn_loader *l) {
    for (int i = 0; i < l->nslot; i++)
        if (l->slots[i].state == HELD) l->slots[i].state = FREE;
    pthread_cond_broadcast(&l->work);
}

/* A condition cannot be signaled from a signal handler, so the wait is cut into pieces of WAIT_MS. */
static sn_status wait_ready(sn_loader *l, const slot *s, sn_err *e) {
    while (s->state != READY) {
        if (atomic_exchange(&l->interrupted, false)) return sn_fail(e, SN_ECANCEL, "interrupted");
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += WAIT_MS * 1000000;
        if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
        pthread_cond_timedwait(&l->ready, &l->lock, &t);
    }
    return SN_OK;
}

/* The next batch on the caller's thread. Under the lock, which nobody else wants. */
static sn_status make_now(sn_loader *l, slot *s, sn_err *e) {
    if (atomic_exchange(&l->interrupted, false)) return sn_fail(e, SN_ECANCEL, "interrupted");
    if (s->state == READY || claim(l) != s) return SN_OK;
    fill(l, s);
    s->state = READY;
    l->filling--;
    return SN_OK;
}

static sn_status end_of_epoch(const sn_loader *l, sn_err *e) {
    int64_t broken = sn_dataset_broken(l->data);
    if (broken < l->data->count) return SN_OK;
    return sn_fail(e, SN_EFORMAT, "all %lld samples of the dataset are broken (see the warnings)",
                   (long long)broken);
}

/* Under the lock. */
static sn_status next_batch(sn_loader *l, sn_batch *out, sn_err *e) {
    while (l->given < l->batches) {
        slot *s = &l->slots[l->given % l->nslot];
        sn_status got = l->direct ? make_now(l, s, e) : wait_ready(l, s, e);
        if (got != SN_OK) return got;
        if (s->error.code != SN_OK) { /* the batch stays the next one: asking again tries again */
            got = s->error.code;
            if (e) *e = s->error;
            move_to(l, l->epoch, l->given);
            return got;
        }
        l->given++;
        s->state = HELD;
        if (s->n > 0) {
            *out = (sn_batch){ s->n, s->x, s->y, s->index, s->number };
            return SN_OK;
        }
        release_held(l);
    }
    return end_of_epoch(l, e);
}

sn_status sn_loader_next(sn_loader *l, sn_batch *out, sn_err *e) {
    *out = (sn_batch){ 0 };
    pthread_mutex_lock(&l->lock);
    l->started = true;
    release_held(l);
    sn_status s = next_batch(l, out, e);
    pthread_mutex_unlock(&l->lock);
    return s;
}
