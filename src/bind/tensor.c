/* Tensors in Lua: made from lists, indexed from 1, turned back into lists. */
#include "base/rng.h"
#include "bind/glue.h"
#include <string.h>

sn_tensor *sn_push_tensor(lua_State *L) { return sn_push_box(L, SN_MT_TENSOR, sizeof(sn_tensor)); }

sn_tensor *sn_test_tensor(lua_State *L, int arg) {
    sn_tensor *t = luaL_testudata(L, arg, SN_MT_TENSOR);
    if (t && !t->data) sn_raise_text(L, "the tensor is closed");
    return t;
}

sn_tensor *sn_check_tensor(lua_State *L, int arg) {
    luaL_checkudata(L, arg, SN_MT_TENSOR);
    return sn_test_tensor(L, arg);
}

sn_tensor *sn_new_tensor(lua_State *L, sn_dtype dtype, const sn_shape *shape) {
    sn_tensor *t = sn_push_tensor(L);
    sn_err e;
    sn_status s = sn_tensor_new(t, dtype, shape, &e);
    if (sn_retry(L, s)) s = sn_tensor_new(t, dtype, shape, &e);
    if (s != SN_OK) sn_raise(L, &e);
    sn_account(L, (size_t)sn_shape_count(shape) * sn_dtype_size(dtype));
    return t;
}

const sn_tensor *sn_float_tensor(lua_State *L, int arg) {
    const sn_tensor *t = sn_check_tensor(L, arg);
    if (t->dtype == SN_F32) return t;
    sn_tensor *copy = sn_push_tensor(L);
    sn_err e;
    sn_status s = sn_tensor_copy(copy, t, SN_F32, &e);
    if (sn_retry(L, s)) s = sn_tensor_copy(copy, t, SN_F32, &e);
    if (s != SN_OK) sn_raise(L, &e);
    return copy;
}

static int tensor_gc(lua_State *L) {
    sn_tensor_drop(luaL_checkudata(L, 1, SN_MT_TENSOR));
    return 0;
}

