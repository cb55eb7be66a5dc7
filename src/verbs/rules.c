/* rastro rules: the list of stall rules, and what another list would do. */
#include <stdlib.h>

#include "common.h"
#include "print.h"
#include "rastro/duration.h"
#include "rastro/stall_case.h"

/* Parcels that are looked at together. */
#define PAGE 500

/* ---- check ------------------------------------------------------------------------ */

static void put_days(struct rs_grid *grid, const struct rs_rule *rule)
{
    if (rule->working == RS_WORKING_ALL_DAYS) rs_grid_put(grid, RS_LIT("all days"));
    else if (rule->working == RS_WORKING_ORIGIN) rs_grid_put(grid, RS_LIT("working days of the origin"));
    else if (rule->working == RS_WORKING_DESTINATION) rs_grid_put(grid, RS_LIT("working days of the destination"));
    else rs_grid_printf(grid, "working days of %.*s", RS_FMT(rule->calendar->country));
}

/* schema/rules.schema.json */
static void print_rules(const struct rs_rules *rules, const struct rs_options *options)
{
    static const struct rs_column columns[] = {{"NAME", false, 0},  {"KIND", false, 0}, {"FITS", false, 60},
                                               {"AFTER", false, 0}, {"DAYS", false, 0}, {"LINE", true, 0}};
    struct rs_grid *grid = rs_grid_new(columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < rs_rules_count(rules); i++) {
        const struct rs_rule *rule = rs_rules_at(rules, i);
        char after[RS_DURATION_TEXT_MAX];
        rs_grid_put(grid, rule->name);
        rs_grid_put(grid, rs_str_of(rs_stall_kind_name(rule->kind)));
        rs_grid_put(grid, rule->fits.n ? rule->fits : RS_LIT("every parcel"));
        rs_grid_put(grid, rs_str_of(rule->never ? "never" : rs_duration_text(rule->after_us, after)));
        put_days(grid, rule);
        rs_grid_number(grid, rule->line);
    }
    rs_grid_print(grid, options, stdout);
    rs_grid_free(grid);
}

static int check(const struct rs_options *options, const struct rs_schema *schema, struct rs_diag *diag)
{
    struct rs_rules *rules = NULL;
    int err = rs_schema_read_rules(schema, rs_opt_text(options, RS_OPT_RULES), &rules, diag);
    if (err) return err;
    print_rules(rules, options);
    fprintf(stderr, "%u rules, version %u: fine\n", rs_rules_count(rules), rs_rules_version(rules));
    rs_rules_free(rules);
    return RS_OK;
}

/* ---- test -------------------------------------------------------------------------- */

/* Open stalls of a kind, by the rules that are shipped and by those given. */
struct tally {
    uint64_t now, then, opens, withdraws;
};

struct trial {
    const struct rs_schema *schema;
    struct rs_pg *pg;
    struct rs_rules *now, *then;
    struct rs_arena *arena;
    struct tally tally[RS_STALL__COUNT];
    uint64_t parcels, unknown; /* whose feed time is not known */
};

static void find_open(struct trial *t, const struct rs_rules *rules, const struct rs_stall_case *c,
                      bool ret[RS_STALL__COUNT])
{
    struct rs_stalls stalls;
    rs_stall_look(rules, &t->schema->calendars, &c->parcel, c->feed_us, t->arena, &stalls);
    memset(ret, 0, RS_STALL__COUNT * sizeof *ret);
    for (uint32_t i = 0; i < stalls.n; i++) {
        if (stalls.episode[i].closed_us == INT64_MAX) ret[stalls.episode[i].kind] = true;
    }
}

static void count_case(struct trial *t, const struct rs_stall_case *c)
{
    bool now[RS_STALL__COUNT], then[RS_STALL__COUNT];
    if (!c->parcel_id) return;
    t->parcels++;
    t->unknown += c->feed_us == RS_INSTANT_NONE;
    find_open(t, t->now, c, now);
    find_open(t, t->then, c, then);
    for (int kind = 0; kind < RS_STALL__COUNT; kind++) {
        struct tally *tally = &t->tally[kind];
        tally->now += now[kind];
        tally->then += then[kind];
        tally->opens += then[kind] && !now[kind];
        tally->withdraws += now[kind] && !then[kind];
    }
}

