/* The list of dataset types, from datasets.def. */
#include "data/dataset.h"

#define SN_DATASET(name) extern const sn_dataset_type sn_dataset_type_##name;
#include "data/datasets.def"
#undef SN_DATASET

static const sn_desc *const list[] = {
#define SN_DATASET(name) &sn_dataset_type_##name.desc,
#include "data/datasets.def"
#undef SN_DATASET
    NULL
};

const sn_kind sn_kind_dataset = { "dataset", list, NULL };
