/* rastro stalled: which parcels stand still, since when and by which rule. */
#include "common.h"
#include "print.h"
#include "rastro/time.h"
#include "stalled_query.h"

/* A date of this year needs no year. */
#define NEAR_DAYS 180

struct shown {
    const struct rs_options *options;
    struct rs_stalled_query query;
    struct rs_grid *grid; /* or, for JSON, */
    json_t *list;
    bool lines; /* ndjson: printed as they come */
    int64_t printed;
    bool more;
    int64_t feed_us; /* RS_INSTANT_NONE: not known */
    bool fed;        /* there is a feed */
};

static int64_t then_of(const struct shown *s)
{
    return s->query.as_of_us == RS_INSTANT_NONE ? s->query.now_us : s->query.as_of_us;
}

static struct rs_str text_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? RS_STR_NONE : rs_pg_get_str(rows, r, column);
}

static int64_t time_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? RS_INSTANT_NONE : rs_pg_get_time(rows, r, column);
}

static int read_feed(struct shown *s, struct rs_diag *diag)
{
    static const char sql[] = "SELECT count(*), CASE WHEN count(*) = count(complete_to) THEN min(complete_to) END "
                              "FROM rastro.feed_list";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(s->query.pg, sql, NULL, &rows, diag);
    if (err) return err;
    s->fed = rs_pg_get_int(rows, 0, 0) > 0;
    s->feed_us = time_at(rows, 0, 1);
    return RS_OK;
}

/* Feeds that are silent, which is why their parcels are not in the list. */
static int print_held(const struct shown *s, struct rs_diag *diag)
{
    static const char sql[] = "SELECT source, silent_since, parcels FROM rastro.held_list ORDER BY source";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(s->query.pg, sql, NULL, &rows, diag);
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        char since[24];
        fprintf(stderr, "%.*s is silent since %s, %lld of its parcels are held\n", RS_FMT(text_at(rows, r, 0)),
                rs_minute_text(time_at(rows, r, 1), since), (long long)rs_pg_get_int(rows, r, 2));
    }
    return err;
}

/* ---- for people ------------------------------------------------------------------- */

static const struct rs_column people[] = {{"NUMBER", false, 0},   {"CARRIER", false, 0}, {"KIND", false, 0},
                                          {"SILENT", true, 0},    {"LOOKED", true, 0},   {"LAST SCAN", false, 50},
                                          {"PROMISED", false, 0}, {"RULE", false, 0}};
enum { PEOPLE = sizeof people / sizeof *people };

static const char *day_text(int64_t us, int64_t now_us, char ret[24])
{
    rs_minute_text(us, ret);
    if (us == RS_INSTANT_NONE) return ret;
    ret[10] = '\0';
    bool near = us > now_us - NEAR_DAYS * RS_DAY_US && us < now_us + NEAR_DAYS * RS_DAY_US;
    return near ? ret + 5 : ret;
}

static void put_age(struct rs_grid *grid, int64_t us, int64_t now_us)
{
    int64_t minutes = us == RS_INSTANT_NONE ? 0 : (now_us - us) / RS_MINUTE_US;
    if (us == RS_INSTANT_NONE) rs_grid_none(grid);
    else if (minutes < 120) rs_grid_printf(grid, "%lld min", (long long)(minutes < 0 ? 0 : minutes));
    else if (minutes < INT64_C(2) * 24 * 60) rs_grid_printf(grid, "%lld h", (long long)minutes / 60);
    else rs_grid_printf(grid, "%lld d", (long long)minutes / (24 * 60));
}

/* Place and words; of a parcel that was never scanned, since when it is known. */
static void put_last(const struct shown *s, const struct rs_pg_rows *rows, int r)
{
    struct rs_buf line = {0};
    char day[24];
    if (!rs_pg_is_null(rows, r, RS_STALLED_LAST_AT)) {
        struct rs_str city = text_at(rows, r, RS_STALLED_LAST_CITY), words = text_at(rows, r, RS_STALLED_LAST_WORDS);
        struct rs_str place = city.n ? city : text_at(rows, r, RS_STALLED_LAST_PLACE);
        struct rs_str country = text_at(rows, r, RS_STALLED_LAST_COUNTRY);
        rs_buf_printf(&line, "%.*s%s%.*s", RS_FMT(place), place.n && country.n ? " " : "", RS_FMT(country));
        if (words.n) rs_buf_printf(&line, "%s\"%.*s\"", line.n ? ", " : "", RS_FMT(words));
    } else if (rs_pg_is_null(rows, r, RS_STALLED_LAST_FP) && rs_pg_is_null(rows, r, RS_STALLED_STAGE)) {
        int64_t registered = time_at(rows, r, RS_STALLED_SILENT);
        rs_buf_printf(&line, "none; registered %s", day_text(registered, then_of(s), day));
    }
    if (line.n) rs_grid_put(s->grid, (struct rs_str){line.p, (uint32_t)line.n});
    else rs_grid_none(s->grid);
    rs_buf_free(&line);
}

