/* A folder of images, one folder per class: Keras's image_dataset_from_directory (keras/src/utils/
 * image_dataset_utils.py), as a dataset of floats 0..255. */
#include "data/dataset.h"

#include "base/mem.h"
#include "base/rng.h"
#include "data/cache.h"
#include "data/resize.h"
#include "data/scan.h"
#include <string.h>

typedef enum { COLOR_RGB, COLOR_GRAYSCALE, COLOR_RGBA } color_mode;
typedef enum { SUBSET_NONE, SUBSET_TRAINING, SUBSET_VALIDATION } subset;
typedef enum { LABELS_INFERRED, LABELS_NONE } labels_from;
typedef enum { ERROR_SKIP, ERROR_RAISE } on_error;

static const char *const colors[] = { "rgb", "grayscale", "rgba", NULL };
static const char *const subsets[] = { "none", "training", "validation", NULL };
static const char *const label_sources[] = { "inferred", "none", NULL };
static const char *const error_ways[] = { "skip", "raise", NULL };
static const int color_channels[] = { 3, 1, 4 };

typedef struct {
    char *directory;
    int labels, label_mode;
    sn_strings class_names;
    int color_mode;
    int64_t image_size[2]; /* height, width */
    int interpolation;
    bool shuffle;
    int64_t seed;
    double validation_split;
    int subset;
    bool crop_to_aspect_ratio, pad_to_aspect_ratio, follow_links;
    double rescale;
    int cache;
    char *cache_dir;
    int on_error;
    int64_t max_pixels;
} folder_cfg;

typedef struct {
    sn_dataset d;
    const folder_cfg *cfg;
    sn_label_mode mode;
    sn_scan scan;
    int64_t *order; /* (count) into scan.file */
    size_t bytes;   /* of one picture */
    sn_cache *cache;
} folder;

/* ---- one sample ---- */

static sn_status decode(const folder *f, const char *path, uint8_t *out, sn_err *e) {
    const folder_cfg *c = f->cfg;
    sn_image_way way = { .h = c->image_size[0],
                         .w = c->image_size[1],
                         .channels = color_channels[c->color_mode],
                         .interpolation = (sn_interpolation)c->interpolation,
                         .fit = c->crop_to_aspect_ratio  ? SN_FIT_CROP
                                : c->pad_to_aspect_ratio ? SN_FIT_PAD
                                                         : SN_FIT_STRETCH,
                         .max_pixels = c->max_pixels };
    return sn_image_read(out, path, &way, e);
}

/* File names come from anywhere: what could steer a terminal is not printed. */
static void make_printable(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 32 || *s == 127) *s = '?';
}

/* The one place where a file is found to be broken, and said to be, once. */
static sn_status fill(void *ctx, int64_t i, uint8_t *out, sn_err *e) {
    folder *f = ctx;
    sn_err why = { 0 };
    sn_status s = decode(f, sn_scan_path(&f->scan, f->order[i]), out, &why);
    if (s == SN_OK) return s;
    make_printable(why.msg);
    if (s == SN_ENOMEM) return sn_fail(e, s, "%s", why.msg);
    if (f->cfg->on_error == ERROR_RAISE)
        return sn_fail(e, s, "image_folder: %s; remove the file, or use on_error = \"skip\"", why.msg);
    sn_warn("%s; skipped", why.msg);
    return sn_fail(e, SN_ESKIP, "%s; skipped", why.msg);
}

static sn_status label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    folder *f = (folder *)d;
    (void)e;
    if (d->has_y) sn_label_write(y, f->mode, d->nclass, f->scan.file[f->order[i]].label);
    return SN_OK;
}

static sn_status get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    folder *f = (folder *)d;
    const uint8_t *at;
    /* bytes of the picture go to the end of x's room and are widened from there */
    uint8_t *room = (uint8_t *)x + 3 * f->bytes;
    sn_status s = sn_cache_get(f->cache, i, room, &at, fill, f, e);
    if (s != SN_OK) return s;
    sn_bytes_to_float(x, at, (int64_t)f->bytes, (float)f->cfg->rescale);
    return label(d, i, y, e);
}

static bool broken(const sn_dataset *d, int64_t i) { return sn_cache_broken(((const folder *)d)->cache, i); }

static const char *sample_name(const sn_dataset *d, int64_t i) {
    const folder *f = (const folder *)d;
    return sn_scan_path(&f->scan, f->order[i]);
}

