/* What this machine can do, as a Markdown table: build/tests/bench_machine. And how long a program takes from
 * its start to its end: build/tests/bench_machine start TIMES PROGRAM [ARGUMENT...] */
#include "base/file.h"
#include "base/mem.h"
#include "num/gemm.h"
#include "num/kern.h"
#include "num/peak.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- starting a program ---- */

static double run_once(char **argv, posix_spawn_file_actions_t *quiet) {
    double t = sn_clock();
    pid_t pid;
    int status = 1;
    if (posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    return status == 0 ? sn_clock() - t : -1;
}

static int start(int times, char **argv) {
    posix_spawn_file_actions_t quiet;
    double *t = times > 0 ? malloc((size_t)times * sizeof *t) : NULL;
    if (!t || posix_spawn_file_actions_init(&quiet) != 0) return 2;
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < times; i++) {
        t[i] = run_once(argv, &quiet);
        if (t[i] < 0) {
            fprintf(stderr, "%s failed\n", argv[0]);
            return 1;
        }
    }
    qsort(t, (size_t)times, sizeof *t, by_value);
    printf("%.2f %.2f\n", 1e3 * t[0], 1e3 * t[times / 2]); /* ms: best, median */
    free(t);
    return 0;
}

/* ---- the machine ---- */

/* Operations per second of a product of square matrices by OpenBLAS. */
static double product_rate(sn_pool *pool, int64_t n) {
    size_t scratch = sn_gemm_scratch(n, n, n), count = (size_t)(n * n);
    float *a = sn_calloc(3 * count + scratch + 16, sizeof *a, "bench", NULL);
    double best = 1e9;
    if (!a) return 0;
    for (size_t i = 0; i < 2 * count; i++) a[i] = (float)(i % 1000) / 1000;
    for (int i = 0; i < 4; i++) {
        double t = sn_clock();
        sn_gemm_f32(pool, a + 2 * count, n, a, n, false, a + count, n, false, n, n, n, false, a + 3 * count);
        t = sn_clock() - t;
        if (t < best) best = t;
    }
    sn_free(a);
    return 2.0 * (double)(n * n * n) / best;
}

static void row(const char *name, const char *unit, double one, double all) {
    printf("| %s | %.1f %s | %.1f %s | %.2f |\n", name, one / 1e9, unit, all / 1e9, unit, all / one);
}

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "start") == 0) return start((int)strtol(argv[2], NULL, 10), argv + 3);
    sn_pool *one, *all;
    if (sn_pool_new(&one, 1, NULL) != SN_OK || sn_pool_new(&all, 0, NULL) != SN_OK) return 1;
    int threads = sn_pool_size(all);
    printf("| machine | 1 thread | %d thread%s | ratio |\n|---|--:|--:|--:|\n", threads,
           threads == 1 ? "" : "s");
    const sn_kern_f32_table *tables[3];
    for (int i = 0, n = sn_kern_all_f32(tables); i < n; i++) {
        char name[80];
        const char *isa = tables[i]->isa;
        snprintf(name, sizeof name, "multiply-adds in registers, %s%s", isa,
                 strcmp(isa, sn_kern_f32()->isa) == 0 ? " (in use)" : "");
        row(name, "GFLOP/s", sn_peak_flops(one, isa), sn_peak_flops(all, isa));
    }
    char name[80];
    snprintf(name, sizeof name, "2048³ product, OpenBLAS %s", sn_gemm_corename());
    row(name, "GFLOP/s", product_rate(one, 2048), product_rate(all, 2048));
    sn_peak_bytes b[2];
    enum { SIZE = 256 << 20 };
    if (sn_peak_bandwidth(one, SIZE, &b[0], NULL) != SN_OK ||
        sn_peak_bandwidth(all, SIZE, &b[1], NULL) != SN_OK)
        return 1;
    row("memory, reading", "GB/s", b[0].read, b[1].read);
    row("memory, y = a x + y", "GB/s", b[0].update, b[1].update);
    sn_pool_free(one);
    sn_pool_free(all);
    return 0;
}
