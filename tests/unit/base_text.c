/* Widths and cutting of texts: wide characters, marks, what is no UTF-8, in a locale that knows none of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/text.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define CAT     "\xe7\x8c\xab"     /* U+732B, two columns */
#define GRIN    "\xf0\x9f\x98\x80" /* U+1F600, two columns */
#define E_ACUTE "e\xcc\x81"        /* e and a combining acute, one column */
#define ETH     "\xc3\xb0"         /* U+00F0, one column */

static size_t width(const char *s) { return sn_text_width(s, strlen(s)); }
static size_t head(const char *s, size_t columns) { return sn_text_head(s, strlen(s), columns); }
static size_t tail(const char *s, size_t columns) { return sn_text_tail(s, strlen(s), columns); }

static void widths(void **state) {
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("plain"), 5);
    assert_int_equal(width(CAT CAT "a"), 5);
    assert_int_equal(width(GRIN), 2);
    assert_int_equal(width(E_ACUTE E_ACUTE), 2);
    assert_int_equal(width(ETH), 1);
    assert_int_equal(width("a\xe2\x80\x8b"
                           "b"),
                     2); /* zero width space */
    assert_int_equal(sn_text_width("a\0b", 3), 3);
}

static void no_utf8(void **state) {
    (void)state;
    assert_int_equal(width("\xff\xfe"
                           "a"),
                     3);
    assert_int_equal(width("\xe7\x8c"), 2); /* cut off in the middle */
    assert_int_equal(width("\xc0\x80"), 2); /* overlong */
    assert_int_equal(head("\xff\xfe"
                          "a",
                          2),
                     2);
    assert_int_equal(tail("\xff\xfe"
                          "a",
                          1),
                     2);
}

static void heads(void **state) {
    (void)state;
    assert_int_equal(head(CAT CAT, 4), 6);
    assert_int_equal(head(CAT CAT, 3), 3); /* half a character does not fit */
    assert_int_equal(head(CAT, 1), 0);
    assert_int_equal(head(E_ACUTE "b", 1), 3); /* with its mark */
    assert_int_equal(head("abc", 0), 0);
    assert_int_equal(head("abc", SIZE_MAX), 3);
}

static void tails(void **state) {
    (void)state;
    assert_int_equal(tail(CAT CAT, 4), 0);
    assert_int_equal(tail(CAT CAT, 3), 3);
    assert_int_equal(tail(CAT, 1), 3);
    assert_int_equal(tail(E_ACUTE "b", 1), 3); /* the mark does not stay alone */
    assert_int_equal(tail("abc", 0), 3);
}

/* Any bytes: within the limits, and head and tail are as wide as was asked at most. */
static void any_bytes(void **state) {
    (void)state;
    static const char seeds[] = CAT GRIN E_ACUTE ETH "ab\xff\xe7\x8c\x80\xcc";
    char s[24];
    uint32_t x = 1;
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)(round % (int)sizeof s);
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525u + 1013904223u;
            s[i] = x >> 31 ? (char)(x >> 20) : seeds[(x >> 8) % (sizeof seeds - 1)];
        }
        size_t w = sn_text_width(s, n);
        assert_true(w <= 2 * n);
        for (size_t most = 0; most <= w + 1; most++) {
            size_t h = sn_text_head(s, n, most), t = sn_text_tail(s, n, most);
            assert_true(h <= n && t <= n);
            assert_true(sn_text_width(s, h) <= most);
            assert_true(sn_text_width(s + t, n - t) <= most);
            if (most >= w) assert_true(h == n && t == 0);
        }
    }
}

static void locale_stays(void **state) {
    (void)state;
    assert_int_equal(width(CAT), 2);
    assert_string_equal(setlocale(LC_CTYPE, NULL), "C");
    assert_int_equal(MB_CUR_MAX, 1);
}

/* Lengths in bytes cut characters: what a person reads is whole all the same. */
static void messages_are_whole(void **state) {
    (void)state;
    sn_err e;
    sn_fail(&e, SN_EINVAL, "\"%.4s\" x", CAT CAT);
    assert_string_equal(e.msg, "\"" CAT "\xe7\" x"); /* a locale without UTF-8 gets the bytes */
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    sn_fail(&e, SN_EINVAL, "\"%.4s\" %.5s %.3s\xff", CAT CAT, CAT CAT, GRIN);
    assert_string_equal(e.msg, "\"" CAT "?\" " CAT "? ??");
    sn_fail(&e, SN_EINVAL, "%s", "caf\xe9.jpg \x80\x80" E_ACUTE GRIN);
    assert_string_equal(e.msg, "caf?.jpg ?" E_ACUTE GRIN);
    char cats[1000] = "x"; /* longer than a message, and cut within a character or not */
    for (size_t i = 1; i + 4 < sizeof cats; i += 3) memcpy(cats + i, CAT, 4);
    sn_fail(&e, SN_EINVAL, "%s", cats);
    size_t n = strlen(e.msg), whole = (n - 1) / 3;
    assert_true(n <= sizeof e.msg - 1 && n >= sizeof e.msg - 3);
    assert_memory_equal(e.msg, cats, 1 + 3 * whole);
    assert_string_equal(e.msg + 1 + 3 * whole, (n - 1) % 3 ? "?" : "");
    sn_fail_prefix(&e, "%s", "p");
    assert_int_equal(sn_text_width(e.msg, strlen(e.msg)), 4 + 2 * ((340 - 1) / 3));
    assert_non_null(setlocale(LC_CTYPE, "C"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),
        cmocka_unit_test(no_utf8),
        cmocka_unit_test(heads),
        cmocka_unit_test(tails),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(locale_stays),
        cmocka_unit_test(messages_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
