/* A worker: two threads and the batches between them.
 *
 * The reader takes messages from the worker's Kafka queue, decodes them and
 * fills a batch; the writer has the sink and writes batches in the order in
 * which they were filled.  While one batch is written the next is decided and
 * the one after it is filled; when all are under way the reader stops taking messages, librdkafka's
 * queue fills up to its bound, and fetching stops: that is all the
 * back-pressure there is, and nothing is dropped by it.
 *
 * A partition's messages are in order because one reader takes them and one
 * writer writes them.  Letters about a partition travel the same way as its
 * batches, so "everything of it lies before this letter" is true by position.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline_private.h"
#include "rastro/fault.h"
#include "rastro/log.h"

#define LOOK_EVERY_MS 5000

/* Records are taken and then decoded so many at a time, or so many bytes: taking
 * and decoding are each more code than the first cache holds, and in turns for
 * each record they cost a twelfth more. */
#define RECORDS_AT_ONCE 64
#define RECORDS_BYTES (256 << 10)

/* ---- the reader ------------------------------------------------------------------- */

struct reader {
    struct rs_worker *worker;
    struct rs_batch *batch; /* being filled, or NULL: all are under way */
    struct rs_batch *spare[RS_WORKER_BATCHES];
    int spares;
    struct rs_slot **slot; /* given to us */
    int count, room;
    int last; /* where the last message's was found */
    struct taken_record {
        struct rs_slot *slot;
        struct rs_record record;
    } record[RECORDS_AT_ONCE]; /* not yet decoded; none while letters are read */
    unsigned records;
    size_t record_bytes;
    uint64_t taken; /* not yet added to the counter, which all readers share */
    bool stopping;
};

static void tell_owner(struct rs_worker *worker, enum rs_letter_kind kind, struct rs_slot *slot, int number)
{
    rs_mailbox_put(worker->pipeline->box, (struct rs_letter){kind, number, slot});
    rs_kafka_wake_owner(worker->pipeline->kafka);
}

static void seal(struct reader *r)
{
    if (!r->batch || rs_batch_empty(r->batch)) return;
    rs_mailbox_put(r->worker->writer_box, (struct rs_letter){RS_LETTER_BATCH, 0, r->batch});
    r->batch = r->spares ? r->spare[--r->spares] : NULL;
}

static void give(struct reader *r, struct rs_slot *slot)
{
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 16;
        r->slot = rs_realloc(r->slot, (size_t)r->room * sizeof *r->slot);
    }
    r->slot[r->count++] = slot;
    rs_store_release_bool(&slot->partition.owned, true);
    tell_owner(r->worker, RS_LETTER_GIVEN, slot, 0);
}

static void take_back(struct reader *r, struct rs_slot *slot, bool drop)
{
    if (drop) rs_store_release_bool(&slot->partition.owned, false);
    for (int i = 0; i < r->count; i++) {
        if (r->slot[i] == slot) r->slot[i--] = r->slot[--r->count];
    }
    r->last = 0;
    if (drop && r->batch) rs_batch_drop(r->batch, &slot->partition);
    seal(r);
    rs_mailbox_put(r->worker->writer_box, (struct rs_letter){RS_LETTER_RELEASE, 0, slot});
}

static void read_letter(struct reader *r, struct rs_letter letter)
{
    switch ((enum rs_letter_kind)letter.kind) {
    case RS_LETTER_GIVE: give(r, letter.what); break;
    case RS_LETTER_TAKE: take_back(r, letter.what, letter.number == 1); break;
    case RS_LETTER_FREE:
        r->spare[r->spares++] = letter.what;
        if (!r->batch) r->batch = r->spare[--r->spares];
        break;
    default: r->stopping = true; break;
    }
}

static struct rs_slot *find_slot(struct reader *r, const char *topic, int32_t number)
{
    for (int n = 0; n < r->count; n++) {
        int i = (r->last + n) % r->count;
        struct rs_slot *slot = r->slot[i];
        if (slot->partition.number != number || strcmp(slot->topic, topic)) continue;
        r->last = i;
        return slot;
    }
    return NULL;
}

/* The record at which the last owner stopped is read again and compared; when
 * retention or compaction took it, there is nothing to compare with. */
