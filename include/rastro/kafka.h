/* kafka.h - a member of a consumer group.
 *
 * The only folder that knows librdkafka is src/kafka.  One thread, the owner,
 * polls for changes of the assignment and answers them; each worker's decode
 * thread takes messages from its own queue.  Offsets are never resumed from
 * Kafka: whoever gives a partition says where it starts.
 *
 * librdkafka before 2.1 may skip messages when batches are taken while a seek
 * or a rebalance runs, so messages are taken one by one, which is checked
 * against the partition's version each time.
 */
#ifndef RASTRO_KAFKA_H
#define RASTRO_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "rastro/error.h"
#include "rastro/str.h"

struct rs_kafka_options {
    const char *brokers;
    const char *group;    /* NULL: no group, only questions (offsets, check) */
    const char *instance; /* static membership, or "" */
    const char *const *topic;
    int topic_count;
    const char *const *property; /* "name=value" */
    int property_count;
    int64_t queue_bytes; /* of a worker's queue */
    bool allow_plaintext;
};

struct rs_kafka;
struct rs_kafka_queue;

int rs_kafka_open(const struct rs_kafka_options *options, struct rs_kafka **ret, struct rs_diag *diag);

/* Leaves the group and gives everything back; queues first.  Where no broker
 * answers for a second, the client is left to the end of the process. */
void rs_kafka_close(struct rs_kafka *kafka); /* NULL is fine */

/* Asks the brokers; RS_E_SERVER when none answers in time. */
int rs_kafka_cluster_id(struct rs_kafka *kafka, int timeout_ms, char *ret, size_t room, struct rs_diag *diag);

/* How many partitions a topic has; RS_E_CONFIG when it does not exist. */
int rs_kafka_partitions(struct rs_kafka *kafka, const char *topic, int timeout_ms, int *ret, struct rs_diag *diag);

struct rs_kafka_partition {
    const char *topic;
    int32_t number;
    int64_t offset; /* for rs_kafka_assign: where to start */
};

/* A partition that is asked about, and what its broker says. */
struct rs_kafka_bounds {
    int32_t number;
    const char *trouble; /* why there is no answer, or NULL; it stays for ever */
    int64_t low;         /* the first offset that is there */
    int64_t high;        /* the one behind the last */
};

/* Partitions of one topic, all at once: two requests a broker, however many they
 * are.  RS_E_SERVER with the first trouble of one of them; those without have
 * their answer nevertheless. */
int rs_kafka_bounds(struct rs_kafka *kafka, const char *topic, struct rs_kafka_bounds *bounds, int count,
                    int timeout_ms, struct rs_diag *diag);

/* Sets each partition's offset to its end, in one call for all.  -1 where nobody
 * knows that all before it can be read: no broker answered, or messages of a
 * transaction lie behind it that is still open, as far as the last fetch told. */
int rs_kafka_ends(struct rs_kafka *kafka, struct rs_kafka_partition *partition, int count, int timeout_ms,
                  struct rs_diag *diag);

/* The first offset whose time is at or after `us`; the end when there is none. */
int rs_kafka_offset_at(struct rs_kafka *kafka, const char *topic, int32_t partition, int64_t us, int timeout_ms,
                       int64_t *ret, struct rs_diag *diag);

/* ---- the owner thread -------------------------------------------------------- */

enum rs_kafka_event_kind {
    RS_KAFKA_NOTHING,
    RS_KAFKA_ASSIGNED, /* answer with rs_kafka_assign, when ready */
    RS_KAFKA_REVOKED,  /* answer with rs_kafka_unassign, when let go */
    RS_KAFKA_LOST,     /* the same, but somebody else may have them already */
    RS_KAFKA_FAILED,   /* `text` says what; librdkafka goes on by itself */
    RS_KAFKA_FATAL,    /* it cannot go on */
};

#define RS_KAFKA_EVENT_PARTITIONS_MAX 4096

struct rs_kafka_event {
    enum rs_kafka_event_kind kind;
    struct rs_kafka_partition *partition; /* valid until the next poll */
    int count;
    char text[300];
};

/* Waits for at most timeout_ms. */
void rs_kafka_poll(struct rs_kafka *kafka, int timeout_ms, struct rs_kafka_event *ret);

/* Any thread: rs_kafka_poll returns at once, this time or, if nobody waits in
 * it, the next. */
void rs_kafka_wake_owner(struct rs_kafka *kafka);

/* Starts fetching; each partition's messages go to the queue that was set for
 * it.  Called with none, it only answers. */
int rs_kafka_assign(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count,
                    struct rs_diag *diag);
int rs_kafka_unassign(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count,
                      struct rs_diag *diag);

/* Tells the group how far we are, for lag tools; nobody resumes from it. */
void rs_kafka_tell(struct rs_kafka *kafka, const struct rs_kafka_partition *partition, int count);

/* ---- workers ------------------------------------------------------------------- */

struct rs_kafka_queue *rs_kafka_queue_new(struct rs_kafka *kafka);
void rs_kafka_queue_free(struct rs_kafka_queue *queue); /* NULL is fine */

/* Messages of the partition go to `queue` from the next assign on. */
int rs_kafka_route(struct rs_kafka *kafka, const char *topic, int32_t partition, struct rs_kafka_queue *queue,
                   struct rs_diag *diag);

enum rs_kafka_kind {
    RS_KAFKA_NONE,    /* nothing came in time */
    RS_KAFKA_MESSAGE, /* a record */
    RS_KAFKA_END,     /* everything before `offset` was delivered */
    RS_KAFKA_GONE,    /* our offset is not there any more, or not yet */
    RS_KAFKA_TROUBLE, /* librdkafka says something and goes on */
};

struct rs_kafka_message {
    enum rs_kafka_kind kind;
    const char *topic; /* NULL when it concerns no partition */
    int32_t partition;
    int64_t offset;
    int64_t time_us;      /* -1 when Kafka has none */
    struct rs_str value;  /* p NULL: a tombstone */
    struct rs_str source; /* of the header rastro-source, or empty */
    const char *text;     /* of GONE and TROUBLE */
    void *handle;
};

/* Takes one; hand it back with rs_kafka_done before the next. */
void rs_kafka_take(struct rs_kafka_queue *queue, int timeout_ms, struct rs_kafka_message *ret);
void rs_kafka_done(struct rs_kafka_message *message);

/* Wakes a thread that waits in rs_kafka_take. */
void rs_kafka_wake(struct rs_kafka_queue *queue);

#endif
