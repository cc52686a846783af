/* Running chunks of Lua for a person: every error is shown here, in one way. */
#ifndef SN_APP_SESSION_H
#define SN_APP_SESSION_H

#include "bind/bind.h"
#include <stdbool.h>

typedef struct {
    lua_State *L;
    bool interactive; /* a prompt is there or will follow */
    bool on_terminal; /* stderr is one */
    bool color;       /* and wants colours */
} sn_session;

typedef enum { SN_RAN_OK, SN_RAN_ERROR, SN_RAN_INTERRUPTED } sn_outcome;

#define SN_INPUT_CHUNK "=input" /* the name of what is typed at the prompt */

/* Calls the function below its nargs arguments on the stack, which are popped. An error is shown and leaves
 * nothing; the value of `_err` is then in sn_report_last. */
sn_outcome sn_session_call(sn_session *, int nargs, int nresults);
/* Compiles and runs text, or a file (NULL: standard input) with the nargs values on the stack as its arguments.
 */
sn_outcome sn_session_text(sn_session *, const char *text, const char *chunkname);
sn_outcome sn_session_file(sn_session *, const char *path, int nargs);
/* Shows the message on top of the stack as an error and pops it. */
void sn_session_complain(sn_session *);

#endif