static int next_page(struct trial *t, int64_t behind, int64_t ret[PAGE], uint32_t *ret_n, struct rs_diag *diag)
{
    static const char sql[] = "SELECT p.parcel_id FROM rastro.parcel_list p WHERE p.parcel_id > $1 ORDER BY 1 LIMIT $2";
    struct rs_pg_params params = {0};
    struct rs_pg_rows *rows;
    rs_pg_int8(&params, behind);
    rs_pg_int8(&params, PAGE);
    int err = rs_pg_run(t->pg, sql, &params, &rows, diag);
    rs_pg_params_free(&params);
    *ret_n = err ? 0 : (uint32_t)rs_pg_count(rows);
    for (uint32_t i = 0; i < *ret_n; i++) ret[i] = rs_pg_get_int(rows, (int)i, 0);
    return err;
}

static int try_all(struct trial *t, struct rs_diag *diag)
{
    int64_t id[PAGE] = {0};
    for (uint32_t n = 1; n;) {
        int err = next_page(t, id[n - 1], id, &n, diag);
        struct rs_stall_case *c = rs_arena_get(t->arena, PAGE * sizeof *c);
        if (!err) {
            err = rs_stall_cases_load(t->pg, &t->schema->catalog, id, n, RS_INSTANT_NONE, t->arena, c, diag);
        }
        if (err) return err;
        for (uint32_t i = 0; i < n; i++) count_case(t, &c[i]);
        rs_arena_reset(t->arena);
    }
    return RS_OK;
}

/* schema/rules-test.schema.json */
static void print_trial(const struct trial *t, const struct rs_options *options)
{
    static const struct rs_column columns[] = {
        {"KIND", false, 0}, {"NOW", true, 0}, {"THEN", true, 0}, {"WOULD OPEN", true, 0}, {"WOULD WITHDRAW", true, 0}};
    struct rs_grid *grid = rs_grid_new(columns, sizeof columns / sizeof *columns);
    struct tally all = {0};
    for (int kind = 0; kind < RS_STALL__COUNT; kind++) {
        const struct tally *tally = &t->tally[kind];
        all.opens += tally->opens;
        all.withdraws += tally->withdraws;
        if (!tally->now && !tally->then) continue;
        rs_grid_put(grid, rs_str_of(rs_stall_kind_name((enum rs_stall_kind)kind)));
        rs_grid_number(grid, (long long)tally->now);
        rs_grid_number(grid, (long long)tally->then);
        rs_grid_number(grid, (long long)tally->opens);
        rs_grid_number(grid, (long long)tally->withdraws);
    }
    rs_grid_print(grid, options, stdout);
    rs_grid_free(grid);
    fprintf(stderr, "version %u beside %u, %llu parcels: would open %llu, withdraw %llu\n", rs_rules_version(t->then),
            rs_rules_version(t->now), (unsigned long long)t->parcels, (unsigned long long)all.opens,
            (unsigned long long)all.withdraws);
    if (t->unknown) {
        fprintf(stderr, "%llu of them have no feed time yet and count as not stalled\n",
                (unsigned long long)t->unknown);
    }
}

static int test(const struct rs_options *options, const struct rs_schema *schema, struct rs_diag *diag)
{
    struct trial t = {.schema = schema, .arena = rs_arena_new(1 << 20)};
    int err = rs_schema_read_rules(schema, "", &t.now, diag);
    if (!err) err = rs_schema_read_rules(schema, rs_opt_text(options, RS_OPT_RULES), &t.then, diag);
    if (!err) err = rs_open_database(options, &t.pg, diag);
    if (!err) err = try_all(&t, diag);
    if (!err) print_trial(&t, options);
    rs_pg_close(t.pg);
    rs_rules_free(t.now);
    rs_rules_free(t.then);
    rs_arena_free(t.arena);
    return err;
}

int rs_verb_rules(const struct rs_options *options, struct rs_diag *diag)
{
    const char *what = rs_options_arg(options, 0);
    bool is_test = what && !strcmp(what, "test");
    struct rs_schema schema;
    if (!what || rs_options_argc(options) != 1 || (!is_test && strcmp(what, "check"))) {
        return rs_fail(diag, RS_E_USAGE, "expected check, or test");
    }
    if (is_test && !rs_opt_given(options, RS_OPT_RULES)) {
        return rs_fail(diag, RS_E_USAGE, "name the rules to be tried with --rules");
    }
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    err = is_test ? test(options, &schema, diag) : check(options, &schema, diag);
    rs_schema_close(&schema);
    return err;
}
