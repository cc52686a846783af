/* image_folder: what it finds, how it labels, splits and caches, and what it says about what is wrong. */
#include "data_files.h"

#include "data/cache.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { PIXELS = 4 * 4 * 3 };
#define SMALL ", image_size=4"

/* pets/{cat,dog,Ant}: 4, 3 and 2 images; a class of one broken file beside them in `broken`. */
static int make_pets(void **state) {
    if (make_root(state) != 0) return -1;
    put_bmp("pets/cat/b.bmp", 4, 4, 1);
    put_bmp("pets/cat/a.BMP", 4, 4, 2);
    put_bmp("pets/cat/deep/er/z.bmp", 4, 4, 3);
    put_bmp("pets/cat/deep/q.bmp", 4, 4, 4);
    put_bmp("pets/dog/1.bmp", 4, 4, 5);
    put_bmp("pets/dog/10.bmp", 8, 6, 6);
    put_bmp("pets/dog/2.jpg", 4, 4, 7); /* the content counts, not the name */
    put_bmp("pets/Ant/x.bmp", 4, 4, 8);
    put_bmp("pets/Ant/y.bmp", 4, 4, 9);
    put_bmp("pets/.hidden/x.bmp", 4, 4, 8);
    put_file("pets/cat/notes.txt", "x", 1);
    put_file("pets/stray.txt", "x", 1);
    put_bmp("broken/a/1.bmp", 4, 4, 1);
    put_bmp("broken/a/2.bmp", 4, 4, 2);
    put_bmp("broken/b/1.bmp", 4, 4, 3);
    put_file("broken/b/bad.jpg", "\xff\xd8\xff\xd9", 4);
    put_file("broken/b/empty.png", "", 0);
    put_file("broken/b/page.gif", "<html>", 6);
    return 0;
}

/* The number that put_bmp was given, read off the picture. */
static int seed_of(sn_dataset *d, int64_t i) {
    float x[PIXELS], y[8];
    sn_err e = { 0 };
    if (d->fns->get(d, i, x, y, &e) != SN_OK) fail_msg("%s", e.msg);
    return (int)x[0];
}

static void finds_files_in_keras_order(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_dataset *d = open_folder("pets/", SMALL ", shuffle=false", &e); /* a trailing slash does not matter */
    if (!d) fail_msg("%s", e.msg);
    static const char *const names[] = { "Ant/x.bmp", "Ant/y.bmp",      "cat/a.BMP",
                                         "cat/b.bmp", "cat/deep/q.bmp", "cat/deep/er/z.bmp",
                                         "dog/1.bmp", "dog/10.bmp",     "dog/2.jpg" };
    static const int labels[] = { 0, 0, 1, 1, 1, 1, 2, 2, 2 };
    assert_int_equal(d->count, 9);
    assert_int_equal(d->nclass, 3);
    assert_string_equal(d->class_names[0], "Ant");
    assert_string_equal(d->class_names[2], "dog");
    assert_string_equal(d->notice, "Found 9 files belonging to 3 classes.");
    assert_true(d->has_y && d->y_shape.n == 0);
    assert_true(d->x_shape.n == 3 && d->x_shape.d[0] == 4 && d->x_shape.d[2] == 3);
    for (int i = 0; i < 9; i++) {
        float y;
        const char *name = sn_dataset_sample_name(d, i);
        assert_string_equal(name + strlen(name) - strlen(names[i]), names[i]);
        assert_int_equal(d->fns->label(d, i, &y, &e), SN_OK);
        assert_true(y == (float)labels[i]);
    }
    assert_int_equal(seed_of(d, 0), 8);
    assert_int_equal(seed_of(d, 3), 1);
    sn_dataset_release(d);
}

