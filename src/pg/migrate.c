#include "rastro/migrate.h"

#include <stdio.h>
#include <string.h>

int rs_schema_version_max(void)
{
    int max = 0;
    for (const struct rs_migration *m = rs_migrations; m->version; m++) max = m->version;
    return max;
}

int rs_schema_version(struct rs_pg *pg, int *ret, struct rs_diag *diag)
{
    static const char find[] = "SELECT to_regclass('rastro.migrations') IS NOT NULL";
    static const char ask[] = "SELECT coalesce(max(version), 0) FROM rastro.migrations";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, find, NULL, &rows, diag);
    if (err) return err;
    int version = 0;
    if (rs_pg_get_int(rows, 0, 0)) {
        err = rs_pg_run(pg, ask, NULL, &rows, diag);
        if (err) return err;
        version = (int)rs_pg_get_int(rows, 0, 0);
    }
    *ret = version;
    return RS_OK;
}

/* A newer schema only ever adds, until a migration takes something away: that
 * one puts into settings, as schema.least, the version that a program must know
 * from then on. */
static int check_versions(struct rs_pg *pg, int version, int least, struct rs_diag *diag)
{
    int ours = rs_schema_version_max();
    if (version < RS_SCHEMA_VERSION_MIN) {
        rs_fail(diag, RS_E_CONFIG, "postgresql %s: schema version %d, this release needs %d", rs_pg_where(pg), version,
                RS_SCHEMA_VERSION_MIN);
        return rs_fail_next(diag, "rastro migrate");
    }
    if (least <= ours) return RS_OK;
    rs_fail(diag, RS_E_CONFIG,
            "postgresql %s: schema version %d needs a release that knows version %d; this one knows %d",
            rs_pg_where(pg), version, least, ours);
    return rs_fail_next(diag, "upgrade rastro");
}

int rs_schema_version_check(struct rs_pg *pg, struct rs_diag *diag)
{
    static const char ask[] = "SELECT coalesce(max(version), 0), coalesce((SELECT value::integer FROM rastro.settings "
                              "WHERE name = 'schema.least'), 0) FROM rastro.migrations";
    struct rs_pg_rows *rows;
    int version = 0;
    int err = rs_pg_run(pg, ask, NULL, &rows, diag);
    if (!err) return check_versions(pg, (int)rs_pg_get_int(rows, 0, 0), (int)rs_pg_get_int(rows, 0, 1), diag);
    /* One of the tables is not there yet. */
    if (strcmp(rs_pg_sqlstate(pg), "42P01")) return err;
    err = rs_schema_version(pg, &version, diag);
    return err ? err : check_versions(pg, version, 0, diag);
}

int rs_schema_writer_check(struct rs_pg *pg, struct rs_diag *diag)
{
    static const char ask[] = "SELECT has_table_privilege('rastro.event_rows', 'INSERT'), current_user::text";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, ask, NULL, &rows, diag);
    if (err || rs_pg_get_int(rows, 0, 0)) return err;
    return rs_fail(diag, RS_E_CONFIG, "postgresql %s: %.*s may not write; this needs rastro_writer", rs_pg_where(pg),
                   RS_FMT(rs_pg_get_str(rows, 0, 1)));
}

static int check_owner(struct rs_pg *pg, struct rs_diag *diag)
{
    static const char ask[] = "SELECT has_database_privilege(current_database(), 'CREATE'), current_user::text";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, ask, NULL, &rows, diag);
    if (err || rs_pg_get_int(rows, 0, 0)) return err;
    rs_fail(diag, RS_E_CONFIG, "postgresql %s: permission denied: %.*s may not create a schema", rs_pg_where(pg),
            RS_FMT(rs_pg_get_str(rows, 0, 1)));
    return rs_fail_next(diag, "migrate as the owner of the database");
}

