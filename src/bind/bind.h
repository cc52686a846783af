/* The Lua face of sonde, as the program (src/app) sees it. src/bind is the only includer of lua.h below app. */
#ifndef SN_BIND_BIND_H
#define SN_BIND_BIND_H

#include <lua.h>
#include <stdbool.h>

/* Opens everything: metatables, the embedded Lua half, the table `sonde`, and its names as globals. Call it
 * once on a new state after luaL_openlibs, in protected mode (it raises what goes wrong). Leaves the stack as
 * it was. SONDE_THREADS and SONDE_ISA are read at this moment. */
void sn_bind_open(lua_State *L);
#define SN_BIND_PUBLIC "sonde.public" /* the table `sonde` in the registry, where no chunk can take it away */

/* Someone is at the prompt, who can look after an interruption: the gradients of the last whole step are kept
 * then, which costs as much memory as the weights. */
void sn_bind_prompt(bool);

/* A lua_CFunction: pretty-prints its arguments the way the prompt does, one per line, to stdout. Push it and
 * the values and lua_pcall it; nothing is printed for no arguments. Returns 0. */
int sn_bind_print(lua_State *L);

/* Async-signal-safe: whatever the core is doing now ends with the Lua error "interrupted", the run standing at
 * its last completed step. The flag stays up until it is cleared: clear it before starting the next chunk. */
void sn_bind_interrupt(void);
void sn_bind_clear_interrupt(void);
/* Up and not yet turned into an error, by the core or by whoever cleared it. */
bool sn_bind_interrupt_pending(void);

/* Has the Lua half told the person where the last interrupt left things? */
bool sn_bind_interrupt_told(void);

/* Is there a progress bar on stderr's last line? From any thread. */
bool sn_bind_bar_shown(void);

#endif
