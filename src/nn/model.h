/* A model: layers (with parameters) and the graph of their calls. The parameters live in one slab. */
#ifndef SN_NN_MODEL_H
#define SN_NN_MODEL_H

#include "nn/layer.h"
#include "nn/objects.h"

typedef struct {
    char *name;           /* "conv2d_1/kernel" is layer name + "/" + spec name */
    int layer;            /* index into model->layers */
    sn_param_spec spec;   /* initializer and regularizer borrowed from the layer's object */
    size_t offset, count; /* in elements, within the slab; offsets are multiples of 16 */
    bool trainable;       /* spec.trainable and the layer's trainable */
} sn_param;

typedef struct {
    char *name;
    sn_obj *obj;   /* owned */
    sn_obj *other; /* owned; obj with the other value of trainable, once it was asked for. Parameters borrow
                    * from whichever of the two made them. */
    const sn_layer_type *type;
    sn_obj *activation;      /* owned; the `activation` layer that runs behind it, NULL = none */
    int first_param, nparam; /* first_param = -1 until the first call */
    int node; /* the last node of its first call: where its output is read; -1 = not called yet */
} sn_layer;

typedef struct {
    int layer;          /* index into layers; the owner */
    const sn_obj *obj;  /* what it computes: the layer's object, or the activation behind it; borrowed */
    bool is_activation; /* the activation that a layer carries runs as a node of its own behind it */
    bool ends_call;     /* its output is the layer's output */
    int nin;
    int *in;      /* node indices, all smaller than this node's */
    sn_shape out; /* one sample's shape */
    double macs;  /* forward multiply-adds of one sample */
} sn_node;

typedef struct sn_model {
    char *name;
    sn_layer *layers;
    int nlayer, cap_layer;
    sn_node *nodes;
    int nnode, cap_node;
    int ninput; /* inputs of all nodes together */
    sn_param *params;
    int nparam, cap_param;
    int input, output; /* node indices; models have one input and one output */
    float *slab;       /* all parameters */
    size_t slab_count;
    uint64_t seed;    /* of its initial weights */
    uint64_t version; /* counts changes after which plans must be built anew */
    uint64_t edits;   /* counts weights that were set by hand */
    uint64_t changes; /* counts changes of the graph (nn/surgery.h): after one, numbers of layers, nodes and
                       * parameters mean others */
    struct sn_follower *followers; /* nn/surgery.h */
} sn_model;

/* Building: new, add_layer and call in any order that makes sense, then finish (which allocates and
 * initializes). The object of a layer is retained. Names must be unique; a missing one is made (conv2d,
 * conv2d_1, ...). */
sn_status sn_model_new(sn_model **, const char *name, sn_err *);
sn_status sn_model_add_layer(sn_model *, sn_obj *layer, int *index, sn_err *);
/* One call of a layer on earlier calls' outputs; *node = its result. Calling a layer twice shares its
 * parameters. */
sn_status sn_model_call(sn_model *, int layer, const int *in, int nin, int *node, sn_err *);
sn_status sn_model_finish(sn_model *, int input_node, int output_node, uint64_t seed, sn_err *);
/* finish without initial weights: they are zero. For those who fill them at once. */
sn_status sn_model_allocate(sn_model *, int input_node, int output_node, uint64_t seed, sn_err *);
void sn_model_free(sn_model *);
/* Freezes a layer or lets it learn again; weights and what optimizers keep of them stay. */
sn_status sn_model_set_trainable(sn_model *, int layer, bool trainable, sn_err *);
/* Weights of every parameter from its initializer and model->seed. */
sn_status sn_model_init_weights(sn_model *, sn_err *);
sn_status sn_model_init_param(sn_model *, int param, uint64_t seed, sn_err *); /* of one */
/* The first free one of base, base_1, ... into out: what a layer without a name gets. */
sn_status sn_model_free_name(const sn_model *, const char *base, char *out, size_t n, sn_err *);
/* Is it a name that was made from base: base, base_1, ...? */
bool sn_model_made_name(const char *name, const char *base);
/* An independent copy, weights included. */
sn_status sn_model_clone(sn_model **, const sn_model *, sn_err *);

const sn_shape *sn_model_input_shape(const sn_model *); /* one sample's */
const sn_shape *sn_model_output_shape(const sn_model *);
int64_t sn_model_count(const sn_model *, int64_t *trainable, int64_t *fixed); /* parameters */
int sn_model_find_layer(const sn_model *, const char *name);                  /* -1 = none */
/* The parameter's values as a tensor onto the slab (borrowed: no store). */
sn_tensor sn_param_tensor(const sn_model *, int param, float *slab);

/* The penalties of kernel and bias regularizers: total, and per layer into by_layer[nlayer] when not NULL.
 * Can fail only with SN_ENOMEM, where one is a recorded function. */
sn_status sn_model_penalty(const sn_model *, const float *slab, double *by_layer, sn_pool *, double *total,
                           sn_err *);

/* Adds the gradient of the parameter's penalty at weights w (count values) to g; nothing where it has none or
 * does not learn. Fails as sn_model_penalty does. */
sn_status sn_param_add_penalty_grad(const sn_model *, int param, float *g, const float *w, sn_pool *, sn_err *);
/* Is its penalty's gradient one that goes element by element? Then part adds that of n elements alone; it may
 * be called in a cell of the pool. */
bool sn_param_penalty_is_local(const sn_param *);
void sn_param_add_penalty_part(const sn_param *, float *g, const float *w, size_t n);

/* Text form (layers, calls, outputs), data only; reads back to the same graph. Weights are stored beside it. */
void sn_model_print(const sn_model *, sn_buf *);
/* The weights are zero: the caller fills them, or calls sn_model_init_weights. */
sn_status sn_model_parse(sn_model **, const char *text, sn_err *);

#endif
