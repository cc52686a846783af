/* What an error looks like: the message first; below it, only when the error came out of functions that the
 * user wrote, a short way there. Our own Lua and C never show. */
#ifndef SN_APP_REPORT_H
#define SN_APP_REPORT_H

#include "bind/bind.h"

/* The message handler of every lua_pcall: any error value -> the text to show. */
int sn_report_handler(lua_State *L);
/* The last error's value: remember keeps the one at idx, push puts it back (nil before the first). */
void sn_report_remember(lua_State *L, int idx);
void sn_report_push_last(lua_State *L);
/* The chunk that is running at the prompt, or NULL: an error in one of several lines shows its line. The text
 * stays the caller's and must live until the next call. */
void sn_report_chunk(const char *text);
/* Replaces the message of a syntax error on top of the stack by what is shown of it. */
void sn_report_syntax(lua_State *L);

#endif
