/* Writing PNG: stb_image_write, with zlib for the packing (its own loses track when memory runs out). */
#include "base/file.h"
#include "base/mem.h"
#include "io/picture.h"
#include <zlib.h>

/* The writer forgets its packed bytes when there is no memory for the file around them. */
static _Thread_local unsigned char *packed_bytes;

static void writer_free(void *p) {
    if (p && p == packed_bytes) packed_bytes = NULL;
    sn_free(p);
}

/* Packed by zlib; NULL when there is no memory. */
static unsigned char *deflate_bytes(unsigned char *data, int n, int *packed, int level) {
    uLongf size = compressBound((uLong)n);
    unsigned char *out = sn_alloc(size, "PNG", NULL);
    if (out && compress2(out, &size, data, (uLong)n, level) != Z_OK) {
        sn_free(out);
        return NULL;
    }
    *packed = (int)size;
    packed_bytes = out;
    return out;
}

#define STB_IMAGE_WRITE_STATIC
#define STBIWDEF static __attribute__((unused)) /* the other formats */
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBIW_MALLOC(n)                               sn_alloc(n, "PNG", NULL)
#define STBIW_REALLOC(p, n)                           sn_realloc(p, n, "PNG", NULL)
#define STBIW_FREE(p)                                 writer_free(p)
#define STBIW_ZLIB_COMPRESS(data, n, packed, quality) deflate_bytes(data, n, packed, quality)
#include <stb/stb_image_write.h>

sn_status sn_picture_png(const sn_picture *p, sn_buf *out, sn_err *e) {
    int n = 0;
    unsigned char *png =
        stbi_write_png_to_mem(p->data, (int)(p->w * p->channels), (int)p->w, (int)p->h, p->channels, &n);
    writer_free(packed_bytes);
    if (!png)
        return sn_fail(e, SN_ENOMEM, "no memory to write a picture of %lld x %lld", (long long)p->w,
                       (long long)p->h);
    sn_buf_add(out, png, (size_t)n);
    sn_free(png);
    return sn_buf_check(out, "PNG", e);
}

sn_status sn_picture_save(const sn_picture *p, const char *path, sn_err *e) {
    sn_buf png = SN_BUF_INIT((size_t)1 << 30);
    sn_status s = sn_picture_png(p, &png, e);
    if (s == SN_OK)
        s = sn_file_write(path, png.data, png.len, e);
    else
        sn_fail_prefix(e, "%s", path);
    sn_buf_free(&png);
    return s;
}
