/* Programs of recorded functions: reading their text. Every byte is checked as if a stranger had written it. */
#include "nn/expr.h"

#include "base/buf.h"
#include "base/mem.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { ATTR_NONE, ATTR_INPUT, ATTR_NUMBER, ATTR_TENSOR, ATTR_RANGE, ATTR_AXES, ATTR_DIMS } attributes;

static const struct {
    const char *name;
    int nin;
    attributes what;
} ops[] = {
#define SN_OP(name, nin, attributes) { #name, nin, ATTR_##attributes },
#include "nn/expr_ops.def"
#undef SN_OP
};

const char *sn_op_name(sn_op op) { return op == SN_OP_stop_gradient ? "stop_gradient" : ops[op].name; }
int sn_op_inputs(sn_op op) { return ops[op].nin; }
bool sn_op_is_flat(sn_op op) {
    return op == SN_OP_stop_gradient || op == SN_OP_one_hot || op == SN_OP_sign || op == SN_OP_floor ||
           op == SN_OP_round || (op >= SN_OP_eq && op <= SN_OP_ge);
}

/* ---- words of the text ---- */

typedef struct {
    const char *at;
    sn_expr *x;
    size_t cap;
    sn_err *e;
} reader;

static void skip_blanks(reader *r) {
    while (*r->at == ' ') r->at++;
}

static bool take_word(reader *r, const char *word) {
    skip_blanks(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0 || (r->at[n] && r->at[n] != ' ' && r->at[n] != ';')) return false;
    r->at += n;
    return true;
}

static sn_status bad(reader *r, const char *what) {
    return sn_fail(r->e, SN_EFORMAT, "recorded function: %s at \"%.24s\"", what, r->at);
}

static bool at_number(reader *r) {
    skip_blanks(r);
    return *r->at && *r->at != ';' && strchr("-+.0123456789in", *r->at);
}

static sn_status take_number(reader *r, double *out) {
    char *end;
    skip_blanks(r);
    *out = strtod(r->at, &end);
    if (end == r->at || (*end && *end != ' ' && *end != ';')) return bad(r, "a bad number");
    r->at = end;
    return SN_OK;
}

static sn_status take_whole(reader *r, double lo, double hi, int64_t *out) {
    double v;
    const char *from = r->at;
    sn_status s = take_number(r, &v);
    if (s != SN_OK) return s;
    if (!(v >= lo && v <= hi) || v != floor(v)) {
        r->at = from;
        return bad(r, "a number that does not fit");
    }
    *out = (int64_t)v;
    return SN_OK;
}

static sn_status take_list(reader *r, double lo, double hi, sn_dims *d) {
    d->n = 0;
    while (at_number(r)) {
        if (d->n == SN_MAXDIM) return bad(r, "more numbers than a shape has");
        sn_status s = take_whole(r, lo, hi, &d->d[d->n]);
        if (s != SN_OK) return s;
        d->n++;
    }
    return SN_OK;
}

/* ---- attributes ---- */

#define MAX_SIZE 1e12

static sn_status take_axes(reader *r, sn_expr_node *n) {
    n->naxis = take_word(r, "rows") ? SN_EXPR_ROWS : -1;
    if (n->naxis == -1 && take_word(r, "axes")) {
        sn_status s = take_list(r, -SN_MAXDIM, SN_MAXDIM - 1, &n->dims);
        if (s != SN_OK) return s;
        if (n->dims.n == 0) return bad(r, "axes without numbers");
        n->naxis = n->dims.n;
    }
    n->keep = take_word(r, "keep");
    return SN_OK;
}

static sn_status take_dims(reader *r, sn_expr_node *n) {
    if (!take_word(r, "dims")) return bad(r, "dims is missing");
    return take_list(r, -MAX_SIZE, MAX_SIZE, &n->dims);
}

/* tensor 2 3 : v v v v v v */
static sn_status take_tensor(reader *r, sn_expr_node *n) {
    sn_status s = take_list(r, 0, SN_EXPR_MAXVALUES, &n->dims);
    if (s != SN_OK) return s;
    if (!take_word(r, ":")) return bad(r, "the values of a tensor are missing");
    int64_t count = sn_shape_count(&n->dims);
    sn_expr *x = r->x;
    if (count < 0 || (size_t)count + x->nvalues > SN_EXPR_MAXVALUES)
        return sn_fail(r->e, SN_EFORMAT, "recorded function: its tensors have more than %d values",
                       SN_EXPR_MAXVALUES);
    double *v = sn_realloc(x->values, (x->nvalues + (size_t)count + 1) * sizeof *v, "recorded function", r->e);
    if (!v) return SN_ENOMEM;
    x->values = v;
    n->values = x->nvalues;
    for (int64_t i = 0; i < count && s == SN_OK; i++) s = take_number(r, &v[n->values + (size_t)i]);
    x->nvalues += (size_t)count;
    return s;
}

