/* rastro.c - ours, as a worker uses it: pinned while a batch is asked for, looked
 * at again if a record changed meanwhile, read from PostgreSQL (here: from the feed's truth)
 * if it is stale. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feed.h"
#include "rastro/error.h"

#define TRIES_MAX 3

/* Memory is asked for by steps of so many events: slots two steps before their
 * use, records one. */
#define STEP 8u
#define PREPARE_US 5000

struct table {
    struct rs_table *table;
    struct bt_feed *feed;
};

struct thread {
    struct rs_table_thread *thread;
    struct bt_feed *feed;
    struct rs_table_facts one; /* what is added of one event */
};

static int cmp(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)self;
    return bt_head_cmp(a, b);
}

/* As a thread of the program does that has time. */
static void *prepare(void *self)
{
    struct rs_table_thread *thread = rs_table_join(self);
    for (;;) {
        rs_table_prepare(thread);
        usleep(PREPARE_US);
    }
    return NULL;
}

static void *make(const struct bt_setup *setup)
{
    struct rs_table_options options = {.memory_max = setup->parcels * 1024 + ((uint64_t)64 << 20),
                                       .threads_max = BT_THREADS_MAX + 1, /* who prepares */
                                       .head_cmp = cmp,
                                       .secret = setup->secret};
    struct table *table = rs_calloc(1, sizeof *table);
    table->table = rs_table_new(&options);
    table->feed = setup->feed;
    pthread_t id;
    if (pthread_create(&id, NULL, prepare, table->table)) rs_oom();
    return table;
}

static void *join(void *self, unsigned index)
{
    struct table *table = self;
    struct thread *thread = rs_calloc(1, sizeof *thread);
    (void)index;
    thread->thread = rs_table_join(table->table);
    thread->feed = table->feed;
    thread->one = (struct rs_table_facts){.word_n = 1, .marks = RS_TABLE_HAS_HEAD, .status = RS_TABLE_NO_STATUS};
    if (!thread->thread) rs_oom();
    rs_table_adopt(thread->thread, rs_table_generation(table->table));
    return thread;
}

static void leave(void *self)
{
    struct thread *thread = self;
    rs_table_leave(thread->thread);
    free(thread);
}

/* `found` is what find said of it; again where the record changed meanwhile. */
static void ask_one(struct rs_table_thread *thread, struct bt_event *event, bool found)
{
    event->answer = BT_UNKNOWN;
    for (int tries = 0; found && tries < TRIES_MAX; tries++) {
        unsigned flags;
        bool has = rs_table_has(thread, event->ref, event->tag, &flags);
        if (rs_table_unchanged(thread, event->ref)) {
            event->answer = has ? BT_KNOWN : BT_NEW;
            return;
        }
        found = rs_table_find(thread, event->key, &event->ref);
    }
}

static void prefetch_slots(struct rs_table_thread *thread, const struct bt_event *event, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + STEP && i < n; i++) rs_table_prefetch_slot(thread, event[i].key);
}

/* Their slots have come by now. */
static void prefetch_records(struct rs_table_thread *thread, const struct bt_event *event, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + STEP && i < n; i++) rs_table_prefetch_record(thread, event[i].key);
}

static void prefetch_ahead(struct rs_table_thread *thread, const struct bt_event *event, unsigned i, unsigned n)
{
    if (!i) {
        prefetch_slots(thread, event, 0, n);
        prefetch_slots(thread, event, STEP, n);
        prefetch_records(thread, event, 0, n);
    }
    prefetch_slots(thread, event, i + 2 * STEP, n);
    prefetch_records(thread, event, i + STEP, n);
}

/* All records of a step are found first, so that facts outside of them come while
 * others are looked through. */
static void ask_step(struct rs_table_thread *thread, struct bt_event *event, unsigned n)
{
    bool found[STEP];
    for (unsigned i = 0; i < n; i++) found[i] = rs_table_find(thread, event[i].key, &event[i].ref);
    for (unsigned i = 0; i < n; i++) ask_one(thread, &event[i], found[i]);
}

static void ask(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    rs_table_pin(thread->thread);
    for (unsigned i = 0; i < n && prefetch; i += STEP) {
        prefetch_ahead(thread->thread, event, i, n);
        ask_step(thread->thread, event + i, n - i < STEP ? n - i : STEP);
    }
    for (unsigned i = 0; i < n && !prefetch; i++)
        ask_one(thread->thread, &event[i], rs_table_find(thread->thread, event[i].key, &event[i].ref));
    rs_table_unpin(thread->thread);
}

