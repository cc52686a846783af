/* The IDX format of the MNIST family (yann.lecun.com/exdb/mnist): two zero bytes, a type, the number of
 * dimensions, the sizes as big-endian 32-bit numbers, the data big-endian. Plain or gzip-compressed. */
#include "data/dataset.h"

#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

typedef struct {
    char *images, *labels;
    sn_floats classes;
    sn_strings class_names;
    int label_mode;
    double rescale;
} idx_cfg;

typedef struct {
    sn_dataset d;
    const idx_cfg *cfg;
    sn_label_mode mode;
    sn_tensor x;    /* (rows of the file, ...) */
    int64_t *row;   /* (count) into x */
    int32_t *label; /* (count), or NULL */
} idx;

/* ---- reading a file ---- */

typedef struct {
    const char *path;
    gzFile gz;
    uint64_t file_bytes;
} reader;

static sn_status open_reader(reader *r, const char *path, sn_err *e) {
    struct stat st;
    *r = (reader){ .path = path };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return sn_fail(e, SN_EIO, "idx: \"%.300s\": %s; check the path", path, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return sn_fail(e, SN_EIO, "idx: \"%.300s\": not a regular file", path);
    }
    r->file_bytes = (uint64_t)st.st_size;
    r->gz = gzdopen(fd, "rb"); /* reads files that are not compressed as they are */
    if (r->gz) return SN_OK;
    close(fd);
    return sn_fail(e, SN_ENOMEM, "idx: \"%.300s\": out of memory", path);
}

static sn_status read_exactly(reader *r, void *to, size_t n, sn_err *e) {
    uint8_t *p = to;
    while (n > 0) {
        unsigned part = n < (1u << 20) ? (unsigned)n : 1u << 20;
        int got = gzread(r->gz, p, part);
        if (got < 0) return sn_fail(e, SN_EFORMAT, "idx: \"%.300s\": the compressed data is broken", r->path);
        if (got == 0)
            return sn_fail(e, SN_EFORMAT, "idx: \"%.300s\": the file is cut off; get it anew", r->path);
        p += got, n -= (size_t)got;
    }
    return SN_OK;
}

typedef struct {
    int code, size;
    sn_dtype dtype;
} element;

static const element elements[] = { { 0x08, 1, SN_U8 },  { 0x09, 1, SN_I32 }, { 0x0b, 2, SN_I32 },
                                    { 0x0c, 4, SN_I32 }, { 0x0d, 4, SN_F32 }, { 0x0e, 8, SN_F64 } };

static sn_status read_header(reader *r, const element **type, sn_shape *shape, sn_err *e) {
    uint8_t magic[4], size[4];
    sn_status s = read_exactly(r, magic, 4, e);
    if (s != SN_OK) return s;
    *type = NULL;
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (elements[i].code == magic[2]) *type = &elements[i];
    if (magic[0] || magic[1] || !*type)
        return sn_fail(e, SN_EFORMAT, "idx: \"%.300s\": not an IDX file (it begins with %02x %02x %02x %02x)",
                       r->path, magic[0], magic[1], magic[2], magic[3]);
    if (magic[3] < 1 || magic[3] > SN_MAXDIM - 1)
        return sn_fail(e, SN_EFORMAT, "idx: \"%.300s\": %d dimensions; 1 to %d can be read", r->path, magic[3],
                       SN_MAXDIM - 1);
    shape->n = magic[3];
    for (int i = 0; i < shape->n; i++) {
        if ((s = read_exactly(r, size, 4, e)) != SN_OK) return s;
        shape->d[i] = (int64_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
    }
    return SN_OK;
}

/* A header's claim is believed only as far as the file's size can explain it, before anything is allocated. */
static sn_status check_claim(const reader *r, const element *type, const sn_shape *shape, sn_err *e) {
    char text[160];
    int64_t count = sn_shape_count(shape), bytes;
    uint64_t most = gzdirect(r->gz) ? r->file_bytes : 1032 * r->file_bytes + 1024; /* deflate's best ratio */
    bool over = count < 0 || __builtin_mul_overflow(count, type->size, &bytes) || (uint64_t)bytes > most;
    if (!over && count > 0) return SN_OK;
    return sn_fail(e, SN_EFORMAT, "idx: \"%.200s\": its header says %s, %s", r->path,
                   sn_shape_text(shape, false, text, sizeof text),
                   over ? "more than the file can hold; get it anew" : "which is nothing");
}

static double decode_element(const element *t, const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < t->size; i++) v = v << 8 | p[i];
    uint32_t w = (uint32_t)v;
    float f;
    double d;
    switch (t->code) {
    case 0x09: return (int8_t)v;
    case 0x0b: return (int16_t)v;
    case 0x0c: return (int32_t)w;
    case 0x0d: memcpy(&f, &w, sizeof f); return (double)f;
    case 0x0e: memcpy(&d, &v, sizeof d); return d;
    default: return (double)v;
    }
}

