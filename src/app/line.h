/* One line from the person: GNU Readline on a terminal, plainly read otherwise. */
#ifndef SN_APP_LINE_H
#define SN_APP_LINE_H

#include "bind/bind.h"

typedef enum { SN_LINE_TEXT, SN_LINE_INTERRUPT, SN_LINE_EOF } sn_line_status;

/* L is walked for completions. */
void sn_line_open(lua_State *L);
/* chunk: the lines of the chunk so far, or NULL. *line is malloc'd and may hold newlines (pasted text).
 * INTERRUPT: Ctrl-C; what was typed is gone. */
sn_line_status sn_line_read(const char *prompt, const char *chunk, char **line);
void sn_line_close(void);

/* The reader for what is no terminal: prompt to stdout, no control codes. */
sn_line_status sn_line_read_plain(const char *prompt, char **line);

#endif
