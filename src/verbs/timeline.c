/* rastro timeline: one parcel's journey, for people and machines. */
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "find.h"
#include "print.h"
#include "rastro/time.h"
#include "timeline_stalls.h"

/* With --watch: how often it is asked whether something is another. */
#define WATCH_S 2
#define STATE_MAX 256

/* Columns of rastro.timeline() that are shown, in the order of the query. */
static const char events_sql[] =
    "SELECT t.parcel_id, t.source, t.instant, t.precision, t.zone_basis, t.offset_minutes, t.stage, t.detail, t.kind, "
    "t.code, t.text, t.country, t.region, t.city, t.place, array_to_string(t.marks, ' '), t.published_at, t.recorded_at, "
    "t.topic, t.kafka_partition, t.kafka_offset, t.fp, t.state, t.shown_with, t.time_words, t.zone_words, t.said, p.number "
    "FROM rastro.timeline($1, coalesce($2, 'infinity'::timestamptz)) t JOIN rastro.parcel_list p USING (parcel_id) "
    "ORDER BY t.instant, t.source, coalesce(t.sequence, 0), t.rank, t.fp";
enum {
    PARCEL,
    SOURCE,
    INSTANT,
    PRECISION,
    BASIS,
    OFFSET,
    STAGE,
    DETAIL,
    KIND,
    CODE,
    TEXT,
    COUNTRY,
    REGION,
    CITY,
    PLACE,
    MARKS,
    PUBLISHED,
    RECORDED,
    TOPIC,
    PARTITION,
    KAFKA_OFFSET,
    FP,
    STATE,
    SHOWN_WITH,
    TIME_WORDS,
    ZONE_WORDS,
    SAID,
    NUMBER,
};

struct shown {
    const struct rs_options *options;
    struct rs_pg *pg;
    struct rs_pg_params params;
    int64_t parcel; /* the one asked for */
    int64_t journey[64];
    int journey_n;
    int64_t as_of; /* RS_INSTANT_NONE: now */
    struct rs_shown_stalls stalls;
};

/* ---- asking ------------------------------------------------------------------------ */

static int find_journey(struct shown *s, struct rs_diag *diag)
{
    static const char sql[] = "SELECT j FROM rastro.journey($1) j";
    struct rs_pg_rows *rows;
    rs_pg_int8(&s->params, s->parcel);
    int err = rs_pg_run(s->pg, sql, &s->params, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows) && s->journey_n < 64; r++) {
        s->journey[s->journey_n++] = rs_pg_get_int(rows, r, 0);
    }
    return err;
}

static void put_journey(struct shown *s)
{
    rs_pg_array_open(&s->params, RS_PG_INT8);
    for (int i = 0; i < s->journey_n; i++) rs_pg_array_int8(&s->params, s->journey[i]);
    rs_pg_array_close(&s->params);
}

static int query(struct shown *s, const char *sql, bool with_time, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    put_journey(s);
    if (with_time) rs_pg_time(&s->params, s->as_of);
    return rs_pg_run(s->pg, sql, &s->params, ret, diag);
}

/* ---- the head ------------------------------------------------------------------------ */

static const char numbers_sql[] =
    "SELECT p.parcel_id, p.number, p.issuer, p.s10, p.bad_check_digit, p.recorded_at FROM rastro.parcel_list p "
    "WHERE p.parcel_id = ANY ($1) ORDER BY p.recorded_at, p.parcel_id";
static const char orders_sql[] =
    "SELECT DISTINCT ON (marketplace, order_id) marketplace, order_id, seller, cancelled, promised_from, promised_to, "
    "origin_country, destination_country, destination_city, destination_region, "
    "(SELECT string_agg(to_char(x, 'YYYY-MM-DD'), ', ' ORDER BY x) FROM (SELECT DISTINCT o.promised_to AS x "
    "FROM rastro.shipment_list o WHERE o.order_id = s.order_id AND o.marketplace = s.marketplace "
    "AND o.promised_to <> s.promised_to AND o.recorded_at <= coalesce($2, 'infinity'::timestamptz)) w) "
    "FROM rastro.shipment_list s WHERE parcel_id = ANY ($1) AND recorded_at <= coalesce($2, 'infinity'::timestamptz) "
    "ORDER BY marketplace, order_id, updated_at DESC, key DESC";
