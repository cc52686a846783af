/* Calling the callbacks of a run. */
#include "base/mem.h"
#include "train/run_impl.h"
#include <math.h>
#include <string.h>

static sn_callback_ctx make_ctx(sn_run *r) {
    sn_callback_ctx c = { .run = r,
                          .trainer = r->t,
                          .epoch = r->epoch + 1,
                          .epochs = r->o.epochs,
                          .step = r->t->iterations,
                          .batch = r->steps,
                          .batch_loss = r->last.total,
                          .message = &r->message };
    return c;
}

/* At the end of an epoch: its row; the validation columns only when it was validated. After a step: the running
 * values. */
static void add_epoch_logs(const sn_run *r, sn_callback_ctx *c) {
    const double *row = r->rec.history + (r->rec.rows - 1) * r->rec.ncolumn;
    for (int i = 0; i < r->rec.ncolumn; i++) {
        bool val = strncmp(r->rec.column[i], "val_", 4) == 0,
             rate = strcmp(r->rec.column[i], "learning_rate") == 0;
        if ((val && !r->val_done) || (rate && isnan(row[i])) || sn_run_is_gap(row[i])) continue;
        sn_callback_add_log(c, r->rec.column[i], row[i]);
    }
}
static void add_running_logs(const sn_run *r, sn_callback_ctx *c) {
    for (int i = 0; i <= r->rec.nmetric; i++) {
        int col = r->rec.col[0][i];
        sn_callback_add_log(c, r->rec.column[col], sn_run_current(r, col));
    }
}

sn_status sn_run_callbacks_begin(sn_run *r, bool resumed, sn_err *e) {
    sn_callback_ctx c = make_ctx(r);
    for (int i = 0; i < r->rec.ncolumn; i++) sn_callback_add_log(&c, r->rec.column[i], NAN);
    for (int i = 0; i < r->ncallback; i++) {
        const sn_callback_type *t = sn_callback_type_of(r->callback[i]);
        if (!t->begin) continue;
        sn_status s = t->begin(r->callback[i]->cfg, &r->cstate[i], &c, resumed, e);
        if (s != SN_OK) return s;
    }
    return SN_OK;
}

static sn_status call_one(sn_run *r, int i, sn_callback_ctx *c, sn_err *e) {
    const sn_callback_type *t = sn_callback_type_of(r->callback[i]);
    const void *cfg = r->callback[i]->cfg;
    sn_callback_state *s = &r->cstate[i];
    switch (r->stage) {
    case STAGE_EPOCH_BEGIN: return t->epoch_begin ? t->epoch_begin(cfg, s, c, e) : SN_OK;
    case STAGE_STEP: return t->step ? t->step(cfg, s, c, e) : SN_OK;
    case STAGE_EPOCH_END: return t->epoch_end ? t->epoch_end(cfg, s, c, e) : SN_OK;
    case STAGE_END: return t->end ? t->end(cfg, s, c, e) : SN_OK;
    default: return SN_OK;
    }
}

/* The rate that a callback logged goes into history. */
static void keep_rate(sn_run *r, const sn_callback_ctx *c) {
    double rate;
    int last = r->rec.ncolumn - 1;
    if (strcmp(r->rec.column[last], "learning_rate") == 0 && sn_callback_log(c, "learning_rate", &rate))
        r->rec.history[(r->rec.rows - 1) * r->rec.ncolumn + last] = rate;
}

sn_status sn_run_callbacks_go(sn_run *r, sn_err *e) {
    sn_callback_ctx c = make_ctx(r);
    if (r->stage == STAGE_EPOCH_END || r->stage == STAGE_END) c.epoch = r->epoch;
    if (r->stage == STAGE_EPOCH_END) add_epoch_logs(r, &c);
    if (r->stage == STAGE_STEP && r->ncallback) add_running_logs(r, &c);
    sn_status s = SN_OK;
    while (r->stage_at < r->ncallback && s == SN_OK) {
        size_t said = r->message.len;
        s = call_one(r, r->stage_at, &c, e);
        if (s == SN_ECANCEL) { /* it comes again when the run goes on */
            r->message.len = said;
            if (r->message.data) r->message.data[said] = '\0';
            break;
        }
        r->stage_at++; /* one that failed is passed over: it has said so, and the run goes on */
        if (c.stop) r->stopped = true;
        if (r->stage == STAGE_EPOCH_END) keep_rate(r, &c);
    }
    return s;
}

void sn_run_callbacks_free(sn_run *r) {
    for (int i = 0; i < r->ncallback; i++) {
        sn_obj_release(r->callback[i]);
        sn_free(r->cstate[i].text);
        sn_free(r->cstate[i].weights);
    }
    sn_free(r->callback);
    sn_free(r->cstate);
}