static sn_status read_data(reader *r, const element *type, sn_tensor *t, sn_err *e) {
    int64_t count = sn_shape_count(&t->shape), per = 4096;
    uint8_t part[4096 * 8];
    if (type->dtype == SN_U8) return read_exactly(r, t->data, (size_t)count, e);
    for (int64_t i = 0; i < count; i += per) {
        int64_t n = count - i < per ? count - i : per;
        sn_status s = read_exactly(r, part, (size_t)(n * type->size), e);
        if (s != SN_OK) return s;
        for (int64_t k = 0; k < n; k++) sn_tensor_set(t, i + k, decode_element(type, part + k * type->size));
    }
    return SN_OK;
}

static sn_status load(sn_tensor *t, const char *path, sn_err *e) {
    reader r;
    const element *type;
    sn_shape shape = { 0 };
    *t = (sn_tensor){ 0 };
    sn_status s = open_reader(&r, path, e);
    if (s != SN_OK) return s;
    s = read_header(&r, &type, &shape, e);
    if (s == SN_OK) s = check_claim(&r, type, &shape, e);
    if (s == SN_OK) s = sn_tensor_new(t, type->dtype, &shape, e);
    if (s == SN_OK) s = read_data(&r, type, t, e);
    if (s == SN_OK && gzgetc(r.gz) != -1)
        s = sn_fail(e, SN_EFORMAT, "idx: \"%.300s\": longer than its header says; get it anew", path);
    if (s != SN_OK) sn_tensor_drop(t);
    gzclose(r.gz);
    return s;
}

/* ---- the dataset ---- */

static sn_status label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    const idx *o = (const idx *)d;
    (void)e;
    if (d->has_y) sn_label_write(y, o->mode, d->nclass, o->label[i]);
    return SN_OK;
}

static sn_status get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    const idx *o = (const idx *)d;
    int64_t n = sn_shape_row(&o->x.shape), from = o->row[i] * n;
    float scale = (float)o->cfg->rescale;
    if (o->x.dtype == SN_U8) {
        sn_bytes_to_float(x, (const uint8_t *)o->x.data + from, n, scale);
    } else {
        for (int64_t k = 0; k < n; k++) x[k] = scale * (float)sn_tensor_get(&o->x, from + k);
    }
    return label(d, i, y, e);
}

static void drop(sn_dataset *d) {
    idx *o = (idx *)d;
    sn_tensor_drop(&o->x);
    sn_free(o->row);
    sn_free(o->label);
}

static uint64_t fingerprint(const sn_dataset *d) {
    const idx *o = (const idx *)d;
    uint64_t h = sn_hash_bytes(0, o->x.data, (size_t)sn_shape_count(&o->x.shape) * sn_dtype_size(o->x.dtype));
    h = sn_hash_bytes(h, o->row, (size_t)d->count * sizeof *o->row);
    if (o->label) h = sn_hash_bytes(h, o->label, (size_t)d->count * sizeof *o->label);
    return sn_hash_bytes(h, &o->cfg->rescale, sizeof o->cfg->rescale);
}

