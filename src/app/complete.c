#include "app/complete.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHAIN = 8 }; /* __index tables followed */

static const char *const keywords[] = { "and",      "break",  "do",   "else", "elseif", "end",   "false", "for",
                                        "function", "goto",   "if",   "in",   "local",  "nil",   "not",   "or",
                                        "repeat",   "return", "then", "true", "until",  "while", NULL };

static bool is_name(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    return !*s;
}

/* Replaces the value on top by the table that its metatable gives as __index; false, with the value popped, if
 * none. */
static bool to_index_table(lua_State *L) {
    if (lua_getmetatable(L, -1)) {     /* value, meta */
        lua_pushliteral(L, "__index"); /* value, meta, "__index" */
        lua_rawget(L, -2);             /* value, meta, index */
        lua_replace(L, -3);            /* index, meta */
        lua_pop(L, 1);                 /* index */
        if (lua_istable(L, -1)) return true;
    }
    lua_pop(L, 1);
    return false;
}

/* The same for a field of one of sonde's own values, such as m.layers: no code of the user's runs for it.
 * Raises, as when memory runs out. */
static bool to_own_field(lua_State *L, const char *name, size_t n) {
    bool own =
        lua_type(L, -1) == LUA_TUSERDATA && luaL_getmetafield(L, -1, "fields") != LUA_TNIL; /* value, fields */
    if (!own) return false;
    lua_pushlstring(L, name, n);
    bool known = lua_rawget(L, -2) != LUA_TNIL; /* value, fields, getter */
    lua_pop(L, 2);
    if (!known) return false;
    lua_pushlstring(L, name, n);
    lua_gettable(L, -2);
    lua_remove(L, -2);
    return true;
}

/* Replaces the value on top by its field; false, with the value popped, when it has none. */
static bool to_field(lua_State *L, const char *name, size_t n) {
    if (to_own_field(L, name, n)) return true;
    bool found = lua_istable(L, -1);
    if (!found)
        found = to_index_table(L);
    else
        lua_pushvalue(L, -1), lua_remove(L, -2);
    for (int depth = 0; found && depth < MAX_CHAIN; depth++) {
        lua_pushlstring(L, name, n); /* table, name */
        lua_rawget(L, -2);           /* table, value */
        if (!lua_isnil(L, -1)) {
            lua_remove(L, -2);
            return true;
        }
        lua_pop(L, 1);
        found = to_index_table(L);
    }
    if (found) lua_pop(L, 1);
    return false;
}

static void offer(lua_State *L, int names, const char *head, size_t nhead, const char *name) {
    lua_pushlstring(L, head, nhead);
    lua_pushstring(L, name);
    lua_concat(L, 2);
    lua_pushboolean(L, 1);
    lua_rawset(L, names);
}

/* Offers what of the table on top begins with part. */
static void offer_table(lua_State *L, int names, const char *head, size_t nhead, const char *part) {
    bool functions = nhead && head[nhead - 1] == ':';
    size_t npart = strlen(part);
    lua_pushnil(L);
    while (lua_next(L, -2)) { /* table, key, value */
        bool fits = lua_type(L, -2) == LUA_TSTRING && (!functions || lua_isfunction(L, -1));
        const char *key = fits ? lua_tostring(L, -2) : "";
        if (is_name(key) && !strncmp(key, part, npart) && (*key != '_' || npart))
            offer(L, names, head, nhead, key);
        lua_pop(L, 1);
    }
}

/* sonde's own values answer through a function, which must not run; beside it the metatable says what it knows.
 */
