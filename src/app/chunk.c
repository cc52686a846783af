#include "app/chunk.h"

#include "app/session.h"
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

static bool ends_at_eof(const char *msg) {
    static const char mark[] = "<eof>";
    size_t n = strlen(msg), m = sizeof mark - 1;
    return n >= m && !strcmp(msg + n - m, mark);
}

static bool load(lua_State *L, const char *text, bool *incomplete) {
    int status = luaL_loadbufferx(L, text, strlen(text), SN_INPUT_CHUNK, "t");
    if (status == LUA_OK) return true;
    if (status == LUA_ERRSYNTAX && ends_at_eof(lua_tostring(L, -1))) *incomplete = true;
    return false;
}

/* = 1 + 1, as Lua had it once. */
static const char *behind_equals(const char *text) {
    const char *p = text + strspn(text, " \t");
    return p[0] == '=' && p[1] != '=' ? p + 1 : text;
}

sn_chunk_state sn_chunk_load(lua_State *L, const char *text) {
    bool incomplete = false;
    /* With its newline: a string cannot go on behind it, so `"abc` is a mistake and not a beginning. */
    const char *as_value = lua_pushfstring(L, "return %s\n", behind_equals(text));
    const char *as_is = as_value + strlen("return ");
    if (load(L, as_value, &incomplete) || (lua_pop(L, 1), load(L, as_is, &incomplete))) { /* source, function */
        lua_remove(L, -2);
        return SN_CHUNK_READY;
    }
    lua_remove(L, -2); /* message */
    if (!incomplete) return SN_CHUNK_BAD;
    lua_pop(L, 1);
    return SN_CHUNK_INCOMPLETE;
}

/* Behind the long bracket [[ or [==[ that begins at s, or NULL where none does. */
static const char *behind_long(const char *s) {
    if (*s != '[') return NULL;
    size_t level = strspn(s + 1, "=");
    if (s[1 + level] != '[') return NULL;
    for (s += level + 2; (s = strchr(s, ']')); s++)
        if (strspn(s + 1, "=") == level && s[1 + level] == ']') return s + level + 2;
    return NULL;
}

static const char *behind_quoted(const char *s) {
    const char quote = *s++;
    for (; *s && *s != quote; s++)
        if (*s == '\\' && s[1]) s++;
    return *s ? s + 1 : s;
}

bool sn_chunk_is_silent(const char *text) {
    char last = '\0'; /* character that is neither space nor comment */
    for (const char *s = text, *end; *s; s = end) {
        bool comment = s[0] == '-' && s[1] == '-';
        end = behind_long(comment ? s + 2 : s);
        if (!end) end = comment ? s + strcspn(s, "\n") : *s == '"' || *s == '\'' ? behind_quoted(s) : s + 1;
        if (!comment && !isspace((unsigned char)*s)) last = *s;
    }
    return last == ';';
}

/* Behind one prompt, or NULL. Editors drop spaces at the end of a line: "sonde>" alone counts. */
static const char *behind_prompt(const char *line) {
    static const char *const marks[] = { "sonde>", "..>" };
    while (*line == ' ') line++;
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(marks[i]);
        if (strncmp(line, marks[i], n)) continue;
        if (line[n] == ' ') return line + n + 1;
        if (line[n] == '\0' || line[n] == '\n') return line + n;
    }
    return NULL;
}

bool sn_chunk_has_prompt(const char *line) { return behind_prompt(line) != NULL; }

const char *sn_chunk_skip_prompt(const char *line) {
    for (const char *next; (next = behind_prompt(line));) line = next;
    return line;
}

bool sn_chunk_has_local(const char *text) {
    for (const char *p = text; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (!strncmp(p, "local ", 6)) return true;
    }
    return false;
}

/* A word and = before it: x = !ls. No Lua has a ! there. */
static bool is_capture(const char *s) {
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    while (isalnum((unsigned char)*s) || *s == '_') s++;
    s += strspn(s, " \t");
    if (*s != '=') return false;
    s++;
    return s[strspn(s, " \t")] == '!';
}

bool sn_chunk_is_command(const char *line) {
    while (isspace((unsigned char)*line)) line++;
    return *line == '!' || is_capture(line);
}
