/* Plays transcripts of sessions on a pseudo-terminal and compares what comes back.
 *
 *   drive PROGRAM FILE.t...      last line: N passed, N failed[, N skipped]
 *
 * A file holds cases. In a case:
 *   %case NAME              begins it, in an empty home folder
 *   %env NAME=VALUE         before it starts; $HOME is replaced
 *   %run ARGS               starts PROGRAM with them, split at spaces (default: -q); $TESTS is FILE.t's folder
 *   sonde> TEXT             waits for this prompt, compares what came before it, types TEXT and Enter
 *      ..> TEXT             the same
 *   sonde>                  only waits and compares
 *   %key C-c                types a key at once (C-c C-d C-z C-r C-t C-u TAB UP ENTER)
 *   %type TEXT              types TEXT at once, without Enter (backslash n, e, r); both forget earlier output
 *   %until TEXT             waits for TEXT, which stays part of what is compared
 *   %pause SECONDS
 *   %storm N SECONDS TEXT   N times: types TEXT and Enter, Ctrl-C after a random time up to SECONDS, and
 *                           waits for the prompt; what came is forgotten
 *   %size LINES COLUMNS     makes the terminal that large
 *   %signal NUMBER          sends the program a signal
 *   %exit STATUS            waits for the end (128 + N: killed by signal N); without it: Ctrl-D, and 0
 *   $ COMMAND               runs it by sh, with no terminal; `sonde` and "$SONDE" are PROGRAM, $SOON seconds
 *                           are enough for it to be running
 *   %status N               what that command is to return (default 0)
 * A program that stops (Ctrl-Z) is continued at once, with a line `[stopped, cooked]` or `[stopped, raw]` that
 * tells how it left the terminal. Any other line is expected output. `...` in it stands for any text, as a line
 * of its own for any number of lines. Terminal control sequences are removed before comparing. SLOW=N
 * multiplies all waiting. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { BIG = 1 << 18, WAIT_SECONDS = 20 };

static const char *program;
static char home[] = "/tmp/sonde-repl-XXXXXX";
static char case_name[200], file_name[200];
static int line_no, passed, failed, skipped;
static bool case_open, case_failed, case_skipped;
static bool no_terminal; /* this machine gives none (a chroot without /dev/pts): what needs one is skipped */

/* the session of the present case */
static pid_t child; /* the supervisor of the program; 0 = none */
static int master = -1;
static char out[BIG], want[BIG]; /* output since the last typed line; expected lines */
static size_t nout, nwant;
static bool eof;
static char envs[16][300];
static int nenv;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double patience(void) {
    const char *slow = getenv("SLOW");
    return WAIT_SECONDS * (slow ? strtod(slow, NULL) : 1);
}

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void fail(const char *fmt, ...) {
    if (case_failed) return; /* the first is the one that tells */
    case_failed = true;
    va_list ap;
    va_start(ap, fmt);
    printf("%s:%d: %s: ", file_name, line_no, case_name);
    vprintf(fmt, ap);
    printf("\n--- expected\n%.*s--- got\n%.*s\n---\n", (int)nwant, want, (int)nout, out);
    va_end(ap);
}

/* ---- output, cleaned of control sequences as it arrives ---- */
static void clean(void) {
    size_t n = 0;
    for (size_t i = 0; i < nout; i++) {
        unsigned char c = (unsigned char)out[i];
        if (c == 27) {
            size_t j = i + 1;
            if (j < nout && out[j] == '[')
                for (j++; j < nout && ((unsigned char)out[j] < 0x40 || out[j] > 0x7e);) j++;
            if (j >= nout) { /* the rest of it is still to come */
                memmove(out + n, out + i, nout - i);
                nout = n + nout - i;
                return;
            }
            i = j;
        } else if (c != '\r' && c != 7) {
            out[n++] = (char)c;
        }
    }
    nout = n;
}

/* Takes what comes within that time; true: something did. */
static bool receive(double seconds) {
    struct pollfd p = { .fd = master, .events = POLLIN };
    if (eof || poll(&p, 1, (int)(seconds * 1000) + 1) <= 0) return false;
    ssize_t n = read(master, out + nout, BIG - nout - 1);
    if (n <= 0 && errno != EINTR) eof = true;
    if (n <= 0) return false;
    nout += (size_t)n;
    clean();
    out[nout] = '\0';
    return true;
}

