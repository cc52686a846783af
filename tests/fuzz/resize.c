/* Resizing between any two shapes, by every method: all reads stay inside the picture, all values are written.
 */
#include "data/resize.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const int channels[3] = { 1, 3, 4 };
    if (n < 10) return 0;
    int64_t h = 1 + data[0] + (data[1] & 3) * 256, w = 1 + data[2] + (data[3] & 3) * 256;
    int64_t oh = 1 + data[4] % 64, ow = 1 + data[5] % 64;
    sn_interpolation how = (sn_interpolation)(data[6] & 7);
    sn_fit fit = (sn_fit)(data[7] % 3);
    sn_image m = { h, w, channels[data[8] % 3], NULL };
    sn_err e = { 0 };
    size_t count = (size_t)(h * w * m.channels), out = (size_t)(oh * ow * m.channels), before = sn_mem_used();
    m.data = malloc(count);
    float *f = malloc(out * sizeof *f);
    uint8_t *u = malloc(out);
    if (!m.data || !f || !u) abort();
    for (size_t i = 0; i < count; i++) m.data[i] = data[9 + i % (n - 9)];
    for (size_t i = 0; i < out; i++) f[i] = NAN;
    if (sn_resize(f, oh, ow, &m, how, fit, &e) != SN_OK) abort();
    if (sn_resize_u8(u, oh, ow, &m, how, fit, &e) != SN_OK) abort();
    for (size_t i = 0; i < out; i++) {
        float cut = f[i] < 0 ? 0 : f[i] > 255 ? 255 : f[i];
        if (!(fabsf((float)u[i] - cut) <= 0.501f)) abort();
    }
    free(m.data);
    free(f);
    free(u);
    if (sn_mem_used() != before) abort();
    return 0;
}
