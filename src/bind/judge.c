/* Judging a model: one pass over a dataset, and what is computed from it. */
#include "base/mem.h"
#include "bind/glue.h"
#include "train/judge_pass.h"
#include <math.h>

#define MT_JUDGMENT "sonde.judgment"

typedef struct {
    sn_judgment *judgment;
} judgment_box;

static int judgment_gc(lua_State *L) {
    judgment_box *box = luaL_checkudata(L, 1, MT_JUDGMENT);
    sn_judgment_free(box->judgment);
    box->judgment = NULL;
    return 0;
}

static const sn_judgment *check_judgment(lua_State *L) {
    judgment_box *box = luaL_checkudata(L, 1, MT_JUDGMENT);
    if (!box->judgment) sn_raise_text(L, "the judgment is closed");
    return box->judgment;
}

/* core.judge(trainer, dataset, batch_size, who, with loss?) -> a judgment */
static int judge(lua_State *L) {
    sn_trainer *t = sn_check_trainer(L, 1);
    sn_dataset *d = sn_check_dataset(L, 2);
    int64_t batch_size = sn_check_batch_size(L, 3);
    const char *who = luaL_checkstring(L, 4);
    bool with_loss = lua_toboolean(L, 5);
    sn_check_samples(L, t, &d->x_shape, who);
    if (d->count < 1) return sn_raise_text(L, "%s: the dataset has no samples", who);
    if (batch_size > d->count) batch_size = d->count;
    size_t before = sn_mem_used();
    judgment_box *box = sn_push_box(L, MT_JUDGMENT, sizeof *box);
    int at = lua_gettop(L);
    sn_lua_loader *loader = sn_push_loader(L, d, batch_size);
    sn_prepare_inference(L, t, batch_size);
    sn_err e;
    sn_set_active(NULL, loader->loader);
    sn_status s = sn_judgment_new(&box->judgment, t, loader->loader, d, with_loss, &e);
    sn_set_active(NULL, NULL);
    sn_close_loader(loader);
    if (s != SN_OK) {
        if (s == SN_EINVAL || s == SN_ESHAPE) sn_fail_prefix(&e, "%s", who);
        return sn_raise(L, &e);
    }
    sn_account_since(L, before);
    lua_pushvalue(L, at);
    return 1;
}

/* core.judgment_info(j) -> { n, units, classes, outputs, independent, normalized, soft, bad, first_bad } */
static int judgment_info(lua_State *L) {
    static const char *const kinds[] = { "probabilities", "logits", "scores" };
    const sn_judgment *g = check_judgment(L);
    const sn_judged *j = &g->seen;
    char text[256];
    lua_newtable(L);
    sn_set_int(L, "n", j->n);
    sn_set_int(L, "units", j->units);
    sn_set_int(L, "classes", j->classes);
    sn_set_text(L, "outputs", kinds[j->kind]);
    sn_set_bool(L, "independent", j->independent);
    sn_set_bool(L, "normalized", j->normalize);
    sn_set_int(L, "soft", g->soft);
    sn_set_int(L, "bad", g->bad);
    if (g->bad > 0) sn_set_text(L, "first_bad", sn_judgment_sample(g, g->first_bad, text, sizeof text));
    return 1;
}

static double opt_number(lua_State *L, int arg) {
    return lua_isnoneornil(L, arg) ? (double)NAN : luaL_checknumber(L, arg);
}

