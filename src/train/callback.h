/* Callbacks: described objects that act between steps. One C file in train/callbacks/ and one line in
 * callbacks.def. Their state is plain numbers and one text, so that a run's state can be saved and resumed. */
#ifndef SN_TRAIN_CALLBACK_H
#define SN_TRAIN_CALLBACK_H

#include "base/desc.h"

struct sn_run;
struct sn_trainer;

enum { SN_MAXLOG = 200, SN_CALLBACK_NUMS = 8 };

/* What a callback sees and may ask for. Epochs are 1-based here; Keras's 0-based ones are made where its files
 * show them. */
typedef struct {
    struct sn_run *run; /* NULL in tests */
    struct sn_trainer *trainer;
    int64_t epoch;       /* the one just finished (epoch_end) or about to begin (epoch_begin) */
    int64_t epochs;      /* planned */
    int64_t step, batch; /* optimizer steps in all; batch in the epoch from 1 */
    double batch_loss;
    /* The logs: of the epoch at its end, running ones after a step, NaN for all names that will come at begin.
     */
    const char *name[SN_MAXLOG];
    double value[SN_MAXLOG];
    int n;
    bool stop;       /* set to end the run after this point */
    sn_buf *message; /* lines for the person; NULL = nobody listens */
} sn_callback_ctx;

typedef struct {
    double num[SN_CALLBACK_NUMS]; /* saved with the run */
    char *text;                   /* saved with the run; owned */
    float *weights;               /* saved with the run; owned; the model's slab layout or NULL */
} sn_callback_state;

/* Any function may be NULL. epoch_end must not need memory: what it needs is taken in begin. */
typedef struct sn_callback_type {
    sn_desc desc;
    /* resumed: the state was read back from a file and must be kept. */
    sn_status (*begin)(const void *cfg, sn_callback_state *, sn_callback_ctx *, bool resumed, sn_err *);
    sn_status (*epoch_begin)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*step)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*epoch_end)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    sn_status (*end)(const void *cfg, sn_callback_state *, sn_callback_ctx *, sn_err *);
    /* The network, or its loss, was changed: values from before are of another one. */
    void (*changed)(const void *cfg, sn_callback_state *);
    bool logs_rate; /* adds learning_rate to the logs of an epoch */
} sn_callback_type;
extern const sn_kind sn_kind_callback;
const sn_callback_type *sn_callback_type_of(const sn_obj *);

/* For the callbacks. The logged value called name: false when there is none (they then warn and do nothing, as
 * Keras). */
bool sn_callback_log(const sn_callback_ctx *, const char *name, double *out);
/* Adds a value to the logs of the epoch, for the callbacks behind this one and for history. name: a constant.
 */
void sn_callback_add_log(sn_callback_ctx *, const char *name, double v);
/* "loss,accuracy,val_loss" into buf, for warnings. Returns buf. */
char *sn_callback_log_names(const sn_callback_ctx *, char *buf, size_t n);
/* One line for the person. */
void sn_callback_say(sn_callback_ctx *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum { SN_MODE_AUTO, SN_MODE_MIN, SN_MODE_MAX };
extern const char *const sn_callback_modes[]; /* "auto", "min", "max" */
/* +1 (larger is better) or -1 on that monitor; auto: from the metric's own direction; 0 = unknown. */
int sn_callback_direction(const sn_callback_ctx *, const char *monitor, int mode);
/* A callback that sets the rate needs a plain one: an error when the optimizer has a schedule or a function. */
sn_status sn_callback_want_plain_rate(const sn_callback_ctx *, const char *who, sn_err *);

#endif
