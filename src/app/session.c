#include "app/session.h"

#include "app/interrupt.h"
#include "app/report.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

void sn_session_complain(sn_session *s) {
    const char *msg = lua_tostring(s->L, -1);
    if (!msg) msg = "(an error without a message)";
    fflush(stdout);
    bool calm = !strncmp(msg, "interrupted", 11);
    if (calm && sn_bind_interrupt_told()) { /* in better words */
        lua_pop(s->L, 1);
        return;
    }
    if (calm && s->on_terminal) fputc('\n', stderr); /* below the ^C, and the bar of an epoch */
    const char *label = calm ? "" : s->interactive ? "error: " : "sonde: ";
    fprintf(stderr, "%s%s%s", s->color ? "\033[31m" : "", label, msg);
    if (!strcmp(msg, "not enough memory")) /* Lua's own words; there is no memory to make others */
        fprintf(stderr, ": Lua's values take %d MiB; set what is not needed to nil%s",
                lua_gc(s->L, LUA_GCCOUNT) >> 10, s->interactive ? " (who() lists it)" : "");
    fprintf(stderr, "%s\n", s->color ? "\033[0m" : "");
    lua_pop(s->L, 1);
}

sn_outcome sn_session_call(sn_session *s, int nargs, int nresults) {
    lua_State *L = s->L;
    int base = lua_gettop(L) - nargs; /* where the function is */
    lua_pushcfunction(L, sn_report_handler);
    lua_insert(L, base);
    sn_interrupt_begin();
    int status = lua_pcall(L, nargs, nresults, base);
    bool unnoticed, interrupted = sn_interrupt_end(&unnoticed);
    if (interrupted) clearerr(stdout); /* a write that Ctrl-C ended is no error of the file */
    lua_remove(L, base);
    if (status == LUA_OK && !unnoticed) {
        if (interrupted && s->on_terminal) fputc('\n', stderr); /* below the ^C */
        return SN_RAN_OK;
    }
    if (status == LUA_OK ||
        (interrupted && status == LUA_ERRERR)) { /* results, or the handler itself was interrupted */
        lua_settop(L, base - 1);
        lua_pushliteral(L, "interrupted");
    }
    if (status == LUA_ERRMEM) sn_report_remember(L, -1); /* no handler is called for it */
    sn_session_complain(s);
    return interrupted ? SN_RAN_INTERRUPTED : SN_RAN_ERROR;
}

static sn_outcome run_loaded(sn_session *s, int status, int nargs) {
    lua_State *L = s->L;
    if (status != LUA_OK) {
        if (sn_interrupt_take()) { /* Ctrl-C while reading */
            lua_pop(L, 1 + nargs);
            lua_pushliteral(L, "interrupted");
            sn_session_complain(s);
            return SN_RAN_INTERRUPTED;
        }
        sn_report_remember(L, -1);
        sn_session_complain(s);
        lua_pop(L, nargs);
        return SN_RAN_ERROR;
    }
    lua_insert(L, -1 - nargs);
    return sn_session_call(s, nargs, 0);
}

sn_outcome sn_session_text(sn_session *s, const char *text, const char *chunkname) {
    return run_loaded(s, luaL_loadbuffer(s->L, text, strlen(text), chunkname), 0);
}

sn_outcome sn_session_file(sn_session *s, const char *path, int nargs) {
    return run_loaded(s, luaL_loadfile(s->L, path), nargs);
}
