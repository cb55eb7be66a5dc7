/* All schedules of small cases, of the real code.
 *
 *   explore [case] [more]
 *
 * With `more`, so many preemptions more than in the quick test; 1 takes minutes.
 *
 * Threads are coroutines; each atomic operation is a point where another one
 * may go on instead.  Depth-first over all schedules with at most so many
 * preemptions (most faults need one or two); going on after a thread has ended
 * costs none.  A point at an address that only one thread touches, or that
 * nobody writes, changes nothing: which those are is learnt, and a case begins
 * anew when it was wrong about one.  What is explored are sequentially
 * consistent runs; weaker ones are for the model and ThreadSanitizer.
 *
 * Every address is checked to be not free.  At the end of each run the truth
 * judges as in stress.c: what is merged is in each usable record, what is in
 * one is durable; and rs_table_check. */
#include <string.h>
#include <ucontext.h>

#include "common.h"
#include "table_private.h"

enum {
    THREADS_MAX = 3,
    ARENA = 1 << 18,
    STACK = 1 << 16,
    DEPTH_MAX = 4096,
    KEYS = 8,
    FACTS = 12,
};

/* ---- the scheduler ------------------------------------------------------------------- */

static struct {
    _Alignas(128) char memory[ARENA];
    uint8_t poisoned[ARENA / 8];
    uint8_t touched[ARENA / 8], written[ARENA / 8]; /* by whom, a bit each; kept over the runs of a case */
    bool shared[ARENA / 8];                         /* where there are points, in this pass */
    size_t used;
    bool learnt;
    ucontext_t thread[THREADS_MAX], main;
    char stack[THREADS_MAX][STACK];
    unsigned thread_n, ended;
    int current; /* -1: the case is being prepared or judged */
    struct {
        uint8_t choice, n;
    } path[DEPTH_MAX];
    unsigned depth, at, preemptions, preemptions_max;
    char wrong[200];
} x;

static void fail(const char *what)
{
    if (!x.wrong[0]) snprintf(x.wrong, sizeof x.wrong, "%s", what);
}

static size_t word_of(const volatile void *address)
{
    size_t offset = (size_t)((const char *)(uintptr_t)address - x.memory);
    return offset < ARENA ? offset / 8 : SIZE_MAX;
}

/* The next of several that may go on: as the path says, or the first. */
static unsigned choose(unsigned n)
{
    if (n == 1) return 0;
    if (x.at == x.depth) {
        if (x.depth == DEPTH_MAX) {
            fail("too deep");
            return 0;
        }
        x.path[x.depth].choice = 0;
        x.path[x.depth++].n = (uint8_t)n;
    }
    return x.path[x.at++].choice;
}

/* The n-th of the threads that can go on, the current one left out. */
static int other(unsigned n)
{
    for (unsigned i = 0; i < x.thread_n; i++) {
        if ((int)i == x.current || x.ended >> i & 1) continue;
        if (!n--) return (int)i;
    }
    return -1;
}

static void go_to(int next)
{
    int last = x.current;
    x.current = next;
    swapcontext(&x.thread[last], next < 0 ? &x.main : &x.thread[next]);
}

void rs_explore_point(const volatile void *address, int kind)
{
    size_t word = word_of(address);
    if (word == SIZE_MAX) return;
    if (x.poisoned[word]) {
        fail("memory that is free was touched");
        if (getenv("RASTRO_ABORT")) abort();
    }
    if (x.current < 0) return;
    uint8_t me = (uint8_t)(1u << x.current);
    x.touched[word] |= me;
    if (kind != RS_ATOMIC_LOAD) x.written[word] |= me;
    if (x.written[word] && x.touched[word] & (x.touched[word] - 1) && !x.shared[word]) x.learnt = true;
    if (!x.shared[word]) return;
    if (x.preemptions == x.preemptions_max || x.wrong[0]) return;
    unsigned runnable = x.thread_n - (unsigned)__builtin_popcount(x.ended);
    unsigned choice = choose(runnable);
    if (!choice) return;
    x.preemptions++;
    go_to(other(choice - 1));
}

