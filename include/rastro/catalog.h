/* catalog.h - the shared vocabularies: canonical statuses, carriers, countries.
 *
 * Read once from schema/status.json, schema/carriers.json and
 * schema/countries.json, then only read; safe from every thread.
 */
#ifndef RASTRO_CATALOG_H
#define RASTRO_CATALOG_H

#include "rastro/arena.h"
#include "rastro/error.h"
#include "rastro/str.h"
#include "rastro/strmap.h"
#include "rastro/zone.h"

/* A canonical status: a stage, and mostly a detail.  Its place in the file is
 * its rank in the total order of events; `id` is what PostgreSQL stores and
 * never changes. */
struct rs_status {
    struct rs_str name; /* "transit.arrived" */
    struct rs_str stage, detail, label;
    uint16_t id, rank;
    bool moves; /* a scan with it moves the parcel's status */
    bool ends;  /* the journey is over, unless more comes */
};

struct rs_carrier {
    struct rs_str id, name, country, page; /* page: a link with {number} in it, or empty */
    bool untracked;                        /* it gives no tracking: silence says nothing */
};

struct rs_country {
    struct rs_str iso2, iso3, name, zone; /* zone: of all or nearly all of it, or empty */
};

struct rs_catalog {
    struct rs_arena *arena; /* owns every string below */

    uint32_t status_version; /* of the list */
    struct rs_status *status;
    uint32_t status_count;
    struct rs_strmap status_by_name; /* -> index, which is the rank */

    struct rs_carrier *carrier;
    uint32_t carrier_count;
    struct rs_strmap carrier_by_id;    /* -> index */
    struct rs_strmap carrier_by_alias; /* "source\x1falias" -> index */

    struct rs_country *country;
    uint32_t country_count;
    struct rs_strmap country_by_word; /* iso2, iso3, lower-case name -> index */
    struct rs_strmap zone_by_region;  /* "BR\x1fAM" -> index into region_zone */
    struct rs_str *region_zone;
};

void rs_catalog_init(struct rs_catalog *catalog);
void rs_catalog_free(struct rs_catalog *catalog);

/* Each reads one file's text; `file` is its name for errors, which carry line
 * and column. */
int rs_catalog_read_statuses(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag);
int rs_catalog_read_carriers(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag);
int rs_catalog_read_countries(struct rs_catalog *catalog, const char *file, struct rs_str text, struct rs_diag *diag);

/* NULL when unknown. */
const struct rs_status *rs_status_named(const struct rs_catalog *catalog, struct rs_str name);
const struct rs_status *rs_status_numbered(const struct rs_catalog *catalog, int64_t id); /* as PostgreSQL has it */
const struct rs_carrier *rs_carrier_named(const struct rs_catalog *catalog, struct rs_str id);

/* The carrier that `source` calls `alias`: by the source's aliases, then by our
 * own id. */
const struct rs_carrier *rs_carrier_of(const struct rs_catalog *catalog, struct rs_str source, struct rs_str alias);

/* By ISO 3166 alpha-2, alpha-3 or English name, in any case. */
const struct rs_country *rs_country_of(const struct rs_catalog *catalog, struct rs_str word);

/* IANA name of the zone of a region of a country, or of the whole country;
 * empty when the country has several and the region does not tell. */
struct rs_str rs_zone_of_place(const struct rs_catalog *catalog, const struct rs_country *country,
                               struct rs_str region);

#endif
