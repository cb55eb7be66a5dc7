#include "rastro/migrate.h"

#include "common.h"

static void print_line(void *self, const char *line)
{
    (void)self;
    puts(line);
}

int rs_verb_migrate(const struct rs_options *options, struct rs_diag *diag)
{
    struct rs_schema schema;
    struct rs_pg *pg = NULL;
    int err = rs_schema_open(&schema, rs_opt_text(options, RS_OPT_SCHEMA), diag);
    if (err) return err;
    struct rs_pg_options pg_options = rs_pg_options_of(options, "rastro migrate");
    err = rs_pg_open(&pg_options, &pg, diag);
    if (!err) err = rs_migrate(pg, &schema.catalog, rs_opt_flag(options, RS_OPT_DRY_RUN), print_line, NULL, diag);
    rs_pg_close(pg);
    rs_schema_close(&schema);
    return err;
}
