/* Histories: messages of eleven checkpoints, ten of which the message before told
 * already, through the whole of rs_decode on one core, with a memo and without.
 *
 *   bench_history_decode [--pairs N] [--rows N] [--memo-mb N]
 *
 * A third each of the shapes of aftership, 17track and cainiao; parcels take
 * turns, so that what a message repeats lies far back.  First the events of both
 * decoders are compared.  Then they take turns, and medians count.  The first
 * message of each parcel is not timed: its checkpoints are new.
 *
 * repeat_ns is what one more known checkpoint costs: messages of eleven known
 * ones against messages of one known one.  A table for people, then one line of
 * JSON. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rastro/decode.h"
#include "rastro/schema.h"

#define PAIRS_MAX 1000
#define TOLD 11   /* checkpoints of a message */
#define ROUNDS 10 /* messages of a parcel that are timed, behind its first */
#define EVENTS (TOLD + ROUNDS)

enum { WITHOUT, WITH, DECODERS };

struct bench {
    const struct rs_schema *schema;
    struct rs_arena *arena;
    struct rs_decoder *decoder[DECODERS];
    unsigned parcels, pairs;
    size_t memo_bytes;
    struct rs_str *list; /* by round, then by parcel */
    struct rs_str *one;  /* messages of one checkpoint, known from the last round */
};

/* ---- messages ------------------------------------------------------------------------ */

static const struct {
    const char *head, *event, *tail;
} shapes[] = {
    {"{\"event\":\"tracking_update\",\"msg\":{\"id\":\"53aa7b5c415a670000%06u\",\"tracking_number\":\"LX%09uNL\","
     "\"slug\":\"postnl\",\"updated_at\":\"2026-11-20T09:%02u:00+00:00\",\"destination_country_iso3\":\"BRA\","
     "\"tag\":\"InTransit\",\"subtag\":\"InTransit_003\",\"checkpoints\":[",
     "{\"slug\":\"postnl\",\"city\":\"%s\",\"state\":null,\"location\":\"%s sorting centre\",\"country_name\":\"Brazil\","
     "\"country_iso3\":\"BRA\",\"zip\":null,\"message\":\"Item processed at the facility, step %u of %u\","
     "\"checkpoint_time\":\"2026-11-%02uT%02u:%02u:00\",\"tag\":\"InTransit\",\"subtag\":\"InTransit_003\","
     "\"raw_tag\":\"%u\"}",
     "]}}"},
    {"{\"event\":\"TRACKING_UPDATED\",\"data\":{\"tag\":\"%06u\",\"number\":\"RB%09uSG\",\"carrier\":21051,"
     "\"track_info\":{\"latest_status\":{\"status\":\"InTransit\",\"sub_status\":\"InTransit_Other\"},"
     "\"tracking\":{\"providers\":[{\"latest_sync_time\":\"2026-11-20T09:%02u:00Z\",\"events\":[",
     "{\"address\":{\"country\":\"BR\",\"state\":null,\"city\":\"%s\"},\"location\":\"%s\",\"description\":"
     "\"Objeto em transito, etapa %u de %u, encaminhado\",\"stage\":\"InTransit\",\"sub_status\":\"InTransit_Other\","
     "\"time_iso\":\"2026-11-%02uT%02u:%02u:00-03:00\",\"time_raw\":{\"date\":\"x\",\"time\":\"%u\","
     "\"timezone\":\"-03:00\"}}",
     "]}]}}}}"},
    {"{\"ref\":\"%06u\",\"mailNo\":\"CNBR%09u\",\"originCountry\":\"Mainland China\",\"destCountry\":\"Brazil\","
     "\"status\":\"DELIVERING\",\"page\":%u,\"detailList\":[",
     "{\"group\":{\"nodeCode\":\"TRANSIT\",\"nodeDesc\":\"%s\",\"currentIconUrl\":\"https://img.example/%s.png\"},"
     "\"standerdDesc\":\"Your package left the sorting centre, %u/%u\",\"descTitle\":\"Carrier note:\","
     "\"timeStr\":\"2026-11-%02u %02u:%02u:00\",\"timeZone\":\"GMT+8\",\"actionCode\":\"GTMS_DO_DEPART\",\"n\":%u}",
     "]}"},
};

