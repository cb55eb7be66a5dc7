#include "common.h"
#include "print.h"
#include "rastro/time.h"

/* Owners tell how far they are every two seconds, of what held two before. */
#define BEHIND_US (10 * RS_SECOND_US)

static void print_age(struct rs_grid *grid, int64_t us, int64_t now)
{
    int64_t s = us == RS_INSTANT_NONE ? 0 : (now - us) / RS_SECOND_US;
    if (us == RS_INSTANT_NONE) rs_grid_put(grid, RS_LIT("-"));
    else if (s < 120) rs_grid_printf(grid, "%lld s", (long long)(s < 0 ? 0 : s));
    else if (s < 7200) rs_grid_printf(grid, "%lld min", (long long)s / 60);
    else if (s < 172800) rs_grid_printf(grid, "%lld h", (long long)s / 3600);
    else rs_grid_printf(grid, "%lld d", (long long)s / 86400);
}

static const char totals_sql[] =
    "SELECT parcels, events, quarantined_messages, quarantined_events, estimated FROM rastro.totals";
enum { PARCELS, EVENTS, BAD_MESSAGES, BAD_EVENTS, ESTIMATED };

static const char positions_sql[] =
    "SELECT topic, partition, next, last_at, owner, committed_at, halted, now(), cluster, complete_to "
    "FROM rastro.position_list ORDER BY topic, partition, cluster";
enum { TOPIC, PARTITION, NEXT, LAST_AT, OWNER, COMMITTED_AT, HALTED, NOW, CLUSTER, COMPLETE_TO };

static const char feeds_sql[] =
    "SELECT source, complete_to, topic, partition, owner, halted, now(), silent_since FROM rastro.feed_list "
    "ORDER BY source";
enum { FEED_SOURCE, FEED_COMPLETE_TO, FEED_TOPIC, FEED_PARTITION, FEED_OWNER, FEED_HALTED, FEED_NOW, SILENT };

static const char outbox_sql[] = "SELECT count, oldest FROM rastro.outbox_list";
enum { WAITING, OLDEST };

/* ---- for people ------------------------------------------------------------------ */

static void print_totals(const struct rs_pg_rows *rows)
{
    printf("%s%lld parcels, %lld events; quarantined: %lld messages, %lld events\n",
           rs_pg_get_int(rows, 0, ESTIMATED) ? "about " : "", (long long)rs_pg_get_int(rows, 0, PARCELS),
           (long long)rs_pg_get_int(rows, 0, EVENTS), (long long)rs_pg_get_int(rows, 0, BAD_MESSAGES),
           (long long)rs_pg_get_int(rows, 0, BAD_EVENTS));
}

static void print_positions(const struct rs_pg_rows *rows, const struct rs_options *options)
{
    static const struct rs_column columns[] = {
        {"TOPIC", false, 0},     {"PARTITION", true, 0},      {"NEXT", true, 0},   {"RECORD AGE", true, 0},
        {"COMMIT AGE", true, 0}, {"INCOMPLETE FOR", true, 0}, {"OWNER", false, 0}, {"HALTED", false, 100}};
    struct rs_grid *grid = rs_grid_new(columns, 8);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        int64_t now = rs_pg_get_time(rows, r, NOW);
        rs_grid_put(grid, rs_pg_get_str(rows, r, TOPIC));
        rs_grid_number(grid, rs_pg_get_int(rows, r, PARTITION));
        rs_grid_number(grid, rs_pg_get_int(rows, r, NEXT));
        print_age(grid, rs_pg_get_time(rows, r, LAST_AT), now);
        print_age(grid, rs_pg_get_time(rows, r, COMMITTED_AT), now);
        print_age(grid, rs_pg_get_time(rows, r, COMPLETE_TO), now);
        if (rs_pg_is_null(rows, r, OWNER)) rs_grid_none(grid);
        else rs_grid_put(grid, rs_pg_get_str(rows, r, OWNER));
        rs_grid_put(grid, rs_pg_get_str(rows, r, HALTED));
    }
    rs_grid_print(grid, options, stdout);
    rs_grid_free(grid);
}

/* A source whose feed is behind, and why; others in one line. */
static void print_feeds(const struct rs_pg_rows *rows)
{
    for (int r = 0; r < rs_pg_count(rows); r++) {
        int64_t to = rs_pg_get_time(rows, r, FEED_COMPLETE_TO);
        char text[24];
        printf("%.*s complete to %s", RS_FMT(rs_pg_get_str(rows, r, FEED_SOURCE)), rs_minute_text(to, text));
        if (!rs_pg_is_null(rows, r, SILENT)) {
            fputs(": nothing came since, its parcels are held", stdout);
        } else if (to == RS_INSTANT_NONE || rs_pg_get_time(rows, r, FEED_NOW) - to > BEHIND_US) {
            printf(", held back by %.*s/%lld", RS_FMT(rs_pg_get_str(rows, r, FEED_TOPIC)),
                   (long long)rs_pg_get_int(rows, r, FEED_PARTITION));
            if (!rs_pg_is_null(rows, r, FEED_HALTED)) fputs(", which is halted", stdout);
            else if (rs_pg_is_null(rows, r, FEED_OWNER)) fputs(", which nobody reads", stdout);
        }
        putchar('\n');
    }
}

