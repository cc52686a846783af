#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 16 << 20 };

/* The header sits in the 64 bytes before the block, so alignment is kept. */
typedef struct {
    size_t bytes;
    size_t mapped; /* bytes of a mapping of its own; 0: of the heap */
    char pad[48];
} header;

static atomic_size_t used, peak, limit_bytes;
static atomic_int_fast64_t fail_in = -1;

size_t sn_mem_used(void) { return atomic_load(&used); }
size_t sn_mem_peak(void) { return atomic_load(&peak); }
void sn_mem_reset_peak(void) { atomic_store(&peak, atomic_load(&used)); }
void sn_mem_set_limit(size_t bytes) { atomic_store(&limit_bytes, bytes); }
void sn_mem_fail_after(int64_t n) { atomic_store(&fail_in, n); }
int64_t sn_mem_fail_left(void) { return atomic_load(&fail_in); }

/* The number after the first occurrence of key in a small text file (in units of unit bytes); 0 when there is
 * none. */
static size_t number_in_file(const char *path, const char *key, size_t unit) {
    char text[2048];
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *at = strstr(text, key);
    unsigned long long v = at ? strtoull(at + strlen(key), NULL, 10) : 0;
    return v > SIZE_MAX / unit ? 0 : (size_t)v * unit;
}

/* Nine tenths of what the machine (or the control group) has: the rest of the process needs some too, and a
 * process that takes all is killed without a word. */
static size_t machine_limit(void) {
    static atomic_size_t known;
    size_t limit = atomic_load(&known);
    if (limit) return limit;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    limit = pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX / 4;
    size_t group = number_in_file("/sys/fs/cgroup/memory.max", "", 1); /* "max" reads as 0 */
    if (group && group < limit) limit = group;
    limit = limit / 10 * 9;
    atomic_store(&known, limit);
    return limit;
}

/* What the machine has free, less what was given out here and never touched: the system still counts that as
 * free. 0: it does not say. */
static size_t free_of_promises(size_t held) {
    size_t available = number_in_file("/proc/meminfo", "MemAvailable:", 1024);
    size_t resident = number_in_file("/proc/self/status", "VmRSS:", 1024);
    size_t promised = held > resident ? held - resident : 0;
    return available > promised ? available - promised : available ? 1 : 0;
}

size_t sn_mem_limit(void) {
    size_t set = atomic_load(&limit_bytes), top = machine_limit(), held = atomic_load(&used);
    if (set) return set;
    size_t free_now = free_of_promises(held);
    return free_now && held + free_now < top ? held + free_now : top;
}

char *sn_bytes(char *buf, size_t n, double bytes) {
    static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    int u = 0;
    while (bytes >= 1024 && u < 6) bytes /= 1024, u++;
    snprintf(buf, n, u == 0 ? "%.0f %s" : "%.2f %s", bytes, unit[u]);
    return buf;
}

static bool injected_failure(void) {
    if (atomic_load(&fail_in) < 0) return false;
    return atomic_fetch_sub(&fail_in, 1) == 0;
}

static void count(size_t bytes) {
    size_t now = atomic_fetch_add(&used, bytes) + bytes;
    size_t old = atomic_load(&peak);
    while (now > old && !atomic_compare_exchange_weak(&peak, &old, now)) {}
}

enum { HUGE_PAGE = 2 << 20, MAPPED = 32 << 20 };

/* GCC says it by a macro, Clang by a feature. */
#ifdef __has_feature
#    define ADDRESS_SANITIZED __has_feature(address_sanitizer)
#elif defined __SANITIZE_ADDRESS__
#    define ADDRESS_SANITIZED 1
#else
#    define ADDRESS_SANITIZED 0
#endif

/* Large blocks are mappings of their own (as malloc's are from this size on): the system gives them as zeros,
 * so that nobody has to write them, and their pages are first touched by the threads that use them. The
 * sanitizers watch over the heap alone. */
static header *map_block(size_t total) {
#if ADDRESS_SANITIZED
    (void)total;
    return NULL;
#else
    size_t size = (total + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    char *p = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    size_t before = -(uintptr_t)p & (HUGE_PAGE - 1);
    if (before) munmap(p, before);
    if (before < HUGE_PAGE) munmap(p + before + size, HUGE_PAGE - before);
    header *h = (header *)(void *)(p + before);
    h->mapped = size;
    return h;
#endif
}

static header *heap_block(size_t total) {
    size_t align = total >= HUGE_PAGE ? HUGE_PAGE : 64;
    header *h = aligned_alloc(align, (total + align - 1) & ~(align - 1));
    if (h) h->mapped = 0;
    return h;
}

static header *block(size_t total) {
    header *h = total >= MAPPED ? map_block(total) : NULL;
    if (!h) h = heap_block(total);
#ifdef MADV_HUGEPAGE
    /* Large slabs are streamed: fewer page faults and TLB misses (a hint only, so its result does not matter).
     */
    if (h && total >= HUGE_PAGE) (void)madvise(h, total, MADV_HUGEPAGE);
#endif
    return h;
}

void *sn_alloc(size_t bytes, const char *what, sn_err *e) {
    char a[32], b[32], c[32];
    size_t held = atomic_load(&used), set = atomic_load(&limit_bytes);
    /* What is free right now is asked for large blocks only: it costs a file read. */
    size_t top = set ? set : bytes < LARGE ? machine_limit() : sn_mem_limit();
    header *h = NULL;
    if (!injected_failure() && bytes <= SIZE_MAX / 2 && bytes <= top && held <= top - bytes)
        h = block(bytes + sizeof(header));
    if (!h) {
        sn_fail(e, SN_ENOMEM,
                "%s: needs %s, but %s of %s are in use; use a smaller batch_size, image_size or network", what,
                sn_bytes(a, sizeof a, (double)bytes), sn_bytes(b, sizeof b, (double)held),
                sn_bytes(c, sizeof c, (double)top));
        return NULL;
    }
    h->bytes = bytes;
    count(bytes);
    return h + 1;
}

void *sn_calloc(size_t n, size_t size, const char *what, sn_err *e) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) bytes = SIZE_MAX;
    void *p = sn_alloc(bytes, what, e);
    if (p && !((header *)p - 1)->mapped) memset(p, 0, bytes);
    return p;
}

void *sn_realloc(void *p, size_t bytes, const char *what, sn_err *e) {
    void *q = sn_alloc(bytes, what, e);
    if (!q || !p) return q;
    size_t old = ((header *)p - 1)->bytes;
    memcpy(q, p, old < bytes ? old : bytes);
    sn_free(p);
    return q;
}

void sn_free(void *p) {
    if (!p) return;
    header *h = (header *)p - 1;
    atomic_fetch_sub(&used, h->bytes);
    if (h->mapped)
        munmap(h, h->mapped);
    else
        free(h);
}

char *sn_strdup(const char *s, sn_err *e) {
    size_t n = strlen(s) + 1;
    char *p = sn_alloc(n, "text", e);
    if (p) memcpy(p, s, n);
    return p;
}
