/* Part of kern.inc.c: optimizers' steps. Square roots and quotients are exact to the last bit, so that all
 * instruction sets give the same. */

#ifdef SN_F64
#    define ROOT __builtin_sqrt
#else
#    define ROOT __builtin_sqrtf
#endif

static void adam_plain(real *restrict p, real *restrict m, real *restrict v, const real *restrict g, size_t n,
                       real a, real b, real step, real eps) {
    for (size_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * a;
        v[i] += (g[i] * g[i] - v[i]) * b;
        p[i] -= m[i] * step / (ROOT(v[i]) + eps);
    }
}

static void adam_top(real *restrict p, real *restrict m, real *restrict v, real *restrict top,
                     const real *restrict g, size_t n, real a, real b, real step, real eps) {
    for (size_t i = 0; i < n; i++) {
        m[i] += (g[i] - m[i]) * a;
        v[i] += (g[i] * g[i] - v[i]) * b;
        top[i] = v[i] > top[i] ? v[i] : top[i];
        p[i] -= m[i] * step / (ROOT(top[i]) + eps);
    }
}

static void k_adam(real *p, real *m, real *v, real *top, const real *g, size_t n, real a, real b, real step,
                   real eps) {
    if (top)
        adam_top(p, m, v, top, g, n, a, b, step, eps);
    else
        adam_plain(p, m, v, g, n, a, b, step, eps);
}
