#include "timeline_stalls.h"

#include "common.h"
#include "rastro/time.h"

enum { NUMBER, KIND, RULE, VERSION, STATE, STARTED, SINCE, UNTIL, OPENED, GONE, SILENT, LAST, END, NOW };

static int64_t time_at(const struct rs_pg_rows *rows, int r, int column)
{
    return rs_pg_is_null(rows, r, column) ? RS_INSTANT_NONE : rs_pg_get_time(rows, r, column);
}

/* What was open then has not ended, whatever became of it. */
static void read_stall(const struct rs_pg_rows *rows, int r, int64_t as_of_us, struct rs_arena *arena,
                       struct rs_shown_stall *ret)
{
    int64_t gone_us = time_at(rows, r, GONE);
    bool open = gone_us == RS_INSTANT_NONE || (as_of_us != RS_INSTANT_NONE && gone_us > as_of_us);
    *ret = (struct rs_shown_stall){
        .number = rs_arena_str(arena, rs_pg_get_str(rows, r, NUMBER)),
        .kind = rs_arena_str(arena, rs_pg_get_str(rows, r, KIND)),
        .rule = rs_arena_str(arena, rs_pg_get_str(rows, r, RULE)),
        .version = (int32_t)rs_pg_get_int(rows, r, VERSION),
        .withdrawn = !open && rs_str_is(rs_pg_get_str(rows, r, STATE), "withdrawn"),
        .started_us = time_at(rows, r, STARTED),
        .since_us = time_at(rows, r, SINCE),
        .silent_us = time_at(rows, r, SILENT),
        .until_us = open ? RS_INSTANT_NONE : time_at(rows, r, UNTIL),
        .opened_us = time_at(rows, r, OPENED),
        .has_last = !rs_pg_is_null(rows, r, LAST),
        .has_end = !open && !rs_pg_is_null(rows, r, END),
    };
    if (!open && ret->until_us == RS_INSTANT_NONE) ret->until_us = gone_us;
    if (ret->has_last) ret->last = rs_pg_get_key(rows, r, LAST);
    if (ret->has_end) ret->end = rs_pg_get_key(rows, r, END);
}

int rs_shown_stalls_load(struct rs_pg *pg, const int64_t *journey, int journey_n, int64_t as_of_us, bool all,
                         struct rs_arena *arena, struct rs_shown_stalls *ret, struct rs_diag *diag)
{
    static const char sql[] =
        "SELECT e.number, e.kind, e.rule, e.rules_version, e.state, e.started, e.since, e.until, e.opened_at, e.gone_at, "
        "e.silent_since, e.last_fp, e.ended_fp, coalesce($2, now()) FROM rastro.episode_list e WHERE e.parcel_id = ANY ($1) "
        "AND e.opened_at <= coalesce($2, 'infinity'::timestamptz) ORDER BY e.since, e.episode";
    struct rs_pg_params params = {0};
    struct rs_pg_rows *rows;
    rs_pg_array_open(&params, RS_PG_INT8);
    for (int i = 0; i < journey_n; i++) rs_pg_array_int8(&params, journey[i]);
    rs_pg_array_close(&params);
    rs_pg_time(&params, as_of_us);
    int err = rs_pg_run(pg, sql, &params, &rows, diag);
    rs_pg_params_free(&params);
    if (err) return err;
    struct rs_shown_stalls stalls = {.now_us = RS_INSTANT_NONE};
    stalls.stall = rs_arena_zero(arena, ((size_t)rs_pg_count(rows) + 1) * sizeof *stalls.stall);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        struct rs_shown_stall *stall = &stalls.stall[stalls.n];
        read_stall(rows, r, as_of_us, arena, stall);
        stalls.now_us = rs_pg_get_time(rows, r, NOW);
        stalls.n += all || !stall->withdrawn;
    }
    *ret = stalls;
    return RS_OK;
}

/* ---- for people ------------------------------------------------------------------- */

static bool is_silence(const struct rs_shown_stall *stall)
{
    return rs_str_is(stall->kind, "no_update") || rs_str_is(stall->kind, "never_scanned");
}

static void print_line(struct rs_buf *line)
{
    struct rs_buf clean = {0};
    rs_put_printable(&clean, (struct rs_str){line->p, (uint32_t)line->n});
    puts(rs_buf_cstr(&clean));
    rs_buf_free(&clean);
}

void rs_shown_stalls_print_open(const struct rs_shown_stalls *stalls)
{
    for (int i = 0; i < stalls->n; i++) {
        const struct rs_shown_stall *stall = &stalls->stall[i];
        if (stall->until_us != RS_INSTANT_NONE) continue;
        struct rs_buf line = {0};
        char since[24];
        int64_t days = (stalls->now_us - stall->silent_us) / RS_DAY_US;
        rs_buf_printf(&line, "STALLED  %.*s since %s", RS_FMT(stall->kind), rs_minute_text(stall->since_us, since));
        if (is_silence(stall) && days > 0) {
            rs_buf_printf(&line, ": %lld day%s without a scan", (long long)days, days == 1 ? "" : "s");
        }
        rs_buf_printf(&line, " (rule %.*s v%d)", RS_FMT(stall->rule), stall->version);
        print_line(&line);
        rs_buf_free(&line);
    }
}

/* In a table, whose other lines have the year: "10-04 07:20Z". */
static const char *short_text(int64_t us, char ret[24])
{
    return rs_minute_text(us, ret) + 5;
}

void rs_shown_stalls_note(const struct rs_shown_stalls *stalls, int64_t before_us, int *next, struct rs_grid *grid)
{
    for (; *next < stalls->n && stalls->stall[*next].since_us < before_us; ++*next) {
        const struct rs_shown_stall *stall = &stalls->stall[*next];
        struct rs_buf line = {0};
        char text[24];
        rs_buf_printf(&line, "  |  %.*s: stalled since %s", RS_FMT(is_silence(stall) ? RS_LIT("no scan") : stall->kind),
                      short_text(stall->since_us, text));
        if (stall->until_us != RS_INSTANT_NONE) rs_buf_printf(&line, " until %s", short_text(stall->until_us, text));
        if (stall->withdrawn) rs_buf_puts(&line, RS_LIT(" (withdrawn)"));
        if (grid) rs_grid_note(grid, (struct rs_str){line.p, (uint32_t)line.n});
        else print_line(&line);
        rs_buf_free(&line);
    }
}

/* ---- for machines, schema/timeline.schema.json ----------------------------------------- */

json_t *rs_shown_stalls_json(const struct rs_shown_stalls *stalls)
{
    json_t *list = json_array();
    for (int i = 0; i < stalls->n; i++) {
        const struct rs_shown_stall *s = &stalls->stall[i];
        const char *state = s->withdrawn ? "withdrawn" : s->until_us == RS_INSTANT_NONE ? "open" : "ended";
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:s, s:{s:o, s:i}, s:o, s:o, s:o, s:o, s:o, s:o}", "number",
                                        rs_json_of(s->number), "kind", rs_json_of(s->kind), "state", state, "rule",
                                        "name", rs_json_of(s->rule), "version", (int)s->version, "started",
                                        rs_json_of_time(s->started_us), "since", rs_json_of_time(s->since_us), "until",
                                        rs_json_of_time(s->until_us), "opened", rs_json_of_time(s->opened_us), "last",
                                        s->has_last ? rs_json_of_key(s->last.b) : json_null(), "ended_by",
                                        s->has_end ? rs_json_of_key(s->end.b) : json_null()));
    }
    return list;
}
