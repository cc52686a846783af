/* Descriptors: setting, checking, suggesting, printing and reading back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/desc.h"
#include "base/mem.h"
#include <string.h>

typedef struct {
    sn_obj *inner;
    double factor;
} inner_cfg;
typedef struct {
    bool trainable;
    int64_t filters;
    int64_t kernel_size[2];
    int padding;
    double rate;
    char *name;
    sn_obj *inner;
    sn_floats values;
    sn_rate learning_rate;
} outer_cfg;

static const sn_field inner_fields[] = {
    SN_FLOAT(inner_cfg, factor, .pos = 1, .def = 0.01, .max = 1e9, .doc = "f"), SN_FIELDS_END
};
static const sn_desc inner_l2 = {
    .name = "l2", .brief = "b", .example = "l2{0.1}", .fields = inner_fields, .cfg_size = sizeof(inner_cfg)
};
static const sn_desc *const inner_list[] = { &inner_l2, NULL };
static const sn_kind inner_kind = { "regularizer", inner_list, NULL };

static const char *const paddings[] = { "valid", "same", NULL };
static const sn_field outer_fields[] = {
    SN_INT(outer_cfg, filters, .pos = 1, .flags = SN_REQUIRED, .min = 1, .max = 65536, .doc = "how many"),
    SN_PAIR(outer_cfg, kernel_size, .pos = 2, .def = 3, .min = 1, .max = 99, .doc = "size"),
    SN_ENUM(outer_cfg, padding, .choices = paddings, .doc = "border"),
    SN_FLOAT(outer_cfg, rate, .def = 0.5, .doc = "rate"),
    SN_OBJECT(outer_cfg, inner, .kind = &inner_kind, .sdef = "l2", .doc = "penalty"),
    SN_FLOATS(outer_cfg, values, .doc = "list"),
    SN_RATE(outer_cfg, learning_rate, .kind = &inner_kind, .def = 0.001, .doc = "rate"),
    SN_FIELDS_END
};
static const sn_field common_fields[] = { SN_BOOL(outer_cfg, trainable, .def = 1, .doc = "t"),
                                          SN_STRING(outer_cfg, name, .doc = "n"), SN_FIELDS_END };
static const sn_desc outer = { .name = "conv2d",
                               .brief = "b",
                               .example = "conv2d{3}",
                               .fields = outer_fields,
                               .cfg_size = sizeof(outer_cfg) };
static const sn_desc *const outer_list[] = { &outer, NULL };
static const sn_kind outer_kind = { "layer", outer_list, common_fields };

static sn_obj *read_back(const char *text, sn_err *e) { return sn_obj_parse(&outer_kind, &text, e); }

static void prints_and_reads_back(void **state) {
    (void)state;
    const char *text =
        "conv2d{filters=8, kernel_size={2, 5}, padding=\"same\", rate=0.1, inner=l2{factor=0.25}, "
        "values={0.1, 2, -3e-09}, learning_rate=0.01, trainable=false, name=\"a\\\"b\"}";
    sn_err e = { 0 };
    sn_obj *o = read_back(text, &e);
    assert_non_null(o);
    sn_buf b = SN_BUF_INIT(4096);
    sn_obj_print(o, &b);
    assert_string_equal(b.data, text);
    sn_obj *twin = read_back(b.data, &e);
    assert_true(sn_obj_equal(o, twin));
    sn_obj *other = sn_obj_with(o, "filters", &(sn_value){ .kind = SN_V_INT, .i = 9, .num = 9 }, &e);
    assert_non_null(other);
    assert_false(sn_obj_equal(o, other));
    sn_buf_free(&b);
    sn_obj_release(o);
    sn_obj_release(twin);
    sn_obj_release(other);
}

static void defaults_are_set(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_obj *o = read_back("conv2d{filters=1}", &e);
    assert_non_null(o);
    const outer_cfg *c = o->cfg;
    assert_true(c->trainable && c->kernel_size[1] == 3 && c->padding == 0 && c->rate == 0.5);
    assert_string_equal(c->inner->desc->name, "l2");
    assert_null(c->name);
    sn_obj_release(o);
}

static void expect_error(const char *text, const char *part) {
    sn_err e = { 0 };
    sn_obj *o = read_back(text, &e);
    assert_null(o);
    if (!strstr(e.msg, part)) fail_msg("message was: %s", e.msg);
}

static void bad_text_is_refused(void **state) {
    (void)state;
    expect_error("conv2d{}", "filters is missing");
    expect_error("conv2d{filters=0}", "outside 1..65536");
    expect_error("conv2d{filters=1.5}", "whole number");
    expect_error("conv2d{filters=nan}", "whole number");
    expect_error("conv2d{filters=1, padding=\"smae\"}", "did you mean \"same\"");
    expect_error("conv2d{filters=1, kernel_size={1,2,3}}", "list of two");
    expect_error("conv3d{filters=1}", "no layer");
    expect_error("conv2d{filters=1", "comma");
    expect_error("conv2d{filters=1, inner=l3{}}", "no regularizer");
    expect_error("conv2d{filters=1, name=\"abc", "quote");
    expect_error("", "a name");
}

static void misspelt_options_are_suggested(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_obj *o = sn_obj_new(&outer_kind, &outer, &e);
    sn_value v = { .kind = SN_V_STR, .str = "same" };
    assert_int_equal(sn_obj_set(o, "padd", &v, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "did you mean \"padding\"?"));
    assert_int_equal(sn_obj_set(o, "filters", &v, &e), SN_EINVAL);
    assert_string_equal(e.msg, "conv2d: filters wants a whole number, got \"same\"");
    assert_int_equal(sn_obj_set_at(o, 3, &v, &e), SN_EINVAL);
    assert_non_null(strstr(e.msg, "at most 2 values"));
    sn_obj_release(o);
}

static void no_allocation_failure_leaks(void **state) {
    (void)state;
    const char *text = "conv2d{filters=8, inner=l2{factor=0.25}, values={0.1, 2}, name=\"ab\"}";
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 200 && !done; k++) {
        sn_err e = { 0 };
        sn_mem_fail_after(k);
        sn_obj *o = read_back(text, &e);
        sn_mem_fail_after(-1);
        done = o != NULL;
        if (!done && e.code != SN_ENOMEM) fail_msg("failure %d is called: %s", k, e.msg);
        sn_obj_release(o);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_and_reads_back),       cmocka_unit_test(defaults_are_set),
        cmocka_unit_test(bad_text_is_refused),         cmocka_unit_test(misspelt_options_are_suggested),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
