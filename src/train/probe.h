/* Probes: described objects that measure a step of training. One C file in train/probes/ and one line in
 * probes.def. What measures is an sn_measure: one probe on one model, with the memory that it needs. */
#ifndef SN_TRAIN_PROBE_H
#define SN_TRAIN_PROBE_H

#include "num/stats.h"
#include "train/observer.h"

enum { SN_MAXCOLUMN = 16, SN_BINS = 16 };

typedef struct {
    const char *name, *doc;
} sn_probe_column;

/* What there is a row for. */
typedef enum {
    SN_ROWS_PARAMS,    /* each parameter */
    SN_ROWS_TRAINABLE, /* each trainable parameter */
    SN_ROWS_LAYERS,    /* each layer but the input */
    SN_ROWS_PENALIZED  /* each layer whose weights have a regularizer */
} sn_probe_rows;

/* What it must see. */
enum {
    SN_SEES_OUTPUT = 1,
    SN_SEES_OUTPUT_GRAD = 2,
    SN_SEES_GRADS = 4,
    SN_SEES_PREVIOUS = 8, /* the gradients of the step before */
    SN_SEES_BEFORE = 16,  /* the weights before the update, together with those after it */
    SN_SEES_LOSS = 32
};

typedef struct sn_measure sn_measure;

/* Any function may be NULL. They write m->value and their own state, and cannot fail. */
typedef struct sn_probe_type {
    sn_desc desc;
    const sn_probe_column *columns; /* ends with a NULL name */
    sn_probe_rows rows;
    bool whole; /* one more row, "model": of all the others together */
    unsigned sees;
    bool (*penalty)(const void *cfg);             /* does it need sn_measure_penalty_grad? */
    size_t (*state)(const sn_measure *);          /* doubles of its own, zeroed */
    size_t (*units)(const sn_measure *, int row); /* floats of its own for each row, zeroed */
    /* of row's layer; a layer that is called several times comes as often */
    void (*output)(sn_measure *, int row, const float *y, const sn_shape *);
    void (*output_grad)(sn_measure *, int row, const float *dy, const sn_shape *);
    void (*gradients)(sn_measure *, const sn_sight *); /* the weights are those before the update */
    void (*updated)(sn_measure *, const sn_sight *);   /* sight->weights, sight->after */
    void (*commit)(sn_measure *); /* the step is made (or the batch over): what accumulates over steps */
    void (*reset)(sn_measure *);  /* an epoch begins: what accumulates begins anew */
} sn_probe_type;
extern const sn_kind sn_kind_probe;
const sn_probe_type *sn_probe_type_of(const sn_obj *);
int sn_probe_columns(const sn_probe_type *);

/* ---- measuring ---- */

typedef struct {
    const char *name; /* "conv2d/kernel", "conv2d", "model"; borrowed from the model */
    int layer, param; /* indices into the model's; -1 = none */
} sn_probe_row;

struct sn_measure {
    sn_obj *probe;
    const sn_probe_type *type;
    const sn_model *model; /* borrowed */
    sn_pool *pool;
    int nrow, ncol;
    sn_probe_row *row;
    double *value; /* (nrow, ncol): of the present step; NaN = not measured */
    /* Numbers that were taken into a row since sn_measure_begin. */
    sn_moments *acc; /* (nrow) */
    int *taken;      /* (nrow): in how many pieces */
    /* Histograms of them in SN_BINS bins from acc's min to its max. Of a row that comes in several pieces it
     * takes a second pass over the same numbers (sn_measure_again). */
    int64_t *counts; /* (nrow, SN_BINS); NULL = not wanted */
    bool again;
    int64_t n;    /* samples since sn_measure_begin */
    int64_t over; /* samples over which dead units and the like accumulated */
    double *state;
    float **units;    /* (nrow) */
    float *scratch;   /* sn_unit_scratch of the largest */
    sn_pool **serial; /* (nserial = threads of the pool): each a pool of one, which nothing interrupts */
    float **chunk;    /* (nserial): SN_CHUNK numbers each */
    float *penalty;   /* as many as the largest parameter has that needs it; NULL = none does */
    int nserial;
    int *row_of;      /* (nlayer): rows of layers; -1 = none */
    uint64_t changes; /* of the model, when it was made */
};

/* layers (model->nlayer): which; NULL = all. histogram: counts too. */
sn_status sn_measure_new(sn_measure **, sn_obj *probe, const sn_model *, const bool *layers, bool histogram,
                         sn_pool *, sn_err *);
void sn_measure_free(sn_measure *); /* NULL is fine */
/* Does it still fit the model that it was made for? */
bool sn_measure_fits(const sn_measure *, const sn_model *);

/* In this order: begin; outputs and their gradients; gradients; updated; commit. */
void sn_measure_begin(sn_measure *);
void sn_measure_output(sn_measure *, int node, const float *y, const sn_shape *);
void sn_measure_output_grad(sn_measure *, int node, const float *dy, const sn_shape *);
void sn_measure_gradients(sn_measure *, const sn_sight *);
void sn_measure_updated(sn_measure *, const sn_sight *);
void sn_measure_commit(sn_measure *);
void sn_measure_reset(sn_measure *);
/* Begins a second pass that counts for histograms only. */
void sn_measure_again(sn_measure *);
bool sn_measure_wants_again(const sn_measure *);

/* ---- for the probes ---- */

/* The columns that tables of numbers begin with; the order of sn_measure_stats. */
#define SN_STAT_COLUMNS                                                                                        \
    { "norm", "sqrt of the sum of squares" }, { "mean", "their mean" },                                        \
        { "std", "standard deviation, of the population" }, { "min", "the least" }, { "max", "the largest" },  \
        { "zero", "share that is exactly 0, from 0 to 1" }, { "nan", "how many are NaN" }, {                   \
        "inf", "how many are infinite"                                                                         \
    }
enum { SN_STAT_COUNT = 8 };

/* Takes n numbers of x, or of x - y where y is not NULL, into the row. */
void sn_measure_take(sn_measure *, int row, const float *x, const float *y, size_t n);
void sn_measure_take_zeros(sn_measure *, int row, size_t n); /* n times 0 */
/* What was taken as the first SN_STAT_COUNT columns of the row. */
void sn_measure_stats(sn_measure *, int row);
static inline double *sn_measure_row(const sn_measure *m, int row) {
    return m->value + (size_t)row * (size_t)m->ncol;
}
/* The row's parameter has a penalty that takes part in training. */
bool sn_measure_penalized(const sn_measure *, int row);
/* Moments of the penalty's gradient at the weights w, and (data, or NULL) of g without it; slabs. */
void sn_measure_penalty(sn_measure *, int row, const float *g, const float *w, sn_moments *penalty,
                        sn_moments *data);
/* That gradient as numbers, in m->penalty: for probes whose sn_probe_type.penalty asked for it. */
const float *sn_measure_penalty_grad(sn_measure *, int row, const float *w);
bool sn_probe_wants_penalty(const sn_measure *); /* did it? */

#endif
