/* What plots want of C: counting numbers, running gnuplot, and writing what it made. */
#include "base/file.h"
#include "base/process.h"
#include "bind/glue.h"
#include "num/stats.h"
#include <math.h>

enum { MAX_ARGS = 64, MAX_OUTPUT = 64 << 20, MAX_ERRORS = 64 << 10 };

/* core.run_program({ "gnuplot", "-" }, input, seconds) -> output, errors, status
 * or nil where there is no such program. status: 0..255 as it returned, 256 + n when signal n has ended it. */
static int run_program(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t ninput, n = lua_rawlen(L, 1);
    const char *input = luaL_checklstring(L, 2, &ninput);
    double seconds = luaL_checknumber(L, 3);
    luaL_argcheck(L, n > 0 && n <= MAX_ARGS, 1, "wants a program and its arguments");
    luaL_checkstack(L, MAX_ARGS + 8, "too many arguments");
    const char *argv[MAX_ARGS + 1] = { NULL };
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1); /* stays on the stack */
        argv[i] = sn_check_text(L, -1, "run_program: an argument");
    }
    sn_buf *out = sn_push_buf(L, MAX_OUTPUT), *errors = sn_push_buf(L, MAX_ERRORS);
    const sn_process p = { argv, input, ninput, seconds, sn_pool_default() };
    sn_process_end end;
    sn_err e;
    if (sn_process_run(&p, out, errors, &end, &e) != SN_OK) {
        if (end.absent) return 0;
        return sn_raise(L, &e);
    }
    lua_pushlstring(L, out->len ? out->data : "", out->len);
    lua_pushlstring(L, errors->len ? errors->data : "", errors->len);
    lua_pushinteger(L, end.status);
    return 3;
}

/* core.write_file(path, bytes): all of it or nothing, in place of what was there */
static int write_file(lua_State *L) {
    size_t n;
    const char *path = sn_check_text(L, 1, "save: the path"), *bytes = luaL_checklstring(L, 2, &n);
    sn_err e;
    if (sn_file_write(path, bytes, n, &e) != SN_OK) return sn_raise(L, &e);
    return 0;
}

/* core.tensor_spread(t) -> least and largest of the finite numbers, how many are finite, nan, infinite; in
 * float32
 */
static int tensor_spread(lua_State *L) {
    const sn_tensor *t = sn_float_tensor(L, 1);
    sn_moments m = sn_moments_of(sn_pool_default(), t->data, NULL, (size_t)sn_shape_count(&t->shape));
    lua_pushnumber(L, m.finite ? m.min : 0);
    lua_pushnumber(L, m.finite ? m.max : 0);
    lua_pushinteger(L, m.finite);
    lua_pushinteger(L, m.nans);
    lua_pushinteger(L, m.infs);
    return 5;
}

/* core.tensor_histogram(t, low, high, bins) -> list of counts, of the numbers in float32 */
static int tensor_histogram(lua_State *L) {
    double low = luaL_checknumber(L, 2), high = luaL_checknumber(L, 3);
    lua_Integer n = luaL_checkinteger(L, 4);
    luaL_argcheck(L, low < high && isfinite(high - low), 3, "wants low < high");
    luaL_argcheck(L, n >= 1 && n <= SN_HIST_MAX, 4, "too few or too many");
    const sn_tensor *t = sn_float_tensor(L, 1);
    int64_t counts[SN_HIST_MAX] = { 0 };
    sn_histogram(sn_pool_default(), t->data, NULL, (size_t)sn_shape_count(&t->shape), low, high, (int)n,
                 counts);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_pushinteger(L, counts[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void sn_open_plots(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "run_program", run_program },
        { "write_file", write_file },
        { "tensor_spread", tensor_spread },
        { "tensor_histogram", tensor_histogram },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
}
