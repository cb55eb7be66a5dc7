/* Concurrent histories of single keys, checked for linearizability.
 *
 *   history [seconds]
 *
 * Threads do a few operations on one key at once; each is recorded with the
 * ticks at which it was called and had returned.  Then a search after Wing and
 * Gong looks for one order of them that keeps to real time and that a table
 * without concurrency could have shown.  That table has
 *
 *     merged   the facts of all merges up to now, whatever they answered
 *     known    what the record says; or nothing usable is there
 *
 * and these rules, by operation and answer:
 *
 *     part     MERGED           something was usable; known gains the fact
 *              else             nothing usable is left
 *     whole    MADE, MERGED     known is what was read, or gains it; what was
 *                               read has all that is merged, if nothing was usable
 *              else             nothing usable is left
 *     find     facts            something was usable, and known is exactly those
 *              nothing          always allowed: everything is optional
 *     forget                   nothing usable is left
 *
 * and between any two operations the record may leave.  So a find may miss at
 * any time, but never sees what was not merged, nor misses what was merged while
 * the record was there. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common.h"
#include "yield.h"

_Thread_local uint64_t rs_yield_state;
_Thread_local uint32_t rs_yield_one_in = 16;

enum { THREADS = 3, EACH = 5, OPS = THREADS * EACH, TOGETHER = 16 };
enum what { PART, WHOLE, FIND, FORGET };

struct op {
    enum what what;
    uint32_t facts; /* merged, read, or found; bits */
    bool usable;    /* of a find */
    enum rs_table_merged merged;
    uint64_t called, returned;
};

static struct rs_table *table;
static _Atomic uint64_t tick;
static _Atomic uint32_t durable[TOGETHER];
static pthread_barrier_t barrier;
static atomic_bool over;
static struct op histories[TOGETHER][THREADS][EACH]; /* of so many keys at once */
static struct op (*history)[EACH];                   /* of the one that is searched */

static struct rs_table_key key_of(unsigned k)
{
    return rs_table_key_of(table, &k, sizeof k);
}

/* ---- making histories --------------------------------------------------------------- */

static void look(struct rs_table_thread *thread, unsigned k, struct op *op)
{
    struct rs_table_ref ref;
    op->what = FIND;
    if (!rs_table_find(thread, key_of(k), &ref)) return;
    for (unsigned i = 0; i < 16; i++) op->facts |= (uint32_t)rs_table_has(thread, ref, common_tag(i), NULL) << i;
    op->usable = rs_table_unchanged(thread, ref);
}

static void merge(struct rs_table_thread *thread, unsigned k, struct op *op, struct rs_table_ref base)
{
    uint64_t word[16];
    struct rs_table_facts facts = {.key = key_of(k), .word = word, .status = RS_TABLE_NO_STATUS};
    for (unsigned i = 0; i < 16; i++) {
        if (op->facts >> i & 1) word[facts.word_n++] = common_tag(i);
    }
    facts.whole = op->what == WHOLE;
    facts.base = base;
    op->called = atomic_fetch_add(&tick, 1);
    op->merged = rs_table_merge(thread, &facts);
    op->returned = atomic_fetch_add(&tick, 1);
}

static void one_op(struct rs_table_thread *thread, unsigned k, unsigned number, uint64_t *seed, struct op *op)
{
    unsigned what = common_below(seed, 10);
    *op = (struct op){0};
    rs_table_pin(thread);
    if (what < 4) {
        op->called = atomic_fetch_add(&tick, 1);
        look(thread, k, op);
        op->returned = atomic_fetch_add(&tick, 1);
    } else if (what < 6) {
        op->what = PART;
        op->facts = 1u << number;
        atomic_fetch_or(&durable[k % TOGETHER], op->facts);
        struct rs_table_ref base = {0};
        if (common_below(seed, 2)) rs_table_find(thread, key_of(k), &base);
        merge(thread, k, op, base);
    } else if (what < 9) {
        struct rs_table_ref base;
        op->what = WHOLE;
        rs_table_find(thread, key_of(k), &base);
        op->facts = atomic_load(&durable[k % TOGETHER]);
        if (what == 8) sched_yield();
        merge(thread, k, op, base);
    } else {
        op->what = FORGET;
        op->called = atomic_fetch_add(&tick, 1);
        rs_table_forget(thread, key_of(k));
        op->returned = atomic_fetch_add(&tick, 1);
    }
    rs_table_unpin(thread);
}

