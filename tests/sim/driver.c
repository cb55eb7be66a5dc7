/* rastro-sim-driver: one member of a fleet without Kafka.
 *
 * It has what a worker has, the decoder, a sink and a detector, against a real
 * PostgreSQL; partitions are those of a file, and what happens when is told line
 * by line on standard input.  So a simulator owns order, grouping and time, and
 * whoever kills this process kills a member.
 *
 *   rastro-sim-driver SCHEMA RULES FEED NAME memory|safe
 *
 * FEED has lines of a number to sort by, partition, Kafka's time in microseconds
 * and value, with tabs between.  Every topic has the same partitions, which are as
 * long as they are.  Commands, each answered by one line that starts with `ok`, or
 * with `no` and a reason:
 *
 *   claim TOPIC N            ok OFFSET
 *   release TOPIC N          ok
 *   apply TOPIC N COUNT ...  the next so many messages of each as one batch, behind
 *                            the batch before: ok, or no with what was lost
 *   finish                   waits until the last batch is written
 *   round                    one round of the detector: ok and what it came to
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/decode.h"
#include "rastro/detector.h"
#include "rastro/file.h"
#include "rastro/log.h"
#include "rastro/schema.h"
#include "rastro/sink.h"

#define FUTURE_US (15 * RS_MINUTE_US)
#define PARTITIONS_MAX 16
#define CLAIMS_MAX 64
#define BATCHES 2

struct line {
    int64_t time_us;
    struct rs_str value;
};

struct log {
    struct line *line;
    uint32_t n, room;
};

struct claimed {
    char topic[32];
    struct rs_partition partition;
};

struct driver {
    struct rs_schema schema;
    struct rs_rules *rules;
    struct rs_rules_now now; /* the same */
    struct rs_buf feed;      /* the file */
    struct log log[PARTITIONS_MAX];
    struct claimed claim[CLAIMS_MAX];
    int claim_n;
    struct rs_decoder *decoder;
    struct rs_memory *memory;
    struct rs_sink *sink;
    struct rs_detector *detector;
    struct rs_batch *batch[BATCHES], *under_way;
    struct rs_diag diag;
};

static const struct rs_pg_options pg = {.conninfo = "", .application = "rastro-sim"};
static const char *const topics[] = {"scans", "again"};

/* ---- the feed --------------------------------------------------------------------- */

static char *field(char **at)
{
    char *start = *at, *end = start + strcspn(start, "\t");
    if (*end) *end++ = '\0';
    *at = end;
    return start;
}

static int read_line(struct driver *d, char *text)
{
    field(&text);
    long number = strtol(field(&text), NULL, 10);
    int64_t time_us = strtoll(field(&text), NULL, 10);
    if (number < 0 || number >= PARTITIONS_MAX || !*text) return rs_fail(&d->diag, RS_E_DATA, "no line of a feed");
    struct log *log = &d->log[number];
    if (log->n == log->room) {
        log->room = log->room ? log->room * 2 : 1024;
        log->line = rs_realloc(log->line, log->room * sizeof *log->line);
    }
    log->line[log->n++] = (struct line){time_us, rs_str_of(text)};
    return RS_OK;
}

static int read_feed(struct driver *d, const char *path)
{
    int err = rs_file_read(path, (size_t)8 << 30, &d->feed, &d->diag);
    if (err) return err;
    rs_buf_printf(&d->feed, "%c", '\n');
    for (char *at = d->feed.p, *end = at + d->feed.n; !err && at < end;) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        *stop = '\0';
        if (stop > at) err = read_line(d, at);
        at = stop + 1;
    }
    return err;
}

/* ---- partitions --------------------------------------------------------------------- */

static struct claimed *claim_of(struct driver *d, const char *topic, int number)
{
    for (int i = 0; i < d->claim_n; i++) {
        struct claimed *c = &d->claim[i];
        if (c->partition.number == number && !strcmp(c->topic, topic)) return c;
    }
    if (d->claim_n == CLAIMS_MAX || strlen(topic) >= sizeof d->claim->topic) return NULL;
    struct claimed *c = &d->claim[d->claim_n++];
    snprintf(c->topic, sizeof c->topic, "%s", topic);
    c->partition.topic = rs_str_of(c->topic);
    c->partition.number = number;
    return c;
}

static int claim(struct driver *d, struct claimed *c)
{
    int err = rs_sink_claim(d->sink, &c->partition, &d->diag);
    while (rs_sink_lost(d->sink)) continue;
    if (!err) rs_store_release_bool(&c->partition.owned, true);
    return err;
}

