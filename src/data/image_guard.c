#include "data/image_guard.h"

#include "base/mem.h"
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }
static uint32_t le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static uint32_t le32(const uint8_t *p) { return le16(p + 2) << 16 | le16(p); }

static sn_status cut_off(const char *format, sn_err *e) {
    return sn_fail(e, SN_EFORMAT, "broken %s: the file is cut off", format);
}

/* ---- signatures ---- */

typedef struct {
    size_t at, n;
    const char *bytes, *name;
} signature;

static const signature others[] = {
    { 8, 4, "WEBP", "WebP" },
    { 4, 8, "ftypavif", "AVIF" },
    { 4, 8, "ftypheic", "HEIC" },
    { 4, 8, "ftypmif1", "HEIF" },
    { 0, 4, "II*\0", "TIFF" },
    { 0, 4, "MM\0*", "TIFF" },
    { 0, 4, "8BPS", "Photoshop (PSD)" },
    { 0, 4, "\0\0\1\0", "icon (ICO)" },
    { 0, 4, "\0\0\2\0", "cursor (CUR)" },
    { 0, 10, "#?RADIANCE", "Radiance HDR" },
    { 0, 6, "#?RGBE", "Radiance HDR" },
    { 4, 8, "jP  \r\n\207\n", "JPEG 2000" },
    { 0, 4, "\xff\x4f\xff\x51", "JPEG 2000" },
    { 0, 2, "\xff\x0a", "JPEG XL" },
    { 4, 8, "JXL \r\n\207\n", "JPEG XL" },
    { 0, 5, "%PDF-", "PDF" },
    { 0, 5, "<?xml", "XML (SVG?)" },
    { 0, 4, "<svg", "SVG" },
    { 0, 14, "<!DOCTYPE html", "web page (HTML)" },
    { 0, 5, "<html", "web page (HTML)" },
    { 0, 2, "\x1f\x8b", "gzip" },
    { 0, 4, "PK\3\4", "zip" },
    { 0, 2, "P1", "PNM" },
    { 0, 2, "P2", "PNM" },
    { 0, 2, "P3", "PNM" },
    { 0, 2, "P4", "PNM" },
    { 0, 2, "P5", "PNM" },
    { 0, 2, "P6", "PNM" },
};

static bool starts(const uint8_t *p, size_t n, const char *with, size_t len) {
    return n >= len && memcmp(p, with, len) == 0;
}

static sn_status find_format(const uint8_t *p, size_t n, sn_image_format *out, sn_err *e) {
    if (n == 0) return sn_fail(e, SN_EFORMAT, "is an empty file");
    if (starts(p, n, "\xff\xd8\xff", 3)) {
        *out = SN_IMG_JPEG;
    } else if (starts(p, n, "\x89PNG\r\n\x1a\n", 8)) {
        *out = SN_IMG_PNG;
    } else if (starts(p, n, "GIF87a", 6) || starts(p, n, "GIF89a", 6)) {
        *out = SN_IMG_GIF;
    } else if (starts(p, n, "BM", 2)) {
        *out = SN_IMG_BMP;
    } else {
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            const signature *s = &others[i];
            if (n >= s->at && starts(p + s->at, n - s->at, s->bytes, s->n))
                return sn_fail(e, SN_EFORMAT, "is a %s file; sonde reads JPEG, PNG, BMP and GIF: convert it",
                               s->name);
        }
        return sn_fail(e, SN_EFORMAT, "is not an image that sonde knows (JPEG, PNG, BMP, GIF)");
    }
    return SN_OK;
}

static sn_status check_size(const sn_image_facts *f, int64_t max_pixels, sn_err *e) {
    if (f->h <= 0 || f->w <= 0)
        return sn_fail(e, SN_EFORMAT, "has no pixels (%lld x %lld)", (long long)f->w, (long long)f->h);
    if (f->h > SN_IMAGE_MAX_SIDE || f->w > SN_IMAGE_MAX_SIDE || f->h * f->w > max_pixels)
        return sn_fail(e, SN_EFORMAT,
                       "claims %lld x %lld pixels, over the limit of %lld (max_pixels) or %d a side",
                       (long long)f->w, (long long)f->h, (long long)max_pixels, SN_IMAGE_MAX_SIDE);
    return SN_OK;
}

/* least and most: bytes per pixel that decoding holds at a time. Decoders round sides up to whole blocks (at
 * most 32 pixels in a JPEG) and hold a few copies of the file. */
