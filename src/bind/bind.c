/* Opening the binding, and what all of it shares: raising, memory that Lua cannot see, interruption. */
#include "bind/bind.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/text.h"
#include "bind/embedded.h"
#include "bind/glue.h"
#include "num/gemm.h"
#include "num/kern.h"
#include <langinfo.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* ---- raising ---- */

/* Files of the Lua half are named so that errors and tracebacks can tell them from the user's code. */
#define OWN_CHUNK "=sonde/"

/* Pushes "file:line: " of the innermost code that is the user's. */
static void push_where(lua_State *L) {
    lua_Debug ar;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0 || strncmp(ar.source, OWN_CHUNK, sizeof OWN_CHUNK - 1) == 0) continue;
        lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
        return;
    }
    lua_pushliteral(L, "");
}

int sn_raise(lua_State *L, const sn_err *e) {
    if (e->code == SN_ECANCEL) {
        sn_bind_clear_interrupt(); /* it is one error: what catches it may use the core again */
        lua_pushliteral(L, "interrupted");
        return lua_error(L);
    }
    push_where(L);
    const char *where = lua_tostring(L, -1);
    lua_pushfstring(L, "%s%s", where, e->msg);
    return lua_error(L); /* not luaL_error: it would add the position once more */
}

int sn_raise_as(lua_State *L, const char *who, const sn_err *e) {
    size_t n = strlen(who);
    if (e->code == SN_ECANCEL || (!strncmp(e->msg, who, n) && e->msg[n] == ':'))
        return sn_raise(L, e); /* it is said */
    return sn_raise_text(L, "%s: %s", who, e->msg);
}

int sn_raise_text(lua_State *L, const char *fmt, ...) {
    sn_err e = { .code = SN_EINVAL };
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e.msg, sizeof e.msg, fmt, ap);
    va_end(ap);
    sn_text_mend(e.msg);
    return sn_raise(L, &e);
}

const char *sn_push_type(lua_State *L, int idx) {
    if (lua_isnone(L, idx)) return lua_pushliteral(L, "nothing");
    idx = lua_absindex(L, idx);
    const sn_obj *o = sn_test_object(L, idx);
    if (luaL_testudata(L, idx, SN_MT_SYMBOL)) {
        luaL_tolstring(L, idx, NULL); /* it says which */
        lua_pushfstring(L, "a %s", lua_tostring(L, -1));
        return lua_tostring(L, -1);
    }
    const char *name = o                                                    ? o->kind->name
                       : luaL_getmetafield(L, idx, "__name") == LUA_TSTRING ? lua_tostring(L, -1)
                                                                            : luaL_typename(L, idx);
    bool none = lua_isnil(L, idx);
    lua_pushfstring(L, "%s%s", none ? "" : strchr("aeiou", name[0]) ? "an " : "a ", name);
    return lua_tostring(L, -1);
}

const char *sn_push_quoted(lua_State *L, int idx) {
    int type = lua_type(L, idx);
    if (type == LUA_TSTRING)
        lua_pushfstring(L, "\"%s\"", lua_tostring(L, idx));
    else if (type == LUA_TNONE || type == LUA_TTABLE || type == LUA_TFUNCTION ||
             (type == LUA_TUSERDATA && !sn_test_object(L, idx)))
        return sn_push_type(L, idx);
    else
        luaL_tolstring(L, idx, NULL);
    return lua_tostring(L, -1);
}

const char *sn_check_text(lua_State *L, int arg, const char *what) {
    size_t n;
    const char *s = luaL_checklstring(L, arg, &n);
    if (strlen(s) != n) sn_raise_text(L, "%s has a zero byte in it", what);
    return s;
}

void sn_set_int(lua_State *L, const char *key, int64_t v) {
    lua_pushinteger(L, v);
    lua_setfield(L, -2, key);
}

void sn_push_number(lua_State *L, double v) { lua_pushnumber(L, isnan(v) ? (double)NAN : v); }

void sn_set_num(lua_State *L, const char *key, double v) {
    sn_push_number(L, v);
    lua_setfield(L, -2, key);
}

