/* Ctrl-C: a running chunk ends with the error "interrupted", and the session lives on. */
#ifndef SN_APP_INTERRUPT_H
#define SN_APP_INTERRUPT_H

#include "bind/bind.h"
#include <stdbool.h>

/* Takes over SIGINT. batch: no prompt will follow, so a second SIGINT that finds Lua still stuck in C kills. */
void sn_interrupt_install(lua_State *L, bool batch);
/* Gives coroutines, made from now on, a hook of their own: one set on the main thread does not reach them. */
void sn_interrupt_coroutines(lua_State *L);

/* First in every signal handler: the system picks any thread, but only the main one may touch the Lua state,
 * and only it waits at the prompt. true: the main thread has been sent the signal, and there is nothing more to
 * do. */
bool sn_interrupt_forward(int sig);

/* Around each chunk. A SIGINT that nobody has taken before begin ends the chunk at once: it came after Enter.
 * end tells whether SIGINT came in between, and whether the chunk never got to notice it. */
void sn_interrupt_begin(void);
bool sn_interrupt_end(bool *unnoticed);
bool sn_interrupt_pending(void); /* SIGINT came since end, or the last take */
bool sn_interrupt_take(void);    /* the same, and forgets it */

#endif