static void put_text(struct rs_grid *grid, struct rs_str text)
{
    if (text.n) rs_grid_put(grid, text);
    else rs_grid_none(grid);
}

static void put_person(const struct shown *s, const struct rs_pg_rows *rows, int r)
{
    int64_t now_us = then_of(s);
    char day[24];
    rs_grid_put(s->grid, text_at(rows, r, RS_STALLED_NUMBER));
    put_text(s->grid, text_at(rows, r, RS_STALLED_CARRIER));
    rs_grid_put(s->grid, text_at(rows, r, RS_STALLED_KIND));
    put_age(s->grid, time_at(rows, r, RS_STALLED_SILENT), now_us);
    put_age(s->grid, time_at(rows, r, RS_STALLED_LOOKED), now_us);
    put_last(s, rows, r);
    put_text(s->grid, rs_pg_is_null(rows, r, RS_STALLED_PROMISED)
                          ? RS_STR_NONE
                          : rs_str_of(day_text(time_at(rows, r, RS_STALLED_PROMISED), now_us, day)));
    rs_grid_put(s->grid, text_at(rows, r, RS_STALLED_RULE));
}

static void print_top(const struct shown *s, int64_t total)
{
    char at[RS_TIME_TEXT_MAX], to[RS_TIME_TEXT_MAX];
    if (total > RS_STALLED_COUNT_MAX) fprintf(stderr, "more than %d", RS_STALLED_COUNT_MAX);
    else fprintf(stderr, "%lld", (long long)total);
    fprintf(stderr, " stalled at %s. ", rs_minute_text(then_of(s), at));
    if (!s->fed) fputs("No feed was read yet\n", stderr);
    else if (s->feed_us == RS_INSTANT_NONE) fputs("How far feeds are complete is not known: rastro status\n", stderr);
    else fprintf(stderr, "Feeds complete to %s\n", rs_time_text(s->feed_us / RS_SECOND_US * RS_SECOND_US, to));
}

static void print_end(const struct shown *s, int64_t total, bool later)
{
    char text[RS_STALLED_CURSOR_TEXT_MAX];
    bool table = rs_opt_is(s->options, RS_OPT_FORMAT, "table");
    if (s->more) {
        rs_stalled_cursor_text(s->query.sort, &s->query.cursor, text);
        if (table && !later && total <= RS_STALLED_COUNT_MAX)
            fprintf(stderr, "%lld more", (long long)(total - s->printed));
        else fputs("more", stderr);
        fprintf(stderr, ": --limit N, or --cursor %s\n", text);
    }
    if (!table || !s->printed) return;
    fputs("Overview: --count --by kind,carrier,seller   Why: rastro why NUMBER   Machines: --format json|csv\n",
          stderr);
}

/* ---- for machines, schema/stalled.schema.json --------------------------------------------- */

static const struct rs_column machines[] = {
    {"number", false, 0},       {"carrier", false, 0},      {"seller", false, 0},      {"kind", false, 0},
    {"since", false, 0},        {"silent_since", false, 0}, {"opened", false, 0},      {"looked", false, 0},
    {"promised", false, 0},     {"last_at", false, 0},      {"last_status", false, 0}, {"last_source", false, 0},
    {"last_country", false, 0}, {"last_region", false, 0},  {"last_city", false, 0},   {"last_place", false, 0},
    {"last_text", false, 0},    {"stage", false, 0},        {"leg", false, 0},         {"origin", false, 0},
    {"destination", false, 0},  {"rule", false, 0},         {"rules_version", true, 0}};
enum { MACHINES = sizeof machines / sizeof *machines };

static void put_status(const struct rs_pg_rows *rows, int r, struct rs_buf *out)
{
    struct rs_str detail = text_at(rows, r, RS_STALLED_LAST_DETAIL);
    rs_buf_printf(out, "%.*s%s%.*s", RS_FMT(text_at(rows, r, RS_STALLED_LAST_STAGE)), detail.n ? "." : "",
                  RS_FMT(detail));
}

static void put_time(struct rs_grid *grid, int64_t us)
{
    char text[RS_TIME_TEXT_MAX];
    if (us == RS_INSTANT_NONE) rs_grid_none(grid);
    else rs_grid_put(grid, rs_str_of(rs_time_text(us, text)));
}

