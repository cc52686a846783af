#include "app/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 256 };

void sn_options_usage(void) {
    fputs("usage: sonde [options] [script [args]]\n"
          "  -e CODE        run CODE (may be repeated)\n"
          "  -l MOD         require MOD into the global MOD (or NAME=MOD)\n"
          "  -i             a prompt after the script, also after an error in it\n"
          "  -q             no banner\n"
          "  --no-rc        without $XDG_CONFIG_HOME/sonde/init.lua\n"
          "  --threads N    threads to compute with (as SONDE_THREADS=N); results do not depend on it\n"
          "  --version      print the version\n"
          "  --help         print this\n"
          "  -              run standard input as a script\n"
          "  --             end of the options\n"
          "Without a script: a prompt when standard input is a terminal, else standard input is the script.\n"
          "Exit status: 0; 1 error in a script, -e or standard input; 2 wrong usage; 130 interrupted.\n",
          stdout);
}

static bool wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool wrong(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("sonde: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("; sonde --help lists the options\n", stderr);
    va_end(ap);
    return false;
}

static bool set_threads(const char *text) {
    char *end = NULL;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (end == text || *end || errno || n < 1 || n > MAX_THREADS)
        return wrong("--threads: '%s' is not a number of threads from 1 to %d", text, MAX_THREADS);
    if (setenv("SONDE_THREADS", text, 1)) return wrong("--threads: %s", strerror(errno));
    return true;
}

/* The value of the option at argv[*i]: what follows its `used` characters, or the next argument. */
static const char *value_of(int argc, char **argv, int *i, size_t used) {
    const char *rest = argv[*i] + used;
    if (*rest) return rest;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static bool read_action(sn_options *o, int argc, char **argv, int *i) {
    char kind = argv[*i][1];
    const char *text = value_of(argc, argv, i, 2);
    if (!text) return wrong("-%c needs %s behind it", kind, kind == 'e' ? "code" : "a module's name");
    o->action[o->naction++] = (sn_action){ kind, text };
    return true;
}

static bool read_threads(int argc, char **argv, int *i) {
    const char *arg = argv[*i];
    if (arg[9] == '=') return set_threads(arg + 10);
    const char *text = value_of(argc, argv, i, 9);
    return text ? set_threads(text) : wrong("--threads needs a number behind it");
}

static bool read_option(sn_options *o, int argc, char **argv, int *i) {
    const char *arg = argv[*i];
    if (arg[1] == 'e' || arg[1] == 'l') return read_action(o, argc, argv, i);
    if (!strcmp(arg, "-i")) return o->interactive = true;
    if (!strcmp(arg, "-q")) return o->quiet = true;
    if (!strcmp(arg, "--no-rc")) return o->no_rc = true;
    if (!strcmp(arg, "--version")) return o->version = true;
    if (!strcmp(arg, "--help")) return o->help = true;
    if (!strcmp(arg, "--threads") || !strncmp(arg, "--threads=", 10)) return read_threads(argc, argv, i);
    return wrong("unknown option '%s'", arg);
}

bool sn_options_read(sn_options *o, int argc, char **argv) {
    *o = (sn_options){ .script = argc };
    o->action = calloc((size_t)argc + 1, sizeof *o->action);
    if (!o->action) return wrong("out of memory");
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (arg[0] != '-' || !arg[1]) { /* a script's name, or "-" */
            o->script = i;
            break;
        }
        if (!strcmp(arg, "--")) {
            o->script = i + 1;
            break;
        }
        if (!read_option(o, argc, argv, &i)) return false;
    }
    return true;
}

void sn_options_free(sn_options *o) {
    free(o->action);
    o->action = NULL;
}
