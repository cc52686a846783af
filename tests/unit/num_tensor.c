/* Shapes, counted stores, conversion between dtypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pool.h"
#include "num/tensor.h"
#include <math.h>
#include <string.h>

static void shapes(void **state) {
    (void)state;
    char buf[64];
    sn_shape scalar = { 0 }, vec = { 1, { 3 } }, four = { 4, { 32, 256, 256, 3 } };
    assert_int_equal(sn_shape_count(&scalar), 1);
    assert_int_equal(sn_shape_count(&four), 32 * 256 * 256 * 3);
    assert_int_equal(sn_shape_row(&four), 256 * 256 * 3);
    assert_int_equal(sn_shape_row(&vec), 1);
    assert_int_equal(sn_shape_row(&scalar), 1);
    assert_string_equal(sn_shape_text(&four, false, buf, sizeof buf), "(32, 256, 256, 3)");
    assert_string_equal(sn_shape_text(&four, true, buf, sizeof buf), "(batch, 256, 256, 3)");
    assert_string_equal(sn_shape_text(&vec, false, buf, sizeof buf), "(3,)");
    assert_string_equal(sn_shape_text(&vec, true, buf, sizeof buf), "(batch,)");
    assert_string_equal(sn_shape_text(&scalar, false, buf, sizeof buf), "()");
    assert_string_equal(sn_shape_text(&four, false, buf, 8), "(32, 25");
    sn_shape sample = sn_shape_sample(&four), back = sn_shape_with_batch(&sample, 32);
    assert_int_equal(sample.n, 3);
    assert_true(sn_shape_equal(&back, &four));
    assert_false(sn_shape_equal(&sample, &four));
    assert_true(sn_shape_equal(&scalar, &scalar));
}

static void bad_counts(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_tensor t;
    sn_shape negative = { 2, { 3, -1 } }, huge = { 3, { INT64_MAX / 2, 3, 1 } },
             zero = { 3, { INT64_MAX, 4, 0 } };
    sn_shape bytes = { 1, { INT64_MAX / 2 } };
    assert_int_equal(sn_shape_count(&negative), -1);
    assert_int_equal(sn_shape_count(&huge), -1);
    assert_int_equal(sn_shape_count(&zero), 0);
    assert_int_equal(sn_tensor_new(&t, SN_F32, &negative, &e), SN_ESHAPE);
    assert_null(t.data);
    assert_int_equal(sn_tensor_new(&t, SN_F32, &huge, &e), SN_ESHAPE);
    assert_int_equal(sn_tensor_new(&t, SN_U8, &bytes, &e), SN_ENOMEM);
    assert_non_null(strstr(e.msg, "tensor (4611686018427387903,)"));
    sn_tensor_drop(&t);
    assert_int_equal(sn_tensor_new(&t, SN_F64, &(sn_shape){ 2, { 0, 5 } }, &e), SN_OK);
    assert_non_null(t.data);
    sn_tensor_drop(&t);
    sn_tensor_drop(&t);
}

static void stores_are_counted(void **state) {
    (void)state;
    size_t before = sn_mem_used();
    sn_tensor t, shared, rows;
    assert_int_equal(sn_tensor_new(&t, SN_F32, &(sn_shape){ 3, { 4, 2, 3 } }, NULL), SN_OK);
    assert_int_equal((uintptr_t)t.data % 64, 0);
    for (int i = 0; i < 24; i++) {
        assert_true(sn_tensor_get(&t, i) == 0);
        sn_tensor_set(&t, i, i);
    }
    shared = sn_tensor_share(&t);
    rows = sn_tensor_rows(&t, 1, 3);
    sn_tensor_drop(&t);
    assert_null(t.data);
    assert_int_equal(rows.shape.d[0], 2);
    assert_true(sn_tensor_get(&rows, 0) == 6 && sn_tensor_get(&rows, 11) == 17);
    sn_tensor_set(&rows, 0, -1);
    assert_true(sn_tensor_get(&shared, 6) == -1);
    sn_tensor none = sn_tensor_rows(&shared, 4, 4);
    assert_int_equal(sn_shape_count(&none.shape), 0);
    sn_tensor_drop(&none);
    sn_tensor_drop(&shared);
    assert_true(sn_tensor_get(&rows, 1) == 7);
    sn_tensor_drop(&rows);
    assert_int_equal(sn_mem_used(), before);
    sn_tensor empty = { 0 }, twin = sn_tensor_share(&empty);
    sn_tensor_drop(&twin);
    assert_int_equal(sn_tensor_copy(&twin, &empty, SN_F64, NULL), SN_OK);
    assert_null(twin.data);
}

static void share_and_drop(void *ctx, int64_t cell, int worker) {
    (void)cell;
    (void)worker;
    sn_tensor t = sn_tensor_share(ctx), u = sn_tensor_share(&t);
    sn_tensor_drop(&t);
    sn_tensor_drop(&u);
}

static void counting_is_atomic(void **state) {
    (void)state;
    size_t before = sn_mem_used();
    sn_pool *pool;
    sn_tensor t;
    assert_int_equal(sn_pool_new(&pool, 4, NULL), SN_OK);
    size_t with_pool = sn_mem_used();
    assert_int_equal(sn_tensor_new(&t, SN_U8, &(sn_shape){ 1, { 10 } }, NULL), SN_OK);
    sn_parallel(pool, 2000, share_and_drop, &t);
    assert_true(sn_mem_used() > with_pool);
    sn_tensor_drop(&t);
    assert_int_equal(sn_mem_used(), with_pool);
    sn_pool_free(pool);
    assert_int_equal(sn_mem_used(), before);
}

static void conversion(void **state) {
    (void)state;
    static const double in[] = { 0,    0.5,   1.5,  2.5,   -0.5, -3.7,     255.4,     255.5,
                                 1e10, -1e10, 1e30, -1e30, NAN,  INFINITY, -INFINITY, 9.3e18 };
    static const double u8[] = { 0, 0, 2, 2, 0, 0, 255, 255, 255, 0, 255, 0, 0, 255, 0, 255 };
    static const double i32[] = {
        0,         0,         2,         2,         0, -4,        255,       256,
        INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0, INT32_MAX, INT32_MIN, INT32_MAX
    };
    enum { N = sizeof in / sizeof in[0] };
    sn_tensor t, a, b, c;
    assert_int_equal(sn_tensor_new(&t, SN_F64, &(sn_shape){ 1, { N } }, NULL), SN_OK);
    memcpy(t.data, in, sizeof in);
    assert_int_equal(sn_tensor_copy(&a, &t, SN_U8, NULL), SN_OK);
    assert_int_equal(sn_tensor_copy(&b, &t, SN_I32, NULL), SN_OK);
    assert_int_equal(sn_tensor_copy(&c, &t, SN_I64, NULL), SN_OK);
    for (int i = 0; i < N; i++) {
        assert_true(sn_tensor_get(&a, i) == u8[i]);
        assert_true(sn_tensor_get(&b, i) == i32[i]);
    }
    const int64_t *l = c.data;
    assert_true(l[8] == 10000000000 && l[10] == INT64_MAX && l[11] == INT64_MIN && l[12] == 0);
    assert_true(l[13] == INT64_MAX && l[14] == INT64_MIN && l[15] == INT64_MAX);
    sn_tensor_drop(&b);
    ((int64_t *)c.data)[0] = INT64_MAX - 1; /* not a double: copying must not go through one */
    assert_int_equal(sn_tensor_copy(&b, &c, SN_I64, NULL), SN_OK);
    assert_true(((int64_t *)b.data)[0] == INT64_MAX - 1);
    sn_tensor_drop(&a);
    sn_tensor_drop(&b);
    sn_tensor_drop(&c);
    assert_int_equal(sn_tensor_copy(&a, &t, SN_F32, NULL), SN_OK);
    assert_true(((float *)a.data)[5] == -3.7f && isnan(((float *)a.data)[12]));
    sn_tensor_drop(&a);
    sn_tensor_drop(&t);
}