static const char status_sql[] =
    "SELECT t.stage, t.detail, t.instant, t.source FROM rastro.parcel_status($1, coalesce($2, 'infinity'::timestamptz)) t "
    "ORDER BY t.instant DESC LIMIT 1";
/* Only the last look is kept, so before it nothing is said of it. */
static const char looks_sql[] =
    "SELECT l.source, max(l.looked_at) FROM rastro.look_list l WHERE l.parcel_id = ANY ($1) "
    "AND l.looked_at <= coalesce($2, 'infinity'::timestamptz) GROUP BY 1 ORDER BY 2 DESC, 1";

static void print_numbers(const struct rs_pg_rows *rows, int64_t asked)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int r = 0; r < rs_pg_count(rows); r++) {
            bool first = rs_pg_get_int(rows, r, 0) == asked;
            if (first != (pass == 0)) continue;
            struct rs_str number = rs_pg_get_str(rows, r, 1), issuer = rs_pg_get_str(rows, r, 2);
            char when[24];
            printf("%s%-15.*s ", first ? "" : "LINKED   ", RS_FMT(number));
            if (rs_pg_get_int(rows, r, 3)) fputs("S10, check digit ok", stdout);
            else if (rs_pg_get_int(rows, r, 4)) printf("bad check digit, it would be %c", rs_s10_digit(number));
            if (issuer.n) printf("%s%.*s", rs_pg_get_int(rows, r, 4) ? "; " : "", RS_FMT(issuer));
            printf("   known since %s\n", rs_minute_text(rs_pg_get_time(rows, r, 5), when));
        }
    }
}

static void print_orders(const struct rs_pg_rows *rows)
{
    for (int r = 0; r < rs_pg_count(rows); r++) {
        struct rs_buf line = {0};
        char day[24];
        rs_buf_printf(&line, "ORDER    %.*s %.*s", RS_FMT(rs_pg_get_str(rows, r, 0)),
                      RS_FMT(rs_pg_get_str(rows, r, 1)));
        if (!rs_pg_is_null(rows, r, 2)) rs_buf_printf(&line, ", seller %.*s", RS_FMT(rs_pg_get_str(rows, r, 2)));
        if (rs_pg_get_int(rows, r, 3)) rs_buf_puts(&line, RS_LIT(", cancelled"));
        if (!rs_pg_is_null(rows, r, 6) || !rs_pg_is_null(rows, r, 7)) {
            rs_buf_printf(&line, "   %.*s -> %.*s %.*s %.*s", RS_FMT(rs_pg_get_str(rows, r, 6)),
                          RS_FMT(rs_pg_get_str(rows, r, 7)), RS_FMT(rs_pg_get_str(rows, r, 8)),
                          RS_FMT(rs_pg_get_str(rows, r, 9)));
        }
        if (!rs_pg_is_null(rows, r, 5)) {
            rs_buf_printf(&line, "   promised by %.10s", rs_minute_text(rs_pg_get_time(rows, r, 5), day));
        }
        if (!rs_pg_is_null(rows, r, 10)) rs_buf_printf(&line, " (was %.*s)", RS_FMT(rs_pg_get_str(rows, r, 10)));
        struct rs_buf clean = {0};
        rs_put_printable(&clean, (struct rs_str){line.p, (uint32_t)line.n});
        puts(rs_buf_cstr(&clean));
        rs_buf_free(&line);
        rs_buf_free(&clean);
    }
}

static int print_head(struct shown *s, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    char when[24];
    int err = query(s, numbers_sql, false, &rows, diag);
    if (err) return err;
    print_numbers(rows, s->parcel);
    if ((err = query(s, orders_sql, true, &rows, diag))) return err;
    print_orders(rows);
    if ((err = query(s, status_sql, true, &rows, diag))) return err;
    if (rs_pg_count(rows)) {
        struct rs_str detail = rs_pg_get_str(rows, 0, 1);
        printf("STATUS   %.*s%s%.*s since %s (%.*s)\n", RS_FMT(rs_pg_get_str(rows, 0, 0)), detail.n ? "." : "",
               RS_FMT(detail), rs_minute_text(rs_pg_get_time(rows, 0, 2), when), RS_FMT(rs_pg_get_str(rows, 0, 3)));
    }
    rs_shown_stalls_print_open(&s->stalls);
    if (s->as_of != RS_INSTANT_NONE) printf("AS OF    %s, by when it was recorded\n", rs_minute_text(s->as_of, when));
    if ((err = query(s, looks_sql, true, &rows, diag))) return err;
    for (int r = 0; r < rs_pg_count(rows); r++) {
        printf("%s%.*s %s", r ? ", " : "LOOKED   ", RS_FMT(rs_pg_get_str(rows, r, 0)),
               rs_minute_text(rs_pg_get_time(rows, r, 1), when));
    }
    if (rs_pg_count(rows)) putchar('\n');
    return RS_OK;
}

