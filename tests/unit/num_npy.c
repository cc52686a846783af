/* .npy: round trips, what numpy writes, and hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "num/npy.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[96];
static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/num_npy_XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/a", folder);
    return 0;
}
static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* A file of this version with this dictionary and these values. */
static size_t file_of(char *to, int version, const char *dict, const void *values, size_t n) {
    size_t len = strlen(dict), at = 8;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (char)version;
    to[7] = 0;
    for (int i = 0; i < (version == 1 ? 2 : 4); i++) to[at++] = (char)(len >> (8 * i));
    memcpy(to + at, dict, len);
    if (n) memcpy(to + at + len, values, n);
    return at + len + n;
}

static sn_tensor reads(int version, const char *dict, const void *values, size_t n) {
    char bytes[2048];
    sn_tensor t;
    sn_err e = { 0 };
    size_t len = file_of(bytes, version, dict, values, n);
    char *exact = malloc(len); /* so that a read beyond it is seen */
    memcpy(exact, bytes, len);
    if (sn_npy_parse(&t, exact, len, "test", &e)) fail_msg("%s: %s", dict, e.msg);
    free(exact);
    return t;
}

static void refuses(int version, const char *dict, size_t n, const char *part) {
    char bytes[4096];
    static const char zeros[1024];
    sn_tensor t;
    sn_err e = { 0 };
    size_t before = sn_mem_used(), len = file_of(bytes, version, dict, zeros, n);
    char *exact = malloc(len);
    memcpy(exact, bytes, len);
    assert_int_equal(sn_npy_parse(&t, exact, len, "x.npy", &e), SN_EFORMAT);
    free(exact);
    if (!strstr(e.msg, part) || strncmp(e.msg, "x.npy: ", 7) != 0) fail_msg("%s gave: %s", dict, e.msg);
    assert_null(t.data);
    assert_int_equal(sn_mem_used(), before);
}

static void header_text(void **state) {
    (void)state;
    sn_buf b = SN_BUF_INIT(1024);
    assert_int_equal(sn_npy_header(SN_F32, &(sn_shape){ 2, { 3, 4 } }, &b, NULL), SN_OK);
    assert_int_equal(b.len, 128); /* as numpy 1.24 writes it */
    assert_memory_equal(
        b.data, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }  ",
        10 + 60);
    assert_true(b.data[127] == '\n' && b.data[126] == ' ');
    sn_buf_clear(&b);
    sn_shape wide = {
        8, { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX }
    };
    assert_int_equal(sn_npy_header(SN_I64, &wide, &b, NULL), SN_OK);
    assert_int_equal(b.len % 64, 0);
    assert_non_null(strstr(b.data + 10, "9223372036854775807), }"));
    sn_buf_free(&b);
    sn_buf small = SN_BUF_INIT(20);
    assert_int_equal(sn_npy_header(SN_U8, &wide, &small, NULL), SN_ENOMEM);
    sn_buf_free(&small);
}

static void round_trips(void **state) {
    (void)state;
    static const sn_shape shapes[] = { { 0 },
                                       { 1, { 0 } },
                                       { 1, { 7 } },
                                       { 3, { 2, 0, 3 } },
                                       { 4, { 2, 3, 1, 5 } },
                                       { 8, { 1, 2, 1, 2, 1, 2, 1, 2 } } };
    size_t before = sn_mem_used();
    for (int dtype = SN_F32; dtype <= SN_I64; dtype++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            sn_tensor t, u;
            assert_int_equal(sn_tensor_new(&t, (sn_dtype)dtype, &shapes[s], NULL), SN_OK);
            int64_t n = sn_shape_count(&t.shape);
            for (int64_t i = 0; i < n; i++) sn_tensor_set(&t, i, 1.25 * (double)i * (i % 2 ? 1 : -1));
            assert_int_equal(sn_npy_save(&t, path, NULL), SN_OK);
            assert_int_equal(sn_npy_load(&u, path, NULL), SN_OK);
            assert_int_equal(u.dtype, dtype);
            assert_true(sn_shape_equal(&t.shape, &u.shape));
            assert_memory_equal(t.data, u.data, (size_t)n * sn_dtype_size(t.dtype));
            sn_tensor_drop(&t);
            sn_tensor_drop(&u);
        }
    assert_int_equal(sn_mem_used(), before);
}

