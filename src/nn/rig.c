/* A layer by itself, with buffers of its own. */
#include "base/mem.h"
#include "base/rng.h"
#include "nn/gradcheck.h"
#include <math.h>
#include <string.h>

size_t sn_rig_size(const sn_rig *r) { return sn_dtype_size(r->dtype); }

bool sn_rig_is_frozen(const sn_rig *r) { return !((const sn_layer_common *)r->obj->cfg)->trainable; }

/* Bytes of all ones are nan in both precisions. */
static void hide(const sn_rig *r, void *buf, size_t n) {
    if (buf) memset(buf, 0xff, n * sn_rig_size(r));
}

static void put(const sn_rig *r, void *buf, size_t i, float v) {
    if (r->dtype == SN_F64)
        ((double *)buf)[i] = (double)v;
    else
        ((float *)buf)[i] = v;
}

static void *buffer(const sn_rig *r, size_t n, sn_err *e) {
    void *b = sn_alloc((n ? n : 1) * sn_rig_size(r), "a layer's check", e);
    if (b) hide(r, b, n);
    return b;
}

/* Normal numbers; positive ones around 1 for statistics, one of which is a variance. */
static void fill(const sn_rig *r, void *buf, size_t n, bool positive, sn_rng *rng) {
    for (size_t i = 0; i < n; i++)
        put(r, buf, i, (float)(positive ? 0.5 + sn_rng_uniform(rng) : sn_rng_normal(rng)));
}

static sn_status allocate(sn_rig *r, sn_err *e) {
    bool ok = true;
    for (int i = 0; i < r->nin; i++) {
        r->nx[i] = (size_t)sn_shape_count(&r->in[i]);
        ok = ok && (r->x[i] = buffer(r, r->nx[i], e)) && (r->dx[i] = buffer(r, r->nx[i], e));
    }
    r->ny = (size_t)sn_shape_count(&r->plan.out);
    ok = ok && (r->y = buffer(r, r->ny, e)) && (r->dy = buffer(r, r->ny, e));
    for (int i = 0; i < r->plan.nparam; i++) {
        r->np[i] = (size_t)sn_shape_count(&r->plan.param[i].shape);
        ok = ok && (r->p[i] = buffer(r, r->np[i], e)) && (r->dp[i] = buffer(r, r->np[i], e));
        if (ok) memset(r->dp[i], 0, r->np[i] * sn_rig_size(r));
    }
    for (int i = 0; i < SN_MAXSAVED; i++)
        if (r->plan.saved[i]) ok = ok && (r->saved[i] = buffer(r, r->plan.saved[i], e));
    ok = ok && (r->scratch = buffer(r, r->plan.scratch, e));
    size_t most = r->ny;
    for (int i = 0; i < r->nin; i++)
        if (r->nx[i] > most) most = r->nx[i];
    ok = ok && (r->hidden = buffer(r, most, e));
    return ok ? SN_OK : SN_ENOMEM;
}

