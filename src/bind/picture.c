/* Pictures in Lua: made from tensors, put together, written, and drawn in the terminal. */
#include "bind/glue.h"
#include "io/graphics.h"
#include <string.h>
#include <unistd.h>

enum { MAX_TEXT = 256 << 20 };

static sn_picture *push_picture(lua_State *L) { return sn_push_box(L, SN_MT_PICTURE, sizeof(sn_picture)); }

static sn_picture *check_picture(lua_State *L, int arg) {
    sn_picture *p = luaL_checkudata(L, arg, SN_MT_PICTURE);
    if (!p->data) sn_raise_text(L, "the picture is closed");
    return p;
}

static int picture_gc(lua_State *L) {
    sn_picture_drop(luaL_checkudata(L, 1, SN_MT_PICTURE));
    return 0;
}

/* What made the picture on top has succeeded, or raises. */
static int finish(lua_State *L, sn_status s, const sn_err *e, const sn_picture *p) {
    if (s != SN_OK) return sn_raise(L, e);
    sn_account(L, (size_t)(p->w * p->h * p->channels));
    return 1;
}

static int check_colormap(lua_State *L, int arg) {
    const char *name = sn_check_text(L, arg, "picture: the colormap");
    for (int i = 0; sn_colormaps[i]; i++)
        if (strcmp(name, sn_colormaps[i]) == 0) return i;
    return sn_raise_text(L, "picture: colormap = \"%.40s\" is not one of \"gray\", \"viridis\", \"coolwarm\"",
                         name);
}

/* core.values_range(tensor) -> least, most, how many are not finite */
static int values_range(lua_State *L) {
    double lo, hi;
    int64_t bad = sn_values_range(sn_check_tensor(L, 1), &lo, &hi);
    lua_pushnumber(L, lo);
    lua_pushnumber(L, hi);
    lua_pushinteger(L, bad);
    return 3;
}

/* core.picture_values(tensor (h, w, 1 | 3 | 4), lo, hi, colormap) -> picture, pixels marked as not finite */
static int picture_values(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    double lo = luaL_checknumber(L, 2), hi = luaL_checknumber(L, 3);
    int map = check_colormap(L, 4);
    int64_t c = t->shape.n == 3 ? t->shape.d[2] : 0, marked = 0;
    luaL_argcheck(L, c == 1 || c == 3 || c == 4, 1, "not (h, w, 1), (h, w, 3) or (h, w, 4)");
    luaL_argcheck(L, hi > lo, 3, "not above the low end");
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_values(p, t, lo, hi, map, &marked, &e);
    if (sn_retry(L, s)) s = sn_picture_values(p, t, lo, hi, map, &marked, &e);
    finish(L, s, &e, p);
    lua_pushinteger(L, marked);
    return 2;
}

/* core.picture_blank(w, h, gray 0..255) */
static int picture_blank(lua_State *L) {
    int64_t w = luaL_checkinteger(L, 1), h = luaL_checkinteger(L, 2);
    uint8_t fill[3];
    memset(fill, (int)luaL_checkinteger(L, 3), sizeof fill);
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_new(p, w, h, 3, fill, &e);
    if (sn_retry(L, s)) s = sn_picture_new(p, w, h, 3, fill, &e);
    return finish(L, s, &e, p);
}

/* core.picture_paste(onto, picture, x, y): the corner, from 0 */
static int picture_paste(lua_State *L) {
    sn_picture_paste(check_picture(L, 1), check_picture(L, 2), luaL_checkinteger(L, 3),
                     luaL_checkinteger(L, 4));
    return 0;
}

/* core.picture_enlarge(picture, k) */
static int picture_enlarge(lua_State *L) {
    const sn_picture *in = check_picture(L, 1);
    int64_t k = luaL_checkinteger(L, 2);
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_enlarge(p, in, k, k, &e);
    if (sn_retry(L, s)) s = sn_picture_enlarge(p, in, k, k, &e);
    return finish(L, s, &e, p);
}

