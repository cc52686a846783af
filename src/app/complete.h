/* TAB: what can stand where a word begins. What there is to choose from is found in Lua (sonde.complete), which
 * walks values with raw access: nothing that was typed runs. */
#ifndef SN_APP_COMPLETE_H
#define SN_APP_COMPLETE_H

#include "bind/bind.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *text;  /* the whole word, as it is to stand in the line */
    char *shown; /* as a list of several shows it */
} sn_candidate;

typedef struct {
    sn_candidate *list; /* sorted by text */
    size_t n;
    bool files; /* names of files are wanted; the list is empty */
    bool open;  /* the word, a text in quotes, goes on behind a candidate: no closing quote */
} sn_candidates;

/* before: the lines of the chunk above, or NULL. line: the present one up to the cursor, of whose characters
 * the word is those from start on. What out held before is freed. */
void sn_complete(lua_State *L, const char *before, const char *line, size_t start, sn_candidates *out);
void sn_candidates_free(sn_candidates *);

#endif
