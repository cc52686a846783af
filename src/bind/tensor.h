/* What the files of the tensor binding share. */
#ifndef SN_BIND_TENSOR_H
#define SN_BIND_TENSOR_H

#include "bind/glue.h"

/* Not zeroed; for what is written whole. */
sn_tensor *sn_new_raw(lua_State *, sn_dtype, const sn_shape *);
/* A tensor that shares the data of the one at arg; its shape may be bent. */
sn_tensor *sn_push_shared(lua_State *, const sn_tensor *);
/* After work on the pool: raises when it was interrupted. */
void sn_check_done(lua_State *);
/* Raises what a core function returned. */
void sn_check_status(lua_State *, sn_status, const sn_err *);
/* The tensor that a list (or number, or tensor) at arg makes; pushed, or where it stands already. */
const sn_tensor *sn_to_tensor(lua_State *, int arg, sn_dtype);
/* A list of sizes; one may be -1 when count >= 0. */
void sn_check_shape(lua_State *, int arg, sn_shape *, int64_t count);
sn_dtype sn_check_dtype(lua_State *, int arg, sn_dtype def);
/* An axis from 1, or from -1 backwards -> from 0; n: how many there are. */
int sn_check_axis(lua_State *, int arg, const char *who, const sn_shape *, int n);
void sn_push_element(lua_State *, const sn_tensor *, int64_t i);
/* Element i = the number at arg; int64 gets all its bits, of which a double has but 53. */
void sn_set_element(lua_State *, int arg, sn_tensor *, int64_t i);
/* (outer, n, inner) around an axis. */
void sn_around(const sn_shape *, int axis, int64_t *outer, int64_t *n, int64_t *inner);

/* Each adds its functions, methods or metamethods: core, metatable and methods are on top of the stack. */
void sn_open_tensor_index(lua_State *);
void sn_open_tensor_ops(lua_State *);
void sn_open_tensor_reduce(lua_State *);
void sn_open_tensor_shape(lua_State *);

#endif