/* Names below the folder, so that a run can be resumed where the folder stands elsewhere. */
static uint64_t fingerprint(const sn_dataset *d) {
    const folder *f = (const folder *)d;
    const folder_cfg *c = f->cfg;
    int64_t how[] = { c->color_mode, c->interpolation, c->crop_to_aspect_ratio, c->pad_to_aspect_ratio };
    size_t skip = strlen(c->directory);
    while (skip > 1 && c->directory[skip - 1] == '/') skip--;
    uint64_t h = sn_hash_bytes(sn_hash_bytes(0, how, sizeof how), &c->rescale, sizeof c->rescale);
    for (int64_t i = 0; i < d->count; i++) {
        const char *name = sample_name(d, i) + skip;
        h = sn_hash_bytes(h, name, strlen(name));
    }
    return h;
}

static void drop(sn_dataset *d) {
    folder *f = (folder *)d;
    sn_cache_free(f->cache);
    sn_free(f->order);
    sn_scan_drop(&f->scan);
}

static const sn_dataset_fns fns = { get, label, drop, broken, sample_name, fingerprint };

/* ---- opening ---- */

/* Shuffled once, as there; the validation files are the last int(split * n) of that order. */
static sn_status choose_files(folder *f, sn_buf *notice, sn_err *e) {
    const folder_cfg *c = f->cfg;
    int64_t n = f->scan.n, nval = (int64_t)(c->validation_split * (double)n), from = 0, to = n;
    f->order = sn_alloc((size_t)n * sizeof *f->order, "image_folder", e);
    if (!f->order) return SN_ENOMEM;
    for (int64_t i = 0; i < n; i++) f->order[i] = i;
    if (c->shuffle) { /* the stream's epochs count from 0, so this is no epoch's order */
        sn_rng r = sn_rng_make(c->seed ? (uint64_t)c->seed : sn_dataset_seed(), SN_STREAM_SHUFFLE, UINT64_MAX);
        sn_shuffle(&r, f->order, (size_t)n);
    }
    if (c->subset == SUBSET_TRAINING) to = n - nval;
    if (c->subset == SUBSET_VALIDATION) from = n - nval;
    if (from == to)
        return sn_fail(e, SN_EINVAL,
                       "image_folder: validation_split = %g of %lld files leaves none for %s; use another "
                       "fraction",
                       c->validation_split, (long long)n, subsets[c->subset]);
    if (c->subset != SUBSET_NONE)
        sn_buf_fmt(notice, "\nUsing %lld files for %s.", (long long)(to - from), subsets[c->subset]);
    memmove(f->order, f->order + from, (size_t)(to - from) * sizeof *f->order);
    f->d.count = to - from;
    return SN_OK;
}

static sn_status check_classes(const folder *f, sn_err *e) {
    const sn_scan *o = &f->scan;
    if (f->mode == SN_LABEL_BINARY && o->nclass != 2)
        return sn_fail(e, SN_EINVAL,
                       "image_folder: label_mode = \"binary\" needs exactly 2 classes, and \"%.200s\" has "
                       "%d; use \"int\" or \"categorical\", or name two with class_names",
                       f->cfg->directory, o->nclass);
    if (f->mode != SN_LABEL_NONE && o->nclass == 1 && f->cfg->class_names.n == 0)
        return sn_fail(
            e, SN_EINVAL,
            "image_folder: \"%.200s\" has one class folder only (\"%.60s\"), and nothing to tell "
            "apart; put each class into a folder of its own, use labels = \"none\", or name the class with "
            "class_names",
            f->cfg->directory, o->class_names[0]);
    return SN_OK;
}

static sn_status set_up(folder *f, sn_err *e) {
    const folder_cfg *c = f->cfg;
    int channels = color_channels[c->color_mode];
    sn_buf notice = SN_BUF_INIT(4096);
    bool inferred = c->labels == LABELS_INFERRED && c->label_mode != SN_LABEL_NONE;
    f->mode = inferred ? (sn_label_mode)c->label_mode : SN_LABEL_NONE;
    sn_status s = sn_scan_folder(&f->scan, c->directory, inferred, &c->class_names, c->follow_links, e);
    if (s == SN_OK) s = check_classes(f, e);
    if (s == SN_OK && inferred) s = sn_dataset_name_classes(&f->d, f->scan.class_names, f->scan.nclass, e);
    sn_buf_fmt(&notice, "Found %lld files", (long long)f->scan.n);
    if (inferred) sn_buf_fmt(&notice, " belonging to %d classes", f->scan.nclass);
    sn_buf_str(&notice, ".");
    if (s == SN_OK) s = choose_files(f, &notice, e);
    f->d.x_shape = (sn_shape){ 3, { c->image_size[0], c->image_size[1], channels } };
    sn_label_shape(&f->d, f->mode);
    f->bytes = (size_t)(c->image_size[0] * c->image_size[1] * channels);
    if (s == SN_OK)
        s = sn_cache_new(&f->cache, f->d.count, f->bytes, (sn_cache_mode)c->cache, c->cache_dir, "image_folder",
                         e);
    if (s == SN_OK) s = sn_buf_check(&notice, "image_folder", e);
    if (s == SN_OK && !(f->d.notice = sn_strdup(notice.data, e))) s = SN_ENOMEM;
    sn_buf_free(&notice);
    return s;
}