static sn_status take_attributes(reader *r, sn_expr_node *n) {
    sn_status s = SN_OK;
    switch (ops[n->op].what) {
    case ATTR_NONE:
    case ATTR_INPUT: break;
    case ATTR_NUMBER: s = take_number(r, &n->a); break;
    case ATTR_TENSOR: s = take_tensor(r, n); break;
    case ATTR_RANGE:
        s = take_number(r, &n->a);
        if (s == SN_OK) s = take_number(r, &n->b);
        break;
    case ATTR_AXES: s = take_axes(r, n); break;
    case ATTR_DIMS: s = take_dims(r, n); break;
    }
    return s;
}

/* How many numbers an operation's dims must have: 0 = any. */
static int dims_wanted(sn_op op) {
    return op == SN_OP_slice ? 3 : op == SN_OP_concat || op == SN_OP_one_hot ? 1 : 0;
}

/* ---- operations ---- */

static sn_status new_node(reader *r, sn_expr_node **out) {
    sn_expr *x = r->x;
    if (x->nnode == SN_EXPR_MAXNODE)
        return sn_fail(r->e, SN_EINVAL,
                       "recorded function: has more than %d operations; loops over elements are written with "
                       "sum, mean and matmul",
                       SN_EXPR_MAXNODE);
    if ((size_t)x->nnode == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 16;
        sn_expr_node *n = sn_realloc(x->node, cap * sizeof *n, "recorded function", r->e);
        if (!n) return SN_ENOMEM;
        x->node = n;
        r->cap = cap;
    }
    *out = &x->node[x->nnode];
    **out = (sn_expr_node){ .naxis = -1 };
    return SN_OK;
}

static sn_status take_operation(reader *r) {
    sn_expr_node *n;
    sn_status s = new_node(r, &n);
    if (s != SN_OK) return s;
    int op = SN_OP_const;
    while (op < SN_NOP && !take_word(r, ops[op].name)) op++;
    if (op == SN_NOP) return bad(r, "an unknown operation");
    n->op = (sn_op)op;
    for (int i = 0; i < ops[op].nin && s == SN_OK; i++) {
        int64_t k = 0;
        s = take_whole(r, 0, r->x->nnode - 1, &k);
        n->in[i] = (int)k;
    }
    if (s == SN_OK) s = take_attributes(r, n);
    if (s != SN_OK) return s;
    if (dims_wanted(n->op) && n->dims.n != dims_wanted(n->op)) return bad(r, "dims of another number");
    r->x->nnode++;
    return SN_OK;
}

static sn_status take_inputs(reader *r) {
    int64_t count = 0;
    if (!take_word(r, "inputs")) return bad(r, "`inputs` is missing");
    sn_status s = take_whole(r, 1, SN_EXPR_MAXIN, &count);
    for (int64_t i = 0; i < count && s == SN_OK; i++) {
        sn_expr_node *n;
        s = new_node(r, &n);
        if (s != SN_OK) return s;
        n->op = SN_OP_input;
        r->x->nnode++;
    }
    r->x->ninput = (int)count;
    return s;
}

static sn_status read_program(reader *r) {
    sn_status s = take_inputs(r);
    for (;;) {
        skip_blanks(r);
        if (s != SN_OK || !*r->at) return s;
        if (*r->at != ';') return bad(r, "something behind an operation");
        r->at++;
        s = take_operation(r);
    }
}

sn_status sn_expr_parse(sn_expr **out, const char *text, sn_err *e) {
    *out = NULL;
    sn_expr *x = sn_calloc(1, sizeof *x, "recorded function", e);
    if (!x) return SN_ENOMEM;
    reader r = { .at = text, .x = x, .e = e };
    sn_status s = read_program(&r);
    if (s == SN_OK && !(x->text = sn_strdup(text, e))) s = SN_ENOMEM;
    if (s != SN_OK) {
        sn_expr_free(x);
        return s;
    }
    *out = x;
    return SN_OK;
}

void sn_expr_free(sn_expr *x) {
    if (!x) return;
    sn_free(x->node);
    sn_free(x->values);
    sn_free(x->text);
    sn_free(x->places);
    sn_free(x);
}

/* ---- where it was written ---- */

sn_status sn_expr_set_places(sn_expr *x, const char *places, sn_err *e) {
    char *copy = sn_strdup(places, e);
    if (!copy) return SN_ENOMEM;
    sn_free(x->places);
    x->places = copy;
    return SN_OK;
}

const char *sn_expr_place(const sn_expr *x, int node, char *text, size_t size) {
    const char *at = node >= x->ninput ? x->places : NULL;
    for (int i = x->ninput; at && i < node; i++) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    size_t n = at ? strcspn(at, "\n") : 0;
    text[0] = '\0';
    if (n) snprintf(text, size, " at %.*s", (int)n, at);
    return text;
}
