#include "cell.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"
#include "rastro/clock.h"
#include "rastro/error.h"

#define FILLERS 2u
/* One parcel of so many is read back by the judge. */
#define JUDGED_EVERY 64u
#define LARGE_PAGE ((size_t)2 << 20)

void *bt_pages(size_t n)
{
    size_t extra = n >= LARGE_PAGE ? LARGE_PAGE : 0;
    char *p = mmap(NULL, n + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) rs_oom();
    if (!extra) return p;
    size_t before = (LARGE_PAGE - (uintptr_t)p % LARGE_PAGE) % LARGE_PAGE, page = (size_t)getpagesize();
    if (before) munmap(p, before);
    size_t used = (n + page - 1) / page * page;
    munmap(p + before + used, n + extra - before - used);
    madvise(p + before, n, MADV_HUGEPAGE);
    return p + before;
}

void bt_pages_free(void *p, size_t n)
{
    munmap(p, n);
}

/* In the child. */
struct table {
    const struct bt_kind *kind;
    struct bt_feed *feed;
    uint64_t parcels;
    void *own; /* what the kind made */
    pthread_barrier_t ready;
    struct bt_random random[BT_THREADS_MAX];
};

struct worker {
    struct table *table;
    unsigned index, threads;
    bool prefetch;
    struct bt_event *event;
    unsigned batches;
    void *thread; /* of the table */
    int64_t start_us, end_us;
    int64_t batch_ns; /* CPU time of its quickest batch */
    uint64_t wrong, looks;
};

struct order {
    struct bt_phase phase;
    uint64_t events; /* 0: judge, and end */
};

static void run_workers(struct table *table, struct order order, struct worker *worker, void *(*work)(void *))
{
    pthread_t id[BT_THREADS_MAX];
    unsigned threads = order.phase.threads;
    pthread_barrier_init(&table->ready, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        worker[i] = (struct worker){.table = table, .index = i, .threads = threads, .prefetch = order.phase.prefetch};
        worker[i].batches = (unsigned)((order.events / threads + BT_BATCH - 1) / BT_BATCH);
        if (pthread_create(&id[i], NULL, work, &worker[i])) rs_oom();
    }
    for (unsigned i = 0; i < threads; i++) pthread_join(id[i], NULL);
    pthread_barrier_destroy(&table->ready);
}

static void judge_batch(struct worker *worker, const struct bt_event *event, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (event[i].answer == event[i].truth) continue;
        /* Two threads that change one record leave it stale: that is not an answer. */
        if (event[i].shared && event[i].answer == BT_UNKNOWN) worker->looks++;
        else worker->wrong++;
    }
}

/* ---- filling ------------------------------------------------------------------------ */

static void fill_batch(void *self, struct bt_event *event, unsigned n)
{
    struct worker *worker = self;
    worker->table->kind->ask(worker->thread, event, n, true);
    judge_batch(worker, event, n);
    worker->table->kind->add(worker->thread, event, n, true);
}

static void *fill(void *self)
{
    struct worker *worker = self;
    const struct bt_kind *kind = worker->table->kind;
    worker->event = bt_pages(BT_BATCH * sizeof *worker->event);
    worker->thread = kind->join(worker->table->own, worker->index);
    bt_feed_fill(worker->table->feed, worker->index, worker->threads, worker->event, fill_batch, worker);
    kind->leave(worker->thread);
    bt_pages_free(worker->event, BT_BATCH * sizeof *worker->event);
    return NULL;
}

static void make_table(struct table *table, struct bt_result *result)
{
    struct worker worker[BT_THREADS_MAX];
    struct bt_setup setup = {.feed = table->feed, .parcels = table->parcels, .secret = bt_feed_secret()};
    table->own = table->kind->make(&setup);
    run_workers(table, (struct order){.phase = {.threads = FILLERS}}, worker, fill);
    for (unsigned i = 0; i < FILLERS; i++) result->wrong += worker[i].wrong;
}

/* ---- a phase -------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void *tell(void *self)
{
    struct worker *worker = self;
    struct table *table = worker->table;
    const struct bt_kind *kind = table->kind;
    size_t bytes = (size_t)worker->batches * BT_BATCH * sizeof *worker->event;
    worker->event = bt_pages(bytes);
    for (unsigned i = 0; i < worker->batches; i++)
        bt_feed_batch(table->feed, &table->random[worker->index], worker->index, worker->threads,
                      worker->event + i * BT_BATCH);
    pthread_barrier_wait(&table->ready);
    worker->thread = kind->join(table->own, worker->index);
    worker->batch_ns = INT64_MAX;
    worker->start_us = rs_mono_us(&rs_clock_system);
    for (unsigned i = 0; i < worker->batches; i++) {
        int64_t batch_ns = -cpu_ns();
        kind->ask(worker->thread, worker->event + i * BT_BATCH, BT_BATCH, worker->prefetch);
        kind->add(worker->thread, worker->event + i * BT_BATCH, BT_BATCH, worker->prefetch);
        batch_ns += cpu_ns();
        if (batch_ns < worker->batch_ns) worker->batch_ns = batch_ns;
    }
    worker->end_us = rs_mono_us(&rs_clock_system);
    kind->leave(worker->thread);
    for (unsigned i = 0; i < worker->batches; i++) judge_batch(worker, worker->event + i * BT_BATCH, BT_BATCH);
    bt_pages_free(worker->event, bytes);
    return NULL;
}

static void run_phase(struct table *table, struct order order, struct bt_result *result)
{
    struct worker worker[BT_THREADS_MAX];
    run_workers(table, order, worker, tell);
    int64_t start = worker[0].start_us, end = worker[0].end_us;
    int64_t batch_ns = INT64_MAX;
    uint64_t events = 0;
    for (unsigned i = 0; i < order.phase.threads; i++) {
        if (worker[i].start_us < start) start = worker[i].start_us;
        if (worker[i].end_us > end) end = worker[i].end_us;
        if (worker[i].batch_ns < batch_ns) batch_ns = worker[i].batch_ns;
        events += (uint64_t)worker[i].batches * BT_BATCH;
        result->wrong += worker[i].wrong;
        result->looks += worker[i].looks;
    }
    result->cpu_ns = (double)batch_ns / BT_BATCH;
    result->events_per_s = (double)events * 1e6 / (double)(end - start);
}

/* ---- the judge ------------------------------------------------------------------------ */

