/* TAB: the names that can stand where a word begins. Tables are walked with raw access; nothing that was typed
 * runs. */
#ifndef SN_APP_COMPLETE_H
#define SN_APP_COMPLETE_H

#include "bind/bind.h"
#include <stddef.h>

/* word: "m", "m:fi", "sonde.co"; it begins at line[start]. A sorted NULL-terminated list of whole words that
 * begin with it, each malloc'd and the list too; NULL when there is none. In the braces behind a constructor's
 * or method's name these are its options, behind a question mark what help knows. */
char **sn_complete(lua_State *L, const char *line, const char *word, size_t start);

#endif
