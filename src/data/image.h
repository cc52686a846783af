/* Decoding images: JPEG, PNG, BMP and the first frame of GIF. Files are hostile input: whatever the bytes, the
 * result is pixels or a message, in memory bounded by the dimensions. */
#ifndef SN_DATA_IMAGE_H
#define SN_DATA_IMAGE_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t h, w;
    int channels;  /* 1, 3 or 4 */
    uint8_t *data; /* (h, w, channels) */
} sn_image;

enum { SN_IMAGE_MAX_PIXELS = 100000000 }; /* the default limit */

/* channels: 1 gray, 3 RGB, 4 RGBA, whatever the file has. Alpha is dropped, not blended, and EXIF orientation
 * ignored, as tf.io.decode_image does; 16 bits are cut to 8. Errors say what is wrong without naming the file.
 * Callable from any thread. max_pixels <= 0: the default. */
sn_status sn_image_decode(sn_image *, const void *file, size_t n, int channels, int64_t max_pixels, sn_err *);
void sn_image_drop(sn_image *); /* idempotent */

#endif
