/* Tensors in Lua: made from lists and numbers, turned back into lists. */
#include "bind/tensor.h"
#include "base/mem.h"
#include "num/ops.h"
#include <math.h>
#include <string.h>

sn_tensor *sn_push_tensor(lua_State *L) { return sn_push_box(L, SN_MT_TENSOR, sizeof(sn_tensor)); }

sn_tensor *sn_test_tensor(lua_State *L, int arg) {
    sn_tensor *t = luaL_testudata(L, arg, SN_MT_TENSOR);
    if (t && !t->data)
        sn_raise_text(
            L, "the tensor is closed: the block of its <close> variable has ended; t:copy() outlives it");
    return t;
}

sn_tensor *sn_check_tensor(lua_State *L, int arg) {
    sn_tensor *t = sn_test_tensor(L, arg);
    if (!t) sn_raise_text(L, "a tensor is wanted, got %s", sn_push_type(L, arg));
    return t;
}

/* The core's message speaks of networks. */
static void raise_too_large(lua_State *L, sn_dtype dtype, const sn_shape *shape) {
    char text[120], need[32], used[32], limit[32];
    double bytes = (double)sn_shape_count(shape) * (double)sn_dtype_size(dtype);
    sn_raise_text(
        L,
        "tensor %s of %s: out of memory: it needs %s, and %s of %s are in use; use a smaller shape, or "
        "let go of other tensors (t = nil)",
        sn_shape_text(shape, false, text, sizeof text), sn_dtype_name(dtype),
        sn_bytes(need, sizeof need, bytes), sn_bytes(used, sizeof used, (double)sn_mem_used()),
        sn_bytes(limit, sizeof limit, (double)sn_mem_limit()));
}

static sn_tensor *new_tensor(lua_State *L, sn_dtype dtype, const sn_shape *shape, bool raw) {
    sn_tensor *t = sn_push_tensor(L);
    sn_err e;
    sn_status (*make)(sn_tensor *, sn_dtype, const sn_shape *, sn_err *) =
        raw ? sn_tensor_new_raw : sn_tensor_new;
    sn_status s = make(t, dtype, shape, &e);
    if (sn_retry(L, s)) s = make(t, dtype, shape, &e);
    if (s == SN_ENOMEM) raise_too_large(L, dtype, shape);
    if (s != SN_OK) sn_raise(L, &e);
    sn_account(L, (size_t)sn_shape_count(shape) * sn_dtype_size(dtype));
    return t;
}

sn_tensor *sn_new_tensor(lua_State *L, sn_dtype dtype, const sn_shape *shape) {
    return new_tensor(L, dtype, shape, false);
}

sn_tensor *sn_new_raw(lua_State *L, sn_dtype dtype, const sn_shape *shape) {
    return new_tensor(L, dtype, shape, true);
}

sn_tensor *sn_push_shared(lua_State *L, const sn_tensor *t) {
    sn_tensor *r = sn_push_tensor(L);
    if (!t->data) sn_raise_text(L, "the tensor is closed"); /* by a finalizer that ran just now */
    *r = sn_tensor_share(t);
    return r;
}

void sn_check_done(lua_State *L) {
    if (sn_pool_cancelled(sn_pool_default())) sn_raise(L, &(sn_err){ .code = SN_ECANCEL });
}

void sn_check_status(lua_State *L, sn_status s, const sn_err *e) {
    if (s != SN_OK) sn_raise(L, e);
}

/* A copy of the tensor at arg in another type; pushed. */
static sn_tensor *push_copy(lua_State *L, int arg, sn_dtype dtype) {
    sn_tensor *copy = sn_new_raw(L, dtype, &sn_check_tensor(L, arg)->shape);
    sn_assign(sn_pool_default(), copy, sn_check_tensor(L, arg));
    sn_check_done(L);
    return copy;
}

