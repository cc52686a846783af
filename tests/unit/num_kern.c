/* Every kernel of every instruction set against a plain scalar twin, and reductions bit for bit between sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "num/kern.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define T       float
#define TABLE   sn_kern_f32_table
#define ALL     sn_kern_all_f32
#define NAME(x) x##_f32
#include "num_kern.inc.h"
#undef T
#undef TABLE
#undef ALL
#undef NAME
#define T       double
#define TABLE   sn_kern_f64_table
#define ALL     sn_kern_all_f64
#define NAME(x) x##_f64
#include "num_kern.inc.h"

static int warnings;
static void count_warning(const char *line) { warnings += strstr(line, "SONDE_ISA") != NULL; }

/* In a process of its own, since the choice is made once: did SONDE_ISA=value give this level and so many
 * warnings? */
static bool chooses(const char *value, const char *level, int warned) {
    pid_t pid = fork();
    if (pid == 0) {
        setenv("SONDE_ISA", value, 1);
        sn_set_warn_handler(count_warning);
        bool ok = strcmp(sn_kern_f32()->isa, level) == 0 && strcmp(sn_kern_f64()->isa, level) == 0;
        _exit(ok && warnings == warned ? 0 : 1);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void isa_is_chosen(void **state) {
    (void)state;
    static const char *const names[] = { "base", "v3", "v4" };
    const sn_kern_f32_table *all[3];
    int levels = sn_kern_all_f32(all);
    const char *best = all[levels - 1]->isa;
    for (int i = 0; i < levels; i++) {
        assert_string_equal(all[i]->isa, names[i]);
        assert_true(chooses(names[i], names[i], 0));
    }
    for (int i = levels; i < 3; i++) assert_true(chooses(names[i], best, 1));
    assert_true(chooses("avx9", best, 1));
    assert_true(chooses("", best, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isa_is_chosen), /* first: before this process has chosen */
        cmocka_unit_test(elementwise_f32),
        cmocka_unit_test(elementwise_f64),
        cmocka_unit_test(not_numbers_f32),
        cmocka_unit_test(not_numbers_f64),
        cmocka_unit_test(sums_f32),
        cmocka_unit_test(sums_f64),
        cmocka_unit_test(rows_and_columns_f32),
        cmocka_unit_test(rows_and_columns_f64),
        cmocka_unit_test(dropout_f32),
        cmocka_unit_test(dropout_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
