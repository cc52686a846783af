/* Pictures of 8 bits to a channel, in memory: made from numbers, put together, resized, written as PNG. */
#ifndef SN_IO_PICTURE_H
#define SN_IO_PICTURE_H

#include "base/buf.h"
#include "num/tensor.h"

/* All-zero is a valid empty one; drop is idempotent. */
typedef struct {
    int64_t w, h;
    int channels;  /* 3 RGB, 4 RGBA (not premultiplied) */
    uint8_t *data; /* (h, w, channels) */
} sn_picture;

/* Every pixel has the color (fill: channels bytes). Sizes of 0, and what no reader would take back (over
 * SN_IMAGE_MAX_PIXELS pixels, over SN_IMAGE_MAX_SIDE a side), are errors. */
sn_status sn_picture_new(sn_picture *, int64_t w, int64_t h, int channels, const uint8_t *fill, sn_err *);
void sn_picture_drop(sn_picture *);

/* ---- from numbers and back ---- */

/* The smallest and largest of the finite values (0, 0 when there is none), and how many are not finite. */
int64_t sn_values_range(const sn_tensor *, double *least, double *most);

extern const char *const sn_colormaps[]; /* NULL-terminated: "gray", "viridis", "coolwarm" */
/* Color of v in 0..1 (clamped). Matplotlib's tables at 33 places, linear between them: off by at most 2 of 255.
 */
void sn_colormap(int map, double v, uint8_t rgb[3]);

/* From t (h, w, c) with c = 1 (colored by sn_colormaps[map]), 3 or 4 (alpha last): lo is drawn as 0, hi as 255,
 * what lies outside as the nearer of them. Where a value is not finite the pixel is SN_MARK's color; *marked
 * counts these pixels. hi > lo. */
#define SN_MARK                                                                                                \
    { 255, 0, 255, 255 }
sn_status sn_picture_values(sn_picture *, const sn_tensor *t, double lo, double hi, int map, int64_t *marked,
                            sn_err *);
sn_status sn_picture_tensor(const sn_picture *, sn_tensor *, sn_err *); /* uint8 (h, w, channels) */

/* ---- put together ---- */

/* Each pixel kx x ky times. */
sn_status sn_picture_enlarge(sn_picture *out, const sn_picture *, int64_t kx, int64_t ky, sn_err *);
/* To w x h by a triangle filter whose width follows the scale (Pillow's BILINEAR): linear where it grows,
 * averages where it shrinks. Stops with SN_ECANCEL when the default pool is canceled. */
sn_status sn_picture_resize(sn_picture *out, const sn_picture *, int64_t w, int64_t h, sn_err *);
/* Copies src into dst with its corner at (x, y); what lies outside is cut off. RGB into RGBA is opaque; of RGBA
 * into RGB the alpha is dropped. */
void sn_picture_paste(sn_picture *dst, const sn_picture *src, int64_t x, int64_t y);
/* dst = (1 - alpha) dst + alpha src, of the same size; dst keeps its own alpha channel. */
void sn_picture_blend(sn_picture *dst, const sn_picture *src, double alpha);

/* ---- files ---- */

/* The n bytes of any file that data/image.h reads; 4 channels only where something is transparent. */
sn_status sn_picture_decode(sn_picture *, const void *bytes, size_t n, sn_err *);
sn_status sn_picture_load(sn_picture *, const char *path, sn_err *);
sn_status sn_picture_png(const sn_picture *, sn_buf *out, sn_err *); /* appends the file's bytes */
/* PNG, written atomically. */
sn_status sn_picture_save(const sn_picture *, const char *path, sn_err *);

#endif
