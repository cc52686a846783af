/* Datasets: a fixed number of samples, each a pure function of its index, callable from any thread. */
#ifndef SN_DATA_DATASET_H
#define SN_DATA_DATASET_H

#include "base/desc.h"
#include "num/tensor.h"

typedef struct sn_dataset sn_dataset;

/* What kinds of dataset can be constructed: one C file in data/datasets/ and one line in data/datasets.def. */
typedef struct sn_dataset_type {
    sn_desc desc;
    sn_status (*open)(sn_obj *cfg, sn_dataset **out, sn_err *); /* cfg is retained by the dataset */
} sn_dataset_type;
extern const sn_kind sn_kind_dataset;

/* The functions of an open dataset. */
typedef struct {
    /* Sample i: x (x_shape) and y (y_shape) written as floats. SN_ESKIP: this sample cannot be had (a broken
     * file that was warned about); any other error ends the pass. */
    sn_status (*get)(sn_dataset *, int64_t i, float *x, float *y, sn_err *);
    /* y alone, without decoding x. */
    sn_status (*label)(sn_dataset *, int64_t i, float *y, sn_err *);
    void (*free)(sn_dataset *); /* its own members; not the struct, obj, class_names or notice */
    /* Known to be broken (found while decoding). NULL = none ever is. */
    bool (*broken)(const sn_dataset *, int64_t i);
    /* A name for sample i ("pets/train/cat/1.jpg"), borrowed. NULL = samples have none. */
    const char *(*sample_name)(const sn_dataset *, int64_t i);
    /* A number that changes when the samples would. */
    uint64_t (*fingerprint)(const sn_dataset *);
    /* Of one sample's numbers, for data in memory: then only they count, not how the dataset was made, and
     * fingerprint is not called. NULL = what the samples hold is not at hand. */
    uint64_t (*hash_sample)(const sn_dataset *, int64_t i);
    /* All samples as they stand in memory, (count, x_shape) and (count, y_shape) or NULL, where get would only
     * copy them. False, or NULL: they are not there. */
    bool (*rows)(const sn_dataset *, const float **x, const float **y);
    bool quick; /* get does little more than copy: a small batch is made faster than a thread is woken */
} sn_dataset_fns;

struct sn_dataset {
    int refs; /* atomic */
    const sn_dataset_fns *fns;
    sn_obj *obj;               /* how it was made; NULL for views */
    int64_t count;             /* samples, broken ones included */
    sn_shape x_shape, y_shape; /* one sample's; y_shape.n = 0: class index as a scalar */
    bool has_y;
    int nclass;         /* 0 = unknown */
    char **class_names; /* nclass, or NULL */
    char *notice;       /* lines to show once when it is made ("Found 8 files ..."), or NULL; owned */
};

/* A tensor that configurations and Lua can share: what a field of handle type sn_tensor_handle points to. */
typedef struct {
    int refs; /* atomic */
    sn_tensor t;
} sn_tensor_box;
extern const sn_handle_type sn_tensor_handle;                  /* retain and release take an sn_tensor_box */
sn_tensor_box *sn_tensor_box_new(const sn_tensor *, sn_err *); /* shares the tensor's data; refs = 1 */

/* The seed of datasets that are given none (seed = 0); 0 until set. */
void sn_dataset_set_seed(uint64_t seed);
uint64_t sn_dataset_seed(void);

sn_status sn_dataset_open(sn_obj *cfg, sn_dataset **, sn_err *);
sn_dataset *sn_dataset_retain(sn_dataset *);
void sn_dataset_release(sn_dataset *);
/* From tensors in memory: x (n, ...) and y (n, ...) or NULL; both shared. */
sn_status sn_dataset_tensors(sn_dataset **, const sn_tensor *x, const sn_tensor *y, sn_err *);
/* A view of the samples whose numbers stand in index[count] (copied). */
sn_status sn_dataset_view(sn_dataset **, sn_dataset *base, const int64_t *index, int64_t count, sn_err *);
/* Two views: the first round(fraction * count) samples and the rest, after a shuffle with seed when shuffle. */
sn_status sn_dataset_split(sn_dataset *, double fraction, bool shuffle, uint64_t seed, sn_dataset **first,
                           sn_dataset **rest, sn_err *);
sn_status sn_dataset_take(sn_dataset *, int64_t n, sn_dataset **, sn_err *); /* the first n (all when fewer) */
/* (count, y...) of the samples not known to be broken. */
sn_status sn_dataset_labels(sn_dataset *, sn_tensor *, sn_err *);
bool sn_dataset_quick(const sn_dataset *);     /* sn_dataset_fns; of a view, what it is a part of */
int64_t sn_dataset_broken(const sn_dataset *); /* how many are known to be broken */
/* A number that changes when the data would: count, shapes, kind and (folders) the file names. Resuming
 * compares it. */
uint64_t sn_dataset_fingerprint(const sn_dataset *);
const char *sn_dataset_sample_name(const sn_dataset *, int64_t i); /* borrowed; NULL = none */
sn_obj *sn_dataset_origin(const sn_dataset *); /* how it was made; of a view, what it is a part of. Borrowed */

/* ---- for the files of data/datasets/ ---- */

/* How a class number is served; the choices of a field label_mode, in this order. */
typedef enum { SN_LABEL_INT, SN_LABEL_CATEGORICAL, SN_LABEL_BINARY, SN_LABEL_NONE } sn_label_mode;
extern const char *const sn_label_modes[];
void sn_label_shape(sn_dataset *, sn_label_mode); /* sets has_y and y_shape from nclass */
void sn_label_write(float *y, sn_label_mode, int nclass, int64_t label);
/* Zeroed, size bytes, beginning with an sn_dataset that has refs, fns and (retained) obj set. NULL on failure.
 */
void *sn_dataset_alloc(size_t size, const sn_dataset_fns *, sn_obj *, sn_err *);
sn_status sn_dataset_name_classes(sn_dataset *, char *const *names, int n, sn_err *); /* copies; sets nclass */
uint64_t sn_hash_bytes(uint64_t h, const void *, size_t);
uint64_t sn_hash_shape(uint64_t h, const sn_shape *);
/* out[i] = scale * in[i]; in may lie in the last n bytes of out, so that bytes are expanded in place. */
void sn_bytes_to_float(float *out, const uint8_t *in, int64_t n, float scale);

#endif