void rs_explore_poison(const volatile void *p, uint64_t n)
{
    size_t word = word_of(p);
    if (word != SIZE_MAX) memset(&x.poisoned[word], 1, n / 8);
}
void rs_explore_unpoison(const volatile void *p, uint64_t n)
{
    size_t word = word_of(p);
    if (word != SIZE_MAX) memset(&x.poisoned[word], 0, n / 8);
}

void *rs_explore_map(uint64_t n)
{
    void *p = x.memory + x.used;
    x.used += (n + 127) / 128 * 128;
    if (x.used > ARENA) {
        fprintf(stderr, "explore: the arena is too small\n");
        exit(1);
    }
    return p;
}

/* ---- what cases are made of ------------------------------------------------------------ */

/* As in stress.c, by generation. */
static struct {
    struct rs_table *table;
    struct rs_table_thread *thread[THREADS_MAX], *judge;
    uint32_t durable[4][KEYS], merged[4][KEYS];
} t;

/* Neighbours in an index of eight. */
static struct rs_table_key key_of(unsigned k)
{
    return (struct rs_table_key){(uint64_t)(k % 4) << 61 | k, (uint64_t)k << 32 | k};
}

static struct rs_table_facts facts_of(unsigned k, uint32_t bits, uint64_t *word)
{
    struct rs_table_facts facts = {.key = key_of(k), .id = k + 1, .word = word, .status = RS_TABLE_NO_STATUS};
    for (unsigned i = 0; i < FACTS; i++) {
        if (bits >> i & 1) word[facts.word_n++] = common_tag(i);
    }
    return facts;
}

static enum rs_table_merged do_delta_at(struct rs_table_thread *thread, unsigned k, unsigned fact,
                                        struct rs_table_ref base)
{
    uint64_t word[FACTS];
    struct rs_table_facts facts = facts_of(k, 1u << fact, word);
    facts.base = base;
    t.durable[thread->generation][k] |= 1u << fact; /* the COMMIT */
    struct rs_table_view view = {.source = 1, .version = fact + 1, .word = {fact, fact, fact, fact, fact, fact}};
    facts.view = &view;
    facts.view_n = fact > 5; /* some come with a view */
    enum rs_table_merged merged = rs_table_merge(thread, &facts);
    if (merged != RS_TABLE_FOREIGN) t.merged[thread->generation][k] |= 1u << fact;
    return merged;
}

static enum rs_table_merged do_delta(struct rs_table_thread *thread, unsigned k, unsigned fact)
{
    return do_delta_at(thread, k, fact, (struct rs_table_ref){0});
}
static struct rs_table_ref do_base(struct rs_table_thread *thread, unsigned k)
{
    struct rs_table_ref base;
    rs_table_pin(thread);
    rs_table_find(thread, key_of(k), &base);
    rs_table_unpin(thread);
    return base;
}

static enum rs_table_merged do_whole(struct rs_table_thread *thread, unsigned k, struct rs_table_ref base,
                                     uint32_t bits)
{
    uint64_t word[FACTS];
    struct rs_table_facts facts = facts_of(k, bits, word);
    facts.whole = true;
    facts.base = base;
    return rs_table_merge(thread, &facts);
}

/* Finds nothing usable, reads PostgreSQL, merges. */
static enum rs_table_merged do_load(struct rs_table_thread *thread, unsigned k)
{
    struct rs_table_ref base = do_base(thread, k);
    if (base.record) return RS_TABLE_LEFT;
    return do_whole(thread, k, base, t.durable[thread->generation][k]);
}

/* A parcel that this transaction inserts. */
static enum rs_table_merged do_insert(struct rs_table_thread *thread, unsigned k, unsigned fact)
{
    struct rs_table_ref base = do_base(thread, k);
    t.durable[thread->generation][k] |= 1u << fact;
    enum rs_table_merged merged = do_whole(thread, k, base, t.durable[thread->generation][k]);
    if (merged != RS_TABLE_FOREIGN) t.merged[thread->generation][k] |= 1u << fact;
    return merged;
}

