#include "base/process.h"

#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
    IN,
    OUT,
    ERRORS,
    STREAMS,
    FIRST_FREE = 3, /* descriptors below are the standard ones */
    LOOK_MS = 50,   /* how often the cancel flag is looked at, where no signal wakes us */
    CHUNK = 65536,
};

typedef struct {
    const sn_process *what;
    pid_t pid;
    int ours[STREAMS], theirs[STREAMS]; /* ends of the pipes; -1 = closed */
    size_t written;
    sn_buf *to[STREAMS];
    double until; /* sn_clock */
} child;

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static void close_all(child *c) {
    for (int i = 0; i < STREAMS; i++) {
        close_fd(&c->ours[i]);
        close_fd(&c->theirs[i]);
    }
}

/* Out of the way of the standard ones, which may be closed here. -1, with errno set, and fd closed on failure.
 */
static int move_up(int fd) {
    if (fd < 0 || fd >= FIRST_FREE) return fd;
    int up = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    int why = errno;
    close(fd);
    errno = why;
    return up;
}

/* The standard input is a socket: writing to one that nobody reads is an error, where a pipe's would be a
 * signal.
 */
static bool open_streams(child *c) {
    for (int i = 0; i < STREAMS; i++) {
        int pair[2];
        if (i == IN ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) : pipe2(pair, O_CLOEXEC))
            return false;
        c->ours[i] = move_up(pair[0]);
        c->theirs[i] = move_up(pair[1]);
        if (c->ours[i] < 0 || c->theirs[i] < 0) return false;
        if (fcntl(c->ours[i], F_SETFL, O_NONBLOCK) != 0) return false;
    }
    return true;
}

/* 0 or errno */
static int set_attributes(posix_spawnattr_t *attr) {
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    static const int handled[] = { SIGINT, SIGPIPE, SIGXFSZ, SIGTERM, SIGQUIT };
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) sigaddset(&defaults, handled[i]);
    int why = posix_spawnattr_setsigmask(attr, &none);
    if (!why) why = posix_spawnattr_setsigdefault(attr, &defaults);
    if (!why) why = posix_spawnattr_setpgroup(attr, 0);
    if (!why)
        why = posix_spawnattr_setflags(attr,
                                       POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return why;
}

static int set_files(posix_spawn_file_actions_t *files, const child *c) {
    int why = 0;
    for (int i = 0; i < STREAMS && !why; i++) why = posix_spawn_file_actions_adddup2(files, c->theirs[i], i);
    /* Files that a script has opened are not closed on exec by themselves. */
    return why ? why : posix_spawn_file_actions_addclosefrom_np(files, FIRST_FREE);
}

static int spawn(child *c) {
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    int why = posix_spawnattr_init(&attr);
    if (why) return why;
    why = posix_spawn_file_actions_init(&files);
    if (!why) {
        why = set_attributes(&attr);
        if (!why) why = set_files(&files, c);
        if (!why)
            why = posix_spawnp(&c->pid, c->what->argv[0], &files, &attr,
                               (char *const *)(uintptr_t)c->what->argv, environ);
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attr);
    return why;
}

/* Some of the input. A program that has closed its input wants no more. */
static void feed(child *c) {
    const sn_process *p = c->what;
    size_t n = p->ninput - c->written;
    ssize_t made = n ? send(c->ours[IN], (const char *)p->input + c->written, n < CHUNK ? n : CHUNK,
                            MSG_NOSIGNAL | MSG_DONTWAIT)
                     : 0;
    if (made > 0) c->written += (size_t)made;
    bool again = made < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS);
    if ((made < 0 && !again) || c->written == p->ninput) close_fd(&c->ours[IN]);
}

static sn_status take(child *c, int stream, sn_err *e) {
    char bytes[CHUNK];
    ssize_t n = read(c->ours[stream], bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return SN_OK;
    if (n <= 0) {
        close_fd(&c->ours[stream]);
        return SN_OK;
    }
    sn_buf_add(c->to[stream], bytes, (size_t)n);
    return sn_buf_check(c->to[stream], c->what->argv[0], e);
}

/* Whether it may go on. */
static sn_status allowed(const child *c, sn_err *e) {
    const sn_process *p = c->what;
    if (p->pool && sn_pool_cancelled(p->pool)) return sn_fail(e, SN_ECANCEL, "interrupted");
    if (sn_clock() < c->until) return SN_OK;
    return sn_fail(e, SN_EIO, "%s: took longer than %g seconds and was ended", p->argv[0], p->seconds);
}

/* Until both of its outputs are closed. */
static sn_status exchange(child *c, sn_err *e) {
    sn_status s = SN_OK;
    while (s == SN_OK && (c->ours[OUT] >= 0 || c->ours[ERRORS] >= 0)) {
        struct pollfd f[STREAMS];
        for (int i = 0; i < STREAMS; i++)
            f[i] = (struct pollfd){ .fd = c->ours[i], .events = i == IN ? POLLOUT : POLLIN };
        int n = poll(f, STREAMS, LOOK_MS);
        if (n < 0 && errno != EINTR) return sn_fail(e, SN_EIO, "%s: %s", c->what->argv[0], strerror(errno));
        if (n > 0 && f[IN].revents) feed(c);
        for (int i = OUT; n > 0 && i < STREAMS && s == SN_OK; i++)
            if (f[i].revents) s = take(c, i, e);
        if (s == SN_OK) s = allowed(c, e);
    }
    return s;
}

/* Its end, which follows that of its outputs at once as a rule. */
static sn_status await(child *c, sn_process_end *end, sn_err *e) {
    int status;
    for (long ms = 1;; ms = ms < LOOK_MS ? 2 * ms : LOOK_MS) {
        pid_t got = waitpid(c->pid, &status, WNOHANG);
        if (got == c->pid) break;
        if (got < 0 && errno != EINTR) { /* somebody ignores SIGCHLD: it is gone, and nobody knows how */
            status = 0;
            break;
        }
        sn_status s = allowed(c, e);
        if (s != SN_OK) return s;
        nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
    }
    c->pid = 0;
    end->status = WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
    return SN_OK;
}

static void end_by_force(child *c) {
    if (c->pid <= 0) return;
    kill(-c->pid, SIGKILL); /* what it has started too */
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {}
}

sn_status sn_process_run(const sn_process *p, sn_buf *out, sn_buf *errors, sn_process_end *end, sn_err *e) {
    child c = { .what = p,
                .ours = { -1, -1, -1 },
                .theirs = { -1, -1, -1 },
                .to = { [OUT] = out, [ERRORS] = errors },
                .until = sn_clock() + p->seconds };
    *end = (sn_process_end){ 0 };
    if (!open_streams(&c)) {
        int why = errno;
        close_all(&c);
        return sn_fail(e, SN_EIO, "%s: %s", p->argv[0], strerror(why));
    }
    int why = spawn(&c);
    if (why) {
        close_all(&c);
        end->absent = why == ENOENT || why == ENOTDIR;
        return sn_fail(e, SN_EIO, "%s: %s", p->argv[0], strerror(why));
    }
    for (int i = 0; i < STREAMS; i++) close_fd(&c.theirs[i]);
    sn_status s = exchange(&c, e);
    if (s == SN_OK) s = await(&c, end, e);
    close_all(&c);
    end_by_force(&c);
    return s;
}