static bool ends_with(const char *tail) {
    size_t n = strlen(tail);
    return nout >= n && !memcmp(out + nout - n, tail, n) && (nout == n || out[nout - n - 1] == '\n');
}

/* ---- comparing ---- */
static bool line_matches(const char *pat, size_t np, const char *s, size_t ns) {
    const char *gap = memmem(pat, np, "...", 3);
    if (!gap) return np == ns && !memcmp(pat, s, np);
    size_t head = (size_t)(gap - pat);
    if (ns < head || memcmp(pat, s, head)) return false;
    for (size_t skip = head; skip <= ns; skip++)
        if (line_matches(gap + 3, np - head - 3, s + skip, ns - skip)) return true;
    return false;
}

static size_t line_len(const char *s, size_t n) {
    const char *nl = memchr(s, '\n', n);
    return nl ? (size_t)(nl - s) : n;
}

static bool text_matches(const char *pat, size_t np, const char *s, size_t ns) {
    if (!np) return !ns;
    size_t lp = line_len(pat, np), pstep = lp < np ? lp + 1 : lp;
    if (lp == 3 && !memcmp(pat, "...", 3)) {
        for (;;) {
            if (text_matches(pat + pstep, np - pstep, s, ns)) return true;
            if (!ns) return false;
            size_t l = line_len(s, ns), step = l < ns ? l + 1 : l;
            s += step, ns -= step;
        }
    }
    if (!ns) return false;
    size_t ls = line_len(s, ns), step = ls < ns ? ls + 1 : ls;
    return line_matches(pat, lp, s, ls) && text_matches(pat + pstep, np - pstep, s + step, ns - step);
}

static void compare(void) {
    while (nout && out[nout - 1] == ' ') nout--;
    if (!text_matches(want, nwant, out, nout)) fail("output differs");
    nwant = 0;
}

/* ---- the session ---- */
static void fresh_home(void) {
    char cmd[300];
    snprintf(cmd, sizeof cmd, "rm -rf '%s' && mkdir '%s'", home, home);
    if (system(cmd)) fail("cannot make %s", home);
}

static void set_environment(void) {
    static const char *const gone[] = { "XDG_CONFIG_HOME", "XDG_STATE_HOME", "SONDE_HISTORY", "NO_COLOR",
                                        "INPUTRC",         "LUA_PATH",       "LUA_INIT",      NULL };
    for (int i = 0; gone[i]; i++) unsetenv(gone[i]);
    setenv("HOME", home, 1);
    setenv("TERM", "dumb", 1);
    for (int i = 0; i < nenv; i++) {
        char *eq = strchr(envs[i], '='), value[600];
        const char *h = strstr(eq + 1, "$HOME");
        if (h)
            snprintf(value, sizeof value, "%.*s%s%s", (int)(h - eq - 1), eq + 1, home, h + 5);
        else
            snprintf(value, sizeof value, "%s", eq + 1);
        *eq = '\0';
        setenv(envs[i], value, 1);
        *eq = '=';
    }
}

