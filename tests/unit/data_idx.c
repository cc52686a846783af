/* IDX files, tensors, and the views that compose datasets. */
#include "data_files.h"

#include <math.h>
#include <zlib.h>

/* n pictures of 2 x 3 whose pixel k is 10 * picture + k; labels 0 1 2 0 1 2 ... */
static size_t make_images(uint8_t *p, int n) {
    size_t at = 16;
    memcpy(p, "\0\0\x08\3\0\0\0\0\0\0\0\2\0\0\0\3", 16);
    p[7] = (uint8_t)n;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 6; k++) p[at++] = (uint8_t)(10 * i + k);
    return at;
}
static size_t make_labels(uint8_t *p, int n) {
    memcpy(p, "\0\0\x08\1\0\0\0\0", 8);
    p[7] = (uint8_t)n;
    for (int i = 0; i < n; i++) p[8 + i] = (uint8_t)(i % 3);
    return 8 + (size_t)n;
}

static void put_gz(const char *name, const void *data, size_t n) {
    put_file(name, "", 0);
    gzFile f = gzopen(in_root(name), "wb9");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, data, (unsigned)n), (int)n);
    assert_int_equal(gzclose(f), Z_OK);
}

static int make_files(void **state) {
    uint8_t p[400];
    if (make_root(state) != 0) return -1;
    size_t n = make_images(p, 12);
    put_file("x", p, n);
    put_gz("x.gz", p, n);
    n = make_labels(p, 12);
    put_file("y", p, n);
    put_gz("y.gz", p, n);
    n = make_labels(p, 11);
    put_file("y11", p, n);
    return 0;
}

static sn_dataset *open_idx(const char *x, const char *y, const char *options, sn_err *e) {
    char text[1500], labels[800] = "";
    if (y) snprintf(labels, sizeof labels, ", labels=\"%s\"", in_root(y));
    snprintf(text, sizeof text, "idx{images=\"%s\"%s%s}", in_root(x), labels, options);
    return open_text(text, e);
}

static void reads_plain_and_gzip(void **state) {
    (void)state;
    for (int gz = 0; gz < 2; gz++) {
        sn_err e = { 0 };
        float x[6], y;
        sn_dataset *d = open_idx(gz ? "x.gz" : "x", gz ? "y.gz" : "y", ", rescale=0.5", &e);
        if (!d) fail_msg("%s", e.msg);
        assert_true(d->count == 12 && d->nclass == 3 && d->has_y && d->y_shape.n == 0);
        assert_true(d->x_shape.n == 3 && d->x_shape.d[0] == 2 && d->x_shape.d[1] == 3 && d->x_shape.d[2] == 1);
        assert_int_equal(d->fns->get(d, 4, x, &y, &e), SN_OK);
        for (int k = 0; k < 6; k++) assert_true(x[k] == 0.5f * (float)(40 + k));
        assert_true(y == 1);
        sn_dataset_release(d);
    }
}

static void classes_are_kept_and_renumbered(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[6], y[2];
    sn_dataset *d = open_idx(
        "x", "y", ", classes={2, 0}, class_names={\"a\", \"b\", \"c\"}, label_mode=\"categorical\"", &e);
    if (!d) fail_msg("%s", e.msg);
    assert_true(d->count == 8 && d->nclass == 2 && d->y_shape.n == 1 && d->y_shape.d[0] == 2);
    assert_string_equal(d->class_names[0], "c");
    assert_string_equal(d->class_names[1], "a");
    assert_int_equal(d->fns->get(d, 1, x, y, &e), SN_OK); /* the file's third picture, of class 2 */
    assert_true(x[0] == 20 && y[0] == 1 && y[1] == 0);
    sn_dataset_release(d);
    d = open_idx("x", "y", ", classes={2, 0}, class_names={\"two\", \"zero\"}, label_mode=\"binary\"", &e);
    assert_true(d && d->y_shape.n == 1 && d->y_shape.d[0] == 1);
    assert_string_equal(d->class_names[0], "two");
    sn_dataset_release(d);
    d = open_idx("x", NULL, "", &e);
    assert_true(d && !d->has_y && d->count == 12);
    sn_dataset_release(d);
    d = open_idx("x", "y", ", label_mode=\"none\", classes={1}", &e);
    assert_true(d && !d->has_y && d->count == 4);
    sn_dataset_release(d);
}

