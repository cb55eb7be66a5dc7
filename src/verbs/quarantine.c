#include <stdlib.h>

#include "common.h"
#include "print.h"
#include "rastro/raw.h"
#include "rastro/time.h"

/* More than librdkafka hands over: what is too long to be read is kept too. */
#define BYTES_MAX ((size_t)512 << 20)

struct quarantine {
    const struct rs_options *options;
    struct rs_pg *pg;
    struct rs_pg_params params;
};

#define COLUMNS                                                                                    \
    "q.id, q.what, q.reason, q.source, q.path, q.count, q.first_recorded_at, q.last_recorded_at, " \
    "q.topic, q.kafka_partition, q.kafka_offset, q.sha, p.number"
#define FROM "FROM rastro.quarantine_list q LEFT JOIN rastro.parcel_list p USING (parcel_id) "
enum { ID, WHAT, REASON, SOURCE, PATH, COUNT, FIRST, LAST, TOPIC, PARTITION, OFFSET, SHA, NUMBER, RAW };

/* strpos, so that what is matched needs no escaping. */
#define WHERE "WHERE q.last_recorded_at >= coalesce($1, '-infinity'::timestamptz) AND strpos(q.reason, $2) > 0 "

static void put_filter(struct quarantine *q)
{
    bool since = rs_opt_given(q->options, RS_OPT_SINCE);
    rs_pg_time(&q->params, since ? rs_opt_number(q->options, RS_OPT_SINCE) : RS_INSTANT_NONE);
    rs_pg_text(&q->params, rs_str_of(rs_opt_text(q->options, RS_OPT_MATCH)));
}

/* ---- list ------------------------------------------------------------------------- */

static int list(struct quarantine *q, struct rs_diag *diag)
{
    static const char sql[] = "SELECT " COLUMNS " " FROM WHERE "ORDER BY q.last_recorded_at DESC, q.id LIMIT $3";
    static const struct rs_column columns[] = {{"ID", false, 0},     {"RECORDED", false, 0}, {"SOURCE", false, 0},
                                               {"NUMBER", false, 0}, {"COUNT", true, 0},     {"REASON", false, 100}};
    struct rs_pg_rows *rows;
    put_filter(q);
    rs_pg_int8(&q->params, rs_opt_number(q->options, RS_OPT_LIMIT));
    int err = rs_pg_run(q->pg, sql, &q->params, &rows, diag);
    if (err) return err;
    struct rs_grid *grid = rs_grid_new(columns, 6);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        char when[24];
        rs_grid_put(grid, rs_pg_get_str(rows, r, ID));
        rs_grid_printf(grid, "%s", rs_minute_text(rs_pg_get_time(rows, r, LAST), when));
        rs_grid_put(grid, rs_pg_get_str(rows, r, SOURCE));
        rs_grid_put(grid, rs_pg_get_str(rows, r, NUMBER));
        rs_grid_number(grid, rs_pg_get_int(rows, r, COUNT));
        rs_grid_put(grid, rs_pg_get_str(rows, r, REASON));
    }
    rs_grid_print(grid, q->options, stdout);
    if (rs_grid_rows(grid) == 0) fputs("quarantine: nothing\n", stderr);
    rs_grid_free(grid);
    return RS_OK;
}

/* ---- one row ------------------------------------------------------------------------- */

static int unpack(const struct rs_pg_rows *rows, int r, struct rs_buf *out, struct rs_diag *diag)
{
    /* Quarantined bytes are packed without a dictionary. */
    return rs_raw_unpack(rs_pg_get_str(rows, r, RAW), RS_STR_NONE, NULL, BYTES_MAX, out, diag);
}

static void print_row(const struct rs_pg_rows *rows, int r, const struct rs_buf *raw)
{
    struct rs_buf clean = {0};
    char when[24], hex[65];
    rs_hex((const uint8_t *)rs_pg_get_str(rows, r, SHA).p, RS_SHA256_LEN, hex);
    printf("%.*s %.*s\nreason   %.*s\nseen     %lld times, last %s\nfirst    %.*s/%lld offset %lld\nsha-256  %s\n",
           RS_FMT(rs_pg_get_str(rows, r, WHAT)), RS_FMT(rs_pg_get_str(rows, r, ID)),
           RS_FMT(rs_pg_get_str(rows, r, REASON)), (long long)rs_pg_get_int(rows, r, COUNT),
           rs_minute_text(rs_pg_get_time(rows, r, LAST), when), RS_FMT(rs_pg_get_str(rows, r, TOPIC)),
           (long long)rs_pg_get_int(rows, r, PARTITION), (long long)rs_pg_get_int(rows, r, OFFSET), hex);
    if (!rs_pg_is_null(rows, r, NUMBER)) printf("parcel   %.*s\n", RS_FMT(rs_pg_get_str(rows, r, NUMBER)));
    if (!rs_pg_is_null(rows, r, PATH)) printf("path     %.*s\n", RS_FMT(rs_pg_get_str(rows, r, PATH)));
    rs_put_printable(&clean, (struct rs_str){raw->p, (uint32_t)(raw->n < 4000 ? raw->n : 4000)});
    printf("bytes    %zu%s\n%s\n", raw->n, raw->n > 4000 ? " (the first 4,000; export has all)" : "",
           rs_buf_cstr(&clean));
    rs_buf_free(&clean);
}

