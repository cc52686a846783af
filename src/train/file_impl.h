/* Parts of saved files that model files and run files share. */
#ifndef SN_TRAIN_FILE_IMPL_H
#define SN_TRAIN_FILE_IMPL_H

#include "base/archive.h"
#include "base/buf.h"
#include "train/trainer.h"

enum { SN_SAVED_TEXTS = 4, SN_SAVED_TEXT_MAX = 1 << 28 };

/* A file on its way out, with the texts that must live until it is written. */
typedef struct {
    sn_archive_writer *w;
    sn_buf text[SN_SAVED_TEXTS];
    int ntext;
} sn_saving;

sn_status sn_saving_begin(sn_saving *, const char *path, sn_err *);
/* Commits when s is SN_OK, else aborts; frees the texts. */
sn_status sn_saving_end(sn_saving *, sn_status s, sn_err *);
/* A new text of it, to be written and then added as a member. */
sn_buf *sn_saving_text(sn_saving *);
sn_status sn_saving_add_text(sn_saving *, const char *member, const sn_buf *, sn_err *);
/* A slab of the model's layout as members PREFIX/LAYER/PARAM.npy ("" = without a prefix); stats: non-trainable
 * parameters too. */
sn_status sn_saving_slab(sn_saving *, const char *prefix, const sn_model *, const float *slab, bool stats,
                         sn_err *);
sn_status sn_saving_doubles(sn_saving *, const char *member, const double *, const sn_shape *, sn_err *);
/* model.txt, compile.txt, weights, optimizer. */
sn_status sn_saving_model(sn_saving *, const sn_model *, const sn_trainer *, sn_err *);

/* A file being read. */
typedef struct {
    sn_archive *a;
    const char *path;
} sn_loading;

/* A member as text; *text is new, of sn_alloc. */
sn_status sn_loading_text(const sn_loading *, const char *member, char **text, sn_err *);
sn_status sn_loading_size(const sn_loading *, const char *member, size_t *bytes, sn_err *);
sn_status sn_loading_slab(const sn_loading *, const char *prefix, const sn_model *, float *slab, bool stats,
                          sn_err *);
/* Exactly of that shape. */
sn_status sn_loading_doubles(const sn_loading *, const char *member, double *, const sn_shape *, sn_err *);
sn_status sn_loading_model(const sn_loading *, sn_model **, sn_trainer **, sn_err *);

#endif
