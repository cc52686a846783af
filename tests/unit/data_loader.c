/* The loader: order, resuming, thread counts, broken samples, interruption, errors. */
#include "data_files.h"

#include "data/loader.h"
#include <pthread.h>

/* A dataset whose sample i is (i, i), slow, broken or failing as told. */
typedef struct {
    sn_dataset d;
    int delay_us;
    int64_t broken_from, broken_to; /* [from, to) */
    int64_t fails_at;               /* < 0: never */
    int failures_left;
    int gets; /* atomic */
} fake;

static sn_status fake_get(sn_dataset *d, int64_t i, float *x, float *y, sn_err *e) {
    fake *f = (fake *)d;
    __atomic_add_fetch(&f->gets, 1, __ATOMIC_SEQ_CST);
    if (f->delay_us) usleep((useconds_t)f->delay_us);
    if (i >= f->broken_from && i < f->broken_to) return sn_fail(e, SN_ESKIP, "broken");
    if (i == f->fails_at && __atomic_sub_fetch(&f->failures_left, 1, __ATOMIC_SEQ_CST) >= 0)
        return sn_fail(e, SN_ENOMEM, "no memory for sample %d", (int)i);
    x[0] = x[1] = (float)i;
    y[0] = (float)(2 * i);
    return SN_OK;
}
static sn_status fake_label(sn_dataset *d, int64_t i, float *y, sn_err *e) {
    (void)d, (void)e;
    y[0] = (float)(2 * i);
    return SN_OK;
}
static void fake_free(sn_dataset *d) { (void)d; }
static bool fake_broken(const sn_dataset *d, int64_t i) {
    return i >= ((const fake *)d)->broken_from && i < ((const fake *)d)->broken_to;
}
static const sn_dataset_fns fake_fns = {
    .get = fake_get, .label = fake_label, .free = fake_free, .broken = fake_broken
};

static fake *make_fake(int64_t count) {
    sn_err e = { 0 };
    fake *f = sn_dataset_alloc(sizeof *f, &fake_fns, NULL, &e);
    f->d.count = count;
    f->d.x_shape = (sn_shape){ 1, { 2 } };
    f->d.has_y = true;
    f->fails_at = -1;
    return f;
}

static sn_loader *make_loader(fake *f, const sn_loader_opts *o) {
    sn_err e = { 0 };
    sn_loader *l;
    if (sn_loader_new(&l, &f->d, o, &e) != SN_OK) fail_msg("%s", e.msg);
    return l;
}

/* Reads to the end of the epoch; numbers in out, batch lengths in lengths. Returns the count of batches. */
static int read_epoch(sn_loader *l, int64_t *out, int64_t *lengths, int64_t *total) {
    sn_batch b;
    sn_err e = { 0 };
    int n = 0;
    *total = 0;
    for (;;) {
        if (sn_loader_next(l, &b, &e) != SN_OK) fail_msg("%s", e.msg);
        if (b.n == 0) return n;
        for (int64_t i = 0; i < b.n; i++) {
            assert_true(b.x[2 * i] == (float)b.index[i] && b.y[i] == (float)(2 * b.index[i]));
            out[(*total)++] = b.index[i];
        }
        lengths[n++] = b.n;
    }
}

enum { N = 103 };

static void every_sample_comes_once(void **state) {
    (void)state;
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        fake *f = make_fake(N);
        sn_loader *l =
            make_loader(f, &(sn_loader_opts){ .batch_size = 10, .shuffle = shuffle, .seed = 3, .threads = 3 });
        assert_int_equal(sn_loader_batches(l), 11);
        int64_t order[N], lengths[20], total;
        bool seen[N] = { false };
        assert_int_equal(read_epoch(l, order, lengths, &total), 11);
        assert_int_equal(total, N);
        for (int i = 0; i < 11; i++) assert_int_equal(lengths[i], i < 10 ? 10 : 3);
        for (int i = 0; i < N; i++) {
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
            if (!shuffle) assert_int_equal(order[i], i);
        }
        assert_int_equal(read_epoch(l, order, lengths, &total), 0); /* the end stays the end until a seek */
        sn_loader_free(l);
        sn_dataset_release(&f->d);
    }
}