static void put_machine(const struct shown *s, const struct rs_pg_rows *rows, int r)
{
    static const int times[] = {RS_STALLED_SINCE,  RS_STALLED_SILENT,   RS_STALLED_OPENED,
                                RS_STALLED_LOOKED, RS_STALLED_PROMISED, RS_STALLED_LAST_AT};
    static const int heads[] = {RS_STALLED_NUMBER, RS_STALLED_CARRIER, RS_STALLED_SELLER, RS_STALLED_KIND};
    static const int tails[] = {RS_STALLED_LAST_SOURCE, RS_STALLED_LAST_COUNTRY, RS_STALLED_LAST_REGION,
                                RS_STALLED_LAST_CITY,   RS_STALLED_LAST_PLACE,   RS_STALLED_LAST_WORDS,
                                RS_STALLED_STAGE,       RS_STALLED_LEG,          RS_STALLED_ORIGIN,
                                RS_STALLED_DESTINATION, RS_STALLED_RULE};
    struct rs_buf status = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) put_text(s->grid, text_at(rows, r, heads[i]));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) put_time(s->grid, time_at(rows, r, times[i]));
    put_status(rows, r, &status);
    put_text(s->grid, (struct rs_str){status.p, (uint32_t)status.n});
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) put_text(s->grid, text_at(rows, r, tails[i]));
    rs_grid_number(s->grid, rs_pg_get_int(rows, r, RS_STALLED_VERSION));
    rs_buf_free(&status);
}

static json_t *json_text(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_json_of(text_at(rows, r, column));
}

static json_t *json_time(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_json_of_time(time_at(rows, r, column));
}

static json_t *json_last(const struct rs_pg_rows *rows, int r)
{
    if (rs_pg_is_null(rows, r, RS_STALLED_LAST_AT)) return json_null();
    struct rs_buf status = {0};
    put_status(rows, r, &status);
    json_t *last = json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}, s:o}", "instant", json_time(rows, r, RS_STALLED_LAST_AT),
        "status", rs_json_of((struct rs_str){status.p, (uint32_t)status.n}), "source",
        json_text(rows, r, RS_STALLED_LAST_SOURCE), "text", json_text(rows, r, RS_STALLED_LAST_WORDS), "place",
        "country", json_text(rows, r, RS_STALLED_LAST_COUNTRY), "region", json_text(rows, r, RS_STALLED_LAST_REGION),
        "city", json_text(rows, r, RS_STALLED_LAST_CITY), "name", json_text(rows, r, RS_STALLED_LAST_PLACE), "fp",
        rs_json_of_key(rs_pg_get_key(rows, r, RS_STALLED_LAST_FP).b));
    rs_buf_free(&status);
    return last;
}

static json_t *json_row(const struct rs_pg_rows *rows, int r)
{
    static const struct {
        const char *key;
        int column;
    } texts[] = {{"number", RS_STALLED_NUMBER}, {"carrier", RS_STALLED_CARRIER},
                 {"seller", RS_STALLED_SELLER}, {"kind", RS_STALLED_KIND},
                 {"stage", RS_STALLED_STAGE},   {"leg", RS_STALLED_LEG},
                 {"origin", RS_STALLED_ORIGIN}, {"destination", RS_STALLED_DESTINATION}},
      times[] = {{"started", RS_STALLED_STARTED},     {"since", RS_STALLED_SINCE},   {"opened", RS_STALLED_OPENED},
                 {"silent_since", RS_STALLED_SILENT}, {"looked", RS_STALLED_LOOKED}, {"promised", RS_STALLED_PROMISED}};
    json_t *object = json_pack("{s:I, s:{s:o, s:I}, s:o}", "episode",
                               (json_int_t)rs_pg_get_int(rows, r, RS_STALLED_EPISODE), "rule", "name",
                               json_text(rows, r, RS_STALLED_RULE), "version",
                               (json_int_t)rs_pg_get_int(rows, r, RS_STALLED_VERSION), "last", json_last(rows, r));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_object_set_new(object, texts[i].key, json_text(rows, r, texts[i].column));
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        json_object_set_new(object, times[i].key, json_time(rows, r, times[i].column));
    }
    return object;
}

static void print_json(struct shown *s)
{
    char text[RS_STALLED_CURSOR_TEXT_MAX];
    json_t *next = s->more ? json_string(rs_stalled_cursor_text(s->query.sort, &s->query.cursor, text)) : json_null();
    rs_print_json(json_pack("{s:o, s:o, s:O, s:o}", "at", rs_json_of_time(then_of(s)), "complete_to",
                            rs_json_of_time(s->feed_us), "episodes", s->list, "next", next),
                  s->options, stdout);
}

/* ---- the list ------------------------------------------------------------------------------ */

