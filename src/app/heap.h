/* Lua's memory, counted against the same limit as the core's, so that a runaway table is a Lua error ("not
 * enough memory") and the prompt again, not the system killing the session. */
#ifndef SN_APP_HEAP_H
#define SN_APP_HEAP_H

#include "bind/bind.h"

/* A new state, or NULL. One at a time. */
lua_State *sn_heap_new_state(void);

#endif
