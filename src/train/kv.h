/* Lines `key = value` of a saved text. Values: whole numbers, numbers that read back to the same bits, quoted
 * texts, described objects. Reading checks everything, as if a stranger had written it. */
#ifndef SN_TRAIN_KV_H
#define SN_TRAIN_KV_H

#include "base/desc.h"

void sn_kv_put_int(sn_buf *, const char *key, int64_t v);
void sn_kv_put_u64(sn_buf *, const char *key, uint64_t v); /* hexadecimal */
void sn_kv_put_num(sn_buf *, const char *key, double v);
void sn_kv_put_text(sn_buf *, const char *key, const char *v);
void sn_kv_put_obj(sn_buf *, const char *key, const sn_obj *);
void sn_kv_put_word(sn_buf *, const char *key, const char *word);

/* A text to read from; file: its name in messages. */
typedef struct {
    const char *text, *file;
} sn_kv;

bool sn_kv_has(const sn_kv *, const char *key);
sn_status sn_kv_int(const sn_kv *, const char *key, int64_t min, int64_t max, int64_t *out, sn_err *);
sn_status sn_kv_u64(const sn_kv *, const char *key, uint64_t *out, sn_err *);
sn_status sn_kv_num(const sn_kv *, const char *key, double *out, sn_err *);
sn_status sn_kv_bool(const sn_kv *, const char *key, bool *out, sn_err *);
sn_status sn_kv_text(const sn_kv *, const char *key, char **out, sn_err *); /* new, of sn_alloc */
sn_status sn_kv_obj(const sn_kv *, const char *key, const sn_kind *, sn_obj **out, sn_err *);
/* The index of a word in a NULL-terminated list. */
sn_status sn_kv_word(const sn_kv *, const char *key, const char *const *words, int *out, sn_err *);

#endif
