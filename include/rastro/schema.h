/* schema.h - the files under schema/, read at start.
 *
 * The folder is --schema, else share/rastro beside the program's bin, else the
 * source tree that the program was built from.
 */
#ifndef RASTRO_SCHEMA_H
#define RASTRO_SCHEMA_H

#include "rastro/catalog.h"
#include "rastro/profile.h"
#include "rastro/zone.h"

struct rs_schema {
    struct rs_catalog catalog;
    struct rs_zones *zones;
    struct rs_profiles profiles;
};

/* `dir` NULL or "": find it.  RS_E_CONFIG with file, line and column. */
int rs_schema_open(struct rs_schema *schema, const char *dir, struct rs_diag *diag);
void rs_schema_close(struct rs_schema *schema);

#endif
