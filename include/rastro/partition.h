/* partition.h - a partition in a worker's hands.
 *
 * Offsets run: what lies before `durable` is in PostgreSQL, what lies between it
 * and `read` is in batches.  The worker's decode thread moves `read`, its
 * session thread everything else that changes, except that a claim, made while
 * nothing of the partition is under way, sets both.
 */
#ifndef RASTRO_PARTITION_H
#define RASTRO_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#include "rastro/atomic.h"
#include "rastro/hash.h"
#include "rastro/str.h"

#define RS_HALT_TEXT_MAX 400

/* What ends a halt: a message that PostgreSQL refuses (the reason starts with its
 * place, "at offset ...") can be tried again; what Kafka lost must be accepted. */
static inline const char *rs_halt_way_out(const char *halted)
{
    return strncmp(halted, "at offset", 9) ? "accept-gap" : "resume";
}

struct rs_partition {
    struct rs_str topic; /* lives as long as the worker */
    int32_t number;
    int16_t topic_id;     /* PostgreSQL's */
    struct rs_str source; /* named for the topic, or empty */

    int64_t term;    /* our claim */
    int64_t durable; /* PostgreSQL's next */
    int64_t start;   /* where it starts in a database that never saw it */

    /* Messages are accepted and may be written.  Set by the decode thread when
     * the partition is given to it; cleared by it on revocation, and by the
     * session thread when PostgreSQL says that it is not ours or must halt
     * (release: with `halted` before it; the decode thread's load acquires). */
    rs_atomic_bool owned;

    /* Everything that Kafka appended before `end_us` (monotonic) lies before `end`,
     * as the owner thread found it; -1: not known. */
    int64_t end, end_us;

    /* the last record applied, as PostgreSQL has it: checked at a claim */
    int64_t last_offset; /* -1: none */
    struct rs_key last_hash;
    bool verify; /* the next record delivered should be last_offset */

    char halted[RS_HALT_TEXT_MAX]; /* why nothing is read, or "" */

    /* The next offset to take from Kafka.  Moved with each message, so it lies
     * some cache lines behind what the session thread reads for each event. */
    int64_t read;
};

#endif
