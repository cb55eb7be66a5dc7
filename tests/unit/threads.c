/* What several threads share, for ThreadSanitizer: Criterion cannot run under
 * it.  Ends with 0, or with 1 and a line that says what was wrong. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/counters.h"
#include "rastro/decode.h"
#include "rastro/mailbox.h"
#include "rastro/schema.h"

enum { THREADS = 4, LETTERS = 5000, LOOKUPS = 20000 };

static void need(bool fine, const char *what)
{
    if (fine) return;
    fprintf(stderr, "threads: %s\n", what);
    exit(1);
}

/* Runs `body` in all threads, each with its own element of `self`. */
static void run(void *(*body)(void *), void *self, size_t size)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        void *own = (char *)self + (size_t)i * size;
        need(pthread_create(&thread[i], NULL, body, own) == 0, "no thread");
    }
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

/* ---- mailbox ---------------------------------------------------------------------- */

struct putter {
    struct rs_mailbox *mailbox;
    int kind;
    int *paid; /* written before the letter is put, read after it is taken */
};

static void *put_all(void *self)
{
    struct putter *p = self;
    for (int i = 0; i < LETTERS; i++) {
        p->paid[i] = i;
        rs_mailbox_put(p->mailbox, (struct rs_letter){p->kind, i, &p->paid[i]});
    }
    return NULL;
}

static void *take_all(void *self)
{
    struct rs_mailbox *mailbox = self;
    int next[THREADS] = {0};
    for (int n = 0; n < THREADS * LETTERS; n++) {
        struct rs_letter letter;
        need(rs_mailbox_take(mailbox, -1, &letter), "nothing to take");
        need(letter.number == next[letter.kind]++, "letters out of order");
        need(*(int *)letter.what == letter.number, "what a letter points to came later than the letter");
    }
    return NULL;
}

static void test_mailbox(void)
{
    struct rs_mailbox *mailbox = rs_mailbox_new(THREADS * LETTERS);
    struct putter putter[THREADS];
    pthread_t taker;
    for (int i = 0; i < THREADS; i++) putter[i] = (struct putter){mailbox, i, calloc(LETTERS, sizeof(int))};
    need(pthread_create(&taker, NULL, take_all, mailbox) == 0, "no thread");
    run(put_all, putter, sizeof *putter);
    pthread_join(taker, NULL);
    for (int i = 0; i < THREADS; i++) free(putter[i].paid);
    rs_mailbox_free(mailbox);
}

/* ---- counters ---------------------------------------------------------------------- */

static void *count(void *self)
{
    struct rs_counters *counters = *(struct rs_counters **)self;
    struct rs_buf out = {0};
    for (int i = 0; i < LETTERS; i++) {
        rs_add_relaxed_u64(&counters->events, 2);
        if (i % 1000) continue;
        rs_buf_clear(&out);
        rs_counters_print(counters, &out);
    }
    rs_buf_free(&out);
    return NULL;
}

static void test_counters(void)
{
    static struct rs_counters counters;
    struct rs_counters *all[THREADS];
    for (int i = 0; i < THREADS; i++) all[i] = &counters;
    run(count, all, sizeof *all);
    need(rs_load_relaxed_u64(&counters.events) == (uint64_t)2 * THREADS * LETTERS, "a count is lost");
}

/* ---- zones: loaded when first asked for, by whoever comes first ---------------------- */

static void *look_up(void *self)
{
    static const char *const names[] = {"America/Sao_Paulo", "Europe/Berlin", "Asia/Shanghai", "America/New_York",
                                        "Asia/Tokyo",        "UTC",           "Nowhere/Land",  "Africa/Lagos"};
    struct rs_zones *zones = *(struct rs_zones **)self;
    for (int i = 0; i < LOOKUPS; i++) {
        const char *name = names[i % 8];
        const struct rs_zone *zone = rs_zones_find(zones, name, (uint32_t)strlen(name));
        need((zone != NULL) == (i % 8 != 6), "a zone is not found");
        if (!zone) continue;
        enum rs_zone_fit fit;
        int64_t local = 1700000000 + i;
        need(rs_zone_to_utc(zone, local, &fit) + rs_zone_offset(zone, rs_zone_to_utc(zone, local, &fit)) == local,
             "a zone gives another time back");
    }
    return NULL;
}

static void test_zones(void)
{
    struct rs_zones *zones, *all[THREADS];
    struct rs_diag diag;
    need(rs_zones_open(&zones, &diag) == RS_OK, diag.text);
    for (int i = 0; i < THREADS; i++) all[i] = zones;
    run(look_up, all, sizeof *all);
    rs_zones_free(zones);
}

/* ---- decoders: one a thread over one catalog and one set of profiles -------------------- */

struct reader {
    struct rs_schema *schema;
    struct rs_key sum; /* of all events */
};

static void *decode(void *self)
{
    struct reader *reader = self;
    struct rs_decoder_options options = {.future_us = RS_MINUTE_US};
    struct rs_schema *schema = reader->schema;
    struct rs_decoder *decoder = rs_decoder_new(&schema->catalog, schema->zones, &schema->profiles, &options);
    struct rs_arena *arena = rs_arena_new(64 << 10);
    for (int round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < schema->profiles.count; i++) {
            struct rs_record record = {.time_us = INT64_C(1795420800000000),
                                       .value = rs_profile_example(schema->profiles.profile[i])};
            struct rs_message m;
            rs_arena_reset(arena);
            rs_decode(decoder, &record, arena, &m);
            need(m.outcome == RS_OUTCOME_TRACKING, "an example is not read");
            for (uint32_t r = 0; r < m.report_count; r++) {
                for (uint32_t e = 0; e < m.report[r].event_count; e++) {
                    struct rs_key both[2] = {reader->sum, m.report[r].event[e].fp};
                    reader->sum = rs_key_of(both, sizeof both);
                }
            }
        }
    }
    rs_arena_free(arena);
    rs_decoder_free(decoder);
    return NULL;
}

static void test_decoders(void)
{
    struct rs_schema schema;
    struct rs_diag diag;
    need(rs_schema_open(&schema, RASTRO_SCHEMA, &diag) == RS_OK, diag.text);
    struct reader reader[THREADS];
    for (int i = 0; i < THREADS; i++) reader[i] = (struct reader){.schema = &schema};
    run(decode, reader, sizeof *reader);
    for (int i = 1; i < THREADS; i++) need(rs_key_eq(reader[0].sum, reader[i].sum), "two decoders differ");
    rs_schema_close(&schema);
}

int main(void)
{
    test_mailbox();
    test_counters();
    test_zones();
    test_decoders();
    puts("threads: as expected");
    return 0;
}
