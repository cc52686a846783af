/* Occlusion: which patches there are, what is predicted for them, what becomes of it; maps of other sizes. */
#include "train_rig.h"

#include "train/explain.h"

static const sn_occlusion odd = { .size = { 10, 7 }, .channels = 2, .patch = { 4, 3 }, .stride = { 4, 2 } };

static void places(void **state) {
    (void)state;
    assert_int_equal(sn_occlusion_places(&odd, 0), 3); /* 0, 4, and 6 instead of 8 */
    assert_int_equal(sn_occlusion_at(&odd, 0, 1), 4);
    assert_int_equal(sn_occlusion_at(&odd, 0, 2), 6);
    assert_int_equal(sn_occlusion_places(&odd, 1), 3);
    assert_int_equal(sn_occlusion_at(&odd, 1, 2), 4);
    sn_occlusion all = { { 5, 5 }, 1, { 5, 5 }, { 1, 5 } };
    assert_int_equal(sn_occlusion_places(&all, 0), 1);
    /* whatever the sizes: each pixel is covered, and the last patch ends with the axis */
    for (int64_t size = 1; size <= 9; size++)
        for (int64_t patch = 1; patch <= size; patch++)
            for (int64_t stride = 1; stride <= patch; stride++) {
                sn_occlusion o = { { size, 1 }, 1, { patch, 1 }, { stride, 1 } };
                int64_t n = sn_occlusion_places(&o, 0), end = 0;
                for (int64_t i = 0; i < n; i++) {
                    int64_t at = sn_occlusion_at(&o, 0, i);
                    assert_true(at <= end && at + patch > end);
                    end = at + patch;
                }
                assert_int_equal(end, size);
            }
}

static void spread(void **state) {
    (void)state;
    float values[9], map[70];
    for (int i = 0; i < 9; i++) values[i] = (float)(1 << i);
    sn_occlusion_spread(&odd, values, map);
    assert_true(map[0] == 1);                                  /* the first patch alone */
    assert_true(map[2] == 1.5F);                               /* the first two of the row */
    assert_true(map[6 * 7 + 2] == (8 + 16 + 64 + 128) / 4.0F); /* of two rows */
    assert_true(map[9 * 7 + 6] == 256);
}

static void sizes(void **state) {
    (void)state;
    const float in[] = { 0, 4, 8, 12 };
    float out[16];
    sn_bilinear(out, 4, 4, in, 2, 2);
    const float want[] = { 0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12 };
    for (int i = 0; i < 16; i++) assert_true(out[i] == want[i]);
    sn_bilinear(out, 2, 2, in, 2, 2);
    for (int i = 0; i < 4; i++) assert_true(out[i] == in[i]);
    sn_bilinear(out, 3, 3, in, 1, 1);
    for (int i = 0; i < 9; i++) assert_true(out[i] == 0);
    sn_bilinear(out, 1, 1, in, 2, 2);
    assert_true(out[0] == 6);
}

/* The features of the rig's network as a column; a patch of two that moves by one. */
static const sn_occlusion pairs = { { FEATURES, 1 }, 1, { 2, 1 }, { 1, 1 } };
enum { PLACES = FEATURES - 1 };

static void sample_of(float *x, float *fill) {
    for (int k = 0; k < FEATURES; k++) x[k] = (float)(k + 1) / 4, fill[k] = -(float)k / 3;
}

static void outputs(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("sgd{}", &(sn_run_opts){ .batch_size = BATCH, .epochs = 1, .seed = 2 }, NULL, NULL);
    float x[FEATURES], fill[FEATURES], got[2][PLACES * CLASSES];
    sample_of(x, fill);
    float *before = malloc(r.m->slab_count * sizeof *before);
    memcpy(before, r.m->slab, r.m->slab_count * sizeof *before);
    ok(sn_occlusion_outputs(r.t, &pairs, x, fill, 100, got[0], &e), &e);
    ok(sn_occlusion_outputs(r.t, &pairs, x, fill, 2, got[1], &e), &e);
    same_bits(got[0], got[1], PLACES * CLASSES, "in batches");
    for (int i = 0; i < PLACES; i++) {
        float covered[FEATURES];
        const float *y;
        for (int k = 0; k < FEATURES; k++) covered[k] = k == i || k == i + 1 ? fill[k] : x[k];
        ok(sn_trainer_predict(r.t, 1, covered, &y, &e), &e);
        for (int c = 0; c < CLASSES; c++) assert_true(fabsf(y[c] - got[0][i * CLASSES + c]) < 1e-6F);
    }
    same_bits(before, r.m->slab, r.m->slab_count, "weights");
    free(before);
    rig_close(&r);
}

static void interrupted(void **state) {
    (void)state;
    sn_err e = { 0 };
    rig r = rig_open("sgd{}", &(sn_run_opts){ .batch_size = BATCH, .epochs = 1, .seed = 2 }, NULL, NULL);
    float x[FEATURES], fill[FEATURES], got[PLACES * CLASSES];
    sample_of(x, fill);
    sn_pool_cancel(r.t->pool);
    assert_int_equal(sn_occlusion_outputs(r.t, &pairs, x, fill, 2, got, &e), SN_ECANCEL);
    ok(sn_occlusion_outputs(r.t, &pairs, x, fill, 2, got, &e), &e);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),  cmocka_unit_test(spread),      cmocka_unit_test(sizes),
        cmocka_unit_test(outputs), cmocka_unit_test(interrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
