/* Plans of layers: what they refuse and say, what they count, and the tables they come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "nn/layer.h"
#include <string.h>

static sn_status plan_of(const char *cfg, const sn_shape *in, int nin, sn_layer_plan *p, sn_err *e) {
    *p = (sn_layer_plan){ 0 };
    sn_obj *o = sn_obj_parse(&sn_kind_layer, &cfg, e);
    if (!o) return SN_EINVAL;
    const sn_layer_type *t = sn_layer_in(o->desc, SN_F32);
    sn_status s = t->plan(o->cfg, in, nin, p, sn_pool_default(), e);
    sn_obj_release(o);
    return s;
}

static void plans_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *cfg;
        int nin;
        sn_shape in[2];
        const char *msg;
    } bad[] = {
        { "dense{units=128}",
          1,
          { { 4, { 32, 32, 32, 128 } } },
          "dense: wants (batch, features), got (batch, 32, 32, 128); add flatten{} before it" },
        { "conv2d{filters=8, kernel_size=3}",
          1,
          { { 2, { 32, 784 } } },
          "conv2d: wants (batch, height, width, channels), got (batch, 784); "
          "add reshape{ { height, width, channels } } before it" },
        { "conv2d{filters=8, kernel_size=3}",
          1,
          { { 3, { 32, 28, 28 } } },
          "conv2d: wants (batch, height, width, channels), got (batch, 28, 28); "
          "add reshape{ { 28, 28, 1 } } before it for images of one channel" },
        { "conv2d{filters=8, kernel_size=5}",
          1,
          { { 4, { 32, 3, 8, 1 } } },
          "conv2d: kernel_size (5, 5) is larger than the input (batch, 3, 8, 1); "
          "use a smaller one or padding = \"same\"" },
        { "conv2d{filters=8, kernel_size=3, dilation_rate=4}",
          1,
          { { 4, { 32, 8, 8, 1 } } },
          "conv2d: kernel_size (3, 3), spread by dilation_rate to (9, 9), is larger than the input (batch, 8, "
          "8, 1); "
          "use a smaller one or padding = \"same\"" },
        { "max_pool2d{}",
          1,
          { { 2, { 32, 10 } } },
          "max_pool2d: wants (batch, height, width, channels), got (batch, 10); "
          "add reshape{ { height, width, channels } } before it" },
        { "avg_pool2d{pool_size={2, 4}}",
          1,
          { { 4, { 32, 3, 3, 1 } } },
          "avg_pool2d: pool_size (2, 4) is larger than the input (batch, 3, 3, 1); "
          "use a smaller one or padding = \"same\"" },
        { "global_avg_pool2d{}",
          1,
          { { 2, { 32, 10 } } },
          "global_avg_pool2d: wants (batch, height, width, channels), got (batch, 10); "
          "add reshape{ { height, width, channels } } before it" },
        { "batch_norm{axis=1}",
          1,
          { { 4, { 32, 8, 8, 3 } } },
          "batch_norm: axis = 1 is not the last axis of (batch, 8, 8, 3); use axis = -1" },
        { "batch_norm{}",
          1,
          { { 1, { 32 } } },
          "batch_norm: wants (batch, ..., channels), got (batch,); add reshape{ { channels } } before it" },
        { "reshape{target_shape={5, 5}}",
          1,
          { { 3, { 32, 3, 4 } } },
          "reshape: a sample of (batch, 3, 4) has 12 values, which do not fit target_shape (5, 5); "
          "choose sizes with that product" },
        { "reshape{target_shape={5, -1}}",
          1,
          { { 3, { 32, 3, 4 } } },
          "reshape: a sample of (batch, 3, 4) has 12 values, which do not fit target_shape (5, -1); "
          "choose sizes with that product" },
        { "add{}",
          2,
          { { 3, { 32, 3, 4 } }, { 3, { 32, 3, 5 } } },
          "add: wants inputs of one shape, got (batch, 3, 4) and (batch, 3, 5); bring them together, "
          "for example with conv2d{ channels, 1 }" },
        { "add{}",
          1,
          { { 3, { 32, 3, 4 } } },
          "add: wants two or more inputs, got 1; for example add{ h, x }" },
        { "concat{}",
          2,
          { { 3, { 32, 3, 4 } }, { 3, { 32, 2, 4 } } },
          "concat: wants inputs that differ in axis -1 only, got (batch, 3, 4) and (batch, 2, 4)" },
        { "concat{}",
          2,
          { { 3, { 32, 3, 4 } }, { 2, { 32, 4 } } },
          "concat: wants inputs that differ in axis -1 only, got (batch, 3, 4) and (batch, 4)" },
        { "concat{axis=0}",
          2,
          { { 3, { 32, 3, 4 } }, { 3, { 32, 3, 4 } } },
          "concat: axis = 0 is not an axis of (batch, 3, 4) after the batch; use 1..2 or -1" },
        { "concat{}",
          1,
          { { 3, { 32, 3, 4 } } },
          "concat: wants two or more inputs, got 1; for example concat{ a, b }" },
        { "input{shape={3, 2}}",
          1,
          { { 3, { 32, 3, 4 } } },
          "input: wants (batch, 3, 2), got (batch, 3, 4); change input's shape or reshape the data" },
        { "dense{units=1000000000}",
          1,
          { { 2, { 32, 1000000000 } } },
          "dense: the kernel (1000000000, 1000000000) is too large to count; use smaller sizes" },
        { "dense{units=1000000000}",
          1,
          { { 2, { 1000000, 10 } } },
          "dense: the output (batch, 1000000000) is too large to count; use smaller sizes" },
        { "concat{}",
          2,
          { { 2, { 3000000, 60000000 } }, { 2, { 3000000, 60000000 } } },
          "concat: the output (batch, 120000000) is too large to count; use smaller sizes" },
        { "conv2d{filters=1000000, kernel_size=4096, padding=\"same\"}",
          1,
          { { 4, { 32, 8, 8, 1000000 } } },
          "conv2d: the kernel (4096, 4096, 1000000, 1000000) is too large to count; use smaller sizes" },
        /* said by the descriptor or its check */
        { "dropout{rate=1.5}", 1, { { 2, { 2, 2 } } }, "dropout: rate = 1.5 is outside 0..1" },
        { "dropout{rate=-0.1}", 1, { { 2, { 2, 2 } } }, "dropout: rate = -0.1 is outside 0..1" },
        { "dense{units=0}", 1, { { 2, { 2, 2 } } }, "dense: units = 0 is outside 1..1073741824" },
        { "conv2d{filters=1, kernel_size=0}",
          1,
          { { 2, { 2, 2 } } },
          "conv2d: kernel_size = 0 is outside 1..4096" },
        { "max_pool2d{strides=0}", 1, { { 2, { 2, 2 } } }, "max_pool2d: strides = 0 is outside 1..4096" },
        { "input{shape={}}", 1, { { 1, { 2 } } }, "input: shape is empty; for example input{ 28, 28, 1 }" },
        { "input{shape={1, 1, 1, 1, 1, 1, 1, 1}}",
          1,
          { { 1, { 2 } } },
          "input: shape has 8 sizes; at most 7 and the batch" },
        { "reshape{target_shape={2, -1, -1}}",
          1,
          { { 2, { 2, 2 } } },
          "reshape: target_shape has 2 sizes of -1; only one can be found out" },
        { "reshape{target_shape={2, 0}}",
          1,
          { { 2, { 2, 2 } } },
          "reshape: target_shape has a size of 0; sizes are at least 1" },
        { "reshape{target_shape={}}",
          1,
          { { 2, { 2, 2 } } },
          "reshape: target_shape has 0 sizes; 1 to 7 are possible" },
        { "activation{activation=false}",
          1,
          { { 2, { 2, 2 } } },
          "activation: activation is missing; for no change use activation \"linear\"" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sn_layer_plan p;
        sn_err e = { 0 };
        assert_int_not_equal(plan_of(bad[i].cfg, bad[i].in, bad[i].nin, &p, &e), SN_OK);
        assert_string_equal(e.msg, bad[i].msg);
    }
}

