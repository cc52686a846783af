#include "nn/optimizers/optimizer.h"

sn_status sn_optimizer_check(const char *name, const sn_optimizer_common *c, sn_err *e) {
    if ((c->clipnorm > 0) + (c->clipvalue > 0) + (c->global_clipnorm > 0) <= 1) return SN_OK;
    return sn_fail(
        e, SN_EINVAL,
        "%s: clipnorm = %.10g, clipvalue = %.10g and global_clipnorm = %.10g exclude each other; give one",
        name, c->clipnorm, c->clipvalue, c->global_clipnorm);
}

sn_status sn_optimizer_check_rate(const char *name, const char *option, double value, sn_err *e) {
    if (value < 1) return SN_OK;
    return sn_fail(e, SN_EINVAL, "%s: %s = 1 would never take in a gradient; use a value below 1", name,
                   option);
}
