/* The pool: every cell runs exactly once, whatever the numbers of cells and threads; who is through helps the
 * others; no two cells have the same worker at a time; cancel leaves out what has not begun. No test depends on
 * who is faster. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CELLS = 5000, MOST_THREADS = 256 };

static sn_pool *pool_of(int threads) {
    sn_pool *p;
    assert_int_equal(sn_pool_new(&p, threads, NULL), SN_OK);
    return p;
}

typedef struct {
    atomic_int hits[MOST_CELLS];
    atomic_bool busy[MOST_THREADS]; /* the worker has a cell */
    atomic_int total, clashes;
    int64_t cells;
    int threads;
    int64_t slow; /* a cell that ends when all others have */
    sn_pool *cancels;
} grid;

static void hit(void *ctx, int64_t cell, int worker) {
    grid *g = ctx;
    if (cell < 0 || cell >= g->cells || worker < 0 || worker >= g->threads) {
        atomic_fetch_add(&g->clashes, 1);
        return;
    }
    if (atomic_exchange(&g->busy[worker], true)) atomic_fetch_add(&g->clashes, 1);
    atomic_fetch_add(&g->hits[cell], 1);
    if (g->cancels) sn_pool_cancel(g->cancels);
    for (int i = 0; cell == g->slow && atomic_load(&g->total) < g->cells - 1; i++) {
        usleep(1000);
        if (i < 60000) continue;
        atomic_fetch_add(&g->clashes, 1); /* nobody helps */
        break;
    }
    atomic_fetch_add(&g->total, 1);
    atomic_store(&g->busy[worker], false);
}

static grid *grid_of(sn_pool *p, int64_t cells) {
    static grid g;
    memset(&g, 0, sizeof g);
    g.cells = cells;
    g.threads = sn_pool_size(p);
    g.slow = -1;
    return &g;
}

static void check(const grid *g) {
    for (int64_t i = 0; i < MOST_CELLS; i++)
        if (atomic_load(&((grid *)(uintptr_t)g)->hits[i]) != (i < g->cells))
            fail_msg("%d threads: cell %d of %d ran %d times", g->threads, (int)i, (int)g->cells,
                     (int)g->hits[i]);
    assert_int_equal(g->clashes, 0);
}

static void every_cell_runs_once(void **state) {
    (void)state;
    static const int threads[] = { 1, 2, 3, 5, 8, 64, 256 };
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        sn_pool *p = pool_of(threads[t]);
        for (int64_t cells = 0; cells <= MOST_CELLS;
             cells += cells < 20 || cells == MOST_CELLS - 1 ? 1 : cells / 4) {
            grid *g = grid_of(p, cells);
            sn_parallel(p, cells, hit, g);
            check(g);
        }
        for (int64_t cells = sn_pool_size(p) - 1; cells <= sn_pool_size(p) + 1; cells++) {
            grid *g = grid_of(p, cells);
            sn_parallel_always(p, cells, hit, g);
            check(g);
        }
        sn_pool_free(p);
    }
}

/* The cell of a share that its owner would come to first, in the middle, and last. */
static void a_slow_share_is_helped(void **state) {
    (void)state;
    for (int threads = 2; threads <= 8; threads += 3) {
        sn_pool *p = pool_of(threads);
        for (int64_t slow = 0; slow < 400; slow += 19) {
            grid *g = grid_of(p, 400);
            g->slow = slow;
            sn_parallel(p, 400, hit, g);
            check(g);
        }
        sn_pool_free(p);
    }
}

static void cancel_leaves_cells_out(void **state) {
    (void)state;
    for (int threads = 1; threads <= 64; threads *= 4) {
        sn_pool *p = pool_of(threads);
        for (int round = 0; round < 200; round++) {
            grid *g = grid_of(p, 1000);
            g->cancels = p; /* every cell: a worker runs no second one */
            sn_parallel(p, 1000, hit, g);
            assert_true(sn_pool_cancelled(p) && g->total >= 1 && g->total <= sn_pool_size(p));
            for (int i = 0; i < 1000; i++) assert_true(g->hits[i] <= 1);
            g = grid_of(p, 1000);
            sn_parallel(p, 1000, hit, g);
            assert_int_equal(g->total, 0);
            sn_parallel_always(p, 1000, hit, g);
            check(g);
            sn_pool_clear_cancel(p);
            g = grid_of(p, 1000); /* nothing of the regions before is left */
            sn_parallel(p, 1000, hit, g);
            check(g);
        }
        sn_pool_free(p);
    }
}

static void *cancel_from_outside(void *pool) {
    sn_pool_cancel(pool);
    return NULL;
}

/* At any moment: what ran, ran once, and a region that begins when the flag is down is whole. */
static void cancel_may_come_at_any_moment(void **state) {
    (void)state;
    sn_pool *p = pool_of(3);
    for (int round = 0; round < 300; round++) {
        pthread_t other;
        grid *g = grid_of(p, MOST_CELLS);
        assert_int_equal(pthread_create(&other, NULL, cancel_from_outside, p), 0);
        sn_parallel(p, MOST_CELLS, hit, g);
        for (int i = 0; i < MOST_CELLS; i++) assert_true(g->hits[i] <= 1);
        if (!sn_pool_cancelled(p)) assert_int_equal(g->total, MOST_CELLS);
        assert_int_equal(pthread_join(other, NULL), 0);
        sn_pool_clear_cancel(p);
    }
    grid *g = grid_of(p, MOST_CELLS);
    sn_parallel(p, MOST_CELLS, hit, g);
    check(g);
    sn_pool_free(p);
}

/* Helpers that come late to a region, or sleep through some, take part in none twice; pauses let them fall
 * asleep. */
static void short_regions_follow_each_other(void **state) {
    (void)state;
    for (int threads = 2; threads <= 9; threads += 7) {
        sn_pool *p = pool_of(threads);
        grid *g = grid_of(p, MOST_CELLS);
        for (int round = 0; round < 20000; round++) {
            g->cells = 1 + round % 12;
            for (int i = 0; i < 13; i++) atomic_store(&g->hits[i], 0);
            sn_parallel(p, g->cells, hit, g);
            for (int i = 0; i < 13; i++) assert_int_equal(g->hits[i], i < g->cells);
            if (round % 1000 == 999) usleep(2000);
        }
        assert_int_equal(g->clashes, 0);
        sn_pool_free(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_runs_once),
        cmocka_unit_test(a_slow_share_is_helped),
        cmocka_unit_test(cancel_leaves_cells_out),
        cmocka_unit_test(cancel_may_come_at_any_moment),
        cmocka_unit_test(short_regions_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