/* core.picture_resize(picture, w, h) */
static int picture_resize(lua_State *L) {
    const sn_picture *in = check_picture(L, 1);
    int64_t w = luaL_checkinteger(L, 2), h = luaL_checkinteger(L, 3);
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_resize(p, in, w, h, &e);
    if (sn_retry(L, s)) s = sn_picture_resize(p, in, w, h, &e);
    return finish(L, s, &e, p);
}

/* core.picture_blend(picture, over, alpha): changes the first; both of one size */
static int picture_blend(lua_State *L) {
    sn_picture *p = check_picture(L, 1);
    const sn_picture *over = check_picture(L, 2);
    double alpha = luaL_checknumber(L, 3);
    luaL_argcheck(L, over->w == p->w && over->h == p->h, 2, "of another size");
    luaL_argcheck(L, alpha >= 0 && alpha <= 1, 3, "not within 0..1");
    sn_picture_blend(p, over, alpha);
    return 0;
}

static int picture_load(lua_State *L) {
    const char *path = sn_check_text(L, 1, "picture.load: the path");
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_load(p, path, &e);
    if (sn_retry(L, s)) s = sn_picture_load(p, path, &e);
    if (s != SN_OK) return sn_raise_as(L, "picture.load", &e);
    return finish(L, s, &e, p);
}

/* core.picture_decode(bytes of a file) -> picture */
static int picture_decode(lua_State *L) {
    size_t n;
    const char *bytes = luaL_checklstring(L, 1, &n);
    sn_picture *p = push_picture(L);
    sn_err e;
    sn_status s = sn_picture_decode(p, bytes, n, &e);
    if (sn_retry(L, s)) s = sn_picture_decode(p, bytes, n, &e);
    return finish(L, s, &e, p);
}

static int picture_save(lua_State *L) {
    const sn_picture *p = check_picture(L, 1);
    const char *path = sn_check_text(L, 2, "save: the path");
    sn_err e;
    if (sn_picture_save(p, path, &e) != SN_OK) return sn_raise(L, &e);
    return 0;
}

/* core.picture_png(picture) -> the bytes of such a file */
static int picture_png(lua_State *L) {
    const sn_picture *p = check_picture(L, 1);
    sn_buf *bytes = sn_push_buf(L, MAX_TEXT);
    sn_err e;
    if (sn_picture_png(p, bytes, &e) != SN_OK) return sn_raise(L, &e);
    lua_pushlstring(L, bytes->data, bytes->len);
    sn_buf_free(bytes);
    return 1;
}

