/* keras/src/callbacks/learning_rate_scheduler.py: the rate of an epoch is schedule(epoch from 0), set as the
 * epoch begins. When the schedule is an outside function, whoever drives the run calls it upon
 * SN_EV_EPOCH_BEGIN and sets trainer->lr. */
#include "nn/objects.h"
#include "train/callback.h"
#include "train/pytext.h"
#include "train/trainer.h"

typedef struct {
    sn_rate schedule;
    int64_t verbose;
} config;

static const sn_field fields[] = {
    SN_RATE(config, schedule, .pos = 1, .flags = SN_REQUIRED, .kind = &sn_kind_schedule, .max = 1e30,
            .doc = "a schedule or a function of the epoch from 0 (and the present rate)"),
    SN_INT(config, verbose, .pos = 2, .def = 0, .max = 2, .doc = "1: say the rate of every epoch"),
    SN_FIELDS_END
};

static sn_status begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, bool resumed, sn_err *e) {
    (void)cfg, (void)s, (void)resumed;
    return sn_callback_want_plain_rate(ctx, "learning_rate_scheduler", e);
}

static sn_status epoch_begin(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)s, (void)e;
    const config *c = cfg;
    if (c->schedule.external) return SN_OK;
    double lr = c->schedule.value;
    if (c->schedule.schedule) {
        const sn_obj *o = c->schedule.schedule;
        lr = ((const sn_schedule_type *)(const void *)o->desc)->at(o->cfg, ctx->epoch - 1);
    }
    ctx->trainer->lr = lr;
    if (c->verbose <= 0) return SN_OK;
    sn_buf text = SN_BUF_INIT(64);
    sn_py_repr(&text, lr);
    sn_callback_say(ctx, "\nEpoch %lld: LearningRateScheduler setting learning rate to %s.",
                    (long long)ctx->epoch, text.data ? text.data : "");
    sn_buf_free(&text);
    return SN_OK;
}

static sn_status epoch_end(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)cfg, (void)s, (void)e;
    sn_callback_add_log(ctx, "learning_rate", ctx->trainer->lr);
    return SN_OK;
}

extern const sn_callback_type sn_callback_learning_rate_scheduler;
const sn_callback_type sn_callback_learning_rate_scheduler = {
    .desc = { .name = "learning_rate_scheduler",
              .alias = "LearningRateScheduler",
              .brief = "sets the learning rate as each epoch begins",
              .example = "learning_rate_scheduler{exponential_decay{0.01, decay_steps=1, decay_rate=0.9}}",
              .fields = fields,
              .cfg_size = sizeof(config) },
    .begin = begin,
    .epoch_begin = epoch_begin,
    .epoch_end = epoch_end,
    .logs_rate = true,
};