static void put_event(struct rs_buf *buf, unsigned parcel, unsigned n)
{
    static const char *const cities[] = {"Curitiba", "Fortaleza", "Rio de Janeiro", "Belo Horizonte", "Recife"};
    const char *city = cities[(parcel + n) % 5];
    unsigned hour = parcel / 28 % 24, minute = (parcel / 672 + n) % 60;
    rs_buf_printf(buf, shapes[parcel % 3].event, city, city, n, parcel, (parcel + n) % 18 + 1, hour, minute, parcel);
}

/* Checkpoints [from, from + n), newest first. */
static struct rs_str make_message(unsigned parcel, unsigned from, unsigned n)
{
    struct rs_buf buf = {0};
    rs_buf_printf(&buf, shapes[parcel % 3].head, parcel, parcel, from);
    for (unsigned i = 0; i < n; i++) {
        if (i) rs_buf_putc(&buf, ',');
        put_event(&buf, parcel, from + n - 1 - i);
    }
    rs_buf_puts(&buf, rs_str_of(shapes[parcel % 3].tail));
    return (struct rs_str){buf.p, (uint32_t)buf.n};
}

static void make_messages(struct bench *b)
{
    b->list = rs_calloc((size_t)b->parcels * (ROUNDS + 1), sizeof *b->list);
    b->one = rs_calloc(b->parcels, sizeof *b->one);
    for (unsigned p = 0; p < b->parcels; p++) {
        for (unsigned r = 0; r <= ROUNDS; r++) b->list[(size_t)r * b->parcels + p] = make_message(p, r, TOLD);
        b->one[p] = make_message(p, EVENTS - 1, 1);
    }
}

/* ---- measuring ------------------------------------------------------------------------ */

static void fresh_decoder(struct bench *b, int which)
{
    struct rs_decoder_options how = {.future_us = RS_HOUR_US, .memo_bytes = which == WITH ? b->memo_bytes : 0};
    rs_decoder_free(b->decoder[which]);
    b->decoder[which] = rs_decoder_new(&b->schema->catalog, b->schema->zones, &b->schema->profiles, &how);
}

static void decode(struct bench *b, int which, struct rs_str message, struct rs_message *ret)
{
    /* As the reader thread does: the bytes are copied into the batch first. */
    struct rs_record record = {
        .topic = RS_LIT("scans"), .time_us = INT64_C(1796000000000000), .value = rs_arena_str(b->arena, message)};
    rs_decode(b->decoder[which], &record, b->arena, ret);
}

/* CPU time of this thread: other programs may run beside it. */
static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds a message. */
static double run(struct bench *b, int which, const struct rs_str *list, size_t n)
{
    double start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        struct rs_message message;
        decode(b, which, list[i], &message);
        if (i % 512 == 0) rs_arena_reset(b->arena);
    }
    rs_arena_reset(b->arena);
    return (cpu_ns() - start) / (double)n;
}

static unsigned differ(const struct rs_message *a, const struct rs_message *b)
{
    if (a->report_count != 1 || b->report_count != 1) return 1;
    const struct rs_report *x = a->report, *y = b->report;
    if (x->event_count < TOLD || x->event_count != y->event_count || x->reject_count) return 1;
    for (uint32_t i = 0; i < x->event_count; i++) {
        const struct rs_event *e = &x->event[i], *f = &y->event[i];
        if (!rs_key_eq(e->fp, f->fp) || !rs_key_eq(e->said, f->said) || e->instant_us != f->instant_us) return 1;
        if (e->status != f->status || e->marks != f->marks || e->line != f->line) return 1;
        if (!rs_str_eq(e->text, f->text) || !rs_str_eq(e->time, f->time) || !rs_str_eq(e->raw, f->raw)) return 1;
    }
    return 0;
}

