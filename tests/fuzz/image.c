/* Image decoding with any bytes: the guard, then stb_image. PNG checksums are put right first, since the guard
 * would otherwise stop nearly every mutation before it reaches the decoder. */
#include "data/image.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void fix_checksums(uint8_t *p, size_t n) {
    if (n < 8 || memcmp(p, "\x89PNG", 4) != 0) return;
    for (size_t at = 8; n - at >= 12;) {
        size_t len = be32(p + at);
        if (len > n - at - 12) return;
        uint32_t crc = (uint32_t)crc32(0, p + at + 4, (uInt)len + 4);
        for (int i = 0; i < 4; i++) p[at + 8 + len + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const int channels[3] = { 3, 1, 4 };
    uint8_t *p = malloc(n ? n : 1); /* exactly n bytes: reading one beyond is seen */
    sn_image m;
    sn_err e = { 0 };
    if (!p) return 0;
    if (n) memcpy(p, data, n);
    fix_checksums(p, n);
    size_t before = sn_mem_used();
    if (sn_image_decode(&m, p, n, channels[n % 3], 1 << 18, &e) == SN_OK) {
        unsigned sum = 0;
        for (int64_t i = 0; i < m.h * m.w * m.channels; i++) sum += m.data[i];
        __asm__ volatile("" : : "r"(sum)); /* the sum is wanted: every pixel is read */
    } else if (!e.msg[0] || m.data) {
        abort();
    }
    sn_image_drop(&m);
    if (sn_mem_used() != before) abort();
    free(p);
    return 0;
}
