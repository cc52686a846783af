/* Rows that the schedules' field tables share. All schedules are those of Keras
 * optimizers/schedules/learning_rate_schedule.py, with its argument names and order, computed in double. */
#ifndef SN_NN_SCHEDULES_SCHEDULE_H
#define SN_NN_SCHEDULES_SCHEDULE_H

#include "nn/objects.h"

#define SN_RATE_MAX 1e9
#define SN_START_RATE(S)                                                                                       \
    SN_FLOAT(S, initial_learning_rate, .pos = 1, .flags = SN_REQUIRED, .min = 0, .max = SN_RATE_MAX,           \
             .doc = "the rate at step 0")
#define SN_STEPS(S, member, position, text)                                                                    \
    SN_INT(S, member, .pos = position, .flags = SN_REQUIRED, .min = 1, .max = 9007199254740991.0, .doc = text)

#endif
