/* sink_private.h - a batch on its way into PostgreSQL. */
#ifndef RASTRO_PG_SINK_PRIVATE_H
#define RASTRO_PG_SINK_PRIVATE_H

#include "rastro/raw.h"
#include "rastro/sink.h"
#include "rastro/strmap.h"
#include "rastro/track.h"

#define RS_ID_BLOCK 1024

/* A parcel of the batch. */
struct rs_work_parcel {
    struct rs_parcel_key key;
    enum rs_s10 s10;
    int64_t id;
    bool exists;         /* its row was there before this batch */
    bool added;          /* its row was inserted by this transaction */
    int32_t status;      /* stored hint, or -1 */
    uint32_t ref, ref_n; /* its references, in the messages' order */
    struct rs_parcel_state state;
    struct rs_track_counts sum; /* over its reports */
};

/* A report or an order that speaks of a parcel. */
struct rs_work_ref {
    const struct rs_parcel_key *key;
    enum rs_s10 s10;
    uint32_t message;
    const struct rs_report *report; /* NULL: a shipment */
};

/* Facts that changed. */
struct rs_work_facts {
    uint32_t parcel;
    int32_t source, rev;
    uint32_t message;
    const struct rs_facts *facts;
};

/* A row for the event table. */
struct rs_work_event {
    int64_t parcel_id;
    const struct rs_known *known;
    bool refused; /* by PostgreSQL; it goes to quarantine */
    bool first;   /* of its message: carries the message's SHA-256 */
};

/* A repeat, with --raw all. */
struct rs_work_wording {
    uint32_t parcel;
    const struct rs_event *event;
    uint32_t message;
};

/* An unusable event. */
struct rs_work_reject {
    int64_t parcel_id;
    int32_t source;
    struct rs_str reason, path, raw;
    uint8_t sha[RS_SHA256_LEN];
    uint32_t message; /* the first that had it */
    uint32_t last;    /* the last */
    int64_t count;
};

/* Everything of one attempt; lives in `arena`, which is reset before each. */
struct rs_work {
    struct rs_arena *arena;
    struct rs_batch *batch;
    uint32_t from, to; /* the messages of this transaction */
    int32_t *source;   /* number of each message's source, by index - from */
    struct rs_work_ref *ref;
    uint32_t ref_n;
    struct rs_work_parcel *parcel;
    uint32_t parcel_n;
    struct rs_work_event *event;
    uint32_t event_n;
    struct rs_work_facts *facts;
    uint32_t facts_n;
    struct rs_work_wording *wording;
    uint32_t wording_n;
    struct rs_work_reject *reject;
    uint32_t reject_n, reject_room;
    uint32_t refused;       /* events that PostgreSQL refused */
    uint32_t first_refused; /* the message of one of them */
    bool refused_too_many;
    struct rs_sink_counts counts;
};

/* A number for a name, as the database gives it. */
struct rs_ids {
    struct rs_strmap map;
    struct rs_arena *arena;
};

struct rs_sink {
    struct rs_sink_options options;
    struct rs_pg *pg;
    struct rs_pg_params params;
    struct rs_arena *arena; /* of the attempt */
    struct rs_work work;
    struct rs_ids sources, topics;
    struct rs_strmap dictionary_by_source; /* -> index */
    struct rs_raw_dictionary dictionary[64];
    uint32_t dictionary_n;
    struct rs_raw_coder *coder;
    struct rs_buf rows, raw;
    int64_t next_id, last_id; /* of the current block */

    /* whose history this is, rule D2 */
    bool proved;
    struct rs_key proof;
    int64_t system_id, timeline;

    struct rs_partitions {
        struct rs_partition **list;
        uint32_t n, room;
    } owned, lost; /* lost: not yet fetched by rs_sink_lost */
};

/* The first pause before another try; rs_sink_pause lets it grow. */
#define RS_SINK_PAUSE_MIN_US 10000

/* ---- sink_session.c: sessions and claims */
/* Growing pauses with some chance in them; false when a stop cut one short. */
bool rs_sink_pause(struct rs_sink *sink, int64_t *pause_us);
/* After each connection: is it a primary, and the database that we know? */
int rs_sink_settle_in(struct rs_sink *sink, struct rs_diag *diag);
/* Connects until it works and claims every partition of ours again; those that
 * have another owner by now are lost. */
int rs_sink_come_back(struct rs_sink *sink, struct rs_diag *diag);
/* Nothing of the partition may be written any more. */
void rs_sink_lose(struct rs_sink *sink, struct rs_partition *partition);
/* Those of the batch's partitions that are not where the batch starts, or not ours. */
int rs_sink_find_lost(struct rs_sink *sink, const struct rs_batch *batch, uint32_t *ret_lost, struct rs_diag *diag);
/* Ends the members' sessions that hang in a transaction. */
int rs_sink_end_hung(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_ids.c: numbers, blocks, dictionaries; each outside of a batch's transaction */
int rs_sink_source_id(struct rs_sink *sink, struct rs_str name, int32_t *ret, struct rs_diag *diag);
int rs_sink_topic_id(struct rs_sink *sink, struct rs_str name, int32_t *ret, struct rs_diag *diag);
int rs_sink_dictionary(struct rs_sink *sink, const struct rs_profile *profile, struct rs_diag *diag);
const struct rs_raw_dictionary *rs_sink_dictionary_of(const struct rs_sink *sink, const struct rs_profile *profile);
int rs_sink_take_id(struct rs_sink *sink, int64_t *ret, struct rs_diag *diag);
void rs_sink_forget_ids(struct rs_sink *sink);

/* ---- sink_parcels.c: which parcels, their rows and what is known of them */
int rs_work_gather(struct rs_sink *sink, struct rs_diag *diag);
int rs_work_find_parcels(struct rs_sink *sink, struct rs_diag *diag);
int rs_work_parcels(struct rs_sink *sink, struct rs_diag *diag);
int rs_work_status(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_load.c */
int rs_work_lock_views(struct rs_sink *sink, struct rs_diag *diag);
int rs_work_load_events(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_decide.c */
void rs_work_decide(struct rs_sink *sink, struct rs_work_parcel *parcel);
void rs_work_collect(struct rs_sink *sink);

/* ---- sink_events.c */
extern const char rs_sink_temporary[]; /* makes the session's temporary table */
int rs_work_events(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_rest.c: everything behind the events, in the fixed order */
int rs_work_rest(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_quarantine.c */
void rs_work_reject(struct rs_sink *sink, int64_t parcel_id, int32_t source, uint32_t message, struct rs_str reason,
                    struct rs_str path, struct rs_str raw);
int rs_work_quarantine(struct rs_sink *sink, struct rs_diag *diag);

static inline const struct rs_batch_message *rs_work_message(const struct rs_work *work, uint32_t i)
{
    return &work->batch->message[i];
}

static inline const struct rs_partition *rs_work_partition(const struct rs_work *work, uint32_t i)
{
    return work->batch->part[work->batch->message[i].part].partition;
}

#endif
