/* t[i], t[{ 1, { 2, 5 } }], t[mask], reading and writing; rows one after another. */
#include "bind/tensor.h"
#include "num/ops.h"
#include "num/places.h"
#include "num/strided.h"

/* What a key says about one axis. */
typedef struct {
    int64_t from, n, step; /* from 0 */
    bool keep, all;        /* the axis stays; it was written as {} or not at all */
} selection;

static int64_t index_error(lua_State *L, const sn_tensor *t, int axis, lua_Integer i) {
    char text[120];
    int64_t n = t->shape.d[axis];
    return sn_raise_text(L, "tensor: index %lld of axis %d is outside 1..%lld%s in a tensor of shape %s",
                         (long long)i, axis + 1, (long long)n, n > 0 ? ", or -1 and below from the end," : "",
                         sn_shape_text(&t->shape, false, text, sizeof text));
}

/* The whole number on top of the stack. */
static lua_Integer check_whole(lua_State *L, int axis) {
    int whole;
    lua_Integer i = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : (whole = 0);
    if (!whole)
        sn_raise_text(L, "tensor: the index of axis %d is not a whole number, a range { from, to } or {}: %s",
                      axis + 1, sn_push_quoted(L, -1));
    return i;
}

static int64_t check_index(lua_State *L, const sn_tensor *t, int axis, lua_Integer i) {
    int64_t n = t->shape.d[axis], at = i < 0 ? n + i : i - 1;
    return at < 0 || at >= n ? index_error(L, t, axis, i) : at;
}

static bool has_keys(lua_State *L, int idx) {
    idx = lua_absindex(L, idx);
    lua_pushnil(L);
    if (!lua_next(L, idx)) return false;
    lua_pop(L, 2);
    return true;
}

/* { from, to, step }, { at } or {} on top of the stack. */
static selection check_range(lua_State *L, const sn_tensor *t, int axis) {
    int64_t n = t->shape.d[axis];
    lua_Integer part[3] = { 1, n, 1 };
    size_t given = lua_rawlen(L, -1);
    if (given == 0 && has_keys(L, -1))
        sn_raise_text(L, "tensor: the range of axis %d has names; it is { from, to, step }", axis + 1);
    if (given == 0) return (selection){ 0, n, 1, true, true };
    if (given > 3)
        sn_raise_text(L, "tensor: the range of axis %d has %d numbers; it is { from, to, step }", axis + 1,
                      (int)given);
    for (size_t i = 0; i < given; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        part[i] = check_whole(L, axis);
        lua_pop(L, 1);
    }
    if (given == 1) part[1] = part[0];
    selection s = { .step = part[2], .keep = true };
    if (s.step == 0 || s.step == INT64_MIN)
        sn_raise_text(L, "tensor: the range of axis %d has a step of 0", axis + 1);
    /* { n + 1, n } and { 1, 0 } are empty. */
    int64_t from = part[0] < 0 ? n + 1 + part[0] : part[0], to = part[1] < 0 ? n + 1 + part[1] : part[1];
    if (given > 1 && to == from - (s.step > 0 ? 1 : -1) && from >= 1 && to <= n && from <= n + 1 && to >= 0)
        return s;
    s.from = check_index(L, t, axis, part[0]);
    to = check_index(L, t, axis, part[1]);
    if (s.step > 0 ? to < s.from : to > s.from)
        sn_raise_text(L, "tensor: the range {%lld, %lld} of axis %d goes the other way%s", (long long)part[0],
                      (long long)part[1], axis + 1, s.step > 0 ? "; a step of -1 goes backwards" : "");
    s.n = (to - s.from) / s.step + 1;
    return s;
}

