/* The kernels of reduce.c for one type T (double or int64_t), added up as WIDE; SUFFIX: the end of the names.
 * An accumulator takes up elements in order, and another one whose elements come after its own. */

#define NAME2(a, b) a##_##b
#define NAME1(a, b) NAME2(a, b)
#define NAME(a)     NAME1(a, SUFFIX)

typedef struct {
    T v;
    int64_t at; /* arg*: where; -1: nothing yet */
} NAME(acc);

INLINE bool NAME(before)(step_op op, T a, T b) { /* a is more extreme than b */
    if (IS_NAN(b)) return false;
    return IS_NAN(a) || (op == STEP_MIN || op == STEP_ARGMIN ? a < b : a > b);
}

INLINE NAME(acc) NAME(nothing)(step_op op) {
    return (NAME(acc)){ .v = op == STEP_PROD || op == STEP_ALL ? 1 : 0, .at = -1 };
}

/* mid: what deviations are taken from */
INLINE void NAME(step)(step_op op, NAME(acc) * a, T v, T mid, int64_t at) {
    switch (op) {
    case STEP_SUM: a->v = (T)(a->v + (WIDE)v); break;
    case STEP_SQ: a->v += v * v; break;
    case STEP_DEV: a->v += (v - mid) * (v - mid); break;
    case STEP_PROD: a->v = (T)(a->v * (WIDE)v); break;
    case STEP_ANY:
        if (v != 0) a->v = 1;
        break;
    case STEP_ALL:
        if (v == 0) a->v = 0;
        break;
    default:
        if (a->at < 0 || NAME(before)(op, v, a->v)) a->v = v, a->at = at;
    }
}

INLINE void NAME(join)(step_op op, NAME(acc) * a, NAME(acc) b) {
    switch (op) {
    case STEP_SUM:
    case STEP_SQ:
    case STEP_DEV: a->v = (T)(a->v + (WIDE)b.v); break;
    case STEP_PROD: a->v = (T)(a->v * (WIDE)b.v); break;
    case STEP_ANY:
        if (b.v != 0) a->v = 1;
        break;
    case STEP_ALL:
        if (b.v == 0) a->v = 0;
        break;
    default:
        if (b.at >= 0 && (a->at < 0 || NAME(before)(op, b.v, a->v))) *a = b;
    }
}

/* n <= SN_BLOCK elements into one accumulator. Sums go through 8 lanes: short chains of additions, and less
 * error. */
INLINE void NAME(line)(step_op op, NAME(acc) * a, const T *x, size_t n, T mid, int64_t at) {
    size_t i = 0;
    if (op == STEP_SUM || op == STEP_SQ || op == STEP_DEV) {
        NAME(acc) lane[8] = { 0 };
        for (; i + 8 <= n; i += 8)
            for (size_t l = 0; l < 8; l++) NAME(step)(op, &lane[l], x[i + l], mid, 0);
        for (size_t half = 4; half > 0; half /= 2)
            for (size_t l = 0; l < half; l++) NAME(join)(op, &lane[l], lane[l + half]);
        NAME(join)(op, a, lane[0]);
    }
    for (; i < n; i++) NAME(step)(op, a, x[i], mid, at + (int64_t)i);
}

/* n columns, each into its own accumulator; at: the number of the row */
INLINE void NAME(row)(step_op op, NAME(acc) * a, const T *x, size_t n, const double *mid, int64_t at) {
    for (size_t i = 0; i < n; i++) NAME(step)(op, &a[i], x[i], mid ? (T)mid[i] : 0, at);
}

#define KERNELS(op, name)                                                                                      \
    static void NAME(line_##name)(void *a, const void *x, size_t n, double mid, int64_t at) {                  \
        NAME(line)(op, a, x, n, (T)mid, at);                                                                   \
    }                                                                                                          \
    static void NAME(row_##name)(void *a, const void *x, size_t n, const double *mid, int64_t at) {            \
        NAME(row)(op, a, x, n, mid, at);                                                                       \
    }                                                                                                          \
    static void NAME(join_##name)(void *a, const void *b) { NAME(join)(op, a, *(const NAME(acc) *)b); }        \
    static void NAME(start_##name)(void *a) { *(NAME(acc) *)a = NAME(nothing)(op); }

KERNELS(STEP_SUM, sum)
KERNELS(STEP_SQ, sq)
KERNELS(STEP_DEV, dev)
KERNELS(STEP_PROD, prod)
KERNELS(STEP_MIN, min)
KERNELS(STEP_MAX, max)
KERNELS(STEP_ARGMIN, argmin)
KERNELS(STEP_ARGMAX, argmax)
KERNELS(STEP_ANY, any)
KERNELS(STEP_ALL, all)

#define ENTRY(op, name) [op] = { NAME(start_##name), NAME(line_##name), NAME(row_##name), NAME(join_##name) }
static const kernels NAME(kernels)[STEPS] = {
    ENTRY(STEP_SUM, sum), ENTRY(STEP_SQ, sq),   ENTRY(STEP_DEV, dev),       ENTRY(STEP_PROD, prod),
    ENTRY(STEP_MIN, min), ENTRY(STEP_MAX, max), ENTRY(STEP_ARGMIN, argmin), ENTRY(STEP_ARGMAX, argmax),
    ENTRY(STEP_ANY, any), ENTRY(STEP_ALL, all),
};

#undef ENTRY
#undef KERNELS
#undef NAME
#undef NAME1
#undef NAME2
#undef T
#undef WIDE
#undef IS_NAN
#undef SUFFIX
