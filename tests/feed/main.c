#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "schedule.h"

/* 20310 as 20,310. */
static const char *grouped(uint64_t v, char room[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, v);
    char *out = room;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return room;
}

static void print_table(const struct totals *t)
{
    char a[32], b[32], c[32], d[32], e[32];
    printf("messages    %12s   %s with events, %s registrations, %s unusable, %s passed over\n",
           grouped(t->messages, a), grouped(t->tracking, b), grouped(t->registrations, c), grouped(t->unusable, d),
           grouped(t->ignored, e));
    printf("scans       %12s = %s new + %s repeats + %s quarantined\n", grouped(t->scans, a), grouped(t->fresh, b),
           grouped(t->repeats, c), grouped(t->quarantined, d));
    printf("events      %12s   %s current, %s superseded, %s no longer reported\n", grouped(t->fresh, a),
           grouped(t->current, b), grouped(t->superseded, c), grouped(t->withdrawn, d));
    printf("parcels     %12s   %s orders, %s hand-overs, %s scans told by two\n", grouped(t->parcels, a),
           grouped(t->orders, b), grouped(t->links, c), grouped(t->twins, d));
    printf("bytes       %12s   %s a message; %s messages came again\n", grouped(t->bytes, a),
           grouped(t->messages ? t->bytes / t->messages : 0, b), grouped(t->copies, c));
}

static void print_json(const struct totals *t)
{
#define N(name) "\"" #name "\": %" PRIu64
    printf("{" N(messages) ", " N(copies) ", " N(registrations) ", " N(tracking) ", " N(unusable) ", " N(
               ignored) ", " N(scans) ", \"new\": %" PRIu64
                                      ", " N(repeats) ", " N(quarantined) ", " N(current) ", " N(
                                          superseded) ", "
                                                      "\"no_longer_reported\": %" PRIu64
                                                      ", " N(reported) ", " N(twins) ", " N(parcels) ", " N(
                                                          links) ", " N(orders) ", " N(shipments) ", " N(bytes) "}\n",
           t->messages, t->copies, t->registrations, t->tracking, t->unusable, t->ignored, t->scans, t->fresh,
           t->repeats, t->quarantined, t->current, t->superseded, t->withdrawn, t->reported, t->twins, t->parcels,
           t->links, t->orders, t->shipments, t->bytes);
#undef N
}

int main(int argc, char **argv)
{
    struct options options;
    options_read(&options, argc, argv);
    if (options.from) return file_replay(&options) ? 0 : 1;
    if (!options.parcels) options.parcels = shipments_for(&options, options.messages);
    struct truth *truth = truth_open(options.truth, &options);
    struct sink *sink = sink_open(&options);
    if (!sink) return 69;
    bool fine = schedule_run(&options, sink, truth);
    fine &= sink_close(sink);
    struct totals totals = *truth_totals(truth);
    fine &= truth_close(truth);
    if (!fine) return 1;
    if (options.json) print_json(&totals);
    else print_table(&totals);
    return 0;
}