/* What a key, a number or a list, says about all axes; returns how many it speaks of. */
static int check_key(lua_State *L, const sn_tensor *t, int key, selection *out) {
    bool list = lua_istable(L, key);
    size_t n = list ? lua_rawlen(L, key) : 1;
    if (n > (size_t)t->shape.n)
        sn_raise_text(L, "tensor: %d ind%s for %d dimension%s", (int)n, n == 1 ? "ex" : "ices", t->shape.n,
                      t->shape.n == 1 ? "" : "s");
    if (list && n == 0 && has_keys(L, key))
        sn_raise_text(L, "tensor: an index has no names; it is a list, one entry for each axis");
    for (int axis = 0; axis < t->shape.n; axis++) {
        out[axis] = (selection){ 0, t->shape.d[axis], 1, true, true };
        if (axis >= (int)n) continue;
        if (list)
            lua_rawgeti(L, key, axis + 1);
        else
            lua_pushvalue(L, key);
        if (list && lua_istable(L, -1))
            out[axis] = check_range(L, t, axis);
        else
            out[axis] = (selection){ check_index(L, t, axis, check_whole(L, axis)), 1, 1, false, false };
        lua_pop(L, 1);
    }
    return (int)n;
}

static sn_layout layout_of(const sn_tensor *t, const selection *s) {
    sn_layout whole = sn_layout_of(&t->shape), l = { 0 };
    for (int i = 0; i < t->shape.n; i++) {
        l.from += s[i].from * whole.stride[i];
        if (!s[i].keep) continue;
        l.shape.d[l.shape.n] = s[i].n;
        l.stride[l.shape.n++] = whole.stride[i] * s[i].step;
    }
    return l;
}

/* Numbers, then at most one range, then nothing: one piece of the data, by the form of the key alone. */
static bool is_one_piece(const sn_shape *shape, const selection *s) {
    int i = 0;
    while (i < shape->n && !s[i].keep) i++;
    if (i < shape->n && s[i].step != 1) return false;
    for (i++; i < shape->n; i++)
        if (!s[i].all) return false;
    return true;
}

/* Borrows. */
static sn_tensor piece_of(const sn_tensor *t, const sn_layout *l) {
    sn_tensor r = *t;
    r.shape = l->shape;
    r.data = (char *)t->data + (size_t)(sn_shape_count(&l->shape) ? l->from : 0) * sn_dtype_size(t->dtype);
    return r;
}

/* Is the key the first number past the end? There ipairs(t) ends, which wants a nil. */
static bool is_end(lua_State *L, const sn_tensor *t, int key) {
    return t->shape.n > 0 && lua_isinteger(L, key) && lua_tointeger(L, key) == t->shape.d[0] + 1;
}

/* ---- masks and places ---- */

/* Pushes the places, from 0, where the mask is not zero, as an int64 tensor. */
static sn_tensor *push_places(lua_State *L, int arg) {
    const sn_tensor *mask = sn_push_shared(L, sn_check_tensor(L, arg));
    int64_t cells = sn_places_cells(sn_shape_count(&mask->shape));
    sn_tensor *offsets = sn_new_raw(L, SN_I64, &(sn_shape){ 1, { cells + 1 } });
    int64_t count = sn_places_count(sn_pool_default(), offsets->data, mask);
    sn_check_done(L);
    sn_tensor *places = sn_new_raw(L, SN_I64, &(sn_shape){ 1, { count } });
    sn_places_write(sn_pool_default(), places->data, offsets->data, mask);
    sn_check_done(L);
    return places;
}

/* The axes that the mask covers are one, of `n` places; of each `inner` elements belong to it. */
static void check_mask(lua_State *L, const sn_tensor *t, const sn_tensor *mask, int64_t *n, int64_t *inner) {
    char a[120], b[120];
    bool fits = mask->shape.n <= t->shape.n;
    for (int i = 0; fits && i < mask->shape.n; i++) fits = mask->shape.d[i] == t->shape.d[i];
    if (!fits)
        sn_raise_text(
            L, "masked: the mask of shape %s does not lie on the leading axes of a tensor of shape %s",
            sn_shape_text(&mask->shape, false, a, sizeof a), sn_shape_text(&t->shape, false, b, sizeof b));
    *n = sn_shape_count(&mask->shape);
    *inner = 1;
    for (int i = mask->shape.n; i < t->shape.n; i++) *inner *= t->shape.d[i];
}

