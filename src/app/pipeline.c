/* A member of the fleet.
 *
 * The owner thread (this file) is the only one that talks to the group.  It
 * answers an assignment at once with nothing and gives each partition to
 * librdkafka when PostgreSQL has let us claim it; it answers a revocation when
 * what was under way is written, or after a while, because a claim by the next
 * owner fences us anyway.
 *
 *                 +---------------- WAITING <---- failed claim, fenced, gone
 *                 v                                     ^
 *   IDLE ---> CLAIMING ---> STARTING ---> FETCHING ---> RELEASING ---> IDLE
 *                 ^  \                                  |
 *                 |   +--> HALTED <---------------------+
 *                 +----------'  looked at again, for `offsets accept-gap`
 *
 * Each partition belongs to one worker for the life of the process, so that all
 * letters about it pass the same two threads in order (worker.c).
 *
 * Positions come from PostgreSQL alone.  What Kafka has is asked only to find
 * out whether our position still exists there; where it does not, going on
 * would lose messages in silence, so the partition halts and says how many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pipeline_private.h"
#include "rastro/log.h"
#include "rastro/migrate.h"

#define ASK_MS 5000
#define RETRY_MIN_US RS_SECOND_US
#define RETRY_MAX_US (15 * RS_SECOND_US)
#define HALTED_LOOK_US (5 * RS_SECOND_US)
#define REVOKE_PATIENCE_US (5 * RS_SECOND_US)
#define TELL_EVERY_US (5 * RS_SECOND_US)

static int64_t now_us(const struct rs_pipeline *p)
{
    return rs_mono_us(p->options.clock);
}

/* ---- slots ------------------------------------------------------------------------ */

static struct rs_worker *least_loaded(struct rs_pipeline *p)
{
    struct rs_worker *best = &p->worker[0];
    for (int i = 1; i < p->options.workers; i++) {
        if (p->worker[i].slots < best->slots) best = &p->worker[i];
    }
    best->slots++;
    return best;
}

static struct rs_str source_of(const struct rs_pipeline *p, const char *topic)
{
    for (int i = 0; i < p->options.topic_count; i++) {
        if (!strcmp(p->options.topic[i].name, topic)) return p->options.topic[i].source;
    }
    return RS_STR_NONE;
}

static struct rs_slot *slot_for(struct rs_pipeline *p, const char *topic, int32_t number)
{
    for (int i = 0; i < p->slot_count; i++) {
        if (p->slot[i]->partition.number == number && !strcmp(p->slot[i]->topic, topic)) return p->slot[i];
    }
    if (p->slot_count == p->slot_room) {
        p->slot_room = p->slot_room ? p->slot_room * 2 : 16;
        p->slot = rs_realloc(p->slot, (size_t)p->slot_room * sizeof(struct rs_slot *));
    }
    struct rs_slot *slot = rs_calloc(1, sizeof *slot);
    slot->topic = rs_strdup(topic);
    slot->partition.topic = rs_str_of(slot->topic);
    slot->partition.number = number;
    slot->partition.source = source_of(p, topic);
    slot->partition.last_offset = -1;
    slot->worker = least_loaded(p);
    p->slot[p->slot_count++] = slot;
    return slot;
}

static void wait_a_while(struct rs_pipeline *p, struct rs_slot *slot)
{
    slot->retry_pause_us = slot->retry_pause_us ? slot->retry_pause_us * 2 : RETRY_MIN_US;
    if (slot->retry_pause_us > RETRY_MAX_US) slot->retry_pause_us = RETRY_MAX_US;
    slot->state = RS_SLOT_WAITING;
    slot->retry_us = now_us(p) + slot->retry_pause_us;
}

/* ---- claiming ----------------------------------------------------------------------- */

/* Where the partition would start in a database that never saw it. */
static int find_start(struct rs_pipeline *p, struct rs_slot *slot, struct rs_diag *diag)
{
    slot->partition.start = p->options.start == RS_START_END ? slot->high : slot->low;
    if (p->options.start != RS_START_AT) return RS_OK;
    return rs_kafka_offset_at(p->kafka, slot->topic, slot->partition.number, p->options.start_us, ASK_MS,
                              &slot->partition.start, diag);
}