static struct rs_str checksum(const struct rs_migration *m, uint8_t sha[RS_SHA256_LEN])
{
    rs_sha256(m->sql, strlen(m->sql), sha);
    return (struct rs_str){(const char *)sha, RS_SHA256_LEN};
}

/* What was applied must be what we have under the same version. */
static int check_applied(struct rs_pg *pg, int *ret_version, struct rs_diag *diag)
{
    static const char ask[] = "SELECT version, checksum, name FROM rastro.migrations ORDER BY version";
    struct rs_pg_rows *rows;
    int err = rs_pg_run(pg, ask, NULL, &rows, diag);
    if (err) return err;
    const struct rs_migration *m = rs_migrations;
    for (int r = 0; r < rs_pg_count(rows); r++) {
        int version = (int)rs_pg_get_int(rows, r, 0);
        *ret_version = version;
        if (!m->version) continue; /* a newer release was here */
        uint8_t sha[RS_SHA256_LEN];
        if (version != m->version || !rs_str_eq(checksum(m, sha), rs_pg_get_str(rows, r, 1))) {
            rs_fail(diag, RS_E_CONFIG, "postgresql %s: its migration %d (%.*s) is not the one of this release",
                    rs_pg_where(pg), version, RS_FMT(rs_pg_get_str(rows, r, 2)));
            return rs_fail_next(diag, "run the release that made it; an applied migration is never edited");
        }
        m++;
    }
    return RS_OK;
}

static int apply(struct rs_pg *pg, const struct rs_migration *m, struct rs_diag *diag)
{
    static const char note[] = "INSERT INTO rastro.migrations (version, name, checksum) VALUES ($1, $2, $3)";
    struct rs_pg_params params = {0};
    uint8_t sha[RS_SHA256_LEN];
    int err = rs_pg_script(pg, "BEGIN", diag);
    if (!err) err = rs_pg_script(pg, m->sql, diag);
    if (!err) {
        rs_pg_int4(&params, m->version);
        rs_pg_text(&params, rs_str_of(m->name));
        rs_pg_bytea(&params, checksum(m, sha));
        err = rs_pg_run(pg, note, &params, NULL, diag);
        rs_pg_params_free(&params);
    }
    if (!err) return rs_pg_commit(pg, diag);
    struct rs_diag ignored;
    rs_pg_script(pg, "ROLLBACK", &ignored);
    rs_diag_prefix(diag, "migration %s", m->name);
    return err;
}

/* Ids never change; an older release's list does not take back a newer one's. */
static int put_statuses(struct rs_pg *pg, const struct rs_catalog *catalog, struct rs_diag *diag)
{
    static const char put[] =
        "WITH version AS (INSERT INTO rastro.settings AS s (name, value) VALUES ('statuses', $7::text) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE s.value::int <= excluded.value::int "
        "RETURNING 1) "
        "INSERT INTO rastro.statuses (status, rank, stage, detail, moves, ends, label) "
        "SELECT w.* FROM unnest($1::smallint[], $2::smallint[], $3::text[], $4::text[], $5::bool[], $6::bool[], "
        "$8::text[]) w, version ON CONFLICT (status) DO UPDATE SET rank = excluded.rank, stage = excluded.stage, "
        "detail = excluded.detail, moves = excluded.moves, ends = excluded.ends, label = excluded.label";
    struct rs_pg_params params = {0};
    char version[16];
    snprintf(version, sizeof version, "%u", catalog->status_version);
#define EACH(element, put_one)                             \
    rs_pg_array_open(&params, element);                    \
    for (uint32_t i = 0; i < catalog->status_count; i++) { \
        const struct rs_status *s = &catalog->status[i];   \
        put_one;                                           \
    }                                                      \
    rs_pg_array_close(&params)
    EACH(RS_PG_INT2, rs_pg_array_int2(&params, (int16_t)s->id));
    EACH(RS_PG_INT2, rs_pg_array_int2(&params, (int16_t)s->rank));
    EACH(RS_PG_TEXT, rs_pg_array_bytes(&params, s->stage.p, s->stage.n));
    EACH(RS_PG_TEXT, rs_pg_array_bytes(&params, s->detail.p, s->detail.n));
    EACH(RS_PG_BOOL, rs_pg_array_bytes(&params, &(char){s->moves}, 1));
    EACH(RS_PG_BOOL, rs_pg_array_bytes(&params, &(char){s->ends}, 1));
    rs_pg_text(&params, rs_str_of(version));
    EACH(RS_PG_TEXT, rs_pg_array_bytes(&params, s->label.p, s->label.n));
#undef EACH
    int err = rs_pg_run(pg, put, &params, NULL, diag);
    rs_pg_params_free(&params);
    return err;
}

