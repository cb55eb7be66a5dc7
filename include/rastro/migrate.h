/* migrate.h - the database's schema, version by version.
 *
 * Migrations are the files of schema/migrations, built into the program; each
 * is applied once, in order, in a transaction of its own, under a lock that
 * only one migration of a database holds.  They only go forward, and expand
 * before they contract, so that members of two releases can run side by side.
 */
#ifndef RASTRO_MIGRATE_H
#define RASTRO_MIGRATE_H

#include "rastro/catalog.h"
#include "rastro/pg.h"
#include "rastro/profile.h"

/* The versions that this release works with. */
#define RS_SCHEMA_VERSION_MIN 18

struct rs_migration {
    int version;
    const char *name; /* the file's, without .sql */
    const char *sql;
};

/* Ends with version 0. */
extern const struct rs_migration rs_migrations[];
int rs_schema_version_max(void);

/* RS_E_CONFIG when the database is older or newer than this release accepts. */
int rs_schema_version_check(struct rs_pg *pg, struct rs_diag *diag);

/* RS_E_CONFIG when this session's role may not write events.  PostgreSQL would
 * say so only later, and of a role that reads by default that the transaction is
 * read-only, as a server does that is to be waited for. */
int rs_schema_writer_check(struct rs_pg *pg, struct rs_diag *diag);

/* 0 when nothing was ever migrated. */
int rs_schema_version(struct rs_pg *pg, int *ret, struct rs_diag *diag);

/* Applies what is missing and brings the statuses up to date; `say` is called
 * with a line for each step.  With `dry_run`, only says. */
int rs_migrate(struct rs_pg *pg, const struct rs_catalog *catalog, bool dry_run,
               void (*say)(void *self, const char *line), void *self, struct rs_diag *diag);

/* Compares each profile's identity digest with the one under which events were
 * read here before: the same version with other rules would make old scans come
 * again as new, so it is RS_E_CONFIG.  With `note`, unknown versions are kept. */
int rs_profiles_check(struct rs_pg *pg, const struct rs_profiles *profiles, bool note, struct rs_diag *diag);

#endif
