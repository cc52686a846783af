/* Warnings of the core, which may come from any of its threads: never in the middle of a progress bar or of the
 * line that is being typed. */
#ifndef SN_APP_WARN_H
#define SN_APP_WARN_H

#include <stdbool.h>
#include <stdio.h>

/* From now on. */
void sn_warn_install(void);
/* While a line is typed warnings wait; a byte can then be read from the descriptor (-1: there is none, and they
 * do not wait). false: those that still wait are written. */
int sn_warn_hold(bool);
/* Writes those that wait to f, which stands at the beginning of a line. */
void sn_warn_write(FILE *f);

#endif
