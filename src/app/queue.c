#include "app/queue.h"

#include <lauxlib.h>
#include <string.h>

static void push_app(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    luaL_getsubtable(L, -1, "sonde.app");
    lua_remove(L, -2);
}

void sn_queue_open(lua_State *L) {
    push_app(L);
    luaL_getsubtable(L, -1, "queue");
    lua_pop(L, 2);
}

bool sn_queue_wants_prompt(lua_State *L) {
    push_app(L);
    lua_getfield(L, -1, "stay");
    bool wants = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return wants;
}

bool sn_queue_push_enter(lua_State *L) {
    push_app(L);
    bool there = lua_getfield(L, -1, "enter") == LUA_TFUNCTION;
    lua_remove(L, -2);
    if (!there) lua_pop(L, 1);
    return there;
}

static bool flag(lua_State *L, const char *name) { /* of the item on top */
    lua_getfield(L, -1, name);
    bool on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

static void read_text(lua_State *L, sn_queued *item) { /* item on top */
    if (lua_type(L, -1) != LUA_TTABLE) return;
    lua_getfield(L, -1, "text");
    const char *text = lua_tostring(L, -1);
    item->text = text ? strdup(text) : NULL;
    if (item->text) item->kind = SN_QUEUED_TEXT;
    lua_pop(L, 1);
    item->whole = flag(L, "whole");
    item->quiet = flag(L, "quiet");
}

void sn_queue_take(lua_State *L, sn_queued *item) {
    *item = (sn_queued){ .kind = SN_QUEUED_NONE };
    push_app(L);
    luaL_getsubtable(L, -1, "queue");
    lua_remove(L, -2); /* queue */
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    lua_rawgeti(L, -1, 1); /* queue, item */
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, -2, i + 1);
        lua_rawseti(L, -3, i);
    }
    lua_remove(L, -2);
    if (lua_isfunction(L, -1)) {
        item->kind = SN_QUEUED_CALL;
        return;
    }
    read_text(L, item);
    lua_pop(L, 1);
}
