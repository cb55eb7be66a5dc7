/* table.c - the parcel table, beside three others with the same events.
 *
 *   bench_table [--pairs N] [--rows N]
 *
 * Each table lies in a process of its own, and they take turns: one works, the
 * others wait.  The ratio to the best of the others is that of a round; the
 * median of the rounds is reported.  README.md says what the mix is, and what
 * each table does.  A table for people, then one line of JSON. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "table/cell.h"

#define PAIRS_MAX 100
#define SMALL_SHARE 10u
#define FACTS 8u
/* Of one event, where its parcel has 8: RS_TABLE_TAG has 60 bits. */
#define FALSE_DROP (FACTS * 0x1p-60)

enum { OURS, KINDS = 4 };
enum { BIG, SMALL, SIZES };

/* What the claim is about is the first. */
#define PHASES 6
static const struct bt_phase phases[PHASES] = {{2, true}, {2, false}, {1, true}, {1, false}, {4, true}, {4, false}};
/* Of the parcels of a size, how many events a phase has: of few parcels more, so
 * that a phase takes long enough; of many less, so that they keep about 8 facts. */
static const unsigned events_share[SIZES] = {8, 2};

static const struct bt_kind *const kinds[KINDS] = {&bt_rastro, &bt_lfht, &bt_ck, &bt_mutex};

