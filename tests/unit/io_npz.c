/* numpy's archives: what is written comes back, and what is wrong is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pool.h"
#include "io/npz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/sonde-npz-XXXXXX";

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}
static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static sn_tensor numbers(sn_dtype dtype, int64_t rows) {
    sn_tensor t;
    sn_err e;
    assert_int_equal(sn_tensor_new(&t, dtype, &(sn_shape){ 2, { rows, 3 } }, &e), SN_OK);
    for (int64_t i = 0; i < 3 * rows; i++) sn_tensor_set(&t, i, (double)(i - 4));
    return t;
}

static void comes_back_as_it_was(void **state) {
    (void)state;
    sn_err e = { 0 };
    (void)sn_pool_default(); /* made at first use, by whoever asks it about Ctrl-C */
    size_t before = sn_mem_used();
    sn_tensor a = numbers(SN_F32, 2), b = numbers(SN_I64, 5);
    sn_npz nz;
    assert_int_equal(
        sn_npz_save(path, (const char *const[]){ "b", "a/x" }, (const sn_tensor *const[]){ &b, &a }, 2, &e),
        SN_OK);
    assert_int_equal(sn_npz_load(&nz, path, &e), SN_OK);
    assert_int_equal(nz.n, 2);
    assert_string_equal(nz.name[0], "b");
    assert_string_equal(nz.name[1], "a/x");
    const sn_tensor *want[] = { &b, &a };
    for (int i = 0; i < 2; i++) {
        const sn_tensor *t = &nz.tensor[i];
        assert_true(t->dtype == want[i]->dtype && sn_shape_equal(&t->shape, &want[i]->shape));
        for (int64_t k = 0; k < sn_shape_count(&t->shape); k++)
            assert_true(sn_tensor_get(t, k) == sn_tensor_get(want[i], k));
    }
    sn_npz_drop(&nz);
    sn_npz_drop(&nz);
    sn_tensor_drop(&a);
    sn_tensor_drop(&b);
    assert_int_equal(sn_mem_used(), before);
}

static void expect_unchanged(void) {
    sn_err e = { 0 };
    sn_npz nz;
    assert_int_equal(sn_npz_load(&nz, path, &e), SN_OK);
    assert_int_equal(nz.n, 2);
    sn_npz_drop(&nz);
}

static void refuses_and_leaves_the_old_file(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_tensor a = numbers(SN_F32, 2);
    const sn_tensor *two[] = { &a, &a };
    assert_int_equal(sn_npz_save(path, (const char *const[]){ "a", "a" }, two, 2, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "two arrays called \"a\""));
    expect_unchanged();
    assert_int_equal(sn_npz_save(path, NULL, NULL, 0, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "no arrays to save"));
    expect_unchanged();
    sn_tensor_drop(&a);
}

/* Cut anywhere, a file is refused or whole; no memory is lost. */
static void refuses_cut_files(void **state) {
    (void)state;
    static char bytes[4096];
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f), before = sn_mem_used();
    fclose(f);
    assert_true(n > 300 && n < sizeof bytes);
    for (size_t cut = 0; cut < n; cut += 5) {
        sn_err e = { 0 };
        sn_npz nz;
        assert_int_equal(truncate(path, (off_t)(n - 1 - cut)), 0);
        assert_int_not_equal(sn_npz_load(&nz, path, &e), SN_OK);
        assert_non_null(strstr(e.msg, path));
        assert_true(nz.n == 0 && !nz.name && !nz.tensor);
        assert_int_equal(sn_mem_used(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(refuses_and_leaves_the_old_file),
        cmocka_unit_test(refuses_cut_files),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
