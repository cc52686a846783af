#include "app/line.h"

#include "app/interrupt.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

sn_line_status sn_line_read_plain(const char *prompt, char **line) {
    size_t cap = 0;
    fputs(prompt, stdout);
    fflush(stdout);
    *line = NULL;
    ssize_t n = getline(line, &cap, stdin); /* SIGINT ends it: there is no SA_RESTART */
    if (sn_interrupt_take()) {
        clearerr(stdin);
        free(*line);
        *line = NULL; /* the caller frees it too */
        fputc('\n', stdout);
        return SN_LINE_INTERRUPT;
    }
    if (n < 0) {
        free(*line);
        *line = NULL; /* the caller frees it too */
        fputc('\n', stdout);
        return SN_LINE_EOF;
    }
    if (n && (*line)[n - 1] == '\n') (*line)[n - 1] = '\0';
    return SN_LINE_TEXT;
}