/* ---- events ---------------------------------------------------------------------------- */

static bool is_current(const struct rs_pg_rows *rows, int r)
{
    return rs_str_is(rs_pg_get_str(rows, r, STATE), "current");
}

static bool is_shown(const struct rs_options *options, const struct rs_pg_rows *rows, int r)
{
    return rs_opt_flag(options, RS_OPT_ALL) || (is_current(rows, r) && rs_pg_is_null(rows, r, SHOWN_WITH));
}

/* The sources of this event and of those that are shown with it. */
static void put_seen_by(const struct rs_pg_rows *rows, int r, struct rs_buf *buf)
{
    rs_buf_puts(buf, rs_pg_get_str(rows, r, SOURCE));
    struct rs_key fp = rs_pg_get_key(rows, r, FP);
    for (int k = 0; k < rs_pg_count(rows); k++) {
        if (rs_pg_is_null(rows, k, SHOWN_WITH) || !rs_key_eq(rs_pg_get_key(rows, k, SHOWN_WITH), fp)) continue;
        rs_buf_printf(buf, " %.*s", RS_FMT(rs_pg_get_str(rows, k, SOURCE)));
    }
}

static void put_local(const struct rs_pg_rows *rows, int r, struct rs_buf *buf)
{
    int offset = (int)rs_pg_get_int(rows, r, OFFSET);
    struct rs_civil t = rs_civil_at(rs_pg_get_time(rows, r, INSTANT), offset * 60);
    rs_buf_printf(buf, "%04d-%02u-%02u", t.year, t.month, t.day);
    if ((char)rs_pg_get_int(rows, r, PRECISION) == 'd') return;
    rs_buf_printf(buf, " %02u:%02u", t.hour, t.minute);
    rs_buf_printf(buf, " %c%02d", offset < 0 ? '-' : '+', abs(offset) / 60);
    if (offset % 60) rs_buf_printf(buf, ":%02d", abs(offset) % 60);
    if ((char)rs_pg_get_int(rows, r, BASIS) != 'g') rs_buf_putc(buf, '*');
}

static void put_joined(const struct rs_pg_rows *rows, int r, const int *columns, int n, struct rs_buf *buf)
{
    for (int i = 0; i < n; i++) {
        struct rs_str part = rs_pg_get_str(rows, r, columns[i]);
        if (part.n) rs_buf_printf(buf, "%s%.*s", buf->n ? " " : "", RS_FMT(part));
    }
}

static void put_words(const struct rs_pg_rows *rows, int r, struct rs_buf *buf)
{
    struct rs_str text = rs_pg_get_str(rows, r, TEXT);
    rs_buf_puts(buf, text.n ? text : rs_pg_get_str(rows, r, CODE));
    char kind = (char)rs_pg_get_int(rows, r, KIND);
    if (kind == 'p') rs_buf_puts(buf, RS_LIT(" (planned)"));
    if (kind == 'r') rs_buf_puts(buf, RS_LIT(" (status, no scan)"));
    if (!is_current(rows, r)) rs_buf_printf(buf, " (%.*s)", RS_FMT(rs_pg_get_str(rows, r, STATE)));
}

static void put_cell(struct rs_grid *grid, struct rs_buf *buf)
{
    rs_grid_put(grid, (struct rs_str){buf->p, (uint32_t)buf->n});
    rs_buf_clear(buf);
}

