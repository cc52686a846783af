/* What losses, regularizers, activations, metrics and layers that are recorded functions share. */
#ifndef SN_NN_TRACED_H
#define SN_NN_TRACED_H

#include "base/desc.h"
#include "nn/expr_cache.h"

typedef struct {
    char *program;        /* as text: nn/expr.h */
    sn_expr_cache *cache; /* no field: made of the program */
} sn_traced_cfg;

#define SN_TRACED_FIELD(S)                                                                                     \
    SN_STRING(S, program, .pos = 1, .flags = SN_REQUIRED,                                                      \
              .doc = "a Lua function; it is kept as the text of the operations that it was recorded as")

extern const sn_field sn_traced_fields[];
/* For sn_desc.derive: a function of y and p, each (samples, outputs), that gives a number for each sample or
 * one for all. What is left of axes behind the samples is averaged. */
sn_status sn_traced_derive_loss(void *cfg, sn_err *);
sn_status sn_traced_derive_one(void *cfg, sn_err *); /* a function of one array */
void sn_traced_drop(void *cfg);
/* Where its function was written (sn_expr_set_places), of an object that nobody else has yet. */
sn_status sn_traced_set_places(sn_obj *, const char *places, sn_err *);
/* What the program gives for inputs of these shapes, or the error that it has with them. */
sn_status sn_traced_result(const sn_traced_cfg *, const sn_expr_opts *, sn_shape *out, bool *by_rows, sn_err *);

/* May a function of y and p serve as that loss or metric (who) for outputs and targets of one sample of such
 * shapes?
 */
sn_status sn_traced_check_rows(const sn_traced_cfg *, const char *who, const sn_shape *out,
                               const sn_shape *target, sn_err *);
/* Where such a function uses targets as they come as class numbers (one_hot, gather): of how many classes; else
 * 0.
 */
sn_status sn_traced_classes(const sn_traced_cfg *, const sn_shape *out, const sn_shape *target, int64_t *n,
                            sn_err *);

#endif