static void set_memory(sn_image_facts *f, size_t least, size_t most) {
    size_t h = (size_t)f->h, w = (size_t)f->w;
    f->need = h * w * least;
    f->cap = (h + 64) * (w + 64) * most + 4 * f->n + ((size_t)1 << 20);
}

/* ---- JPEG (ITU T.81) ---- */

enum { JPEG_MAX_SCANS = 100 }; /* each scan costs a pass over all pixels; real files have about ten */

typedef struct {
    bool frame, progressive;
    int comps, scans;
} jpeg_facts;

static sn_status jpeg_frame(sn_image_facts *f, jpeg_facts *j, int marker, const uint8_t *seg, size_t len,
                            sn_err *e) {
    if (marker > 0xc2)
        return sn_fail(e, SN_EFORMAT,
                       "is a lossless, hierarchical or arithmetic-coded JPEG; save it as a plain one");
    if (j->frame || len < 6) return sn_fail(e, SN_EFORMAT, "broken JPEG: bad frame header");
    if (seg[0] != 8)
        return sn_fail(e, SN_EFORMAT, "is a JPEG of %d bits per sample; only 8 can be read", seg[0]);
    j->frame = true;
    j->progressive = marker == 0xc2;
    f->h = be16(seg + 1);
    f->w = be16(seg + 3);
    j->comps = seg[5];
    return SN_OK;
}

/* The decoder trusts the number of codes of a table, which may be up to 16 * 255, to fit into 256. */
static sn_status jpeg_huffman(const uint8_t *seg, size_t len, sn_err *e) {
    while (len > 0) {
        size_t codes = 0;
        if (len < 17) return sn_fail(e, SN_EFORMAT, "broken JPEG: bad Huffman table");
        for (int i = 1; i <= 16; i++) codes += seg[i];
        if (codes > 256 || len < 17 + codes) return sn_fail(e, SN_EFORMAT, "broken JPEG: bad Huffman table");
        seg += 17 + codes;
        len -= 17 + codes;
    }
    return SN_OK;
}

/* Behind a scan's header: past the coded data, to the next marker that is not a restart. */
static size_t jpeg_skip_scan(const uint8_t *p, size_t n, size_t at) {
    while (at + 1 < n) {
        if (p[at] == 0xff && p[at + 1] != 0 && p[at + 1] != 0xff && (p[at + 1] & 0xf8) != 0xd0) return at;
        at++;
    }
    return n;
}

/* One marker segment at *at, moving it behind. *end: the end-of-image marker was seen. */
static sn_status jpeg_segment(sn_image_facts *f, jpeg_facts *j, size_t *at, bool *end, sn_err *e) {
    const uint8_t *p = f->bytes;
    while (!j->frame && *at < f->n && p[*at] != 0xff) ++*at; /* padding before the frame is tolerated */
    if (*at < f->n && p[*at] != 0xff) return sn_fail(e, SN_EFORMAT, "broken JPEG: no marker where one must be");
    while (*at < f->n && p[*at] == 0xff) ++*at;
    if (*at >= f->n) return cut_off("JPEG", e);
    int marker = p[(*at)++];
    *end = marker == 0xd9;
    if (*end) return SN_OK;
    if (marker < 0xc0 || (marker & 0xf8) == 0xd0 || marker == 0xd8)
        return sn_fail(e, SN_EFORMAT, "broken JPEG: marker %02x where none may be", marker);
    if (f->n - *at < 2) return cut_off("JPEG", e);
    size_t len = be16(p + *at);
    if (len < 2) return sn_fail(e, SN_EFORMAT, "broken JPEG: bad segment length");
    if (len > f->n - *at) return cut_off("JPEG", e);
    const uint8_t *seg = p + *at + 2;
    *at += len;
    if (marker == 0xc4) return jpeg_huffman(seg, len - 2, e);
    if (marker <= 0xcf && marker != 0xc8 && marker != 0xcc) return jpeg_frame(f, j, marker, seg, len - 2, e);
    if (marker != 0xda) return SN_OK;
    if (!j->frame) return sn_fail(e, SN_EFORMAT, "broken JPEG: pixels before the frame header");
    if (++j->scans > JPEG_MAX_SCANS)
        return sn_fail(e, SN_EFORMAT, "is a JPEG of more than %d scans, which would take too long",
                       JPEG_MAX_SCANS);
    *at = jpeg_skip_scan(p, f->n, *at);
    return SN_OK;
}