/* (k, axes that the mask leaves) */
static sn_shape masked_shape(const sn_tensor *t, const sn_tensor *mask, int64_t k) {
    sn_shape s = { 1, { k } };
    for (int i = mask->shape.n; i < t->shape.n; i++) s.d[s.n++] = t->shape.d[i];
    return s;
}

static void check_room(lua_State *L, const sn_tensor *t, const sn_tensor *mask) {
    if (t->shape.n - mask->shape.n + 1 > SN_MAXDIM)
        sn_raise_text(L, "masked: the result would have more than %d dimensions", SN_MAXDIM);
}

/* t:masked(mask) */
static int tensor_masked(lua_State *L) {
    int64_t n, inner;
    const sn_tensor *t = sn_check_tensor(L, 1);
    if (!luaL_testudata(L, 2, SN_MT_TENSOR))
        return sn_raise_text(L, "masked: wants a mask, as in t:masked(t:gt(0)), got %s", sn_push_quoted(L, 2));
    const sn_tensor *mask = sn_check_tensor(L, 2);
    if (mask->dtype != SN_U8)
        return sn_raise_text(
            L,
            "masked: wants a mask of uint8, as t:gt(0) is, got a tensor of %s; mask:ne(0) makes "
            "one, t:index(axis, places) takes places",
            sn_dtype_name(mask->dtype));
    check_mask(L, t, mask, &n, &inner);
    check_room(L, t, mask);
    const sn_tensor *places = push_places(L, 2);
    sn_shape shape = masked_shape(t, mask, places->shape.d[0]);
    sn_tensor *r = sn_new_raw(L, t->dtype, &shape);
    t = sn_check_tensor(L, 1);
    sn_take(sn_pool_default(), r->data, t->data, places->data, places->shape.d[0], 1, n, inner,
            sn_dtype_size(t->dtype));
    sn_check_done(L);
    return 1;
}

/* t:nonzero(): (k, axes) of int64, from 1 */
static int tensor_nonzero(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    const sn_tensor *places = push_places(L, 1);
    int64_t k = places->shape.d[0];
    sn_shape shape = t->shape;
    sn_tensor *r = sn_new_raw(L, SN_I64, &(sn_shape){ 2, { k, shape.n } });
    int64_t *out = r->data;
    for (int64_t i = 0; i < k; i++) {
        int64_t at = ((const int64_t *)places->data)[i];
        for (int d = shape.n - 1; d >= 0; d--) {
            out[i * shape.n + d] = at % shape.d[d] + 1;
            at /= shape.d[d];
        }
    }
    return 1;
}

/* t:index(axis, list of places): along that axis those, in that order */
static int tensor_index_along(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    int axis = sn_check_axis(L, 2, "index", &t->shape, t->shape.n);
    if (!lua_istable(L, 3) && !luaL_testudata(L, 3, SN_MT_TENSOR))
        return sn_raise_text(L, "index: wants a list of places, as in t:index(1, { 3, 1 }), got %s",
                             sn_push_quoted(L, 3));
    const sn_tensor *list = sn_to_tensor(L, 3, SN_F64);
    if (list->shape.n != 1)
        return sn_raise_text(L, "index: the places are a list of whole numbers, not of lists");
    int64_t k = list->shape.d[0], outer, n, inner;
    sn_tensor *places = sn_new_raw(L, SN_I64, &list->shape);
    for (int64_t i = 0; i < k; i++) {
        double v = sn_tensor_get(list, i);
        int64_t whole = v >= -0x1p53 && v <= 0x1p53 ? (int64_t)v : 0;
        if ((double)whole != v)
            return sn_raise_text(L, "index: place %lld is not a whole number", (long long)i + 1);
        ((int64_t *)places->data)[i] = check_index(L, t, axis, whole);
    }
    sn_around(&t->shape, axis, &outer, &n, &inner);
    sn_shape shape = t->shape;
    shape.d[axis] = k;
    sn_tensor *r = sn_new_raw(L, t->dtype, &shape);
    t = sn_check_tensor(L, 1);
    sn_take(sn_pool_default(), r->data, t->data, places->data, k, outer, n, inner, sn_dtype_size(t->dtype));
    sn_check_done(L);
    return 1;
}

