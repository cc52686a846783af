#include "app/heap.h"

#include "base/mem.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t held;
static size_t granted; /* what Lua may still grow by before the limit is asked again: asking reads a file */

enum { GRANT = 4 << 20, ALWAYS = 64 << 20 };

/* An eighth of the machine is left to everything else. A small heap is not refused, or a network that fills the
 * machine could not even be let go of. */
static bool may_grow(size_t by) {
    if (held + by <= ALWAYS) return true;
    if (by > granted) {
        size_t top = sn_mem_limit() / 8 * 7, core = sn_mem_used();
        if (core >= top || held >= top - core || by > top - core - held) return false;
        size_t left = top - core - held;
        granted = left - by < GRANT ? left : by + GRANT;
    }
    granted -= by;
    return true;
}

/* ---- failures on demand, for tests/lua/failing.lua ---- */

static int64_t fail_in = -1; /* grants until one is refused; negative: none is */

enum { UNREACHED = 1 << 30 };

/* Lua asks again after it has collected garbage, so the next one is refused too. */
static bool injected_failure(void) {
    if (fail_in < -1) return fail_in++ == -2;
    if (fail_in < 0 || fail_in-- > 0) return false;
    fail_in = -2;
    return true;
}

static void tell_counts(void) {
    fprintf(stderr, "allocations: lua %lld core %lld\n", (long long)(UNREACHED - fail_in),
            (long long)(UNREACHED - sn_mem_fail_left()));
}

/* SONDE_FAIL=lua:N or core:N refuses the allocation after N others; SONDE_FAIL=count tells how many there were.
 */
static void heed_environment(void) {
    const char *text = getenv("SONDE_FAIL");
    if (!text) return;
    if (!strncmp(text, "lua:", 4)) fail_in = strtoll(text + 4, NULL, 10);
    if (!strncmp(text, "core:", 5)) sn_mem_fail_after(strtoll(text + 5, NULL, 10));
    if (strcmp(text, "count") != 0) return;
    fail_in = UNREACHED;
    sn_mem_fail_after(UNREACHED);
    atexit(tell_counts);
}

/* A lua_Alloc. Shrinking never fails, as Lua demands. */
static void *allocate(void *ud, void *p, size_t old, size_t size) {
    (void)ud;
    if (!p) old = 0; /* then it is the kind of the new object */
    if (!size) {
        free(p);
        held -= old;
        return NULL;
    }
    if (size > old && (injected_failure() || !may_grow(size - old))) return NULL;
    void *block = realloc(p, size);
    if (block) held = held - old + size;
    return block;
}

static int panic(lua_State *L) {
    const char *msg = lua_tostring(L, -1);
    fprintf(stderr, "sonde: an unprotected Lua error: %s\n", msg ? msg : "(no message)");
    return 0; /* Lua aborts */
}

/* warn(): off until "@on", as in lua. */
static void on_warning(void *ud, const char *msg, int to_continue) {
    static bool on, within;
    (void)ud;
    if (!within && !to_continue && *msg == '@') {
        if (!strcmp(msg, "@on")) on = true;
        if (!strcmp(msg, "@off")) on = false;
        return;
    }
    if (on) fprintf(stderr, "%s%s%s", within ? "" : "warning: ", msg, to_continue ? "" : "\n");
    within = to_continue;
}

lua_State *sn_heap_new_state(void) {
    held = 0;
    heed_environment();
    lua_State *L = lua_newstate(allocate, NULL);
    if (!L) return NULL;
    lua_atpanic(L, panic);
    lua_setwarnf(L, on_warning, NULL);
    return L;
}
