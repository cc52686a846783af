/* RNG, counted memory, files and archives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/archive.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Known answers of Random123's kat_vectors (philox4x32, 10 rounds). */
static void philox_known_answers(void **state) {
    (void)state;
    static const struct {
        uint64_t key, hi, lo;
        uint32_t out[4];
    } kat[] = {
        { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { ~0ull, ~0ull, ~0ull, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { 0x299f31d0a4093822,
          0x0370734413198a2e,
          0x85a308d3243f6a88,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        sn_philox(kat[i].key, kat[i].hi, kat[i].lo, out);
        for (int k = 0; k < 4; k++) assert_int_equal(out[k], kat[i].out[k]);
    }
}

static void rng_moments_and_shuffle(void **state) {
    (void)state;
    sn_rng r = sn_rng_make(7, SN_STREAM_TEST, 0);
    double sum = 0, sq = 0;
    for (int i = 0; i < 100000; i++) {
        double v = sn_rng_normal(&r);
        sum += v, sq += v * v;
    }
    assert_true(sum / 100000 > -0.02 && sum / 100000 < 0.02); /* six standard errors */
    assert_true(sq / 100000 > 0.97 && sq / 100000 < 1.03);
    int64_t a[100], seen[100] = { 0 }, fixed = 0;
    for (int i = 0; i < 100; i++) a[i] = i;
    sn_shuffle(&r, a, 100);
    for (int i = 0; i < 100; i++) seen[a[i]]++, fixed += a[i] == i;
    for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
    assert_true(fixed < 10);
    for (int i = 0; i < 1000; i++) assert_true(sn_rng_below(&r, 3) < 3);
}

static void memory_is_counted_and_limited(void **state) {
    (void)state;
    size_t before = sn_mem_used();
    sn_err e = { 0 };
    char *p = sn_alloc(5 << 20, "test", &e);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    assert_int_equal(sn_mem_used(), before + (5 << 20));
    memset(p, 1, 5 << 20);
    p = sn_realloc(p, 6 << 20, "test", &e);
    assert_int_equal(p[(5 << 20) - 1], 1);
    sn_mem_set_limit(sn_mem_used() + 1000);
    assert_null(sn_alloc(2000, "tensor", &e));
    assert_int_equal(e.code, SN_ENOMEM);
    assert_non_null(strstr(e.msg, "tensor: needs 1.95 KiB"));
    sn_buf b = SN_BUF_INIT(10000);
    for (int i = 0; i < 9999; i++) sn_buf_str(&b, "x");
    assert_int_equal(sn_buf_check(&b, "notes", &e), SN_ENOMEM);
    assert_non_null(strstr(e.msg, "notes: needs 1.00 KiB, which are not free"));
    sn_buf_free(&b);
    sn_mem_set_limit(0);
    b = SN_BUF_INIT(10);
    sn_buf_str(&b, "eleven more");
    assert_int_equal(sn_buf_check(&b, "notes", &e), SN_ENOMEM);
    assert_non_null(strstr(e.msg, "notes: over the limit of 10 bytes"));
    sn_buf_clear(&b);
    assert_int_equal(sn_buf_check(&b, "notes", &e), SN_OK);
    assert_null(sn_calloc(SIZE_MAX / 2, 3, "overflow", &e));
    sn_free(p);
    assert_int_equal(sn_mem_used(), before);
}

static char dir[] = "/tmp/sonde-test-XXXXXX";
static const char *in_dir(const char *name, char *buf, size_t n) {
    snprintf(buf, n, "%s/%s", dir, name);
    return buf;
}

static void files_are_whole(void **state) {
    (void)state;
    char path[200];
    sn_err e = { 0 };
    in_dir("a.txt", path, sizeof path);
    assert_int_equal(sn_file_write(path, "hello", 5, &e), SN_OK);
    sn_buf b = SN_BUF_INIT(100);
    assert_int_equal(sn_file_read(path, &b, &e), SN_OK);
    assert_string_equal(b.data, "hello");
    sn_buf_free(&b);
    sn_buf tiny = SN_BUF_INIT(3);
    assert_int_equal(sn_file_read(path, &tiny, &e), SN_EFORMAT);
    sn_buf_free(&tiny);
    static char big[300000]; /* read into a buffer of just its size, not of a power of two */
    memset(big, 'x', sizeof big);
    assert_int_equal(sn_file_write(path, big, sizeof big, &e), SN_OK);
    sn_buf exact = SN_BUF_INIT(sizeof big);
    sn_mem_reset_peak();
    size_t held = sn_mem_used();
    assert_int_equal(sn_file_read(path, &exact, &e), SN_OK);
    assert_int_equal(exact.len, sizeof big);
    assert_memory_equal(exact.data, big, sizeof big);
    assert_int_equal(sn_mem_peak() - held, sizeof big + 1);
    sn_buf_free(&exact);
    assert_int_equal(sn_file_read(dir, &b, &e), SN_EIO);
    assert_int_equal(sn_file_write("/nonexistent/x", "a", 1, &e), SN_EIO);
    assert_non_null(strstr(e.msg, "/nonexistent/x"));
    assert_int_equal(sn_file_write("/dev/null", "a", 1, &e), SN_EIO);
    assert_non_null(strstr(e.msg, "device"));
    assert_int_equal(sn_file_write(dir, "a", 1, &e), SN_EIO);
    assert_non_null(strstr(e.msg, "is a folder"));
    assert_int_equal(sn_file_write("", "a", 1, &e), SN_EIO);
    char link[200];
    assert_int_equal(symlink("a.txt", in_dir("link", link, sizeof link)), 0);
    assert_int_equal(sn_file_write(link, "through", 7, &e), SN_OK);
    assert_int_equal(sn_file_read(path, &b, &e), SN_OK);
    assert_string_equal(b.data, "through");
    sn_buf_free(&b);
    in_dir("p/q/r.txt", path, sizeof path);
    assert_int_equal(sn_make_dirs(path, &e), SN_OK);
    assert_int_equal(sn_file_write(path, "x", 1, &e), SN_OK);
}

static sn_status write_archive(const char *path, sn_err *e) {
    sn_archive_writer *w;
    sn_status s = sn_archive_create(&w, path, e);
    if (s != SN_OK) return s;
    s = sn_archive_add(w, "one.txt", "first", 5, e);
    if (s == SN_OK) s = sn_archive_add2(w, "two.bin", "he", 2, "ad", 2, e);
    if (s == SN_OK) s = sn_archive_add(w, "empty", NULL, 0, e);
    if (s == SN_OK) return sn_archive_commit(w, e);
    sn_archive_abort(w);
    return s;
}

static void archives_round_trip(void **state) {
    (void)state;
    char path[200], twin[200];
    sn_err e = { 0 };
    sn_archive *none;
    assert_int_equal(sn_archive_open(&none, dir, &e), SN_EIO);
    assert_non_null(strstr(e.msg, "is a folder"));
    assert_int_equal(sn_archive_open(&none, "/nonexistent/a.zip", &e), SN_EIO);
    assert_non_null(strstr(e.msg, "No such file"));
    assert_int_equal(write_archive("/nonexistent/a.zip", &e), SN_EIO);
    assert_non_null(strstr(e.msg, "there is no folder /nonexistent"));
    assert_int_equal(write_archive(in_dir("a.zip", path, sizeof path), &e), SN_OK);
    assert_int_equal(write_archive(in_dir("b.zip", twin, sizeof twin), &e), SN_OK);
    sn_archive *a;
    assert_int_equal(sn_archive_open(&a, path, &e), SN_OK);
    assert_int_equal(sn_archive_count(a), 3);
    assert_int_equal(sn_archive_find(a, "three"), -1);
    char *data;
    size_t n;
    assert_int_equal(sn_archive_read(a, sn_archive_find(a, "two.bin"), &data, &n, &e), SN_OK);
    assert_int_equal(n, 4);
    assert_string_equal(data, "head");
    sn_free(data);
    assert_int_equal(sn_archive_read(a, sn_archive_find(a, "empty"), &data, &n, &e), SN_OK);
    assert_int_equal(n, 0);
    sn_free(data);
    sn_archive_close(a);
    sn_buf x = SN_BUF_INIT(10000), y = SN_BUF_INIT(10000);
    assert_int_equal(sn_file_read(path, &x, &e), SN_OK);
    assert_int_equal(sn_file_read(twin, &y, &e), SN_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    sn_buf_free(&x);
    sn_buf_free(&y);
}

/* What is cancelled leaves the old file and nothing beside it. */
static void archives_are_cancelled(void **state) {
    (void)state;
    char path[200], tmp[240];
    sn_err e = { 0 };
    sn_archive *a;
    char *data;
    size_t n;
    assert_int_equal(write_archive(in_dir("c.zip", path, sizeof path), &e), SN_OK);
    sn_buf before = SN_BUF_INIT(10000), after = SN_BUF_INIT(10000);
    assert_int_equal(sn_file_read(path, &before, &e), SN_OK);
    assert_int_equal(sn_archive_open(&a, path, &e), SN_OK);
    sn_pool_cancel(sn_pool_default());
    assert_int_equal(write_archive(path, &e), SN_ECANCEL);
    assert_int_equal(sn_archive_read(a, 0, &data, &n, &e), SN_ECANCEL);
    assert_null(data);
    sn_pool_clear_cancel(sn_pool_default());
    snprintf(tmp, sizeof tmp, "%s.tmp%ld", path, (long)getpid());
    assert_int_equal(access(tmp, F_OK), -1);
    assert_int_equal(sn_file_read(path, &after, &e), SN_OK);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    assert_int_equal(sn_archive_read(a, 0, &data, &n, &e), SN_OK);
    assert_string_equal(data, "first");
    sn_free(data);
    sn_archive_close(a);
    sn_buf_free(&before);
    sn_buf_free(&after);
}

/* Every truncation and every flipped byte: an error or the right bytes, never a crash. */
static void damaged_archives_are_refused(void **state) {
    (void)state;
    char path[200], bad[200];
    sn_err e = { 0 };
    assert_int_equal(write_archive(in_dir("a.zip", path, sizeof path), &e), SN_OK);
    sn_buf x = SN_BUF_INIT(10000);
    assert_int_equal(sn_file_read(path, &x, &e), SN_OK);
    in_dir("bad.zip", bad, sizeof bad);
    for (size_t i = 0; i < 2 * x.len; i++) {
        bool cut = i < x.len;
        size_t at = cut ? i : i - x.len;
        if (!cut) x.data[at] ^= 0x41;
        assert_int_equal(sn_file_write(bad, x.data, cut ? at : x.len, &e), SN_OK);
        sn_archive *a;
        if (sn_archive_open(&a, bad, &e) == SN_OK) {
            assert_false(cut && at > 0);
            for (int64_t k = 0; k < sn_archive_count(a); k++) {
                char *data;
                size_t n;
                if (sn_archive_read(a, k, &data, &n, &e) == SN_OK) sn_free(data);
            }
            sn_archive_close(a);
        }
        if (!cut) x.data[at] ^= 0x41;
    }
    sn_buf_free(&x);
}

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}
static int remove_dir(void **state) {
    (void)state;
    char cmd[100];
    snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    return system(cmd) == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),   cmocka_unit_test(rng_moments_and_shuffle),
        cmocka_unit_test(files_are_whole),        cmocka_unit_test(memory_is_counted_and_limited),
        cmocka_unit_test(archives_round_trip),    cmocka_unit_test(damaged_archives_are_refused),
        cmocka_unit_test(archives_are_cancelled),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
