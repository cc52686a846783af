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

/* A lua_Alloc. Shrinking never fails, as Lua demands. */
static void *allocate(void *ud, void *p, size_t old, size_t size) {
    (void)ud;
    if (!p) old = 0; /* then it is the kind of the new object */
    if (!size) {
        free(p);
        held -= old;
        return NULL;
    }
    if (size > old && !may_grow(size - old)) return NULL;
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
    lua_State *L = lua_newstate(allocate, NULL);
    if (!L) return NULL;
    lua_atpanic(L, panic);
    lua_setwarnf(L, on_warning, NULL);
    return L;
}