int rs_migrate(struct rs_pg *pg, const struct rs_catalog *catalog, bool dry_run,
               void (*say)(void *self, const char *line), void *self, struct rs_diag *diag)
{
    static const char begin[] =
        "SELECT pg_advisory_lock(hashtext('rastro.migrate')); CREATE SCHEMA IF NOT EXISTS rastro; "
        "CREATE TABLE IF NOT EXISTS rastro.migrations (version integer PRIMARY KEY, name text NOT NULL, "
        "checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
    char line[200];
    int version = 0, from;
    int err = dry_run ? rs_schema_version(pg, &version, diag) : check_owner(pg, diag);
    if (!err && !dry_run) err = rs_pg_script(pg, begin, diag);
    if (!err && (!dry_run || version)) err = check_applied(pg, &version, diag);
    if (!err && version > rs_schema_version_max()) err = rs_schema_version_check(pg, diag);
    from = version;
    for (const struct rs_migration *m = rs_migrations; !err && m->version; m++) {
        if (m->version <= version) continue;
        snprintf(line, sizeof line, "%s %s", dry_run ? "would apply" : "apply", m->name);
        say(self, line);
        if (!dry_run) err = apply(pg, m, diag);
        from = m->version;
    }
    if (!err && !dry_run) err = put_statuses(pg, catalog, diag);
    if (err) return err;
    snprintf(line, sizeof line, "schema %d -> %d%s", version, from, dry_run ? " (dry run)" : "");
    say(self, line);
    return RS_OK;
}

int rs_profiles_check(struct rs_pg *pg, const struct rs_profiles *profiles, bool note, struct rs_diag *diag)
{
    static const char look[] = "SELECT digest FROM rastro.profiles WHERE source = $1 AND identity = $2";
    static const char keep[] =
        "INSERT INTO rastro.profiles (source, identity, digest) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    struct rs_pg_params params = {0};
    int err = note ? rs_schema_writer_check(pg, diag) : RS_OK;
    for (uint32_t i = 0; !err && i < profiles->count; i++) {
        const struct rs_profile *profile = profiles->profile[i];
        struct rs_key digest = rs_profile_identity_digest(profile);
        struct rs_pg_rows *rows;
        rs_pg_text(&params, rs_profile_source(profile));
        rs_pg_int2(&params, (int16_t)rs_profile_identity(profile));
        if ((err = rs_pg_run(pg, look, &params, &rows, diag))) break;
        if (rs_pg_count(rows) && !rs_key_eq(rs_pg_get_key(rows, 0, 0), digest)) {
            rs_fail(diag, RS_E_CONFIG, "%s: the identity section changed, but its version is still %u",
                    rs_profile_file(profile), rs_profile_identity(profile));
            err = rs_fail_next(diag, "raise identity.version, so that old readings are superseded and not doubled");
        } else if (!rs_pg_count(rows) && note) {
            rs_pg_text(&params, rs_profile_source(profile));
            rs_pg_int2(&params, (int16_t)rs_profile_identity(profile));
            rs_pg_uuid(&params, digest);
            err = rs_pg_run(pg, keep, &params, NULL, diag);
        }
    }
    rs_pg_params_free(&params);
    return err;
}