/* core.picture_tensor(picture) -> uint8 (h, w, channels) */
static int picture_tensor(lua_State *L) {
    const sn_picture *p = check_picture(L, 1);
    sn_tensor *t = sn_push_tensor(L);
    sn_err e;
    sn_status s = sn_picture_tensor(p, t, &e);
    if (sn_retry(L, s)) s = sn_picture_tensor(p, t, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_account(L, (size_t)(p->w * p->h * p->channels));
    return 1;
}

/* core.picture_size(picture) -> width, height, channels */
static int picture_size(lua_State *L) {
    const sn_picture *p = check_picture(L, 1);
    lua_pushinteger(L, p->w);
    lua_pushinteger(L, p->h);
    lua_pushinteger(L, p->channels);
    return 3;
}

/* core.tensor_last(t (..., n), i from 0) -> float32 (...): what has that place on the last axis */
static int tensor_last(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    lua_Integer at = luaL_checkinteger(L, 2);
    luaL_argcheck(L, t->shape.n > 0 && at >= 0 && at < t->shape.d[t->shape.n - 1], 2, "no such place");
    sn_shape shape = t->shape;
    int64_t n = shape.d[--shape.n], count = sn_shape_count(&shape);
    sn_tensor *out = sn_new_tensor(L, SN_F32, &shape);
    for (int64_t i = 0; i < count; i++) ((float *)out->data)[i] = (float)sn_tensor_get(t, i * n + at);
    return 1;
}

/* core.sample_broken(dataset, i from 1): is it known to be? */
static int sample_broken(lua_State *L) {
    sn_dataset *d = sn_check_dataset(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    bool inside = i >= 1 && i <= d->count;
    lua_pushboolean(L, inside && d->fns->broken && d->fns->broken(d, i - 1));
    return 1;
}

/* core.run_batch(run, its training data, n) -> of the first n samples of the batch that the last step saw: x, y
 * (nil: no labels), numbers of the samples; nil: it is not at hand */
static int run_batch(lua_State *L) {
    sn_lua_run *box = luaL_checkudata(L, 1, SN_MT_RUN);
    const sn_dataset *d = sn_check_dataset(L, 2);
    int64_t n = luaL_checkinteger(L, 3);
    const sn_batch *b = box->run ? sn_run_last_batch(box->run) : NULL;
    if (!b || b->n == 0) return 0;
    if (n > b->n) n = b->n;
    sn_shape x_shape = sn_shape_with_batch(&d->x_shape, n), y_shape = sn_shape_with_batch(&d->y_shape, n);
    sn_tensor *x = sn_new_tensor(L, SN_F32, &x_shape);
    memcpy(x->data, b->x, (size_t)sn_shape_count(&x_shape) * sizeof(float));
    if (d->has_y) {
        sn_tensor *y = sn_new_tensor(L, SN_F32, &y_shape);
        memcpy(y->data, b->y, (size_t)sn_shape_count(&y_shape) * sizeof(float));
    } else {
        lua_pushnil(L);
    }
    lua_createtable(L, (int)n, 0);
    for (int64_t i = 0; i < n; i++) {
        lua_pushinteger(L, b->index[i] + 1);
        lua_rawseti(L, -2, i + 1);
    }
    return 3;
}

/* core.graphics() -> "kitty", ..., "none"; where only the library is missing: "none" and what to do about it */
static int graphics(lua_State *L) {
    sn_terminal t;
    sn_graphics g;
    sn_err e;
    sn_terminal_of(&t, STDOUT_FILENO);
    sn_status s = sn_graphics_choose(&t, &g, &e);
    if (s != SN_OK && s != SN_EIO) return sn_raise(L, &e);
    lua_pushstring(L, sn_graphics_names[s == SN_OK ? g : SN_GFX_NONE]);
    if (s == SN_OK) return 1;
    lua_pushstring(L, e.msg);
    return 2;
}

/* core.picture_text(picture) -> what draws it in the terminal; only where graphics() is not "none" */
static int picture_text(lua_State *L) {
    const sn_picture *p = check_picture(L, 1);
    sn_terminal t;
    sn_graphics g;
    sn_err e;
    sn_buf *text = sn_push_buf(L, MAX_TEXT);
    sn_terminal_of(&t, STDOUT_FILENO);
    if (sn_graphics_choose(&t, &g, &e) != SN_OK) return sn_raise(L, &e);
    luaL_argcheck(L, g != SN_GFX_NONE, 1, "nothing to draw it with");
    if (sn_graphics_encode(p, &t, g, text, &e) != SN_OK) return sn_raise(L, &e);
    lua_pushlstring(L, text->data, text->len);
    sn_buf_free(text);
    return 1;
}

void sn_open_pictures(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "values_range", values_range },
        { "picture_values", picture_values },
        { "picture_blank", picture_blank },
        { "picture_paste", picture_paste },
        { "picture_enlarge", picture_enlarge },
        { "picture_resize", picture_resize },
        { "picture_blend", picture_blend },
        { "picture_load", picture_load },
        { "picture_decode", picture_decode },
        { "picture_save", picture_save },
        { "picture_png", picture_png },
        { "picture_tensor", picture_tensor },
        { "picture_size", picture_size },
        { "graphics", graphics },
        { "picture_text", picture_text },
        { "tensor_last", tensor_last },
        { "run_batch", run_batch },
        { "sample_broken", sample_broken },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_PICTURE, picture_gc);
    lua_setfield(L, -2, SN_MT_PICTURE);
    lua_pop(L, 1);
}
