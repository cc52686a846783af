/* What several layer files share: checks of shapes and sizes, and per-channel sums over rows. */
#ifndef SN_NN_LAYERS_COMMON_H
#define SN_NN_LAYERS_COMMON_H

#include "nn/layer.h"
#include "nn/objects.h"
#include "num/conv.h"

extern const char *const sn_padding_names[]; /* "valid", "same": padding == 1 means same */

/* The largest sizes that fields accept: far above use, far below overflow of a product of a few of them. */
enum { SN_SIZE_MAX = 1 << 30, SN_WINDOW_MAX = 4096 };

/* Shape checks of plan functions. layer is the type's name; every error says what was got and what to do. */
sn_status sn_layer_set_out(const char *layer, const sn_shape *out, sn_layer_plan *, sn_err *);
sn_status sn_layer_add_param(const char *layer, const sn_param_spec *, sn_layer_plan *, sn_err *);

/* A window sliding over images, as conv2d and the pools have it. what: the user's name of it ("kernel_size").
 */
typedef struct {
    const char *layer, *what;
    const int64_t *size, *strides, *dilation; /* pairs; dilation may be NULL */
    bool same;
} sn_window;
sn_status sn_layer_window(const sn_window *, const sn_shape *in, int64_t co, sn_conv *d, sn_err *);
/* The same for a shape that plan has accepted. */
sn_conv sn_layer_window_of(const sn_window *, const sn_shape *in, int64_t co);

/* Copies n bytes on the pool; nothing when y is x. */
void sn_copy_bytes(sn_pool *, void *y, const void *x, size_t n);
/* forward and backward of layers that change a shape and no value. */
void SN_R(sn_copying_forward)(const void *cfg, const sn_io *);
void SN_R(sn_copying_backward)(const void *cfg, const sn_io *);

/* Per-channel sums over the rows of (rows, cols) arrays, in double. The grid depends on rows and cols only;
 * partial sums are combined in order. scratch: sn_colsum_scratch elements, aligned for double. */
typedef enum {
    SN_COL_SUM,        /* out (cols): sum of x */
    SN_COL_MOMENTS,    /* out (2, cols): mean of x; sum of (x - mean)^2; x is read from memory once */
    SN_COL_SUM_DOT_DEV /* out (2, cols): sum of x; sum of x (y - mean) */
} sn_col_op;
/* Rows of x (not of moments) that are made when they are read, instead of an array of them: fill writes rows
 * from .. from + n. room: for each of the pool's workers SN_COL_ROOM elements, what fill gets at most. At most
 * SN_COL_WIDTH columns. */
enum { SN_COL_WIDTH = 1024, SN_COL_ROOM = 1 << 15 };
typedef struct {
    void (*fill)(const void *ctx, void *out, size_t from, size_t n);
    const void *ctx;
    void *room;
} sn_row_source;
size_t SN_R(sn_colsum_scratch)(size_t rows, size_t cols); /* in elements of real; never shrinks as rows grow */
void SN_R(sn_colsum)(sn_pool *, sn_col_op, double *out, const real *x, const sn_row_source *, const real *y,
                     const real *mean, size_t rows, size_t cols, void *scratch);

/* db[c] += sum of dy[:, c]. */
size_t SN_R(sn_bias_grad_scratch)(size_t rows, size_t cols); /* in elements of real */
void SN_R(sn_bias_grad)(sn_pool *, real *db, const real *dy, size_t rows, size_t cols, void *scratch);

#endif
