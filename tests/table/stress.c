/* Threads hammer tiny tables, and a known truth judges.
 *
 *   stress [seconds]
 *
 * The truth stands for PostgreSQL: for each generation and parcel a set of
 * facts and a version.  A thread makes a fact durable there first, then merges
 * it; or finds nothing usable, reads the truth, and merges all of it.  Whenever
 * a find gives something, and nothing changed while it was read:
 *   - each fact in it is in the truth of the generation (D1, D2);
 *   - each fact whose merge had ended before the find began is in it;
 *   - versions of view, look and head lie between what was merged before and
 *     what is durable afterwards, and a view's words belong together.
 * At the end of a round nobody moves: rs_table_check, and each usable record is
 * the truth exactly.  The table is so small that it grows, evicts and reclaims
 * all the time; what is free is poisoned under AddressSanitizer. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "common.h"
#include "yield.h"

_Thread_local uint64_t rs_yield_state;
_Thread_local uint32_t rs_yield_one_in = 1;

enum { THREADS = 4, PARCELS = 24, FACTS = 60, FILLERS = 3000, GENERATIONS = 256, SOURCE = 5 };

struct truth {
    _Atomic uint64_t facts, merged;           /* bits */
    _Atomic uint32_t version, merged_version; /* of view, look and head */
};

static struct truth truth[GENERATIONS][PARCELS];
static struct rs_table *table;
static atomic_bool stop, failed;
static pthread_barrier_t barrier;

struct worker {
    uint64_t seed;
    unsigned number;
    uint64_t finds, usable, merges[6], forgets;
    struct rs_table_ref base[PARCELS]; /* where each was once */
};

static struct rs_table_key key_of(unsigned parcel)
{
    return rs_table_key_of(table, &parcel, sizeof parcel);
}

static void fail(const char *what, unsigned parcel)
{
    fprintf(stderr, "stress: parcel %u: %s\n", parcel, what);
    atomic_store(&failed, true);
    atomic_store(&stop, true);
}

static struct rs_table_view view_of(uint32_t version)
{
    struct rs_table_view view = {.source = SOURCE, .version = version, .current = (uint16_t)version};
    for (unsigned i = 0; i < 6; i++) view.word[i] = version * (i + 1);
    return view;
}

/* Facts with a version and some of the bits; `word` has room for all. */
static struct rs_table_facts facts_of(unsigned parcel, uint64_t bits, uint32_t version, uint64_t *word,
                                      struct rs_table_view *view, struct rs_table_look *look)
{
    struct rs_table_facts facts = {.key = key_of(parcel), .id = parcel + 1, .word = word, .status = RS_TABLE_NO_STATUS};
    for (unsigned i = 0; i < FACTS; i++) {
        if (bits >> i & 1) word[facts.word_n++] = common_tag(i);
    }
    if (version) {
        *view = view_of(version);
        *look = (struct rs_table_look){SOURCE, version};
        facts.view = view;
        facts.look = look;
        facts.view_n = facts.look_n = 1;
        facts.head.word[0] = facts.head.word[3] = version;
        facts.marks = RS_TABLE_HAS_HEAD;
    }
    return facts;
}

static uint64_t bits_of(struct rs_table_thread *thread, struct rs_table_ref ref)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < FACTS; i++) {
        if (rs_table_has(thread, ref, common_tag(i), NULL)) bits |= UINT64_C(1) << i;
    }
    return bits;
}

/* Finds and judges. */
static void look_at(struct worker *w, struct rs_table_thread *thread, uint32_t generation, unsigned parcel)
{
    struct truth *t = &truth[generation % GENERATIONS][parcel];
    uint64_t merged = atomic_load(&t->merged);
    uint32_t merged_version = atomic_load(&t->merged_version);
    struct rs_table_ref ref;
    w->finds++;
    if (!rs_table_find(thread, key_of(parcel), &ref)) return;
    struct rs_table_parcel p;
    struct rs_table_view view = {0};
    rs_table_read(thread, ref, &p);
    uint64_t bits = bits_of(thread, ref);
    bool has_view = rs_table_view(thread, ref, SOURCE, &view);
    int64_t looked = rs_table_looked(thread, ref, SOURCE);
    if (!rs_table_unchanged(thread, ref)) return;
    w->usable++;
    uint64_t durable = atomic_load(&t->facts);
    uint32_t version = atomic_load(&t->version);
    if (bits & ~durable) fail("a fact that is not durable", parcel);
    if (merged & ~bits) fail("a fact is missing that was merged before", parcel);
    if (p.id != (int64_t)parcel + 1) fail("another parcel's id", parcel);
    if (p.words != (unsigned)__builtin_popcountll(bits)) fail("another number of facts", parcel);
    if (!(p.marks & RS_TABLE_HAS_HEAD)) p.head = (struct rs_table_head){{0}};
    if (p.head.word[0] != p.head.word[3]) fail("a torn head", parcel);
    if (!has_view) view.version = 0;
    if (view.version < merged_version || view.version > version) fail("a view that is too old or too new", parcel);
    if (looked < merged_version || looked > version) fail("a look that is too old or too new", parcel);
    if (p.head.word[0] < merged_version || p.head.word[0] > version) fail("a head too old or too new", parcel);
    struct rs_table_view want = view_of(view.version);
    if (has_view && memcmp(want.word, view.word, sizeof want.word)) fail("a torn view", parcel);
}

