/* relay.h - a thread that takes alerts from the outbox to Kafka, at least once.
 *
 * See src/app/relay.c for why nothing is lost and the order of a key is kept.
 */
#ifndef RASTRO_RELAY_H
#define RASTRO_RELAY_H

#include "rastro/counters.h"
#include "rastro/kafka.h"
#include "rastro/pg.h"

struct rs_relay_options {
    struct rs_kafka_options kafka; /* its group names the producer; kept by the caller, like all that is pointed at */
    struct rs_pg_options pg;
    const char *topic;
    const struct rs_clock *clock;
    struct rs_counters *counters;
};

struct rs_relay;

/* Neither server need be there. */
struct rs_relay *rs_relay_start(const struct rs_relay_options *options);

/* Asks it to end: at once, or with `flush` when the outbox is empty, somebody else
 * publishes, or a server is away.  To be asked again without ends a flush.  It
 * takes as long as one call that is under way: seconds, but for a PostgreSQL that
 * says nothing at all.  NULL is fine. */
void rs_relay_stop(struct rs_relay *relay, bool flush);

/* It has ended, or there is none: rs_relay_free will not wait. */
bool rs_relay_ended(const struct rs_relay *relay);

/* Waits for the end that was asked for. */
void rs_relay_free(struct rs_relay *relay); /* NULL is fine */

#endif
