/* sink_private.h - a batch on its way into PostgreSQL. */
#ifndef RASTRO_PG_SINK_PRIVATE_H
#define RASTRO_PG_SINK_PRIVATE_H

#include "rastro/mailbox.h"
#include "rastro/prefetch.h"
#include "rastro/quick.h"
#include "rastro/raw.h"
#include "rastro/sink.h"
#include "rastro/strmap.h"
#include "rastro/track.h"

#define RS_ID_BLOCK 1024

/* How a parcel's part of the batch was decided. */
enum rs_work_way {
    RS_WAY_OPEN,  /* not yet */
    RS_WAY_QUICK, /* from the parcel table, or because nobody knows the parcel */
    RS_WAY_ROWS,  /* from its rows */
};

/* What becomes of a plan. */
enum rs_work_verdict {
    RS_VERDICT_PLAN,  /* written as it is planned */
    RS_VERDICT_LATER, /* the batch under way must be durable first */
    RS_VERDICT_SAFE,  /* the safe path */
};

/* A parcel of the batch. */
struct rs_work_parcel {
    struct rs_parcel_key key;
    struct rs_table_key name; /* the key's hash under the table's secret */
    enum rs_s10 s10;
    enum rs_work_way way;
    int64_t id;
    bool exists;         /* its row was there before this batch */
    bool added;          /* its row is inserted by this transaction */
    uint32_t ref, ref_n; /* its references, in the messages' order */
    int64_t told_us;     /* the earliest of them: Kafka's time of a report, an order's own of an order */
    bool earlier;        /* it may be the first that tells of the parcel */
    struct rs_quick quick;
    struct rs_table_ref base;       /* what the table had before the rows were read */
    struct rs_parcel_state state;   /* by ROWS: all that is known; by QUICK: what is new */
    struct rs_track_counts sum;     /* over its reports */
    int64_t before_us;              /* by QUICK: its newest scan before this batch, or RS_INSTANT_NONE, */
    const struct rs_status *before; /* before this batch, of RS_WAY_ROWS only where stages are told */
    bool before_ended;              /* and whether it was over then */
};

/* A report or an order that speaks of a parcel. */
struct rs_work_ref {
    const struct rs_parcel_key *key;
    enum rs_s10 s10;
    uint32_t message;
    const struct rs_report *report; /* NULL: a shipment */
    uint32_t parcel;                /* index in the work's parcels */
};

/* A link that the parcel may not have yet. */
struct rs_work_link {
    uint32_t parcel;
    int32_t source;
    uint32_t message;
    const struct rs_link *link;
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
    int32_t origin;       /* numbers, see sink_words.c */
    int32_t words, place; /* 0: stand in the row itself */
    int32_t shape;        /* of its bytes, or 0 */
    bool refused;         /* by PostgreSQL; it goes to quarantine */
    bool first;           /* of its message: carries the message's SHA-256 */
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

/* What the detector is to hear of a parcel, see sink_stalls.c. */
struct rs_entry {
    int64_t id;
    int16_t source;
    int32_t minute;
};

/* What a batch heard of a source. */
struct rs_heard {
    int16_t source;
    int32_t messages;
    int64_t from_us, to_us, gap_us;
};

/* Parcels that have candidates or open episodes, as far as is known, by their ids, and
 * the numbers of their journeys, by sums that are negative. */
struct rs_watch {
    int64_t *key; /* open addressing; 0: free */
    uint32_t n, mask;
    int64_t since; /* transactions from here on may not have been seen */
};

/* A batch on its way: how it is decided and what is written.  It belongs to the
 * sink's thread, except while it is handed to the runner. */
struct rs_work {
    struct rs_sink *sink;
    struct rs_pg *pg; /* of the statements: the sink's asking session, then its writing one */
    struct rs_arena *arena;
    struct rs_pg_params params;
    struct rs_buf rows, raw; /* the events' COPY, encoded ahead; one packed event */
    struct rs_buf more;      /* any other COPY, encoded when it is sent */
    struct rs_raw_coder *coder;

