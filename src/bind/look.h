/* What look.c and look_any.c share. */
#ifndef SN_BIND_LOOK_H
#define SN_BIND_LOOK_H

#include "bind/glue.h"
#include "train/look.h"

int sn_check_node(lua_State *, int arg, const sn_model *); /* from 1; gives it from 0 */
sn_tensor *sn_push_node_tensor(lua_State *, const sn_model *, int node, int64_t n); /* (n, node's shape) */
/* Appends an empty tensor (n, node's shape) for each node of the list at arg to the table on top, and says in
 * list where they are; gives how many. */
int sn_add_captures(lua_State *, int arg, const sn_model *, int64_t n, bool grad, sn_capture *list);

#endif
