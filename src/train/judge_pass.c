/* Predictions, labels and losses of a dataset in one pass. */
#include "train/judge_pass.h"

#include "base/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the outputs are ---- */

/* The name of the activation that the output comes from; "" = none. */
static const char *last_activation(const sn_model *m) {
    const sn_obj *o = m->nodes[m->output].obj;
    for (const sn_field *f = o->desc->fields; f->name; f++) {
        if (f->type != SN_T_OBJECT || f->kind != &sn_kind_activation) continue;
        const sn_obj *a = *(sn_obj *const *)(const void *)((const char *)o->cfg + f->off);
        if (a) return a->desc->name;
    }
    return "";
}

static bool option(const sn_obj *o, const char *name) {
    for (const sn_field *f = o->desc->fields; f && f->name; f++)
        if (f->type == SN_T_BOOL && strcmp(f->name, name) == 0)
            return *(const bool *)(const void *)((const char *)o->cfg + f->off);
    return false;
}

static sn_status no_classifier(const sn_judged *j, const char *loss, sn_err *e) {
    if (!loss)
        return sn_fail(e, SN_EINVAL,
                       "the model's single output comes from no sigmoid, and it is not compiled: end it with "
                       "activation = \"sigmoid\", or call m:compile{ loss = "
                       "binary_crossentropy{ from_logits = true }, ... }");
    return sn_fail(
        e, SN_EINVAL,
        "the model predicts numbers, not classes: its loss is %s, and no softmax or sigmoid ends it; "
        "a classifier ends with dense{%d, activation = \"%s\"}, or has %s_crossentropy as its loss",
        loss, j->units, j->units > 1 ? "softmax" : "sigmoid", j->units > 1 ? "categorical" : "binary");
}

sn_status sn_judge_head(const sn_trainer *t, sn_judged *j, sn_err *e) {
    const sn_shape *out = sn_model_output_shape(t->model);
    if (out->n > 1) {
        char text[96];
        return sn_fail(e, SN_ESHAPE, "wants one row of class outputs for each sample; the model gives %s",
                       sn_shape_text(out, false, text, sizeof text));
    }
    *j = (sn_judged){ .units = out->n ? (int)out->d[0] : 1 };
    j->classes = j->units > 1 ? j->units : 2;
    const char *act = last_activation(t->model), *loss = t->loss ? t->loss->desc->name : NULL;
    bool binary = loss && strcmp(loss, "binary_crossentropy") == 0;
    bool sums = loss && !binary && strstr(loss, "crossentropy"); /* it divides by the sum */
    bool softmax = strcmp(act, "softmax") == 0, sigmoid = strcmp(act, "sigmoid") == 0;
    if ((binary || sums) && option(t->loss, "from_logits")) {
        j->kind = SN_OUT_LOGITS;
        j->independent = binary && j->units > 1;
    } else if (softmax || sigmoid || binary || sums) {
        j->kind = SN_OUT_PROBABILITIES;
        j->independent = j->units > 1 && !softmax && !sums;
    } else if (loss ? strcmp(loss, "hinge") == 0 : j->units > 1) {
        j->kind = SN_OUT_SCORES;
    } else {
        return no_classifier(j, loss, e);
    }
    return SN_OK;
}

/* ---- labels ---- */

const char *sn_judgment_sample(const sn_judgment *g, int64_t i, char *buf, size_t n) {
    const char *name = sn_dataset_sample_name(g->data, g->index[i]);
    long long number = (long long)g->index[i] + 1;
    if (name)
        snprintf(buf, n, "sample %lld (%.160s)", number, name);
    else
        snprintf(buf, n, "sample %lld", number);
    return buf;
}

enum { TEXT = 208 };

static sn_status bad_label(const sn_judgment *g, int64_t i, double v, const char *wanted, sn_err *e) {
    char text[TEXT];
    if (isnan(v)) v = (double)NAN; /* its sign is of no interest */
    return sn_fail(e, SN_EINVAL, "label %.7g of %s: %s", v, sn_judgment_sample(g, i, text, sizeof text),
                   wanted);
}