/* Messages of which the decoders do not make the same events. */
static unsigned differences(struct bench *b)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < (size_t)b->parcels * (ROUNDS + 1); i++) {
        struct rs_message without, with;
        decode(b, WITHOUT, b->list[i], &without);
        decode(b, WITH, b->list[i], &with);
        wrong += differ(&without, &with);
        if (i % 512 == 0) rs_arena_reset(b->arena);
    }
    rs_arena_reset(b->arena);
    return wrong;
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
    double per_s[DECODERS][PAIRS_MAX], ratio[PAIRS_MAX], repeat_ns[PAIRS_MAX];
    size_t n = (size_t)b->parcels * ROUNDS;
    fresh_decoder(b, WITHOUT);
    fresh_decoder(b, WITH);
    unsigned wrong = differences(b);
    for (unsigned pair = 0; pair < b->pairs; pair++) {
        fresh_decoder(b, WITH);
        run(b, WITH, b->list, b->parcels);
        for (int k = 0; k < DECODERS; k++) per_s[k][pair] = TOLD * 1e9 / run(b, k, b->list + b->parcels, n);
        ratio[pair] = per_s[WITH][pair] / per_s[WITHOUT][pair];
        const struct rs_str *last = b->list + n;
        double eleven = run(b, WITH, last, b->parcels);
        repeat_ns[pair] = (eleven - run(b, WITH, b->one, b->parcels)) / (TOLD - 1);
        fprintf(stderr, "pair %u of %u: %.0f checkpoints/s, without %.0f: %.1f; a repeat %.0f ns\n", pair + 1, b->pairs,
                per_s[WITH][pair], per_s[WITHOUT][pair], ratio[pair], repeat_ns[pair]);
    }
    if (wrong) {
        printf("{\"bench\": \"history_decode\", \"judge\": %u}\n", wrong);
        return 1;
    }
    double with = median(per_s[WITH], b->pairs), without = median(per_s[WITHOUT], b->pairs);
    double times = median(ratio, b->pairs), repeat = median(repeat_ns, b->pairs);
    uint64_t asked, known;
    rs_decoder_memo(b->decoder[WITH], &asked, &known);
    printf("memo      checkpoints/s on one core\nwith      %25.0f\nwithout   %25.0f\nratio     %25.1f\n"
           "ns of a repeat %20.0f\n",
           with, without, times, repeat);
    printf("{\"bench\": \"history_decode\", \"checkpoints_per_s_core\": %.0f, \"without_memo_per_s_core\": %.0f, "
           "\"memo_ratio\": %.2f, \"repeat_ns\": %.0f, \"known_share\": %.3f, \"checkpoints\": %d, "
           "\"message_bytes\": %u, \"pairs\": %u, \"judge\": 0}\n",
           with, without, times, repeat, (double)known / (double)asked, TOLD,
           (b->list[0].n + b->list[1].n + b->list[2].n) / 3, b->pairs);
    return 0;
}

static unsigned number(const char *text, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end != text && !*end && n > 0 && n <= most) return (unsigned)n;
    fprintf(stderr, "bench_history_decode: %s is no number from 1 to %u\n", text, most);
    exit(64);
}

static void read_options(struct bench *b, int argc, char **argv)
{
    static const struct option table[] = {{"pairs", required_argument, NULL, 'p'},
                                          {"rows", required_argument, NULL, 'r'},
                                          {"memo-mb", required_argument, NULL, 'm'},
                                          {NULL, 0, NULL, 0}};
    for (int id; (id = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (id == 'p') b->pairs = number(optarg, PAIRS_MAX);
        else if (id == 'r') b->parcels = number(optarg, 1000000) / ROUNDS + 3;
        else if (id == 'm') b->memo_bytes = (size_t)number(optarg, 4096) << 20;
        else exit(64);
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.parcels = 3000, .pairs = 5, .memo_bytes = (size_t)64 << 20};
    struct rs_schema schema;
    struct rs_diag diag;
    read_options(&b, argc, argv);
    if (rs_schema_open(&schema, NULL, &diag)) {
        fprintf(stderr, "bench_history_decode: %s\n", diag.text);
        return 78;
    }
    b.schema = &schema;
    b.arena = rs_arena_new(4 << 20);
    make_messages(&b);
    int status = measure(&b);
    for (int k = 0; k < DECODERS; k++) rs_decoder_free(b.decoder[k]);
    for (size_t i = 0; i < (size_t)b.parcels * (ROUNDS + 1); i++) free((void *)(uintptr_t)b.list[i].p);
    for (unsigned i = 0; i < b.parcels; i++) free((void *)(uintptr_t)b.one[i].p);
    free(b.list);
    free(b.one);
    rs_arena_free(b.arena);
    rs_schema_close(&schema);
    return status;
}