static void order_is_that_of_seed_and_epoch(void **state) {
    (void)state;
    static int64_t order[6][N];
    int64_t lengths[20], total;
    sn_err e = { 0 };
    static const struct {
        uint64_t seed;
        int64_t epoch;
        int threads;
    } runs[6] = { { 3, 0, 1 }, { 3, 0, 4 }, { 3, 7, 1 }, { 3, 7, 4 }, { 4, 0, 1 }, { 3, 8, 2 } };
    for (int k = 0; k < 6; k++) {
        fake *f = make_fake(N);
        f->delay_us = k % 2 ? 50 : 0;
        sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 10,
                                                         .shuffle = true,
                                                         .seed = runs[k].seed,
                                                         .threads = runs[k].threads,
                                                         .ahead = k });
        assert_int_equal(sn_loader_seek(l, runs[k].epoch, 0, &e), SN_OK);
        read_epoch(l, order[k], lengths, &total);
        assert_int_equal(total, N);
        sn_loader_free(l);
        sn_dataset_release(&f->d);
    }
    assert_memory_equal(order[0], order[1], sizeof order[0]);
    assert_memory_equal(order[2], order[3], sizeof order[0]);
    assert_memory_not_equal(order[0], order[2], sizeof order[0]);
    assert_memory_not_equal(order[0], order[4], sizeof order[0]);
    assert_memory_not_equal(order[2], order[5], sizeof order[0]);
}

static void resumes_at_any_batch(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_batch b;
    int64_t whole[N], rest[N], lengths[20], total;
    fake *f = make_fake(N);
    f->broken_from = 20, f->broken_to = 33;
    f->delay_us = 20;
    sn_loader *l =
        make_loader(f, &(sn_loader_opts){ .batch_size = 8, .shuffle = true, .seed = 9, .threads = 4 });
    assert_int_equal(sn_loader_seek(l, 5, 0, &e), SN_OK);
    int batches = read_epoch(l, whole, lengths, &total);
    assert_int_equal(total, N - 13);
    for (int64_t from = sn_loader_batches(l); from >= 0; from--) {
        int64_t n = 0;
        for (int k = 0; k < (int)from; k++) n += lengths[k];
        int64_t rest_lengths[20];
        if (from == 4)
            assert_int_equal(sn_loader_next(l, &b, &e), SN_OK); /* from the midst of something else */
        assert_int_equal(sn_loader_seek(l, 5, from, &e), SN_OK);
        assert_int_equal(read_epoch(l, rest, rest_lengths, &total), batches - (int)from);
        assert_int_equal(total, N - 13 - n);
        assert_memory_equal(rest, whole + n, (size_t)total * sizeof *rest);
        if (from % 3 == 0) assert_int_equal(sn_loader_seek(l, 2, 1, &e), SN_OK);
    }
    assert_int_equal(sn_loader_seek(l, 0, 14, &e), SN_EINVAL);
    assert_int_equal(sn_loader_seek(l, -1, 0, &e), SN_EINVAL);
    sn_loader_free(l);
    sn_dataset_release(&f->d);
}

static void batches_without_samples_are_passed_over(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_batch b;
    fake *f = make_fake(40);
    f->broken_from = 5, f->broken_to = 32;
    sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 10, .threads = 2 });
    static const int64_t lengths[] = { 5, 8 }, numbers[] = { 0, 3 };
    for (int k = 0; k < 2; k++) {
        assert_int_equal(sn_loader_next(l, &b, &e), SN_OK);
        assert_true(b.n == lengths[k] && b.number == numbers[k]);
    }
    assert_int_equal(b.index[0], 32);
    assert_int_equal(sn_loader_next(l, &b, &e), SN_OK);
    assert_int_equal(b.n, 0);
    f->broken_from = 0, f->broken_to = 40;
    assert_int_equal(sn_loader_seek(l, 1, 0, &e), SN_OK);
    assert_int_equal(sn_loader_next(l, &b, &e), SN_EFORMAT);
    expect_part(&e, "all 40 samples of the dataset are broken");
    sn_loader_free(l);
    sn_dataset_release(&f->d);
}