static sn_status open_folder(sn_obj *cfg, sn_dataset **out, sn_err *e) {
    folder *f = sn_dataset_alloc(sizeof *f, &fns, cfg, e);
    if (!f) return SN_ENOMEM;
    f->cfg = cfg->cfg;
    sn_status s = set_up(f, e);
    if (s == SN_OK)
        *out = &f->d;
    else
        sn_dataset_release(&f->d);
    return s;
}

/* ---- description ---- */

static sn_status check(const void *cfg, sn_err *e) {
    const folder_cfg *c = cfg;
    bool split = c->validation_split != 0;
    if (c->validation_split < 0 || c->validation_split >= 1)
        return sn_fail(e, SN_EINVAL, "image_folder: validation_split = %g; give a fraction between 0 and 1",
                       c->validation_split);
    if (split != (c->subset != SUBSET_NONE))
        return sn_fail(e, SN_EINVAL, "image_folder: %s; give both or neither",
                       split ? "validation_split needs subset = \"training\" or \"validation\""
                             : "subset needs validation_split");
    if (split && c->shuffle && c->seed == 0)
        return sn_fail(e, SN_EINVAL,
                       "image_folder: validation_split with shuffle needs a seed (not 0), the same for both "
                       "subsets, or they would overlap; give seed, or shuffle = false");
    if (c->crop_to_aspect_ratio && c->pad_to_aspect_ratio)
        return sn_fail(e, SN_EINVAL,
                       "image_folder: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other");
    if (c->class_names.n && (c->labels == LABELS_NONE || c->label_mode == SN_LABEL_NONE))
        return sn_fail(e, SN_EINVAL, "image_folder: class_names without labels; leave one of them out");
    return SN_OK;
}

static const sn_field fields[] = {
    SN_STRING(folder_cfg, directory, .pos = 1, .flags = SN_REQUIRED,
              .doc = "the folder that holds a folder per class"),
    SN_ENUM(folder_cfg, labels, .choices = label_sources, .doc = "inferred from the folders' names, or none"),
    SN_ENUM(folder_cfg, label_mode, .choices = sn_label_modes,
            .doc = "class numbers, one-hot rows, 0 and 1 in a row of one, or no labels"),
    SN_STRINGS(folder_cfg, class_names,
               .doc = "the class folders to use, in this order; absent: all, in byte order"),
    SN_ENUM(folder_cfg, color_mode, .choices = colors, .doc = "3, 1 or 4 channels"),
    SN_PAIR(folder_cfg, image_size, .def = 256, .min = 1, .max = 16384,
            .doc = "height and width after resizing"),
    SN_ENUM(folder_cfg, interpolation, .choices = sn_interpolations, .doc = "how images are resized"),
    SN_BOOL(folder_cfg, shuffle, .def = 1, .doc = "mix the files once; false: by class and name"),
    SN_INT(folder_cfg, seed, .max = 9e15, .doc = "of the mixing; 0: the session's"),
    SN_FLOAT(folder_cfg, validation_split, .doc = "fraction of the files kept for validation"),
    SN_ENUM(folder_cfg, subset, .choices = subsets, .doc = "which part of a validation_split this is"),
    SN_BOOL(folder_cfg, crop_to_aspect_ratio, .doc = "cut to the target's aspect ratio instead of squashing"),
    SN_BOOL(folder_cfg, pad_to_aspect_ratio, .doc = "pad with black to the target's aspect ratio"),
    SN_BOOL(folder_cfg, follow_links, .doc = "walk into linked folders"),
    SN_FLOAT(folder_cfg, rescale, .def = 1, .doc = "factor on the pixels: 1/255 for 0..1"),
    SN_ENUM(folder_cfg, cache, .choices = sn_cache_modes, .doc = "where decoded images are kept"),
    SN_STRING(folder_cfg, cache_dir, .doc = "folder of a disk cache; absent: the user's cache folder"),
    SN_ENUM(folder_cfg, on_error, .choices = error_ways,
            .doc = "what a broken file does: one warning, or an error"),
    SN_INT(folder_cfg, max_pixels, .def = SN_IMAGE_MAX_PIXELS, .min = 1, .max = 4e9,
           .doc = "larger images count as broken"),
    SN_FIELDS_END
};

extern const sn_dataset_type sn_dataset_type_image_folder;
const sn_dataset_type sn_dataset_type_image_folder = {
    .desc = { .name = "image_folder",
              .brief = "images from a folder that holds a folder per class",
              .example = "image_folder{ \"pets/train\", image_size = { 128, 128 }, label_mode = \"binary\" }",
              .fields = fields,
              .cfg_size = sizeof(folder_cfg),
              .check = check },
    .open = open_folder,
};
