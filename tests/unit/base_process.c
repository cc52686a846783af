/* Other programs: what comes back, limits of time and size, interruption, and that nothing of them stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/process.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    sn_buf out, errors;
    sn_process_end end;
    sn_err e;
} result;

static result *run_as(const sn_process *p, size_t max) {
    static result r;
    r = (result){ .out.max = max, .errors.max = max };
    r.e.code = sn_process_run(p, &r.out, &r.errors, &r.end, &r.e);
    return &r;
}

/* sh -c script, with that input */
static result *run_sh(const char *script, const char *input, double seconds, size_t max) {
    const char *argv[] = { "sh", "-c", script, NULL };
    return run_as(&(sn_process){ argv, input, strlen(input), seconds, sn_pool_default() }, max);
}

static void done(result *r) {
    sn_buf_free(&r->out);
    sn_buf_free(&r->errors);
    /* No child is left, dead or alive. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int open_files(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

static void bytes_in_and_out(void **state) {
    (void)state;
    int before = open_files();
    result *r = run_sh("cat; echo bad >&2; exit 7", "a\nb", 20, 1000);
    assert_int_equal(r->e.code, SN_OK);
    assert_string_equal(r->out.data, "a\nb");
    assert_string_equal(r->errors.data, "bad\n");
    assert_int_equal(r->end.status, 7);
    done(r);
    r = run_sh("kill -9 $$", "", 20, 1000);
    assert_int_equal(r->e.code, SN_OK);
    assert_int_equal(r->end.status, 256 + SIGKILL);
    done(r);
    assert_int_equal(open_files(), before);
}

static void much_of_both_at_once(void **state) {
    (void)state;
    size_t n = 3 << 20;
    char *input = malloc(n);
    assert_non_null(input);
    for (size_t i = 0; i < n; i++) input[i] = (char)('a' + i % 23);
    const char *argv[] = { "tee", "/dev/stderr", NULL };
    result *r = run_as(&(sn_process){ argv, input, n, 60, NULL }, n);
    assert_int_equal(r->e.code, SN_OK);
    assert_int_equal(r->out.len, n);
    assert_int_equal(r->errors.len, n);
    assert_memory_equal(r->out.data, input, n);
    done(r);
    /* It reads nothing: no signal for us. */
    const char *deaf[] = { "sh", "-c", "exec <&-; echo done", NULL };
    r = run_as(&(sn_process){ deaf, input, n, 60, NULL }, n);
    assert_int_equal(r->e.code, SN_OK);
    assert_string_equal(r->out.data, "done\n");
    done(r);
    free(input);
}

static void absent(void **state) {
    (void)state;
    const char *argv[] = { "no-such-program-anywhere", NULL };
    int before = open_files();
    result *r = run_as(&(sn_process){ argv, "", 0, 20, NULL }, 100);
    assert_int_equal(r->e.code, SN_EIO);
    assert_true(r->end.absent);
    assert_string_equal(r->e.msg, "no-such-program-anywhere: No such file or directory");
    done(r);
    assert_int_equal(open_files(), before);
}

static void limits(void **state) {
    (void)state;
    result *r = run_sh("while :; do echo much; done", "", 20, 1000);
    assert_int_equal(r->e.code, SN_ENOMEM);
    assert_string_equal(r->e.msg, "sh: over the limit of 1000 bytes");
    done(r);
    r = run_sh("sleep 1000", "", 0.05, 1000);
    assert_int_equal(r->e.code, SN_EIO);
    assert_string_equal(r->e.msg, "sh: took longer than 0.05 seconds and was ended");
    done(r);
    /* It has closed its outputs and goes on; and what it has started ends with it. */
    r = run_sh("exec >&- 2>&-; sleep 1000", "", 0.05, 1000);
    assert_int_equal(r->e.code, SN_EIO);
    done(r);
    r = run_sh("sleep 1000 & wait", "", 0.05, 1000);
    assert_int_equal(r->e.code, SN_EIO);
    done(r);
}

/* Cancels when it has seen the file. */
static void *cancel_later(void *path) {
    for (int i = 0; i < 2000 && access(path, F_OK) != 0; i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    sn_pool_cancel(sn_pool_default());
    return NULL;
}

static void cancelled(void **state) {
    (void)state;
    char path[] = "/tmp/sonde-process-XXXXXX", script[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    snprintf(script, sizeof script, "trap '' INT TERM; echo $$ >%s; sleep 1000", path);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, cancel_later, path), 0);
    result *r = run_sh(script, "", 100, 1000);
    assert_int_equal(r->e.code, SN_ECANCEL);
    done(r);
    pthread_join(t, NULL);
    unlink(path);
    /* The flag is up: it ends at once. */
    r = run_sh("sleep 1000", "", 100, 1000);
    assert_int_equal(r->e.code, SN_ECANCEL);
    done(r);
    sn_pool_clear_cancel(sn_pool_default());
}

/* Signals as usual, no descriptor of ours, its own group; and here nothing has changed. */
static void surroundings(void **state) {
    (void)state;
    sigset_t blocked, before, after;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    signal(SIGPIPE, SIG_IGN);
    int fd = open("/dev/null", O_RDONLY); /* not closed on exec */
    result *r = run_sh("grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l", "", 20, 4000);
    assert_int_equal(r->e.code, SN_OK);
    unsigned long long block = ~0ull, ignore = ~0ull;
    char *blk = strstr(r->out.data, "SigBlk:"), *ign = strstr(r->out.data, "SigIgn:");
    assert_true(blk && ign);
    block = strtoull(blk + 7, NULL, 16);
    ignore = strtoull(ign + 7, NULL, 16);
    assert_int_equal(block, 0);
    assert_int_equal(ignore >> (SIGPIPE - 1) & 1, 0);
    assert_string_equal(strrchr(r->out.data, '\n') - 1, "4\n"); /* the three, and what ls reads */
    done(r);
    close(fd);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGUSR1), 1);
    assert_int_equal(sigismember(&after, SIGPIPE), sigismember(&before, SIGPIPE));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
}

/* Our standard descriptors are closed. */
static void without_standard_files(void **state) {
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 3; i++) close(i);
        const char *argv[] = { "sh", "-c", "cat; echo e >&2", NULL };
        result *r = run_as(&(sn_process){ argv, "in", 2, 20, NULL }, 100);
        _exit(r->e.code == SN_OK && !strcmp(r->out.data, "in") && !strcmp(r->errors.data, "e\n") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_in_and_out),
        cmocka_unit_test(much_of_both_at_once),
        cmocka_unit_test(absent),
        cmocka_unit_test(limits),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(surroundings),
        cmocka_unit_test(without_standard_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