    /* of one attempt, in `arena`; rs_work_open starts it */
    struct rs_batch *batch;
    uint32_t from, to; /* the messages of this transaction */
    int32_t *source;   /* number of each message's source, by index - from */
    struct rs_work_ref *ref;
    uint32_t ref_n;
    struct rs_work_parcel *parcel;
    uint32_t parcel_n;
    uint32_t unusable; /* messages, and events of others, that decoding gave up */
    uint32_t *by_name; /* open addressing over parcels: index + 1, or 0 */
    uint32_t by_name_mask;
    uint32_t *fresh; /* parcels without a row, in the order of their key */
    uint32_t fresh_n;
    struct rs_work_event *event;
    uint32_t event_n;
    struct rs_work_facts *facts;
    uint32_t facts_n, facts_room;
    struct rs_work_link *link;
    uint32_t link_n, link_room;
    struct rs_work_wording *wording;
    uint32_t wording_n;
    struct rs_work_reject *reject;
    uint32_t reject_n, reject_room;
    bool *told; /* by parcel: facts, links or orders that are new */
    struct rs_entry *entry;
    uint32_t entry_n;
    struct rs_heard *heard;
    uint32_t heard_n;
    uint32_t *news; /* parcels of which something is new */
    uint32_t news_n;
    uint32_t refused;       /* events that PostgreSQL refused */
    uint32_t first_refused; /* the message of one of them */
    bool refused_too_many;
    bool planned;    /* from memory: written straight in, and proven by keys and versions */
    bool committing; /* COMMIT was sent, or about to be */
    int64_t epoch;   /* as the transaction read it */
    struct rs_key proof;
    struct rs_sink_counts counts;
};

/* A number for a name, as the database gives it. */
struct rs_ids {
    struct rs_strmap map;
    struct rs_arena *arena;
};

/* What is known of a source: as whom we read it. */
struct rs_work_source {
    const struct rs_profile *profile; /* NULL: this process does not read it */
    struct rs_reading reading;
};

struct rs_sink {
    struct rs_sink_options options;
    struct rs_pg *pg;           /* writes: one transaction at a time */
    struct rs_pg *asking;       /* reads for the next batch while one is written; numbers and blocks */
    struct rs_pg_params params; /* of whatever is no part of a batch */
    struct rs_work safe;        /* of rs_sink_apply */
    struct rs_work *tried;      /* the last transaction's, or NULL */
    struct rs_ids sources, topics;
    struct rs_work_source *source_of; /* by the source's number */
    uint32_t source_room;
    struct rs_strmap dictionary_by_source; /* -> index */
    struct rs_raw_dictionary dictionary[64];
    uint32_t dictionary_n;
    int64_t next_id, last_id;        /* of the current block */
    int64_t clock_us, clock_mono_us; /* PostgreSQL's clock, and ours when its answer came; 0: not asked yet */
    struct rs_numbers *numbers;

    struct rs_watch watch;

    /* whose history this is, rule D2 */
    bool proved;
    struct rs_key proof;
    int64_t system_id, timeline;
    uint32_t generation; /* of the table, that belongs to this history */
    int64_t epoch;       /* highest that was seen */

