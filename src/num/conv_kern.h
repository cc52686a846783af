/* The kernels of convolution: one source (conv_kern.inc.c) compiled for each instruction set. Internal to num/.
 */
#ifndef SN_NUM_CONV_KERN_H
#define SN_NUM_CONV_KERN_H

#include "num/conv.h"

enum { SN_WINO_TILE = 8, SN_WINO_PLACES = 64 }; /* the larger tile, and its places */
/* Outputs and inputs of a tile: F(4x4, 5x5), F(6x6, 3x3), F(4x4, 3x3). */
enum { SN_WINO_4OF8, SN_WINO_6OF8, SN_WINO_4OF6, SN_WINO_KINDS };

/* Where a tile of outputs goes. */
typedef struct {
    float *at;          /* its first pixel and channel; of the pooled ones, where they are pooled */
    int64_t pixel, row; /* steps in elements */
    int rows, cols;     /* that are inside of the image, before pooling: 1 .. m */
    int64_t channels;   /* of the chunk that there are */
    bool fresh;         /* first of its statistics */
} sn_conv_tile_out;

/* What happens to the outputs y of a chunk of channels on their way: a whole chunk of each number. */
typedef struct {
    const float *bias;  /* y + bias, or, with scale: */
    const float *scale; /* y * scale + bias; NULL: 1 */
    float low;          /* then at least this */
    bool pools;         /* then the largest of 2 x 2 only */
    bool streams;       /* whole tiles go past the caches; at is aligned, steps are multiples of lanes */
    /* With scale NULL: stats[0], [step] and [2 * step] of each channel gain: a number near the mean (of the
     * fresh tile), the sum of what y is above it, and that of its square. NULL: none. */
    float *stats;
    int64_t step;
} sn_conv_put;

/* A tile that is read. Pixel (i, j) is at image[first + i * row + j * pixel], where it is inside of the image:
 * bit i of rows and bit j of cols are set; the others are zeros. */
typedef struct {
    const float *image;
    int64_t first, pixel, row; /* elements */
    int64_t channels;          /* a multiple of lanes */
    unsigned rows, cols;
    bool whole; /* all are inside */
} sn_conv_tile_in;

/* c (pixels, lanes or 2 lanes; rows ldc apart) = bias + the sum over nrow of a[row] (pixels, k; rows lda apart)
 * * b (nrow * k, lanes or 2 lanes): output pixels of a row, straight from the rows of the input that they see.
 */
typedef struct {
    int pixels;
    bool narrow; /* one vector of lanes */
    void (*product)(float *c, int64_t ldc, const float *const *a, int64_t lda, const float *b, int64_t k,
                    int nrow, const float *bias);
} sn_conv_rows;
enum { SN_CONV_ROWS = 4 };

typedef struct {
    const char *isa;
    int lanes;              /* floats in a vector; a chunk of channels is two of them */
    int mr;                 /* tiles of one product in registers */
    int mw;                 /* input channels of one product of the weight gradient */
    bool streams;           /* outputs can go past the caches; then, before others read them: */
    void (*streamed)(void); /* waits until they are there */
    /* v[place * step + q * block + l] for channel q * lanes + l of the tile of pixels. */
    void (*input[SN_WINO_KINDS])(float *v, int64_t step, int64_t block, const sn_conv_tile_in *);
    /* The same of a tile of gradients, m x m pixels: z[place * step + q * block + l] for channel q * 2 lanes +
     * l.
     */
    void (*grad[SN_WINO_KINDS])(float *z, int64_t step, int64_t block, const sn_conv_tile_in *);
    /* From a chunk's products t[place * step] to pixels. */
    void (*output[SN_WINO_KINDS])(const float *t, int64_t step, const sn_conv_put *, const sn_conv_tile_out *);
    /* Few input channels. to (n, 8): the columns of eight rows of n elements, up to whole vectors (zeros). */
    void (*few_columns)(float *to, const float *const *rows, int64_t n);
    /* v (8, line): the rows of a tile's columns (8, n), n = channels * 8; up to whole vectors. */
    void (*few_rows)(float *v, int64_t line, const float *columns, int64_t n);
    /* count tiles v (count, 8, line), kernels u (8, c, 8, lanes), a vector of output channels; m = 4, 6
     * of 8. */
    void (*few_output[2])(const float *v, int64_t line, const float *u, int64_t c, const sn_conv_put *,
                          const sn_conv_tile_out *, int64_t count);
    /* sum (8, c, 8, lanes) += tiles v times those of gradients, of the vector of channels from `first` on;
     * bias: the sum of the gradients. z: room for (count, 8, m, lanes). */
    void (*few_weights[2])(float *sum, float *bias, const float *v, int64_t line, float *z, int64_t c,
                           const sn_conv_tile_in *, int64_t first, int64_t count);
    /* u[place * step] (2 lanes) of taps (r * r, 2 lanes): G k G^T; g: the rows of G, as many as a tile has. */
    void (*kernel)(float *u, int64_t step, const float *taps, float (*g)[5], int r, int tile);
    /* dk (r * r, 2 lanes) = G^T M G, M the sum of slots parts at m, m + slot, ...; m[place * step]. */
    void (*back)(float *dk, const float *m, int64_t step, int64_t slots, size_t slot, float (*g)[5], int r,
                 int tile);
    /* c (mr, 2 lanes) = a (k, mr) * b (k, 2 lanes); a is packed as (k / lanes, mr, lanes). [0]: of the first
     * lanes of b and c only. */
    void (*product[2])(float *c, const float *a, const float *b, int64_t k);
    /* c (mw, 2 lanes; rows ldc apart) += a (k, mw; rows lanes apart) transposed * b (k, 2 lanes); [0] as above
     */
    void (*sum_product[2])(float *c, int64_t ldc, const float *a, const float *b, int64_t k);
    sn_conv_rows rows[SN_CONV_ROWS];
    /* out (w, ci), with a vector's room behind it: the gradient of an image's row. sums (ow, width): what
     * output pixels give each tap (kw, ci) of the kernel row under them; of step 1. */
    void (*gather)(float *out, const float *sums, int64_t width, const sn_conv *);
    /* c (mw, 2 lanes; rows ldc apart) += a (k, mw; rows lda apart) transposed * b (k, 2 lanes; rows ldb apart)
     */
    void (*add_product)(float *c, int64_t ldc, const float *a, int64_t lda, const float *b, int64_t ldb,
                        int64_t k);
} sn_conv_kern;

const sn_conv_kern *sn_conv_kernels(const char *isa);
/* Of the instruction set in use; tests may force another. */
const sn_conv_kern *sn_conv_kern_now(void);
/* That which leaves the fewest pixels of its last product unused over a row of n. */
const sn_conv_rows *sn_conv_rows_for(const sn_conv_kern *, int64_t n, bool narrow);
extern const sn_conv_kern *sn_conv_forced; /* NULL: none */

#endif
