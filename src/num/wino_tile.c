#include "num/wino_tile.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A square that is partly outside of its image, or has channels to be filled up: into pad, with zeros. */
static void copy_square(const sn_square *q, float *pad) {
    int64_t pixels = q->size, line = pixels * q->cp;
    for (int64_t i = 0; i < pixels; i++, pad += line) {
        int64_t y = q->row + i, from = q->col < 0 ? -q->col : 0, to = least(pixels, q->w - q->col);
        if (y < 0 || y >= q->h || from >= to) {
            memset(pad, 0, (size_t)line * sizeof *pad);
            continue;
        }
        const float *x = q->image + (y * q->w + q->col) * q->c;
        memset(pad, 0, (size_t)(from * q->cp) * sizeof *pad);
        memset(pad + to * q->cp, 0, (size_t)((pixels - to) * q->cp) * sizeof *pad);
        if (q->c == q->cp) {
            memcpy(pad + from * q->c, x + from * q->c, (size_t)((to - from) * q->c) * sizeof *pad);
            continue;
        }
        for (int64_t j = from; j < to; j++) {
            memcpy(pad + j * q->cp, x + j * q->c, (size_t)q->c * sizeof *pad);
            memset(pad + j * q->cp + q->c, 0, (size_t)(q->cp - q->c) * sizeof *pad);
        }
    }
}

sn_conv_tile_in sn_square_read(const sn_square *q, float *pad) {
    bool inside = q->row >= 0 && q->col >= 0 && q->row + q->size <= q->h && q->col + q->size <= q->w;
    if (inside && q->c == q->cp) {
        const float *at = q->image + (q->row * q->w + q->col) * q->c;
        return (sn_conv_tile_in){ at, q->c, q->w * q->c, q->c };
    }
    copy_square(q, pad);
    return (sn_conv_tile_in){ pad, q->cp, q->size * q->cp, q->cp };
}

void sn_wino_kernel_rows(float g[SN_WINO_TILE][5], int r, int tile) {
    static const double point[SN_WINO_TILE] = { 0, 1, -1, 2, -2, 0.5, -0.5, 0 };
    static const double of8[SN_WINO_TILE] = {
        1, -2.0 / 9, -2.0 / 9, 1.0 / 90, 1.0 / 90, 32.0 / 45, 32.0 / 45, 1
    };
    static const double of6[SN_WINO_TILE] = { 1.0 / 4, -1.0 / 6, -1.0 / 6, 1.0 / 24, 1.0 / 24, 1 };
    for (int i = 0; i < tile; i++) {
        double power = (tile == 8 ? of8 : of6)[i];
        for (int k = 0; k < r; k++, power *= point[i]) g[i][k] = (float)power;
    }
    for (int k = 0; k < r; k++) g[tile - 1][k] = k == r - 1;
}
