/* The prompt. */
#ifndef SN_APP_REPL_H
#define SN_APP_REPL_H

#include "app/session.h"

/* Reads and runs until Ctrl-D. Nothing that is typed ends it otherwise (but os.exit). */
void sn_repl(sn_session *, bool banner);
/* For a script that no prompt follows: runs what it left in the queue (app/queue.h). */
sn_outcome sn_repl_queued(sn_session *);

#endif