static void reads_other_types(void **state) {
    (void)state;
    static const struct {
        uint8_t file[24];
        size_t n;
        double want;
    } files[] = {
        { { 0, 0, 0x09, 1, 0, 0, 0, 1, 0xfe }, 9, -2 },
        { { 0, 0, 0x0b, 1, 0, 0, 0, 1, 0xff, 0 }, 10, -256 },
        { { 0, 0, 0x0c, 1, 0, 0, 0, 1, 0, 1, 0, 0 }, 12, 65536 },
        { { 0, 0, 0x0d, 1, 0, 0, 0, 1, 0xc0, 0x20, 0, 0 }, 12, -2.5 },
        { { 0, 0, 0x0e, 1, 0, 0, 0, 1, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0 }, 16, 0.5 },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        sn_err e = { 0 };
        float x;
        put_file("t", files[i].file, files[i].n);
        sn_dataset *d = open_idx("t", NULL, "", &e);
        if (!d) fail_msg("%s", e.msg);
        assert_true(d->x_shape.n == 1 && d->x_shape.d[0] == 1);
        assert_int_equal(d->fns->get(d, 0, &x, NULL, &e), SN_OK);
        assert_true(x == (float)files[i].want);
        sn_dataset_release(d);
    }
}

static void refused(const char *x, const char *y, const char *options, const char *part) {
    sn_err e = { 0 };
    size_t before = sn_mem_used();
    sn_dataset *d = open_idx(x, y, options, &e);
    if (d) fail_msg("%s was accepted", x);
    expect_part(&e, part);
    assert_int_equal(sn_mem_used(), before);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    uint8_t p[400];
    sn_mem_reset_peak();
    size_t peak = sn_mem_peak();
    refused("absent", "y", "", "No such file");
    refused(".", "y", "", "not a regular file");
    refused("y", "x", "", "one label per image");
    refused("x", "y11", "", "one label per image");
    refused("x", "x", "", "one label per image");
    refused("x", "y", ", label_mode=\"binary\"", "exactly 2 classes");
    refused("x", "y", ", classes={7}", "no sample");
    refused("x", "y", ", classes={0, 7}", "classes has 7, but");
    refused("x", "y", ", classes={1, 1}", "twice");
    refused("x", "y", ", classes={1.5}", "class numbers");
    refused("x", "y", ", class_names={\"a\"}", "1 names for 3 classes");
    refused("x", NULL, ", classes={1}", "need labels");
    put_file("h", "PK\3\4....", 8);
    refused("h", NULL, "", "not an IDX file");
    put_file("h", "\0\0\x07\1\0\0\0\1x", 9);
    refused("h", NULL, "", "not an IDX file");
    put_file("h", "\0\0\x08\0x", 5);
    refused("h", NULL, "", "0 dimensions");
    put_file("h", "\0\0\x08\xc8x", 5);
    refused("h", NULL, "", "200 dimensions");
    put_file("h", "\0\0\x08\3\0\0\0\1\0", 9);
    refused("h", NULL, "", "cut off");
    put_file("h", "\0\0\x08\1\0\0\0\0", 8);
    refused("h", NULL, "", "which is nothing");
    /* sizes that the file cannot hold are not believed, nor allocated */
    put_file("h", "\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffx", 17);
    refused("h", NULL, "", "more than the file can hold");
    put_file("h", "\0\0\x0e\1\x40\0\0\0x", 9);
    refused("h", NULL, "", "more than the file can hold");
    put_gz("h", "\0\0\x08\3\x7f\xff\xff\xff\0\0\0\1\0\0\0\1x", 17);
    refused("h", NULL, "", "more than the file can hold");
    size_t n = make_images(p, 12);
    put_file("h", p, n - 1);
    refused("h", NULL, "", "cut off");
    put_gz("h", p, n - 1);
    refused("h", NULL, "", "cut off");
    p[n] = 1;
    put_file("h", p, n + 1);
    refused("h", NULL, "", "longer than its header says");
    assert_true(sn_mem_peak() - peak < 100000);
    /* a damaged stream */
    static uint8_t big[16 + 200 * 6];
    make_images(big, 200);
    put_gz("h", big, sizeof big);
    FILE *f = fopen(in_root("h"), "r+b");
    fseek(f, 60, SEEK_SET);
    fwrite("\xff\xff\xff\xff", 1, 4, f);
    fclose(f);
    refused("h", NULL, "", "broken");
}

/* ---- tensors ---- */

