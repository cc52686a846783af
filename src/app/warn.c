#include "app/warn.h"

#include "base/buf.h"
#include "base/err.h"
#include "bind/bind.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 64 << 10 }; /* bytes that wait; what comes beyond is dropped */

static struct {
    pthread_mutex_t
        lock; /* of all below; handlers are called one at a time, but hold and write are not handlers */
    sn_buf waiting;
    int ends[2]; /* of a pipe that wakes whoever waits for a key; -1: not made */
    bool held;
} warn = { .lock = PTHREAD_MUTEX_INITIALIZER, .waiting = { .max = MOST }, .ends = { -1, -1 } };

static void on_warning(const char *text) {
    pthread_mutex_lock(&warn.lock);
    if (warn.held) {
        sn_buf_str(&warn.waiting, "warning: ");
        sn_buf_str(&warn.waiting, text);
        sn_buf_str(&warn.waiting, "\n");
        ssize_t n = write(warn.ends[1], "", 1);
        (void)n; /* the pipe is full: whoever reads it will come anyway */
    } else {
        /* The bar draws itself anew. One call, so that nothing comes in between. */
        fprintf(stderr, "%swarning: %s\n", sn_bind_bar_shown() ? "\r\033[K" : "", text);
    }
    pthread_mutex_unlock(&warn.lock);
}

void sn_warn_install(void) {
    if (pipe2(warn.ends, O_CLOEXEC | O_NONBLOCK)) warn.ends[0] = warn.ends[1] = -1;
    sn_set_warn_handler(on_warning);
}

void sn_warn_write(FILE *f) {
    char bytes[256];
    pthread_mutex_lock(&warn.lock);
    while (warn.ends[0] >= 0 && read(warn.ends[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) continue;
    if (warn.waiting.len) fwrite(warn.waiting.data, 1, warn.waiting.len, f);
    sn_buf_clear(&warn.waiting);
    fflush(f);
    pthread_mutex_unlock(&warn.lock);
}

int sn_warn_hold(bool on) {
    if (!on) sn_warn_write(stderr);
    pthread_mutex_lock(&warn.lock);
    warn.held = on && warn.ends[0] >= 0;
    pthread_mutex_unlock(&warn.lock);
    if (!on) sn_warn_write(stderr); /* what came in between */
    return warn.ends[0];
}
