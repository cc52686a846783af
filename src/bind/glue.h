/* Inside the binding. Every function here that is called from Lua works in four phases: check the arguments
 * (may raise, nothing is owned yet), push an empty owner whose __gc frees it, act, raise or return. No C local
 * holds a resource across a Lua call that can raise.
 *
 * The functions make up the table `core`, which only the Lua half (lua/sonde) uses; what a user sees is made
 * there. */
#ifndef SN_BIND_GLUE_H
#define SN_BIND_GLUE_H

#include "base/buf.h"
#include "base/desc.h"
#include "data/dataset.h"
#include "num/tensor.h"
#include "train/finite.h"
#include "train/probe.h"
#include "train/run.h"
#include <lauxlib.h>
#include <lua.h>

/* Metatables in the registry; also the user's names of the types. */
#define SN_MT_TENSOR  "tensor"
#define SN_MT_OBJECT  "object"
#define SN_MT_DATASET "dataset"
#define SN_MT_MODEL   "model"
#define SN_MT_TRAINER "trainer"
#define SN_MT_RUN     "run"
#define SN_MT_PICTURE "picture"
#define SN_MT_SYMBOL  "symbol"

/* User values: 1 = what must stay alive as long as this does; 2 = the Lua half's own table. */
enum { SN_UV_ANCHOR = 1, SN_UV_STATE = 2 };

typedef struct {
    sn_obj *obj;
} sn_lua_object;
typedef struct {
    sn_dataset *data;
} sn_lua_dataset;
typedef struct {
    sn_model *model;
} sn_lua_model;
typedef struct {
    sn_trainer *trainer;
} sn_lua_trainer;
typedef struct {
    sn_run *run;
    bool driven;   /* within run_drive */
    bool find_bad; /* run_next looks for the first number that is NaN or infinite, with this: */
    sn_finite finite;
} sn_lua_run;
typedef struct {
    sn_loader *loader;
} sn_lua_loader;

