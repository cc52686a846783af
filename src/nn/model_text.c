/* A model's graph as text and back. Data only; every line is checked as if a stranger had written it. */
#include "nn/model.h"

#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, MAX_CALL_INPUTS = 1024 };

void sn_model_print(const sn_model *m, sn_buf *b) {
    sn_buf_fmt(b, "sonde-model %d\nname ", FORMAT);
    sn_buf_quoted(b, m->name);
    sn_buf_fmt(b, "\nseed %llu\n", (unsigned long long)m->seed);
    for (int i = 0; i < m->nlayer; i++) {
        sn_buf_str(b, "layer ");
        sn_obj_print(m->layers[i].obj, b);
        sn_buf_str(b, "\n");
    }
    for (int i = 0; i < m->nnode; i++) {
        const sn_node *n = &m->nodes[i];
        if (n->is_activation) continue; /* made again by the call before it */
        sn_buf_fmt(b, "call %d", n->layer);
        for (int k = 0; k < n->nin; k++) sn_buf_fmt(b, " %d", n->in[k]);
        sn_buf_str(b, "\n");
    }
    sn_buf_fmt(b, "input %d\noutput %d\n", m->input, m->output);
}

typedef struct {
    sn_model *m;
    int input, output;
    uint64_t seed;
    int line;
} reader;

static bool starts(const char **t, const char *word) {
    size_t n = strlen(word);
    if (strncmp(*t, word, n) != 0) return false;
    *t += n;
    return true;
}

static sn_status read_number(const char **t, long long lo, long long hi, long long *out, sn_err *e) {
    char *end;
    long long v = strtoll(*t, &end, 10);
    if (end == *t || v < lo || v > hi)
        return sn_fail(e, SN_EFORMAT, "model text: a bad number at \"%.20s\"", *t);
    *t = end;
    *out = v;
    return SN_OK;
}

static sn_status read_layer(reader *r, const char **t, sn_err *e) {
    sn_obj *o = sn_obj_parse(&sn_kind_layer, t, e);
    if (!o) return e ? e->code : SN_EFORMAT;
    int index;
    sn_status s = sn_model_add_layer(r->m, o, &index, e);
    sn_obj_release(o);
    return s;
}

static sn_status read_call(reader *r, const char **t, sn_err *e) {
    long long layer = 0, v = 0;
    int in[MAX_CALL_INPUTS], nin = 0, node;
    if (read_number(t, 0, r->m->nlayer - 1, &layer, e) != SN_OK) return SN_EFORMAT;
    while (**t == ' ') {
        if (nin == MAX_CALL_INPUTS) return sn_fail(e, SN_EFORMAT, "model text: a call with too many inputs");
        if (read_number(t, 0, r->m->nnode - 1, &v, e) != SN_OK) return SN_EFORMAT;
        in[nin++] = (int)v;
    }
    return sn_model_call(r->m, (int)layer, in, nin, &node, e);
}

static sn_status read_line(reader *r, const char **t, sn_err *e) {
    long long v = 0;
    sn_status s = SN_OK;
    if (starts(t, "layer ")) {
        s = read_layer(r, t, e);
    } else if (starts(t, "call ")) {
        s = read_call(r, t, e);
    } else if (starts(t, "seed ")) {
        char *end;
        r->seed = strtoull(*t, &end, 10);
        *t = end;
    } else if (starts(t, "input ")) {
        s = read_number(t, 0, r->m->nnode - 1, &v, e);
        if (s == SN_OK) r->input = (int)v;
    } else if (starts(t, "output ")) {
        s = read_number(t, 0, r->m->nnode - 1, &v, e);
        if (s == SN_OK) r->output = (int)v;
    } else {
        s = sn_fail(e, SN_EFORMAT, "model text: unknown line \"%.20s\" (from a newer sonde?)", *t);
    }
    if (s == SN_OK && **t != '\n')
        s = sn_fail(e, SN_EFORMAT, "model text: line %d does not end where it should", r->line);
    return s;
}

/* The name line holds a quoted text as sn_buf_quoted writes it: only \" \\ and \ddd escapes. */
static sn_status read_name(const char **t, char *name, size_t n, sn_err *e) {
    size_t len = 0;
    if (!starts(t, "name \"")) return sn_fail(e, SN_EFORMAT, "model text: has no name line");
    for (; **t && **t != '"' && **t != '\n'; ++*t) {
        if (**t == '\\' && (*t)[1]) ++*t;
        if (len + 1 < n) name[len++] = **t;
    }
    name[len] = 0;
    if (!starts(t, "\"\n")) return sn_fail(e, SN_EFORMAT, "model text: a bad name line");
    return SN_OK;
}

sn_status sn_model_parse(sn_model **out, const char *text, sn_err *e) {
    *out = NULL;
    const char *t = text;
    char head[32], name[200];
    snprintf(head, sizeof head, "sonde-model %d\n", FORMAT);
    if (!starts(&t, head))
        return sn_fail(e, SN_EFORMAT, "model text: is not a sonde model of format %d", FORMAT);
    if (read_name(&t, name, sizeof name, e) != SN_OK) return SN_EFORMAT;
    reader r = { .input = -1, .output = -1, .line = 3 };
    sn_status s = sn_model_new(&r.m, name, e);
    for (; s == SN_OK && *t; r.line++) {
        s = read_line(&r, &t, e);
        if (s == SN_OK) t++;
    }
    if (s == SN_OK) s = sn_model_allocate(r.m, r.input, r.output, r.seed, e);
    if (s == SN_OK) {
        *out = r.m;
    } else {
        sn_model_free(r.m);
    }
    return s;
}