static void labels_come_in_every_mode(void **state) {
    (void)state;
    sn_err e = { 0 };
    float y[3];
    sn_dataset *d = open_folder("pets", SMALL ", shuffle=false, label_mode=\"categorical\"", &e);
    assert_true(d && d->y_shape.n == 1 && d->y_shape.d[0] == 3);
    assert_int_equal(d->fns->label(d, 8, y, &e), SN_OK);
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 1);
    sn_dataset_release(d);
    d = open_folder("pets", SMALL ", shuffle=false, label_mode=\"binary\", class_names={\"dog\", \"Ant\"}", &e);
    assert_true(d && d->count == 5 && d->y_shape.n == 1 && d->y_shape.d[0] == 1 && d->nclass == 2);
    assert_string_equal(d->class_names[0], "dog");
    assert_int_equal(d->fns->label(d, 4, y, &e), SN_OK);
    assert_true(y[0] == 1);
    sn_tensor all;
    assert_int_equal(sn_dataset_labels(d, &all, &e), SN_OK);
    assert_true(all.shape.n == 2 && all.shape.d[0] == 5 && all.shape.d[1] == 1);
    assert_true(sn_tensor_get(&all, 0) == 0 && sn_tensor_get(&all, 4) == 1);
    sn_tensor_drop(&all);
    sn_dataset_release(d);
    d = open_folder("pets", SMALL ", shuffle=false, labels=\"none\"", &e);
    assert_true(d && d->count == 10 && !d->has_y && d->nclass == 0); /* .hidden counts here, as there */
    assert_string_equal(d->notice, "Found 10 files.");
    assert_int_equal(sn_dataset_labels(d, &all, &e), SN_EINVAL);
    sn_dataset_release(d);
}

static void pixels_follow_the_options(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[64], y;
    sn_dataset *d =
        open_folder("pets", SMALL ", shuffle=false, rescale=0.5, class_names={\"cat\", \"dog\"}", &e);
    assert_non_null(d);
    assert_int_equal(d->fns->get(d, 1, x, &y, &e), SN_OK); /* cat/b.bmp: (1 + x, y, 7) */
    for (int i = 0; i < 16; i++)
        assert_true(x[3 * i] == 0.5f * (float)(1 + i % 4) && x[3 * i + 1] == 0.5f * (float)(i / 4) &&
                    x[3 * i + 2] == 3.5f);
    sn_dataset_release(d);
    d = open_folder("pets", ", image_size={2, 8}, color_mode=\"rgba\", shuffle=false", &e);
    assert_true(d && d->x_shape.d[0] == 2 && d->x_shape.d[1] == 8 && d->x_shape.d[2] == 4);
    assert_int_equal(d->fns->get(d, 1, x, &y, &e), SN_OK);
    assert_true(x[3] == 255);
    sn_dataset_release(d);
    d = open_folder("pets", SMALL ", color_mode=\"grayscale\", shuffle=false", &e);
    assert_true(d && d->x_shape.d[2] == 1);
    sn_dataset_release(d);
    d = open_folder("pets", SMALL ", pad_to_aspect_ratio=true, shuffle=false, class_names={\"dog\", \"cat\"}",
                    &e);
    assert_int_equal(d->fns->get(d, 1, x, &y, &e), SN_OK); /* 8 x 6 into 4 x 4: one black column at the right */
    assert_true(x[2] == 42 && x[3 * 3 + 2] == 0);
    sn_dataset_release(d);
}

static void splits_are_disjoint_and_complete(void **state) {
    (void)state;
    sn_err e = { 0 };
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        char options[200];
        bool seen[10] = { false };
        int n = 0;
        for (int k = 0; k < 2; k++) {
            snprintf(options, sizeof options, SMALL ", validation_split=0.25, subset=\"%s\", %s",
                     k ? "validation" : "training", shuffled ? "seed=7" : "shuffle=false");
            sn_dataset *d = open_folder("pets", options, &e);
            if (!d) fail_msg("%s", e.msg);
            assert_int_equal(d->count, k ? 2 : 7); /* int(0.25 * 9) files are for validation */
            assert_non_null(
                strstr(d->notice, k ? "\nUsing 2 files for validation." : "\nUsing 7 files for training."));
            for (int64_t i = 0; i < d->count; i++, n++) {
                int s = seed_of(d, i);
                assert_false(seen[s]);
                seen[s] = true;
            }
            sn_dataset_release(d);
        }
        assert_int_equal(n, 9);
    }
}

