/* numpy's .npy format (numpy/lib/format.py): reading versions 1-3, writing version 1. */
#ifndef SN_NUM_NPY_H
#define SN_NUM_NPY_H

#include "base/archive.h"
#include "base/buf.h"
#include "num/tensor.h"

/* The header for a tensor of this type and shape; the raw data follows it. A multiple of 64 bytes. */
sn_status sn_npy_header(sn_dtype, const sn_shape *, sn_buf *out, sn_err *);
/* From the bytes of a whole .npy file. Accepts little- and big-endian f2 f4 f8, u1 u2 u4 u8, i1 i2 i4 i8, b1
 * and Fortran order, converted to the nearest of our types; object arrays and anything else are refused. what:
 * for messages. */
sn_status sn_npy_parse(sn_tensor *out, const char *bytes, size_t n, const char *what, sn_err *);
sn_status sn_npy_load(sn_tensor *out, const char *path, sn_err *);
sn_status sn_npy_save(const sn_tensor *, const char *path, sn_err *); /* atomic */
/* One member name.npy of an archive. data must stay valid until the archive is committed. */
sn_status sn_npy_add(sn_archive_writer *, const char *name, sn_dtype, const sn_shape *, const void *data,
                     sn_err *);

#endif
