/* numpy's .npz: a zip archive of .npy members. Compressed members (numpy.savez_compressed) are read too;
 * writing stores them plain, as numpy.savez does. */
#ifndef SN_IO_NPZ_H
#define SN_IO_NPZ_H

#include "num/tensor.h"

/* All-zero is a valid empty one; drop is idempotent. */
typedef struct {
    int64_t n;
    char **name; /* without ".npy" */
    sn_tensor *tensor;
} sn_npz;

/* Every member called NAME.npy; a file without any is an error. After a failure nz is empty. */
sn_status sn_npz_load(sn_npz *nz, const char *path, sn_err *);
void sn_npz_drop(sn_npz *nz);
/* Written atomically, in the order given. n >= 1; names must differ and be usable as member names. */
sn_status sn_npz_save(const char *path, const char *const *names, const sn_tensor *const *tensors, int64_t n,
                      sn_err *);

#endif
