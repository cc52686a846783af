#include "num/vec.h"

#ifdef SN_F64
typedef sn_kern_f64_table table;
#else
typedef sn_kern_f32_table table;
#endif

typedef struct {
    const table *k;
    real *y, a, b;
    const real *x, *z;
} args;

static void fill(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    v->k->fill(v->y + from, v->a, to - from);
}
static void add(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    v->k->add(v->y + from, v->x + from, v->z + from, to - from);
}
static void axpy(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    v->k->axpy(v->y + from, v->a, v->x + from, to - from);
}
static void affine(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    v->k->affine(v->y + from, v->x + from, v->a, v->b, to - from);
}
static double sum(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    return v->k->sum(v->x + from, to - from);
}
static double sum_abs(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    return v->k->sum_abs(v->x + from, to - from);
}
static double dot(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    return v->k->dot(v->x + from, v->z + from, to - from);
}
static double count_bad(void *ctx, size_t from, size_t to) {
    const args *v = ctx;
    return v->k->all_finite(v->x + from, to - from) ? 0 : 1;
}

void SN_R(sn_vec_fill)(sn_pool *p, real *y, real a, size_t n) {
    sn_for_ranges(p, n, SN_CHUNK, fill, &(args){ .k = SN_R(sn_kern)(), .y = y, .a = a });
}
void SN_R(sn_vec_add)(sn_pool *p, real *y, const real *a, const real *b, size_t n) {
    sn_for_ranges(p, n, SN_CHUNK, add, &(args){ .k = SN_R(sn_kern)(), .y = y, .x = a, .z = b });
}
void SN_R(sn_vec_axpy)(sn_pool *p, real *y, real a, const real *x, size_t n) {
    sn_for_ranges(p, n, SN_CHUNK, axpy, &(args){ .k = SN_R(sn_kern)(), .y = y, .a = a, .x = x });
}
void SN_R(sn_vec_affine)(sn_pool *p, real *y, const real *x, real a, real b, size_t n) {
    sn_for_ranges(p, n, SN_CHUNK, affine, &(args){ .k = SN_R(sn_kern)(), .y = y, .x = x, .a = a, .b = b });
}
double SN_R(sn_vec_sum)(sn_pool *p, const real *x, size_t n) {
    return sn_sum_ranges(p, n, SN_CHUNK, sum, &(args){ .k = SN_R(sn_kern)(), .x = x });
}
double SN_R(sn_vec_sum_abs)(sn_pool *p, const real *x, size_t n) {
    return sn_sum_ranges(p, n, SN_CHUNK, sum_abs, &(args){ .k = SN_R(sn_kern)(), .x = x });
}
double SN_R(sn_vec_dot)(sn_pool *p, const real *a, const real *b, size_t n) {
    return sn_sum_ranges(p, n, SN_CHUNK, dot, &(args){ .k = SN_R(sn_kern)(), .x = a, .z = b });
}
bool SN_R(sn_vec_all_finite)(sn_pool *p, const real *x, size_t n) {
    return sn_sum_ranges(p, n, SN_CHUNK, count_bad, &(args){ .k = SN_R(sn_kern)(), .x = x }) == 0;
}
