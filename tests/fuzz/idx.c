/* Reading IDX files with any bytes, plain or gzip. */
#include "base/mem.h"
#include "data/dataset.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define LABELED "idx{images=\"/proc/self/fd/%d\", labels=\"/proc/self/fd/%d\"}" /* of one file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char text[200];
    const char *p = text;
    sn_err e = { 0 };
    sn_dataset *d = NULL;
    size_t before = sn_mem_used();
    sn_mem_set_limit((size_t)256 << 20);
    int fd = memfd_create("idx", 0);
    if (fd < 0 || (n && write(fd, data, n) != (ssize_t)n)) abort();
    snprintf(text, sizeof text, n % 2 ? "idx{images=\"/proc/self/fd/%d\"}" : LABELED, fd, fd);
    sn_obj *o = sn_obj_parse(&sn_kind_dataset, &p, &e);
    if (!o) abort();
    if (sn_dataset_open(o, &d, &e) == SN_OK) {
        float y, *x = malloc((size_t)sn_shape_count(&d->x_shape) * sizeof *x);
        for (int64_t i = 0; x && i < d->count && i < 100; i++)
            if (d->fns->get(d, i, x, &y, &e) != SN_OK) abort();
        free(x);
    } else if (d || !e.msg[0]) {
        abort();
    }
    sn_dataset_release(d);
    sn_obj_release(o);
    close(fd);
    if (sn_mem_used() != before) abort();
    return 0;
}