static void merge_more(struct worker *w, struct rs_table_thread *thread, uint32_t generation, unsigned parcel)
{
    struct truth *t = &truth[generation % GENERATIONS][parcel];
    uint64_t bit = UINT64_C(1) << common_below(&w->seed, FACTS), word[FACTS];
    struct rs_table_view view;
    struct rs_table_look look;
    uint32_t version = common_below(&w->seed, 3) ? 0 : atomic_fetch_add(&t->version, 1) + 1;
    atomic_fetch_or(&t->facts, bit); /* the COMMIT */
    struct rs_table_facts facts = facts_of(parcel, bit, version, word, &view, &look);
    facts.worker = w->number;
    /* Where it was found, at any time: mostly it lies there no more. */
    if (common_below(&w->seed, 2)) rs_table_find(thread, facts.key, &w->base[parcel]);
    if (common_below(&w->seed, 4)) facts.base = w->base[parcel];
    enum rs_table_merged merged = rs_table_merge(thread, &facts);
    w->merges[merged]++;
    if (merged == RS_TABLE_FOREIGN) return;
    atomic_fetch_or(&t->merged, bit);
    uint32_t before = atomic_load(&t->merged_version);
    while (before < version && !atomic_compare_exchange_weak(&t->merged_version, &before, version)) continue;
}

static void load_whole(struct worker *w, struct rs_table_thread *thread, uint32_t generation, unsigned parcel)
{
    struct truth *t = &truth[generation % GENERATIONS][parcel];
    uint64_t word[FACTS];
    struct rs_table_view view;
    struct rs_table_look look;
    struct rs_table_ref base;
    if (rs_table_find(thread, key_of(parcel), &base) && common_below(&w->seed, 8)) return;
    uint32_t version = atomic_load(&t->version);
    struct rs_table_facts facts = facts_of(parcel, atomic_load(&t->facts), version, word, &view, &look);
    /* PostgreSQL takes its time. */
    for (unsigned i = common_below(&w->seed, 3); i; i--) sched_yield();
    facts.whole = true;
    facts.base = base;
    w->merges[rs_table_merge(thread, &facts)]++;
}

static void fill(struct worker *w, struct rs_table_thread *thread)
{
    unsigned parcel = PARCELS + common_below(&w->seed, FILLERS);
    uint64_t word[FACTS];
    struct rs_table_view view;
    struct rs_table_look look;
    struct rs_table_facts facts = facts_of(parcel, common_next(&w->seed) >> common_below(&w->seed, 64), 1, word, &view,
                                           &look);
    facts.whole = true;
    facts.marks |= common_below(&w->seed, 2) ? RS_TABLE_ENDED : 0;
    if (!rs_table_find(thread, facts.key, &facts.base)) w->merges[rs_table_merge(thread, &facts)]++;
}

static void due(void *self, struct rs_table_ref ref, int64_t id)
{
    (void)ref;
    unsigned *n = self;
    *n += id == 0;
}

static void one_step(struct worker *w, struct rs_table_thread *thread, uint32_t generation)
{
    unsigned parcel = common_below(&w->seed, PARCELS), what = common_below(&w->seed, 100), n = 0;
    struct rs_table_ref ref;
    if (what < 35) {
        look_at(w, thread, generation, parcel);
    } else if (what < 60) {
        merge_more(w, thread, generation, parcel);
    } else if (what < 80) {
        load_whole(w, thread, generation, parcel);
    } else if (what < 95) {
        fill(w, thread);
    } else if (what < 97) {
        rs_table_forget(thread, key_of(parcel));
        w->forgets++;
    } else if (what < 98) {
        if (rs_table_find(thread, key_of(parcel), &ref)) rs_table_deadline_set(thread, ref, common_below(&w->seed, 9));
        rs_table_deadlines(thread, 4, due, &n);
        if (n) fail("due without an id", parcel);
    } else if (rs_table_find(thread, key_of(parcel), &ref)) {
        rs_table_busy(thread, ref, w->number);
        rs_table_prefetch_slot(thread, key_of(parcel));
        rs_table_prefetch_record(thread, key_of(parcel));
        rs_table_prefetch_ref(thread, ref);
        if (what < 99) rs_table_idle(thread, key_of(parcel), w->number);
    }
}

/* Somebody fails over: the truth goes on without some facts. */
static void fail_over(struct worker *w)
{
    uint32_t next = rs_table_generation(table) + 1;
    for (unsigned i = 0; i < PARCELS; i++) {
        struct truth *t = &truth[next % GENERATIONS][i];
        struct truth *old = &truth[(next - 1) % GENERATIONS][i];
        atomic_store(&t->facts, atomic_load(&old->facts) & common_next(&w->seed));
        atomic_store(&t->version, atomic_load(&old->version) / 2);
        atomic_store(&t->merged, 0);
        atomic_store(&t->merged_version, 0);
    }
    rs_table_forget_all(table);
}

