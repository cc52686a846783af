#include "data/image.h"

#include "base/mem.h"
#include "data/image_guard.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

/* One decoding at a time per thread. Every block the decoder holds is on a list, so that a failed assertion can
 * leave it by longjmp without a leak, and counted, so that a header cannot make it take more than its
 * dimensions explain. */
typedef struct block block;
struct block {
    alignas(16) size_t bytes;
    block *prev, *next;
};
static _Thread_local struct {
    block *list;
    size_t held, cap;
    bool out_of_memory, over_cap;
    jmp_buf escape;
} job;

static void *job_alloc(size_t bytes) {
    if (bytes > job.cap - job.held) {
        job.over_cap = true;
        return NULL;
    }
    /* Zeroed: broken files leave parts unwritten, and pixels must not depend on what was in memory before. */
    block *b = sn_calloc(1, sizeof *b + bytes, "image", NULL);
    if (!b) {
        job.out_of_memory = true;
        return NULL;
    }
    b->bytes = bytes;
    b->next = job.list;
    if (b->next) b->next->prev = b;
    job.list = b;
    job.held += bytes;
    return b + 1;
}

static void job_free(void *p) {
    if (!p) return;
    block *b = (block *)p - 1;
    *(b->prev ? &b->prev->next : &job.list) = b->next;
    if (b->next) b->next->prev = b->prev;
    job.held -= b->bytes;
    sn_free(b);
}

static void *job_realloc(void *p, size_t old, size_t bytes) {
    void *q = job_alloc(bytes);
    if (!q || !p) return q;
    memcpy(q, p, old < bytes ? old : bytes);
    job_free(p);
    return q;
}

static _Noreturn void job_escape(void) { longjmp(job.escape, 1); }

/* The decoder's JPEG arithmetic overflows on hostile coefficients (sums and products in the inverse transform,
 * shifts of negative numbers), which cannot be told before decoding: the Makefile gives this file -fwrapv. */
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS           SN_IMAGE_MAX_SIDE
#define STBI_MALLOC(n)                job_alloc(n)
#define STBI_REALLOC_SIZED(p, old, n) job_realloc(p, old, n)
#define STBI_FREE(p)                  job_free(p)
#define STBI_ASSERT(x)                ((x) ? (void)0 : job_escape())
/* A fault of the decoder that later versions mend: where coded data ends too early, its count of bits left can
 * become negative, and the function that refills it then shifts by more than 31. The function's definition
 * takes another name here, and its calls (whose argument is j or z) pass by a check. */
#define stbi__grow_buffer_unsafe(arg) CHECKED_##arg)
#define CHECKED_stbi__jpeg unchecked_grow(stbi__jpeg
#define CHECKED_j checked_grow(j
#define CHECKED_z checked_grow(z
#define checked_grow(q)                                                                                        \
    ((q)->code_bits < 0 ? (void)((q)->code_bits = 0, (q)->code_buffer = 0) : (void)0, unchecked_grow(q))
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define stbi_set_unpremultiply_on_load_thread                                                                  \
    stbi_set_unpremultiply_on_load /* declared there, defined nowhere */
#include <stb/stb_image.h>

/* Large pictures are decoded one at a time, so that memory does not depend on how many threads meet one. */
enum { LARGE = 64 << 20 };
static pthread_mutex_t one_large = PTHREAD_MUTEX_INITIALIZER;

static const char *const format_names[] = { "JPEG", "PNG", "BMP", "GIF" };

/* The only way into the decoder. What stays of it is the picture that is returned, and nothing on failure. */
static uint8_t *run_decoder(const sn_image_facts *f, int channels, int *w, int *h) {
    uint8_t *volatile pixels = NULL;
    int in_file;
    job.list = NULL;
    job.held = 0;
    job.cap = f->cap;
    job.out_of_memory = job.over_cap = false;
    if (setjmp(job.escape) == 0) {
        pixels = stbi_load_from_memory(f->bytes, (int)f->n, w, h, &in_file, channels);
    } else {
        stbi__err("inconsistent", "inconsistent");
    }
    for (block *b = job.list, *next; b; b = next) {
        next = b->next;
        if ((uint8_t *)(b + 1) != pixels) sn_free(b);
    }
    job.list = NULL;
    return pixels;
}

sn_status sn_image_decode(sn_image *out, const void *file, size_t n, int channels, int64_t max_pixels,
                          sn_err *e) {
    char a[32], b[32];
    sn_image_facts f;
    int w = 0, h = 0;
    *out = (sn_image){ 0 };
    if (channels != 1 && channels != 3 && channels != 4) SN_BUG("an image has 1, 3 or 4 channels");
    sn_status s = sn_image_guard(&f, file, n, max_pixels > 0 ? max_pixels : SN_IMAGE_MAX_PIXELS, e);
    if (s == SN_OK && f.need > sn_mem_limit() / 2)
        s = sn_fail(e, SN_EFORMAT, "needs %s to decode %lld x %lld pixels, over half of the memory limit of %s",
                    sn_bytes(a, sizeof a, (double)f.need), (long long)f.w, (long long)f.h,
                    sn_bytes(b, sizeof b, (double)sn_mem_limit()));
    if (s == SN_OK) {
        bool large = f.need > LARGE;
        if (large) pthread_mutex_lock(&one_large);
        uint8_t *pixels = run_decoder(&f, channels, &w, &h);
        if (large) pthread_mutex_unlock(&one_large);
        *out = (sn_image){ h, w, channels, pixels };
        if (!pixels && job.out_of_memory) {
            s = sn_fail(e, SN_ENOMEM,
                        "out of memory while decoding %lld x %lld pixels; use a smaller batch_size or "
                        "max_pixels",
                        (long long)f.w, (long long)f.h);
        } else if (!pixels) {
            s = sn_fail(e, SN_EFORMAT, "broken %s: %s", format_names[f.format],
                        job.over_cap ? "it unpacks to more than its size explains" : stbi_failure_reason());
        } else if (w != f.w || h != f.h) {
            s = sn_fail(e, SN_EFORMAT, "broken %s: two different sizes", format_names[f.format]);
        }
    }
    if (s != SN_OK) sn_image_drop(out);
    sn_image_guard_drop(&f);
    return s;
}

void sn_image_drop(sn_image *m) {
    if (m->data) sn_free((block *)(void *)m->data - 1);
    *m = (sn_image){ 0 };
}
