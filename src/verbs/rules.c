#include <stdlib.h>

#include "common.h"
#include "print.h"
#include "rastro/duration.h"

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

int rs_verb_rules(const struct rs_options *options, struct rs_diag *diag)
{
    const char *what = rs_options_arg(options, 0);
    struct rs_schema schema;
    struct rs_rules *rules = NULL;
    if (rs_options_argc(options) != 1 || strcmp(what, "check")) return rs_fail(diag, RS_E_USAGE, "expected check");
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    err = rs_schema_read_rules(&schema, rs_opt_text(options, RS_OPT_RULES), &rules, diag);
    if (!err) print_rules(rules, options);
    if (!err) fprintf(stderr, "%u rules, version %u: fine\n", rs_rules_count(rules), rs_rules_version(rules));
    rs_rules_free(rules);
    rs_schema_close(&schema);
    return err;
}