static void errors_come_at_their_batch_and_may_pass(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_batch b;
    for (int threads = 1; threads <= 4; threads += 3) {
        fake *f = make_fake(60);
        f->fails_at = 25, f->failures_left = 2;
        sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 10, .threads = threads });
        for (int k = 0; k < 6; k++) {
            for (int again = 0; k == 2 && again < 2; again++) {
                assert_int_equal(sn_loader_next(l, &b, &e), SN_ENOMEM);
                assert_string_equal(e.msg, "no memory for sample 25");
                assert_int_equal(b.n, 0);
            }
            assert_int_equal(sn_loader_next(l, &b, &e), SN_OK);
            assert_true(b.n == 10 && b.index[0] == 10 * k && b.number == k);
        }
        sn_loader_free(l);
        sn_dataset_release(&f->d);
    }
}

static void *interrupt_soon(void *l) {
    usleep(30000);
    sn_loader_interrupt(l);
    return NULL;
}

static void interruption_wakes_and_loses_nothing(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_batch b;
    pthread_t t;
    fake *f = make_fake(20);
    f->delay_us = 60000;
    sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 20, .threads = 1 });
    assert_int_equal(pthread_create(&t, NULL, interrupt_soon, l), 0);
    double start = sn_clock();
    assert_int_equal(sn_loader_next(l, &b, &e), SN_ECANCEL);
    assert_true(sn_clock() - start < 0.6); /* the batch takes 1.2 s */
    pthread_join(t, NULL);
    assert_int_equal(sn_loader_next(l, &b, &e), SN_OK);
    assert_true(b.n == 20 && b.index[19] == 19);
    assert_int_equal(f->gets, 20);
    sn_loader_free(l);
    sn_dataset_release(&f->d);
}

/* Ending does not wait for the batches being prepared, only for the samples. */
static void ends_promptly(void **state) {
    (void)state;
    sn_err e = { 0 };
    size_t before = sn_mem_used();
    fake *f = make_fake(1000);
    f->delay_us = 20000;
    sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 100, .threads = 4 });
    assert_int_equal(sn_loader_seek(l, 0, 3, &e), SN_OK);
    usleep(10000);
    double start = sn_clock();
    assert_int_equal(sn_loader_seek(l, 1, 0, &e), SN_OK);
    sn_loader_free(l);
    assert_true(sn_clock() - start < 0.5); /* a batch takes 2 s */
    sn_dataset_release(&f->d);
    assert_int_equal(sn_mem_used(), before);
}

static void works_only_ahead_by_what_it_may(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_batch b;
    fake *f = make_fake(1000);
    sn_loader *l = make_loader(f, &(sn_loader_opts){ .batch_size = 10, .threads = 4, .ahead = 3 });
    usleep(20000);
    assert_int_equal(__atomic_load_n(&f->gets, __ATOMIC_SEQ_CST), 0); /* nothing before the first call */
    assert_int_equal(sn_loader_next(l, &b, &e), SN_OK);
    for (int k = 0; k < 200 && __atomic_load_n(&f->gets, __ATOMIC_SEQ_CST) < 40; k++) usleep(10000);
    usleep(20000);
    assert_int_equal(__atomic_load_n(&f->gets, __ATOMIC_SEQ_CST), 40); /* the one given out and three ahead */
    for (int i = 0; i < 10; i++) assert_true(b.x[2 * i] == (float)i);
    sn_loader_free(l);
    sn_dataset_release(&f->d);
}