/* Something else that pushes records out and makes the index anew. */
static void disturb(struct rs_table_thread *thread, uint64_t *seed)
{
    unsigned k = UINT32_MAX - common_below(seed, 300);
    uint64_t word = common_tag(1);
    struct rs_table_facts facts = {.key = key_of(k), .word = &word, .word_n = 1, .whole = true};
    rs_table_pin(thread);
    if (!rs_table_find(thread, facts.key, &facts.base)) rs_table_merge(thread, &facts);
    rs_table_unpin(thread);
}

struct worker {
    unsigned number;
    uint64_t seed;
};

static void *work(void *self)
{
    struct worker *w = self;
    struct rs_table_thread *thread = rs_table_join(table);
    rs_yield_state = common_next(&w->seed) | 1;
    for (unsigned round = 1;; round++) {
        pthread_barrier_wait(&barrier);
        if (atomic_load(&over)) break;
        for (unsigned i = 0; i < EACH * TOGETHER; i++) {
            unsigned k = i % TOGETHER;
            one_op(thread, (round + 1) * TOGETHER + k, w->number * EACH + i / TOGETHER, &w->seed,
                   &histories[k][w->number][i / TOGETHER]);
            if (common_below(&w->seed, 4) == 0) disturb(thread, &w->seed);
        }
        pthread_barrier_wait(&barrier);
    }
    rs_table_leave(thread);
    return NULL;
}

/* ---- the search ------------------------------------------------------------------------- */

#define NOTHING UINT32_MAX

/* States that led nowhere, by hash; a full table only forgets. */
enum { SEEN = 1 << 14 };
static struct {
    uint32_t done, known, round;
} seen[SEEN];

static bool was_seen(uint32_t done, uint32_t known, uint32_t round)
{
    uint64_t h = ((uint64_t)done << 32 | known) * UINT64_C(0x9e3779b97f4a7c15) >> 50;
    if (seen[h].done == done && seen[h].known == known && seen[h].round == round) return true;
    seen[h].done = done;
    seen[h].known = known;
    seen[h].round = round;
    return false;
}

/* Whether the operation can be next in state `known`; what is known then. */
static bool apply(const struct op *op, uint32_t merged, uint32_t known, uint32_t *ret)
{
    switch (op->what) {
    case PART:
        if (op->merged != RS_TABLE_MERGED) {
            *ret = NOTHING;
            return true;
        }
        *ret = known | op->facts;
        return known != NOTHING;
    case WHOLE:
        if (op->merged != RS_TABLE_MERGED && op->merged != RS_TABLE_MADE) {
            *ret = NOTHING;
            return true;
        }
        if (known == NOTHING) {
            *ret = op->facts;
            return !(merged & ~op->facts);
        }
        *ret = known | op->facts;
        return op->merged == RS_TABLE_MERGED;
    case FIND: *ret = known; return !op->usable || known == op->facts;
    case FORGET: *ret = NOTHING; return true;
    }
    return false;
}

/* `done` are bits of the operations that are in order already, `merged` the
 * facts of merges among them. */
static bool search(uint32_t done, uint32_t merged, uint32_t known, uint32_t round)
{
    if (done == (1u << OPS) - 1) return true;
    if (was_seen(done, known, round)) return false;
    /* Only what was called before the first of the others returned may be next. */
    uint64_t first = UINT64_MAX;
    for (unsigned i = 0; i < OPS; i++) {
        const struct op *op = &history[i / EACH][i % EACH];
        if (!(done >> i & 1) && op->returned < first) first = op->returned;
    }
    for (unsigned i = 0; i < OPS; i++) {
        const struct op *op = &history[i / EACH][i % EACH];
        if (done >> i & 1 || op->called > first) continue;
        uint32_t then, more = merged | (op->what == PART ? op->facts : 0);
        if (apply(op, merged, known, &then) && search(done | 1u << i, more, then, round)) return true;
    }
    /* Or the record leaves. */
    return known != NOTHING && search(done, merged, NOTHING, round);
}