struct bench {
    uint64_t parcels[SIZES];
    unsigned pairs;
    double rate[SIZES][PHASES][KINDS][PAIRS_MAX];
    double cpu_ns[SIZES][PHASES][KINDS][PAIRS_MAX];
    double ratio[SIZES][PHASES][PAIRS_MAX];
    double bytes[KINDS];
    uint64_t wrong, looks;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, unsigned n)
{
    double sorted[PAIRS_MAX];
    memcpy(sorted, values, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static double least(const double *values, unsigned n)
{
    double found = values[0];
    for (unsigned i = 1; i < n; i++)
        if (values[i] < found) found = values[i];
    return found;
}

static void judge(struct bench *b, unsigned kind, const struct bt_result *result)
{
    b->wrong += result->wrong;
    b->looks += result->looks;
    if (result->wrong) fprintf(stderr, "%s: %lu wrong\n", kinds[kind]->name, (unsigned long)result->wrong);
    if (result->problem[0]) fprintf(stderr, "%s: %s\n", kinds[kind]->name, result->problem);
}

static struct bt_cell *start(struct bench *b, unsigned kind, int size, unsigned facts, uint64_t seed,
                             struct bt_result *ret)
{
    struct bt_cell *cell = bt_cell_start(kinds[kind], b->parcels[size], facts, seed, ret);
    judge(b, kind, ret);
    return cell;
}

static void end(struct bench *b, unsigned kind, struct bt_cell *cell)
{
    struct bt_result result;
    bt_cell_end(cell, &result);
    judge(b, kind, &result);
}

static void measure_memory(struct bench *b)
{
    for (unsigned k = 0; k < KINDS; k++) {
        struct bt_result result;
        struct bt_cell *cell = start(b, k, BIG, FACTS, 1, &result);
        end(b, k, cell);
        b->bytes[k] = result.bytes_per_parcel;
        fprintf(stderr, "memory, %s: %.0f bytes a parcel\n", kinds[k]->name, b->bytes[k]);
    }
}

/* Memory that lay idle while another table was filled is slow when it is touched
 * again, on a virtual machine by three times: a lap of all before the round,
 * which is not counted. */
static void warm_up(struct bench *b, int size, struct bt_cell *const *cell)
{
    for (unsigned k = 0; k < KINDS; k++) {
        struct bt_result result;
        bt_cell_tell(cell[k], &phases[0], b->parcels[size] / events_share[size], &result);
        judge(b, k, &result);
    }
}

static void measure_round(struct bench *b, int size, unsigned round, struct bt_cell *const *cell)
{
    warm_up(b, size, cell);
    for (unsigned p = 0; p < PHASES; p++) {
        double best = 1;
        fprintf(stderr, "round %u of %u, %lu parcels, %u threads%s:", round + 1, b->pairs,
                (unsigned long)b->parcels[size], phases[p].threads, phases[p].prefetch ? ", prefetch" : "");
        for (unsigned i = 0; i < KINDS; i++) {
            unsigned k = (i + round) % KINDS; /* another one is the first each time */
            struct bt_result result;
            bt_cell_tell(cell[k], &phases[p], b->parcels[size] / events_share[size], &result);
            judge(b, k, &result);
            b->rate[size][p][k][round] = result.events_per_s;
            b->cpu_ns[size][p][k][round] = result.cpu_ns;
            if (k != OURS && result.events_per_s > best) best = result.events_per_s;
        }
        for (unsigned k = 0; k < KINDS; k++) fprintf(stderr, " %s %.0f", kinds[k]->name, b->rate[size][p][k][round]);
        fprintf(stderr, " events/s\n");
        b->ratio[size][p][round] = b->rate[size][p][OURS][round] / best;
    }
}

static void measure_rounds(struct bench *b, int size, unsigned first, unsigned n)
{
    struct bt_cell *cell[KINDS];
    struct bt_result result;
    for (unsigned k = 0; k < KINDS; k++) {
        cell[k] = start(b, k, size, 0, first + 1, &result);
        fprintf(stderr, "%s: filled\n", kinds[k]->name);
    }
    for (unsigned round = first; round < first + n; round++) measure_round(b, size, round, cell);
    for (unsigned k = 0; k < KINDS; k++) end(b, k, cell[k]);
}

static void print_table(const struct bench *b)
{
    printf("%9s %8s %9s", "parcels", "threads", "prefetch");
    for (unsigned k = 0; k < KINDS; k++) printf(" %11s", kinds[k]->name);
    printf("   of the best\n");
    for (int size = BIG; size < SIZES; size++) {
        for (unsigned p = 0; p < PHASES; p++) {
            printf("%9lu %8u %9s", (unsigned long)b->parcels[size], phases[p].threads,
                   phases[p].prefetch ? "yes" : "no");
            for (unsigned k = 0; k < KINDS; k++) printf(" %11.0f", median(b->rate[size][p][k], b->pairs));
            printf("   %.2f\n", median(b->ratio[size][p], b->pairs));
        }
    }
    for (unsigned p = 0; p < PHASES; p++) {
        if (!phases[p].prefetch) continue;
        printf("least ns an event, %u threads", phases[p].threads);
        for (unsigned k = 0; k < KINDS; k++) printf(" %11.0f", least(b->cpu_ns[BIG][p][k], b->pairs));
        printf("\n");
    }
    printf("%28s", "bytes a parcel");
    for (unsigned k = 0; k < KINDS; k++) printf(" %11.0f", b->bytes[k]);
    printf("\n");
}

static void print_json(struct bench *b)
{
    printf("{\"bench\": \"table\"");
    for (unsigned p = 0; p < PHASES; p++) {
        if (!phases[p].prefetch) continue;
        unsigned threads = phases[p].threads;
        double *ratio = b->ratio[BIG][p];
        printf(", \"best_ratio_%u\": %.3f", threads, median(ratio, b->pairs));
        printf(", \"events_per_s_%u\": %.0f", threads, median(b->rate[BIG][p][OURS], b->pairs));
        printf(", \"least_ns_%u\": %.0f", threads, least(b->cpu_ns[BIG][p][OURS], b->pairs));
        qsort(ratio, b->pairs, sizeof *ratio, by_value);
        printf(", \"best_ratio_%u_min\": %.3f, \"best_ratio_%u_max\": %.3f", threads, ratio[0], threads,
               ratio[b->pairs - 1]);
    }
    printf(", \"bytes_per_parcel\": %.1f", b->bytes[OURS]);
    for (unsigned k = OURS + 1; k < KINDS; k++) printf(", \"%s_bytes_per_parcel\": %.1f", kinds[k]->name, b->bytes[k]);
    printf(", \"false_drop_per_event\": %.1e, \"looks\": %lu, \"rows\": %lu, \"pairs\": %u, \"judge\": 0}\n",
           FALSE_DROP, (unsigned long)b->looks, (unsigned long)b->parcels[BIG], b->pairs);
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end != text && !*end && n >= least && n <= most) return (unsigned)n;
    fprintf(stderr, "bench_table: %s is no number from %u to %u\n", text, least, most);
    exit(64);
}

static void read_options(struct bench *b, int argc, char **argv)
{
    static const struct option table[] = {
        {"pairs", required_argument, NULL, 'p'}, {"rows", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (id == 'p') b->pairs = number(optarg, 1, PAIRS_MAX);
        else if (id == 'r') b->parcels[BIG] = number(optarg, 10000, 100000000);
        else exit(64);
    }
    b->parcels[SMALL] = b->parcels[BIG] / SMALL_SHARE;
}

int main(int argc, char **argv)
{
    static struct bench b = {.parcels = {10000000}, .pairs = 5};
    read_options(&b, argc, argv);
    signal(SIGPIPE, SIG_IGN); /* a child that died is seen by what it does not say */
    measure_memory(&b);
    measure_rounds(&b, BIG, 0, b.pairs);
    for (unsigned round = 0; round < b.pairs; round++) measure_rounds(&b, SMALL, round, 1);
    if (b.wrong) {
        printf("{\"bench\": \"table\", \"judge\": %lu}\n", (unsigned long)b.wrong);
        return 1;
    }
    print_table(&b);
    print_json(&b);
    return 0;
}