static void weights_over_the_memory_limit_are_refused(void **state) {
    (void)state;
    sn_layer_plan p;
    sn_err e = { 0 };
    sn_mem_set_limit((size_t)64 << 20);
    sn_status s = plan_of("dense{units=20000}", &(sn_shape){ 2, { 1, 1000 } }, 1, &p, &e);
    sn_mem_set_limit(0);
    assert_int_equal(s, SN_ENOMEM);
    assert_string_equal(
        e.msg, "dense: the kernel (1000, 20000) needs 76.29 MiB, the memory limit is 64.00 MiB; use smaller "
               "sizes");
}

/* Shapes, parameters and work of the seed's layers (keras: model.summary()). */
static void plans_count_the_seed_s_network(void **state) {
    (void)state;
    sn_layer_plan p;
    sn_err e = { 0 };
    assert_int_equal(plan_of("conv2d{filters=32, kernel_size=5, padding=\"same\"}",
                             &(sn_shape){ 4, { 1, 256, 256, 3 } }, 1, &p, &e),
                     SN_OK);
    assert_true(p.out.n == 4 && p.out.d[1] == 256 && p.out.d[2] == 256 && p.out.d[3] == 32);
    assert_true(p.nparam == 2 && p.param[0].fan_in == 75 && p.param[0].fan_out == 800);
    assert_true(p.macs == 157286400.0);
    assert_int_equal(p.flags, SN_KEEP_X | SN_INPLACE_BACK);
    assert_int_equal(plan_of("batch_norm{}", &(sn_shape){ 4, { 2, 64, 64, 128 } }, 1, &p, &e), SN_OK);
    assert_int_equal(p.nparam, 4);
    static const char *const names[] = { "gamma", "beta", "moving_mean", "moving_variance" };
    for (int i = 0; i < 4; i++) {
        assert_string_equal(p.param[i].name, names[i]);
        assert_true(p.param[i].trainable == (i < 2) && p.param[i].shape.d[0] == 128);
    }
    assert_int_equal(plan_of("max_pool2d{}", &(sn_shape){ 4, { 2, 256, 257, 32 } }, 1, &p, &e), SN_OK);
    assert_true(p.out.d[1] == 128 && p.out.d[2] == 128);
    assert_int_equal(p.flags, 0);
    assert_int_equal(p.saved[0], 2 * 128 * 128 * 32 / 4);
    assert_int_equal(plan_of("flatten{}", &(sn_shape){ 4, { 2, 32, 32, 128 } }, 1, &p, &e), SN_OK);
    assert_true(p.out.n == 2 && p.out.d[1] == 131072);
    assert_int_equal(
        plan_of("dense{units=128, activation=\"relu\"}", &(sn_shape){ 2, { 2, 131072 } }, 1, &p, &e), SN_OK);
    assert_true(p.param[0].fan_in == 131072 && p.param[0].fan_out == 128 && p.macs == 2 * 16777216.0);
    assert_int_equal(plan_of("activation{activation=\"relu\"}", &(sn_shape){ 2, { 2, 8 } }, 1, &p, &e), SN_OK);
    assert_int_equal(p.flags, SN_KEEP_Y | SN_INPLACE | SN_INPLACE_GRAD);
    assert_int_equal(plan_of("dropout{rate=0.5}", &(sn_shape){ 2, { 2, 8 } }, 1, &p, &e), SN_OK);
    assert_true(p.flags == (SN_INPLACE | SN_INPLACE_GRAD) && p.saved[0] == 0);
}

