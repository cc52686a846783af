/* keras/src/callbacks/terminate_on_nan.py. The batch in its message counts from 0. */
#include "train/callback.h"

#include <math.h>

typedef struct {
    bool raise_error;
} config;

static const sn_field fields[] = {
    SN_BOOL(config, raise_error, .def = 0, .doc = "an error instead of a quiet end of the run"), SN_FIELDS_END
};

static sn_status step(const void *cfg, sn_callback_state *s, sn_callback_ctx *ctx, sn_err *e) {
    (void)s;
    const config *c = cfg;
    if (isfinite(ctx->batch_loss)) return SN_OK;
    if (c->raise_error)
        return sn_fail(e, SN_EINVAL, "NaN or Inf loss encountered at batch %lld. Loss value: %g.",
                       (long long)ctx->batch - 1, isnan(ctx->batch_loss) ? (double)NAN : ctx->batch_loss);
    sn_callback_say(ctx, "Batch %lld: Invalid loss, terminating training", (long long)ctx->batch - 1);
    ctx->stop = true;
    return SN_OK;
}

extern const sn_callback_type sn_callback_terminate_on_nan;
const sn_callback_type sn_callback_terminate_on_nan = {
    .desc = { .name = "terminate_on_nan",
              .alias = "TerminateOnNaN",
              .brief = "ends the run when the loss of a batch is not a finite number",
              .example = "terminate_on_nan{}",
              .fields = fields,
              .cfg_size = sizeof(config) },
    .step = step,
};