static void do_find(struct rs_table_thread *thread, unsigned k)
{
    rs_table_pin(thread);
    uint32_t merged = t.merged[thread->generation][k], bits = 0;
    struct rs_table_ref ref;
    struct rs_table_view view;
    if (rs_table_find(thread, key_of(k), &ref)) {
        struct rs_table_parcel parcel;
        rs_table_read(thread, ref, &parcel);
        for (unsigned i = 0; i < FACTS; i++) bits |= (uint32_t)rs_table_has(thread, ref, common_tag(i), NULL) << i;
        bool viewed = rs_table_view(thread, ref, 1, &view);
        if (rs_table_unchanged(thread, ref)) {
            if (bits & ~t.durable[thread->generation][k]) fail("a fact that is not durable was found");
            if (merged & ~bits) fail("a fact was not found that was merged before");
            if (parcel.id != (int64_t)k + 1) fail("another parcel's id was found");
            if (viewed && (view.word[0] != view.version - 1 || view.word[5] != view.version - 1)) fail("a torn view");
        }
    }
    rs_table_unpin(thread);
}

static void do_evict(struct rs_table_thread *thread, unsigned k)
{
    rs_table_pin(thread);
    uint32_t r = rs_table_lookup(t.table, key_of(k));
    if (r) rs_table_evict(thread, r, false);
    rs_table_unpin(thread);
}

/* Moves the index and the epochs on. */
static void do_work(struct rs_table_thread *thread, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        rs_table_pin(thread);
        rs_table_index_work(thread);
        rs_table_unpin(thread);
    }
}

static void do_fail_over(struct rs_table_thread *thread)
{
    /* Of what was durable only fact 0 is left. */
    for (unsigned k = 0; k < KEYS; k++) t.durable[2][k] = t.durable[1][k] & 1;
    rs_table_adopt(thread, rs_table_forget_all(t.table));
}

static void judge(void)
{
    const char *wrong = rs_table_check(t.table);
    if (wrong) fail(wrong);
    rs_table_adopt(t.judge, rs_table_generation(t.table));
    for (unsigned k = 0; k < KEYS; k++) do_find(t.judge, k);
}

/* ---- the cases ---------------------------------------------------------------------------- */

struct step {
    void (*prepare)(void);
    void (*body[THREADS_MAX])(struct rs_table_thread *thread);
    unsigned preemptions;
    const char *name;
};

static void nothing(void) {}
static void one(void)
{
    do_insert(t.judge, 1, 0);
}
static void one_stale(void)
{
    one();
    rs_or_acq_rel_u64(&rs_table_record(t.table, rs_table_lookup(t.table, key_of(1)))[RS_W_MARK], RS_MARK_STALE);
}
static void nearly_full(void)
{
    for (unsigned k = 4; k < 7; k++) do_insert(t.judge, k, 0);
}
static void full(void)
{
    nearly_full();
    do_insert(t.judge, 1, 0);
}
static void growing(void)
{
    full();
    do_work(t.judge, 2); /* a new array, and the first group moved */
}