static void offer_own(lua_State *L, int names, const char *head, size_t nhead, const char *part) {
    static const char *const tables[] = { "methods", "fields", NULL };
    if (lua_type(L, -1) != LUA_TUSERDATA || !lua_getmetatable(L, -1)) return; /* value, meta */
    for (int i = 0; tables[i] && (i == 0 || head[nhead - 1] == '.'); i++) {
        lua_pushstring(L, tables[i]);
        lua_rawget(L, -2); /* value, meta, table */
        if (lua_istable(L, -1)) offer_table(L, names, head, nhead, part);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Offers the fields of the value on top that begin with part, along its __index tables, and pops it. */
static void offer_fields(lua_State *L, int names, const char *head, size_t nhead, const char *part) {
    offer_own(L, names, head, nhead, part);
    bool found = lua_istable(L, -1) || to_index_table(L);
    for (int depth = 0; found && depth < MAX_CHAIN; depth++) {
        offer_table(L, names, head, nhead, part);
        found = to_index_table(L);
    }
    if (found) lua_pop(L, 1);
}

/* word -> table whose keys are the completions. In protected mode: memory may run out. */
static int collect(lua_State *L) {
    const char *word = lua_touserdata(L, 1);
    lua_newtable(L);
    int names = lua_gettop(L);
    lua_pushglobaltable(L);
    const char *part = word;
    for (size_t n; part[n = strcspn(part, ".:")]; part += n + 1)
        if (!to_field(L, part, n)) return 1; /* no such thing: the empty table */
    offer_fields(L, names, word, (size_t)(part - word), part);
    for (int i = 0; part == word && keywords[i]; i++)
        if (!strncmp(keywords[i], word, strlen(word))) offer(L, names, "", 0, keywords[i]);
    lua_settop(L, names);
    return 1;
}

typedef struct {
    const char *list, *arg, *part; /* a function of sonde.topics, its argument or NULL, the word so far */
} topic_query;

/* query -> table whose keys are what sonde.topics.LIST(arg) has that begins with part */
static int collect_topics(lua_State *L) {
    const topic_query *q = lua_touserdata(L, 1);
    lua_newtable(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.topics");
    lua_call(L, 1, 1); /* names, topics */
    lua_getfield(L, -1, q->list);
    lua_pushstring(L, q->arg);
    lua_call(L, 1, 1); /* names, topics, list */
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
        const char *name = lua_tostring(L, -1);
        if (!strncmp(name, q->part, strlen(q->part))) offer(L, 2, "", 0, name);
        lua_pop(L, 1);
    }
    lua_settop(L, 2);
    return 1;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The keys of the table on top, copied; stops early when memory runs out. lua_next cannot fail on a key it
 * gave. */
static char **copy_keys(lua_State *L) {
    size_t n = 0, have = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) n++;
    char **list = n ? calloc(n + 1, sizeof *list) : NULL;
    if (!list) return NULL;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        if ((list[have] = strdup(lua_tostring(L, -2)))) have++;
    qsort(list, have, sizeof *list, by_name);
    return list;
}

/* What a function of ours collects from its argument. */
static char **run_collector(lua_State *L, lua_CFunction fn, const void *arg) {
    int top = lua_gettop(L);
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, (void *)(uintptr_t)arg);
    char **list = lua_pcall(L, 1, 1, 0) == LUA_OK && lua_istable(L, -1) ? copy_keys(L) : NULL;
    lua_settop(L, top);
    return list;
}

/* The name before text[at], spaces skipped; n = 0: none. */
static const char *name_before(const char *text, size_t at, size_t *n) {
    while (at && text[at - 1] == ' ') at--;
    size_t end = at;
    while (at && (isalnum((unsigned char)text[at - 1]) || text[at - 1] == '_')) at--;
    *n = end - at;
    return text + at;
}

/* Where text[at] begins an option in braces, what those belong to: conv2d{ ..., and run in m:run(data, { ...
 * n = 0: nowhere. */
static const char *owner_of_option(const char *text, size_t at, size_t *n) {
    size_t before = at;
    *n = 0;
    while (before && text[before - 1] == ' ') before--;
    if (!before || !strchr("{,", text[before - 1])) return NULL;
    bool in_braces = false;
    for (int depth = 0; before; before--) {
        char c = text[before - 1];
        if (c == '}' || c == ')') depth++;
        if ((c == '{' || c == '(') && depth-- == 0) {
            depth = 0;
            in_braces = in_braces || c == '{';
            const char *name = name_before(text, before - 1, n);
            if (!in_braces) return *n = 0, NULL;
            if (*n) return name;
        }
    }
    return NULL;
}

char **sn_complete(lua_State *L, const char *line, const char *word, size_t start) {
    char owner[64];
    size_t n;
    const char *name = owner_of_option(line, start, &n);
    char **list = NULL;
    if (n && n < sizeof owner && !strpbrk(word, ".:")) {
        memcpy(owner, name, n);
        owner[n] = '\0';
        list = run_collector(L, collect_topics, &(topic_query){ "options", owner, word });
    }
    if (line[strspn(line, " ")] == '?')
        list = run_collector(L, collect_topics, &(topic_query){ "all", NULL, word });
    return list ? list : run_collector(L, collect, word);
}
