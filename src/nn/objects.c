/* The registries: each .def list read into extern declarations and NULL-terminated tables. Names are unique
 * within a kind (tests/unit/nn_objects.c). */
#include "nn/objects.h"

#include <stddef.h>

/* ---- declarations of what the files define ---- */
#define SN_TWINS(type, name) extern const type name##_f32, name##_f64;
#define SN_ACTIVATION(n)     SN_TWINS(sn_activation_type, sn_activation_##n)
#define SN_REGULARIZER(n)    SN_TWINS(sn_regularizer_type, sn_regularizer_##n)
#define SN_LOSS(n)           SN_TWINS(sn_loss_type, sn_loss_##n)
#define SN_INITIALIZER(n)    extern const sn_initializer_type sn_initializer_##n;
#define SN_OPTIMIZER(n)      extern const sn_optimizer_type sn_optimizer_##n;
#define SN_SCHEDULE(n)       extern const sn_schedule_type sn_schedule_##n;
#define SN_METRIC(n)         extern const sn_metric_type sn_metric_##n;
#include "nn/activations.def"
#include "nn/initializers.def"
#include "nn/losses.def"
#include "nn/metrics.def"
#include "nn/optimizers.def"
#include "nn/regularizers.def"
#include "nn/schedules.def"
#undef SN_ACTIVATION
#undef SN_REGULARIZER
#undef SN_LOSS
#undef SN_INITIALIZER
#undef SN_OPTIMIZER
#undef SN_SCHEDULE
#undef SN_METRIC

/* ---- tables: entry i of the float and of the double table is the same object ---- */
static const sn_desc *const activations[] = {
#define SN_ACTIVATION(n) &sn_activation_##n##_f32.desc,
#include "nn/activations.def"
#undef SN_ACTIVATION
    NULL
};
static const sn_desc *const activations_f64[] = {
#define SN_ACTIVATION(n) &sn_activation_##n##_f64.desc,
#include "nn/activations.def"
#undef SN_ACTIVATION
    NULL
};
static const sn_desc *const regularizers[] = {
#define SN_REGULARIZER(n) &sn_regularizer_##n##_f32.desc,
#include "nn/regularizers.def"
#undef SN_REGULARIZER
    NULL
};
static const sn_desc *const regularizers_f64[] = {
#define SN_REGULARIZER(n) &sn_regularizer_##n##_f64.desc,
#include "nn/regularizers.def"
#undef SN_REGULARIZER
    NULL
};
static const sn_desc *const losses[] = {
#define SN_LOSS(n) &sn_loss_##n##_f32.desc,
#include "nn/losses.def"
#undef SN_LOSS
    NULL
};
static const sn_desc *const losses_f64[] = {
#define SN_LOSS(n) &sn_loss_##n##_f64.desc,
#include "nn/losses.def"
#undef SN_LOSS
    NULL
};
static const sn_desc *const initializers[] = {
#define SN_INITIALIZER(n) &sn_initializer_##n.desc,
#include "nn/initializers.def"
#undef SN_INITIALIZER
    NULL
};
static const sn_desc *const optimizers[] = {
#define SN_OPTIMIZER(n) &sn_optimizer_##n.desc,
#include "nn/optimizers.def"
#undef SN_OPTIMIZER
    NULL
};
static const sn_desc *const schedules[] = {
#define SN_SCHEDULE(n) &sn_schedule_##n.desc,
#include "nn/schedules.def"
#undef SN_SCHEDULE
    NULL
};
static const sn_desc *const metrics[] = {
#define SN_METRIC(n) &sn_metric_##n.desc,
#include "nn/metrics.def"
#undef SN_METRIC
    NULL
};

/* ---- kinds ---- */

/* learning_rate and weight_decay have defaults of their own in each optimizer: see optimizers/optimizer.h. */
static const sn_field optimizer_common[] = {
    SN_FLOAT(sn_optimizer_common, clipnorm, .min = 0, .max = 1e30,
             .doc = "each weight tensor's gradient is scaled to at most this norm; 0 = off"),
    SN_FLOAT(sn_optimizer_common, clipvalue, .min = 0, .max = 1e30,
             .doc = "each gradient element is cut to at most this size; 0 = off"),
    SN_FLOAT(sn_optimizer_common, global_clipnorm, .min = 0, .max = 1e30,
             .doc = "all gradients together are scaled to at most this norm; 0 = off"),
    SN_FIELDS_END
};

const sn_kind sn_kind_activation = { "activation", activations, NULL };
const sn_kind sn_kind_initializer = { "initializer", initializers, NULL };
const sn_kind sn_kind_regularizer = { "regularizer", regularizers, NULL };
const sn_kind sn_kind_loss = { "loss", losses, NULL };
const sn_kind sn_kind_optimizer = { "optimizer", optimizers, optimizer_common };
const sn_kind sn_kind_schedule = { "schedule", schedules, NULL };
const sn_kind sn_kind_metric = { "metric", metrics, NULL };

/* ---- twins ---- */

/* d may be of either table. */
static const void *twin(const sn_desc *d, sn_dtype dtype, const sn_desc *const *f32,
                        const sn_desc *const *f64) {
    for (size_t i = 0; f32[i]; i++)
        if (f32[i] == d || f64[i] == d) return dtype == SN_F64 ? f64[i] : f32[i];
    SN_BUG("a descriptor that is in no table of its kind");
}

const sn_activation_type *sn_activation_in(const sn_desc *d, sn_dtype dtype) {
    return twin(d, dtype, activations, activations_f64);
}
const sn_regularizer_type *sn_regularizer_in(const sn_desc *d, sn_dtype dtype) {
    return twin(d, dtype, regularizers, regularizers_f64);
}
sn_status sn_regularizer_prepare(const sn_obj *o, sn_dtype dtype, size_t n, bool grad, sn_pool *pool,
                                 sn_err *e) {
    const sn_regularizer_type *t = sn_regularizer_in(o->desc, dtype);
    return t->prepare ? t->prepare(o->cfg, n, grad, pool, e) : SN_OK;
}
const sn_loss_type *sn_loss_in(const sn_desc *d, sn_dtype dtype) { return twin(d, dtype, losses, losses_f64); }

double sn_optimizer_state_init(const sn_obj *o, int i) {
    const sn_optimizer_type *t = (const sn_optimizer_type *)(const void *)o->desc;
    return t->init ? t->init(o->cfg, i) : t->state_init[i];
}
