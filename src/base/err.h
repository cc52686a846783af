/* Errors: a status and a message in a struct that the caller owns (usually on its stack). No globals, no errno.
 * A message names the object, the value and the remedy. */
#ifndef SN_BASE_ERR_H
#define SN_BASE_ERR_H

typedef enum {
    SN_OK,
    SN_ENOMEM,  /* out of memory, or over a memory limit */
    SN_EINVAL,  /* a wrong value */
    SN_ESHAPE,  /* shapes that do not fit together */
    SN_EIO,     /* the system refused a file */
    SN_EFORMAT, /* a file's bytes are not what they should be */
    SN_ECANCEL, /* interrupted; state stands at the last completed step */
    SN_ESKIP,   /* this sample cannot be had (a broken file); go on with the next */
    SN_EHALT    /* a watchpoint has halted the step; state stands before it */
} sn_status;

typedef struct {
    sn_status code;
    char msg[504];
} sn_err;

/* Fills *e (which may be NULL) and returns code, so that one writes `return sn_fail(e, SN_EINVAL, ...)`. */
sn_status sn_fail(sn_err *e, sn_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message already in *e; returns its code. */
sn_status sn_fail_prefix(sn_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A warning line for the person at the terminal; safe from any thread. The default handler writes
 * "warning: ..." to stderr. Passing NULL restores the default. */
void sn_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sn_set_warn_handler(void (*fn)(const char *line));

/* A broken invariant of our own, never a user's mistake: prints file and line, and aborts. */
_Noreturn void sn_bug(const char *file, int line, const char *what);
#define SN_BUG(what) sn_bug(__FILE__, __LINE__, (what))

#endif