static void insert_1(struct rs_table_thread *thread)
{
    do_insert(thread, 1, 1);
    do_find(thread, 1);
}
static void insert_1_too(struct rs_table_thread *thread)
{
    do_insert(thread, 1, 2);
    do_find(thread, 1);
}
static void insert_5_and_work(struct rs_table_thread *thread)
{
    do_insert(thread, 3, 1);
    do_work(thread, 5);
}
static void work(struct rs_table_thread *thread)
{
    do_work(thread, 6);
}
static void delta_1(struct rs_table_thread *thread)
{
    do_delta(thread, 1, 3);
}
static void delta_1_with_view(struct rs_table_thread *thread)
{
    do_delta(thread, 1, 6);
    do_delta(thread, 1, 7);
}
static void delta_2(struct rs_table_thread *thread)
{
    do_delta(thread, 1, 4);
    do_find(thread, 1);
}
static void delta_at_base(struct rs_table_thread *thread)
{
    do_delta_at(thread, 1, 4, do_base(thread, 1));
    do_find(thread, 1);
}
static void find_1(struct rs_table_thread *thread)
{
    do_find(thread, 1);
}
static void evict_1(struct rs_table_thread *thread)
{
    do_evict(thread, 1);
}
static void evict_and_load(struct rs_table_thread *thread)
{
    do_evict(thread, 1);
    do_load(thread, 1);
}
static void evict_and_insert_others(struct rs_table_thread *thread)
{
    do_evict(thread, 1);
    for (unsigned i = 0; i < 4; i++) do_work(thread, 1);
    do_insert(thread, 2, 1);
}
static void load_1(struct rs_table_thread *thread)
{
    do_load(thread, 1);
}
static void make_delta_evict(struct rs_table_thread *thread)
{
    do_load(thread, 1);
    do_delta(thread, 1, 5);
    do_evict(thread, 1);
}
static void make_and_delta(struct rs_table_thread *thread)
{
    do_load(thread, 1);
    do_delta(thread, 1, 5);
}
static void forget_1(struct rs_table_thread *thread)
{
    rs_table_forget(thread, key_of(1));
    do_load(thread, 1);
}
static void fail_over_and_load(struct rs_table_thread *thread)
{
    do_fail_over(thread);
    do_load(thread, 1);
    do_find(thread, 1);
}
static void delta_and_load(struct rs_table_thread *thread)
{
    do_delta(thread, 1, 3);
    do_load(thread, 1);
}
static void busy_and_find(struct rs_table_thread *thread)
{
    rs_table_pin(thread);
    struct rs_table_ref ref;
    if (rs_table_find(thread, key_of(1), &ref)) rs_table_busy(thread, ref, 1);
    rs_table_unpin(thread);
    do_find(thread, 1);
    rs_table_idle(thread, key_of(1), 1);
}

static const struct step cases[] = {
    {nothing, {insert_1, insert_1_too}, 2, "insert and insert of one key"},
    {nearly_full, {insert_1, insert_5_and_work}, 2, "insert and growth"},
    {full, {work, insert_1_too}, 2, "growth and a merge of what moves"},
    {growing, {work, work}, 2, "growth by two"},
    {nearly_full, {insert_1, insert_1_too, work}, 1, "two inserts of one key and growth"},
    {one, {delta_1, delta_2}, 3, "merge and merge"},
    {one, {delta_1, delta_2, load_1}, 2, "two merges and a load"},
    {one, {delta_1_with_view, find_1}, 3, "merge and find"},
    {one, {evict_1, find_1}, 3, "evict and find"},
    {one, {evict_1, delta_2}, 3, "evict and merge"},
    {one, {evict_1, evict_1, find_1}, 2, "evict and evict"},
    {one, {evict_and_load, delta_2}, 2, "evict, load and merge"},
    {full, {work, evict_1, find_1}, 1, "growth, evict and find"},
    {growing, {work, evict_and_load, find_1}, 1, "moving, evict, load and find"},
    {growing, {work, evict_1, insert_1_too}, 1, "moving, evict and insert"},
    {one, {fail_over_and_load, delta_1}, 3, "forget all and merge"},
    {one, {fail_over_and_load, load_1, find_1}, 2, "forget all, load and find"},
    {one, {evict_and_insert_others, find_1}, 2, "reclaim and find"},
    {nothing, {load_1, delta_1}, 4, "whole and part, of no record"},
    {one_stale, {load_1, delta_1}, 4, "whole and part, of a stale record"},
    {one_stale, {load_1, delta_and_load}, 3, "load and load of a stale record"},
    {nothing, {load_1, make_delta_evict}, 2, "whole facts and a record that came and went"},
    {nothing, {load_1, delta_1, make_and_delta}, 2, "whole facts, a late mark, and what came between"},
    {one_stale, {load_1, delta_1, make_and_delta}, 2, "whole facts of a stale record, and what came between"},
    {one, {forget_1, delta_2}, 2, "forget and merge"},
    {one, {busy_and_find, delta_1}, 3, "busy hint and merge"},
    {one, {delta_at_base, delta_1}, 3, "merge by a base and merge"},
    {one, {delta_at_base, evict_and_load}, 2, "merge by a base, evict and load"},
    {one, {delta_at_base, evict_and_insert_others}, 2, "merge by a base that leads another life"},
    {growing, {work, delta_at_base}, 2, "moving and a merge by a base"},
};