static void print_events(struct shown *s, const struct rs_pg_rows *rows)
{
    static const struct rs_column columns[] = {
        {"LOCAL TIME", false, 0},      {"UTC", false, 0},     {"PLACE", false, 30}, {"STAGE", false, 0},
        {"SOURCE'S WORDS", false, 60}, {"SEEN BY", false, 0}, {"NUMBER", false, 0}};
    static const int place[] = {CITY, REGION, COUNTRY}, named[] = {PLACE, COUNTRY};
    int hidden = 0, assumed = 0, shown = 0, noted = 0;
    struct rs_buf buf = {0};
    /* The number only tells something apart when there are several. */
    struct rs_grid *grid = rs_grid_new(columns, s->journey_n > 1 ? 7 : 6);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        if (!is_shown(s->options, rows, r)) {
            hidden += !is_current(rows, r);
            continue;
        }
        shown++;
        rs_shown_stalls_note(&s->stalls, rs_pg_get_time(rows, r, INSTANT), &noted, grid);
        put_local(rows, r, &buf);
        assumed += (char)rs_pg_get_int(rows, r, BASIS) != 'g';
        put_cell(grid, &buf);
        struct rs_civil utc = rs_civil_at(rs_pg_get_time(rows, r, INSTANT), 0);
        rs_grid_printf(grid, "%02u-%02u %02u:%02u", utc.month, utc.day, utc.hour, utc.minute);
        if (rs_pg_is_null(rows, r, CITY)) put_joined(rows, r, named, 2, &buf);
        else put_joined(rows, r, place, 3, &buf);
        put_cell(grid, &buf);
        struct rs_str detail = rs_pg_get_str(rows, r, DETAIL);
        rs_grid_printf(grid, "%.*s%s%.*s", RS_FMT(rs_pg_get_str(rows, r, STAGE)), detail.n ? "." : "", RS_FMT(detail));
        put_words(rows, r, &buf);
        put_cell(grid, &buf);
        put_seen_by(rows, r, &buf);
        put_cell(grid, &buf);
        if (s->journey_n > 1) rs_grid_put(grid, rs_pg_get_str(rows, r, NUMBER));
    }
    putchar('\n');
    if (!shown) puts(hidden ? "No current event; --all shows the others." : "Registered; no scan yet.");
    rs_shown_stalls_note(&s->stalls, INT64_MAX, &noted, shown ? grid : NULL);
    if (shown) rs_grid_print(grid, s->options, stdout);
    if (assumed) puts("* no zone given: by the source's rule or the place, or read as UTC");
    if (hidden && shown) printf("%d superseded or withdrawn events hidden (--all)\n", hidden);
    rs_grid_free(grid);
    rs_buf_free(&buf);
}

/* ---- machines ---------------------------------------------------------------------------- */

static json_t *json_time_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_json_of_time(rs_pg_get_time(rows, r, column));
}

static json_t *json_text_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? json_null() : rs_json_of(rs_pg_get_str(rows, r, column));
}

static json_t *json_key_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? json_null() : rs_json_of_key(rs_pg_get_key(rows, r, column).b);
}

/* Words between blanks, as a list. */
static json_t *json_words_at(const struct rs_pg_rows *rows, int r, int column)
{
    json_t *list = json_array();
    struct rs_str rest = rs_pg_get_str(rows, r, column);
    while (rest.n) {
        const char *blank = memchr(rest.p, ' ', rest.n);
        uint32_t n = blank ? (uint32_t)(blank - rest.p) : rest.n;
        json_array_append_new(list, rs_json_of((struct rs_str){rest.p, n}));
        rest = (struct rs_str){rest.p + n + (blank != NULL), rest.n - n - (blank != NULL)};
    }
    return list;
}

static const char *word_for(char letter, const char *const words[])
{
    for (int i = 0; words[i]; i++) {
        if (words[i][0] == letter) return words[i];
    }
    return "?";
}

