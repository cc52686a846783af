/* Another program, found in the PATH and run to its end without a shell: bytes in, bytes out. It gets no file
 * of ours but its standard three, its own process group, and signals as a program expects them; whatever
 * happens here (Ctrl-C, no time left, too much output) it is killed and reaped. */
#ifndef SN_BASE_PROCESS_H
#define SN_BASE_PROCESS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include <stdbool.h>

typedef struct {
    const char *const *argv; /* NULL-terminated; argv[0] is looked for in the PATH */
    const void *input;       /* its standard input; a program need not read all of it */
    size_t ninput;
    double seconds;      /* it may take that long */
    const sn_pool *pool; /* when this is cancelled (Ctrl-C), it ends: SN_ECANCEL; NULL: never */
} sn_process;

typedef struct {
    bool absent; /* there is no such program, with SN_EIO */
    int status;  /* 0..255: what it returned; 256 + n: signal n has ended it */
} sn_process_end;

/* Appends what it writes to its standard output and error to out and errors, whose max limits each: more than
 * that is SN_ENOMEM. SN_OK says that it ran to an end, whatever its status. */
sn_status sn_process_run(const sn_process *, sn_buf *out, sn_buf *errors, sn_process_end *, sn_err *);

#endif
