/* Described objects: everything a user can construct is a const descriptor (name, one-line doc, example, typed
 * fields) and, once constructed, an sn_obj: an immutable, reference-counted configuration of that descriptor.
 *
 * Lua constructors, argument checks and their messages, help, completion, printing, saving, loading, gradient
 * checks and fuzz targets are loops over these tables. */
#ifndef SN_BASE_DESC_H
#define SN_BASE_DESC_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SN_MAXDIM = 8 };

typedef struct sn_desc sn_desc;
typedef struct sn_kind sn_kind;
typedef struct sn_obj sn_obj;

/* What the member of the configuration struct at field->off is. An all-zero member means "absent". */
typedef enum {
    SN_T_INT,     /* int64_t; with choices, word k stands for -k ("epoch" for 0) */
    SN_T_FLOAT,   /* double */
    SN_T_BOOL,    /* bool */
    SN_T_ENUM,    /* int: index into field->choices */
    SN_T_STRING,  /* char *, owned; NULL = absent */
    SN_T_PAIR,    /* int64_t[2]: one number for both, or a list of two */
    SN_T_DIMS,    /* sn_dims: a list of up to SN_MAXDIM numbers */
    SN_T_FLOATS,  /* sn_floats: a list of numbers, owned */
    SN_T_STRINGS, /* sn_strings: a list of texts, owned */
    SN_T_OBJECT,  /* sn_obj *, owned reference of field->kind; a string stands for the object of that name */
    SN_T_RATE,    /* sn_rate: a number, a schedule, or an outside function */
    SN_T_HANDLE /* void *, owned reference to a runtime thing (a tensor) through field->handle; never printed */
} sn_ftype;

typedef struct {
    int n;
    int64_t d[SN_MAXDIM];
} sn_dims;
typedef struct {
    size_t n;
    double *v;
} sn_floats;
typedef struct {
    size_t n;
    char **v;
} sn_strings;
typedef struct {
    double value;     /* the rate when schedule is NULL and !external; else the last one used */
    sn_obj *schedule; /* owned, of the kind in field->kind */
    bool external;    /* set from outside between steps: a Lua function */
} sn_rate;

/* How to hold a runtime thing inside a configuration. */
typedef struct {
    const char *name; /* "tensor" */
    void (*retain)(void *);
    void (*release)(void *);
} sn_handle_type;

enum { SN_REQUIRED = 1 };

/* One row of a field table. Numbers outside min..max are refused; min = max = 0 means no limits. */
typedef struct {
    const char *name;
    sn_ftype type;
    size_t off;
    int pos; /* 1-based position when given without a name; 0 = by name only */
    int flags;
    double def, min, max; /* default of INT, FLOAT, BOOL, PAIR (both), RATE */
    const char
        *sdef; /* default of STRING, ENUM, OBJECT ("glorot_uniform") as text; NULL = absent (ENUM: first) */
    const char *const *choices;   /* ENUM, INT: NULL-terminated */
    const sn_kind *kind;          /* OBJECT, RATE */
    const sn_handle_type *handle; /* HANDLE */
    const char *doc;
} sn_field;

