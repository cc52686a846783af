/* What the tests of nn's small objects share. */
#ifndef SN_TEST_NN_OBJECTS_H
#define SN_TEST_NN_OBJECTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/objects.h"
#include <math.h>
#include <string.h>

/* Equal to within tol, relative to the wanted value where that is above 1. */
#define assert_near(got, want, tol)                                                                            \
    do {                                                                                                       \
        double g_ = (got), w_ = (want);                                                                        \
        if (!(fabs(g_ - w_) <= (tol)*fmax(1, fabs(w_)))) fail_msg("got %.12g, want %.12g", g_, w_);            \
    } while (0)
/* Equal to within tol times the wanted value. */
#define assert_close(got, want, tol)                                                                           \
    do {                                                                                                       \
        double g_ = (got), w_ = (want);                                                                        \
        if (!(fabs(g_ - w_) <= (tol)*fabs(w_))) fail_msg("got %.12g, want %.12g", g_, w_);                     \
    } while (0)

static inline sn_obj *make(const sn_kind *k, const char *text) {
    sn_err e = { 0 };
    const char *t = text;
    sn_obj *o = sn_obj_parse(k, &t, &e);
    if (!o) fail_msg("%s: %s", text, e.msg);
    return o;
}

/* The text must be refused with a message that contains part. */
static inline void refuse(const sn_kind *k, const char *text, const char *part) {
    sn_err e = { 0 };
    const char *t = text;
    sn_obj *o = sn_obj_parse(k, &t, &e);
    if (o) fail_msg("%s was accepted", text);
    if (!strstr(e.msg, part)) fail_msg("%s: the message was: %s", text, e.msg);
}

/* Central differences against the gradient at hand: the norm of what differs over the norm of both. */
static inline double relative_error(const double *a, const double *b, size_t n) {
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        d += (a[i] - b[i]) * (a[i] - b[i]);
        s += a[i] * a[i] + b[i] * b[i];
    }
    return s > 0 ? sqrt(d / s) : 0;
}

#endif
