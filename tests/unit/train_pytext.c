/* Numbers and formats as Python writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/pytext.h"
#include <math.h>
#include <string.h>

static void expect_repr(double v, const char *want) {
    sn_buf b = SN_BUF_INIT(100);
    sn_py_repr(&b, v);
    assert_string_equal(b.data, want);
    sn_buf_free(&b);
}

static void numbers_print_as_in_python(void **state) {
    (void)state;
    expect_repr(0.1, "0.1");
    expect_repr(-2, "-2.0");
    expect_repr(0, "0.0");
    expect_repr(-0.0, "-0.0");
    expect_repr(1e15, "1000000000000000.0");
    expect_repr(1e16, "1e+16");
    expect_repr(123456.789, "123456.789");
    expect_repr(0.0001, "0.0001");
    expect_repr(0.00001234, "1.234e-05");
    expect_repr(1.0 / 3, "0.3333333333333333");
    expect_repr((double)0.1f, "0.10000000149011612");
    expect_repr(5e-324, "5e-324");
    expect_repr(1.7976931348623157e308, "1.7976931348623157e+308");
    expect_repr(NAN, "nan");
    expect_repr(-INFINITY, "-inf");
}

static bool some_values(const void *ctx, const char *name, sn_py_value *out) {
    (void)ctx;
    *out = (sn_py_value){ 0 };
    if (strcmp(name, "epoch") == 0) {
        out->integer = true;
        out->i = 7;
        return true;
    }
    if (strcmp(name, "val_loss") == 0) out->v = 0.123456;
    if (strcmp(name, "bad") == 0) out->v = NAN;
    return strcmp(name, "val_loss") == 0 || strcmp(name, "bad") == 0;
}

static void expect_format(const char *pattern, const char *want) {
    sn_buf b = SN_BUF_INIT(1000);
    sn_err e = { 0 };
    sn_status s = sn_py_format(&b, pattern, some_values, NULL, "test", &e);
    if (want) {
        if (s != SN_OK) fail_msg("%s", e.msg);
        assert_string_equal(b.data, want);
    } else if (s == SN_OK) {
        fail_msg("\"%s\" was taken", pattern);
    }
    sn_buf_free(&b);
}

static void names_are_filled_in_as_in_python(void **state) {
    (void)state;
    expect_format("a{epoch}.sonde", "a7.sonde");
    expect_format("{epoch:02d}-{val_loss:.2f}", "07-0.12");
    expect_format("{epoch:3}|{epoch:03}|{epoch:.1f}", "  7|007|7.0");
    expect_format("{val_loss}", "0.123456");
    expect_format("{val_loss:.3e}|{val_loss:8.2f}|{val_loss:08.2f}", "1.235e-01|    0.12|00000.12");
    expect_format("{bad:.2f}|{bad}", "nan|nan");
    expect_format("{{{epoch}}}", "{7}");
    expect_format("{acc}", NULL);
    expect_format("{", NULL);
    expect_format("}", NULL);
    expect_format("{}", NULL);
    expect_format("{epoch", NULL);
    expect_format("{epoch:", NULL);
    expect_format("{epoch:x}", NULL);
    expect_format("{epoch:.2}", NULL);
    expect_format("{val_loss:d}", NULL);
    expect_format("{val_loss:.999999999999f}", NULL);
    expect_format("{epoch:99999999999999999999d}", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_print_as_in_python),
        cmocka_unit_test(names_are_filled_in_as_in_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