static sn_status set_up(sn_rig *r, const char *cfg, const sn_shape *in, uint64_t seed, sn_pool *pool,
                        sn_err *e) {
    r->obj = sn_obj_parse(&sn_kind_layer, &cfg, e);
    if (!r->obj) return SN_EINVAL;
    if (&sn_layer_in(r->obj->desc, r->dtype)->desc != &r->type->desc)
        return sn_fail(e, SN_EINVAL, "%s: the case is of another layer, %s", r->type->desc.name,
                       r->obj->desc->name);
    if (r->nin < 1 || r->nin > SN_RIG_MAXIN)
        return sn_fail(e, SN_EINVAL, "%s: a case has 1 to %d inputs, got %d", r->type->desc.name, SN_RIG_MAXIN,
                       r->nin);
    memcpy(r->in, in, (size_t)r->nin * sizeof *in);
    sn_status s = r->type->plan(r->obj->cfg, r->in, r->nin, &r->plan, pool, e);
    if (s == SN_OK) s = allocate(r, e);
    if (s != SN_OK) return s;
    sn_rng rng = sn_rng_make(seed, SN_STREAM_TEST, 0);
    for (int i = 0; i < r->nin; i++) fill(r, r->x[i], r->nx[i], false, &rng);
    fill(r, r->dy, r->ny, false, &rng);
    for (int i = 0; i < r->plan.nparam; i++) fill(r, r->p[i], r->np[i], !r->plan.param[i].trainable, &rng);
    r->io = (sn_io){ .nin = r->nin,
                     .in = r->in,
                     .out = r->plan.out,
                     .x = r->x_seen,
                     .y = r->y,
                     .dy = r->dy,
                     .dx = r->dx_wanted,
                     .scratch = r->scratch,
                     .seed = seed,
                     .step = 3,
                     .id = 2,
                     .pool = pool };
    for (int i = 0; i < r->nin; i++) r->x_seen[i] = r->x[i];
    for (int i = 0; i < r->plan.nparam; i++) {
        r->io.p[i] = r->p[i];
        if (!r->plan.param[i].trainable) r->io.stat[i] = r->p[i];
    }
    memcpy(r->io.saved, r->saved, sizeof r->saved);
    return SN_OK;
}

sn_status sn_rig_new(sn_rig *r, const sn_layer_type *type, sn_dtype dtype, const char *cfg, const sn_shape *in,
                     int nin, uint64_t seed, sn_pool *pool, sn_err *e) {
    memset(r, 0, sizeof *r);
    r->type = sn_layer_in(&type->desc, dtype);
    r->dtype = dtype;
    r->nin = nin;
    sn_status s = set_up(r, cfg, in, seed, pool, e);
    if (s != SN_OK) sn_rig_free(r);
    return s;
}

void sn_rig_free(sn_rig *r) {
    for (int i = 0; i < SN_RIG_MAXIN; i++) sn_free(r->x[i]), sn_free(r->dx[i]);
    for (int i = 0; i < SN_MAXPARAM; i++) sn_free(r->p[i]), sn_free(r->dp[i]);
    for (int i = 0; i < SN_MAXSAVED; i++) sn_free(r->saved[i]);
    sn_free(r->y);
    sn_free(r->dy);
    sn_free(r->scratch);
    sn_free(r->hidden);
    sn_obj_release(r->obj);
    memset(r, 0, sizeof *r);
}

void sn_rig_forward(sn_rig *r, bool train) {
    r->io.train = train;
    for (int i = 0; i < SN_MAXSAVED; i++) hide(r, r->io.saved[i], r->plan.saved[i]);
    hide(r, r->scratch, r->plan.scratch);
    if (r->io.y == r->y && r->x_seen[0] != r->y) hide(r, r->y, r->ny);
    r->type->forward(r->obj->cfg, &r->io);
}

void sn_rig_backward(sn_rig *r, bool want_dx, bool want_dp) {
    want_dp = want_dp && !sn_rig_is_frozen(r);
    hide(r, r->scratch, r->plan.scratch);
    for (int i = 0; i < r->nin; i++) {
        r->dx_wanted[i] = want_dx ? r->dx[i] : NULL;
        if (r->dx[i] != r->dy) hide(r, r->dx[i], r->nx[i]);
        if (!(r->plan.flags & SN_KEEP_X)) r->x_seen[i] = r->hidden;
    }
    for (int i = 0; i < r->plan.nparam; i++)
        r->io.dp[i] = want_dp && r->plan.param[i].trainable ? r->dp[i] : NULL;
    if (!(r->plan.flags & SN_KEEP_Y)) r->io.y = r->hidden;
    r->type->backward(r->obj->cfg, &r->io);
    r->io.y = r->y;
    for (int i = 0; i < r->nin; i++) r->x_seen[i] = r->x[i];
}
