#include "base/text.h"

#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>

/* The locale of the person may know no UTF-8, and a program that uses the core may never have asked for it. */
static locale_t utf8;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void make_locale(void) { utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); }

static locale_t enter(void) {
    pthread_once(&once, make_locale);
    return utf8 ? uselocale(utf8) : (locale_t)0;
}

static void leave(locale_t before) {
    if (before) uselocale(before);
}

/* Bytes of the first character of s (n > 0), and its columns. */
static size_t next(const char *s, size_t n, size_t *columns) {
    *columns = 1;
    if ((unsigned char)*s < 0x80) return 1;
    wchar_t c;
    mbstate_t fresh;
    memset(&fresh, 0, sizeof fresh);
    size_t len = mbrtowc(&c, s, n, &fresh);
    if (len == 0 || len > n) return 1; /* no UTF-8, or cut off */
    int w = wcwidth(c);
    if (w >= 0) *columns = (size_t)w;
    return len;
}

size_t sn_text_width(const char *s, size_t n) {
    size_t sum = 0, columns;
    locale_t before = enter();
    for (size_t at = 0; at < n; sum += columns) at += next(s + at, n - at, &columns);
    leave(before);
    return sum;
}

size_t sn_text_head(const char *s, size_t n, size_t most) {
    size_t at = 0, columns;
    locale_t before = enter();
    for (size_t sum = 0, len; at < n; at += len) {
        len = next(s + at, n - at, &columns);
        sum += columns;
        if (sum > most) break;
    }
    leave(before);
    return at;
}

size_t sn_text_tail(const char *s, size_t n, size_t most) {
    size_t sum = sn_text_width(s, n), at = 0, columns;
    if (sum <= most) return 0;
    locale_t before = enter();
    while (at < n) {
        size_t len = next(s + at, n - at, &columns);
        if (sum <= most && columns > 0) break; /* marks go with the character that they stand on */
        sum -= columns;
        at += len;
    }
    leave(before);
    return at;
}

void sn_text_mend(char *s) {
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) return;
    char *to = s;
    mbstate_t state;
    for (size_t left = strlen(s), len; left > 0; left -= len, s += len) {
        memset(&state, 0, sizeof state);
        len = mbrtowc(NULL, s, left, &state);
        if (len > 0 && len <= left) {
            memmove(to, s, len);
            to += len;
            continue;
        }
        *to++ = '?';
        len = 1;
        while (len < left && ((unsigned char)s[len] & 0xc0) == 0x80) len++;
    }
    *to = 0;
}
