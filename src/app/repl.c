#include "app/repl.h"

#include "app/chunk.h"
#include "app/history.h"
#include "app/line.h"
#include "app/queue.h"
#include "app/report.h"
#include "base/buf.h"
#include <ctype.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CHUNK = 64 << 20 };

typedef struct {
    sn_session *session;
    sn_buf chunk; /* the lines so far */
    bool leave;
    bool quiet;         /* what runs shows nothing */
    bool python;        /* the chunk, or what is pasted, came behind prompts of Python's */
    sn_outcome outcome; /* of the last chunk that failed */
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

/* _ and _1 are the last value, _2 and _3 those before. */
static void remember_value(lua_State *L, int idx) {
    static const char *const names[] = { "_1", "_2", "_3" };
    lua_pushglobaltable(L);
    for (int i = 2; i > 0; i--) {
        lua_pushstring(L, names[i]);
        lua_pushstring(L, names[i - 1]);
        lua_rawget(L, -3);
        lua_rawset(L, -3);
    }
    lua_pop(L, 1);
    lua_pushvalue(L, idx);
    set_global_raw(L, names[0]);
    lua_pushvalue(L, idx);
    set_global_raw(L, "_");
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

/* `exit` or `quit` alone names the function, which leaves where it is called; a variable of that name is one.
 */
static bool is_exit(lua_State *L, const char *text, int idx) {
    static const char *const names[] = { "exit", "quit" };
    size_t n = strcspn(text, " \t;");
    bool same = false;
    if (text[n + strspn(text + n, " \t;")] || !lua_isfunction(L, idx)) return false;
    for (int i = 0; i < 2 && !same; i++) {
        if (strlen(names[i]) != n || strncmp(text, names[i], n)) continue;
        lua_getfield(L, LUA_REGISTRYINDEX, SN_BIND_PUBLIC);
        lua_getfield(L, -1, names[i]);
        same = lua_rawequal(L, -1, idx);
        lua_pop(L, 2);
    }
    return same;
}

/* Runs in protected mode of its own, since memory may run out anywhere. (attempt) -> nothing */
static int run_attempt(lua_State *L) {
    attempt *a = lua_touserdata(L, 1);
    sn_session *s = a->r->session;
    sn_chunk_state state = sn_chunk_load(L, a->text);
    a->incomplete = state == SN_CHUNK_INCOMPLETE || (a->tentative && state == SN_CHUNK_BAD);
    if (a->incomplete) return 0;
    a->failed = true;
    if (!a->r->quiet) sn_history_add(a->text); /* before it runs: whatever that does, the line is kept */
    if (state == SN_CHUNK_BAD) {
        a->r->outcome = SN_RAN_ERROR;
        sn_report_syntax(L);
        sn_report_remember(L, -1);
        sn_session_complain(s);
        note_error(L);
        return 0;
    }
    int base = lua_gettop(L); /* where the results will begin */
    sn_outcome outcome = sn_session_call(s, 0, LUA_MULTRET);
    if (outcome != SN_RAN_OK) {
        a->r->outcome = outcome;
        note_error(L);
        return 0;
    }
    a->failed = false;
    if (lua_gettop(L) < base) return 0;
    if (is_exit(L, a->text + strspn(a->text, " \t"), base)) {
        a->r->leave = true;
        return 0;
    }
    remember_value(L, base);
    if (!sn_chunk_is_silent(a->text)) show_values(s, base);
    return 0;
}

/* What a function of lua/sonde/prompt.lua is called with. */
typedef struct {
    const char *name, *text;
} prompt_call;

static int call_prompt(lua_State *L) { /* (prompt_call) -> nothing */
    const prompt_call *c = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.prompt");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, c->name);
    lua_pushstring(L, c->text);
    lua_call(L, 1, 0);
    return 0;
}

static void push_prompt_call(lua_State *L, prompt_call *c) {
    lua_pushcfunction(L, call_prompt);
    lua_pushlightuserdata(L, c);
}

/* What is worth a word below what ran, though it was no error. What goes wrong with that is of no interest. */
static void note(lua_State *L, const char *text) {
    push_prompt_call(L, &(prompt_call){ "note", text });
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
}

/* false: it failed. */
static bool run(repl *r, const char *text, bool tentative, bool *incomplete) {
    lua_State *L = r->session->L;
    sn_report_chunk(text);
    attempt a = { .r = r, .text = text, .tentative = tentative };
    lua_pushcfunction(L, run_attempt);
    lua_pushlightuserdata(L, &a);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        sn_session_complain(r->session);
        a.failed = true;
    }
    if (!a.failed && !a.incomplete && !r->quiet && !r->leave) note(L, text);
    sn_report_chunk(NULL);
    *incomplete = a.incomplete;
    return !a.failed;
}

/* ---- lines that are no Lua: ?NAME, !COMMAND, x = !COMMAND ---- */

static void run_line(repl *r, const char *line) {
    lua_State *L = r->session->L;
    push_prompt_call(L, &(prompt_call){ "line", line });
    if (sn_session_call(r->session, 1, 0) != SN_RAN_OK) note_error(L);
    fflush(stdout);
}

/* dense?, as IPython has it; in Lua a ? means nothing. */
static bool is_question(const char *s) {
    size_t n = strlen(s);
    while (n && isspace((unsigned char)s[n - 1])) n--;
    if (!n || s[n - 1] != '?') return false;
    while (n && s[n - 1] == '?') n--;
    return n && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:") >= n;
}

static bool is_no_lua(const char *s) { return *s == '?' || sn_chunk_is_command(s) || is_question(s); }

static const char *skip_space(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* Adds a line to the chunk and runs it if it is whole. false: it failed; what was pasted behind it is not run.
 */
static bool feed_line(repl *r, const char *line) {
    line = sn_chunk_skip_prompt(line, &r->python);
    const char *first = skip_space(line);
    if (!r->chunk.len) {
        if (!*first) return true;
        if (is_no_lua(first)) {
            sn_history_add(line);
            run_line(r, first);
            return true;
        }
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

/* ---- what the Lua half asked for ---- */

static int app_history(lua_State *L) { /* history(n): the n-th last entry, or nil */
    lua_pushstring(L, sn_history_last(luaL_checkinteger(L, 1)));
    return 1;
}

static int app_chdir(lua_State *L) { /* chdir(path): true, or nil and why not */
    return luaL_fileresult(L, chdir(luaL_checkstring(L, 1)) == 0, lua_tostring(L, 1));
}

static int open_app(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    luaL_getsubtable(L, -1, "sonde.app");
    lua_pushcfunction(L, app_history);
    lua_setfield(L, -2, "history");
    lua_pushcfunction(L, app_chdir);
    lua_setfield(L, -2, "chdir");
    return 0;
}

static int take_queued(lua_State *L) { /* (sn_queued *) -> function or nothing */
    sn_queued *item = lua_touserdata(L, 1);
    sn_queue_take(L, item);
    return item->kind == SN_QUEUED_CALL;
}

/* Nothing of it in the history, and nothing on stdout but what is wrong, which goes to stderr. Returns the way
 * back, -1 for none. */
static int mute(void) {
    fflush(stdout);
    int was = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (was >= 0 && null >= 0) dup2(null, STDOUT_FILENO);
    if (null >= 0) close(null);
    return was;
}

static void unmute(int was) {
    fflush(stdout);
    if (was < 0) return;
    dup2(was, STDOUT_FILENO);
    close(was);
}

/* Each line behind its prompt, as if it had been typed. */
static bool run_lines(repl *r, char *text) {
    bool ok = true;
    for (char *p = text, *end; ok && p; p = end) {
        end = strchr(p, '\n');
        if (end) *end++ = '\0';
        if (!r->quiet) printf("%s%s\n", r->chunk.len ? SN_PROMPT_MORE : SN_PROMPT, p);
        ok = feed_line(r, p);
    }
    return ok && !r->chunk.len;
}

static bool run_whole(repl *r, const char *text) {
    bool incomplete = false, ok;
    for (const char *p = text, *prompt = SN_PROMPT; *p && !r->quiet; prompt = SN_PROMPT_MORE) {
        size_t n = strcspn(p, "\n");
        printf("%s%.*s\n", prompt, (int)n, p);
        p += n + (p[n] != '\0');
    }
    ok = run(r, text, false, &incomplete);
    if (!incomplete) return ok;
    sn_history_add(text);
    fputs("error: the text ends in the middle of something; edit() opens it again\n", stderr);
    return false;
}

static bool run_text(repl *r, const sn_queued *item) {
    int was = item->quiet ? mute() : -1;
    r->quiet = item->quiet;
    bool ok = item->whole ? run_whole(r, item->text) : run_lines(r, item->text);
    sn_buf_clear(&r->chunk);
    r->quiet = false;
    if (item->quiet) unmute(was);
    return ok;
}

static void call_queued(repl *r, bool ok) { /* function on top */
    lua_pushboolean(r->session->L, ok);
    if (sn_session_call(r->session, 1, 0) != SN_RAN_OK) note_error(r->session->L);
    fflush(stdout);
}

static void run_queued(repl *r) {
    lua_State *L = r->session->L;
    bool ok = true;
    for (;;) {
        sn_queued item = { .kind = SN_QUEUED_NONE };
        int base = lua_gettop(L);
        lua_pushcfunction(L, take_queued);
        lua_pushlightuserdata(L, &item);
        if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK)
            sn_session_complain(r->session);
        else if (item.kind == SN_QUEUED_CALL)
            call_queued(r, ok);
        else if (item.kind == SN_QUEUED_TEXT)
            ok = run_text(r, &item);
        free(item.text);
        lua_settop(L, base);
        if (item.kind == SN_QUEUED_NONE || r->leave || (!ok && !r->session->interactive)) return;
    }
}

static int push_enter(lua_State *L) { return sn_queue_push_enter(L); }

/* An empty line: nothing, where Lua does not wait for one. */
static void feed_nothing(repl *r) {
    lua_State *L = r->session->L;
    int base = lua_gettop(L);
    lua_pushcfunction(L, push_enter);
    if (lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK)
        sn_session_complain(r->session);
    else if (lua_gettop(L) > base)
        call_queued(r, true);
    lua_settop(L, base);
}

/* A paste with local variables runs as one chunk when it is one. true: it did. */
static bool feed_whole(repl *r, const char *text) {
    bool incomplete = true;
    if (r->chunk.len || !strchr(text, '\n') || sn_chunk_has_prompt(text, false) || !sn_chunk_has_local(text))
        return false;
    run(r, text, true, &incomplete);
    return !incomplete;
}

/* Text of one line or, when pasted, several. Of a pasted session only what stands behind prompts is meant. */
static void feed(repl *r, char *text) {
    if (!r->chunk.len && !*skip_space(text)) feed_nothing(r);
    if (feed_whole(r, text)) return;
    if (!r->chunk.len) r->python = false;
    bool session = strchr(text, '\n') && sn_chunk_has_prompt(text, r->python);
    for (char *p = text, *end; p; p = end) {
        end = strchr(p, '\n');
        if (end) *end++ = '\0';
        if (session && !sn_chunk_has_prompt(p, r->python)) continue;
        if (!feed_line(r, p) || r->leave) return;
    }
}

sn_outcome sn_repl_queued(sn_session *s) {
    repl r = { .session = s, .chunk = SN_BUF_INIT(MAX_CHUNK), .outcome = SN_RAN_OK };
    run_queued(&r);
    sn_buf_free(&r.chunk);
    return r.outcome;
}

void sn_repl(sn_session *s, bool banner) {
    repl r = { .session = s, .chunk = SN_BUF_INIT(MAX_CHUNK) };
    sn_history_open();
    sn_line_open(s->L);
    lua_pushcfunction(s->L, open_app);
    lua_call(s->L, 0, 0);
    if (banner) puts("sonde " SN_VERSION "   help() or ?NAME explains, Ctrl-C interrupts, Ctrl-D leaves");
    run_queued(&r);
    while (!r.leave) {
        char *text = NULL;
        fflush(stdout);
        sn_line_status status =
            sn_line_read(r.chunk.len ? SN_PROMPT_MORE : SN_PROMPT, r.chunk.len ? r.chunk.data : NULL, &text);
        if (status == SN_LINE_EOF && !r.chunk.len) break;
        if (status != SN_LINE_TEXT)
            sn_buf_clear(&r.chunk); /* Ctrl-C, and Ctrl-D inside of a chunk */
        else
            feed(&r, text);
        free(text);
        run_queued(&r);
    }
    sn_line_close();
    sn_history_close();
    sn_buf_free(&r.chunk);
}