static bool seen_eq(const struct bt_seen *a, const struct bt_seen *b)
{
    return a->id == b->id && a->facts == b->facts && !memcmp(&a->head, &b->head, sizeof a->head);
}

/* A record that is stale says nothing, and that is right only of a parcel with
 * two tellers. */
static void judge_parcel(struct table *table, void *thread, uint64_t parcel, struct bt_result *result)
{
    struct bt_event event[BT_FACTS_MAX];
    struct bt_seen truth, seen = {0};
    unsigned n = bt_feed_truth(table->feed, parcel, event, &truth);
    if (!table->kind->read(thread, event[0].key, &seen)) {
        if (event[0].shared) result->looks++;
        else result->wrong++;
        return;
    }
    table->kind->ask(thread, event, n, false);
    bool right = seen_eq(&seen, &truth);
    for (unsigned i = 0; i < n; i++) right &= event[i].answer == event[i].truth;
    result->wrong += !right;
}

static void judge(struct table *table, struct bt_result *result)
{
    void *thread = table->kind->join(table->own, 0);
    for (uint64_t parcel = 0; parcel < table->parcels; parcel += JUDGED_EVERY)
        judge_parcel(table, thread, parcel, result);
    table->kind->leave(thread);
    const char *problem = table->kind->check ? table->kind->check(table->own) : NULL;
    if (!problem) return;
    result->wrong++;
    snprintf(result->problem, sizeof result->problem, "%s", problem);
}

/* ---- in a process of its own ------------------------------------------------------------ */

static uint64_t resident_bytes(void)
{
    unsigned long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu %lu", &size, &resident) != 2) abort();
    fclose(file);
    return resident * (uint64_t)getpagesize();
}

struct bt_cell {
    const struct bt_kind *kind;
    pid_t child;
    int orders, results; /* pipes */
};

static void answer(int results, const struct bt_result *result)
{
    if (write(results, result, sizeof *result) != sizeof *result) _exit(1);
}

static _Noreturn void serve(struct table *table, unsigned facts, int orders, int results)
{
    struct bt_result filled = {0};
    table->feed = bt_feed_new(table->parcels, facts);
    uint64_t before = resident_bytes();
    make_table(table, &filled);
    filled.bytes_per_parcel = ((double)resident_bytes() - (double)before) / (double)table->parcels;
    answer(results, &filled);
    struct order order;
    while (read(orders, &order, sizeof order) == sizeof order) {
        struct bt_result result = {0};
        if (order.events) run_phase(table, order, &result);
        else judge(table, &result);
        answer(results, &result);
        if (!order.events) break; /* the pipe would stay: children that came later have it too */
    }
    _exit(0);
}

/* A process that ends without a result is as bad as one with a wrong one. */
static void wait_for(struct bt_cell *cell, struct bt_result *ret)
{
    *ret = (struct bt_result){0};
    if (read(cell->results, ret, sizeof *ret) == sizeof *ret) return;
    *ret = (struct bt_result){.wrong = 1, .problem = "its process came to no result"};
}

static void give(struct bt_cell *cell, struct order order, struct bt_result *ret)
{
    if (write(cell->orders, &order, sizeof order) != sizeof order) fprintf(stderr, "bench_table: no process\n");
    wait_for(cell, ret);
}

struct bt_cell *bt_cell_start(const struct bt_kind *kind, uint64_t parcels, unsigned facts, uint64_t seed,
                              struct bt_result *ret)
{
    int orders[2], results[2];
    struct bt_cell *cell = rs_calloc(1, sizeof *cell);
    if (pipe2(orders, O_CLOEXEC) || pipe2(results, O_CLOEXEC)) rs_oom();
    *cell = (struct bt_cell){.kind = kind, .child = fork(), .orders = orders[1], .results = results[0]};
    if (cell->child == 0) {
        struct table table = {.kind = kind, .parcels = parcels};
        for (unsigned i = 0; i < BT_THREADS_MAX; i++) table.random[i].state = (seed * BT_THREADS_MAX + i) << 40;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(orders[1]);
        close(results[0]);
        serve(&table, facts, orders[0], results[1]);
    }
    close(orders[0]);
    close(results[1]);
    wait_for(cell, ret);
    return cell;
}

void bt_cell_tell(struct bt_cell *cell, const struct bt_phase *phase, uint64_t events, struct bt_result *ret)
{
    give(cell, (struct order){*phase, events}, ret);
}

void bt_cell_end(struct bt_cell *cell, struct bt_result *ret)
{
    give(cell, (struct order){{0}, 0}, ret);
    close(cell->orders);
    close(cell->results);
    if (cell->child > 0) waitpid(cell->child, NULL, 0);
    free(cell);
}