static void order_depends_on_the_seed_alone(void **state) {
    (void)state;
    sn_err e = { 0 };
    int order[4][9];
    bool sorted = true;
    sn_dataset_set_seed(3);
    for (int k = 0; k < 4; k++) {
        sn_dataset *d = open_folder("pets", k == 0 ? SMALL ", seed=3" : k == 1 ? SMALL : SMALL ", seed=4", &e);
        for (int i = 0; i < 9; i++) order[k][i] = seed_of(d, i);
        sn_dataset_release(d);
    }
    sn_dataset_set_seed(0);
    static const int plain[] = { 8, 9, 2, 1, 4, 3, 5, 6, 7 };
    for (int i = 0; i < 9; i++) sorted &= order[0][i] == plain[i];
    assert_false(sorted);
    assert_memory_equal(order[0], order[1], sizeof order[0]); /* seed absent: the session's */
    assert_memory_equal(order[2], order[3], sizeof order[0]);
    assert_memory_not_equal(order[0], order[2], sizeof order[0]);
}

static void refused(const char *dir, const char *options, const char *part) {
    sn_err e = { 0 };
    size_t before = sn_mem_used();
    sn_dataset *d = open_folder(dir, options, &e);
    if (d) fail_msg("%s%s was accepted", dir, options);
    expect_part(&e, part);
    assert_int_equal(sn_mem_used(), before);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    mkdir(in_root("nothing"), 0777);
    mkdir(in_root("hollow"), 0777);
    mkdir(in_root("hollow/a"), 0777);
    mkdir(in_root("hollow/b"), 0777);
    put_bmp("single/only/1.bmp", 4, 4, 1);
    refused("absent", "", "no such folder");
    refused("pets/stray.txt", "", "is not a folder");
    refused("nothing", "", "has no class folders");
    refused("hollow", "", "no images found");
    refused("single", "", "has one class folder only (\"only\")");
    refused("single", ", label_mode=\"binary\", class_names={\"only\"}", "exactly 2 classes");
    refused("pets", ", label_mode=\"binary\"", "exactly 2 classes");
    refused("pets", ", class_names={\"cat\", \"cow\"}", "has \"cow\"");
    refused("pets", ", class_names={\"cat\", \"cat\"}", "twice");
    refused("pets", ", class_names={\"../pets\"}", "no such folder");
    refused("pets", ", validation_split=0.5", "give both or neither");
    refused("pets", ", subset=\"training\"", "give both or neither");
    refused("pets", ", validation_split=0.5, subset=\"training\"", "needs a seed");
    refused("pets", ", validation_split=1.5, subset=\"training\", seed=1", "between 0 and 1");
    refused("pets", ", validation_split=0.01, subset=\"validation\", seed=1", "leaves none for validation");
    refused("pets", ", crop_to_aspect_ratio=true, pad_to_aspect_ratio=true", "exclude each other");
    refused("pets", ", labels=\"none\", class_names={\"cat\"}", "class_names without labels");
    refused("pets", ", image_size=0", "outside 1..16384");
    refused("pets", ", cache=\"disk\", cache_dir=\"/dev/null/none\"", "/dev/null/none");
    if (geteuid() != 0) { /* root may read everything */
        assert_int_equal(chmod(in_root("pets/cat"), 0), 0);
        refused("pets", "", "may not be read");
        assert_int_equal(chmod(in_root("pets/cat"), 0444), 0); /* names can be listed, and no more */
        refused("pets", "", "may not be read");
        assert_int_equal(chmod(in_root("pets/cat"), 0777), 0);
        assert_int_equal(chmod(in_root("pets"), 0444), 0);
        refused("pets", "", "may not be read");
        refused("pets", ", class_names={\"cat\", \"dog\"}", "may not be read");
        assert_int_equal(chmod(in_root("pets"), 0777), 0);
    }
    sn_err e = { 0 };
    sn_dataset *d = open_folder("single", SMALL ", class_names={\"only\"}", &e); /* asked for by name */
    assert_non_null(d);
    sn_dataset_release(d);
}