static const sn_dataset_fns fns = {
    .get = get, .label = label, .free = drop, .fingerprint = fingerprint, .quick = true
};

/* The number that class number v of the file is served as; -1: left out. */
static int64_t renumber(const idx_cfg *c, double v) {
    if (c->classes.n == 0) return (int64_t)v;
    for (size_t k = 0; k < c->classes.n; k++)
        if (c->classes.v[k] == v) return (int64_t)k;
    return -1;
}

static sn_status choose_rows(idx *o, const sn_tensor *y, sn_err *e) {
    int64_t n = o->x.shape.d[0], kept = 0, most = -1;
    o->row = sn_alloc((size_t)n * sizeof *o->row, "idx", e);
    if (y) o->label = sn_alloc((size_t)n * sizeof *o->label, "idx", e);
    if (!o->row || (y && !o->label)) return SN_ENOMEM;
    for (int64_t i = 0; i < n; i++) {
        double v = y ? sn_tensor_get(y, i) : 0;
        if (v != floor(v) || v < 0 || v > 999999)
            return sn_fail(e, SN_EFORMAT,
                           "idx: label %lld of \"%.200s\" is %g; class numbers 0, 1, 2, ... are wanted",
                           (long long)i, o->cfg->labels, v);
        int64_t k = y ? renumber(o->cfg, v) : 0;
        if (k < 0) continue;
        if (k > most) most = k;
        if (y) o->label[kept] = (int32_t)k;
        o->row[kept++] = i;
    }
    if (kept == 0) return sn_fail(e, SN_EINVAL, "idx: no sample is of the classes asked for");
    for (size_t k = 0; k < o->cfg->classes.n; k++) {
        int64_t i = 0;
        while (i < kept && o->label[i] != (int32_t)k) i++;
        if (i == kept)
            return sn_fail(e, SN_EINVAL, "idx: classes has %g, but \"%.200s\" has no such label",
                           o->cfg->classes.v[k], o->cfg->labels);
    }
    o->d.count = kept;
    if (y) o->d.nclass = o->cfg->classes.n ? (int)o->cfg->classes.n : (int)most + 1;
    return SN_OK;
}

/* Names of the classes served, or of all classes of the file, from which those are picked. */
static sn_status name_classes(idx *o, sn_err *e) {
    const idx_cfg *c = o->cfg;
    size_t n = (size_t)o->d.nclass;
    if (c->class_names.n == 0) return SN_OK;
    if (c->classes.n == 0 && c->class_names.n > n)
        n = (size_t)(o->d.nclass = (int)c->class_names.n); /* none of some */
    if (c->class_names.n == n) return sn_dataset_name_classes(&o->d, c->class_names.v, (int)n, e);
    char **picked = sn_calloc(n, sizeof *picked, "idx", e);
    if (!picked) return SN_ENOMEM;
    sn_status s = SN_OK;
    for (size_t k = 0; s == SN_OK && k < n; k++) {
        size_t number = c->classes.n ? (size_t)c->classes.v[k] : k;
        if (number >= c->class_names.n)
            s = sn_fail(e, SN_EINVAL, "idx: class_names has %zu names for %zu classes; give one for each",
                        c->class_names.n, n);
        else
            picked[k] = c->class_names.v[number];
    }
    if (s == SN_OK) s = sn_dataset_name_classes(&o->d, picked, (int)n, e);
    sn_free(picked);
    return s;
}

static sn_status set_labels(idx *o, const sn_tensor *y, sn_err *e) {
    char a[160], b[160];
    if (y && (y->shape.n != 1 || y->shape.d[0] != o->x.shape.d[0]))
        return sn_fail(e, SN_ESHAPE, "idx: images have shape %s and labels %s; one label per image is wanted",
                       sn_shape_text(&o->x.shape, false, a, sizeof a),
                       sn_shape_text(&y->shape, false, b, sizeof b));
    sn_status s = choose_rows(o, y, e);
    if (s == SN_OK && y) s = name_classes(o, e);
    if (s == SN_OK && o->mode == SN_LABEL_BINARY && o->d.nclass != 2)
        return sn_fail(e, SN_EINVAL,
                       "idx: label_mode = \"binary\" needs exactly 2 classes, and there are %d; choose two, "
                       "as in classes = { 0, 6 }",
                       o->d.nclass);
    return s;
}

