/* The lines typed before: a file that is appended to after each entry, so that no end of the session loses any.
 */
#ifndef SN_APP_HISTORY_H
#define SN_APP_HISTORY_H

/* Reads $SONDE_HISTORY (empty: no history file), else $XDG_STATE_HOME/sonde/history, else
 * ~/.local/state/sonde/history. */
void sn_history_open(void);
/* One entry, lines and all; an older equal one goes away. */
void sn_history_add(const char *entry);
/* The n-th last entry, from 1, or NULL; it may go with the next one that is added. */
const char *sn_history_last(long long n);
void sn_history_close(void);

#endif