void sn_set_bool(lua_State *L, const char *key, bool v) {
    lua_pushboolean(L, v);
    lua_setfield(L, -2, key);
}

void sn_set_text(lua_State *L, const char *key, const char *v) {
    lua_pushstring(L, v);
    lua_setfield(L, -2, key);
}

/* core.fail(text): for the Lua half. */
static int l_fail(lua_State *L) { return sn_raise_text(L, "%s", luaL_checkstring(L, 1)); }

/* ---- memory ---- */

void sn_account(lua_State *L, size_t bytes) {
    size_t kib = bytes >> 10;
    if (kib > 0) lua_gc(L, LUA_GCSTEP, kib > 1 << 20 ? 1 << 20 : (int)kib);
}

void sn_account_since(lua_State *L, size_t before) {
    size_t now = sn_mem_used();
    if (now > before) sn_account(L, now - before);
}

bool sn_retry(lua_State *L, sn_status s) {
    if (s != SN_ENOMEM) return false;
    lua_gc(L, LUA_GCCOLLECT, 0);
    lua_gc(L, LUA_GCCOLLECT, 0); /* what finalizers of the first let go of */
    return true;
}

void sn_new_metatable(lua_State *L, const char *name, lua_CFunction gc) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
}

void *sn_push_box(lua_State *L, const char *name, size_t size) {
    void *box = lua_newuserdatauv(L, size, 2);
    memset(box, 0, size);
    luaL_setmetatable(L, name);
    return box;
}

#define MT_BUF "sonde.buffer"

static int buf_gc(lua_State *L) {
    sn_buf_free(luaL_checkudata(L, 1, MT_BUF));
    return 0;
}

sn_buf *sn_push_buf(lua_State *L, size_t max) {
    sn_buf *b = sn_push_box(L, MT_BUF, sizeof *b);
    b->max = max;
    return b;
}

/* ---- interruption ---- */

static volatile sig_atomic_t pending, told;
static sn_run *volatile active_run;
static sn_loader *volatile active_loader;

void sn_set_active(sn_run *run, sn_loader *loader) {
    active_run = run;
    active_loader = loader;
    if (pending && loader) sn_loader_interrupt(loader); /* it came before there was anything active */
    if (!run) return;
    /* One that came when the last call was as good as over was reported elsewhere. */
    if (!pending) sn_run_calm(run);
    if (pending) sn_run_interrupt(run);
}

void sn_bind_interrupt(void) {
    pending = 1;
    told = 0;
    sn_pool_cancel(sn_pool_default());
    sn_run *run = active_run;
    if (run) sn_run_interrupt(run);
    sn_loader *loader = active_loader;
    if (loader) sn_loader_interrupt(loader);
}

void sn_bind_clear_interrupt(void) {
    pending = 0;
    sn_pool_clear_cancel(sn_pool_default());
}

bool sn_bind_interrupt_pending(void) { return pending != 0; }
bool sn_bind_interrupt_told(void) { return told != 0; }

/* ---- small functions of core ---- */

/* core.interrupt_told(): the person has been told where the interrupt left things */
static int l_interrupt_told(lua_State *L) {
    (void)L;
    told = 1;
    return 0;
}

static int l_clock(lua_State *L) {
    lua_pushnumber(L, sn_clock());
    return 1;
}

static int l_mix(lua_State *L) {
    lua_pushinteger(L,
                    (lua_Integer)sn_mix((uint64_t)luaL_checkinteger(L, 1), (uint64_t)luaL_checkinteger(L, 2)));
    return 1;
}

/* A number that differs from start to start, where the person gave no seed. */
static int l_entropy(lua_State *L) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t mixed = sn_mix((uint64_t)t.tv_sec * 1000000007u + (uint64_t)t.tv_nsec, (uint64_t)getpid());
    lua_pushinteger(L, (lua_Integer)(mixed >> 33)); /* short enough to be typed again */
    return 1;
}

