/* world.h - what there is: canonical statuses, carriers, places, and the things
 * that can happen to a parcel.  The feed's own tables; nothing is read from the
 * pipeline's.
 */
#ifndef FEED_WORLD_H
#define FEED_WORLD_H

#include "calendar.h"
#include "random.h"

/* ---- canonical statuses ------------------------------------------------------------ */

/* X(id, stage, detail, moves), in the order of their rank. */
#define STATUSES(X)                                       \
    X(UNMAPPED, "unknown", "unmapped", false)             \
    X(NO_DATA, "unknown", "no_data", false)               \
    X(BAD_NUMBER, "unknown", "bad_number", false)         \
    X(SOURCE_EXPIRED, "unknown", "source_expired", false) \
    X(RECEIVED, "info", "received", true)                 \
    X(ACCEPTED, "accepted", "scan", true)                 \
    X(MOVING, "transit", "moving", true)                  \
    X(ARRIVED, "transit", "arrived", true)                \
    X(DEPARTED, "transit", "departed", true)              \
    X(DEST_ARRIVED, "transit", "dest_arrived", true)      \
    X(HANDED_OVER, "transit", "handed_over", true)        \
    X(CUSTOMS_STARTED, "customs", "started", true)        \
    X(INFO_NEEDED, "customs", "info_needed", true)        \
    X(CUSTOMS_HELD, "customs", "held", true)              \
    X(CUSTOMS_RELEASED, "customs", "released", true)      \
    X(OUT, "delivery", "out", true)                       \
    X(ATTEMPT, "attempt", "generic", true)                \
    X(ABSENT, "attempt", "absent", true)                  \
    X(BAD_ADDRESS, "attempt", "bad_address", true)        \
    X(PICKUP, "pickup", "ready", true)                    \
    X(DELAYED, "exception", "delayed", true)              \
    X(DAMAGED, "exception", "damaged", true)              \
    X(LOST, "exception", "lost", true)                    \
    X(RETURNING, "returning", "", true)                   \
    X(RETURNED, "returned", "", true)                     \
    X(DELIVERED, "delivered", "other", true)              \
    X(COLLECTED, "delivered", "collected", true)

enum status {
#define X(id, stage, detail, moves) ST_##id,
    STATUSES(X)
#undef X
        STATUS_COUNT
};

struct status_info {
    const char *stage, *detail;
    bool moves;
};

const struct status_info *status_at(int status);
bool same_stage(int a, int b);

/* ---- what happens -------------------------------------------------------------------- */

enum act {
    ACT_ANNOUNCED,
    ACT_ACCEPTED,
    ACT_MOVING,
    ACT_ARRIVED,
    ACT_DEPARTED,
    ACT_DEST_ARRIVED,
    ACT_HANDED_OVER,
    ACT_CUSTOMS,
    ACT_INFO_NEEDED,
    ACT_HELD,
    ACT_RELEASED,
    ACT_OUT,
    ACT_ABSENT,
    ACT_BAD_ADDRESS,
    ACT_PICKUP,
    ACT_DELAYED,
    ACT_DAMAGED,
    ACT_LOST,
    ACT_RETURNING,
    ACT_RETURNED,
    ACT_DELIVERED,
    ACT_COLLECTED,
    ACT_ODD, /* something that only this source has a code for */
    ACTS
};

/* ---- places ---------------------------------------------------------------------------- */

enum country { CN, BR, DE, FR, PT, ES, US, COUNTRIES };

struct country_info {
    const char *iso2, *iso3, *name;
};

struct place {
    uint8_t country, zone;
    const char *region, *city, *upper; /* upper: as Correios and USPS write it */
    const char *name;                  /* of the hub, in its language */
    const char *postcode;
};

const struct country_info *country_at(int country);
const struct place *place_at(int place);
/* A place of a country that is a gateway to abroad, or any. */
int some_gateway(int country, struct dice *dice);
int some_place(int country, struct dice *dice);

/* ---- carriers ---------------------------------------------------------------------------- */

enum carrier {
    CARRIER_CHINA_POST,
    CARRIER_CAINIAO,
    CARRIER_CORREIOS,
    CARRIER_DHL_PAKET,
    CARRIER_LA_POSTE,
    CARRIER_USPS,
    CARRIER_YANWEN,
    CARRIER_YUNEXPRESS,
    CARRIER_NOBODY, /* one that no list of carriers has */
    CARRIERS
};

struct carrier_info {
    const char *id;        /* "" for nobody */
    const char *seventeen; /* what 17TRACK calls it */
    const char *aftership; /* what AfterShip calls it */
};

const struct carrier_info *carrier_at(int carrier);

/* ---- numbers ------------------------------------------------------------------------------- */

#define NUMBER_ROOM 32

/* The check digit of an S10 number, from its eight digits. */
int s10_digit(const char *digits);

/* RB123456785CN; with `spoil` the digit is a wrong one. */
void make_s10(char out[NUMBER_ROOM], const char *service, uint32_t serial, const char *country, bool spoil);

/* What a carrier gives to parcel `serial` of its own scheme. */
void make_own(char out[NUMBER_ROOM], int carrier, uint64_t serial);

#endif