/* ---- bind.c ---- */
/* The one place that raises. The message gets the position of the user's line, not of the Lua half's. */
int sn_raise(lua_State *, const sn_err *);
int sn_raise_as(lua_State *, const char *who, const sn_err *); /* "who: message" */
int sn_raise_text(lua_State *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Pushes what a value is, with its article: "a tensor", "an optimizer", "nil". */
const char *sn_push_type(lua_State *, int idx);
/* Pushes a value as a message shows it: texts in quotes, "a table", "a tensor". */
const char *sn_push_quoted(lua_State *, int idx);
/* The text at arg. C would end it at a zero byte, so one that has such is refused; what: "npz.load: the path".
 */
const char *sn_check_text(lua_State *, int arg, const char *what);
/* A NaN loses its sign, which print would show: 0/0 is -nan on some machines. */
void sn_push_number(lua_State *, double);
/* A field of the table on top of the stack; a text may be NULL = nil. */
void sn_set_int(lua_State *, const char *key, int64_t);
void sn_set_num(lua_State *, const char *key, double);
void sn_set_bool(lua_State *, const char *key, bool);
void sn_set_text(lua_State *, const char *key, const char *);
/* Tells Lua's collector of memory that it cannot see. */
void sn_account(lua_State *, size_t bytes);
/* The same for what the core has allocated since it held `before` bytes (sn_mem_used). */
void sn_account_since(lua_State *, size_t before);
/* After a failure: when it was memory, collects garbage and says that trying again makes sense. */
bool sn_retry(lua_State *, sn_status);
/* A text buffer owned by a userdata on the stack. */
sn_buf *sn_push_buf(lua_State *, size_t max);
void sn_new_metatable(lua_State *, const char *name, lua_CFunction gc); /* leaves it on the stack */
/* A zeroed userdata with that metatable and both user values. */
void *sn_push_box(lua_State *, const char *name, size_t size);
/* What may be interrupted at this moment: set around the calls, NULL otherwise. */
void sn_set_active(sn_run *, sn_loader *);

/* ---- object.c ---- */
extern const sn_kind *const sn_all_kinds[]; /* NULL-terminated, in the order in which names become globals */
void sn_push_object(lua_State *, sn_obj *); /* takes its own reference */
sn_obj *sn_check_object(lua_State *, int arg, const sn_kind *kind /* NULL = any */);
sn_obj *sn_test_object(lua_State *, int arg); /* NULL when it is something else */

/* ---- value.c ---- */
/* A Lua value on its way into a field. What it borrows stays on the stack or in tables that are on it. */
void sn_to_value(lua_State *, int idx, const sn_field *, sn_value *);
void sn_push_field(lua_State *, int object_idx, const sn_obj *, const sn_field *);

/* ---- tensor.c ---- */
sn_tensor *sn_push_tensor(lua_State *); /* empty */
sn_tensor *sn_new_tensor(lua_State *, sn_dtype, const sn_shape *);
sn_tensor *sn_check_tensor(lua_State *, int arg);
sn_tensor *sn_test_tensor(lua_State *, int arg);
/* The tensor at arg as contiguous floats: itself, or a float32 copy pushed on the stack. */
const sn_tensor *sn_float_tensor(lua_State *, int arg);
void sn_push_shape(lua_State *, const sn_shape *);

/* ---- dataset.c ---- */
sn_dataset *sn_check_dataset(lua_State *, int arg);
int sn_open_dataset(lua_State *, sn_obj *cfg); /* pushes a dataset */

/* ---- loader.c ---- */
int64_t sn_check_batch_size(lua_State *, int arg);
/* For passes over a dataset in its order, until the call is over. */
sn_lua_loader *sn_push_loader(lua_State *, sn_dataset *, int64_t batch_size);
void sn_close_loader(sn_lua_loader *); /* when the pass is over; the collector would do it later */

/* ---- model.c, trainer.c, run.c ---- */
sn_model *sn_check_model(lua_State *, int arg);
sn_trainer *sn_check_trainer(lua_State *, int arg);
sn_run *sn_check_run(lua_State *, int arg);
/* Raises after a step that may be computed again: what a Ctrl-C said to the run too is taken back. */
int sn_raise_of_run(lua_State *, sn_run *, const sn_err *);
sn_lua_run *sn_check_run_box(lua_State *, int arg); /* its run is there */
/* The parameter of that number, from 1. */
const sn_param *sn_check_param(lua_State *, const sn_model *, int arg);
/* The slab called "value", "grad", or as a state of the optimizer; NULL = not there. */
const float *sn_find_slab(const sn_trainer *, const char *what);
/* Raises unless samples of that shape fit the model. */
void sn_check_samples(lua_State *, const sn_trainer *, const sn_shape *sample, const char *what);
void sn_prepare_inference(lua_State *, sn_trainer *, int64_t batch_size); /* the plan for that batch */

/* ---- probe.c ---- */
/* Layers by number, from 1: a bool for each layer of the model, kept alive by the stack; nil: NULL, all. */
const bool *sn_check_layers(lua_State *, int arg, const sn_model *);
void sn_push_probe_rows(lua_State *, const sn_measure *); /* a list of { name, layer, param, shape } */
void sn_push_probe_values(lua_State *, const sn_probe_type *, const double *); /* { column = number } */

/* Each adds its functions to the table on top of the stack and makes its metatables. */
void sn_open_values(lua_State *);
void sn_open_objects(lua_State *);
void sn_open_tensors(lua_State *);
void sn_open_files(lua_State *);
void sn_open_plots(lua_State *);
void sn_open_datasets(lua_State *);
void sn_open_loaders(lua_State *);
void sn_open_models(lua_State *);
void sn_open_trainers(lua_State *);
void sn_open_judging(lua_State *);
void sn_open_runs(lua_State *);
void sn_open_expr(lua_State *);
void sn_open_pictures(lua_State *);
void sn_open_looks(lua_State *);
void sn_open_watches(lua_State *);
void sn_open_looks_any(lua_State *);
void sn_open_probes(lua_State *);
void sn_open_measures(lua_State *);
void sn_open_valleys(lua_State *);
void sn_open_profiles(lua_State *);
void sn_open_explaining(lua_State *);

#endif
