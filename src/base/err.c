#include "base/err.h"

#include "base/text.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sn_status sn_fail(sn_err *e, sn_status code, const char *fmt, ...) {
    if (!e) return code;
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    sn_text_mend(e->msg);
    return code;
}

sn_status sn_fail_prefix(sn_err *e, const char *fmt, ...) {
    if (!e) return SN_EINVAL;
    char head[160], tail[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    memcpy(tail, e->msg, sizeof tail);
    snprintf(e->msg, sizeof e->msg, "%s: %.340s", head, tail);
    sn_text_mend(e->msg);
    return e->code;
}

static pthread_mutex_t warn_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*warn_handler)(const char *line);

void sn_set_warn_handler(void (*fn)(const char *line)) {
    pthread_mutex_lock(&warn_lock);
    warn_handler = fn;
    pthread_mutex_unlock(&warn_lock);
}

void sn_warn(const char *fmt, ...) {
    char line[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    sn_text_mend(line);
    pthread_mutex_lock(&warn_lock);
    if (warn_handler) {
        warn_handler(line);
    } else {
        fprintf(stderr, "warning: %s\n", line);
    }
    pthread_mutex_unlock(&warn_lock);
}

_Noreturn void sn_bug(const char *file, int line, const char *what) {
    fprintf(stderr, "sonde: internal error at %s:%d: %s\n", file, line, what);
    abort();
}
