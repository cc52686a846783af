#include "app/report.h"

#include "app/interrupt.h"
#include "app/session.h"
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FRAMES = 8, MAX_LEVEL = 200 };

static const char last_key = 'k'; /* its address is the registry key of the last error */
static const char *chunk;         /* what runs at the prompt, of which there is one */

void sn_report_chunk(const char *text) { chunk = text; }

void sn_report_remember(lua_State *L, int idx) {
    lua_pushvalue(L, idx);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &last_key);
}

void sn_report_push_last(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &last_key); }

static bool starts(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

static bool one_line(void) { return !chunk || !strchr(chunk, '\n'); }

/* Behind "FILE:LINE: ", or NULL. *n: characters of "FILE:". */
static const char *behind_place(const char *text, size_t *n) {
    const char *colon = strchr(text, ':'), *end = colon ? colon + 1 + strspn(colon + 1, "0123456789") : NULL;
    if (!end || end == colon + 1 || !starts(end, ": ")) return NULL;
    *n = (size_t)(colon + 1 - text);
    return end + 2;
}

/* coroutine.wrap puts its place before a message that has one, in the same file mostly. */
static const char *once(const char *text) {
    size_t n, m;
    const char *next = behind_place(text, &n);
    return next && behind_place(next, &m) && n == m && !strncmp(text, next, n) ? once(next) : text;
}

/* A single line typed at the prompt has no line number worth telling. */
static const char *strip(const char *text) {
    size_t n;
    const char *message = starts(text, "input:") ? behind_place(text, &n) : NULL;
    return message && one_line() && n == strlen("input:") ? message : text;
}

/* The line of the chunk that a message with a place in it speaks of: "\n    2 | x.y = 3". */
static void add_line(lua_State *L, luaL_Buffer *b, const char *text) {
    if (one_line() || !starts(text, "input:")) return;
    long number = strtol(text + strlen("input:"), NULL, 10);
    const char *p = chunk;
    for (long n = 1; p && n < number; n++) p = (p = strchr(p, '\n')) ? p + 1 : NULL;
    if (!p || number < 1) return;
    p += strspn(p, " \t");
    lua_pushfstring(L, "\n    %d | ", (int)number);
    luaL_addvalue(b);
    luaL_addlstring(b, p, strcspn(p, "\n"));
}

/* (name of a function of sonde.names, text, chunk) -> "; did you mean ...?" or nil */
static int call_hint(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.names");
    lua_call(L, 1, 1);
    lua_pushvalue(L, 1);
    lua_gettable(L, -2);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_call(L, 2, 1);
    return 1;
}

static void add_hint_of(lua_State *L, luaL_Buffer *b, const char *function, const char *text) {
    lua_pushcfunction(L, call_hint);
    lua_pushstring(L, function);
    lua_pushstring(L, text);
    lua_pushstring(L, chunk);
    if (lua_pcall(L, 3, 1, 0) == LUA_OK && lua_isstring(L, -1))
        luaL_addvalue(b);
    else
        lua_pop(L, 1);
}

/* What Lua's own messages leave out: the nearest name to one that turned out to be nil, how it is done here. */
static void add_hint(lua_State *L, luaL_Buffer *b, const char *text) {
    if (strstr(text, "attempt to ") || strstr(text, "bad argument #")) add_hint_of(L, b, "hint", text);
}

void sn_report_syntax(lua_State *L) {
    luaL_Buffer b;
    const char *text = lua_tostring(L, -1);
    luaL_buffinit(L, &b);
    luaL_addstring(&b, strip(text));
    if (chunk) add_hint_of(L, &b, "syntax", text); /* what other languages write otherwise */
    add_line(L, &b, text);
    luaL_pushresult(&b);
    lua_remove(L, -2);
}

static bool is_ours(const lua_Debug *ar) {
    return starts(ar->source, "=sonde") || starts(ar->source, "@sonde/");
}
static bool is_prompt(const lua_Debug *ar) {
    return !strcmp(ar->what, "main") && !strcmp(ar->source, SN_INPUT_CHUNK);
}

/* The next frame of the user's own Lua from *level on. */
static bool next_frame(lua_State *L, int *level, lua_Debug *ar) {
    while (*level < MAX_LEVEL && lua_getstack(L, (*level)++, ar)) {
        lua_getinfo(L, "nSl", ar);
        if (*ar->what != 'C' && !is_ours(ar)) return true;
    }
    return false;
}

/* "f.lua:12: " before a message that has no place yet: errors of the core come from C and do not know it. */
static void add_place(lua_State *L, luaL_Buffer *b, const char *msg) {
    lua_Debug ar;
    int level = 1;
    if (!next_frame(L, &level, &ar) || starts(msg, ar.short_src)) return;
    if (is_prompt(&ar) && one_line()) return;
    lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
    luaL_addvalue(b);
}

static void add_frame(lua_State *L, luaL_Buffer *b, const lua_Debug *ar) {
    const char *file = ar->short_src;
    if (!strcmp(ar->what, "main"))
        lua_pushfstring(L, "\n    %s:%d: in the main chunk", file, ar->currentline);
    else if (ar->name)
        lua_pushfstring(L, "\n    %s:%d: in function '%s'", file, ar->currentline, ar->name);
    else
        lua_pushfstring(L, "\n    %s:%d: in the function at line %d", file, ar->currentline, ar->linedefined);
    luaL_addvalue(b);
}

/* The way to the error, innermost first; left out when it began right in a main chunk. */
static void add_way(lua_State *L, luaL_Buffer *b) {
    lua_Debug ar;
    int level = 1, shown = 0, line = -1;
    while (next_frame(L, &level, &ar)) {
        bool is_main = !strcmp(ar.what, "main");
        if (is_prompt(&ar) || (is_main && shown == 0)) return;
        if (ar.currentline == line) continue; /* a recursion */
        line = ar.currentline;
        if (shown++ == MAX_FRAMES) {
            luaL_addstring(b, "\n    ...");
            return;
        }
        add_frame(L, b, &ar);
    }
}

/* Did the innermost code of the user's stand right in the chunk (or call from its end, which leaves no trace)?
 * What a function's lines say is elsewhere. */
static bool in_chunk(lua_State *L) {
    lua_Debug ar;
    int level = 1;
    return !next_frame(L, &level, &ar) || is_prompt(&ar);
}

/* (error) -> what sonde.util keeps of it, or nil */
static int call_said(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.util");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "said");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Pushes what was said of the error where it began, if it is a value that can have that beside it. */
static bool push_said(lua_State *L) {
    if (!lua_istable(L, 1) && !lua_isuserdata(L, 1)) return false;
    lua_pushcfunction(L, call_said);
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_type(L, -1) == LUA_TSTRING) return true;
    lua_pop(L, 1);
    return false;
}

/* Leaves the error value at index 1 as text on top. */
static void push_text(lua_State *L) {
    if (lua_isstring(L, 1)) {
        lua_pushvalue(L, 1);
        lua_tostring(L, -1); /* a number becomes text, in the copy */
    } else if (push_said(L)) {
        return;
    } else if (!luaL_callmeta(L, 1, "__tostring") || !lua_isstring(L, -1)) {
        lua_pushfstring(L, "(the error is %s%s)", lua_isnil(L, 1) ? "" : "a ", luaL_typename(L, 1));
    }
}

/* require lists each file that it did not find. (text on top -> text) */
static void shorten_require(lua_State *L) {
    const char *text = lua_tostring(L, -1), *list = strstr(text, ":\n\tno field package.preload['");
    if (!list) return;
    lua_pushlstring(L, text, (size_t)(list - text));
    lua_pushliteral(L, "; package.path and package.cpath say where it is looked for");
    lua_concat(L, 2);
    lua_replace(L, -2);
}

int sn_report_handler(lua_State *L) {
    lua_settop(L, 1);
    push_text(L); /* error, text */
    shorten_require(L);
    const char *text = once(lua_tostring(L, 2));
    if (sn_interrupt_pending()) { /* wherever it struck is of no interest */
        const char *word = strstr(text, "interrupted");
        lua_pushstring(L, word ? word : "interrupted");
        return 1;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    add_place(L, &b, text);
    const char *message = strip(text);
    size_t first = strcspn(message, "\n"); /* below may stand the way to the place */
    luaL_addlstring(&b, message, first);
    add_hint(L, &b, text);
    luaL_addstring(&b, message + first);
    luaL_pushresult(&b); /* error, text, placed */
    sn_report_remember(L, lua_type(L, 1) == LUA_TSTRING ? 3 : 1);
    luaL_buffinit(L, &b);
    lua_pushvalue(L, 3);
    luaL_addvalue(&b);
    if (in_chunk(L) && !strstr(text, "\n    ")) add_line(L, &b, lua_tostring(L, 3)); /* lines of its own */
    add_way(L, &b);
    luaL_pushresult(&b);
    return 1;
}