static bool verified(struct reader *r, struct rs_slot *slot, const struct rs_kafka_message *km)
{
    struct rs_partition *p = &slot->partition;
    if (!p->verify) return true;
    p->verify = false;
    if (km->offset != p->last_offset) {
        rs_info("%s/%d: the last record applied, %lld, is not there any more", slot->topic, p->number,
                (long long)p->last_offset);
        return true;
    }
    if (rs_key_eq(rs_key_of(km->value.p, km->value.n), p->last_hash)) return true;
    snprintf(p->halted, sizeof p->halted, "record %lld is not the one that was applied: the topic was made again",
             (long long)km->offset);
    rs_store_release_bool(&p->owned, false);
    tell_owner(r->worker, RS_LETTER_HALTED, slot, 0);
    return false;
}

/* Copies the record: its bytes are kept with the batch. */
static void take_record(struct reader *r, struct rs_slot *slot, const struct rs_kafka_message *km)
{
    struct rs_arena *arena = r->batch->arena;
    /* Null and empty stay apart. */
    struct rs_str value = rs_arena_str(arena, km->value);
    if (km->value.p && !km->value.n) value = (struct rs_str){"", 0};
    struct rs_record record = {
        .topic = slot->partition.topic,
        .partition = km->partition,
        .offset = km->offset,
        .time_us = km->time_us,
        .value = value,
        .source = km->source.n ? rs_arena_str(arena, km->source) : slot->partition.source,
    };
    r->record[r->records++] = (struct taken_record){slot, record};
    r->record_bytes += value.n;
}

static void add_record(struct reader *r, struct rs_slot *slot, const struct rs_record *record)
{
    struct rs_worker *w = r->worker;
    struct rs_batch *batch = r->batch;
    struct rs_message message;
    /* What an earlier owner applied may come once more. */
    if (record->offset < slot->partition.read) return;
    rs_decode(w->decoder, record, batch->arena, &message);
    for (uint32_t i = 0; i < message.report_count; i++) {
        if (message.report[i].unknown_carrier) rs_add_relaxed_u64(&w->pipeline->counters.carriers_unknown, 1);
    }
    if (rs_batch_empty(batch)) batch->opened_us = rs_mono_us(w->pipeline->options.clock);
    rs_batch_add(batch, &slot->partition, record->offset, record->value, &message);
}

static void add_records(struct reader *r)
{
    for (unsigned i = 0; i < r->records; i++) add_record(r, r->record[i].slot, &r->record[i].record);
    r->records = 0;
    r->record_bytes = 0;
}

static bool has_room(const struct reader *r)
{
    return r->records < RECORDS_AT_ONCE && r->record_bytes < RECORDS_BYTES;
}

static void read_message(struct reader *r, const struct rs_kafka_message *km)
{
    struct rs_worker *w = r->worker;
    struct rs_slot *slot = km->topic ? find_slot(r, km->topic, km->partition) : NULL;
    if (km->kind == RS_KAFKA_TROUBLE) {
        rs_warn_every(10, "kafka %s/%d: %s", km->topic ? km->topic : "?", km->partition, km->text);
        return;
    }
    if (!slot || !rs_load_acquire_bool(&slot->partition.owned)) return;
    if (km->kind == RS_KAFKA_GONE) {
        rs_store_release_bool(&slot->partition.owned, false);
        tell_owner(w, RS_LETTER_GONE, slot, 0);
        return;
    }
    if (km->kind == RS_KAFKA_END) {
        add_records(r);
        if (rs_batch_empty(r->batch)) r->batch->opened_us = rs_mono_us(w->pipeline->options.clock);
        rs_batch_reach(r->batch, &slot->partition, km->offset, true);
        return;
    }
    r->taken++;
    if (!verified(r, slot, km)) return;
    take_record(r, slot, km);
}

/* Few of the events of a history are new, and a transaction of few rows is slow. */
#define REPEATS_A_ROW 8

static uint32_t likely_rows(const struct rs_batch *batch)
{
    uint32_t more = batch->events > batch->count ? batch->events - batch->count : 0;
    return batch->count + more / REPEATS_A_ROW;
}