static sn_status guard_jpeg(sn_image_facts *f, int64_t max_pixels, sn_err *e) {
    jpeg_facts j = { 0 };
    bool end = false;
    for (size_t at = 2; !end;) {
        bool known = j.frame;
        sn_status s = jpeg_segment(f, &j, &at, &end, e);
        if (s == SN_OK && j.frame && !known) s = check_size(f, max_pixels, e);
        if (s != SN_OK) return s;
    }
    if (!j.scans) return sn_fail(e, SN_EFORMAT, "broken JPEG: no pixels");
    /* A block of 8 x 8 pixels takes a bit at the very least; 4 times that is allowed for odd subsampling. */
    if ((uint64_t)f->h * (uint64_t)f->w > 2048 * (uint64_t)f->n) return cut_off("JPEG", e);
    set_memory(f, (size_t)j.comps * (j.progressive ? 3 : 1) + 1, 24);
    return SN_OK;
}

/* ---- PNG (ISO 15948) ---- */

typedef struct {
    bool header, palette, trns, end;
    int depth, color;
    size_t data; /* bytes of compressed pixels */
    size_t out;  /* bytes written to the copy */
} png_facts;

static sn_status bad_png(const char *what, sn_err *e) { return sn_fail(e, SN_EFORMAT, "broken PNG: %s", what); }

static sn_status png_header(sn_image_facts *f, png_facts *g, const uint8_t *body, size_t len, sn_err *e) {
    if (g->header || len != 13) return bad_png("bad header", e);
    g->header = true;
    f->w = be32(body);
    f->h = be32(body + 4);
    g->depth = body[8];
    g->color = body[9];
    return SN_OK;
}

static bool is_type(const uint8_t *chunk, const char *type) { return memcmp(chunk + 4, type, 4) == 0; }

/* The decoder gets a copy of the chunks that matter. In it the palette is padded to all 256 entries, since the
 * decoder does not check indices against its length and would show whatever was on its stack; and no piece of
 * the pixels is empty, which it takes badly as the first one. It does not read checksums. */
static void png_copy(sn_image_facts *f, png_facts *g, const uint8_t *chunk, size_t len, bool is_palette) {
    size_t full = is_palette ? 768 : len;
    if (len == 0 && is_type(chunk, "IDAT")) return;
    uint8_t *to = f->copy + g->out;
    memcpy(to, chunk, 8 + len);
    if (is_palette) {
        memset(to + 8 + len, 0, full - len);
        to[2] = 3, to[3] = 0; /* the length: 768 */
    }
    memset(to + 8 + full, 0, 4);
    g->out += 12 + full;
}

static sn_status png_chunk(sn_image_facts *f, png_facts *g, const uint8_t *chunk, size_t len, sn_err *e) {
    bool critical = !(chunk[4] & 0x20), trns = is_type(chunk, "tRNS");
    if (!critical && !trns) return SN_OK;
    if (crc32(0, chunk + 4, (uInt)len + 4) != be32(chunk + 8 + len))
        return bad_png("a checksum does not match", e);
    if (is_type(chunk, "CgBI")) return sn_fail(e, SN_EFORMAT, "is a PNG in Apple's own variant; convert it");
    if (is_type(chunk, "IHDR")) {
        sn_status s = png_header(f, g, chunk + 8, len, e);
        if (s != SN_OK) return s;
    } else if (!g->header) {
        return bad_png("no header", e);
    } else if (is_type(chunk, "PLTE")) {
        if (g->palette || len > 768 || len % 3 || !len) return bad_png("bad palette", e);
        g->palette = true;
    } else if (trns) {
        if (g->trns || len > 256 || (g->color == 3 && !g->palette)) return bad_png("bad transparency", e);
        g->trns = true;
    } else if (is_type(chunk, "IDAT")) {
        g->data += len;
    } else if (is_type(chunk, "IEND")) {
        g->end = true;
    } else {
        return bad_png("a chunk of unknown type", e);
    }
    png_copy(f, g, chunk, len, is_type(chunk, "PLTE"));
    return SN_OK;
}

