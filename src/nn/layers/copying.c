/* The calls of layers that change a shape and no value. */
#include "nn/layers/common.h"

static size_t bytes(const sn_io *io) { return (size_t)sn_shape_count(&io->out) * sizeof(real); }

void SN_R(sn_copying_forward)(const void *cfg, const sn_io *io) {
    (void)cfg;
    sn_copy_bytes(io->pool, io->y, io->x[0], bytes(io));
}

void SN_R(sn_copying_backward)(const void *cfg, const sn_io *io) {
    (void)cfg;
    if (io->dx[0]) sn_copy_bytes(io->pool, io->dx[0], io->dy, bytes(io));
}