static void release(struct driver *d, struct claimed *c)
{
    rs_store_release_bool(&c->partition.owned, false);
    rs_sink_release(d->sink, &c->partition);
}

/* ---- batches --------------------------------------------------------------------------- */

/* Takes out of the batch what is no longer ours; whether anything was. */
static bool drop_lost(struct rs_batch *batch)
{
    bool some = false;
    for (uint32_t i = 0; i < batch->part_count; i++) {
        struct rs_partition *partition = batch->part[i].partition;
        if (rs_load_acquire_bool(&partition->owned)) continue;
        rs_batch_drop(batch, partition);
        some = true;
        i--;
    }
    return some;
}

/* As a worker does, see src/app/worker.c. */
static int finish(struct driver *d)
{
    struct rs_batch *batch = d->under_way;
    struct rs_sink_counts counts = {0};
    bool lost = false;
    int err = RS_OK;
    d->under_way = NULL;
    for (bool first = true; batch && (first || !rs_batch_empty(batch)); first = false) {
        err = first ? rs_sink_finish(d->sink, batch, &counts, &d->diag)
                    : rs_sink_apply(d->sink, batch, &counts, &d->diag);
        while (rs_sink_lost(d->sink)) continue;
        lost |= drop_lost(batch);
        if (err != RS_E_FENCED) break;
        lost = true;
    }
    if (batch) rs_batch_reset(batch);
    if (counts.quarantined_messages || counts.quarantined_events || counts.refused_events) {
        return rs_fail(&d->diag, RS_E_DATA, "something was quarantined");
    }
    return err ? err : lost ? rs_fail(&d->diag, RS_E_FENCED, "partitions were lost") : RS_OK;
}

static void fill(struct driver *d, struct rs_batch *batch, struct claimed *c, long count)
{
    struct rs_partition *p = &c->partition;
    const struct log *log = &d->log[p->number];
    for (; count > 0 && p->read < log->n; count--) {
        const struct line *line = &log->line[p->read];
        struct rs_record record = {
            .topic = p->topic,
            .partition = p->number,
            .offset = p->read,
            .time_us = line->time_us,
            .value = line->value,
        };
        struct rs_message message;
        rs_decode(d->decoder, &record, batch->arena, &message);
        rs_batch_add(batch, p, record.offset, record.value, &message);
    }
}

static int apply(struct driver *d, char *args)
{
    struct rs_batch *batch = d->batch[d->under_way == d->batch[0]];
    char *state, *topic, *number, *count;
    bool lost = false;
    for (topic = strtok_r(args, " ", &state); topic; topic = strtok_r(NULL, " ", &state)) {
        number = strtok_r(NULL, " ", &state);
        count = strtok_r(NULL, " ", &state);
        struct claimed *c = count ? claim_of(d, topic, atoi(number)) : NULL;
        if (!c) return rs_fail(&d->diag, RS_E_USAGE, "no partition");
        if (rs_load_acquire_bool(&c->partition.owned)) fill(d, batch, c, atol(count));
        else lost = true;
    }
    if (!rs_batch_empty(batch)) rs_sink_prepare(d->sink, batch);
    int err = finish(d);
    lost |= drop_lost(batch);
    if (!err && !rs_batch_empty(batch)) {
        d->under_way = batch;
        if (!rs_sink_start(d->sink, batch)) err = finish(d);
    } else {
        rs_batch_reset(batch);
    }
    return err ? err : lost ? rs_fail(&d->diag, RS_E_FENCED, "partitions were lost") : RS_OK;
}

/* ---- commands --------------------------------------------------------------------------- */

static int work_round(struct driver *d, struct rs_detector_counts *c)
{
    int err;
    while ((err = rs_detector_round(d->detector, c, &d->diag)) == RS_E_CONFLICT) continue;
    return err;
}

static void answer(const struct driver *d, int err)
{
    if (err) printf("no %s: %s\n", rs_err_name(err), d->diag.text);
    else printf("ok\n");
}

static void answer_round(const struct driver *d, int err, const struct rs_detector_counts *c)
{
    if (err) {
        answer(d, err);
        return;
    }
    printf("ok leads=%d more=%d waits=%d looked=%llu found=%llu opened=%llu\n", c->leads, c->more, c->waits,
           (unsigned long long)c->looked, (unsigned long long)c->found, (unsigned long long)c->opened);
}

