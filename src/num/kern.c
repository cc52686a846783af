#include "num/kern.h"

#include "base/err.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The tables of the objects that the Makefile makes from kern.inc.c, from the plainest to the best. */
extern const sn_kern_f32_table sn_kern_table_base_f32;
extern const sn_kern_f64_table sn_kern_table_base_f64;
#if defined(__x86_64__)
extern const sn_kern_f32_table sn_kern_table_v3_f32, sn_kern_table_v4_f32;
extern const sn_kern_f64_table sn_kern_table_v3_f64, sn_kern_table_v4_f64;
#endif

static const sn_kern_f32_table *const tables_f32[] = {
    &sn_kern_table_base_f32,
#if defined(__x86_64__)
    &sn_kern_table_v3_f32,
    &sn_kern_table_v4_f32,
#endif
};
static const sn_kern_f64_table *const tables_f64[] = {
    &sn_kern_table_base_f64,
#if defined(__x86_64__)
    &sn_kern_table_v3_f64,
    &sn_kern_table_v4_f64,
#endif
};
enum { NTABLE = sizeof tables_f32 / sizeof tables_f32[0] };

/* How many of the tables this machine can run. The names are those of gcc and clang alike; they include the
 * operating system's support for the wider registers. */
static int runnable(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")))
        return 1;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512vl")))
        return 2;
    return 3;
#else
    return 1;
#endif
}

static int chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void) {
    int n = runnable();
    const char *want = getenv("SONDE_ISA");
    chosen = n - 1;
    if (!want || !*want) return;
    for (int i = 0; i < NTABLE; i++) {
        if (strcmp(want, tables_f32[i]->isa) != 0) continue;
        if (i < n) {
            chosen = i;
        } else {
            sn_warn("SONDE_ISA=%s: this machine cannot run it; using %s", want, tables_f32[chosen]->isa);
        }
        return;
    }
    sn_warn("SONDE_ISA=%.20s: not one of base, v3, v4; using %s", want, tables_f32[chosen]->isa);
}

const sn_kern_f32_table *sn_kern_f32(void) {
    pthread_once(&once, choose);
    return tables_f32[chosen];
}

const sn_kern_f64_table *sn_kern_f64(void) {
    pthread_once(&once, choose);
    return tables_f64[chosen];
}

int sn_kern_all_f32(const sn_kern_f32_table *out[3]) {
    int n = runnable();
    for (int i = 0; i < n; i++) out[i] = tables_f32[i];
    return n;
}

int sn_kern_all_f64(const sn_kern_f64_table *out[3]) {
    int n = runnable();
    for (int i = 0; i < n; i++) out[i] = tables_f64[i];
    return n;
}
