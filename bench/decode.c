/* Decode and normalise: one-event messages of about 330 bytes through the whole
 * of rs_decode, on one core, with each JSON reader.
 *
 * Prints one line of JSON.  The readers take turns, round by round, so that a
 * machine that changes its speed changes both. */
#include <stdio.h>
#include <stdlib.h>

#include "rastro/clock.h"
#include "rastro/decode.h"
#include "rastro/schema.h"

#define MESSAGES 100000
#define ROUNDS 7

static struct rs_str *make_messages(void)
{
    static const char *const codes[][3] = {
        {"ACC", "accepted.scan", "Received by the logistics company"},
        {"DEP", "transit.departed", "Departed from the processing centre"},
        {"ARR", "transit.arrived", "Arrived at the sorting centre"},
        {"CUS", "customs.started", "Handed to customs for inspection"},
        {"OFD", "delivery.out", "Out for delivery"},
    };
    static const char *const cities[] = {"Shenzhen", "Guangzhou", "Curitiba", "Frankfurt am Main", "Fortaleza"};
    struct rs_str *list = rs_calloc(MESSAGES, sizeof *list);
    for (unsigned i = 0; i < MESSAGES; i++) {
        char text[600];
        unsigned c = i % 5, parcel = i * 2654435761u % 100000000u;
        int n = snprintf(text, sizeof text,
                         "{\"rastro\":\"event/1\",\"feed\":\"china-post\",\"number\":\"LP%011uCN\",\"carrier\":\"cainiao\","
                         "\"event\":{\"code\":\"%s-%03u\",\"status\":\"%s\",\"text\":\"%s, shift %u\","
                         "\"time\":\"2026-10-%02uT%02u:%02u:%02u+08:00\",\"place\":{\"country\":\"CN\",\"region\":\"GD\","
                         "\"city\":\"%s\",\"name\":\"%s processing centre\"},\"sequence\":%u}}",
                         parcel, codes[c][0], i % 997, codes[c][1], codes[c][2], i % 3, i % 28 + 1, i % 24, i % 60,
                         i / 7 % 60, cities[i % 5], cities[i % 5], i % 20);
        list[i] = (struct rs_str){rs_strdup(text), (uint32_t)n};
    }
    return list;
}

/* Events a second in one round. */
static double run(struct rs_decoder *decoder, struct rs_arena *arena, const struct rs_str *list, unsigned long *ret_events)
{
    unsigned long events = 0;
    int64_t start = rs_mono_us(&rs_clock_system);
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct rs_message message;
        /* As the reader thread does: the bytes are copied into the batch first. */
        struct rs_record record = {.topic = RS_LIT("scans"), .partition = (int32_t)(i % 12), .offset = i,
                                   .time_us = INT64_C(1793000000000000), .value = rs_arena_str(arena, list[i])};
        rs_decode(decoder, &record, arena, &message);
        for (uint32_t r = 0; r < message.report_count; r++) events += message.report[r].event_count;
        if (i % 4096 == 0) rs_arena_reset(arena);
    }
    rs_arena_reset(arena);
    *ret_events = events;
    return (double)events / ((double)(rs_mono_us(&rs_clock_system) - start) / 1e6);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct rs_schema schema;
    struct rs_diag diag;
    if (rs_schema_open(&schema, argc > 1 ? argv[1] : NULL, &diag)) {
        fprintf(stderr, "decode: %s\n", diag.text);
        return 78;
    }
    struct rs_str *list = make_messages();
    struct rs_arena *arena = rs_arena_new(4 << 20);
    struct rs_decoder *decoder[2];
    for (int k = 0; k < 2; k++) {
        struct rs_decoder_options how = {.backend = k ? RS_JSON_REFERENCE : RS_JSON_FAST, .future_us = RS_HOUR_US};
        decoder[k] = rs_decoder_new(&schema.catalog, schema.zones, &schema.profiles, &how);
    }
    double rate[2][ROUNDS];
    unsigned long events = 0;
    int wrong = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < 2; k++) {
            rate[k][round] = run(decoder[k], arena, list, &events);
            wrong += events != MESSAGES;
        }
        fprintf(stderr, "round %d: %.0f events/s, jansson %.0f\n", round, rate[0][round], rate[1][round]);
    }
    qsort(rate[0], ROUNDS, sizeof rate[0][0], by_value);
    qsort(rate[1], ROUNDS, sizeof rate[1][0], by_value);
    printf("{\"bench\": \"decode\", \"events_per_s_core\": %.0f, \"jansson_ratio\": %.2f, \"message_bytes\": %u, \"judge\": %d}\n",
           rate[0][ROUNDS / 2], rate[0][ROUNDS / 2] / rate[1][ROUNDS / 2], list[7].n, wrong);
    for (int k = 0; k < 2; k++) rs_decoder_free(decoder[k]);
    for (unsigned i = 0; i < MESSAGES; i++) free((void *)(uintptr_t)list[i].p);
    free(list);
    rs_arena_free(arena);
    rs_schema_close(&schema);
    return wrong ? 1 : 0;
}
