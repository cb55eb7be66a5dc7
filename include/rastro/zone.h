/* zone.h - time zones, from the machine's IANA data.
 *
 * A zone is looked up once and kept; converting takes no lock.  All functions
 * are safe from any thread.  The release of the data is part of what makes a
 * reading reproducible, so it is a number here.
 */
#ifndef RASTRO_ZONE_H
#define RASTRO_ZONE_H

#ifndef __cplusplus
#include "rastro/error.h"
#endif
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
struct rs_diag;
#endif

struct rs_zones;
struct rs_zone;

/* What a naive local time means in a zone. */
enum rs_zone_fit {
    RS_ZONE_UNIQUE,
    RS_ZONE_SKIPPED,  /* the clock was put forward over it: read as if it had not been */
    RS_ZONE_REPEATED, /* it came twice: the earlier one is taken */
};

/* Reads the names and the release; zones themselves are read when first asked
 * for.  RS_E_CONFIG when the machine has no IANA data. */
int rs_zones_open(struct rs_zones **ret, struct rs_diag *diag);
void rs_zones_free(struct rs_zones *zones); /* NULL is fine */

/* Release such as 2025b as 202502, and as text. */
uint32_t rs_zones_release(const struct rs_zones *zones);
const char *rs_zones_release_text(const struct rs_zones *zones);

/* By IANA name, n bytes; NULL when there is no such zone. */
const struct rs_zone *rs_zones_find(struct rs_zones *zones, const char *name, uint32_t n);
const char *rs_zone_name(const struct rs_zone *zone);

/* A local time, as seconds since 1970-01-01T00:00 on that clock, to UTC. */
int64_t rs_zone_to_utc(const struct rs_zone *zone, int64_t local_s, enum rs_zone_fit *ret_fit);

/* Seconds east of UTC at an instant. */
int32_t rs_zone_offset(const struct rs_zone *zone, int64_t utc_s);

#ifdef __cplusplus
}
#endif

#endif
