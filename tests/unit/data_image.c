/* Decoding images: every format's pixels, and what hostile files get. */
#include "data_files.h"

#include "base/rng.h"
#include "data/image.h"
#include <zlib.h>

#pragma GCC push_options
#pragma GCC optimize("wrapv") /* it shifts bits out of signed numbers */
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#pragma GCC pop_options

typedef struct {
    uint8_t p[20000];
    size_t n;
} bytes;

static void add(bytes *b, const void *p, size_t n) {
    assert_true(b->n + n <= sizeof b->p);
    if (n) memcpy(b->p + b->n, p, n);
    b->n += n;
}
static void add_le(bytes *b, uint32_t v, int n) {
    for (int i = 0; i < n; i++) b->p[b->n++] = (uint8_t)(v >> 8 * i);
}
static void put_be(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* ---- making files ---- */

static void png_chunk(bytes *b, const char *type, const void *p, size_t n) {
    uint8_t head[8];
    put_be(head, (uint32_t)n);
    memcpy(head + 4, type, 4);
    add(b, head, 8);
    add(b, p, n);
    put_be(head, (uint32_t)crc32(0, b->p + b->n - n - 4, (uInt)n + 4));
    add(b, head, 4);
}

/* raw: h rows, each a filter byte (0) and its samples */
static void make_png(bytes *b, uint32_t h, uint32_t w, int depth, int color, const uint8_t *palette,
                     size_t npalette, const uint8_t *raw, size_t nraw) {
    uint8_t header[13] = { 0 }, packed[4096];
    uLongf n = sizeof packed;
    b->n = 0;
    add(b, "\x89PNG\r\n\x1a\n", 8);
    put_be(header, w);
    put_be(header + 4, h);
    header[8] = (uint8_t)depth, header[9] = (uint8_t)color;
    png_chunk(b, "IHDR", header, 13);
    if (npalette) png_chunk(b, "PLTE", palette, npalette);
    assert_int_equal(compress(packed, &n, raw, nraw), Z_OK);
    png_chunk(b, "IDAT", packed, n);
    png_chunk(b, "IEND", NULL, 0);
}

static void collect(void *to, void *p, int n) { add(to, p, (size_t)n); }

static void make_jpeg(bytes *b, int h, int w, int channels) {
    uint8_t pixels[32 * 32 * 3];
    for (int i = 0; i < h * w * channels; i++) pixels[i] = (uint8_t)(i / channels % w * 7 + i % channels * 20);
    b->n = 0;
    assert_true(stbi_write_jpg_to_func(collect, b, w, h, channels, pixels, 95));
}

/* 4 colors: black, red, green, blue; a clear code before every pixel keeps all codes at 3 bits. */
static void make_gif(bytes *b, int h, int w, const uint8_t *index) {
    static const uint8_t palette[12] = { 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255 };
    uint32_t acc = 0;
    int bits = 0;
    bytes data = { .n = 0 };
    b->n = 0;
    add(b, "GIF89a", 6);
    add_le(b, (uint32_t)w, 2), add_le(b, (uint32_t)h, 2);
    add(b, "\x81\0\0", 3);
    add(b, palette, 12);
    add(b, "\x2c\0\0\0\0", 5);
    add_le(b, (uint32_t)w, 2), add_le(b, (uint32_t)h, 2);
    add(b, "\0\2", 2);
    for (int i = 0; i <= 2 * h * w; i++) {
        uint32_t code = i == 2 * h * w ? 5 : i % 2 ? index[i / 2] : 4;
        acc |= code << bits;
        for (bits += 3; bits >= 8; bits -= 8, acc >>= 8) data.p[data.n++] = (uint8_t)acc;
    }
    data.p[data.n++] = (uint8_t)acc;
    b->p[b->n++] = (uint8_t)data.n;
    add(b, data.p, data.n);
    add(b, "\0;", 2);
}

/* header: 12 or 40; colors: (ncolors, 3) red, green, blue */
static void make_palette_bmp(bytes *b, int header, int h, int w, int bits, const uint8_t *colors, int ncolors,
                             const uint8_t *rows, size_t nrows) {
    uint32_t offset = (uint32_t)(14 + header + ncolors * (header == 12 ? 3 : 4));
    b->n = 0;
    add(b, "BM\0\0\0\0\0\0\0\0", 10);
    add_le(b, offset, 4), add_le(b, (uint32_t)header, 4);
    int side = header == 12 ? 2 : 4;
    add_le(b, (uint32_t)w, side), add_le(b, (uint32_t)h, side);
    add_le(b, 1, 2), add_le(b, (uint32_t)bits, 2);
    for (int i = header == 12 ? 6 : 0; i < 6; i++) add_le(b, 0, 4);
    for (int i = 0; i < ncolors; i++) {
        for (int c = 2; c >= 0; c--) add_le(b, colors[3 * i + c], 1);
        if (header != 12) add_le(b, 0, 1);
    }
    add(b, rows, nrows);
}

/* ---- checking ---- */

static void expect_pixels(const bytes *b, int channels, int h, int w, const uint8_t *want) {
    sn_image m;
    sn_err e = { 0 };
    if (sn_image_decode(&m, b->p, b->n, channels, 0, &e) != SN_OK) fail_msg("%s", e.msg);
    assert_true(m.h == h && m.w == w && m.channels == channels);
    assert_memory_equal(m.data, want, (size_t)(h * w * channels));
    sn_image_drop(&m);
    sn_image_drop(&m);
}

static void expect_refusal(const void *p, size_t n, const char *part) {
    sn_image m;
    sn_err e = { 0 };
    size_t before = sn_mem_used();
    uint8_t *exact = malloc(n ? n : 1); /* so that a read behind the end is seen */
    if (n) memcpy(exact, p, n);
    assert_int_equal(sn_image_decode(&m, exact, n, 3, 0, &e), SN_EFORMAT);
    free(exact);
    assert_null(m.data);
    expect_part(&e, part);
    assert_int_equal(sn_mem_used(), before);
}

static void decodes_png(void **state) {
    (void)state;
    bytes b;
    make_png(&b, 2, 2, 8, 2, NULL, 0, (uint8_t[]){ 0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12 }, 14);
    expect_pixels(&b, 3, 2, 2, (uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 });
    expect_pixels(&b, 4, 2, 2, (uint8_t[]){ 1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255 });
    make_png(&b, 1, 2, 8, 6, NULL, 0, (uint8_t[]){ 0, 10, 20, 30, 0, 40, 50, 60, 128 },
             9); /* alpha is dropped */
    expect_pixels(&b, 3, 1, 2, (uint8_t[]){ 10, 20, 30, 40, 50, 60 });
    expect_pixels(&b, 4, 1, 2, (uint8_t[]){ 10, 20, 30, 0, 40, 50, 60, 128 });
    make_png(&b, 1, 2, 16, 0, NULL, 0, (uint8_t[]){ 0, 0x12, 0xff, 0x80, 0 }, 5); /* 16 bits are cut to 8 */
    expect_pixels(&b, 1, 1, 2, (uint8_t[]){ 0x12, 0x80 });
    make_png(&b, 1, 3, 1, 0, NULL, 0, (uint8_t[]){ 0, 0xa0 }, 2);
    expect_pixels(&b, 3, 1, 3, (uint8_t[]){ 255, 255, 255, 0, 0, 0, 255, 255, 255 });
    /* entries beyond a short palette are black, not what was on the stack */
    make_png(&b, 1, 3, 8, 3, (uint8_t[]){ 9, 8, 7, 6, 5, 4 }, 6, (uint8_t[]){ 0, 1, 200, 0 }, 4);
    expect_pixels(&b, 3, 1, 3, (uint8_t[]){ 6, 5, 4, 0, 0, 0, 9, 8, 7 });
}

static void decodes_bmp(void **state) {
    (void)state;
    bytes b;
    b.n = make_bmp(b.p, 2, 3, 10);
    expect_pixels(&b, 3, 2, 3, (uint8_t[]){ 10, 0, 70, 11, 0, 70, 12, 0, 70, 10, 1, 70, 11, 1, 70, 12, 1, 70 });
    const uint8_t two[] = { 1, 2, 3, 250, 251, 252 };
    for (int header = 12; header <= 40; header += 28) { /* old headers too, and pixels beyond the palette */
        make_palette_bmp(&b, header, 2, 3, 1, two, 2, (uint8_t[]){ 0xa0, 0, 0, 0, 0x40, 0, 0, 0 }, 8);
        expect_pixels(&b, 3, 2, 3,
                      (uint8_t[]){ 1, 2, 3, 250, 251, 252, 1, 2, 3, 250, 251, 252, 1, 2, 3, 250, 251, 252 });
        make_palette_bmp(&b, header, 1, 3, 8, two, 2, (uint8_t[]){ 1, 7, 0, 0 }, 4);
        expect_pixels(&b, 3, 1, 3, (uint8_t[]){ 250, 251, 252, 0, 0, 0, 1, 2, 3 });
        make_palette_bmp(&b, header, 1, 3, 4, two, 2, (uint8_t[]){ 0x1f, 0x00, 0, 0 }, 4);
        expect_pixels(&b, 3, 1, 3, (uint8_t[]){ 250, 251, 252, 0, 0, 0, 1, 2, 3 });
    }
    make_palette_bmp(&b, 40, 1, 2, 16, NULL, 0, (uint8_t[]){ 0x00, 0x7c, 0x1f, 0x00 }, 4); /* 5 bits each */
    expect_pixels(&b, 3, 1, 2, (uint8_t[]){ 255, 0, 0, 0, 0, 255 });
    make_palette_bmp(&b, 40, 1, 1, 32, NULL, 0, (uint8_t[]){ 3, 2, 1, 9 }, 4);
    expect_pixels(&b, 3, 1, 1, (uint8_t[]){ 1, 2, 3 });
}

static void decodes_gif_and_jpeg(void **state) {
    (void)state;
    bytes b;
    sn_image m;
    sn_err e = { 0 };
    make_gif(&b, 2, 2, (uint8_t[]){ 1, 2, 3, 0 });
    expect_pixels(&b, 3, 2, 2, (uint8_t[]){ 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0 });
    for (int channels = 1; channels <= 3; channels += 2) {
        make_jpeg(&b, 16, 24, channels);
        assert_int_equal(sn_image_decode(&m, b.p, b.n, 3, 0, &e), SN_OK);
        assert_true(m.h == 16 && m.w == 24);
        for (int i = 0; i < 16 * 24 * 3; i++) {
            int want = i / 3 % 24 * 7 + (channels == 3 ? i % 3 * 20 : 0);
            assert_true(abs(m.data[i] - want) <= 12);
        }
        sn_image_drop(&m);
    }
}

static void names_other_formats(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *part;
    } files[] = {
        { "", 0, "empty file" },
        { "RIFF\0\0\0\0WEBPVP8 ", 16, "is a WebP file; sonde reads JPEG, PNG, BMP and GIF" },
        { "II*\0\x08\0\0\0", 8, "TIFF" },
        { "8BPS\0\1", 6, "PSD" },
        { "\0\0\1\0\1\0", 6, "ICO" },
        { "\0\0\0\x1c"
          "ftypavif",
          12, "AVIF" },
        { "#?RADIANCE\n", 11, "HDR" },
        { "P6\n1 1\n255\n", 11, "PNM" },
        { "<!DOCTYPE html><html>", 21, "HTML" },
        { "hello", 5, "not an image" },
        { "G", 1, "not an image" },
        { "\xff\xd8\xff", 3, "cut off" },
        { "\xff\xd8\xff\xd9", 4, "no pixels" },
        { "GIF89a", 6, "cut off" },
        { "BM", 2, "cut off" },
        { "\x89PNG\r\n\x1a\n", 8, "no header" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect_refusal(files[i].bytes, files[i].n, files[i].part);
}

/* No size is believed before it is checked, and nothing of that size is allocated. */
static void refuses_sizes(void **state) {
    (void)state;
    bytes b;
    sn_image m;
    sn_err e = { 0 };
    static const uint8_t row[7] = { 0 };
    size_t before = sn_mem_used();
    sn_mem_reset_peak();
    make_png(&b, 60000, 60000, 8, 2, NULL, 0, row, sizeof row);
    expect_refusal(b.p, b.n, "claims 60000 x 60000 pixels");
    make_png(&b, 9000, 9000, 8, 2, NULL, 0, row, sizeof row);
    expect_refusal(b.p, b.n, "cut off"); /* more than that much compressed data can hold */
    make_png(&b, 0, 5, 8, 2, NULL, 0, row, sizeof row);
    expect_refusal(b.p, b.n, "no pixels");
    make_png(&b, 0xffffffff, 0xffffffff, 8, 2, NULL, 0, row, sizeof row);
    expect_refusal(b.p, b.n, "pixels");
    make_jpeg(&b, 8, 8, 3);
    for (size_t i = 0; i + 9 < b.n; i++)
        if (b.p[i] == 0xff && b.p[i + 1] == 0xc0) memcpy(b.p + i + 5, "\xff\xdc\xff\xdc", 4);
    expect_refusal(b.p, b.n, "claims 65500 x 65500 pixels");
    for (size_t i = 0; i + 9 < b.n; i++)
        if (b.p[i] == 0xff && b.p[i + 1] == 0xc0) memcpy(b.p + i + 5, "\x20\0\x20\0", 4);
    expect_refusal(b.p, b.n, "cut off");
    make_gif(&b, 2, 2, (uint8_t[]){ 1, 2, 3, 0 });
    memcpy(b.p + 6, "\xff\xff\xff\xff", 4);
    expect_refusal(b.p, b.n, "claims");
    b.n = make_bmp(b.p, 2, 2, 1);
    for (int i = 0; i < 4; i++) { /* width and height, positive and negative */
        uint8_t old = b.p[21 + i % 2 * 4];
        b.p[21 + i % 2 * 4] = i < 2 ? 0x7f : 0x80;
        expect_refusal(b.p, b.n, "pixels");
        b.p[21 + i % 2 * 4] = old;
    }
    assert_true(sn_mem_peak() - before < 3u << 20);
    /* limits of the caller */
    make_png(&b, 2, 2, 8, 2, NULL, 0, (uint8_t[14]){ 0 }, 14);
    assert_int_equal(sn_image_decode(&m, b.p, b.n, 3, 3, &e), SN_EFORMAT);
    expect_part(&e, "over the limit of 3 (max_pixels)");
    sn_mem_set_limit(sn_mem_used() + 4096);
    static uint8_t big[120 * 361];
    bytes large;
    make_png(&large, 120, 120, 8, 2, NULL, 0, big, sizeof big);
    assert_int_equal(sn_image_decode(&m, large.p, large.n, 3, 0, &e), SN_EFORMAT);
    expect_part(&e, "memory limit");
    sn_mem_set_limit(0);
}

/* Every prefix of a file is refused: half a picture must not be trained on. */
static void refuses_cut_files(void **state) {
    (void)state;
    bytes b[4];
    make_png(&b[0], 2, 2, 8, 2, NULL, 0, (uint8_t[14]){ 0 }, 14);
    make_jpeg(&b[1], 16, 16, 3);
    make_gif(&b[2], 2, 2, (uint8_t[]){ 1, 2, 3, 0 });
    b[3].n = make_bmp(b[3].p, 4, 4, 1);
    b[2].n--; /* its trailer is not needed */
    for (int k = 0; k < 4; k++)
        for (size_t n = 0; n < b[k].n; n++) expect_refusal(b[k].p, n, "");
}

static void refuses_faults(void **state) {
    (void)state;
    bytes b, c;
    make_png(&b, 2, 2, 8, 2, NULL, 0, (uint8_t[14]){ 0 }, 14);
    b.p[45] ^= 1;
    expect_refusal(b.p, b.n, "checksum");
    make_png(&b, 2, 2, 8, 3, NULL, 0, (uint8_t[6]){ 0 }, 6);
    expect_refusal(b.p, b.n, "broken PNG");
    for (int empty = 0; empty < 2;
         empty++) { /* pieces of pixels that are empty: alone, and before the others */
        make_png(&b, 1, 1, 8, 0, NULL, 0, (uint8_t[]){ 0, 77 }, 2);
        c = b;
        c.n = 33;
        png_chunk(&c, "IDAT", NULL, 0);
        if (empty)
            png_chunk(&c, "IEND", NULL, 0);
        else
            add(&c, b.p + 33, b.n - 33);
        if (empty)
            expect_refusal(c.p, c.n, "no pixels");
        else
            expect_pixels(&c, 1, 1, 1, (uint8_t[]){ 77 });
    }
    make_png(&b, 2, 2, 3, 2, NULL, 0, (uint8_t[6]){ 0 }, 6);
    expect_refusal(b.p, b.n, "broken PNG");
    make_jpeg(&b, 8, 8, 3);
    for (size_t i = 0; i + 9 < b.n; i++)
        if (b.p[i] == 0xff && b.p[i + 1] == 0xc0) b.p[i + 1] = 0xc9;
    expect_refusal(b.p, b.n, "arithmetic");
    /* one scan after another */
    make_jpeg(&b, 8, 8, 1);
    size_t scan = 0;
    while (!(b.p[scan] == 0xff && b.p[scan + 1] == 0xda)) scan++;
    c.n = 0;
    add(&c, b.p, scan);
    for (int i = 0; i < 101; i++) add(&c, b.p + scan, b.n - 2 - scan);
    add(&c, "\xff\xd9", 2);
    expect_refusal(c.p, c.n, "scans");
    b.n = make_bmp(b.p, 2, 2, 1);
    b.p[30] = 1;
    expect_refusal(b.p, b.n, "run-length");
    b.p[30] = 0, b.p[10] = 200;
    expect_refusal(b.p, b.n, "outside the file");
}

/* A little fuzzing in every test run: changed bytes give pixels or a message, and no memory is lost. */
static void survives_changed_bytes(void **state) {
    (void)state;
    bytes b[5], c;
    make_png(&b[0], 2, 2, 8, 3, (uint8_t[]){ 9, 8, 7, 6, 5, 4 }, 6, (uint8_t[]){ 0, 1, 0, 0, 0, 1 }, 6);
    make_jpeg(&b[1], 16, 16, 3);
    make_gif(&b[2], 2, 2, (uint8_t[]){ 1, 2, 3, 0 });
    make_palette_bmp(&b[3], 40, 2, 3, 1, (uint8_t[6]){ 0 }, 2, (uint8_t[]){ 0xa0, 0, 0, 0, 0x40, 0, 0, 0 }, 8);
    make_jpeg(&b[4], 9, 20, 1);
    sn_rng r = sn_rng_make(1, SN_STREAM_TEST, 0);
    size_t before = sn_mem_used();
    for (int round = 0; round < 3000; round++) {
        sn_image m;
        sn_err e = { 0 };
        c = b[round % 5];
        for (int k = (int)sn_rng_below(&r, 4); k >= 0; k--)
            c.p[sn_rng_below(&r, c.n)] = (uint8_t)sn_rng_u32(&r);
        sn_status s = sn_image_decode(&m, c.p, c.n, 3, 1 << 16, &e);
        assert_true(s == SN_OK ? m.data != NULL : s == SN_EFORMAT && e.msg[0] && !m.data);
        sn_image_drop(&m);
        assert_int_equal(sn_mem_used(), before);
    }
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    bytes b[4];
    make_png(&b[0], 2, 2, 8, 3, (uint8_t[]){ 9, 8, 7, 6, 5, 4 }, 6, (uint8_t[]){ 0, 1, 0, 0, 0, 1 }, 6);
    make_jpeg(&b[1], 16, 16, 3);
    make_gif(&b[2], 2, 2, (uint8_t[]){ 1, 2, 3, 0 });
    b[3].n = make_bmp(b[3].p, 4, 4, 1);
    size_t before = sn_mem_used();
    for (int k = 0; k < 4; k++) {
        sn_status s = SN_ENOMEM;
        for (int fail = 0; fail < 100 && s != SN_OK; fail++) {
            sn_image m;
            sn_err e = { 0 };
            sn_mem_fail_after(fail);
            s = sn_image_decode(&m, b[k].p, b[k].n, 1, 0, &e);
            sn_mem_fail_after(-1);
            assert_true(s == SN_OK || s == SN_ENOMEM);
            sn_image_drop(&m);
            assert_int_equal(sn_mem_used(), before);
        }
        assert_int_equal(s, SN_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_png),
        cmocka_unit_test(decodes_bmp),
        cmocka_unit_test(decodes_gif_and_jpeg),
        cmocka_unit_test(names_other_formats),
        cmocka_unit_test(refuses_sizes),
        cmocka_unit_test(refuses_cut_files),
        cmocka_unit_test(refuses_faults),
        cmocka_unit_test(survives_changed_bytes),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