static void reshape(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_tensor t;
    assert_int_equal(sn_tensor_new(&t, SN_I32, &(sn_shape){ 2, { 2, 6 } }, NULL), SN_OK);
    assert_int_equal(sn_tensor_reshape(&t, &(sn_shape){ 3, { 3, 2, 2 } }, &e), SN_OK);
    assert_int_equal(t.shape.n, 3);
    assert_int_equal(sn_tensor_reshape(&t, &(sn_shape){ 1, { 13 } }, &e), SN_ESHAPE);
    assert_string_equal(e.msg,
                        "reshape: (13,) does not hold as many values as (3, 2, 2); the products must be equal");
    assert_int_equal(sn_tensor_reshape(&t, &(sn_shape){ 2, { -3, -4 } }, &e), SN_ESHAPE);
    assert_int_equal(t.shape.n, 3);
    sn_tensor_drop(&t);
}

static void no_allocation_failure_leaks(void **state) {
    (void)state;
    size_t before = sn_mem_used();
    sn_tensor t, u;
    assert_int_equal(sn_tensor_new(&t, SN_F32, &(sn_shape){ 1, { 5 } }, NULL), SN_OK);
    sn_mem_fail_after(0);
    assert_int_equal(sn_tensor_copy(&u, &t, SN_F64, NULL), SN_ENOMEM);
    sn_mem_fail_after(-1);
    assert_null(u.data);
    sn_tensor_drop(&u);
    sn_tensor_drop(&t);
    assert_int_equal(sn_mem_used(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(bad_counts),
        cmocka_unit_test(stores_are_counted),
        cmocka_unit_test(counting_is_atomic),
        cmocka_unit_test(conversion),
        cmocka_unit_test(reshape),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