static void memory_is_as_announced(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_loader *l;
    fake *f = make_fake(100000);
    f->d.x_shape = (sn_shape){ 3, { 64, 64, 3 } };
    for (int k = 0; k < 3; k++) {
        sn_loader_opts o = { .batch_size = k == 2 ? 1 : 32, .threads = k, .ahead = 2 * k };
        size_t said = sn_loader_bytes(&f->d, &o), before = sn_mem_used();
        assert_int_equal(sn_loader_new(&l, &f->d, &o, &e), SN_OK);
        size_t took = sn_mem_used() - before;
        assert_true(took <= said + 4096 && took + 4096 >= said);
        sn_loader_free(l);
    }
    sn_loader_opts o = { .batch_size = 32 };
    size_t said = sn_loader_bytes(&f->d, &o);
    sn_mem_set_limit(said); /* the default takes an eighth of the limit, if it can */
    assert_true(sn_loader_bytes(&f->d, &o) < said);
    sn_mem_set_limit(0);
    o.batch_size = 0;
    assert_int_equal(sn_loader_new(&l, &f->d, &o, &e), SN_EINVAL);
    f->d.x_shape = (sn_shape){ 3, { 1 << 30, 1 << 30, 3 } };
    o.batch_size = 1 << 20;
    assert_int_equal(sn_loader_new(&l, &f->d, &o, &e), SN_ENOMEM);
    sn_dataset_release(&f->d);
}

static sn_dataset *tensors_of(sn_tensor *x, sn_tensor *y, int64_t n) {
    sn_err e = { 0 };
    sn_dataset *d;
    sn_shape xs = { 2, { n, 2 } }, ys = { 1, { n } };
    assert_int_equal(sn_tensor_new(x, SN_F32, &xs, &e), SN_OK);
    assert_int_equal(sn_tensor_new(y, SN_F32, &ys, &e), SN_OK);
    for (int64_t i = 0; i < n; i++) {
        ((float *)x->data)[2 * i] = ((float *)x->data)[2 * i + 1] = (float)i;
        ((float *)y->data)[i] = (float)(2 * i);
    }
    assert_int_equal(sn_dataset_tensors(&d, x, y, &e), SN_OK);
    return d;
}

/* Small batches of data in memory, without threads, are the batches that threads make; borrowed ones lie in the
 * tensor. */