static void archive_members(void **state) {
    (void)state;
    sn_archive_writer *w;
    sn_archive *a;
    sn_tensor t;
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    double y[2] = { -1, 0.5 };
    char *bytes;
    sn_pool_default(); /* writing asks it whether to go on; it stays */
    size_t n, before = sn_mem_used();
    assert_int_equal(sn_archive_create(&w, path, NULL), SN_OK);
    assert_int_equal(sn_npy_add(w, "x", SN_F32, &(sn_shape){ 2, { 2, 3 } }, x, NULL), SN_OK);
    assert_int_equal(sn_npy_add(w, "y", SN_F64, &(sn_shape){ 1, { 2 } }, y, NULL), SN_OK);
    assert_int_equal(sn_npy_add(w, "z", SN_F32, &(sn_shape){ 2, { 2, 3 } }, x, NULL), SN_OK);
    char name[600];
    memset(name, 'n', sizeof name);
    name[599] = 0;
    assert_int_equal(sn_npy_add(w, name, SN_F64, &(sn_shape){ 1, { 2 } }, y, NULL), SN_EINVAL);
    assert_int_equal(sn_archive_commit(w, NULL), SN_OK);
    assert_int_equal(sn_archive_open(&a, path, NULL), SN_OK);
    assert_int_equal(sn_archive_count(a), 3);
    assert_int_equal(sn_archive_read(a, sn_archive_find(a, "y.npy"), &bytes, &n, NULL), SN_OK);
    assert_int_equal(sn_npy_parse(&t, bytes, n, "y", NULL), SN_OK);
    assert_true(t.dtype == SN_F64 && t.shape.n == 1 && sn_tensor_get(&t, 0) == -1 &&
                sn_tensor_get(&t, 1) == 0.5);
    sn_tensor_drop(&t);
    sn_free(bytes);
    assert_int_equal(sn_archive_read(a, sn_archive_find(a, "z.npy"), &bytes, &n, NULL), SN_OK);
    assert_int_equal(sn_npy_parse(&t, bytes, n, "z", NULL), SN_OK);
    assert_memory_equal(t.data, x, sizeof x);
    sn_tensor_drop(&t);
    sn_free(bytes);
    sn_archive_close(a);
    assert_int_equal(sn_mem_used(), before);
}

static void expect(const char *descr, const void *values, size_t n, sn_dtype dtype, const double *want,
                   int count) {
    char dict[128];
    snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", descr, count);
    sn_tensor t = reads(1, dict, values, n);
    assert_int_equal(t.dtype, dtype);
    for (int i = 0; i < count; i++) {
        double v = sn_tensor_get(&t, i);
        if (!(v == want[i] || (isnan(v) && isnan(want[i]))) || signbit(v) != signbit(want[i]))
            fail_msg("%s: value %d is %g, not %g", descr, i, v, want[i]);
    }
    sn_tensor_drop(&t);
}

