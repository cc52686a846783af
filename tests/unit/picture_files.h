/* What the tests of pictures share. */
#ifndef TEST_PICTURE_FILES_H
#define TEST_PICTURE_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "data/image.h"
#include "io/picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/sonde-picture-XXXXXX";

static inline int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}
static inline int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* Bytes at random, those of alpha too. */
static inline sn_picture noise(int64_t w, int64_t h, int channels) {
    static const uint8_t black[4] = { 0 };
    sn_picture p;
    sn_err e;
    sn_rng rng = sn_rng_make((uint64_t)(w * 1000 + h), SN_STREAM_USER, 0);
    assert_int_equal(sn_picture_new(&p, w, h, channels, black, &e), SN_OK);
    for (int64_t i = 0; i < w * h * channels; i++) p.data[i] = (uint8_t)(255.9 * sn_rng_uniform(&rng));
    return p;
}

static inline sn_image decode_file(int channels) {
    sn_err e = { 0 };
    sn_buf file = SN_BUF_INIT(1 << 24);
    sn_image image;
    assert_int_equal(sn_file_read(path, &file, &e), SN_OK);
    assert_memory_equal(file.data, "\x89PNG", 4);
    assert_int_equal(sn_image_decode(&image, file.data, file.len, channels, 0, &e), SN_OK);
    sn_buf_free(&file);
    return image;
}

#endif
