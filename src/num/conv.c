/* Which algorithm a convolution runs by: shape alone decides, unless it is asked for one. The double path is
 * always the reference. */
#include "num/conv.h"

#include "num/conv_gemm.h"
#include "num/conv_scatter.h"
#include "num/direct.h"
#include "num/wino.h"
#include "num/wino_few.h"
#include <stdio.h>

const char *const sn_conv_algorithms[] = { "auto", "direct", "winograd", "im2col", NULL };

sn_conv_algorithm sn_conv_choice(const sn_conv *d, sn_conv_pass pass) {
    bool wino = pass == SN_CONV_FORWARD ? sn_wino_forward_fits(d)
                : pass == SN_CONV_DATA  ? sn_wino_data_fits(d)
                                        : sn_wino_weights_fits(d);
    bool direct = pass == SN_CONV_FORWARD ? sn_direct_forward_fits(d)
                  : pass == SN_CONV_DATA  ? sn_direct_data_fits(d)
                                          : sn_direct_weights_fits(d);
    if (d->algorithm == SN_CONV_IM2COL) return SN_CONV_IM2COL;
    if (pass == SN_CONV_DATA && sn_conv_scatter_fits(d)) {
        direct = false;
        wino = wino && !sn_conv_scatter_beats_wino(d, sn_wino_side(d, pass));
    }
    wino |=
        pass == SN_CONV_FORWARD ? sn_few_forward_fits(d) : pass == SN_CONV_WEIGHTS && sn_few_weights_fits(d);
    if (wino && d->algorithm != SN_CONV_DIRECT) return SN_CONV_WINOGRAD;
    return direct ? SN_CONV_DIRECT : SN_CONV_IM2COL;
}

char *sn_conv_text(const sn_conv *d, sn_conv_pass pass, char *buf, size_t size) {
    sn_conv_algorithm a = sn_conv_choice(d, pass);
    bool few =
        pass == SN_CONV_FORWARD ? sn_few_forward_fits(d) : pass == SN_CONV_WEIGHTS && sn_few_weights_fits(d);
    int side = a != SN_CONV_WINOGRAD ? 0 : few ? (int)(SN_WINO_TILE + 1 - d->kh) : sn_wino_side(d, pass);
    if (side)
        snprintf(buf, size, "%s %dx%d", sn_conv_algorithms[a], side, side);
    else if (a == SN_CONV_IM2COL && pass == SN_CONV_DATA && sn_conv_scatter_fits(d))
        snprintf(buf, size, "col2im");
    else
        snprintf(buf, size, "%s", sn_conv_algorithms[a]);
    return buf;
}

size_t sn_conv_scratch(const sn_conv *d, const sn_pool *pool) {
    size_t n[] = { sn_conv_gemm_scratch(d, pool), sn_wino_scratch(d, pool), sn_direct_scratch(d, pool),
                   sn_few_scratch(d, pool), sn_conv_scatter_scratch(d, pool) };
    size_t most = n[0];
    for (size_t i = 1; i < sizeof n / sizeof n[0]; i++) most = n[i] > most ? n[i] : most;
    return most;
}

void sn_conv_forward_f32(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                         const sn_conv *d, float *scratch) {
    switch (sn_conv_choice(d, SN_CONV_FORWARD)) {
    case SN_CONV_WINOGRAD:
        (sn_few_forward_fits(d) ? sn_few_forward : sn_wino_forward)(pool, y, x, k, bias, d, NULL, scratch);
        break;
    case SN_CONV_DIRECT: sn_direct_forward(pool, y, x, k, bias, d, scratch); break;
    default: sn_conv_gemm_forward_f32(pool, y, x, k, bias, d, scratch);
    }
}

bool sn_conv_takes(const sn_conv *d, const sn_conv_after *after) {
    bool one = !after->moments != !after->scale, size = !after->pool || (d->oh > 1 && d->ow > 1);
    return one && size && sn_conv_choice(d, SN_CONV_FORWARD) == SN_CONV_WINOGRAD;
}

void sn_conv_forward_after(sn_pool *pool, float *y, const float *x, const float *k, const float *bias,
                           const sn_conv *d, const sn_conv_after *after, float *scratch) {
    /* The batch may be smaller than that of which it was asked, and have too few tiles by itself. */
    bool few = sn_few_forward_fits(d) || d->ci < SN_WINO_CHANNELS;
    (few ? sn_few_forward : sn_wino_forward)(pool, y, x, k, bias, d, after, scratch);
}

void sn_conv_backward_data_f32(sn_pool *pool, float *dx, const float *dy, const float *k, const sn_conv *d,
                               float *scratch) {
    switch (sn_conv_choice(d, SN_CONV_DATA)) {
    case SN_CONV_WINOGRAD: sn_wino_data(pool, dx, dy, k, d, scratch); break;
    case SN_CONV_DIRECT: sn_direct_data(pool, dx, dy, k, d, scratch); break;
    default:
        (sn_conv_scatter_fits(d) ? sn_conv_scatter_data : sn_conv_gemm_backward_data_f32)(pool, dx, dy, k, d,
                                                                                          scratch);
    }
}

void sn_conv_backward_weights_f32(sn_pool *pool, float *dk, float *dbias, const float *x, const float *dy,
                                  const sn_conv *d, float *scratch) {
    switch (sn_conv_choice(d, SN_CONV_WEIGHTS)) {
    case SN_CONV_WINOGRAD:
        (sn_few_weights_fits(d) ? sn_few_weights : sn_wino_weights)(pool, dk, dbias, x, dy, d, scratch);
        break;
    case SN_CONV_DIRECT: sn_direct_weights(pool, dk, dbias, x, dy, d, scratch); break;
    default: sn_conv_gemm_backward_weights_f32(pool, dk, dbias, x, dy, d, scratch);
    }
}

void sn_conv_forward_f64(sn_pool *pool, double *y, const double *x, const double *k, const double *bias,
                         const sn_conv *d, double *scratch) {
    sn_conv_gemm_forward_f64(pool, y, x, k, bias, d, scratch);
}

void sn_conv_backward_data_f64(sn_pool *pool, double *dx, const double *dy, const double *k, const sn_conv *d,
                               double *scratch) {
    sn_conv_gemm_backward_data_f64(pool, dx, dy, k, d, scratch);
}

void sn_conv_backward_weights_f64(sn_pool *pool, double *dk, double *dbias, const double *x, const double *dy,
                                  const sn_conv *d, double *scratch) {
    sn_conv_gemm_backward_weights_f64(pool, dk, dbias, x, dy, d, scratch);
}
