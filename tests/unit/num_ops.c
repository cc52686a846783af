/* Element-wise operations, reductions, order, strided copies and products of tensors: against plain loops at
 * odd sizes, and the same bits on any pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "num/matmul.h"
#include "num/ops.h"
#include "num/order.h"
#include "num/places.h"
#include "num/reduce.h"
#include "num/strided.h"
#include "pools.h"
#include <math.h>
#include <string.h>

static sn_tensor new_tensor(sn_dtype dtype, int n, const int64_t *sizes) {
    sn_tensor t;
    sn_shape s = { .n = n };
    memcpy(s.d, sizes, (size_t)n * sizeof *sizes);
    assert_int_equal(sn_tensor_new(&t, dtype, &s, NULL), SN_OK);
    return t;
}
#define NEW(dtype, ...)                                                                                        \
    new_tensor(dtype, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ })

static sn_tensor randomized(sn_tensor t, uint64_t seed, double scale) {
    sn_rng r = sn_rng_make(seed, SN_STREAM_TEST, 0);
    int64_t n = sn_shape_count(&t.shape);
    for (int64_t i = 0; i < n; i++) sn_tensor_set(&t, i, scale * (sn_rng_uniform(&r) - 0.5));
    return t;
}

static size_t bytes_of(const sn_tensor *t) {
    return (size_t)sn_shape_count(&t->shape) * sn_dtype_size(t->dtype);
}

/* Remembers the first pool's result and compares the others'. */
static void same_bits(int pool, sn_tensor *first, const sn_tensor *now) {
    if (pool == 0) assert_int_equal(sn_tensor_copy(first, now, now->dtype, NULL), SN_OK);
    assert_memory_equal(first->data, now->data, bytes_of(now));
}

static double sum_of(double a, double b) { return a + b; }
static double product_of(double a, double b) { return a * b; }
static double less_of(double a, double b) { return a < b; }
static double max_of(double a, double b) { return a > b ? a : b; }

/* (7, 1, 601) with (13, 1) over all types. */
static void broadcasting(void **state) {
    (void)state;
    static const struct {
        sn_binary_op op;
        double (*fn)(double, double);
    } ops[] = {
        { SN_OP_ADD, sum_of }, { SN_OP_MUL, product_of }, { SN_OP_LT, less_of }, { SN_OP_MAXIMUM, max_of }
    };
    sn_shape shape = { 3, { 7, 13, 601 } };
    for (int ta = SN_F32; ta <= SN_I64; ta++)
        for (int tb = SN_F32; tb <= SN_I64; tb++)
            for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
                sn_operand a = { .t = randomized(NEW((sn_dtype)ta, 7, 1, 601), 1, 100) };
                sn_operand b = { .t = randomized(NEW((sn_dtype)tb, 13, 1), 2, 100) };
                sn_tensor first = { 0 }, out;
                for (int p = 0; p < POOLS; p++) {
                    assert_int_equal(sn_tensor_new(&out, sn_binary_dtype(ops[k].op, &a, &b), &shape, NULL), 0);
                    sn_binary(pools[p], &out, ops[k].op, &a, &b);
                    same_bits(p, &first, &out);
                    sn_tensor_drop(&out);
                }
                bool single = first.dtype == SN_F32;
                for (int64_t i = 0; i < 7 * 13 * 601; i++) {
                    double x = sn_tensor_get(&a.t, i / (13 * 601) * 601 + i % 601);
                    double y = sn_tensor_get(&b.t, i / 601 % 13), want = ops[k].fn(x, y);
                    assert_true(sn_tensor_get(&first, i) == (single ? (double)(float)want : want));
                }
                sn_tensor_drop(&first);
                sn_tensor_drop(&a.t);
                sn_tensor_drop(&b.t);
            }
}

static void shapes_that_fit(void **state) {
    (void)state;
    sn_shape a = { 3, { 4, 1, 5 } }, b = { 2, { 3, 1 } }, c = { 1, { 4 } }, none = { 0 },
             empty = { 2, { 0, 1 } }, out;
    sn_err e;
    assert_int_equal(sn_broadcast(&out, &a, &b, "+", &e), SN_OK);
    assert_true(sn_shape_equal(&out, &(sn_shape){ 3, { 4, 3, 5 } }));
    assert_int_equal(sn_broadcast(&out, &none, &b, "+", &e), SN_OK);
    assert_true(sn_shape_equal(&out, &b));
    assert_int_equal(sn_broadcast(&out, &empty, &c, "+", &e), SN_OK);
    assert_true(sn_shape_equal(&out, &(sn_shape){ 2, { 0, 4 } }));
    assert_int_equal(sn_broadcast(&out, &a, &c, "lt", &e), SN_ESHAPE);
    assert_non_null(strstr(e.msg, "lt: shapes (4, 1, 5) and (4,) do not fit"));
    assert_true(sn_broadcasts_to(&b, &(sn_shape){ 3, { 9, 3, 2 } }));
    assert_false(sn_broadcasts_to(&a, &b));
    assert_false(sn_broadcasts_to(&c, &b));
}