static void *work(void *self)
{
    struct worker *w = self;
    rs_yield_state = common_next(&w->seed) | 1;
    rs_yield_one_in = 1u << (3 + common_below(&w->seed, 8));
    pthread_barrier_wait(&barrier);
    struct rs_table_thread *thread = rs_table_join(table);
    while (!atomic_load(&stop)) {
        uint32_t generation = rs_table_generation(table);
        rs_table_adopt(thread, generation);
        for (unsigned k = common_below(&w->seed, 8); k; k--) {
            rs_table_pin(thread);
            for (unsigned i = common_below(&w->seed, 40); i; i--) one_step(w, thread, generation);
            rs_table_unpin(thread);
        }
        if (common_below(&w->seed, 4) == 0) rs_table_prepare(thread);
        if (w->number == 1 && common_below(&w->seed, 300) == 0 && generation < GENERATIONS - 2) fail_over(w);
        if (common_below(&w->seed, 50) == 0) {
            rs_table_leave(thread);
            thread = rs_table_join(table);
        }
    }
    rs_table_leave(thread);
    rs_yield_state = 0;
    return NULL;
}

/* Nobody moves any more. */
static void judge_rest(void)
{
    const char *wrong = rs_table_check(table);
    if (wrong) fail(wrong, 0);
    struct rs_table_thread *thread = rs_table_join(table);
    uint32_t generation = rs_table_generation(table);
    rs_table_pin(thread);
    for (unsigned parcel = 0; parcel < PARCELS; parcel++) {
        struct truth *t = &truth[generation % GENERATIONS][parcel];
        struct rs_table_ref ref;
        if (!rs_table_find(thread, key_of(parcel), &ref)) continue;
        uint64_t bits = bits_of(thread, ref);
        if (bits & ~atomic_load(&t->facts)) fail("at rest: a fact that is not durable", parcel);
        /* What was durable when the generation began counts if it was loaded. */
        if (atomic_load(&t->merged) & ~bits) fail("at rest: a fact is missing", parcel);
    }
    rs_table_unpin(thread);
    rs_table_leave(thread);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    uint64_t seed = common_seed("stress");
    double end = common_seconds() + seconds;
    struct worker worker[THREADS] = {0};
    uint64_t rounds = 0, evicted = 0, grown = 0;
    bool enough;
    pthread_barrier_init(&barrier, NULL, THREADS);
    do {
        memset(truth, 0, sizeof truth);
        uint64_t memory = RS_TABLE_MEMORY_MIN << common_below(&seed, 7);
        table = rs_table_new(&(struct rs_table_options){memory, THREADS + 1, common_by_first, NULL, common_secret});
        atomic_store(&stop, false);
        pthread_t thread[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            worker[i].seed = common_next(&seed);
            worker[i].number = i + 1;
            memset(worker[i].base, 0, sizeof worker[i].base); /* of the last table */
            pthread_create(&thread[i], NULL, work, &worker[i]);
        }
        struct timespec pause = {0, 50000000 + (long)common_below(&seed, 250000000)};
        nanosleep(&pause, NULL);
        atomic_store(&stop, true);
        for (unsigned i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
        judge_rest();
        struct rs_table_stats stats;
        rs_table_stats(table, &stats);
        evicted += stats.evicted;
        grown += stats.grown;
        rs_table_free(table);
        rounds++;
        /* Longer where the machine is busy: it is for tables that evict and grow. */
        enough = evicted && grown && common_seconds() >= end;
    } while (!atomic_load(&failed) && !enough && common_seconds() < end + 10 * seconds);
    struct worker sum = {0};
    for (unsigned i = 0; i < THREADS; i++) {
        sum.finds += worker[i].finds;
        sum.usable += worker[i].usable;
        for (unsigned k = 0; k < 6; k++) sum.merges[k] += worker[i].merges[k];
    }
    printf("stress: %" PRIu64 " rounds, %" PRIu64 " finds, %" PRIu64 " judged; merged %" PRIu64 ", made %" PRIu64
           ", staled %" PRIu64 ", left %" PRIu64 ", no room %" PRIu64 ", foreign %" PRIu64 "; evicted %" PRIu64
           ", index made anew %" PRIu64 " times\n",
           rounds, sum.finds, sum.usable, sum.merges[RS_TABLE_MERGED], sum.merges[RS_TABLE_MADE],
           sum.merges[RS_TABLE_STALED], sum.merges[RS_TABLE_LEFT], sum.merges[RS_TABLE_NO_ROOM],
           sum.merges[RS_TABLE_FOREIGN], evicted, grown);
    if (!evicted || !grown || !sum.usable) {
        fprintf(stderr, "stress: it did not do what it is for\n");
        return 1;
    }
    return atomic_load(&failed) ? 1 : 0;
}
