/* Pictures and their PNG files: written bytes come back, whatever fails leaves the old file. */
#include "picture_files.h"

static sn_tensor values(int64_t h, int64_t w, int64_t c, sn_dtype dtype) {
    sn_tensor t;
    sn_err e;
    assert_int_equal(sn_tensor_new(&t, dtype, &(sn_shape){ 3, { h, w, c } }, &e), SN_OK);
    return t;
}

static void reads_back_what_it_wrote(void **state) {
    (void)state;
    static const int64_t sizes[][2] = { { 1, 1 }, { 7, 3 }, { 1, 50 }, { 64, 1 }, { 33, 44 } };
    size_t before = sn_mem_used();
    for (size_t i = 0; i < 10; i++) {
        sn_err e = { 0 };
        int c = i % 2 ? 4 : 3;
        sn_picture p = noise(sizes[i / 2][0], sizes[i / 2][1], c), q;
        assert_int_equal(sn_picture_save(&p, path, &e), SN_OK);
        sn_image image = decode_file(c);
        assert_true(image.w == p.w && image.h == p.h);
        assert_memory_equal(image.data, p.data, (size_t)(p.w * p.h * c));
        assert_int_equal(sn_picture_load(&q, path, &e), SN_OK);
        assert_int_equal(q.channels, c);
        assert_memory_equal(q.data, p.data, (size_t)(p.w * p.h * c));
        sn_image_drop(&image);
        sn_picture_drop(&p);
        sn_picture_drop(&q);
        sn_picture_drop(&q);
    }
    assert_int_equal(sn_mem_used(), before);
}

static void failing_leaves_the_old_file(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_picture old = noise(5, 5, 3), p = noise(30, 20, 3);
    assert_int_equal(sn_picture_save(&old, path, &e), SN_OK);
    size_t before = sn_mem_used();
    int failures = 0;
    for (int64_t n = 1;; n++) {
        sn_mem_fail_after(n);
        sn_status s = sn_picture_save(&p, path, &e);
        sn_mem_fail_after(-1);
        assert_int_equal(sn_mem_used(), before);
        if (s == SN_OK) break;
        failures++;
        assert_int_equal(s, SN_ENOMEM);
        assert_non_null(strstr(e.msg, path));
        sn_image image = decode_file(3);
        assert_true(image.w == 5 && memcmp(image.data, old.data, 75) == 0);
        sn_image_drop(&image);
    }
    assert_true(failures >= 3);
    assert_int_equal(sn_picture_save(&p, "/tmp/sonde-none/x.png", &e), SN_EIO);
    assert_non_null(strstr(e.msg, "there is no folder /tmp/sonde-none"));
    assert_int_equal(sn_picture_save(&p, "/tmp", &e), SN_EIO);
    assert_int_equal(sn_picture_save(&p, "/dev/null", &e), SN_EIO);
    sn_picture_drop(&old);
    sn_picture_drop(&p);
}

static void refuses_sizes(void **state) {
    (void)state;
    sn_err e = { 0 };
    static const uint8_t black[4] = { 0 };
    static const int64_t wrong[][2] = { { 0, 5 },     { 5, 0 },         { -1, 5 },
                                        { 65501, 1 }, { 1, INT64_MAX }, { 20000, 20000 } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sn_picture p = { 1, 1, 3, NULL };
        assert_int_equal(sn_picture_new(&p, wrong[i][0], wrong[i][1], 3, black, &e), SN_EINVAL);
        assert_null(p.data);
    }
    sn_picture p = noise(300, 300, 3), q;
    assert_int_equal(sn_picture_enlarge(&q, &p, 300, 1, &e), SN_EINVAL);
    assert_int_equal(sn_picture_enlarge(&q, &p, 0, 1, &e), SN_EINVAL);
    assert_int_equal(sn_picture_resize(&q, &p, 0, 1, &e), SN_EINVAL);
    sn_picture_drop(&p);
}