static void broken_files_warn_once(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[PIXELS], y;
    static const char *const modes[] = { "none", "memory", "disk" };
    for (int k = 0; k < 3; k++) {
        char options[100];
        snprintf(options, sizeof options, SMALL ", shuffle=false, cache=\"%s\"", modes[k]);
        watch_warnings();
        sn_dataset *d = open_folder("broken", options, &e);
        assert_int_equal(sn_dataset_broken(d), 0);
        for (int round = 0; round < 3; round++)
            for (int64_t i = 0; i < d->count; i++) {
                sn_status want = i < 3 ? SN_OK : SN_ESKIP;
                assert_int_equal(d->fns->get(d, i, x, &y, &e), want);
            }
        assert_int_equal(warnings, 3);
        assert_non_null(strstr(last_warning, "/broken/b/page.gif: is a web page (HTML) file"));
        assert_non_null(strstr(last_warning, "; skipped"));
        assert_int_equal(sn_dataset_broken(d), 3);
        sn_tensor labels;
        assert_int_equal(sn_dataset_labels(d, &labels, &e), SN_OK);
        assert_int_equal(labels.shape.d[0], 3);
        sn_tensor_drop(&labels);
        sn_dataset_release(d);
    }
    watch_warnings();
    sn_dataset *d = open_folder("broken", SMALL ", shuffle=false, on_error=\"raise\"", &e);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(d->fns->get(d, 3, x, &y, &e), SN_EFORMAT);
        expect_part(&e, "broken/b/bad.jpg: broken JPEG: no pixels; remove the file");
    }
    assert_int_equal(warnings, 0);
    sn_dataset_release(d);
}

/* Of a path that is too long for a message, the end is shown: it tells the file. */
static void long_paths_are_told_by_their_end(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[PIXELS], y;
    char name[300];
    snprintf(name, sizeof name, "long/%0100d/%0100d/the_file.bmp", 1, 2);
    put_file(name, "BM", 2);
    watch_warnings();
    sn_dataset *d = open_folder("long", SMALL ", labels=\"none\"", &e);
    assert_int_equal(d->fns->get(d, 0, x, &y, &e), SN_ESKIP);
    assert_non_null(strstr(last_warning, "2/the_file.bmp: broken BMP: the file is cut off; skipped"));
    sn_dataset_release(d);
}

static void large_images_are_broken_ones(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[PIXELS], y;
    watch_warnings();
    sn_dataset *d = open_folder("pets", SMALL ", shuffle=false, max_pixels=16", &e);
    assert_int_equal(d->fns->get(d, 7, x, &y, &e), SN_ESKIP);
    assert_non_null(strstr(last_warning, "claims 6 x 8 pixels, over the limit of 16 (max_pixels)"));
    sn_dataset_release(d);
}

/* The same bytes wherever they are kept, and the files are not read twice. */
static void caches_agree(void **state) {
    (void)state;
    sn_err e = { 0 };
    static const char *const modes[] = { "none", "memory", "disk", "auto" };
    static float first[9][PIXELS], again[PIXELS];
    float y;
    for (int k = 0; k < 4; k++) {
        char options[400];
        put_bmp("pets/Ant/y.bmp", 4, 4, 9);
        snprintf(options, sizeof options, SMALL ", shuffle=false, rescale=0.1, cache=\"%s\", cache_dir=\"%s\"",
                 modes[k], in_root("cache/below"));
        sn_dataset *d = open_folder("pets", options, &e);
        if (!d) fail_msg("%s", e.msg);
        for (int round = 0; round < 2; round++) {
            for (int64_t i = 0; i < 9; i++) {
                assert_int_equal(d->fns->get(d, i, again, &y, &e), SN_OK);
                if (k == 0 && round == 0) memcpy(first[i], again, sizeof again);
                assert_true(k == 0 || memcmp(first[i], again, sizeof again) == 0);
            }
            if (k > 0) unlink(in_root("pets/Ant/y.bmp"));
        }
        sn_dataset_release(d);
    }
    put_bmp("pets/Ant/y.bmp", 4, 4, 9);
    char command[600]; /* the cache file has no name */
    snprintf(command, sizeof command, "test -z \"$(ls -A '%s/cache/below')\"", root);
    assert_int_equal(system(command), 0);
}

