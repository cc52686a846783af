/* .npy files with any bytes. */
#include "num/npy.h"
#include "base/mem.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    size_t before = sn_mem_used();
    char *p = malloc(n ? n : 1); /* exactly n bytes: reading one beyond is seen */
    sn_tensor t;
    sn_err e = { 0 };
    if (!p) abort();
    if (n) memcpy(p, data, n);
    sn_mem_set_limit((size_t)256 << 20);
    if (sn_npy_parse(&t, p, n, "fuzz", &e) == SN_OK) {
        double sum = 0;
        for (int64_t i = 0; i < sn_shape_count(&t.shape); i++) sum += sn_tensor_get(&t, i);
        __asm__ volatile("" : : "r"(&sum) : "memory"); /* the sum is wanted: every value is read */
        sn_tensor_drop(&t);
    } else if (!e.msg[0]) {
        abort();
    }
    free(p);
    if (sn_mem_used() != before) abort();
    return 0;
}