/* A list of the numbers. */
static void push_integers(lua_State *L, const int64_t *v, int n) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushinteger(L, v[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* Zeroed room that the collector frees. */
static void *push_room(lua_State *L, size_t n, size_t size, const char *what) {
    sn_err e;
    sn_tensor *t = sn_push_tensor(L);
    sn_shape shape = { .n = 1, .d = { (int64_t)(n * size) } };
    sn_status s = sn_tensor_new(t, SN_U8, &shape, &e);
    if (sn_retry(L, s)) s = sn_tensor_new(t, SN_U8, &shape, &e);
    if (s != SN_OK) {
        sn_fail_prefix(&e, "%s", what);
        sn_raise(L, &e);
    }
    return t->data;
}

static void push_score(lua_State *L, const sn_class_score *s) {
    lua_createtable(L, 0, 6);
    sn_set_num(L, "precision", s->precision);
    sn_set_num(L, "recall", s->recall);
    sn_set_num(L, "f1", s->f1);
    sn_set_int(L, "support", s->support);
    sn_set_int(L, "predicted", s->predicted);
    sn_set_int(L, "correct", s->hits);
}

/* core.judgment_confusion(j, threshold or nil) -> counts as a list of rows, list of the classes' scores, macro,
 * weighted */
static int judgment_confusion(lua_State *L) {
    const sn_judged *j = &check_judgment(L)->seen;
    double threshold = opt_number(L, 2);
    int c = j->classes;
    int64_t *counts = push_room(L, (size_t)c * (size_t)c, sizeof *counts, "confusion");
    sn_class_score *each = push_room(L, (size_t)c, sizeof *each, "confusion"), macro, weighted;
    sn_judge_confusion(j, threshold, counts);
    sn_judge_report(counts, c, each, &macro, &weighted);
    lua_createtable(L, c, 0);
    for (int k = 0; k < c; k++) {
        push_integers(L, counts + (int64_t)k * c, c);
        lua_rawseti(L, -2, k + 1);
    }
    lua_createtable(L, c, 0);
    for (int k = 0; k < c; k++) {
        push_score(L, &each[k]);
        lua_rawseti(L, -2, k + 1);
    }
    push_score(L, &macro);
    push_score(L, &weighted);
    return 4;
}

/* core.judgment_hits(j, k, threshold or nil) -> samples whose class is among the k largest */
static int judgment_hits(lua_State *L) {
    const sn_judged *j = &check_judgment(L)->seen;
    lua_Integer k = luaL_checkinteger(L, 2);
    lua_pushinteger(L, sn_judge_hits(j, k > j->classes ? j->classes : (int)k, opt_number(L, 3)));
    return 1;
}

/* core.wilson(hits, n, level) -> lower, upper */
static int wilson(lua_State *L) {
    sn_interval v = sn_wilson(luaL_checkinteger(L, 1), luaL_checkinteger(L, 2), luaL_checknumber(L, 3));
    lua_pushnumber(L, v.lower);
    lua_pushnumber(L, v.upper);
    return 2;
}

/* ---- single samples ---- */

/* The key by which samples are ranked: data loss; or the confidence of the wrong ones, -1 for the right. */
static int64_t rank_samples(const sn_judgment *g, bool wrong, double *key, double *p) {
    const sn_judged *j = &g->seen;
    if (!wrong) {
        for (int64_t i = 0; i < j->n; i++) key[i] = g->loss[i];
        return j->n;
    }
    int64_t many = 0;
    for (int64_t i = 0; i < j->n; i++) {
        int c = sn_judge_class(j, i, (double)NAN);
        sn_judge_row(j, i, p);
        bool miss = c >= 0 && c != j->label[i];
        key[i] = miss ? p[c] : -1;
        many += miss;
    }
    return many;
}

/* core.judgment_order(j, "loss" | "wrong", n) -> places (from 1) of the n samples of the largest data loss; of
 * the most confident among the wrong predictions; and how many there are */
static int judgment_order(lua_State *L) {
    const sn_judgment *g = check_judgment(L);
    bool wrong = luaL_checkstring(L, 2)[0] == 'w';
    lua_Integer n = luaL_checkinteger(L, 3);
    if (!wrong && !g->loss) return sn_raise_text(L, "the judgment has no losses");
    size_t count = (size_t)g->seen.n;
    double *key = push_room(L, count, sizeof *key, "order");
    double *p = push_room(L, (size_t)g->seen.classes, sizeof *p, "order");
    int64_t *order = push_room(L, count, sizeof *order, "order");
    sn_err e;
    int64_t many = rank_samples(g, wrong, key, p);
    if (sn_judge_order(key, g->seen.n, order, &e) != SN_OK) return sn_raise(L, &e);
    int64_t shown = n < many ? n : many;
    lua_newtable(L);
    for (int64_t i = 0; i < shown; i++) {
        lua_pushinteger(L, order[i] + 1);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushinteger(L, many);
    return 2;
}

/* core.judgment_losses(judgment) -> mean of the samples' finite data losses, their standard deviation (n - 1),
 * how many are finite */
static int judgment_losses(lua_State *L) {
    const sn_judgment *g = check_judgment(L);
    if (!g->loss) return sn_raise_text(L, "the judgment has no losses");
    double sum = 0, squares = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < g->seen.n; i++)
        if (isfinite(g->loss[i])) sum += g->loss[i], n++;
    double mean = sum / (double)n; /* nan where there is none */
    for (int64_t i = 0; i < g->seen.n; i++)
        if (isfinite(g->loss[i])) squares += (g->loss[i] - mean) * (g->loss[i] - mean);
    lua_pushnumber(L, mean);
    lua_pushnumber(L, n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN);
    lua_pushinteger(L, n);
    return 3;
}

/* core.judgment_sample(j, place) -> { index, name, label, predicted, probability, confidence, loss }; what
 * is not defined is absent */
static int judgment_sample(lua_State *L) {
    const sn_judgment *g = check_judgment(L);
    const sn_judged *j = &g->seen;
    lua_Integer i = luaL_checkinteger(L, 2) - 1;
    if (i < 0 || i >= j->n) return sn_raise_text(L, "there is no sample %lld", (long long)i + 1);
    double *p = push_room(L, (size_t)j->classes, sizeof *p, "sample");
    int c = sn_judge_class(j, i, (double)NAN);
    sn_judge_row(j, i, p);
    lua_newtable(L);
    sn_set_int(L, "index", g->index[i] + 1);
    sn_set_text(L, "name", sn_dataset_sample_name(g->data, g->index[i]));
    sn_set_int(L, "label", j->label[i]);
    if (c >= 0) sn_set_int(L, "predicted", c);
    if (c >= 0 && j->kind != SN_OUT_SCORES) {
        sn_set_num(L, "probability", p[j->label[i]]);
        sn_set_num(L, "confidence", p[c]);
    }
    if (g->loss) sn_set_num(L, "loss", g->loss[i]);
    return 1;
}

/* ---- calibration ---- */

static void push_bins(lua_State *L, const sn_judge_bin *bin, int n) {
    lua_createtable(L, n, 0);
    for (int b = 0; b < n; b++) {
        lua_createtable(L, 0, 8);
        sn_set_num(L, "low", bin[b].low);
        sn_set_num(L, "high", bin[b].high);
        sn_set_int(L, "count", bin[b].count);
        sn_set_int(L, "correct", bin[b].hits);
        sn_set_num(L, "confidence", bin[b].confidence);
        sn_set_num(L, "accuracy", bin[b].accuracy);
        sn_set_num(L, "lower", bin[b].lower);
        sn_set_num(L, "upper", bin[b].upper);
        lua_rawseti(L, -2, b + 1);
    }
}

static void push_calibration(lua_State *L, const sn_calibration *c, const sn_temperature *t) {
    lua_newtable(L);
    sn_set_num(L, "confidence", c->confidence);
    sn_set_num(L, "accuracy", c->accuracy);
    sn_set_num(L, "ece", c->ece);
    sn_set_num(L, "mce", c->mce);
    sn_set_num(L, "adaptive_ece", c->adaptive_ece);
    sn_set_num(L, "nll", c->nll);
    sn_set_num(L, "brier", c->brier);
    sn_set_int(L, "clipped", c->clipped);
    sn_set_int(L, "saturated", c->saturated);
    sn_set_num(L, "temperature", t->temperature);
    sn_set_bool(L, "temperature_at_limit", t->at_limit);
    sn_set_num(L, "temperature_nll", t->nll);
    sn_set_num(L, "gain", t->gain);
    sn_set_num(L, "gain_lower", t->lower);
    sn_set_num(L, "gain_upper", t->upper);
}

/* core.judgment_calibration(j, bins, level) -> a table of numbers, with a list `bins` */
static int judgment_calibration(lua_State *L) {
    const sn_judged *j = &check_judgment(L)->seen;
    int bins = (int)luaL_checkinteger(L, 2);
    double level = luaL_checknumber(L, 3);
    sn_judge_bin *bin = push_room(L, (size_t)bins, sizeof *bin, "calibration");
    sn_calibration c;
    sn_temperature t;
    sn_err e;
    sn_status s = sn_judge_calibrate(j, bins, level, bin, &c, sn_pool_default(), &e);
    if (s == SN_OK) s = sn_judge_temperature(j, level, &t, sn_pool_default(), &e);
    if (s != SN_OK) return sn_raise(L, &e);
    push_calibration(L, &c, &t);
    push_bins(L, bin, bins);
    lua_setfield(L, -2, "bins");
    return 1;
}

/* core.judgment_histogram(j, bins) -> counts of right and of wrong predictions, two lists */
static int judgment_histogram(lua_State *L) {
    const sn_judged *j = &check_judgment(L)->seen;
    int bins = (int)luaL_checkinteger(L, 2);
    int64_t *right = push_room(L, (size_t)bins, sizeof *right, "histogram");
    int64_t *wrong = push_room(L, (size_t)bins, sizeof *wrong, "histogram");
    sn_err e;
    if (sn_judge_histogram(j, bins, right, wrong, &e) != SN_OK) return sn_raise(L, &e);
    push_integers(L, right, bins);
    push_integers(L, wrong, bins);
    return 2;
}

/* ---- curves ---- */

#define MT_CURVE "sonde.curve"

static int curve_gc(lua_State *L) {
    sn_judge_curve_drop(luaL_checkudata(L, 1, MT_CURVE));
    return 0;
}

/* The class's curve, owned by a userdata that is pushed. */
static const sn_judge_curve *push_curve(lua_State *L, int arg) {
    const sn_judged *j = &check_judgment(L)->seen;
    lua_Integer class = luaL_checkinteger(L, arg);
    if (class < 0 || class >= j->classes) sn_raise_text(L, "there is no class %lld", (long long)class);
    sn_judge_curve *c = sn_push_box(L, MT_CURVE, sizeof *c);
    sn_err e;
    sn_status s = sn_judge_curve_make(c, j, (int)class, &e);
    if (sn_retry(L, s)) s = sn_judge_curve_make(c, j, (int)class, &e);
    if (s != SN_OK) sn_raise(L, &e);
    return c;
}

/* core.judgment_areas(j, class from 0) -> AUC, average precision, positives, negatives */
static int judgment_areas(lua_State *L) {
    const sn_judge_curve *c = push_curve(L, 2);
    lua_pushnumber(L, sn_judge_auc(c));
    lua_pushnumber(L, sn_judge_average_precision(c));
    lua_pushinteger(L, c->positives);
    lua_pushinteger(L, c->negatives);
    return 4;
}

static void append(lua_State *L, int list, lua_Integer at, double v) {
    lua_pushnumber(L, v);
    lua_rawseti(L, list, at);
}

/* Does the curve bend at point i? scikit-learn's roc_curve drops the others: np.diff(fps, 2) and of tps are 0.
 */
static bool bends(const sn_judge_curve *c, int64_t i) {
    if (i == 0 || i == c->n - 1) return true;
    return c->fp[i + 1] - 2 * c->fp[i] + c->fp[i - 1] != 0 || c->tp[i + 1] - 2 * c->tp[i] + c->tp[i - 1] != 0;
}

/* core.judgment_roc(j, class, drop_intermediate) -> fpr, tpr, thresholds: lists as of scikit-learn's roc_curve
 */
static int judgment_roc(lua_State *L) {
    bool drop = lua_toboolean(L, 3);
    const sn_judge_curve *c = push_curve(L, 2);
    int list = lua_gettop(L) + 1;
    for (int k = 0; k < 3; k++) lua_newtable(L);
    double positives = (double)c->positives, negatives = (double)c->negatives;
    append(L, list, 1, negatives > 0 ? 0 : (double)NAN);
    append(L, list + 1, 1, positives > 0 ? 0 : (double)NAN);
    append(L, list + 2, 1, HUGE_VAL);
    lua_Integer at = 1;
    for (int64_t i = 0; i < c->n; i++) {
        if (drop && !bends(c, i)) continue;
        at++;
        append(L, list, at, negatives > 0 ? (double)c->fp[i] / negatives : (double)NAN);
        append(L, list + 1, at, positives > 0 ? (double)c->tp[i] / positives : (double)NAN);
        append(L, list + 2, at, c->threshold[i]);
    }
    return 3;
}

/* core.judgment_pr(j, class) -> precision, recall, thresholds: lists as of precision_recall_curve; thresholds
 * ascend and are one fewer than the points, whose last is precision 1 at recall 0 */
static int judgment_pr(lua_State *L) {
    const sn_judge_curve *c = push_curve(L, 2);
    int list = lua_gettop(L) + 1;
    for (int k = 0; k < 3; k++) lua_newtable(L);
    lua_Integer at = 0;
    for (int64_t i = c->n - 1; i >= 0; i--) {
        at++;
        append(L, list, at, (double)c->tp[i] / (double)(c->tp[i] + c->fp[i]));
        append(L, list + 1, at, c->positives > 0 ? (double)c->tp[i] / (double)c->positives : 1);
        append(L, list + 2, at, c->threshold[i]);
    }
    append(L, list, at + 1, 1);
    append(L, list + 1, at + 1, 0);
    return 3;
}

void sn_open_judging(lua_State *L) {
    static const luaL_Reg functions[] = {
        { "judge", judge },
        { "judgment_info", judgment_info },
        { "judgment_confusion", judgment_confusion },
        { "judgment_hits", judgment_hits },
        { "wilson", wilson },
        { "judgment_order", judgment_order },
        { "judgment_sample", judgment_sample },
        { "judgment_losses", judgment_losses },
        { "judgment_calibration", judgment_calibration },
        { "judgment_histogram", judgment_histogram },
        { "judgment_areas", judgment_areas },
        { "judgment_roc", judgment_roc },
        { "judgment_pr", judgment_pr },
        { NULL, NULL },
    };
    luaL_setfuncs(L, functions, 0);
    sn_new_metatable(L, MT_JUDGMENT, judgment_gc);
    lua_pop(L, 1);
    sn_new_metatable(L, MT_CURVE, curve_gc);
    lua_pop(L, 1);
}
