#include "nn/losses/targets.h"

#include <stdbool.h>

enum { TEXT = 96 };

static int64_t last(const sn_shape *s) { return s->n ? s->d[s->n - 1] : 1; }

/* a is b with one more axis, of size 1, at the end. */
static bool is_with_one(const sn_shape *a, const sn_shape *b) {
    if (a->n != b->n + 1 || last(a) != 1) return false;
    for (int i = 0; i < b->n; i++)
        if (a->d[i] != b->d[i]) return false;
    return true;
}

/* "(1)" for a scalar: a person thinks of one number per sample. */
static const char *text(const sn_shape *s, char buf[TEXT]) {
    sn_shape one = { .n = 1, .d = { 1 } };
    return sn_shape_text(s->n ? s : &one, false, buf, TEXT);
}

static bool is_indices(const sn_shape *out, const sn_shape *target) {
    sn_shape rest = *out;
    if (rest.n) rest.n--;
    return sn_shape_equal(&rest, target) || is_with_one(target, &rest);
}

static sn_status too_few_classes(const char *name, const sn_shape *out, sn_err *e) {
    char o[TEXT];
    return sn_fail(e, SN_ESHAPE,
                   "%s: wants two or more outputs, one per class, got output %s; use binary_crossentropy and "
                   "binary_accuracy for one unit, or dense{2}",
                   name, text(out, o));
}

sn_status sn_want_one_hot(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                          sn_err *e) {
    char o[TEXT], t[TEXT];
    if (last(out) < 2) return too_few_classes(name, out, e);
    if (sn_shape_equal(out, target)) return SN_OK;
    if (is_indices(out, target))
        return sn_fail(
            e, SN_ESHAPE,
            "%s: wants one-hot targets %s, got class indices %s; use label_mode=\"categorical\" or %s", name,
            text(out, o), text(target, t), other);
    return sn_fail(e, SN_ESHAPE,
                   "%s: wants one-hot targets %s, got %s; the last layer needs one unit per class: dense{%lld}",
                   name, text(out, o), text(target, t), (long long)(last(target) > 1 ? last(target) : 2));
}

sn_status sn_want_indices(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                          sn_err *e) {
    char o[TEXT], t[TEXT];
    if (last(out) < 2) return too_few_classes(name, out, e);
    if (is_indices(out, target)) return SN_OK;
    sn_shape want = *out;
    want.d[want.n - 1] = 1;
    if (sn_shape_equal(out, target))
        return sn_fail(e, SN_ESHAPE,
                       "%s: wants class indices %s, got one-hot targets %s; use label_mode=\"int\" or %s", name,
                       text(&want, o), text(target, t), other);
    return sn_fail(e, SN_ESHAPE, "%s: wants class indices %s, got targets %s; give one class index per sample",
                   name, text(&want, o), text(target, t));
}

sn_status sn_want_same(const char *name, const char *other, const sn_shape *out, const sn_shape *target,
                       sn_err *e) {
    char o[TEXT], t[TEXT];
    if (sn_shape_equal(out, target) || is_with_one(out, target) || is_with_one(target, out)) return SN_OK;
    if (is_indices(out, target))
        return sn_fail(e, SN_ESHAPE,
                       "%s: wants targets of the output's shape %s, got one value per sample %s; use %s", name,
                       text(out, o), text(target, t), other);
    return sn_fail(
        e, SN_ESHAPE,
        "%s: wants targets of the output's shape %s, got %s; the last layer needs as many units as a "
        "target has values",
        name, text(out, o), text(target, t));
}