/* At most so often: growth of the index waits for threads that are pinned, and
 * until it is done a merge into a full one is refused. */
#define REFUSED_MAX 100000

static void merge(struct thread *thread, struct rs_table_facts *facts)
{
    for (int refused = 0; rs_table_merge(thread->thread, facts) == RS_TABLE_NO_ROOM && refused < REFUSED_MAX;
         refused++) {
        rs_table_unpin(thread->thread); /* add's */
        sched_yield();
        rs_table_pin(thread->thread);
        if (facts->whole) rs_table_find(thread->thread, facts->key, &facts->base);
    }
}

/* The parcel was not usable when it was asked for: PostgreSQL is read. */
static void look(struct thread *thread, const struct bt_event *event)
{
    uint64_t word[BT_FACTS_MAX];
    struct rs_table_facts facts = {.key = event->key, .id = event->id, .word = word};
    facts.status = RS_TABLE_NO_STATUS;
    facts.whole = !rs_table_find(thread->thread, event->key, &facts.base);
    facts.word_n = bt_feed_look(thread->feed, event, word, &facts.head);
    facts.marks = RS_TABLE_HAS_HEAD;
    merge(thread, &facts);
}

static void add_one(struct thread *thread, const struct bt_event *event)
{
    struct rs_table_facts *facts = &thread->one; /* the rest of it is the same for all */
    facts->key = event->key;
    facts->id = event->id;
    facts->word = &event->tag;
    facts->head = event->head;
    facts->whole = event->answer == BT_UNKNOWN;
    facts->base = event->ref;
    merge(thread, facts);
}

/* A record is asked for where it was found. */
static void prefetch_again(struct rs_table_thread *thread, const struct bt_event *event, unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + STEP && i < n; i++) {
        if (event[i].answer == BT_UNKNOWN) rs_table_prefetch_slot(thread, event[i].key);
        else if (event[i].answer == BT_NEW) rs_table_prefetch_ref(thread, event[i].ref);
    }
}

static void add(void *self, struct bt_event *event, unsigned n, bool prefetch)
{
    struct thread *thread = self;
    for (unsigned i = 0; i < n; i++) {
        /* Pinned for many, but not for all: growth waits for those who are. */
        if (i % BT_GROUP == 0) rs_table_pin(thread->thread);
        if (prefetch && !i) prefetch_again(thread->thread, event, 0, n);
        if (prefetch && i % STEP == 0) prefetch_again(thread->thread, event, i + STEP, n);
        if (event[i].shared && event[i].truth == BT_NEW) bt_feed_durable(thread->feed, &event[i]);
        if (event[i].answer == BT_UNKNOWN && event[i].truth != BT_UNKNOWN) look(thread, &event[i]);
        else if (event[i].answer != BT_KNOWN) add_one(thread, &event[i]);
        if (i % BT_GROUP == BT_GROUP - 1 || i == n - 1) rs_table_unpin(thread->thread);
    }
}

static bool read_one(void *self, struct rs_table_key key, struct bt_seen *ret)
{
    struct thread *thread = self;
    struct rs_table_ref ref = {0};
    struct rs_table_parcel parcel = {0};
    rs_table_pin(thread->thread);
    bool found = rs_table_find(thread->thread, key, &ref);
    if (found) rs_table_read(thread->thread, ref, &parcel);
    rs_table_unpin(thread->thread);
    *ret = (struct bt_seen){.id = parcel.id, .facts = parcel.words, .head = parcel.head};
    return found;
}

static const char *check(void *self)
{
    static char text[160];
    struct table *table = self;
    struct rs_table_stats stats;
    const char *problem = rs_table_check(table->table);
    if (problem) return problem;
    rs_table_stats(table->table, &stats);
    if (stats.refused)
        fprintf(stderr, "rastro: %lu merges waited for the index to grow\n", (unsigned long)stats.refused);
    if (!stats.evicted) return NULL;
    snprintf(text, sizeof text, "%lu records left below the bound", (unsigned long)stats.evicted);
    return text;
}

const struct bt_kind bt_rastro = {.name = "rastro",
                                  .make = make,
                                  .join = join,
                                  .leave = leave,
                                  .ask = ask,
                                  .add = add,
                                  .read = read_one,
                                  .check = check};
