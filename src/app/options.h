/* The command line, as `lua` reads it. */
#ifndef SN_APP_OPTIONS_H
#define SN_APP_OPTIONS_H

#include <stdbool.h>

/* -e CODE or -l MOD, in the order given. */
typedef struct {
    char kind;        /* 'e' or 'l' */
    const char *text; /* points into argv */
} sn_action;

typedef struct {
    sn_action *action; /* malloc'd, naction of them */
    int naction;
    bool interactive; /* -i */
    bool quiet;       /* -q */
    bool no_rc;       /* --no-rc */
    bool version, help;
    int script; /* its index in argv; argc = there is none */
} sn_options;

/* false: what is wrong has been said on stderr, and the exit status is 2. Sets SONDE_THREADS for --threads. */
bool sn_options_read(sn_options *, int argc, char **argv);
void sn_options_free(sn_options *);
void sn_options_usage(void); /* the text of --help, on stdout */

#endif