static void claim(struct rs_pipeline *p, struct rs_slot *slot, const struct rs_kafka_bounds *bounds)
{
    struct rs_diag diag;
    slot->low = bounds->low;
    slot->high = bounds->high;
    if (bounds->trouble || find_start(p, slot, &diag)) {
        rs_warn_every(10, "%s/%d: %s", slot->topic, slot->partition.number,
                      bounds->trouble ? bounds->trouble : diag.text);
        wait_a_while(p, slot);
        return;
    }
    slot->state = RS_SLOT_CLAIMING;
    slot->at_end = false;
    rs_mailbox_put(slot->worker->writer_box, (struct rs_letter){RS_LETTER_CLAIM, 0, slot});
}

/* Claims all that `ripe` says, each topic's at once: a member that is given
 * hundreds of partitions would ask for seconds, and answer nobody meanwhile. */
static void claim_all(struct rs_pipeline *p, bool (*ripe)(const struct rs_pipeline *, const struct rs_slot *))
{
    struct rs_diag ignored; /* each partition has its own trouble */
    struct rs_kafka_bounds *bounds = rs_calloc((size_t)p->slot_count + 1, sizeof *bounds);
    struct rs_slot **slot = rs_calloc((size_t)p->slot_count + 1, sizeof *slot);
    for (int t = 0; t < p->options.topic_count; t++) {
        int n = 0;
        for (int i = 0; i < p->slot_count; i++) {
            if (strcmp(p->slot[i]->topic, p->options.topic[t].name) || !ripe(p, p->slot[i])) continue;
            bounds[n].number = p->slot[i]->partition.number;
            slot[n++] = p->slot[i];
        }
        if (n) rs_kafka_bounds(p->kafka, slot[0]->topic, bounds, n, ASK_MS, &ignored);
        for (int i = 0; i < n; i++) claim(p, slot[i], &bounds[i]);
    }
    free(bounds);
    free(slot);
}

static void release(struct rs_slot *slot, bool drop)
{
    slot->state = RS_SLOT_RELEASING;
    rs_mailbox_put(slot->worker->reader_box, (struct rs_letter){RS_LETTER_TAKE, drop, slot});
    rs_kafka_wake(slot->worker->queue);
}

static int fetching_count(const struct rs_pipeline *p)
{
    int n = 0;
    for (int i = 0; i < p->slot_count; i++) n += p->slot[i]->state == RS_SLOT_FETCHING;
    return n;
}

static void say_halted(const struct rs_pipeline *p, const struct rs_slot *slot)
{
    rs_error("%s/%d: %s. Partition halted, %d go on. Next: rastro offsets %s %s/%d --reason TEXT", slot->topic,
             slot->partition.number, slot->partition.halted, fetching_count(p), rs_halt_way_out(slot->partition.halted),
             slot->topic, slot->partition.number);
}

static void stand_still(struct rs_pipeline *p, struct rs_slot *slot)
{
    slot->state = RS_SLOT_HALTED;
    slot->retry_us = now_us(p) + HALTED_LOOK_US;
}

static void thousands(int64_t n, char out[32])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

/* Compares our position with what Kafka has; false with the reason when going
 * on would be a guess. */
static bool position_exists(struct rs_slot *slot)
{
    struct rs_partition *part = &slot->partition;
    char lost[32];
    if (part->durable < slot->low) {
        thousands(slot->low - part->durable, lost);
        snprintf(part->halted, sizeof part->halted, "offset %lld is gone, log starts at %lld: %s messages lost",
                 (long long)part->durable, (long long)slot->low, lost);
        return false;
    }
    if (part->durable > slot->high) {
        snprintf(part->halted, sizeof part->halted,
                 "offset %lld lies beyond the log's end %lld: the topic was made again, or another cluster answers",
                 (long long)part->durable, (long long)slot->high);
        return false;
    }
    return true;
}

/* First the reader, then librdkafka: a message for a partition that the reader
 * does not know is not kept. */
static void start(struct rs_slot *slot)
{
    struct rs_partition *part = &slot->partition;
    part->verify = part->last_offset >= slot->low && part->last_offset < part->durable;
    slot->state = RS_SLOT_STARTING;
    rs_mailbox_put(slot->worker->reader_box, (struct rs_letter){RS_LETTER_GIVE, 0, slot});
    rs_kafka_wake(slot->worker->queue);
}