static bool is_full(const struct reader *r)
{
    const struct rs_pipeline_options *o = &r->worker->pipeline->options;
    return likely_rows(r->batch) >= o->batch_rows || (int64_t)rs_arena_used(r->batch->arena) >= o->batch_bytes;
}

static int64_t age_left_us(const struct reader *r)
{
    const struct rs_pipeline_options *o = &r->worker->pipeline->options;
    if (rs_batch_empty(r->batch)) return 100000;
    return r->batch->opened_us + o->batch_age_us - rs_mono_us(o->clock);
}

/* Messages until the batch is full or old, or a letter might be waiting. */
static void fill(struct reader *r)
{
    int64_t left = age_left_us(r);
    for (int n = 0; left > 0 && n < 256; n++) {
        struct rs_kafka_message km;
        int wait_ms = n ? 0 : (int)(left < 100000 ? left / 1000 + 1 : 100);
        rs_kafka_take(r->worker->queue, wait_ms, &km);
        if (km.kind == RS_KAFKA_NONE) break;
        read_message(r, &km);
        rs_kafka_done(&km);
        if (!has_room(r)) add_records(r);
        if (!r->records && is_full(r)) break;
    }
    add_records(r);
    if (r->taken) rs_add_relaxed_u64(&r->worker->pipeline->counters.messages_read, r->taken);
    r->taken = 0;
    bool ended = r->worker->pipeline->options.until_end && r->batch->ends > 0;
    if (is_full(r) || ended || age_left_us(r) <= 0) seal(r);
}

/* As top -H and gdb show it. */
static void name_thread(const char *role, const struct rs_worker *w)
{
    char name[16];
    snprintf(name, sizeof name, "%s-%d", role, w->number);
    pthread_setname_np(pthread_self(), name);
}

static void *read_loop(void *self)
{
    struct reader r = {.worker = self};
    name_thread("reader", r.worker);
    while (!r.stopping) {
        struct rs_letter letter;
        /* Without a batch there is nothing to do but to wait for one. */
        while (!r.stopping && rs_mailbox_take(r.worker->reader_box, r.batch ? 0 : -1, &letter)) {
            read_letter(&r, letter);
        }
        if (!r.stopping && r.batch) fill(&r);
    }
    seal(&r);
    rs_mailbox_put(r.worker->writer_box, (struct rs_letter){RS_LETTER_STOP, 0, NULL});
    free(r.slot);
    return NULL;
}

/* ---- the writer ---------------------------------------------------------------------- */

static struct rs_slot *slot_of(struct rs_partition *partition)
{
    return (struct rs_slot *)((char *)partition - offsetof(struct rs_slot, partition));
}

static void count(struct rs_worker *w, const struct rs_sink_counts *c)
{
    struct rs_counters *to = &w->pipeline->counters;
    const struct {
        rs_atomic_u64 *counter;
        uint64_t by;
    } all[] = {
        {&to->messages, c->messages},
        {&to->messages_ignored, c->ignored},
        {&to->messages_quarantined, c->quarantined_messages},
        {&to->events, c->events},
        {&to->events_new, c->fresh},
        {&to->events_duplicate, c->duplicate},
        {&to->events_reread, c->reread},
        {&to->events_withdrawn, c->withdrawn},
        {&to->events_reinstated, c->reinstated},
        {&to->events_quarantined, c->quarantined_events},
        {&to->events_refused, c->refused_events},
        {&to->events_unmapped, c->unmapped},
        {&to->parcels, c->parcels},
        {&to->shipments, c->shipments},
        {&to->batches, c->batches},
        {&to->batches_straight, c->straight},
        {&to->conflicts, c->conflicts},
        {&to->reconnects, c->reconnects},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].by) rs_add_relaxed_u64(all[i].counter, all[i].by);
    }
}

static void report_lost(struct rs_worker *w)
{
    for (struct rs_partition *p; (p = rs_sink_lost(w->sink));) {
        if (!p->halted[0]) rs_add_relaxed_u64(&w->pipeline->counters.fenced, 1);
        tell_owner(w, p->halted[0] ? RS_LETTER_HALTED : RS_LETTER_FENCED, slot_of(p), 0);
    }
}

