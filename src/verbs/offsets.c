/* rastro offsets: where partitions are, and the way on where Kafka lost
 * messages.  Going on is a decision that a person takes and that is kept. */
#include <pwd.h>
#include <unistd.h>

#include "common.h"
#include "print.h"
#include "rastro/migrate.h"

#define ASK_MS 5000

struct offsets {
    const struct rs_options *options;
    struct rs_pg *pg;
    struct rs_kafka *kafka; /* NULL when no broker answers */
    struct rs_pg_params params;
    char cluster[128];
};

static int open_kafka(struct offsets *o, struct rs_diag *diag)
{
    struct rs_kafka_options options = rs_kafka_options_of(o->options, NULL, 0);
    options.group = NULL;
    int err = rs_kafka_open(&options, &o->kafka, diag);
    rs_kafka_options_free(&options);
    if (!err) err = rs_kafka_cluster_id(o->kafka, ASK_MS, o->cluster, sizeof o->cluster, diag);
    if (err) {
        rs_kafka_close(o->kafka);
        o->kafka = NULL;
    }
    return err;
}

/* ---- show -------------------------------------------------------------------------- */

static void put_kafka_side(struct offsets *o, struct rs_grid *grid, const struct rs_pg_rows *rows, int r)
{
    char topic[256];
    struct rs_str name = rs_pg_get_str(rows, r, 1);
    struct rs_kafka_bounds bounds = {.number = (int32_t)rs_pg_get_int(rows, r, 2)};
    snprintf(topic, sizeof topic, "%.*s", RS_FMT(name));
    struct rs_diag ignored;
    bool ours = o->kafka && rs_str_is(rs_pg_get_str(rows, r, 0), o->cluster);
    if (!ours || rs_kafka_bounds(o->kafka, topic, &bounds, 1, ASK_MS, &ignored)) {
        for (int i = 0; i < 3; i++) rs_grid_none(grid);
        return;
    }
    rs_grid_number(grid, bounds.low);
    rs_grid_number(grid, bounds.high);
    rs_grid_number(grid, bounds.high - rs_pg_get_int(rows, r, 3));
}

static int show(struct offsets *o, struct rs_diag *diag)
{
    static const char sql[] = "SELECT cluster, topic, partition, next, owner_term, owner, halted "
                              "FROM rastro.position_list ORDER BY cluster, topic, partition";
    static const struct rs_column columns[] = {{"TOPIC", false, 0}, {"PARTITION", true, 0}, {"NEXT", true, 0},
                                               {"FIRST", true, 0},  {"END", true, 0},       {"LAG", true, 0},
                                               {"TERM", true, 0},   {"OWNER", false, 0},    {"HALTED", false, 100}};
    struct rs_diag why;
    if (open_kafka(o, &why)) fprintf(stderr, "offsets: %s: only what PostgreSQL knows\n", why.text);
    struct rs_pg_rows *rows;
    int err = rs_pg_run(o->pg, sql, NULL, &rows, diag);
    if (err) return err;
    struct rs_grid *grid = rs_grid_new(columns, 9);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        rs_grid_put(grid, rs_pg_get_str(rows, r, 1));
        rs_grid_number(grid, rs_pg_get_int(rows, r, 2));
        rs_grid_number(grid, rs_pg_get_int(rows, r, 3));
        put_kafka_side(o, grid, rows, r);
        rs_grid_number(grid, rs_pg_get_int(rows, r, 4));
        if (rs_pg_is_null(rows, r, 5)) rs_grid_none(grid);
        else rs_grid_put(grid, rs_pg_get_str(rows, r, 5));
        rs_grid_put(grid, rs_pg_get_str(rows, r, 6));
    }
    rs_grid_print(grid, o->options, stdout);
    rs_grid_free(grid);
    return RS_OK;
}

/* ---- changing ------------------------------------------------------------------------ */

static const char *who(void)
{
    struct passwd *user = getpwuid(geteuid());
    return user ? user->pw_name : "?";
}

static void put_place(struct offsets *o, const char *topic, int32_t number)
{
    rs_pg_text(&o->params, rs_str_of(o->cluster));
    rs_pg_text(&o->params, rs_str_of(topic));
    rs_pg_int4(&o->params, number);
}

static int lock_position(struct offsets *o, const char *topic, int32_t number, int64_t *ret_next, bool *ret_halted,
                         struct rs_diag *diag)
{
    static const char sql[] = "SELECT next, halted IS NOT NULL FROM rastro.positions "
                              "WHERE cluster = $1 AND topic = $2 AND partition = $3 FOR UPDATE";
    struct rs_pg_rows *rows;
    put_place(o, topic, number);
    int err = rs_pg_run(o->pg, sql, &o->params, &rows, diag);
    if (err) return err;
    if (!rs_pg_count(rows))
        return rs_fail(diag, RS_E_ANSWER_NO, "%s/%d: never read on cluster %s", topic, number, o->cluster);
    *ret_next = rs_pg_get_int(rows, 0, 0);
    *ret_halted = rs_pg_get_int(rows, 0, 1) != 0;
    return RS_OK;
}