static void a_full_disk_ends_caching_only(void **state) {
    (void)state;
    sn_err e = { 0 };
    float x[PIXELS], y;
    struct rlimit old, small;
    watch_warnings();
    sn_dataset *d = open_folder("pets", SMALL ", shuffle=false, cache=\"disk\"", &e);
    assert_non_null(d);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){ 3 * PIXELS, old.rlim_max }; /* room for three pictures */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int seeds[2][9];
    for (int round = 0; round < 2; round++)
        for (int64_t i = 0; i < 9; i++) {
            assert_int_equal(d->fns->get(d, i, x, &y, &e), SN_OK);
            seeds[round][i] = (int)x[0];
        }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_memory_equal(seeds[0], seeds[1], sizeof seeds[0]);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "the image cache cannot grow"));
    sn_dataset_release(d);
}

static void links_are_followed_when_asked(void **state) {
    (void)state;
    sn_err e = { 0 };
    put_bmp("links/a/1.bmp", 4, 4, 1);
    put_bmp("links/b/2.bmp", 4, 4, 2);
    put_bmp("elsewhere/3.bmp", 4, 4, 3);
    assert_int_equal(symlink("../../elsewhere", in_root("links/a/more")), 0);
    assert_int_equal(symlink("..", in_root("links/b/loop")), 0);
    sn_dataset *d = open_folder("links", SMALL, &e);
    assert_int_equal(d->count, 2);
    sn_dataset_release(d);
    d = open_folder("links", SMALL ", follow_links=true, shuffle=false", &e);
    if (!d) fail_msg("%s", e.msg);
    assert_int_equal(d->count, 5); /* the loop leads through links/a and its link once, and ends there */
    sn_dataset_release(d);
}

static void fingerprint_tells_changes(void **state) {
    (void)state;
    sn_err e = { 0 };
    static const char *const options[] = { ", shuffle=false",
                                           ", shuffle=false, cache=\"none\"",
                                           ", seed=2",
                                           ", shuffle=false, color_mode=\"grayscale\"",
                                           ", shuffle=false, rescale=2",
                                           ", shuffle=false, image_size=5",
                                           ", shuffle=false, label_mode=\"none\"" };
    uint64_t h[7];
    for (int k = 0; k < 7; k++) {
        sn_dataset *d = open_folder("pets", options[k], &e);
        h[k] = sn_dataset_fingerprint(d);
        sn_dataset_release(d);
        assert_true(k < 2 ? h[k] == h[0] : h[k] != h[0]); /* where it is cached does not matter */
    }
}

/* ---- the cache itself ---- */

typedef struct {
    int made[64]; /* atomic */
} counter;

static sn_status slow_fill(void *ctx, int64_t i, uint8_t *out, sn_err *e) {
    counter *c = ctx;
    __atomic_add_fetch(&c->made[i], 1, __ATOMIC_SEQ_CST);
    usleep(300);
    if (i % 7 == 3) return sn_fail(e, SN_ESKIP, "broken");
    memset(out, (int)i, 100);
    return SN_OK;
}

typedef struct {
    sn_cache *cache;
    counter *count;
    bool ok;
} reader;

static void *read_all(void *arg) {
    reader *r = arg;
    uint8_t room[100];
    const uint8_t *at;
    r->ok = true;
    for (int round = 0; round < 3; round++)
        for (int64_t i = 0; i < 64; i++) {
            sn_err e = { 0 };
            sn_status s = sn_cache_get(r->cache, i, room, &at, slow_fill, r->count, &e);
            r->ok &= s == (i % 7 == 3 ? SN_ESKIP : SN_OK);
            if (s == SN_OK) r->ok &= at[0] == i && at[99] == i;
        }
    return NULL;
}