/* One number: a class index; of a head of one unit 0 or 1, a share of class 1, or (hinge) -1 or 1. */
static sn_status read_index(sn_judgment *g, int64_t i, double v, sn_err *e) {
    const sn_judged *j = &g->seen;
    if (j->kind == SN_OUT_SCORES && v == -1 && j->units == 1) v = 0;
    if (j->units == 1 && v > 0 && v < 1 && j->kind != SN_OUT_SCORES) {
        if (v == 0.5) return bad_label(g, i, v, "is as much of one class as of the other", e);
        g->soft++;
        v = v > 0.5;
    }
    if (!(v >= 0 && v < j->classes && v == trunc(v))) {
        char wanted[128];
        snprintf(wanted, sizeof wanted, "class labels are whole numbers in 0..%d; the model has %d output%s",
                 j->classes - 1, j->units, j->units > 1 ? "s" : "");
        return bad_label(g, i, v, wanted, e);
    }
    g->label[i] = (int32_t)v;
    return SN_OK;
}

/* A number for each class: the largest is taken; it must be the only one, and they must share 1. */
static sn_status read_row(sn_judgment *g, int64_t i, const float *y, sn_err *e) {
    const sn_judged *j = &g->seen;
    double sum = 0;
    int best = 0, ones = 0;
    bool tie = false;
    for (int k = 0; k < j->classes; k++) {
        double v = j->kind == SN_OUT_SCORES && y[k] == -1 ? 0 : (double)y[k];
        if (!(v >= 0 && v <= 1 + 1e-6)) return bad_label(g, i, v, "a row of labels has shares within 0..1", e);
        sum += v;
        ones += v == 1;
        if (k > 0 && y[k] == y[best]) tie = true;
        if (y[k] > y[best]) best = k, tie = false;
    }
    char text[TEXT];
    if (fabs(sum - 1) > 1e-3)
        return sn_fail(e, SN_EINVAL,
                       "the labels of %s sum to %.6g: judging wants one class for each sample, a row with a "
                       "single 1",
                       sn_judgment_sample(g, i, text, sizeof text), sum);
    if (tie)
        return sn_fail(e, SN_EINVAL, "the labels of %s name no class: two share the largest value, %.6g",
                       sn_judgment_sample(g, i, text, sizeof text), (double)y[best]);
    g->soft += ones != 1;
    g->label[i] = best;
    return SN_OK;
}

/* Numbers of a label: 1 = an index, else a row. */
static sn_status label_size(const sn_judged *j, const sn_dataset *d, int64_t *size, sn_err *e) {
    if (!d->has_y) return sn_fail(e, SN_EINVAL, "the dataset has no labels");
    *size = sn_shape_count(&d->y_shape);
    bool one = d->y_shape.n == 0 || (d->y_shape.n == 1 && d->y_shape.d[0] == 1);
    if (one || (d->y_shape.n == 1 && d->y_shape.d[0] == j->classes)) return SN_OK;
    char text[96];
    return sn_fail(
        e, SN_ESHAPE,
        "labels of shape %s do not fit the model's %d output%s: give a class index, or one number for "
        "each of %d classes",
        sn_shape_text(&d->y_shape, false, text, sizeof text), j->units, j->units > 1 ? "s" : "", j->classes);
}

/* ---- outputs ---- */

static sn_status no_probability(const sn_judgment *g, int64_t i, double v, sn_err *e) {
    char text[TEXT];
    return sn_fail(e, SN_EINVAL,
                   "the outputs are no probabilities: %.6g for %s; end the model with activation = \"%s\", or "
                   "compile with from_logits = true",
                   v, sn_judgment_sample(g, i, text, sizeof text), g->seen.units > 1 ? "softmax" : "sigmoid");
}

static void note_bad(sn_judgment *g, int64_t i) {
    if (g->bad++ == 0) g->first_bad = i;
}

/* Counts what is not finite; probabilities must lie in 0..1, and are divided by their sum where that is not 1.
 */
