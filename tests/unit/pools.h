/* Pools of 1, 2, 3 and 8 threads, for tests of results that must not depend on how many there are: make_pools
 * and free_pools are the set-up and tear-down of a group. */
#ifndef POOLS_H
#define POOLS_H

#include "base/pool.h"
#include <stddef.h>

enum { POOLS = 4 };
static const int threads[POOLS] = { 1, 2, 3, 8 };
static sn_pool *pools[POOLS];

static int make_pools(void **state) {
    (void)state;
    for (int i = 0; i < POOLS; i++)
        if (sn_pool_new(&pools[i], threads[i], NULL)) return -1;
    return 0;
}

static int free_pools(void **state) {
    (void)state;
    for (int i = 0; i < POOLS; i++) sn_pool_free(pools[i]);
    return 0;
}

#endif
