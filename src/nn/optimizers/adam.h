/* Adam's rule, which adam and adamw share; they differ in the default of weight_decay. */
#ifndef SN_NN_OPTIMIZERS_ADAM_H
#define SN_NN_OPTIMIZERS_ADAM_H

#include "nn/optimizers/optimizer.h"

typedef struct {
    sn_optimizer_common common;
    double beta_1, beta_2, epsilon;
    bool amsgrad;
} sn_adam_cfg;

#define SN_ADAM_FIELDS(decay)                                                                                  \
    SN_OPTIMIZER_FIELDS(0.001, decay),                                                                         \
        SN_FLOAT(sn_adam_cfg, beta_1, .def = 0.9, .min = 0, .max = 1, .doc = "memory of the gradient's mean"), \
        SN_FLOAT(sn_adam_cfg, beta_2, .def = 0.999, .min = 0, .max = 1,                                        \
                 .doc = "memory of the gradient's square"),                                                    \
        SN_FLOAT(sn_adam_cfg, epsilon, .def = 1e-7, .min = 1e-30, .max = 1e9,                                  \
                 .doc = "added to the root of the mean square"),                                               \
        SN_BOOL(sn_adam_cfg, amsgrad, .doc = "divide by the largest mean square so far"), SN_FIELDS_END

sn_status sn_adam_check(const char *name, const sn_adam_cfg *, sn_err *);
int sn_adam_states(const void *cfg); /* m, v and, with amsgrad, vhat */
void sn_adam_update(const void *cfg, float *p, const float *g, float *const *state, size_t n, double lr,
                    int64_t t);
void sn_adam_scale(const void *cfg, float *scale, float *const *state, size_t n, int64_t t);
double sn_adam_stable(const void *cfg);

#endif