/* ---- reading ---- */

static bool is_mask(lua_State *L, int key) {
    const sn_tensor *mask = sn_test_tensor(L, key);
    if (mask && mask->dtype != SN_U8)
        sn_raise_text(
            L,
            "tensor: t[mask] wants a mask of uint8, as t:gt(0) is, got %s; places are for t:index(axis, "
            "places)",
            sn_dtype_name(mask->dtype));
    return mask != NULL;
}

/* t[i], t[{...}], t[mask]; other keys are the Lua half's, which asks here only for these. */
static int tensor_index(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    selection s[SN_MAXDIM];
    lua_settop(L, 2);
    if (is_end(L, t, 2)) return 0;
    if (is_mask(L, 2)) return tensor_masked(L);
    if (lua_type(L, 2) != LUA_TNUMBER && !lua_istable(L, 2))
        return sn_raise_text(L, "tensor: t[...] wants a number, a list of them or a mask, got %s",
                             sn_push_type(L, 2));
    check_key(L, t, 2, s);
    sn_layout l = layout_of(t, s);
    if (l.shape.n == 0) {
        sn_push_element(L, t, l.from);
    } else if (is_one_piece(&t->shape, s)) {
        sn_tensor *r = sn_push_shared(L, t);
        *r = piece_of(r, &l);
    } else {
        sn_tensor *r = sn_new_raw(L, t->dtype, &l.shape);
        t = sn_check_tensor(L, 1);
        sn_strided_read(sn_pool_default(), r->data, t->data, &l, sn_dtype_size(t->dtype));
        sn_check_done(L);
    }
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
    *r = sn_tensor_rows(sn_check_tensor(L, 1), from - 1, to);
    return 1;
}

/* ---- writing ---- */

/* The value at arg 3 as a tensor that fills `shape`; a list or a number is converted and stays on the stack. */
static const sn_tensor *check_value(lua_State *L, const sn_tensor *t, const sn_shape *shape) {
    char a[120], b[120];
    int type = lua_type(L, 3);
    if (type != LUA_TNUMBER && type != LUA_TTABLE && !luaL_testudata(L, 3, SN_MT_TENSOR))
        sn_raise_text(L, "tensor: elements are set to a number, a tensor or a list, got %s",
                      sn_push_quoted(L, 3));
    const sn_tensor *v = sn_to_tensor(L, 3, t->dtype);
    if (!sn_broadcasts_to(&v->shape, shape))
        sn_raise_text(L, "tensor: a value of shape %s does not fill the place of shape %s",
                      sn_shape_text(&v->shape, false, a, sizeof a), sn_shape_text(shape, false, b, sizeof b));
    return v;
}

/* The same, copied to its full shape and the dtype of t; pushed. */
static const sn_tensor *push_filled(lua_State *L, const sn_tensor *t, const sn_shape *shape) {
    check_value(L, t, shape);
    int at = luaL_testudata(L, 3, SN_MT_TENSOR) ? 3 : lua_gettop(L);
    sn_tensor *full = sn_new_raw(L, t->dtype, shape);
    sn_assign(sn_pool_default(), full, sn_check_tensor(L, at));
    sn_check_done(L);
    return full;
}

