/* From a file to pixels of the wanted size. */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "data/resize.h"
#include <string.h>

/* Puts the path before the message; of a long one the end, which tells the file. */
static void name_file(const char *path, sn_err *e) {
    size_t n = strlen(path), most = 150;
    sn_fail_prefix(e, "%s%s", n > most ? "..." : "", n > most ? path + n - most : path);
}

sn_status sn_image_read(uint8_t *out, const char *path, const sn_image_way *way, sn_err *e) {
    sn_image m;
    sn_buf file = SN_BUF_INIT(sn_mem_limit() / 4 < INT32_MAX ? sn_mem_limit() / 4 : INT32_MAX);
    sn_status s = sn_file_read(path, &file, e);
    if (s == SN_OK) {
        s = sn_image_decode(&m, file.data, file.len, way->channels, way->max_pixels, e);
        if (s != SN_OK) name_file(path, e);
    }
    sn_buf_free(&file);
    if (s != SN_OK) return s;
    s = sn_resize_u8(out, way->h, way->w, &m, way->interpolation, way->fit, e);
    sn_image_drop(&m);
    return s;
}
