/* For m:explain in Lua: image files as the model's input wants them, what outputs say, occlusion. */
#include "train/explain.h"
#include "bind/tensor.h"
#include "data/resize.h"
#include "train/judge_pass.h"
#include <math.h>

/* core.dataset_origin(d) -> the object that it, or what it is a part of, was made from; nil: tensors */
static int dataset_origin(lua_State *L) {
    sn_obj *o = sn_dataset_origin(sn_check_dataset(L, 1));
    if (!o) return 0;
    sn_push_object(L, o);
    return 1;
}

/* core.image_read(path, h, w, channels, interpolation, "stretch" | "crop" | "pad", rescale) -> (h, w, channels)
 */
static int image_read(lua_State *L) {
    static const char *const fits[] = { "stretch", "crop", "pad", NULL };
    const char *path = sn_check_text(L, 1, "the path");
    sn_image_way way = { .h = luaL_checkinteger(L, 2),
                         .w = luaL_checkinteger(L, 3),
                         .channels = (int)luaL_checkinteger(L, 4),
                         .interpolation = (sn_interpolation)luaL_checkoption(L, 5, NULL, sn_interpolations),
                         .fit = (sn_fit)luaL_checkoption(L, 6, NULL, fits) };
    double rescale = luaL_checknumber(L, 7);
    luaL_argcheck(L, way.channels == 1 || way.channels == 3 || way.channels == 4, 4, "not 1, 3 or 4");
    sn_shape shape = { 3, { way.h, way.w, way.channels } };
    int64_t n = sn_shape_count(&shape);
    sn_tensor *t = sn_new_raw(L, SN_F32, &shape);
    uint8_t *bytes = (uint8_t *)t->data + 3 * n; /* widened from the end of their own room */
    sn_err e;
    sn_status s = sn_image_read(bytes, path, &way, &e);
    if (sn_retry(L, s)) s = sn_image_read(bytes, path, &way, &e);
    if (s != SN_OK) return sn_raise(L, &e);
    sn_bytes_to_float(t->data, bytes, n, (float)rescale);
    return 1;
}

/* ---- what outputs say ---- */

/* Raises for outputs that are not one row for each sample; numbers of a regression: false. */
static bool head_of(lua_State *L, const sn_trainer *t, sn_judged *j) {
    sn_err e;
    sn_status s = sn_judge_head(t, j, &e);
    if (s == SN_ESHAPE) {
        sn_fail_prefix(&e, "explain");
        sn_raise(L, &e);
    }
    return s == SN_OK;
}

/* core.output_kind(trainer) -> "probabilities", "logits", "scores" (of classes), or "numbers" (of a
 * regression); classes (of numbers: units); units */
static int output_kind(lua_State *L) {
    static const char *const kinds[] = { "probabilities", "logits", "scores" };
    sn_judged j;
    bool classes = head_of(L, sn_check_trainer(L, 1), &j);
    lua_pushstring(L, classes ? kinds[j.kind] : "numbers");
    lua_pushinteger(L, classes ? j.classes : j.units);
    lua_pushinteger(L, j.units);
    return 3;
}

/* Shares that are off by more than rounding are divided by their sum, as a crossentropy does. */
static bool off(const sn_judged *j, int64_t i) {
    double sum = 0;
    for (int k = 0; k < j->units; k++) sum += (double)j->out[i * j->units + k];
    return fabs(sum - 1) > 1e-4 && sum != 0;
}

/* core.output_shares(trainer, outputs (n, units)) -> (n, classes): probabilities; of scores and numbers these
 * themselves */
static int output_shares(lua_State *L) {
    const sn_trainer *t = sn_check_trainer(L, 1);
    const sn_tensor *out = sn_float_tensor(L, 2);
    sn_judged j;
    if (!head_of(L, t, &j)) {
        lua_pushvalue(L, 2);
        return 1;
    }
    j.n = out->shape.d[0];
    j.out = out->data;
    luaL_argcheck(L, sn_shape_count(&out->shape) == j.n * j.units, 2, "not the model's outputs");
    sn_shape shape = { 2, { j.n, j.classes } };
    float *to = sn_new_tensor(L, SN_F32, &shape)->data;
    double *p = lua_newuserdatauv(L, (size_t)j.classes * sizeof *p, 0);
    for (int64_t i = 0; i < j.n; i++) {
        j.normalize = j.kind == SN_OUT_PROBABILITIES && j.units > 1 && !j.independent && off(&j, i);
        sn_judge_row(&j, i, p);
        for (int k = 0; k < j.classes; k++) to[i * j.classes + k] = (float)p[k];
    }
    lua_pop(L, 1);
    return 1;
}