/* Every way in which axes lie, at sizes around those at which the grid changes. */
static void reductions(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {
        { 1, 1, 1 },     { 1, 100003, 1 }, { 3, 17001, 1 }, { 50000, 3, 1 }, { 1, 70000, 3 },
        { 5, 513, 600 }, { 300, 100, 2 },  { 2, 1, 1025 },  { 1, 33, 513 },
    };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        int64_t outer = shapes[k][0], n = shapes[k][1], inner = shapes[k][2];
        sn_tensor in = randomized(NEW(SN_F32, outer, n, inner), k, 2);
        for (int op = 0; op < SN_REDUCTIONS; op++) {
            sn_tensor first = { 0 };
            for (int p = 0; p < POOLS; p++) {
                sn_tensor out = NEW(op == SN_RED_ARGMAX || op == SN_RED_ARGMIN ? SN_I64 : SN_F64, outer, inner);
                assert_int_equal(sn_reduce(pools[p], &out, (sn_reduction)op, &in, outer, n, inner, 0, NULL),
                                 SN_OK);
                same_bits(p, &first, &out);
                sn_tensor_drop(&out);
            }
            for (int64_t o = 0; o < outer; o += 1 + outer / 7)
                for (int64_t i = 0; i < inner; i += 1 + inner / 7) {
                    const float *x = (const float *)in.data + o * n * inner + i;
                    double sum = 0, square = 0, max = -INFINITY, deviation = 0;
                    int64_t at = 0;
                    for (int64_t r = 0; r < n; r++) {
                        double v = (double)x[r * inner];
                        sum += v, square += v * v;
                        if (v > max) max = v, at = r;
                    }
                    for (int64_t r = 0; r < n; r++) {
                        double v = (double)x[r * inner] - sum / (double)n;
                        deviation += v * v;
                    }
                    double got = sn_tensor_get(&first, o * inner + i), near = 1e-12 * (double)n;
                    if (op == SN_RED_SUM) assert_true(fabs(got - sum) <= near);
                    if (op == SN_RED_MEAN) assert_true(fabs(got - sum / (double)n) <= near);
                    if (op == SN_RED_VAR) assert_true(fabs(got - deviation / (double)n) <= near);
                    if (op == SN_RED_NORM) assert_true(fabs(got - sqrt(square)) <= near);
                    if (op == SN_RED_MAX) assert_true(got == max);
                    if (op == SN_RED_ARGMAX) assert_true((int64_t)got == at);
                }
            sn_tensor_drop(&first);
        }
        sn_tensor_drop(&in);
    }
}

/* Sums of whole numbers are exact where a double would round. */
static void whole_sums(void **state) {
    (void)state;
    sn_tensor in = NEW(SN_I64, 40000), out = NEW(SN_I64, 1), running = NEW(SN_I64, 40000);
    int64_t want = 0;
    for (int64_t i = 0; i < 40000; i++) {
        ((int64_t *)in.data)[i] = (INT64_C(1) << 45) + i;
        want += ((int64_t *)in.data)[i];
    }
    assert_int_equal(sn_reduce(pools[1], &out, SN_RED_SUM, &in, 1, 40000, 1, 0, NULL), SN_OK);
    assert_true(*(int64_t *)out.data == want);
    sn_cumsum(pools[2], &running, &in, 1, 40000, 1);
    assert_true(((int64_t *)running.data)[39999] == want);
    sn_tensor_drop(&in);
    sn_tensor_drop(&out);
    sn_tensor_drop(&running);
}

