#include "find.h"

#include <stdio.h>

#include "common.h"
#include "print.h"
#include "rastro/number.h"

static int say_unknown(const char *typed, struct rs_str cleaned, const struct rs_catalog *catalog, struct rs_diag *diag)
{
    rs_fail(diag, RS_E_ANSWER_NO, "%s: never heard of", typed);
    if (rs_s10_check(catalog, cleaned) == RS_S10_BAD) {
        char right[16];
        snprintf(right, sizeof right, "%.*s", RS_FMT(cleaned));
        right[10] = rs_s10_digit(cleaned);
        if (right[10] != cleaned.p[10]) {
            rs_fail(diag, RS_E_ANSWER_NO, "%s: never heard of, and its check digit is bad: it would be %s", typed,
                    right);
        }
    }
    return rs_fail_next(diag, "rastro quarantine list, if it was in a message that could not be used");
}

static void list_matches(const struct rs_pg_rows *rows, const struct rs_options *options)
{
    static const struct rs_column columns[] = {{"NUMBER", false, 0},
                                               {"CARRIER", false, 0},
                                               {"SHIPMENT", false, 0},
                                               {"FIRST SEEN", false, 0},
                                               {"STAGE", false, 0}};
    struct rs_grid *grid = rs_grid_new(columns, 5);
    for (int r = 0; r < rs_pg_count(rows); r++) {
        char when[24];
        rs_grid_put(grid, rs_pg_get_str(rows, r, 2));
        rs_grid_put(grid, rs_pg_is_null(rows, r, 3) ? RS_LIT("(S10)") : rs_pg_get_str(rows, r, 3));
        rs_grid_put(grid, rs_pg_get_str(rows, r, 4));
        rs_grid_printf(grid, "%s", rs_minute_text(rs_pg_get_time(rows, r, 5), when));
        rs_grid_put(grid, rs_pg_get_str(rows, r, 6));
    }
    rs_grid_print(grid, options, stdout);
    rs_grid_free(grid);
}

static int ask(struct rs_pg *pg, struct rs_pg_params *params, struct rs_str cleaned, const char *typed,
               const char *carrier, struct rs_pg_rows **ret, struct rs_diag *diag)
{
    static const char sql[] =
        "WITH f AS (SELECT * FROM rastro.find_parcels($1, $2)), "
        "best AS (SELECT * FROM f WHERE found_by = (SELECT found_by FROM f ORDER BY strpos('number order link', found_by) "
        "LIMIT 1)) SELECT DISTINCT b.parcel_id, b.found_by, p.number, p.issuer, p.discriminator, p.recorded_at, "
        "(SELECT s.stage FROM rastro.parcel_status(ARRAY[b.parcel_id]) s) "
        "FROM best b JOIN rastro.parcel_list p USING (parcel_id) "
        "WHERE $3 = '' OR p.issuer = $3 ORDER BY p.recorded_at, b.parcel_id LIMIT 50";
    rs_pg_text(params, cleaned);
    rs_pg_text(params, rs_str_trim(rs_str_of(typed)));
    rs_pg_text(params, rs_str_of(carrier));
    return rs_pg_run(pg, sql, params, ret, diag);
}

int rs_find_parcel(const struct rs_options *options, struct rs_pg *pg, const struct rs_catalog *catalog,
                   const char *typed, int64_t *ret, struct rs_diag *diag)
{
    char clean[RS_NUMBER_MAX];
    uint32_t n = 0;
    rs_number_clean(rs_str_of(typed), clean, &n);
    struct rs_pg_params params = {0};
    struct rs_pg_rows *rows;
    int err = ask(pg, &params, (struct rs_str){clean, n}, typed, rs_opt_text(options, RS_OPT_CARRIER), &rows, diag);
    rs_pg_params_free(&params);
    if (err) return err;
    int found = rs_pg_count(rows);
    if (!found) return say_unknown(typed, (struct rs_str){clean, n}, catalog, diag);
    if (found > 1) {
        list_matches(rows, options);
        rs_fail(diag, RS_E_ANSWER_NO, "%s: %d parcels", typed, found);
        return rs_fail_next(diag, "choose one by its number, or with --carrier");
    }
    *ret = rs_pg_get_int(rows, 0, 0);
    return RS_OK;
}
