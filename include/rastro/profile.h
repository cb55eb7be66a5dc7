/* profile.h - how to read a source's messages, as data.
 *
 * A profile is a JSON file under schema/sources/, described in its README and
 * checked by schema/source.schema.json.  Compiling it at start gives a flat
 * program: tries of paths, lists of patterns, maps of codes.  Compiled profiles
 * are only read and are safe from every thread.
 *
 * Two versions, apart: `identity` covers everything that enters an event's keys
 * (shapes, numbers, times, zones, code or text, place, spellings of missing),
 * `meaning` everything that can change without making another event of it
 * (canonical statuses, planned and synthetic scans, facts about the parcel).
 */
#ifndef RASTRO_PROFILE_H
#define RASTRO_PROFILE_H

#include "rastro/catalog.h"
#include "rastro/hash.h"
#include "rastro/json.h"
#include "rastro/zone.h"

struct rs_profile;

/* Compile one file.  Errors are RS_E_CONFIG with "file:line:column: what". */
int rs_profile_compile(const struct rs_catalog *catalog, struct rs_zones *zones, const char *file, struct rs_str text,
                       struct rs_profile **ret, struct rs_diag *diag);
void rs_profile_free(struct rs_profile *profile); /* NULL is fine */

struct rs_str rs_profile_source(const struct rs_profile *profile);
struct rs_str rs_profile_title(const struct rs_profile *profile);
const char *rs_profile_file(const struct rs_profile *profile);
uint32_t rs_profile_identity(const struct rs_profile *profile);
uint32_t rs_profile_meaning(const struct rs_profile *profile);

/* Whether some of its messages carry a full history. */
bool rs_profile_tells_histories(const struct rs_profile *profile);
/* Whether some of its events may be said_apart, see rs_event. */
bool rs_profile_may_set_apart(const struct rs_profile *profile);

/* SHA-256 cut to 128 bits over the identity section without white space; a
 * changed digest under an unchanged version is a mistake that `check` finds. */
struct rs_key rs_profile_identity_digest(const struct rs_profile *profile);

/* The profile's example message, or empty: our own wording in the source's
 * shape.  Also the dictionary with which raw bytes are compressed. */
struct rs_str rs_profile_example(const struct rs_profile *profile);

/* Profiles of one process, ordered by source name. */
struct rs_profiles {
    struct rs_profile **profile;
    uint32_t count;
};

/* Adds and takes ownership; two profiles of one source are refused. */
int rs_profiles_add(struct rs_profiles *profiles, struct rs_profile *profile, struct rs_diag *diag);
void rs_profiles_free(struct rs_profiles *profiles);
const struct rs_profile *rs_profiles_find(const struct rs_profiles *profiles, struct rs_str source);

#endif