static void sorting(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {
        { 1, 1, 1 }, { 3, 16, 2 }, { 1, 4096, 1 }, { 1, 4097, 1 }, { 2, 20011, 3 }
    };
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (int down = 0; down < 2; down++) {
            int64_t outer = shapes[k][0], n = shapes[k][1], inner = shapes[k][2];
            sn_tensor in = randomized(NEW(SN_F32, outer, n, inner), k, 3), first = { 0 };
            for (int64_t i = 0; i < outer * n * inner; i += 2) /* many equals */
                ((float *)in.data)[i] = (float)(i % 5 - 2);
            if (n > 20) ((float *)in.data)[7] = NAN, ((float *)in.data)[11] = -INFINITY;
            for (int p = 0; p < POOLS; p++) {
                sn_tensor place = NEW(SN_I64, outer, n, inner);
                assert_int_equal(sn_argsort(pools[p], &place, &in, outer, n, inner, down, n, NULL), SN_OK);
                same_bits(p, &first, &place);
                sn_tensor_drop(&place);
            }
            sn_tensor sorted = NEW(SN_F32, outer, n, inner);
            sn_pick(pools[0], &sorted, &in, &first, outer, n, n, inner);
            const float *v = sorted.data;
            const int64_t *at = first.data;
            for (int64_t o = 0; o < outer; o++)
                for (int64_t r = 1; r < n; r++)
                    for (int64_t i = 0; i < inner; i++) {
                        int64_t now = (o * n + r) * inner + i, before = now - inner;
                        float a = v[down ? now : before], b = v[down ? before : now];
                        assert_true(a < b || isnan(b) || (a == b && at[before] < at[now]));
                        if (a == b) assert_true(at[before] < at[now]);
                    }
            sn_tensor_drop(&in);
            sn_tensor_drop(&first);
            sn_tensor_drop(&sorted);
        }
}

/* All orders of four axes, of elements of each size, there and back. */
static void axes_in_another_order(void **state) {
    (void)state;
    static const sn_dtype types[] = { SN_U8, SN_F32, SN_F64 };
    const int64_t size[4] = { 5, 41, 1, 37 };
    for (int code = 0; code < 256; code++) {
        int order[4] = { code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3 }, seen = 0;
        for (int i = 0; i < 4; i++) seen |= 1 << order[i];
        if (seen != 15) continue;
        sn_tensor in = randomized(NEW(types[code % 3], 5, 41, 1, 37), 3, 100);
        sn_layout whole = sn_layout_of(&in.shape), l = sn_layout_permuted(&whole, order);
        sn_tensor out, back = NEW(types[code % 3], 5, 41, 1, 37);
        assert_int_equal(sn_tensor_new(&out, in.dtype, &l.shape, NULL), SN_OK);
        sn_strided_read(pools[code % POOLS], out.data, in.data, &l, sn_dtype_size(in.dtype));
        int64_t pos[4], flat = 0;
        for (pos[0] = 0; pos[0] < size[order[0]]; pos[0]++)
            for (pos[1] = 0; pos[1] < size[order[1]]; pos[1]++)
                for (pos[2] = 0; pos[2] < size[order[2]]; pos[2]++)
                    for (pos[3] = 0; pos[3] < size[order[3]]; pos[3]++, flat++) {
                        int64_t own[4];
                        for (int i = 0; i < 4; i++) own[order[i]] = pos[i];
                        int64_t from = (own[0] * 41 + own[1]) * 37 + own[3];
                        assert_true(sn_tensor_get(&out, flat) == sn_tensor_get(&in, from));
                    }
        sn_strided_write(pools[code % POOLS], back.data, &l, out.data, sn_dtype_size(in.dtype));
        assert_memory_equal(back.data, in.data, bytes_of(&in));
        sn_tensor_drop(&in);
        sn_tensor_drop(&out);
        sn_tensor_drop(&back);
    }
}

static void masks(void **state) {
    (void)state;
    static const sn_dtype types[] = { SN_U8, SN_I32, SN_F32 };
    for (int64_t n = 0; n < 70000; n = n * 7 + 1)
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < POOLS; p++) {
                sn_tensor mask = randomized(NEW(types[k], n), 4, 4);
                int64_t cells = sn_places_cells(n), want = 0;
                sn_tensor offsets = NEW(SN_I64, cells + 1);
                int64_t count = sn_places_count(pools[p], offsets.data, &mask);
                sn_tensor places = NEW(SN_I64, count);
                sn_places_write(pools[p], places.data, offsets.data, &mask);
                for (int64_t i = 0; i < n; i++) {
                    if (sn_tensor_get(&mask, i) == 0) continue;
                    assert_true(want < count && ((int64_t *)places.data)[want] == i);
                    want++;
                }
                assert_true(want == count);
                sn_tensor_drop(&mask);
                sn_tensor_drop(&offsets);
                sn_tensor_drop(&places);
            }
}