static void nothing_is_made_twice_by_two_threads(void **state) {
    (void)state;
    for (int mode = SN_CACHE_MEMORY; mode <= SN_CACHE_DISK; mode++) {
        sn_err e = { 0 };
        sn_cache *c;
        counter count = { { 0 } };
        pthread_t t[4];
        reader r[4];
        assert_int_equal(sn_cache_new(&c, 64, 100, (sn_cache_mode)mode, root, "test", &e), SN_OK);
        assert_int_equal(sn_cache_where(c), mode);
        for (int k = 0; k < 4; k++) {
            r[k] = (reader){ c, &count, false };
            assert_int_equal(pthread_create(&t[k], NULL, read_all, &r[k]), 0);
        }
        for (int k = 0; k < 4; k++) {
            pthread_join(t[k], NULL);
            assert_true(r[k].ok);
        }
        for (int i = 0; i < 64; i++) assert_int_equal(count.made[i], 1);
        sn_cache_free(c);
    }
}

static void auto_cache_keeps_to_its_budget(void **state) {
    (void)state;
    sn_err e = { 0 };
    sn_cache *c;
    sn_mem_set_limit(sn_mem_used() + (8u << 20));
    assert_int_equal(sn_cache_new(&c, 100, 1000, SN_CACHE_AUTO, root, "test", &e), SN_OK);
    assert_int_equal(sn_cache_where(c), SN_CACHE_MEMORY);
    sn_cache_free(c);
    size_t before = sn_mem_used(); /* 30,000 pictures of 256 x 256 x 3 */
    assert_int_equal(sn_cache_new(&c, 30000, 256 * 256 * 3, SN_CACHE_AUTO, root, "test", &e), SN_OK);
    assert_true(sn_cache_where(c) == SN_CACHE_DISK);
    assert_true(sn_mem_used() - before < 100000);
    sn_cache_free(c);
    assert_int_equal(sn_cache_new(&c, 30000, 256 * 256 * 3, SN_CACHE_MEMORY, root, "test", &e), SN_ENOMEM);
    assert_null(c);
    expect_part(&e, "cache = \"memory\"");
    sn_mem_set_limit(0);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    char text[400];
    const char *p = text;
    sn_err e = { 0 };
    snprintf(text, sizeof text,
             "image_folder{directory=\"%s/pets\", image_size=4, class_names={\"cat\", \"dog\"}}", root);
    sn_obj *o = sn_obj_parse(&sn_kind_dataset, &p, &e);
    assert_non_null(o);
    size_t before = sn_mem_used();
    bool done = false;
    for (int k = 0; k < 300 && !done; k++) {
        float x[PIXELS], y;
        sn_dataset *d;
        e = (sn_err){ 0 };
        sn_mem_fail_after(k);
        done = sn_dataset_open(o, &d, &e) == SN_OK && d->fns->get(d, 0, x, &y, &e) == SN_OK;
        sn_mem_fail_after(-1);
        if (!done && e.code != SN_ENOMEM) fail_msg("allocation %d: %s", k, e.msg);
        if (d) assert_int_equal(sn_dataset_broken(d), 0); /* want of memory is not the file's fault */
        sn_dataset_release(d);
        assert_int_equal(sn_mem_used(), before);
    }
    assert_true(done);
    sn_obj_release(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files_in_keras_order),
        cmocka_unit_test(labels_come_in_every_mode),
        cmocka_unit_test(pixels_follow_the_options),
        cmocka_unit_test(splits_are_disjoint_and_complete),
        cmocka_unit_test(order_depends_on_the_seed_alone),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(broken_files_warn_once),
        cmocka_unit_test(long_paths_are_told_by_their_end),
        cmocka_unit_test(large_images_are_broken_ones),
        cmocka_unit_test(caches_agree),
        cmocka_unit_test(a_full_disk_ends_caching_only),
        cmocka_unit_test(links_are_followed_when_asked),
        cmocka_unit_test(fingerprint_tells_changes),
        cmocka_unit_test(nothing_is_made_twice_by_two_threads),
        cmocka_unit_test(auto_cache_keeps_to_its_budget),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests(tests, make_pets, remove_root);
}
