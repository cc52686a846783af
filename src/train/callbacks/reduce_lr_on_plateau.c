/* keras/src/callbacks/reduce_lr_on_plateau.py as of Keras 3.9.2: `wait` grows first and is then compared, the
 * best value starts at infinity. */
#include "train/callback.h"
#include "train/pytext.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

typedef struct {
    char *monitor;
    double factor;
    int64_t patience, verbose;
    int mode;
    double min_delta;
    int64_t cooldown;
    double min_lr;
} config;

/* The numbers of the state. */
enum { BEST, WAIT, COOLDOWN };

static const sn_field fields[] = {
    SN_STRING(config, monitor, .sdef = "val_loss", .doc = "the logged value to watch"),
    SN_FLOAT(config, factor, .def = 0.1, .doc = "new rate = rate * factor; below 1"),
    SN_INT(config, patience, .def = 10, .max = 1e9, .doc = "epochs without improvement before reducing"),
    SN_INT(config, verbose, .def = 0, .max = 2, .doc = "1: say when the rate is reduced"),
    SN_ENUM(config, mode, .choices = sn_callback_modes,
            .doc =
                "does the value improve when it falls (min) or grows (max); auto: max for names with \"acc\""),
    SN_FLOAT(config, min_delta, .def = 1e-4, .doc = "changes smaller than this are no improvement"),
    SN_INT(config, cooldown, .def = 0, .max = 1e9, .doc = "epochs to wait after a reduction"),
    SN_FLOAT(config, min_lr, .def = 0, .max = 1e9, .doc = "the rate does not fall below this"),
    SN_FIELDS_END
};

static sn_status check(const void *cfg, sn_err *e) {
    const config *c = cfg;
    if (!(c->factor < 1) || c->factor < 0)
        return sn_fail(e, SN_EINVAL, "reduce_lr_on_plateau: factor = %.10g must be at least 0 and below 1",
                       c->factor);
    return SN_OK;
}

/* 3.9.2's rule: by the name alone. */
static bool wants_max(const config *c) {
    return c->mode == SN_MODE_MAX || (c->mode == SN_MODE_AUTO && strstr(c->monitor, "acc"));
}

static void changed(const void *cfg, sn_callback_state *s) {
    s->num[BEST] = wants_max(cfg) ? -INFINITY : INFINITY;
    s->num[WAIT] = 0;
}

static sn_status begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, bool resumed, sn_err *e) {
    const config *c = cfg;
    if (!resumed) {
        s->num[BEST] = wants_max(c) ? -INFINITY : INFINITY;
        s->num[WAIT] = s->num[COOLDOWN] = 0;
    }
    int better = sn_callback_direction(ctx, c->monitor, c->mode);
    if (better && (better > 0) != wants_max(c))
        sn_warn("reduce_lr_on_plateau: %s is taken as better when %s, as Keras does; give mode = \"%s\"",
                c->monitor, wants_max(c) ? "larger" : "smaller", better > 0 ? "max" : "min");
    return sn_callback_want_plain_rate(ctx, "reduce_lr_on_plateau", e);
}

static void reduce(const config *c, sn_callback_state *s, sn_callback_ctx *ctx) {
    double old = ctx->trainer->lr;
    if (!(old > c->min_lr)) return;
    double lr = old * c->factor;
    if (lr < c->min_lr) lr = c->min_lr;
    ctx->trainer->lr = lr;
    s->num[COOLDOWN] = (double)c->cooldown;
    s->num[WAIT] = 0;
    if (c->verbose <= 0) return;
    sn_buf text = SN_BUF_INIT(64);
    sn_py_repr(&text, lr);
    sn_callback_say(ctx, "\nEpoch %lld: ReduceLROnPlateau reducing learning rate to %s.", (long long)ctx->epoch,
                    text.data ? text.data : "");
    sn_buf_free(&text);
}

static sn_status epoch_end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)e;
    const config *c = cfg;
    double now;
    sn_callback_add_log(ctx, "learning_rate", ctx->trainer->lr);
    if (!sn_callback_log(ctx, c->monitor, &now)) {
        char names[300];
        sn_warn(
            "Learning rate reduction is conditioned on metric `%s` which is not available. Available metrics "
            "are: %s.",
            c->monitor, sn_callback_log_names(ctx, names, sizeof names));
        return SN_OK;
    }
    if (s->num[COOLDOWN] > 0) {
        s->num[COOLDOWN]--;
        s->num[WAIT] = 0;
    }
    double delta = fabs(c->min_delta);
    bool improved = wants_max(c) ? now > s->num[BEST] + delta : now < s->num[BEST] - delta;
    if (improved) {
        s->num[BEST] = now;
        s->num[WAIT] = 0;
    } else if (s->num[COOLDOWN] <= 0 && ++s->num[WAIT] >= (double)c->patience) {
        reduce(c, s, ctx);
    }
    return SN_OK;
}

extern const sn_callback_type sn_callback_reduce_lr_on_plateau;
const sn_callback_type sn_callback_reduce_lr_on_plateau = {
    .desc = { .name = "reduce_lr_on_plateau",
              .alias = "ReduceLROnPlateau",
              .brief = "lowers the learning rate when a value has stopped improving",
              .example = "reduce_lr_on_plateau{patience=5}",
              .fields = fields,
              .cfg_size = sizeof(config),
              .check = check },
    .begin = begin,
    .epoch_end = epoch_end,
    .changed = changed,
    .logs_rate = true,
};
