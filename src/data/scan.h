/* The image files below a folder, as Keras's dataset_utils.index_directory finds and orders them. */
#ifndef SN_DATA_SCAN_H
#define SN_DATA_SCAN_H

#include "base/buf.h"
#include "base/desc.h"
#include <stdint.h>

typedef struct {
    size_t at, slash; /* in text: where the path begins, and its last '/' */
    int32_t label;    /* class number; -1 = none */
} sn_scan_file;

typedef struct {
    sn_buf text;        /* paths, NUL-terminated, each beginning with the folder as given */
    sn_scan_file *file; /* (n) by class, folder and name */
    int64_t n, room;
    char **class_names; /* (nclass) */
    int nclass;
} sn_scan;

/* inferred: every folder in dir (not hidden) is a class, in byte order, or those of `classes` (may be empty) in
 * that order; else all files below dir, without labels. */
sn_status sn_scan_folder(sn_scan *, const char *dir, bool inferred, const sn_strings *classes,
                         bool follow_links, sn_err *);
void sn_scan_drop(sn_scan *);
const char *sn_scan_path(const sn_scan *, int64_t i);

#endif