static void on_given(struct rs_pipeline *p, struct rs_slot *slot)
{
    struct rs_partition *part = &slot->partition;
    struct rs_diag diag;
    if (!slot->wanted) {
        release(slot, true);
        return;
    }
    struct rs_kafka_partition what = {slot->topic, part->number, part->verify ? part->last_offset : part->durable};
    int err = rs_kafka_route(p->kafka, slot->topic, part->number, slot->worker->queue, &diag);
    if (!err) err = rs_kafka_assign(p->kafka, &what, 1, &diag);
    if (err) {
        rs_warn("%s", diag.text);
        release(slot, true);
        return;
    }
    slot->fetching = true;
    slot->state = RS_SLOT_FETCHING;
    rs_info("%s/%d: from %lld, term %lld, worker %d", slot->topic, part->number, (long long)part->durable,
            (long long)part->term, slot->worker->number);
}

static void on_claimed(struct rs_pipeline *p, struct rs_slot *slot, int err)
{
    struct rs_diag diag;
    struct rs_partition *part = &slot->partition;
    if (!slot->wanted) {
        release(slot, true);
        return;
    }
    /* The bounds were asked for before the claim, so only an end that lies
     * before our position can be old news. */
    if (!err && part->durable > slot->high) {
        struct rs_kafka_bounds bounds = {.number = part->number};
        err = rs_kafka_bounds(p->kafka, slot->topic, &bounds, 1, ASK_MS, &diag);
        slot->low = bounds.low;
        slot->high = bounds.high;
    }
    if (err) {
        rs_warn_every(10, "%s/%d: cannot start yet", slot->topic, part->number);
        wait_a_while(p, slot);
        return;
    }
    bool halted_before = part->halted[0] != '\0';
    if (halted_before || !position_exists(slot)) {
        if (!halted_before) {
            rs_mailbox_put(slot->worker->writer_box, (struct rs_letter){RS_LETTER_HALT, 0, slot});
            say_halted(p, slot);
        }
        stand_still(p, slot);
        return;
    }
    slot->retry_pause_us = 0;
    start(slot);
}

/* ---- letters --------------------------------------------------------------------------- */

static void stop_fetching(struct rs_pipeline *p, struct rs_slot *slot)
{
    struct rs_diag diag;
    if (!slot->fetching) return;
    struct rs_kafka_partition what = {slot->topic, slot->partition.number, -1};
    if (rs_kafka_unassign(p->kafka, &what, 1, &diag)) rs_warn("%s", diag.text);
    slot->fetching = false;
}

static void on_trouble(struct rs_pipeline *p, struct rs_slot *slot, bool halt)
{
    if (slot->state != RS_SLOT_FETCHING) return; /* it is being let go or claimed anyway */
    slot->halt_next = halt;
    stop_fetching(p, slot);
    release(slot, true);
}

static void on_released(struct rs_pipeline *p, struct rs_slot *slot)
{
    if (!slot->wanted) {
        slot->state = RS_SLOT_IDLE;
    } else if (slot->halt_next) {
        slot->halt_next = false;
        rs_mailbox_put(slot->worker->writer_box, (struct rs_letter){RS_LETTER_HALT, 0, slot});
        stand_still(p, slot);
        say_halted(p, slot);
    } else {
        /* Fenced or moved while it is still ours by the group: claim again. */
        wait_a_while(p, slot);
    }
}

static void read_letters(struct rs_pipeline *p)
{
    struct rs_letter letter;
    while (rs_mailbox_take(p->box, 0, &letter)) {
        struct rs_slot *slot = letter.what;
        switch ((enum rs_letter_kind)letter.kind) {
        case RS_LETTER_CLAIMED: on_claimed(p, slot, letter.number); break;
        case RS_LETTER_GIVEN: on_given(p, slot); break;
        case RS_LETTER_RELEASED: on_released(p, slot); break;
        case RS_LETTER_FENCED:
            rs_warn("%s/%d: another owner, or another position, in PostgreSQL", slot->topic, slot->partition.number);
            on_trouble(p, slot, false);
            break;
        case RS_LETTER_HALTED: on_trouble(p, slot, true); break;
        case RS_LETTER_GONE: on_trouble(p, slot, false); break;
        case RS_LETTER_AT_END: slot->at_end = true; break;
        default: break;
        }
    }
}

