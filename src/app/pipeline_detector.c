/* The detector's thread.
 *
 * It works in rounds and gives way: while partitions are far behind, its sessions
 * with PostgreSQL take a twentieth of the time, since what it would find is not due
 * by feed time yet or was due long ago.
 */
#include <stdlib.h>

#include "pipeline_private.h"
#include "rastro/log.h"

#define PAUSE_MS 1000   /* when there is nothing to do */
#define CANDIDATE_MS 20 /* while candidates wait for batches under way */
#define OTHER_MS 3000   /* while another member leads */
#define BEHIND_SHARE 19 /* pauses of so many times the work */
#define BEHIND_MS_MAX 60000
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 15000
/* With --until-end: as long as this after the last batch. */
#define DRAIN_US (10 * RS_SECOND_US)
/* A round that takes longer, as by a slow connection or behind a lock, is not waited for. */
#define LEAVE_US RS_SECOND_US
#define LEAVE_POLL_MS 20

enum { LETTER_DRAIN, LETTER_STOP };

struct rs_detector_thread {
    struct rs_pipeline *pipeline;
    struct rs_detector *detector;
    struct rs_mailbox *box, *over; /* to the thread, and its last word */
    pthread_t thread;
    bool draining;
    int64_t deadline_us;
    rs_atomic_bool left; /* its round was interrupted, because nobody waits for it */
    int retry_ms;
};

static void count(struct rs_pipeline *p, const struct rs_detector_counts *c)
{
    struct rs_counters *to = &p->counters;
    rs_add_relaxed_u64(&to->stalls_looked, c->looked);
    rs_add_relaxed_u64(&to->stalls_opened, c->opened + c->reopened);
    rs_add_relaxed_u64(&to->stalls_closed, c->closed);
    rs_add_relaxed_u64(&to->stalls_withdrawn, c->withdrawn);
}

/* Rules may be read anew, and whatever the server refused may change; whether
 * another member does better shows meanwhile. */
static bool is_lasting(int err)
{
    return err && rs_err_class(err) != RS_CLASS_RETRY;
}

static int after_failure(struct rs_detector_thread *t, int err, const struct rs_diag *diag)
{
    t->retry_ms = t->retry_ms ? t->retry_ms * 2 : RETRY_MIN_MS;
    if (t->retry_ms > RETRY_MAX_MS || is_lasting(err)) t->retry_ms = RETRY_MAX_MS;
    if (is_lasting(err)) rs_error("detector: %s; this member detects no stalls until that is mended", diag->text);
    else rs_warn_every(10, "detector: %s", diag->text);
    return t->retry_ms;
}

/* How long to wait before the next round. */
static int after_round(const struct rs_detector_thread *t, const struct rs_detector_counts *c, int64_t took_us)
{
    if (!c->leads) return OTHER_MS;
    if (c->waits) return CANDIDATE_MS;
    if (c->behind && !t->draining) {
        int64_t ms = took_us * BEHIND_SHARE / 1000;
        return ms < PAUSE_MS ? PAUSE_MS : ms > BEHIND_MS_MAX ? BEHIND_MS_MAX : (int)ms;
    }
    return c->more ? 0 : PAUSE_MS;
}

/* Nothing is left, or time is up. */
static bool is_drained(const struct rs_detector_thread *t, const struct rs_detector_counts *c, int err)
{
    if (!t->draining) return false;
    bool late = rs_mono_us(t->pipeline->options.clock) > t->deadline_us || rs_load_acquire_bool(&t->pipeline->stop);
    if (late && !err && c->more) rs_info("detector: parcels are left to be looked at; whoever runs next goes on");
    return late || is_lasting(err) || (!err && (!c->leads || (!c->more && !c->waits)));
}

static bool read_letter(struct rs_detector_thread *t, int wait_ms)
{
    struct rs_letter letter;
    if (!rs_mailbox_take(t->box, wait_ms, &letter)) return true;
    if (letter.kind != LETTER_DRAIN) return false;
    t->draining = true;
    t->deadline_us = rs_mono_us(t->pipeline->options.clock) + DRAIN_US;
    return true;
}

static void *detect_loop(void *self)
{
    struct rs_detector_thread *t = self;
    const struct rs_clock *clock = t->pipeline->options.clock;
    pthread_setname_np(pthread_self(), "detector");
    for (int wait_ms = 0; read_letter(t, wait_ms);) {
        struct rs_detector_counts counts = {0};
        struct rs_diag diag = {0};
        int64_t from = rs_mono_us(clock);
        int err = rs_detector_round(t->detector, &counts, &diag);
        if (!err) {
            count(t->pipeline, &counts);
            t->retry_ms = 0;
            wait_ms = after_round(t, &counts, rs_mono_us(clock) - from);
        } else if (rs_load_acquire_bool(&t->left)) {
            rs_info("detector: left in the middle of a round; whoever runs next goes on");
            break;
        } else {
            wait_ms = after_failure(t, err, &diag);
        }
        if (is_drained(t, &counts, err)) break;
    }
    rs_mailbox_put(t->over, (struct rs_letter){0});
    return NULL;
}

static void free_thread(struct rs_detector_thread *t)
{
    rs_mailbox_free(t->box);
    rs_mailbox_free(t->over);
    free(t);
}

int rs_pipeline_start_detector(struct rs_pipeline *p, struct rs_diag *diag)
{
    const struct rs_pipeline_options *o = &p->options;
    struct rs_detector_options options = {
        .pg = o->pg,
        .catalog = &o->schema->catalog,
        .rules = o->rules,
        .calendars = &o->schema->calendars,
        .alerts = *o->alerts != '\0',
    };
    if (!o->detect) return RS_OK;
    struct rs_detector_thread *t = rs_calloc(1, sizeof *t);
    t->pipeline = p;
    t->box = rs_mailbox_new(4);
    t->over = rs_mailbox_new(1);
    int err = rs_detector_open(&options, &t->detector, diag);
    if (err) {
        free_thread(t);
        return err;
    }
    if (pthread_create(&t->thread, NULL, detect_loop, t)) rs_oom();
    p->detector = t;
    return RS_OK;
}

/* Nothing is lost when a round is not waited for: PostgreSQL forgets what it did. */
void rs_pipeline_end_detector(struct rs_pipeline *p, bool drain)
{
    struct rs_detector_thread *t = p->detector;
    if (!t) return;
    const struct rs_clock *clock = p->options.clock;
    int64_t leave_us = rs_mono_us(clock) + (drain ? DRAIN_US : 0) + LEAVE_US;
    struct rs_letter letter;
    rs_mailbox_put(t->box, (struct rs_letter){.kind = drain ? LETTER_DRAIN : LETTER_STOP});
    while (!rs_mailbox_take(t->over, LEAVE_POLL_MS, &letter)) {
        if (rs_mono_us(clock) < leave_us && !(drain && rs_load_acquire_bool(&p->stop))) continue;
        /* Again and again, for a session that connects cannot be interrupted. */
        rs_store_release_bool(&t->left, true);
        rs_detector_interrupt(t->detector);
    }
    pthread_join(t->thread, NULL);
    rs_detector_close(t->detector);
    free_thread(t);
    p->detector = NULL;
}
