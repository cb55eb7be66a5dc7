/* bench_stalls [--rows N] [--pairs N]
 *
 * The parcel table's slots for deadlines: N parcels (10 M) whose deadlines lie over
 * twenty days are looked through for those that are due, while another thread goes
 * on storing later ones; a bare array of as many words is looked through the same
 * way.  And what it costs a found parcel to have its deadline stored.  Prints one
 * line of JSON; `judge` counts parcels that were due and not found, or found and
 * not due.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rastro/atomic.h"
#include "rastro/error.h"
#include "rastro/table.h"

#define FIRST 29000000u /* minutes since 1970 */
#define SPAN (20u * 1440)
#define DUE_SHARE 1000 /* one of so many is due */
#define PAIRS_MAX 100
#define LOOKS 1000000u

struct bench {
    uint32_t parcels;
    unsigned pairs;
    struct rs_table *table;
    uint32_t *array; /* the bare one, by number of the parcel */
    uint8_t *found;  /* by number */
    uint64_t found_n;
    rs_atomic_bool stop;
    rs_atomic_u64 stores;
    bool bare; /* what is stored into meanwhile */
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static struct rs_table_key key_of(uint32_t parcel)
{
    return (struct rs_table_key){mix(parcel), mix(parcel ^ UINT64_C(0x5555555555555555))};
}

/* The first of SPAN minutes is what will be due. */
static uint32_t deadline_of(uint32_t parcel)
{
    uint64_t chance = mix(parcel * UINT64_C(7919) + 1);
    if (chance % DUE_SHARE == 0) return FIRST;
    return FIRST + 1 + (uint32_t)(chance >> 32) % SPAN;
}

static int head_cmp(const struct rs_table_head *a, const struct rs_table_head *b, void *self)
{
    (void)self;
    return (a->word[0] > b->word[0]) - (a->word[0] < b->word[0]);
}

/* ---- filling ---------------------------------------------------------------------- */

static void add(struct rs_table_thread *thread, uint32_t parcel)
{
    uint64_t word = mix(parcel ^ UINT64_C(0xaaaa)) & ~UINT64_C(0xf);
    struct rs_table_facts facts = {.key = key_of(parcel),
                                   .id = (int64_t)parcel + 1,
                                   .word = &word,
                                   .word_n = 1,
                                   .marks = RS_TABLE_HAS_HEAD,
                                   .status = 1,
                                   .whole = true};
    rs_table_pin(thread);
    rs_table_find(thread, facts.key, &facts.base);
    enum rs_table_merged merged = rs_table_merge(thread, &facts);
    struct rs_table_ref ref;
    if (merged == RS_TABLE_MADE && rs_table_find(thread, facts.key, &ref)) {
        rs_table_deadline_set(thread, ref, deadline_of(parcel));
    } else {
        fprintf(stderr, "bench_stalls: parcel %u was not added (%d)\n", parcel, (int)merged);
        exit(1);
    }
    rs_table_unpin(thread);
}

static void fill(struct bench *b)
{
    struct rs_table_options options = {
        .memory_max = (uint64_t)b->parcels * 400 + (256u << 20), .threads_max = 4, .head_cmp = head_cmp};
    b->table = rs_table_new(&options);
    struct rs_table_thread *thread = rs_table_join(b->table);
    rs_table_adopt(thread, rs_table_generation(b->table));
    b->array = rs_calloc(b->parcels, sizeof *b->array);
    b->found = rs_calloc(b->parcels, 1);
    for (uint32_t i = 0; i < b->parcels; i++) {
        add(thread, i);
        b->array[i] = deadline_of(i);
        if (i % 4096 == 0) rs_table_prepare(thread);
    }
    rs_table_leave(thread);
}

/* ---- live stores ------------------------------------------------------------------- */

/* Of parcels that are not due, whatever their slots say: later ones. */
static void *store(void *self)
{
    struct bench *b = self;
    struct rs_table_thread *thread = rs_table_join(b->table);
    rs_table_adopt(thread, rs_table_generation(b->table));
    for (uint64_t n = 1; !rs_load_relaxed_bool(&b->stop); n++) {
        uint32_t parcel = (uint32_t)(mix(n) % b->parcels);
        uint32_t later = FIRST + 1 + (uint32_t)(n % SPAN);
        struct rs_table_ref ref;
        if (deadline_of(parcel) == FIRST) continue;
        if (b->bare) {
            __atomic_store_n(&b->array[parcel], later, __ATOMIC_RELAXED);
        } else {
            rs_table_pin(thread);
            if (rs_table_find(thread, key_of(parcel), &ref)) rs_table_deadline_set(thread, ref, later);
            rs_table_unpin(thread);
        }
        rs_add_relaxed_u64(&b->stores, 1);
    }
    rs_table_leave(thread);
    return NULL;
}

/* ---- looking through ------------------------------------------------------------------ */

static void take(void *self, struct rs_table_ref ref, int64_t id)
{
    struct bench *b = self;
    (void)ref;
    b->found[id - 1]++;
    b->found_n++;
}

static void scan_bare(struct bench *b)
{
    for (uint32_t i = 0; i < b->parcels; i++) {
        if (__atomic_load_n(&b->array[i], __ATOMIC_RELAXED) > FIRST) continue;
        take(b, (struct rs_table_ref){0}, (int64_t)i + 1);
    }
}

static uint64_t judge(struct bench *b)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < b->parcels; i++) wrong += b->found[i] != (deadline_of(i) == FIRST);
    memset(b->found, 0, b->parcels);
    return wrong;
}

