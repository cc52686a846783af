#include "io/shades.h"
#include <math.h>

enum { CELL = 8 };

/* Mean luma (ITU-R BT.601) of a rectangle, 0..1; what is transparent is dark. */
static double brightness(const sn_picture *p, int64_t x, int64_t y, int64_t w, int64_t h) {
    double sum = 0;
    for (int64_t j = y; j < y + h; j++)
        for (int64_t i = x; i < x + w; i++) {
            const uint8_t *c = p->data + 4 * (j * p->w + i);
            sum += (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) * c[3];
        }
    return sum / (255.0 * 255 * (double)(w * h));
}

static int level(double v, int levels) { return (int)lrint(v * (levels - 1)); }

static void add_block(sn_buf *out, double upper, double lower) {
    static const char *const shades[] = { " ", "\u2591", "\u2592", "\u2593", "\u2588" };
    if (fabs(upper - lower) > 0.4)
        sn_buf_str(out, upper > lower ? "\u2580" : "\u2584");
    else
        sn_buf_str(out, shades[level((upper + lower) / 2, 5)]);
}

void sn_shades(const sn_picture *p, bool blocks, sn_buf *out) {
    static const char shades[] = " .:-=+*#%@";
    for (int64_t y = 0; y < p->h; y += CELL) {
        if (y > 0) sn_buf_str(out, "\n");
        for (int64_t x = 0; x < p->w; x += CELL) {
            double upper = brightness(p, x, y, CELL, CELL / 2);
            double lower = brightness(p, x, y + CELL / 2, CELL, CELL / 2);
            if (blocks)
                add_block(out, upper, lower);
            else
                sn_buf_add(out, &shades[level((upper + lower) / 2, sizeof shades - 1)], 1);
        }
    }
}
