/* Resizing pictures as tf.image.resize (v2, antialias = false) and Keras's image_dataset_from_directory do. */
#ifndef SN_DATA_RESIZE_H
#define SN_DATA_RESIZE_H

#include "data/image.h"

/* In the order of sn_interpolations. */
typedef enum {
    SN_BILINEAR,
    SN_NEAREST,
    SN_BICUBIC,
    SN_AREA,
    SN_LANCZOS3,
    SN_LANCZOS5,
    SN_GAUSSIAN,
    SN_MITCHELLCUBIC
} sn_interpolation;
extern const char *const sn_interpolations[]; /* NULL-terminated */

typedef enum {
    SN_FIT_STRETCH, /* aspect ratio is not kept */
    SN_FIT_CROP,    /* the largest centered window of the target's aspect ratio (Keras's smart_resize) */
    SN_FIT_PAD      /* the whole picture, centered on black (tf.image.resize_with_pad) */
} sn_fit;

/* out: (h, w, in->channels), every value written. */
sn_status sn_resize(float *out, int64_t h, int64_t w, const sn_image *in, sn_interpolation, sn_fit, sn_err *);
/* The same, rounded to the nearest of 0..255 and clamped: off by at most 0.5 from what TensorFlow returns as
 * float (bicubic and lanczos may overshoot 0..255 there, which is cut off here). */
sn_status sn_resize_u8(uint8_t *out, int64_t h, int64_t w, const sn_image *in, sn_interpolation, sn_fit,
                       sn_err *);

/* How a file becomes h x w pixels of that many channels. */
typedef struct {
    int64_t h, w;
    int channels; /* 1, 3 or 4 */
    sn_interpolation interpolation;
    sn_fit fit;
    int64_t max_pixels; /* <= 0: the default limit */
} sn_image_way;
/* Reads, decodes and resizes; out: (h, w, channels). The message names the file. Callable from any thread. */
sn_status sn_image_read(uint8_t *out, const char *path, const sn_image_way *, sn_err *);

#endif
