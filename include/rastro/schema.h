/* schema.h - the files under schema/, read at start.
 *
 * The folder is --schema, else share/rastro beside the program's bin, else the
 * source tree that the program was built from.
 */
#ifndef RASTRO_SCHEMA_H
#define RASTRO_SCHEMA_H

#include "rastro/calendar.h"
#include "rastro/catalog.h"
#include "rastro/profile.h"
#include "rastro/rules.h"
#include "rastro/zone.h"

struct rs_schema {
    struct rs_catalog catalog;
    struct rs_zones *zones;
    struct rs_calendars calendars;
    struct rs_profiles profiles;
    char *dir; /* the folder */
};

/* `dir` NULL or "": find it.  RS_E_CONFIG with file, line and column. */
int rs_schema_open(struct rs_schema *schema, const char *dir, struct rs_diag *diag);
void rs_schema_close(struct rs_schema *schema); /* of what is zero, too */

/* The stall rules of `file`, or where it is "" those of the folder.  They stand
 * apart, because they may be read again while members run. */
int rs_schema_read_rules(const struct rs_schema *schema, const char *file, struct rs_rules **ret, struct rs_diag *diag);

#endif
