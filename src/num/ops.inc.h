/* The element-wise kernels of ops.c for one type: T its name, SUFFIX the end of the names, LIBM(f) the
 * library's function for it. Included for float and double, and for int64_t, where WHOLE is set. */

#define NAME2(a, b) a##_##b
#define NAME1(a, b) NAME2(a, b)
#define NAME(a)     NAME1(a, SUFFIX)
#define TWO(fn, E)                                                                                             \
    static void NAME(fn)(void *restrict out, const void *pa, const void *pb, size_t n) {                       \
        T *restrict y = out;                                                                                   \
        const T *x = pa, *z = pb;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                       \
            T a = x[i], b = z[i];                                                                              \
            y[i] = (E);                                                                                        \
        }                                                                                                      \
    }
#define TEST(fn, E)                                                                                            \
    static void NAME(fn)(void *restrict out, const void *pa, const void *pb, size_t n) {                       \
        uint8_t *restrict y = out;                                                                             \
        const T *x = pa, *z = pb;                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                       \
            T a = x[i], b = z[i];                                                                              \
            y[i] = (E);                                                                                        \
        }                                                                                                      \
    }
#define ONE(fn, OUT, E)                                                                                        \
    static void NAME(fn)(void *restrict out, const void *pa, size_t n) {                                       \
        OUT *restrict y = out;                                                                                 \
        const T *x = pa;                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                       \
            T a = x[i];                                                                                        \
            y[i] = (OUT)(E);                                                                                   \
        }                                                                                                      \
    }

TEST(eq, a == b)
TEST(ne, a != b)
TEST(lt, a < b)
TEST(le, a <= b)
TEST(gt, a > b)
TEST(ge, a >= b)
TEST(both, (a != 0) & (b != 0))
TEST(either, (a != 0) | (b != 0))
ONE(is_zero, uint8_t, a == 0)
ONE(sign, T, (a > 0) - (a < 0) + (a != a ? a : 0))

#ifdef WHOLE
TWO(add, (T)((uint64_t)a + (uint64_t)b))
TWO(sub, (T)((uint64_t)a - (uint64_t)b))
TWO(mul, (T)((uint64_t)a *(uint64_t)b))
TWO(mod, b == -1 ? 0 : a % b + ((a % b != 0 && (a % b ^ b) < 0) ? b : 0))
TWO(idiv, b == -1 ? (T)(0 - (uint64_t)a) : a / b - (a % b != 0 && (a ^ b) < 0))
TWO(maximum, a > b ? a : b)
TWO(minimum, a < b ? a : b)
ONE(neg, T, 0 - (uint64_t)a)
ONE(abs, T, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)
ONE(relu, T, a > 0 ? a : 0)
ONE(same, T, a)
ONE(never, uint8_t, a != a)
ONE(always, uint8_t, a == a)
#else
/* Lua's: the remainder takes the divisor's sign. */
static T NAME(modulo)(T a, T b) {
    T m = LIBM(fmod)(a, b);
    return (m > 0 ? b < 0 : m < 0 && b > 0) ? m + b : m;
}
TWO(add, a + b)
TWO(sub, a - b)
TWO(mul, a *b)
TWO(div, a / b)
TWO(square, ((void)b, a *a))
TWO(power, (T)pow((double)a, (double)b))
TWO(mod, NAME(modulo)(a, b))
TWO(idiv, LIBM(floor)(a / b))
TWO(maximum, a > b || a != a ? a : b)
TWO(minimum, a < b || a != a ? a : b)
ONE(neg, T, -a)
ONE(abs, T, LIBM(fabs)(a))
ONE(relu, T, a <= 0 ? 0 : a)
ONE(floor, T, LIBM(floor)(a))
ONE(ceil, T, LIBM(ceil)(a))
ONE(round, T, LIBM(rint)(a))
ONE(sqrt, T, LIBM(sqrt)(a))
ONE(isnan, uint8_t, a != a)
ONE(isinf, uint8_t, a == a && a - a != 0)
ONE(isfinite, uint8_t, a - a == 0)
/* In double also for float: what the library's float versions round differently does not show. */
ONE(exp, T, exp((double)a))
ONE(expm1, T, expm1((double)a))
ONE(log, T, log((double)a))
ONE(log1p, T, log1p((double)a))
ONE(sin, T, sin((double)a))
ONE(cos, T, cos((double)a))
ONE(tan, T, tan((double)a))
ONE(tanh, T, tanh((double)a))
ONE(sigmoid, T, a < 0 ? exp((double)a) / (1 + exp((double)a)) : 1 / (1 + exp(-(double)a)))
#endif

static const two_fn NAME(two)[SN_BINARY_OPS] = {
    [SN_OP_ADD] = NAME(add),         [SN_OP_SUB] = NAME(sub),   [SN_OP_MUL] = NAME(mul),
    [SN_OP_MOD] = NAME(mod),         [SN_OP_IDIV] = NAME(idiv), [SN_OP_MAXIMUM] = NAME(maximum),
    [SN_OP_MINIMUM] = NAME(minimum), [SN_OP_EQ] = NAME(eq),     [SN_OP_NE] = NAME(ne),
    [SN_OP_LT] = NAME(lt),           [SN_OP_LE] = NAME(le),     [SN_OP_GT] = NAME(gt),
    [SN_OP_GE] = NAME(ge),           [SN_OP_AND] = NAME(both),  [SN_OP_OR] = NAME(either),
#ifndef WHOLE
    [SN_OP_DIV] = NAME(div),         [SN_OP_POW] = NAME(power),
#endif
};

static const one_fn NAME(one)[SN_UNARY_OPS] = {
    [SN_OP_NEG] = NAME(neg),     [SN_OP_ABS] = NAME(abs),     [SN_OP_SIGN] = NAME(sign),
    [SN_OP_RELU] = NAME(relu),   [SN_OP_NOT] = NAME(is_zero),
#ifdef WHOLE
    [SN_OP_FLOOR] = NAME(same),  [SN_OP_CEIL] = NAME(same),   [SN_OP_ROUND] = NAME(same),
    [SN_OP_ISNAN] = NAME(never), [SN_OP_ISINF] = NAME(never), [SN_OP_ISFINITE] = NAME(always),
#else
    [SN_OP_FLOOR] = NAME(floor),       [SN_OP_CEIL] = NAME(ceil),   [SN_OP_ROUND] = NAME(round),
    [SN_OP_EXP] = NAME(exp),           [SN_OP_EXPM1] = NAME(expm1), [SN_OP_LOG] = NAME(log),
    [SN_OP_LOG1P] = NAME(log1p),       [SN_OP_SQRT] = NAME(sqrt),   [SN_OP_SIN] = NAME(sin),
    [SN_OP_COS] = NAME(cos),           [SN_OP_TAN] = NAME(tan),     [SN_OP_TANH] = NAME(tanh),
    [SN_OP_SIGMOID] = NAME(sigmoid),   [SN_OP_ISNAN] = NAME(isnan), [SN_OP_ISINF] = NAME(isinf),
    [SN_OP_ISFINITE] = NAME(isfinite),
#endif
};

#undef TWO
#undef TEST
#undef ONE
#undef NAME
#undef NAME1
#undef NAME2
#undef T
#undef SUFFIX
#undef LIBM
#undef WHOLE
