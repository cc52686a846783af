/* Readline through its callback interface. Signals stay blocked but for the moment of waiting, in ppoll, so
 * none can strike inside Readline; what they ask for is done here, between two keys. */
#include "app/line.h"

#include "app/chunk.h"
#include "app/complete.h"
#include "app/interrupt.h"
#include "app/warn.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <readline/readline.h>

/* Readline's callbacks carry no context. */
static struct {
    lua_State *L;
    bool plain, done;
    char *text;                   /* the finished line; NULL at end of file */
    volatile sig_atomic_t caught; /* a signal to pass on: SIGTSTP, SIGTERM, ... */
    volatile sig_atomic_t resized;
    const char *before; /* the chunk so far, which completion reads too */
    sn_candidates found;
    int wakes;                 /* can be read when warnings wait */
    const sigset_t *open_mask; /* while a key is waited for */
    bool abandoned;            /* Ctrl-C came while Readline wanted a key */
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

/* ---- keys ---- */

/* A signal that waits is older than the keys that can still be read: Ctrl-C throws away those before it. */
static void let_signals_in(void) {
    sigset_t was;
    pthread_sigmask(SIG_SETMASK, line.open_mask, &was);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
}

/* With VMIN = 0 read() never waits. It must not: what poll saw may be gone by then, thrown away by a Ctrl-C
 * that is blocked. */
static void prepare_terminal(int meta) {
    struct termios t;
    rl_prep_terminal(meta);
    if (tcgetattr(STDIN_FILENO, &t)) return;
    t.c_cc[VMIN] = t.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
}

/* At the end of input Readline would end the line where pastes are bracketed, and only there; we do it. */
static void restore_terminal(void) {
    rl_eof_found = 0;
    rl_deprep_terminal();
}

/* Where Readline reads a key. After Ctrl-C it gets one that does nothing, and then the end, so that it comes
 * back to us from wherever it is. */
static int get_key(FILE *f) {
    struct pollfd p = { .fd = fileno(f), .events = POLLIN };
    for (;;) {
        unsigned char c;
        if (sn_interrupt_pending()) {
            bool again = line.abandoned;
            line.abandoned = true;
            return again ? EOF : 0;
        }
        ssize_t n = read(p.fd, &c, 1);
        if (n == 1) return c;
        if (n == 0 && p.revents & (POLLHUP | POLLERR)) return EOF;
        if (n < 0 && errno != EINTR && errno != EAGAIN) return EOF;
        if (ppoll(&p, 1, NULL, line.open_mask) > 0) let_signals_in();
    }
}

/* ---- completion ---- */
static char *next_match(const char *word, int first) {
    static size_t at;
    (void)word;
    if (!first) at = 0;
    return at < line.found.n ? strdup(line.found.list[at++].text) : NULL;
}

static bool in_quotes(const char *s, int end) {
    char quote = '\0';
    for (int i = 0; i < end && s[i]; i++) {
        if (s[i] == '\\')
            i++;
        else if (quote ? s[i] == quote : s[i] == '"' || s[i] == '\'')
            quote = quote ? '\0' : s[i];
    }
    return quote != '\0';
}

/* Where the word to complete begins: names of files hold what parts words of Lua. NULL: as set. */
static char *break_characters(void) {
    static char quoted[] = "\"'", command[] = " \t\n\"'><;|&()";
    if (in_quotes(rl_line_buffer, rl_point)) return quoted;
    return !line.before && sn_chunk_is_command(rl_line_buffer) ? command : NULL;
}

static char **complete(const char *word, int start, int end) {
    (void)word;
    char *typed = strndup(rl_line_buffer, (size_t)end);
    if (!typed) return NULL;
    sn_complete(line.L, line.before, typed, (size_t)start, &line.found);
    free(typed);
    if (line.found.files) return NULL; /* Readline's own */
    rl_attempted_completion_over = 1;
    rl_completion_append_character = '\0';
    rl_completion_suppress_quote = line.found.open;
    return rl_completion_matches(word, next_match);
}

static char *shown_for(char *text) {
    for (size_t i = 0; i < line.found.n; i++)
        if (!strcmp(line.found.list[i].text, text)) return line.found.list[i].shown;
    return text;
}

/* Several candidates: matches[1..n], and in [0] what they have in common. */
static void show_matches(char **matches, int n, int longest) {
    char **shown = calloc((size_t)n + 2, sizeof *shown);
    if (shown) {
        shown[0] = matches[0];
        for (int i = 1; i <= n; i++) {
            shown[i] = line.found.files ? matches[i] : shown_for(matches[i]);
            int width = (int)strlen(shown[i]);
            longest = i == 1 && !line.found.files ? width : width > longest ? width : longest;
        }
        rl_display_match_list(shown, n, longest);
        free(shown);
    }
    rl_forced_update_display();
}

/* TAB. On a line of a chunk that is blank so far it indents: there is nothing to complete, and pasted code may
 * be indented by tabs. */
static int complete_or_indent(int count, int key) {
    enum { INDENT = 2 };
    int i = 0;
    while (i < rl_point && (rl_line_buffer[i] == ' ' || rl_line_buffer[i] == '\t')) i++;
    /* rl_complete itself takes only its own repetition for the wish to see a list */
    if (!line.before || i < rl_point) return rl_complete_internal(rl_completion_mode(complete_or_indent));
    (void)key;
    for (i = 0; i < INDENT * count; i++) rl_insert(1, ' ');
    return 0;
}

/* ---- set up ---- */
static void bind_keys(void) {
    rl_bind_key('\t', complete_or_indent);
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
    rl_getc_function = get_key;
    rl_prep_term_function = prepare_terminal;
    rl_deprep_term_function = restore_terminal;
    rl_change_environment = 0; /* children shall see the terminal's size as it is, not as it was */
    rl_attempted_completion_function = complete;
    rl_completion_display_matches_hook = show_matches;
    rl_completer_word_break_characters = " \t\n\"'\\><=;+-*/%^~#{}()[],&|?";
    rl_completion_word_break_hook = break_characters;
    rl_completer_quote_characters = "\"'";
    rl_completion_query_items = 0; /* no question in the middle: Ctrl-C could not end it */
    bind_keys();                   /* before the user's inputrc is read, which may say otherwise */
    rl_initialize();
    rl_variable_bind("page-completions", "off");
}

/* ---- one line ---- */

/* To the end of the text, whose last line may be far below the cursor: what is written next goes under it. */
static int go_to_end(void) {
    int was = rl_point;
    rl_deactivate_mark();
    rl_point = rl_end;
    rl_redisplay();
    return was;
}

static void drop_typed(void) {
    rl_callback_sigcleanup(); /* a search leaves the line that it found */
    rl_free_line_state();
    go_to_end();
    rl_echo_signal_char(SIGINT);
    rl_callback_handler_remove();
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
}

/* Lets the signal do what it does by default, with the terminal in order, and comes back if it does. */
static void pass_on(int sig, const sigset_t *open_mask) {
    struct sigaction fresh = { .sa_handler = SIG_DFL }, mine;
    sigset_t was;
    int point = go_to_end();
    rl_deprep_terminal();
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
    sigaction(sig, &fresh, &mine);
    raise(sig);
    pthread_sigmask(SIG_SETMASK, open_mask, &was); /* here it stops, or ends */
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    sigaction(sig, &mine, NULL);
    prepare_terminal(1);
    rl_point = point;
    rl_on_new_line();
    rl_forced_update_display();
}

/* Above the line that is being typed. */
static void show_warnings(void) {
    rl_clear_visible_line();
    sn_warn_write(rl_outstream);
    rl_on_new_line();
    rl_forced_update_display();
}

/* Waits for a key and acts on signals. false: Ctrl-C, the line is gone. */
static bool wait_key(const sigset_t *open_mask) {
    struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = line.wakes, .events = POLLIN } };
    /* A Ctrl-C from between the end of what ran and here, where signals are blocked, wakes nobody any more. */
    int n = sn_interrupt_pending() ? 0 : ppoll(p, 2, NULL, open_mask);
    if (n > 0) let_signals_in(); /* ppoll did not, as there was something to read */
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
    if (n > 0 && p[1].revents) show_warnings();
    if (n > 0 && p[0].revents) rl_callback_read_char();
    if (!line.abandoned) return true;
    sn_interrupt_take();
    free(line.text); /* Readline may have taken the end for Enter */
    line.text = NULL;
    drop_typed();
    return false;
}

static sn_line_status read_edited(const char *prompt, const sigset_t *open_mask) {
    line.done = false;
    line.text = NULL;
    line.open_mask = open_mask;
    line.abandoned = false;
    rl_reset_screen_size(); /* it may have changed while something ran */
    rl_eof_found = 0; /* an end before this line is no end of it: Readline would leave a line free after each */
    rl_callback_handler_install(prompt, on_line);
    line.wakes = sn_warn_hold(true);
    bool typed = true;
    while (typed && !line.done) typed = wait_key(open_mask);
    sn_warn_hold(false);
    if (!typed) return SN_LINE_INTERRUPT;
    if (line.text) return SN_LINE_TEXT;
    fputc('\n', rl_outstream);
    fflush(rl_outstream);
    return SN_LINE_EOF;
}

sn_line_status sn_line_read(const char *prompt, const char *chunk, char **text) {
    line.before = chunk;
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
    sn_candidates_free(&line.found);
    line.L = NULL;
}
