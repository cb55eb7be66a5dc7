/* pipeline_private.h - the owner thread, the workers, and their letters. */
#ifndef RASTRO_APP_PIPELINE_PRIVATE_H
#define RASTRO_APP_PIPELINE_PRIVATE_H

#include <pthread.h>

#include "rastro/decode.h"
#include "rastro/detector.h"
#include "rastro/mailbox.h"
#include "rastro/pipeline.h"
#include "rastro/relay.h"

/* One is filled, one waits, one is decided, one is written. */
#define RS_WORKER_BATCHES 4

/* SIGTERM: write what is read for so long, then do not wait for servers, then
 * leave; together within 10 s. */
#define RS_STOP_PATIENCE_US (6 * RS_SECOND_US)
#define RS_STOP_HURRY_US (2500 * INT64_C(1000))

/* Letters; `what` is a slot, or a batch for BATCH and FREE, or as said. */
enum rs_letter_kind {
    /* owner -> reader */
    RS_LETTER_GIVE, /* take its messages from here on */
    RS_LETTER_TAKE, /* let it go: number 1 drops what is not yet handed on */
    /* writer -> reader */
    RS_LETTER_FREE, /* an empty batch */
    /* reader -> writer */
    RS_LETTER_BATCH,
    RS_LETTER_RELEASE, /* all of it lies before this letter */
    /* the sink's runner -> writer */
    RS_LETTER_WRITTEN, /* what is under way need not be waited for */
    /* owner -> writer */
    RS_LETTER_CLAIM,
    RS_LETTER_HALT, /* record why it stands still */
    RS_LETTER_ENDS, /* `what` are rs_ends, the writer's from now on */
    /* both -> owner */
    RS_LETTER_CLAIMED,  /* number: the error */
    RS_LETTER_GIVEN,    /* the reader knows it: messages may come */
    RS_LETTER_RELEASED, /* nothing of it is under way */
    RS_LETTER_FENCED,   /* PostgreSQL knows another owner, or another position */
    RS_LETTER_HALTED,   /* it must stand still; the reason is in the partition */
    RS_LETTER_GONE,     /* Kafka does not have our offset */
    RS_LETTER_AT_END,   /* durable up to the end that Kafka showed */
    /* owner -> either thread */
    RS_LETTER_STOP,
};

enum rs_slot_state {
    RS_SLOT_IDLE,      /* not ours */
    RS_SLOT_CLAIMING,  /* the writer asks PostgreSQL */
    RS_SLOT_STARTING,  /* the reader is told; a message before that would be lost */
    RS_SLOT_FETCHING,  /* messages come */
    RS_SLOT_RELEASING, /* letters are under way that speak of it */
    RS_SLOT_WAITING,   /* to be claimed at retry_us */
    RS_SLOT_HALTED,    /* ours, but it stands still; looked at again at retry_us */
};

/* A partition as the owner thread sees it; made once, never freed before the
 * end, so that letters and batches may point at it. */
struct rs_slot {
    struct rs_partition partition;
    struct rs_worker *worker; /* the same for ever, so that its letters stay in order */
    char *topic;
    enum rs_slot_state state;
    bool wanted;   /* the group gave it to us */
    bool fetching; /* librdkafka has it */
    bool at_end;
    bool halt_next;    /* after the release: record the halt */
    int64_t low, high; /* what Kafka had when it was last asked */
    int64_t retry_us;
    int64_t retry_pause_us;
    rs_atomic_u64 told; /* writer -> owner: durable, for lag tools */
};

/* Where partitions of a worker end; everything that was there at `asked_us` lies
 * before. */
struct rs_ends {
    int64_t asked_us; /* monotonic */
    int count;
    struct {
        struct rs_slot *slot;
        int64_t end; /* -1: not known */
    } of[];
};

struct rs_worker {
    struct rs_pipeline *pipeline;
    int number;
    struct rs_kafka_queue *queue;
    struct rs_decoder *decoder;
    struct rs_sink *sink;
    struct rs_mailbox *reader_box, *writer_box;
    struct rs_batch *batch[RS_WORKER_BATCHES];
    struct rs_batch *under_way; /* of the writer */
    pthread_t reader, writer;
    bool running;
    int64_t committed_us;     /* monotonic, of the last commit; read when the writer has ended */
    int slots;                /* how many were given to it */
    rs_atomic_u64 orphans;    /* writer -> owner: partitions of its topics that nobody owns */
    rs_atomic_bool ends_told; /* owner -> writer: the last ends are not yet read (the writer's release pairs with
                                 the owner's acquire) */
};

struct rs_pipeline {
    struct rs_pipeline_options options;
    struct rs_kafka *kafka;
    struct rs_memory *memory;
    char cluster[128];
    struct rs_key member;
    struct rs_worker *worker;
    struct rs_mailbox *box; /* of the owner thread */
    struct rs_slot **slot;
    int slot_count, slot_room;
    struct rs_counters counters;
    rs_atomic_bool stop;  /* asked to end */
    rs_atomic_bool hurry; /* and not to wait for servers any more */
    rs_atomic_bool ended; /* all worker threads are gone */
    bool revoking;        /* a revocation is to be answered */
    int64_t revoke_deadline_us;
    struct rs_detector_thread *detector;
    struct rs_relay *relay;       /* NULL: alerts are not published */
    int64_t relay_deadline_us;    /* when it must have ended; INT64_MAX: it takes the time that it needs */
    struct rs_kafka *visitor;     /* see pipeline_orphans.c */
    int64_t orphans_us, visit_us; /* since when there are some; when the visitor came, or goes again */
    int64_t visit_pause_us;
    int64_t tell_us, ask_ends_us; /* when it is time to */
    int64_t asked_ends_us;        /* when it was done last, or 0 */
    int64_t polled_us;            /* monotonic, of the first poll */
    bool fatal;
    bool assigned_once;
};

/* Asks Kafka where partitions end, and tells the workers: if it is time to, or
 * for the `last` time. */
void rs_pipeline_ask_ends(struct rs_pipeline *p, bool last);

/* Has partitions that nobody owns shared out again. */
void rs_pipeline_mind_orphans(struct rs_pipeline *p);
void rs_pipeline_send_visitor_away(struct rs_pipeline *p);

/* Its own thread, until the end; `drain`: what is due is looked at before. */
int rs_pipeline_start_detector(struct rs_pipeline *p, struct rs_diag *diag);
void rs_pipeline_end_detector(struct rs_pipeline *p, bool drain);
/* The relay, if alerts are published: asked to end at once or, with `flush`, when
 * all is told; awaited and given back. */
void rs_pipeline_start_relay(struct rs_pipeline *p);
void rs_pipeline_stop_relay(struct rs_pipeline *p, bool flush);
void rs_pipeline_end_relay(struct rs_pipeline *p);

int rs_worker_open(struct rs_worker *worker, struct rs_diag *diag);
void rs_worker_start(struct rs_worker *worker);
void rs_worker_join(struct rs_worker *worker);
void rs_worker_close(struct rs_worker *worker);

#endif
