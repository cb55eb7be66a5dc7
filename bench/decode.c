/* Decode and normalise: one-event messages of about 330 bytes through the whole
 * of rs_decode, on one core, with each JSON reader.
 *
 *   bench_decode [--pairs N] [--rows N]
 *
 * First both readers decode every message and their events are compared.  Then
 * they take turns, so that a machine that changes its speed changes both, and
 * the ratio is the median of those of the pairs.  A table for people, then one
 * line of JSON. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "rastro/clock.h"
#include "rastro/decode.h"
#include "rastro/schema.h"

#define PAIRS_MAX 1000

enum { FAST, REFERENCE, READERS };

struct bench {
    struct rs_decoder *decoder[READERS];
    struct rs_arena *arena;
    struct rs_str *list;
    unsigned messages, pairs;
};

static struct rs_str *make_messages(unsigned messages)
{
    static const char *const codes[][3] = {
        {"ACC", "accepted.scan", "Received by the logistics company"},
        {"DEP", "transit.departed", "Departed from the processing centre"},
        {"ARR", "transit.arrived", "Arrived at the sorting centre"},
        {"CUS", "customs.started", "Handed to customs for inspection"},
        {"OFD", "delivery.out", "Out for delivery"},
    };
    static const char *const cities[] = {"Shenzhen", "Guangzhou", "Curitiba", "Frankfurt am Main", "Fortaleza"};
    struct rs_str *list = rs_calloc(messages, sizeof *list);
    for (unsigned i = 0; i < messages; i++) {
        char text[600];
        unsigned c = i % 5, parcel = i * 2654435761u % 100000000u;
        int n = snprintf(
            text, sizeof text,
            "{\"rastro\":\"event/1\",\"feed\":\"china-post\",\"number\":\"LP%011uCN\",\"carrier\":\"cainiao\","
            "\"event\":{\"code\":\"%s-%03u\",\"status\":\"%s\",\"text\":\"%s, shift %u\","
            "\"time\":\"2026-10-%02uT%02u:%02u:%02u+08:00\",\"place\":{\"country\":\"CN\",\"region\":\"GD\","
            "\"city\":\"%s\",\"name\":\"%s processing centre\"},\"sequence\":%u}}",
            parcel, codes[c][0], i % 997, codes[c][1], codes[c][2], i % 3, i % 28 + 1, i % 24, i % 60, i / 7 % 60,
            cities[i % 5], cities[i % 5], i % 20);
        list[i] = (struct rs_str){rs_strdup(text), (uint32_t)n};
    }
    return list;
}

static void decode(struct bench *b, int reader, unsigned i, struct rs_message *ret)
{
    /* As the reader thread does: the bytes are copied into the batch first. */
    struct rs_record record = {.topic = RS_LIT("scans"),
                               .partition = (int32_t)(i % 12),
                               .offset = i,
                               .time_us = INT64_C(1793000000000000),
                               .value = rs_arena_str(b->arena, b->list[i])};
    rs_decode(b->decoder[reader], &record, b->arena, ret);
}

/* The one event that each message must have, or NULL. */
static const struct rs_event *only_event(const struct rs_message *message)
{
    return message->report_count == 1 && message->report[0].event_count == 1 ? message->report[0].event : NULL;
}

/* Messages of which the readers do not make the same event. */
static unsigned differences(struct bench *b)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < b->messages; i++) {
        struct rs_message fast, reference;
        decode(b, FAST, i, &fast);
        decode(b, REFERENCE, i, &reference);
        const struct rs_event *x = only_event(&fast), *y = only_event(&reference);
        wrong += !x || !y || !rs_key_eq(x->fp, y->fp) || !rs_key_eq(x->said, y->said) ||
                 x->instant_us != y->instant_us || x->status != y->status || x->marks != y->marks;
        if (i % 4096 == 0) rs_arena_reset(b->arena);
    }
    rs_arena_reset(b->arena);
    return wrong;
}

/* Events a second. */
static double run(struct bench *b, int reader)
{
    unsigned long events = 0;
    int64_t start = rs_mono_us(&rs_clock_system);
    for (unsigned i = 0; i < b->messages; i++) {
        struct rs_message message;
        decode(b, reader, i, &message);
        for (uint32_t r = 0; r < message.report_count; r++) events += message.report[r].event_count;
        if (i % 4096 == 0) rs_arena_reset(b->arena);
    }
    rs_arena_reset(b->arena);
    return (double)events / ((double)(rs_mono_us(&rs_clock_system) - start) / 1e6);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static int measure(struct bench *b)
{
    double rate[READERS][PAIRS_MAX], ratio[PAIRS_MAX];
    unsigned wrong = differences(b);
    for (unsigned pair = 0; pair < b->pairs; pair++) {
        for (int k = 0; k < READERS; k++) rate[k][pair] = run(b, k);
        ratio[pair] = rate[FAST][pair] / rate[REFERENCE][pair];
        fprintf(stderr, "pair %u of %u: %.0f events/s, jansson %.0f: %.1f\n", pair + 1, b->pairs, rate[FAST][pair],
                rate[REFERENCE][pair], ratio[pair]);
    }
    if (wrong) {
        printf("{\"bench\": \"decode\", \"judge\": %u}\n", wrong);
        return 1;
    }
    double fast = median(rate[FAST], b->pairs), reference = median(rate[REFERENCE], b->pairs);
    double times = median(ratio, b->pairs);
    printf("reader    events/s on one core\nsimdjson  %20.0f\njansson   %20.0f\nratio     %20.1f\n", fast, reference,
           times);
    printf("{\"bench\": \"decode\", \"events_per_s_core\": %.0f, \"jansson_events_per_s_core\": %.0f, "
           "\"jansson_ratio\": %.2f, \"message_bytes\": %u, \"pairs\": %u, \"judge\": 0}\n",
           fast, reference, times, b->list[0].n, b->pairs);
    return 0;
}

static unsigned number(const char *text, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end != text && !*end && n > 0 && n <= most) return (unsigned)n;
    fprintf(stderr, "bench_decode: %s is no number from 1 to %u\n", text, most);
    exit(64);
}

static void read_options(struct bench *b, int argc, char **argv)
{
    static const struct option table[] = {
        {"pairs", required_argument, NULL, 'p'}, {"rows", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (id == 'p') b->pairs = number(optarg, PAIRS_MAX);
        else if (id == 'r') b->messages = number(optarg, 10000000);
        else exit(64);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.messages = 100000, .pairs = 25};
    struct rs_schema schema;
    struct rs_diag diag;
    read_options(&b, argc, argv);
    if (rs_schema_open(&schema, NULL, &diag)) {
        fprintf(stderr, "bench_decode: %s\n", diag.text);
        return 78;
    }
    b.list = make_messages(b.messages);
    b.arena = rs_arena_new(4 << 20);
    for (int k = 0; k < READERS; k++) {
        struct rs_decoder_options how = {.backend = k == FAST ? RS_JSON_FAST : RS_JSON_REFERENCE,
                                         .future_us = RS_HOUR_US};
        b.decoder[k] = rs_decoder_new(&schema.catalog, schema.zones, &schema.profiles, &how);
    }
    int status = measure(&b);
    for (int k = 0; k < READERS; k++) rs_decoder_free(b.decoder[k]);
    for (unsigned i = 0; i < b.messages; i++) free((void *)(uintptr_t)b.list[i].p);
    free(b.list);
    rs_arena_free(b.arena);
    rs_schema_close(&schema);
    return status;
}