static void batches_of_tensors_need_no_thread(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_tensor x, y;
    sn_dataset *d = tensors_of(&x, &y, N), *part;
    assert_int_equal(sn_dataset_take(d, 40, &part, &e), SN_OK);
    for (int k = 0; k < 12; k++) {
        sn_dataset *of = k % 3 == 2 ? part : d;
        sn_loader_opts o = { .batch_size = 10, .shuffle = k % 2, .seed = 7, .borrow = k >= 6 }, p = o;
        sn_loader *now, *ahead;
        int64_t a[N], b[N], la[N], lb[N], na, nb;
        p.threads = 2;
        size_t said = sn_loader_bytes(of, &o), before = sn_mem_used();
        assert_int_equal(sn_loader_new(&now, of, &o, &e), SN_OK);
        assert_true(sn_mem_used() - before <= said + 4096);
        assert_int_equal(sn_loader_new(&ahead, of, &p, &e), SN_OK);
        assert_int_equal(sn_loader_seek(now, 2, 1, &e), SN_OK);
        assert_int_equal(sn_loader_seek(ahead, 2, 1, &e), SN_OK);
        assert_int_equal(read_epoch(now, a, la, &na), read_epoch(ahead, b, lb, &nb));
        assert_true(na == of->count - 10 && na == nb && memcmp(a, b, (size_t)na * sizeof *a) == 0);
        sn_batch batch;
        assert_int_equal(sn_loader_seek(now, 0, 1, &e), SN_OK);
        sn_loader_interrupt(now);
        assert_int_equal(sn_loader_next(now, &batch, &e), SN_ECANCEL);
        assert_int_equal(sn_loader_next(now, &batch, &e), SN_OK);
        assert_int_equal(batch.number, 1);
        assert_int_equal(batch.x == (const float *)x.data + 20, o.borrow && !o.shuffle && of == d);
        sn_loader_free(now);
        sn_loader_free(ahead);
    }
    sn_dataset_release(part);
    sn_dataset_release(d);
    sn_tensor_drop(&x);
    sn_tensor_drop(&y);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    fake *f = make_fake(50);
    size_t before = sn_mem_used();
    sn_status s = SN_ENOMEM;
    for (int k = 0; k < 100 && s != SN_OK; k++) {
        sn_err e = { 0 };
        sn_loader *l;
        sn_mem_fail_after(k);
        s = sn_loader_new(&l, &f->d, &(sn_loader_opts){ .batch_size = 8, .threads = 2 }, &e);
        sn_mem_fail_after(-1);
        assert_true(s == SN_OK ? l != NULL : s == SN_ENOMEM && !l);
        sn_loader_free(l);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_int_equal(s, SN_OK);
    sn_dataset_release(&f->d);
}

/* Two loaders over two views of one folder, as training and validation are. */
static void folders_through_two_loaders(void **state) {
    (void)state;
    sn_err e = { 0 };
    char name[40];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "f/%c/%02d.bmp", 'a' + i % 2, i);
        if (i % 10 == 7)
            put_file(name, "BM", 2);
        else
            put_bmp(name, 9, 7, i);
    }
    static const char *const caches[] = { "memory", "disk", "none" };
    double sums[3] = { 0 };
    for (int k = 0; k < 3; k++) {
        char options[100];
        snprintf(options, sizeof options, ", image_size=6, seed=1, cache=\"%s\"", caches[k]);
        watch_warnings();
        sn_dataset *d = open_folder("f", options, &e), *part[2];
        assert_int_equal(sn_dataset_split(d, 0.5, true, 2, &part[0], &part[1], &e), SN_OK);
        sn_loader *l[2];
        sn_batch b[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(sn_loader_new(&l[i], part[i],
                                           &(sn_loader_opts){ .batch_size = 3, .shuffle = true, .threads = 2 },
                                           &e),
                             SN_OK);
        int64_t total = 0;
        for (int epoch = 0; epoch < 3; epoch++) {
            for (int i = 0; i < 2; i++) assert_int_equal(sn_loader_seek(l[i], epoch, 0, &e), SN_OK);
            do
                for (int i = 0; i < 2; i++) {
                    assert_int_equal(sn_loader_next(l[i], &b[i], &e), SN_OK);
                    for (int64_t v = 0; v < b[i].n * 6 * 6 * 3; v++)
                        sums[k] += (double)b[i].x[v] * (double)(v + epoch);
                    total += b[i].n;
                }
            while (b[0].n || b[1].n);
        }
        assert_int_equal(total, 3 * 36);
        assert_int_equal(warnings, 4);
        assert_true(sums[k] == sums[0]);
        for (int i = 0; i < 2; i++) {
            sn_loader_free(l[i]);
            sn_dataset_release(part[i]);
        }
        sn_dataset_release(d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_once),
        cmocka_unit_test(order_is_that_of_seed_and_epoch),
        cmocka_unit_test(resumes_at_any_batch),
        cmocka_unit_test(batches_without_samples_are_passed_over),
        cmocka_unit_test(errors_come_at_their_batch_and_may_pass),
        cmocka_unit_test(interruption_wakes_and_loses_nothing),
        cmocka_unit_test(ends_promptly),
        cmocka_unit_test(works_only_ahead_by_what_it_may),
        cmocka_unit_test(memory_is_as_announced),
        cmocka_unit_test(batches_of_tensors_need_no_thread),
        cmocka_unit_test(failed_allocations_leak_nothing),
        cmocka_unit_test(folders_through_two_loaders),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