static int set_masked(lua_State *L, const sn_tensor *t) {
    int64_t n, inner;
    const sn_tensor *mask = sn_check_tensor(L, 2);
    check_mask(L, t, mask, &n, &inner);
    check_room(L, t, mask);
    const sn_tensor *places = push_places(L, 2);
    sn_shape shape = masked_shape(t, mask, places->shape.d[0]);
    const sn_tensor *full = push_filled(L, t, &shape);
    sn_tensor *out = sn_check_tensor(L, 1);
    sn_put(sn_pool_default(), out->data, places->data, full->data, places->shape.d[0], inner,
           sn_dtype_size(out->dtype));
    sn_check_done(L);
    return 0;
}

static int tensor_newindex(lua_State *L) {
    sn_tensor *t = sn_check_tensor(L, 1);
    selection s[SN_MAXDIM];
    lua_settop(L, 3);
    if (is_mask(L, 2)) return set_masked(L, t);
    if (lua_type(L, 2) != LUA_TNUMBER && lua_type(L, 2) != LUA_TTABLE)
        return sn_raise_text(L, "tensor: only elements can be set, as in t[{1, 2}] = 0.5");
    check_key(L, t, 2, s);
    sn_layout l = layout_of(t, s);
    if (l.shape.n == 0 && lua_type(L, 3) == LUA_TNUMBER) {
        sn_set_element(L, 3, t, l.from);
        return 0;
    }
    const sn_tensor *v = check_value(L, t, &l.shape);
    t = sn_check_tensor(L, 1);
    if (is_one_piece(&t->shape, s) && v->store != t->store) {
        sn_tensor piece = piece_of(t, &l);
        sn_assign(sn_pool_default(), &piece, v);
    } else { /* first all of it, then into its place: the value may be a part of t */
        const sn_tensor *full = push_filled(L, t, &l.shape);
        t = sn_check_tensor(L, 1);
        sn_strided_write(sn_pool_default(), t->data, &l, full->data, sn_dtype_size(t->dtype));
    }
    sn_check_done(L);
    return 0;
}

/* ---- one after another ---- */

static int next_value(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, lua_upvalueindex(1));
    lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
    if (i >= sn_shape_count(&t->shape)) return 0;
    lua_pushinteger(L, i + 1);
    lua_replace(L, lua_upvalueindex(2));
    sn_push_element(L, t, i);
    return 1;
}

/* for v in t:values() do */
static int tensor_values(lua_State *L) {
    sn_check_tensor(L, 1);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_value, 2);
    return 1;
}

/* t:unpack(): its rows, or its numbers when it is a vector, as so many results */
static int tensor_unpack(lua_State *L) {
    const sn_tensor *t = sn_check_tensor(L, 1);
    int64_t n = t->shape.n ? t->shape.d[0] : 1;
    if (n > 200 || !lua_checkstack(L, (int)n + 4))
        return sn_raise_text(L, "unpack: %lld results are too many; 200 is the most, t:tolist() makes a table",
                             (long long)n);
    if (t->shape.n == 0) sn_push_element(L, t, 0);
    for (int64_t i = 0; t->shape.n > 0 && i < n; i++) {
        if (t->shape.n == 1) {
            sn_push_element(L, t, i);
            continue;
        }
        sn_tensor *row = sn_push_tensor(L);
        *row = sn_tensor_rows(sn_check_tensor(L, 1), i, i + 1);
        row->shape = sn_shape_sample(&row->shape);
    }
    return (int)n;
}

void sn_open_tensor_index(lua_State *L) { /* core, meta, methods */
    static const luaL_Reg methods[] = {
        { "rows", tensor_rows },
        { "index", tensor_index_along },
        { "masked", tensor_masked },
        { "nonzero", tensor_nonzero },
        { "values", tensor_values },
        { "unpack", tensor_unpack },
        { NULL, NULL },
    };
    static const luaL_Reg meta[] = {
        { "__newindex", tensor_newindex },
        { "raw_index", tensor_index }, /* the Lua half's __index goes on to this */
        { NULL, NULL },
    };
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, meta, 0);
    lua_pop(L, 1);
}
