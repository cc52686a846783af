#include "num/strided.h"

#include "num/vec.h"
#include <string.h>

sn_layout sn_layout_of(const sn_shape *s) {
    sn_layout l = { .shape = *s };
    int64_t step = 1;
    for (int i = s->n - 1; i >= 0; i--) {
        l.stride[i] = step;
        step *= s->d[i];
    }
    return l;
}

sn_layout sn_layout_permuted(const sn_layout *in, const int order[]) {
    sn_layout l = { .from = in->from, .shape.n = in->shape.n };
    for (int i = 0; i < in->shape.n; i++) {
        l.shape.d[i] = in->shape.d[order[i]];
        l.stride[i] = in->stride[order[i]];
    }
    return l;
}

/* Without axes of size 1, and with neighbors merged that are walked as one. */
static sn_layout simplified(const sn_layout *in) {
    sn_layout l = { .from = in->from };
    for (int i = 0; i < in->shape.n; i++) {
        int64_t n = in->shape.d[i], step = in->stride[i];
        if (n == 1) continue;
        if (l.shape.n > 0 && l.stride[l.shape.n - 1] == step * n) {
            l.shape.d[l.shape.n - 1] *= n;
            l.stride[l.shape.n - 1] = step;
            continue;
        }
        l.shape.d[l.shape.n] = n;
        l.stride[l.shape.n++] = step;
    }
    if (l.shape.n == 0) l.shape = (sn_shape){ 1, { 1 } }, l.stride[0] = 1;
    return l;
}

typedef struct {
    sn_layout l;
    char *plain, *strided;
    size_t size;
    bool write;     /* into the strided side */
    int fast;       /* the axis of stride 1 of a transposition; -1: there is none */
    int64_t skip;   /* a step of that axis on the contiguous side */
    int64_t strips; /* into so many that axis is cut */
} job;

/* n elements, on the contiguous side `plain_step` apart, on the other side `step`. */
static void move(const job *j, int64_t plain, int64_t plain_step, int64_t strided, int64_t step, int64_t n) {
    char *p = j->plain + plain * (int64_t)j->size, *s = j->strided + strided * (int64_t)j->size;
    char *to = j->write ? s : p;
    const char *from = j->write ? p : s;
    int64_t a = j->write ? step : plain_step, b = j->write ? plain_step : step;
    if (a == 1 && b == 1) {
        memcpy(to, from, (size_t)n * j->size);
    } else if (j->size == 4) {
        for (int64_t i = 0; i < n; i++)
            ((uint32_t *)(void *)to)[i * a] = ((const uint32_t *)(const void *)from)[i * b];
    } else if (j->size == 8) {
        for (int64_t i = 0; i < n; i++)
            ((uint64_t *)(void *)to)[i * a] = ((const uint64_t *)(const void *)from)[i * b];
    } else {
        for (int64_t i = 0; i < n; i++) to[i * a] = from[i * b];
    }
}

static void run_range(void *ctx, size_t from, size_t to) {
    const job *j = ctx;
    const sn_layout *l = &j->l;
    int last = l->shape.n - 1;
    int64_t pos[SN_MAXDIM], rest = (int64_t)from, at = l->from;
    for (int d = last; d >= 0; d--) {
        pos[d] = rest % l->shape.d[d];
        rest /= l->shape.d[d];
        at += pos[d] * l->stride[d];
    }
    for (int64_t i = (int64_t)from; i < (int64_t)to;) {
        int64_t left = l->shape.d[last] - pos[last], run = left < (int64_t)to - i ? left : (int64_t)to - i;
        move(j, i, 1, at, l->stride[last], run);
        i += run;
        at -= pos[last] * l->stride[last];
        pos[last] = 0;
        for (int d = last - 1; d >= 0; d--) {
            at += l->stride[d];
            if (++pos[d] < l->shape.d[d]) break;
            at -= l->stride[d] * l->shape.d[d];
            pos[d] = 0;
        }
    }
}

enum { SIDE = 32 };

/* A strip of SIDE rows (of the axis of stride 1) of one transposition, tile by tile, so that both sides stay in
 * the cache. */
static void run_strip(void *ctx, int64_t cell, int worker) {
    (void)worker;
    const job *j = ctx;
    const sn_layout *l = &j->l;
    int last = l->shape.n - 1;
    int64_t strip = cell % j->strips * SIDE, rest = cell / j->strips, at = l->from + strip;
    int64_t rows = l->shape.d[j->fast] - strip < SIDE ? l->shape.d[j->fast] - strip : SIDE;
    int64_t plain = strip * j->skip, step = l->shape.d[last], cols = step;
    for (int d = last - 1; d >= 0; d--) {
        if (d != j->fast) {
            int64_t pos = rest % l->shape.d[d];
            rest /= l->shape.d[d];
            at += pos * l->stride[d];
            plain += pos * step;
        }
        step *= l->shape.d[d];
    }
    for (int64_t c = 0; c < cols; c += SIDE) {
        int64_t end = cols - c < SIDE ? cols : c + SIDE;
        for (int64_t i = c; i < end; i++) move(j, plain + i, j->skip, at + i * l->stride[last], 1, rows);
    }
}

static void run(sn_pool *pool, job *j) {
    const sn_layout *l = &j->l;
    int last = l->shape.n - 1;
    int64_t count = sn_shape_count(&l->shape);
    if (count == 0) return;
    j->fast = -1;
    if (l->stride[last] != 1 && l->shape.d[last] >= SIDE / 4)
        for (int d = 0; d < last; d++)
            if (l->stride[d] == 1 && l->shape.d[d] >= SIDE / 4) j->fast = d;
    if (j->fast < 0) {
        sn_for_ranges(pool, (size_t)count, SN_CHUNK, run_range, j);
        return;
    }
    j->skip = 1;
    for (int d = j->fast + 1; d <= last; d++) j->skip *= l->shape.d[d];
    j->strips = (l->shape.d[j->fast] + SIDE - 1) / SIDE;
    sn_parallel(pool, count / l->shape.d[j->fast] / l->shape.d[last] * j->strips, run_strip, j);
}

void sn_strided_read(sn_pool *pool, void *out, const void *in, const sn_layout *layout, size_t size) {
    job j = { .l = simplified(layout), .plain = out, .strided = (char *)(uintptr_t)in, .size = size };
    run(pool, &j);
}

void sn_strided_write(sn_pool *pool, void *out, const sn_layout *layout, const void *in, size_t size) {
    job j = {
        .l = simplified(layout), .plain = (char *)(uintptr_t)in, .strided = out, .size = size, .write = true
    };
    run(pool, &j);
}