/* schema/quarantine.schema.json */
static json_t *json_row(const struct rs_pg_rows *rows, int r, const struct rs_buf *raw)
{
    char first[RS_TIME_TEXT_MAX], last[RS_TIME_TEXT_MAX], hex[65];
    struct rs_buf base64 = {0};
    rs_base64(raw->p, raw->n, &base64);
    rs_hex((const uint8_t *)rs_pg_get_str(rows, r, SHA).p, RS_SHA256_LEN, hex);
    json_t *object = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:s, s:{s:o, s:I, s:I}, s:s, s:s%}", "id",
        rs_json_of(rs_pg_get_str(rows, r, ID)), "what", rs_json_of(rs_pg_get_str(rows, r, WHAT)), "reason",
        rs_json_of(rs_pg_get_str(rows, r, REASON)), "source", rs_json_of(rs_pg_get_str(rows, r, SOURCE)), "number",
        rs_json_of(rs_pg_get_str(rows, r, NUMBER)), "path", rs_json_of(rs_pg_get_str(rows, r, PATH)), "count",
        (json_int_t)rs_pg_get_int(rows, r, COUNT), "first_recorded",
        rs_time_text(rs_pg_get_time(rows, r, FIRST), first), "last_recorded",
        rs_time_text(rs_pg_get_time(rows, r, LAST), last), "kafka", "topic", rs_json_of(rs_pg_get_str(rows, r, TOPIC)),
        "partition", (json_int_t)rs_pg_get_int(rows, r, PARTITION), "offset",
        (json_int_t)rs_pg_get_int(rows, r, OFFSET), "sha256", hex, "bytes_base64", base64.n ? base64.p : "", base64.n);
    rs_buf_free(&base64);
    return object;
}

/* ---- show --------------------------------------------------------------------------- */

/* One event's bytes may have been refused for several reasons. */
static int show(struct quarantine *q, const char *id, struct rs_diag *diag)
{
    static const char sql[] = "SELECT " COLUMNS ", b.raw " FROM
                              "JOIN rastro.quarantine_bytes b ON b.sha = q.sha WHERE q.id = $1 ORDER BY q.reason";
    struct rs_pg_rows *rows;
    rs_pg_text(&q->params, rs_str_of(id));
    int err = rs_pg_run(q->pg, sql, &q->params, &rows, diag);
    if (err) return err;
    if (!rs_pg_count(rows)) return rs_fail(diag, RS_E_ANSWER_NO, "%s: not in quarantine", id);
    bool table = rs_opt_is(q->options, RS_OPT_FORMAT, "table"), lines = rs_opt_is(q->options, RS_OPT_FORMAT, "ndjson");
    json_t *list = json_array();
    for (int r = 0; !err && r < rs_pg_count(rows); r++) {
        struct rs_buf raw = {0};
        err = unpack(rows, r, &raw, diag);
        if (!err && table) print_row(rows, r, &raw);
        else if (!err && lines) rs_print_json(json_row(rows, r, &raw), q->options, stdout);
        else if (!err) json_array_append_new(list, json_row(rows, r, &raw));
        rs_buf_free(&raw);
    }
    if (!err && !table && !lines) rs_print_json(json_incref(list), q->options, stdout);
    json_decref(list);
    return err;
}

/* ---- export --------------------------------------------------------------------------- */

static int export_page(struct quarantine *q, int *ret_n, struct rs_diag *diag)
{
    static const char sql[] = "FETCH 50 FROM quarantine_export";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(q->pg, sql, NULL, &rows, diag);
    int n = err ? 0 : rs_pg_count(rows);
    for (int r = 0; !err && r < n; r++) {
        struct rs_buf raw = {0};
        err = unpack(rows, r, &raw, diag);
        json_t *object = err ? NULL : json_row(rows, r, &raw);
        if (object) json_dumpf(object, stdout, JSON_COMPACT);
        if (object) putchar('\n');
        json_decref(object);
        rs_buf_free(&raw);
    }
    *ret_n = n;
    return err;
}

/* One object a line, through a cursor, so that a million of them need no memory. */
static int export(struct quarantine *q, struct rs_diag *diag)
{
    static const char sql[] = "DECLARE quarantine_export NO SCROLL CURSOR FOR SELECT " COLUMNS ", b.raw " FROM
                              "JOIN rastro.quarantine_bytes b ON b.sha = q.sha " WHERE "ORDER BY q.id, q.reason";
    int n = 0;
    int err = rs_pg_script(q->pg, "BEGIN", diag);
    if (err) return err;
    put_filter(q);
    err = rs_pg_run(q->pg, sql, &q->params, NULL, diag);
    while (!err) {
        err = export_page(q, &n, diag);
        if (!n) break;
    }
    return err;
}

int rs_verb_quarantine(const struct rs_options *options, struct rs_diag *diag)
{
    const char *what = rs_options_arg(options, 0), *id = rs_options_arg(options, 1);
    struct quarantine q = {.options = options};
    bool is_show = what && !strcmp(what, "show");
    bool known = what && (is_show || !strcmp(what, "list") || !strcmp(what, "export"));
    if (!known || rs_options_argc(options) != (is_show ? 2 : 1)) {
        return rs_fail(diag, RS_E_USAGE, "expected list, show ID, or export");
    }
    if (*what != 'l' && rs_opt_is(options, RS_OPT_FORMAT, "csv")) {
        return rs_fail(diag, RS_E_USAGE, "--format csv: bytes are no table; use json");
    }
    int err = rs_open_database(options, &q.pg, diag);
    if (!err) err = is_show ? show(&q, id, diag) : what[0] == 'l' ? list(&q, diag) : export(&q, diag);
    rs_pg_params_free(&q.params);
    rs_pg_close(q.pg);
    return err;
}
