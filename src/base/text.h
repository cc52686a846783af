/* Texts as a terminal shows them: UTF-8, whatever the locale. */
#ifndef SN_BASE_TEXT_H
#define SN_BASE_TEXT_H

#include <stddef.h>

/* Columns that n bytes take on a screen: 2 for a wide character (CJK, most emoji), 0 for a combining mark; a
 * byte that is no UTF-8, a control and what has no width known count 1. Widths are those of wcwidth(3). */
size_t sn_text_width(const char *s, size_t n);
/* Bytes of the longest beginning that takes at most so many columns; it ends where a character and its marks
 * do. */
size_t sn_text_head(const char *s, size_t n, size_t columns);
/* Where the longest end begins that takes at most so many columns: 0..n. */
size_t sn_text_tail(const char *s, size_t n, size_t columns);
/* Where the person's locale is UTF-8: each piece of s that is none (a character that was cut by a length in
 * bytes, a name in another encoding) becomes a question mark. s gets no longer. */
void sn_text_mend(char *s);

#endif
