/* keras/src/callbacks/early_stopping.py (Keras 3): the first value always counts as an improvement, so that a
 * NaN first value stays the best. */
#include "base/mem.h"
#include "train/callback.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

typedef struct {
    char *monitor;
    double min_delta;
    int64_t patience, verbose;
    int mode;
    double baseline;
    bool restore_best_weights;
    int64_t start_from_epoch;
} config;

/* The numbers of the state. */
enum { HAS_BEST, BEST, BEST_EPOCH, WAIT, STOPPED_EPOCH, HAS_WEIGHTS };

static const sn_field fields[] = {
    SN_STRING(config, monitor, .sdef = "val_loss", .doc = "the logged value to watch"),
    SN_FLOAT(config, min_delta, .def = 0, .doc = "changes smaller than this are no improvement"),
    SN_INT(config, patience, .def = 0, .max = 1e9, .doc = "epochs without improvement before stopping"),
    SN_INT(config, verbose, .def = 0, .max = 2, .doc = "1: say when it acts"),
    SN_ENUM(config, mode, .choices = sn_callback_modes,
            .doc = "does the value improve when it falls (min) or grows (max); auto: as its metric says"),
    SN_FLOAT(config, baseline, .def = HUGE_VAL,
             .doc = "stop unless the value gets better than this; inf: none"),
    SN_BOOL(config, restore_best_weights, .def = 0,
            .doc = "at the end, go back to the weights of the best epoch"),
    SN_INT(config, start_from_epoch, .def = 0, .max = 1e9, .doc = "epochs before the watch begins"),
    SN_FIELDS_END
};

static sn_status begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, bool resumed, sn_err *e) {
    const config *c = cfg;
    if (!sn_callback_direction(ctx, c->monitor, c->mode))
        return sn_fail(
            e, SN_EINVAL,
            "early_stopping: is a larger or a smaller %s better? give mode = \"max\" or mode = \"min\"",
            c->monitor);
    if (!resumed) memset(s->num, 0, sizeof s->num);
    if (!c->restore_best_weights || s->weights) return SN_OK;
    s->num[HAS_WEIGHTS] = 0; /* whatever a file said that did not hold them */
    s->weights = sn_calloc(ctx->trainer->model->slab_count, sizeof(float), "early_stopping: best weights", e);
    return s->weights ? SN_OK : SN_ENOMEM;
}

static bool better(const config *c, const sn_callback_ctx *ctx, double now, double than) {
    double delta = fabs(c->min_delta);
    return sn_callback_direction(ctx, c->monitor, c->mode) > 0 ? now - delta > than : now + delta < than;
}

static void keep_weights(const config *c, sn_callback_state *s, const sn_callback_ctx *ctx) {
    s->num[BEST_EPOCH] = (double)ctx->epoch;
    if (!c->restore_best_weights) return;
    const sn_model *m = ctx->trainer->model;
    memcpy(s->weights, m->slab, m->slab_count * sizeof(float));
    s->num[HAS_WEIGHTS] = 1;
}

static sn_status epoch_end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)e;
    const config *c = cfg;
    double now;
    if (!sn_callback_log(ctx, c->monitor, &now)) {
        char names[300];
        sn_warn("Early stopping conditioned on metric `%s` which is not available. Available metrics are: %s",
                c->monitor, sn_callback_log_names(ctx, names, sizeof names));
        return SN_OK;
    }
    if (ctx->epoch <= c->start_from_epoch) return SN_OK;
    s->num[STOPPED_EPOCH] = 0; /* a run that was extended has not stopped yet */
    if (c->restore_best_weights && !s->num[HAS_WEIGHTS]) keep_weights(c, s, ctx);
    s->num[WAIT]++;
    if (!s->num[HAS_BEST] || better(c, ctx, now, s->num[BEST])) {
        s->num[HAS_BEST] = 1;
        s->num[BEST] = now;
        keep_weights(c, s, ctx);
        if (isinf(c->baseline) || better(c, ctx, now, c->baseline)) s->num[WAIT] = 0;
    } else if (s->num[WAIT] >= (double)c->patience && ctx->epoch > 1) {
        s->num[STOPPED_EPOCH] = (double)ctx->epoch;
        ctx->stop = true;
    }
    return SN_OK;
}

static sn_status end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)e;
    const config *c = cfg;
    if (s->num[STOPPED_EPOCH] > 0 && c->verbose > 0)
        sn_callback_say(ctx, "Epoch %.0f: early stopping", s->num[STOPPED_EPOCH]);
    if (!c->restore_best_weights || !s->num[HAS_WEIGHTS]) return SN_OK;
    if (c->verbose > 0)
        sn_callback_say(ctx, "Restoring model weights from the end of the best epoch: %.0f.",
                        s->num[BEST_EPOCH]);
    sn_model *m = ctx->trainer->model;
    memcpy(m->slab, s->weights, m->slab_count * sizeof(float));
    return SN_OK;
}

/* The weights that were kept are of another network. */
static void changed(const void *cfg, sn_callback_state *s) {
    (void)cfg;
    s->num[HAS_BEST] = s->num[WAIT] = s->num[HAS_WEIGHTS] = 0;
}

extern const sn_callback_type sn_callback_early_stopping;
const sn_callback_type sn_callback_early_stopping = {
    .desc = { .name = "early_stopping",
              .alias = "EarlyStopping",
              .brief = "ends the run when a value has stopped improving",
              .example = "early_stopping{monitor=\"val_loss\", patience=3, restore_best_weights=true}",
              .fields = fields,
              .cfg_size = sizeof(config) },
    .begin = begin,
    .epoch_end = epoch_end,
    .end = end,
    .changed = changed,
};