static json_t *json_event(const struct rs_pg_rows *rows, int r)
{
    static const char *const kinds[] = {"scan", "planned", "reported", NULL};
    static const char *const precisions[] = {"day", "minute", "second", "fraction", NULL};
    static const char *const bases[] = {"given", "place", "rule", "assumed", NULL};
    json_t *e = json_object();
    json_object_set_new(e, "number", json_text_at(rows, r, NUMBER));
    json_object_set_new(e, "instant", json_time_at(rows, r, INSTANT));
    json_object_set_new(e, "precision", json_string(word_for((char)rs_pg_get_int(rows, r, PRECISION), precisions)));
    json_object_set_new(e, "zone_basis", json_string(word_for((char)rs_pg_get_int(rows, r, BASIS), bases)));
    json_object_set_new(e, "offset_minutes", json_integer(rs_pg_get_int(rows, r, OFFSET)));
    json_object_set_new(e, "stage", json_text_at(rows, r, STAGE));
    json_object_set_new(e, "detail", json_text_at(rows, r, DETAIL));
    json_object_set_new(e, "kind", json_string(word_for((char)rs_pg_get_int(rows, r, KIND), kinds)));
    json_object_set_new(e, "state", json_text_at(rows, r, STATE));
    json_object_set_new(e, "source", json_text_at(rows, r, SOURCE));
    json_object_set_new(e, "code", json_text_at(rows, r, CODE));
    json_object_set_new(e, "text", json_text_at(rows, r, TEXT));
    json_object_set_new(e, "place",
                        json_pack("{s:o, s:o, s:o, s:o}", "country", json_text_at(rows, r, COUNTRY), "region",
                                  json_text_at(rows, r, REGION), "city", json_text_at(rows, r, CITY), "name",
                                  json_text_at(rows, r, PLACE)));
    json_object_set_new(
        e, "words",
        json_pack("{s:o, s:o}", "time", json_text_at(rows, r, TIME_WORDS), "zone", json_text_at(rows, r, ZONE_WORDS)));
    json_object_set_new(e, "marks", json_words_at(rows, r, MARKS));
    json_object_set_new(e, "published", json_time_at(rows, r, PUBLISHED));
    json_object_set_new(e, "recorded", json_time_at(rows, r, RECORDED));
    json_object_set_new(e, "kafka",
                        json_pack("{s:o, s:I, s:I}", "topic", json_text_at(rows, r, TOPIC), "partition",
                                  (json_int_t)rs_pg_get_int(rows, r, PARTITION), "offset",
                                  (json_int_t)rs_pg_get_int(rows, r, KAFKA_OFFSET)));
    json_object_set_new(e, "fp", json_key_at(rows, r, FP));
    json_object_set_new(e, "said", json_key_at(rows, r, SAID));
    json_object_set_new(e, "shown_with", json_key_at(rows, r, SHOWN_WITH));
    return e;
}

static int collect_json(struct shown *s, json_t *root, struct rs_diag *diag)
{
    struct rs_pg_rows *rows;
    json_t *numbers = json_array(), *orders = json_array(), *looked = json_array(), *events = json_array();
    json_object_set_new(root, "numbers", numbers);
    json_object_set_new(root, "orders", orders);
    json_object_set_new(root, "status", json_null());
    json_object_set_new(root, "looked", looked);
    json_object_set_new(root, "episodes", rs_shown_stalls_json(&s->stalls));
    json_object_set_new(root, "events", events);
    int err = query(s, numbers_sql, false, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        const char *s10 = rs_pg_get_int(rows, r, 3) ? "ok" : rs_pg_get_int(rows, r, 4) ? "bad_check_digit" : NULL;
        json_array_append_new(
            numbers, json_pack("{s:o, s:o, s:o, s:o, s:b}", "number", json_text_at(rows, r, 1), "issuer",
                               json_text_at(rows, r, 2), "s10", s10 ? json_string(s10) : json_null(), "recorded",
                               json_time_at(rows, r, 5), "asked", rs_pg_get_int(rows, r, 0) == s->parcel));
    }
    if (!err) err = query(s, orders_sql, true, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        json_array_append_new(orders,
                              json_pack("{s:o, s:o, s:o, s:b, s:{s:o, s:o}}", "marketplace", json_text_at(rows, r, 0),
                                        "order", json_text_at(rows, r, 1), "seller", json_text_at(rows, r, 2),
                                        "cancelled", (int)rs_pg_get_int(rows, r, 3), "promised", "from",
                                        json_time_at(rows, r, 4), "to", json_time_at(rows, r, 5)));
    }
    if (!err) err = query(s, status_sql, true, &rows, diag);
    if (!err && rs_pg_count(rows)) {
        json_object_set_new(root, "status",
                            json_pack("{s:o, s:o, s:o, s:o}", "stage", json_text_at(rows, 0, 0), "detail",
                                      json_text_at(rows, 0, 1), "instant", json_time_at(rows, 0, 2), "source",
                                      json_text_at(rows, 0, 3)));
    }
    if (!err) err = query(s, looks_sql, true, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        json_array_append_new(
            looked, json_pack("{s:o, s:o}", "source", json_text_at(rows, r, 0), "at", json_time_at(rows, r, 1)));
    }
    if (!err) err = query(s, events_sql, true, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        if (rs_opt_flag(s->options, RS_OPT_ALL) || is_current(rows, r))
            json_array_append_new(events, json_event(rows, r));
    }
    return err;
}