static sn_tensor tensor_of(sn_dtype t, int rows, int cols) {
    sn_tensor x;
    sn_err e = { 0 };
    sn_shape s = { cols ? 2 : 1, { rows, cols } };
    assert_int_equal(sn_tensor_new(&x, t, &s, &e), SN_OK);
    for (int64_t i = 0; i < sn_shape_count(&s); i++) sn_tensor_set(&x, i, (double)i);
    return x;
}

static void tensors_of_any_type(void **state) {
    (void)state;
    for (int t = SN_F32; t <= SN_I64; t++) {
        sn_err e = { 0 };
        sn_dataset *d;
        float out[3], label;
        sn_tensor x = tensor_of((sn_dtype)t, 5, 3), y = tensor_of((sn_dtype)t, 5, 0);
        assert_int_equal(sn_dataset_tensors(&d, &x, &y, &e), SN_OK);
        sn_tensor_drop(&x);
        sn_tensor_drop(&y);
        assert_true(d->count == 5 && d->x_shape.n == 1 && d->x_shape.d[0] == 3 && d->has_y &&
                    d->y_shape.n == 0);
        assert_int_equal(d->fns->get(d, 3, out, &label, &e), SN_OK);
        assert_true(out[0] == 9 && out[2] == 11 && label == 3);
        sn_dataset_release(d);
    }
}

static void tensors_through_a_configuration(void **state) {
    (void)state;
    sn_err e = { 0 };
    size_t before = sn_mem_used();
    sn_tensor x = tensor_of(SN_F32, 4, 0), y = tensor_of(SN_F32, 4, 2), wrong = tensor_of(SN_F32, 3, 2);
    sn_tensor_box *bx = sn_tensor_box_new(&x, &e), *by = sn_tensor_box_new(&y, &e),
                  *bw = sn_tensor_box_new(&wrong, &e);
    sn_tensor_drop(&x);
    sn_tensor_drop(&y);
    sn_tensor_drop(&wrong);
    const sn_desc *desc = sn_kind_find(&sn_kind_dataset, "tensors");
    assert_non_null(desc);
    for (int k = 0; k < 3; k++) {
        sn_obj *o = sn_obj_new(&sn_kind_dataset, desc, &e);
        sn_dataset *d;
        sn_value v = { .kind = SN_V_HANDLE, .handle = &sn_tensor_handle, .ptr = bx };
        if (k > 0) assert_int_equal(sn_obj_set(o, "x", &v, &e), SN_OK);
        v.ptr = k == 1 ? by : bw;
        assert_int_equal(sn_obj_set(o, "y", &v, &e), SN_OK);
        if (k == 0) {
            assert_int_equal(sn_obj_finish(o, &e), SN_EINVAL);
            expect_part(&e, "x is missing");
        } else {
            assert_int_equal(sn_obj_finish(o, &e), SN_OK);
            assert_int_equal(sn_dataset_open(o, &d, &e), k == 1 ? SN_OK : SN_ESHAPE);
        }
        if (k == 1) {
            assert_true(d->x_shape.n == 1 && d->x_shape.d[0] == 1 && d->y_shape.d[0] == 2);
            sn_dataset_release(d);
        } else if (k == 2) {
            expect_part(&e, "both need as many rows");
        }
        sn_obj_release(o);
    }
    sn_tensor_handle.release(bx);
    sn_tensor_handle.release(by);
    sn_tensor_handle.release(bw);
    assert_int_equal(sn_mem_used(), before);
}

/* ---- views ---- */

static int first_value(sn_dataset *d, int64_t i) {
    float x[3], y;
    sn_err e = { 0 };
    assert_int_equal(d->fns->get(d, i, x, &y, &e), SN_OK);
    assert_true(y == x[0] / 3);
    return (int)y;
}

static sn_dataset *numbered(int rows) {
    sn_err e = { 0 };
    sn_dataset *d;
    sn_tensor x = tensor_of(SN_F32, rows, 3), y = tensor_of(SN_F32, rows, 0);
    assert_int_equal(sn_dataset_tensors(&d, &x, &y, &e), SN_OK);
    sn_tensor_drop(&x);
    sn_tensor_drop(&y);
    return d;
}

