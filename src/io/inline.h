/* Pictures that a terminal gets as PNG, in base64: kitty's and iTerm2's protocols. Not by libchafa: its 1.12
 * sends the last byte of each piece wrong, and raw pixels, many times the bytes. */
#ifndef SN_IO_INLINE_H
#define SN_IO_INLINE_H

#include "base/buf.h"
#include "io/picture.h"

/* Both scale the picture to cols x rows characters, and append to *out (whose state the caller checks).
 * https://sw.kovidgoyal.net/kitty/graphics-protocol/, https://iterm2.com/documentation-images.html */
sn_status sn_inline_kitty(const sn_picture *, int64_t cols, int64_t rows, sn_buf *out, sn_err *);
sn_status sn_inline_iterm(const sn_picture *, int64_t cols, int64_t rows, sn_buf *out, sn_err *);

#endif