static void obey(struct driver *d, char *command)
{
    char *args = command + strcspn(command, " "), topic[32];
    int number;
    if (*args) *args++ = '\0';
    bool named = sscanf(args, "%31s %d", topic, &number) == 2;
    struct claimed *c = named ? claim_of(d, topic, number) : NULL;
    if (!strcmp(command, "apply")) {
        answer(d, apply(d, args));
    } else if (!strcmp(command, "finish")) {
        answer(d, finish(d));
    } else if (!strcmp(command, "round")) {
        struct rs_detector_counts counts;
        int err = work_round(d, &counts);
        answer_round(d, err, &counts);
    } else if (!strcmp(command, "claim") && c) {
        int err = finish(d);
        if (!err || err == RS_E_FENCED) err = claim(d, c);
        if (err) answer(d, err);
        else printf("ok %lld\n", (long long)c->partition.read);
    } else if (!strcmp(command, "release") && c) {
        int err = finish(d);
        release(d, c);
        answer(d, err);
    } else {
        answer(d, rs_fail(&d->diag, RS_E_USAGE, "no command"));
    }
    fflush(stdout);
}

/* ---- life ---------------------------------------------------------------------------------- */

static int open_sink(struct driver *d, const char *name, bool from_memory)
{
    struct rs_sink_options options = {
        .pg = pg,
        .catalog = &d->schema.catalog,
        .memory = d->memory,
        .cluster = RS_LIT("sim"),
        .topic = topics,
        .topic_count = 2,
        .member_name = name,
        .alone = true,
        .rules = &d->now,
        .calendars = &d->schema.calendars,
        .alerts = true,
        .raw = RS_RAW_NONE,
        .from_memory = from_memory,
        .clock = &rs_clock_system,
    };
    rs_random(options.member.b, sizeof options.member.b);
    return rs_sink_open(&options, &d->sink, &d->diag);
}

static int open_all(struct driver *d, char **argument)
{
    struct rs_decoder_options decoder = {.backend = RS_JSON_FAST, .future_us = FUTURE_US, .memo_bytes = 1 << 20};
    int err = rs_schema_open(&d->schema, argument[1], &d->diag);
    if (!err) err = rs_schema_read_rules(&d->schema, argument[2], &d->rules, &d->diag);
    if (!err) rs_store_release_ptr(&d->now.rules, d->rules);
    if (!err) err = read_feed(d, argument[3]);
    if (err) return err;
    d->decoder = rs_decoder_new(&d->schema.catalog, d->schema.zones, &d->schema.profiles, &decoder);
    d->memory = rs_memory_new(8 << 20, 1);
    for (int i = 0; i < BATCHES; i++) d->batch[i] = rs_batch_new(1 << 20);
    struct rs_detector_options detector = {
        .pg = pg, .catalog = &d->schema.catalog, .rules = &d->now, .calendars = &d->schema.calendars, .alerts = true};
    err = open_sink(d, argument[4], !strcmp(argument[5], "memory"));
    return err ? err : rs_detector_open(&detector, &d->detector, &d->diag);
}

static void close_all(struct driver *d)
{
    rs_detector_close(d->detector);
    rs_sink_close(d->sink);
    rs_memory_free(d->memory);
    for (int i = 0; i < BATCHES; i++) rs_batch_free(d->batch[i]);
    rs_decoder_free(d->decoder);
    for (int i = 0; i < PARTITIONS_MAX; i++) free(d->log[i].line);
    rs_buf_free(&d->feed);
    rs_rules_free(d->rules);
    rs_schema_close(&d->schema);
}

int main(int argc, char **argv)
{
    static struct driver d;
    char *command = NULL;
    size_t room = 0;
    if (argc != 6) {
        fprintf(stderr, "usage: rastro-sim-driver SCHEMA RULES FEED NAME memory|safe\n");
        return 64;
    }
    rs_log_open("rastro-sim", RS_LOG_WARN);
    int err = open_all(&d, argv);
    if (err) fprintf(stderr, "rastro-sim-driver: %s\n", d.diag.text);
    else {
        struct rs_key key = rs_rules_key(d.rules);
        printf("ok %u ", rs_rules_version(d.rules));
        for (size_t i = 0; i < sizeof key.b; i++) printf("%02x", key.b[i]);
        printf("\n");
        fflush(stdout);
        while (getline(&command, &room, stdin) > 0) {
            command[strcspn(command, "\n")] = '\0';
            obey(&d, command);
        }
        finish(&d);
    }
    free(command);
    close_all(&d);
    return err ? rs_err_exit(err) : 0;
}
