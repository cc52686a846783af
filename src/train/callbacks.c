/* The table of callbacks, and what they share. */
#include "train/callback.h"

#include "train/trainer.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SN_CALLBACK(name) extern const sn_callback_type sn_callback_##name;
#include "train/callbacks.def"
#undef SN_CALLBACK

static const sn_desc *const list[] = {
#define SN_CALLBACK(name) &sn_callback_##name.desc,
#include "train/callbacks.def"
#undef SN_CALLBACK
    NULL
};

const sn_kind sn_kind_callback = { "callback", list, NULL };

const char *const sn_callback_modes[] = { "auto", "min", "max", NULL };

const sn_callback_type *sn_callback_type_of(const sn_obj *o) {
    return (const sn_callback_type *)(const void *)o->desc;
}

bool sn_callback_log(const sn_callback_ctx *c, const char *name, double *out) {
    for (int i = 0; i < c->n; i++) {
        if (strcmp(c->name[i], name) != 0) continue;
        *out = c->value[i];
        return true;
    }
    return false;
}

void sn_callback_add_log(sn_callback_ctx *c, const char *name, double v) {
    int i = 0;
    while (i < c->n && strcmp(c->name[i], name) != 0) i++;
    if (i == SN_MAXLOG) SN_BUG("more logged values than SN_MAXLOG");
    c->name[i] = name;
    c->value[i] = v;
    if (i == c->n) c->n++;
}

char *sn_callback_log_names(const sn_callback_ctx *c, char *buf, size_t n) {
    size_t len = 0;
    buf[0] = 0;
    for (int i = 0; i < c->n && len < n; i++) {
        int w = snprintf(buf + len, n - len, "%s%s", i ? "," : "", c->name[i]);
        if (w < 0) break;
        len += (size_t)w;
    }
    return buf;
}

void sn_callback_say(sn_callback_ctx *c, const char *fmt, ...) {
    if (!c->message) return;
    char text[PATH_MAX + 512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sn_buf_str(c->message, text);
    sn_buf_str(c->message, "\n");
}

static int metric_direction(const struct sn_trainer *t, const char *name) {
    for (int i = 0; t && i < t->nmetric; i++) {
        const sn_metric *m = &t->metric[i];
        if (strcmp(m->name, name) != 0) continue;
        const sn_obj *o = m->resolved ? m->resolved : m->obj;
        return ((const sn_metric_type *)(const void *)o->desc)->direction;
    }
    return 0;
}

/* keras/src/callbacks/monitor_callback.py, _set_monitor_op. */
int sn_callback_direction(const sn_callback_ctx *c, const char *monitor, int mode) {
    if (mode == SN_MODE_MIN) return -1;
    if (mode == SN_MODE_MAX) return 1;
    const char *name = strncmp(monitor, "val_", 4) == 0 ? monitor + 4 : monitor;
    return strcmp(name, "loss") == 0 ? -1 : metric_direction(c->trainer, name);
}

sn_status sn_callback_want_plain_rate(const sn_callback_ctx *c, const char *who, sn_err *e) {
    const sn_obj *o = c->trainer ? c->trainer->optimizer : NULL;
    const sn_rate *r = o ? &((const sn_optimizer_common *)o->cfg)->learning_rate : NULL;
    if (!r || (!r->schedule && !r->external)) return SN_OK;
    return sn_fail(e, SN_EINVAL,
                   "%s: cannot set the rate of an optimizer whose learning_rate is a %s; give the optimizer a "
                   "number: %s{0.001}",
                   who, r->external ? "function" : "schedule", o->desc->name);
}
