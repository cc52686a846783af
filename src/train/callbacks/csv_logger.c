/* keras/src/callbacks/csv_logger.py: the epoch from 0 and the sorted keys of the first epoch, in the "excel"
 * dialect of Python's csv module (\r\n, quotes only where needed), one row per epoch.
 *
 * The file is opened for each row, so that nothing is lost when the process ends. Where the run is resumed,
 * rows that were written after it was saved are cut off again, if the file is still the one that this run
 * wrote. */
#include "base/file.h"
#include "base/mem.h"
#include "train/callback.h"
#include "train/pytext.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *filename, *separator;
    bool append;
} config;

/* The numbers of the state: the size of the file after our last row and a checksum of it in two halves. */
enum { SIZE, SUM_LO, SUM_HI };
enum { MAX_ROW = 1 << 16 };

static const sn_field fields[] = {
    SN_STRING(config, filename, .pos = 1, .flags = SN_REQUIRED, .doc = "the file to write, \"run/log.csv\""),
    SN_STRING(config, separator, .sdef = ",", .doc = "one character between the columns"),
    SN_BOOL(config, append, .def = 0, .doc = "continue a file that is there; false: start it anew"),
    SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    const config *c = cfg;
    if (!c->filename || !*c->filename) return sn_fail(e, SN_EINVAL, "csv_logger: filename is empty");
    const char *s = c->separator;
    if (!s || strlen(s) != 1 || *s == '"' || *s == '\r' || *s == '\n')
        return sn_fail(e, SN_EINVAL, "csv_logger: separator wants one character, no quote and no line end");
    return SN_OK;
}

/* FNV-1a. */
static uint64_t sum_bytes(uint64_t h, const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
    return h;
}
/* Numbers from a file may be anything; converting one that does not fit is undefined. */
static void check_state(sn_callback_state *s) {
    for (int i = SIZE; i <= SUM_HI; i++) {
        double v = s->num[i], most = i == SIZE ? 0x1p53 : 0x1p32 - 1;
        if (!(v >= 0 && v <= most)) s->num[i] = 0;
    }
}
static uint64_t get_sum(const sn_callback_state *s) {
    return (uint64_t)s->num[SUM_HI] << 32 | (uint64_t)s->num[SUM_LO];
}
static void set_sum(sn_callback_state *s, uint64_t h) {
    s->num[SUM_LO] = (double)(h & 0xffffffffu);
    s->num[SUM_HI] = (double)(h >> 32);
}

/* Size and checksum of the first `limit` bytes; false when it cannot be read. */
static bool scan(const char *path, double limit, double *size, uint64_t *sum) {
    FILE *f = fopen(path, "rb");
    *size = 0;
    *sum = 0xcbf29ce484222325u;
    if (!f) return errno == ENOENT;
    char chunk[4096];
    while (*size < limit) {
        size_t want = limit - *size < sizeof chunk ? (size_t)(limit - *size) : sizeof chunk;
        size_t n = fread(chunk, 1, want, f);
        if (n == 0) break;
        *sum = sum_bytes(*sum, chunk, n);
        *size += (double)n;
    }
    bool ok = !ferror(f);
    fclose(f);
    return ok;
}

static sn_status io_fail(const config *c, sn_err *e) {
    return sn_fail(e, SN_EIO, "csv_logger: %s: %s", c->filename, strerror(errno));
}