static void draws_numbers(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_picture p;
    int64_t marked;
    sn_tensor t = values(1, 6, 1, SN_F32);
    static const float v[] = { -5, -1, 0, 1, 5, NAN };
    static const uint8_t want[] = { 0, 0, 128, 255, 255 };
    memcpy(t.data, v, sizeof v);
    double lo, hi;
    assert_int_equal(sn_values_range(&t, &lo, &hi), 1);
    assert_true(lo == -5 && hi == 5);
    assert_int_equal(sn_picture_values(&p, &t, -1, 1, 0, &marked, &e), SN_OK);
    assert_int_equal(marked, 1);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++) assert_int_equal(p.data[3 * i + k], want[i]);
    assert_memory_equal(p.data + 15, ((uint8_t[]){ 255, 0, 255 }), 3);
    sn_picture_drop(&p);
    for (int i = 0; i < 6; i++) ((float *)t.data)[i] = i % 2 ? INFINITY : NAN;
    assert_int_equal(sn_values_range(&t, &lo, &hi), 6);
    assert_true(lo == 0 && hi == 0);
    sn_tensor_drop(&t);
    t = values(2, 2, 4, SN_U8); /* bytes as they are, and back */
    for (int i = 0; i < 16; i++) ((uint8_t *)t.data)[i] = (uint8_t)(17 * i);
    assert_int_equal(sn_picture_values(&p, &t, 0, 255, 0, &marked, &e), SN_OK);
    assert_int_equal(p.channels, 4);
    sn_tensor back;
    assert_int_equal(sn_picture_tensor(&p, &back, &e), SN_OK);
    assert_true(sn_shape_equal(&back.shape, &t.shape));
    assert_memory_equal(back.data, t.data, 16);
    sn_tensor_drop(&back);
    sn_tensor_drop(&t);
    sn_picture_drop(&p);
}

static void pastes_and_blends(void **state) {
    (void)state;
    sn_err e = { 0 };
    static const uint8_t gray[4] = { 100, 100, 100, 0 }, red[4] = { 200, 0, 0, 255 };
    sn_picture p, q;
    assert_int_equal(sn_picture_new(&p, 4, 4, 4, gray, &e), SN_OK);
    assert_int_equal(sn_picture_new(&q, 3, 3, 3, red, &e), SN_OK);
    sn_picture_paste(&p, &q, 2, -1);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++)
            assert_memory_equal(p.data + 4 * (4 * y + x), x >= 2 && y < 2 ? red : gray, 4);
    sn_picture_paste(&p, &q, 100, 100);
    sn_picture_drop(&q);
    assert_int_equal(sn_picture_new(&q, 4, 4, 3, red, &e), SN_OK);
    sn_picture_blend(&p, &q, 0.25);
    assert_memory_equal(p.data, ((uint8_t[]){ 125, 75, 75, 0 }), 4);
    sn_picture_drop(&p);
    sn_picture_drop(&q);
}

/* What is transparent has no color: shrinking red beside transparent green gives red. */
static void shrinks_what_is_transparent(void **state) {
    (void)state;
    sn_err e = { 0 };
    uint8_t pixels[] = { 255, 0, 0, 255, 0, 255, 0, 0, 255, 0, 0, 255, 0, 255, 0, 0 };
    sn_picture p = { 2, 2, 4, pixels }, q;
    assert_int_equal(sn_picture_resize(&q, &p, 1, 1, &e), SN_OK);
    assert_memory_equal(q.data, ((uint8_t[]){ 255, 0, 0, 128 }), 4);
    sn_picture_drop(&q);
}

static void stops_when_canceled(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_picture p = noise(20, 20, 3), q;
    size_t before = sn_mem_used();
    sn_pool_cancel(sn_pool_default());
    assert_int_equal(sn_picture_resize(&q, &p, 10, 10, &e), SN_ECANCEL);
    sn_pool_clear_cancel(sn_pool_default());
    assert_int_equal(sn_mem_used(), before);
    sn_picture_drop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(failing_leaves_the_old_file),
        cmocka_unit_test(refuses_sizes),
        cmocka_unit_test(draws_numbers),
        cmocka_unit_test(pastes_and_blends),
        cmocka_unit_test(shrinks_what_is_transparent),
        cmocka_unit_test(stops_when_canceled),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