static void split_parts_are_disjoint_and_complete(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_dataset *d = numbered(11), *a, *b, *c, *f;
    bool seen[11] = { false }, mixed = false;
    assert_int_equal(sn_dataset_split(d, 0.7, true, 5, &a, &b, &e), SN_OK);
    assert_true(a->count == 8 && b->count == 3); /* round(7.7) */
    for (int i = 0; i < 11; i++) {
        int v = first_value(i < 8 ? a : b, i < 8 ? i : i - 8);
        assert_false(seen[v]);
        seen[v] = true;
        mixed |= v != i;
    }
    assert_true(mixed);
    assert_int_equal(sn_dataset_split(d, 0.7, true, 5, &c, &f, &e), SN_OK);
    for (int i = 0; i < 8; i++) assert_int_equal(first_value(a, i), first_value(c, i));
    assert_true(sn_dataset_fingerprint(a) == sn_dataset_fingerprint(c));
    assert_true(sn_dataset_fingerprint(a) != sn_dataset_fingerprint(b));
    sn_dataset_release(c);
    sn_dataset_release(f);
    assert_int_equal(sn_dataset_split(d, 0.7, false, 5, &c, &f, &e), SN_OK);
    for (int i = 0; i < 8; i++) assert_int_equal(first_value(c, i), i);
    sn_dataset_release(d); /* views keep what they need */
    sn_dataset *v;
    assert_int_equal(sn_dataset_take(f, 2, &v, &e), SN_OK);
    sn_dataset_release(f);
    assert_true(v->count == 2 && first_value(v, 0) == 8 && first_value(v, 1) == 9);
    sn_tensor labels;
    assert_int_equal(sn_dataset_labels(v, &labels, &e), SN_OK);
    assert_true(labels.shape.n == 1 && labels.shape.d[0] == 2 && sn_tensor_get(&labels, 1) == 9);
    sn_tensor_drop(&labels);
    sn_dataset_release(v);
    sn_dataset_release(a);
    sn_dataset_release(b);
    sn_dataset_release(c);
}

static void views_refuse_nonsense(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_dataset *d = numbered(3), *a, *b;
    assert_int_equal(sn_dataset_split(d, 0, true, 1, &a, &b, &e), SN_EINVAL);
    assert_int_equal(sn_dataset_split(d, 1, true, 1, &a, &b, &e), SN_EINVAL);
    assert_int_equal(sn_dataset_split(d, (double)NAN, true, 1, &a, &b, &e), SN_EINVAL);
    assert_int_equal(sn_dataset_split(d, 0.01, true, 1, &a, &b, &e), SN_EINVAL);
    expect_part(&e, "leaves one part empty");
    assert_int_equal(sn_dataset_take(d, 0, &a, &e), SN_EINVAL);
    assert_int_equal(sn_dataset_take(d, -5, &a, &e), SN_EINVAL);
    assert_int_equal(sn_dataset_view(&a, d, (int64_t[]){ 3 }, 1, &e), SN_EINVAL);
    assert_null(a);
    assert_int_equal(sn_dataset_take(d, 99, &a, &e), SN_OK);
    assert_int_equal(a->count, 3);
    sn_dataset_release(a);
    sn_dataset_release(d);
}

/* A view counts the broken files among its own samples. */
static void views_know_what_is_broken(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[48], y;
    put_bmp("f/a/1.bmp", 4, 4, 1);
    put_file("f/a/2.bmp", "BM", 2);
    put_bmp("f/b/1.bmp", 4, 4, 1);
    sn_dataset *d = open_folder("f", ", image_size=4, shuffle=false", &e), *v, *w;
    assert_int_equal(sn_dataset_view(&v, d, (int64_t[]){ 1, 2 }, 2, &e), SN_OK);
    assert_int_equal(sn_dataset_view(&w, d, (int64_t[]){ 0, 2 }, 2, &e), SN_OK);
    assert_string_equal(v->class_names[1], "b");
    assert_non_null(strstr(sn_dataset_sample_name(v, 0), "a/2.bmp"));
    assert_int_equal(v->fns->get(v, 0, x, &y, &e), SN_ESKIP);
    assert_int_equal(sn_dataset_broken(d), 1);
    assert_int_equal(sn_dataset_broken(v), 1);
    assert_int_equal(sn_dataset_broken(w), 0);
    sn_dataset_release(d);
    sn_dataset_release(v);
    sn_dataset_release(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_plain_and_gzip),
        cmocka_unit_test(classes_are_kept_and_renumbered),
        cmocka_unit_test(reads_other_types),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(tensors_of_any_type),
        cmocka_unit_test(tensors_through_a_configuration),
        cmocka_unit_test(split_parts_are_disjoint_and_complete),
        cmocka_unit_test(views_refuse_nonsense),
        cmocka_unit_test(views_know_what_is_broken),
    };
    return cmocka_run_group_tests(tests, make_files, remove_root);
}
