/* The module sonde.app: what the Lua half asks of the prompt, which does it when the chunk that asks is over.
 */
/* queue: a list of functions f(ok), called in turn (ok: did the text before it go well?), and of texts to be
 * run as if they had been typed: { text = , whole = , quiet = }; whole as one chunk, and not line by line;
 * quiet so that nothing is shown and the history does not know. */
/* enter: a function that is called where an empty line is typed, or nil. */
/* stay: true where a prompt shall follow this script. */
/* While a prompt is there: history(n), the n-th last entry or nil; chdir(path), which goes to a folder and
 * gives true, or nil and why not. */
#ifndef SN_APP_QUEUE_H
#define SN_APP_QUEUE_H

#include "bind/bind.h"
#include <stdbool.h>

typedef enum { SN_QUEUED_NONE, SN_QUEUED_TEXT, SN_QUEUED_CALL } sn_queued_kind;

typedef struct {
    sn_queued_kind kind;
    char *text; /* malloc'd */
    bool whole, quiet;
} sn_queued;

/* These may raise (memory). */
void sn_queue_open(lua_State *L);
bool sn_queue_wants_prompt(lua_State *L);
/* Takes the first item. CALL: the function is pushed. */
void sn_queue_take(lua_State *L, sn_queued *);
/* Pushes the function of app.enter, or nothing. */
bool sn_queue_push_enter(lua_State *L);

#endif
