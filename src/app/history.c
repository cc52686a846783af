#include "app/history.h"

#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <readline/history.h>

enum { MAX_ENTRIES = 10000 };

static char *file; /* NULL: nothing is kept */

static char *joined(const char *a, const char *b) {
    size_t n = strlen(a) + strlen(b) + 1;
    char *s = malloc(n);
    if (s) snprintf(s, n, "%s%s", a, b);
    return s;
}

static char *file_name(void) {
    const char *own = getenv("SONDE_HISTORY");
    if (own) return *own ? joined(own, "") : NULL;
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/') return joined(xdg, "/sonde/history");
    return home && *home ? joined(home, "/.local/state/sonde/history") : NULL;
}

static void give_up(const char *why) {
    fprintf(stderr, "sonde: the history is not kept: %s: %s\n", file, why);
    free(file);
    file = NULL;
}

typedef struct {
    const char *line;
    int pos;
} entry;

static int by_line(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int c = strcmp(x->line, y->line);
    return c ? c : (x->pos > y->pos) - (x->pos < y->pos);
}

/* Sessions only append; here older equal entries go away. Returns how many did. */
static int drop_duplicates(void) {
    int n = history_length, dropped = 0;
    entry *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    bool *again = calloc((size_t)n + 1, sizeof *again);
    for (int i = 0; sorted && again && i < n; i++) sorted[i] = (entry){ history_list()[i]->line, i };
    if (sorted && again) qsort(sorted, (size_t)n, sizeof *sorted, by_line);
    for (int i = 0; sorted && again && i + 1 < n; i++)
        if (!strcmp(sorted[i].line, sorted[i + 1].line)) again[sorted[i].pos] = true;
    for (int i = n - 1; again && i >= 0; i--) {
        if (!again[i]) continue;
        free_history_entry(remove_history(i));
        dropped++;
    }
    free(sorted);
    free(again);
    return dropped;
}

static void load(void) {
    struct stat st;
    if (stat(file, &st)) return; /* the first session */
    if (!S_ISREG(st.st_mode)) {
        give_up("not a plain file");
        return;
    }
    int bad = read_history(file);
    if (bad) {
        give_up(strerror(bad));
        return;
    }
    int dropped = drop_duplicates();
    if (history_length <= MAX_ENTRIES && !dropped) return;
    stifle_history(MAX_ENTRIES);
    write_history(file);
}

void sn_history_open(void) {
    /* Entries of several lines are told apart by the time stamps before them. */
    history_comment_char = '#';
    history_write_timestamps = 1;
    using_history();
    file = file_name();
    if (file) load();
    stifle_history(MAX_ENTRIES);
}

static void append(void) {
    sn_err e;
    if (sn_make_dirs(file, &e)) {
        give_up(e.msg);
        return;
    }
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) close(fd);
    int bad = fd < 0 ? errno : append_history(1, file);
    if (bad) give_up(strerror(bad));
}

void sn_history_add(const char *line) {
    HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (last && !strcmp(last->line, line)) return;
    for (int i = history_length - 1; i >= 0; i--)
        if (!strcmp(history_list()[i]->line, line)) free_history_entry(remove_history(i));
    add_history(line);
    if (file) append();
}

const char *sn_history_last(long long n) {
    if (n < 1 || n > history_length) return NULL;
    return history_list()[history_length - n]->line;
}

void sn_history_close(void) {
    clear_history();
    free(file);
    file = NULL;
}