static void print_history(void)
{
    static const char *const name[] = {"part", "whole", "find", "forget"};
    for (unsigned i = 0; i < OPS; i++) {
        const struct op *op = &history[i / EACH][i % EACH];
        fprintf(stderr, "  thread %u  %4" PRIu64 "..%-4" PRIu64 "  %-6s %04x %s %d\n", i / EACH, op->called,
                op->returned, name[op->what], op->facts, op->usable ? "usable" : "", (int)op->merged);
    }
}

/* That the search itself can say no: planted histories. */
static bool rejects_what_cannot_be(void)
{
    history = histories[0];
    uint64_t now = 0;
    for (unsigned i = 0; i < OPS; i++) {
        history[i / EACH][i % EACH] = (struct op){.what = FIND, .called = now, .returned = now + 1};
        now += 2;
    }
    struct op *op = history[0];
    op[0].what = WHOLE, op[0].merged = RS_TABLE_MADE, op[0].facts = 1;
    op[1].what = PART, op[1].merged = RS_TABLE_MERGED, op[1].facts = 2;
    op[2].usable = true, op[2].facts = 3;
    bool fine = search(0, 0, NOTHING, UINT32_MAX - 1);
    op[2].facts = 1; /* the part is lost */
    bool lost = search(0, 0, NOTHING, UINT32_MAX - 2);
    op[2].facts = 7; /* nobody merged 4 */
    bool invented = search(0, 0, NOTHING, UINT32_MAX - 3);
    op[2].facts = 3;
    op[3].what = WHOLE, op[3].merged = RS_TABLE_MADE, op[3].facts = 1; /* and it is made without the part */
    bool old = search(0, 0, NOTHING, UINT32_MAX - 4);
    return fine && !lost && !invented && !old;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    uint64_t seed = common_seed("history");
    if (!rejects_what_cannot_be()) {
        fprintf(stderr, "history: the search is wrong\n");
        return 1;
    }
    table = rs_table_new(
        &(struct rs_table_options){RS_TABLE_MEMORY_MIN * 2, THREADS, common_by_first, NULL, common_secret});
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    pthread_t thread[THREADS];
    struct worker worker[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        worker[i] = (struct worker){i, common_next(&seed)};
        pthread_create(&thread[i], NULL, work, &worker[i]);
    }
    double end = common_seconds() + seconds;
    uint64_t usable = 0, overlapping = 0;
    unsigned round = 0;
    bool fine = true;
    while (fine && common_seconds() < end) {
        for (unsigned k = 0; k < TOGETHER; k++) atomic_store(&durable[k], 0);
        atomic_store(&tick, 0);
        round++;
        pthread_barrier_wait(&barrier); /* they begin */
        pthread_barrier_wait(&barrier); /* they have ended */
        for (unsigned k = 0; k < TOGETHER && fine; k++) {
            history = histories[k];
            for (unsigned i = 0; i < OPS; i++) {
                const struct op *op = &history[i / EACH][i % EACH];
                usable += op->usable;
                overlapping += op->returned > op->called + 1;
            }
            fine = search(0, 0, NOTHING, round * TOGETHER + k);
        }
        if (!fine) {
            fprintf(stderr, "history: no order explains this one:\n");
            print_history();
        }
    }
    atomic_store(&over, true);
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    const char *wrong = rs_table_check(table);
    if (wrong) fprintf(stderr, "history: %s\n", wrong);
    struct rs_table_stats stats;
    rs_table_stats(table, &stats);
    printf("history: %u histories of %u operations, %" PRIu64 " overlapping, %" PRIu64 " finds that saw something, "
           "%" PRIu64 " evicted, index made anew %" PRIu64 " times\n",
           round * TOGETHER, (unsigned)OPS, overlapping, usable, stats.evicted, stats.grown);
    rs_table_free(table);
    return fine && !wrong ? 0 : 1;
}
