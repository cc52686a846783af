/* Resizing against tf.image.resize, Keras's smart_resize and tf.image.resize_with_pad (TensorFlow 2.21,
 * Keras 3.15). */
#include "data_files.h"

#include "data/resize.h"
#include <math.h>

/* clang-format off */
static const struct {
    const char *method;
    sn_fit fit;
    int h, w;
    double want[24];
} cases[] = {
    { "bilinear", SN_FIT_STRETCH, 3, 4, { 47.2500, 152.5833, 124.0000, 132.1667, 151.5000, 98.0000, 145.2500, 37.2500, 183.0833, 24.0833, 147.1667, 136.3333 } },
    { "bilinear", SN_FIT_STRETCH, 8, 3, { 32.0000, 210.0000, 171.3334, 90.0417, 201.2500, 170.4584, 165.6667, 192.1250, 161.9167, 175.6667, 213.3750, 87.7500, 202.5417, 171.5000, 83.7917, 246.2917, 66.5000, 150.0417, 176.4167, 135.8750, 150.6667, 118.6667, 198.0000, 146.0000 } },
    { "nearest", SN_FIT_STRETCH, 3, 4, { 0.0000, 118.0000, 68.0000, 106.0000, 114.0000, 80.0000, 134.0000, 20.0000, 188.0000, 2.0000, 160.0000, 150.0000 } },
    { "nearest", SN_FIT_STRETCH, 8, 3, { 48.0000, 210.0000, 204.0000, 48.0000, 210.0000, 204.0000, 232.0000, 190.0000, 236.0000, 214.0000, 224.0000, 66.0000, 214.0000, 224.0000, 66.0000, 250.0000, 56.0000, 206.0000, 84.0000, 198.0000, 144.0000, 84.0000, 198.0000, 144.0000 } },
    { "bicubic", SN_FIT_STRETCH, 3, 4, { 33.7728, 152.4743, 110.3964, 134.1540, 151.6979, 86.2969, 145.7969, 32.0328, 190.0440, 9.5455, 149.0766, 139.5395 } },
    { "bicubic", SN_FIT_STRETCH, 8, 3, { 17.3837, 211.4391, 182.8320, 82.4819, 200.3923, 185.5205, 174.0073, 191.0117, 169.0731, 184.6187, 226.4805, 72.1746, 218.6357, 176.0117, 69.7910, 268.6996, 58.3555, 160.5827, 184.0236, 133.4808, 158.5731, 112.8642, 208.2177, 143.3551 } },
    { "area", SN_FIT_STRETCH, 3, 4, { 58.9714, 161.2571, 158.1714, 137.4857, 167.6571, 136.4572, 153.4857, 72.4571, 186.5143, 65.7143, 146.7429, 137.0286 } },
    { "area", SN_FIT_STRETCH, 8, 3, { 37.4286, 143.1429, 142.5714, 78.8000, 164.4000, 143.7143, 140.8571, 196.2857, 145.4286, 149.7714, 164.9714, 73.8857, 165.0286, 138.1714, 70.8572, 217.1429, 62.2857, 130.2857, 156.9714, 103.6000, 141.4286, 116.8571, 131.1429, 148.8572 } },
    { "lanczos3", SN_FIT_STRETCH, 3, 4, { 30.3581, 156.9309, 108.3710, 142.5958, 158.1227, 85.0019, 150.1055, 30.1558, 201.0302, 8.4598, 150.7288, 143.9935 } },
    { "lanczos3", SN_FIT_STRETCH, 8, 3, { 13.2138, 213.1043, 186.0634, 76.7927, 196.2525, 193.9746, 170.4788, 192.9016, 160.6953, 186.5644, 236.7916, 62.8941, 230.6628, 170.6716, 64.1732, 280.8153, 56.9165, 155.0289, 195.7955, 128.0717, 164.2338, 118.1974, 217.7502, 140.3186 } },
    { "lanczos5", SN_FIT_STRETCH, 3, 4, { 36.7524, 157.5426, 105.3250, 149.1443, 165.0150, 84.5212, 152.4439, 35.0812, 208.4279, 14.4088, 154.7941, 149.1628 } },
    { "lanczos5", SN_FIT_STRETCH, 8, 3, { 15.7127, 218.6270, 187.6906, 82.0930, 188.1860, 200.2523, 167.6748, 194.4925, 157.2149, 189.7412, 241.5300, 63.1336, 232.9309, 168.8120, 69.2681, 282.5465, 57.2014, 155.2624, 204.1921, 124.5402, 171.3905, 122.8403, 222.8663, 142.8091 } },
    { "gaussian", SN_FIT_STRETCH, 3, 4, { 48.0233, 153.4040, 135.1796, 132.3160, 157.5054, 114.1347, 147.9142, 53.4122, 183.5114, 39.0891, 148.1809, 136.2484 } },
    { "gaussian", SN_FIT_STRETCH, 8, 3, { 41.5513, 185.5139, 168.4204, 90.8877, 188.2585, 168.6255, 155.3803, 192.6593, 153.0447, 175.2954, 193.3612, 91.4052, 198.5121, 154.9126, 87.3988, 225.4640, 86.9154, 140.3137, 172.9054, 122.8440, 150.1270, 124.3105, 166.1834, 146.8744 } },
    { "mitchellcubic", SN_FIT_STRETCH, 3, 4, { 41.3114, 154.1125, 124.5609, 134.2966, 155.7760, 101.5392, 147.5037, 42.9269, 188.1248, 24.6450, 148.3007, 138.2513 } },
    { "mitchellcubic", SN_FIT_STRETCH, 8, 3, { 27.6191, 197.0812, 175.3326, 85.3627, 193.9925, 176.5008, 162.7471, 193.3697, 158.4613, 179.0397, 209.7027, 81.3084, 210.2267, 162.5325, 78.1199, 247.8238, 74.7760, 148.1582, 180.9778, 127.0365, 154.3638, 119.8751, 186.7973, 145.3270 } },
    { "bilinear", SN_FIT_CROP, 4, 3, { 128.2500, 207.5000, 84.7500, 155.0000, 202.7500, 176.5000, 38.7500, 119.0000, 125.2500, 3.5000, 180.2500, 155.0000 } },
    { "bilinear", SN_FIT_PAD, 5, 4, { 0.0000, 0.0000, 0.0000, 0.0000, 83.8125, 181.4375, 171.8125, 118.9375, 225.6875, 21.0625, 125.1875, 122.0625, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000 } },
    { "area", SN_FIT_CROP, 4, 3, { 134.4000, 206.0000, 94.8000, 152.0000, 203.6000, 174.8000, 40.4000, 123.2000, 125.6000, 4.4000, 169.6000, 152.0000 } },
    { "area", SN_FIT_PAD, 5, 4, { 0.0000, 0.0000, 0.0000, 0.0000, 86.2286, 162.4571, 162.5714, 115.8286, 189.2000, 79.8286, 143.0286, 115.4857, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000, 0.0000 } },
};
/* clang-format on */