/* The program's parent on the terminal, in the part of a shell: it can be stopped only below one. */
static void supervise(char **argv) {
    int status;
    pid_t pid = fork();
    if (pid < 0) _exit(126);
    if (pid == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(0, getpid());
        signal(SIGTTOU, SIG_DFL);
        set_environment();
        if (chdir(home)) _exit(126);
        execv(program, argv);
        _exit(127);
    }
    signal(SIGTTOU, SIG_IGN);
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
        struct termios t;
        tcsetpgrp(0, getpid());
        bool cooked = !tcgetattr(0, &t) && (t.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO);
        dprintf(1, "[stopped, %s]\n", cooked ? "cooked" : "raw");
        tcsetpgrp(0, pid);
        killpg(pid, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void start(const char *args) {
    case_skipped = no_terminal;
    if (no_terminal) return;
    char copy[500], *argv[32] = { (char *)(size_t)program };
    static char in_tests[4200];
    int argc = 1;
    struct winsize size = { .ws_row = 50, .ws_col = 200 };
    snprintf(copy, sizeof copy, "%s", args);
    for (char *rest = NULL, *w = strtok_r(copy, " ", &rest); w && argc < 31; w = strtok_r(NULL, " ", &rest)) {
        bool there = !strncmp(w, "$TESTS", 6); /* one of them is enough; its path may hold spaces */
        if (there) snprintf(in_tests, sizeof in_tests, "%s%s", getenv("TESTS"), w + 6);
        argv[argc++] = there ? in_tests : w;
    }
    nout = 0;
    eof = false;
    fflush(stdout);
    pid_t pid = forkpty(&master, NULL, NULL, &size);
    if (pid == 0) supervise(argv);
    if (pid > 0)
        child = pid;
    else
        fail("no pseudo-terminal: %s", strerror(errno));
}

/* false: there is none, and the case is over. */
static bool need_session(void) {
    if (!child && !case_failed) start("-q");
    return child != 0;
}

static void type(const char *s, size_t n) {
    while (n) {
        ssize_t did = write(master, s, n);
        if (did < 0 && errno == EINTR) continue;
        if (did <= 0) return;
        s += did, n -= (size_t)did;
    }
}

static bool wait_for(const char *text, bool at_end) {
    double end = now() + patience();
    for (;;) {
        out[nout] = '\0';
        if (at_end ? ends_with(text) : strstr(out, text) != NULL) return true;
        if (eof || now() > end) return false;
        receive(0.05);
    }
}

/* Waits for the prompt, compares what came before it, types, and takes the echo away. */
static void prompt_line(const char *prompt, const char *text) {
    if (!need_session()) return;
    if (!wait_for(prompt, true)) {
        fail("no prompt '%s'", prompt);
        return;
    }
    nout -= strlen(prompt);
    compare();
    nout = 0;
    if (!*text) { /* only waited for; the prompt stands */
        return;
    }
    char echo[1000];
    snprintf(echo, sizeof echo, "%s\n", text);
    type(text, strlen(text));
    type("\r", 1);
    if (!wait_for(echo, false)) fail("'%s' was not echoed", text);
    char *at = strstr(out, echo);
    if (!at) return;
    size_t behind = (size_t)(at - out) + strlen(echo);
    memmove(out, out + behind, nout - behind);
    nout -= behind;
}

/* child is ours and not yet waited for, so the number cannot be another's. */
static void kill_session(void) {
    if (child <= 1) return;
    kill(child, SIGKILL); /* the terminal goes with it, and the program with the terminal */
    waitpid(child, NULL, 0);
    close(master);
    child = 0;
}

/* To the program: the group in the terminal's foreground. Never to a group that is none (0, -1) or our own. */
static void signal_program(int sig) {
    pid_t group = child > 1 ? tcgetpgrp(master) : -1;
    if (group > 1 && group != getpgrp() && group != child)
        killpg(group, sig);
    else
        fail("nothing to send signal %d to", sig);
}

static void end_session(int expected) {
    double end = now() + patience();
    int status = 0;
    pid_t gone = 0;
    if (!need_session()) return;
    while (!eof && now() < end) receive(0.05);
    while ((gone = waitpid(child, &status, WNOHANG)) == 0 && now() < end) usleep(10000);
    if (gone <= 0) {
        fail("it did not end");
        kill_session();
        return;
    }
    close(master);
    child = 0;
    if (strspn(out, "\n ") >= nout && !nwant) nout = 0; /* the end of the prompt's line */
    compare();
    int got = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (got != expected) fail("exit status %d, not %d", got, expected);
    nout = 0;
}

/* ---- commands without a terminal ---- */
static int shell_status, want_status;
static bool shell_ran;

static void finish_shell(void) {
    if (!shell_ran) return;
    shell_ran = false;
    compare();
    if (shell_status != want_status) fail("status %d, not %d", shell_status, want_status);
    nout = 0;
}

static void shell(const char *command) {
    int fds[2];
    want_status = 0;
    shell_ran = true;
    nout = 0;
    fflush(stdout);
    if (pipe(fds)) {
        fail("pipe: %s", strerror(errno));
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        set_environment();
        dup2(fds[1], 1);
        dup2(fds[1], 2);
        close(fds[0]);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        if (chdir(home)) _exit(126);
        char script[2000];
        snprintf(script, sizeof script, "sonde() { \"%s\" \"$@\"; }\n%s", program, command);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    ssize_t n;
    while ((n = read(fds[0], out + nout, BIG - nout - 1)) > 0) nout += (size_t)n;
    close(fds[0]);
    int status;
    waitpid(pid, &status, 0);
    shell_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- cases ---- */
static void end_case(void) {
    if (!case_open) return;
    finish_shell();
    if (child && !case_failed) {
        type("\4", 1);
        end_session(0);
    }
    kill_session();
    if (case_failed)
        failed++;
    else if (case_skipped)
        skipped++;
    else
        passed++;
    case_open = false;
}

static void begin_case(const char *name) {
    end_case();
    snprintf(case_name, sizeof case_name, "%s", name);
    case_open = true;
    case_failed = case_skipped = false;
    nenv = 0;
    nwant = nout = 0;
    fresh_home();
}

/* What is awaited from here on is what the next key brings. */
static void forget_output(void) {
    if (!need_session()) return;
    double end = now() + 0.2; /* it may be printing without end */
    while (receive(0.02) && now() < end) continue;
    nout = 0;
}

static void key(const char *name) {
    static const struct {
        const char *name, *keys;
    } table[] = { { "C-c", "\3" },  { "C-d", "\4" }, { "C-z", "\32" },   { "C-r", "\22" }, { "C-t", "\24" },
                  { "C-u", "\25" }, { "TAB", "\t" }, { "UP", "\033[A" }, { "ENTER", "\r" } };
    forget_output();
    const char *keys = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) keys = table[i].keys;
    if (keys)
        type(keys, strlen(keys));
    else
        fail("unknown key %s", name);
}

static void type_escaped(const char *s) {
    char buf[1000];
    size_t n = 0;
    forget_output();
    for (; *s && n < sizeof buf; s++) {
        if (*s != '\\' || !s[1])
            buf[n++] = *s;
        else
            s++, buf[n++] = *s == 'n' ? '\n' : *s == 'e' ? '\33' : *s == 'r' ? '\r' : *s;
    }
    type(buf, n);
}

static void await(const char *text) {
    if (need_session() && !wait_for(text, false)) fail("no '%s'", text);
}

static void rest_for(double seconds) {
    double end = now() + seconds * patience() / WAIT_SECONDS;
    while (now() < end)
        if (!child || eof || !receive(0.02)) usleep(20000);
}

/* Numbers that are spread over 0..1, the same in every run: it is the machine that makes the times differ. */
static double next_random(void) {
    static unsigned state = 1;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / (1 << 24);
}

static void storm(const char *rest) {
    char *text = NULL;
    long n = strtol(rest, &text, 10);
    double seconds = strtod(text, &text);
    text += strspn(text, " ");
    if (need_session() && !wait_for("sonde> ", true)) fail("no prompt");
    for (long i = 0; i < n && !case_failed && need_session(); i++) {
        type(text, strlen(text));
        type("\r", 1);
        struct timespec t = { .tv_nsec = (long)(next_random() * seconds * 1e9) };
        nanosleep(&t, NULL);
        receive(0);
        nout = 0; /* the prompt that is waited for is the one behind the Ctrl-C */
        type("\3", 1);
        if (!wait_for("sonde> ", true)) fail("no prompt after %ld of %ld times Ctrl-C", i + 1, n);
    }
    forget_output();
    type("\r", 1);
    if (!case_failed && !wait_for("sonde> ", true)) fail("no prompt after all");
}

static void resize(const char *rest) {
    char *columns = NULL;
    struct winsize size = { 0 };
    size.ws_row = (unsigned short)strtol(rest, &columns, 10);
    size.ws_col = (unsigned short)strtol(columns, NULL, 10);
    if (need_session() && ioctl(master, TIOCSWINSZ, &size)) fail("the terminal's size: %s", strerror(errno));
}

static void directive(const char *word, const char *rest) {
    if (!strcmp(word, "case")) begin_case(rest);
    if (case_failed || case_skipped || !strcmp(word, "case")) return;
    if (!strcmp(word, "env"))
        snprintf(envs[nenv++ % 16], sizeof envs[0], "%s", rest);
    else if (!strcmp(word, "run"))
        start(rest);
    else if (!strcmp(word, "key"))
        key(rest);
    else if (!strcmp(word, "type"))
        type_escaped(rest);
    else if (!strcmp(word, "until"))
        await(rest);
    else if (!strcmp(word, "pause"))
        rest_for(strtod(rest, NULL));
    else if (!strcmp(word, "storm"))
        storm(rest);
    else if (!strcmp(word, "size"))
        resize(rest);
    else if (!strcmp(word, "signal"))
        signal_program((int)strtol(rest, NULL, 10));
    else if (!strcmp(word, "exit"))
        end_session((int)strtol(rest, NULL, 10));
    else if (!strcmp(word, "status"))
        want_status = (int)strtol(rest, NULL, 10);
    else
        fail("unknown directive %%%s", word);
}

static void play_line(char *s) {
    s[strcspn(s, "\n")] = '\0';
    if (*s == '%') {
        char *space = strchr(s, ' ');
        if (space) *space++ = '\0';
        directive(s + 1, space ? space : "");
    } else if (!case_open || case_failed || case_skipped) {
        return;
    } else if (!strcmp(s, "sonde>")) {
        prompt_line("sonde> ", "");
    } else if (!strncmp(s, "sonde> ", 7) || !strncmp(s, "   ..> ", 7)) {
        char prompt[8] = { 0 };
        memcpy(prompt, s, 7);
        prompt_line(prompt, s + 7);
    } else if (!strncmp(s, "$ ", 2)) {
        finish_shell();
        shell(s + 2);
    } else {
        nwant += (size_t)snprintf(want + nwant, BIG - nwant, "%s\n", s);
    }
}

/* An empty line before %case belongs to the file, not to the output. */
static void play(const char *path) {
    char text[2000], held[2] = { 0 };
    FILE *f = fopen(path, "r");
    char folder[4096];
    if (realpath(path, folder)) {
        snprintf(file_name, sizeof file_name, "%s", strrchr(folder, '/') + 1);
        *strrchr(folder, '/') = '\0';
        setenv("TESTS", folder, 1);
    }
    if (!f) {
        printf("%s: %s\n", path, strerror(errno));
        failed++;
        return;
    }
    for (line_no = 1; fgets(text, sizeof text, f); line_no++) {
        if (*text == '#') continue;
        if (*held && strncmp(text, "%case", 5)) play_line(held);
        *held = '\0';
        if (!strcmp(text, "\n"))
            *held = '\n';
        else
            play_line(text);
    }
    end_case();
    fclose(f);
}

static bool has_terminal(void) {
    int m, t;
    if (openpty(&m, &t, NULL, NULL, NULL)) return false;
    close(m);
    close(t);
    return true;
}

int main(int argc, char **argv) {
    char full[4096];
    if (argc < 3 || !realpath(argv[1], full) || !mkdtemp(home)) {
        fprintf(stderr, "usage: drive PROGRAM FILE.t...\n");
        return 2;
    }
    program = full;
    setenv("SONDE", program, 1);
    char soon[32];
    snprintf(soon, sizeof soon, "%.1f", 0.5 * patience() / WAIT_SECONDS);
    setenv("SOON", soon, 1);
    signal(SIGPIPE, SIG_IGN);
    no_terminal = !has_terminal();
    if (no_terminal) printf("no pseudo-terminals here (is /dev/pts mounted?): what needs one is skipped\n");
    for (int i = 2; i < argc; i++) play(argv[i]);
    char cmd[300];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", home);
    if (system(cmd)) printf("cannot remove %s\n", home);
    printf("%d passed, %d failed", passed, failed);
    if (skipped) printf(", %d skipped", skipped);
    printf("\n");
    return failed > 0;
}