/* ---- the group --------------------------------------------------------------------------- */

static bool is_fresh(const struct rs_pipeline *p, const struct rs_slot *slot)
{
    (void)p;
    return slot->wanted && slot->state == RS_SLOT_IDLE;
}

static void on_assigned(struct rs_pipeline *p, const struct rs_kafka_event *event)
{
    struct rs_diag diag;
    rs_add_relaxed_u64(&p->counters.rebalances, 1);
    p->assigned_once = true;
    /* The names are the event's; the slots keep their own. */
    for (int i = 0; i < event->count; i++) {
        slot_for(p, event->partition[i].topic, event->partition[i].number)->wanted = true;
    }
    claim_all(p, is_fresh);
    if (rs_kafka_assign(p->kafka, NULL, 0, &diag)) rs_warn("%s", diag.text);
}

static void on_revoked(struct rs_pipeline *p, const struct rs_kafka_event *event)
{
    rs_add_relaxed_u64(&p->counters.rebalances, 1);
    bool lost = event->kind == RS_KAFKA_LOST;
    for (int i = 0; i < event->count; i++) {
        struct rs_slot *slot = slot_for(p, event->partition[i].topic, event->partition[i].number);
        slot->wanted = false;
        if (slot->state == RS_SLOT_FETCHING) release(slot, lost);
        if (slot->state == RS_SLOT_WAITING || slot->state == RS_SLOT_HALTED) slot->state = RS_SLOT_IDLE;
    }
    p->revoking = true;
    p->revoke_deadline_us = now_us(p) + (lost ? 0 : REVOKE_PATIENCE_US);
}

/* Answers a revocation once nothing of it is under way, or time is up. */
static void answer_revocation(struct rs_pipeline *p)
{
    if (!p->revoking) return;
    int open = 0, n = 0;
    for (int i = 0; i < p->slot_count; i++) {
        open += !p->slot[i]->wanted && p->slot[i]->state != RS_SLOT_IDLE;
    }
    if (open && now_us(p) < p->revoke_deadline_us) return;
    struct rs_kafka_partition *list = rs_calloc((size_t)p->slot_count + 1, sizeof *list);
    for (int i = 0; i < p->slot_count; i++) {
        struct rs_slot *slot = p->slot[i];
        if (slot->wanted || !slot->fetching) continue;
        list[n++] = (struct rs_kafka_partition){slot->topic, slot->partition.number, -1};
        slot->fetching = false;
    }
    struct rs_diag diag;
    if (rs_kafka_unassign(p->kafka, list, n, &diag)) rs_warn("%s", diag.text);
    free(list);
    p->revoking = false;
}

static void poll_group(struct rs_pipeline *p, int timeout_ms)
{
    struct rs_kafka_event event;
    rs_kafka_poll(p->kafka, timeout_ms, &event);
    switch (event.kind) {
    case RS_KAFKA_ASSIGNED: on_assigned(p, &event); break;
    case RS_KAFKA_REVOKED:
    case RS_KAFKA_LOST: on_revoked(p, &event); break;
    case RS_KAFKA_FAILED: rs_warn_every(10, "kafka: %s", event.text); break;
    case RS_KAFKA_FATAL:
        rs_error("kafka: %s", event.text);
        p->fatal = true;
        break;
    default: break;
    }
}

/* ---- running -------------------------------------------------------------------------------- */

static bool is_due(const struct rs_pipeline *p, const struct rs_slot *slot)
{
    bool waits = slot->state == RS_SLOT_WAITING || slot->state == RS_SLOT_HALTED;
    return waits && slot->wanted && now_us(p) >= slot->retry_us;
}

static void retry_slots(struct rs_pipeline *p)
{
    for (int i = 0; i < p->slot_count; i++) {
        if (is_due(p, p->slot[i])) {
            claim_all(p, is_due);
            return;
        }
    }
}