const sn_tensor *sn_float_tensor(lua_State *L, int arg) {
    const sn_tensor *t = sn_check_tensor(L, arg);
    return t->dtype == SN_F32 ? t : push_copy(L, arg, SN_F32);
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

void sn_check_shape(lua_State *L, int arg, sn_shape *s, int64_t count) {
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
        if (!whole || s->d[i] < -1 || (s->d[i] == -1 && count < 0)) {
            lua_rawgeti(L, arg, i + 1);
            sn_raise_text(L, "shape: size %d is %s, not a whole number of at least 0", i + 1,
                          sn_push_quoted(L, -1));
        }
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

sn_dtype sn_check_dtype(lua_State *L, int arg, sn_dtype def) {
    if (lua_isnoneornil(L, arg)) return def;
    if (lua_type(L, arg) != LUA_TSTRING)
        sn_raise_text(
            L,
            "tensor: the type is a text such as \"float64\", got %s; options stand in the same braces, "
            "as in tensor.randn{ 2, 3, seed = 1, dtype = \"float64\" }",
            sn_push_quoted(L, arg));
    const char *name = sn_check_text(L, arg, "tensor: the type");
    for (int d = SN_F32; d <= SN_I64; d++)
        if (strcmp(sn_dtype_name((sn_dtype)d), name) == 0) return (sn_dtype)d;
    sn_raise_text(
        L, "tensor: \"%.40s\" is not one of \"float32\", \"float64\", \"uint8\", \"int32\", \"int64\"", name);
    return def;
}

int sn_check_axis(lua_State *L, int arg, const char *who, const sn_shape *s, int n) {
    int whole;
    lua_Integer axis = lua_type(L, arg) == LUA_TNUMBER ? lua_tointegerx(L, arg, &whole) : (whole = 0);
    if (!whole) sn_raise_text(L, "%s: the axis is a whole number, got %s", who, sn_push_quoted(L, arg));
    if (axis == 0 || axis > n || axis < -n) {
        char text[120];
        sn_raise_text(L, "%s: axis %lld is outside 1..%d (or -1..-%d from the end) for a tensor of shape %s",
                      who, (long long)axis, n, n, sn_shape_text(s, false, text, sizeof text));
    }
    return (int)(axis > 0 ? axis - 1 : n + axis);
}

void sn_around(const sn_shape *s, int axis, int64_t *outer, int64_t *n, int64_t *inner) {
    *outer = *inner = 1;
    for (int i = 0; i < axis; i++) *outer *= s->d[i];
    for (int i = axis + 1; i < s->n; i++) *inner *= s->d[i];
    *n = axis < s->n ? s->d[axis] : 1;
}

/* ---- from lists ---- */

enum { POLL = 1 << 16 }; /* elements from one look for Ctrl-C to the next */

/* The list on top of the stack must not hold anything beside its items; only what costs nothing to see is
 * looked at. dtype: that key is an option. */
static void check_keys(lua_State *L, bool dtype) {
    size_t n = lua_rawlen(L, -1);
    if (n > 0)
        lua_pushinteger(L, (lua_Integer)n);
    else
        lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        bool text = lua_type(L, -1) == LUA_TSTRING;
        bool item = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1 && lua_tointeger(L, -1) <= (lua_Integer)n;
        if (item) { /* items among the names: it would take a walk through all */
            lua_pop(L, 1);
            return;
        }
        if (text && dtype && strcmp(lua_tostring(L, -1), "dtype") == 0) continue;
        sn_raise_text(L,
                      "tensor: the list of numbers has an entry [%s]; items are numbered from 1 without gaps%s",
                      sn_push_quoted(L, -1), text ? ", and the only option is dtype" : "");
    }
}

/* The shape that a nested list seems to have, judged by its first elements. */
static void list_shape(lua_State *L, int arg, sn_shape *s) {
    s->n = 0;
    lua_pushvalue(L, arg);
    int depth = 0;
    while (lua_istable(L, -1)) {
        check_keys(L, depth == 0);
        if (depth++ == SN_MAXDIM) sn_raise_text(L, "tensor: lists are nested more than %d deep", SN_MAXDIM);
        s->d[s->n++] = (int64_t)lua_rawlen(L, -1);
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
    lua_pop(L, 1);
}

void sn_set_element(lua_State *L, int arg, sn_tensor *t, int64_t i) {
    if (t->dtype == SN_I64 && lua_isinteger(L, arg))
        ((int64_t *)t->data)[i] = lua_tointeger(L, arg);
    else
        sn_tensor_set(t, i, lua_tonumber(L, arg));
}

/* Fills t from element *at on with the list on top of the stack, which is dimension dim. */
static void fill(lua_State *L, sn_tensor *t, int dim, int64_t *at) {
    luaL_checkstack(L, 4, "nested lists");
    if (dim == t->shape.n) {
        if (lua_istable(L, -1)) sn_raise_text(L, "tensor: rows differ: a list where the first is a number");
        if (luaL_testudata(L, -1, SN_MT_TENSOR))
            sn_raise_text(
                L,
                "tensor: element %lld is a tensor; tensor.stack{ a, b } and tensor.concat{ a, b } join "
                "tensors",
                (long long)*at + 1);
        if (lua_type(L, -1) != LUA_TNUMBER)
            sn_raise_text(L, "tensor: element %lld is %s, not a number", (long long)*at + 1,
                          sn_push_type(L, -1));
        if (*at % POLL == 0) sn_check_done(L);
        sn_set_element(L, -1, t, (*at)++);
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

const sn_tensor *sn_to_tensor(lua_State *L, int arg, sn_dtype dtype) {
    const sn_tensor *given = sn_test_tensor(L, arg);
    if (given) return given;
    if (lua_type(L, arg) != LUA_TTABLE && lua_type(L, arg) != LUA_TNUMBER)
        sn_raise_text(L, "tensor: wants a list of numbers, got %s", sn_push_type(L, arg));
    sn_shape shape;
    list_shape(L, arg, &shape);
    sn_tensor *t = sn_new_tensor(L, dtype, &shape);
    int64_t at = 0;
    lua_pushvalue(L, arg);
    fill(L, t, 0, &at);
    lua_pop(L, 1);
    return t;
}

/* core.tensor(list or number or tensor [, dtype]) */
static int tensor_make(lua_State *L) {
    const sn_tensor *given = sn_test_tensor(L, 1);
    if (given)
        push_copy(L, 1, sn_check_dtype(L, 2, given->dtype));
    else
        sn_to_tensor(L, 1, sn_check_dtype(L, 2, SN_F32));
    return 1;
}

/* core.tensor_full(shape, value [, dtype]) */
static int tensor_full(lua_State *L) {
    sn_shape shape, none = { 0 };
    sn_check_shape(L, 1, &shape, -1);
    if (lua_type(L, 2) != LUA_TNUMBER)
        return sn_raise_text(
            L, "tensor.full: wants a shape and a number, as in tensor.full({ 2, 3 }, 0.5); got %s",
            sn_push_quoted(L, 2));
    sn_dtype dtype = sn_check_dtype(L, 3, SN_F32);
    sn_tensor *one = sn_new_tensor(L, dtype, &none), *t = sn_new_raw(L, dtype, &shape);
    sn_set_element(L, 2, one, 0);
    sn_assign(sn_pool_default(), t, one);
    sn_check_done(L);
    return 1;
}

/* core.tensor_random(shape, seed, normal [, dtype]): uniform in [0, 1), or of mean 0 and variance 1 */
static int tensor_random(lua_State *L) {
    sn_shape shape;
    sn_check_shape(L, 1, &shape, -1);
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 2);
    sn_tensor *t = sn_new_raw(L, sn_check_dtype(L, 4, SN_F32), &shape);
    sn_random(sn_pool_default(), t, seed, lua_toboolean(L, 3));
    sn_check_done(L);
    return 1;
}

/* A count at arg: 3 and 3.0 are whole. */
static int64_t check_count(lua_State *L, int arg, const char *what) {
    int whole = 0;
    lua_Integer n = lua_type(L, arg) == LUA_TNUMBER ? lua_tointegerx(L, arg, &whole) : 0;
    if (!whole || n < 0) sn_raise_text(L, "%s, got %s", what, sn_push_quoted(L, arg));
    return n;
}

static double finite_number(lua_State *L, int arg, const char *what) {
    double v = lua_type(L, arg) == LUA_TNUMBER ? lua_tonumber(L, arg) : NAN;
    if (!isfinite(v)) sn_raise_text(L, "%s is no finite number: %s", what, sn_push_quoted(L, arg));
    return v;
}

/* core.tensor_arange(first, end, step [, dtype]): up to and without end; int64 of whole numbers. */
static int tensor_arange(lua_State *L) {
    double first = finite_number(L, 1, "tensor.arange: the first number");
    double end = finite_number(L, 2, "tensor.arange: the end"),
           step = finite_number(L, 3, "tensor.arange: the step");
    bool whole = lua_isinteger(L, 1) && lua_isinteger(L, 2) && lua_isinteger(L, 3);
    if (step == 0) return sn_raise_text(L, "tensor.arange: a step of 0 comes nowhere");
    double count = ceil((end - first) / step);
    if (count >= 0x1p53) return sn_raise_text(L, "tensor.arange: %.3g numbers are too many", count);
    sn_shape shape = { 1, { count > 0 ? (int64_t)count : 0 } };
    sn_tensor *t = sn_new_raw(L, sn_check_dtype(L, 4, whole ? SN_I64 : SN_F32), &shape);
    int64_t from = whole ? lua_tointeger(L, 1) : (int64_t)0, by = whole ? lua_tointeger(L, 3) : 0;
    if (!whole && !sn_dtype_float(t->dtype)) {
        if (first != floor(first) || step != floor(step) || fabs(first) >= 0x1p53 || fabs(step) >= 0x1p53)
            return sn_raise_text(L, "tensor.arange: %s holds no fractions; begin and step by whole numbers",
                                 sn_dtype_name(t->dtype));
        from = (int64_t)first;
        by = (int64_t)step;
    }
    sn_arange(sn_pool_default(), t, first, step, from, by);
    sn_check_done(L);
    return 1;
}

/* core.tensor_linspace(first, last, n [, dtype]): both included */
static int tensor_linspace(lua_State *L) {
    double first = finite_number(L, 1, "tensor.linspace: the first number");
    double last = finite_number(L, 2, "tensor.linspace: the last number");
    int64_t count = check_count(L, 3, "tensor.linspace: the count is a whole number >= 0");
    sn_dtype dtype = sn_check_dtype(L, 4, SN_F32);
    if (!sn_dtype_float(dtype))
        return sn_raise_text(L, "tensor.linspace: wants float32 or float64, not %s", sn_dtype_name(dtype));
    sn_shape shape = { 1, { count } };
    int64_t n = shape.d[0];
    sn_tensor *t = sn_new_raw(L, dtype, &shape);
    sn_arange(sn_pool_default(), t, first, n > 1 ? (last - first) / (double)(n - 1) : 0, 0, 0);
    sn_check_done(L);
    if (n > 1) sn_tensor_set(t, n - 1, last); /* not nearly */
    return 1;
}

/* core.tensor_eye(rows, columns [, dtype]) */
static int tensor_eye(lua_State *L) {
    sn_shape shape = { 2,
                       { check_count(L, 1, "tensor.eye: sizes are whole numbers >= 0"),
                         check_count(L, 2, "tensor.eye: sizes are whole numbers >= 0") } };
    sn_tensor *t = sn_new_tensor(L, sn_check_dtype(L, 3, SN_F32), &shape);
    for (int64_t i = 0; i < shape.d[0] && i < shape.d[1]; i++) sn_tensor_set(t, i * shape.d[1] + i, 1);
    return 1;
}

/* ---- to lists ---- */

void sn_push_element(lua_State *L, const sn_tensor *t, int64_t i) {
    if (t->dtype == SN_I64)
        lua_pushinteger(L, ((const int64_t *)t->data)[i]);
    else if (!sn_dtype_float(t->dtype))
        lua_pushinteger(L, (lua_Integer)sn_tensor_get(t, i));
    else
        sn_push_number(L, sn_tensor_get(t, i));
}

static void push_list(lua_State *L, const sn_tensor *t, int dim, int64_t *at) {
    if (dim == t->shape.n) {
        if (*at % POLL == 0) sn_check_done(L);
        sn_push_element(L, t, (*at)++);
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
    sn_tensor *t = sn_check_tensor(L, 1);
    push_list(L, sn_push_shared(L, t), 0, &at); /* of its own: a finalizer may close the other meanwhile */
    return 1;
}

/* t:item(): the number of a tensor of one element */
static int tensor_item(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    char text[120];
    if (sn_shape_count(&t->shape) != 1)
        return sn_raise_text(L,
                             "item: a tensor of shape %s is not one number; t[{ 1, 2 }] and t:sum() give one",
                             sn_shape_text(&t->shape, false, text, sizeof text));
    sn_push_element(L, t, 0);
    return 1;
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
    sn_push_element(L, t, i);
    return 1;
}

void sn_open_tensors(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "tensor", tensor_make },          { "tensor_full", tensor_full },
        { "tensor_at", tensor_at },         { "tensor_shape", tensor_shape },
        { "tensor_dtype", tensor_dtype },   { "tensor_random", tensor_random },
        { "tensor_arange", tensor_arange }, { "tensor_linspace", tensor_linspace },
        { "tensor_eye", tensor_eye },       { NULL, NULL },
    };
    static const luaL_Reg methods[] = { { "tolist", tensor_tolist }, { "item", tensor_item }, { NULL, NULL } };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, SN_MT_TENSOR, tensor_gc); /* core, meta */
    lua_pushcfunction(L, tensor_gc);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, tensor_len);
    lua_setfield(L, -2, "__len");
    lua_newtable(L); /* core, meta, methods: the Lua half adds more */
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods");
    sn_open_tensor_index(L);
    sn_open_tensor_ops(L);
    sn_open_tensor_reduce(L);
    sn_open_tensor_shape(L);
    lua_pop(L, 1);
    lua_getfield(L, -2, "meta");
    lua_insert(L, -2); /* core, core.meta, meta */
    lua_setfield(L, -2, SN_MT_TENSOR);
    lua_pop(L, 1);
}
