#include "app/complete.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

void sn_candidates_free(sn_candidates *c) {
    for (size_t i = 0; i < c->n; i++) {
        free(c->list[i].text);
        free(c->list[i].shown);
    }
    free(c->list);
    *c = (sn_candidates){ 0 };
}

typedef struct {
    const char *before, *line;
    size_t start;
} question;

/* (question) -> what sonde.complete.at gives */
static int ask(lua_State *L) {
    const question *q = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.complete");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "at");
    lua_pushstring(L, q->before ? q->before : "");
    lua_pushstring(L, q->line);
    lua_pushinteger(L, (lua_Integer)q->start);
    lua_call(L, 3, 1);
    return 1;
}

/* The text in field key of the table on top, copied; NULL when there is none. Cannot raise: the tables are
 * plain. */
static char *copy_field(lua_State *L, const char *key) {
    lua_getfield(L, -1, key);
    const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    char *copy = s ? strdup(s) : NULL;
    lua_pop(L, 1);
    return copy;
}

static int by_text(const void *a, const void *b) {
    return strcmp(((const sn_candidate *)a)->text, ((const sn_candidate *)b)->text);
}

/* The list on top. Stops early when memory runs out. */
static void copy_list(lua_State *L, sn_candidates *out) {
    size_t n = lua_rawlen(L, -1);
    out->list = n ? calloc(n, sizeof *out->list) : NULL;
    for (size_t i = 1; out->list && i <= n; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        sn_candidate c = { copy_field(L, "text"), copy_field(L, "shown") };
        lua_pop(L, 1);
        if (c.text && c.shown) {
            out->list[out->n++] = c;
        } else {
            free(c.text);
            free(c.shown);
        }
    }
    if (out->n) qsort(out->list, out->n, sizeof *out->list, by_text);
}

/* (out) on an answer at index 2: nothing in it can fail but the texts of the keys. */
static int take(lua_State *L) {
    sn_candidates *out = lua_touserdata(L, 1);
    lua_getfield(L, 2, "files");
    out->files = lua_toboolean(L, -1);
    lua_getfield(L, 2, "open");
    out->open = lua_toboolean(L, -1);
    lua_settop(L, 2);
    copy_list(L, out);
    return 0;
}

void sn_complete(lua_State *L, const char *before, const char *line, size_t start, sn_candidates *out) {
    question q = { before, line, start };
    int top = lua_gettop(L);
    sn_candidates_free(out);
    lua_pushcfunction(L, ask);
    lua_pushlightuserdata(L, &q);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK && lua_istable(L, -1)) {
        lua_pushcfunction(L, take);
        lua_insert(L, -2);
        lua_pushlightuserdata(L, out);
        lua_insert(L, -2);
        lua_pcall(L, 2, 0, 0);
    }
    lua_settop(L, top);
}
