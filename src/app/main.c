/* sonde: from the command line to a prompt, a script, or standard input. */
#include "app/heap.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/queue.h"
#include "app/repl.h"
#include "app/session.h"
#include "app/warn.h"
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <locale.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

typedef struct {
    sn_options opt;
    sn_session session;
    int argc;
    char **argv;
    bool bare;  /* neither a script nor -e was given */
    int status; /* of the process */
} program;

static int status_of(sn_outcome o) {
    return o == SN_RAN_OK ? 0 : o == SN_RAN_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_FAILURE;
}

static bool wants_color(int fd) {
    const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0 && !(no && *no);
}

/* The global `arg`, as lua sets it: the script's name at 0, its arguments from 1, the options below 0. */
static void set_arg(program *p) {
    lua_State *L = p->session.L;
    int zero = p->opt.script < p->argc ? p->opt.script : 0;
    lua_newtable(L);
    for (int i = 0; i < p->argc; i++) {
        lua_pushstring(L, p->argv[i]);
        lua_rawseti(L, -2, i - zero);
    }
    lua_setglobal(L, "arg");
}

static void run_rc(program *p) {
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[PATH_MAX];
    int n = -1;
    if (xdg && *xdg == '/')
        n = snprintf(path, sizeof path, "%s/sonde/init.lua", xdg);
    else if (home && *home)
        n = snprintf(path, sizeof path, "%s/.config/sonde/init.lua", home);
    if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK)) return;
    sn_session_file(&p->session, path, 0); /* what is wrong in it has been shown, and is not fatal */
}

/* -l MOD or -l NAME=MOD: require into a global. (text) -> nothing */
static int require_module(lua_State *L) {
    const char *text = lua_touserdata(L, 1), *eq = strchr(text, '=');
    const char *module = eq ? eq + 1 : text;
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    lua_call(L, 1, 1);
    lua_pushlstring(L, text, eq ? (size_t)(eq - text) : strlen(text)); /* value, name */
    lua_rotate(L, -2, 1);                                              /* name, value */
    lua_setglobal(L, lua_tostring(L, -2));
    return 0;
}

static sn_outcome run_action(program *p, const sn_action *a) {
    lua_State *L = p->session.L;
    if (a->kind == 'e') return sn_session_text(&p->session, a->text, "=(command line)");
    lua_pushcfunction(L, require_module);
    lua_pushlightuserdata(L, (void *)(intptr_t)a->text);
    return sn_session_call(&p->session, 1, 0);
}

static sn_outcome run_script(program *p) {
    lua_State *L = p->session.L;
    const char *name = p->argv[p->opt.script];
    int nargs = p->argc - p->opt.script - 1;
    luaL_checkstack(L, nargs + 8, "too many arguments");
    for (int i = 0; i < nargs; i++) lua_pushstring(L, p->argv[p->opt.script + 1 + i]);
    return sn_session_file(&p->session, strcmp(name, "-") ? name : NULL, nargs);
}

static void do_nothing(int sig) { (void)sig; }

static void set_signals(program *p) {
    /* A reader that has had enough (head) ends a script quietly. A session outlives a pipe that breaks; not by
     * ignoring the signal, which its children would inherit. */
    struct sigaction pipe = { .sa_handler = p->session.interactive ? do_nothing : SIG_DFL };
    sigaction(SIGPIPE, &pipe, NULL);
    /* A file-size limit is an error of the write, which says so, not the end of the session. */
    struct sigaction too_large = { .sa_handler = do_nothing };
    sigaction(SIGXFSZ, &too_large, NULL);
    sn_interrupt_install(p->session.L, !p->session.interactive);
}

/* A script may ask for the prompt, as -i does. */
static void give_prompt(program *p) {
    p->session.interactive = true;
    set_signals(p);
    sn_bind_prompt(true);
}

/* Everything, in protected mode. (program) -> nothing */
static int run_all(lua_State *L) {
    program *p = lua_touserdata(L, 1);
    const sn_options *o = &p->opt;
    luaL_openlibs(L);
    sn_interrupt_coroutines(L);
    set_arg(p);
    sn_bind_open(L);
    sn_queue_open(L);
    sn_bind_prompt(p->session.interactive);
    if (!o->no_rc) run_rc(p);
    sn_outcome outcome = SN_RAN_OK;
    for (int i = 0; i < o->naction && outcome == SN_RAN_OK; i++) outcome = run_action(p, &o->action[i]);
    if (outcome == SN_RAN_OK && o->script < p->argc) outcome = run_script(p);
    if (outcome == SN_RAN_OK && !p->session.interactive && sn_queue_wants_prompt(L)) give_prompt(p);
    if (p->session.interactive && (o->interactive || outcome == SN_RAN_OK)) {
        sn_repl(&p->session, !o->quiet);
        outcome = SN_RAN_OK;
    } else {
        if (p->bare && outcome == SN_RAN_OK) outcome = sn_session_file(&p->session, NULL, 0);
        if (outcome == SN_RAN_OK) outcome = sn_repl_queued(&p->session);
    }
    p->status = status_of(outcome);
    return 0;
}

/* The locale that the person chose, or NULL. */
static const char *chosen_locale(void) {
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG", NULL };
    for (int i = 0; names[i]; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return value;
    }
    return NULL;
}

/* Editing UTF-8 needs a locale that knows it; where none was chosen, as in a bare container, or the chosen one
 * is not installed, C.UTF-8 is there. Numbers stay in the C locale: 0.5 is 0.5. */
static void set_locale(void) {
    const char *chosen = chosen_locale();
    if (!chosen || (!setlocale(LC_CTYPE, "") && strcasestr(chosen, "utf"))) setlocale(LC_CTYPE, "C.UTF-8");
}

static bool flush_output(void) {
    if (fflush(stdout))
        fprintf(stderr, "sonde: standard output: %s\n", strerror(errno));
    else if (ferror(stdout))
        fputs("sonde: standard output: not all of it could be written\n", stderr);
    else
        return true;
    return false;
}

static int run_program(program *p) {
    p->bare = p->opt.script >= p->argc;
    for (int i = 0; i < p->opt.naction; i++) p->bare = p->bare && p->opt.action[i].kind != 'e';
    lua_State *L = sn_heap_new_state();
    if (!L) {
        fputs("sonde: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    p->session = (sn_session){ .L = L,
                               .interactive = p->opt.interactive || (p->bare && isatty(STDIN_FILENO)),
                               .on_terminal = isatty(STDERR_FILENO),
                               .color = wants_color(STDERR_FILENO) };
    set_signals(p);
    sn_warn_install();
    lua_pushcfunction(L, run_all);
    lua_pushlightuserdata(L, p);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
        sn_session_complain(&p->session);
        p->status = EXIT_FAILURE;
    }
    lua_close(L);
    if (!flush_output() && !p->status) p->status = EXIT_FAILURE;
    return p->status;
}

int main(int argc, char **argv) {
    program p = { .argc = argc, .argv = argv };
    int status = EXIT_USAGE;
    set_locale();
    if (sn_options_read(&p.opt, argc, argv)) {
        if (p.opt.help)
            sn_options_usage();
        else if (p.opt.version)
            puts("sonde " SN_VERSION " (" LUA_RELEASE ")");
        status = p.opt.help || p.opt.version ? (flush_output() ? 0 : EXIT_FAILURE) : run_program(&p);
    }
    sn_options_free(&p.opt);
    return status;
}
