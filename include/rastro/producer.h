/* producer.h - records to Kafka, all of a list or none.
 *
 * Whoever opens a producer with an id ends the right of all that opened one with
 * it before: their transactions fail with RS_E_FENCED from then on, and the one
 * that was under way is aborted.  For one thread.
 *
 * A producer that failed is good for closing only: whether its last transaction
 * came to be is not known, so publish again with the next, and expect repeats.
 */
#ifndef RASTRO_PRODUCER_H
#define RASTRO_PRODUCER_H

#include "rastro/kafka.h"

struct rs_producer_record {
    struct rs_str key, value;
};

struct rs_producer;

/* Of `kafka` brokers, properties and allow_plaintext count.  `content_type` is the
 * header of every record.  RS_E_SERVER when nobody answers in time. */
int rs_producer_open(const struct rs_kafka_options *kafka, const char *id, const char *content_type, int timeout_ms,
                     struct rs_producer **ret, struct rs_diag *diag);

/* One transaction, those of a key in this order; RS_OK when Kafka has acknowledged
 * its commit.  RS_E_FENCED: somebody opened the id anew.  RS_E_SERVER: anything
 * else, in at most timeout_ms. */
int rs_producer_publish(struct rs_producer *producer, const char *topic, const struct rs_producer_record *record,
                        int count, int timeout_ms, struct rs_diag *diag);

void rs_producer_close(struct rs_producer *producer); /* NULL is fine */

#endif
