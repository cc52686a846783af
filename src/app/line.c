/* Readline through its callback interface. Signals stay blocked but for the moment of waiting, in ppoll, so
 * none can strike inside Readline; what they ask for is done here, between two keys. */
#include "app/line.h"

#include "app/complete.h"
#include "app/interrupt.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <readline/readline.h>

/* Readline's callbacks carry no context. */
static struct {
    lua_State *L;
    bool plain, done;
    char *text;                   /* the finished line; NULL at end of file */
    volatile sig_atomic_t caught; /* a signal to pass on: SIGTSTP, SIGTERM, ... */
    volatile sig_atomic_t resized;
} line;

static const int passed_on[] = { SIGTSTP, SIGTERM, SIGHUP };
enum { NPASSED = sizeof passed_on / sizeof *passed_on };

static void on_passed(int sig) {
    if (!sn_interrupt_forward(sig)) line.caught = sig;
}
static void on_resize(int sig) {
    if (!sn_interrupt_forward(sig)) line.resized = 1;
}

static void on_line(char *text) {
    line.text = text;
    line.done = true;
    rl_callback_handler_remove(); /* the terminal is the program's again */
}

/* ---- completion ---- */
static int word_start; /* of the word that is being completed, in Readline's line */

static char *next_match(const char *word, int first) {
    static char **list;
    static int at;
    if (!first) list = sn_complete(line.L, rl_line_buffer, word, (size_t)word_start), at = 0;
    if (!list) return NULL;
    if (list[at]) return list[at++];
    free(list);
    list = NULL;
    return NULL;
}

static char **complete(const char *word, int start, int end) {
    (void)end;
    bool in_string = start > 0 && strchr("\"'", rl_line_buffer[start - 1]);
    if (in_string) return NULL; /* Readline's own: file names */
    rl_attempted_completion_over = 1;
    rl_completion_append_character = '\0';
    word_start = start;
    return rl_completion_matches(word, next_match);
}

/* ---- set up ---- */
static void bind_keys(void) {
    static const char *const up[] = { "\033[A", "\033OA", NULL }, *const down[] = { "\033[B", "\033OB", NULL };
    for (int i = 0; up[i]; i++) {
        rl_bind_keyseq(up[i], rl_history_search_backward);
        rl_bind_keyseq(down[i], rl_history_search_forward);
    }
}

void sn_line_open(lua_State *L) {
    line.L = L;
    /* A terminal to draw on: stdout, or stderr when stdout goes to a file. */
    FILE *out = isatty(STDOUT_FILENO) ? stdout : isatty(STDERR_FILENO) ? stderr : NULL;
    line.plain = !out || !isatty(STDIN_FILENO);
    if (line.plain) return;
    rl_readline_name = "sonde";
    rl_instream = stdin;
    rl_outstream = out;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0; /* children shall see the terminal's size as it is, not as it was */
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = " \t\n\"'\\><=;+-*/%^~#{}()[],&|?";
    rl_completer_quote_characters = "\"'";
    rl_completion_query_items = 0; /* no question in the middle: Ctrl-C could not end it */
    bind_keys();                   /* before the user's inputrc is read, which may say otherwise */
    rl_initialize();
    rl_variable_bind("page-completions", "off");
}

/* ---- one line ---- */
static void drop_typed(void) {
    rl_free_line_state();
    rl_callback_sigcleanup();
    rl_echo_signal_char(SIGINT);
    rl_callback_handler_remove();
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
}

/* Lets the signal do what it does by default, with the terminal in order, and comes back if it does. */
static void pass_on(int sig, const sigset_t *open_mask) {
    struct sigaction fresh = { .sa_handler = SIG_DFL }, mine;
    sigset_t was;
    rl_deprep_terminal();
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
    sigaction(sig, &fresh, &mine);
    raise(sig);
    pthread_sigmask(SIG_SETMASK, open_mask, &was); /* here it stops, or ends */
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    sigaction(sig, &mine, NULL);
    rl_prep_terminal(1);
    rl_on_new_line();
    rl_forced_update_display();
}

/* Waits for a key and acts on signals. false: Ctrl-C, the line is gone. */
static bool wait_key(const sigset_t *open_mask) {
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    int n = ppoll(&p, 1, NULL, open_mask);
    if (sn_interrupt_take()) {
        drop_typed();
        return false;
    }
    if (line.caught) {
        int sig = line.caught;
        line.caught = 0;
        pass_on(sig, open_mask);
    }
    if (line.resized) {
        line.resized = 0;
        rl_resize_terminal();
    }
    if (n > 0) rl_callback_read_char();
    return true;
}

static sn_line_status read_edited(const char *prompt, const sigset_t *open_mask) {
    line.done = false;
    line.text = NULL;
    rl_reset_screen_size(); /* it may have changed while something ran */
    rl_callback_handler_install(prompt, on_line);
    while (!line.done)
        if (!wait_key(open_mask)) return SN_LINE_INTERRUPT;
    if (line.text) return SN_LINE_TEXT;
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
    return SN_LINE_EOF;
}

sn_line_status sn_line_read(const char *prompt, char **text) {
    if (line.plain) return sn_line_read_plain(prompt, text);
    struct sigaction passed = { .sa_handler = on_passed }, resize = { .sa_handler = on_resize };
    struct sigaction ignored = { .sa_handler = SIG_IGN }, before[NPASSED], before_resize, before_quit;
    sigset_t ours, outside;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGWINCH);
    for (int i = 0; i < NPASSED; i++) sigaddset(&ours, passed_on[i]);
    pthread_sigmask(SIG_BLOCK, &ours, &outside);
    for (int i = 0; i < NPASSED; i++) {
        sigaction(passed_on[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) sigaction(passed_on[i], &passed, NULL); /* nohup stays nohup */
    }
    sigaction(SIGWINCH, &resize, &before_resize);
    sigaction(SIGQUIT, &ignored,
              &before_quit); /* Ctrl-\\ beside Enter must not end it; a chunk it can still kill */
    sn_line_status status = read_edited(prompt, &outside);
    for (int i = 0; i < NPASSED; i++) sigaction(passed_on[i], &before[i], NULL);
    sigaction(SIGWINCH, &before_resize, NULL);
    sigaction(SIGQUIT, &before_quit, NULL);
    pthread_sigmask(SIG_SETMASK, &outside, NULL);
    *text = line.text;
    return status;
}

void sn_line_close(void) {
    if (!line.plain && line.L) rl_callback_handler_remove();
    line.L = NULL;
}