/* ns a parcel */
static double scan(struct bench *b, struct rs_table_thread *thread, bool bare, uint64_t *wrong)
{
    pthread_t rival;
    b->bare = bare;
    rs_store_relaxed_bool(&b->stop, false);
    if (pthread_create(&rival, NULL, store, b)) rs_oom();
    double from = now_ns();
    if (bare) scan_bare(b);
    else rs_table_deadlines(thread, FIRST, take, b);
    double took = now_ns() - from;
    rs_store_relaxed_bool(&b->stop, true);
    pthread_join(rival, NULL);
    *wrong += judge(b);
    return took / b->parcels;
}

/* ns a found parcel, with its deadline stored or not. */
static double touch(struct bench *b, struct rs_table_thread *thread, bool storing)
{
    double from = now_ns();
    rs_table_pin(thread);
    for (uint32_t i = 0; i < LOOKS; i++) {
        uint32_t parcel = (uint32_t)(mix(i) % b->parcels);
        struct rs_table_ref ref;
        bool there = rs_table_find(thread, key_of(parcel), &ref);
        if (there && storing && deadline_of(parcel) != FIRST) rs_table_deadline_set(thread, ref, FIRST + 1 + i % SPAN);
    }
    rs_table_unpin(thread);
    return (now_ns() - from) / LOOKS;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, unsigned n)
{
    qsort(list, n, sizeof *list, by_value);
    return n % 2 ? list[n / 2] : (list[n / 2 - 1] + list[n / 2]) / 2;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {
        {"pairs", required_argument, NULL, 'p'}, {"rows", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    struct bench b = {.parcels = 10000000, .pairs = 10};
    for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (id == 'p') b.pairs = (unsigned)strtoul(optarg, NULL, 10);
        else if (id == 'r') b.parcels = (uint32_t)strtoul(optarg, NULL, 10);
        else return 64;
    }
    if (!b.pairs || b.pairs > PAIRS_MAX || b.parcels < 1000) return 64;
    double ours[PAIRS_MAX], bare[PAIRS_MAX], plain[PAIRS_MAX], storing[PAIRS_MAX];
    uint64_t wrong = 0;
    fill(&b);
    struct rs_table_thread *thread = rs_table_join(b.table);
    rs_table_adopt(thread, rs_table_generation(b.table));
    for (unsigned i = 0; i < b.pairs; i++) {
        ours[i] = scan(&b, thread, false, &wrong);
        bare[i] = scan(&b, thread, true, &wrong);
        plain[i] = touch(&b, thread, false);
        storing[i] = touch(&b, thread, true);
    }
    rs_table_leave(thread);
    double slot = median(ours, b.pairs), word = median(bare, b.pairs);
    double added = median(storing, b.pairs) - median(plain, b.pairs);
    printf("{\"slot_ns\": %.2f, \"array_ns\": %.2f, \"slot_ratio\": %.2f, \"scan_ms\": %.1f, \"due\": %lu, "
           "\"store_ns\": %.1f, \"stores\": %lu, \"judge\": %lu}\n",
           slot, word, slot / word, slot * b.parcels / 1e6, (unsigned long)(b.found_n / (2 * b.pairs)), added,
           (unsigned long)rs_load_relaxed_u64(&b.stores), (unsigned long)wrong);
    rs_table_free(b.table);
    free(b.array);
    free(b.found);
    return wrong != 0;
}