/* Takes out of the batch what is no longer ours. */
static void drop_lost(struct rs_batch *batch)
{
    for (uint32_t i = 0; i < batch->part_count; i++) {
        struct rs_partition *partition = batch->part[i].partition;
        if (!rs_load_acquire_bool(&partition->owned)) {
            rs_batch_drop(batch, partition);
            i--;
        }
    }
}

/* How far partitions are complete, and in passing whether they are still ours. */
static void take_ends(struct rs_worker *w, struct rs_ends *ends)
{
    struct rs_diag diag = {0};
    for (int i = 0; i < ends->count; i++) {
        struct rs_partition *partition = &ends->of[i].slot->partition;
        partition->end = ends->of[i].end;
        partition->end_us = ends->asked_us;
    }
    free(ends);
    rs_store_release_bool(&w->ends_told, false);
    if (!w->under_way && rs_sink_look(w->sink, &diag)) rs_warn_every(10, "%s", diag.text);
    report_lost(w);
    uint32_t orphans = 0;
    if (rs_sink_tell_progress(w->sink, &orphans, &diag)) rs_warn_every(10, "%s", diag.text);
    rs_store_relaxed_u64(&w->orphans, orphans);
}

/* Waits until the batch under way is written, and goes on with what is left. */
static void finish_batch(struct rs_worker *w, struct rs_batch *batch)
{
    struct rs_diag diag = {0};
    int err = RS_OK;
    for (bool first = true; first || !rs_batch_empty(batch); drop_lost(batch), first = false) {
        struct rs_sink_counts counts = {0};
        err = first ? rs_sink_finish(w->sink, batch, &counts, &diag) : rs_sink_apply(w->sink, batch, &counts, &diag);
        count(w, &counts);
        if (counts.batches) w->committed_us = rs_mono_us(w->pipeline->options.clock);
        report_lost(w);
        if (err != RS_E_FENCED && err != RS_E_HALT) break;
        rs_warn("worker %d: %s", w->number, diag.text);
        err = RS_OK;
    }
    if (err) {
        rs_warn("worker %d: a batch is left for the next start: %s", w->number, diag.text);
        return;
    }
    for (uint32_t i = 0; i < batch->part_count; i++) {
        struct rs_slot *slot = slot_of(batch->part[i].partition);
        rs_store_relaxed_u64(&slot->told, (uint64_t)batch->part[i].to);
        if (batch->part[i].ended) tell_owner(w, RS_LETTER_AT_END, slot, 0);
    }
}

static void finish(struct rs_worker *w)
{
    struct rs_batch *batch = w->under_way;
    if (!batch) return;
    w->under_way = NULL;
    finish_batch(w, batch);
    rs_batch_reset(batch);
    rs_mailbox_put(w->reader_box, (struct rs_letter){RS_LETTER_FREE, 0, batch});
}

/* Decides the batch while the one before is written, then begins to write it. */
static void take_batch(struct rs_worker *w, struct rs_batch *batch)
{
    drop_lost(batch);
    rs_sink_prepare(w->sink, batch);
    finish(w);
    drop_lost(batch);
    w->under_way = batch;
    if (!rs_sink_start(w->sink, batch)) finish(w);
}

static void written(void *self)
{
    struct rs_worker *w = self;
    rs_mailbox_put(w->writer_box, (struct rs_letter){RS_LETTER_WRITTEN, 0, NULL});
}

/* The next letter; while there is none, a look at PostgreSQL every now and then. */
static struct rs_letter next_letter(struct rs_worker *w)
{
    struct rs_letter letter;
    while (!rs_mailbox_take(w->writer_box, LOOK_EVERY_MS, &letter)) {
        struct rs_diag diag = {0};
        if (w->under_way) continue; /* it will say when it is written */
        if (rs_sink_look(w->sink, &diag)) rs_warn_every(10, "%s", diag.text);
        report_lost(w);
    }
    return letter;
}