/* ---- exploring ------------------------------------------------------------------------------ */

static const struct step *now;

static void run_thread(int i)
{
    now->body[i](t.thread[i]);
    x.ended |= 1u << i;
    unsigned left = x.thread_n - (unsigned)__builtin_popcount(x.ended);
    go_to(left ? other(choose(left)) : -1);
}

static void run_once(void)
{
    memset(x.memory, 0, x.used); /* of the last run */
    memset(x.poisoned, 0, x.used / 8);
    memset(&t, 0, sizeof t);
    x.used = x.ended = x.at = x.preemptions = 0;
    x.current = -1;
    t.table = rs_table_new(
        &(struct rs_table_options){RS_TABLE_MEMORY_MIN, THREADS_MAX + 1, common_by_first, NULL, common_secret});
    for (unsigned i = 0; i < x.thread_n; i++) t.thread[i] = rs_table_join(t.table);
    t.judge = rs_table_join(t.table);
    now->prepare();
    for (unsigned i = 0; i < x.thread_n; i++) {
        getcontext(&x.thread[i]);
        x.thread[i].uc_stack.ss_sp = x.stack[i];
        x.thread[i].uc_stack.ss_size = STACK;
        makecontext(&x.thread[i], (void (*)(void))(uintptr_t)run_thread, 1, (int)i);
    }
    unsigned first = choose(x.thread_n);
    x.current = (int)first;
    swapcontext(&x.main, &x.thread[first]);
    x.current = -1;
    if (!x.wrong[0] && x.ended + 1 != 1u << x.thread_n) fail("a thread has not ended");
    if (!x.wrong[0]) judge();
}

/* To the next path; false after the last. */
static bool backtrack(void)
{
    while (x.depth && x.path[x.depth - 1].choice + 1 == x.path[x.depth - 1].n) x.depth--;
    if (!x.depth) return false;
    x.path[x.depth - 1].choice++;
    return true;
}

static uint64_t explore(const struct step *step, unsigned preemptions)
{
    now = step;
    x.thread_n = step->body[2] ? 3 : 2;
    x.preemptions_max = preemptions;
    memset(x.touched, 0, sizeof x.touched);
    memset(x.written, 0, sizeof x.written);
    memset(x.shared, 0, sizeof x.shared);
    uint64_t runs;
    do {
        x.learnt = false;
        x.depth = 0;
        runs = 0;
        do {
            run_once();
            runs++;
        } while (!x.wrong[0] && backtrack() && !(x.learnt && runs > 500));
        for (size_t i = 0; i < ARENA / 8; i++) x.shared[i] = x.written[i] && x.touched[i] & (x.touched[i] - 1);
    } while (x.learnt && !x.wrong[0]);
    return runs;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    uint64_t all = 0;
    double begin = common_seconds();
    int failed = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!strstr(cases[i].name, only)) continue;
        double start = common_seconds();
        unsigned preemptions = cases[i].preemptions + (argc > 2 ? (unsigned)atoi(argv[2]) : 0);
        x.wrong[0] = 0;
        uint64_t runs = explore(&cases[i], preemptions);
        printf("explore: %-45s %9" PRIu64 " schedules, at most %u preemptions, %.1f s\n", cases[i].name, runs,
               preemptions, common_seconds() - start);
        fflush(stdout);
        all += runs;
        if (!x.wrong[0]) continue;
        fprintf(stderr, "explore: %s: %s\n", cases[i].name, x.wrong);
        failed++;
    }
    printf("explore: %" PRIu64 " schedules in %.0f s\n", all, common_seconds() - begin);
    return failed ? 1 : 0;
}