static sn_status guard_png(sn_image_facts *f, int64_t max_pixels, sn_err *e) {
    static const int channels[7] = { 1, 0, 3, 1, 2, 0, 4 };
    const uint8_t *p = f->bytes;
    png_facts g = { .out = 8 };
    if (f->n < 33 || !is_type(p + 8, "IHDR")) return bad_png("no header", e);
    f->copy = sn_alloc(f->n + 768, "PNG file", e);
    if (!f->copy) return SN_ENOMEM;
    memcpy(f->copy, p, 8);
    for (size_t at = 8; !g.end;) {
        if (f->n - at < 12) return cut_off("PNG", e);
        size_t len = be32(p + at);
        if (len > f->n - at - 12) return cut_off("PNG", e);
        bool known = g.header;
        sn_status s = png_chunk(f, &g, p + at, len, e);
        if (s == SN_OK && g.header && !known) s = check_size(f, max_pixels, e);
        if (s != SN_OK) return s;
        at += 12 + len;
    }
    if (g.data == 0) return bad_png("no pixels", e);
    if (g.color > 6 || !channels[g.color]) return bad_png("unknown color type", e);
    uint64_t bits = (uint64_t)f->w * (uint64_t)(channels[g.color] * g.depth);
    /* deflate's best ratio is 1032 : 1 */
    if (((bits + 7) / 8) * (uint64_t)f->h > 1032 * (uint64_t)g.data + 1024) return cut_off("PNG", e);
    f->bytes = f->copy;
    f->n = g.out;
    set_memory(f, (size_t)channels[g.color] * (g.depth == 16 ? 4 : 1) + 1, 36);
    return SN_OK;
}

/* ---- BMP ---- */

typedef struct {
    size_t header, offset, colors;
    int bits, compression;
} bmp_facts;

static sn_status bad_bmp(const char *what, sn_err *e) { return sn_fail(e, SN_EFORMAT, "broken BMP: %s", what); }

static sn_status bmp_header(sn_image_facts *f, bmp_facts *b, sn_err *e) {
    const uint8_t *p = f->bytes;
    if (f->n < 26) return cut_off("BMP", e);
    b->offset = le32(p + 10);
    b->header = le32(p + 14);
    if (b->header == 12) {
        f->w = le16(p + 18);
        f->h = le16(p + 20);
        b->bits = (int)le16(p + 24);
        return SN_OK;
    }
    if (b->header < 40 || b->header > 124) return bad_bmp("unknown kind of header", e);
    if (f->n < 14 + b->header) return cut_off("BMP", e);
    f->w = (int32_t)le32(p + 18);
    f->h = (int32_t)le32(p + 22);
    if (f->h < 0) f->h = -f->h; /* stored from the top */
    b->bits = (int)le16(p + 28);
    b->compression = (int)(le32(p + 30) & 0xff);
    b->colors = le32(p + 46);
    if (b->compression == 1 || b->compression == 2)
        return sn_fail(e, SN_EFORMAT, "is a run-length coded BMP; save it uncompressed or as PNG");
    if (b->compression > 3 || le32(p + 30) > 0xff) return bad_bmp("unknown compression", e);
    return SN_OK;
}

