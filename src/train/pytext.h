/* Numbers as Python prints and formats them, for the texts and files that Keras users know. */
#ifndef SN_TRAIN_PYTEXT_H
#define SN_TRAIN_PYTEXT_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

/* repr(v): "0.0001", "1e-05", "1.0", "nan". */
void sn_py_repr(sn_buf *, double v);

/* What a name in a format stands for. */
typedef struct {
    bool integer;
    int64_t i;
    double v;
} sn_py_value;
/* false: there is no such name. */
typedef bool (*sn_py_lookup)(const void *ctx, const char *name, sn_py_value *out);

/* str.format for "{epoch:02d}-{val_loss:.4f}": fields of numbers with [0][width][.precision] and type d, f, e
 * or g;
 * {{ and }} are braces. lookup NULL: only the grammar is checked and nothing is written. who: for messages. */
sn_status sn_py_format(sn_buf *out, const char *pattern, sn_py_lookup lookup, const void *ctx, const char *who,
                       sn_err *e);

#endif