static sn_status check_outputs(sn_judgment *g, sn_err *e) {
    sn_judged *j = &g->seen;
    bool shares = j->units > 1 && !j->independent;
    for (int64_t i = 0; i < j->n; i++) {
        const float *v = g->out + i * j->units;
        double sum = 0, outside = 0;
        bool finite = true;
        for (int k = 0; k < j->units; k++) {
            finite &= isfinite(v[k]) != 0;
            sum += v[k];
            if (v[k] < -1e-6F || (v[k] > 1 + 1e-6F && !shares)) outside = v[k];
        }
        if (!finite || (j->kind == SN_OUT_PROBABILITIES && shares && sum == 0)) {
            note_bad(g, i);
        } else if (j->kind == SN_OUT_PROBABILITIES) {
            if (outside != 0) return no_probability(g, i, outside, e);
            if (shares && fabs(sum - 1) > 1e-4) j->normalize = true;
        }
    }
    return SN_OK;
}

/* ---- the pass ---- */

/* What a batch gave, behind what was there. */
static sn_status take_batch(sn_judgment *g, const sn_batch *b, const float *out, int64_t size, sn_err *e) {
    sn_judged *j = &g->seen;
    int64_t at = j->n;
    memcpy(g->out + at * j->units, out, (size_t)(b->n * j->units) * sizeof(float));
    memcpy(g->index + at, b->index, (size_t)b->n * sizeof(int64_t));
    for (int64_t i = 0; i < b->n; i++) {
        const float *y = b->y + i * size;
        sn_status s = size == 1 ? read_index(g, at + i, y[0], e) : read_row(g, at + i, y, e);
        if (s != SN_OK) return s;
    }
    j->n += b->n;
    return SN_OK;
}

static sn_status pass(sn_judgment *g, sn_trainer *t, sn_loader *loader, int64_t size, sn_err *e) {
    sn_batch b;
    sn_status s;
    while ((s = sn_loader_next(loader, &b, e)) == SN_OK && b.n > 0) {
        const float *out;
        s = g->loss ? sn_trainer_each(t, b.n, b.x, b.y, &g->data->y_shape, g->loss + g->seen.n, &out, e)
                    : sn_trainer_predict(t, b.n, b.x, &out, e);
        if (s == SN_OK) s = take_batch(g, &b, out, size, e);
        if (s != SN_OK) return s;
    }
    if (s == SN_OK && g->seen.n == 0) s = sn_fail(e, SN_EINVAL, "the dataset has no samples");
    return s == SN_OK ? check_outputs(g, e) : s;
}

static sn_status allocate(sn_judgment *g, bool with_loss, sn_err *e) {
    size_t n = (size_t)g->data->count;
    g->out = sn_calloc(n * (size_t)g->seen.units, sizeof(float), "judging: outputs", e);
    if (g->out) g->label = sn_calloc(n, sizeof(int32_t), "judging: labels", e);
    if (g->label) g->index = sn_calloc(n, sizeof(int64_t), "judging: numbers of samples", e);
    if (!g->index) return SN_ENOMEM;
    if (with_loss) g->loss = sn_calloc(n, sizeof(double), "judging: losses", e);
    if (with_loss && !g->loss) return SN_ENOMEM;
    g->seen.out = g->out;
    g->seen.label = g->label;
    return SN_OK;
}

static sn_status fill(sn_judgment *g, sn_trainer *t, sn_loader *loader, bool with_loss, sn_err *e) {
    int64_t size = 1;
    sn_status s = sn_judge_head(t, &g->seen, e);
    if (s == SN_OK) s = label_size(&g->seen, g->data, &size, e);
    if (s == SN_OK && with_loss) s = sn_trainer_check_target(t, &g->data->y_shape, e);
    if (s == SN_OK) s = allocate(g, with_loss, e);
    return s == SN_OK ? pass(g, t, loader, size, e) : s;
}

sn_status sn_judgment_new(sn_judgment **out, sn_trainer *t, sn_loader *loader, sn_dataset *d, bool with_loss,
                          sn_err *e) {
    *out = NULL;
    sn_judgment *g = sn_calloc(1, sizeof *g, "judging", e);
    if (!g) return SN_ENOMEM;
    g->data = sn_dataset_retain(d);
    g->first_bad = -1;
    sn_status s = fill(g, t, loader, with_loss, e);
    if (s == SN_OK)
        *out = g;
    else
        sn_judgment_free(g);
    return s;
}

void sn_judgment_free(sn_judgment *g) {
    if (!g) return;
    sn_free(g->out);
    sn_free(g->label);
    sn_free(g->index);
    sn_free(g->loss);
    sn_dataset_release(g->data);
    sn_free(g);
}