static sn_status begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, bool resumed, sn_err *e) {
    (void)ctx;
    const config *c = cfg;
    double size;
    uint64_t sum;
    sn_status st = sn_make_dirs(c->filename, e);
    if (st != SN_OK) return st;
    if (resumed) {
        check_state(s);
        bool ours = !c->append && scan(c->filename, s->num[SIZE], &size, &sum) && size == s->num[SIZE] &&
                    sum == get_sum(s);
        if (ours && truncate(c->filename, (off_t)size) != 0 && errno != ENOENT) return io_fail(c, e);
        return SN_OK;
    }
    FILE *f = fopen(c->filename, c->append ? "ab" : "wb");
    if (!f || fclose(f) != 0) return io_fail(c, e);
    if (!scan(c->filename, 1e18, &size, &sum)) return io_fail(c, e);
    s->num[SIZE] = size;
    set_sum(s, sum);
    return SN_OK;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The columns, one a line: sorted, and val_ names reserved when there are none yet. */
static sn_status make_keys(sn_callback_state *s, const sn_callback_ctx *ctx, sn_err *e) {
    const char *key[SN_MAXLOG];
    bool has_val = false;
    for (int i = 0; i < ctx->n; i++) {
        key[i] = ctx->name[i];
        has_val |= strncmp(key[i], "val_", 4) == 0;
    }
    qsort(key, (size_t)ctx->n, sizeof *key, by_name);
    sn_buf b = SN_BUF_INIT(MAX_ROW);
    for (int pass = 0; pass < (has_val ? 1 : 2); pass++) {
        for (int i = 0; i < ctx->n; i++) {
            sn_buf_str(&b, pass ? "val_" : "");
            sn_buf_str(&b, key[i]);
            sn_buf_str(&b, "\n");
        }
    }
    if (b.failed || !b.data) {
        sn_buf_free(&b);
        return sn_fail(e, SN_ENOMEM, "csv_logger: not enough memory for the names of the columns");
    }
    sn_free(s->text);
    s->text = b.data;
    return SN_OK;
}

/* csv.QUOTE_MINIMAL. */
static void put_field(sn_buf *row, const char *text, char separator) {
    bool quote = strchr(text, separator) || strpbrk(text, "\"\r\n");
    if (quote) sn_buf_str(row, "\"");
    for (const char *p = text; *p; p++) {
        if (*p == '"') sn_buf_str(row, "\"");
        sn_buf_add(row, p, 1);
    }
    if (quote) sn_buf_str(row, "\"");
}

static void put_cell(sn_buf *row, const sn_callback_ctx *ctx, const char *key, bool header, char separator) {
    double v;
    sn_buf_add(row, &separator, 1);
    if (header || !sn_callback_log(ctx, key, &v)) {
        put_field(row, header ? key : "NA", separator);
        return;
    }
    sn_buf text = SN_BUF_INIT(64);
    sn_py_repr(&text, v);
    put_field(row, text.data ? text.data : "", separator);
    row->failed |= text.failed;
    sn_buf_free(&text);
}

static void put_row(sn_buf *row, const config *c, const sn_callback_state *s, const sn_callback_ctx *ctx,
                    bool header) {
    char epoch[32];
    snprintf(epoch, sizeof epoch, "%lld", (long long)ctx->epoch - 1);
    put_field(row, header ? "epoch" : epoch, *c->separator);
    char key[256];
    for (const char *p = s->text; *p;) {
        size_t n = strcspn(p, "\n");
        size_t len = n < sizeof key ? n : sizeof key - 1;
        memcpy(key, p, len);
        key[len] = 0;
        put_cell(row, ctx, key, header, *c->separator);
        p += n + (p[n] == '\n');
    }
    sn_buf_str(row, "\r\n");
}

static sn_status append_row(const config *c, sn_callback_state *s, const sn_buf *row, sn_err *e) {
    FILE *f = fopen(c->filename, "ab");
    if (!f) return io_fail(c, e);
    bool ok = fwrite(row->data, 1, row->len, f) == row->len;
    if (fclose(f) != 0) ok = false;
    if (!ok) {
        io_fail(c, e);
        /* No half row stays; what could not be written cannot be helped further. */
        if (truncate(c->filename, (off_t)s->num[SIZE]) != 0) errno = 0;
        return SN_EIO;
    }
    set_sum(s, sum_bytes(get_sum(s), row->data, row->len));
    s->num[SIZE] += (double)row->len;
    return SN_OK;
}

static sn_status epoch_end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    const config *c = cfg;
    if (!s->text && make_keys(s, ctx, e) != SN_OK) return SN_ENOMEM;
    sn_buf row = SN_BUF_INIT(MAX_ROW);
    if (s->num[SIZE] == 0) put_row(&row, c, s, ctx, true);
    put_row(&row, c, s, ctx, false);
    sn_status st = sn_buf_check(&row, "csv_logger", e);
    if (st == SN_OK) st = append_row(c, s, &row, e);
    sn_buf_free(&row);
    return st;
}

extern const sn_callback_type sn_callback_csv_logger;
const sn_callback_type sn_callback_csv_logger = {
    .desc = { .name = "csv_logger",
              .alias = "CSVLogger",
              .brief = "writes the values of every epoch to a CSV file",
              .example = "csv_logger{\"log.csv\"}",
              .fields = fields,
              .cfg_size = sizeof(config),
              .check = check },
    .begin = begin,
    .epoch_end = epoch_end,
};