/* core.terminal("stdin" | "stdout" | "stderr") -> columns and lines when that is a terminal, else nil */
static int l_terminal(lua_State *L) {
    static const char *const names[] = { "stdin", "stdout", "stderr", NULL }; /* as their numbers */
    int fd = luaL_checkoption(L, 1, NULL, names);
    struct winsize w;
    if (!isatty(fd)) return 0;
    bool known = ioctl(fd, TIOCGWINSZ, &w) == 0;
    lua_pushinteger(L, known && w.ws_col > 0 ? w.ws_col : 80);
    lua_pushinteger(L, known && w.ws_row > 0 ? w.ws_row : 24);
    return 2;
}

static atomic_bool bar_shown;

bool sn_bind_bar_shown(void) { return atomic_load(&bar_shown); }

/* core.bar_shown(boolean): for warnings, which take its line away */
static int l_bar_shown(lua_State *L) {
    atomic_store(&bar_shown, lua_toboolean(L, 1));
    return 0;
}

/* core.text_width(text) -> columns that it takes on a screen */
static int l_text_width(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_pushinteger(L, (lua_Integer)sn_text_width(s, n));
    return 1;
}

/* core.text_cut(text, columns [, from_end]) -> the longest beginning, or end, that takes at most so many */
static int l_text_cut(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_Integer most = luaL_checkinteger(L, 2);
    size_t columns = most > 0 ? (size_t)most : 0;
    size_t from = lua_toboolean(L, 3) ? sn_text_tail(s, n, columns) : 0;
    lua_pushlstring(L, s + from, from ? n - from : lua_toboolean(L, 3) ? n : sn_text_head(s, n, columns));
    return 1;
}

static int l_bytes(lua_State *L) {
    char text[64];
    lua_pushstring(L, sn_bytes(text, sizeof text, luaL_checknumber(L, 1)));
    return 1;
}

/* core.memory() -> bytes used now, peak, limit */
static int l_memory(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)sn_mem_used());
    lua_pushinteger(L, (lua_Integer)sn_mem_peak());
    lua_pushinteger(L, (lua_Integer)sn_mem_limit());
    return 3;
}

/* core.fail_after(n): for tests: the core's n-th allocation from now on fails; negative: none does -> is one
 * yet to fail that was to? */
static int l_fail_after(lua_State *L) {
    lua_pushboolean(L, sn_mem_fail_left() >= 0);
    sn_mem_fail_after(luaL_checkinteger(L, 1));
    return 1;
}

/* core.state(handle) -> the Lua half's table that goes with it */
static int l_state(lua_State *L) {
    luaL_checktype(L, 1, LUA_TUSERDATA);
    if (lua_getiuservalue(L, 1, SN_UV_STATE) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        if (!lua_setiuservalue(L, 1, SN_UV_STATE)) return sn_raise_text(L, "this value keeps no state");
    }
    return 1;
}

/* core.type(v) -> "tensor", "model", ...: as type(), with our own types told apart */
static int l_type(lua_State *L) {
    luaL_checkany(L, 1);
    if (lua_type(L, 1) == LUA_TUSERDATA && luaL_getmetafield(L, 1, "__name") == LUA_TSTRING) return 1;
    lua_pushstring(L, luaL_typename(L, 1));
    return 1;
}

/* core.call(fn, ...) -> what fn(...) gives; fn cannot yield to a coroutine around this */
static int l_call(lua_State *L) {
    luaL_checkany(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int l_suggest(lua_State *L) {
    /* core.suggest(word, list of words) -> the nearest or nil */
    const char *word = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t n = lua_rawlen(L, 2);
    const char **list = lua_newuserdatauv(L, (n + 1) * sizeof *list, 0);
    size_t used = 0;
    for (size_t i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 2, (lua_Integer)i) == LUA_TSTRING) list[used++] = lua_tostring(L, -1);
        lua_pop(L, 1); /* the list keeps the text */
    }
    list[used] = NULL;
    lua_pushstring(L, sn_suggest(word, list));
    return 1;
}

