#include "num/wino_tile.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Bits from .. to - 1. */
static unsigned between(int64_t from, int64_t to) { return to > from ? (1u << to) - (1u << from) : 0; }

/* The pixels that there are, with their channels filled up. */
static void copy_square(const sn_square *q, float *pad, unsigned rows, unsigned cols) {
    for (int i = 0; i < q->size; i++)
        for (int j = 0; j < q->size; j++, pad += q->cp) {
            if (!(rows >> i & cols >> j & 1)) continue;
            memcpy(pad, q->image + ((q->row + i) * q->w + q->col + j) * q->c, (size_t)q->c * sizeof *pad);
            for (int64_t c = q->c; c < q->cp; c++) pad[c] = 0;
        }
}

/* May all cp channels of its last pixel be read? */
static bool has_room(const sn_square *q) {
    int64_t row = least(q->row + q->size, q->h) - 1, col = least(q->col + q->size, q->w) - 1;
    return (row * q->w + col) * q->c + q->cp <= q->room;
}

sn_conv_tile_in sn_square_read(const sn_square *q, float *pad) {
    int64_t top = q->row < 0 ? -q->row : 0, left = q->col < 0 ? -q->col : 0;
    unsigned rows = between(top, least(q->size, q->h - q->row)),
             cols = between(left, least(q->size, q->w - q->col)), all = between(0, q->size);
    sn_conv_tile_in in = { .image = q->image,
                           .first = (q->row * q->w + q->col) * q->c,
                           .pixel = q->c,
                           .row = q->w * q->c,
                           .channels = q->cp,
                           .rows = rows,
                           .cols = cols,
                           .whole = rows == all && cols == all };
    if (q->c == q->cp || has_room(q)) return in;
    copy_square(q, pad, rows, cols);
    in.image = pad;
    in.first = 0;
    in.pixel = q->cp;
    in.row = q->size * q->cp;
    return in;
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