static void put_row(struct shown *s, const struct rs_pg_rows *rows, int r)
{
    if (s->lines) rs_print_json(json_row(rows, r), s->options, stdout);
    else if (s->list) json_array_append_new(s->list, json_row(rows, r));
    else if (rs_opt_is(s->options, RS_OPT_FORMAT, "csv")) put_machine(s, rows, r);
    else put_person(s, rows, r);
    s->printed++;
}

/* One row more is asked for than is shown, to know whether there is one. */
static int read_rows(struct shown *s, struct rs_diag *diag)
{
    int64_t limit = rs_opt_number(s->options, RS_OPT_LIMIT);
    int err = RS_OK;
    do {
        int64_t want = limit - s->printed < RS_STALLED_CHUNK ? limit - s->printed : RS_STALLED_CHUNK;
        struct rs_pg_rows *rows;
        err = rs_stalled_rows(&s->query, want + 1, &rows, diag);
        if (err) break;
        int n = rs_pg_count(rows);
        s->more = n > want;
        if (s->more) n = (int)want;
        for (int r = 0; r < n; r++) put_row(s, rows, r);
        if (n) rs_stalled_go_behind(&s->query, rows, n - 1);
    } while (s->more && s->printed < limit);
    return err;
}

static int list(struct shown *s, struct rs_diag *diag)
{
    bool csv = rs_opt_is(s->options, RS_OPT_FORMAT, "csv"), table = rs_opt_is(s->options, RS_OPT_FORMAT, "table");
    bool later = s->query.cursor.given;
    int64_t total = 0;
    s->lines = rs_opt_is(s->options, RS_OPT_FORMAT, "ndjson");
    if (csv) s->grid = rs_grid_new(machines, MACHINES);
    else if (table) s->grid = rs_grid_new(people, PEOPLE);
    else s->list = json_array();
    int err = read_rows(s, diag);
    if (!err && table) {
        total = s->printed;
        if (s->more || later) err = rs_stalled_total(&s->query, &total, diag);
        if (!err) print_top(s, total);
        if (!err) err = print_held(s, diag);
    }
    if (!err && s->grid && (csv || s->printed)) rs_grid_print(s->grid, s->options, stdout);
    else if (!err && !s->grid && !s->lines) print_json(s);
    if (!err && (s->grid || s->lines)) {
        fflush(stdout);
        print_end(s, total, later);
    }
    rs_grid_free(s->grid);
    json_decref(s->list);
    return err;
}

/* ---- counts -------------------------------------------------------------------------------- */

static int count(struct shown *s, struct rs_diag *diag)
{
    static const char *const titles[] = {"KIND", "CARRIER", "SELLER", "STAGE", "ORIGIN", "DESTINATION"};
    struct rs_column columns[7] = {{NULL, false, 0}};
    struct rs_pg_rows *rows;
    int n = s->query.by_count;
    for (int i = 0; i < n; i++) {
        for (size_t t = 0; t < sizeof titles / sizeof *titles; t++) {
            if (!strcasecmp(titles[t], s->query.by[i])) columns[i].title = titles[t];
        }
    }
    columns[n] = (struct rs_column){"COUNT", true, 0};
    int64_t limit = rs_opt_number(s->options, RS_OPT_LIMIT);
    int err = rs_stalled_counts(&s->query, limit + 1, &rows, diag);
    if (err) return err;
    int shown = rs_pg_count(rows) > limit ? (int)limit : rs_pg_count(rows);
    struct rs_grid *grid = rs_grid_new(columns, (unsigned)n + 1);
    for (int r = 0; r < shown; r++) {
        for (int c = 0; c < n; c++) put_text(grid, text_at(rows, r, c));
        rs_grid_number(grid, rs_pg_get_int(rows, r, n));
    }
    rs_grid_print(grid, s->options, stdout);
    rs_grid_free(grid);
    if (rs_pg_count(rows) > limit) {
        fflush(stdout);
        fputs("There are smaller ones: --limit N\n", stderr);
    }
    return RS_OK;
}

int rs_verb_stalled(const struct rs_options *options, struct rs_diag *diag)
{
    struct shown s = {.options = options};
    if (rs_options_argc(options)) {
        rs_fail(diag, RS_E_USAGE, "\"%s\" is no option", rs_options_arg(options, 0));
        return rs_fail_next(diag, "rastro why NUMBER, for one parcel");
    }
    int err = rs_stalled_query_read(options, &s.query, diag);
    if (!err) err = rs_open_database(options, &s.query.pg, diag);
    if (!err) err = rs_stalled_begin(&s.query, diag);
    if (!err) err = read_feed(&s, diag);
    if (!err) err = rs_opt_flag(options, RS_OPT_COUNT) ? count(&s, diag) : list(&s, diag);
    if (!err) err = rs_stalled_end(&s.query, diag);
    rs_pg_close(s.query.pg);
    rs_stalled_query_free(&s.query);
    return err;
}