static void *write_loop(void *self)
{
    struct rs_worker *w = self;
    struct rs_letter letter;
    name_thread("writer", w);
    while ((letter = next_letter(w)).kind != RS_LETTER_STOP) {
        struct rs_slot *slot = letter.what;
        struct rs_diag diag = {0};
        int err;
        if (letter.kind == RS_LETTER_ENDS) {
            take_ends(w, letter.what);
            continue;
        }
        /* Any other letter speaks of a moment at which all before it is written. */
        if (letter.kind != RS_LETTER_BATCH && (letter.kind != RS_LETTER_WRITTEN || rs_sink_written(w->sink))) finish(w);
        switch ((enum rs_letter_kind)letter.kind) {
        case RS_LETTER_BATCH: take_batch(w, letter.what); break;
        case RS_LETTER_CLAIM:
            err = rs_sink_claim(w->sink, &slot->partition, &diag);
            if (err) rs_warn("claim %s/%d: %s", slot->topic, slot->partition.number, diag.text);
            report_lost(w);
            tell_owner(w, RS_LETTER_CLAIMED, slot, err);
            break;
        case RS_LETTER_RELEASE:
            rs_kill_point(RS_KILL_IN_REVOKE);
            rs_store_release_bool(&slot->partition.owned, false);
            rs_sink_release(w->sink, &slot->partition);
            tell_owner(w, RS_LETTER_RELEASED, slot, 0);
            break;
        case RS_LETTER_HALT:
            if (rs_sink_halt(w->sink, &slot->partition, &diag)) rs_warn("%s", diag.text);
            break;
        default: break;
        }
    }
    finish(w);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------ */

static bool in_a_hurry(void *self)
{
    return rs_load_acquire_bool(&((struct rs_pipeline *)self)->hurry);
}

int rs_worker_open(struct rs_worker *w, struct rs_diag *diag)
{
    struct rs_pipeline *p = w->pipeline;
    const struct rs_pipeline_options *o = &p->options;
    struct rs_sink_options sink = {
        .pg = o->pg,
        .catalog = &o->schema->catalog,
        .memory = p->memory,
        .cluster = rs_str_of(p->cluster),
        .topic = o->kafka.topic,
        .topic_count = o->kafka.topic_count,
        .member = p->member,
        .member_name = o->member_name,
        .worker = w->number,
        .alone = o->workers == 1,
        .rules = o->rules,
        .calendars = &o->schema->calendars,
        .alerts = *o->alerts != '\0',
        .stages = o->stages,
        .raw = o->raw,
        .from_memory = o->table_bytes > 0,
        .clock = o->clock,
        .stopping = in_a_hurry,
        .stopping_self = p,
        .written = written,
        .written_self = w,
    };
    w->reader_box = rs_mailbox_new(4 * RS_KAFKA_EVENT_PARTITIONS_MAX);
    w->writer_box = rs_mailbox_new(4 * RS_KAFKA_EVENT_PARTITIONS_MAX);
    int err = rs_sink_open(&sink, &w->sink, diag);
    if (err) return err;
    struct rs_decoder_options decoder = {
        .backend = RS_JSON_FAST, .future_us = o->future_us, .memo_bytes = (size_t)o->memo_bytes};
    w->decoder = rs_decoder_new(&o->schema->catalog, o->schema->zones, &o->schema->profiles, &decoder);
    w->queue = rs_kafka_queue_new(p->kafka);
    for (int i = 0; i < RS_WORKER_BATCHES; i++) {
        w->batch[i] = rs_batch_new(1 << 20);
        rs_mailbox_put(w->reader_box, (struct rs_letter){RS_LETTER_FREE, 0, w->batch[i]});
    }
    return RS_OK;
}

void rs_worker_start(struct rs_worker *w)
{
    if (pthread_create(&w->reader, NULL, read_loop, w) || pthread_create(&w->writer, NULL, write_loop, w)) rs_oom();
    w->running = true;
}

/* The reader hands on what it has; the writer ends behind it. */
void rs_worker_join(struct rs_worker *w)
{
    if (!w->running) return;
    rs_mailbox_put(w->reader_box, (struct rs_letter){RS_LETTER_STOP, 0, NULL});
    rs_kafka_wake(w->queue);
    pthread_join(w->reader, NULL);
    pthread_join(w->writer, NULL);
    w->running = false;
}

void rs_worker_close(struct rs_worker *w)
{
    rs_sink_close(w->sink);
    rs_decoder_free(w->decoder);
    rs_kafka_queue_free(w->queue);
    rs_mailbox_free(w->reader_box);
    rs_mailbox_free(w->writer_box);
    for (int i = 0; i < RS_WORKER_BATCHES; i++) rs_batch_free(w->batch[i]);
}