static void put32(uint8_t *p, size_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* The header in front of the copy's pixels: the plain one (40 bytes), or one with masks (108). */
static size_t bmp_new_header(const sn_image_facts *f, const bmp_facts *b, uint8_t *q) {
    const uint8_t *p = f->bytes;
    bool masks = b->compression == 3, top_down = b->header != 12 && (int32_t)le32(p + 22) < 0;
    size_t header = masks ? 108 : 40, colors = b->bits <= 8 ? (size_t)1 << b->bits : 0;
    memcpy(q, "BM", 2);
    put32(q + 10, 14 + header + 4 * colors);
    put32(q + 14, header);
    put32(q + 18, (size_t)f->w);
    put32(q + 22, top_down ? 0 - (size_t)f->h : (size_t)f->h);
    q[26] = 1;
    q[28] = (uint8_t)b->bits;
    q[30] = (uint8_t)b->compression;
    if (masks)
        memcpy(q + 54, p + 54, b->header >= 56 ? 16 : 12); /* behind the short header, or inside a longer one */
    size_t entry = b->header == 12 ? 3 : 4, have = (b->offset - 14 - b->header) / entry;
    if (b->colors && b->colors < have) have = b->colors;
    if (have > colors) have = colors;
    for (size_t i = 0; i < have; i++) memcpy(q + 54 + 4 * i, p + 14 + b->header + entry * i, 3);
    return 14 + header + 4 * colors;
}

/* Rewrites the file in its plainest form, palette complete: the decoder knows not all headers, miscounts the
 * palette of old ones, and does not check pixels against its length. */
static sn_status bmp_copy(sn_image_facts *f, const bmp_facts *b, size_t row, sn_err *e) {
    size_t pixels = f->n - b->offset, rows = row * (size_t)f->h;
    uint8_t *q = f->copy = sn_calloc(1, 122 + 4 * 256 + rows, "BMP file", e);
    if (!q) return SN_ENOMEM;
    size_t at = bmp_new_header(f, b, q);
    memcpy(q + at, f->bytes + b->offset, pixels < rows ? pixels : rows);
    f->bytes = q;
    f->n = at + rows;
    return SN_OK;
}

static sn_status guard_bmp(sn_image_facts *f, int64_t max_pixels, sn_err *e) {
    bmp_facts b = { 0 };
    sn_status s = bmp_header(f, &b, e);
    if (s == SN_OK) s = check_size(f, max_pixels, e);
    if (s != SN_OK) return s;
    if (b.bits != 1 && b.bits != 4 && b.bits != 8 && b.bits != 16 && b.bits != 24 && b.bits != 32)
        return sn_fail(e, SN_EFORMAT, "is a BMP of %d bits per pixel; only 1, 4, 8, 16, 24 and 32 can be read",
                       b.bits);
    if (b.offset < 14 + b.header || b.offset > f->n) return bad_bmp("its pixels begin outside the file", e);
    size_t used = ((size_t)f->w * (size_t)b.bits + 7) / 8, row = (used + 3) & ~(size_t)3;
    /* the padding of the last row may be missing */
    if (f->n - b.offset < row * (size_t)(f->h - 1) + used) return cut_off("BMP", e);
    if (b.compression == 3 && (b.bits < 16 || b.bits == 24 || b.offset < 66))
        return bad_bmp("bad color masks", e);
    set_memory(f, 4, 8);
    return bmp_copy(f, &b, row, e);
}

/* ---- GIF ---- */

static bool gif_skip_blocks(const sn_image_facts *f, size_t *at) {
    while (*at < f->n) {
        size_t len = f->bytes[*at];
        *at += 1 + len;
        if (len == 0) return *at <= f->n;
    }
    return false;
}

/* Only the first picture is read, and must be there whole. */
static sn_status guard_gif(sn_image_facts *f, int64_t max_pixels, sn_err *e) {
    const uint8_t *p = f->bytes;
    if (f->n < 13) return cut_off("GIF", e);
    f->w = le16(p + 6);
    f->h = le16(p + 8);
    sn_status s = check_size(f, max_pixels, e);
    if (s != SN_OK) return s;
    size_t at = 13 + (p[10] & 0x80 ? (size_t)6 << (p[10] & 7) : 0);
    for (;;) {
        if (at >= f->n) return cut_off("GIF", e);
        int tag = p[at++];
        if (tag == 0x2c) break;
        if (tag != 0x21)
            return sn_fail(e, SN_EFORMAT, tag == 0x3b ? "is a GIF without a picture" : "broken GIF: bad block");
        at++;
        if (!gif_skip_blocks(f, &at)) return cut_off("GIF", e);
    }
    if (f->n - at < 10) return cut_off("GIF", e);
    if (le16(p + at + 4) == 0 || le16(p + at + 6) == 0)
        return sn_fail(e, SN_EFORMAT, "broken GIF: an empty picture");
    at += 10 + (p[at + 8] & 0x80 ? (size_t)6 << (p[at + 8] & 7) : 0);
    if (!gif_skip_blocks(f, &at)) return cut_off("GIF", e);
    set_memory(f, 9, 17);
    return SN_OK;
}

/* ---- all ---- */

sn_status sn_image_guard(sn_image_facts *f, const uint8_t *file, size_t n, int64_t max_pixels, sn_err *e) {
    *f = (sn_image_facts){ .bytes = file, .n = n };
    if (n > INT32_MAX - 4096) return sn_fail(e, SN_EFORMAT, "is a file of over 2 GiB");
    sn_status s = find_format(file, n, &f->format, e);
    if (s != SN_OK) return s;
    switch (f->format) {
    case SN_IMG_JPEG: return guard_jpeg(f, max_pixels, e);
    case SN_IMG_PNG: return guard_png(f, max_pixels, e);
    case SN_IMG_BMP: return guard_bmp(f, max_pixels, e);
    case SN_IMG_GIF: return guard_gif(f, max_pixels, e);
    }
    return SN_EFORMAT;
}

void sn_image_guard_drop(sn_image_facts *f) {
    sn_free(f->copy);
    *f = (sn_image_facts){ 0 };
}