/* ---- occlusion ---- */

/* A sample's (h, w, c); one axis fewer is a channel, two fewer a column of features. */
static void check_occlusion(lua_State *L, const sn_shape *s, int arg, sn_occlusion *o) {
    *o = (sn_occlusion){ .size = { s->d[0], s->n > 1 ? s->d[1] : 1 }, .channels = s->n > 2 ? s->d[2] : 1 };
    for (int i = 0; i < 2; i++) {
        o->patch[i] = luaL_checkinteger(L, arg + i);
        o->stride[i] = luaL_checkinteger(L, arg + 2 + i);
        luaL_argcheck(L, o->patch[i] >= 1 && o->patch[i] <= o->size[i], arg + i, "does not fit the sample");
        luaL_argcheck(L, o->stride[i] >= 1 && o->stride[i] <= o->patch[i], arg + 2 + i, "leaves gaps");
    }
}

/* core.occlusion(trainer, x, fill (both of the input's shape), batch_size, patch height, width, stride down,
 * across) -> outputs (places, units), places down, places across */
static int occlusion(lua_State *L) {
    lua_settop(L, 8);
    sn_trainer *t = sn_check_trainer(L, 1);
    const sn_tensor *x = sn_float_tensor(L, 2), *fill = sn_float_tensor(L, 3);
    int64_t batch = sn_check_batch_size(L, 4);
    sn_occlusion o;
    sn_check_samples(L, t, &x->shape, "explain");
    sn_check_samples(L, t, &fill->shape, "explain: the baseline");
    luaL_argcheck(L, x->shape.n >= 1 && x->shape.n <= 3, 2, "of too many axes");
    check_occlusion(L, &x->shape, 5, &o);
    int64_t down = sn_occlusion_places(&o, 0), across = sn_occlusion_places(&o, 1);
    sn_shape shape = { 2, { down * across, sn_shape_count(sn_model_output_shape(t->model)) } };
    if (batch > shape.d[0]) batch = shape.d[0];
    sn_tensor *out = sn_new_raw(L, SN_F32, &shape);
    sn_prepare_inference(L, t, batch);
    sn_err e;
    if (sn_occlusion_outputs(t, &o, x->data, fill->data, batch, out->data, &e) != SN_OK) return sn_raise(L, &e);
    lua_pushinteger(L, down);
    lua_pushinteger(L, across);
    return 3;
}

/* core.occlusion_spread(values (places), shape of x, patch height, width, stride down, across) -> (h, w): means
 * of the patches over each pixel */
static int occlusion_spread(lua_State *L) {
    const sn_tensor *values = sn_float_tensor(L, 1);
    sn_shape shape;
    sn_occlusion o;
    sn_check_shape(L, 2, &shape, -1);
    luaL_argcheck(L, shape.n >= 1 && shape.n <= 3, 2, "of too many axes");
    check_occlusion(L, &shape, 3, &o);
    luaL_argcheck(L, sn_shape_count(&values->shape) == sn_occlusion_places(&o, 0) * sn_occlusion_places(&o, 1),
                  1, "not a value for each place");
    sn_shape map = { 2, { o.size[0], o.size[1] } };
    sn_occlusion_spread(&o, values->data, sn_new_raw(L, SN_F32, &map)->data);
    return 1;
}

/* core.bilinear(t (h, w), height, width): half-pixel centers */
static int bilinear(lua_State *L) {
    const sn_tensor *t = sn_float_tensor(L, 1);
    sn_shape shape = { 2, { luaL_checkinteger(L, 2), luaL_checkinteger(L, 3) } };
    luaL_argcheck(L, t->shape.n == 2 && sn_shape_count(&t->shape) > 0, 1, "not (h, w)");
    luaL_argcheck(L, shape.d[0] >= 1 && shape.d[1] >= 1, 2, "no size");
    sn_bilinear(sn_new_raw(L, SN_F32, &shape)->data, shape.d[0], shape.d[1], t->data, t->shape.d[0],
                t->shape.d[1]);
    return 1;
}

void sn_open_explaining(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "dataset_origin", dataset_origin },
        { "image_read", image_read },
        { "output_kind", output_kind },
        { "output_shares", output_shares },
        { "occlusion", occlusion },
        { "occlusion_spread", occlusion_spread },
        { "bilinear", bilinear },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
}