static int show(struct shown *s, struct rs_diag *diag)
{
    if (!rs_opt_is(s->options, RS_OPT_FORMAT, "table")) {
        json_t *root = json_object();
        int err = collect_json(s, root, diag);
        if (err) json_decref(root);
        else rs_print_json(root, s->options, stdout);
        return err;
    }
    struct rs_pg_rows *rows;
    int err = print_head(s, diag);
    if (!err) err = query(s, events_sql, true, &rows, diag);
    if (!err) print_events(s, rows);
    return err;
}

static int show_now(struct shown *s, struct rs_diag *diag)
{
    struct rs_arena *arena = rs_arena_new(16 << 10);
    int err = find_journey(s, diag);
    if (!err) {
        err = rs_shown_stalls_load(s->pg, s->journey, s->journey_n, s->as_of, rs_opt_flag(s->options, RS_OPT_ALL),
                                   arena, &s->stalls, diag);
    }
    if (!err) err = show(s, diag);
    rs_arena_free(arena);
    return err;
}

/* Something that is another when anything of the journey is. */
static int read_state(struct shown *s, char ret[STATE_MAX], struct rs_diag *diag)
{
    static const char sql[] =
        "WITH j AS (SELECT array_agg(id) AS ids FROM rastro.journey($1) j (id)) "
        "SELECT concat_ws(' ', (SELECT max(t.recorded_at) FROM rastro.event_states(ids) t), "
        "(SELECT max(c.recorded_at) FROM rastro.change_log c WHERE c.parcel_id = ANY (ids)), "
        "(SELECT max(o.recorded_at) FROM rastro.shipment_list o WHERE o.parcel_id = ANY (ids)), "
        "(SELECT max(f.recorded_at) FROM rastro.fact_list f WHERE f.parcel_id = ANY (ids)), "
        "(SELECT max(l.recorded_at) FROM rastro.link_list l WHERE l.parcel_id = ANY (ids)), "
        "(SELECT sum(e.revision) FROM rastro.episode_list e WHERE e.parcel_id = ANY (ids))) FROM j";
    struct rs_pg_rows *rows;
    rs_pg_int8(&s->params, s->parcel);
    int err = rs_pg_run(s->pg, sql, &s->params, &rows, diag);
    if (!err) snprintf(ret, STATE_MAX, "%.*s", RS_FMT(rs_pg_get_str(rows, 0, 0)));
    return err;
}

/* Until somebody ends it, or PostgreSQL does. */
static int watch(struct shown *s, struct rs_diag *diag)
{
    char shown[STATE_MAX] = "", now[STATE_MAX] = "";
    bool table = rs_opt_is(s->options, RS_OPT_FORMAT, "table");
    for (bool first = true;; first = false) {
        int err = read_state(s, now, diag);
        if (!err && (first || strcmp(shown, now))) {
            if (table && isatty(STDOUT_FILENO)) fputs("\033[H\033[2J", stdout);
            else if (table && !first) putchar('\n');
            err = show_now(s, diag);
            memcpy(shown, now, sizeof shown);
            fflush(stdout);
        }
        if (err) return err;
        sleep(WATCH_S);
    }
}

int rs_verb_timeline(const struct rs_options *options, struct rs_diag *diag)
{
    if (rs_options_argc(options) != 1) return rs_fail(diag, RS_E_USAGE, "name one tracking number or order");
    if (rs_opt_is(options, RS_OPT_FORMAT, "csv"))
        return rs_fail(diag, RS_E_USAGE, "--format csv: a timeline is no table; use json");
    struct shown s = {.options = options, .as_of = RS_INSTANT_NONE};
    if (rs_opt_given(options, RS_OPT_AS_OF)) s.as_of = rs_opt_number(options, RS_OPT_AS_OF);
    struct rs_schema schema;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    err = rs_open_database(options, &s.pg, diag);
    if (!err) err = rs_find_parcel(options, s.pg, &schema.catalog, rs_options_arg(options, 0), &s.parcel, diag);
    if (!err && rs_opt_flag(options, RS_OPT_WATCH)) err = watch(&s, diag);
    else if (!err) err = show_now(&s, diag);
    rs_pg_params_free(&s.params);
    rs_pg_close(s.pg);
    rs_schema_close(&schema);
    return err;
}