/* Field tables end with a row whose name is NULL. These macros verify the member's type at compile time. */
#define SN_TYPED(S, m, T) (offsetof(S, m) + 0 * sizeof(char[_Generic(((S *)0)->m, T : 1, default : -1)]))
#define SN_INT(S, m, ...)                                                                                      \
    { .name = #m, .type = SN_T_INT, .off = SN_TYPED(S, m, int64_t), __VA_ARGS__ }
#define SN_FLOAT(S, m, ...)                                                                                    \
    { .name = #m, .type = SN_T_FLOAT, .off = SN_TYPED(S, m, double), __VA_ARGS__ }
#define SN_BOOL(S, m, ...)                                                                                     \
    { .name = #m, .type = SN_T_BOOL, .off = SN_TYPED(S, m, bool), __VA_ARGS__ }
#define SN_ENUM(S, m, ...)                                                                                     \
    { .name = #m, .type = SN_T_ENUM, .off = SN_TYPED(S, m, int), __VA_ARGS__ }
#define SN_STRING(S, m, ...)                                                                                   \
    { .name = #m, .type = SN_T_STRING, .off = SN_TYPED(S, m, char *), __VA_ARGS__ }
#define SN_PAIR(S, m, ...)                                                                                     \
    { .name = #m, .type = SN_T_PAIR, .off = SN_TYPED(S, m[0], int64_t), __VA_ARGS__ }
#define SN_DIMS(S, m, ...)                                                                                     \
    { .name = #m, .type = SN_T_DIMS, .off = SN_TYPED(S, m, sn_dims), __VA_ARGS__ }
#define SN_FLOATS(S, m, ...)                                                                                   \
    { .name = #m, .type = SN_T_FLOATS, .off = SN_TYPED(S, m, sn_floats), __VA_ARGS__ }
#define SN_STRINGS(S, m, ...)                                                                                  \
    { .name = #m, .type = SN_T_STRINGS, .off = SN_TYPED(S, m, sn_strings), __VA_ARGS__ }
#define SN_OBJECT(S, m, ...)                                                                                   \
    { .name = #m, .type = SN_T_OBJECT, .off = SN_TYPED(S, m, sn_obj *), __VA_ARGS__ }
#define SN_RATE(S, m, ...)                                                                                     \
    { .name = #m, .type = SN_T_RATE, .off = SN_TYPED(S, m, sn_rate), __VA_ARGS__ }
#define SN_HANDLE(S, m, ...)                                                                                   \
    { .name = #m, .type = SN_T_HANDLE, .off = SN_TYPED(S, m, void *), __VA_ARGS__ }
#define SN_FIELDS_END                                                                                          \
    { .name = NULL }

struct sn_desc {
    const char *name;  /* what a user types */
    const char *alias; /* another name of the field for the same thing, accepted when looking up; NULL = none */
    const char *brief; /* one line */
    const char *example;    /* Lua that runs by itself */
    const sn_field *fields; /* its own; the kind's common fields come after them */
    size_t cfg_size;
    sn_status (*check)(const void *cfg, sn_err *); /* what ranges cannot say; NULL = nothing */
    /* What is made of the fields once they are all set, in members of the configuration that are no fields; and
     * its end. NULL = nothing. */
    sn_status (*derive)(void *cfg, sn_err *);
    void (*drop)(void *cfg);
};

/* A family of descriptors: layers, losses, ... Every cfg struct of a kind begins with the kind's common struct.
 */
struct sn_kind {
    const char *name;           /* "layer" */
    const sn_desc *const *list; /* NULL-terminated */
    const sn_field *common;     /* fields that all of the kind have; NULL = none */
};

/* By name or alias; NULL = none. */
const sn_desc *sn_kind_find(const sn_kind *, const char *name);
/* The nearest name of the kind to a misspelt one; NULL when none is near. */
const char *sn_kind_suggest(const sn_kind *, const char *name);
/* Own fields first, then the kind's common ones: i = 0, 1, ... until NULL. */
const sn_field *sn_field_at(const sn_kind *, const sn_desc *, int i);
const sn_field *sn_field_find(const sn_kind *, const sn_desc *, const char *name);
/* The nearest of a NULL-terminated list of words, NULL when none is near (edit distance, prefixes count as
 * near). */
const char *sn_suggest(const char *word, const char *const *list);

/* ---- values on their way into a field, from Lua or from saved text ---- */
typedef enum {
    SN_V_BOOL,
    SN_V_INT,
    SN_V_NUM,
    SN_V_STR,
    SN_V_LIST,
    SN_V_OBJ,
    SN_V_HANDLE,
    SN_V_EXTERNAL
} sn_vkind;
typedef struct sn_value sn_value;
struct sn_value {
    sn_vkind kind;
    bool b;
    int64_t i;
    double num;           /* also set for SN_V_INT */
    const char *str;      /* borrowed */
    const sn_value *list; /* borrowed, n of them */
    size_t n;
    sn_obj *obj; /* borrowed; a field that keeps it takes its own reference */
    const sn_handle_type *handle;
    void *ptr;
    const char *type_name; /* what to call it in an error: "a function"; NULL = derived from kind */
};

/* ---- objects ---- */
struct sn_obj {
    int refs; /* touched with atomic builtins */
    const sn_kind *kind;
    const sn_desc *desc;
    void *cfg; /* desc->cfg_size bytes */
};

/* A new object with every default set; NULL with *e on failure. Set fields, then sn_obj_finish. */
sn_obj *sn_obj_new(const sn_kind *, const sn_desc *, sn_err *);
/* The object of that name with all defaults, finished: "glorot_uniform". Unknown names: error with a
 * suggestion. */
sn_obj *sn_obj_named(const sn_kind *, const char *name, sn_err *);
sn_status sn_obj_set(sn_obj *, const char *field, const sn_value *, sn_err *);
sn_status sn_obj_set_at(sn_obj *, int pos, const sn_value *, sn_err *); /* pos from 1 */
/* Checks required fields and desc->check; after this the object does not change any more. given: bit i set when
 * field sn_field_at(i) was set by the sn_obj_set calls (kept inside the object). */
sn_status sn_obj_finish(sn_obj *, sn_err *);
sn_obj *sn_obj_retain(sn_obj *);
void sn_obj_release(sn_obj *); /* NULL is fine */
/* A finished copy of o with one field changed. */
sn_obj *sn_obj_with(const sn_obj *o, const char *field, const sn_value *, sn_err *);
bool sn_obj_equal(const sn_obj *a, const sn_obj *b);
/* A field's value for inspection; lists and strings are borrowed from the object. false = absent. */
bool sn_obj_get(const sn_obj *, const sn_field *, sn_value *out);

/* ---- text: `conv2d{filters=32, kernel_size={5, 5}, kernel_regularizer=l2{factor=0.0001}}` ----
 * What is printed reads back to an equal object, and is Lua. Defaults are left out. */
void sn_obj_print(const sn_obj *, sn_buf *);
void sn_field_print_default(const sn_field *, sn_buf *); /* for help and the reference */
/* Reads one object of that kind from *text and moves *text behind it. Data only: nothing is executed. */
sn_obj *sn_obj_parse(const sn_kind *, const char **text, sn_err *);

#endif
