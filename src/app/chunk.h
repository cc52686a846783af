/* What is typed, as chunks of Lua: when one is whole, how it is compiled, and what of a pasted session is
 * meant. */
#ifndef SN_APP_CHUNK_H
#define SN_APP_CHUNK_H

#include "bind/bind.h"
#include <stdbool.h>

typedef enum {
    SN_CHUNK_READY,      /* the function is on the stack */
    SN_CHUNK_INCOMPLETE, /* nothing is pushed: more lines must come */
    SN_CHUNK_BAD         /* the message is on the stack */
} sn_chunk_state;

/* As an expression if it can be one ("return TEXT"), else as statements, else as statements and an expression
 * behind the last semicolon. Incomplete only when the syntax error stands at the end of the input. May raise
 * (memory). */
sn_chunk_state sn_chunk_load(lua_State *L, const char *text);
/* Does it end in a semicolon, but for comments: run, but show nothing? */
bool sn_chunk_is_silent(const char *text);

/* Both are for pasted sessions, Python's and IPython's too, whose lines that go on ("... ") are known by the
 * prompt before them: python. has_prompt: does the line begin with a prompt; skip_prompt: behind all of them;
 * says in *python whose they were. */
bool sn_chunk_has_prompt(const char *line, bool python);
const char *sn_chunk_skip_prompt(const char *line, bool *python);
/* Does a line of text begin with "local "? Such a paste runs as one chunk, or the variables would be gone at
 * once. */
bool sn_chunk_has_local(const char *text);

/* !COMMAND, or x = !COMMAND. */
bool sn_chunk_is_command(const char *line);

#define SN_PROMPT      "sonde> "
#define SN_PROMPT_MORE "   ..> "

#endif
