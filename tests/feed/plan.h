/* plan.h - everything that is ever said about one shipment, decided beforehand.
 *
 * A plan is a function of the options and the shipment's number alone.  So it
 * can be made anew for each of its messages, and need not be kept for the weeks
 * that the shipment is under way.
 *
 * Words: a *scan* is what happened.  A *telling* is one source's account of one
 * number.  A *line* is one version of an event in it, and says in which of the
 * telling's *polls* (messages) it stands.  A correction is two lines of one
 * scan in different polls; a withdrawal a line that the later polls lack.
 */
#ifndef FEED_PLAN_H
#define FEED_PLAN_H

#include "options.h"
#include "world.h"

#define SCANS_MAX 32
#define LINES_MAX 48
#define POLLS_MAX 32 /* bits of line.told */
#define TELLINGS_MAX 4
#define UPDATES_MAX 4
#define MESSAGES_MAX 240
#define NEVER INT64_MAX

/* ---- what happened ---------------------------------------------------------------- */

struct scan {
    int64_t at; /* seconds, UTC */
    uint8_t act, place;
    uint8_t leg; /* 0: before the hand-over, 1: behind it */
};

/* ---- what is told ------------------------------------------------------------------ */

enum flaw {
    FLAW_NONE,
    /* used, with a mark */
    FLAW_NUL,
    FLAW_LONG,
    FLAW_FUTURE,
    /* quarantined */
    FLAW_TIME_WORD,
    FLAW_TIME_IMPOSSIBLE,
    FLAW_TIME_OLD,
    FLAW_TIME_FAR,
    FLAW_TIME_MISSING,
    FLAW_NO_WORDS,
    FLAW_TWICE,
    FLAW_NO_OBJECT,
    FLAWS
};

static inline bool flaw_is_bad(int flaw)
{
    return flaw >= FLAW_TIME_WORD;
}

struct line {
    int64_t at;    /* when it happened, as this version says */
    uint32_t told; /* bit p: it stands in poll p */
    uint8_t kind;  /* s scan, p planned, r reported */
    uint8_t act;   /* gives the code */
    uint8_t words; /* the act that gives the text */
    uint8_t place;
    uint8_t clock; /* how the source spells its time */
    uint8_t edit;  /* which wording of the text */
    uint8_t flaw;
    uint8_t status; /* of a reported one: its index in the source's list */
    bool varies;    /* spelled in more than one way, in turn */
    bool stays;     /* told behind every whole history, which so cannot lack it */
    int16_t sequence;
    int8_t poll; /* of a reported one: its poll */
};

struct poll {
    int64_t at; /* when the source looked: its update time, seconds */
    int64_t published_ms;
    bool full;          /* the whole history */
    bool sent;          /* false: dropped from the plan */
    uint8_t form;       /* which of the source's envelopes */
    uint8_t odd_status; /* 1 + index in the source's list: not that of the newest scan */
    uint64_t salt;      /* for the choices of spelling */
};

struct telling {
    uint8_t source; /* enum source_id */
    uint8_t number; /* which of the plan's */
    uint8_t carrier;
    uint8_t role;     /* of the topic it goes to */
    const char *feed; /* rastro's own format: who feeds */
    char issuer[40];  /* "" for a valid S10 number */
    int8_t link_from; /* poll from which the other number is told, or -1 */
    int8_t newest;    /* the snapshot that decides, or -1 */
    int8_t stop;      /* the poll that says that there will be no more, or -1 */
    bool alone;       /* no other source tells this parcel */
    uint8_t polls, lines;
    struct poll *poll;
    struct line *line;
};

/* ---- the order's side ------------------------------------------------------------------ */

struct update {
    int64_t at; /* seconds */
    int64_t published_ms;
    bool cancelled;
    uint8_t numbers; /* bits: which of the plan's numbers it names */
    int32_t promised_days;
    uint64_t salt;
};

/* ---- messages --------------------------------------------------------------------------- */

enum message_kind { MESSAGE_ORDER, MESSAGE_TELLING, MESSAGE_HOSTILE };

enum role { ROLE_ORDERS, ROLE_SCANS, ROLE_POSTS, ROLES };

struct message {
    int64_t slot_ms;  /* its place among the messages of its partition */
    int64_t stamp_ms; /* Kafka's time */
    uint8_t kind, role, partition;
    uint8_t index; /* of the update or the hostile message, or the telling */
    uint8_t poll;
    bool copy; /* the same bytes came before */
    uint64_t salt;
};

struct plan {
    uint64_t seed;
    uint32_t shipment;
    uint32_t kept_bytes;         /* of a packed one */
    int64_t start, until;        /* seconds */
    uint8_t origin, destination; /* countries */
    int from_place, to_place;

    uint8_t numbers;
    char number[2][NUMBER_ROOM];
    uint8_t carrier[2];
    bool valid_s10[2], looks_s10[2];

    uint8_t scans; /* known while the plan is made */
    struct scan *scan;

    bool paired; /* both numbers in one message */
    bool stray;  /* its messages go to any partition */
    bool steady; /* one producer writes all its messages: white space and escapes do not change */
    uint8_t tellings;
    struct telling *telling;

    bool ordered;
    char marketplace[24], order[24];
    uint8_t updates;
    struct update update[UPDATES_MAX];

    uint16_t messages;
    struct message *message;
};

/* Room for the largest plan. */
struct plan_room {
    struct plan plan;
    struct scan scan[SCANS_MAX];
    struct telling telling[TELLINGS_MAX];
    struct poll poll[TELLINGS_MAX][POLLS_MAX];
    struct line line[TELLINGS_MAX][LINES_MAX];
    struct message message[MESSAGES_MAX];
};

/* The plan of shipment number `shipment`, of `shipments` in all; it lives in
 * the room until that is used again. */
const struct plan *plan_make(struct plan_room *room, const struct options *options, uint32_t shipment,
                             uint32_t shipments);

/* A copy of the size that it needs, without its scans; free() takes it back. */
struct plan *plan_pack(const struct plan *plan, size_t *ret_bytes);

/* When the first message of a shipment or of any later one may come, in ms. */
int64_t plan_earliest_ms(const struct options *options, uint32_t shipment, uint32_t shipments);

/* ---- life.c: what happens to a parcel --------------------------------------------------- */

enum lane { LANE_CN_BR, LANE_CN_BR_HANDED, LANE_CN_EU, LANE_CN_EU_HANDED, LANE_BR, LANE_US, LANE_DE, LANES };

/* Scans, places and countries. */
void life_make(struct plan *plan, const struct options *options, enum lane lane, struct dice *dice);

/* ---- telling.c: what a source says of it ------------------------------------------------- */

/* Lines and polls of a telling whose source, number and role are set. */
void telling_make(struct plan *plan, struct telling *telling, const struct options *options, struct dice *dice);

/* The polls of both tellings are the same messages. */
void telling_pair(struct plan *plan, const struct options *options, struct dice *dice);

/* The message's body. */
void body_make(const struct plan *plan, const struct message *message, struct text *ret);

#endif
