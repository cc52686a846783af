/* The text of objects: whatever reads, prints as text that reads back to an equal object. */
#include "base/mem.h"
#include "data/dataset.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    size_t before = sn_mem_used();
    char *text = malloc(n + 1);
    sn_err e = { 0 };
    if (!text) abort();
    if (n) memcpy(text, data, n);
    text[n] = 0;
    const char *p = text;
    sn_obj *o = sn_obj_parse(&sn_kind_dataset, &p, &e);
    if (o) {
        sn_buf b = SN_BUF_INIT(1 << 20);
        sn_obj_print(o, &b);
        p = b.data;
        sn_obj *twin = sn_obj_parse(&sn_kind_dataset, &p, &e);
        if (b.failed || !twin || !sn_obj_equal(o, twin)) abort();
        sn_obj_release(twin);
        sn_buf_free(&b);
    } else if (!e.msg[0]) {
        abort();
    }
    sn_obj_release(o);
    free(text);
    if (sn_mem_used() != before) abort();
    return 0;
}