static void tell_group(struct rs_pipeline *p)
{
    if (now_us(p) < p->tell_us || p->revoking) return;
    p->tell_us = now_us(p) + TELL_EVERY_US;
    struct rs_kafka_partition *list = rs_calloc((size_t)p->slot_count + 1, sizeof *list);
    int n = 0;
    for (int i = 0; i < p->slot_count; i++) {
        struct rs_slot *slot = p->slot[i];
        int64_t told = (int64_t)rs_load_relaxed_u64(&slot->told);
        if (slot->state == RS_SLOT_FETCHING && told) {
            list[n++] = (struct rs_kafka_partition){slot->topic, slot->partition.number, told};
        }
    }
    rs_kafka_tell(p->kafka, list, n);
    free(list);
}

static bool all_at_end(const struct rs_pipeline *p)
{
    if (!p->assigned_once || p->revoking) return false;
    for (int i = 0; i < p->slot_count; i++) {
        const struct rs_slot *slot = p->slot[i];
        if (!slot->wanted && slot->state == RS_SLOT_IDLE) continue;
        if (slot->state == RS_SLOT_HALTED) continue;
        if (slot->state != RS_SLOT_FETCHING || !slot->at_end) return false;
    }
    return true;
}

/* What was read is written, unless PostgreSQL keeps us waiting. */
static void wind_down(struct rs_pipeline *p)
{
    int64_t deadline = now_us(p) + RS_STOP_PATIENCE_US;
    for (int i = 0; i < p->slot_count; i++) {
        struct rs_slot *slot = p->slot[i];
        slot->wanted = false;
        if (slot->state == RS_SLOT_FETCHING) release(slot, false);
    }
    for (;;) {
        bool open = false;
        read_letters(p);
        for (int i = 0; i < p->slot_count; i++) {
            enum rs_slot_state state = p->slot[i]->state;
            open |= state == RS_SLOT_RELEASING || state == RS_SLOT_CLAIMING || state == RS_SLOT_STARTING;
        }
        if (!open || now_us(p) >= deadline) break;
        poll_group(p, 20);
        answer_revocation(p);
    }
    tell_group(p);
    rs_store_release_bool(&p->hurry, true);
}

/* A libpq call that does not return would keep us for ever; nothing is lost by
 * not waiting for it, because what is not committed will be read again. */
static void *last_resort(void *self)
{
    struct rs_pipeline *p = self;
    int64_t deadline = now_us(p) + RS_STOP_HURRY_US;
    while (now_us(p) < deadline) {
        struct timespec t = {0, 50000000};
        nanosleep(&t, NULL);
        if (rs_load_acquire_bool(&p->ended)) return NULL;
    }
    rs_error("PostgreSQL does not answer; left without it, what was under way will be read again");
    _exit(rs_err_exit(RS_E_SERVER));
}

/* `drain`: everything is read, and what is due by it is to be looked at. */
static void end_threads(struct rs_pipeline *p, bool drain)
{
    pthread_t watch;
    bool watched = pthread_create(&watch, NULL, last_resort, p) == 0;
    for (int i = 0; i < p->options.workers; i++) rs_worker_join(&p->worker[i]);
    if (!drain) rs_pipeline_end_detector(p, false);
    rs_store_release_bool(&p->ended, true);
    if (watched) pthread_join(watch, NULL);
    rs_pipeline_end_detector(p, drain);
}

static int count_halted(const struct rs_pipeline *p, const struct rs_slot **ret_first)
{
    int n = 0;
    for (int i = p->slot_count; i-- > 0;) {
        if (p->slot[i]->state != RS_SLOT_HALTED) continue;
        *ret_first = p->slot[i];
        n++;
    }
    return n;
}