void sn_push_shape(lua_State *L, const sn_shape *s) {
    lua_createtable(L, s->n, 0);
    for (int i = 0; i < s->n; i++) {
        lua_pushinteger(L, s->d[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* A shape from a list of sizes; one of them may be -1 when count >= 0: it follows from the rest. */
static void check_shape(lua_State *L, int arg, sn_shape *s, int64_t count) {
    if (!lua_istable(L, arg))
        sn_raise_text(L, "shape: wants a list of sizes, as in { 2, 3 }, got %s", sn_push_quoted(L, arg));
    size_t n = lua_rawlen(L, arg);
    if (n > SN_MAXDIM) sn_raise_text(L, "a tensor has at most %d dimensions, got %zu", SN_MAXDIM, n);
    s->n = (int)n;
    int open = -1;
    int64_t rest = 1;
    for (int i = 0; i < s->n; i++) {
        lua_rawgeti(L, arg, i + 1);
        int whole;
        s->d[i] = lua_tointegerx(L, -1, &whole);
        lua_pop(L, 1);
        if (whole && s->d[i] == -1 && open >= 0)
            sn_raise_text(L, "shape: sizes %d and %d are -1; only one can follow from the others", open + 1,
                          i + 1);
        if (!whole || s->d[i] < -1 || (s->d[i] == -1 && count < 0))
            sn_raise_text(L, "shape: size %d is not a whole number >= 0", i + 1);
        if (s->d[i] == -1)
            open = i;
        else if (__builtin_mul_overflow(rest, s->d[i], &rest))
            sn_raise_text(L, "shape: too many elements");
    }
    if (open >= 0 && (rest < 1 || count % rest != 0))
        sn_raise_text(L, "reshape: %lld values cannot be cut into parts of %lld, so the size -1 fits nothing",
                      (long long)count, (long long)rest);
    if (open >= 0) s->d[open] = count / rest;
    if (sn_shape_count(s) < 0) sn_raise_text(L, "shape: too many elements");
}

static sn_dtype check_dtype(lua_State *L, int arg, sn_dtype def) {
    if (lua_isnoneornil(L, arg)) return def;
    const char *name = sn_check_text(L, arg, "tensor: the type");
    for (int d = SN_F32; d <= SN_I64; d++)
        if (strcmp(sn_dtype_name((sn_dtype)d), name) == 0) return (sn_dtype)d;
    sn_raise_text(
        L, "tensor: \"%.40s\" is not one of \"float32\", \"float64\", \"uint8\", \"int32\", \"int64\"", name);
    return def;
}

/* ---- from lists ---- */

/* The shape that a nested list seems to have, judged by its first elements. */
static void list_shape(lua_State *L, int arg, sn_shape *s) {
    s->n = 0;
    lua_pushvalue(L, arg);
    int depth = 0;
    while (lua_istable(L, -1)) {
        if (depth++ == SN_MAXDIM) sn_raise_text(L, "tensor: lists are nested more than %d deep", SN_MAXDIM);
        s->d[s->n++] = (int64_t)lua_rawlen(L, -1);
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
    lua_pop(L, 1);
}

/* Element i from the number on top of the stack; int64 gets all its bits, of which a double has but 53. */
static void set_element(lua_State *L, sn_tensor *t, int64_t i) {
    if (t->dtype == SN_I64 && lua_isinteger(L, -1))
        ((int64_t *)t->data)[i] = lua_tointeger(L, -1);
    else
        sn_tensor_set(t, i, lua_tonumber(L, -1));
}

/* Fills t from element *at on with the list on top of the stack, which is dimension dim. */
static void fill(lua_State *L, sn_tensor *t, int dim, int64_t *at) {
    luaL_checkstack(L, 4, "nested lists");
    if (dim == t->shape.n) {
        if (lua_istable(L, -1)) sn_raise_text(L, "tensor: rows differ: a list where the first is a number");
        if (lua_type(L, -1) != LUA_TNUMBER)
            sn_raise_text(L, "tensor: element %lld is a %s, not a number", (long long)*at + 1,
                          luaL_typename(L, -1));
        set_element(L, t, (*at)++);
        return;
    }
    if (!lua_istable(L, -1))
        sn_raise_text(L, "tensor: rows differ: %s where the first is a list of %lld", sn_push_quoted(L, -1),
                      (long long)t->shape.d[dim]);
    int64_t n = (int64_t)lua_rawlen(L, -1);
    if (n != t->shape.d[dim])
        sn_raise_text(L, "tensor: rows differ: a list of %lld where the first has %lld", (long long)n,
                      (long long)t->shape.d[dim]);
    for (int64_t i = 1; i <= n; i++) {
        lua_rawgeti(L, -1, i);
        fill(L, t, dim + 1, at);
        lua_pop(L, 1);
    }
}

/* core.tensor(list or number or tensor [, dtype]) */
static int tensor_make(lua_State *L) {
    const sn_tensor *given = sn_test_tensor(L, 1);
    if (given) {
        sn_dtype dtype = check_dtype(L, 2, given->dtype);
        sn_tensor *t = sn_push_tensor(L);
        sn_err e;
        if (sn_tensor_copy(t, given, dtype, &e) != SN_OK) return sn_raise(L, &e);
        return 1;
    }
    if (lua_type(L, 1) != LUA_TTABLE && lua_type(L, 1) != LUA_TNUMBER)
        return sn_raise_text(L, "tensor: wants a list of numbers, got a %s", luaL_typename(L, 1));
    sn_dtype dtype = check_dtype(L, 2, SN_F32);
    sn_shape shape;
    list_shape(L, 1, &shape);
    sn_tensor *t = sn_new_tensor(L, dtype, &shape);
    int64_t at = 0;
    lua_pushvalue(L, 1);
    fill(L, t, 0, &at);
    lua_pop(L, 1);
    return 1;
}

/* core.tensor_full(shape, value [, dtype]) */
static int tensor_full(lua_State *L) {
    sn_shape shape;
    check_shape(L, 1, &shape, -1);
    if (lua_type(L, 2) != LUA_TNUMBER)
        return sn_raise_text(
            L, "tensor.full: wants a shape and a number, as in tensor.full({ 2, 3 }, 0.5); got %s",
            sn_push_quoted(L, 2));
    bool zero = lua_tonumber(L, 2) == 0; /* as it is already */
    sn_tensor *t = sn_new_tensor(L, check_dtype(L, 3, SN_F32), &shape);
    int64_t n = sn_shape_count(&shape);
    lua_pushvalue(L, 2);
    for (int64_t i = 0; !zero && i < n; i++) set_element(L, t, i);
    lua_pop(L, 1);
    return 1;
}

/* core.tensor_random(shape, seed, normal [, dtype]): uniform in [0, 1), or of mean 0 and variance 1 */
static int tensor_random(lua_State *L) {
    sn_shape shape;
    check_shape(L, 1, &shape, -1);
    sn_rng rng = sn_rng_make((uint64_t)luaL_checkinteger(L, 2), SN_STREAM_USER, 0);
    bool normal = lua_toboolean(L, 3);
    sn_tensor *t = sn_new_tensor(L, check_dtype(L, 4, SN_F32), &shape);
    int64_t n = sn_shape_count(&shape);
    for (int64_t i = 0; i < n; i++) {
        double v = normal ? sn_rng_normal(&rng) : sn_rng_uniform(&rng);
        if (!normal && t->dtype == SN_F32 && (float)v >= 1) v = 1 - 0x1p-24; /* rounding would leave [0, 1) */
        sn_tensor_set(t, i, v);
    }
    return 1;
}

/* ---- to lists ---- */

static void push_list(lua_State *L, const sn_tensor *t, int dim, int64_t *at) {
    if (dim == t->shape.n) {
        int64_t i = (*at)++;
        if (t->dtype == SN_I64)
            lua_pushinteger(L, ((const int64_t *)t->data)[i]);
        else if (t->dtype != SN_F32 && t->dtype != SN_F64)
            lua_pushinteger(L, (lua_Integer)sn_tensor_get(t, i));
        else
            lua_pushnumber(L, sn_tensor_get(t, i));
        return;
    }
    luaL_checkstack(L, 4, "nested lists");
    int64_t n = t->shape.d[dim];
    lua_createtable(L, n < 1 << 24 ? (int)n : 0, 0);
    for (int64_t i = 1; i <= n; i++) {
        push_list(L, t, dim + 1, at);
        lua_rawseti(L, -2, i);
    }
}

static int tensor_tolist(lua_State *L) {
    int64_t at = 0;
    push_list(L, sn_check_tensor(L, 1), 0, &at);
    return 1;
}

/* ---- indexing ---- */

static int64_t check_index(lua_State *L, const sn_tensor *t, int dim, lua_Integer i) {
    if (i < 1 || i > t->shape.d[dim])
        sn_raise_text(L, "tensor: index %lld of dimension %d is outside 1..%lld", (long long)i, dim + 1,
                      (long long)t->shape.d[dim]);
    return i - 1;
}

/* Flat range that t[i] or t[{i, j, ...}] names: *from, and how many leading dimensions are used up. */
static int resolve(lua_State *L, const sn_tensor *t, int key, int64_t *from) {
    bool list = lua_istable(L, key);
    int n = list ? (int)lua_rawlen(L, key) : 1;
    if (n < 1 || n > t->shape.n)
        sn_raise_text(L, "tensor: %d ind%s for %d dimension%s", n, n == 1 ? "ex" : "ices", t->shape.n,
                      t->shape.n == 1 ? "" : "s");
    *from = 0;
    for (int d = 0; d < n; d++) {
        if (list)
            lua_rawgeti(L, key, d + 1);
        else
            lua_pushvalue(L, key);
        int whole;
        lua_Integer i = lua_tointegerx(L, -1, &whole);
        if (!whole) sn_raise_text(L, "tensor: index %d is not a whole number", d + 1);
        *from = *from * t->shape.d[d] + check_index(L, t, d, i);
        lua_pop(L, 1);
    }
    return n;
}

static void push_number(lua_State *L, const sn_tensor *t, int64_t i) {
    sn_tensor one = *t;
    one.shape.n = 0;
    one.data = (char *)t->data + (size_t)i * sn_dtype_size(t->dtype);
    int64_t zero = 0;
    push_list(L, &one, 0, &zero);
}

/* A view of row `from` of the tensor seen as rows of the remaining dimensions; shares the data. */
static void push_row(lua_State *L, const sn_tensor *t, int used, int64_t from) {
    sn_tensor *row = sn_push_tensor(L);
    sn_tensor flat = *t; /* borrowed: only its shape is bent */
    flat.shape.n = t->shape.n - used + 1;
    flat.shape.d[0] = 1;
    for (int d = 0; d < used; d++) flat.shape.d[0] *= t->shape.d[d];
    for (int d = used; d < t->shape.n; d++) flat.shape.d[d - used + 1] = t->shape.d[d];
    *row = sn_tensor_rows(&flat, from, from + 1);
    row->shape = sn_shape_sample(&row->shape);
}

/* Is the key the first number past the end? There ipairs(t) ends, which wants a nil. */
static bool is_end(lua_State *L, const sn_tensor *t, int key) {
    return t->shape.n > 0 && lua_type(L, key) == LUA_TNUMBER && lua_isinteger(L, key) &&
           lua_tointeger(L, key) == t->shape.d[0] + 1;
}

/* Upvalue 1: methods. t[i], t[{i, j}], t.shape, t.dtype, t:method(), and what the Lua half hung on it (t.grad).
 */
static int tensor_index(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    if (is_end(L, t, 2)) return 0;
    if (lua_type(L, 2) == LUA_TNUMBER || lua_type(L, 2) == LUA_TTABLE) {
        int64_t from;
        int used = resolve(L, t, 2, &from);
        if (used == t->shape.n)
            push_number(L, t, from);
        else
            push_row(L, t, used, from);
        return 1;
    }
    lua_settop(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    return 0;
}

static int tensor_newindex(lua_State *L) {
    sn_tensor *t = sn_check_tensor(L, 1);
    if (lua_type(L, 2) != LUA_TNUMBER && lua_type(L, 2) != LUA_TTABLE)
        return sn_raise_text(L, "tensor: only elements can be set, as in t[{1, 2}] = 0.5");
    int64_t from;
    int used = resolve(L, t, 2, &from);
    if (used != t->shape.n)
        return sn_raise_text(L, "tensor: give all %d indices to set an element", t->shape.n);
    if (lua_type(L, 3) != LUA_TNUMBER)
        return sn_raise_text(L, "tensor: an element is a number, got %s", sn_push_quoted(L, 3));
    sn_tensor_set(t, from, lua_tonumber(L, 3));
    return 0;
}

static int tensor_len(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    lua_pushinteger(L, t->shape.n ? t->shape.d[0] : 1);
    return 1;
}

static int tensor_shape(lua_State *L) {
    sn_push_shape(L, &sn_check_tensor(L, 1)->shape);
    return 1;
}

static int tensor_dtype(lua_State *L) {
    lua_pushstring(L, sn_dtype_name(sn_check_tensor(L, 1)->dtype));
    return 1;
}

/* core.tensor_at(t, flat index from 0) */
static int tensor_at(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, i >= 0 && i < sn_shape_count(&t->shape), 2, "outside the tensor");
    push_number(L, t, i);
    return 1;
}

static int tensor_reshape(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    sn_shape shape;
    check_shape(L, 2, &shape, sn_shape_count(&t->shape));
    sn_tensor *r = sn_push_tensor(L);
    *r = sn_tensor_share(t);
    sn_err e;
    if (sn_tensor_reshape(r, &shape, &e) != SN_OK) return sn_raise(L, &e);
    return 1;
}

/* t:rows(from, to): both included; shares the data */
static int tensor_rows(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    lua_Integer n = t->shape.n ? t->shape.d[0] : 0;
    if (!lua_isinteger(L, 2) || !(lua_isnoneornil(L, 3) || lua_isinteger(L, 3)))
        return sn_raise_text(L, "rows: wants the numbers of the first and the last row, as in t:rows(1, 10)");
    lua_Integer from = lua_tointeger(L, 2), to = luaL_optinteger(L, 3, n);
    if (from < 1 || to > n || from > to + 1)
        return sn_raise_text(L, "rows: %lld..%lld is outside 1..%lld", (long long)from, (long long)to,
                             (long long)n);
    sn_tensor *r = sn_push_tensor(L);
    *r = sn_tensor_rows(t, from - 1, to);
    return 1;
}

void sn_open_tensors(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "tensor", tensor_make },
        { "tensor_full", tensor_full },
        { "tensor_at", tensor_at },
        { "tensor_shape", tensor_shape },
        { "tensor_dtype", tensor_dtype },
        { "tensor_random", tensor_random },
        { NULL, NULL },
    };
    static const luaL_Reg methods[] = {
        { "tolist", tensor_tolist }, { "reshape", tensor_reshape }, { "rows", tensor_rows }, { NULL, NULL }
    };
    luaL_setfuncs(L, functions, 0);
    lua_getfield(L, -1, "meta");
    sn_new_metatable(L, SN_MT_TENSOR, tensor_gc);
    lua_pushcfunction(L, tensor_gc);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, tensor_len);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, tensor_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_newtable(L); /* methods: the Lua half adds more */
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods");
    lua_pushcclosure(L, tensor_index, 1);
    lua_setfield(L, -2, "raw_index"); /* the Lua half's __index starts with this */
    lua_setfield(L, -2, SN_MT_TENSOR);
    lua_pop(L, 1);
}