/* Alerts wait for a moment each; all of them where nobody publishes. */
static void print_outbox(const struct rs_pg_rows *rows)
{
    char text[24];
    int64_t n = rs_pg_get_int(rows, 0, WAITING);
    if (!n) return;
    printf("%lld alerts to be published, the oldest since %s\n", (long long)n,
           rs_minute_text(rs_pg_get_time(rows, 0, OLDEST), text));
}

/* ---- for machines, schema/status.schema.json ------------------------------------- */

static json_t *json_totals(const struct rs_pg_rows *rows)
{
    return json_pack("{s:I, s:I, s:b, s:{s:I, s:I}}", "parcels", (json_int_t)rs_pg_get_int(rows, 0, PARCELS), "events",
                     (json_int_t)rs_pg_get_int(rows, 0, EVENTS), "estimated", (int)rs_pg_get_int(rows, 0, ESTIMATED),
                     "quarantined", "messages", (json_int_t)rs_pg_get_int(rows, 0, BAD_MESSAGES), "events",
                     (json_int_t)rs_pg_get_int(rows, 0, BAD_EVENTS));
}

static json_t *json_positions(const struct rs_pg_rows *rows)
{
    json_t *list = json_array();
    for (int r = 0; r < rs_pg_count(rows); r++) {
        json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "cluster",
                                              rs_json_of(rs_pg_get_str(rows, r, CLUSTER)), "topic",
                                              rs_json_of(rs_pg_get_str(rows, r, TOPIC)), "partition",
                                              (json_int_t)rs_pg_get_int(rows, r, PARTITION), "next",
                                              (json_int_t)rs_pg_get_int(rows, r, NEXT), "last_record",
                                              rs_json_of_time(rs_pg_get_time(rows, r, LAST_AT)), "committed",
                                              rs_json_of_time(rs_pg_get_time(rows, r, COMMITTED_AT)), "complete_to",
                                              rs_json_of_time(rs_pg_get_time(rows, r, COMPLETE_TO)), "owner",
                                              rs_json_of(rs_pg_get_str(rows, r, OWNER)), "halted",
                                              rs_json_of(rs_pg_get_str(rows, r, HALTED))));
    }
    return list;
}

static json_t *json_feeds(const struct rs_pg_rows *rows)
{
    json_t *list = json_array();
    for (int r = 0; r < rs_pg_count(rows); r++) {
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:{s:o, s:I, s:o, s:o}}", "source",
                                              rs_json_of(rs_pg_get_str(rows, r, FEED_SOURCE)), "complete_to",
                                              rs_json_of_time(rs_pg_get_time(rows, r, FEED_COMPLETE_TO)),
                                              "silent_since", rs_json_of_time(rs_pg_get_time(rows, r, SILENT)), "by",
                                              "topic", rs_json_of(rs_pg_get_str(rows, r, FEED_TOPIC)), "partition",
                                              (json_int_t)rs_pg_get_int(rows, r, FEED_PARTITION), "owner",
                                              rs_json_of(rs_pg_get_str(rows, r, FEED_OWNER)), "halted",
                                              rs_json_of(rs_pg_get_str(rows, r, FEED_HALTED))));
    }
    return list;
}

static json_t *json_outbox(const struct rs_pg_rows *rows)
{
    return json_pack("{s:I, s:o}", "waiting", (json_int_t)rs_pg_get_int(rows, 0, WAITING), "oldest",
                     rs_json_of_time(rs_pg_get_time(rows, 0, OLDEST)));
}

int rs_verb_status(const struct rs_options *options, struct rs_diag *diag)
{
    struct rs_pg *pg;
    struct rs_pg_rows *rows;
    bool table = rs_opt_is(options, RS_OPT_FORMAT, "table"), csv = rs_opt_is(options, RS_OPT_FORMAT, "csv");
    json_t *root = NULL;
    int err = rs_open_database(options, &pg, diag);
    if (err) return err;
    if (!csv) { /* which is one table */
        err = rs_pg_run(pg, totals_sql, NULL, &rows, diag);
        if (!err && table) print_totals(rows);
        else if (!err) root = json_totals(rows);
    }
    if (!err) err = rs_pg_run(pg, positions_sql, NULL, &rows, diag);
    if (!err && root) json_object_set_new(root, "positions", json_positions(rows));
    if (!err && root) err = rs_pg_run(pg, feeds_sql, NULL, &rows, diag);
    if (!err && root) json_object_set_new(root, "feeds", json_feeds(rows));
    if (!err && root) err = rs_pg_run(pg, outbox_sql, NULL, &rows, diag);
    if (!err && root) json_object_set_new(root, "alerts", json_outbox(rows));
    if (!err && root) rs_print_json(root, options, stdout);
    else if (err) json_decref(root);
    else print_positions(rows, options);
    if (!err && table) err = rs_pg_run(pg, feeds_sql, NULL, &rows, diag);
    if (!err && table) print_feeds(rows);
    if (!err && table) err = rs_pg_run(pg, outbox_sql, NULL, &rows, diag);
    if (!err && table) print_outbox(rows);
    rs_pg_close(pg);
    return err;
}
