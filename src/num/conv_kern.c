#include "num/conv_kern.h"

#include "num/kern.h"
#include <string.h>

const sn_conv_kern *sn_conv_forced;

extern const sn_conv_kern sn_conv_kern_base;
#if defined(__x86_64__)
extern const sn_conv_kern sn_conv_kern_v3, sn_conv_kern_v4;
#endif

const sn_conv_kern *sn_conv_kernels(const char *isa) {
#if defined(__x86_64__)
    if (strcmp(isa, "v4") == 0) return &sn_conv_kern_v4;
    if (strcmp(isa, "v3") == 0) return &sn_conv_kern_v3;
#endif
    (void)isa;
    return &sn_conv_kern_base;
}

const sn_conv_kern *sn_conv_kern_now(void) {
    return sn_conv_forced ? sn_conv_forced : sn_conv_kernels(sn_kern_f32()->isa);
}

const sn_conv_rows *sn_conv_rows_for(const sn_conv_kern *kern, int64_t n, bool narrow) {
    const sn_conv_rows *best = NULL;
    int64_t least = 0;
    for (int i = 0; i < SN_CONV_ROWS; i++) {
        const sn_conv_rows *r = &kern->rows[i];
        int64_t computed = (n + r->pixels - 1) / r->pixels * r->pixels;
        if (r->narrow != narrow || (best && computed >= least)) continue;
        best = r;
        least = computed;
    }
    return best;
}
