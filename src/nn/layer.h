/* What a layer is: a descriptor with functions. One C file in nn/layers/ and one line in nn/layers.def add a
 * layer; its Lua constructor, checks, help, completion, saving and gradient check follow from the tables.
 *
 * Layer files are compiled twice (num/real.h): they define `const sn_layer_type SN_R(sn_layer_NAME)`. Buffers
 * are void pointers to `real`. Functions return void: whatever can fail was settled in plan. */
#ifndef SN_NN_LAYER_H
#define SN_NN_LAYER_H

#include "base/desc.h"
#include "base/pool.h"
#include "num/conv.h"
#include "num/kern.h"
#include "num/real.h"
#include "num/tensor.h"

enum { SN_MAXPARAM = 4, SN_MAXSAVED = 3, SN_MAXCHECK = 8, SN_ANY_INPUTS = -2 /* one or more */ };

/* Every layer's configuration begins with this. */
typedef struct {
    char *name; /* NULL: made from the layer's type: conv2d, conv2d_1, ... */
    bool trainable;
    sn_dims input_shape;          /* one sample's shape, on the first layer of a sequential */
    sn_obj *activity_regularizer; /* of the layer's output (after its activation); divided by the batch, as
                                     Keras 3 */
} sn_layer_common;

typedef struct {
    const char *name; /* "kernel" */
    sn_shape shape;
    sn_obj *initializer;     /* borrowed from the configuration */
    sn_obj *regularizer;     /* borrowed; NULL = none */
    int64_t fan_in, fan_out; /* Keras initializers' compute_fans */
    bool trainable;          /* false: a statistic (moving_mean) */
} sn_param_spec;

/* What the backward pass of a layer reads, and what may share memory. */
enum {
    SN_KEEP_X = 1,       /* its inputs */
    SN_KEEP_Y = 2,       /* its output */
    SN_INPLACE = 4,      /* forward may write y over x[0] (same size) */
    SN_INPLACE_GRAD = 8, /* backward may write dx[0] over dy (same size) */
    SN_INPLACE_BACK = 16 /* backward may write dx[0] over x[0]: it has read x[0] by then */
};

/* Filled by plan. Sizes are in ELEMENTS and for the batch in the input shapes. */
typedef struct {
    sn_shape out; /* batch first */
    int nparam;
    sn_param_spec param[SN_MAXPARAM];
    unsigned flags;            /* SN_KEEP_X ... */
    size_t saved[SN_MAXSAVED]; /* buffers kept from forward to backward (training only) */
    size_t scratch;            /* valid during one call */
    double macs;               /* multiply-adds of one forward call, for summary */
} sn_layer_plan;

typedef struct {
    int nin;
    const sn_shape *in; /* nin shapes, batch first */
    sn_shape out;
    const void *const *x; /* nin inputs */
    void *y;
    const void *dy;
    void *const *dx; /* nin; a NULL entry: not wanted */
    const void *p[SN_MAXPARAM];
    void *dp[SN_MAXPARAM];   /* ADD to these; NULL: not wanted (frozen layer) */
    void *stat[SN_MAXPARAM]; /* commit only: writable p of non-trainable parameters */
    void *saved[SN_MAXSAVED];
    void *scratch;
    /* (1 + 2 C), or NULL: [0] tells whether the rest holds the means of a convolution's outputs and the sums of
     * their squared deviations, which it took along for the normalization behind it. */
    double *moments;
    bool train;          /* training behaviour (dropout on, batch statistics) */
    uint64_t seed, step; /* of this step's randomness */
    uint32_t id;         /* this call's number in the model: keeps two dropouts apart */
    sn_pool *pool;
} sn_io;

/* What a layer does to each value, for plans that run several layers in one pass over memory (nn/group.h). */
typedef enum {
    SN_PART_NONE,    /* something else */
    SN_PART_CONV,    /* a convolution, which can take along what comes after it */
    SN_PART_AFFINE,  /* y = a[c] x + b[c], per channel: the last axis */
    SN_PART_RELU,    /* y = max(x, 0) */
    SN_PART_POOL,    /* the largest of each window */
    SN_PART_DROPOUT, /* y = x scale, or 0 at random */
    SN_PARTS
} sn_part;

