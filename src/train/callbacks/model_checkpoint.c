/* keras/src/callbacks/model_checkpoint.py (Keras 3). NAME.sonde is the whole model with its optimizer, NAME.npz
 * the weights alone. */
#include "base/file.h"
#include "train/callback.h"
#include "train/model_file.h"
#include "train/pytext.h"
#include "train/trainer.h"
#include <limits.h>
#include <math.h>
#include <string.h>

typedef struct {
    char *filepath, *monitor;
    int64_t verbose;
    bool save_best_only, save_weights_only;
    int mode;
    int64_t save_freq;
    double initial_value_threshold;
} config;

/* The numbers of the state. */
enum { BEST, BATCHES_SEEN };

static const char *const frequencies[] = { "epoch", NULL };

static const sn_field fields[] = {
    SN_STRING(config, filepath, .pos = 1, .flags = SN_REQUIRED,
              .doc =
                  "NAME.sonde (the model) or NAME.npz (weights only); {epoch:02d}, {batch}, {val_loss:.4f} are "
                  "filled in"),
    SN_STRING(config, monitor, .pos = 2, .sdef = "val_loss", .doc = "the logged value that says what is best"),
    SN_INT(config, verbose, .def = 0, .max = 2, .doc = "1: say when it saves"),
    SN_BOOL(config, save_best_only, .def = 0, .doc = "only when the value is better than ever"),
    SN_BOOL(config, save_weights_only, .def = 0, .doc = "weights only (.npz)"),
    SN_ENUM(config, mode, .choices = sn_callback_modes,
            .doc = "does the value improve when it falls (min) or grows (max); auto: as its metric says"),
    SN_INT(config, save_freq, .def = 0, .max = 1e12, .choices = frequencies,
           .doc = "\"epoch\", or save after this many batches"),
    SN_FLOAT(config, initial_value_threshold, .def = HUGE_VAL, .doc = "the value to beat at first; inf: none"),
    SN_FIELDS_END
};

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

static sn_status check(const void *cfg, sn_err *e) {
    const config *c = cfg;
    const char *path = c->filepath ? c->filepath : "";
    const char *want = c->save_weights_only ? ".npz" : ".sonde";
    if (!ends_with(path, want))
        return sn_fail(e, SN_EINVAL, "model_checkpoint: filepath = \"%.200s\" must end in %s%s", path, want,
                       c->save_weights_only ? "" : " (or give save_weights_only = true and .npz)");
    return sn_py_format(NULL, path, NULL, NULL, "model_checkpoint: filepath", e);
}

static sn_status begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, bool resumed, sn_err *e) {
    const config *c = cfg;
    int better = sn_callback_direction(ctx, c->monitor, c->mode);
    if (c->save_best_only && !better)
        return sn_fail(
            e, SN_EINVAL,
            "model_checkpoint: is a larger or a smaller %s better? give mode = \"max\" or mode = \"min\"",
            c->monitor);
    if (resumed) return SN_OK;
    s->num[BEST] = !isinf(c->initial_value_threshold) ? c->initial_value_threshold
                   : better > 0                       ? -INFINITY
                                                      : INFINITY;
    s->num[BATCHES_SEEN] = 0;
    return SN_OK;
}

typedef struct {
    const sn_callback_ctx *ctx;
    int64_t batch; /* 0: at the end of an epoch */
} names;

static bool look_up(const void *p, const char *name, sn_py_value *out) {
    const names *n = p;
    *out = (sn_py_value){ .integer = true };
    if (strcmp(name, "epoch") == 0) {
        out->i = n->ctx->epoch;
        return true;
    }
    if (strcmp(name, "batch") == 0 && n->batch > 0) {
        out->i = n->batch;
        return true;
    }
    out->integer = false;
    return sn_callback_log(n->ctx, name, &out->v);
}

/* Is it to be saved now? *new_best: the value that will then be the best. */
static bool wanted(const config *c, const sn_callback_state *s, sn_callback_ctx *ctx, const char *path,
                   double *new_best) {
    long long epoch = ctx->epoch;
    *new_best = s->num[BEST];
    if (!c->save_best_only) {
        if (c->verbose > 0) sn_callback_say(ctx, "\nEpoch %lld: saving model to %s", epoch, path);
        return true;
    }
    double now;
    if (!sn_callback_log(ctx, c->monitor, &now)) {
        sn_warn("Can save best model only with %s available.", c->monitor);
        return true;
    }
    bool max = sn_callback_direction(ctx, c->monitor, c->mode) > 0;
    bool improved = max ? now > s->num[BEST] : now < s->num[BEST];
    if (improved) *new_best = now;
    if (c->verbose <= 0) return improved;
    if (improved) {
        sn_callback_say(ctx, "\nEpoch %lld: %s improved from %.5f to %.5f, saving model to %s", epoch,
                        c->monitor, s->num[BEST], now, path);
    } else {
        sn_callback_say(ctx, "\nEpoch %lld: %s did not improve from %.5f", epoch, c->monitor, s->num[BEST]);
    }
    return improved;
}

static sn_status save_file(const config *c, const sn_callback_ctx *ctx, const char *path, sn_err *e) {
    sn_status s = sn_make_dirs(path, e);
    if (s != SN_OK) return s;
    if (c->save_weights_only) return sn_weights_save(path, ctx->trainer->model, e);
    return sn_model_save(path, ctx->trainer->model, ctx->trainer, e);
}

static sn_status save(const config *c, sn_callback_state *s, sn_callback_ctx *ctx, int64_t batch, sn_err *e) {
    sn_buf path = SN_BUF_INIT(PATH_MAX - 1);
    names n = { ctx, batch };
    sn_status st = sn_py_format(&path, c->filepath, look_up, &n, "filepath", e);
    double best;
    if (st == SN_OK && wanted(c, s, ctx, path.data, &best)) {
        st = save_file(c, ctx, path.data, e);
        if (st == SN_OK) s->num[BEST] = best;
        if (st == SN_OK && c->verbose > 0)
            sn_callback_say(ctx, "\nEpoch %lld: finished saving model to %s", (long long)ctx->epoch, path.data);
    }
    if (st != SN_OK && e) sn_fail_prefix(e, "model_checkpoint");
    sn_buf_free(&path);
    return st;
}

static sn_status step(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    const config *c = cfg;
    if (c->save_freq <= 0) return SN_OK;
    double seen = s->num[BATCHES_SEEN] + 1;
    bool due = seen >= (double)c->save_freq;
    sn_status st = due ? save(c, s, ctx, ctx->batch, e) : SN_OK;
    if (st != SN_ECANCEL) s->num[BATCHES_SEEN] = due ? 0 : seen; /* else it comes again */
    return st;
}

static sn_status epoch_end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    const config *c = cfg;
    return c->save_freq > 0 ? SN_OK : save(c, s, ctx, 0, e);
}

extern const sn_callback_type sn_callback_model_checkpoint;
const sn_callback_type sn_callback_model_checkpoint = {
    .desc = { .name = "model_checkpoint",
              .alias = "ModelCheckpoint",
              .brief = "saves the model or its weights while it trains",
              .example = "model_checkpoint{\"best.sonde\", save_best_only=true}",
              .fields = fields,
              .cfg_size = sizeof(config),
              .check = check },
    .begin = begin,
    .step = step,
    .epoch_end = epoch_end,
};