    /* sink_plan.c */
    struct rs_table_thread *table;
    struct rs_work plan[2];
    struct rs_work *under_way, *next; /* of `plan`, or NULL */
    enum rs_work_verdict verdict;     /* on the batch that was prepared last */
    struct rs_runner *runner;
    uint32_t missed, found; /* parcels that memory did not have, and those that had a row; decaying */
    uint32_t distrust;      /* how many batches take the safe path for a failed plan; doubles */
    uint32_t safe_for;      /* of those, how many are left */

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
/* The cluster, and the topics and numbers of our partitions, as parameters. */
void rs_sink_put_owned(struct rs_sink *sink);
/* Nothing of the partition may be written any more. */
void rs_sink_lose(struct rs_sink *sink, struct rs_partition *partition);
/* Those of the batch's partitions that are not where the batch starts, or not ours. */
int rs_sink_find_lost(struct rs_sink *sink, const struct rs_batch *batch, uint32_t *ret_lost, struct rs_diag *diag);
/* Ends the members' sessions that hang in a transaction. */
int rs_sink_end_hung(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_ids.c: numbers, blocks, dictionaries; each outside of a batch's transaction */
int rs_sink_source_id(struct rs_sink *sink, const struct rs_message *m, int32_t *ret, struct rs_diag *diag);
int rs_sink_topic_id(struct rs_sink *sink, struct rs_str name, int32_t *ret, struct rs_diag *diag);
int rs_sink_dictionary(struct rs_sink *sink, const struct rs_profile *profile, struct rs_diag *diag);
const struct rs_raw_dictionary *rs_sink_dictionary_of(const struct rs_sink *sink, const struct rs_profile *profile);
const struct rs_work_source *rs_sink_source_of(const struct rs_sink *sink, int32_t source);
int rs_sink_take_id(struct rs_sink *sink, int64_t *ret, struct rs_diag *diag);
void rs_sink_forget_ids(struct rs_sink *sink);
void rs_ids_remember(struct rs_ids *ids, struct rs_str name, uint32_t id); /* the name is copied */
void rs_ids_forget(struct rs_ids *ids);

/* ---- sink_words.c: what many events have in common; outside of a batch's transaction */
void rs_sink_open_numbers(struct rs_sink *sink);
void rs_sink_close_numbers(struct rs_sink *sink);
void rs_sink_forget_numbers(struct rs_sink *sink);
/* From here on rows that have no number yet are listed. */
void rs_work_want_numbers(struct rs_work *work);
/* Gives a row what numbers there are. */
void rs_work_number(struct rs_work *work, uint32_t event);
/* Makes those that were listed.  `ret_again`: all rows are to be numbered again,
 * because one cannot do without or many gain by it. */
int rs_work_make_numbers(struct rs_work *work, bool *ret_again, struct rs_diag *diag);

/* Writes down, once a day each, on which partitions a source told something new. */
int rs_sink_tell_origins(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink.c: one transaction */
void rs_work_init(struct rs_work *work, struct rs_sink *sink);
void rs_work_close(struct rs_work *work);
/* Starts an attempt with the messages [from, to) of the batch. */
void rs_work_open(struct rs_work *work, struct rs_pg *pg, struct rs_batch *batch, uint32_t from, uint32_t to);
/* The whole transaction of a work that is gathered; with `planned` set it is
 * decided and encoded too. */
int rs_work_run(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_plan.c: from memory */
int rs_sink_plan_open(struct rs_sink *sink, struct rs_diag *diag);
void rs_sink_plan_close(struct rs_sink *sink);
/* How the batch under way ended; nothing is under way any more. */
int rs_sink_plan_wait(struct rs_sink *sink, struct rs_diag *diag);

/* ---- sink_memory.c: between the table and a work */
/* What the table has of the parcels before their rows are read. */
void rs_work_note_bases(struct rs_work *work);
/* Decides by the table what it can. */
enum rs_work_verdict rs_work_decide_quickly(struct rs_work *work, const struct rs_work *under_way);
/* The plan came to nothing: what others were told of it is taken back. */
void rs_work_idle(struct rs_work *work);
/* One parcel that nothing is known of but what `quick` says; false: by its rows. */
bool rs_work_decide_quick(struct rs_work *work, struct rs_work_parcel *parcel);
/* A parcel that was decided by its rows, as the next plan and the table need it. */
void rs_work_sum_up(struct rs_work *work, struct rs_work_parcel *parcel);
/* Durable: into the table. */
void rs_work_merge(struct rs_work *work);
/* May be durable or not: out of the table. */
void rs_work_forget(struct rs_work *work);
/* The connection's history of the database is `same` as before, as far as this
 * sink knows: the table belongs to it from here on. */
void rs_sink_adopt(struct rs_sink *sink, bool same, int64_t epoch);

/* ---- sink_gather.c: which parcels */
int rs_work_gather(struct rs_work *work, struct rs_diag *diag);
/* Index of the parcel with this name, or UINT32_MAX. */
uint32_t rs_work_find(const struct rs_work *work, struct rs_table_key name);

/* ---- sink_parcels.c: their rows */
/* Finds the rows of the parcels that are neither there nor decided. */
int rs_work_find_rows(struct rs_work *work, struct rs_diag *diag);
int rs_work_take_ids(struct rs_work *work, struct rs_diag *diag);
/* Lists those without a row in the order in which they are inserted. */
void rs_work_list_fresh(struct rs_work *work);
int rs_work_parcels(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_load.c: what PostgreSQL knows of the parcels that are there and open */
int rs_work_lock_views(struct rs_work *work, struct rs_diag *diag);
int rs_work_load_views(struct rs_work *work, struct rs_diag *diag);
int rs_work_load_events(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_decide.c */
struct rs_reading rs_work_reading(const struct rs_message *m);
struct rs_view_order rs_work_order(const struct rs_work *work, uint32_t message, const struct rs_report *report);
void rs_work_add_facts(struct rs_work *work, uint32_t parcel, const struct rs_work_ref *ref);
void rs_work_add_link(struct rs_work *work, uint32_t parcel, const struct rs_work_ref *ref, const struct rs_link *link);
void rs_work_decide(struct rs_work *work, struct rs_work_parcel *parcel);
void rs_work_collect(struct rs_work *work);

/* ---- sink_events.c */
extern const char rs_sink_temporary[]; /* makes the session's temporary table */
/* Rows for rs_work_events, ahead of the transaction where it is planned. */
int rs_work_encode(struct rs_work *work, struct rs_diag *diag);
int rs_work_events(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_views.c */
int rs_work_put_views(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_stalls.c */
/* Rows that begin with a parcel's id: something of it is new. */
void rs_work_note_told(struct rs_work *work, const struct rs_pg_rows *rows);
int rs_work_put_proof(struct rs_work *work, struct rs_diag *diag);
/* Ends what is open of parcels that the batch has news of. */
int rs_work_settle_stalls(struct rs_work *work, struct rs_diag *diag);
void rs_sink_forget_watched(struct rs_sink *sink);

/* ---- sink_stages.c */
int rs_work_put_stages(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_rest.c: what lies behind the events, in the fixed order */
int rs_work_rest(struct rs_work *work, struct rs_diag *diag);

/* ---- sink_quarantine.c */
void rs_work_reject(struct rs_work *work, int64_t parcel_id, int32_t source, uint32_t message, struct rs_str reason,
                    struct rs_str path, struct rs_str raw);
int rs_work_quarantine(struct rs_work *work, struct rs_diag *diag);

static inline const struct rs_batch_message *rs_work_message(const struct rs_work *work, uint32_t i)
{
    return &work->batch->message[i];
}

static inline const struct rs_partition *rs_work_partition(const struct rs_work *work, uint32_t i)
{
    return work->batch->part[work->batch->message[i].part].partition;
}

#endif
