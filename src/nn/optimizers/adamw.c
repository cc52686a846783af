/* Loshchilov, Hutter, "Decoupled weight decay regularization" (2017). The decay itself is the trainer's, as for
 * every optimizer with weight_decay. */
#include "nn/optimizers/adam.h"

static const sn_field fields[] = { SN_ADAM_FIELDS(0.004) };

static sn_status check(const void *cfg, sn_err *e) { return sn_adam_check("adamw", cfg, e); }

const sn_optimizer_type sn_optimizer_adamw = {
    .desc = { .name = "adamw",
              .brief = "adam with weights that decay apart from the gradient",
              .example = "adamw { 0.001, weight_decay = 0.01 }",
              .fields = fields,
              .cfg_size = sizeof(sn_adam_cfg),
              .check = check },
    .nstate = 3,
    .state_name = { "m", "v", "vhat" },
    .states = sn_adam_states,
    .update = sn_adam_update,
    .scale = sn_adam_scale,
    .stable = sn_adam_stable,
};
