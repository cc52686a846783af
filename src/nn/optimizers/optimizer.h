/* What the optimizers share: the options whose defaults differ between them, and how their loops are compiled.
 */
#ifndef SN_NN_OPTIMIZERS_OPTIMIZER_H
#define SN_NN_OPTIMIZERS_OPTIMIZER_H

#include "nn/objects.h"

/* Every optimizer's configuration begins with sn_optimizer_common; its field table with these two. */
#define SN_OPTIMIZER_FIELDS(rate, decay)                                                                       \
    SN_RATE(sn_optimizer_common, learning_rate, .pos = 1, .def = rate, .min = 0, .max = 1e9,                   \
            .kind = &sn_kind_schedule,                                                                         \
            .doc = "step size: a number, a schedule, or a function of (step, epoch)"),                         \
        SN_FLOAT(sn_optimizer_common, weight_decay, .def = decay, .min = 0, .max = 1e9,                        \
                 .doc = "before each step every weight is multiplied by 1 - weight_decay * learning_rate")

/* More than one way of clipping is refused, as Keras does. name: of the optimizer. */
sn_status sn_optimizer_check(const char *name, const sn_optimizer_common *, sn_err *);
/* A rate of forgetting of 1 would keep a running mean at its start for ever. */
sn_status sn_optimizer_check_rate(const char *name, const char *option, double value, sn_err *);

/* The update loops are simple and run over every weight; GCC vectorizes them at O3 only. Loops with a root also
 * need -fno-math-errno on the command line: as an attribute it does not reach sqrt. Contraction stays off (the
 * same bits on every machine). */
#if defined(__GNUC__) && !defined(__clang__)
#    define SN_VECTORIZED __attribute__((optimize("O3", "fp-contract=off")))
#else
#    define SN_VECTORIZED
#endif

#endif
