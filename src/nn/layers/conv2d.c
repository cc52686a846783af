/* 2-D convolution (Keras layers/convolutional/base_conv.py): kernel (kh, kw, in, filters), bias (filters). */
#include "nn/layers/common.h"

#define conv_forward          SN_R(sn_conv_forward)
#define conv_backward_data    SN_R(sn_conv_backward_data)
#define conv_backward_weights SN_R(sn_conv_backward_weights)

typedef struct {
    sn_layer_common common;
    int64_t filters, kernel_size[2], strides[2], dilation_rate[2];
    int padding, algorithm;
    bool use_bias;
    sn_obj *activation, *kernel_initializer, *bias_initializer, *kernel_regularizer, *bias_regularizer;
} conv2d_cfg;

static const sn_field fields[] = {
    SN_INT(conv2d_cfg, filters, .pos = 1, .flags = SN_REQUIRED, .min = 1, .max = 1 << 20,
           .doc = "output channels"),
    SN_PAIR(conv2d_cfg, kernel_size, .pos = 2, .flags = SN_REQUIRED, .min = 1, .max = SN_WINDOW_MAX,
            .doc = "height and width of the kernel"),
    SN_PAIR(conv2d_cfg, strides, .def = 1, .min = 1, .max = SN_WINDOW_MAX, .doc = "step of the kernel"),
    SN_ENUM(conv2d_cfg, padding, .choices = sn_padding_names,
            .doc = "\"same\" pads with zeros: output size = input size / stride, rounded up"),
    SN_PAIR(conv2d_cfg, dilation_rate, .def = 1, .min = 1, .max = SN_WINDOW_MAX,
            .doc = "distance between the kernel's taps"),
    SN_ENUM(conv2d_cfg, algorithm, .choices = sn_conv_algorithms,
            .doc = "of the sums in float32: \"auto\" takes Winograd's for 3x3 and 5x5 kernels of step 1 where "
                   "that is faster "
                   "(error 3e-6), \"direct\" never does"),
    SN_OBJECT(conv2d_cfg, activation, .kind = &sn_kind_activation, .doc = "applied to the result"),
    SN_BOOL(conv2d_cfg, use_bias, .def = 1, .doc = "add a bias to each filter"),
    SN_OBJECT(conv2d_cfg, kernel_initializer, .kind = &sn_kind_initializer, .sdef = "glorot_uniform",
              .doc = "first values of the kernel"),
    SN_OBJECT(conv2d_cfg, bias_initializer, .kind = &sn_kind_initializer, .sdef = "zeros",
              .doc = "first values of the bias"),
    SN_OBJECT(conv2d_cfg, kernel_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on the kernel"),
    SN_OBJECT(conv2d_cfg, bias_regularizer, .kind = &sn_kind_regularizer, .doc = "penalty on the bias"),
    SN_FIELDS_END,
};

static sn_window window(const conv2d_cfg *c) {
    return (
        sn_window){ "conv2d", "kernel_size", c->kernel_size, c->strides, c->dilation_rate, c->padding == 1 };
}

static sn_conv geometry(const conv2d_cfg *c, const sn_shape *in) {
    sn_window w = window(c);
    sn_conv d = sn_layer_window_of(&w, in, c->filters);
    d.algorithm = c->algorithm;
    return d;
}

static sn_status plan(const void *cfg, const sn_shape *in, int nin, sn_layer_plan *p, const sn_pool *pool,
                      sn_err *e) {
    (void)nin;
    const conv2d_cfg *c = cfg;
    sn_window w = window(c);
    sn_conv d;
    if (sn_layer_window(&w, in, c->filters, &d, e) != SN_OK) return SN_ESHAPE;
    d.algorithm = c->algorithm;
    sn_shape out = { 4, { d.n, d.oh, d.ow, d.co } };
    int64_t field = d.kh * d.kw; /* fans: Keras initializers/random_initializers.py compute_fans */
    sn_param_spec kernel = { "kernel",
                             { 4, { d.kh, d.kw, d.ci, d.co } },
                             c->kernel_initializer,
                             c->kernel_regularizer,
                             field * d.ci,
                             field * d.co,
                             true };
    sn_param_spec bias = {
        "bias", { 1, { d.co } }, c->bias_initializer, c->bias_regularizer, d.co, d.co, true
    };
    sn_status s = sn_layer_set_out("conv2d", &out, p, e);
    if (s == SN_OK) s = sn_layer_add_param("conv2d", &kernel, p, e);
    if (s == SN_OK && c->use_bias) s = sn_layer_add_param("conv2d", &bias, p, e);
    if (s != SN_OK) return s;
    p->flags = c->common.trainable ? SN_KEEP_X | SN_INPLACE_BACK : 0; /* the data gradient alone reads no x */
    p->scratch = sn_conv_scratch(&d, pool);
    p->macs = (double)d.n * (double)(d.oh * d.ow) * (double)(field * d.ci) * (double)d.co;
    return SN_OK;
}

#ifdef SN_F64
static const sn_fusing *const fusing = NULL;
#else
static sn_part part(const void *cfg) {
    (void)cfg;
    return SN_PART_CONV;
}

static bool takes(const void *cfg, const sn_shape *in, const sn_conv_after *after) {
    sn_conv d = geometry(cfg, in);
    return sn_conv_takes(&d, after);
}

static void forward_after(const void *cfg, const sn_io *io, const sn_conv_after *after) {
    const conv2d_cfg *c = cfg;
    sn_conv d = geometry(c, io->in);
    sn_conv_forward_after(io->pool, io->y, io->x[0], io->p[0], c->use_bias ? io->p[1] : NULL, &d, after,
                          io->scratch);
}

static const sn_fusing faces = { .part = part, .takes = takes, .forward_after = forward_after };
static const sn_fusing *const fusing = &faces;
#endif

/* With the statistics that the normalization behind it wants, where the algorithm has them at hand. */
static bool forward_with_moments(const void *cfg, const sn_io *io) {
    if (!io->moments) return false;
    sn_conv_after after = { .moments = io->moments + 1 };
    bool taken = fusing && fusing->takes(cfg, io->in, &after);
    io->moments[0] = taken;
    if (taken) fusing->forward_after(cfg, io, &after);
    return taken;
}

static void forward(const void *cfg, const sn_io *io) {
    const conv2d_cfg *c = cfg;
    if (forward_with_moments(cfg, io)) return;
    sn_conv d = geometry(c, io->in);
    conv_forward(io->pool, io->y, io->x[0], io->p[0], c->use_bias ? io->p[1] : NULL, &d, io->scratch);
}

static void backward(const void *cfg, const sn_io *io) {
    const conv2d_cfg *c = cfg;
    sn_conv d = geometry(c, io->in);
    if (io->dp[0])
        conv_backward_weights(io->pool, io->dp[0], c->use_bias ? io->dp[1] : NULL, io->x[0], io->dy, &d,
                              io->scratch);
    if (io->dx[0]) conv_backward_data(io->pool, io->dx[0], io->dy, io->p[0], &d, io->scratch);
}

static void passes(const void *cfg, const sn_shape *in, sn_pass pass, char text[SN_PASS_TEXT]) {
    sn_conv d = geometry(cfg, in);
    sn_conv_text(&d,
                 pass == SN_PASS_FORWARD ? SN_CONV_FORWARD
                 : pass == SN_PASS_DATA  ? SN_CONV_DATA
                                         : SN_CONV_WEIGHTS,
                 text, SN_PASS_TEXT);
}

static sn_obj *activation(const void *cfg) { return ((const conv2d_cfg *)cfg)->activation; }

const sn_layer_type SN_R(sn_layer_conv2d) = {
    .desc = { .name = "conv2d",
              .brief = "2-D convolution of images (batch, height, width, channels)",
              .example = "conv2d{ 32, 5, padding = \"same\", activation = \"relu\" }",
              .fields = fields,
              .cfg_size = sizeof(conv2d_cfg) },
    .nin = 1,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .activation = activation,
#ifndef SN_F64
    .fusing = &faces,
#endif
    .passes = passes,
    .check = { { "conv2d{filters=3, kernel_size={2, 3}}", 2, 1, { { 4, { 2, 5, 7, 2 } } } },
               { "conv2d{filters=4, kernel_size=5, padding=\"same\"}", 1, 1, { { 4, { 1, 6, 5, 3 } } } },
               { "conv2d{filters=2, kernel_size=4, padding=\"same\", strides={2, 3}}",
                 3,
                 1,
                 { { 4, { 3, 7, 8, 3 } } } },
               { "conv2d{filters=3, kernel_size={3, 2}, padding=\"same\", dilation_rate={2, 3}, "
                 "use_bias=false}",
                 2,
                 1,
                 { { 4, { 2, 6, 5, 1 } } } },
               { "conv2d{filters=5, kernel_size=3, strides=2, dilation_rate=2}",
                 1,
                 1,
                 { { 4, { 1, 9, 8, 2 } } } },
               { "conv2d{filters=7, kernel_size=1, strides={1, 2}}", 2, 1, { { 4, { 2, 3, 4, 5 } } } },
               { "conv2d{filters=17, kernel_size={1, 4}, padding=\"same\"}", 1, 1, { { 4, { 1, 1, 3, 2 } } } },
               { "conv2d{filters=2, kernel_size=2, trainable=false}", 2, 1, { { 4, { 2, 3, 3, 2 } } } } },
};
