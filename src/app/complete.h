/* TAB: the names that can stand where a word begins. Tables are walked with raw access; nothing that was typed
 * runs. */
#ifndef SN_APP_COMPLETE_H
#define SN_APP_COMPLETE_H

#include "bind/bind.h"

/* word: "m", "m:fi", "sonde.co". A sorted NULL-terminated list of whole words that begin with it, each malloc'd
 * and the list too; NULL when there is none. */
char **sn_complete(lua_State *L, const char *word);

#endif
