#include "io/inline.h"

/* Appended as base64 with its padding. */
static void add_base64(sn_buf *out, const uint8_t *data, size_t n) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        unsigned v = (unsigned)data[i] << 16 | (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                     (left > 2 ? data[i + 2] : 0);
        char four[4] = { set[v >> 18], set[v >> 12 & 63], left > 1 ? set[v >> 6 & 63] : '=',
                         left > 2 ? set[v & 63] : '=' };
        sn_buf_add(out, four, 4);
    }
}

enum { PIECE = 3072 }; /* bytes: 4096 characters, the most that kitty takes at once */
enum { MAX_PNG = 256 << 20 };

sn_status sn_inline_kitty(const sn_picture *p, int64_t cols, int64_t rows, sn_buf *out, sn_err *e) {
    sn_buf png = SN_BUF_INIT(MAX_PNG);
    sn_status s = sn_picture_png(p, &png, e);
    for (size_t at = 0; s == SN_OK && at < png.len; at += PIECE) {
        size_t n = png.len - at < PIECE ? png.len - at : PIECE;
        /* q=2: no answer, which readline would take for typing */
        if (at == 0)
            sn_buf_fmt(out, "\x1b_Ga=T,f=100,q=2,c=%lld,r=%lld,m=%d;", (long long)cols, (long long)rows,
                       n < png.len);
        else
            sn_buf_fmt(out, "\x1b_Gm=%d;", at + n < png.len);
        add_base64(out, (const uint8_t *)png.data + at, n);
        sn_buf_str(out, "\x1b\\");
    }
    sn_buf_free(&png);
    return s;
}

sn_status sn_inline_iterm(const sn_picture *p, int64_t cols, int64_t rows, sn_buf *out, sn_err *e) {
    sn_buf png = SN_BUF_INIT(MAX_PNG);
    sn_status s = sn_picture_png(p, &png, e);
    if (s == SN_OK) {
        sn_buf_fmt(out,
                   "\x1b]1337;File=inline=1;size=%zu;width=%lld;height=%lld;preserveAspectRatio=0:", png.len,
                   (long long)cols, (long long)rows);
        add_base64(out, (const uint8_t *)png.data, png.len);
        sn_buf_str(out, "\a");
    }
    sn_buf_free(&png);
    return s;
}