static void layers_tell_their_activation(void **state) {
    (void)state;
    sn_err e = { 0 };
    const char *text = "dense{units=2, activation=\"softmax\", name=\"prediction\"}",
               *bare = "conv2d{filters=1, kernel_size=1}";
    sn_obj *o = sn_obj_parse(&sn_kind_layer, &text, &e), *c = sn_obj_parse(&sn_kind_layer, &bare, &e);
    assert_true(o && c);
    assert_string_equal(sn_layer_in(o->desc, SN_F32)->activation(o->cfg)->desc->name, "softmax");
    assert_null(sn_layer_in(c->desc, SN_F64)->activation(c->cfg));
    const sn_layer_common *common = o->cfg;
    assert_string_equal(common->name, "prediction");
    assert_true(common->trainable && common->input_shape.n == 0);
    sn_obj_release(o);
    sn_obj_release(c);
}

static void tables_are_in_step(void **state) {
    (void)state;
    int n = 0;
    for (; sn_layer_types_f32[n]; n++) {
        const sn_layer_type *a = sn_layer_types_f32[n], *b = sn_layer_types_f64[n];
        assert_string_equal(a->desc.name, b->desc.name);
        assert_ptr_equal(sn_kind_layer.list[n], &a->desc);
        assert_ptr_equal(sn_layer_in(&a->desc, SN_F64), b);
        assert_ptr_equal(sn_layer_in(&b->desc, SN_F32), a);
        assert_ptr_equal(sn_kind_find(&sn_kind_layer, a->desc.name), &a->desc);
        if (a->desc.alias) assert_ptr_equal(sn_kind_find(&sn_kind_layer, a->desc.alias), &a->desc);
        assert_true(a->desc.cfg_size >= sizeof(sn_layer_common));
    }
    assert_null(sn_layer_types_f64[n]);
    assert_int_equal(n, 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_say_what_is_wrong),
        cmocka_unit_test(weights_over_the_memory_limit_are_refused),
        cmocka_unit_test(plans_count_the_seed_s_network),
        cmocka_unit_test(layers_tell_their_activation),
        cmocka_unit_test(tables_are_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
