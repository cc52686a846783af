/* What the tests of data/ share: folders and files made on the spot, and counted warnings. */
#ifndef TEST_DATA_FILES_H
#define TEST_DATA_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "data/dataset.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- warnings ---- */

static int warnings;
static char last_warning[600];
static void count_warning(const char *line) {
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", line);
}
static inline void watch_warnings(void) {
    warnings = 0;
    last_warning[0] = 0;
    sn_set_warn_handler(count_warning);
}

/* ---- files ---- */

static char root[200];

static inline int make_root(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%.150s/sonde-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    watch_warnings();
    return mkdtemp(root) ? 0 : -1;
}

static inline int remove_root(void **state) {
    (void)state;
    char command[600];
    snprintf(command, sizeof command, "chmod -R u+rwx '%s' && rm -rf '%s'", root, root);
    return system(command);
}

static inline char *in_root(const char *name) {
    static char path[8][700];
    static int turn;
    char *p = path[turn++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", root, name);
    return p;
}

static inline void put_file(const char *name, const void *data, size_t n) {
    sn_err e = { 0 };
    char *path = in_root(name);
    assert_int_equal(sn_make_dirs(path, &e), SN_OK);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* A 24-bit BMP whose pixel (y, x) is (seed + x, y, 7 * seed) in red, green, blue. Returns its size. */
static inline size_t make_bmp(uint8_t *out, int h, int w, int seed) {
    size_t row = ((size_t)w * 3 + 3) & ~(size_t)3, n = 54 + row * (size_t)h;
    memset(out, 0, n);
    memcpy(out, "BM", 2);
    out[10] = 54, out[14] = 40, out[26] = 1, out[28] = 24;
    for (int i = 0; i < 4; i++) out[18 + i] = (uint8_t)(w >> 8 * i), out[22 + i] = (uint8_t)(h >> 8 * i);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *p = out + 54 + row * (size_t)(h - 1 - y) + 3 * (size_t)x;
            p[0] = (uint8_t)(7 * seed), p[1] = (uint8_t)y, p[2] = (uint8_t)(seed + x);
        }
    return n;
}

static inline void put_bmp(const char *name, int h, int w, int seed) {
    static uint8_t bytes[54 + 64 * 64 * 3];
    assert_true(h <= 64 && w <= 63);
    put_file(name, bytes, make_bmp(bytes, h, w, seed));
}

/* ---- objects ---- */

static inline sn_dataset *open_text(const char *text, sn_err *e) {
    sn_dataset *d = NULL;
    sn_obj *o = sn_obj_parse(&sn_kind_dataset, &text, e);
    if (o && sn_dataset_open(o, &d, e) != SN_OK) assert_null(d);
    sn_obj_release(o);
    return d;
}

/* image_folder{directory="<root>/<dir>"<options>} */
static inline sn_dataset *open_folder(const char *dir, const char *options, sn_err *e) {
    char text[1500];
    snprintf(text, sizeof text, "image_folder{directory=\"%s/%s\"%s}", root, dir, options);
    return open_text(text, e);
}

static inline void expect_part(const sn_err *e, const char *part) {
    if (!strstr(e->msg, part)) fail_msg("message was: %s; wanted: %s", e->msg, part);
}

#endif
