/* Callbacks: described objects that act between steps. One C file in train/callbacks/ and one line in
 * callbacks.def. Their state is plain numbers and one text, so that a run's state can be saved and resumed. */
#ifndef SN_TRAIN_CALLBACK_H
#define SN_TRAIN_CALLBACK_H

#include "base/desc.h"

struct sn_run;
struct sn_trainer;

/* What a callback sees and may ask for. Epochs are 1-based here; Keras's 0-based ones are made where its files
 * show them. */
typedef struct {
    struct sn_run *run;
    struct sn_trainer *trainer;
    int64_t epoch;       /* the one just finished (epoch_end) or about to begin (epoch_begin) */
    int64_t epochs;      /* planned */
    int64_t step, batch; /* optimizer steps in all; batch in the epoch from 1 */
    double batch_loss;
    const char *const *name; /* logs of the epoch: n names and values */
    const double *value;
    int n;
    bool stop;         /* set to end the run after this point */
    char message[200]; /* shown to the person when not empty */
} sn_callback_ctx;

enum { SN_CALLBACK_NUMS = 8 };
typedef struct {
    double num[SN_CALLBACK_NUMS]; /* saved with the run */
    char *text;                   /* saved with the run; owned */
    float *weights;               /* saved with the run; owned; the model's slab layout or NULL */
    bool begun;
    void *live; /* not saved: an open file */
} sn_callback_state;

typedef struct sn_callback_type {
    sn_desc desc;
    sn_status (*begin)(const void *cfg, sn_callback_state *, sn_callback_ctx *, bool resumed, sn_err *);
    sn_status (*epoch_begin)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*step)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*epoch_end)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*end)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    void (*free)(sn_callback_state *);
} sn_callback_type;
extern const sn_kind sn_kind_callback;

/* The logged value called name: false when there is none (callbacks then warn and do nothing, as Keras). */
bool sn_callback_log(const sn_callback_ctx *, const char *name, double *out);
/* +1 or -1 for "auto" | "min" | "max" on that monitor (mode: 0, 1, 2); 0 = unknown direction. */
int sn_callback_direction(const sn_callback_ctx *, const char *monitor, int mode);

#endif