/* The term rises, so that whoever owns the partition now looks again. */
static int move_to(struct offsets *o, const char *topic, int32_t number, int64_t next, struct rs_diag *diag)
{
    static const char sql[] =
        "UPDATE rastro.positions SET next = $4, halted = NULL, halted_at = NULL, owner_term = owner_term + 1, "
        "last_offset = NULL, last_at = NULL, last_hash = NULL WHERE cluster = $1 AND topic = $2 AND partition = $3";
    put_place(o, topic, number);
    rs_pg_int8(&o->params, next);
    return rs_pg_run(o->pg, sql, &o->params, NULL, diag);
}

static int note_gap(struct offsets *o, const char *topic, int32_t number, int64_t from, int64_t to,
                    struct rs_diag *diag)
{
    static const char sql[] =
        "INSERT INTO rastro.gaps (cluster, topic, partition, from_offset, to_offset, reason, accepted_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)";
    put_place(o, topic, number);
    rs_pg_int8(&o->params, from);
    rs_pg_int8(&o->params, to);
    rs_pg_text(&o->params, rs_str_of(rs_opt_text(o->options, RS_OPT_REASON)));
    rs_pg_text(&o->params, rs_str_of(who()));
    return rs_pg_run(o->pg, sql, &o->params, NULL, diag);
}

/* A topic that was made again counts its offsets anew: what is kept of the old
 * one keeps its old name, so that no two messages share a place. */
static int rename_topic(struct offsets *o, const char *topic, int32_t number, struct rs_diag *diag)
{
    static const char sql[] =
        "UPDATE rastro.topics t SET name = t.name || ' until ' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') "
        "WHERE t.cluster = $1 AND t.name = $2 AND EXISTS (SELECT FROM rastro.quarantined_messages m "
        "WHERE m.topic = t.topic AND m.kafka_partition = $3)";
    put_place(o, topic, number);
    return rs_pg_run(o->pg, sql, &o->params, NULL, diag);
}

static int change(struct offsets *o, const char *topic, int32_t number, bool resume, struct rs_diag *diag)
{
    int64_t next = 0;
    bool halted = false;
    struct rs_kafka_bounds bounds = {.number = number};
    int err = rs_kafka_bounds(o->kafka, topic, &bounds, 1, ASK_MS, diag);
    if (!err) err = lock_position(o, topic, number, &next, &halted, diag);
    if (err) return err;
    int64_t low = bounds.low, high = bounds.high;
    bool lost = next<low, again = next> high;
    if (resume) {
        if (!halted) return rs_fail(diag, RS_E_ANSWER_NO, "%s/%d: not halted", topic, number);
        if (lost || again) {
            rs_fail(diag, RS_E_ANSWER_NO, "%s/%d: offset %lld is not in the log, %lld to %lld is", topic, number,
                    (long long)next, (long long)low, (long long)high);
            return rs_fail_next(diag, "rastro offsets accept-gap %s/%d --reason TEXT", topic, number);
        }
        if ((err = move_to(o, topic, number, next, diag))) return err;
        printf("%s/%d goes on at %lld\n", topic, number, (long long)next);
        return RS_OK;
    }
    if (!lost && !again && !halted) {
        return rs_fail(diag, RS_E_ANSWER_NO, "%s/%d: no gap, offset %lld is there", topic, number, (long long)next);
    }
    if (!lost && (err = rename_topic(o, topic, number, diag))) return err;
    if ((err = note_gap(o, topic, number, next, low, diag))) return err;
    if ((err = move_to(o, topic, number, low, diag))) return err;
    printf("%s/%d goes on at %lld; recorded: offsets from %lld %s\n", topic, number, (long long)low, (long long)next,
           lost ? "are lost" : "belong to a topic that is no more");
    return RS_OK;
}

static int change_partition(struct offsets *o, const char *where, bool resume, struct rs_diag *diag)
{
    char topic[256];
    int32_t number;
    int err = rs_parse_partition(where, topic, sizeof topic, &number, diag);
    if (!err && !*rs_opt_text(o->options, RS_OPT_REASON))
        err = rs_fail(diag, RS_E_USAGE, "--reason TEXT is missing: it is kept");
    if (!err) err = rs_schema_writer_check(o->pg, diag);
    if (!err) err = open_kafka(o, diag);
    if (!err) err = rs_pg_script(o->pg, "BEGIN", diag);
    if (err) return err;
    err = change(o, topic, number, resume, diag);
    if (!err) return rs_pg_commit(o->pg, diag);
    struct rs_diag ignored;
    rs_pg_script(o->pg, "ROLLBACK", &ignored);
    return err;
}

int rs_verb_offsets(const struct rs_options *options, struct rs_diag *diag)
{
    const char *what = rs_options_arg(options, 0), *where = rs_options_arg(options, 1);
    bool is_show = what && !strcmp(what, "show"), resume = what && !strcmp(what, "resume");
    bool known = is_show || resume || (what && !strcmp(what, "accept-gap"));
    if (!known || rs_options_argc(options) != (is_show ? 1 : 2)) {
        return rs_fail(diag, RS_E_USAGE, "expected show, accept-gap TOPIC/PARTITION, or resume TOPIC/PARTITION");
    }
    struct offsets o = {.options = options};
    int err = rs_open_database(options, &o.pg, diag);
    if (!err) err = is_show ? show(&o, diag) : change_partition(&o, where, resume, diag);
    rs_pg_params_free(&o.params);
    rs_kafka_close(o.kafka);
    rs_pg_close(o.pg);
    return err;
}
