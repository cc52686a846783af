/* What is checked about an image file before a decoder sees it. */
#ifndef SN_DATA_IMAGE_GUARD_H
#define SN_DATA_IMAGE_GUARD_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

typedef enum { SN_IMG_JPEG, SN_IMG_PNG, SN_IMG_BMP, SN_IMG_GIF } sn_image_format;

typedef struct {
    sn_image_format format;
    int64_t h, w;
    size_t need, cap;     /* bytes that decoding takes at least, and must not exceed */
    const uint8_t *bytes; /* what to hand to the decoder: the file, or a normalized copy */
    size_t n;
    uint8_t *copy; /* owned; NULL when bytes is the file */
} sn_image_facts;

enum { SN_IMAGE_MAX_SIDE = 65500 };

/* Reads signature, header and structure; refuses other formats (naming them), sides over SN_IMAGE_MAX_SIDE,
 * more than max_pixels pixels, files that are cut off, and constructions that the decoder is known not to
 * withstand. */
sn_status sn_image_guard(sn_image_facts *, const uint8_t *file, size_t n, int64_t max_pixels, sn_err *);
void sn_image_guard_drop(sn_image_facts *);

#endif