/* A picture without channels gets one; a lone number becomes a row of one. */
static sn_shape sample_shape(const sn_shape *file) {
    sn_shape s = sn_shape_sample(file);
    if (s.n == 0 || s.n == 2) s.d[s.n++] = 1;
    return s;
}

static sn_status open_idx(sn_obj *cfg, sn_dataset **out, sn_err *e) {
    sn_tensor y = { 0 };
    idx *o = sn_dataset_alloc(sizeof *o, &fns, cfg, e);
    if (!o) return SN_ENOMEM;
    o->cfg = cfg->cfg;
    bool has_y = o->cfg->labels && o->cfg->label_mode != SN_LABEL_NONE;
    o->mode = has_y ? (sn_label_mode)o->cfg->label_mode : SN_LABEL_NONE;
    sn_status s = load(&o->x, o->cfg->images, e);
    if (s == SN_OK && o->cfg->labels) s = load(&y, o->cfg->labels, e);
    if (s == SN_OK) s = set_labels(o, o->cfg->labels ? &y : NULL, e);
    sn_tensor_drop(&y);
    if (s == SN_OK) {
        o->d.x_shape = sample_shape(&o->x.shape);
        sn_label_shape(&o->d, o->mode);
        *out = &o->d;
    } else {
        sn_dataset_release(&o->d);
    }
    return s;
}

static sn_status check(const void *cfg, sn_err *e) {
    const idx_cfg *c = cfg;
    if (!c->labels && (c->classes.n || c->class_names.n))
        return sn_fail(e, SN_EINVAL, "idx: classes and class_names need labels; give the file of labels");
    for (size_t i = 0; i < c->classes.n; i++) {
        double v = c->classes.v[i];
        if (v != floor(v) || v < 0 || v > 999999)
            return sn_fail(e, SN_EINVAL, "idx: classes has %g; class numbers 0, 1, 2, ... are wanted", v);
        for (size_t j = 0; j < i; j++)
            if (c->classes.v[j] == v) return sn_fail(e, SN_EINVAL, "idx: classes has %g twice", v);
    }
    return SN_OK;
}

static const sn_field fields[] = {
    SN_STRING(idx_cfg, images, .pos = 1, .flags = SN_REQUIRED, .doc = "IDX file of the inputs, plain or gzip"),
    SN_STRING(idx_cfg, labels, .pos = 2, .doc = "IDX file of the class numbers"),
    SN_FLOATS(idx_cfg, classes, .doc = "keep only these class numbers, renumbered 0, 1, ... in this order"),
    SN_STRINGS(idx_cfg, class_names, .doc = "names of the classes kept, or of all classes of the file"),
    SN_ENUM(idx_cfg, label_mode, .choices = sn_label_modes,
            .doc = "class numbers, one-hot rows, 0 and 1 in a row of one, or no labels"),
    SN_FLOAT(idx_cfg, rescale, .def = 1, .doc = "factor on the inputs: 1/255 for 0..1"),
    SN_FIELDS_END
};

extern const sn_dataset_type sn_dataset_type_idx;
const sn_dataset_type sn_dataset_type_idx = {
    .desc = { .name = "idx",
              .brief = "images and labels in the IDX files of the MNIST family",
              .example =
                  "idx{ \"train-images-idx3-ubyte.gz\", \"train-labels-idx1-ubyte.gz\", classes = { 0, 6 } }",
              .fields = fields,
              .cfg_size = sizeof(idx_cfg),
              .check = check },
    .open = open_idx,
};
