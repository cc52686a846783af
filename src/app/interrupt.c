#include "app/interrupt.h"

#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

enum {
    COROUTINE_POLL = 10000, /* instructions: microseconds, yet too rare to be felt */
    AGAIN_POLL = 100,       /* the same after an interrupt, where the core may take most of the time */
};
static const double patience = 1; /* seconds that a chunk at the prompt may go on after an interrupt */

/* One process has one SIGINT: the only state of the program that is not in a struct. */
static lua_State *volatile state;
static pthread_t main_thread;
static volatile sig_atomic_t running, hits, fired, is_batch;
static double fired_at;     /* when the first interrupt became an error */
static double interrupt_at; /* when the last one that counted came; read and written by the handler alone */
/* seconds in which a second SIGINT is the first one again: timeout -s INT sends one to the program and one to
 * its group at once, and so does a program that passes a terminal's Ctrl-C on */
static const double doubled = 0.05;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool is_due(void) { return running && (hits > 1 || (hits > fired && sn_bind_interrupt_pending())); }

static void note_fired(void) {
    fired = hits;
    fired_at = now();
}

/* At the prompt a chunk that goes on for long after an interrupt (a pcall in a loop swallowed it) is treated as
 * if there had been a second one. A script may have caught it to evaluate and save. */
static void grow_impatient(void) {
    if (!running || is_batch || hits != 1 || fired != 1 || now() - fired_at < patience) return;
    hits = 2;
    sn_bind_interrupt();
}

/* An interrupt becomes one error: what catches it may go on and use the core. After a second Ctrl-C (or
 * grow_impatient) it is raised again and again until the chunk is over, so that no pcall in the user's loop can
 * swallow it. */
static void raise_interrupt(lua_State *L) {
    note_fired();
    if (hits < 2) sn_bind_clear_interrupt();
    lua_pushliteral(L, "interrupted");
    lua_error(L);
}

/* Only at Lua instructions (count hook), never at calls: a message handler in C must not be interrupted by the
 * very interrupt it reports. */
static void stop_hook(lua_State *L, lua_Debug *ar) {
    (void)ar;
    grow_impatient();
    if (hits < 2) {
        bool by_core = hits > fired && !sn_bind_interrupt_pending(); /* it was the core that raised it */
        if (by_core) note_fired();
        lua_sethook(L, hits ? stop_hook : NULL, hits ? LUA_MASKCOUNT : 0, AGAIN_POLL);
    } else if (lua_gethookcount(L) != 1) {
        lua_sethook(L, stop_hook, LUA_MASKCOUNT, 1);
    }
    if (is_due()) raise_interrupt(L);
}

static void poll_hook(lua_State *L, lua_Debug *ar) {
    (void)ar;
    grow_impatient();
    if (hits > 1)
        lua_sethook(L, poll_hook, LUA_MASKCOUNT, 1); /* a coroutine that this ends has no use for it */
    if (is_due()) raise_interrupt(L);
}

bool sn_interrupt_forward(int sig) {
    if (pthread_equal(pthread_self(), main_thread)) return false;
    pthread_kill(main_thread, sig);
    return true;
}

/* Only one that counts moves the time on: a Ctrl-C that is held down comes again and again. */
static bool is_doubled(void) {
    double at = now(); /* clock_gettime may be called in a handler */
    if (is_batch && hits && at - interrupt_at < doubled) return true;
    interrupt_at = at;
    return false;
}

static void on_sigint(int sig) {
    if (sn_interrupt_forward(sig) || is_doubled()) return;
    if (running && is_batch && hits > fired) {
        signal(sig, SIG_DFL);
        raise(sig);
    }
    hits = hits + 1;
    if (!running) return;
    sn_bind_interrupt();
    lua_sethook(state, stop_hook, LUA_MASKCOUNT, 1);
}

void sn_interrupt_install(lua_State *L, bool batch) {
    state = L;
    main_thread = pthread_self();
    is_batch = batch;
    struct sigaction sa = { .sa_handler = on_sigint }; /* no SA_RESTART: io.read() ends at Ctrl-C too */
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
}

void sn_interrupt_begin(void) {
    sn_bind_clear_interrupt();
    fired = 0;
    running = 1;
    if (!hits) return; /* else it came after Enter, before this */
    sn_bind_interrupt();
    lua_sethook(state, stop_hook, LUA_MASKCOUNT, 1);
}

bool sn_interrupt_end(bool *unnoticed) {
    running = 0;
    *unnoticed = hits > fired && sn_bind_interrupt_pending();
    lua_sethook(state, NULL, 0, 0);
    sn_bind_clear_interrupt();
    return sn_interrupt_take();
}

bool sn_interrupt_pending(void) { return hits != 0; }

bool sn_interrupt_take(void) {
    bool was = hits != 0;
    hits = fired = 0;
    return was;
}

/* coroutine.create and wrap: a new thread inherits its maker's hook, so the maker wears ours for that moment.
 */
static int make_coroutine(lua_State *L) {
    lua_Hook hook = lua_gethook(L);
    int mask = lua_gethookmask(L), count = lua_gethookcount(L), n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_sethook(L, poll_hook, LUA_MASKCOUNT, COROUTINE_POLL);
    int status = lua_pcall(L, n, 1, 0);
    if (!hook && hits && L == state) { /* Ctrl-C came in between and lost its hook to ours */
        hook = stop_hook;
        mask = LUA_MASKCOUNT;
        count = 1;
    }
    lua_sethook(L, hook, mask, count);
    if (status) return lua_error(L);
    return 1;
}

void sn_interrupt_coroutines(lua_State *L) {
    static const char *const makers[] = { "create", "wrap", NULL };
    lua_getglobal(L, LUA_COLIBNAME); /* coroutine */
    for (int i = 0; makers[i]; i++) {
        lua_getfield(L, -1, makers[i]);         /* coroutine, original */
        lua_pushcclosure(L, make_coroutine, 1); /* coroutine, ours */
        lua_setfield(L, -2, makers[i]);         /* coroutine */
    }
    lua_pop(L, 1);
}