static void every_type(void **state) {
    (void)state;
    const double signs[] = { 1, -2 },
                 half[] = { 1, -2, 0x1p-24, 65504, INFINITY, (double)NAN, -0.0, 0x1.554p-2 };
    const uint16_t halves[] = { 0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x7e00, 0x8000, 0x3555 };
    expect("<f2", halves, 16, SN_F32, half, 8);
    expect("<f4", (const float[]){ 1, -2 }, 8, SN_F32, signs, 2);
    expect("=f4", (const float[]){ 1, -2 }, 8, SN_F32, signs, 2);
    expect("f8", (const double[]){ 1, -2 }, 16, SN_F64, signs, 2);
    expect(">f2", "\x3c\x00\xc0\x00", 4, SN_F32, signs, 2);
    expect(">f4", "\x3f\x80\x00\x00\xc0\x00\x00\x00", 8, SN_F32, signs, 2);
    expect(">f8", "\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 16, SN_F64, signs, 2);
    expect("|i1", "\x01\xfe", 2, SN_I32, signs, 2);
    expect("<i2", "\x01\x00\xfe\xff", 4, SN_I32, signs, 2);
    expect(">i2", "\x00\x01\xff\xfe", 4, SN_I32, signs, 2);
    expect("<i4", (const int32_t[]){ 1, -2 }, 8, SN_I32, signs, 2);
    expect(">i4", "\0\0\0\x01\xff\xff\xff\xfe", 8, SN_I32, signs, 2);
    expect("<i8", (const int64_t[]){ 1, -2 }, 16, SN_I64, signs, 2);
    expect(">i8", "\0\0\0\0\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xfe", 16, SN_I64, signs, 2);
    expect("|u1", "\x00\xff", 2, SN_U8, (const double[]){ 0, 255 }, 2);
    expect("<u2", "\xff\xff\x01\x00", 4, SN_I32, (const double[]){ 65535, 1 }, 2);
    expect("<u4", "\xff\xff\xff\xff", 4, SN_I64, (const double[]){ 4294967295.0 }, 1);
    expect("<u8", (const uint64_t[]){ 5 }, 8, SN_I64, (const double[]){ 5 }, 1);
    expect("|b1", "\x00\x01\x02", 3, SN_U8, (const double[]){ 0, 1, 1 }, 3);
}

static void headers_as_python_writes_them(void **state) {
    (void)state;
    const float v[6] = { 0, 1, 2, 3, 4, 5 };
    static const char *const same[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n",
        "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "  { 'fortran_order' : False ,'shape': (2L, 3L),'descr':'<f4',}\n",
    };
    for (size_t i = 0; i < 3; i++)
        for (int version = 1; version <= 3; version++) {
            sn_tensor t = reads(version, same[i], v, sizeof v);
            assert_true(t.shape.n == 2 && t.shape.d[0] == 2 && t.shape.d[1] == 3);
            assert_memory_equal(t.data, v, sizeof v);
            sn_tensor_drop(&t);
        }
    sn_tensor t = reads(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", v, sizeof v);
    const float turned[6] = { 0, 2, 4, 1, 3, 5 };
    assert_memory_equal(t.data, turned, sizeof turned);
    sn_tensor_drop(&t);
    const uint8_t cube[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    t = reads(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }", cube, sizeof cube);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 3; b++)
            for (int c = 0; c < 2; c++)
                assert_true(sn_tensor_get(&t, (a * 3 + b) * 2 + c) == a + 2 * b + 6 * c);
    sn_tensor_drop(&t);
    t = reads(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (), }", v, 4);
    assert_int_equal(t.shape.n, 0);
    sn_tensor_drop(&t);
    t = reads(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 5), }", v, 0);
    sn_tensor_drop(&t);
}

static void hostile_headers(void **state) {
    (void)state;
    refuses(1, "", 0, "no dictionary");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", 24, "not closed");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", 24, "not closed");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x", 24, "follows");
    refuses(1, "{'descr': '<f4', 'fortran_order': False}", 24, "missing");
    refuses(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", 24, "neither True nor False");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}", 24, "not a number");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': 6}", 24, "not a tuple");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}", 24, "unknown key");
    refuses(1, "{'descr': '<f4, 'fortran_order': False, 'shape': (2, 3)}", 24, "");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 23, "cut short");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 25, "too long");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4,
            "number that fits");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", 0, "cut short");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4, 0)}", 0,
            "does not agree");
    refuses(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", 64, "cut short");
    refuses(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4,
            "more than 8 dimensions");
    refuses(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, "Python objects");
    refuses(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, "record array");
    refuses(1, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", 8, "'<c8'");
    refuses(1, "{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", 12, "'<U3'");
    refuses(1, "{'descr': '', 'fortran_order': False, 'shape': (1,)}", 4, "''");
    refuses(1, "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (1,)}", 4, "descr");
    refuses(4, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 24, "version 4");
    sn_tensor t;
    sn_err e = { 0 };
    assert_int_equal(sn_npy_parse(&t, "PK\x03\x04 and so on", 15, "a.npz", &e), SN_EFORMAT);
    assert_int_equal(sn_npy_parse(&t, NULL, 0, "empty", &e), SN_EFORMAT);
    char bytes[256];
    size_t n =
        file_of(bytes, 1, "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}", "\0\0\0\0\0\0\0\x80", 8);
    assert_int_equal(sn_npy_parse(&t, bytes, n, "u", &e), SN_EFORMAT);
    assert_non_null(strstr(e.msg, "2^63"));
    assert_null(t.data);
    bytes[8] = bytes[9] = (char)0xff; /* a header length beyond the end */
    assert_int_equal(sn_npy_parse(&t, bytes, n, "u", &e), SN_EFORMAT);
}

/* Every prefix of a good file, and many files with a few bytes changed: an error or a tensor, never more. */
static void broken_files(void **state) {
    (void)state;
    char good[512];
    static const float v[6] = { 0, 1, 2, 3, 4, 5 };
    sn_rng r = sn_rng_make(7, SN_STREAM_TEST, 0);
    size_t before = sn_mem_used();
    for (int version = 1; version <= 3; version++) {
        size_t n =
            file_of(good, version, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", v, sizeof v);
        for (size_t len = 0; len < n; len++) {
            char *cut = malloc(len ? len : 1);
            sn_tensor t;
            memcpy(cut, good, len);
            assert_int_equal(sn_npy_parse(&t, cut, len, "cut", NULL), SN_EFORMAT);
            free(cut);
        }
        for (int trial = 0; trial < 20000; trial++) {
            char *bytes = malloc(n);
            memcpy(bytes, good, n);
            for (int k = 0; k < 1 + trial % 3; k++) {
                static const char likely[] = "{}()',:<>|fuib0123456789L \n\\\xff";
                size_t at = (size_t)sn_rng_below(&r, n);
                bytes[at] = likely[sn_rng_below(&r, sizeof likely)];
            }
            sn_tensor t;
            sn_err e = { 0 };
            sn_status s = sn_npy_parse(&t, bytes, n, "broken", &e);
            assert_true(s == SN_OK ? t.data != NULL : s == SN_EFORMAT && e.msg[0] && !t.data);
            sn_tensor_drop(&t);
            free(bytes);
        }
    }
    assert_int_equal(sn_mem_used(), before);
}

static void files_that_cannot_be_had(void **state) {
    (void)state;
    sn_tensor t, empty = { 0 };
    sn_err e = { 0 };
    assert_int_equal(sn_npy_load(&t, "/tmp/no/such/file.npy", &e), SN_EIO);
    assert_non_null(strstr(e.msg, "/tmp/no/such/file.npy"));
    assert_int_equal(sn_npy_load(&t, folder, &e), SN_EIO);
    assert_int_equal(sn_npy_save(&empty, path, &e), SN_EINVAL);
    size_t before = sn_mem_used();
    assert_int_equal(sn_tensor_new(&t, SN_F32, &(sn_shape){ 1, { 5 } }, NULL), SN_OK);
    assert_int_equal(sn_npy_save(&t, "/tmp/no/such/file.npy", &e), SN_EIO);
    assert_int_equal(sn_npy_save(&t, path, &e), SN_OK);
    sn_tensor_drop(&t);
    bool done = false;
    for (int k = 0; k < 50 && !done; k++) {
        sn_mem_fail_after(k);
        sn_status s = sn_npy_load(&t, path, &e);
        sn_mem_fail_after(-1);
        assert_true(s == SN_OK || s == SN_ENOMEM);
        done = s == SN_OK;
        sn_tensor_drop(&t);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_text),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(archive_members),
        cmocka_unit_test(every_type),
        cmocka_unit_test(headers_as_python_writes_them),
        cmocka_unit_test(hostile_headers),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(files_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