/* The elements of a tensor that dropout keeps: those whose word of philox(key, hi) is at least threshold. */
typedef struct {
    bool none, all; /* keeps all, as they are; drops all */
    uint64_t key, hi;
    uint32_t threshold;
    double scale; /* a `real` value */
} sn_keeps;

/* One function of each part. Vectors of (C) `real` are NULL, or lie in io->scratch. */
typedef struct {
    sn_part (*part)(const void *cfg);
    bool (*takes)(const void *cfg, const sn_shape *in, const sn_conv_after *);
    void (*forward_after)(const void *cfg, const sn_io *, const sn_conv_after *);
    /* What forward multiplies with and adds, from the statistics of io->x[0] in training. */
    void (*affine)(const void *cfg, const sn_io *, const void **a, const void **b);
    /* With sums (2, C) over the rows of dy and of dy (x - center): adds to dp; dx = a dy + b x + k. Their place
     * in scratch, behind what summing takes. */
    double *(*sums)(const void *cfg, const sn_io *);
    const void *(*center)(const void *cfg, const sn_io *);
    void (*affine_grad)(const void *cfg, const sn_io *, const double *sums, const void **a, const void **b,
                        const void **k);
    sn_windows (*windows)(const void *cfg, const sn_shape *in);
    sn_keeps (*keeps)(const void *cfg, const sn_io *);
} sn_fusing;

/* The passes of a training step, of layers whose work is worth choosing how to do. */
typedef enum { SN_PASS_FORWARD, SN_PASS_DATA, SN_PASS_WEIGHTS, SN_PASSES } sn_pass;
enum { SN_PASS_TEXT = 32 };

typedef struct sn_layer_type {
    sn_desc desc; /* first member: a layer type is an sn_desc */
    int nin;      /* inputs; -1 = two or more; SN_ANY_INPUTS */
    /* Shapes, parameters, buffers; or an error that names the layer, the shape it got and the remedy. */
    sn_status (*plan)(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *, const sn_pool *, sn_err *);
    /* Memory for the next forward or backward, where the plan's is not all; called right before it, so that a
     * step that lacks memory fails before it changes anything. NULL = none. */
    sn_status (*prepare)(const void *cfg, const sn_io *, bool backward, sn_err *);
    void (*forward)(const void *cfg, const sn_io *);
    void (*backward)(const void *cfg, const sn_io *); /* writes dx, ADDS to dp */
    /* After a whole training step has succeeded: updates statistics (moving_mean). NULL = none. Kept apart from
     * forward so that an interrupted step changes nothing. */
    void (*commit)(const void *cfg, const sn_io *);
    /* The activation that follows this layer's own computation (cfg's `activation`), NULL = none. */
    sn_obj *(*activation)(const void *cfg);
    const sn_fusing *fusing; /* NULL: never runs in one pass with others */
    /* What a pass in float over inputs of that shape is computed by, in a word or two; NULL: plain loops. */
    void (*passes)(const void *cfg, const sn_shape *in, sn_pass, char text[SN_PASS_TEXT]);
    /* Gradient-check cases, as object text and one sample's input shapes; at least one. */
    struct {
        const char *cfg; /* "conv2d{filters=3, kernel_size={2, 3}}" */
        int batch, nin;  /* nin = 0 means 1 */
        sn_shape in[2];
    } check[SN_MAXCHECK];
} sn_layer_type;

/* Tables made from layers.def; entry i of both is the same layer. NULL-terminated. */
extern const sn_layer_type *const sn_layer_types_f32[];
extern const sn_layer_type *const sn_layer_types_f64[];
extern const sn_kind sn_kind_layer;
/* The twin of an f32 type in that precision. */
const sn_layer_type *sn_layer_in(const sn_desc *, sn_dtype);

/* Shared by layers' plan functions. */
sn_status sn_layer_want_rank(const char *layer, const sn_shape *in, int rank, const char *axes, sn_err *);

#endif