static sn_interpolation method_of(const char *name) {
    for (int i = 0; sn_interpolations[i]; i++)
        if (strcmp(sn_interpolations[i], name) == 0) return (sn_interpolation)i;
    fail_msg("no method %s", name);
    return SN_BILINEAR;
}

/* (5, 7, 1), as the reference was made from */
static void fill_picture(uint8_t *p) {
    for (int i = 0; i < 35; i++) p[i] = (uint8_t)((i * 37 + i * i * 11) % 256);
}

static void agrees_with_tensorflow(void **state) {
    (void)state;
    uint8_t p[35], rounded[24];
    float out[24];
    fill_picture(p);
    sn_image m = { 5, 7, 1, p };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        sn_err e = { 0 };
        int n = cases[c].h * cases[c].w;
        sn_interpolation how = method_of(cases[c].method);
        assert_int_equal(sn_resize(out, cases[c].h, cases[c].w, &m, how, cases[c].fit, &e), SN_OK);
        assert_int_equal(sn_resize_u8(rounded, cases[c].h, cases[c].w, &m, how, cases[c].fit, &e), SN_OK);
        for (int i = 0; i < n; i++) {
            double want = cases[c].want[i], cut = want < 0 ? 0 : want > 255 ? 255 : want;
            if (fabs(out[i] - want) > 1e-3)
                fail_msg("%s %d: case %zu, value %d: %g, not %g", cases[c].method, cases[c].fit, c, i, out[i],
                         want);
            assert_true(fabs(rounded[i] - cut) <= 0.5 + 1e-3);
        }
    }
}