/* core.source("sonde.run") -> the text of a file of the Lua half, or nil */
static int l_source(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    for (const sn_embedded *f = sn_embedded_files; f->module; f++) {
        if (strcmp(f->module, module) != 0) continue;
        lua_pushlstring(L, (const char *)f->data, f->size);
        return 1;
    }
    return 0;
}

static const luaL_Reg base_functions[] = {
    { "fail", l_fail },
    { "clock", l_clock },
    { "interrupt_told", l_interrupt_told },
    { "mix", l_mix },
    { "entropy", l_entropy },
    { "bytes", l_bytes },
    { "memory", l_memory },
    { "state", l_state },
    { "terminal", l_terminal },
    { "suggest", l_suggest },
    { "fail_after", l_fail_after },
    { "type", l_type },
    { "source", l_source },
    { "bar_shown", l_bar_shown },
    { "text_width", l_text_width },
    { "text_cut", l_text_cut },
    { "call", l_call },
    { NULL, NULL },
};

/* ---- opening ---- */

static const char names_key = 'n'; /* its address is a key of the registry */

static int load_embedded(lua_State *L) {
    const sn_embedded *f = lua_touserdata(L, lua_upvalueindex(1));
    const char *dot = strchr(f->module, '.');
    lua_pushfstring(L, OWN_CHUNK "%s.lua", dot ? dot + 1 : "init");
    if (luaL_loadbufferx(L, (const char *)f->data, f->size, lua_tostring(L, -1), "t") != LUA_OK)
        return lua_error(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 1);
    return 1;
}

/* What our own Lua takes for global names: the standard functions as they were at the beginning, so that
 * `tostring = nil` at the prompt spoils nothing, and all else as it is. */
static void keep_names(lua_State *L) {
    lua_newtable(L);
    lua_pushglobaltable(L); /* names, globals */
    for (lua_pushnil(L); lua_next(L, -2);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -5); /* names, globals, key */
    }
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

static void preload_embedded(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (const sn_embedded *f = sn_embedded_files; f->module; f++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)f);
        lua_pushcclosure(L, load_embedded, 1);
        lua_setfield(L, -2, f->module);
    }
    lua_pop(L, 1);
}

static void open_core(lua_State *L) {
    luaL_newlib(L, base_functions);
    sn_set_text(L, "version", SN_VERSION);
    sn_set_text(L, "isa", sn_kern_f32()->isa);
    sn_set_text(L, "corename", sn_gemm_corename());
    sn_set_int(L, "threads", sn_pool_size(sn_pool_default()));
    lua_pushboolean(L, strcmp(nl_langinfo(CODESET), "UTF-8") == 0); /* as the program set LC_CTYPE */
    lua_setfield(L, -2, "utf8");
    lua_newtable(L); /* core.meta: metatables by type, which the Lua half completes */
    lua_setfield(L, -2, "meta");
    sn_new_metatable(L, MT_BUF, buf_gc);
    lua_pop(L, 1);
    sn_open_values(L);
    sn_open_objects(L);
    sn_open_tensors(L);
    sn_open_files(L);
    sn_open_plots(L);
    sn_open_datasets(L);
    sn_open_loaders(L);
    sn_open_models(L);
    sn_open_trainers(L);
    sn_open_judging(L);
    sn_open_runs(L);
    sn_open_expr(L);
    sn_open_pictures(L);
    sn_open_looks(L);
    sn_open_watches(L);
    sn_open_looks_any(L);
    sn_open_probes(L);
    sn_open_measures(L);
    sn_open_valleys(L);
    sn_open_profiles(L);
    sn_open_explaining(L);
}

void sn_bind_open(lua_State *L) {
    luaL_checkstack(L, 20, "opening sonde");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    open_core(L);
    lua_setfield(L, -2, "sonde.core");
    lua_pop(L, 1);
    keep_names(L);
    preload_embedded(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde");
    lua_call(L, 1, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, SN_BIND_PUBLIC);
}

int sn_bind_print(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "sonde.show");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "display");
    lua_remove(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}