/* Stacks of small and of large products, and an inner dimension that is cut. */
static void products(void **state) {
    (void)state;
    static const int64_t sizes[][4] = {
        { 5, 3, 4, 2 }, { 1, 70, 50, 3001 }, { 2, 130, 120, 111 }, { 3, 1, 1, 7 }, { 2, 4, 3, 0 }
    };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t count = sizes[k][0], m = sizes[k][1], n = sizes[k][2], inner = sizes[k][3];
        sn_tensor a = randomized(NEW(SN_F64, count, m, inner), 5, 2),
                  b = randomized(NEW(SN_F64, inner, n), 6, 2);
        sn_tensor first = { 0 };
        sn_shape shape;
        assert_int_equal(sn_matmul_shape(&shape, &a.shape, &b.shape, NULL), SN_OK);
        assert_true(sn_shape_equal(&shape, &(sn_shape){ 3, { count, m, n } }));
        for (int p = 0; p < POOLS; p++) {
            sn_tensor out = NEW(SN_F64, count, m, n);
            assert_int_equal(sn_matmul(pools[p], &out, &a, &b, NULL), SN_OK);
            same_bits(p, &first, &out);
            sn_tensor_drop(&out);
        }
        const double *x = a.data, *y = b.data, *z = first.data;
        for (int64_t i = 0; i < count * m; i++)
            for (int64_t c = 0; c < n; c++) {
                double sum = 0;
                for (int64_t l = 0; l < inner; l++) sum += x[i * inner + l] * y[l * n + c];
                assert_true(fabs(z[i * n + c] - sum) <= 1e-12 * (double)(inner + 1));
            }
        sn_tensor_drop(&a);
        sn_tensor_drop(&b);
        sn_tensor_drop(&first);
    }
}

/* Nothing runs in a cancelled pool, and what returns a status says so. */
static void cancelled(void **state) {
    (void)state;
    sn_tensor in = randomized(NEW(SN_F32, 300, 300), 7, 1), out = NEW(SN_F32, 300, 300), one = NEW(SN_F64, 1);
    sn_tensor place = NEW(SN_I64, 300, 300);
    sn_err e;
    sn_pool_cancel(pools[1]);
    assert_int_equal(sn_matmul(pools[1], &out, &in, &in, &e), SN_ECANCEL);
    assert_int_equal(sn_reduce(pools[1], &one, SN_RED_SUM, &in, 1, 90000, 1, 0, &e), SN_ECANCEL);
    assert_int_equal(sn_argsort(pools[1], &place, &in, 1, 90000, 1, false, 90000, &e), SN_ECANCEL);
    sn_pool_clear_cancel(pools[1]);
    assert_int_equal(sn_reduce(pools[1], &one, SN_RED_SUM, &in, 1, 90000, 1, 0, &e), SN_OK);
    sn_tensor_drop(&in);
    sn_tensor_drop(&out);
    sn_tensor_drop(&one);
    sn_tensor_drop(&place);
}

static void digests(void **state) {
    (void)state;
    sn_digest d;
    sn_tensor t = randomized(NEW(SN_F32, 100000), 8, 1), empty = NEW(SN_F32, 0);
    ((float *)t.data)[3] = NAN;
    ((float *)t.data)[99999] = -INFINITY;
    ((float *)t.data)[50] = 2;
    sn_digest_of(pools[1], &d, &t, 1 << 20);
    assert_true(d.count == 100000 && d.seen == 100000 && d.nans == 1 && d.infs == 1 && d.max == 2 &&
                d.min < -0.49);
    sn_digest_of(pools[2], &d, &t, 40000); /* the first and the last are always among them */
    assert_true(d.count == 100000 && d.seen < 60000 && d.nans == 1 && d.infs == 1 && d.max == 2);
    sn_digest_of(pools[0], &d, &empty, 10);
    assert_true(d.count == 0 && d.seen == 0 && isnan(d.mean));
    sn_tensor_drop(&t);
    sn_tensor_drop(&empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasting), cmocka_unit_test(shapes_that_fit),
        cmocka_unit_test(reductions),   cmocka_unit_test(whole_sums),
        cmocka_unit_test(sorting),      cmocka_unit_test(axes_in_another_order),
        cmocka_unit_test(masks),        cmocka_unit_test(products),
        cmocka_unit_test(cancelled),    cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, make_pools, free_pools);
}