/* Channels are resized alike and do not mix. */
static void channels_stay_apart(void **state) {
    (void)state;
    uint8_t p[35], q[35 * 3];
    float one[12], three[36];
    sn_err e = { 0 };
    fill_picture(p);
    for (int i = 0; i < 35; i++) q[3 * i] = p[i], q[3 * i + 1] = (uint8_t)(255 - p[i]), q[3 * i + 2] = 9;
    sn_image m = { 5, 7, 1, p }, m3 = { 5, 7, 3, q };
    for (int how = 0; sn_interpolations[how]; how++) {
        assert_int_equal(sn_resize(one, 3, 4, &m, (sn_interpolation)how, SN_FIT_STRETCH, &e), SN_OK);
        assert_int_equal(sn_resize(three, 3, 4, &m3, (sn_interpolation)how, SN_FIT_STRETCH, &e), SN_OK);
        for (int i = 0; i < 12; i++) {
            assert_true(three[3 * i] == one[i]);
            assert_true(fabsf(three[3 * i + 1] - (255 - one[i])) < 1e-3f);
            assert_true(fabsf(three[3 * i + 2] - 9) < 1e-4f);
        }
    }
}

static void same_size_is_the_picture_itself(void **state) {
    (void)state;
    uint8_t p[35], q[35];
    sn_err e = { 0 };
    fill_picture(p);
    sn_image m = { 5, 7, 1, p };
    for (int how = SN_BILINEAR; how <= SN_LANCZOS5; how++)
        for (int fit = 0; fit < 3; fit++) {
            assert_int_equal(sn_resize_u8(q, 5, 7, &m, (sn_interpolation)how, (sn_fit)fit, &e), SN_OK);
            assert_memory_equal(p, q, 35);
        }
}

/* Sides of 1 and extreme ratios stay inside the picture (run under the address sanitizer). */
static void extreme_shapes(void **state) {
    (void)state;
    static const int shapes[][4] = {
        { 1, 1, 9, 9 }, { 1, 300, 5, 1 }, { 300, 1, 1, 5 }, { 2, 2, 1, 1 }, { 3, 200, 64, 2 }
    };
    static uint8_t p[600], q[64 * 64];
    for (size_t i = 0; i < sizeof p; i++) p[i] = 200;
    for (size_t c = 0; c < sizeof shapes / sizeof *shapes; c++)
        for (int how = 0; sn_interpolations[how]; how++)
            for (int fit = 0; fit < 3; fit++) {
                const int *s = shapes[c];
                sn_image m = { s[0], s[1], 1, p };
                sn_err e = { 0 };
                assert_int_equal(sn_resize_u8(q, s[2], s[3], &m, (sn_interpolation)how, (sn_fit)fit, &e),
                                 SN_OK);
                for (int i = 0; i < s[2] * s[3]; i++)
                    assert_true(q[i] == 200 || (fit == SN_FIT_PAD && q[i] == 0));
            }
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    uint8_t p[35], q[12];
    fill_picture(p);
    sn_image m = { 5, 7, 1, p };
    size_t before = sn_mem_used();
    sn_status s = SN_ENOMEM;
    for (int k = 0; k < 30 && s != SN_OK; k++) {
        sn_err e = { 0 };
        sn_mem_fail_after(k);
        s = sn_resize_u8(q, 3, 4, &m, SN_AREA, SN_FIT_STRETCH, &e);
        sn_mem_fail_after(-1);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_int_equal(s, SN_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_tensorflow),          cmocka_unit_test(channels_stay_apart),
        cmocka_unit_test(same_size_is_the_picture_itself), cmocka_unit_test(extreme_shapes),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
