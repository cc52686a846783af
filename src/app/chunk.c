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

static bool is_comment(const char *s) { return s[0] == '-' && s[1] == '-'; }

/* Behind the comment, text or character that begins at s. */
static const char *behind_token(const char *s) {
    const char *end = behind_long(is_comment(s) ? s + 2 : s);
    if (end) return end;
    return is_comment(s) ? s + strcspn(s, "\n") : *s == '"' || *s == '\'' ? behind_quoted(s) : s + 1;
}

/* What stands behind the last semicolon, or NULL. */
static const char *last_statement(const char *text) {
    const char *last = NULL;
    for (const char *s = text; *s; s = behind_token(s))
        if (*s == ';') last = s + 1;
    return last;
}

/* word: with the space before it */
static bool has_word(const char *text, const char *word) {
    while ((text = strstr(text, word))) {
        text += strlen(word);
        if (!isalnum((unsigned char)*text) && *text != '_') return true;
    }
    return false;
}

/* Lua writes a method's name right behind the colon. */
static bool has_apart_colon(const char *text) {
    for (; *text; text = behind_token(text))
        if (text[0] == ':' && text[1] == ' ') return true;
    return false;
}

/* A line like "for i in range(3):" or "for i in range(3): print(i)", which no further line would make Lua; but
 * "for i in range(3):each() do" is Lua. */
static bool is_python_block(const char *text) {
    static const char *const words[] = { "for", "if", "while", "def", "class", "try", "with", "elif", "else" };
    text += strspn(text, " \t");
    size_t word = strcspn(text, " \t:"), n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1])) n--;
    if (memchr(text, '\n', n)) return false;
    bool colon = n && (text[n - 1] == ':' ||
                       (has_apart_colon(text) && !has_word(text, " do") && !has_word(text, " then")));
    const char *behind = strncmp(text, "for ", 4) ? NULL : strstr(text, " in range(");
    behind = behind ? strstr(behind, "):") : NULL;
    if (behind && !has_word(behind, " do")) return true;
    if (!colon) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == word && !strncmp(text, words[i], word)) return true;
    return false;
}

/* x = 5; x: as at other prompts, what stands last is shown. Pushes the function. */
static bool load_statements_and_value(lua_State *L, const char *text) {
    bool incomplete;
    const char *last = last_statement(text);
    if (!last) return false;
    lua_pushlstring(L, text, (size_t)(last - text));
    const char *whole = lua_pushfstring(L, "%s return %s\n", lua_tostring(L, -1), last);
    lua_remove(L, -2);
    if (load(L, whole, &incomplete)) {
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 2);
    return false;
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
    if (load_statements_and_value(L, text)) {
        lua_remove(L, -2);
        return SN_CHUNK_READY;
    }
    if (!incomplete || is_python_block(text)) return SN_CHUNK_BAD;
    lua_pop(L, 1);
    return SN_CHUNK_INCOMPLETE;
}

bool sn_chunk_is_silent(const char *text) {
    char last = '\0'; /* character that is neither space nor comment */
    for (const char *s = text, *end; *s; s = end) {
        bool comment = is_comment(s);
        end = behind_token(s);
        if (!comment && !isspace((unsigned char)*s)) last = *s;
    }
    return last == ';';
}

/* The length of the mark at the beginning of a line, 0 for none: sonde's own, Python's, IPython's "In [12]:".
 */
static size_t mark_length(const char *line) {
    static const char *const marks[] = { "sonde>", "..>", ">>>" };
    for (int i = 0; i < 3; i++)
        if (!strncmp(line, marks[i], strlen(marks[i]))) return strlen(marks[i]);
    size_t n = strlen("In ["), digits = strncmp(line, "In [", n) ? 0 : strspn(line + n, "0123456789");
    return digits && !strncmp(line + n + digits, "]:", 2) ? n + digits + 2 : 0;
}

/* Behind one prompt, or NULL. Editors drop spaces at the end of a line: "sonde>" alone counts. */
static const char *behind_prompt(const char *line) {
    while (*line == ' ') line++;
    size_t n = mark_length(line);
    if (!n) return NULL;
    if (line[n] == ' ') return line + n + 1;
    return line[n] == '\0' || line[n] == '\n' ? line + n : NULL;
}

/* Python's and IPython's prompt of a line that goes on, "... " and "   ...: ", which is one where theirs came
 * before it: in Lua ... alone is a value. */
static const char *behind_dots(const char *line) {
    while (*line == ' ') line++;
    if (strncmp(line, "...", 3)) return NULL;
    line += line[3] == ':' ? 4 : 3;
    return *line == ' ' ? line + 1 : *line == '\0' || *line == '\n' ? line : NULL;
}

bool sn_chunk_has_prompt(const char *line, bool python) {
    return behind_prompt(line) || (python && behind_dots(line));
}

const char *sn_chunk_skip_prompt(const char *line, bool *python) {
    const char *next = *python ? behind_dots(line) : NULL;
    if (next) return next;
    while ((next = behind_prompt(line))) {
        line += strspn(line, " ");
        *python = *line == '>' || *line == 'I';
        line = next;
    }
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
