#include "common.h"
#include "print.h"

static void print_age(struct rs_grid *grid, int64_t us, int64_t now)
{
    int64_t s = us == RS_INSTANT_NONE ? 0 : (now - us) / RS_SECOND_US;
    if (us == RS_INSTANT_NONE) rs_grid_put(grid, RS_LIT("-"));
    else if (s < 120) rs_grid_printf(grid, "%lld s", (long long)(s < 0 ? 0 : s));
    else if (s < 7200) rs_grid_printf(grid, "%lld min", (long long)s / 60);
    else if (s < 172800) rs_grid_printf(grid, "%lld h", (long long)s / 3600);
    else rs_grid_printf(grid, "%lld d", (long long)s / 86400);
}

static int print_totals(struct rs_pg *pg, struct rs_diag *diag)
{
    static const char sql[] =
        "SELECT parcels, events, quarantined_messages, quarantined_events, estimated FROM rastro.totals";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, sql, NULL, &rows, diag);
    if (err) return err;
    printf("%s%lld parcels, %lld events; quarantined: %lld messages, %lld events\n",
           rs_pg_get_int(rows, 0, 4) ? "about " : "", (long long)rs_pg_get_int(rows, 0, 0),
           (long long)rs_pg_get_int(rows, 0, 1), (long long)rs_pg_get_int(rows, 0, 2),
           (long long)rs_pg_get_int(rows, 0, 3));
    return RS_OK;
}

static int print_positions(struct rs_pg *pg, const struct rs_options *options, struct rs_diag *diag)
{
    static const char sql[] = "SELECT topic, partition, next, last_at, owner, committed_at, halted, now() "
                              "FROM rastro.position_list ORDER BY topic, partition";
    static const struct rs_column columns[] = {{"TOPIC", false, 0},      {"PARTITION", true, 0}, {"NEXT", true, 0},
                                               {"RECORD AGE", true, 0},  {"COMMIT AGE", true, 0}, {"OWNER", false, 0},
                                               {"HALTED", false, 100}};
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, sql, NULL, &rows, diag);
    if (err) return err;
    struct rs_grid *grid = rs_grid_new(columns, 7);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        int64_t now = rs_pg_get_time(rows, r, 7);
        rs_grid_put(grid, rs_pg_get_str(rows, r, 0));
        rs_grid_number(grid, rs_pg_get_int(rows, r, 1));
        rs_grid_number(grid, rs_pg_get_int(rows, r, 2));
        print_age(grid, rs_pg_get_time(rows, r, 3), now);
        print_age(grid, rs_pg_get_time(rows, r, 5), now);
        rs_grid_put(grid, rs_pg_is_null(rows, r, 4) ? RS_LIT("-") : rs_pg_get_str(rows, r, 4));
        rs_grid_put(grid, rs_pg_get_str(rows, r, 6));
    }
    rs_grid_print(grid, options, stdout);
    rs_grid_free(grid);
    return RS_OK;
}

int rs_verb_status(const struct rs_options *options, struct rs_diag *diag)
{
    struct rs_pg *pg;
    int err = rs_open_database(options, &pg, diag);
    if (err) return err;
    if (rs_opt_is(options, RS_OPT_FORMAT, "table")) err = print_totals(pg, diag);
    if (!err) err = print_positions(pg, options, diag);
    rs_pg_close(pg);
    return err;
}
