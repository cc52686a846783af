#include "app/repl.h"

#include "app/chunk.h"
#include "app/history.h"
#include "app/line.h"
#include "app/report.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHUNK = 64 << 20 };

typedef struct {
    sn_session *session;
    sn_buf chunk; /* the lines so far */
    bool leave;
} repl;

/* What one attempt to run the chunk came to. */
typedef struct {
    repl *r;
    const char *text;
    bool tentative; /* text that does not compile is left alone, as incomplete */
    bool incomplete, failed;
} attempt;

static void set_global_raw(lua_State *L, const char *name) { /* value on top -> popped */
    lua_pushglobaltable(L);
    lua_pushstring(L, name);
    lua_rotate(L, -3, -1); /* globals, name, value */
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static void note_error(lua_State *L) {
    sn_report_push_last(L);
    set_global_raw(L, "_err");
}

/* Shows the values from index `from` to the top, which are popped. */
static void show_values(sn_session *s, int from) {
    lua_State *L = s->L;
    lua_pushcfunction(L, sn_bind_print);
    lua_insert(L, from);
    if (sn_session_call(s, lua_gettop(L) - from, 0) != SN_RAN_OK) note_error(L);
    fflush(stdout);
}

/* Runs in protected mode of its own, since memory may run out anywhere. (attempt) -> nothing */
static int run_attempt(lua_State *L) {
    attempt *a = lua_touserdata(L, 1);
    sn_session *s = a->r->session;
    sn_chunk_state state = sn_chunk_load(L, a->text);
    a->incomplete = state == SN_CHUNK_INCOMPLETE || (a->tentative && state == SN_CHUNK_BAD);
    if (a->incomplete) return 0;
    a->failed = true;
    sn_history_add(a->text); /* before it runs: whatever that does, the line is kept */
    if (state == SN_CHUNK_BAD) {
        lua_pushstring(L, sn_report_strip(lua_tostring(L, -1)));
        sn_report_remember(L, -1);
        sn_session_complain(s);
        note_error(L);
        return 0;
    }
    int base = lua_gettop(L); /* where the results will begin */
    if (sn_session_call(s, 0, LUA_MULTRET) != SN_RAN_OK) {
        note_error(L);
        return 0;
    }
    a->failed = false;
    if (lua_gettop(L) < base) return 0;
    lua_pushvalue(L, base);
    set_global_raw(L, "_");
    if (!sn_chunk_is_silent(a->text)) show_values(s, base);
    return 0;
}

/* false: it failed. */
static bool run(repl *r, const char *text, bool tentative, bool *incomplete) {
    lua_State *L = r->session->L;
    attempt a = { .r = r, .text = text, .tentative = tentative };
    lua_pushcfunction(L, run_attempt);
    lua_pushlightuserdata(L, &a);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        sn_session_complain(r->session);
        a.failed = true;
    }
    *incomplete = a.incomplete;
    return !a.failed;
}

static int call_help(lua_State *L) { /* (topic) -> nothing */
    const char *topic = lua_touserdata(L, 1);
    lua_getglobal(L, "help");
    if (*topic) lua_pushstring(L, topic);
    lua_call(L, *topic ? 1 : 0, 0);
    return 0;
}

/* ?name */
static void run_help(repl *r, const char *line) {
    lua_State *L = r->session->L;
    char topic[128];
    while (isspace((unsigned char)*line) || *line == '?') line++;
    snprintf(topic, sizeof topic, "%s", line);
    for (size_t n = strlen(topic); n && isspace((unsigned char)topic[n - 1]);) topic[--n] = '\0';
    lua_pushcfunction(L, call_help);
    lua_pushlightuserdata(L, topic);
    sn_session_call(r->session, 1, 0);
    fflush(stdout);
}

static const char *skip_space(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* Adds a line to the chunk and runs it if it is whole. false: it failed; what was pasted behind it is not run.
 */
static bool feed_line(repl *r, const char *line) {
    line = sn_chunk_skip_prompt(line);
    const char *first = skip_space(line);
    if (!r->chunk.len) {
        if (!*first) return true;
        if (*first == '?') {
            sn_history_add(line);
            run_help(r, first);
            return true;
        }
        if (!strcmp(first, "exit") || !strcmp(first, "quit")) return !(r->leave = true);
    } else {
        sn_buf_str(&r->chunk, "\n");
    }
    sn_buf_str(&r->chunk, line);
    if (r->chunk.failed) {
        fprintf(stderr, "error: the input is longer than %d MiB\n", MAX_CHUNK >> 20);
        sn_buf_clear(&r->chunk);
        return false;
    }
    bool incomplete, ok = run(r, r->chunk.data, false, &incomplete);
    if (!incomplete) sn_buf_clear(&r->chunk);
    return ok;
}

/* A paste with local variables runs as one chunk when it is one. true: it did. */
static bool feed_whole(repl *r, const char *text) {
    bool incomplete = true;
    if (r->chunk.len || !strchr(text, '\n') || sn_chunk_has_prompt(text) || !sn_chunk_has_local(text))
        return false;
    run(r, text, true, &incomplete);
    return !incomplete;
}

/* Text of one line or, when pasted, several. Of a pasted session only what stands behind prompts is meant. */
static void feed(repl *r, char *text) {
    if (feed_whole(r, text)) return;
    bool session = strchr(text, '\n') && sn_chunk_has_prompt(text);
    for (char *p = text, *end; p; p = end) {
        end = strchr(p, '\n');
        if (end) *end++ = '\0';
        if (session && !sn_chunk_has_prompt(p)) continue;
        if (!feed_line(r, p)) return;
    }
}

void sn_repl(sn_session *s, bool banner) {
    repl r = { .session = s, .chunk = SN_BUF_INIT(MAX_CHUNK) };
    sn_history_open();
    sn_line_open(s->L);
    if (banner) puts("sonde " SN_VERSION "   help() or ?NAME explains, Ctrl-C interrupts, Ctrl-D leaves");
    while (!r.leave) {
        char *text = NULL;
        fflush(stdout);
        sn_line_status status = sn_line_read(r.chunk.len ? SN_PROMPT_MORE : SN_PROMPT, &text);
        if (status == SN_LINE_EOF && !r.chunk.len) break;
        if (status != SN_LINE_TEXT)
            sn_buf_clear(&r.chunk); /* Ctrl-C, and Ctrl-D inside of a chunk */
        else
            feed(&r, text);
        free(text);
    }
    sn_line_close();
    sn_history_close();
    sn_buf_free(&r.chunk);
}