int rs_pipeline_run(struct rs_pipeline *p, struct rs_diag *diag)
{
    for (int i = 0; i < p->options.workers; i++) rs_worker_start(&p->worker[i]);
    const struct rs_slot *halted = NULL;
    int halted_n = 0;
    bool reached_end = false;
    rs_pipeline_start_relay(p);
    p->polled_us = now_us(p);
    while (!rs_load_acquire_bool(&p->stop) && !p->fatal) {
        poll_group(p, 50);
        read_letters(p);
        answer_revocation(p);
        retry_slots(p);
        tell_group(p);
        rs_pipeline_ask_ends(p, false);
        rs_pipeline_mind_orphans(p);
        if (p->options.idle) p->options.idle(p->options.idle_self);
        if (p->options.until_end && all_at_end(p)) {
            halted_n = count_halted(p, &halted);
            rs_pipeline_ask_ends(p, true);
            reached_end = true;
            break;
        }
    }
    rs_pipeline_send_visitor_away(p);
    if (!reached_end) rs_pipeline_stop_relay(p, false);
    wind_down(p);
    end_threads(p, reached_end);
    if (reached_end) rs_pipeline_stop_relay(p, true); /* when nothing more can come */
    rs_pipeline_end_relay(p);
    if (p->fatal) return rs_fail(diag, RS_E_SERVER, "kafka: the client cannot go on");
    if (!halted_n) return RS_OK;
    rs_fail(diag, RS_E_HALT, "%s/%d: %s (%d partitions halted)", halted->topic, halted->partition.number,
            halted->partition.halted, halted_n);
    return rs_fail_next(diag, "rastro offsets %s %s/%d --reason TEXT", rs_halt_way_out(halted->partition.halted),
                        halted->topic, halted->partition.number);
}

void rs_pipeline_stop(struct rs_pipeline *p)
{
    rs_store_release_bool(&p->stop, true);
}

void rs_pipeline_print(const struct rs_pipeline *p, struct rs_buf *out)
{
    rs_counters_print(&p->counters, out);
    rs_memory_print(p->memory, out);
}

const struct rs_counters *rs_pipeline_counters(const struct rs_pipeline *p)
{
    return &p->counters;
}

int64_t rs_pipeline_took_us(const struct rs_pipeline *p)
{
    int64_t last = p->polled_us;
    for (int i = 0; i < p->options.workers; i++) {
        if (p->worker[i].committed_us > last) last = p->worker[i].committed_us;
    }
    return last - p->polled_us;
}

static int note_profiles(const struct rs_pipeline_options *options, struct rs_diag *diag)
{
    struct rs_pg *pg = NULL;
    int err = rs_pg_open(&options->pg, &pg, diag);
    if (!err) err = rs_schema_version_check(pg, diag);
    if (!err) err = rs_profiles_check(pg, &options->schema->profiles, true, diag);
    rs_pg_close(pg);
    return err;
}

int rs_pipeline_open(const struct rs_pipeline_options *options, struct rs_pipeline **ret, struct rs_diag *diag)
{
    struct rs_pipeline *p = rs_calloc(1, sizeof *p);
    p->options = *options;
    rs_random(p->member.b, sizeof p->member.b);
    p->box = rs_mailbox_new(8 * RS_KAFKA_EVENT_PARTITIONS_MAX);
    p->worker = rs_calloc((size_t)options->workers, sizeof *p->worker);
    int err = rs_kafka_open(&options->kafka, &p->kafka, diag);
    if (!err) err = rs_kafka_cluster_id(p->kafka, 2 * ASK_MS, p->cluster, sizeof p->cluster, diag);
    for (int i = 0; !err && i < options->topic_count; i++) {
        int partitions;
        err = rs_kafka_partitions(p->kafka, options->topic[i].name, ASK_MS, &partitions, diag);
    }
    if (!err && *options->alerts) {
        int partitions;
        err = rs_kafka_partitions(p->kafka, options->alerts, ASK_MS, &partitions, diag);
    }
    if (!err) err = note_profiles(options, diag);
    if (!err) p->memory = rs_memory_new((uint64_t)options->table_bytes, options->workers);
    for (int i = 0; !err && i < options->workers; i++) {
        p->worker[i].pipeline = p;
        p->worker[i].number = i;
        err = rs_worker_open(&p->worker[i], diag);
    }
    if (!err) err = rs_pipeline_start_detector(p, diag);
    if (err) {
        rs_pipeline_close(p);
        return err;
    }
    *ret = p;
    return RS_OK;
}

void rs_pipeline_close(struct rs_pipeline *p)
{
    if (!p) return;
    rs_pipeline_end_detector(p, false);
    for (int i = 0; i < p->options.workers; i++) rs_worker_close(&p->worker[i]);
    rs_memory_free(p->memory);
    rs_kafka_close(p->kafka);
    for (int i = 0; i < p->slot_count; i++) {
        free(p->slot[i]->topic);
        free(p->slot[i]);
    }
    free(p->slot);
    free(p->worker);
    rs_mailbox_free(p->box);
    free(p);
}
